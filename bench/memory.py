"""bench/run --memory: what a compiled network takes in a process that does nothing else, and what compiling it takes."""
import json
import os
import subprocess

from compiling import BUILD, ROOT, compile_command, first_error, program_build

MIB = 2.0 ** 20


def _object(command, **options):
    """What memory.c prints."""
    result = subprocess.run(command, capture_output=True, text=True, errors="replace", **options)
    try:
        return json.loads(result.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return {"error": first_error(result.stderr)}


def _network_weigh(arguments, program, network):
    library = BUILD / f"{network.name}.{arguments.march}.memory.so"
    library.unlink(missing_ok=True)
    compiling = _object([program, "compile", *compile_command(
        arguments.tenon, BUILD / f"{network.name}.tn", library, arguments.march, 1, "default")], cwd=BUILD)
    figures = {"compile": compiling}
    if library.exists():
        figures["run"] = _object([program, "run", library, f"{network.name}_info", *(str(v) for *_, v in network.dims)])
        figures["library"] = os.path.getsize(library)
        library.unlink()
    return figures


def rows_weigh(arguments, networks, names):
    program = program_build("memory", [ROOT / "bench" / "memory" / "memory.c"])
    print("MiB; beside: of the peak, what is neither weights, workspace, inputs nor outputs\n\n"
          f"{'row':<24} {'weights':>8} {'workspace':>9} {'in, out':>8} {'peak':>8} {'beside':>8} {'library':>8} "
          f"{'compile s':>9} {'peak':>8}", flush=True)
    results, well = [], True
    for network, name in zip(networks, names):
        figures = {"row": name, **_network_weigh(arguments, program, network)}
        results.append(figures)
        run, compiling = figures.get("run", {"error": "not compiled"}), figures["compile"]
        problem = compiling.get("error") or run.get("error")
        if problem:
            well = False
            print(f"{name:<24} FAILED: {problem}", flush=True)
            continue
        parts = [run["weights"], run["workspace"], run["tensors"]]
        run["beside"] = run["peak"] - sum(parts)
        cells = [*parts, run["peak"], run["beside"], figures["library"]]
        print(f"{name:<24} " + " ".join(f"{cell / MIB:>{width}.1f}" for cell, width in zip(cells, (8, 9, 8, 8, 8, 8)))
              + f" {compiling['seconds']:>9.2f} {compiling['peak'] / MIB:>8.1f}", flush=True)
    return {"results": results}, well
