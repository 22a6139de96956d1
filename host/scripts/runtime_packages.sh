#!/usr/bin/env bash
# Prints the packages that own the shared libraries of a program:  host/scripts/runtime_packages.sh PROGRAM
# Libraries that no package owns (a CUDA image's own) are left out: the image brings them.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

if [ $# -ne 1 ] || [ ! -x "$1" ]; then usage_error "needs one program"; fi
absent=$(ldd "$1" | awk '/not found/ {printf " %s", $1}')
[ -z "$absent" ] || die "$1: these libraries are not installed:$absent"

# dpkg knows a library under the path it was installed by, which on a merged /usr need not be the one the loader prints.
owner() {
    local path
    for path in "$1" "/usr$1" "${1#/usr}"; do
        dpkg-query -S "$path" 2>/dev/null | sed 's/:.*//' && return
    done
    return 0
}

ldd "$1" | awk '$2 == "=>" && $3 ~ "^/" {print $3}' | while read -r library; do
    owner "$(dirname "$(readlink -f "$library")")/${library##*/}"
done | sort -u
