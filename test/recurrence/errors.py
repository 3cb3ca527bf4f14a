#!/usr/bin/env python3
"""What a call must not be given: errors.py WORK FLAG... Nothing is written then."""
import ctypes as c
import sys

import numpy as np

from common import library_make, weights_make
from library import Call, addresses

INDEX, NULL, ALIGN = 6, 3, 4


def call(library, name, inputs, sizes, shapes, state):
    """The status, and whether the outputs and the state are as they were."""
    entry = library.entries[name]
    dims = (c.c_int64 * 8)(*(sizes[dim.name] for dim in entry.dims[:entry.dim_count]))
    outputs = [np.full(shape, 77, np.float32) for shape in shapes]
    before = library.state.memory.copy()
    status = entry.call(Call(c.sizeof(Call), c.addressof(dims), addresses(inputs), addresses(outputs),
                             state, None, library.workspace.address, entry.workspace_size_max, None))
    kept = all((y == 77).all() for y in outputs) and (library.state.memory == before).all()
    return status, kept


def require(what, got, expected):
    if got != expected:
        sys.exit(f"{what}: status and whether all is kept are {got}, expected {expected}")


def check_lengths(library):
    for steps, lengths, status in [(7, [0, 7], 0), (7, [8, 0], INDEX), (7, [7, -1], INDEX), (7, [0, 2**31 - 1], INDEX),
                                   (1, [-2**31, 1], INDEX), (100, [101, 100], INDEX)]:
        given = np.array(lengths, np.int32)
        for name, layers, units, states in [("lstm", 2, 9, 2), ("gru", 2, 9, 1), ("rnn", 1, 9, 1), ("both", 2, 6, 2)]:
            rows = [2, steps] if name == "gru" else [steps, 2]
            begin = [np.ones((layers, 2, units), np.float32)] * states
            shapes = [(*rows, 12 if name == "both" else 9)] + [(layers, 2, units)] * states
            got = call(library, f"{name}_padded", [np.ones((*rows, 5), np.float32), *begin, given], {b"N": 2, b"T": steps}, shapes, None)
            require(f"{name}, {steps} steps, lengths {lengths}", got, (status, status != 0))


def check_attention(library):
    """Nothing to look at is outside, too."""
    for steps, lengths, status in [(7, [1, 7], 0), (7, [8, 1], INDEX), (7, [7, 0], INDEX), (7, [-1, 7], INDEX),
                                   (7, [-2**31, 7], INDEX), (1, [1, 2**31 - 1], INDEX), (1, [1, 1], 0)]:
        inputs = [np.ones((2, 9), np.float32), np.ones((2, steps, 9), np.float32), np.array(lengths, np.int32)]
        for name, rows in [("look_once", [2]), ("look_on", [4, 2])]:
            got = call(library, name, inputs, {b"N": 2, b"T": steps}, [(*rows, 9), (*rows, steps)], None)
            require(f"{name}, {steps} steps, lengths {lengths}", got, (status, status != 0))


def check_state(library):
    x = [np.ones((3, 5), np.float32)]
    address = library.state.address
    require("no state", call(library, "lstm_some", x, {b"T": 3}, [(3, 9)], None), (NULL, True))
    require("a crooked state", call(library, "lstm_some", x, {b"T": 3}, [(3, 9)], address + 4), (ALIGN, True))
    require("a state", call(library, "lstm_some", x, {b"T": 3}, [(3, 9)], address), (0, False))


def main():
    work, flags = sys.argv[1], sys.argv[2:]
    library = library_make("relations.tn", "relations", work, *flags, weights=weights_make("relations.tn", work))
    check_lengths(library)
    check_attention(library)
    check_state(library)
    print("all told", *flags)


main()
