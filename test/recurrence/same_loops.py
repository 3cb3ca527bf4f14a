#!/usr/bin/env python3
"""Are two dumps of loops equal up to names and places? same_loops.py A.tir B.tir prints what differs."""
import difflib
import pathlib
import re
import sys


def normalised(path):
    """Names are numbered in their order; where text came from is left out."""
    text = re.sub(r' loc\("[^)]*\)', "", pathlib.Path(path).read_text())
    text = re.sub(r"(layout \[[^\]]*\]|: f32\[[^\]]*\]) @[\w.]+", r"\1", text)
    numbers = {}
    return re.sub(r"[@%][A-Za-z][\w.]*", lambda name: numbers.setdefault(name[0], f"{name[0][0]}{len(numbers)}"), text)


def main():
    a, b = (normalised(path).splitlines() for path in sys.argv[1:3])
    difference = list(difflib.unified_diff(a, b, *sys.argv[1:3], lineterm="", n=1))
    print("\n".join(difference) if difference else f"equal: {len(a)} lines")
    return bool(difference)


if __name__ == "__main__":
    sys.exit(main())
