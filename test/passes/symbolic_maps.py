"""symbolic_maps.py SOURCE.tn WORK TENON: networks whose H and W are told by the call, at several sizes.

Every entry is compiled once, called at each size, and held against the interpreter; the extents of the results are
those that are written here, by PyTorch's rules.
"""
import pathlib
import subprocess
import sys

import numpy as np

SIZES = [(8, 8), (8, 64), (9, 17), (15, 16), (33, 31), (64, 9)]
TOLERANCE = 1e-5  # of the largest magnitude


def extents_expected(entry, h, w):
    """Of the result; entries without a line keep H and W."""
    rules = {
        "strided": lambda n: (n + 2 - 3) // 2 + 1,
        "strided_odd": lambda n: (n + 1 - 4) // 3 + 1,
        "dilated": lambda n: n - 4,
        "transposed": lambda n: (n - 1) * 2 - 2 + 4,
        "transposed_odd": lambda n: (n - 1) * 3 + 2,
        "pooled": lambda n: (n + 2 - 3) // 2 + 1,
        "averaged": lambda n: n // 2,
        "upsampled": lambda n: 2 * n,
        "means": lambda n: 1,
        "network": lambda n: 2 * ((n - 1) // 2 + 1),
    }
    rule = rules.get(entry, lambda n: n)
    return rule(h), rule(w)


def main():
    source, work, tenon = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]

    def run(*arguments):
        done = subprocess.run([tenon, *map(str, arguments)], cwd=work, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{' '.join(map(str, arguments))}\n{done.stderr}")
        return done.stdout

    weights = [f"--weights={work / 'symbolic_maps.safetensors'}"]
    run("compile", source, *weights, "-march=native", "-o", "maps.so")
    entries = [line.split()[1].split("(")[0] for line in source.read_text().splitlines() if "    entry " in line]
    wrong = 0
    for entry in entries:
        for h, w in SIZES:
            x = np.random.default_rng(h * w).standard_normal((2, 16, h, w)).astype(np.float32)
            np.save(work / "x.npy", x)
            results = {}
            for program, flags in (("maps.so", []), (source, weights)):
                run("run", program, *flags, f"--entry={entry}", "x=@x.npy", "-o", "y.npy")
                results[program] = np.load(work / "y.npy")
            got, wanted = results["maps.so"], results[source]
            off = np.abs(got - wanted).max() / np.abs(wanted).max() if got.shape == wanted.shape else np.inf
            if off > TOLERANCE or got.shape[2:] != extents_expected(entry, h, w):
                wrong += 1
                print(f"{entry} of {h} x {w}: {got.shape}, off by {off:.1e}")
    print(f"{len(entries)} entries at {len(SIZES)} sizes, {wrong} wrong")
    return int(wrong > 0 or len(entries) < 12)


if __name__ == "__main__":
    sys.exit(main())
