#!/usr/bin/env bash
# From a bare Debian 12 to a trained topic classifier: installs packages, builds `sluice`, makes the embedded corpus (this
# system's own package descriptions), trains a bag of words, a bag of bigrams and a BiLSTM on it, lets the last two vote and
# prints how they compare.
#
#     host/quickstart.sh            as root, as a user with sudo, or as any user once the packages are there
#
# Safe to run again: what is there is kept, only the training starts afresh. Everything lies under build/quickstart.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$root/host/scripts/common.sh"
. "$root/host/scripts/packages.sh"

work=$root/build/quickstart
logs=$work/logs
program=$work/host/program/sluice
corpus=$work/corpus

# What root made on an earlier call is not for others to overwrite.
check_folder() {
    if ! mkdir -p "$logs" 2>/dev/null || [ ! -w "$logs" ] || [ ! -w "$work" ]; then
        die "cannot write to $work: run this as the user it belongs to, or remove it"
    fi
}

# Prints the flags for CMake: CUDA only where a GPU and a compiler for it are at hand, and for that GPU alone.
cuda_flags() {
    grep -q SLUICE_CUDA "$root/CMakeLists.txt" || return 0
    local capability
    capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -n 1 | tr -d '. ') || true
    if [[ $capability =~ ^[0-9]+$ ]] && command -v nvcc >/dev/null; then
        say "-DSLUICE_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES=$capability"
    else
        say -DSLUICE_CUDA=OFF
    fi
}

configure() {
    local flags
    read -ra flags <<<"$(cuda_flags)"
    cmake -S "$root" -B "$work" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_UNITY_BUILD=ON -DSLUICE_WERROR=OFF "${flags[@]}"
}

# train NAME OPTION...: trains into build/quickstart/NAME, in place of what an earlier call left there.
train() {
    local name=$1
    shift
    rm -rf "${work:?}/$name"
    "$program" train --train "$corpus/train.tsv" "$corpus/valid.tsv" \
        --test "$corpus/test.tsv" --out "$work/$name" --config "$root/host/quickstart.toml" "$@"
}

# Prints the share of the test documents that the commonest training class gets right.
majority_accuracy() {
    awk -F '\t' 'FNR == 1 {file++; next}
        file == 1 {if (++count[$1] > count[best]) best = $1}
        file == 2 {documents++; hits += $1 == best}
        END {printf "%.4f\n", hits / documents}' "$corpus/train.tsv" "$corpus/test.tsv"
}

# test_accuracy NAME: reads object `test`, member `accuracy` of the run's metrics.json.
test_accuracy() {
    perl -0777 -ne 'print $1 if /"test"\s*:\s*\{[^{}]*?"accuracy"\s*:\s*([0-9.eE+-]+)/' "$work/$1/metrics.json"
}

# The BiLSTM and the bag of bigrams vote on the test documents.
vote() {
    "$program" evaluate "$work/bilstm" --with "$work/bag_of_bigrams" --data "$corpus/test.tsv" --json "$work/vote.json"
}

# Reads the first member `accuracy` of vote.json.
vote_accuracy() { perl -0777 -ne 'print $1 if /"accuracy"\s*:\s*([0-9.eE+-]+)/' "$work/vote.json"; }

print_results() {
    local documents
    documents=$(($(wc -l <"$corpus/test.tsv") - 1))
    say ""
    say "Accuracy on $documents package descriptions that no model saw:"
    printf '    %-34s %.3f\n' "majority class" "$(majority_accuracy)" \
        "bag of words, linear" "$(test_accuracy bag_of_words)" \
        "bag of words and bigrams, linear" "$(test_accuracy bag_of_bigrams)" "BiLSTM" "$(test_accuracy bilstm)" \
        "BiLSTM and bag of bigrams, voting" "$(vote_accuracy)"
    say ""
    say "Run folders: $work/bilstm and $work/bag_of_bigrams"
    say "Try it:      echo 'A fast chess engine with an opening book' |"
    say "                 $program predict $work/bilstm - --with $work/bag_of_bigrams"
}

main() {
    case ${1-} in
        "") ;;
        -h | --help) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) usage_error "unknown option '$1'" ;;
    esac
    check_folder
    install_packages "$logs/packages.log" "${build_packages[@]}"
    step "$logs/configure.log" "Configuring" configure
    step "$logs/build.log" "Building sluice" cmake --build "$work" --target sluice
    step "$logs/corpus.log" "Making the embedded corpus" "$root/host/package_corpus.pl" "$corpus"
    cat "$logs/corpus.log"
    step "$logs/bag_of_words.log" "Training a bag of words" train bag_of_words --set model.num_layers=0 \
        --set model.pooling=mean --set model.pooled_dropout=0 --set optim.learning_rate=0.01 --set train.epochs=6 \
        --set train.time_limit=40
    step "$logs/bag_of_bigrams.log" "Training a bag of bigrams" train bag_of_bigrams --set model.num_layers=0 \
        --set model.pooling=sqrtn --set model.bigram_buckets=262144 --set model.bigram_size=64 \
        --set optim.keep_idle_moments=true --set optim.learning_rate=0.003 --set train.epochs=5 \
        --set train.average_from=1 --set train.time_limit=50
    say "Training a BiLSTM"
    train bilstm
    step "$logs/vote.log" "Counting their votes" vote
    print_results
}

# Sourced, as the tests do, it only defines.
if [ "${BASH_SOURCE[0]}" = "$0" ]; then main "$@"; fi
