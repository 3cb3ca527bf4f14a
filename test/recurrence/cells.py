#!/usr/bin/env python3
"""Layers of the library, the same cells written by hand, in two spellings, and these unrolled: cells.py WORK FLAG..."""
import sys

import numpy as np

from common import library_make, require_near, require_same, weights_make


def main():
    work, flags = sys.argv[1], sys.argv[2:]
    library = library_make("cells.tn", "cells", work, *flags, weights=weights_make("cells.tn", work))
    random = np.random.default_rng(8)
    for cell in ("lstm", "gru", "rnn"):
        for steps, rows in [(5, 1), (5, 4), (1, 2), (40, 3)]:
            x = random.standard_normal((steps, rows, 7)).astype(np.float32)
            expected = library.call(f"{cell}_library", x=x)
            for name, y in library.call(f"{cell}_written", x=x).items():
                require_same(f"{cell} written, {steps} steps of {rows}: {name}", y, expected[name])
            if cell == "lstm":
                for name, y in library.call("lstm_line", x=x).items():
                    require_near(f"lstm in a line, {steps} steps of {rows}: {name}", y, expected[name], 1e-6)
            if steps != 5:
                continue
            for name, y in library.call(f"{cell}_unrolled", x=x).items():
                require_near(f"{cell} unrolled, {rows} rows: {name}", y, expected[name], 1e-6)
    print("all the same", *flags)


main()
