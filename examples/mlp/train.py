#!/usr/bin/env python3
"""Trains a sigmoid MLP on handwritten digits and writes mlp.safetensors, with the names of the layers in mlp.tn.

    train.py DIGITS          DIGITS: see ../training.py

Plain stochastic gradient descent with momentum, written out in NumPy; each epoch moves every picture by up to one
pixel. The weights beside this file come from 10 000 training digits of MNIST, as github.com/cazala/mnist redistributes
them. Under a minute; the same seed gives the same weights.
"""
import os
import pathlib
import sys

os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"  # one order of summation
import numpy as np  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import training  # noqa: E402

EPOCHS, BATCH, HIDDEN, RATE, MOMENTUM, DECAY = 60, 50, 128, 0.2, 0.9, 1e-5


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    z = np.exp(z - z.max(axis=1, keepdims=True))
    return z / z.sum(axis=1, keepdims=True)


def forward(p, x):
    hidden = sigmoid(x @ p["fc1.weight"].T + p["fc1.bias"])
    return hidden, softmax(hidden @ p["fc2.weight"].T + p["fc2.bias"])


def gradients(p, x, target):
    """Of the mean cross entropy; target f32[n, 10] is one-hot."""
    hidden, y = forward(p, x)
    out = (y - target) / len(x)
    inner = (out @ p["fc2.weight"]) * hidden * (1 - hidden)
    return {"fc1.weight": inner.T @ x, "fc1.bias": inner.sum(axis=0),
            "fc2.weight": out.T @ hidden, "fc2.bias": out.sum(axis=0)}


def moved(images, random):
    """Each of images f32[n, 28, 28] by -1, 0 or 1 pixels in both directions."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (28, 28), axis=(1, 2))
    down, right = random.integers(0, 3, (2, len(images)))
    return windows[np.arange(len(images)), down, right]


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    random = np.random.default_rng(784)
    images, labels = training.digits_read(sys.argv[1])
    kept, kept_labels = training.digits_kept()

    def uniform(rows, columns):
        return random.uniform(-1, 1, (rows, columns)).astype(np.float32) * np.float32(np.sqrt(6 / (rows + columns)))

    p = {"fc1.weight": uniform(HIDDEN, 784), "fc1.bias": np.zeros(HIDDEN, np.float32),
         "fc2.weight": uniform(10, HIDDEN), "fc2.bias": np.zeros(10, np.float32)}
    velocity = {name: np.zeros_like(value) for name, value in p.items()}
    target = np.eye(10, dtype=np.float32)[labels]
    for epoch in range(1, EPOCHS + 1):
        rate = RATE * 0.5 * (1 + np.cos(np.pi * (epoch - 1) / EPOCHS))
        for rows in np.split(random.permutation(len(images)), range(BATCH, len(images), BATCH)):
            step = gradients(p, moved(images[rows], random).reshape(-1, 784), target[rows])
            for name in p:
                velocity[name] = np.float32(MOMENTUM) * velocity[name] - np.float32(rate) * (
                    step[name] + np.float32(DECAY) * p[name])
                p[name] += velocity[name]
        if epoch % 5 == 0:
            right = forward(p, kept.reshape(-1, 784))[1].argmax(axis=1) == kept_labels
            print(f"epoch {epoch}: {right.mean():.1%} of the kept digits", flush=True)
    training.safetensors_write(HERE / "mlp.safetensors", p)


if __name__ == "__main__":
    main()
