"""Every way a .npz file can be wrong that we know of, and near misses that are right. Archives are put together by hand,
so that each field can be wrong by itself."""
import io
import pickle
import struct
import zipfile
import zlib

import numpy

from nasty import Checker

check = Checker(".npz")
STORED, DEFLATED = 0, 8


def saved(array, **options):
    stream = io.BytesIO()
    numpy.save(stream, array, **options)
    return stream.getvalue()


def savez(function=numpy.savez, **arrays):
    stream = io.BytesIO()
    function(stream, **arrays)
    return stream.getvalue()


def deflate(content):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return packer.compress(content) + packer.flush()


class Member:
    """Fields can be overridden separately for the local header and for the directory."""

    def __init__(self, name, content, method=STORED, packed=None, flags=0, local={}, central={}, descriptor=b"", offset=None):
        packed = packed if packed is not None else deflate(content) if method == DEFLATED else content
        common = dict(name=name if isinstance(name, bytes) else name.encode(), flags=flags, method=method,
                      crc=zlib.crc32(content), packed=len(packed), size=len(content), extra=b"", version=20, disk=0)
        self.local, self.central = {**common, **local}, {**common, **central}
        self.body, self.offset = packed + descriptor, offset

    def local_bytes(self):
        f = self.local
        return struct.pack("<IHHHHHIIIHH", 0x04034B50, f["version"], f["flags"], f["method"], 0, 33, f["crc"], f["packed"],
                           f["size"], len(f["name"]), len(f["extra"])) + f["name"] + f["extra"] + self.body

    def central_bytes(self, offset):
        f = self.central
        offset = f.get("offset", self.offset if self.offset is not None else offset)
        return struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, f["version"], f["flags"], f["method"], 0, 33, f["crc"],
                           f["packed"], f["size"], len(f["name"]), len(f["extra"]), 0, f["disk"], 0, 0, offset
                           ) + f["name"] + f["extra"]


def end(count, size, offset, comment=b"", disk=0, count_here=None, comment_bytes=None):
    return struct.pack("<IHHHHIIH", 0x06054B50, disk, disk, count if count_here is None else count_here, count, size, offset,
                       len(comment) if comment_bytes is None else comment_bytes) + comment


def pack(*members, before=b"", between=b"", comment=b"", count=None, **options):
    body, directory = before, b""
    for member in members:
        directory += member.central_bytes(len(body))
        if member.offset is None:
            body += member.local_bytes()
    body += between
    count = len(members) if count is None else count
    return body + directory + end(count, len(directory), len(body), comment, **options)


array = numpy.arange(4, dtype="f4")
npy = saved(array)
other = saved(numpy.ones((2, 3), dtype="f4"))
a, b = Member("a.npy", npy), Member("b.npy", other)
packed = Member("a.npy", npy, DEFLATED)
good = pack(a, b)

check.special_files()

# What is right.
check.good("plain", good)
check.good("savez", savez(a=array, b=array))
check.good("savez-compressed", savez(numpy.savez_compressed, a=numpy.zeros((100, 100)), b=array))
check.good("no-members", savez())
check.good("deflated", pack(packed, b))
check.good("nested-name", pack(Member("encoder/layer.0/w.npy", npy)))
check.good("folder", pack(Member("encoder/", b""), Member("encoder/w.npy", npy)))
check.good("comment", pack(a, comment=b"by hand"))
check.good("dots", pack(Member("a..b.npy", npy)))
check.good("stem-empty", pack(Member(".npy", npy)))
check.good("fortran", savez(a=numpy.asfortranarray(numpy.ones((2, 3)).astype(">f4"))))
check.good("descriptor", pack(Member("a.npy", npy, DEFLATED, flags=8, local=dict(crc=0, packed=0, size=0),
                                     descriptor=struct.pack("<IIII", 0x08074B50, zlib.crc32(npy), len(deflate(npy)), len(npy))), b))
zip64 = struct.pack("<HHQQ", 1, 16, len(npy), len(npy))
check.good("zip64-local", pack(Member("a.npy", npy, local=dict(packed=0xFFFFFFFF, size=0xFFFFFFFF, extra=zip64))))
check.good("zip64-both", pack(Member("a.npy", npy, local=dict(packed=0xFFFFFFFF, size=0xFFFFFFFF, extra=zip64),
                                     central=dict(packed=0xFFFFFFFF, size=0xFFFFFFFF, extra=zip64, version=45))))
stream = io.BytesIO()
with zipfile.ZipFile(stream, "w") as archive:
    for i in range(2000):
        archive.writestr(f"t{i}.npy", npy)
check.good("many", stream.getvalue())

# Right, with a warning.
check.good("other-file", pack(a, Member("readme.txt", b"hello")), "not a .npy member.*W0402")
check.good("object-beside", savez(a=array, o=numpy.array([{}], dtype=object)), "objects.*W0402")
check.good("text-beside", savez(a=array, names=numpy.array(["x", "y"])), "W0402")

# Nothing that can be used.
check.bad("objects", savez(o=numpy.array([{}, 1], dtype=object)), "no member can be used.*unpickled")
check.bad("pytorch", pack(Member("archive/data.pkl", pickle.dumps({})), Member("archive/version", b"3\n")), "no member can be used")
check.bad("not-zip", b"\x93NUMPY" + bytes(100), "no end record")
check.bad("gzip", b"\x1f\x8b\x08\0" + bytes(100))

# The array inside.
check.bad("npy-empty", pack(Member("a.npy", b"")), "a.npy")
check.bad("npy-cut", pack(Member("a.npy", npy[:-1])), "takes 16 bytes, but 15")
check.bad("npy-cut-header", pack(Member("a.npy", npy[:50])), "cut short")
check.bad("npy-longer", pack(Member("a.npy", npy + b"\0")), "takes 16 bytes, but 17")
check.bad("npy-cut-deflated", pack(Member("a.npy", npy[:-1], DEFLATED)), "takes 16 bytes, but 15")
check.bad("npy-version", pack(Member("a.npy", npy[:6] + b"\4" + npy[7:])), "version 4.0")
huge = npy.replace(b"(4,)", b"(2147483647,)")
check.bad("npy-huge", pack(Member("a.npy", huge, DEFLATED)), "takes 8589934588 bytes")
header = huge[:len(huge) - 16]
check.bad("npy-huge-claimed", pack(Member("a.npy", huge, DEFLATED, local=dict(size=0xFFFFFFF0), central=dict(size=0xFFFFFFF0))))
zip64_huge = struct.pack("<HHQQ", 1, 16, len(header) + 4 * 2147483647, len(deflate(huge)))
huge64 = dict(packed=0xFFFFFFFF, size=0xFFFFFFFF, extra=zip64_huge)
check.bad("npy-huge-zip64", pack(Member("a.npy", huge, DEFLATED, local=huge64, central=huge64)), "so few bytes")

# Sums, sizes and streams.
check.bad("crc", pack(Member("a.npy", npy, local=dict(crc=1), central=dict(crc=1))), "CRC")
check.bad("crc-deflated", pack(Member("a.npy", npy, DEFLATED, local=dict(crc=1), central=dict(crc=1))), "CRC")
check.bad("bit-flip", good.replace(array.tobytes(), array.tobytes()[:-1] + b"\x41", 1), "CRC")
check.bad("stored-sizes", pack(Member("a.npy", npy, local=dict(size=200), central=dict(size=200))), "sizes differ")
check.bad("deflate-garbage", pack(Member("a.npy", npy, DEFLATED, packed=b"\xff" * 60)), "a.npy")
check.bad("deflate-cut", pack(Member("a.npy", npy, DEFLATED, packed=deflate(npy)[:-5])), "a.npy")
check.bad("deflate-empty", pack(Member("a.npy", npy, DEFLATED, packed=b"")), "a.npy")
check.bad("deflate-shorter", pack(Member("a.npy", npy, DEFLATED, packed=deflate(npy[:-2]))), "a.npy")
check.bad("deflate-longer", pack(Member("a.npy", npy, DEFLATED, packed=deflate(npy + b"more"))), "a.npy")
check.bad("bzip2", pack(Member("a.npy", npy, 12)), "compression method 12")
check.bad("method-99", pack(Member("a.npy", npy, 99)), "compression method 99")
check.bad("encrypted", pack(Member("a.npy", npy, flags=1)), "encrypted")
check.bad("strong-encryption", pack(Member("a.npy", npy, flags=65)), "encrypted")

# Two views of one member.
for field, value in [("name", b"b.npy"), ("crc", 7), ("size", 99), ("packed", 99), ("method", 8), ("flags", 2), ("flags", 8)]:
    check.bad(f"local-{field}-{value if field != 'name' else 'b'}", pack(Member("a.npy", npy, local={field: value})), "a.npy")
check.bad("local-name-longer", pack(Member("a.npy", npy, local=dict(name=b"a.npyx"))), "a.npy")
check.bad("local-signature", b"PK\3\5" + good[4:], "damaged")
check.bad("local-extra-cut", pack(Member("a.npy", npy, local=dict(packed=0xFFFFFFFF, size=0xFFFFFFFF, extra=zip64[:12]))))
check.bad("zip64-missing", pack(Member("a.npy", npy, central=dict(packed=0xFFFFFFFF, size=0xFFFFFFFF))))
check.bad("zip64-short", pack(Member("a.npy", npy, central=dict(size=0xFFFFFFFF, extra=struct.pack("<HHI", 1, 4, 5)))))
check.bad("zip64-differs", pack(Member("a.npy", npy, local=dict(packed=0xFFFFFFFF, size=0xFFFFFFFF,
                                                                extra=struct.pack("<HHQQ", 1, 16, 5, 5)))))
check.bad("zip64-max", pack(Member("a.npy", npy, central=dict(size=0xFFFFFFFF, packed=0xFFFFFFFF, extra=struct.pack(
    "<HHQQ", 1, 16, 2**64 - 1, 2**64 - 1)))))

# Places.
check.bad("offset-beyond", pack(Member("a.npy", npy, central=dict(offset=10**6))), "a.npy")
check.bad("offset-max", pack(Member("a.npy", npy, central=dict(offset=0xFFFFFFFE))), "a.npy")
check.bad("size-beyond", pack(Member("a.npy", npy, local=dict(packed=10**6, size=10**6), central=dict(packed=10**6, size=10**6))), "a.npy")
check.bad("same-place", pack(a, Member("b.npy", npy, offset=0)))
check.bad("inside-other", pack(Member("a.npy", b.local_bytes() + npy), Member("b.npy", other, offset=35)), "overlaps")
kernel = deflate(bytes(10**6))
check.bad("bomb", pack(*[Member(f"{i}.npy", bytes(10**6), DEFLATED, packed=kernel, offset=None if i == 0 else 0) for i in range(50)]))
check.bad("prepended", pack(a, before=b"#!/bin/sh\n"), "before its first member")
check.bad("prepended-unadjusted", b"#!/bin/sh\n" + good)
check.bad("appended", good + b"x")
check.bad("before-directory", good[:-22] + b"xx" + good[-22:])
check.bad("no-members-prepended", b"PK" + pack())

# End records.
check.bad("two-ends", good + end(0, 0, 0))
inner = end(0, 0, 0)
check.bad("end-in-comment", pack(a, comment=inner), "two end records")
check.bad("comment-too-long", pack(a, comment=b"abc", comment_bytes=4))
check.bad("comment-too-short", pack(a, comment=b"abc", comment_bytes=2))
check.bad("count-more", pack(a, b, count=3))
check.bad("count-less", pack(a, b, count=1))
check.bad("count-0", pack(a, b, count=0))
check.bad("count-65535", pack(a, b, count=65535))
check.bad("counts-differ", pack(a, b, count_here=1), "several parts")
check.bad("disk", pack(a, b, disk=1), "several parts")
check.bad("member-disk", pack(Member("a.npy", npy, central=dict(disk=1))))
check.bad("directory-signature", good.replace(b"PK\1\2", b"PK\1\3", 1))


def pack64(*members, count=None, offset64=None, size64=None, parts=1, record_bytes=44):
    plain = pack(*members)
    directory = plain.index(b"PK\1\2")
    body = plain[:-22]
    count = len(members) if count is None else count
    size64 = len(body) - directory if size64 is None else size64
    record = struct.pack("<IQHHIIQQQQ", 0x06064B50, record_bytes, 45, 45, 0, 0, count, count, size64,
                         directory if offset64 is None else offset64)
    locator = struct.pack("<IIQI", 0x07064B50, 0, len(body), parts)
    return body + record + locator + end(0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF)


check.good("end64", pack64(a, b))
check.bad("end64-count", pack64(a, b, count=3))
check.bad("end64-count-max", pack64(a, b, count=2**64 - 1), "limit is 65536")
check.bad("end64-count-65537", pack64(a, b, count=65537), "limit is 65536")
check.bad("end64-offset", pack64(a, b, offset64=2**64 - 1))
check.bad("end64-size", pack64(a, b, size64=2**64 - 1))
check.bad("end64-parts", pack64(a, b, parts=2), "several parts")
check.bad("end64-length", pack64(a, b, record_bytes=2**64 - 1))

# Names.
check.bad("twice", pack(a, Member("a.npy", other)), "occurs twice")
check.bad("absolute", pack(Member("/etc/a.npy", npy)), "relative path")
check.bad("parent", pack(Member("../a.npy", npy)), "'\\.\\.'")
check.bad("parent-inside", pack(Member("x/../../a.npy", npy)), "'\\.\\.'")
check.bad("backslash", pack(Member("..\\a.npy", npy)), "relative path")
check.bad("nul", pack(Member(b"a.npy\0b.npy", npy)), "NUL")
check.bad("no-name", pack(Member("", npy)), "no name")
check.bad("long-name", pack(Member("n" * 5000 + ".npy", npy)), "1024 bytes")

check.truncations("cut", pack(a, Member("b.npy", npy, DEFLATED)))
check.finish()
