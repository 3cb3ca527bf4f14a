"""no_spills.py ASSEMBLY...: fails when an innermost loop that multiplies and adds moves a register to or from the stack.

An innermost loop is what a backward jump repeats and that holds no other label. The compiler's comments tell spills and
reloads; the one register over the budget costs two to three times the speed, so none is allowed.
"""
import pathlib
import re
import sys


def innermost_loops(lines):
    places = {match[1]: i for i, line in enumerate(lines) if (match := re.match(r"(\.L\w+):", line))}
    for i, line in enumerate(lines):
        jump = re.match(r"\s+j\w+\s+(\.L\w+)", line)
        if jump and places.get(jump[1], i) < i:
            body = lines[places[jump[1]] : i]
            if not any(re.match(r"\.L\w+:", other) for other in body[1:]):
                yield jump[1], body


def main():
    loops = bad = 0
    for path in sys.argv[1:]:
        for label, body in innermost_loops(pathlib.Path(path).read_text().split("\n")):
            if not any("fmadd" in line or "mulps" in line for line in body):
                continue
            loops += 1
            moves = [line.strip() for line in body if "Spill" in line or "Reload" in line]
            if moves:
                bad += 1
                print(f"{path}: {label}: {len(moves)} moves, the first: {moves[0]}")
    print(f"{loops} loops read")
    return 1 if bad or not loops else 0


sys.exit(main())
