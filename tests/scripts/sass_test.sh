#!/usr/bin/env bash
# shellcheck disable=SC2317  # run_tests calls the functions by name
#
#     sass_test.sh BUILD
#
# Shows bench/tables/sass.pl machine code with faults in the loop over time, in place of what nvdisasm says of BUILD's kernels.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/scripts/check.sh"
sass=$root/bench/tables/sass.pl
build=$1

# disassembly INSTRUCTION...: one kernel with 1,000 products and these instructions in its longest loop, each from line 1 of a source
# that reads R; a load of R and local memory lie before it.
disassembly() {
    mkdir -p "$here/recurrence_persistent"
    printf 'x = d.R(q, k);\ny = 0;\n' >"$here/recurrence_persistent/forward.cu"
    {
        printf '#!/bin/sh\ncat <<END\n.text._Z6kernelIfLi16EEvv:\n'
        local address=0 i
        at() { printf '\t//## File "%s/recurrence_persistent/%s", line %s\n' "$here" "$1" "$2"; }
        code() { printf '        /*%04x*/                   %s ;\n' $((address += 16)) "$1"; }
        at forward.cu 1
        code 'LDG.E R2, desc[UR6][R4.64]'
        code 'STL [R1], R2'
        printf '.L_x_1:\n'
        at product_fma.cuh 9
        for ((i = 0; i < 1000; i++)); do code 'FFMA R1, R2, R3, R4'; done
        at forward.cu 2
        code 'BAR.SYNC 0x0'
        code '@P0 LDG.E R2, desc[UR6][R8.64]'
        at forward.cu 1
        for i in "$@"; do code "$i"; done
        code '@P1 BRA \`(.L_x_1)'
        code 'BAR.SYNC 0x0'
        printf 'END\n'
    } >"$here/nvdisasm"
    chmod +x "$here/nvdisasm"
    export NVDISASM=$here/nvdisasm
}

check_against_itself() {
    "$sass" write "$build" "$here/table" >/dev/null
    expect_exit "$1" "$sass" check "$build" "$here/table"
}

test_counts_the_longest_loop() {
    disassembly
    check_against_itself 0
    expect_contains "$(cat "$here/table")" "$(printf 'kernel<float, 16>\tsm_90\t1000\t0\t0\t0\t1\t0\t0\t1\t0')"
}

test_R_read_again() {
    disassembly '@P2 LDG.E R2, desc[UR6][R4.64]'
    check_against_itself 1
    expect_contains "$output" "1 loads of R in the loop over time"
}

test_no_source_lines() {
    disassembly
    sed -i '/## File/d' "$here/nvdisasm"
    check_against_itself 1
    expect_contains "$output" "no load of R anywhere"
}

test_local_memory() {
    disassembly 'LDL R2, [R1]'
    check_against_itself 1
    expect_contains "$output" "local memory in the loop over time"
}

test_fewer_products_than_registers_hold() {
    disassembly
    sed -i 's/IfLi16EE/IfLi32EE/' "$here/nvdisasm"
    check_against_itself 1
    expect_contains "$output" "1000 products in the loop over time, 1792 of registers alone by the plan"
}

test_more_barriers_than_its_line() {
    disassembly
    "$sass" write "$build" "$here/table" >/dev/null
    disassembly 'BAR.SYNC 0x0'
    expect_exit 1 "$sass" check "$build" "$here/table"
    expect_contains "$output" "barriers 2, was 1"
}

run_tests
