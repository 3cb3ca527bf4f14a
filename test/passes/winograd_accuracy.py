"""winograd_accuracy.py WORK TENON: errors of transformed convolutions against sums in double precision, layer by layer.

Random weights of variance 2 over the inputs of one output (He et al. 2015), maps as a relu leaves them. Of every layer,
relative to the root mean square of its output: --numerics=default at most 5e-6 in the mean and 5e-5 anywhere;
--numerics=exact at most 2.2 times the mean error of --exact-conv on the same numbers.
"""
import pathlib
import subprocess
import sys

import numpy as np

LAYERS = [(channels, size, 3) for channels in (32, 64, 256, 512) for size in (14, 28)] + [(32, 14, 5), (64, 28, 5)]


def layer_name(layer):
    return "c{}_{}_{}".format(*layer)


def source_text():
    lines = ['weights from "weights.npz";', "model Layers {"]
    for channels, size, taps in LAYERS:
        name = layer_name((channels, size, taps))
        lines.append(f"    layer {name} = Conv2d({channels}, {channels}, {taps}, padding={taps // 2}, bias=false);")
        lines.append(f"    entry run_{name}(x: f32[1, {channels}, {size}, {size}]) {{ return {name}(x); }}")
    return "\n".join(lines + ["}", ""])


def convolve(x, weight):
    """In the type of the operands."""
    channels, size, taps = x.shape[1], x.shape[2], weight.shape[2]
    padded = np.pad(x[0], [(0, 0)] + [(taps // 2, taps // 2)] * 2)
    y = np.zeros((len(weight), size * size), x.dtype)
    for i in range(taps):
        for j in range(taps):
            y += weight[:, :, i, j] @ padded[:, i:i + size, j:j + size].reshape(channels, -1)
    return y.reshape(1, -1, size, size)


def errors_of(y, exact):
    """Mean and largest error relative to the output."""
    scale = np.sqrt(np.mean(exact ** 2))
    off = y.astype(np.float64) - exact
    return np.sqrt(np.mean(off ** 2)) / scale, np.abs(off).max() / scale


def tenon_run(work, tenon, *arguments):
    return subprocess.run([tenon, *arguments], cwd=work, check=True, capture_output=True, text=True)


def main():
    work, tenon = pathlib.Path(sys.argv[1]), sys.argv[2]
    random = np.random.default_rng(7)
    weights, maps = {}, {}
    for layer in LAYERS:
        channels, size, taps = layer
        spread = np.sqrt(2 / (channels * taps * taps))
        weights[layer] = (random.standard_normal((channels, channels, taps, taps)) * spread).astype(np.float32)
        maps[layer] = np.maximum(random.standard_normal((1, channels, size, size)), 0).astype(np.float32)
    (work / "layers.tn").write_text(source_text())
    np.savez(work / "weights.npz", **{f"{layer_name(layer)}.weight": weight for layer, weight in weights.items()})
    found, transformed = {}, {}
    for flag in ("--numerics=default", "--numerics=exact", "--exact-conv"):
        made = tenon_run(work, tenon, "compile", "layers.tn", "-march=native", flag, "--explain", "-o", "layers.so")
        transformed[flag] = made.stderr.count("schedule: winograd @")
        for layer in LAYERS:
            np.save(work / "x.npy", maps[layer])
            tenon_run(work, tenon, "run", "layers.so", f"--entry=run_{layer_name(layer)}", "x=@x.npy", "-o", "y.npy")
            found[flag, layer] = np.load(work / "y.npy")
    wrong = transformed["--numerics=default"] < len(LAYERS) or transformed["--exact-conv"] > 0
    print("transformed:", transformed)
    for layer in LAYERS:
        exact = convolve(maps[layer].astype(np.float64), weights[layer].astype(np.float64))
        mean, largest = errors_of(found["--numerics=default", layer], exact)
        close, _ = errors_of(found["--numerics=exact", layer], exact)
        direct, _ = errors_of(found["--exact-conv", layer], exact)
        good = mean <= 5e-6 and largest <= 5e-5 and close <= 2.2 * direct
        wrong += not good
        print(f"{layer_name(layer):10} default {mean:.1e}, at most {largest:.1e}; exact {close:.1e}, direct {direct:.1e},"
              f" ratio {close / direct:.2f}{'' if good else '  WRONG'}")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
