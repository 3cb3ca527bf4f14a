"""What is measured, and the bars a row must reach on each instruction set."""
import dataclasses
import fnmatch
import typing

import models
import networks
import recurrent


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
# A row that must read matrices step after step is also held against that reading: BOUND_LEAST, for information.
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
        "lstm H=64 T=1": ("ratio", 3.5, None),
        "lstm H=128 T=1": ("ratio", 1.8, None),
        "lstm H=256 T=1": ("ratio", 1.3, None),
        "lstm H=512 T=1": ("ratio", 1.1, None),
        "gru H=64 T=1": ("ratio", 3.5, None),
        "gru H=128 T=1": ("ratio", 1.8, None),
        "gru H=256 T=1": ("ratio", 1.3, None),
        "gru H=512 T=1": ("ratio", 1.1, None),
        "lstm H=64 T=100": ("ratio", 1.3, 1.7),
        "lstm H=128 T=100": ("ratio", 1.08, 1.4),
        "lstm H=256 T=100": ("ratio", 1.1, 1.15),
        "lstm H=512 T=100": ("ratio", 1.05, 1.1),
        "gru H=64 T=100": ("ratio", 1.3, None),
        "gru H=128 T=100": ("ratio", 1.1, None),
        "gru H=256 T=100": ("ratio", 1.1, None),
        "gru H=512 T=100": ("ratio", 1.05, None),
        "bilstm H=64 T=100": ("ratio", 1.1, 1.6),
        "bilstm H=128 T=100": ("ratio", 1.1, 1.6),
        "bilstm H=256 T=100": ("ratio", 1.1, 1.4),
        "bilstm H=512 T=100": ("ratio", 1.05, 1.2),
        "rnn H=128 T=100": ("ratio", 1.4, None),
        "seq2seq *": ("ratio", 1.5, None),
        "convlstm *": ("ratio", 2.2, None),
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
        "lstm H=64 T=1": ("ratio", 3.5, None),
        "lstm H=128 T=1": ("ratio", 2.0, None),
        "lstm H=256 T=1": ("ratio", 1.4, None),
        "lstm H=512 T=1": ("ratio", 1.1, None),
        "gru H=64 T=1": ("ratio", 4.0, None),
        "gru H=128 T=1": ("ratio", 2.0, None),
        "gru H=256 T=1": ("ratio", 1.4, None),
        "gru H=512 T=1": ("ratio", 1.1, None),
        "lstm H=64 T=100": ("ratio", 1.25, 1.5),
        "lstm H=128 T=100": ("ratio", 1.2, 1.7),
        "lstm H=256 T=100": ("ratio", 1.2, 1.4),
        "lstm H=512 T=100": ("ratio", 1.15, 1.15),
        "gru H=64 T=100": ("ratio", 1.4, None),
        "gru H=128 T=100": ("ratio", 1.3, None),
        "gru H=256 T=100": ("ratio", 1.25, None),
        "gru H=512 T=100": ("ratio", 1.2, None),
        "bilstm H=64 T=100": ("ratio", 1.15, 1.9),
        "bilstm H=128 T=100": ("ratio", 1.15, 2.0),
        "bilstm H=256 T=100": ("ratio", 1.15, 1.4),
        "bilstm H=512 T=100": ("ratio", 1.1, 1.2),
        "rnn H=128 T=100": ("ratio", 1.4, None),
        "seq2seq *": ("ratio", 1.5, None),
        "convlstm *": ("ratio", 2.2, None),
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

BOUND_LEAST = {True: 0.85, False: 0.75}  # by whether the matrices fit the L2 cache of their core


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


def _step(kind, hidden):
    return Row(f"{kind.lower()} H={hidden} T=1", lambda name: recurrent.step(name, kind, hidden))


def _sequence(kind, hidden, directions=1):
    prefix = "bi" if directions == 2 else ""
    return Row(f"{prefix}{kind.lower()} H={hidden} T=100",
               lambda name: recurrent.sequence(name, kind, hidden, 100, directions))


def _net(name, network, *arguments):
    """A whole network: takes long, so only when asked for."""
    return Row(f"net {name}", lambda identifier: network(identifier, *arguments), asked=True)


HIDDEN = (64, 128, 256, 512)

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
    *(_step(kind, hidden) for kind in ("LSTM", "GRU") for hidden in HIDDEN),
    *(_sequence(kind, hidden) for kind in ("LSTM", "GRU") for hidden in HIDDEN),
    *(_sequence("LSTM", hidden, directions=2) for hidden in HIDDEN),
    _sequence("RNN", 128),
    Row("seq2seq H=256", lambda name: recurrent.seq2seq(name, 256, 1000, 20)),
    Row("convlstm 64@32", lambda name: recurrent.conv_lstm_step(name, 64, 32, 3)),
    Row("gemv 512x512", _linear(1, 512, 512)),
    Row("gemv 1024x1024", _linear(1, 1024, 1024)),
    Row("softmax 197x197", lambda name: models.softmax(name, 197, 197)),
    Row("softmax 1x1000", lambda name: models.softmax(name, 1, 1000)),
    Row("layer_norm 197x768", lambda name: models.layer_norm(name, 197, 768)),
    _net("alexnet", networks.alexnet),
    _net("vgg16", networks.vgg, (2, 2, 3, 3, 3)),
    _net("vgg19", networks.vgg, (2, 2, 4, 4, 4)),
    _net("googlenet", networks.googlenet, False),
    _net("googlenet lrn", networks.googlenet, True),
    _net("resnet18", networks.resnet, (2, 2, 2, 2), False),
    _net("resnet50", networks.resnet, (3, 4, 6, 3), True),
    _net("seresnet50", networks.resnet, (3, 4, 6, 3), True, True),
    _net("mobilenet", networks.mobilenet),
    _net("squeezenet", networks.squeezenet),
    _net("autoencoder", networks.autoencoder),
]
