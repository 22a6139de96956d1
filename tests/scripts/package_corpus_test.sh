#!/usr/bin/env bash
# shellcheck disable=SC2317  # run_tests calls the functions by name
#
# Tests host/package_corpus.pl on a small index of its own: an apt-get that only knows the files in $here stands before the
# system's in PATH.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/scripts/check.sh"
. /etc/os-release

# An index of 210 packages each in net and contrib/doc, twins of one source, and 5 in tiny. Descriptions are keyed by number.
make_index() {
    awk -v packages="$here/Packages" -v translation="$here/Translation" 'BEGIN {
        for (i = 1; i <= 425; ++i) {
            section = i <= 210 ? "net" : i <= 420 ? "contrib/doc" : "tiny"
            source = "source" (i - 1) % 210
            printf "Package: p%d\nSource: %s (1.0)\nSection: %s\nDescription: short %d\nDescription-md5: %032d\n\n", i, source, section, i, i > packages
            printf "Package: p%d\nDescription-md5: %032d\nDescription-en: short %d\n first\tline %d\n .\n   second  \"line\"\n\n", i, i, i, i > translation
        }
    }'
    mkdir -p "$here/bin"
    cat >"$here/bin/apt-get" <<END
#!/bin/sh
case "\$*" in
    *indextargets*)
        printf '%s\n' 'Packages|Elsewhere|$VERSION_CODENAME|stable|/nowhere' 'Packages|${ID^}|$VERSION_CODENAME-updates|stable-updates|/nowhere' \
            'Packages|${ID^}|$VERSION_CODENAME|stable|$here/Packages' 'Translations|${ID^}|$VERSION_CODENAME|stable|$here/Translation' ;;
    *) exit 100 ;;
esac
END
    chmod +x "$here/bin/apt-get"
}

make_corpus() { PATH=$here/bin:$PATH "$root/host/package_corpus.pl" "$@"; }

test_documents() {
    make_index
    expect_exit 0 make_corpus "$here/out"
    expect_contains "$output" "420 documents, 2 classes"
    local line
    line=$(cat "$here"/out/*.tsv | awk -F '\t' '$2 == "p211"')
    expect_equal "$line" "$(printf 'doc\tp211\tsource0\tshort 211 first line 211 second "line"')"
    expect_equal "$(head -qn 1 "$here"/out/*.tsv | sort -u)" "$(printf 'label\tpackage\tsource\ttext')"
}

test_a_source_lies_in_one_file_only() {
    make_index
    make_corpus "$here/out" >/dev/null
    local name
    for name in train valid test; do
        tail -n +2 "$here/out/$name.tsv" | cut -f 3 | sort -u
    done >"$here/sources"
    expect_equal "$(wc -l <"$here/sources")" 210
    expect_equal "$(sort "$here/sources" | uniq -d)" ""
    [ "$(wc -l <"$here/out/test.tsv")" -gt 50 ] || fail "too few test documents"
    [ "$(wc -l <"$here/out/train.tsv")" -gt 250 ] || fail "too few training documents"
}

test_equal_index_gives_equal_bytes() {
    make_index
    make_corpus "$here/one" >/dev/null
    make_corpus "$here/two" >/dev/null
    expect_exit 0 cmp "$here/one/train.tsv" "$here/two/train.tsv"
}

# Published figures are for this split: another hash or seed would make them figures of something else.
test_split_stays_as_it_is() {
    make_index
    make_corpus "$here/out" >/dev/null
    expect_equal "$(cut -f 3 "$here/out/valid.tsv" | tail -n +2 | sort -u | tr -d '\n')" \
        "source110source117source128source141source196source207source3source52source66source71source78"
}

test_no_index() {
    make_index
    rm "$here/Packages"
    expect_exit 1 make_corpus "$here/out"
    expect_contains "$output" "brought no package index: check the network"
    expect_equal "$(wc -l <<<"$output")" 1
    [ ! -e "$here/out/train.tsv" ] || fail "a file was written"
}

test_no_descriptions() {
    make_index
    : >"$here/Translation"
    expect_exit 1 make_corpus "$here/out"
    expect_contains "$output" "without English descriptions"
    expect_equal "$(wc -l <<<"$output")" 1
}

test_damaged_index() {
    make_index
    head -c 5 /usr/bin/apt-get >"$here/Packages.xz"
    sed -i "s,$here/Packages,&.xz," "$here/bin/apt-get"
    expect_exit 1 make_corpus "$here/out"
    expect_contains "$output" "damaged or cut short"
}

test_usage() {
    expect_exit 2 "$root/host/package_corpus.pl"
    expect_exit 2 "$root/host/package_corpus.pl" --help
    expect_exit 1 "$root/host/package_corpus.pl" "$here/no/such"
    expect_contains "$output" "cannot make $here/no/such"
}

run_tests
