"""What the tests of recurrence share: compiling with weights, and executors that run items in any order."""
import ctypes as c
import pathlib
import subprocess
import sys
import threading

import numpy as np

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "models"))
from cases import safetensors_read  # noqa: E402
from library import Library, record  # noqa: E402

ITEM = c.CFUNCTYPE(None, c.c_void_p, c.c_int32)
PARALLEL_FOR = c.CFUNCTYPE(None, c.c_void_p, ITEM, c.c_void_p, c.c_int32)
Executor = record("Executor", context=c.c_void_p, threads=c.c_int32, parallel_for=PARALLEL_FOR)


def executor_create(threads, seed):
    """Runs the items of a stage on so many threads, in an order of its own each time. Keep it while it is used."""
    random = np.random.default_rng(seed)

    def parallel_for(_context, item, argument, count):
        order = random.permutation(count)

        def work(first):
            for index in order[first::threads]:
                item(argument, int(index))

        others = [threading.Thread(target=work, args=[first]) for first in range(1, threads)]
        for other in others:
            other.start()
        work(0)
        for other in others:
            other.join()

    return Executor(None, threads, PARALLEL_FOR(parallel_for))


def weights_make(source, work):
    """The file of random weights that |source| asks for."""
    work = pathlib.Path(work)
    work.mkdir(parents=True, exist_ok=True)
    script = HERE.parents[1] / "examples" / "make_weights.py"
    subprocess.run([sys.executable, script, f"--out={work}", HERE / source], check=True, stdout=subprocess.DEVNULL)
    return work / pathlib.Path(source).with_suffix(".safetensors").name


def library_make(source, model, work, *flags, weights=None):
    path = pathlib.Path(work) / f"{model}{''.join(flags).replace('/', '')}.so"
    given = [f"--weights={weights}"] if weights else []
    subprocess.run(["tenon", "compile", "-q", HERE / source, *given, *flags, "-o", path], check=True)
    return Library(path, model)


def require_same(what, got, expected):
    """To the bit."""
    if got.shape != expected.shape:
        sys.exit(f"{what}: shape {got.shape}, expected {expected.shape}")
    if got.tobytes() != expected.tobytes():
        off = np.argwhere(got.view(np.uint32) != expected.view(np.uint32))
        first = tuple(off[0])
        sys.exit(f"{what}: {len(off)} of {got.size} elements differ, first {first}: {got[first]}, expected {expected[first]}")


def require_near(what, got, expected, tolerance, scale=None):
    """Within |tolerance| of |scale|, or of the largest magnitude expected."""
    off = np.abs(got.astype(np.float64) - expected).max() / (scale or max(np.abs(expected).max(), 1e-30))
    if got.shape != expected.shape or not off <= tolerance:
        sys.exit(f"{what}: {got.shape} off by {off:.2e} of its range, expected {expected.shape} within {tolerance:.0e}")
