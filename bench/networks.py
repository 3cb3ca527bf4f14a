"""Whole convolutional networks: AlexNet, VGG, GoogLeNet, ResNets, SE-ResNet-50, MobileNet, SqueezeNet, an autoencoder.

Each is described once, layer after layer, and a Builder writes the description down as .tn and as ONNX. The weights are
random, scaled after He, and normalisation is left as separate nodes in both: folding it is the engines' work.
"""
import numpy as np

from models import Network, Weights


class Value:
    """A tensor on its way: its name in both texts, and its extents without the batch."""

    def __init__(self, name, extents):
        self.name, self.extents = name, extents


class Builder:
    def __init__(self, name, extents):
        self.name, self.weights = name, Weights(name)
        self.members, self.body, self.nodes, self.flops = [], [], [], 0
        self.input = Value("x", extents)

    def _value(self, call, op, inputs, extents, **attributes):
        """One line of the entry, one node of the graph."""
        value = Value(f"v{len(self.nodes)}", extents)
        self.body.append(f"{value.name} = {call};")
        self.nodes.append((op, inputs, [value.name], attributes))
        return value

    def _layer(self, kind, x, constructor, op, tensors, extents, **attributes):
        layer = f"{kind}{len(self.members)}"
        self.members.append(f"layer {layer} = {constructor};")
        return layer, self._value(f"{layer}({x.name})", op, [x.name, *(f"{layer}.{tensor}" for tensor in tensors)],
                                  extents, **attributes)

    def conv(self, x, cout, kernel, stride=1, padding=0, groups=1, bias=True):
        cin, h, w = x.extents
        h, w = ((extent + 2 * padding - kernel) // stride + 1 for extent in (h, w))
        layer, y = self._layer(
            "conv", x, f"Conv2d({cin}, {cout}, kernel_size={kernel}, stride={stride}, padding={padding}, "
            f"groups={groups}, bias={str(bias).lower()})", "Conv", ["weight", "bias"] if bias else ["weight"],
            (cout, h, w), kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[padding] * 4, group=groups)
        self.weights.layer(layer, (cout, cin // groups, kernel, kernel), bias=bias)
        self.flops += 2 * cout * h * w * (cin // groups) * kernel * kernel
        return y

    def conv_transpose(self, x, cout, kernel, stride, padding):
        cin, h, w = x.extents
        layer, y = self._layer(
            "up", x, f"ConvTranspose2d({cin}, {cout}, kernel_size={kernel}, stride={stride}, padding={padding})",
            "ConvTranspose", ["weight", "bias"],
            (cout, *((extent - 1) * stride - 2 * padding + kernel for extent in (h, w))),
            kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[padding] * 4)
        inputs = cin * kernel * kernel / stride ** 2  # that reach one output
        self.weights.uniform(f"{layer}.weight", (cin, cout, kernel, kernel), np.sqrt(6 / inputs))
        self.weights.uniform(f"{layer}.bias", (cout,), 0.1)
        self.flops += 2 * cin * h * w * cout * kernel * kernel
        return y

    def batch_norm(self, x, scale=1.0, eps=1e-5):
        channels, tensors = x.extents[0], ["weight", "bias", "running_mean", "running_var"]
        layer, y = self._layer("norm", x, f"BatchNorm2d({channels}, eps={eps:.5f})", "BatchNormalization", tensors,
                               x.extents, epsilon=eps)
        for tensor, middle, spread in zip(tensors, (scale, 0, 0, 1), (0.2 * scale, 0.1, 0.1, 0.2)):
            self.weights.uniform(f"{layer}.{tensor}", (channels,), spread)
            self.weights[f"{layer}.{tensor}"] += np.float32(middle)
        return y

    def linear(self, x, outputs):
        (inputs,) = x.extents
        layer, y = self._layer("fc", x, f"Linear({inputs}, {outputs})", "Gemm", ["weight", "bias"], (outputs,),
                               transB=1)
        self.weights.layer(layer, (outputs, inputs))
        self.flops += 2 * inputs * outputs
        return y

    def relu(self, x):
        return self._value(f"relu({x.name})", "Relu", [x.name], x.extents)

    def sigmoid(self, x):
        return self._value(f"sigmoid({x.name})", "Sigmoid", [x.name], x.extents)

    def add(self, x, y):
        return self._value(f"{x.name} + {y.name}", "Add", [x.name, y.name], x.extents)

    def multiply(self, x, y):
        return self._value(f"{x.name} * {y.name}", "Mul", [x.name, y.name], x.extents)

    def max_pool(self, x, kernel, stride, padding=0, ceil=False):
        c, *sides = x.extents
        room = stride - 1 if ceil else 0
        sides = [(extent + 2 * padding - kernel + room) // stride + 1 for extent in sides]
        return self._value(
            f"max_pool2d({x.name}, {kernel}, stride={stride}, padding={padding}, ceil_mode={str(ceil).lower()})",
            "MaxPool", [x.name], (c, *sides), kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[padding] * 4,
            ceil_mode=int(ceil))

    def global_pool(self, x):
        return self._value(f"global_avg_pool2d({x.name})", "GlobalAveragePool", [x.name], (x.extents[0], 1, 1))

    def response_norm(self, x, size=5, alpha=1e-4, beta=0.75, k=1.0):
        return self._value(f"local_response_norm({x.name}, {size}, alpha={alpha:.6f}, beta={beta}, k={k})", "LRN",
                           [x.name], x.extents, size=size, alpha=alpha, beta=beta, bias=k)

    def concat(self, parts):
        names = [part.name for part in parts]
        return self._value(f"concat({', '.join(names)}, axis=1)", "Concat", names,
                           (sum(part.extents[0] for part in parts), *parts[0].extents[1:]), axis=1)

    def flatten(self, x):
        return self._value(f"flatten({x.name})", "Flatten", [x.name], (int(np.prod(x.extents)),), axis=1)

    def network(self, y):
        """|y|, the last value, is the output."""
        op, inputs, _, attributes = self.nodes[-1]
        self.nodes[-1] = (op, inputs, ["y"], attributes)
        return Network(self.name, [("x", (1, *self.input.extents))], [("y", (1, *y.extents))], self.members,
                       self.body + [f"return {y.name};"], self.nodes, self.flops, self.weights)


# ---- Networks ----

PICTURE = (3, 224, 224)


def alexnet(name):
    """torchvision's: one stream, no normalisation."""
    b = Builder(name, PICTURE)
    x = b.max_pool(b.relu(b.conv(b.input, 64, 11, stride=4, padding=2)), 3, 2)
    x = b.max_pool(b.relu(b.conv(x, 192, 5, padding=2)), 3, 2)
    for channels in (384, 256, 256):
        x = b.relu(b.conv(x, channels, 3, padding=1))
    x = b.flatten(b.max_pool(x, 3, 2))
    x = b.relu(b.linear(b.relu(b.linear(x, 4096)), 4096))
    return b.network(b.linear(x, 1000))


def vgg(name, counts):
    """counts: the convolutions of each stage."""
    b = Builder(name, PICTURE)
    x = b.input
    for count, channels in zip(counts, (64, 128, 256, 512, 512)):
        for _ in range(count):
            x = b.relu(b.conv(x, channels, 3, padding=1))
        x = b.max_pool(x, 2, 2)
    x = b.relu(b.linear(b.relu(b.linear(b.flatten(x), 4096)), 4096))
    return b.network(b.linear(x, 1000))


# Channels of 1 x 1; reduced, 3 x 3; reduced, widest; pooled. None: the picture is halved.
INCEPTIONS = [
    (64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64), None,
    (192, 96, 208, 16, 48, 64), (160, 112, 224, 24, 64, 64), (128, 128, 256, 24, 64, 64), (112, 144, 288, 32, 64, 64),
    (256, 160, 320, 32, 128, 128), None, (256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)]


def googlenet(name, lrn):
    """torchvision's branches; with batch normalisation, or without and with two of local responses."""
    b = Builder(name, PICTURE)

    def unit(x, channels, kernel, stride=1):
        y = b.conv(x, channels, kernel, stride, padding=kernel // 2, bias=lrn)
        return b.relu(y if lrn else b.batch_norm(y, eps=1e-3))

    x = b.max_pool(unit(b.input, 64, 7, 2), 3, 2, ceil=True)
    x = b.response_norm(x) if lrn else x
    x = unit(unit(x, 64, 1), 192, 3)
    x = b.max_pool(b.response_norm(x) if lrn else x, 3, 2, ceil=True)
    halvings = iter((3, 2))
    for channels in INCEPTIONS:
        if channels is None:
            x = b.max_pool(x, next(halvings), 2, ceil=True)
            continue
        c1, r3, c3, r5, c5, pooled = channels
        x = b.concat([unit(x, c1, 1), unit(unit(x, r3, 1), c3, 3), unit(unit(x, r5, 1), c5, 3),
                      unit(b.max_pool(x, 3, 1, padding=1), pooled, 1)])
    return b.network(b.linear(b.flatten(b.global_pool(x)), 1000))


def resnet(name, counts, bottleneck, excited=False):
    """torchvision's; excited: with squeeze and excitation, reduction 16. What a unit adds is small, as in a trained
    network: else the values would double from unit to unit."""
    b = Builder(name, PICTURE)

    def normed(x, channels, kernel, stride=1, scale=1.0):
        return b.batch_norm(b.conv(x, channels, kernel, stride, padding=kernel // 2, bias=False), scale)

    def excite(x):
        channels = x.extents[0]
        squeezed = b.relu(b.conv(b.global_pool(x), channels // 16, 1))
        return b.multiply(x, b.sigmoid(b.conv(squeezed, channels, 1)))

    def unit(x, width, stride):
        cout = 4 * width if bottleneck else width
        if bottleneck:
            y = b.relu(normed(b.relu(normed(x, width, 1)), width, 3, stride))
            y = normed(y, cout, 1, scale=0.25)
        else:
            y = normed(b.relu(normed(x, width, 3, stride)), cout, 3, scale=0.25)
        y = excite(y) if excited else y
        if stride != 1 or x.extents[0] != cout:
            x = normed(x, cout, 1, stride)
        return b.relu(b.add(y, x))

    x = b.max_pool(b.relu(normed(b.input, 64, 7, 2)), 3, 2, padding=1)
    for stage, count in enumerate(counts):
        for i in range(count):
            x = unit(x, 64 << stage, 2 if stage > 0 and i == 0 else 1)
    return b.network(b.linear(b.flatten(b.global_pool(x)), 1000))


def mobilenet(name):
    """The first MobileNet, at full width."""
    b = Builder(name, PICTURE)
    x = b.relu(b.batch_norm(b.conv(b.input, 32, 3, stride=2, padding=1, bias=False)))
    units = [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1)]
    for cout, stride in units:
        cin = x.extents[0]
        x = b.relu(b.batch_norm(b.conv(x, cin, 3, stride, padding=1, groups=cin, bias=False)))
        x = b.relu(b.batch_norm(b.conv(x, cout, 1, bias=False)))
    return b.network(b.linear(b.flatten(b.global_pool(x)), 1000))


def squeezenet(name):
    """Version 1.1, as torchvision's."""
    b = Builder(name, PICTURE)

    def fire(x, squeezed, expanded):
        x = b.relu(b.conv(x, squeezed, 1))
        return b.concat([b.relu(b.conv(x, expanded, 1)), b.relu(b.conv(x, expanded, 3, padding=1))])

    x = b.relu(b.conv(b.input, 64, 3, stride=2))
    for units in (((16, 64), (16, 64)), ((32, 128), (32, 128)), ((48, 192), (48, 192), (64, 256), (64, 256))):
        x = b.max_pool(x, 3, 2, ceil=True)
        for squeezed, expanded in units:
            x = fire(x, squeezed, expanded)
    return b.network(b.flatten(b.global_pool(b.relu(b.conv(x, 1000, 1)))))


def autoencoder(name):
    """Three convolutions of stride 2 and three transposed ones on 128 x 128 pixels."""
    b = Builder(name, (3, 128, 128))
    x = b.input
    for channels in (32, 64, 128):
        x = b.relu(b.conv(x, channels, 3, stride=2, padding=1))
    for channels in (64, 32):
        x = b.relu(b.conv_transpose(x, channels, 4, stride=2, padding=1))
    return b.network(b.sigmoid(b.conv_transpose(x, 3, 4, stride=2, padding=1)))
