"""What is measured, and the bars a row must reach on each instruction set."""
import dataclasses
import fnmatch
import typing

import models
import networks


@dataclasses.dataclass
class Row:
    name: str
    network: typing.Callable    # called with the name as an identifier
    layers: int = 1             # equal layers in the network: times are given per layer
    dims: tuple = ()            # of the entry's call
    asked: bool = False         # measured only when a pattern on the command line names it


# Row pattern: (what is judged, its least value with one thread, with two; None: no bar).
#   share   part of the FMA peak measured in the same run, counting the multiply-adds of the direct algorithm
#   ratio   ONNX Runtime's time over ours
BARS = {
    "avx512": {
        "kernel *": ("share", 0.93, None),
        "gemm *": ("ratio", 1.0, None),
        "conv3x3 64@56": ("share", 0.90, None),
        "conv3x3 128@28": ("share", 0.90, None),
        "conv3x3 256@14": ("share", 0.90, None),
        "pointwise *": ("share", 0.85, None),
        "lenet5": ("ratio", 1.8, None),
        "mlp": ("ratio", 1.4, None),
        "net vgg16": ("ratio", 2.4, 2.2),
        "net resnet18": ("ratio", 1.8, 1.4),
        "net googlenet": ("ratio", 1.6, 1.4),
        "net googlenet lrn": ("ratio", 2.0, 1.8),
        "net alexnet": ("ratio", 1.4, 1.2),
        "net resnet50": ("ratio", 1.2, 1.15),
        "net seresnet50": ("ratio", 1.2, 1.12),
        "net mobilenet": ("ratio", 1.05, 1.0),
        "net autoencoder": ("ratio", 1.1, 1.0),
    },
    "avx2": {
        "kernel *": ("share", 0.93, None),
        "gemm *": ("ratio", 1.0, None),
        "conv3x3 64@56": ("share", 0.90, None),
        "conv3x3 128@28": ("share", 0.90, None),
        "conv3x3 256@14": ("share", 0.90, None),
        "pointwise *": ("share", 0.85, None),
        "lenet5": ("ratio", 2.0, None),
        "mlp": ("ratio", 1.4, None),
        "net vgg16": ("ratio", 2.7, 2.3),
        "net resnet18": ("ratio", 1.9, 1.4),
        "net googlenet": ("ratio", 1.7, 1.4),
        "net googlenet lrn": ("ratio", 2.2, 1.8),
        "net alexnet": ("ratio", 1.5, 1.2),
        "net resnet50": ("ratio", 1.2, 1.12),
        "net seresnet50": ("ratio", 1.2, 1.12),
        "net mobilenet": ("ratio", 1.0, 0.95),
        "net autoencoder": ("ratio", 1.1, 1.0),
    },
}


def bar_find(name, isa, threads):
    """(metric, least value) or None."""
    for pattern, (metric, *least) in BARS[isa].items():
        if fnmatch.fnmatchcase(name, pattern):
            return (metric, least[threads - 1]) if threads <= len(least) and least[threads - 1] else None
    return None


def _linear(m, n, k):
    return lambda name: models.linear(name, m, k, n)


def _conv3x3(channels, size):
    return Row(f"conv3x3 {channels}@{size}",
               lambda name: models.conv_chain(name, size, [(channels, channels, 3)] * 4), layers=4)


def _pointwise(narrow, wide, size):
    """Expand and reduce by turns; both directions do the same work, so one time per layer stands for the pair."""
    return Row(f"pointwise {narrow}<>{wide}@{size}",
               lambda name: models.conv_chain(name, size, [(narrow, wide, 1), (wide, narrow, 1)] * 2), layers=4)


def _lstm(hidden, steps):
    return Row(f"lstm H={hidden} T={steps}", lambda name: models.lstm(name, hidden, steps))


def _net(name, network, *arguments):
    """A whole network: takes long, so only when asked for."""
    return Row(f"net {name}", lambda identifier: network(identifier, *arguments), asked=True)


# Kernels: A, B and the result fit L2, and the rows divide into full tiles of 14 and of 6.
ROWS = [
    Row("kernel 168x64 K=128", _linear(168, 64, 128)),
    Row("kernel 168x64 K=256", _linear(168, 64, 256)),
    Row("kernel 84x64 K=512", _linear(84, 64, 512)),
    Row("gemm 512,512,512", _linear(512, 512, 512)),
    Row("gemm 196,256,1024", _linear(196, 256, 1024)),
    Row("gemm 49,512,2048", _linear(49, 512, 2048)),
    Row("gemm 197,768,768", _linear(197, 768, 768)),
    _conv3x3(64, 56),
    _conv3x3(128, 28),
    _conv3x3(256, 14),
    _conv3x3(512, 7),
    _pointwise(64, 256, 56),
    _pointwise(128, 512, 28),
    _pointwise(256, 1024, 14),
    _pointwise(512, 2048, 7),
    Row("lenet5", models.lenet5),
    Row("lenet5 N=1..64", lambda name: models.lenet5(name, [("N", "1..64", 1)]), dims=(1,)),
    Row("mlp", models.mlp),
    *(_lstm(hidden, steps) for steps in (1, 100) for hidden in (64, 128, 256)),
    Row("gemv 512x512", _linear(1, 512, 512)),
    Row("gemv 1024x1024", _linear(1, 1024, 1024)),
    Row("softmax 197x197", lambda name: models.softmax(name, 197, 197)),
    Row("softmax 1x1000", lambda name: models.softmax(name, 1, 1000)),
    Row("layer_norm 197x768", lambda name: models.layer_norm(name, 197, 768)),
    _net("alexnet", networks.alexnet),
    _net("vgg16", networks.vgg, (2, 2, 3, 3, 3)),
    _net("googlenet", networks.googlenet, False),
    _net("googlenet lrn", networks.googlenet, True),
    _net("resnet18", networks.resnet, (2, 2, 2, 2), False),
    _net("resnet50", networks.resnet, (3, 4, 6, 3), True),
    _net("seresnet50", networks.resnet, (3, 4, 6, 3), True, True),
    _net("mobilenet", networks.mobilenet),
    _net("autoencoder", networks.autoencoder),
]
