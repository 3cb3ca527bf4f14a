"""Calls the entries of a compiled library from Python, by what NAME_info tells, one after the other on one state.

    model = Library("silero_vad.so", "silerovad")
    model.reset()
    y = model.call("detect", x=frame)["p"]
"""
import ctypes as c
import pathlib

import numpy as np

P, U32, I32, I64, SIZE, TEXT = c.c_void_p, c.c_uint32, c.c_int32, c.c_int64, c.c_size_t, c.c_char_p
TYPES = dict(enumerate("f4 f8 f2 u2 i1 i2 i4 i8 u1 ?".split(), 1))  # by dtype; bf16 as its bits


def record(kind, /, **fields):
    return type(kind, (c.Structure,), {"_fields_": list(fields.items())})


Dim = record("Dim", name=TEXT, min=I64, max=I64)
Tensor = record("Tensor", name=TEXT, dtype=I32, rank=I32, shape=TEXT, bounds=c.POINTER(I64))
Call = record("Call", struct_size=U32, dims=P, inputs=P, outputs=P, state=P, weights=P, workspace=P, workspace_bytes=SIZE,
              executor=P)
Entry = record("Entry", struct_size=U32, name=TEXT, dim_count=U32, input_count=U32, output_count=U32, uses_state=U32,
               dims=c.POINTER(Dim), inputs=c.POINTER(Tensor), outputs=c.POINTER(Tensor), workspace_size_max=SIZE,
               workspace_align=SIZE, stack_bytes=SIZE, workspace_size=c.CFUNCTYPE(SIZE, P),
               shape=c.CFUNCTYPE(I32, P, U32, P), call=c.CFUNCTYPE(I32, c.POINTER(Call)))
Info = record("Info", abi_version=U32, struct_size=U32, name=TEXT, compiler=TEXT, target=TEXT, options=TEXT, source=TEXT,
              weights=TEXT, entry_count=U32, threads=U32, entries=c.POINTER(Entry), state_size=SIZE, state_align=SIZE)


class Buffer:
    """Bytes aligned to 64."""

    def __init__(self, count):
        self.memory = np.empty(count + 64, np.uint8)
        self.address = -self.memory.ctypes.data % 64 + self.memory.ctypes.data


class Library:
    def __init__(self, path, model):
        """model: the prefix of the names in C."""
        self.library = c.CDLL(str(pathlib.Path(path).resolve()))
        find = self.library[f"{model}_info"]
        find.restype = c.POINTER(Info)
        info = find().contents
        self.model = model
        self.entries = {entry.name.decode(): entry for entry in info.entries[:info.entry_count]}
        self.state = Buffer(info.state_size) if info.state_size else None
        self.executor = None  # the address of a tenon_executor
        self.workspace = Buffer(max(entry.workspace_size_max for entry in self.entries.values()))
        self.reset()

    def reset(self):
        if self.state:
            self.library[f"{self.model}_reset"](P(self.state.address))

    def call(self, name, **values):
        """Outputs by name. values: arrays by the names of the inputs; dims are told by their shapes, or among the
        values where these do not tell."""
        entry = self.entries[name]
        inputs = entry.inputs[:entry.input_count]
        given = [np.array(values[tensor.name.decode()], TYPES[tensor.dtype], order="C") for tensor in inputs]
        sizes = (I64 * 8)(*dims_of(entry, inputs, given, values))
        results = {}
        for i, tensor in enumerate(entry.outputs[:entry.output_count]):
            extents = (I64 * 8)()
            require(entry.shape(sizes, entry.input_count + i, extents))
            results[tensor.name.decode()] = np.empty(extents[:tensor.rank], TYPES[tensor.dtype])
        require(entry.call(Call(
            c.sizeof(Call), c.addressof(sizes), addresses(given), addresses(results.values()),
            self.state.address if self.state else None, None, self.workspace.address, entry.workspace_size_max, self.executor)))
        return results


def addresses(arrays):
    return c.cast((P * 64)(*(array.ctypes.data for array in arrays)), P)


def require(status):
    if status != 0:
        raise RuntimeError(f"the library returned status {status}")


def dims_of(entry, tensors, given, values):
    sizes = {}
    for tensor, array in zip(tensors, given):
        if array.ndim != tensor.rank:
            raise RuntimeError(f"{tensor.name.decode()} has {array.ndim} axes, expected {tensor.rank}")
        sizes |= dict(zip((text.strip() for text in tensor.shape.decode().split(",")), array.shape))
    names = [dim.name.decode() for dim in entry.dims[:entry.dim_count]]
    return [values[name] if name in values else sizes[name] for name in names]
