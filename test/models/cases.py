"""The recorded models: what goes in, what came out when another program ran them, and how close Tenon must come.

Each function prepares one case from the folder of recordings and is named as the .tn file it belongs to. Marks follow
from how far two good programs differ: 1e-5 of the range of an output for single layers and small networks, 1e-4 for
deep ones, and the exact number of right answers over the first 5 000 test digits of MNIST.
"""
import gzip
import json

import numpy as np

SMALL, DEEP = 1e-5, 1e-4


class Case:
    """inputs, expected: arrays by the names of the entry. rows: the extent of axis 0 to cut a batch along, or 0 to run
    all at once; batch: rows in one call. Expected outputs may have fewer rows than there are inputs. right: labels and
    how many of them the largest element of the first output must meet. strays: rows that may miss the mark, up to ten
    times. weights: arrays by name, instead of a file. interpreted: false where the interpreter would take minutes.
    calls: a function of a model with call(entry, **inputs), and of a number of rows, that gives the outputs instead of
    one call with the inputs: none of the expected may be missing if the number is None, and some may if it tells how
    many rows of axis 0 suffice. marks: marks of single outputs. options: for the command. A function may give several
    cases."""

    def __init__(self, inputs, expected, mark=SMALL, rows=0, batch=500, right=None, strays=0, weights=None,
                 interpreted=True, calls=None, marks=None, options=()):
        self.inputs, self.expected, self.mark, self.marks = inputs, expected, mark, marks or {}
        self.rows, self.batch, self.right, self.strays = rows, batch, right, strays
        self.weights, self.interpreted, self.calls, self.options = weights, interpreted, calls, list(options)


DTYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "U8": "u1", "I32": "<i4", "I64": "<i8", "BOOL": "?"}


def safetensors_read(path):
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8:start]).items():
        if name != "__metadata__":
            first, end = entry["data_offsets"]
            values = np.frombuffer(data[start + first:start + end], DTYPES[entry["dtype"]])
            tensors[name] = values.reshape(entry["shape"])
    return tensors


def safetensors_write(path, tensors):
    names = {np.dtype(numpy): name for name, numpy in DTYPES.items()}
    header, offset = {}, 0
    for name, tensor in tensors.items():
        end = offset + tensor.nbytes
        header[name] = {"dtype": names[tensor.dtype], "shape": tensor.shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for tensor in tensors.values():
            file.write(np.ascontiguousarray(tensor))


def digits(data):
    """The first 5 000 test digits: f32[5000, 28, 28] in 0..1, and labels."""
    folder = data / "data-mnist"
    images = gzip.decompress((folder / "test5k-images-idx3-ubyte.gz").read_bytes())
    labels = gzip.decompress((folder / "test5k-labels-idx1-ubyte.gz").read_bytes())
    images = np.frombuffer(images, np.uint8, offset=16).reshape(-1, 28, 28)
    return images.astype(np.float32) / np.float32(255), np.frombuffer(labels, np.uint8, offset=8)


def digits_case(data, outputs, name, count, channels, mark=SMALL):
    images, labels = digits(data)
    x = images[:, None] if channels else images
    return Case({"x": x}, {"y": np.load(data / outputs)[name]}, mark, rows=len(x), right=(labels, count))


def layer_case(data, case, inputs, outputs, mark=SMALL):
    """A file of torch-layer-refs; inputs and outputs: names in the entry, in the order of in.0, in.1, .. and out.0, .."""
    tensors = safetensors_read(data / "torch-layer-refs" / f"{case}.safetensors")
    return Case({name: tensors[f"in.{i}"] for i, name in enumerate(inputs.split())},
                {name: tensors[f"out.{i}"] for i, name in enumerate(outputs.split()) if name != "-"}, mark)


def lenet5_relu(data):
    io = np.load(data / "lenet5-jinsoo/io.npz")
    x = io["x_first200"][:, None]
    return Case({"x": x}, {"y": io["logp"][:200]}, rows=200, batch=64, right=(io["labels"][:200], 200))


def mlp_sigmoid(data):
    return digits_case(data, "dlfs-mnist/outputs_first1000.npz", "mlp_y", 4587, channels=False)


def simple_convnet(data):
    return digits_case(data, "dlfs-mnist/outputs_first1000.npz", "simple_y", 4922, channels=True)


def deep_convnet(data):
    return digits_case(data, "dlfs-mnist/outputs_first1000.npz", "deep_y", 4953, channels=True)


def row_lstm(data):
    return digits_case(data, "mnist-lstm-tflm/outputs_first1000.npz", "y", 4889, channels=False)


def maxpool_mlp(data):
    io = np.load(data / "mnist-onnx-mlir/io.npz")
    images, labels = digits(data)
    return Case({"x": images[:1000, None]}, {"y": io["prob"]}, rows=1000, right=(labels[:1000], 912))


def tiny_vgg(data):
    io = np.load(data / "tiny-vgg-cnn-explainer/io.npz")
    return Case({"x": io["x"]}, {"y": io["y"]}, rows=20, batch=8, right=(io["labels"], 14))


def pictures(data):
    """Eight photographs of CIFAR-10 as ResNet-20 sees them, normalized; and their pixels, f64[8, 3, 32, 32] in 0..255."""
    x = np.load(data / "resnet-cifar10/input_first8.npz")["x"]
    mean = np.array([0.485, 0.456, 0.406]).reshape(3, 1, 1)
    deviation = np.array([0.229, 0.224, 0.225]).reshape(3, 1, 1)
    return x, np.rint((x * deviation + mean) * 255)


def resnet8(data):
    _, pixels = pictures(data)
    x = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1), np.float32)
    # The recording itself is 1.3e-6 away from the same sums taken in f64.
    return Case({"x": x}, {"y": np.load(data / "mlperf-tiny/io.npz")["resnet8_y"][:8]}, 2e-6, rows=8, batch=5)


def resnet20(data):
    x, _ = pictures(data)
    y = np.load(data / "resnet-cifar10/outputs_1000.npz")["resnet20"][:8]
    return Case({"x": x}, {"y": y}, DEEP, rows=8, batch=5)


def autoencoder(data):
    """All 196 windows of five frames; the first 64 copies are recorded, and every window's error. A few windows lead a
    unit of the narrowest layer right to the kink of its relu: there the recording is up to 2.4e-4 away from the same
    sums in f64."""
    io = np.load(data / "mlperf-tiny/io.npz")
    frames = np.fromfile(data / "mlperf-tiny/normal_id_01_00000000_hist_librosa.bin", "<f4").reshape(-1, 128)
    x = np.stack([frames[i:i + 5].reshape(-1) for i in range(len(frames) - 4)])
    assert np.array_equal(x[:64], io["ad01_x"])
    return Case({"x": x}, {"y": io["ad01_y"], "error": io["ad01_mse"]}, DEEP, rows=196, batch=100, strays=6)


def rnn_tanh_2layer_bidir(data):
    return layer_case(data, "rnn_tanh_2layer_bidir", "x", "y h")


def gru_2layer_bidir(data):
    return layer_case(data, "gru_2layer_bidir", "x", "y h")


def lstm_2layer_bidir(data):
    return layer_case(data, "lstm_2layer_bidir", "x", "y h c")


def luong_general(data):
    return layer_case(data, "luong_general", "x memory", "y attention")


def mha_causal(data):
    case = layer_case(data, "mha_causal", "x mask", "y a")
    case.inputs["mask"] = case.inputs["mask"].astype(np.bool_)
    return case


def transformer_encoder_postnorm(data):
    return layer_case(data, "transformer_encoder_postnorm", "x", "y")


def se_residual_block(data):
    return layer_case(data, "se_residual_block", "x", "y")


def inception_block(data):
    return layer_case(data, "inception_block", "x", "y")


def conv2d_odd(data):
    return layer_case(data, "conv2d_odd", "x", "y")


def pools_and_resize(data):
    return layer_case(data, "pools_and_resize", "x", "y0 y1 y2 y3 y4 y5 y6 y7")


def activations_wide(data):
    return layer_case(data, "activations_wide", "x", "elu selu gelu silu softplus mish hardswish hardsigmoid leaky_relu "
                                                     "relu6 softsign softmax log_softmax logsigmoid")


def lrn(data):
    return layer_case(data, "lrn", "x", "y")


# ---- Networks for ImageNet ----

def squeezenet_imagenet(data):
    """Trained weights. Of the eight photographs two are taken for something else, by the recording, too."""
    io = np.load(data / "squeezenet-imagenet/io.npz")
    x = io["images_rgb_224"][..., ::-1] - np.array([103.939, 116.779, 123.68])
    return Case({"x": np.ascontiguousarray(x.transpose(0, 3, 1, 2), np.float32)}, {"y": io["prob"]}, DEEP, rows=8,
                batch=5, right=(io["labels"], 6))


def seeded_values(name, shape, scale, middle=0.0):
    """Numbers that only a name and a place decide, -scale to scale: FNV-1a of the name, then two rounds of mixing."""
    h = 2166136261
    for byte in name.encode():
        h = (h ^ byte) * 16777619 & 0xffffffff
    values = np.empty(int(np.prod(shape)), np.float32)
    for first in range(0, values.size, 1 << 20):
        x = np.arange(first, min(first + (1 << 20), values.size), dtype=np.uint32)
        x = x * np.uint32(2654435761) + np.uint32(h)
        for _ in range(2):
            x = (x ^ x >> np.uint32(16)) * np.uint32(0x45d9f3b)
        x = x ^ x >> np.uint32(16)
        values[first:first + x.size] = middle + scale * (x / 2.0 ** 31 - 1)
    return values.reshape(shape)


def seeded_case(data, name, places, interpreted=True):
    """A network of ONNX's light models with seeded weights, for three photographs. places: the name of each layer there
    by its name in the .tn file."""
    folder = data / "imagenet-arch-seeded"
    seeded = json.loads((folder / f"{name}.json").read_text())["weights"]
    small = folder / f"{name}_small.safetensors"
    kept = safetensors_read(small) if small.exists() else {}
    weights = {}
    for layer, theirs in places.items():
        for tensor, suffix in (("weight", "_w_0"), ("bias", "_b_0")):
            entry = seeded.get(theirs + suffix)
            if entry is None:
                weights[f"{layer}.{tensor}"] = kept[theirs + suffix]
                continue
            scale = np.sqrt(6.0 / np.prod(entry["shape"][1:])) if entry["slot"] == 1 else 0.1
            weights[f"{layer}.{tensor}"] = seeded_values(theirs + suffix, entry["shape"], scale)
    images = np.load(folder / "input.npz")["images_rgb_224"].transpose(0, 3, 1, 2)
    x = np.ascontiguousarray((images - 117.0) / 58.0, np.float32)
    y = np.load(folder / f"{name}.npz")["logits"]
    return Case({"x": x}, {"y": y}, DEEP, rows=3, right=(y.argmax(axis=1), 3), weights=weights,
                interpreted=interpreted)


def alexnet_seeded(data):
    layers = ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]
    return seeded_case(data, "bvlc_alexnet", {layer: layer for layer in layers})


def vgg19(data):
    places, at = {}, 0
    for stage, count in enumerate((2, 2, 4, 4, 4), 1):
        for i in range(1, count + 1):
            places[f"features.{at}"] = f"conv{stage}_{i}"
            at += 2
        at += 1
    places |= {"classifier.0": "fc6", "classifier.3": "fc7", "classifier.6": "fc8"}
    return seeded_case(data, "vgg19", places, interpreted=False)


def squeezenet(data):
    places = {"features.0": "conv1", "classifier.1": "conv10"}
    for number, member in zip(range(2, 10), (3, 4, 6, 7, 9, 10, 11, 12)):
        for ours, theirs in (("squeeze", "squeeze1x1"), ("expand1x1", "expand1x1"), ("expand3x3", "expand3x3")):
            places[f"features.{member}.{ours}"] = f"fire{number}/{theirs}"
    return seeded_case(data, "squeezenet", places)
