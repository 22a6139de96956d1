# Sourced by tests/fresh_machine.sh: bare Debian 12 systems in folders, by debootstrap and chroot.
# shellcheck shell=bash disable=SC2016

# debian_mirror: prints the address of this machine's own Debian archive, or nothing (debootstrap then takes its default).
debian_mirror() {
    apt-get indextargets --format '$(ORIGIN)|$(SUITE)|$(REPO_URI)' 2>/dev/null | awk -F '|' '$1 == "Debian" && $2 !~ /-/ {print $3; exit}'
}

# make_base DIR: a minimal bookworm with this machine's name service. Its apt knows the main archive only.
make_base() {
    local dir=$1 mirror
    mirror=$(debian_mirror)
    debootstrap --variant=minbase bookworm "$dir" ${mirror:+"$mirror"}
    cp -L /etc/resolv.conf /etc/hosts "$dir/etc/"
    useradd --root "$dir" --create-home --shell /bin/bash newcomer
    rm -rf "$dir/var/cache/apt/archives" "$dir/var/lib/apt/lists"
    mkdir -p "$dir/var/cache/apt/archives/partial" "$dir/var/lib/apt/lists/partial"
}

# copy_chroot FROM TO: a copy to install into, with /proc.
copy_chroot() {
    cp -a --reflink=auto "$1" "$2"
    mount -t proc proc "$2/proc"
}

# remove_chroots SCRATCH: unmounts everything below SCRATCH and deletes it.
remove_chroots() {
    local mounted
    while read -r mounted; do
        umount "$mounted" || return
    done < <(awk -v under="$1/" 'index($2, under) == 1 {print $2}' /proc/mounts | sort -r)
    rm -rf --one-file-system "$1"
}

# clean_environment COMMAND...: with nothing of the caller's but what a login shell would have.
clean_environment() { env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"; }

# in_chroot ROOT DIR COMMAND...: runs a command as root in folder DIR of a chroot.
in_chroot() {
    local chroot=$1 dir=$2
    shift 2
    clean_environment chroot "$chroot" /bin/sh -c 'cd "$1" && shift && exec "$@"' sh "$dir" "$@"
}

# as_user_in_chroot ROOT DIR SCRIPT: the same as the user `newcomer`, who gets DIR.
as_user_in_chroot() {
    local chroot=$1 dir=$2 script=$3
    chroot "$chroot" chown -R newcomer "$dir"
    clean_environment chroot --userspec=newcomer "$chroot" /bin/sh -c "export HOME=/home/newcomer; cd '$dir' && $script"
}
