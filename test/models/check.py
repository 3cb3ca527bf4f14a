#!/usr/bin/env python3
"""Compares a compiled network, and the interpreter, with what another program answered.

    check.py SOURCE.tn WORK TENON [COMPILE-FLAG..]

SOURCE names a case of cases.py; WORK is a folder to write in; TENON the compiler. The recordings are in the folder that
the environment variable TENON_DATA names; without it nothing is checked and the exit status is 77. The weights file is
the one SOURCE names, looked for in that folder, unless the case makes the weights. With flags only the compiled library
is run: the interpreter has none.

A batch must also give each row the very bits that a smaller batch gives it: sums have a fixed order. A case that makes
its calls itself, because they depend on each other, does so with a Compiled or an Interpreted model.
"""
import os
import pathlib
import re
import subprocess
import sys

import numpy as np

sys.dont_write_bytecode = True
import cases  # noqa: E402
import cases_sequences  # noqa: E402
from library import Library  # noqa: E402

INTERPRETED_ROWS = 3


class Failure(Exception):
    pass


class Runner:
    def __init__(self, source, work, tenon, flags, data, case):
        self.source, self.work, self.tenon, self.flags = source, work, tenon, flags
        text = source.read_text()
        named = re.search(r'^weights from "([^"]*)"', text, re.MULTILINE)
        self.model = re.search(r"^model (\w+)", text, re.MULTILINE)[1]
        weights = data / named[1] if named else None
        if case.weights is not None:
            weights = work / "weights.safetensors"
            cases.safetensors_write(weights, case.weights)
        self.options = [f"--weights={weights}"] * (weights is not None) + case.options

    def command(self, *arguments):
        result = subprocess.run([self.tenon, *map(str, arguments)], capture_output=True, text=True)
        if result.returncode != 0:
            raise Failure(f"{' '.join(map(str, arguments))}: exit status {result.returncode}\n{result.stderr}")

    def compile(self):
        library = self.work / f"{self.source.stem}.so"
        self.command("compile", self.source, *self.options, *self.flags, "-o", library)
        return library

    def run(self, program, inputs, *options):
        """Outputs by name. program: a library, or the source to interpret."""
        given, got = self.work / "in.npz", self.work / "out.npz"
        np.savez(given, **inputs)
        got.unlink(missing_ok=True)
        own = self.options if program == self.source else []
        self.command("run", program, *own, *[f"{name}=@{given}:{name}" for name in inputs], *options, "-o", got)
        with np.load(got) as file:
            return {name: file[name] for name in file.files}


class Interpreted:
    """Each call begins with the first state."""

    def __init__(self, runner):
        self.runner = runner

    def call(self, entry, **values):
        inputs = {name: value for name, value in values.items() if not isinstance(value, int)}
        dims = [f"--dim={name}={value}" for name, value in values.items() if isinstance(value, int)]
        return self.runner.run(self.runner.source, inputs, f"--entry={entry}", *dims)


def rows_of(case, first, end):
    return {name: x[first:end] for name, x in case.inputs.items()}


def run_all(runner, case, library):
    if not case.rows:
        return runner.run(library, case.inputs)
    parts = [runner.run(library, rows_of(case, first, first + case.batch)) for first in range(0, case.rows, case.batch)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def compare(what, got, case, rows=None):
    """Each expected output against what came: numbers as a share of its range, whatever else exactly."""
    for name, expected in case.expected.items():
        if name not in got:
            if case.calls and rows:
                continue
            raise Failure(f"{what}: no output {name}, there are {', '.join(got)}")
        count = min(len(expected), rows or len(expected))
        expected, y = expected[:count], got[name][:count]
        if y.shape != expected.shape:
            raise Failure(f"{what}: {name} is {y.shape}, expected {expected.shape}")
        if expected.dtype.kind == "f":
            compare_numbers(f"{what}: {name}", y, expected, float(np.ptp(case.expected[name])) or 1.0, case)
        else:
            compare_exactly(f"{what}: {name}", y, expected)


def compare_numbers(what, y, expected, span, case):
    off = np.abs(y.astype(np.float64) - expected).reshape(len(y), -1).max(axis=1) / span
    mark = case.marks.get(what.split()[-1], case.mark)
    print(f"{what} differs by {off.max():.1e} of its range ({mark:.0e} allowed)")
    allowed = 10 * mark if case.strays else mark
    if np.sum(~(off <= mark)) > case.strays or not np.all(off <= allowed):
        raise Failure(f"{what} is too far off")


def compare_exactly(what, y, expected):
    same = (y == expected).reshape(len(y), -1).all(axis=1)
    print(f"{what}: {np.sum(same)} of {len(y)} exact")
    if not np.all(same):
        first = int(np.argmin(same))
        raise Failure(f"{what}: number {first} is {y[first]}, expected {expected[first]}")


def check_right(got, case):
    labels, wanted = case.right
    right = int(np.sum(next(iter(got.values())).argmax(axis=1) == labels))
    print(f"compiled: {right} of {len(labels)} right")
    if right != wanted:
        raise Failure(f"expected {wanted} right")


def check_batches(runner, case, library, got):
    """One row, and an odd number of rows from the middle, against the same rows of the whole."""
    first = case.rows // 2
    for count in (1, min(7, case.batch, case.rows - first)):
        for name, y in runner.run(library, rows_of(case, first, first + count)).items():
            if y.tobytes() != got[name][first:first + count].tobytes():
                raise Failure(f"{name}: a batch of {count} gives other bits than a batch of {case.batch}")


def check_interpreter(runner, case):
    if case.calls:
        got = case.calls(Interpreted(runner), INTERPRETED_ROWS)
        if not set(got) & set(case.expected):
            raise Failure(f"interpreted: nothing to compare in {', '.join(got)}")
        compare("interpreted", got, case, INTERPRETED_ROWS)
        return
    few = INTERPRETED_ROWS if case.rows else None
    compare("interpreted", runner.run(runner.source, rows_of(case, 0, few)), case, few)


def check(runner, case):
    if case.interpreted and not runner.flags:
        check_interpreter(runner, case)
    library = runner.compile()
    if case.calls:
        compare("compiled", case.calls(Library(library, runner.model.lower()), None), case)
        return
    got = run_all(runner, case, library)
    compare("compiled", got, case)
    if case.right:
        check_right(got, case)
    if case.rows:
        check_batches(runner, case, library, got)


def main():
    if len(sys.argv) < 4:
        raise SystemExit(__doc__)
    data = os.environ.get("TENON_DATA")
    if not data:
        print("TENON_DATA names no folder of recorded models: nothing is checked")
        return 77
    source, work, data = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), pathlib.Path(data)
    work.mkdir(parents=True, exist_ok=True)
    try:
        module = cases if hasattr(cases, source.stem) else cases_sequences
        made = getattr(module, source.stem)(data)
        for case in [made] if isinstance(made, cases.Case) else made:
            check(Runner(source, work, sys.argv[3], sys.argv[4:], data, case), case)
            if case.weights:
                (work / "weights.safetensors").unlink()  # hundreds of megabytes
    except Failure as failure:
        print(f"{source.name}: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
