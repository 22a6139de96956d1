#!/usr/bin/env bash
# shellcheck disable=SC2317  # run_tests calls the functions by name
#
# Tests what the shell scripts share and what quickstart counts; installs nothing and needs no network.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/scripts/check.sh"
. "$root/host/scripts/common.sh"

test_options_of_every_script() {
    local script
    for script in host/quickstart.sh tests/run.sh tests/fresh_machine.sh host/scripts/install_packages.sh bench/gpu_report.sh; do
        expect_exit 0 "$root/$script" --help
        expect_contains "$output" "${script##*/}"
        expect_exit 2 "$root/$script" --no-such-option
        expect_contains "$output" "--no-such-option"
        expect_equal "$(wc -l <<<"$output")" 1
    done
}

test_fuzz_needs_seconds() {
    expect_exit 2 "$root/tests/run.sh" --fuzz
    expect_exit 2 "$root/tests/run.sh" --fuzz ten
    expect_contains "$output" "--fuzz needs a number of seconds"
}

test_missing_packages_are_those_not_installed() {
    expect_equal "$(missing_packages dpkg no-such-package apt)" "no-such-package"
}

test_packages_that_are_there_need_no_rights() {
    apt_get() { fail "apt-get was called: $*"; }
    expect_exit 0 install_packages "$here/log" dpkg apt
    expect_equal "$output" ""
}

test_no_root_and_no_sudo_names_the_command() {
    mkdir "$here/bin"
    printf '#!/bin/sh\necho 1000\n' >"$here/bin/id"
    chmod +x "$here/bin/id"
    ln -s "$(command -v dpkg-query)" "$(command -v grep)" "$here/bin/"
    without_sudo() { (PATH=$here/bin; install_packages "$here/log" no-such-package); }
    expect_exit 1 without_sudo
    expect_contains "$output" "as root: apt-get install --no-install-recommends no-such-package"
    expect_equal "$(wc -l <<<"$output")" 1
}

test_step_shows_the_end_of_a_failure() {
    failing() { seq 100; return 3; }
    in_subshell() { (step "$here/logs/a.log" "Doing it" failing); }
    expect_exit 1 in_subshell
    expect_contains "$output" "failed"
    expect_contains "$output" "100"
    expect_contains "$output" "all of it is in $here/logs/a.log"
    expect_equal "$(wc -l <"$here/logs/a.log")" 100
}

test_quickstart_counts_the_majority() {
    . "$root/host/quickstart.sh"
    set +e
    corpus=$here
    printf 'label\ttext\nnet\ta\ndoc\tb\ndoc\tc\n' >"$here/train.tsv"
    printf 'label\ttext\nnet\ta\nnet\tb\nnet\tc\ndoc\td\n' >"$here/test.tsv"
    expect_equal "$(majority_accuracy)" 0.2500
}

test_quickstart_reads_the_test_accuracy() {
    . "$root/host/quickstart.sh"
    set +e
    work=$here
    mkdir "$here/run"
    printf '{\n  "valid": {\n    "accuracy": 0.5\n  },\n  "test": {\n    "macro_f1": 0.25,\n    "accuracy": 0.8125\n  }\n}\n' >"$here/run/metrics.json"
    expect_equal "$(test_accuracy run)" 0.8125
    printf '{\n  "macro_f1": 0.25,\n  "accuracy": 0.75,\n  "labels": [{"accuracy": 0.5}]\n}\n' >"$here/vote.json"
    expect_equal "$(vote_accuracy)" 0.75
}

test_runtime_packages_of_a_program() {
    expect_exit 0 "$root/host/scripts/runtime_packages.sh" /bin/bash
    expect_contains "$output" libc6
    expect_exit 2 "$root/host/scripts/runtime_packages.sh" /no/such/program
}

test_dockerfile_lines_are_joined() {
    . "$root/tests/scripts/dockerfile.sh"
    printf '# comment\nFROM a AS b\n\nRUN one && \\\n    two \\\n    three\nCOPY x y\n' >"$here/Dockerfile"
    expect_equal "$(dockerfile_lines "$here/Dockerfile")" "$(printf 'FROM a AS b\nRUN one &&  two  three\nCOPY x y')"
}

test_dockerfile_knows_its_instructions() {
    . "$root/tests/scripts/dockerfile.sh"
    copy_chroot() { mkdir -p "$2"; }
    in_chroot() { printf '%s\n' "$*" >>"$here/ran"; }
    mkdir -p "$here/context/sub"
    echo one >"$here/context/sub/one"
    cat >"$here/context/Dockerfile" <<'END'
FROM base AS first
WORKDIR /src
COPY sub sub
RUN build it
FROM base
COPY --from=first /src/sub/one /bin/one
ENTRYPOINT ["one"]
END
    build_image "$here/base" "$here/stages" "$here/context" >/dev/null
    expect_equal "$image" "$here/stages/stage2"
    expect_equal "$(cat "$image/bin/one")" one
    expect_equal "$(cat "$here/ran")" "$here/stages/first /src env /bin/sh -c build it"
    echo 'VOLUME /data' >>"$here/context/Dockerfile"
    again() { (build_image "$here/base" "$here/more" "$here/context"); }
    expect_exit 1 again
    expect_contains "$output" "does not know the Dockerfile's instruction VOLUME"
}

run_tests
