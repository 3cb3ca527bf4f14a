#!/usr/bin/env python3
"""A filter that forgets slowly, over ten thousand steps, against f64: long.py WORK FLAG...

A step rounds at most three times, each by half a unit in the last place of what is at most |h| + |x|, and what was off
before is shrunk by `keep`. So after any number of steps h is off by at most 3 u max|x| / (1 - keep).
"""
import pathlib
import sys

import numpy as np

from common import library_make, require_same

STEPS = 10_000


def main():
    work, flags = pathlib.Path(sys.argv[1]), sys.argv[2:]
    work.mkdir(parents=True, exist_ok=True)
    keep = np.array([0, 0.5, 0.9, 0.99, 0.999, 0.9995, 0.9999, 0.99999], np.float32)
    np.savez(work / "long.npz", keep=keep)
    library = library_make("long.tn", "long", work, *flags, weights=work / "long.npz")
    x = np.random.default_rng(2).uniform(0, 1, (STEPS, 8)).astype(np.float32)
    h = np.zeros(8)
    for row in x.astype(np.float64):
        h = keep.astype(np.float64) * h + (np.float32(1) - keep).astype(np.float64) * row
    got = library.call("some", x=x)["y"]
    off, bound = np.abs(got - h), 3 * 2.0 ** -24 / (1 - keep.astype(np.float64))
    if not (off <= bound).all():
        sys.exit(f"off by {off}, allowed {bound}")
    library.reset()
    for row in x:
        stepped = library.call("step", x=row)["y"]
    require_same("step by step", stepped, got)
    print("all near", *flags)


main()
