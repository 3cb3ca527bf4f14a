"""The arrays that the tests of `tenon run` use, written into the folder that is named."""

import shutil
import sys

import numpy as np

folder = sys.argv[1]
x = np.arange(6, dtype=np.float32).reshape(2, 3)
arrays = {
    "x": x,
    "x64": x.astype(np.float64),
    "wide": np.zeros((2, 4), np.float32),
    "tall": np.zeros((9, 3), np.float32),
    "int": x.astype(np.int64),
    "ids": np.arange(1, 8, dtype=np.int32),
    "even": np.arange(6),
    "flag": np.array([True, False, True]),
    "big": np.array(300),
}
for name, array in arrays.items():
    np.save(f"{folder}/{name}.npy", array)
np.savez(f"{folder}/all.npz", x=x, other=x)
shutil.copy(f"{folder}/x.npy", f"{folder}/x.npy.so")
