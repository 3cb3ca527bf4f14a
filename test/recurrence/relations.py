#!/usr/bin/env python3
"""Relations between calls, to the bit: relations.py WORK FLAG...

Steps on a state are a sequence, a batch is its rows, padding changes nothing, backwards is forwards on what was
turned around, any cut of a sequence is the whole, and the order in which work items run tells nothing.
"""
import sys

import numpy as np

from common import library_make, require_same, weights_make

RANDOM = np.random.default_rng(5)
# name: input sizes, states, axis of time, axis of rows
LAYERS = {"lstm": (["h0", "c0"], (2, 9), 0), "gru": (["h0"], (2, 9), 1), "rnn": (["h0"], (1, 9), 0),
          "both": (["h0", "c0"], (2, 6), 0)}


def numbers(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def given(layer, steps, rows):
    states, (layers, units), time = LAYERS[layer]
    x = numbers(rows, steps, 5) if time else numbers(steps, rows, 5)
    return {"x": x, **{name: numbers(layers, rows, units) for name in states}}


def row_of(layer, values, row):
    """The inputs or results of one row."""
    rows = 1 - LAYERS[layer][2]
    return {name: np.take(v, [row], rows if name in "xy" else min(1, v.ndim - 1)) for name, v in values.items()}


def check_batches(library, layer):
    for rows, steps in [(1, 1), (3, 33), (8, 100), (5, 32), (2, 31)]:
        values = given(layer, steps, rows)
        whole = library.call(f"{layer}_all", **values)
        for row in range(rows):
            for name, y in library.call(f"{layer}_all", **row_of(layer, values, row)).items():
                require_same(f"{layer}: row {row} of {rows}, {steps} steps, {name}", y, row_of(layer, whole, row)[name])


def check_padding(library, layer):
    time = LAYERS[layer][2]
    for steps, lengths in [(100, [0, 100, 1, 33, 32, 99, 64, 100]), (7, [0, 0, 7, 3]), (1, [0, 1]), (40, [0])]:
        values = given(layer, steps, len(lengths))
        padded = library.call(f"{layer}_padded", lengths=np.array(lengths, np.int32), **values)
        for row, length in enumerate(lengths):
            alone, got = row_of(layer, values, row), row_of(layer, padded, row)
            what = f"{layer}: row {row} of length {length} in {steps} steps"
            valid, beyond = np.split(got.pop("y"), [length], time)
            require_same(f"{what}, beyond", beyond, np.zeros_like(beyond))
            if length == 0:
                for name, state in got.items():
                    require_same(f"{what}, {name}", state, alone[f"{name}0"])
                continue
            alone["x"] = np.take(alone["x"], range(length), time)
            expected = library.call(f"{layer}_all", **alone)
            for name, y in (got | {"y": valid}).items():
                require_same(f"{what}, {name}", y, expected[name])


def check_backwards(library):
    """The second direction of `both` is `back` on the input turned around; padded rows are turned each by itself."""
    for steps in (1, 2, 31, 32, 33, 100):
        values = {"x": numbers(steps, 3, 5), "h0": np.zeros((2, 3, 6)), "c0": np.zeros((2, 3, 6))}
        got = library.call("both_all", **values)
        turned = library.call("back_all", x=values["x"][::-1])
        require_same(f"backwards, {steps} steps", got["y"][:, :, 6:], turned["y"][::-1])
        for name in "hc":
            require_same(f"backwards, {steps} steps, {name}", got[name][1:], turned[name])


def check_calls(library, layer):
    steps = 100
    x = RANDOM.integers(0, 20, steps) if layer == "words" else numbers(steps, 5)
    library.reset()
    whole = library.call(f"{layer}_some", x=x)["y"]
    library.reset()
    for t in range(steps):
        require_same(f"{layer}: step {t}", library.call(f"{layer}_step", x=x[t])["y"], whole[t])
    for cuts in [[1], [99], [32, 64], [31, 33, 50], sorted(RANDOM.choice(99, 12, False) + 1)]:
        library.reset()
        parts = [library.call(f"{layer}_some", x=part)["y"] for part in np.split(x, cuts)]
        require_same(f"{layer}: cut at {cuts}", np.concatenate(parts), whole)
    if layer == "words":
        library.reset()
        require_same("the last position", library.call("words_last", x=x)["y"], whole[-1])


def check_prefixes(library):
    """How a decoder begins does not depend on how long it goes on."""
    x = numbers(100, 9)
    whole = library.call("decode", x=x)["y"]
    for steps in (1, 5, 31, 32, 33, 70):
        require_same(f"the first {steps} steps", library.call("decode", x=x[:steps])["y"], whole[:steps])


def check_all(library):
    for layer in LAYERS:
        check_batches(library, layer)
        check_padding(library, layer)
    check_backwards(library)
    check_prefixes(library)
    for layer in ("lstm", "gru", "rnn", "words"):
        check_calls(library, layer)


def main():
    work, flags = sys.argv[1], sys.argv[2:]
    library = library_make("relations.tn", "relations", work, *flags, weights=weights_make("relations.tn", work))
    check_all(library)
    print("all the same", *flags)


main()
