"""The text classifier of bench/end_to_end.cpp in PyTorch, on the same batches, driven over a pipe: see serve.py.

Embedding, one bidirectional LSTM, max pooling over the valid steps, linear head, cross-entropy, gradient clipping, AdamW: the
program a PyTorch user would write. On a GPU each step moves its batch there from pinned memory. One repetition trains once over every
batch of the file.
"""

import argparse
import time

import numpy
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from flatten import flatten
from serve import Repeat, serve


TYPES = {"f32": torch.float32, "f64": torch.float64, "bf16": torch.bfloat16}


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
        padding = torch.arange(y.shape[1], device=y.device)[None, :] >= lengths.to(y.device, non_blocking=True)[:, None]
        return self.head(y.masked_fill(padding[:, :, None], float("-inf")).amax(1))


def parse_process() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--batches", required=True)
    parser.add_argument("--embedding", type=int, required=True)
    parser.add_argument("--hidden", type=int, required=True)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--type", choices=list(TYPES), default="f32")
    return parser.parse_args()


def prepare(process: argparse.Namespace, data: tuple, options: list[str]) -> Repeat:
    parser = argparse.ArgumentParser(prog="case NAME")
    parser.add_argument("--layout", choices=["padded", "packed"], required=True)
    packed = parser.parse_args(options).layout == "packed"
    vocabulary, classes, batches = data
    on_gpu = process.device == "cuda"
    torch.manual_seed(1)
    model = BiLstm(vocabulary, classes, process.embedding, process.hidden, packed).to(process.device, TYPES[process.type])
    flatten(model.lstm)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=on_gpu or None)

    def repeat() -> float:
        begin = time.perf_counter()
        for lengths, labels, ids in batches:
            ids, labels = (x.to(process.device, non_blocking=True) for x in (ids, labels))
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(model(ids, lengths), labels)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        if on_gpu:
            torch.cuda.synchronize()
        return time.perf_counter() - begin

    return repeat


def main() -> None:
    process = parse_process()
    if process.threads:
        torch.set_num_threads(process.threads)
    vocabulary, classes, batches = read_batches(process.batches)
    if process.device == "cuda":
        batches = [tuple(x.pin_memory() for x in batch) for batch in batches]
    serve(lambda options: prepare(process, (vocabulary, classes, batches), options))


if __name__ == "__main__":
    main()
