#!/usr/bin/env python3
"""Holds the manual against the tables it describes: manual.py [--update].

Parts between `<!-- written: NAME -->` and `<!-- end -->` (in a man page `.\\" written: NAME` and `.\\" end`) are made from
the .def files; --update writes them. Tables between `<!-- checked: NAME -->` and `<!-- end -->` are written by hand, one
signature to a row; here it is told which rows are missing, and which are of nothing. Exit status 1: something differs.
"""
import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGES = [*sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "man").glob("*.[15]"))]
COMMANDS = {"C": "compile", "R": "run", "O": "opt", "V": "verify", "B": "bench", "I": "inspect", "F": "fmt", "N": "new",
            "X": "explain"}


def rows_of(path, macro):
    """The arguments of each MACRO(...) of a .def file; adjacent strings are joined."""
    text = re.sub(r"/\*.*?\*/", "", (ROOT / path).read_text(), flags=re.DOTALL)
    token = re.compile(r'"((?:[^"\\]|\\.)*)"|([^",()]+)|([,()])')
    for start in re.finditer(rf"^{macro}\(", text, re.MULTILINE):
        row, cell = [], ""
        for string, plain, mark in (match.groups("") for match in token.finditer(text, start.end())):
            if not mark:
                cell += string.replace('\\"', '"').replace("\\\\", "\\") or plain.strip()
                continue
            row.append(cell)
            cell = ""
            if mark == ")":
                break
        yield row


# ---- Parts that are written ----

SHORT = {"output": "-o ", "define": "-D", "include": "-I", "quiet": "-q", "help": "-h", "optimize": "-O", "march": "-march=",
         "mtune": "-mtune=", "MD": "-MD", "MF": "-MF ", "g": "-g"}
SHORT_ONLY = {"march", "mtune", "MD", "MF", "g"}


def option_forms(name, argument):
    """Short and long, each as (word, what joins it to its argument, argument)."""
    argument = "" if argument == "NULL" else argument
    short, long = SHORT.get(name), (f"--{name}", "=" if argument else "", argument)
    if not short:
        return [long]
    word = short.rstrip(" =")
    form = (word, short[len(word):], argument)
    return [form] if name in SHORT_ONLY else [form, long]


def commands_of(letters):
    return "all" if letters == "A" else ", ".join(COMMANDS[letter] for letter in letters)


def options_markdown():
    yield "| option | commands | |"
    yield "|---|---|---|"
    for _, name, argument, letters, meaning in rows_of("tools/options.def", "OPTION"):
        forms = ", ".join(f"`{''.join(form)}`" for form in option_forms(name, argument))
        yield f"| {forms} | {commands_of(letters)} | {meaning} |"


def options_man():
    yield ".Bl -tag -width Ds"
    for _, name, argument, letters, meaning in rows_of("tools/options.def", "OPTION"):
        forms = []
        for word, joint, value in option_forms(name, argument):
            tail = {"": f" Ns Ar {value}", " ": f" Ar {value}", "=": f" Ns = Ns Ar {value}"}[joint] if value else ""
            forms.append(f"Fl {word[1:]}{tail}")
        yield ".It " + " , ".join(forms)
        yield f"({commands_of(letters)})"
        yield meaning.replace("\\", "\\e")
    yield ".El"


def ops_markdown():
    yield "| op | operands | meaning |"
    yield "|---|---|---|"
    for _, text, least, most, _, _, _, meaning in rows_of("ir/ops.def", "OP"):
        count = least if least == most else f"{least} to {most}"
        yield f"| `{text}` | {count} | {meaning.replace('|', chr(92) + '|')} |"


def attrs_markdown():
    yield "| attribute | kind | meaning |"
    yield "|---|---|---|"
    for _, text, kind, meaning in rows_of("ir/attrs.def", "ATTR"):
        yield f"| `{text}` | {kind.lower()} | {meaning} |"


def passes_markdown():
    yield "| pass | -O0 | |"
    yield "|---|---|---|"
    for name, when, _, meaning in rows_of("passes/passes.def", "PASS"):
        yield f"| `{name}` | {'runs' if when == 'ALWAYS' else ''} | {meaning} |"


def diagnostics_markdown():
    yield "| id | |"
    yield "|---|---|"
    rows = [row for path in sorted((ROOT / "support" / "diagnostics").glob("*.def")) for row in rows_of(path, "DIAGNOSTIC")]
    for name, title, _ in sorted(rows):
        yield f"| {name} | {title} |"


WRITTEN = {"options": options_markdown, "options_man": options_man, "ops": ops_markdown, "attrs": attrs_markdown,
           "passes": passes_markdown,
           "diagnostics": diagnostics_markdown}


# ---- Tables that are checked ----

def formals_short(text):
    """`x, kernel: int = 3, h0 = none` -> `x, kernel=3, h0=none`."""
    parts = [re.sub(r":\s*[a-z]+", "", part).strip() for part in text.replace("\n", " ").split(",")]
    return ", ".join(re.sub(r"\s*=\s*", "=", re.sub(r"\s+", " ", part)) for part in parts if part)


def library_signatures(word, path):
    text = (ROOT / path).read_text()
    for name, formals in re.findall(rf"^{word} (\w+)\(([^{{]*?)\) \{{", text, re.MULTILINE):
        yield f"{name}({formals_short(formals)})"


def functions():
    for path in sorted((ROOT / "frontend" / "lang").glob("functions*.c")):
        text = path.read_text()
        macros = dict(re.findall(r'^#define (\w+) "(.*)"', text, re.MULTILINE))
        for name, formals, macro in re.findall(r'^    \{"(\w+)", (?:"(.*?)"|(\w+)), ', text, re.MULTILINE):
            if name != "Sequential":
                yield f"{name}({formals or macros[macro]})"
    for signature in library_signatures("fn", "frontend/library/functions.tn"):
        if signature.split("(")[0] not in HELPERS:
            yield signature


def layers():
    yield "Sequential(layers...)"
    for path in sorted((ROOT / "frontend" / "library").glob("*.tn")):
        for signature in library_signatures("block", path):
            if not re.match(r"\w+Direction\(", signature):
                yield signature


HELPERS = {"channelwise", "resize_matrix"}  # of the library's own use
CHECKED = {"functions": functions, "layers": layers}


def table_check(page, name, body):
    written = {signature for line in body for signature in re.findall(r"`(\w+\(.*?\))`", line.split(" | ")[0])}
    wanted = set(CHECKED[name]())
    return ([f"{page.name}: {name}: no row for `{signature}`" for signature in sorted(wanted - written)] +
            [f"{page.name}: {name}: there is no `{signature}`" for signature in sorted(written - wanted)])


# ---- Pages ----

def page_check(page, update):
    lines, fresh, complaints, at = page.read_text().splitlines(), [], [], 0
    while at < len(lines):
        mark = re.fullmatch(r'(?:<!-- |\.\\" )(written|checked): (\w+)(?: -->)?', lines[at])
        fresh.append(lines[at])
        at += 1
        if not mark:
            continue
        end = next(i for i in range(at, len(lines)) if lines[i] in ("<!-- end -->", '.\\" end'))
        body = lines[at:end]
        if mark[1] == "checked":
            complaints += table_check(page, mark[2], body)
        else:
            body = list(WRITTEN[mark[2]]())
        fresh += body
        at = end
    if fresh != lines and not update:
        complaints.append(f"{page.name}: differs from the tables; scripts/manual.py --update writes it")
    elif fresh != lines:
        page.write_text("\n".join(fresh) + "\n")
    return complaints


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true")
    update = parser.parse_args().update
    complaints = [text for page in PAGES for text in page_check(page, update)]
    print("\n".join(complaints), end="\n" if complaints else "")
    return len(complaints) > 0


if __name__ == "__main__":
    sys.exit(main())
