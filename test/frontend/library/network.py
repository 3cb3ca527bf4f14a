"""What the tests of layers share: running a small network in the interpreter and as machine code."""
import pathlib
import subprocess

import numpy as np

TYPES = {"float32": "f32", "int32": "i32", "bool": "bool"}


def formals(inputs):
    """The formals of an entry that takes |inputs|, arrays by name."""
    return ", ".join(f"{name}: {TYPES[x.dtype.name]}{list(x.shape) if x.ndim else ''}" for name, x in inputs.items())


def run(work, source, weights, inputs):
    """Yields the results of the one entry of |source|, which reads w.npz: as interpreted, then as compiled."""
    work = pathlib.Path(work)
    np.savez(work / "w.npz", **weights)
    np.savez(work / "in.npz", **inputs)
    (work / "m.tn").write_text(source)
    subprocess.run(["tenon", "compile", work / "m.tn", "-march=native", "-o", work / "m.so"], check=True)
    arguments = [f"{name}=@{work / 'in.npz'}:{name}" for name in inputs]
    for network in ("m.tn", "m.so"):
        subprocess.run(["tenon", "run", work / network, *arguments, "-o", work / "out.npz"], check=True)
        with np.load(work / "out.npz") as file:
            yield [file[name] for name in file.files]


def compare(work, source, weights, inputs, wanted, tolerance=1e-5):
    for executor, got in zip(("interpreted", "compiled"), run(work, source, weights, inputs)):
        assert len(got) == len(wanted), (executor, source, len(got))
        for i, (g, w) in enumerate(zip(got, wanted)):
            assert g.shape == w.shape, (executor, source, i, g.shape, w.shape)
            assert np.abs(g - w).max() < tolerance, (executor, source, i, np.abs(g - w).max())
