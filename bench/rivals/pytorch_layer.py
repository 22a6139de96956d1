"""torch.nn.LSTM or GRU on the batches of bench/recurrent_layer.cpp, driven over a pipe: see serve.py.

padded: one [T,B,E] tensor, sequences of length T (PyTorch's fast path). packed: pack_padded_sequence. graph: the same work recorded
as a CUDA graph and replayed.
"""

import argparse
import time
from typing import Callable

import torch

from flatten import flatten
from serve import Repeat, serve


TYPES = {"f32": torch.float32, "f64": torch.float64, "bf16": torch.bfloat16, "f16": torch.float16}


def parse_process() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cell", choices=["lstm", "gru"], required=True)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--type", choices=list(TYPES), default="f32")
    return parser.parse_args()


def parse_case(options: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="case NAME")
    parser.add_argument("--hidden", type=int, required=True)
    parser.add_argument("--directions", type=int, required=True)
    parser.add_argument("--lengths", required=True, help="comma-separated, longest first")
    parser.add_argument("--layout", choices=["padded", "packed"], required=True)
    parser.add_argument("--graph", action="store_true")
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--forward", action="store_true")
    mode.add_argument("--backward", action="store_true")
    return parser.parse_args(options)


def seconds_of(work: Callable[[], None], device: str) -> float:
    """As bench/stopwatch.h: on a GPU between two events, the L2 cache flushed before the first."""
    if device == "cpu":
        begin = time.perf_counter()
        work()
        return time.perf_counter() - begin
    torch.empty(2 * torch.cuda.get_device_properties(0).L2_cache_size, dtype=torch.int8, device="cuda").zero_()
    first, last = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    first.record()
    work()
    last.record()
    last.synchronize()
    return first.elapsed_time(last) / 1e3


def recorded(work: Callable[[], None]) -> Callable[[], None]:
    """The work as a CUDA graph, in the way of PyTorch's notes on CUDA semantics: warmed up on a side stream, then captured."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            work()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        work()
    graph.replay()
    torch.cuda.synchronize()
    return graph.replay


def make_layer(process: argparse.Namespace, case: argparse.Namespace, place: dict) -> torch.nn.Module:
    layer_type = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[process.cell]
    layer = layer_type(case.hidden, case.hidden, bidirectional=case.directions == 2).to(**place)
    flatten(layer)
    return layer


def prepare(process: argparse.Namespace, options: list[str]) -> Repeat:
    case = parse_case(options)
    place = {"device": process.device, "dtype": TYPES[process.type]}
    lengths = [int(n) for n in case.lengths.split(",")]
    layer = make_layer(process, case, place)
    x = torch.randn(lengths[0], len(lengths), case.hidden, requires_grad=True, **place)

    def run() -> torch.Tensor:
        if case.layout == "padded":
            return layer(x)[0]
        return layer(torch.nn.utils.rnn.pack_padded_sequence(x, lengths))[0].data

    seed = torch.randn_like(run())

    def work() -> None:
        y = run()
        if case.backward:
            layer.zero_grad()
            x.grad = None
            y.backward(seed)

    timed = recorded(work) if case.graph else work
    return lambda: seconds_of(timed, process.device)


def main() -> None:
    process = parse_process()
    if process.threads:
        torch.set_num_threads(process.threads)
    serve(lambda options: prepare(process, options))


if __name__ == "__main__":
    main()
