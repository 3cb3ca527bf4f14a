#!/usr/bin/env python3
"""The same bits on one, two and three threads, whatever the order of the work items: threads.py WORK FLAG..."""
import ctypes
import sys

import numpy as np

from common import executor_create, library_make, require_same, weights_make


def main():
    work, flags = sys.argv[1], sys.argv[2:]
    weights = weights_make("threads.tn", work)
    library = library_make("threads.tn", "threads", work, "--threads=pool", *flags, weights=weights)
    serial = library_make("threads.tn", "threads", work, *flags, weights=weights)
    random = np.random.default_rng(4)
    for entry, shapes in {"run_lstm": [(50, 8, 48), (3, 1, 48)], "run_gru": [(50, 5, 48)], "run_one": [(50, 48), (1, 48)]}.items():
        for shape in shapes:
            x = random.standard_normal(shape).astype(np.float32)
            serial.reset()
            expected = serial.call(entry, x=x)
            for threads in (0, 1, 2, 3):
                executor = executor_create(threads, threads) if threads else None
                library.executor = ctypes.addressof(executor) if executor else None
                library.reset()
                for name, y in library.call(entry, x=x).items():
                    require_same(f"{entry} of {shape} on {threads} threads: {name}", y, expected[name])
    print("all the same", *flags)


main()
