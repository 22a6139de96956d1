#!/usr/bin/env bash
# Installs what the tests need besides the program, builds, runs every test and ends with ctest's summary.
#
#     tests/run.sh                  the whole suite, in build/release
#     tests/run.sh --onednn3        the whole suite against oneDNN 3 from the Python index, in build/onednn3
#     tests/run.sh --sanitizers     the quick tests with AddressSanitizer + UBSan, then with ThreadSanitizer
#     tests/run.sh --fuzz SECONDS   every fuzz target, for so many seconds in all
#
# Options may be combined; each names what runs in place of the plain suite. Tests on real corpora run where SLUICE_CORPORA
# names their folder and are skipped elsewhere.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/host/scripts/common.sh"
. "$root/host/scripts/packages.sh"
cd "$root"

install() { install_packages "$root/build/logs/packages.log" "$@"; }

# build PRESET OPTION...: configures and builds a preset of CMakePresets.json; the compiler's words are shown.
build() {
    local preset=$1
    shift
    cmake --preset "$preset" "$@"
    cmake --build "build/${build_dir:-$preset}"
}

run_suite() {
    install "${build_packages[@]}" "${test_packages[@]}"
    build release
    ctest --test-dir build/release -j2 --output-on-failure
}

# oneDNN 3.2 as the Python index has it, library and headers, in an environment of its own.
run_onednn3() {
    local venv=$root/build/onednn3-venv
    install "${build_packages[@]}" "${test_packages[@]}" "${onednn3_packages[@]}"
    [ -x "$venv/bin/pip" ] || python3 -m venv "$venv"
    "$venv/bin/pip" install -q onednn-cpu-gomp==2023.2.0 onednn-devel-cpu-gomp==2023.2.0
    build_dir=onednn3 build release -B build/onednn3 -DSLUICE_ONEDNN_ROOT="$venv"
    ctest --test-dir build/onednn3 -j2 --output-on-failure
}

run_sanitizers() {
    install "${build_packages[@]}" "${test_packages[@]}"
    local preset
    for preset in asan tsan; do
        build "$preset"
        ctest --test-dir "build/$preset" -j2 -L quick --output-on-failure
    done
}

# run_fuzz SECONDS: shares the time among the targets; what a target finds is left in build/fuzz/findings.
run_fuzz() {
    local targets target
    install "${build_packages[@]}" "${test_packages[@]}" "${fuzz_packages[@]}"
    build fuzz
    mapfile -t targets < <(find build/fuzz -type f -perm -u+x -name 'fuzz_*' | sort)
    [ ${#targets[@]} -gt 0 ] || die "the preset fuzz built no program named fuzz_*"
    for target in "${targets[@]}"; do
        fuzz_one "$target" $((($1 + ${#targets[@]} - 1) / ${#targets[@]}))
    done
}

# fuzz_one PROGRAM SECONDS: starts from the seeds in tests/fuzz/seeds/NAME where there are some.
fuzz_one() {
    local name=${1##*/} corpus=build/fuzz/corpus/${1##*/} seeds=()
    mkdir -p "$corpus" build/fuzz/findings
    [ ! -d "tests/fuzz/seeds/$name" ] || seeds=("tests/fuzz/seeds/$name")
    say "== $name, $2 s"
    "$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -print_final_stats=0 -verbosity=0 \
        -artifact_prefix="build/fuzz/findings/$name-" "$corpus" "${seeds[@]}" ||
        die "$name found a failing input: build/fuzz/findings/$name-*; run $1 on that file to see it"
}

main() {
    local jobs=()
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
            --onednn3) jobs+=(run_onednn3) ;;
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
