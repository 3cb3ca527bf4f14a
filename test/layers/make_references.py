#!/usr/bin/env python3
"""Writes references/*.safetensors with PyTorch: make_references.py [NAME..]. Not run by the tests; they read the files.

Each file holds layers with random weights under the names of a state_dict, and what PyTorch makes of random inputs:
`in.ENTRY.NAME` and `out.ENTRY.NAME`, by the entries of the .tn file of the same name. PyTorch computes in f64, from
inputs and weights that are f32.
"""
import pathlib
import sys

import numpy as np
import torch
from torch import nn

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "models"))
from cases import safetensors_write  # noqa: E402

FOLDER = pathlib.Path(__file__).resolve().parent / "references"
BYTES_MAX = 30000


class Reference:
    def __init__(self):
        self.tensors = {}

    def layer(self, name, module):
        """Its weights under the name; running statistics and affine weights become random, too."""
        for key, tensor in module.state_dict().items():
            if key.endswith("num_batches_tracked"):
                continue
            if tensor.ndim == 1 and not key.startswith(("bias_", "in_proj", "linear")):
                tensor.copy_(torch.rand(tensor.shape) + 0.5 if "var" in key else torch.randn(tensor.shape))
            self.tensors[f"{name}.{key}"] = tensor.float().numpy().copy()
        return module.double().eval()

    def weight(self, name, *shape):
        tensor = torch.randn(*shape)/shape[-1]**0.5
        self.tensors[name] = tensor.numpy().copy()
        return tensor.double()

    def input(self, entry, name, tensor):
        """tensor: f32, integers or bool."""
        self.tensors[f"in.{entry}.{name}"] = tensor.numpy().copy()
        return tensor.double() if tensor.is_floating_point() else tensor

    def random(self, entry, name, *shape):
        return self.input(entry, name, torch.randn(*shape))

    def output(self, entry, **tensors):
        for name, tensor in tensors.items():
            self.tensors[f"out.{entry}.{name}"] = tensor.detach().float().numpy().copy()


# ---- Recurrent layers ----

def cells(r):
    """One step each."""
    lstm, bare = r.layer("lstm", nn.LSTMCell(5, 7)), r.layer("bare", nn.LSTMCell(5, 7, bias=False))
    for entry, cell in (("lstm_step", lstm), ("bare_step", bare)):
        h, c = cell(r.random(entry, "x", 3, 5), (r.random(entry, "h", 3, 7), r.random(entry, "c", 3, 7)))
        r.output(entry, h1=h, c1=c)
    for entry, cell in (("gru_step", r.layer("gru", nn.GRUCell(5, 7))), ("rnn_step", r.layer("rnn", nn.RNNCell(5, 7))),
                        ("relu_step", r.layer("relu_rnn", nn.RNNCell(5, 7, nonlinearity="relu")))):
        r.output(entry, h1=cell(r.random(entry, "x", 3, 5), r.random(entry, "h", 3, 7)))
    h, c = lstm(r.random("first_step", "x", 3, 5))
    r.output("first_step", h1=h, c1=c)


def lstm_proj(r):
    one = r.layer("one", nn.LSTM(6, 9, proj_size=4))
    x, h0, c0 = (r.random("one_layer", *given) for given in (("x", 8, 3, 6), ("h0", 1, 3, 4), ("c0", 1, 3, 9)))
    y, (h, c) = one(x, (h0, c0))
    r.output("one_layer", y=y, h=h, c=c)
    two = r.layer("two", nn.LSTM(5, 6, num_layers=2, proj_size=3, bidirectional=True, batch_first=True))
    y, (h, c) = two(r.random("two_layers", "x", 2, 7, 5))
    r.output("two_layers", y=y, h=h, c=c)


def with_lengths(r, entry, layer, lengths, inputs, lstm=False):
    """Rows without a step, which PyTorch refuses, are zeros, and their states are the first ones."""
    batch, steps, first = len(lengths), max(lengths), layer.batch_first
    directions, hidden = 2 if layer.bidirectional else 1, layer.hidden_size
    x = r.random(entry, "x", *((batch, steps) if first else (steps, batch)), inputs)
    x = x.transpose(0, 1) if first else x
    r.input(entry, "lengths", torch.tensor(lengths, dtype=torch.int32))
    states = [r.random(entry, name, layer.num_layers*directions, batch, hidden) for name in ("h0", "c0")[:1 + lstm]]
    some = [i for i, length in enumerate(lengths) if length > 0]
    packed = nn.utils.rnn.pack_padded_sequence(x[:, some], [lengths[i] for i in some], enforce_sorted=False)
    given = [state[:, some].contiguous() for state in states]
    y, last = layer(packed, tuple(given) if lstm else given[0])
    padded = torch.zeros(steps, batch, hidden*directions, dtype=torch.float64)
    padded[:, some] = nn.utils.rnn.pad_packed_sequence(y, total_length=steps)[0]
    last = last if lstm else (last,)
    for state, end in zip(states, last):
        state[:, some] = end
    r.output(entry, y=padded.transpose(0, 1) if first else padded, **dict(zip(("h", "c"), states)))


def varlen(r):
    """Lengths from none to all of the steps."""
    with_lengths(r, "lstm_lengths", r.layer("lstm", nn.LSTM(5, 6, bidirectional=True)), [8, 3, 0, 1, 5], 5, lstm=True)
    with_lengths(r, "gru_lengths", r.layer("gru", nn.GRU(5, 6, num_layers=2, bidirectional=True)), [2, 0, 8], 5)
    with_lengths(r, "first_lengths", r.layer("first", nn.LSTM(3, 4, batch_first=True)), [0, 6, 2], 3, lstm=True)
    with_lengths(r, "rnn_lengths", r.layer("rnn", nn.RNN(5, 6)), [1, 8, 0], 5)


def recurrent(r):
    """Layers, directions, axes and biases in turn."""
    relu_rnn = r.layer("relu_rnn", nn.RNN(7, 9, num_layers=2, nonlinearity="relu", bidirectional=True))
    y, h = relu_rnn(r.random("relu", "x", 11, 3, 7))
    r.output("relu", y=y, h=h)
    gru = r.layer("gru", nn.GRU(4, 6, batch_first=True))
    y, h = gru(r.random("gru_first", "x", 3, 9, 4), r.random("gru_first", "h0", 1, 3, 6))
    r.output("gru_first", y=y, h=h)
    lstm = r.layer("lstm", nn.LSTM(4, 6, bias=False, batch_first=True, bidirectional=True))
    y, (h, c) = lstm(r.random("lstm_bare", "x", 3, 9, 4))
    r.output("lstm_bare", y=y, h=h, c=c)
    y, h = r.layer("alone", nn.GRU(4, 6, num_layers=3))(r.random("unbatched", "x", 9, 4))
    r.output("unbatched", y=y, h=h)


def convlstm(r):
    """Gates i, f, g, o are one convolution of [x, h]."""
    conv = r.layer("conv", nn.Conv2d(3 + 5, 4*5, 3, padding=1))
    x = r.random("run", "x", 4, 2, 3, 7, 6)
    h = c = torch.zeros(2, 5, 7, 6, dtype=torch.float64)
    hs = []
    for step in x:
        i, f, g, o = conv(torch.cat([step, h], 1)).chunk(4, 1)
        c = f.sigmoid()*c + i.sigmoid()*g.tanh()
        h = o.sigmoid()*c.tanh()
        hs.append(h)
    r.output("run", hs=torch.stack(hs), c=c)


# ---- Attention ----

def luong_concat(r):
    """score = v tanh(Wa [h; memory]), then tanh(Wc [context; h])."""
    rnn, wa = r.layer("rnn", nn.LSTM(8, 10, batch_first=True)), r.layer("Wa", nn.Linear(20, 10, bias=False))
    v, wc, head = r.weight("v", 10), r.layer("Wc", nn.Linear(20, 10)), r.layer("head", nn.Linear(10, 9))
    memory = r.random("decode", "memory", 2, 7, 10)
    h, _ = rnn(r.random("decode", "x", 2, 5, 8))
    pairs = torch.cat([h[:, :, None].expand(2, 5, 7, 10), memory[:, None].expand(2, 5, 7, 10)], -1)
    attention = (wa(pairs).tanh() @ v).softmax(-1)
    r.output("decode", y=head(wc(torch.cat([attention @ memory, h], -1)).tanh()), attention=attention)


def bahdanau_decoder_gru(r):
    """Additive attention over keys of which some are padding; the words before are given."""
    embed, cell = r.layer("embed", nn.Embedding(9, 6)), r.layer("cell", nn.GRUCell(6 + 8, 8))
    wq, wk = r.layer("Wq", nn.Linear(8, 8, bias=False)), r.layer("Wk", nn.Linear(8, 8, bias=False))
    v, head = r.weight("v", 8), r.layer("head", nn.Linear(8 + 8 + 6, 9))
    memory, h = r.random("decode", "memory", 3, 6, 8), r.random("decode", "h0", 3, 8)
    padding = r.input("decode", "padding", torch.arange(6) >= torch.tensor([[6], [4], [1]]))
    words = r.input("decode", "words", torch.randint(9, (3, 5), dtype=torch.int32))
    ys, seen = [], []
    for t in range(5):
        x = embed(words[:, t].long())
        score = (wq(h)[:, None] + wk(memory)).tanh() @ v
        a = score.masked_fill(padding, -torch.inf).softmax(-1)
        context = (a[:, None] @ memory)[:, 0]
        h = cell(torch.cat([x, context], -1), h)
        ys.append(head(torch.cat([h, context, x], -1)))
        seen.append(a)
    r.output("decode", y=torch.stack(ys, 1), attention=torch.stack(seen, 1), h=h)


def multihead(r):
    mha = r.layer("attend", nn.MultiheadAttention(12, 3, batch_first=True))
    q, k = r.random("padded", "q", 2, 5, 12), r.random("padded", "k", 2, 7, 12)
    padding = r.input("padded", "padding", torch.arange(7) >= torch.tensor([[7], [4]]))
    y, weights = mha(q, k, k, key_padding_mask=padding)
    r.output("padded", y=y, weights=weights)
    steps = r.layer("steps", nn.MultiheadAttention(8, 2, bias=False))
    x, mask = r.random("added", "x", 6, 2, 8), r.random("added", "mask", 6, 6)
    y, weights = steps(x, x, x, attn_mask=mask)
    r.output("added", y=y, weights=weights)


def transformer(r):
    encoder = r.layer("encoder", nn.TransformerEncoderLayer(12, 4, 20, activation="gelu", batch_first=True,
                                                            norm_first=True))
    x = r.random("encode", "x", 2, 6, 12)
    padding = r.input("encode", "padding", torch.arange(6) >= torch.tensor([[6], [3]]))
    r.output("encode", y=encoder(x, src_key_padding_mask=padding))
    for name, first in (("post", False), ("pre", True)):
        decoder = r.layer(name, nn.TransformerDecoderLayer(8, 2, 12, norm_first=first))
        entry = f"decode_{name}"
        tgt, memory = r.random(entry, "tgt", 5, 2, 8), r.random(entry, "memory", 7, 2, 8)
        mask = r.input(entry, "mask", torch.triu(torch.full((5, 5), -torch.inf), 1))
        padding = r.input(entry, "padding", torch.arange(7) >= torch.tensor([[2], [7]]))
        r.output(entry, y=decoder(tgt, memory, tgt_mask=mask, memory_key_padding_mask=padding))


# ---- Convolutions ----

def conv1d(r):
    layers = {"dilated": nn.Conv1d(6, 8, 3, dilation=4, padding=4),
              "strided": nn.Conv1d(6, 9, 4, stride=3, padding=2, groups=3),
              "depthwise": nn.Conv1d(6, 6, 5, padding="same", groups=6, bias=False)}
    for name, layer in layers.items():
        r.output(f"run_{name}", y=r.layer(name, layer)(r.random(f"run_{name}", "x", 2, 6, 17)))


def conv_transpose(r):
    layers = {
        "odd": nn.ConvTranspose2d(6, 4, (3, 2), stride=(2, 3), padding=(1, 0), output_padding=(1, 2), groups=2,
                                  dilation=(2, 1)),
        "same": nn.ConvTranspose2d(4, 5, 3, stride=2, padding=1, output_padding=1),
        "bare": nn.ConvTranspose2d(3, 6, 2, bias=False, groups=3),
        "line": nn.ConvTranspose1d(6, 4, 4, stride=3, padding=2, output_padding=1, groups=2),
        "holes": nn.ConvTranspose1d(4, 4, 3, stride=2, dilation=3, padding=3)}
    for name, layer in layers.items():
        shape = (2, layer.in_channels, 9) if isinstance(layer, nn.ConvTranspose1d) else (2, layer.in_channels, 5, 4)
        r.output(f"run_{name}", y=r.layer(name, layer)(r.random(f"run_{name}", "x", *shape)))


# ---- Norms, pools and others ----

def norms(r):
    layers = {"group": (nn.GroupNorm(3, 12), (2, 12, 5, 3)),
              "instance": (nn.InstanceNorm2d(4, affine=True), (2, 4, 5, 6)),
              "instance_line": (nn.InstanceNorm1d(4), (2, 4, 9)),
              "layer": (nn.LayerNorm([5, 6], eps=1e-3), (2, 3, 5, 6)),
              "root": (nn.RMSNorm(10, eps=1e-5), (3, 4, 10)),
              "batch": (nn.BatchNorm2d(5), (2, 5, 4, 3)),
              "batch_line": (nn.BatchNorm1d(5, eps=1e-2), (2, 5, 6)),
              "batch_rows": (nn.BatchNorm1d(7, affine=False), (4, 7))}
    for name, (layer, shape) in layers.items():
        r.output(f"run_{name}", y=r.layer(name, layer)(r.input(f"run_{name}", "x", 3*torch.randn(shape))))
    for name, layer in (("near", nn.LocalResponseNorm(5, alpha=0.01, k=2.0)),
                        ("wide", nn.LocalResponseNorm(4, beta=0.5))):
        r.output(f"run_{name}", y=layer(r.input(f"run_{name}", "x", 3*torch.randn(2, 7, 4, 3))))


def pools(r):
    x = r.random("plane", "x", 2, 3, 11, 7)
    r.output("plane", max=nn.MaxPool2d((3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2))(x),
             max_ceil=nn.MaxPool2d(3, stride=2, ceil_mode=True)(x),
             avg=nn.AvgPool2d((2, 3), stride=(3, 2), padding=(1, 1))(x),
             avg_ceil=nn.AvgPool2d(4, stride=3, padding=1, ceil_mode=True, count_include_pad=False)(x),
             adaptive=nn.AdaptiveAvgPool2d((5, 3))(x), adaptive_up=nn.AdaptiveAvgPool2d((13, 4))(x))
    x = r.random("line", "x", 2, 3, 13)
    r.output("line", max=nn.MaxPool1d(4, stride=3, padding=2)(x),
             avg=nn.AvgPool1d(3, stride=2, padding=1, ceil_mode=True)(x),
             adaptive=nn.AdaptiveAvgPool1d(5)(x))


def resize(r):
    x = r.random("enlarge", "x", 2, 4, 5, 3)
    up = nn.functional.interpolate
    r.output("enlarge", nearest=nn.Upsample(scale_factor=3)(x), shuffled=nn.PixelShuffle(2)(x),
             bilinear=nn.Upsample(scale_factor=2, mode="bilinear")(x),
             corners=nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)(x),
             odd=up(x, (7, 8), mode="bilinear"), odd_corners=up(x, (7, 8), mode="bilinear", align_corners=True),
             one=up(x, (1, 1), mode="bilinear", align_corners=True))
    x = r.random("frame", "x", 2, 3, 4, 5)
    r.output("frame", zero=nn.ZeroPad2d((1, 2, 0, 3))(x), reflect=nn.ReflectionPad2d((2, 1, 3, 0))(x),
             replicate=nn.ReplicationPad2d((0, 2, 1, 1))(x))


def activations(r):
    one, each = r.layer("one", nn.PReLU()), r.layer("each", nn.PReLU(6))
    x = r.input("run", "x", torch.cat([torch.linspace(-6.5, 6.5, 84), 30*torch.randn(36)]).reshape(2, 6, 10))
    f = nn.functional
    r.output("run", prelu=one(x), prelus=each(x), hardswish=f.hardswish(x), hardsigmoid=f.hardsigmoid(x),
             hardtanh=f.hardtanh(x, -2, 3),
             relu6=f.relu6(x), elu=f.elu(x, 0.7), celu=f.celu(x, 1.3), selu=f.selu(x), gelu=f.gelu(x),
             gelu_tanh=f.gelu(x, approximate="tanh"), silu=f.silu(x), mish=f.mish(x), softplus=f.softplus(x, beta=2.0),
             softsign=f.softsign(x), logsigmoid=f.logsigmoid(x), glu=f.glu(x, 1), leaky=f.leaky_relu(x, 0.3),
             softmin=f.softmin(x, 2), log_softmax=f.log_softmax(x, 1))


REFERENCES = [cells, lstm_proj, varlen, recurrent, convlstm, luong_concat, bahdanau_decoder_gru, multihead, transformer,
              conv1d, conv_transpose, norms, pools, resize, activations]


def write(make):
    torch.manual_seed(1 + sum(map(ord, make.__name__)))
    reference = Reference()
    with torch.no_grad():
        make(reference)
    path = FOLDER / f"{make.__name__}.safetensors"
    safetensors_write(path, reference.tensors)
    print(f"{path.name}: {path.stat().st_size} bytes")
    assert path.stat().st_size < BYTES_MAX


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for make in REFERENCES:
        if len(sys.argv) == 1 or make.__name__ in sys.argv[1:]:
            write(make)
