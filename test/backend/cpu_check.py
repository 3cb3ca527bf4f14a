"""A library on a CPU that lacks what it was compiled for:  cpu_check.py WORK SOURCE INPUT..
Every entry must return TENON_E_CPU, not end in an illegal instruction. The missing CPU is played by a library whose check
has been overwritten with one that fails; where this machine has no AVX-512, one compiled for x86-64-v4 is tried as well."""
import pathlib
import re
import subprocess
import sys

work, source, inputs = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
work.mkdir(parents=True, exist_ok=True)
LACKS = "returned 7 (TENON_E_CPU)"
RETURN_ZERO = bytes([0x31, 0xC0, 0xC3])  # xor eax, eax; ret


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def library(name, *options):
    path = work / name
    output("tenon", "compile", source, "-q", *options, "-o", path)
    return path


def run(path):
    done = subprocess.run(["tenon", "run", path, *inputs], capture_output=True, text=True)
    return done.returncode, done.stderr


def expect(what, path, status, text):
    found, messages = run(path)
    good = found == status and text in messages
    print(f"{what}: {'as promised' if good else f'status {found}: {messages}'}")
    return good


def break_check(path):
    """Overwrites the code of tenon.cpu_ok in the file."""
    address = int(re.search(r"^(\w+) t tenon\.cpu_ok$", output("nm", path), re.MULTILINE)[1], 16)
    text = re.search(r"\] \.text\s+PROGBITS\s+(\w+)\s+(\w+)", output("readelf", "-SW", path))
    with open(path, "r+b") as file:
        file.seek(address - int(text[1], 16) + int(text[2], 16))
        file.write(RETURN_ZERO)


def has_v4():
    flags = pathlib.Path("/proc/cpuinfo").read_text().split("flags", 1)[1].split("\n", 1)[0].split()
    return {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"} <= set(flags)


good = expect("this CPU", library("fits.so", "-march=native"), 0, "")
for options in ([], ["-march=native"], ["--threads=pool"]):
    path = library("lacks.so", *options)
    break_check(path)
    good &= expect(f"a lacking CPU {' '.join(options)}", path, 1, LACKS)
good &= expect("x86-64-v4", library("v4.so", "-march=x86-64-v4"), *((0, "") if has_v4() else (1, LACKS)))
unchecked = library("unchecked.so", "--cpu-check=none")
good &= "cpu_ok" not in output("nm", unchecked) and expect("no check", unchecked, 0, "")
sys.exit(not good)
