"""Reads messages as JSON lines from stdin; fails on a line that is none, or that lacks a field."""
import json
import sys

lines = [json.loads(line) for line in sys.stdin]
assert lines, "no messages"
for line in lines:
    assert {"severity", "message", "id", "spans", "children", "fix", "rendered"} <= set(line), line
    for span in line["spans"]:
        assert span["byte_start"] <= span["byte_end"] and span["line_start"] >= 1 and span["column_start"] >= 1, span
