#!/usr/bin/env python3
"""Cells of one's own against their equations in f64: gates.py WORK FLAG..."""
import sys

import numpy as np

from common import library_make, require_near, safetensors_read, weights_make

UNITS = 20


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def linear(w, name, x):
    return x @ w[f"{name}.weight"].T + w.get(f"{name}.bias", 0)


def gates(w, x, h):
    return np.split(linear(w, "x", x) + linear(w, "h", h), 4, 1)


def peephole(w, x, h, c):
    i, f, g, o = gates(w, x, h)
    c = sigmoid(f + w["peep_f"] * c) * c + sigmoid(i + w["peep_i"] * c) * np.tanh(g)
    return sigmoid(o + w["peep_o"] * c) * np.tanh(c), c


def hard(w, x, h, c):
    i, f, g, o = gates(w, x, h)
    i, f, o = (np.clip(0.2 * z + 0.5, 0, 1) for z in (i, f, o))
    c = f * c + i * np.tanh(g)
    return o * np.tanh(c), c


def five(w, x, h, c):
    a, b, d, e, r = (linear(w, f"x.{k}", x) + linear(w, f"h.{k}", h) for k in range(5))
    c = sigmoid(a) * c + sigmoid(b) * np.tanh(d) - sigmoid(e) * np.maximum(r, 0)
    return np.tanh(c), c


def normalised(w, x, h, c):
    i, f, g, o = gates(w, x, h)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    c = (c - c.mean(1, keepdims=True)) / np.sqrt(c.var(1, keepdims=True) + 1e-5)
    c = c * w["norm.weight"] + w["norm.bias"]
    return sigmoid(o) * np.tanh(c), c


def main():
    work, flags = sys.argv[1], sys.argv[2:]
    weights = weights_make("gates.tn", work)
    library = library_make("gates.tn", "gates", work, *flags, weights=weights)
    tensors = {name: tensor.astype(np.float64) for name, tensor in safetensors_read(weights).items()}
    random = np.random.default_rng(3)
    for cell in (peephole, hard, five, normalised):
        prefix = f"{cell.__name__}_cell."
        w = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
        for steps, rows in [(1, 1), (5, 3), (32, 1), (70, 2)]:
            x = random.standard_normal((steps, rows, 6)).astype(np.float32)
            h, c = random.standard_normal((2, rows, UNITS)).astype(np.float32)
            got = library.call(cell.__name__, x=x, h0=h, c0=c)
            ys, h, c = [], h.astype(np.float64), c.astype(np.float64)
            for row in x.astype(np.float64):
                h, c = cell(w, row, h, c)
                ys.append(h)
            for name, expected in {"y": np.array(ys), "h": h, "c": c}.items():
                require_near(f"{cell.__name__}, {steps} steps of {rows}: {name}", got[name], expected, 5e-6)
    print("all near", *flags)


main()
