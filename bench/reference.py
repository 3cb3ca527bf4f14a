"""The ONNX graphs of the rows, evaluated in doubles with NumPy: what both sides' errors are measured against."""
import numpy as np


def evaluate(network, inputs):
    """inputs: arrays by name. Returns the outputs by name, in doubles."""
    constants = network.weights if network.constants is None else network.constants
    values = {name: _widened(array) for name, array in {**constants, **inputs}.items()}
    values[""] = None
    for op, arguments, results, attributes in network.nodes:
        outputs = OPS[op](*(values[name] for name in arguments), **attributes)
        outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        values |= dict(zip(results, outputs))
    return {name: values[name] for name, *_ in network.outputs}


def _widened(array):
    return array.astype(np.float64) if array.dtype == np.float32 else array


# ---- Windows ----

def _windows(x, kernel, strides, pads, fill=0.0, ceil_mode=0):
    """x[N, C, H, W] to [N, C, OH, OW, KH, KW], a view of the padded x."""
    room = [stride - 1 if ceil_mode else 0 for stride in strides]
    x = np.pad(x, [(0, 0), (0, 0), *((pads[i], pads[2 + i] + room[i]) for i in range(2))], constant_values=fill)
    return np.lib.stride_tricks.sliding_window_view(x, kernel, axis=(2, 3))[:, :, ::strides[0], ::strides[1]]


def _conv(x, weight, bias=None, kernel_shape=None, strides=(1, 1), pads=(0,) * 4, group=1):
    n, h, w = x.shape[0], *_windows(x[:, :1], kernel_shape, strides, pads).shape[2:4]
    parts = []
    for part, kernels in zip(np.split(x, group, axis=1), np.split(weight, group)):
        rows = _windows(part, kernel_shape, strides, pads).transpose(0, 2, 3, 1, 4, 5).reshape(n * h * w, -1)
        parts.append((rows @ kernels.reshape(len(kernels), -1).T).reshape(n, h, w, -1))
    y = np.concatenate(parts, axis=3).transpose(0, 3, 1, 2)
    return y if bias is None else y + bias[:, None, None]


def _conv_transpose(x, weight, bias, kernel_shape, strides, pads):
    n, _, h, w = x.shape
    (kh, kw), (sh, sw) = kernel_shape, strides
    products = np.einsum("nchw,cokl->nohwkl", x, weight, optimize=True)
    y = np.zeros((n, weight.shape[1], (h - 1) * sh + kh, (w - 1) * sw + kw))
    for k in range(kh):
        for l in range(kw):
            y[:, :, k:k + (h - 1) * sh + 1:sh, l:l + (w - 1) * sw + 1:sw] += products[..., k, l]
    y = y[:, :, pads[0]:y.shape[2] - pads[2], pads[1]:y.shape[3] - pads[3]]
    return y + bias[:, None, None]


def _max_pool(x, kernel_shape, strides, pads=(0,) * 4, ceil_mode=0):
    return _windows(x, kernel_shape, strides, pads, -np.inf, ceil_mode).max(axis=(4, 5))


def _lrn(x, size, alpha, beta, bias):
    squares = np.pad(x * x, [(0, 0), ((size - 1) // 2, size // 2), (0, 0), (0, 0)])
    sums = np.lib.stride_tricks.sliding_window_view(squares, size, axis=1).sum(axis=-1)
    return x / (bias + alpha / size * sums) ** beta


# ---- Normalisation ----

def _batch_norm(x, weight, bias, mean, variance, epsilon):
    scale = weight / np.sqrt(variance + epsilon)
    return x * scale[:, None, None] + (bias - mean * scale)[:, None, None]


def _layer_norm(x, weight, bias, axis, epsilon):
    centred = x - x.mean(axis=axis, keepdims=True)
    return centred / np.sqrt((centred * centred).mean(axis=axis, keepdims=True) + epsilon) * weight + bias


def _softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


# ---- Recurrence: gates in ONNX's order, one row ----

def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _lstm_step(zx, zh, h, c):
    i, o, f, g = np.split(zx + zh, 4)
    c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
    return _sigmoid(o) * np.tanh(c), c


def _gru_step(zx, zh, h):
    (zx, rx, nx), (zh, rh, nh) = np.split(zx, 3), np.split(zh, 3)
    z = _sigmoid(zx + zh)
    return (1 - z) * np.tanh(nx + _sigmoid(rx + rh) * nh) + z * h,


def _rnn_step(zx, zh, h):
    return np.tanh(zx + zh),


def _recurrent(step, parts):
    def run(x, w, r, b, lengths=None, *initial, hidden_size, direction="forward", linear_before_reset=1):
        sequences, finals = [], [[] for _ in range(parts)]
        for d in range(len(w)):
            state = [part[d, 0] for part in initial] or [np.zeros(hidden_size)] * parts
            bias_x, bias_h = np.split(b[d], 2)
            sequence = []
            for row in x[::-1 if d == 1 else 1, 0]:
                state = step(w[d] @ row + bias_x, r[d] @ state[0] + bias_h, *state)
                sequence.append(state[0])
            sequences.append(sequence[::-1 if d == 1 else 1])
            for final, part in zip(finals, state):
                final.append([part])
        return [np.array(sequences).transpose(1, 0, 2)[:, :, None], *map(np.array, finals)]
    return run


OPS = {
    "Add": np.add,
    "ArgMax": lambda x, axis, keepdims: x.argmax(axis=axis, keepdims=bool(keepdims)),
    "AveragePool": lambda x, kernel_shape, strides: _windows(x, kernel_shape, strides, (0,) * 4).mean(axis=(4, 5)),
    "BatchNormalization": _batch_norm,
    "Concat": lambda *parts, axis: np.concatenate(parts, axis=axis),
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Flatten": lambda x, axis: x.reshape(x.shape[0], -1),
    "GRU": _recurrent(_gru_step, 1),
    "Gather": lambda x, indices: x[indices],
    "Gemm": lambda x, w, bias, transB=0: x @ (w.T if transB else w) + bias,
    "GlobalAveragePool": lambda x: x.mean(axis=(2, 3), keepdims=True),
    "LRN": _lrn,
    "LSTM": _recurrent(_lstm_step, 2),
    "LayerNormalization": _layer_norm,
    "MatMul": np.matmul,
    "MaxPool": _max_pool,
    "Mul": np.multiply,
    "RNN": _recurrent(_rnn_step, 1),
    "Relu": lambda x: np.maximum(x, 0),
    "Sigmoid": _sigmoid,
    "Softmax": _softmax,
    "Split": lambda x, sizes, axis: np.split(x, np.cumsum(sizes)[:-1], axis=axis),
    "Squeeze": lambda x, axes: x.squeeze(tuple(axes)),
    "Tanh": np.tanh,
}
