"""Hostile source texts: each must end with status 1 and one clean message (or with status 0 where it is no mistake),
quickly, and without control characters on the terminal.

nasty.py TENON FOLDER"""
import pathlib
import re
import subprocess
import sys

SECONDS_MAX = 60
MEGABYTES_5 = 5_000_000


def within(expression):
    return f"fn f(x) {{ y = {expression}; return y; }}\n"


# name: (source, the id of its one message, or None where the source is fine)
CASES = {
    "empty": ("", None),
    "comments only": ("// a\n/* b */ # c", None),
    "no final newline": ("dim N = 4;", None),
    "byte order mark": (b"\xef\xbb\xbfdim N = 4;", None),
    "CR lines": ("dim N = 4; // x\rdim M = 5;\r", None),
    "CRLF lines": ("dim N = 4; // x\r\ndim M = 5;\r\n", None),
    "range of literals": ("dim N = 1..4;", None),
    "16 MiB of blanks": (" " * (16 << 20), None),
    "255 minuses": (within("-" * 255 + "1"), None),
    "250 parentheses": (within("(" * 250 + "1" + ")" * 250), None),
    "200000 arguments": (within("f(" + "1," * 200_000 + "1)"), None),
    "UTF-16": ("dim N = 4;".encode("utf-16"), "E0102"),
    "NUL between words": (b"dim N = 4;\0\0 dim M = ;", "E0102"),
    "NUL in a string": (b'import "a\0b" as c;', "E0102"),
    "NUL in a comment": (b"// a\0b\ndim = ;", "E0102"),
    "only NULs": (b"\0" * 100_000, "E0102"),
    "Latin-1 comment": (b"// caf\xe9\n// caf\xe9\ndim N = 4;", "E0103"),
    "high bytes": (b"dim N = 4;\n\xff\xfe\x80;", "E0103"),
    "100000 letters that are none": ("\u00e9" * 100_000, "E0104"),
    "control characters": ("dim N = 4;\n\x01\x02\x1b\x7f;", "E0104"),
    "100000 backslashes": ("\\" * 100_000, "E0104"),
    "unterminated comment": ("dim N = 4; /* dim M = ;", "E0105"),
    "unterminated string": ('import "abc', "E0106"),
    "string ends in a backslash": ('import "abc\\', "E0106"),
    "terminal escapes in a string": ('import "\x1b[31m\\q" as x;', "E0107"),
    "doubled separator": (within("1__0"), "E0109"),
    "0x": (within("0x"), "E0110"),
    "1.": (within("1."), "E0113"),
    ".5": (within(".5"), "E0113"),
    "integer above 2^64": (within("340282366920938463463374607431768211456"), "E0114"),
    "float above all": (within("1e99999"), "E0115"),
    "60000 digits": (within("1" * 60_000 + ".0"), "E0115"),
    "5 MB name": (within("a" * MEGABYTES_5), "E0116"),
    "5 MB string": ('import "' + "a" * MEGABYTES_5 + '" as x;', "E0116"),
    "5 MB number": (within("1" * MEGABYTES_5), "E0116"),
    "5 MB line": (within("a + " * 20 + " " * MEGABYTES_5 + "$"), "E0104"),
    "over 16 MiB": (" " * ((16 << 20) + 1), "E0101"),
    "200000 parentheses": (within("(" * 200_000 + "1" + ")" * 200_000), "E0118"),
    "200000 brackets": (within("[" * 200_000), "E0118"),
    "million minuses": (within("-" * 1_000_000 + "1"), "E0118"),
    "million nots": (within("!" * 1_000_000 + "x"), "E0118"),
    "minuses between parentheses": (within(("-" * 200 + "(") * 200 + "x" + ")" * 200), "E0118"),
    "million terms": (within("+".join(["a"] * 1_000_000)), "E0118"),
    "million powers": (within("**".join(["a"] * 1_000_000)), "E0118"),
    "100000 conditionals": (within("a ? b : " * 100_000 + "c"), "E0118"),
    "100000 pipes": (within("|>".join(["a"] * 100_000)), "E0118"),
    "100000 members": (within("a" + ".b" * 100_000), "E0118"),
    "100000 calls": (within("a" + "()" * 100_000), "E0118"),
    "100000 else if": ("fn f(x) { if (a) {} " + "else if (a) {} " * 100_000 + "}", "E0118"),
    "1300 else if": ("fn f(x) { if (a) {} " + "else if (a) {} " * 1_300 + "}", "E0118"),
    "1300 else if of members": ("model M { if (a) {} " + "else if (a) {} " * 1_300 + "}", "E0118"),
    "100000 ifs": ("fn f(x) { " + "if (a) { " * 100_000, "E0118"),
    "million semicolons": (";" * 1_000_000, "E0124"),
    "200000 closing parentheses": (")" * 200_000, "E0140"),
    "200000 closing braces": ("}" * 200_000, "E0140"),
    "formats": (within("%n%s%n"), "E0141"),
    "100000 open calls": (within("f(" * 200 + "1"), "E0123"),
}


def run(tenon, folder, source):
    path = folder / "nasty.tn"
    path.write_bytes(source if isinstance(source, bytes) else source.encode())
    return subprocess.run([tenon, "compile", "--emit=ast", str(path), "-o", "-"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, timeout=SECONDS_MAX)


def fault(done, expected):
    """What is wrong with the outcome, or None."""
    text = done.stderr.decode("utf-8", "replace")
    found = re.findall(r": error: .*\[(E\d+)\]", text)
    if done.returncode != (1 if expected else 0):
        return f"status {done.returncode}"
    if found != ([expected] if expected else []):
        return f"messages {found}, expected {expected}"
    if re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", done.stderr):
        return "control characters on the terminal"
    return "a message that is too long" if len(done.stderr) > 2000 else None


def main():
    tenon, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    faults = 0
    for name, (source, expected) in CASES.items():
        done = run(tenon, folder, source)
        wrong = fault(done, expected)
        if wrong:
            faults += 1
            print(f"{name}: {wrong}\n{done.stderr[:600].decode('utf-8', 'replace')}")
    many = run(tenon, folder, "dim = ;\n" * 100_000)
    shown = many.stderr.count(b": error: ")
    if many.returncode != 1 or shown != 20 or b"80 more errors" not in many.stderr:
        faults += 1
        print(f"100000 mistakes: status {many.returncode}, {shown} shown")
    print(f"{len(CASES) + 1} cases, {faults} faults")


main()
