"""Every way a .npy file can be wrong that we know of, and near misses that are right."""
import io
import pickle
import struct

import numpy

from nasty import Checker

check = Checker(".npy")


def pack(header, data=b"", version=(1, 0), length=None):
    if isinstance(header, str):
        header = header.encode("utf-8" if version[0] == 3 else "latin-1")
    length = len(header) if length is None else length
    return b"\x93NUMPY" + bytes(version) + struct.pack("<H" if version[0] == 1 else "<I", length) + header + data


def dictionary(descr="'<f4'", order="False", shape="(4,)"):
    return "{'descr': %s, 'fortran_order': %s, 'shape': %s, }\n" % (descr, order, shape)


def saved(array, **options):
    stream = io.BytesIO()
    numpy.save(stream, array, **options)
    return stream.getvalue()


def versioned(array, version):
    stream = io.BytesIO()
    numpy.lib.format.write_array(stream, array, version)
    return stream.getvalue()


f4 = numpy.arange(4, dtype="f4")
good = saved(f4)
data = f4.tobytes()

check.special_files()

# What is right.
check.good("plain", good)
for dtype in ["<f2", "<f4", "<f8", "|i1", "<i2", "<i4", "<i8", "|u1", "|b1", ">f2", ">f4", ">f8", ">i2", ">i4", ">i8"]:
    check.good("type-" + dtype[1:] + "-" + str("<>|".index(dtype[0])), saved(numpy.ones((2, 3)).astype(dtype)))
check.good("rank-0", saved(numpy.float32(1)))
check.good("rank-8", saved(numpy.zeros([1] * 8)))
check.good("zero-extent", saved(numpy.zeros((0, 3))))
check.good("fortran", saved(numpy.asfortranarray(numpy.ones((2, 3, 4)))))
check.good("fortran-big-endian", saved(numpy.asfortranarray(numpy.ones((2, 3)).astype(">f4"))))
for version in [(1, 0), (2, 0), (3, 0)]:
    check.good("version-%d" % version[0], versioned(f4, version))
check.good("no-padding", pack(dictionary(), data))
check.good("double-quotes", pack('{"descr": "<f4", "fortran_order": False, "shape": (4,)}', data))
check.good("other-order", pack("{'shape':(4,),'fortran_order':False,'descr':'<f4'}", data))
check.good("python-2-long", pack(dictionary(shape="(4L,)"), data))
check.good("native-order", pack(dictionary("'=f4'"), data))
check.good("no-order", pack(dictionary("'f4'"), data))

# The start.
check.bad("magic", b"\x93NUMPZ" + good[6:])
check.bad("magic-only", good[:6])
for version in [(0, 9), (0, 0), (1, 1), (4, 0), (255, 255)]:
    check.bad("version-%d-%d" % version, pack(dictionary(), data, version), "version %d.%d" % version)
check.bad("length-0", pack("", data))
check.bad("length-65535", pack(dictionary(), data, length=65535), "the limit is 10000")
check.bad("length-max", pack(dictionary(), data, (2, 0), 2**32 - 1), "the limit is 10000")
check.bad("length-10001", pack(dictionary().ljust(10001), data), "the limit is 10000")
check.good("length-10000", pack(dictionary().ljust(10000), data))
check.bad("length-too-far", pack(dictionary(), b"", length=200), "cut short")

# The dict.
for i, text in enumerate([
        "[]", "()", "1", "'x'", "{}", "{", "}", "", "{{}}", "{'descr'", "{'descr':", "{'descr': '<f4'", "None", "dict()",
        "{'descr': '<f4', 'fortran_order': False}", "{'descr': '<f4', 'shape': (4,)}",
        "{'fortran_order': False, 'shape': (4,)}", "{'descr': '<f4' 'fortran_order': False, 'shape': (4,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), 'x': 1}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (4,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,)} + {}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,)}\0",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (4,), **{}}", "{,}", "{1: 2}", "{b'descr': '<f4'}",
        "__import__('os').system('false')", "{'descr': '\\x3cf4', 'fortran_order': False, 'shape': (4,)}"]):
    check.bad(f"dict-{i}", pack(text, data), "byte [0-9]+ of the dict")
check.bad("deep", pack("{'descr': " + "[" * 9000, data))
check.bad("unclosed-in-list", pack("{'descr': [('a", data))
for i, order in enumerate(["0", "1", "None", "'False'", "false", "Falsey", "True and False", "not True", ""]):
    check.bad(f"order-{i}", pack(dictionary(order=order), data))
for i, shape in enumerate(["4", "(4)", "[4]", "(-4,)", "(+4,)", "(4.0,)", "(4e0,)", "(0x4,)", "(04,)", "(4 4)", "(4,,)", "(,)",
                           "(4", "4,)", "(2*2,)", "(True,)", "(None,)", "('4',)", "((4,),)", "(1_0,)", "(4j,)", "", "(4LL,)",
                           "(%s,)" % ("9" * 5000), "(18446744073709551620,)"]):
    check.bad(f"shape-{i}", pack(dictionary(shape=shape), data))
check.bad("rank-9", saved(numpy.zeros([1] * 9)), "9 axes")
check.bad("rank-65", pack(dictionary(shape="(%s)" % ("1," * 65)), data), "too many axes")

# Extents.
check.bad("32-GiB", pack(dictionary(shape="(8589934592,)"), data), "too large")
check.bad("8-GiB", pack(dictionary(shape="(2147483647,)"), data), "takes 8589934588 bytes")
check.bad("square", pack(dictionary(shape="(3000000000, 3000000000)"), data), "too large")
check.bad("wraps", pack(dictionary(shape="(4294967296, 4294967296)"), data), "too large")
check.bad("zero-hides", pack(dictionary(shape="(0, 2147483647, 2147483647)")), "too large")
check.bad("data-shorter", good[:-1], "takes 16 bytes, but 15")
check.bad("data-missing", good[:-16], "takes 16 bytes, but 0")
check.bad("data-longer", good + b"\0", "takes 16 bytes, but 17")
check.bad("two-arrays", good + good)
check.bad("rank-0-two", pack(dictionary(shape="()"), bytes(8)), "takes 4 bytes, but 8")
check.good("nan-bytes", pack(dictionary(), b"\xff" * 16))

# Element types, each with a way out.
check.bad("objects", saved(numpy.array([{}, 1], dtype=object), allow_pickle=True), "objects.*E0407")
check.bad("objects-by-hand", pack(dictionary("'|O'"), pickle.dumps([1, 2, 3, 4])), "never unpickled.*E0407")
check.bad("structured", saved(numpy.zeros(4, dtype=[("a", "<f4"), ("b", "<i2")])), "structured.*E0407")
check.bad("complex", saved(f4.astype("c8")), "real and array.imag.*E0407")
check.bad("complex-16", saved(f4.astype("c16")), "complex.*E0407")
check.bad("u2", saved(f4.astype("u2")), "astype.numpy.int32.*E0407")
check.bad("u4", saved(f4.astype("u4")), "astype.numpy.int64.*E0407")
check.bad("u8", saved(f4.astype("u8")), "astype.numpy.int64.*E0407")
check.bad("long-double", saved(f4.astype("longdouble")), "float64.*E0407")
check.bad("void-2", saved(numpy.zeros(4, dtype="V2")), "bfloat16.*E0407")
check.bad("bytes", saved(numpy.array([b"ab", b"c"])), "E0407")
check.bad("text", saved(numpy.array(["ab", "c"])), "E0407")
check.bad("dates", saved(numpy.zeros(4, dtype="M8[s]")), "E0407")
for i, descr in enumerate(["''", "'<'", "'<f'", "'<f3'", "'<f44'", "'<<f4'", "'%n%s'", "'" + "f" * 5000 + "'", "'<f4,<i4'", "'?'",
                           "'float32'"]):
    check.bad(f"descr-{i}", pack(dictionary(descr), data), "E0407")
for i, descr in enumerate(["f4", "1", "None", "b'<f4'", "'<f4", "'<f4\n'", "{'names': ['a'], 'formats': ['<f4']}"]):
    check.bad(f"descr-not-text-{i}", pack(dictionary(descr), data), "E0405")

check.truncations("cut", good)
check.finish()
