"""What the training scripts share: reading digits, bending them, and writing weights.

Digits are MNIST (Y. LeCun and C. Cortes, CC BY-SA 3.0), read from
  - an .npz file holding images, u8[n, 28, 28], and labels, u8[n], or
  - a folder with the original idx files, train-images-idx3-ubyte and train-labels-idx1-ubyte, gzipped or not.
"""
import gzip
import json
import pathlib
import struct

import numpy as np


def _idx_bytes(path):
    for candidate in (path, path.with_name(path.name + ".gz")):
        if candidate.exists():
            data = candidate.read_bytes()
            return gzip.decompress(data) if candidate.suffix == ".gz" else data
    raise SystemExit(f"{path}: no such file (nor {path.name}.gz)")


def idx_read(path):
    """The u8 array of an idx file: two zero bytes, type 8, rank, big-endian extents, elements."""
    data = _idx_bytes(pathlib.Path(path))
    zero, kind, rank = struct.unpack_from(">HBB", data)
    if zero != 0 or kind != 8:
        raise SystemExit(f"{path}: not an idx file of u8")
    shape = struct.unpack_from(f">{rank}I", data, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def digits_read(path):
    """Images f32[n, 28, 28] in 0..1, labels int64[n]."""
    path = pathlib.Path(path)
    if path.suffix == ".npz":
        with np.load(path) as file:
            images, labels = file["images"], file["labels"]
    else:
        images = idx_read(path / "train-images-idx3-ubyte")
        labels = idx_read(path / "train-labels-idx1-ubyte")
    return images.astype(np.float32) / 255, labels.astype(np.int64)


def digits_kept(folder=pathlib.Path(__file__).parent / "digits"):
    """The 500 test digits that come with the examples; no training script learns from them."""
    return (idx_read(folder / "images.idx").astype(np.float32) / 255,
            idx_read(folder / "labels.idx").astype(np.int64))


def safetensors_write(path, tensors, half=False):
    """Writes f32 tensors by name, rounded to f16 if |half|: the length of a header, eight bytes, the header in JSON, then
    the elements, little-endian."""
    code, dtype = ("F16", "<f2") if half else ("F32", "<f4")
    header, blobs, offset = {}, [], 0
    for name, tensor in tensors.items():
        blob = np.ascontiguousarray(tensor, dtype).tobytes()
        header[name] = {"dtype": code, "shape": list(np.shape(tensor)), "data_offsets": [offset, offset + len(blob)]}
        offset += len(blob)
        blobs.append(blob)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + b"".join(blobs))
