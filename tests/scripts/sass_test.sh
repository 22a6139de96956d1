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

# disassembly INSTRUCTION...: persistent_forward<Lstm, float, 4, FlagExchange> as its model has it, in whose longest loop lie these instructions too, each from
# a line of a source that reads R; a load of R and local memory lie before it.
disassembly() {
    mkdir -p "$here/recurrence_persistent"
    printf 'x = d.R(q, k);\ny = 0;\n' >"$here/recurrence_persistent/forward.cu"
    printf '%s\n' 'add(sums[row], in, weights_[i]);' 'add(sums[row], in, w[0]);' 'multiply<8>(tile);' 'multiply<4>(tile);' \
        'multiply<2>(tile);' >"$here/recurrence_persistent/product_fma.cuh"
    {
        printf '#!/bin/sh\ncat <<END\n.text._Z18persistent_forwardI4LstmfLi4E12FlagExchangeEvv:\n'
        local address=0 i rows line=3
        # at FILE LINE [LINE]: where what follows is from; the line that this was inlined at.
        at() {
            printf '\t//## File "%s/recurrence_persistent/%s", line %s' "$here" "$1" "$2"
            printf '%s\n' "${3:+ inlined at \"$here/recurrence_persistent/$1\", line $3}"
        }
        # code TIMES INSTRUCTION
        code() { for ((i = 0; i < $1; i++)); do printf '        /*%04x*/                   %s ;\n' $((address += 16)) "$2"; done; }
        at forward.cu 1
        code 1 'LDG.E R2, desc[UR6][R4.64]'
        code 1 'STL [R1], R2'
        printf '.L_x_1:\n'
        for rows in 8 4 2; do
            at product_fma.cuh 1 "$line"
            code $((4 * 4 * rows)) 'FFMA R1, R2, R3, R4'
            at product_fma.cuh 2 "$line"
            code $((3 * 16 * rows)) 'FFMA R1, R2, R3, R4'
            line=$((line + 1))
        done
        at forward.cu 2
        code 4 'BAR.SYNC 0x0'
        code 4 'LDGSTS.E [R2], desc[UR6][R4.64]'
        code 16 'STG.E desc[UR6][R4.64], R2'
        code 1 '@P0 LDG.E R2, desc[UR6][R8.64]'
        at forward.cu 1
        local more
        for more in "$@"; do code 1 "$more"; done
        code 1 '@P1 BRA \`(.L_x_1)'
        code 1 'BAR.SYNC 0x0'
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
    expect_contains "$(cat "$here/table")" "$(printf 'forward<Lstm, float, 4, FlagExchange>\tsm_90\t896\t0\t0\t0\t1\t4\t0\t16\t4\t0')"
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
    sed -i 's/fLi4E1/fLi8E1/' "$here/nvdisasm"
    check_against_itself 1
    expect_contains "$output" "128 products of 8 rows with what registers hold of R, 256 by the model"
}

test_products_of_no_whole_chunk() {
    disassembly
    sed -i '0,/FFMA/{/FFMA/d}; 0,/line 2 inlined.*line 3$/s//line 2 inlined at "product_fma.cuh", line 9/' "$here/nvdisasm"
    check_against_itself 1
    expect_contains "$output" "127 products of 8 rows with what registers hold of R, 128 by the model"
    expect_contains "$output" "0 products of 8 rows with what shared memory holds of R, in chunks of 128"
}

test_another_barrier() {
    disassembly 'BAR.SYNC 0x0'
    check_against_itself 1
    expect_contains "$output" "barriers 5, 4 by the model"
}

test_more_loads_than_its_line() {
    disassembly
    "$sass" write "$build" "$here/table" >/dev/null
    disassembly 'LDS R2, [R1]'
    expect_exit 1 "$sass" check "$build" "$here/table"
    expect_contains "$output" "shared 1, was 0"
}

run_tests
