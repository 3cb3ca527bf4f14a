"""Writes checkpoints for the tests of `tenon new` into the folder that is named: names and shapes as frameworks give them."""
import json
import os
import struct
import sys


def write(name, tensors):
    header, offset = {}, 0
    for tensor, shape in tensors.items():
        dtype, size = ("I64", 8) if tensor.endswith("num_batches_tracked") else ("F32", 4)
        for extent in shape:
            size *= extent
        header[tensor] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    with open(os.path.join(sys.argv[1], name + ".safetensors"), "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + bytes(offset))


def linear(path, inputs, outputs):
    return {path + ".weight": [outputs, inputs], path + ".bias": [outputs]}


def conv(path, inputs, outputs, kernel, bias=True):
    return {path + ".weight": [outputs, inputs, kernel, kernel], **({path + ".bias": [outputs]} if bias else {})}


def norm(path, channels):
    names = ["weight", "bias", "running_mean", "running_var"]
    return {**{f"{path}.{name}": [channels] for name in names}, path + ".num_batches_tracked": []}


def lstm(path, inputs, hidden, layers, directions):
    tensors = {}
    for layer in range(layers):
        for suffix in ["", "_reverse"][:directions]:
            width = inputs if layer == 0 else hidden * directions
            tensors[f"{path}.weight_ih_l{layer}{suffix}"] = [4 * hidden, width]
            tensors[f"{path}.weight_hh_l{layer}{suffix}"] = [4 * hidden, hidden]
            tensors[f"{path}.bias_ih_l{layer}{suffix}"] = [4 * hidden]
            tensors[f"{path}.bias_hh_l{layer}{suffix}"] = [4 * hidden]
    return tensors


def block(path, inputs, outputs):
    return {**conv(path + ".conv1", inputs, outputs, 3, False), **norm(path + ".bn1", outputs),
            **conv(path + ".conv2", outputs, outputs, 3, False), **norm(path + ".bn2", outputs)}


write("lenet", {**conv("conv1", 1, 6, 5), **conv("conv2", 6, 16, 5), **linear("fc1", 400, 120), **linear("fc2", 120, 84),
                **linear("fc3", 84, 10)})
write("residual", {**conv("conv1", 3, 8, 7, False), **norm("bn1", 8), **block("layer1.0", 8, 8), **block("layer1.1", 8, 8),
                   **block("layer2.0", 8, 16), **block("layer2.1", 16, 16), **linear("fc", 16, 10)})
write("vgg", {**conv("features.0", 3, 8, 3), **conv("features.3", 8, 16, 3), **linear("classifier.1", 64, 32),
              **linear("classifier.4", 32, 10)})
write("text", {"embedding.weight": [100, 8], **lstm("lstm", 8, 6, 2, 2), **linear("fc", 12, 2)})
write("wrapped", {f"module.{name}": shape for name, shape in {**linear("fc1", 4, 3), **linear("fc2", 3, 2)}.items()})
write("plain-sequential", {**linear("0", 4, 3), **linear("2", 3, 2)})
write("keras", {"dense.kernel": [4, 3], "dense.bias": [3], "dense_1.kernel": [3, 2], "dense_1.bias": [2],
                **{f"bn.{name}": [3] for name in ["gamma", "beta", "moving_mean", "moving_variance"]}})
write("odd-names", {"W1": [3, 4], "fire2/squeeze.weight": [2, 3, 1, 1], "fire2/squeeze.bias": [2], "if.weight": [2, 2],
                    "a": [2], "a.x": [3], "a-b": [4], "x": [1], "scale": [], "c\n*{k}": [2], "none": [0, 4], "é\"\\": [2]})
write("mixers", {"dw.weight": [8, 1, 3], "conv.weight": [8, 4, 5], "conv.bias": [8], "norm.weight": [8], "norm.bias": [8],
                 "cell.weight_ih": [24, 8], "cell.weight_hh": [24, 8], "cell.bias_ih": [24], "cell.bias_hh": [24]})
