"""Makes libraries with the compiler, and the C programs of this folder."""
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
HUGE_PAGES = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}  # for the peers' memory, as bench.c asks for all of ours
SECONDS_MAX = 300


def first_error(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return next((line for line in lines if "error" in line.lower()), lines[0] if lines else "no message")


def program_build(name, sources):
    program = BUILD / name
    command = [os.environ.get("CC", "cc"), "-std=gnu11", "-O2", "-g", "-Wall", "-Wextra",
               "-Wno-missing-field-initializers", f"-I{ROOT}", *sources, "-o", program, "-lm", "-ldl", "-lpthread"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"bench/run: cannot build {name}:\n{result.stderr}")
    return program


def compile_command(tenon, source, library, march, threads, numerics):
    return [tenon, "compile", source.name, f"-march={march}", f"--threads={'none' if threads == 1 else 'pool'}",
            f"--numerics={numerics}", "-o", library.name]


def library_compile(tenon, network, march, threads, numerics="default"):
    """(path, None) or (None, why not). Compiled again only if the compiler or the sources are newer."""
    source = BUILD / f"{network}.tn"
    kind = ("none" if threads == 1 else "pool") + ("" if numerics == "default" else f".{numerics}")
    library = BUILD / f"{network}.{march}.{kind}.so"
    if not tenon.exists():
        return None, f"{tenon}: no such file"
    inputs = [tenon, source, *BUILD.glob(f"{network}.safetensors")]
    if library.exists() and library.stat().st_mtime > max(path.stat().st_mtime for path in inputs):
        return library, None
    library.unlink(missing_ok=True)
    try:
        result = subprocess.run(compile_command(tenon, source, library, march, threads, numerics), cwd=BUILD,
                                capture_output=True, text=True, errors="replace", timeout=SECONDS_MAX)
    except subprocess.TimeoutExpired:
        return None, f"compiler still running after {SECONDS_MAX} s"
    if result.returncode != 0 or not library.exists():
        reason = first_error(result.stderr + result.stdout)
        return None, reason if result.returncode == 1 else f"exit status {result.returncode}: {reason}"
    return library, None
