#!/usr/bin/env bash
# Proves the two commands and the Dockerfile on a machine that has nothing: a debootstrap chroot of Debian 12 with a clean
# clone of the last commit in it. Root, some 20 GB of disk and half an hour; not part of CI.
#
#     tests/fresh_machine.sh [PART]...      PART: corpus, quickstart, user, sudo, tests, docker; default: all but corpus
#
# corpus      only the packages, and the embedded corpus made by a user without rights
# quickstart  host/quickstart.sh as root from nothing, and its ten minutes
# user        host/quickstart.sh again, as a user without rights
# sudo        that user, with sudo, installs a package that is missing
# tests       tests/run.sh
# docker      the Dockerfile's instructions, stage by stage, since no container engine need be at hand
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/host/scripts/common.sh"
. "$root/tests/scripts/chroot.sh"
. "$root/tests/scripts/dockerfile.sh"

quickstart_part() {
    local start=$SECONDS
    in_chroot "$machine" /src host/quickstart.sh
    say "quickstart from nothing: $((SECONDS - start)) s (limit 600)"
    [ $((SECONDS - start)) -le 600 ] || die "quickstart took longer than ten minutes on $(nproc) cores"
}

corpus_part() {
    in_chroot "$machine" /src host/scripts/install_packages.sh build
    as_user_in_chroot "$machine" /src "mkdir -p build && host/package_corpus.pl build/corpus"
}

user_part() { as_user_in_chroot "$machine" /src host/quickstart.sh; }

sudo_part() {
    in_chroot "$machine" / apt-get install -q -y --no-install-recommends sudo >"$scratch/sudo.log"
    in_chroot "$machine" / dpkg --remove --force-depends libxxhash-dev >>"$scratch/sudo.log"
    echo 'newcomer ALL=(ALL) NOPASSWD: ALL' >"$machine/etc/sudoers.d/newcomer"
    as_user_in_chroot "$machine" /src "host/scripts/install_packages.sh build"
    in_chroot "$machine" / dpkg-query --status libxxhash-dev >>"$scratch/sudo.log" || die "sudo did not bring libxxhash-dev back"
}

tests_part() { in_chroot "$machine" /src tests/run.sh; }

docker_part() {
    git clone -q --no-hardlinks "$root" "$scratch/context"
    build_image "$base" "$scratch/docker" "$scratch/context"
    # shellcheck disable=SC2154  # build_image sets it
    in_chroot "$image" / sluice --help
}

main() {
    local part parts=("$@")
    [ ${#parts[@]} -gt 0 ] || parts=(quickstart user sudo tests docker)
    for part in "${parts[@]}"; do
        case $part in
            corpus | quickstart | user | sudo | tests | docker) ;;
            -h | --help) sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 0 ;;
            *) usage_error "unknown part '$part'" ;;
        esac
    done
    [ "$(id -u)" -eq 0 ] || die "needs root, for chroot and mount: sudo $0"
    command -v debootstrap >/dev/null || die "needs debootstrap: apt-get install debootstrap"

    scratch=$(mktemp -d "${TMPDIR:-/var/tmp}/sluice-machine.XXXXXX")
    trap 'remove_chroots "$scratch"' EXIT
    base=$scratch/base
    machine=$scratch/machine
    step "$scratch/debootstrap.log" "Making a bare Debian 12" make_base "$base"
    copy_chroot "$base" "$machine"
    git clone -q --no-hardlinks "$root" "$machine/src"
    for part in "${parts[@]}"; do
        say "== $part"
        "${part}_part"
    done
    say "fresh machine: ${parts[*]} passed"
}

main "$@"
