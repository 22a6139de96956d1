#!/usr/bin/env bash
# shellcheck disable=SC2317  # run_tests calls the functions by name
#
#     gpu_report_test.sh BUILD
#
# Walks bench/gpu_report.sh on the virtual GPU in the folder SLUICE_VGPU, and without any.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/scripts/check.sh"
report=$root/bench/gpu_report.sh
build=$1

test_rehearsal() {
    local name
    mkdir -p "$here/corpora/20ng"
    printf '{"label": "%s", "text": "one two three"}\n' a b a b a b a b | gzip >"$here/corpora/20ng/train.jsonl.gz"
    expect_exit 0 env SLUICE_CORPORA="$here/corpora" "$report" --rehearse --build "$build" --out "$here/out"
    expect_contains "$output" "0 failed"
    expect_contains "$(<"$here/out/README.md")" "every timing here is meaningless"
    expect_contains "$(<"$here/out/tests.txt")" "100% tests passed"
    for name in kernels_f32 kernels_bf16 lstm_layer_f32 lstm_layer_f16_ragged gru_layer_bf16_ragged end_to_end_bf16; do
        expect_contains "$(<"$here/out/$name.txt")" "a rehearsal: its timings mean nothing"
        expect_contains "$(<"$here/out/$name.csv")" "a rehearsal: its timings mean nothing"
        expect_contains "$(<"$here/out/$name.json")" "a rehearsal: its timings mean nothing"
    done
    expect_contains "$(<"$here/out/kernels_f32.csv")" "kernels,adam f32,cuda,0,"
    for name in step persistent "cudnn standard" "cudnn persist_dynamic"; do
        expect_contains "$(<"$here/out/lstm_layer_f32.csv")" "forward+backward,cuda:$name replayed,"
    done
    expect_contains "$(<"$here/out/end_to_end_f32.csv")" "cuda:step replayed,"
    expect_contains "$(<"$here/out/end_to_end_f32.csv")" "cuda:persistent eager,"
    expect_contains "$(<"$here/out/cudnn_probe.csv")" "lstm,persist_dynamic,"
}

test_failing_part_is_named() {
    mkdir -p "$here/build/bench"
    printf '#!/bin/sh\nexit 3\n' >"$here/build/bench/sluice_bench"
    chmod +x "$here/build/bench/sluice_bench"
    expect_exit 1 env -u SLUICE_CORPORA "$report" --rehearse --build "$here/build" --out "$here/out"
    expect_contains "$(<"$here/out/README.md")" "kernels_f32: failed (exit 3)"
    expect_contains "$(<"$here/out/README.md")" "end_to_end: left out, SLUICE_CORPORA"
}

test_no_gpu() {
    mkdir "$here/bin"
    printf '#!/bin/sh\nexit 9\n' >"$here/bin/nvidia-smi"
    chmod +x "$here/bin/nvidia-smi"
    expect_exit 0 env PATH="$here/bin:$PATH" "$report" --build "$build" --out "$here/out"
    expect_contains "$output" "no NVIDIA GPU here"
    expect_contains "$output" "kernels for"
    [ ! -e "$here/out" ] || fail "a report was written"
}

test_usage() {
    expect_exit 0 "$report" --help
    expect_contains "$output" "gpu_report.sh"
    expect_exit 2 "$report" --no-such-option
    expect_exit 2 "$report" --out
    expect_exit 2 env -u SLUICE_VGPU "$report" --rehearse --build "$build"
    expect_contains "$output" "set SLUICE_VGPU"
}

run_tests
