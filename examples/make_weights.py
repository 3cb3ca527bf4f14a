#!/usr/bin/env python3
"""Writes random weights for networks whose trained ones are too large to come along.

    make_weights.py [--seed=1] [--tenon=PATH] [--out=FOLDER] SOURCE.tn..

For each source it asks `tenon` for the tensors that the network misses, and writes the .safetensors file that the
source names, beside it or into FOLDER. Kernels and matrices are scaled after He et al. 2015 (normal, variance 2 over
the inputs of one output), so that values keep their size from layer to layer; everything else is near its neutral
value. A network with such weights knows nothing: it serves to measure, to look at, and to compare with others. The
same seed gives the same file.
"""
import argparse
import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import zlib

import numpy as np

def header_bytes(shapes):
    """The head of a .safetensors file with these f32 tensors, and the bytes that follow it."""
    header, offset = {}, 0
    for name, shape in shapes.items():
        end = offset + 4 * int(np.prod(shape))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text, offset


def messages_of(tenon, *arguments):
    """What `tenon` tells, but for warnings; ends the program for other errors than missing tensors."""
    if not shutil.which(tenon):
        raise SystemExit(f"{tenon}: there is no such command; --tenon=PATH tells where the compiler is")
    result = subprocess.run([tenon, *arguments, "--diagnostics=json", "-q"], capture_output=True, text=True)
    messages = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    errors = [message["rendered"].rstrip() for message in messages if message["id"] != "E0219"]
    if errors or (result.returncode and not messages):
        raise SystemExit("\n".join(errors) or f"{tenon}: ended with status {result.returncode}\n{result.stderr}")
    return messages


def tensors_reported(tenon, source, weights):
    """(name, shape) of the tensors that are missing in a weights file; a long list is cut short."""
    messages = messages_of(tenon, "compile", source, f"--weights={weights}", "--emit=graph", "--passes=",
                           "-o", weights.with_suffix(".tir"))
    notes = [note["message"] for message in messages for note in message["children"]]
    tensors = [match for match in (re.match(r"'(.*)': f32\[([\d, ]*)\]", note) for note in notes) if match]
    return {match[1]: tuple(int(extent) for extent in match[2].split(",")) for match in tensors}


def tensors_missing(tenon, source):
    """All tensors that the network asks for: asked again with those known so far, as zeros, until none is missing."""
    shapes = {}
    with tempfile.TemporaryDirectory() as folder:
        probe = pathlib.Path(folder) / "probe.safetensors"
        while True:
            head, size = header_bytes(shapes)
            with open(probe, "wb") as file:
                file.write(head)
                file.truncate(len(head) + size)  # a hole: takes no place on the disk
            reported = tensors_reported(tenon, source, probe)
            if not reported:
                return shapes
            shapes |= reported


def tensor_make(name, shape, seed):
    random = np.random.default_rng([seed, zlib.crc32(name.encode())])
    if len(shape) > 1:
        return random.standard_normal(shape, np.float32) * np.float32(np.sqrt(2 / np.prod(shape[1:])))
    spread = random.uniform(-1, 1, shape).astype(np.float32)
    scales = name.endswith(("running_var", ".weight"))  # of normalisation; the rest is added
    return 1 + np.float32(0.2) * spread if scales else np.float32(0.1) * spread


def weights_write(path, shapes, seed):
    """One tensor in memory at a time: VGG-19 has 575 MB."""
    head, size = header_bytes(shapes)
    with open(path, "wb") as file:
        file.write(head)
        for name, shape in shapes.items():
            file.write(np.ascontiguousarray(tensor_make(name, shape, seed), "<f4").tobytes())
    return size


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", nargs="+", type=pathlib.Path, metavar="SOURCE.tn")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tenon", default="tenon", help="the compiler (tenon)")
    parser.add_argument("--out", type=pathlib.Path, help="the folder to write in; default: the source's own")
    arguments = parser.parse_args()
    for source in arguments.sources:
        weights = re.search(r'^weights from "([^"]*)"', source.read_text(), re.MULTILINE)
        if not weights:
            messages_of(arguments.tenon, "inspect", source)
            raise SystemExit(f"{source}: names no weights file")
        path = (arguments.out or source.parent) / weights[1]
        shapes = tensors_missing(arguments.tenon, source)
        size = weights_write(path, shapes, arguments.seed)
        print(f"{path}: {len(shapes)} tensors, {size / 1e6:.1f} MB, random (seed {arguments.seed}), not trained")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as error:
        sys.exit(f"{error.filename}: {error.strerror}")
