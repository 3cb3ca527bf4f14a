"""Every way a .safetensors file can be wrong that we know of, and near misses that are right."""
import json
import struct

from nasty import Checker

check = Checker(".safetensors")


def pack(header, data=b"", length=None):
    if not isinstance(header, bytes):
        header = (header if isinstance(header, str) else json.dumps(header)).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def one(shape, offsets, data, dtype='"F32"'):
    """One tensor with its numbers as they stand in the text."""
    return pack('{"w":{"dtype":%s,"shape":%s,"data_offsets":%s}}' % (dtype, shape, offsets), data)


F4 = tensor("F32", [4], 0, 16)
good = pack({"w": F4}, bytes(16))

check.special_files()

# What is right.
check.good("plain", good)
check.good("no-tensors", pack("{}"))
check.good("padded-behind", pack('{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}      ', bytes(16)))
check.good("rank-0", one("[]", "[0,4]", bytes(4)))
check.good("zero-extent", one("[0,3]", "[0,0]", b""))
check.good("metadata", pack({"__metadata__": {"format": "pt"}, "w": F4}, bytes(16)))
check.good("empty-metadata", pack({"__metadata__": {}, "w": F4}, bytes(16)))
check.good("dots-in-name", pack({"../../etc/passwd": F4}, bytes(16)))
check.good("printf-in-name", pack({"%n%s%n": F4}, bytes(16)))
check.good("escapes-in-name", pack({"\x1b[31m\n\"": F4}, bytes(16)))
check.good("surrogate-pair", pack(b'{"\\ud83d\\ude00":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}', b"1"))
check.good("name-1024", pack({"n" * 1024: F4}, bytes(16)))
check.good("reversed-order", pack({"b": tensor("U8", [2], 2, 4), "a": tensor("U8", [2], 0, 2)}, bytes(4)))
check.good("empty-between", pack({"a": tensor("U8", [2], 0, 2), "e": tensor("F32", [0], 2, 2),
                                  "b": tensor("U8", [2], 2, 4)}, bytes(4)))
check.good("many-empty", pack({f"t{i}": tensor("F32", [0], 0, 0) for i in range(20000)}))
check.good("max-rank", one("[1,1,1,1,1,1,1,2]", "[0,8]", bytes(8)))
for dtype, size in [("F16", 2), ("BF16", 2), ("F32", 4), ("F64", 8), ("I8", 1), ("I16", 2), ("I32", 4), ("I64", 8),
                    ("U8", 1), ("BOOL", 1)]:
    check.good("dtype-" + dtype, pack({"w": tensor(dtype, [3], 0, 3 * size)}, bytes(3 * size)))

# Right, with a warning.
check.good("blanks-before", pack(' \n{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}', bytes(16)), "W0401")
for dtype, bits in [("U16", 16), ("U32", 32), ("U64", 64), ("C64", 64), ("F8_E4M3", 8), ("F8_E5M2", 8), ("F8_E8M0", 8),
                    ("F6_E2M3", 6), ("F6_E3M2", 6), ("F4", 4)]:
    check.good("left-out-" + dtype, pack({"a": F4, "w": tensor(dtype, [4], 16, 16 + bits // 2)}, bytes(16 + bits // 2)),
               dtype + ".*W0402")
check.good("rank-9", one("[1,1,1,1,1,1,1,1,2]", "[0,8]", bytes(8)), "9 axes.*W0402")

# The length of the header.
check.bad("length-0", pack(b"", b"", 0), "not a JSON object")
check.bad("length-0-data", pack(b"", b'{"w":1}', 0))
check.bad("length-max", pack("{}", b"", 2**64 - 1), "header of 18446744073709551615 bytes")
check.bad("length-2-63", pack("{}", b"", 2**63))
check.bad("length-wraps", pack("{}", b"", 2**64 - 8))
check.bad("length-one-more", pack("{}", b"", 3))
check.bad("length-one-less", pack("{}", b"", 1))
check.bad("seven-bytes", bytes(7))
check.bad("lfs-pointer", b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab\nsize 12345\n")
check.bad("zip", b"PK\3\4" + bytes(60))

# JSON.
check.bad("list", pack('[{"w":1}]'), "not a JSON object")
check.bad("number", pack("12"))
check.bad("string", pack('"w"'))
check.bad("blanks-only", pack("        "))
check.bad("bom", pack(b"\xef\xbb\xbf{}"))
check.bad("nul-behind", pack(b"{}\0\0\0"))
check.bad("two-objects", pack("{}{}"))
check.bad("unclosed", pack('{"w":'))
check.bad("unclosed-string", pack('{"w'))
check.bad("ends-in-escape", pack('{"w\\'))
check.bad("single-quotes", pack("{'w':1}"))
check.bad("trailing-comma", pack('{"w":{"dtype":"U8","shape":[],"data_offsets":[0,1]},}', b"1"))
check.bad("comment", pack("{/* */}"))
check.bad("nan", one("[NaN]", "[0,4]", bytes(4)))
check.bad("invalid-utf8", pack(b'{"\xff":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}', b"1"))
check.bad("overlong-utf8", pack(b'{"\xc0\xaf":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}', b"1"))
check.bad("surrogate-utf8", pack(b'{"\xed\xa0\x80":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}', b"1"))
check.bad("lone-high-surrogate", pack(b'{"\\ud800":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}', b"1"))
check.bad("lone-low-surrogate", pack(b'{"\\udc00":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}', b"1"))
check.bad("nul-in-name", pack(b'{"a\\u0000b":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}', b"1"))
check.bad("raw-nul-in-name", pack(b'{"a\0b":{"dtype":"U8","shape":[],"data_offsets":[0,1]}}', b"1"))
check.bad("depth-17", pack('{"w":' + "[" * 16 + "]" * 16 + "}"), "nested too deeply")
check.bad("depth-16", pack('{"w":' + "[" * 15 + "]" * 15 + "}"), "'w'")
check.bad("depth-100000", pack('{"w":' + "[" * 100000), "nested too deeply")
check.bad("depth-objects", pack('{"w":' * 100000), "nested too deeply")
check.bad("closers", pack("{" + "]}" * 1000))
check.bad("rank-10000", one("[" + ",".join(["1"] * 10000) + "]", "[0,4]", bytes(4)), "list is too long")

# Keys.
entry = '{"dtype":"U8","shape":[],"data_offsets":[0,1]}'
check.bad("duplicate-tensor", pack('{"w":%s,"w":%s}' % (entry, entry), b"1"), "duplicate")
check.bad("duplicate-by-escape", pack('{"w":%s,"\\u0077":%s}' % (entry, entry), b"1"), "duplicate")
check.bad("duplicate-field", pack('{"w":{"dtype":"U8","dtype":"U8","shape":[],"data_offsets":[0,1]}}', b"1"), "duplicate")
check.bad("duplicate-metadata", pack('{"__metadata__":{},"__metadata__":{}}'), "duplicate")
check.bad("metadata-tensor", pack({"__metadata__": F4}, bytes(16)), "__metadata__")
check.bad("metadata-list", pack('{"__metadata__":["a"]}'), "__metadata__")
check.bad("metadata-number", pack('{"__metadata__":{"a":1}}'), "__metadata__")
check.bad("metadata-nested", pack('{"__metadata__":{"a":{"b":"c"}}}'), "__metadata__")
check.bad("metadata-null", pack('{"__metadata__":null}'), "__metadata__")
check.bad("no-dtype", pack('{"w":{"shape":[],"data_offsets":[0,1]}}', b"1"), "dtype")
check.bad("no-shape", pack('{"w":{"dtype":"U8","data_offsets":[0,1]}}', b"1"), "shape")
check.bad("no-offsets", pack('{"w":{"dtype":"U8","shape":[]}}', b"1"), "data_offsets")
for i, value in enumerate(["1", '"x"', "null", "true", "[]", "[1,2]", "{}"]):
    check.bad(f"entry-is-{i}", pack('{"w":%s}' % value), "'w'")
check.bad("empty-name", pack({"": F4}, bytes(16)), "empty name")
check.bad("name-1025", pack({"n" * 1025: F4}, bytes(16)), "1025 bytes")
check.bad("name-1-mb", pack({"n" * 1000000: F4}, bytes(16)), "1000000 bytes")

# Types.
for i, dtype in enumerate(['"f32"', '"F33"', '""', '"F32 "', '"F32\\u0000"', "4", "null", '["F32"]', '"float32"', '"' + "F" * 5000 + '"']):
    check.bad(f"dtype-{i}", one("[1]", "[0,4]", bytes(4), dtype))
check.bad("half-a-byte", one("[3]", "[0,2]", bytes(2), '"F4"'), "whole bytes")
check.bad("six-bits", one("[3]", "[0,2]", bytes(2), '"F6_E2M3"'), "whole bytes")

# Numbers.
for i, text in enumerate(["4.0", "4e0", "4E0", "0.4e1", "-4", "-0", "04", "+4", "0x4", "4L", "1e999", "18446744073709551616",
             "9223372036854775808", "1" + "0" * 400, '"4"', "null", "true", "[4]", "4 4", "", "٤"]):
    check.bad(f"extent-{i}", one("[%s]" % text, "[0,16]", bytes(16)))
    check.bad(f"offset-{i}", one("[4]", "[0,%s]" % text.replace("4", "16"), bytes(16)))
check.bad("begin-1.0", one("[4]", "[0.0,16]", bytes(16)), "plain integer")
check.bad("2^53+1", one("[4]", "[0,9007199254740993]", bytes(16)))
check.bad("shape-is-4", one("4", "[0,16]", bytes(16)))
check.bad("shape-is-object", one("{}", "[0,4]", bytes(4)))
check.bad("offsets-1", one("[4]", "[16]", bytes(16)))
check.bad("offsets-3", one("[4]", "[0,16,16]", bytes(16)))
check.bad("offsets-0", one("[4]", "[]", bytes(16)))
check.bad("product-wraps-to-4", one("[4194305,4194305,211106198978564]", "[0,16]", bytes(16)), "too large")
check.bad("bytes-wrap", one("[4611686018427387905]", "[0,4]", bytes(4)))
check.bad("2^31", one("[2147483648]", "[0,16]", bytes(16)), "too large")
check.bad("2^31-1", one("[2147483647]", "[0,16]", bytes(16)), "takes 8589934588 bytes")
check.bad("2^40", one("[1048576,1048576]", "[0,16]", bytes(16)), "takes")
check.bad("2^40-and-more", one("[1048576,1048577]", "[0,16]", bytes(16)), "too large")
check.bad("zero-hides-2^63", one("[0,9223372036854775807]", "[0,0]", b""))
check.bad("zero-hides-product", one("[0,2147483647,2147483647,2147483647]", "[0,0]", b""), "too large")

# Ranges.
check.bad("begin-after-end", one("[4]", "[16,0]", bytes(16)), "end before they begin")
check.bad("range-too-short", one("[4]", "[0,15]", bytes(15)), "takes 16 bytes")
check.bad("range-too-long", one("[4]", "[0,17]", bytes(17)), "takes 16 bytes")
check.bad("beyond-the-end", one("[4]", "[4,20]", bytes(16)), "cut short")
check.bad("far-beyond", one("[4]", "[999999999999999984,1000000000000000000]", bytes(16)))
check.bad("trailing-byte", one("[4]", "[0,16]", bytes(17)), "1 bytes at the end")
check.bad("no-tensor-but-data", pack("{}", b"x"), "1 bytes at the end")
check.bad("starts-late", one("[4]", "[1,17]", bytes(17)), "1 bytes before")
two = {"a": tensor("U8", [4], 0, 4)}
check.bad("hole", pack({**two, "b": tensor("U8", [4], 5, 9)}, bytes(9)), "1 bytes before tensor 'b'")
check.bad("overlap", pack({**two, "b": tensor("U8", [4], 3, 7)}, bytes(7)), "overlap")
check.bad("same-range", pack({**two, "b": tensor("U8", [4], 0, 4)}, bytes(4)), "overlap")
check.bad("bomb", pack({f"t{i}": tensor("U8", [1000], 0, 1000) for i in range(1000)}, bytes(1000)), "overlap")
check.bad("inside", pack({**two, "b": tensor("U8", [1], 1, 2)}, bytes(4)), "overlap")
check.bad("empty-inside", pack({**two, "b": tensor("U8", [0], 2, 2)}, bytes(4)), "overlap")
check.bad("empty-far", pack({**two, "b": tensor("U8", [0], 9, 9)}, bytes(4)))
check.bad("left-out-overlap", pack({**two, "b": tensor("U16", [2], 0, 4)}, bytes(4)), "overlap")

check.truncations("cut", good)
check.finish()
