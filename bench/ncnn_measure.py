"""ncnn, from Python: its wheel brings no library with a C interface. In a process of its own, not interleaved.

pnnx converts the ONNX file and says, in a script that it writes, which inputs lose their batch axis. Of recurrent layers
it makes no ncnn layers.
"""
import importlib.util
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

from compiling import BUILD, HUGE_PAGES, first_error

RECURRENT = {"LSTM", "GRU", "RNN"}
DIFFERENCE_MAX = 1e-3
SECONDS_MAX = 300
NO_BATCH = 233
ROUNDS_MIN, BURST_SECONDS = 11, 1e-3
RELU = "7767517\n2 2\nInput in0 0 1 in0\nReLU relu 1 1 in0 out0\n"  # the smallest network: what a call costs


def network_measure(network, threads, seconds, ours):
    """Seconds per call, the ratio of medians, and the difference from ONNX Runtime; or a note why not."""
    if any(op in RECURRENT for op, *_ in network.nodes):
        return {"note": "pnnx does not convert recurrent layers"}
    try:
        folder = _convert(network)
        result = subprocess.run([sys.executable, __file__, folder, str(threads), str(seconds)], capture_output=True,
                                text=True, timeout=SECONDS_MAX, env=os.environ | HUGE_PAGES)
    except (OSError, subprocess.SubprocessError) as problem:
        return {"note": f"FAILED: {problem}"}
    try:
        figures = json.loads(result.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        how = "crashed" if result.returncode < 0 else first_error(result.stderr)
        return {"note": f"FAILED: {how}"}
    if not figures["difference"] <= DIFFERENCE_MAX:
        return {"note": f"WRONG: differs by {figures['difference']:.0e}"}
    figures["note"] = f"from Python, not by turns; a call costs {figures['overhead'] * 1e6:.1f}"
    if ours:
        figures |= {"ratio": figures["median"] / ours["median"], "ratio_min": figures["min"] / ours["min"]}
    return figures


def _convert(network):
    """The folder with the network as ncnn's files, random inputs and ONNX Runtime's outputs."""
    import numpy as np
    import onnxruntime
    folder, source = BUILD / f"{network.name}.ncnn", BUILD / f"{network.name}.onnx"
    if (folder / "expected.npz").exists() and (folder / "expected.npz").stat().st_mtime > source.stat().st_mtime:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    shutil.copy(source, folder / "m.onnx")
    pnnx = pathlib.Path(importlib.util.find_spec("pnnx").origin).parent / "pnnx"
    subprocess.run([pnnx, "m.onnx", "fp16=0"], cwd=folder, capture_output=True, check=True, timeout=SECONDS_MAX)
    random = np.random.default_rng(1)
    inputs = {name: random.uniform(-1, 1, extents).astype(np.float32) for name, extents in network.inputs}
    outputs = onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"]).run(
        [name for name, *_ in network.outputs], inputs)
    np.savez(folder / "inputs.npz", **{f"in{i}": array for i, array in enumerate(inputs.values())})
    np.savez(folder / "expected.npz", **{f"out{i}": array for i, array in enumerate(outputs)})
    for unneeded in ("m.onnx", "m.pnnx.bin", "m.pnnx.onnx", "m.pnnxsim.onnx"):
        (folder / unneeded).unlink(missing_ok=True)
    return folder


# ---- In the process of its own ----

def _net_open(threads):
    import ncnn
    net = ncnn.Net()
    net.opt.num_threads = threads
    for option in ("use_vulkan_compute", "use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage",
                   "use_int8_inference"):
        setattr(net.opt, option, False)
    return net


def _matrix(array, batch_axis):
    """pnnx takes the first axis for a batch even where it is none; NO_BATCH is its own number."""
    import ncnn
    is_batch = batch_axis < array.ndim and array.shape[batch_axis] == 1
    return ncnn.Mat(array, batch_index=batch_axis if is_batch else NO_BATCH).clone()


def _run(net, inputs, outputs, take=lambda matrix: None):
    """take: called with every output, whose memory ends with the call."""
    with net.create_extractor() as extractor:
        for name, matrix in inputs:
            extractor.input(name, matrix)
        return [take(extractor.extract(name)[1]) for name in outputs]


def _times(run, seconds):
    """Seconds per call of some bursts, after a warm one."""
    run()
    start = time.perf_counter()
    run()
    calls = int(BURST_SECONDS / (time.perf_counter() - start)) + 1
    times, end = [], time.perf_counter() + seconds
    while len(times) < ROUNDS_MIN or time.perf_counter() < end:
        run()
        start = time.perf_counter()
        for _ in range(calls):
            run()
        times.append((time.perf_counter() - start) / calls)
    return sorted(times)


def _overhead(threads):
    import ncnn
    import numpy as np
    net = _net_open(threads)
    net.load_param_mem(RELU)
    net.load_model_mem(b"")
    matrix = ncnn.Mat(np.zeros(4, np.float32)).clone()
    return _times(lambda: _run(net, [("in0", matrix)], ["out0"]), 0.05)[0]


def _difference(outputs, expected):
    import numpy as np
    worst = 0.0
    for name, array in outputs:
        ours, theirs = array.reshape(-1), expected[name].reshape(-1)
        if len(ours) != len(theirs):
            return 1e30
        worst = max(worst, float(np.abs(ours - theirs).max() / max(np.ptp(theirs), 1e-30)))
    return worst


def main(folder, threads, seconds):
    import numpy as np
    folder = pathlib.Path(folder)
    if threads == 1:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    script = (folder / "m_ncnn.py").read_text()
    arrays, expected = dict(np.load(folder / "inputs.npz")), dict(np.load(folder / "expected.npz"))
    inputs = [(name, _matrix(arrays[name], int(axis)))
              for name, axis in re.findall(r'ex\.input\("(\w+)", .*batch_index=(\d+)', script)]
    names = re.findall(r'ex\.extract\("(\w+)"', script)
    net = _net_open(threads)
    if net.load_param(str(folder / "m.ncnn.param")) != 0 or net.load_model(str(folder / "m.ncnn.bin")) != 0:
        sys.exit("ncnn cannot load what pnnx wrote")
    difference = _difference(zip(names, _run(net, inputs, names, np.array)), expected)
    times = _times(lambda: _run(net, inputs, names), seconds)
    print(json.dumps({"min": times[0], "median": times[len(times) // 2], "difference": difference,
                      "overhead": _overhead(threads)}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
