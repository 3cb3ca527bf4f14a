"""Compares the recurrent layers of the library with equations written out in NumPy: recurrent.py WORK.

Layers, directions, layouts, projections, missing biases, lengths of rows, given states, a reset gate on either side.
"""
import pathlib
import sys

import numpy as np

import network

INPUTS, HIDDEN, STEPS, ROWS = 3, 4, 5, 2
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
random = np.random.default_rng(7)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def step(kind, p, x, h, c, variant):
    """|variant|: "relu" of an RNN; "reset before" of a GRU."""
    zx = x @ p["weight_ih"].T + p.get("bias_ih", 0)
    zh = h @ p["weight_hh"].T + p.get("bias_hh", 0)
    if kind == "RNN":
        z = zx + zh
        return (np.maximum(z, 0) if variant == "relu" else np.tanh(z)), c
    if kind == "GRU":
        (rx, zx, nx), (rh, zh, nh) = np.split(zx, 3, -1), np.split(zh, 3, -1)
        r, z = sigmoid(rx + rh), sigmoid(zx + zh)
        if variant == "reset before":
            nh = (r * h) @ p["weight_hh"][2 * HIDDEN:].T + (p["bias_hh"][2 * HIDDEN:] if "bias_hh" in p else 0)
            return (1 - z) * np.tanh(nx + nh) + z * h, c
        return (1 - z) * np.tanh(nx + r * nh) + z * h, c
    i, f, g, o = np.split(zx + zh, 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    h = sigmoid(o) * np.tanh(c)
    return (h @ p["weight_hr"].T if "weight_hr" in p else h), c


def direction(kind, p, xs, h, c, lengths, reverse, variant):
    """xs: [T, N, I]. A row that has ended keeps its state and gives zeros."""
    ys = np.zeros((len(xs), xs.shape[1], h.shape[-1]))
    for t in reversed(range(len(xs))) if reverse else range(len(xs)):
        inside = (t < lengths)[:, None]
        h1, c1 = step(kind, p, xs[t], h, c, variant)
        ys[t] = np.where(inside, h1, 0)
        h, c = np.where(inside, h1, h), np.where(inside, c1, c)
    return ys, h, c


def parameters(kind, layers, directions, bias, proj):
    tensors = {}
    for k in range(layers):
        for suffix in [f"_l{k}", f"_l{k}_reverse"][:directions]:
            width = INPUTS if k == 0 else directions * (proj or HIDDEN)
            shapes = {"weight_ih": (GATES[kind] * HIDDEN, width), "weight_hh": (GATES[kind] * HIDDEN, proj or HIDDEN)}
            if bias:
                shapes |= {"bias_ih": (GATES[kind] * HIDDEN,), "bias_hh": (GATES[kind] * HIDDEN,)}
            if proj:
                shapes["weight_hr"] = (proj, HIDDEN)
            for name, shape in shapes.items():
                tensors[name + suffix] = random.normal(size=shape).astype(np.float32) / 2
    return tensors


def expected(kind, tensors, xs, layers, directions, h0, c0, lengths, variant):
    hs, cs = [], []
    for k in range(layers):
        outputs = []
        for d, suffix in enumerate([f"_l{k}", f"_l{k}_reverse"][:directions]):
            p = {name[:-len(suffix)]: x for name, x in tensors.items()
                 if name.endswith(suffix) and (d or not name.endswith("_reverse"))}
            at = k * directions + d
            ys, h, c = direction(kind, p, xs, h0[at], c0[at], lengths, d == 1, variant)
            outputs.append(ys)
            hs.append(h)
            cs.append(c)
        xs = np.concatenate(outputs, -1)
    return [xs, np.stack(hs)] + ([np.stack(cs)] if kind == "LSTM" else [])


def check(work, kind, layers=1, directions=1, bias=True, proj=0, batch_first=False, batched=True, lengths=None, given=False,
          variant=None):
    tensors = parameters(kind, layers, directions, bias, proj)
    rows = ROWS if batched else 1
    xs = random.normal(size=(STEPS, rows, INPUTS)).astype(np.float32)
    states = [np.zeros((layers * directions, rows, width), np.float32) for width in (proj or HIDDEN, HIDDEN)]
    if given:
        states = [random.normal(size=s.shape).astype(np.float32) for s in states]
    ends = np.array(lengths if lengths else [STEPS] * rows, np.int32)
    wanted = expected(kind, tensors, xs, layers, directions, *states, ends, variant)
    inputs = {"x": xs.transpose(1, 0, 2) if batch_first else xs}
    call = "x"
    for name, state in list(zip(("h0", "c0"), states))[:2 if kind == "LSTM" else 1]:
        if given:
            inputs[name] = state
            call += f", {name}={name}"
    if lengths:
        inputs["lengths"] = ends
        call += ", lengths=lengths"
    if not batched:
        inputs = {name: x[:, 0] if x.ndim == 3 else x for name, x in inputs.items()}
        wanted = [x[:, 0] for x in wanted]
    elif batch_first:
        wanted[0] = wanted[0].transpose(1, 0, 2)
    details = f"num_layers={layers}, bidirectional={str(directions == 2).lower()}, bias={str(bias).lower()}"
    details += f", batch_first={str(batch_first).lower()}" + (f", proj_size={proj}" if proj else "")
    details += ', nonlinearity="relu"' if variant == "relu" else ""
    details += ", reset_after=false" if variant == "reset before" else ""
    network.compare(work, f"""weights from "w.npz";
model M {{
    layer m = {kind}({INPUTS}, {HIDDEN}, {details});
    entry run({network.formals(inputs)}) {{ return m({call}); }}
}}
""", {f"m.{name}": x for name, x in tensors.items()}, inputs, wanted)


work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
for kind in GATES:
    check(work, kind)
    check(work, kind, layers=2, directions=2, batch_first=True)
    check(work, kind, layers=3, bias=False, given=True)
    check(work, kind, directions=2, lengths=[STEPS, 2])
    check(work, kind, layers=2, directions=2, lengths=[1, 4], batch_first=True, given=True)
    check(work, kind, directions=2, batched=False, given=True)
check(work, "RNN", variant="relu")
check(work, "GRU", variant="reset before")
check(work, "GRU", layers=2, directions=2, bias=False, lengths=[3, 5], given=True, variant="reset before")
check(work, "LSTM", proj=2)
check(work, "LSTM", layers=2, directions=2, proj=2, lengths=[3, 5], given=True)
print("all equal")
