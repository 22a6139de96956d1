#!/usr/bin/env bash
# Installs what the tests need besides the program, builds, runs every test and ends with ctest's summary.
#
#     tests/run.sh                  the whole suite, in build/release; in build/cuda, with the tests labelled gpu, where SLUICE_VGPU
#                                   names the folder of a virtual GPU and there is an nvcc
#     tests/run.sh --onednn3        the whole suite against oneDNN 3 from the Python index, in build/onednn3
#     tests/run.sh --cuda           the tests that need CUDA, in build/cuda: on a GPU, or on the virtual one
#     tests/run.sh --checks [all]   quick tests labelled gpu, or all that have no checks of their own, on the virtual GPU with its
#                                   race and memory checks, in three random orders
#     tests/run.sh --all-targets    compiles every kernel for sm_80, sm_90a, sm_100a and sm_120, in build/targets, and compares
#                                   registers and spills with bench/tables/registers.txt, the persistent kernels' loops with sass.txt
#     tests/run.sh --sanitizers     the quick tests with AddressSanitizer + UBSan, then those that run threads with ThreadSanitizer
#     tests/run.sh --fuzz SECONDS   every fuzz target, two at a time, for so many seconds in all
#
# Options may be combined; each names what runs in place of the plain suite. Tests on real corpora run where SLUICE_CORPORA
# names their folder and are skipped elsewhere.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/host/scripts/common.sh"
. "$root/host/scripts/packages.sh"
cd "$root"

install() { install_packages "$root/build/logs/packages.log" "$@"; }

# build PRESET OPTION...: configures and builds a preset of CMakePresets.json (only what $target names, where set); the compiler's words are shown.
build() {
    local preset=$1
    shift
    cmake --preset "$preset" "$@"
    # shellcheck disable=SC2086  # several targets are several words
    cmake --build "build/${build_dir:-$preset}" --target ${target:-all}
}

nvcc() { command -v nvcc || { [ -x /usr/local/cuda/bin/nvcc ] && say /usr/local/cuda/bin/nvcc; }; }

# build_cuda OPTION...: the preset cuda with the nvcc of this machine. For a virtual GPU machine code, which the tables are about,
# and the PTX that it executes are of one architecture: compiled once.
build_cuda() {
    local compiler architectures=()
    compiler=$(nvcc) || die "there is no nvcc; install the CUDA toolkit (13.0) or put its bin folder into PATH"
    [ -z "${SLUICE_VGPU-}" ] || architectures=(-DCMAKE_CUDA_ARCHITECTURES=90a)
    build cuda -DCMAKE_CUDA_COMPILER="$compiler" -DSLUICE_VGPU="${SLUICE_VGPU-}" "${architectures[@]}" "$@"
}

run_suite() {
    local folder=build/release
    install "${build_packages[@]}" "${test_packages[@]}"
    if [ -n "${SLUICE_VGPU-}" ] && [ -n "$(nvcc)" ]; then
        folder=build/cuda
        build_cuda
    else
        build release
    fi
    ctest --test-dir "$folder" -j2 --output-on-failure
}

# oneDNN 3.2 as the Python index has it, library and headers, in an environment of its own.
run_onednn3() {
    local venv=$root/build/onednn3-venv
    install "${build_packages[@]}" "${test_packages[@]}" "${python_packages[@]}"
    [ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
    "$venv/bin/pip" install -q onednn-cpu-gomp==2023.2.0 onednn-devel-cpu-gomp==2023.2.0
    build_dir=onednn3 build release -B build/onednn3 -DSLUICE_ONEDNN_ROOT="$venv"
    ctest --test-dir build/onednn3 -j2 --output-on-failure
}

# Whatever CUDA device there is; without one the tests are skipped and say so.
run_cuda() {
    install "${build_packages[@]}" "${test_packages[@]}"
    target=cuda_tests build_cuda
    ctest --test-dir build/cuda -j2 -L 'gpu|cuda' --output-on-failure
}

# The virtual GPU's own checks, each under another order of warps and blocks: data races, shared memory read before it is
# written. A report on stderr that does not end the program fails the test as well.
gpu_checks=("VGPU_SEED=1 VGPU_RACE=1" "VGPU_SEED=2 VGPU_RACE=2 VGPU_INIT=1" "VGPU_SEED=3")
quick_gpu_tests='*oracle*:*segment_sum*:*scatter_add*:*follows_the_cpu/Plain*:*follows_the_cpu/EverythingPadded*'
slow_gpu_tests='*every_size*:*many_sequences*:*long_sequences*'
# Not among all: what runs under checks of its own, and a cluster's block that waited in vain, which multiplies what is there and
# drops it.
not_checked='Mutants|without_races|weak_memory|in_vain.*/cluster'

# run_checks quick|all
run_checks() {
    local check tests=() filter='*'
    if [ "$1" = quick ]; then
        tests=(-R '^gpu_(backends|rnn|train)_test[.]')
        filter="$quick_gpu_tests-$slow_gpu_tests"
    fi
    [ -n "${SLUICE_VGPU-}" ] || die "--checks needs a virtual GPU: set SLUICE_VGPU to its folder"
    install "${build_packages[@]}" "${test_packages[@]}"
    target=cuda_tests build_cuda
    for check in "${gpu_checks[@]}"; do
        say "$check"
        # shellcheck disable=SC2086  # several variables
        env $check GTEST_FILTER="$filter" ctest --test-dir build/cuda -j2 -L gpu -E "$not_checked" "${tests[@]}" --output-on-failure
    done
}

run_all_targets() {
    install "${build_packages[@]}"
    build_dir=targets target="sluice_kernels sluice_cuda" build_cuda -B build/targets -DSLUICE_TESTS=OFF -DSLUICE_BENCH=OFF \
        -DCMAKE_CUDA_ARCHITECTURES='80-real;90a-real;100a-real;120-real'
    bench/tables/registers.pl check build/targets
    find_nvdisasm
    bench/tables/sass.pl check build/targets
}

# Sets NVDISASM: the toolkit's, or the Python index's, in an environment of its own.
find_nvdisasm() {
    local venv=$root/build/nvdisasm-venv beside
    beside=$(dirname "$(nvcc)")/nvdisasm
    NVDISASM=$(command -v nvdisasm || { [ -x "$beside" ] && say "$beside"; }) || {
        install "${python_packages[@]}"
        [ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
        "$venv/bin/pip" install -q nvidia-cuda-nvdisasm
        NVDISASM=$(find "$venv" -name nvdisasm -type f -print -quit)
    }
    export NVDISASM
}

# The programs whose tests run threads of ours, which share the work of every type alike.
threaded_tests="cpu_test backends_test rnn_test data_test engine_test train_test"
# Mistakes of the oracle: nothing new for a sanitizer to see.
oracle_tests='RnnMutation*'

run_sanitizers() {
    install "${build_packages[@]}" "${test_packages[@]}" "${clang_packages[@]}"
    build asan
    GTEST_FILTER="-$oracle_tests" ctest --test-dir build/asan -j2 -L quick --output-on-failure
    target=$threaded_tests build tsan
    GTEST_FILTER="-$oracle_tests:*f64*" ctest --test-dir build/tsan -j2 -R "^(${threaded_tests// /|})[.]" --output-on-failure
}

# run_fuzz SECONDS: two targets at a time share the time; what a target finds it writes to a file that its output names.
run_fuzz() {
    local targets each
    install "${build_packages[@]}" "${test_packages[@]}" "${clang_packages[@]}"
    target=fuzz_targets build asan
    targets=$(ctest --test-dir build/asan -N -L fuzz | sed -n 's/^Total Tests: //p')
    [ "${targets:-0}" -gt 0 ] || die "the preset asan has no test labelled fuzz; see tests/fuzz/CMakeLists.txt"
    each=$(((2 * $1 + targets - 1) / targets))
    cmake -B build/asan -DSLUICE_FUZZ_SECONDS="$each" >/dev/null
    ctest --test-dir build/asan -j2 -L fuzz --output-on-failure
}

main() {
    local jobs=()
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) sed -n '2,16s/^# \{0,1\}//p' "$0"; exit 0 ;;
            --onednn3) jobs+=(run_onednn3) ;;
            --cuda) jobs+=(run_cuda) ;;
            --checks)
                if [ "${2-}" = all ]; then
                    jobs+=("run_checks all")
                    shift
                else
                    jobs+=("run_checks quick")
                fi
                ;;
            --all-targets) jobs+=(run_all_targets) ;;
            --sanitizers) jobs+=(run_sanitizers) ;;
            --fuzz)
                [[ ${2-} =~ ^[1-9][0-9]*$ ]] || usage_error "--fuzz needs a number of seconds"
                jobs+=("run_fuzz $2")
                shift
                ;;
            *) usage_error "unknown option '$1'" ;;
        esac
        shift
    done
    [ ${#jobs[@]} -gt 0 ] || jobs=(run_suite)
    local job
    for job in "${jobs[@]}"; do $job; done
}

main "$@"
