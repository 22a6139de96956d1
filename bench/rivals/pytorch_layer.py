"""torch.nn.LSTM or GRU on the batch of bench/recurrent_layer.cpp, driven over a pipe: see Rival in bench/frame.h.

padded: one [T,B,E] tensor, sequences of length T (PyTorch's fast path). packed: pack_padded_sequence.
"""

import argparse
import time

import torch

from serve import serve


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cell", choices=["lstm", "gru"], required=True)
    parser.add_argument("--hidden", type=int, required=True)
    parser.add_argument("--directions", type=int, required=True)
    parser.add_argument("--lengths", required=True, help="comma-separated, longest first")
    parser.add_argument("--layout", choices=["padded", "packed"], required=True)
    parser.add_argument("--threads", type=int, default=0)
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--forward", action="store_true")
    mode.add_argument("--backward", action="store_true")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)

    lengths = [int(n) for n in options.lengths.split(",")]
    layer_type = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}[options.cell]
    layer = layer_type(options.hidden, options.hidden, bidirectional=options.directions == 2)
    x = torch.randn(lengths[0], len(lengths), options.hidden, requires_grad=True)
    packed = options.layout == "packed"

    def run() -> torch.Tensor:
        if not packed:
            return layer(x)[0]
        return layer(torch.nn.utils.rnn.pack_padded_sequence(x, lengths))[0].data

    seed = torch.randn_like(run())

    def repeat() -> float:
        begin = time.perf_counter()
        y = run()
        if options.backward:
            layer.zero_grad()
            x.grad = None
            y.backward(seed)
        return time.perf_counter() - begin

    serve(repeat)


if __name__ == "__main__":
    main()
