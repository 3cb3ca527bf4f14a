"""Writes an .npz of zeros: weights.py OUT.npz NAME=SHAPE[:DTYPE].., such as fc.weight=3x4 steps=7:int64."""
import sys

import numpy as np

tensors = {}
for argument in sys.argv[2:]:
    name, _, shape = argument.rpartition("=")
    shape, _, dtype = shape.partition(":")
    tensors[name] = np.zeros([int(extent) for extent in shape.split("x") if extent], dtype or np.float32)
np.savez(sys.argv[1], **tensors)
