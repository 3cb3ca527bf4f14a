"""Compares the convolutional LSTMs of the library with equations written out in NumPy: convlstm.py WORK.

Cell and layer, both orders of gates, stacks of equal and of differing layers, layouts, given states.
"""
import pathlib
import sys

import numpy as np

import network

STEPS, ROWS, CHANNELS, HEIGHT, WIDTH = 3, 2, 2, 5, 4
random = np.random.default_rng(13)


def tensor(*shape):
    return (random.normal(size=shape) / 2).astype(np.float32)


def convolve(x, weight, bias):
    """x: [N, C, Y, X]   weight: [O, C, A, B] with odd A, B; zeros around x keep its size."""
    rows, columns = weight.shape[2:]
    y_size, x_size = x.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (rows // 2,) * 2, (columns // 2,) * 2))
    out = np.zeros((len(x), len(weight), y_size, x_size))
    for i in range(rows):
        for j in range(columns):
            out += np.einsum("ncyx,oc->noyx", padded[:, :, i:i + y_size, j:j + x_size], weight[:, :, i, j])
    return out + np.reshape(bias, (-1, 1, 1))


def step(weights, x, h, c, gates):
    z = convolve(np.concatenate([x, h], 1), weights["conv.weight"], weights.get("conv.bias", 0))
    part = dict(zip(gates, np.split(z, 4, 1)))
    i, f, o = (1 / (1 + np.exp(-part[gate])) for gate in "ifo")
    c = f * c + i * np.tanh(part["g"])
    return o * np.tanh(c), c


def cell_weights(inputs, hidden, kernel, bias):
    weights = {"conv.weight": tensor(4 * hidden, inputs + hidden, *kernel)}
    return weights | {"conv.bias": tensor(4 * hidden)} if bias else weights


def network_compare(work, call, arguments, results, weights, inputs, wanted):
    network.compare(work, f"""weights from "w.npz";
model M {{
    layer m = {call};
    entry run({network.formals(inputs)}) {{
        y, h, c = {arguments};
        return {results};
    }}
}}
""", {f"m.{name}": x for name, x in weights.items()}, inputs, wanted)


def check_cell(work, gates):
    weights = cell_weights(CHANNELS, 3, (3, 5), True)
    inputs = {"x": tensor(ROWS, CHANNELS, HEIGHT, WIDTH)}
    h = c = np.zeros((ROWS, 3, HEIGHT, WIDTH))
    once = step(weights, inputs["x"], h, c, gates)
    twice = step(weights, inputs["x"], *once, gates)
    network.compare(work, f"""weights from "w.npz";
model M {{
    layer m = ConvLSTMCell({CHANNELS}, 3, [3, 5], gates="{gates}");
    entry run({network.formals(inputs)}) {{
        h, c = m(x);
        return m(x, h, c);
    }}
}}
""", {f"m.{name}": x for name, x in weights.items()}, inputs, twice)


def check(work, hidden, kernels, details, bias=True, gates="ifog", batch_first=False, batched=True, given=False):
    """|hidden|, |kernels|: of each layer. |details|: further arguments of the layer."""
    rows = ROWS if batched else 1
    xs = tensor(STEPS, rows, CHANNELS, HEIGHT, WIDTH)
    inputs, last, ys, weights = {"x": xs}, [], xs, {}
    for k, (size, kernel) in enumerate(zip(hidden, kernels)):
        own = cell_weights(ys.shape[2], size, kernel, bias)
        weights |= {f"cell_list.{k}.{name}": x for name, x in own.items()}
        h, c = (tensor(rows, size, HEIGHT, WIDTH) if given else np.zeros((rows, size, HEIGHT, WIDTH)) for _ in "hc")
        if given:
            inputs |= {f"h{k}": h, f"c{k}": c}
        outputs = []
        for x in ys:
            h, c = step(own, x, h, c, gates)
            outputs.append(h)
        ys = np.stack(outputs)
        last.append((h, c))
    uniform = "[" not in details.split("kernel")[0]
    states = [np.stack(s) for s in zip(*last)] if uniform else [s for pair in last for s in pair]
    results = "y, h, c" if uniform else "y, " + ", ".join(f"h[{k}], c[{k}]" for k in range(len(last)))
    wanted = [ys] + states
    arguments = "x"
    if given:
        arguments += "".join(f", {s}0=[{', '.join(f'{s}{k}' for k in range(len(last)))}]" for s in "hc")
    if batch_first and batched:
        inputs["x"], wanted[0] = xs.swapaxes(0, 1), ys.swapaxes(0, 1)
    if not batched:
        inputs = {name: x[:, 0] if x.ndim == 5 else x[0] for name, x in inputs.items()}
        wanted = [x[:, 0] if x.ndim == 5 else x[0] for x in wanted]
    call = f'ConvLSTM({CHANNELS}, {details}, gates="{gates}", bias={str(bias).lower()}, batch_first={str(batch_first).lower()})'
    network_compare(work, call, f"m({arguments})", results, weights, inputs, wanted)


work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
for gates in ("ifog", "ifgo"):
    check_cell(work, gates)
    check(work, [3], [(3, 3)], "3, 3", gates=gates)
check(work, [3, 3], [(3, 1)] * 2, "3, kernel_size=[3, 1], num_layers=2", bias=False, batch_first=True)
check(work, [3, 5], [(3, 3), (1, 5)], "[3, 5], kernel_size=[[3, 3], [1, 5]], num_layers=2", given=True, batch_first=True)
check(work, [4, 4], [(3, 3)] * 2, "4, kernel_size=3, num_layers=2", given=True, batched=False)
print("all equal")
