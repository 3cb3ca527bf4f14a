#!/usr/bin/env python3
"""Compares layers with what PyTorch made of them: check.py SOURCE.tn WORK TENON.

All entries are run by the interpreter, and compiled for the baseline, for this machine, and without optimisation. Each
result may be off by 1e-5 of its range. Inputs and results are in the file that SOURCE takes its weights from, which
make_references.py made.
"""
import pathlib
import re
import subprocess
import sys

import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "models"))
from cases import safetensors_read  # noqa: E402
from library import Library  # noqa: E402

MARK = 1e-5
FLAGS = [[], ["-march=native"], ["-O0"]]


def arrays(tensors, kind):
    """{entry: {name: array}} of the tensors `KIND.ENTRY.NAME`."""
    entries = {}
    for key, array in tensors.items():
        if key.startswith(f"{kind}."):
            _, entry, name = key.split(".")
            entries.setdefault(entry, {})[name] = array
    return entries


def interpret(tenon, source, work, entry, inputs):
    given, got = work / "in.npz", work / "out.npz"
    np.savez(given, **inputs)
    got.unlink(missing_ok=True)
    words = [f"{name}=@{given}:{name}" for name in inputs]
    subprocess.run([tenon, "run", "-q", source, f"--entry={entry}", *words, "-o", got], check=True)
    with np.load(got) as file:
        return {name: file[name] for name in file.files}


def compare(what, got, expected):
    if set(got) != set(expected):
        sys.exit(f"{what}: results are {', '.join(got)}, expected {', '.join(expected)}")
    for name, y in expected.items():
        if got[name].shape != y.shape:
            sys.exit(f"{what}: {name} is {got[name].shape}, expected {y.shape}")
        off = np.abs(got[name].astype(np.float64) - y).max() / (np.ptp(y) or 1.0)
        print(f"{what}: {name} is off by {off:.1e} of its range")
        if not off <= MARK:
            sys.exit(f"{what}: {name} is too far off")


def main():
    source, work, tenon = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    work.mkdir(parents=True, exist_ok=True)
    text = source.read_text()
    tensors = safetensors_read(source.parent / re.search(r'^weights from "(.*)"', text, re.MULTILINE)[1])
    model = re.search(r"^model (\w+)", text, re.MULTILINE)[1].lower()
    inputs, outputs = arrays(tensors, "in"), arrays(tensors, "out")
    for entry, given in inputs.items():
        compare(f"{entry}, interpreted", interpret(tenon, source, work, entry, given), outputs[entry])
    for flags in FLAGS:
        path = work / f"{source.stem}{''.join(flags)}.so"
        subprocess.run([tenon, "compile", "-q", source, *flags, "-o", path], check=True)
        library = Library(path, model)
        if set(library.entries) != set(outputs):
            sys.exit(f"entries are {', '.join(library.entries)}, expected {', '.join(outputs)}")
        for entry, given in inputs.items():
            compare(f"{entry}, compiled {' '.join(flags)}", library.call(entry, **given), outputs[entry])


main()
