"""Networks to measure, each written twice from one description: as .tn with .safetensors, and as ONNX.

A network carries its weights under PyTorch's names; the ONNX graph uses the same arrays. All of it is f32, batch 1.
"""
import dataclasses
import json
import pathlib
import struct
import zlib

import numpy as np


@dataclasses.dataclass
class Network:
    name: str                   # of the model; lower case, so also the prefix of its C functions
    inputs: list                # (name, extents)
    outputs: list               # (name, extents) or (name, extents, extents in ONNX)
    members: list               # lines of the .tn model: layers
    body: list                  # lines of its entry
    nodes: list                 # (ONNX op, inputs, outputs, attributes)
    flops: float                # 2 x multiply-adds of the direct algorithm; 0 where that says nothing
    weights: dict = dataclasses.field(default_factory=dict)  # by PyTorch's names
    constants: dict = None                                   # of the ONNX graph; None: the weights
    dims: list = dataclasses.field(default_factory=list)     # (name, bounds, value): the first extent of all tensors
    reads: list = dataclasses.field(default_factory=list)    # (bytes, times): what a call must read, step by step
    independent_reads: int = 1                               # as many of them can go on at the same time
    product_flops: float = 0                                 # what it must multiply beside, for all steps at once

    def source(self):
        """The .tn text."""
        def typed(name, extents):
            extents = ([self.dims[0][0]] + list(extents[1:])) if self.dims else extents
            return f"{name}: f32[{', '.join(map(str, extents))}]"

        lines = [f'weights from "{self.name}.safetensors";'] if self.weights else []
        lines += [f"dim {name} = {bounds};" for name, bounds, _ in self.dims]
        lines += [f"model {self.name} {{"] + [f"    {line}" for line in self.members]
        results = ", ".join(typed(*tensor[:2]) for tensor in self.outputs)
        lines += [f"    entry run({', '.join(typed(*tensor) for tensor in self.inputs)}) -> ({results}) {{"]
        lines += [f"        {line}" for line in self.body]
        return "\n".join(lines + ["    }", "}", ""])

    def onnx_model(self):
        import onnx
        from onnx import TensorProto, helper, numpy_helper

        def described(name, *extents):
            return helper.make_tensor_value_info(name, TensorProto.FLOAT, extents[-1])

        graph = helper.make_graph(
            [helper.make_node(op, inputs, outputs, **attributes) for op, inputs, outputs, attributes in self.nodes],
            self.name, [described(*tensor) for tensor in self.inputs], [described(*tensor) for tensor in self.outputs],
            [numpy_helper.from_array(np.ascontiguousarray(array), name)
             for name, array in (self.weights if self.constants is None else self.constants).items()])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model)
        return model

    def write(self, folder):
        """NAME.tn, NAME.safetensors, NAME.onnx; files that would not change are left alone."""
        folder = pathlib.Path(folder)
        file_update(folder / f"{self.name}.tn", self.source().encode())
        if self.weights:
            file_update(folder / f"{self.name}.safetensors", safetensors_bytes(self.weights))
        file_update(folder / f"{self.name}.onnx", self.onnx_model().SerializeToString())


def file_update(path, data):
    if not path.exists() or path.read_bytes() != data:
        path.write_bytes(data)


def safetensors_bytes(tensors):
    header, offset = {}, 0
    for name, array in tensors.items():
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [offset, offset + array.nbytes]}
        offset += array.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(array.tobytes() for array in tensors.values())


class Weights(dict):
    """Random weights by name, the same on every run; scaled so that values keep their size from layer to layer."""

    def __init__(self, name):
        self.random = np.random.default_rng(zlib.crc32(name.encode()))

    def uniform(self, name, shape, bound):
        self[name] = self.random.uniform(-bound, bound, shape).astype(np.float32)

    def layer(self, name, shape, gain=6.0, bias=True):
        """name.weight [out, in, ..] and name.bias [out]."""
        self.uniform(f"{name}.weight", shape, np.sqrt(gain / np.prod(shape[1:])))
        if bias:
            self.uniform(f"{name}.bias", shape[:1], 0.1)


def linear(name, m, k, n):
    """f32[m, k] times constant f32[k, n], without bias."""
    weights = Weights(name)
    weights.layer("fc", (n, k), gain=3.0, bias=False)
    return Network(
        name, [("x", (m, k))], [("y", (m, n))],
        [f"layer fc = Linear({k}, {n}, bias=false);"], ["return fc(x);"],
        [("MatMul", ["x", "fc.transposed"], ["y"], {})],
        2 * m * k * n, weights, {"fc.transposed": weights["fc.weight"].T})


def conv_chain(name, size, layers):
    """Conv + bias + ReLU one after the other on size x size pixels; layers: (channels in, channels out, kernel)."""
    weights, members, body, nodes, flops = Weights(name), [], [], [], 0
    value = "x"
    for i, (cin, cout, kernel) in enumerate(layers):
        weights.layer(f"conv{i}", (cout, cin, kernel, kernel))
        members.append(f"layer conv{i} = Conv2d({cin}, {cout}, kernel_size={kernel}, padding={kernel // 2});")
        body.append(f"x = relu(conv{i}(x));")
        nodes.append(("Conv", [value, f"conv{i}.weight", f"conv{i}.bias"], [f"c{i}"],
                      {"kernel_shape": [kernel] * 2, "pads": [kernel // 2] * 4}))
        value = "y" if i + 1 == len(layers) else f"x{i}"
        nodes.append(("Relu", [f"c{i}"], [value], {}))
        flops += 2 * cin * cout * kernel * kernel * size * size
    return Network(name, [("x", (1, layers[0][0], size, size))], [("y", (1, layers[-1][1], size, size))],
                   members, body + ["return x;"], nodes, flops, weights)


def _gemm(x, layer, y):
    return ("Gemm", [x, f"{layer}.weight", f"{layer}.bias"], [y], {"transB": 1})


def lenet5(name, dims=()):
    """LeNet-5 with tanh and average pooling, as in examples/lenet5."""
    weights = Weights(name)
    weights.layer("conv1", (6, 1, 5, 5), gain=3.0)
    weights.layer("conv2", (16, 6, 5, 5), gain=3.0)
    for layer, shape in (("fc1", (120, 400)), ("fc2", (84, 120)), ("fc3", (10, 84))):
        weights.layer(layer, shape, gain=3.0)
    pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
    return Network(
        name, [("x", (1, 1, 28, 28))], [("y", (1, 10))],
        ["layer conv1 = Conv2d(1, 6, kernel_size=5, padding=2);", "layer conv2 = Conv2d(6, 16, kernel_size=5);",
         "layer fc1 = Linear(400, 120);", "layer fc2 = Linear(120, 84);", "layer fc3 = Linear(84, 10);"],
        ["x = avg_pool2d(tanh(conv1(x)), 2);", "x = avg_pool2d(tanh(conv2(x)), 2);", "x = flatten(x);",
         "x = tanh(fc2(tanh(fc1(x))));", "return softmax(fc3(x), axis=-1);"],
        [("Conv", ["x", "conv1.weight", "conv1.bias"], ["c1"], {"kernel_shape": [5, 5], "pads": [2] * 4}),
         ("Tanh", ["c1"], ["t1"], {}), ("AveragePool", ["t1"], ["p1"], pool),
         ("Conv", ["p1", "conv2.weight", "conv2.bias"], ["c2"], {"kernel_shape": [5, 5]}),
         ("Tanh", ["c2"], ["t2"], {}), ("AveragePool", ["t2"], ["p2"], pool), ("Flatten", ["p2"], ["f"], {"axis": 1}),
         _gemm("f", "fc1", "g1"), ("Tanh", ["g1"], ["t3"], {}), _gemm("t3", "fc2", "g2"),
         ("Tanh", ["g2"], ["t4"], {}), _gemm("t4", "fc3", "g3"), ("Softmax", ["g3"], ["y"], {"axis": -1})],
        2 * (28 * 28 * 6 * 25 + 10 * 10 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10), weights, dims=list(dims))


def mlp(name):
    """784 to 128 sigmoids to 10, softmax, as in examples/mlp."""
    weights = Weights(name)
    weights.layer("fc1", (128, 784), gain=3.0)
    weights.layer("fc2", (10, 128), gain=3.0)
    return Network(
        name, [("x", (1, 784))], [("y", (1, 10))],
        ["layer fc1 = Linear(784, 128);", "layer fc2 = Linear(128, 10);"],
        ["return softmax(fc2(sigmoid(fc1(x))), axis=-1);"],
        [_gemm("x", "fc1", "g1"), ("Sigmoid", ["g1"], ["s"], {}), _gemm("s", "fc2", "g2"),
         ("Softmax", ["g2"], ["y"], {"axis": -1})],
        2 * (784 * 128 + 128 * 10), weights)


def softmax(name, rows, columns):
    return Network(name, [("x", (rows, columns))], [("y", (rows, columns))], [], ["return softmax(x, axis=-1);"],
                   [("Softmax", ["x"], ["y"], {"axis": -1})], 0)


def layer_norm(name, rows, columns):
    weights = Weights(name)
    weights.uniform("norm.weight", (columns,), 1.0)
    weights.uniform("norm.bias", (columns,), 0.1)
    return Network(name, [("x", (rows, columns))], [("y", (rows, columns))],
                   [f"layer norm = LayerNorm({columns});"], ["return norm(x);"],
                   [("LayerNormalization", ["x", "norm.weight", "norm.bias"], ["y"], {"axis": -1, "epsilon": 1e-5})],
                   0, weights)
