#!/usr/bin/env bash
# shellcheck disable=SC2317  # run_tests calls the functions by name
#
#     registers_test.sh BUILD NVCC
#
# Plants worse, missing and stale lines in a table of BUILD's kernels and sees bench/tables/registers.pl name them.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/scripts/check.sh"
registers=$root/bench/tables/registers.pl
build=$1
nvcc=$2

# A table of the build as it is, and the line of one kernel in it.
sound_table() {
    "$registers" write "$build" "$here/table" >/dev/null
    line=$(grep -m 1 '^batch_norm/moments_of_chunks<float>' "$here/table")
    IFS=$'\t' read -r kernel target threads used shared local occupancy <<<"$line"
}

# plant LINE: the kernel's line becomes this one (none: it goes); the check must fail.
plant() {
    grep -vF "$line" "$here/table" >"$here/planted"
    [ -z "$1" ] || printf '%s\n' "$1" >>"$here/planted"
    expect_exit 1 "$registers" check "$build" "$here/planted"
    expect_contains "$output" "renew it: tests/run.sh --all-targets"
}

row() {
    local IFS=$'\t'
    printf '%s' "$*"
}

test_own_table_passes() {
    sound_table
    expect_exit 0 "$registers" check "$build" "$here/table"
    expect_equal "$threads" 256
    if [ "$used" -le 8 ] || [ "$shared" -eq 0 ]; then fail "unlikely figures: $line"; fi
}
test_more_registers() {
    sound_table
    plant "$(row "$kernel" "$target" "$threads" $((used - 1)) "$shared" "$local" "$occupancy")"
    expect_contains "$output" "$kernel $target: registers $used, was $((used - 1))"
}
test_more_shared_memory() {
    sound_table
    plant "$(row "$kernel" "$target" "$threads" "$used" $((shared - 4)) "$local" "$occupancy")"
    expect_contains "$output" "shared $shared, was $((shared - 4))"
}
test_less_occupancy() {
    sound_table
    plant "$(row "$kernel" "$target" "$threads" "$used" "$shared" "$local" $((occupancy + 1)))"
    expect_contains "$output" "occupancy $occupancy%, was $((occupancy + 1))%"
}
test_no_line() {
    sound_table
    plant ""
    expect_contains "$output" "$kernel $target: has no line"
}
test_stale_line() {
    sound_table
    printf '%s\n' "$(row gone/kernel "$target" 1 1 0 0 100)" >>"$here/table"
    expect_exit 1 "$registers" check "$build" "$here/table"
    expect_contains "$output" "gone/kernel $target: has a line but is not compiled"
}
test_fewer_registers_pass() {
    sound_table
    { grep -vF "$line" "$here/table"; row "$kernel" "$target" "$threads" $((used + 1)) "$shared" "$local" "$occupancy"; } >"$here/planted"
    expect_exit 0 "$registers" check "$build" "$here/planted"
    expect_contains "$output" "1 lines are better"
}
test_another_nvcc_is_not_compared() {
    sound_table
    sed -i 's/^# nvcc .*/# nvcc 1.0/' "$here/table"
    expect_exit 0 "$registers" check "$build" "$here/table"
    expect_contains "$output" "is not compared"
}

# An array that is indexed lies in local memory, as a spilled register does.
test_recurrence_may_not_spill() {
    local family=$here/build/kernels/CMakeFiles/sluice_kernels.dir/recurrence_x
    mkdir -p "$family"
    cat >"$here/x.cu" <<'END'
__global__ void spilled(float* x, int k) {
  float a[64];
  for (int i = 0; i < 64; ++i) a[i] = x[i];
  for (int i = 0; i < k; ++i) a[(i * 7 + k) % 64] += a[i % 64];
  x[0] = a[k % 64];
}
END
    expect_exit 0 "$nvcc" -std=c++17 -arch=sm_90 -c "$here/x.cu" -o "$family/x.cu.o"
    "$registers" write "$here/build" "$here/table" >/dev/null
    expect_exit 1 "$registers" check "$here/build" "$here/table"
    expect_contains "$output" "recurrence_x/spilled sm_90: 256 bytes of local memory; a recurrence's kernels may not spill"
}

test_no_build() {
    expect_exit 2 "$registers" check "$here"
    expect_contains "$output" "holds no compiled kernels"
}

run_tests
