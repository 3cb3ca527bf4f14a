"""How lit runs the tests of this folder: lit.py build/PRESET/test, after `cmake --build --preset PRESET --target tests`.

Files that end in .test, .tn, .tir or .c are tests if they hold a RUN line; the others are read by tests. Lines run in
bash. `tenon`, the test programs, FileCheck, not and count are found on PATH.
  %{python}   an interpreter with NumPy       %{root}    the repository
  %{build}    the build folder                %{data}    a folder of recorded models: TENON_DATA, or ../shared/data
                                                         beside the checkout; test/models is skipped without one
Features: sanitized, a build with AddressSanitizer; x86-64-v3 and x86-64-v4, what this machine can run.
"""
import os
import pathlib
import sys

sys.path.insert(0, os.path.join(config.source, "test"))
from run_lines import RunLines  # noqa: E402


def machine_levels():
    """The x86-64 levels above v2 that the processor has."""
    lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    flags = set(next((line for line in lines if line.startswith("flags")), "").split())
    levels = {"x86-64-v3": {"avx2", "fma", "bmi2", "f16c", "movbe", "abm"},
              "x86-64-v4": {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}}
    return [name for name, needed in levels.items() if needed <= flags]


def recorded_models():
    named = os.environ.get("TENON_DATA")
    beside = root.parent / "shared" / "data"
    return named or (str(beside) if beside.is_dir() else None)


root = pathlib.Path(config.source)
config.name = "tenon"
config.test_format = RunLines(execute_external=True)
config.suffixes = [".test", ".tn", ".tir", ".c"]
config.test_source_root = str(root / "test")
config.test_exec_root = os.path.join(config.build, "test", "output")

config.environment["PATH"] = os.pathsep.join(
    [config.build, os.path.join(config.build, "test"), "/usr/lib/llvm-19/bin", os.environ["PATH"]])
config.environment["LC_ALL"] = "C.UTF-8"
data = recorded_models()
if data:
    config.environment["TENON_DATA"] = data
    config.substitutions.append(("%{data}", data))

config.substitutions += [("%{python}", sys.executable), ("%{root}", str(root)), ("%{build}", config.build)]

config.available_features.update(machine_levels())
if config.sanitized:
    config.available_features.add("sanitized")
    config.environment["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "detect_leaks=0")
    config.environment["UBSAN_OPTIONS"] = "print_stacktrace=1"
