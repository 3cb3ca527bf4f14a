"""Recurrent networks: LSTM, GRU and RNN, single steps and sequences, an encoder with a decoder, a convolutional LSTM.

Inputs have the size of the state, the batch is 1. A step takes and returns its state; a sequence begins at zero.
"""
import numpy as np

from models import Network, Weights

# Of each kind: the order of PyTorch's gates as places in ONNX's, what the state consists of, attributes.
KINDS = {"LSTM": ((0, 3, 1, 2), "hc", {}),                           # i f g o -> i o f g
         "GRU": ((1, 0, 2), "h", {"linear_before_reset": 1}),        # r z n -> z r n
         "RNN": ((0,), "h", {})}
ELEMENT_BYTES = 4


class Layer:
    """One layer of a kind: its tensors under PyTorch's names, and the same arrays as ONNX wants them."""

    def __init__(self, weights, name, kind, hidden, directions=1):
        self.name, self.kind, self.hidden, self.directions = name, kind, hidden, directions
        self.order, self.state, self.attributes = KINDS[kind]
        self.tensors = {}
        gates, bound = len(self.order), 1 / np.sqrt(hidden)
        arrays = {tensor: [] for tensor in "WRB"}
        for suffix in ("_l0", "_l0_reverse")[:directions]:
            for tensor, shape in (("weight_ih", (gates * hidden, hidden)), ("weight_hh", (gates * hidden, hidden)),
                                  ("bias_ih", (gates * hidden,)), ("bias_hh", (gates * hidden,))):
                weights.uniform(f"{name}.{tensor}{suffix}", shape, bound)
            w, r, *biases = (self._reordered(weights[f"{name}.{tensor}{suffix}"])
                             for tensor in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
            for key, array in zip("WRB", (w, r, np.concatenate(biases))):
                arrays[key].append(array)
        for key, stacked in arrays.items():
            self.tensors[f"{name}.{key}"] = np.stack(stacked)
        self.matrix_bytes = ELEMENT_BYTES * gates * hidden * hidden  # W or R of one direction
        self.step_flops = 2 * directions * gates * hidden * hidden   # of W or R

    def _reordered(self, array):
        parts = np.split(array, len(self.order))
        return np.concatenate([parts[place] for place in self.order])

    def member(self):
        bidirectional = ", bidirectional=true" if self.directions == 2 else ""
        return f"layer {self.name} = {self.kind}({self.hidden}, {self.hidden}{bidirectional});"

    def node(self, x, initial, outputs):
        """initial: names of the state's parts or nothing; outputs: Y and the state's parts."""
        attributes = {"hidden_size": self.hidden, **self.attributes}
        if self.directions == 2:
            attributes["direction"] = "bidirectional"
        inputs = [x, *(f"{self.name}.{key}" for key in "WRB"), *(["", *initial] if initial else [])]
        return self.kind, inputs, outputs, attributes


def step(name, kind, hidden):
    """One step, with its state in and out. It must read both matrices."""
    weights = Weights(name)
    layer, extents = Layer(weights, "cell", kind, hidden), (1, 1, hidden)
    before, after = list(layer.state), [f"{part}_out" for part in layer.state]
    arguments = ", ".join(f"{part}0={part}" for part in before)
    return Network(name, [("x", extents), *((part, extents) for part in before)], [(part, extents) for part in after],
                   [layer.member()], [f"_, {', '.join(before)} = cell(x, {arguments});", f"return {', '.join(before)};"],
                   [layer.node("x", before, ["", *after])], 2 * layer.step_flops, weights, layer.tensors,
                   reads=[(2 * layer.matrix_bytes, 1)])


def sequence(name, kind, hidden, steps, directions=1):
    """Every step must read the recurrent matrix; the inputs' products can be made for all steps at once."""
    weights = Weights(name)
    layer = Layer(weights, "layer0", kind, hidden, directions)
    state = (directions, 1, hidden)
    return Network(name, [("x", (steps, 1, hidden))],
                   [("y", (steps, 1, directions * hidden), (steps, directions, 1, hidden)),
                    *((part, state) for part in layer.state)],
                   [layer.member()], ["return layer0(x);"], [layer.node("x", [], ["y", *layer.state])],
                   2 * steps * layer.step_flops, weights, layer.tensors,
                   reads=[(layer.matrix_bytes, steps)] * directions, independent_reads=directions,
                   product_flops=steps * layer.step_flops)


def seq2seq(name, hidden, vocabulary, steps):
    """An LSTM reads |steps| vectors; another writes as many tokens, each time the likeliest, and reads it again.

    What is returned are the scores of all tokens. The ONNX decoder is written step after step: ONNX Runtime took 3 to
    4 % longer for a Loop.
    """
    weights = Weights(name)
    encoder, decoder = (Layer(weights, part, "LSTM", hidden) for part in ("encoder", "decoder"))
    weights.uniform("embedding.weight", (vocabulary, hidden), 1.0)
    weights.layer("head", (vocabulary, hidden), gain=3.0)
    constants = {**encoder.tensors, **decoder.tensors, "embedding": weights["embedding.weight"],
                 "head.transposed": weights["head.weight"].T, "head.bias": weights["head.bias"],
                 "go": np.zeros((1, 1, hidden), np.float32), "axis0": np.zeros(1, np.int64)}
    nodes, token = [encoder.node("x", [], ["", "h0", "c0"])], "go"
    for i in range(steps):
        nodes += _decoder_step(decoder, token, i)
        token = f"token{i}"
    nodes.append(("Concat", [f"scores{i}" for i in range(steps)], ["y"], {"axis": 0}))
    head_bytes = ELEMENT_BYTES * hidden * vocabulary
    return Network(
        name, [("x", (steps, 1, hidden))], [("y", (steps, vocabulary))],
        [encoder.member(), decoder.member(), f"layer embedding = Embedding({vocabulary}, {hidden});",
         f"layer head = Linear({hidden}, {vocabulary});"],
        ["_, h, c = encoder(x);",
         f"scan (_ in 0..{steps}; h = h, c = c, token = zeros(1, 1, {hidden})) -> y {{",
         "    _, h, c = decoder(token, h0=h, c0=c);",
         "    scores = head(h[0, 0]);", "    token = embedding(reshape(argmax(scores), [1, 1]));",
         "    yield scores;", "}", "return y;"],
        nodes, steps * (4 * encoder.step_flops + 2 * hidden * vocabulary), weights, constants,
        reads=[(encoder.matrix_bytes, steps), (2 * decoder.matrix_bytes + head_bytes, steps)],
        product_flops=steps * encoder.step_flops)


def _decoder_step(decoder, token, i):
    """From the token's vector, h<i> and c<i>: scores<i>, the next token's vector, h<i + 1>, c<i + 1>."""
    return [decoder.node(token, [f"h{i}", f"c{i}"], ["", f"h{i + 1}", f"c{i + 1}"]),
            ("Squeeze", [f"h{i + 1}", "axis0"], [f"row{i}"], {}),
            ("Gemm", [f"row{i}", "head.transposed", "head.bias"], [f"scores{i}"], {}),
            ("ArgMax", [f"scores{i}"], [f"best{i}"], {"axis": 1, "keepdims": 1}),
            ("Gather", ["embedding", f"best{i}"], [f"token{i}"], {})]


def conv_lstm_step(name, channels, size, kernel):
    """One step on |channels| maps: a convolution of input and state together, then an LSTM's gates."""
    weights, extents = Weights(name), (1, channels, size, size)
    weights.layer("conv", (4 * channels, 2 * channels, kernel, kernel), gain=3.0)
    return Network(
        name, [("x", extents), ("h", extents), ("c", extents)], [("h_out", extents), ("c_out", extents)],
        [f"layer conv = Conv2d({2 * channels}, {4 * channels}, kernel_size={kernel}, padding={kernel // 2});"],
        ["i, f, g, o = chunk(conv(concat(x, h, axis=1)), 4, axis=1);",
         "c = sigmoid(f) * c + sigmoid(i) * tanh(g);", "return sigmoid(o) * tanh(c), c;"],
        [("Concat", ["x", "h"], ["xh"], {"axis": 1}),
         ("Conv", ["xh", "conv.weight", "conv.bias"], ["z"], {"kernel_shape": [kernel] * 2, "pads": [kernel // 2] * 4}),
         ("Split", ["z", "gates"], ["zi", "zf", "zg", "zo"], {"axis": 1}),
         ("Sigmoid", ["zi"], ["i"], {}), ("Sigmoid", ["zf"], ["f"], {}), ("Sigmoid", ["zo"], ["o"], {}),
         ("Tanh", ["zg"], ["g"], {}), ("Mul", ["f", "c"], ["kept"], {}), ("Mul", ["i", "g"], ["new"], {}),
         ("Add", ["kept", "new"], ["c_out"], {}), ("Tanh", ["c_out"], ["squashed"], {}),
         ("Mul", ["o", "squashed"], ["h_out"], {})],
        2 * size * size * 4 * channels * 2 * channels * kernel * kernel, weights,
        {**weights, "gates": np.full(4, channels, np.int64)})
