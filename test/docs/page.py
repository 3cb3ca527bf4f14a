#!/usr/bin/env python3
"""Runs a page of the manual: page.py PAGE FOLDER [--update].

In FOLDER, emptied first, where the folders of the repository are seen under their names:
  ```LANGUAGE NAME   is written to the file NAME
  ```tn              must pass `tenon inspect`, unless `error` stands behind the name
  ```sh run          holds commands behind `$ ` and below each what it prints; a line `...` stands for any lines,
                     `...` within a line for any text, and a command goes on in lines with `> `
Other blocks are only read. `tenon` and `cc` are found on PATH; `python3` is the interpreter that runs this.
--update writes the output found into PAGE, but for blocks with `...`.
"""
import argparse
import difflib
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SEEN = ["bench", "examples", "frontend", "ir", "passes", "runtime", "scripts", "test"]
SECONDS_MAX = 300


def folder_prepare(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in SEEN:
        (folder / name).symlink_to(ROOT / name)
    programs = folder / ".programs"
    programs.mkdir()
    python = programs / "python3"  # no link: a virtual environment is known by its path
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    include = folder / ".include"  # as installed: <tenon/pool.h> and -ltenon_rt
    include.mkdir()
    (include / "tenon").symlink_to(ROOT / "runtime")
    os.environ["C_INCLUDE_PATH"] = str(include)
    os.environ["LIBRARY_PATH"] = str(pathlib.Path(shutil.which("tenon")).resolve().parent)
    os.environ["PATH"] = f"{programs}:{os.environ['PATH']}"
    os.environ["NO_COLOR"] = "1"


def blocks_of(lines):
    """(first line inside, line of the closing fence, words behind the opening fence) of each block."""
    start = None
    for number, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if start is None:
            start = (number + 1, line[3:].split())
        else:
            yield start[0], number, start[1]
            start = None
    if start:
        sys.exit(f"line {start[0]}: the block is never closed")


def steps_of(body):
    """(lines of a command, expected output) in turn."""
    steps = []
    for line in body:
        if line.startswith("$ "):
            steps.append(([line], []))
        elif steps and line.startswith("> ") and not steps[-1][1]:
            steps[-1][0].append(line)
        elif steps:
            steps[-1][1].append(line)
        else:
            sys.exit(f"output before the first command: {line}")
    return steps


def command_run(command, folder, status):
    text = "\n".join(line[2:] for line in command)
    done = subprocess.run(["bash", "-c", f"(exit {status}); {text}"], cwd=folder, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=SECONDS_MAX)
    output = done.stdout.decode(errors="replace")
    return [line.rstrip() for line in output.splitlines()], done.returncode


def matches(expected, found):
    pattern = ""
    for line in expected:
        if line.strip() == "...":
            pattern += r"(?:.*\n)*"
        else:
            pattern += ".*".join(re.escape(part) for part in line.split("...")) + r"\n"
    return re.fullmatch(pattern, "".join(line + "\n" for line in found)) is not None


def session_run(body, folder):
    """The body with its outputs as found, and complaints."""
    status, fresh, complaints = 0, [], []
    for command, expected in steps_of(body):
        found, status = command_run(command, folder, status)
        fresh += command + found
        if matches(expected, found):
            continue
        diff = difflib.unified_diff(expected, found, "in the page", "found", lineterm="", n=1)
        complaints.append("\n".join(command + list(diff)))
    return fresh, complaints


def network_check(path, folder):
    found, status = command_run([f"$ tenon inspect {path.name}"], folder, 0)
    return [] if status == 0 else ["\n".join([f"$ tenon inspect {path.name}", *found])]


def page_run(page, folder, update):
    lines = page.read_text().splitlines()
    complaints, replaced = [], []
    for number, (first, last, words) in enumerate(blocks_of(lines)):
        body, failed = lines[first:last], []
        language, name = (words + ["", ""])[:2]
        if words == ["sh", "run"]:
            fresh, failed = session_run(body, folder)
            if failed and update and not any("..." in line for line in body):
                replaced.append((first, last, fresh))
                failed = []
        elif language == "tn" or "." in name:
            path = folder / (name if "." in name else f"block{number}.tn")
            path.write_text("\n".join(body) + "\n")
            if language == "tn" and "error" not in words:
                failed = network_check(path, folder)
        complaints += [f"{page.name}:{first}: {text}" for text in failed]
    for first, last, fresh in reversed(replaced):
        lines[first:last] = fresh
    if replaced:
        page.write_text("\n".join(lines) + "\n")
    return complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args()
    if not shutil.which("tenon"):
        sys.exit("tenon is not on PATH: every command would fail, and --update would write that down")
    folder_prepare(arguments.folder.resolve())
    if shutil.which("tenon") is None:
        sys.exit("page.py: tenon is not on PATH")
    complaints = page_run(arguments.page, arguments.folder.resolve(), arguments.update)
    print("\n\n".join(complaints), end="\n" if complaints else "")
    return len(complaints) > 0


if __name__ == "__main__":
    sys.exit(main())
