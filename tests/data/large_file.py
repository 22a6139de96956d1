#!/usr/bin/env python3
"""Memory and rate on a large file: 1 GB of 2 million documents against 50 MB of 100,000.

    tests/data/large_file.py SLUICE TRAIN.tsv [--seconds 120] [--folder DIR]

Makes both files by a seeded drawing of stretches of words from TRAIN.tsv (the embedded corpus of host/quickstart.sh, with
its columns label and text), prepares and trains each for so many seconds, and prints peak resident set, time to prepare
and tokens/s. Exits with 1 where the large file's peak is more than 100 MB above the small one's. Needs 4 GB of disk in DIR;
not part of ctest, since it takes minutes.
"""
import argparse
import multiprocessing
import os
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

DOCUMENTS = {"small": 100_000, "large": 2_000_000}
BYTES_PER_DOCUMENT = 515
ALLOWED_MB = 100


def make(path, documents, corpus):
    labels, words = read_corpus(corpus)
    draw = random.Random(1)
    mean_word = sum(map(len, words)) / len(words) + 1
    mean_words = BYTES_PER_DOCUMENT / mean_word
    with open(path, "w", encoding="utf-8") as out:
        out.write("label\ttext\n")
        for _ in range(documents):
            count = draw.randrange(int(mean_words * 0.5), int(mean_words * 1.5))
            first = draw.randrange(len(words) - count)
            out.write(f"{draw.choice(labels)}\t{' '.join(words[first:first + count])}\n")


def read_corpus(path):
    labels, words = set(), []
    with open(path, encoding="utf-8") as rows:
        columns = next(rows).rstrip("\n").split("\t")
        label, text = columns.index("label"), columns.index("text")
        for row in rows:
            fields = row.rstrip("\n").split("\t")
            labels.add(fields[label])
            words += fields[text].split()
    return sorted(labels), words


def run(command, environment):
    """Runs to the end; returns seconds, the peak resident set in MB and what was printed.

    The system counts what this process held when it forked: so it must stay small, and make() works in one of its own.
    """
    begin = time.monotonic()
    with tempfile.TemporaryFile("w+") as printed:
        process = subprocess.Popen(command, env=environment, stdout=printed, stderr=printed)
        _, status, usage = os.wait4(process.pid, 0)
        printed.seek(0)
        text = printed.read()
    if status != 0:
        sys.exit(f"failed: {' '.join(command)}\n{text}")
    return time.monotonic() - begin, usage.ru_maxrss / 1024, text


def median_rate(printed):
    rates = [float(rate) for rate in re.findall(r"(\d+) tokens/s", printed)]
    return statistics.median(rates) if rates else float("nan")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sluice")
    parser.add_argument("train")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--folder")
    args = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="sluice-large-", dir=args.folder))
    try:
        environment = dict(os.environ, SLUICE_CACHE=str(folder / "cache"))
        peaks = {}
        for name, documents in DOCUMENTS.items():
            data = folder / f"{name}.tsv"
            maker = multiprocessing.get_context("spawn").Process(target=make, args=(data, documents, args.train))
            maker.start()
            maker.join()
            if maker.exitcode != 0:
                sys.exit(f"could not make {data}")
            prepare_seconds, prepare_peak, _ = run([args.sluice, "prepare", "--train", str(data)], environment)
            train = [args.sluice, "train", "--train", str(data), "--out", str(folder / name),
                     "--set", f"train.time_limit={args.seconds}"]
            _, train_peak, printed = run(train, environment)
            peaks[name] = max(prepare_peak, train_peak)
            print(f"{name}: {data.stat().st_size / 1e6:.0f} MB, {documents} documents; prepared in {prepare_seconds:.1f} s "
                  f"(peak {prepare_peak:.0f} MB); trained at {median_rate(printed):.0f} tokens/s "
                  f"(peak {train_peak:.0f} MB)", flush=True)
    finally:
        shutil.rmtree(folder)
    more = peaks["large"] - peaks["small"]
    print(f"the large file's peak is {more:.0f} MB above the small one's; allowed: {ALLOWED_MB}")
    return 0 if more <= ALLOWED_MB else 1


if __name__ == "__main__":
    sys.exit(main())
