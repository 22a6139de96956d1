#!/usr/bin/env bash
# Installs lists of packages by name:  host/scripts/install_packages.sh build [test|onednn3|clang|lint]...
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/common.sh"
. "$here/packages.sh"

[ $# -gt 0 ] || usage_error "name at least one list: build, test, onednn3, clang, lint"
wanted=()
for list in "$@"; do
    case $list in
        -h | --help) sed -n '2s/^# //p' "$0"; exit 0 ;;
        build | test | onednn3 | clang | lint) declare -n names="${list}_packages"; wanted+=("${names[@]}") ;;
        *) usage_error "unknown list '$list'" ;;
    esac
done
install_packages "${TMPDIR:-/tmp}/sluice-packages.$$.log" "${wanted[@]}"
