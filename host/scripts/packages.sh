# The packages that Sluice needs, by purpose: the one place that host/quickstart.sh, tests/run.sh, .ci/run and the Dockerfile read.
# Debian 12's names. Ubuntu 24.04 (not run here) has every one of them under the same name, with oneDNN 3 as libdnnl-dev.
# shellcheck shell=bash disable=SC2034

# To build the program `sluice`.
build_packages=(
    g++ cmake ninja-build pkg-config
    libcli11-dev libtomlplusplus-dev nlohmann-json3-dev libsimdjson-dev libfmt-dev
    libicu-dev libstemmer-dev libarchive-dev zlib1g-dev libxxhash-dev libdnnl-dev
)

# To build and run the tests and the benchmarks besides.
test_packages=(libgtest-dev libgmock-dev libbenchmark-dev librapidcheck-dev)

# For `tests/run.sh --onednn3`: oneDNN 3 comes from the Python index.
python_packages=(python3 python3-venv)

# For the preset asan (`tests/run.sh --sanitizers` and `--fuzz`): clang, libFuzzer and the sanitizers' runtime.
clang_packages=(clang libclang-rt-dev)

# For .ci/run: formatting and linting. Versions are named, since another one formats differently.
lint_packages=(git clang-format-14 clang-tidy-14 shellcheck)
