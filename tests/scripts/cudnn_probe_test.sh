#!/usr/bin/env bash
# shellcheck disable=SC2317  # run_tests calls the functions by name
#
# cudnn_probe_test.sh PROBE: walks a few sizes with cudnn_probe on whatever CUDA device there is. Exit 77 where there is none.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/scripts/check.sh"
probe=$1

"$probe" --quick >"$scratch/matrix.csv" 2>"$scratch/said"
status=$?
if grep -q -- '--device cuda' "$scratch/said"; then
    cat "$scratch/said"
    exit 77
fi

refused='3[0-9]{3},CUDNN_STATUS_NOT_SUPPORTED[A-Z_]*,cudnn[A-Za-z0-9_]+,'

# lines PATTERN: how many lines of the matrix match.
lines() { grep -cE "$1" "$scratch/matrix.csv"; }

test_nothing_fails() {
    expect_equal "$status" 0
    expect_contains "$(cat "$scratch/said")" " 0 failed"
}

# Of each cell: 4 algorithms, 2 types, 2 layouts, 2 kinds of lengths, directions, layers, 2 hidden sizes.
test_every_combination_has_its_line() {
    expect_equal "$(lines '^lstm,')" 256
    expect_equal "$(lines '^gru,')" 256
    expect_equal "$(sort "$scratch/matrix.csv" | cut -d, -f1-9 | uniq -d)" ""
}

test_standard_takes_everything() {
    expect_equal "$(lines '^lstm,standard,.*,0,CUDNN_STATUS_SUCCESS,,$')" 64
    expect_equal "$(lines '^gru,standard,.*,0,CUDNN_STATUS_SUCCESS,,$')" 64
}

# The engine counts on these: it asks persistent algorithms for nothing else.
test_persistent_algorithms_take_segments() {
    expect_equal "$(lines '^lstm,persist_[a-z_]*,f32,unpacked,equal,[12],[12],8,2,0,')" 12
    expect_equal "$(lines '^gru,persist_[a-z_]*,f32,unpacked,equal,[12],[12],8,2,0,')" 12
}

# Of each cell, in f64 two of the three persistent algorithms, in f32 any on sequences of different lengths, and small_h backward beyond
# 128 units.
test_persistent_algorithms_refuse_the_rest() {
    local cell
    for cell in lstm gru; do
        expect_equal "$(lines "^$cell,persist_static(_small_h)?,f64,.*,$refused")" 64
        expect_equal "$(lines "^$cell,persist_[a-z_]*,f32,[a-z]*,ragged,.*,$refused")" 48
        expect_equal "$(lines "^$cell,persist_static_small_h,f32,unpacked,equal,[12],[12],136,2,$refused")" 4
    done
}

# cuDNN 9.19 takes f64 by persist_dynamic, and packed batches of equal lengths: the virtual one is stricter.
test_the_virtual_cudnn_refuses_more() {
    grep -q '(vgpu)' "$scratch/said" || return 0
    expect_contains "$(cat "$scratch/said")" "168 taken, 344 refused"
    expect_equal "$(lines "^(lstm|gru),persist_dynamic,f64,.*,$refused")" 64
    expect_equal "$(lines "^(lstm|gru),persist_[a-z_]*,f32,packed,equal,.*,$refused")" 48
}

test_refusals_name_call_and_status() {
    expect_equal "$(lines ",$refused")" "$(lines ',[1-9][0-9]*,CUDNN_STATUS_')"
}

test_wrong_argument() {
    expect_exit 2 "$probe" --fast
    expect_contains "$output" "usage: cudnn_probe"
}

run_tests
