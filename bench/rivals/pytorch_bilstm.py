"""The text classifier of bench/end_to_end.cpp in PyTorch, on the same batches, driven over a pipe (Rival in bench/frame.h).

Embedding, one bidirectional LSTM, max pooling over the valid steps, linear head, cross-entropy, gradient clipping, AdamW: the
program a PyTorch user would write. One repetition trains once over every batch of the file.
"""

import argparse
import time

import numpy
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from serve import serve


def read_batches(path: str):
    """int32: vocabulary, classes, batches; then for each B, T, lengths [B], labels [B], ids [B,T] (0 in padding)."""
    words = torch.from_numpy(numpy.fromfile(path, dtype=numpy.int32).astype(numpy.int64))
    vocabulary, classes, count = words[:3].tolist()
    batches, at = [], 3
    for _ in range(count):
        size, steps = words[at : at + 2].tolist()
        at += 2
        lengths, labels = words[at : at + size], words[at + size : at + 2 * size]
        at += 2 * size
        batches.append((lengths, labels, words[at : at + size * steps].view(size, steps)))
        at += size * steps
    return vocabulary, classes, batches


class BiLstm(torch.nn.Module):
    def __init__(self, vocabulary: int, classes: int, embedding: int, hidden: int, packed: bool):
        super().__init__()
        self.packed = packed
        self.embedding = torch.nn.Embedding(vocabulary, embedding)
        self.lstm = torch.nn.LSTM(embedding, hidden, batch_first=True, bidirectional=True)
        self.head = torch.nn.Linear(2 * hidden, classes)

    def forward(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        x = self.embedding(ids)
        if self.packed:
            y, _ = pad_packed_sequence(self.lstm(pack_padded_sequence(x, lengths, batch_first=True))[0], batch_first=True)
        else:
            y, _ = self.lstm(x)
        padding = torch.arange(y.shape[1])[None, :] >= lengths[:, None]
        return self.head(y.masked_fill(padding[:, :, None], float("-inf")).amax(1))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--batches", required=True)
    parser.add_argument("--embedding", type=int, required=True)
    parser.add_argument("--hidden", type=int, required=True)
    parser.add_argument("--layout", choices=["padded", "packed"], required=True)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    vocabulary, classes, batches = read_batches(options.batches)
    model = BiLstm(vocabulary, classes, options.embedding, options.hidden, options.layout == "packed")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)

    def repeat() -> float:
        begin = time.perf_counter()
        for lengths, labels, ids in batches:
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(ids, lengths), labels)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        return time.perf_counter() - begin

    serve(repeat)


if __name__ == "__main__":
    main()
