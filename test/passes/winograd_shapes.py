"""winograd_shapes.py WORK TENON: every F(m, r) on maps smaller than a tile, just as large and a little larger.

The cost rule leaves most of them to the direct sum; a file of schedules asks for them. Each layer has a scale, a residual
and a relu behind it, and `tenon verify` holds it against the interpreter.
"""
import pathlib
import subprocess
import sys

import numpy as np

# By kernel and stride; with a stride, blocks of pixels become channels, and the kernel has as many fewer taps.
ALGORITHMS = {(3, 1): (2, 3, 4, 5, 6), (4, 1): (2, 3, 4, 5), (5, 1): (2, 3, 4), (5, 2): (2, 3, 6), (7, 2): (3, 4, 5),
              (9, 2): (2, 4), (7, 3): (4,), (11, 4): (3, 5)}
MAPS = ((1, 1), (2, 2), (3, 3), (7, 7), (13, 13), (15, 15), (2, 29))
PADDINGS = ([[1, 1], [1, 1]], [[2, 0], [1, 2]], [[4, 3], [3, 4]])
CHANNELS = {1: ((32, 32), (48, 32), (20, 48)), 2: ((3, 32), (16, 32), (5, 48)), 3: ((2, 32), (3, 48)),
            4: ((1, 32), (3, 48))}


def layers_of(kernel, stride):
    """(name, channels, outputs, extents, padding, extents of the result) where windows fit and read all pixels."""
    for i, extents in enumerate(MAPS):
        for j, padding in enumerate(PADDINGS):
            channels, outputs = CHANNELS[stride][(i + j) % len(CHANNELS[stride])]
            room = [extent + sum(sides) - kernel for extent, sides in zip(extents, padding)]
            result = [places // stride + 1 for places in room]
            blocks = [(extent + -(-kernel // stride) - 1) * stride for extent in result]
            unread = any(block < extent + sides[0] for block, extent, sides in zip(blocks, extents, padding))
            if min(room) >= 0 and not unread and (stride > 1 or (i + j) % 2 == 0):
                yield f"r{kernel}_{i}_{j}", channels, outputs, extents, padding, result


def source_text(kernel, stride):
    """One entry for all layers, and the weights."""
    members, inputs, results, weights = [], [], [], {}
    random = np.random.default_rng(kernel)
    for name, channels, outputs, extents, padding, result in layers_of(kernel, stride):
        z = f"z_{name}"
        members += [f"    layer {name} = Conv2d({channels}, {outputs}, {kernel}, stride={stride}, padding={padding});",
                    f"    param s_{name}: f32[{outputs}, 1, 1];"]
        inputs += [f"x_{name}: f32[1, {channels}, {extents[0]}, {extents[1]}]",
                   f"{z}: f32[1, {outputs}, {result[0]}, {result[1]}]"]
        results.append(f"relu({name}(x_{name}) * (s_{name} + max({z})) + {z})")
        spread = np.sqrt(2 / (channels * kernel * kernel))
        weights[f"{name}.weight"] = random.standard_normal((outputs, channels, kernel, kernel)) * spread
        weights[f"{name}.bias"] = random.standard_normal(outputs)
        weights[f"s_{name}"] = random.uniform(0.5, 1.5, (outputs, 1, 1))
    lines = ['weights from "weights.npz";', "model Shapes {", *members, f"    entry run({', '.join(inputs)}) {{",
             f"        return {', '.join(results)};", "    }", "}", ""]
    return "\n".join(lines), {name: array.astype(np.float32) for name, array in weights.items()}


def main():
    work, tenon = pathlib.Path(sys.argv[1]), sys.argv[2]
    for (kernel, stride), sizes in ALGORITHMS.items():
        text, weights = source_text(kernel, stride)
        taps = -(-kernel // stride)
        (work / "shapes.tn").write_text(text)
        np.savez(work / "weights.npz", **weights)
        for m in sizes:
            lines = [f"conv @{name} f32[1, {outputs}, {result[0]}, {result[1]}] algorithm F({m}, {taps})"
                     for name, _, outputs, _, _, result in layers_of(kernel, stride)]
            (work / "asked.schedule").write_text("\n".join(["tir schedule 1", *lines, ""]))
            done = subprocess.run([tenon, "verify", "shapes.tn", "--schedule=asked.schedule", "-march=native",
                                   "--tolerance=2e-5"],
                                  cwd=work, capture_output=True, text=True)
            print(f"{kernel} taps, stride {stride}, F({m}, {taps}): {done.stdout.count(' ok')} compared")
            if done.returncode or done.stdout.count(" ok") < 2 * len(lines):
                print(done.stdout + done.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
