"""readmes.py EXAMPLES WORK NETWORK..: the first commands of a network's README, word for word, in a copy of its folder.

The two classes that `--top=2` prints are those that the README tells.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys

examples, work = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
programs = work / "programs"
programs.mkdir(parents=True)
(programs / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
(programs / "python3").chmod(0o755)
os.environ["PATH"] = f"{programs}:{os.environ['PATH']}"
for name in ("digits", "make_weights.py"):
    (work / name).symlink_to(examples / name)
wrong = 0
for network in sys.argv[3:]:
    folder = shutil.copytree(examples / network, work / network, ignore=shutil.ignore_patterns("*.safetensors"))
    text = (folder / "README.md").read_text()
    commands = [line[4:] for line in re.search(r"\n\n((?:    .*\n)+)", text)[1].splitlines()]
    printed = ""
    for command in commands:
        done = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True)
        printed += done.stdout
        if done.returncode:
            print(f"{network}: {command}\n{done.stdout}{done.stderr}")
            wrong += 1
    classes = re.findall(r"^ *(\d+)  \d", printed, re.MULTILINE)
    told = re.search(r"for\s+classes\s+(\d+)\s+and\s+(\d+)", text).groups()
    timed = re.search(r"median ([\d.]+) (ms|us)", printed)
    print(f"{network}: {len(commands)} commands, classes {classes}, median {timed and timed[0]}")
    wrong += classes[:2] != list(told) or not timed or len(commands) < 4
    shutil.rmtree(folder)
sys.exit(wrong > 0)
