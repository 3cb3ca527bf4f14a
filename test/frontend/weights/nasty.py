"""Feeds weight files to `tenon new` and checks how it ends: a good file gives a starter model; a bad one gives exit status
1, exactly one line with `error:`, and no output. Used by the nasty_*.py scripts next to it."""
import os
import re
import shutil
import subprocess
import sys


class Checker:
    def __init__(self, extension):
        self.tenon, self.folder = sys.argv[1:3]
        self.extension = extension
        self.failures = self.count = 0
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)

    def write(self, name, content):
        path = os.path.join(self.folder, name + self.extension)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def run(self, path):
        output = os.path.join(self.folder, "out.tn")
        done = subprocess.run([self.tenon, "new", path, "-o", output], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60)
        made = os.path.exists(output)
        if made:
            os.remove(output)
        return done.returncode, done.stderr.decode("utf-8", "replace"), made

    def report(self, name, problem, messages):
        self.failures += 1
        print(f"{name}: {problem}\n{messages}")

    def bad_path(self, name, path, pattern=None):
        """|pattern|: a regular expression that the error must match."""
        self.count += 1
        status, messages, made = self.run(path)
        errors = [line for line in messages.splitlines() if "error:" in line]
        if status != 1:
            self.report(name, f"exit status {status}, not 1", messages)
        elif len(errors) != 1:
            self.report(name, f"{len(errors)} errors, not 1", messages)
        elif pattern and not re.search(pattern, errors[0]):
            self.report(name, f"the error does not match '{pattern}'", messages)
        elif made or any(".tmp." in file for file in os.listdir(self.folder)):
            self.report(name, "an output was left", messages)

    def bad(self, name, content, pattern=None):
        path = self.write(name, content)
        self.bad_path(name, path, pattern)
        os.remove(path)

    def good(self, name, content, warning=None):
        """|warning|: a regular expression for the one warning; None: there may be none."""
        self.count += 1
        path = self.write(name, content)
        status, messages, _ = self.run(path)
        warnings = [line for line in messages.splitlines() if "warning:" in line]
        if status != 0:
            self.report(name, f"exit status {status}, not 0", messages)
        elif len(warnings) != (warning is not None) or (warning and not re.search(warning, warnings[0])):
            self.report(name, f"warnings are not as expected: {warning}", messages)
        os.remove(path)

    def truncations(self, name, content, lengths=None):
        """Every shorter file is bad."""
        for length in lengths if lengths is not None else range(len(content)):
            self.bad(f"{name}-{length}", content[:length])

    def special_files(self):
        """What is no readable regular file."""
        place = os.path.join(self.folder, "special")
        self.bad_path("missing", place + self.extension, "No such file")
        os.mkdir(place + self.extension)
        self.bad_path("directory", place + self.extension, "[Ii]s a directory")
        os.rmdir(place + self.extension)
        os.mkfifo(place + self.extension)
        self.bad_path("fifo", place + self.extension, "not a regular file")
        os.remove(place + self.extension)
        os.symlink("/dev/zero", place + self.extension)
        self.bad_path("device", place + self.extension, "not a regular file")
        os.remove(place + self.extension)
        os.symlink("special" + self.extension, place + self.extension)
        self.bad_path("loop", place + self.extension, "symbolic links")
        os.remove(place + self.extension)
        if os.geteuid() != 0:
            path = self.write("unreadable", b"x")
            os.chmod(path, 0)
            self.bad_path("unreadable", path, "Permission denied")
            os.remove(path)
        self.bad("empty", b"", "empty")
        self.bad("one-byte", b"\0")

    def finish(self):
        print(f"{self.count} cases, {self.failures} failures")
        sys.exit(self.failures != 0)
