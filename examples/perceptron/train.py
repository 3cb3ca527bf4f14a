#!/usr/bin/env python3
"""Trains the perceptrons of perceptron.tn by Rosenblatt's rule and writes perceptron.safetensors.

    train.py DIGITS          DIGITS: see ../training.py

AND and OR are learned from their truth tables. The third perceptron tells zeros from ones by two features of a picture,
the mean ink of the whole and of the middle: a zero is hollow, a one is not. Its data are the zeros and ones among
10 000 training digits of MNIST, as github.com/cazala/mnist redistributes them. NumPy; a few seconds.
"""
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import training  # noqa: E402


def features(images):
    """Mean ink of images f32[n, 28, 28], and of their middle 8 x 8 pixels."""
    return np.stack([images.mean(axis=(1, 2)), images[:, 10:18, 10:18].mean(axis=(1, 2))], axis=1)


def step(z):
    return (z > 0).astype(np.float64)


def learn(x, y, epochs, rate, random):
    """Weight [1, 2] and bias [1]. After each wrong answer: w += rate (y - answer) x. As zeros and ones overlap a
    little, the rule never comes to rest there; the weights that were right most often are kept (Gallant's pocket)."""
    w = np.zeros(3)
    x = np.column_stack([x, np.ones(len(x))])
    best, best_right = w, -1
    for _ in range(epochs):
        for i in random.permutation(len(x)):
            w = w + rate * (y[i] - step(x[i] @ w)) * x[i]
        right = np.sum(step(x @ w) == y)
        if right > best_right:
            best, best_right = w, right
    print(f"{best_right} of {len(x)} right")
    return best[None, :2], best[2:]


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    random = np.random.default_rng(1958)
    table = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    images, labels = training.digits_read(sys.argv[1])
    chosen = labels <= 1
    weights = {}
    for name, x, y, epochs, rate in [
            ("conjunction", table, table.min(axis=1), 20, 0.5),
            ("disjunction", table, table.max(axis=1), 20, 0.5),
            ("ring", features(images[chosen]), 1 - labels[chosen], 200, 0.1)]:
        weights[f"{name}.weight"], weights[f"{name}.bias"] = learn(x, y, epochs, rate, random)
    training.safetensors_write(HERE / "perceptron.safetensors", weights)

    kept, kept_labels = training.digits_kept()
    chosen = kept_labels <= 1
    answers = step(features(kept[chosen]) @ weights["ring.weight"][0] + weights["ring.bias"][0])
    print(f"{np.sum(answers == 1 - kept_labels[chosen])} of the {chosen.sum()} kept zeros and ones right")


if __name__ == "__main__":
    main()
