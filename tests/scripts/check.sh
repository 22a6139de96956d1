# Sourced by the tests of scripts: a scratch folder, checks that say what they saw, and the names of the tests to run.
# shellcheck shell=bash disable=SC2034

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

fail() {
    printf 'FAILED %s: %s\n' "$current" "$*"
    failures=$((failures + 1))
}

# expect_equal ACTUAL EXPECTED
expect_equal() { [ "$1" = "$2" ] || fail "expected '$2', got '$1'"; }

# expect_contains TEXT PART
expect_contains() { [[ $1 == *"$2"* ]] || fail "expected a text with '$2', got '$1'"; }

# expect_exit STATUS COMMAND...: leaves what the command printed in $output.
expect_exit() {
    local expected=$1 status=0
    shift
    output=$("$@" 2>&1) || status=$?
    [ "$status" -eq "$expected" ] || fail "expected exit $expected from '$*', got $status: $output"
}

# run_tests: runs every function named test_*, each in a scratch folder of its own.
run_tests() {
    local name
    for name in $(declare -F | awk '$3 ~ /^test_/ {print $3}'); do
        mkdir "$scratch/$name"
        here=$scratch/$name
        current=$name
        "$name"
        printf '%s\n' "ran $name"
    done
    exit $((failures > 0))
}
