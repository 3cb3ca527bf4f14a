"""Compares functions of the library with NumPy: functions.py WORK."""
import math
import pathlib
import subprocess
import sys

import numpy as np

random = np.random.default_rng(3)
x = np.concatenate([random.normal(size=38) * 4, [-90, 90]]).astype(np.float32).reshape(4, 10)
y = random.normal(size=(4, 10)).astype(np.float32)
z = random.normal(size=(2, 6, 4, 5)).astype(np.float32)
v = random.uniform(0.5, 2, size=6).astype(np.float32)
erf = np.vectorize(math.erf)


def softplus(a):
    return np.maximum(a, 0) + np.log1p(np.exp(-np.abs(a)))


def sigmoid(a):
    return np.exp(-softplus(-a))


def along(a, axis):
    return np.expand_dims(a, axis)


X = x.astype(np.float64)
c = v.reshape(1, 6, 1, 1).astype(np.float64)
groups = z.reshape(2, 3, -1).astype(np.float64)
normal = (groups - along(groups.mean(-1), -1)) / np.sqrt(along(groups.var(-1), -1) + 1e-5)
CASES = {
    "relu6(x)": np.clip(X, 0, 6),
    "leaky_relu(x, 0.2)": np.where(X >= 0, X, 0.2 * X),
    "elu(x)": np.where(X > 0, X, np.expm1(np.minimum(X, 0))),
    "gelu(x)": X * 0.5 * (1 + erf(X / math.sqrt(2))),
    "silu(x)": X * sigmoid(X),
    "softplus(x)": softplus(X),
    "mish(x)": X * np.tanh(softplus(X)),
    "logsigmoid(x)": -softplus(-X),
    "hardsigmoid(x)": np.clip(X / 6 + 0.5, 0, 1),
    "hardswish(x)": X * np.clip(X / 6 + 0.5, 0, 1),
    "softsign(x)": X / (1 + np.abs(X)),
    "glu(x)": X[:, :5] * sigmoid(X[:, 5:]),
    "step(x)": (X > 0) * 1.0,
    "round(x)": np.round(X),
    "var(x, axis=1)": X.var(1, ddof=1),
    "std(x, axis=[0, 1], correction=0)": X.std(),
    "logsumexp(y, axis=1)": np.log(np.exp(y.astype(np.float64)).sum(1)),
    "cumsum(x, 1)": X.cumsum(1),
    "flip(x, 0)": X[::-1],
    "tril(x)": np.tril(X),
    "triu(x, 1)": np.triu(X, 1),
    "outer(x[0], y[0])": np.outer(X[0], y[0]),
    "batch_norm(z, v, v, v)": (z - c) / np.sqrt(c + 1e-5) * c,
    "group_norm(z, 3)": normal.reshape(z.shape),
    "instance_norm(z)": (z - z.mean((2, 3), keepdims=True)) / np.sqrt(z.var((2, 3), keepdims=True) + 1e-5),
    "global_avg_pool2d(z)": z.mean((2, 3), keepdims=True),
    "upsample_nearest2d(z, 2)": z.repeat(2, 2).repeat(2, 3),
    "pixel_shuffle(z[:, 0:4], 2)": z[:, :4].reshape(2, 1, 2, 2, 4, 5).transpose(0, 1, 4, 2, 5, 3).reshape(2, 1, 8, 10),
}
work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
np.savez(work / "in.npz", x=x, y=y, z=z, v=v)
(work / "f.tn").write_text(
    "model F {\n    entry run(x: f32[4, 10], y: f32[4, 10], z: f32[2, 6, 4, 5], v: f32[6]) {\n        return "
    + ",\n            ".join(CASES) + ";\n    }\n}\n")
arguments = [f"{name}=@{work / 'in.npz'}:{name}" for name in "xyzv"]
subprocess.run(["tenon", "run", work / "f.tn", *arguments, "-o", work / "out.npz"], check=True)
with np.load(work / "out.npz") as got:
    for i, (call, wanted) in enumerate(CASES.items()):
        found = got[f"y{i}"]
        assert found.shape == np.shape(wanted), (call, found.shape, np.shape(wanted))
        assert np.abs(found - wanted).max() < 1e-5 * max(1, np.abs(wanted).max()), call
print("all equal")
