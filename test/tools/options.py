"""Every command against tools/options.def: its --help names exactly its options, and wrong use ends with status 2.
options.py ROOT"""
import pathlib
import re
import subprocess
import sys

COMMANDS = {"compile": "C", "run": "R", "opt": "O", "verify": "V", "bench": "B", "inspect": "I", "fmt": "F", "new": "N",
            "explain": "X"}
WRONG_VALUES = {"optimize": "9", "cpu-check": "maybe", "g": "x", "diagnostics": "xml", "color": "blue", "error-limit": "0",
                "threads": "-1", "seed": "x", "tolerance": "x", "min-time": "0", "flops": "many", "prefix": "3d", "skip": "nothing",
                "passes": "nothing", "dump-phases": "",
                "print-ir-before": "x", "numerics": "some", "max-weights": "-1", "print-ir-after": "x", "define": "x", "dim": "x",
                "resize": "0", "crop": "3x", "mean": "1,2", "std": "0", "scale": "-1", "channels": "gbr", "pixel-limit": "0",
                "top": "y=", "emit": "object"}
root = pathlib.Path(sys.argv[1])
failures = []


def tenon(*arguments):
    done = subprocess.run(["tenon", *arguments], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def expect_refused(*arguments):
    status, output, messages = tenon(*arguments)
    if status != 2 or output or not messages.startswith("tenon: "):
        failures.append(f"{' '.join(arguments)}: status {status}, {output!r}, {messages!r}")


rows = re.findall(r'^OPTION\(\w+,\s*"([^"]+)",\s*(NULL|"[^"]*"),\s*"(\w+)"', (root / "tools/options.def").read_text(), re.MULTILINE)
print(f"{len(rows)} options, {len(COMMANDS)} commands")
for command, letter in COMMANDS.items():
    mine = {name for name, _, commands in rows if letter in commands or "A" in commands}
    status, text, _ = tenon(command, "--help")
    shown = set(re.findall(r"^  --([\w-]+)", text, re.MULTILINE))
    if status != 0 or shown != mine:
        failures.append(f"{command} --help: {shown ^ mine}")
    if tenon(command, "-h")[1] != text:
        failures.append(f"{command} -h: not the same as --help")
    if tenon(command, "--version") != tenon("--version"):
        failures.append(f"{command} --version: not the same as --version")
    expect_refused(command)
    expect_refused(command, "--nonsense")
    expect_refused(command, "-Z")
    for name, argument, _ in rows:
        value = "" if argument == "NULL" else "=1"
        if name not in mine:
            expect_refused(command, f"--{name}{value}", "file")
        elif argument != "NULL":
            expect_refused(command, f"--{name}")
        if name in mine and name in WRONG_VALUES:
            expect_refused(command, f"--{name}={WRONG_VALUES[name]}", "file")
for command in COMMANDS:
    if f"tenon {command} " not in tenon("--help")[1]:
        failures.append(f"--help: does not name {command}")
print("\n".join(failures) if failures else "all are told and checked")
sys.exit(bool(failures))
