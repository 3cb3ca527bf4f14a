"""bench/run --accuracy: the errors of our outputs and of ONNX Runtime's, against the same network in doubles."""
import subprocess

import numpy as np

import reference
from compiling import BUILD, first_error, library_compile

RATIO_MAX = {"default": 4.0, "exact": 1.6}  # our error over ONNX Runtime's, of whole networks


def _inputs(network):
    random = np.random.default_rng(1)
    return {name: random.uniform(-1, 1, extents).astype(np.float32) for name, extents in network.inputs}


def _tenon_outputs(tenon, network, library, inputs):
    """By name, or a string: why there are none. The unnamed result is called y."""
    given, results = (BUILD / f"{network.name}.{part}.npz" for part in ("inputs", "outputs"))
    np.savez(given, **inputs)
    command = [tenon, "run", library.resolve(), f"@{given}", "-o", results]
    command += [f"--dim={name}={value}" for name, _, value in network.dims]
    result = subprocess.run(command, capture_output=True, text=True, errors="replace")
    if result.returncode != 0:
        return first_error(result.stderr + result.stdout)
    outputs = dict(np.load(results))
    return {name: outputs[name] for name, *_ in network.outputs}


def _peer_outputs(network, inputs):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(BUILD / f"{network.name}.onnx", options, providers=["CPUExecutionProvider"])
    names = [name for name, *_ in network.outputs]
    return dict(zip(names, session.run(names, inputs)))


def _error(outputs, exact):
    """Root mean square over all outputs, each relative to its own."""
    squares = [np.mean((outputs[name].reshape(-1) - array.reshape(-1)) ** 2) / np.mean(array ** 2)
               for name, array in exact.items()]
    return float(np.sqrt(np.mean(squares)))


def _network_compare(arguments, network):
    inputs = _inputs(network)
    exact = reference.evaluate(network, inputs)
    figures = {"onnxruntime": _error(_peer_outputs(network, inputs), exact)}
    for numerics in RATIO_MAX:
        library, reason = library_compile(arguments.tenon, network.name, arguments.march, 1, numerics)
        outputs = reason or _tenon_outputs(arguments.tenon, network, library, inputs)
        figures[numerics] = {"reason": outputs} if isinstance(outputs, str) else {"error": _error(outputs, exact)}
    return figures


def _judge(figures, numerics):
    ours, bar = figures[numerics], RATIO_MAX[numerics]
    if "reason" in ours:
        return False
    ours |= {"ratio": ours["error"] / max(figures["onnxruntime"], 1e-12), "bar": bar}
    return ours["ratio"] <= bar


def rows_compare(arguments, networks, names):
    titles = [f"{numerics} {what}" for numerics in RATIO_MAX for what in ("error", "ratio")]
    print(f"Root mean square errors relative to the output, one thread\n\n{'row':<24} {'ORT error':>10} "
          + " ".join(f"{title:>14}" for title in titles), flush=True)
    results, reached = [], True
    for network, name in zip(networks, names):
        figures = _network_compare(arguments, network)
        short = [numerics for numerics in RATIO_MAX if not _judge(figures, numerics)]
        cells = []
        for numerics in RATIO_MAX:
            ours = figures[numerics]
            cells += [f"{ours['error']:.2e}" if "error" in ours else "-",
                      f"{ours['ratio']:.2f}" if "ratio" in ours else "-"]
        note = "; ".join(figures[numerics].get("reason", f"{numerics}: bar {RATIO_MAX[numerics]}") for numerics in short)
        print(f"{name:<24} {figures['onnxruntime']:>10.2e} " + " ".join(f"{cell:>14}" for cell in cells)
              + (f"  {note}" if short else "  PASS"), flush=True)
        reached = reached and not short
        results.append({"row": name, **figures})
    return {"results": results}, reached
