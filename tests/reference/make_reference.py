#!/usr/bin/env python3
"""Writes reference.txt: numbers of PyTorch (CPU, double) that tests/backends/reference_test.cpp compares with.

    python3 -m venv /tmp/torch-venv && /tmp/torch-venv/bin/pip install torch numpy
    /tmp/torch-venv/bin/python make_reference.py > reference.txt

Format: `name dims... : values...`, one tensor a line, values with all 17 digits; # starts a comment.
"""
import sys

import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

torch.set_default_dtype(torch.float64)
torch.manual_seed(20240229)


def write(name, tensor):
    tensor = tensor.detach()
    dims = " ".join(str(d) for d in tensor.shape)
    print(f"{name} {dims} : " + " ".join(repr(v) for v in tensor.flatten().tolist()))


def classifier():
    """Embedding, two bidirectional LSTM layers with initial states, max pooling, linear, cross-entropy."""
    lengths = [6, 4, 4, 3, 1]
    vocabulary, embed, hidden, classes, smoothing = 11, 3, 4, 3, 0.1
    batch, steps = len(lengths), lengths[0]

    table = torch.randn(vocabulary, embed, requires_grad=True)
    ids = torch.randint(0, vocabulary, (batch, steps))
    packed_ids = pack_padded_sequence(ids, torch.tensor(lengths), batch_first=True)
    x = PackedSequence(table[packed_ids.data], packed_ids.batch_sizes)

    lstm = nn.LSTM(embed, hidden, num_layers=2, bidirectional=True)
    for name, value in lstm.named_parameters():  # Sluice has one bias: the second stays zero
        nn.init.zeros_(value) if name.startswith("bias_hh") else nn.init.normal_(value, std=0.5)
    h0 = torch.randn(4, batch, hidden, requires_grad=True)
    c0 = torch.randn(4, batch, hidden, requires_grad=True)
    y, (h_n, c_n) = lstm(x, (h0, c0))

    padded, _ = pad_packed_sequence(y, batch_first=True)
    valid = torch.arange(steps)[None, :] < torch.tensor(lengths)[:, None]
    pooled = padded.masked_fill(~valid[:, :, None], -torch.inf).amax(dim=1)
    W = torch.randn(classes, 2 * hidden, requires_grad=True)
    b = torch.randn(classes, requires_grad=True)
    logits = pooled @ W.T + b
    labels = torch.randint(0, classes, (batch,))
    losses = nn.functional.cross_entropy(logits, labels, label_smoothing=smoothing, reduction="none")
    # A pull on the final states, so that their gradients are exercised as well.
    dh_n, dc_n = torch.randn_like(h_n), torch.randn_like(c_n)
    loss = losses.mean() + (h_n * dh_n).sum() + (c_n * dc_n).sum()
    loss.backward()

    write("lengths", torch.tensor(lengths))
    write("ids", ids)
    write("labels", labels)
    write("smoothing", torch.tensor([smoothing]))
    for name, value in (("table", table), ("dtable", table.grad), ("head.W", W), ("head.dW", W.grad),
                        ("head.b", b), ("head.db", b.grad)):
        write(name, value)
    write("y", y.data)
    write("pooled", pooled)
    write("logits", logits)
    write("losses", losses)
    for layer in range(2):
        both = lambda stem: [getattr(lstm, f"{stem}_l{layer}{suffix}") for suffix in ("", "_reverse")]
        for name, stem in (("W", "weight_ih"), ("R", "weight_hh"), ("b", "bias_ih")):
            write(f"lstm{layer}.{name}", torch.stack(both(stem)))
            write(f"lstm{layer}.d{name}", torch.stack([p.grad for p in both(stem)]))
        rows = slice(2 * layer, 2 * layer + 2)
        for name, value in (("h0", h0), ("c0", c0), ("dh0", h0.grad), ("dc0", c0.grad),
                            ("hT", h_n), ("cT", c_n), ("dhT", dh_n), ("dcT", dc_n)):
            write(f"lstm{layer}.{name}", value[rows])


def batch_norm():
    rows, channels = 7, 3
    layer = nn.BatchNorm1d(channels)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    x = torch.randn(rows, channels, requires_grad=True)
    write("bn.gamma", layer.weight)
    write("bn.beta", layer.bias)
    y = layer(x)
    dy = torch.randn_like(y)
    y.backward(dy)
    for name, value in (("x", x), ("y", y), ("dy", dy), ("dx", x.grad), ("dgamma", layer.weight.grad),
                        ("dbeta", layer.bias.grad), ("running_mean", layer.running_mean),
                        ("running_var", layer.running_var)):
        write(f"bn.{name}", value)
    layer.eval()
    write("bn.eval_y", layer(x))


def optimisers():
    """Three updates of one small parameter by each optimiser."""
    start, gradients = torch.randn(6), torch.randn(3, 6)
    write("optim.start", start)
    write("optim.gradients", gradients)
    makers = {
        "adam": lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1),
        "adamw": lambda p: torch.optim.AdamW(p, lr=0.05, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1),
        "sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.7, weight_decay=0.1),
        "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.7, weight_decay=0.1, nesterov=True),
    }
    for name, make in makers.items():
        w = start.clone().requires_grad_()
        optimiser = make([w])
        for gradient in gradients:
            w.grad = gradient.clone()
            optimiser.step()
        write(f"optim.{name}", w)
    w = start.clone().requires_grad_()
    w.grad = gradients[0].clone()
    norm = nn.utils.clip_grad_norm_([w], 0.75)
    write("clip.norm", norm.reshape(1))
    write("clip.gradient", w.grad)


print(f"# Made by make_reference.py with PyTorch {torch.__version__.split('+')[0]}, CPU, double. Do not edit.")
classifier()
batch_norm()
optimisers()
sys.stdout.flush()
