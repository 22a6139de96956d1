#!/usr/bin/env bash
# Test accuracy from scratch on real corpora: trains one (corpus, seed) after another and keeps each result.
#
#     SLUICE_CORPORA=DIR bench/accuracy.sh [CORPUS...]        all of them without a name
#
# A corpus is a file bench/accuracy/CORPUS.toml, whose first comments name its files, its seeds and its time limit. A run is skipped
# where the committed result (bench/results/accuracy/CORPUS-SEED.json) is still that of this configuration and this training code,
# so the work can be spread out. Choices are made on validation data; the test files are only measured.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
program=${SLUICE_PROGRAM:-$root/build/release/host/program/sluice}
results=$root/bench/results/accuracy

fail() {
    printf 'accuracy.sh: error: %s\n' "$1" >&2
    exit 2
}

# setting KEY FILE: the words after `# KEY:` in a configuration.
setting() {
    sed -n "s/^# $1: *//p" "$2"
}

# What a result depends on: the configuration and the code that reads, trains and measures on the CPU.
fingerprint() {
    (cd "$root" && { cat "$1"; git ls-files -z kernels/cells kernels/core engine host/readers host/text host/data |
        grep -zE '\.(h|cpp)$' | grep -zvE '^engine/backends/cu(da|dnn)/' | xargs -0 cat; } | sha256sum | cut -c 1-16)
}

# run CORPUS SEED: trains, measures and writes the result.
run() {
    local corpus=$1 seed=$2 config=$root/bench/accuracy/$1.toml result=$results/$1-$2.json mark limit out begin
    mark=$(fingerprint "$config")
    if [ -e "$result" ] && grep -q "\"fingerprint\": \"$mark\"" "$result"; then
        echo "$corpus seed $seed: the committed result still holds"
        return
    fi
    limit=$(setting minutes "$config")
    out=$(mktemp -d)
    local -a files=()
    for part in train test; do
        for file in $(setting $part "$config"); do files+=("--$part" "$SLUICE_CORPORA/$file"); done
    done
    local -a vectors=()
    if [ -n "$(setting vectors "$config")" ]; then
        vectors=(--set "model.pretrained=$SLUICE_CORPORA/$(setting vectors "$config")")
    fi
    begin=$(date +%s)
    timeout $((limit * 60)) "$program" train "${files[@]}" --config "$config" --seed "$seed" "${vectors[@]}" \
        --out "$out/run" --quiet || fail "$corpus seed $seed: training failed or took more than $limit minutes"
    mkdir -p "$results"
    python3 - "$out/run/metrics.json" "$corpus" "$seed" "$mark" $(($(date +%s) - begin)) >"$result.tmp" <<'PYTHON'
import json, sys
path, corpus, seed, mark, seconds = sys.argv[1:]
metrics = json.load(open(path))
keys = ("accuracy", "macro_f1", "micro_f1", "weighted_f1", "log_loss")
result = {"corpus": corpus, "seed": int(seed), "fingerprint": mark, "seconds": int(seconds)}
for part in ("valid", "test"):
    result[part] = {key: round(metrics[part][key], 5) for key in keys if key in metrics[part]}
print(json.dumps(result, indent=2))
PYTHON
    mv "$result.tmp" "$result"
    rm -rf "$out"
    grep -A 1 '"test"' "$result" | tail -n 1 | sed "s/^ */$corpus seed $seed: test /"
}

main() {
    [ -n "${SLUICE_CORPORA-}" ] || fail "set SLUICE_CORPORA to the folder of the corpora"
    [ -x "$program" ] || fail "build $program first: cmake --preset release && cmake --build --preset release"
    local -a corpora=("$@")
    if [ $# -eq 0 ]; then
        for config in "$root"/bench/accuracy/*.toml; do corpora+=("$(basename "$config" .toml)"); done
    fi
    for corpus in "${corpora[@]}"; do
        [ -e "$root/bench/accuracy/$corpus.toml" ] || fail "no corpus '$corpus': see bench/accuracy"
        for seed in $(setting seeds "$root/bench/accuracy/$corpus.toml"); do run "$corpus" "$seed"; done
    done
}

main "$@"
