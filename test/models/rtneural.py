#!/usr/bin/env python3
"""Imports networks of RTNeural and compares them with the samples that came out of Keras and PyTorch.

    rtneural.py SCRIPT WORK TENON [COMPILE-FLAG..]

Each network runs over all samples in one call, in calls of many lengths, and step by step; all three must give the same
numbers, and those of the recording.
"""
import os
import pathlib
import subprocess
import sys

import numpy as np

sys.dont_write_bytecode = True
from library import Library  # noqa: E402

MARK = 1e-5


class Recording:
    """json and csv: names without suffix; csv of inputs and outputs have a line per sample, or, with channels_first, per
    channel. skip: outputs of the stream before the first recorded one. lead: zeros fed before the inputs, so that strides
    fall as recorded. settings: --set. shapes: of one input and one output, where these have two axes. part: the recorded
    outputs that a stream has, too."""

    def __init__(self, json, x=None, y=None, channels_first=(False, False), skip=0, lead=0, settings=(), shapes=None,
                 part=slice(None)):
        self.json, self.x, self.y = json, x or f"{json}_x_python", y or f"{json}_y_python"
        self.channels_first, self.skip, self.lead, self.settings = channels_first, skip, lead, settings
        self.shapes, self.part = shapes or (None, None), part


RECORDINGS = [
    Recording("dense"),
    Recording("conv"),
    Recording("conv_stateless"),
    Recording("lstm"),
    Recording("lstm_1d"),
    Recording("lstm_torch"),
    Recording("gru"),
    Recording("gru_1d"),
    Recording("gru_torch"),
    Recording("conv1d_torch", channels_first=(False, True), skip=4),
    Recording("conv1d_torch_stride_3", "conv1d_torch_x_python_stride_3", "conv1d_torch_y_python_stride_3",
              (False, True), skip=1, lead=1, settings=["net.stride=3"]),
    Recording("conv1d_torch_group_6_3_3_1_3", "conv1d_torch_group_x_python", "conv1d_torch_group_y_python_6_3_3_1_3",
              (False, True), skip=2, settings=["net.groups=3"]),
    Recording("conv1d_torch_group_6_3_4_10_3", "conv1d_torch_group_x_python", "conv1d_torch_group_y_python_6_3_4_10_3",
              (False, True), skip=30, settings=["net.groups=3", "net.dilation=10"]),
    Recording("conv1d_torch_group_6_6_1_1_6", "conv1d_torch_group_x_python", "conv1d_torch_group_y_python_6_6_1_1_6",
              (False, True), settings=["net.groups=6"]),
    # A padding of 3 takes 3 samples from the begin.
    Recording("convtranspose1d_torch", channels_first=(True, True), skip=3, settings=["net.stride=3"]),
    # Keras was not causal here: its second convolution looked two frames ahead, which a stream has as a delay, and had
    # zeros for frames at the begin and the end.
    Recording("conv2d", skip=14, shapes=((23, 1), (8, 1)), part=slice(1, 37)),
]


def samples(folder, name, channels_first, shape):
    values = np.loadtxt(folder / f"{name}.csv", delimiter=",", ndmin=2)
    if shape:
        return values.reshape(-1, *shape)
    return values.T if channels_first else values


def in_parts(model, x, unit, lengths):
    """Calls of lengths in turn, in units."""
    model.reset()
    parts, at, turn = [], 0, 0
    while at < len(x):
        count = min(lengths[turn % len(lengths)]*unit, len(x) - at)
        turn += 1
        parts.append(model.call("process", x=x[at:at + count], T=count//unit)["y"])
        at += count
    return np.concatenate(parts)


def in_steps(model, x, unit):
    model.reset()
    steps = [x[i:i + unit] for i in range(0, len(x), unit)]
    if model.entries["step"].inputs[0].rank < x.ndim:
        return np.stack([model.call("step", x=step[0])["y"] for step in steps])
    return np.concatenate([model.call("step", x=step)["y"] for step in steps])


def compare(name, what, y, expected):
    if y.shape != expected.shape:
        sys.exit(f"{name}, {what}: {y.shape}, expected {expected.shape}")
    off = np.abs(y - expected).max()/np.ptp(expected)
    print(f"{name}, {what}: differs by {off:.1e} of its range")
    if not off <= MARK:
        sys.exit(f"{name}, {what}: more than {MARK:.0e}")


def check(recording, script, folder, work, tenon, flags):
    name = recording.json
    source, library = work / f"{name}.tn", work / f"{name}.so"
    options = [option for setting in recording.settings for option in ("--set", setting)]
    subprocess.run([sys.executable, script, folder / "models" / f"{name}.json", "-o", source, *options], check=True)
    subprocess.run([tenon, "compile", source, "--prefix=net", *flags, "-o", library], check=True)
    model = Library(library, "net")
    x = samples(folder / "test_data", recording.x, recording.channels_first[0], recording.shapes[0])
    expected = samples(folder / "test_data", recording.y, recording.channels_first[1], recording.shapes[1])
    expected = expected[recording.part]
    if recording.lead:
        x = np.concatenate([np.zeros((recording.lead, *x.shape[1:])), x])
    unit = model.entries["process"].inputs[0].bounds[0]//4096 or 1
    x = x[:len(x)//unit*unit]
    if "step" not in model.entries:
        compare(name, "one frame", model.call("process", x=x)["y"], expected)
        return
    whole = in_parts(model, x, unit, [len(x)])
    first, last = recording.skip, recording.skip + len(expected)
    compare(name, "in one call", whole[first:last], expected)
    compare(name, "in many calls", in_parts(model, x, unit, [1, 7, 2, 64]), whole)
    compare(name, "step by step", in_steps(model, x, unit), whole)


def main():
    data = os.environ.get("TENON_DATA")
    if not data:
        print("TENON_DATA names no folder of recorded models: nothing is checked")
        return 77
    script, work, tenon, *flags = sys.argv[1:]
    work = pathlib.Path(work)
    work.mkdir(parents=True, exist_ok=True)
    for recording in RECORDINGS:
        check(recording, script, pathlib.Path(data) / "rtneural/orig", work, tenon, flags)
    return 0


if __name__ == "__main__":
    sys.exit(main())
