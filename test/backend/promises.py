"""What every object promises, whatever the network:  promises.py WORK SOURCE.tn...
No symbol is wanted but memcpy, memset and memmove; nothing is writable but relocated pointers; visible are the functions
of the header alone; equal inputs give equal bytes, wherever and whenever they are compiled."""
import os
import pathlib
import re
import shutil
import subprocess
import sys

OPTIONS = [["-O0"], [], ["-march=x86-64-v3"], ["-march=x86-64-v4"], ["--threads=pool"], ["-g0", "--cpu-check=none"]]
KINDS = ["o", "a", "so", "h", "s", "ll", "tir"]
failures = []


def output(*command, cwd=None):
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=cwd).stdout


def expect(what, found, allowed):
    if not found <= allowed:
        failures.append(f"{what}: {', '.join(sorted(found - allowed))}")


def check_symbols(what, work, options, source):
    output("tenon", "compile", source, "-q", *options, "-o", work / "m.o", f"--header={work / 'm.h'}")
    header = (work / "m.h").read_text()
    functions = set(re.findall(r"^(?:int|void|const tenon_model_info \*)\s*(\w+)\(", header, re.MULTILINE))
    visible = {line.split()[-1] for line in output("nm", "-g", "--defined-only", work / "m.o").splitlines()}
    wanted = {line.split()[-1] for line in output("nm", "-u", work / "m.o").splitlines()}
    expect(f"{what}: wanted symbols", wanted, {"memcpy", "memset", "memmove"})
    expect(f"{what}: visible, but not in the header", visible, functions)
    expect(f"{what}: in the header, but not visible", functions, visible)
    sections = re.findall(r"\] (\S+)\s+\S+\s+\S+\s+\S+\s+(\S+)\s+\S+\s+([A-Za-z]*)", output("readelf", "-SW", work / "m.o"))
    expect(f"{what}: writable sections", {name for name, size, flags in sections if "W" in flags and int(size, 16)},
           {".data.rel.ro", ".data.rel.ro.local"})
    output("tenon", "compile", source, "-q", *options, "-o", work / "libm.so")
    dynamic = {line.split()[-1] for line in output("nm", "-D", "--defined-only", work / "libm.so").splitlines()}
    expect(f"{what}: exported by the library", dynamic, functions)


def check_equal(what, work, options, source):
    """Folder, time zone, locale, umask, environment and address layout differ; the bytes do not."""
    folders = [work / "here", work / "a much longer name" / "there"]
    for number, folder in enumerate(folders):
        shutil.copytree(source.parent, folder, dirs_exist_ok=True)
        os.utime(folder / source.name, (10**9 * (number + 1),) * 2)
        environment = dict(os.environ, TZ=["UTC", "Asia/Tokyo"][number], LC_ALL=["C", "C.UTF-8"][number], PAD="x" * 999 * number)
        for kind in KINDS:
            subprocess.run(["sh", "-c", f'umask 0{number}2; exec "$@"', "sh", "tenon", "compile", source.name, "-q", *options,
                            "-o", f"out.{kind}"], check=True, cwd=folder, env=environment)
    for kind in KINDS:
        first, second = [(folder / f"out.{kind}").read_bytes() for folder in folders]
        if first != second:
            failures.append(f"{what}: .{kind} differs between two compilations")
    for folder in folders:
        shutil.rmtree(folder)


work = pathlib.Path(sys.argv[1])
shutil.rmtree(work, ignore_errors=True)
work.mkdir(parents=True)
for source in map(pathlib.Path, sys.argv[2:]):
    for options in OPTIONS:
        what = f"{source.name} {' '.join(options)}"
        try:
            check_symbols(what, work, options, source)
            if options in ([], ["-O0"], ["--threads=pool"]):
                check_equal(what, work, options, source)
        except subprocess.CalledProcessError as error:
            failures.append(f"{what}: {error}\n{error.stderr}")
print("\n".join(failures) if failures else "all promises hold")
sys.exit(bool(failures))
