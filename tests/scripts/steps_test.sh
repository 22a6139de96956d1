#!/usr/bin/env bash
# shellcheck disable=SC2317  # run_tests calls the functions by name
# Shows bench/tables/steps.pl a program whose kernels ask memory for more than its model says.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/scripts/check.sh"
steps=$root/bench/tables/steps.pl
export SLUICE_VGPU=$root

# program READ WRITTEN: a persistent_steps of a block for each 32 units, which by its model reads 1000 + 10 H bytes in a step, of its H,
# and writes 500; forward does as given instead, in the shell's arithmetic.
program() {
    cat >"$here/program" <<END
#!/bin/bash
H=\$5 T=\${8-} blocks=\$((\$5 / 32 * \$7)) read=\$((1000 + 10 * \$5)) written=500
kernel() { printf '%s ' 1 9 99 \$((1234 + T * blocks * (\$2))) \$((T * blocks * (\$3))) 0.1 5 "_Zpersistent_\$1"; printf '\n'; }
case \$3\$4\$5 in f32*128 | bf16flags256 | bf16cluster*) held=1 ;; *) held=\${HELD-0.5} ;; esac
if [ \$1 = model ]; then
    for pass in forward backward; do printf '%s\t' \$pass \$blocks \$held \$((blocks * read)) \$((blocks * written)); printf '\n'; done
else
    { kernel forward '$1' '$2'; kernel backward read written; } >&2
fi
END
    chmod +x "$here/program"
}

test_as_the_model_says() {
    program read written
    expect_exit 0 "$steps" "$here/program"
    expect_contains "$output" "steps.pl: 54 figures of steps"
}

# Every thread makes them, whatever H is.
test_lookups_do_not_count() {
    program 'read + 700' written
    expect_exit 0 "$steps" "$here/program"
}

test_R_read_again() {
    program 'read + 5 * H' written
    expect_exit 1 "$steps" "$here/program"
    expect_contains "$output" "steps.pl: forward lstm f32 flags 11 1 read beyond, a block: counted 1920 bytes, by the model 1280"
    expect_contains "$output" "steps.pl: forward lstm bf16 flags 11 1 read beyond, a block"
}

test_another_flag() {
    program read 'written + 4'
    expect_exit 1 "$steps" "$here/program"
    expect_contains "$output" "steps.pl: forward lstm f32 flags 128 11 1 written: counted 2016 bytes, by the model 2000"
}

test_other_plans() {
    program read written
    HELD=1 expect_exit 1 "$steps" "$here/program"
    expect_contains "$output" "steps.pl: forward lstm f32 flags 11 1: R does not lie where the case means it to"
}

test_no_such_kernels() {
    program read written
    sed -i 's/_Zpersistent/_Zother/' "$here/program"
    output=$("$steps" "$here/program" 2>&1) && fail "ends well without kernels"
    expect_contains "$output" "run lstm f32 flags 128 11 1 launched no such kernels"
}

run_tests
