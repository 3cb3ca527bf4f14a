"""Compares the attention of recurrent decoders with equations written out in NumPy: alignment.py WORK.

All scores, one query and several, masks, lengths, keys of another size, without a batch, and a GRU decoder that is fed
the context of the step before.
"""
import pathlib
import sys

import numpy as np

import network

N, T, S, Q, K, A = 3, 2, 5, 4, 6, 7
random = np.random.default_rng(11)


def tensor(*shape):
    return (random.normal(size=shape) / 2).astype(np.float32)


def project(weights, name, x):
    return x @ weights[f"{name}.weight"].T + weights.get(f"{name}.bias", 0)


def additive(query_layer, key_layer, value_layer):
    """The score of one query [Q] with one key [K]."""
    def score(w, q, k):
        return project(w, value_layer, np.tanh(project(w, query_layer, q) + project(w, key_layer, k)))[0]
    return score


def dot(w, q, k):
    return q @ k


def general(w, q, k):
    return q @ project(w, "attn", k)


def concat(w, q, k):
    return w["v"] @ np.tanh(project(w, "attn", np.concatenate([q, k])))


def attend(score, weights, query, keys, allowed):
    """query: [T, Q]   keys: [S, K]   allowed: bool[S]. The context [T, K] and the weights [T, S]."""
    a = np.array([[np.exp(score(weights, q, k)) * m for k, m in zip(keys, allowed)] for q in query])
    a /= a.sum(-1, keepdims=True)
    return a @ keys, a


def linear(name, inputs, outputs, bias=True):
    w = {f"{name}.weight": tensor(outputs, inputs)}
    return w | {f"{name}.bias": tensor(outputs)} if bias else w


BAHDANAU = linear("Wa", Q, A) | linear("Ua", K, A) | linear("Va", A, 1)
ADDITIVE = linear("W_q", Q, A, False) | linear("W_k", K, A, False) | linear("w_v", A, 1, False)
KINDS = [
    (f"BahdanauAttention({A}, {Q}, {K})", additive("Wa", "Ua", "Va"), Q, K, BAHDANAU),
    (f"BahdanauAttention({Q})", additive("Wa", "Ua", "Va"), Q, Q, linear("Wa", Q, Q) | linear("Ua", Q, Q) | linear("Va", Q, 1)),
    (f"AdditiveAttention({K}, {Q}, {A}, dropout=0.1)", additive("W_q", "W_k", "w_v"), Q, K, ADDITIVE),
    (f"LuongAttention({Q})", dot, Q, Q, {}),
    (f'LuongAttention({Q}, method="general", key_size={K})', general, Q, K, linear("attn", K, Q)),
    (f'LuongAttention({Q}, "general", bias=false)', general, Q, Q, linear("attn", Q, Q, False)),
    (f'LuongAttention({Q}, method="concat", key_size={K})', concat, Q, K, linear("attn", Q + K, Q) | {"v": tensor(Q)}),
]


def check(work, kind, several, limit, batched, projected):
    call, score, q_size, k_size, weights = kind
    inputs = {"q": tensor(N, T, q_size), "k": tensor(N, S, k_size)}
    allowed = np.ones((N, S), bool)
    arguments = "q, k"
    if limit == "mask":
        allowed = random.random(size=(N, S)) < 0.6
        allowed[:, 2] = True
        inputs["mask"] = allowed
    if limit == "lengths":
        inputs["lengths"] = np.array([4, 1, S], np.int32)
        allowed = np.arange(S) < inputs["lengths"][:, None]
    arguments += f", {limit}={limit}" if limit else ""
    arguments += ", projected=m.project(k)" if projected else ""
    context, a = (np.stack(x) for x in zip(*(attend(score, weights, *row) for row in zip(inputs["q"], inputs["k"], allowed))))
    if not several:
        inputs["q"], context, a = inputs["q"][:, 1], context[:, 1], a[:, 1]
    if not batched:
        inputs, context, a = {name: x[0] for name, x in inputs.items()}, context[0], a[0]
    network.compare(work, f"""weights from "w.npz";
model M {{
    layer m = {call};
    entry run({network.formals(inputs)}) {{ return m({arguments}); }}
}}
""", {f"m.{name}": x for name, x in weights.items()} or {"none": np.zeros(1)}, inputs, [context, a])


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def check_decoder(work, method):
    """Steps of a GRU that reads an input and the attentional state of the step before, over memory of some lengths."""
    steps, hidden, width = 4, 5, 3
    weights = linear("out", 2 * hidden, hidden)
    weights |= linear("m.attn", hidden, hidden) if method == "general" else {}
    weights |= linear("m.attn", 2 * hidden, hidden) | {"m.v": tensor(hidden)} if method == "concat" else {}
    cell = {"weight_ih": tensor(3 * hidden, width + hidden), "weight_hh": tensor(3 * hidden, hidden),
            "bias_ih": tensor(3 * hidden), "bias_hh": tensor(3 * hidden)}
    inputs = {"xs": tensor(N, steps, width), "k": tensor(N, S, hidden), "lengths": np.array([2, S, 3], np.int32)}
    score = {"dot": dot, "general": general, "concat": concat}[method]
    own = {name[2:]: x for name, x in weights.items() if name.startswith("m.")}
    states, aligned = np.zeros((N, steps, hidden)), np.zeros((N, steps, S))
    for n in range(N):
        h = fed = np.zeros(hidden)
        for t in range(steps):
            zx = np.concatenate([inputs["xs"][n, t], fed]) @ cell["weight_ih"].T + cell["bias_ih"]
            zh = h @ cell["weight_hh"].T + cell["bias_hh"]
            r, z = sigmoid(zx + zh)[:hidden], sigmoid(zx + zh)[hidden:2 * hidden]
            h = (1 - z) * np.tanh(zx[2 * hidden:] + r * zh[2 * hidden:]) + z * h
            context, a = attend(score, own, h[None], inputs["k"][n], np.arange(S) < inputs["lengths"][n])
            fed = np.tanh(project(weights, "out", np.concatenate([context[0], h])))
            states[n, t], aligned[n, t] = fed, a[0]
    network.compare(work, f"""weights from "w.npz";
model M {{
    const H = {hidden};
    layer cell = GRUCell({width} + H, H);
    layer m    = LuongAttention(H, "{method}");
    layer out  = Linear(2*H, H);
    entry run({network.formals(inputs)}) {{
        memory = m.project(k);
        scan (x in xs, axis=1; h = zeros({N}, H), fed = zeros({N}, H)) -> ys, aligned {{
            h = cell(concat(x, fed, axis=1), h);
            context, a = m(h, k, lengths=lengths, projected=memory);
            fed = tanh(out(concat(context, h, axis=1)));
            yield fed, a;
        }}
        return ys, aligned;
    }}
}}
""", weights | {f"cell.{name}": x for name, x in cell.items()}, inputs, [states, aligned])


work = pathlib.Path(sys.argv[1])
work.mkdir(parents=True, exist_ok=True)
for kind in KINDS:
    check(work, kind, several=False, limit=None, batched=True, projected=False)
    check(work, kind, several=True, limit="lengths", batched=True, projected=True)
    check(work, kind, several=False, limit="mask", batched=False, projected=False)
check(work, KINDS[0], several=True, limit="mask", batched=True, projected=False)
check(work, KINDS[3], several=False, limit="lengths", batched=False, projected=True)
for method in ("dot", "general", "concat"):
    check_decoder(work, method)
print("all equal")
