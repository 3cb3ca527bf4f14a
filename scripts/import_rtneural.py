#!/usr/bin/env python3
"""Turns a network of RTNeural, a .json file, into a .tn file and its weights: import_rtneural.py MODEL.json [-o NAME.tn].

Read are the files that RTNeural's exporter writes for Keras models, with layers in order, and state_dicts of PyTorch
written as JSON. A state_dict names no strides, dilations, groups and activations: give them with --set, as in
`--set conv.stride=2 --set conv.activation=tanh`; a tensor without a layer before its name is of the layer `net`. Layers
come in the order of the file.

The model keeps what it has seen in its state. Its entry `process` takes as many samples as the caller has; `step` takes
one. Convolutions are causal: before the first sample there are zeros. A Keras convolution whose recorded shape is
shorter than its input is not: such a model takes whole frames. NumPy is all this script needs.
"""
import argparse
import json
import math
import pathlib
import re
import sys
from fractions import Fraction

import numpy as np

ACTIVATIONS = {"": None, "linear": None, "tanh": "tanh", "relu": "relu", "sigmoid": "sigmoid", "elu": "elu",
               "softmax": "softmax(axis=-1)"}

TAKEN = set("x y T run process step if else for in scan yield return true false".split()) | set(ACTIVATIONS)

CAUSAL_CONV1D = """
// A convolution over time that remembers the samples it will need again. x: [T * stride, cin] -> [T, cout]
block CausalConv1d(cin: int, cout: int, kernel: int, stride: int = 1, dilation: int = 1, groups: int = 1,
                   bias: bool = true) {
    const HISTORY = (kernel - 1) * dilation + 1 - stride;
    layer conv = Conv1d(cin, cout, kernel, stride=stride, dilation=dilation, groups=groups, bias=bias) from "*";
    if (HISTORY > 0) { state past: f32[HISTORY, cin] = 0.0; }
    forward(x) {
        if (HISTORY > 0) {
            x = concat(past, x, axis=0);
            past = x[-HISTORY:];
        }
        return conv(x.T).T;
    }
}
"""

CAUSAL_CONV2D = """
// Causal over time, padded or not over features. x: [T, F, cin] -> [T, F', cout]
block CausalConv2d(cin: int, cout: int, kernel: int, features: int, stride: int, dilation: int, inputs: int, left: int,
                   right: int) {
    const HISTORY = (kernel - 1) * dilation;
    layer conv = Conv2d(cin, cout, [kernel, features], stride=[1, stride], dilation=[dilation, 1],
                        padding=[[0, 0], [left, right]]) from "*";
    if (HISTORY > 0) { state past: f32[HISTORY, inputs, cin] = 0.0; }
    forward(x) {
        if (HISTORY > 0) {
            x = concat(past, x, axis=0);
            past = x[-HISTORY:];
        }
        return permute(conv(permute(x, 2, 0, 1)), 1, 2, 0);
    }
}
"""

CAUSAL_TRANSPOSED = """
// A transposed convolution that hands what it owes to later samples to the next call. x: [T, cin] -> [T * stride, cout]
block CausalConvTranspose1d(cin: int, cout: int, kernel: int, stride: int = 1, dilation: int = 1, groups: int = 1) {
    const TAIL = (kernel - 1) * dilation + 1 - stride;
    param weight: f32[cin, cout/groups, kernel];
    param bias:   f32[cout];
    if (TAIL > 0) { state owed: f32[cout, TAIL] = 0.0; }
    forward(x) {
        count = shape(x)[0] * stride;
        y = conv_transpose1d(unsqueeze(x.T, 0), weight, stride=stride, dilation=dilation, groups=groups)[0];
        if (TAIL > 0) {
            y = y + concat(owed, zeros(cout, count), axis=1);
            owed = y[:, -TAIL:];
        }
        return y[:, :count].T + bias;
    }
}
"""

BLOCKS = {"CausalConv1d": CAUSAL_CONV1D, "CausalConv2d": CAUSAL_CONV2D, "CausalConvTranspose1d": CAUSAL_TRANSPOSED}


class Problem(Exception):
    pass


class Network:
    """What is known so far: layers, lines of calls, tensors, shapes of one step in and out, and samples out per sample
    in. frame: the length of a whole sequence where the file tells it."""

    def __init__(self):
        self.layers, self.calls, self.tensors, self.blocks = [], [], {}, []
        self.shape_in = self.shape = self.frame = None
        self.rate, self.denominators = Fraction(1), [1]
        self.remembers = self.whole = False

    def add(self, name, constructor, tensors, call="x = {}(x);"):
        self.layers.append((name, constructor))
        self.calls.append(call.format(name))
        self.tensors |= {f"{name}.{key}": tensor for key, tensor in tensors.items() if tensor is not None}
        block = constructor.split("(")[0]
        if block in BLOCKS and block not in self.blocks:
            self.blocks.append(block)

    def activate(self, activation):
        if activation not in ACTIVATIONS:
            raise Problem(f"unknown activation {activation!r}, expected one of {', '.join(filter(None, ACTIVATIONS))}")
        function = ACTIVATIONS[activation]
        if function and self.calls and self.calls[-1].startswith("x = "):
            self.calls[-1] = f"{self.calls[-1][:-1]} |> {function};"
        elif function:
            self.calls.append(f"x = x |> {function};")

    def takes(self, *shape):
        """A layer that takes steps of this shape comes next."""
        self.shape_in = self.shape_in or shape
        if self.shape and self.shape != shape:
            raise Problem(f"the weights take {text_of(shape)} in, but {text_of(self.shape)} come out of the layer before")

    def gives(self, *shape, rate=Fraction(1)):
        self.shape = shape
        self.rate *= rate
        self.denominators.append(self.rate.denominator)


def text_of(shape):
    return " x ".join(map(str, shape))


def reordered(weights, gates, order):
    """Gates along the last axis put in another order."""
    parts = np.split(weights, gates, axis=-1)
    return np.concatenate([parts[i] for i in order], axis=-1)


# ---- Layers with known weights, in PyTorch's layout ----

def add_dense(network, name, weight, bias):
    network.takes(weight.shape[1])
    network.add(name, f"Linear({weight.shape[1]}, {weight.shape[0]}{'' if bias is not None else ', bias=false'})",
                {"weight": weight, "bias": bias})
    network.gives(weight.shape[0])


def add_recurrent(network, name, kind, tensors):
    """tensors: weight_ih_l0, .. as PyTorch has them."""
    gates = 4 if kind == "LSTM" else 3
    hidden, inputs = tensors["weight_hh_l0"].shape[1], tensors["weight_ih_l0"].shape[1]
    if tensors["weight_hh_l0"].shape[0] != gates*hidden:
        raise Problem(f"recurrent weights are {text_of(tensors['weight_hh_l0'].shape)}: no {kind}")
    layers = sum(key.startswith("weight_ih_l") for key in tensors)
    options = [f"num_layers={layers}"] * (layers > 1) + ["bias=false"] * ("bias_ih_l0" not in tensors) + ["stateful=true"]
    network.takes(inputs)
    network.add(name, f"{kind}({inputs}, {hidden}, {', '.join(options)})", tensors,
                "x, _, _ = {}(x);" if kind == "LSTM" else "x, _ = {}(x);")
    network.gives(hidden)
    network.remembers = True


def add_conv1d(network, name, weight, bias, stride=1, dilation=1, groups=1, whole=False):
    cout, inputs, kernel = weight.shape
    cin, span = inputs*groups, (kernel - 1)*dilation + 1
    if cout % groups:
        raise Problem(f"{cout} channels cannot be in {groups} groups")
    if stride > span:
        raise Problem(f"stride {stride} skips samples: a causal convolution needs a stride up to {span}")
    network.takes(cin)
    block, size = ("Conv1d", "kernel_size") if whole else ("CausalConv1d", "kernel")
    others = {"stride": stride, "dilation": dilation, "groups": groups}
    options = [f"{size}={kernel}", *(f"{key}={value}" for key, value in others.items() if value != 1)]
    options += ["bias=false"] * (bias is None)
    network.add(name, f"{block}({cin}, {cout}, {', '.join(options)})", {"weight": weight, "bias": bias},
                "x = {}(x.T).T;" if whole else "x = {}(x);")
    network.gives(cout, rate=Fraction(1, stride))
    network.whole |= whole
    network.remembers |= span > stride


def add_transposed(network, name, weight, bias, stride=1, dilation=1, groups=1):
    cin, outputs, kernel = weight.shape
    span = (kernel - 1)*dilation + 1
    if stride > span:
        raise Problem(f"stride {stride} leaves gaps: expected a stride up to {span}")
    network.takes(cin)
    network.add(name, f"CausalConvTranspose1d({cin}, {outputs*groups}, kernel={kernel}, stride={stride}, "
                      f"dilation={dilation}, groups={groups})", {"weight": weight, "bias": bias})
    network.gives(outputs*groups, rate=Fraction(stride))
    network.remembers |= span > stride


def batchnorm_constructor(channels, eps, affine):
    return f"BatchNorm1d({channels}, eps={np.format_float_positional(eps, trim='0')}{'' if affine else ', affine=false'})"


# ---- Layers as RTNeural's exporter for Keras writes them ----

def keras_dense(network, name, layer, weights):
    add_dense(network, name, weights[0].T, weights[1] if len(weights) > 1 else None)


def keras_lstm(network, name, layer, weights):
    kernel, recurrent, bias = weights  # gates i, f, g, o in both
    add_recurrent(network, name, "LSTM", {"weight_ih_l0": kernel.T, "weight_hh_l0": recurrent.T, "bias_ih_l0": bias,
                                          "bias_hh_l0": np.zeros_like(bias)})


def keras_gru(network, name, layer, weights):
    if weights[2].ndim != 2:
        raise Problem("a GRU with one bias resets before the product; expected two, reset_after=True")
    kernel, recurrent, bias = (reordered(w, 3, (1, 0, 2)) for w in weights)  # z, r, h to r, z, n
    add_recurrent(network, name, "GRU", {"weight_ih_l0": kernel.T, "weight_hh_l0": recurrent.T, "bias_ih_l0": bias[0],
                                         "bias_hh_l0": bias[1]})


def keras_conv1d(network, name, layer, weights):
    weight, dilation = weights[0].transpose(2, 1, 0), layer["dilation"][0]
    length, frame = layer["shape"][1], network.frame
    whole = bool(length) and bool(frame) and frame - (weight.shape[2] - 1)*dilation == length < frame
    network.frame = length
    add_conv1d(network, name, weight, weights[1] if len(weights) > 1 else None, dilation=dilation,
               groups=layer.get("groups", 1), whole=whole)


def keras_conv2d(network, name, layer, weights):
    kernel, features, cin, cout = weights[0].shape
    stride, inputs = layer["strides"], layer["num_features_in"]
    outputs = layer["shape"][2]
    missing = max((outputs - 1)*stride + features - inputs, 0) if layer["padding"] == "same" else 0
    network.takes(inputs, cin)
    network.add(name, f"CausalConv2d({cin}, {cout}, kernel={kernel}, features={features}, stride={stride}, "
                      f"dilation={layer['dilation']}, inputs={inputs}, left={missing//2}, right={missing - missing//2})",
                {"weight": weights[0].transpose(3, 2, 0, 1), "bias": weights[1]})
    network.gives(outputs, cout)
    network.remembers |= kernel > 1


def keras_batchnorm(network, name, layer, weights):
    channels = weights[-1].shape[0]
    affine = len(weights) == 4
    tensors = dict(zip(("weight", "bias") * affine + ("running_mean", "running_var"), weights))
    two = len(network.shape or ()) == 2  # channels are the last of two axes
    network.add(name, batchnorm_constructor(channels, layer["epsilon"], affine), tensors,
                "x = transpose({}(transpose(x, 1, 2)), 1, 2);" if two else "x = {}(x);")


def keras_prelu(network, name, layer, weights):
    if len(network.shape or ()) == 2:
        raise Problem("after a two-dimensional convolution it cannot be imported")
    weight = weights[0].reshape(-1)
    network.add(name, f"PReLU({weight.size})", {"weight": weight})


def keras_activation(network, name, layer, weights):
    pass


KERAS = {"dense": keras_dense, "time-distributed-dense": keras_dense, "lstm": keras_lstm, "gru": keras_gru,
         "conv1d": keras_conv1d, "conv2d": keras_conv2d, "batchnorm": keras_batchnorm, "batchnorm2d": keras_batchnorm,
         "prelu": keras_prelu, "activation": keras_activation}


def read_keras(network, model):
    network.frame = model["in_shape"][1] if len(model["in_shape"]) > 2 else None
    for i, layer in enumerate(model["layers"]):
        kind = layer["type"]
        try:
            if kind not in KERAS:
                raise Problem(f"layers of this type cannot be imported; those that can are {', '.join(sorted(KERAS))}")
            KERAS[kind](network, f"l{i}", layer, [np.array(w, np.float32) for w in layer["weights"]])
            declared = layer["shape"][-1]
            if network.shape and declared and network.shape[-1] != declared:
                raise Problem(f"the file says that {declared} come out, the weights give {network.shape[-1]}")
            # tanh and sigmoid of a recurrent layer are inside it.
            if kind not in ("lstm", "gru"):
                network.activate(layer["activation"])
        except KeyError as missing:
            raise Problem(f"layer {i} ({kind}): it has no {missing}") from None
        except (IndexError, TypeError, ValueError):
            raise Problem(f"layer {i} ({kind}): its weights are not those of such a layer") from None
        except Problem as problem:
            raise Problem(f"layer {i} ({kind}): {problem}") from None


# ---- A state_dict ----

def torch_layers(state):
    """Tensors by layer, in the order of the file."""
    layers = {}
    for key, values in state.items():
        layer, _, tensor = key.rpartition(".")
        try:
            layers.setdefault(layer or "net", {})[tensor] = np.array(values, np.float32)
        except (TypeError, ValueError):
            raise Problem(f"{key} is no tensor: expected numbers, or lists of equal length") from None
    return layers


def name_of(layer):
    """A word that means nothing else in the .tn file."""
    word = re.sub(r"\W", "_", layer)
    return f"layer_{word}" if word in TAKEN or word[0].isdigit() else word


def read_torch(network, state, settings):
    layers = torch_layers(state)
    for layer in settings:
        if layer not in layers:
            raise Problem(f"--set {layer}: no such layer; there are {', '.join(layers)}")
    for layer, tensors in layers.items():
        try:
            options = dict(settings.get(layer, {}))
            activation = options.pop("activation", "")
            add_torch(network, name_of(layer), tensors, {key: int(value) for key, value in options.items()})
            network.activate(activation)
        except Problem as problem:
            raise Problem(f"layer {layer}: {problem}") from None


def add_torch(network, name, tensors, options):
    weight, bias = tensors.get("weight"), tensors.get("bias")
    known = {"stride", "dilation", "groups"} if weight is not None and weight.ndim == 3 else set()
    if set(options) - known:
        raise Problem(f"it has no {', '.join(sorted(set(options) - known))}")
    if "running_mean" in tensors:
        add_torch_norm(network, name, tensors)
    elif "weight_hh_l0" in tensors:
        gates = tensors["weight_hh_l0"].shape[0]//tensors["weight_hh_l0"].shape[1]
        if gates not in (3, 4):
            raise Problem(f"it has {gates} gates, expected 3 (GRU) or 4 (LSTM)")
        add_recurrent(network, name, "LSTM" if gates == 4 else "GRU", tensors)
    elif weight is None or weight.ndim not in (1, 2, 3):
        raise Problem(f"what is it? It has {', '.join(tensors)}")
    elif weight.ndim == 2:
        add_dense(network, name, weight, bias)
    elif weight.ndim == 1:
        network.add(name, f"PReLU({weight.size})", {"weight": weight})
    elif bias is not None and bias.size != weight.shape[0]:
        add_transposed(network, name, weight, bias, **options)
    else:
        add_conv1d(network, name, weight, bias, **options)


def add_torch_norm(network, name, tensors):
    kept = {key: tensors[key] for key in ("weight", "bias", "running_mean", "running_var") if key in tensors}
    network.add(name, batchnorm_constructor(kept["running_mean"].size, tensors.get("eps", 1e-5), "weight" in kept), kept)


# ---- Output ----

def size(count, factor):
    return count if factor == 1 else f"{factor}*{count}"


def entries(network, frame):
    """Lines of the model's entries."""
    shape_in, shape = ", ".join(map(str, network.shape_in)), ", ".join(map(str, network.shape))
    if network.whole:
        return [f"entry process(x: f32[{frame}, {shape_in}]) -> (y: f32[{network.frame}, {shape}]) {{ return run(x); }}"]
    per_step = math.lcm(*network.denominators)
    made = int(network.rate*per_step)
    taken, given = size("T", per_step), size("T", made)
    lines = [f"entry process(x: f32[{taken}, {shape_in}]) -> (y: f32[{given}, {shape}]) {{ return run(x); }}"]
    if per_step == made == 1:
        return lines + [f"entry step(x: f32[{shape_in}]) -> (y: f32[{shape}]) "
                        "{ return squeeze(run(unsqueeze(x, 0)), 0); }"]
    return lines + [f"entry step(x: f32[{per_step}, {shape_in}]) -> (y: f32[{made}, {shape}]) {{ return run(x); }}"]


def source(network, title, model, weights, frame):
    blocks = "".join(BLOCKS[block] for block in network.blocks)
    width = max(len(name) for name, _ in network.layers)
    body = [*(f"layer {name:{width}} = {constructor};" for name, constructor in network.layers), "",
            "fn run(x) {", *("    " + call for call in network.calls), "    return x;", "}", "", *entries(network, frame)]
    dims = "" if network.whole else "dim T = 1..4096;  // samples in one call\n"
    indented = "\n".join("    " + line if line else "" for line in body)
    return f'// Imported from {title}.\nweights from "{weights}";\n{dims}{blocks}\nmodel {model} {{\n{indented}\n}}\n'


def write_weights(path, tensors):
    header, offset = {}, 0
    for name, tensor in tensors.items():
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [offset, offset + tensor.nbytes]}
        offset += tensor.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            file.write(np.ascontiguousarray(tensor, "<f4"))


def settings_of(words):
    settings = {}
    for word in words:
        match = re.fullmatch(r"(.+)\.(\w+)=(\w+)", word)
        if not match or (match[2] != "activation" and not match[3].isdigit()):
            raise Problem(f"--set {word}: expected LAYER.stride=N, .dilation=N, .groups=N or .activation=NAME")
        settings.setdefault(match[1], {})[match[2]] = match[3]
    return settings


def read(network, path, settings):
    try:
        model = json.loads(path.read_text())
    except (OSError, ValueError) as problem:
        raise Problem(f"cannot be read: {problem}") from None
    if not isinstance(model, dict):
        raise Problem("found no network; expected an object with layers, or a state_dict")
    frame = None
    if "layers" in model:
        if settings:
            raise Problem("--set is for a state_dict; this file has its own strides and activations")
        read_keras(network, model)
        frame = model["in_shape"][1]
    else:
        read_torch(network, model, settings)
    if not network.shape:
        raise Problem("it has no layer with weights")
    return frame


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, metavar="MODEL.json")
    parser.add_argument("-o", "--output", type=pathlib.Path, metavar="NAME.tn", help="default: MODEL.tn beside you")
    parser.add_argument("--set", action="append", default=[], metavar="LAYER.KEY=VALUE")
    arguments = parser.parse_args()
    output = arguments.output or pathlib.Path(arguments.model.stem + ".tn")
    weights = output.with_suffix(".safetensors")
    network = Network()
    try:
        frame = read(network, arguments.model, settings_of(arguments.set))
    except Problem as problem:
        print(f"{arguments.model}: error: {problem}", file=sys.stderr)
        return 1
    name = "".join(word.capitalize() for word in re.split(r"[\W_]+", output.stem)) or "Network"
    if not name[0].isalpha():
        name = "Network" + name
    used = "".join([*(f" {constructor}" for _, constructor in network.layers), *BLOCKS.values()])
    if f" {name}(" in used:
        name += "Network"
    write_weights(weights, network.tensors)
    output.write_text(source(network, arguments.model.name, name, weights.name, frame))
    return 0


if __name__ == "__main__":
    sys.exit(main())
