#!/usr/bin/env python3
"""Imports networks with random weights and compares them with Keras's layers in NumPy: rtneural.py SCRIPT WORK TENON."""
import json
import pathlib
import subprocess
import sys

import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "models"))
from library import Library  # noqa: E402

random = np.random.default_rng(1)
STEPS = 50


def weights(*shape):
    return random.uniform(-0.7, 0.7, shape)


def sigmoid(x):
    return 1/(1 + np.exp(-x))


# Each layer: its entry in the file, and a function of all steps [T, inputs] at once.

def dense(inputs, outputs):
    w, b = weights(inputs, outputs), weights(outputs)
    return {"type": "dense", "activation": "sigmoid", "shape": [None, None, outputs], "weights": [w, b]}, \
        lambda x: sigmoid(x @ w + b)


def conv1d(inputs, outputs, kernel, dilation, groups):
    w, b = weights(kernel, inputs//groups, outputs), weights(outputs)

    def run(x):
        before = np.concatenate([np.zeros(((kernel - 1)*dilation, inputs)), x])
        y = np.tile(b, (len(x), 1))
        for k in range(kernel):
            part = np.split(before[k*dilation:k*dilation + len(x)], groups, axis=1)
            y += np.concatenate([p @ v for p, v in zip(part, np.split(w[k], groups, axis=1))], axis=1)
        return np.tanh(y)
    return {"type": "conv1d", "activation": "tanh", "shape": [None, None, outputs], "kernel_size": [kernel],
            "dilation": [dilation], "groups": groups, "weights": [w, b]}, run


def lstm(inputs, hidden):
    kernel, recurrent, bias = weights(inputs, 4*hidden), weights(hidden, 4*hidden), weights(4*hidden)

    def run(x):
        h = c = np.zeros(hidden)
        ys = []
        for row in x:
            i, f, g, o = np.split(row @ kernel + h @ recurrent + bias, 4)
            c = sigmoid(f)*c + sigmoid(i)*np.tanh(g)
            h = sigmoid(o)*np.tanh(c)
            ys.append(h)
        return np.array(ys)
    return {"type": "lstm", "activation": "tanh", "shape": [None, None, hidden], "weights": [kernel, recurrent, bias]}, run


def gru(inputs, hidden):
    kernel, recurrent, bias = weights(inputs, 3*hidden), weights(hidden, 3*hidden), weights(2, 3*hidden)

    def run(x):
        h = np.zeros(hidden)
        ys = []
        for row in x:
            zx, rx, nx = np.split(row @ kernel + bias[0], 3)
            zh, rh, nh = np.split(h @ recurrent + bias[1], 3)
            z = sigmoid(zx + zh)
            h = z*h + (1 - z)*np.tanh(nx + sigmoid(rx + rh)*nh)
            ys.append(h)
        return np.array(ys)
    return {"type": "gru", "activation": "tanh", "shape": [None, None, hidden], "weights": [kernel, recurrent, bias]}, run


def batchnorm(channels):
    gamma, beta, mean, variance = weights(channels), weights(channels), weights(channels), 1 + weights(channels)
    return {"type": "batchnorm", "activation": "", "shape": [None, None, channels], "epsilon": 0.01,
            "weights": [gamma, beta, mean, variance]}, lambda x: gamma*(x - mean)/np.sqrt(variance + 0.01) + beta


def prelu(channels):
    w = weights(channels)
    return {"type": "prelu", "activation": "relu", "shape": [None, None, channels], "weights": [[w]]}, \
        lambda x: np.maximum(np.where(x > 0, x, w*x), 0)


NETWORKS = {
    "recurrent": [dense(2, 5), lstm(5, 7), gru(7, 6), dense(6, 1)],
    "convolutions": [conv1d(2, 6, 3, 1, 1), batchnorm(6), conv1d(6, 9, 4, 5, 3), prelu(9), conv1d(9, 3, 1, 1, 1)],
}


def check(name, layers, script, work, tenon):
    file = work / f"{name}.json"
    entries = [entry for entry, _ in layers]
    file.write_text(json.dumps({"in_shape": [None, None, 2], "layers": entries}, default=lambda array: array.tolist()))
    subprocess.run([sys.executable, script, file, "-o", work / f"{name}.tn"], check=True)
    subprocess.run([tenon, "compile", work / f"{name}.tn", "-o", work / f"{name}.so"], check=True)
    model = Library(work / f"{name}.so", name)
    x = expected = random.uniform(-1, 1, (STEPS, 2))
    for _, run in layers:
        expected = run(expected)
    whole = model.call("process", x=x)["y"]
    model.reset()
    steps = np.stack([model.call("step", x=row)["y"] for row in x])
    off = np.abs(whole - expected).max()
    print(f"{name}: off by {off:.1e}")
    if not off < 2e-6 or whole.tobytes() != steps.tobytes():
        sys.exit(f"{name}: more than 2e-6, or steps give other bits")


script, work, tenon = sys.argv[1:]
for name, layers in NETWORKS.items():
    check(name, layers, script, pathlib.Path(work), tenon)
