#!/usr/bin/env bash
# Everything that this repository can find out on an NVIDIA GPU, in under ten minutes: builds, runs the tests labelled gpu and
# compute-sanitizer on some of them, times layers by every path and training steps beside PyTorch, and every kernel, and asks cuDNN
# what it takes.
#
#     bench/gpu_report.sh [--python PYTHON] [--out FOLDER] [--build BUILD] [--seconds N] [--rehearse]
#
#     --python PYTHON   an interpreter whose PyTorch sees the GPU (default: python3, where it has one)
#     --out FOLDER      where the report goes (default: bench/results/<gpu>-<date>)
#     --build BUILD     a build folder of the preset cuda that is up to date; it is used as it is
#     --seconds N       what does not fit into them is left out (default: 580)
#     --rehearse        on the virtual GPU in the folder SLUICE_VGPU, with small shapes: shows that the report can be made;
#                       its timings mean nothing
#
# Training steps need 20ng/train.jsonl.gz in the folder SLUICE_CORPORA.
#
# Without a GPU it says so, does what needs none (the kernels' registers, from BUILD or compiled here) and exits 0.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/host/scripts/common.sh"
cd "$root"

python=python3 out='' build='' seconds=580 rehearse='' failures=0
parts=()

gpu_name() { nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -n 1; }
sanitizer() { command -v compute-sanitizer || { [ -x /usr/local/cuda/bin/compute-sanitizer ] && say /usr/local/cuda/bin/compute-sanitizer; }; }
python_sees_gpu() { [ -z "$rehearse" ] && "$python" -c 'import torch, sys; sys.exit(not torch.cuda.is_available())' 2>/dev/null; }

# part NAME SECONDS COMMAND...: its output is NAME.txt of the report; neither a failure nor running out of time ends the report.
part() {
    local name=$1 most=$2 status=0 start=$SECONDS left=$((seconds - SECONDS))
    shift 2
    [ "$most" -le "$left" ] || most=$left
    if [ "$most" -lt 5 ]; then
        parts+=("$name: left out, the $seconds s are over")
        return
    fi
    timeout "$most" "$@" >"$out/$name.txt" 2>&1 || status=$?
    local result="done"
    [ "$status" -eq 0 ] || { result="failed (exit $status)"; failures=$((failures + 1)); }
    [ "$status" -ne 124 ] || result="cut off"
    parts+=("$name: $result, $((SECONDS - start)) s: $*")
    say "${parts[-1]}"
}

build_all() {
    local capability
    capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | head -n 1)
    build=build/gpu
    cmake --preset cuda -B "$build" -DCMAKE_CUDA_ARCHITECTURES="${capability/./}-real" -DSLUICE_VGPU=
    cmake --build "$build" --target cuda_tests
}

# What needs no GPU: ptxas' figures of the kernels.
without_gpu() {
    say "no NVIDIA GPU here (nvidia-smi shows none): no test was run on one and nothing was timed"
    if [ -n "$build" ]; then
        bench/tables/registers.pl check "$build"
    elif command -v nvcc >/dev/null || [ -x /usr/local/cuda/bin/nvcc ]; then
        tests/run.sh --all-targets
    else
        say "no nvcc either: the kernels were not compiled"
    fi
}

# Small tests of every family.
run_sanitizer() {
    local tool
    for tool in memcheck racecheck; do
        "$1" --tool "$tool" --error-exitcode 1 "$build/tests/backends/gpu_backends_test" --gtest_filter='*Rows.*:*Pool.*:*LossTest.*'
    done
}

write_readme() {
    local what=$1 part
    {
        say "# $what, $(date -u +%Y-%m-%d)"
        say
        [ -z "$rehearse" ] || say "**A rehearsal on a virtual GPU: every timing here is meaningless.**"
        say "Commit $(git rev-parse --short HEAD 2>/dev/null || say unknown); made by \`bench/gpu_report.sh\`. Each part's output is its .txt; timings are also in"
        say "the .csv and .json beside it: what is timed and how, bench/README.md says."
        [ -n "$rehearse" ] || nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,power.limit --format=csv
        say
        for part in "${parts[@]}"; do say "- $part"; done
    } >"$out/README.md"
}

# timed NAME SECONDS OPTION...: a part by sluice_bench, which writes NAME.csv and NAME.json after each of its cases: a part that is
# cut off keeps what it has.
timed() {
    local name=$1 most=$2 options=(--device cuda --repetitions 5 --warmup 1)
    shift 2
    [ -z "$rehearse" ] || options=(--device cuda --rehearse --repetitions 1 --warmup 0)
    part "$name" "$most" "$build/bench/sluice_bench" "${options[@]}" "$@" --out "$out/$name"
}

run_tests() {
    if [ -n "$rehearse" ]; then
        part tests 120 env GTEST_FILTER="*gather_copies_rows*" ctest --test-dir "$build" -L gpu -R gpu_backends_test --output-on-failure
    else
        part tests 200 ctest --test-dir "$build" -j"$(nproc)" -L gpu --output-on-failure
        part lstm_study 30 "$build/bench/study/lstm/lstm_study" time 512 64 512
    fi
}

# What cuDNN compiles for each number of sequences has no place among ragged ones: there its algorithm is `standard` alone.
time_layers() {
    local type ragged=(--lengths uniform:20:300 --cudnn standard)
    [ -n "$rehearse" ] || ragged+=(--shape 256:64:2)
    for type in f32 bf16 f16; do
        timed "lstm_layer_$type" 45 lstm_layer --type "$type" "$@"
        timed "lstm_layer_${type}_ragged" 30 lstm_layer --type "$type" "${ragged[@]}" "$@"
    done
    timed gru_layer_bf16 45 gru_layer --type bf16 "$@"
    timed gru_layer_bf16_ragged 30 gru_layer --type bf16 "${ragged[@]}" "$@"
}

time_training() {
    local type data=${SLUICE_CORPORA-}/20ng/train.jsonl.gz
    if [ ! -r "$data" ]; then
        parts+=("end_to_end: left out, SLUICE_CORPORA names no folder with 20ng/train.jsonl.gz")
        return
    fi
    for type in f32 bf16; do timed "end_to_end_$type" 40 end_to_end --type "$type" --data "$data" "$@"; done
}

probe_cudnn() {
    local probe=$build/bench/cudnn_probe/cudnn_probe
    if [ -x "$probe" ]; then
        part cudnn_probe 40 bash -c "'$probe' --quick >'$out/cudnn_probe.csv'"
    else
        parts+=("cudnn_probe: left out, it is not built")
    fi
}

sanitize() {
    [ -z "$rehearse" ] || return 0
    if sanitizer >/dev/null; then
        part sanitizer 60 bash -c "$(declare -f run_sanitizer); build='$build'; run_sanitizer '$(sanitizer)'"
    else
        parts+=("sanitizer: left out, compute-sanitizer is not installed")
    fi
}

# What is asked for most comes first: the time may be over before the end.
report() {
    local gpu=$1 name type rivals=()
    name=$(tr -cs '[:alnum:]' - <<<"${gpu,,}")
    out=${out:-bench/results/${name%-}-$(date -u +%Y-%m-%d)}
    mkdir -p "$out"
    [ -n "$build" ] || { step "$out/build.txt" "Building" build_all; build=build/gpu; }
    if python_sees_gpu; then rivals+=(--python "$python"); else parts+=("PyTorch: left out, $python has none that sees a GPU"); fi
    run_tests
    time_layers "${rivals[@]}"
    time_training "${rivals[@]}"
    for type in f32 bf16; do timed "kernels_$type" 45 kernels --type "$type"; done
    probe_cudnn
    sanitize
    write_readme "$gpu"
    say "$out: ${#parts[@]} parts in $SECONDS s, $failures failed"
    [ "$failures" -eq 0 ]
}

main() {
    while [ $# -gt 0 ]; do
        case $1 in
            -h | --help) sed -n '2,17s/^# \{0,1\}//p' "$0"; exit 0 ;;
            --python | --out | --build | --seconds)
                [ $# -ge 2 ] || usage_error "$1 needs a value"
                printf -v "${1#--}" %s "$2"
                shift
                ;;
            --rehearse) rehearse=yes ;;
            *) usage_error "unknown option '$1'" ;;
        esac
        shift
    done
    [[ $seconds =~ ^[1-9][0-9]*$ ]] || usage_error "--seconds needs a number of seconds"
    local gpu
    if [ -n "$rehearse" ]; then
        [ -n "${SLUICE_VGPU-}" ] || usage_error "--rehearse needs a virtual GPU: set SLUICE_VGPU to its folder"
        [ -n "$build" ] || usage_error "--rehearse needs --build"
        export LD_LIBRARY_PATH=$SLUICE_VGPU/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
        report "virtual GPU"
    elif gpu=$(gpu_name) && [ -n "$gpu" ]; then
        report "$gpu"
    else
        without_gpu
    fi
}

main "$@"
