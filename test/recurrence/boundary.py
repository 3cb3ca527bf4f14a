#!/usr/bin/env python3
"""LSTM, GRU and RNN of odd sizes against their equations in f64: boundary.py WORK FLAG...

Results are of the size of one, however small by chance: sums of up to 66 products may be off by 5e-6."""
import pathlib
import sys

import numpy as np

from common import library_make, require_near

SIZES = [(1, 1), (1, 33), (3, 17), (17, 3), (33, 1), (33, 33)]
GATES = {"lstm": 4, "gru": 3, "rnn": 1}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step(layer, w, x, h, c):
    zx, zh = (x @ w["weight_ih_l0"].T + w["bias_ih_l0"], h @ w["weight_hh_l0"].T + w["bias_hh_l0"])
    if layer == "rnn":
        return np.tanh(zx + zh), c
    if layer == "gru":
        (rx, zx, nx), (rh, zh, nh) = np.split(zx, 3, 1), np.split(zh, 3, 1)
        z = sigmoid(zx + zh)
        return (1 - z) * np.tanh(nx + sigmoid(rx + rh) * nh) + z * h, c
    i, f, g, o = np.split(zx + zh, 4, 1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def weights_write(path, random, inputs, units):
    tensors = {}
    for layer, gates in GATES.items():
        for name, shape in {"weight_ih_l0": (gates * units, inputs), "weight_hh_l0": (gates * units, units),
                            "bias_ih_l0": (gates * units,), "bias_hh_l0": (gates * units,)}.items():
            tensors[f"{layer}.{name}"] = random.uniform(-1, 1, shape).astype(np.float32) / np.float32(np.sqrt(units))
    np.savez(path, **tensors)
    return tensors


def check(library, tensors, random, layer, shape, units):
    x = random.standard_normal(shape).astype(np.float32)
    w = {name.split(".")[1]: v.astype(np.float64) for name, v in tensors.items() if name.startswith(f"{layer}.")}
    h = c = np.zeros((shape[1], units))
    ys = []
    for row in x.astype(np.float64):
        h, c = step(layer, w, row, h, c)
        ys.append(h)
    expected = {"y": np.array(ys), "h": h[None], "c": c[None]}
    for name, got in library.call(f"run_{layer}", x=x).items():
        require_near(f"{layer} of {shape[2]} and {units}, x{list(shape)}: {name}", got, expected[name], 5e-6, scale=1)


def main():
    work, flags = pathlib.Path(sys.argv[1]), sys.argv[2:]
    work.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(11)
    for inputs, units in SIZES:
        tensors = weights_write(work / "boundary.npz", random, inputs, units)
        library = library_make("boundary.tn", "boundary", work, f"-DI={inputs}", f"-DH={units}", *flags,
                               weights=work / "boundary.npz")
        for layer in GATES:
            for steps, rows in [(1, 1), (1, 64), (40, 1), (40, 64), (33, 5)]:
                check(library, tensors, random, layer, (steps, rows, inputs), units)
    print("all near", *flags)


main()
