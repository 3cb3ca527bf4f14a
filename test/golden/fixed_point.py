"""Printing what was parsed is a fixed point: for every .tir file of the repository that parses, for the examples and the
small network of this folder in each phase.   fixed_point.py ROOT WORK"""
import pathlib
import subprocess
import sys

root, work = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
parsed = refused = 0
failures = []


def tenon(*arguments):
    return subprocess.run(["tenon", *map(str, arguments)], capture_output=True)


def check(path):
    global parsed, refused
    first = tenon("opt", path)
    if first.returncode != 0:
        refused += first.returncode == 1
        if first.returncode != 1:
            failures.append(f"{path}: exit status {first.returncode}")
        return
    parsed += 1
    printed = work / "printed.tir"
    printed.write_bytes(first.stdout)
    second = tenon("opt", printed)
    if second.returncode != 0 or second.stdout != first.stdout:
        failures.append(f"{path}: what was printed does not print as it stands\n{second.stderr.decode(errors='replace')}")


work.mkdir(parents=True, exist_ok=True)
for path in sorted(root.rglob("*.tir")):
    if "build" not in path.relative_to(root).parts:
        check(path)
in_tree = parsed
for source in sorted([*root.glob("examples/*/*.tn"), root / "test/golden/tiny.tn"]):
    folder = work / source.stem
    if tenon("compile", source, f"--dump-phases={folder}", "--emit=loops", "-o", work / "loops.tir").returncode == 0:
        for path in sorted(folder.glob("*.tir")):
            check(path)
print(f"{in_tree} files of the tree, {parsed - in_tree} phases, {refused} refused")
print("\n".join(failures) if failures else "all are fixed points")
sys.exit(bool(failures))
