#!/usr/bin/env bash
# shellcheck disable=SC2317  # run_tests calls the functions by name
#
# Plants one breach after another in a small sound tree and sees structure.pl name it.
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$root/tests/scripts/check.sh"
structure=$root/tests/scripts/structure.pl

# A sound tree in $here: one source in each part, pointing rightwards only.
sound_tree() {
    local folder
    mkdir -p "$here"/{kernels,engine/backends/cpu,host/text,tests,bench}
    for folder in kernels engine engine/backends engine/backends/cpu host host/text tests bench; do
        echo "# $folder" >"$here/$folder/README.md"
    done
    echo '#pragma once' >"$here/kernels/view.h"
    echo '#include "kernels/view.h"' >"$here/engine/tensor.h"
    echo '#include <dnnl.hpp>' >"$here/engine/backends/cpu/gemm_onednn.cpp"
    printf '%s\n' '#include "engine/tensor.h"' '#include <unicode/uchar.h>' >"$here/host/text/unicode.cpp"
    echo '#include "host/text/unicode.h"' >"$here/tests/text_test.cpp"
    echo '#pragma once' >"$here/host/text/unicode.h"
}

# breach FILE LINE PART-OF-THE-MESSAGE: LINE becomes the file's content; the check must fail with that message alone.
breach() {
    sound_tree
    mkdir -p "$(dirname "$here/$1")"
    printf '%b\n' "$2" >"$here/$1"
    expect_exit 1 "$structure" "$here"
    expect_contains "$output" "$3"
    expect_equal "$(wc -l <<<"$output")" 1
}

test_sound_tree_passes() {
    sound_tree
    expect_exit 0 "$structure" "$here"
    expect_equal "$output" ""
}
test_kernels_include_engine() { breach kernels/view.h '#include "engine/tensor.h"' "kernels/view.h:1: kernels/ may not include engine/tensor.h"; }
test_engine_includes_host() { breach engine/tensor.h '\n  # include "host/text/unicode.h"' "engine/tensor.h:2: engine/ may not include"; }
test_host_includes_tests() { breach host/text/unicode.h '#include "tests/text_test.cpp"' "host/ may not include"; }
test_relative_include() { breach engine/tensor.h '#include "../kernels/view.h"' "is not a path from the root"; }
test_heavy_header_elsewhere() { breach engine/tensor.cpp '#include <toml++/toml.h>' "engine/tensor.cpp:1: only the files named"; }
test_heavy_header_in_a_header() { breach host/text/unicode.h '#include <unicode/uchar.h>' "host/text/unicode.h:1: a header may not include ICU"; }
test_vendor_header_elsewhere() { breach engine/layer.cpp '#include <cudnn.h>' "may include cuDNN"; }
test_cuda_header_elsewhere() { breach host/text/unicode.h '#include <cuda_runtime.h>' "a header may not include CUDA"; }
test_onednn_header_in_tests() { breach tests/text_test.cpp '#include <dnnl.hpp>' "may include oneDNN"; }
test_top_level_file() { breach notes.txt 'x' "notes.txt: not part of the top level's layout"; }
test_long_readme() { breach host/README.md "$(printf 'x\\n%.0s' {1..41})" "host/README.md: 42 lines, at most 40"; }

test_missing_readme() {
    sound_tree
    rm "$here/host/text/README.md"
    expect_exit 1 "$structure" "$here"
    expect_equal "$output" "host/text: has no README.md"
}

run_tests
