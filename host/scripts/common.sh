# Sourced by the shell scripts of this repository: messages, timed steps, package installation.
# shellcheck shell=bash

say() { printf '%s\n' "$*"; }

# die MESSAGE: one line that says what failed and what to do, then exit 1.
die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# usage_error MESSAGE: the caller's mistake, exit 2.
usage_error() {
    printf "%s: %s; '%s --help' lists the options\n" "${0##*/}" "$*" "$0" >&2
    exit 2
}

# step LOG WHAT COMMAND...: runs a command with its output in LOG; prints one line with the seconds it took, or dies naming LOG.
step() {
    local log=$1 what=$2 start=$SECONDS
    shift 2
    mkdir -p "$(dirname "$log")"
    printf '%-62s ' "$what"
    if ! "$@" >"$log" 2>&1; then
        say failed
        tail -n 15 "$log" >&2
        die "$what: failed; the lines above end its output, all of it is in $log"
    fi
    say "$((SECONDS - start)) s"
}

# as_root COMMAND...: runs it as root, by sudo where the caller is somebody else.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

apt_get() { as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o Acquire::Retries=3 -o Dpkg::Lock::Timeout=120 "$@"; }

# missing_packages NAME...: prints those that are not installed.
missing_packages() {
    local name
    for name in "$@"; do
        dpkg-query -W -f '${Status}\n' "$name" 2>/dev/null | grep -q '^install ok installed$' || say "$name"
    done
}

update_and_install() { apt_get update && apt_get install -y --no-install-recommends "$@"; }

# install_packages LOG NAME...: installs what is missing; asks for no rights where nothing is.
install_packages() {
    local log=$1 missing
    shift
    command -v dpkg-query >/dev/null || die "needs Debian 12 or Ubuntu 24.04; elsewhere install what host/scripts/packages.sh lists and run cmake yourself"
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        die "packages are missing and this is neither root nor a user with sudo; as root: apt-get install --no-install-recommends ${missing[*]}"
    fi
    # sudo asks for its password here, where the terminal is still at hand, and not inside the logged step.
    [ "$(id -u)" -eq 0 ] || sudo true || die "sudo was refused; as root: apt-get install --no-install-recommends ${missing[*]}"
    step "$log" "Installing what is missing: ${#missing[@]} packages" update_and_install "${missing[@]}"
}
