"""winograd_shapes.py WORK TENON: every F(m, r) on maps smaller than a tile, just as large and a little larger.

The cost rule leaves most of them to the direct sum; a file of schedules asks for them. Each layer has a scale, a residual
and a relu behind it, and `tenon verify` holds it against the interpreter.
"""
import pathlib
import subprocess
import sys

import numpy as np

ALGORITHMS = {3: (2, 3, 4, 5, 6), 5: (2, 3, 4)}
MAPS = ((1, 1), (2, 2), (3, 3), (7, 7), (13, 13), (15, 15), (2, 29))
PADDINGS = ([[1, 1], [1, 1]], [[2, 0], [1, 2]], [[4, 3], [3, 4]])
CHANNELS = ((32, 32), (48, 32), (32, 48))


def layers_of(taps):
    """(name, channels, outputs, extents, padding, extents of the result) where the window fits."""
    for i, extents in enumerate(MAPS):
        for j, padding in enumerate(PADDINGS):
            channels, outputs = CHANNELS[(i + j) % len(CHANNELS)]
            result = [extent + sum(sides) - taps + 1 for extent, sides in zip(extents, padding)]
            if min(result) > 0 and (i + j) % 2 == 0:
                yield f"r{taps}_{i}_{j}", channels, outputs, extents, padding, result


def source_text(taps):
    """One entry for all layers, and the weights."""
    members, inputs, results, weights = [], [], [], {}
    random = np.random.default_rng(taps)
    for name, channels, outputs, extents, padding, result in layers_of(taps):
        z = f"z_{name}"
        members += [f"    layer {name} = Conv2d({channels}, {outputs}, {taps}, padding={padding});",
                    f"    param s_{name}: f32[{outputs}, 1, 1];"]
        inputs += [f"x_{name}: f32[1, {channels}, {extents[0]}, {extents[1]}]",
                   f"{z}: f32[1, {outputs}, {result[0]}, {result[1]}]"]
        results.append(f"relu({name}(x_{name}) * (s_{name} + max({z})) + {z})")
        spread = np.sqrt(2 / (channels * taps * taps))
        weights[f"{name}.weight"] = random.standard_normal((outputs, channels, taps, taps)) * spread
        weights[f"{name}.bias"] = random.standard_normal(outputs)
        weights[f"s_{name}"] = random.uniform(0.5, 1.5, (outputs, 1, 1))
    lines = ['weights from "weights.npz";', "model Shapes {", *members, f"    entry run({', '.join(inputs)}) {{",
             f"        return {', '.join(results)};", "    }", "}", ""]
    return "\n".join(lines), {name: array.astype(np.float32) for name, array in weights.items()}


def main():
    work, tenon = pathlib.Path(sys.argv[1]), sys.argv[2]
    for taps, sizes in ALGORITHMS.items():
        text, weights = source_text(taps)
        (work / "shapes.tn").write_text(text)
        np.savez(work / "weights.npz", **weights)
        for m in sizes:
            lines = [f"conv @{name} f32[1, {outputs}, {result[0]}, {result[1]}] algorithm F({m}, {taps})"
                     for name, _, outputs, _, _, result in layers_of(taps)]
            (work / "asked.schedule").write_text("\n".join(["tir schedule 1", *lines, ""]))
            done = subprocess.run([tenon, "verify", "shapes.tn", "--schedule=asked.schedule", "-march=native",
                                   "--tolerance=2e-5"],
                                  cwd=work, capture_output=True, text=True)
            print(f"F({m}, {taps}): {done.stdout.count(' ok')} compared")
            if done.returncode or done.stdout.count(" ok") < 2 * len(lines):
                print(done.stdout + done.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
