"""torch.nn.LSTM or GRU on the batch of bench/recurrent_layer.cpp, driven over a pipe: see Rival in bench/frame.h.

padded: one [T,B,E] tensor, sequences of length T (PyTorch's fast path). packed: pack_padded_sequence.
"""

import argparse
import time
from typing import Callable

import torch

from serve import serve


TYPES = {"f32": torch.float32, "f64": torch.float64, "bf16": torch.bfloat16, "f16": torch.float16}


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


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cell", choices=["lstm", "gru"], required=True)
    parser.add_argument("--hidden", type=int, required=True)
    parser.add_argument("--directions", type=int, required=True)
    parser.add_argument("--lengths", required=True, help="comma-separated, longest first")
    parser.add_argument("--layout", choices=["padded", "packed"], required=True)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--type", choices=list(TYPES), default="f32")
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--forward", action="store_true")
    mode.add_argument("--backward", action="store_true")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)

    place = {"device": options.device, "dtype": TYPES[options.type]}
    lengths = [int(n) for n in options.lengths.split(",")]
    layer_type = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[options.cell]
    layer = layer_type(options.hidden, options.hidden, bidirectional=options.directions == 2).to(**place)
    x = torch.randn(lengths[0], len(lengths), options.hidden, requires_grad=True, **place)
    packed = options.layout == "packed"

    def run() -> torch.Tensor:
        if not packed:
            return layer(x)[0]
        return layer(torch.nn.utils.rnn.pack_padded_sequence(x, lengths))[0].data

    seed = torch.randn_like(run())

    def work() -> None:
        y = run()
        if options.backward:
            layer.zero_grad()
            x.grad = None
            y.backward(seed)

    serve(lambda: seconds_of(work, options.device))


if __name__ == "__main__":
    main()
