"""Writes the .tir files of this folder: small cases of every op with the results that NumPy and PyTorch give.
Run it here after changing a case, and read the difference."""
import numpy as np
import torch
import torch.nn.functional as F

NAMES = {"float64": "f64", "float32": "f32", "float16": "f16", "int8": "i8", "int16": "i16", "int32": "i32",
         "int64": "i64", "uint8": "u8", "bool": "bool"}
random = np.random.default_rng(7)
INF, NAN = np.inf, np.nan


def kind(array):
    return NAMES[str(array.dtype)] + (f"[{', '.join(map(str, array.shape))}]" if array.ndim else "")


def number(value, dtype):
    if dtype.kind != "f":
        return str(int(value))
    return "nan" if np.isnan(value) else ("-inf" if value < 0 else "inf") if np.isinf(value) else repr(float(value))


class Recording:
    def __init__(self, name, about):
        self.name, self.constants, self.entries, self.names = name, [], [], {}
        self.head = f"// {about} Written by record.py.\n// RUN: eval_test %s\ntir graph 1\n"

    def constant(self, name, value):
        value = np.asarray(value)
        numbers = ", ".join(number(v, value.dtype) for v in value.ravel())
        self.constants.append(f"const @{name} : {kind(value)} = dense [{numbers}]\n")
        return "@" + name

    def body(self, name, text, operands, results, mode="Wide"):
        """|text| computes %0, %1, .. from {0}, {1}, ..; |results| are what they should be."""
        results = [np.asarray(r) for r in results]
        used = [self.constant(f"{name}.{chr(97 + i)}", o) for i, o in enumerate(operands)]
        wants = [self.constant(f"{name}.want{i or ''}", r) for i, r in enumerate(results)]
        outputs = ", ".join(f"y{i} : {kind(r)}, want{i} : {kind(r)}" for i, r in enumerate(results))
        pairs = ", ".join(f"%{i}, {w}" for i, w in enumerate(wants))
        for i, constant in enumerate(used):
            text = text.replace(f"${i}", constant)
        self.entries.append(f"\nentry @{mode}.{name}() -> ({outputs}) {{\n{text}  yield {pairs}\n}}\n")

    def case(self, op, operands, attrs, result, mode="Wide"):
        self.names[op] = self.names.get(op, 0) + 1
        operands = [np.asarray(o) for o in operands]
        result = np.asarray(result)
        arguments = ", ".join(f"${i}" for i in range(len(operands)))
        text = f"  %0 = {op} {arguments}{' {' + attrs + '}' if attrs else ''} : {kind(result)}\n"
        self.body(f"{op}_{self.names[op]}", text, operands, [result], mode)

    def write(self):
        with open(self.name, "w") as file:
            file.write(self.head + "".join(self.constants) + "".join(self.entries))


def tensor(value):
    return torch.from_numpy(np.array(value))


def some(*shape):
    return np.round(random.standard_normal(shape) * 4) / 4


def ints(values, dtype="int32"):
    return np.array(values, dtype=dtype)


def pointwise():
    out = Recording("pointwise.tir", "Pointwise ops on ordinary and on special values, broadcast, wrapping, saturating.")
    special = np.array([0.0, -0.0, 0.5, -2.5, 3.0, 100.0, -100.0, 1e300, INF, -INF, NAN])
    for op, function in {"abs": torch.abs, "ceil": torch.ceil, "erf": torch.erf, "exp": torch.exp,
                         "expm1": torch.expm1, "floor": torch.floor, "log": torch.log, "log1p": torch.log1p,
                         "neg": torch.neg, "relu": torch.relu, "rsqrt": torch.rsqrt, "sigmoid": torch.sigmoid,
                         "sqrt": torch.sqrt, "tanh": torch.tanh}.items():
        out.case(op, [special], "", function(tensor(special)))
    out.case("sign", [special], "", np.sign(special))
    few = np.array([0.0, -1.5, 2.0, INF, NAN])
    with np.errstate(all="ignore"):
        for op, function in {"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "mod": np.fmod,
                             "max": np.maximum, "min": np.minimum, "pow": np.power, "eq": np.equal,
                             "ne": np.not_equal, "lt": np.less, "le": np.less_equal, "gt": np.greater,
                             "ge": np.greater_equal}.items():
            out.case(op, [few[:, None], few[None, :]], "", function(few[:, None], few[None, :]))
    edges = ints([-128, -7, -1, 0, 2, 127], "int8")
    with np.errstate(all="ignore"):
        for op, function in {"add": np.add, "sub": np.subtract, "mul": np.multiply, "max": np.maximum}.items():
            out.case(op, [edges[:, None], edges[None, :]], "", function(edges[:, None], edges[None, :]))
        out.case("neg", [edges], "", np.negative(edges))
        out.case("abs", [edges], "", np.abs(edges))
    divisors = ints([-128, -3, -1, 2, 127], "int8")
    quotients = [[-128 if (a, b) == (-128, -1) else int(a / b) for b in divisors.tolist()] for a in edges.tolist()]
    out.case("div", [edges[:, None], divisors], "", ints(quotients, "int8"))
    out.case("mod", [edges[:, None], divisors], "", np.fmod(edges[:, None], divisors))
    out.case("div", [edges, ints(0, "int8")], "", edges, mode="Divide")
    out.case("mod", [edges, ints(0, "int8")], "", edges, mode="Divide")
    truth = np.array([True, False])
    out.case("and", [truth[:, None], truth], "", np.logical_and(truth[:, None], truth))
    out.case("or", [truth[:, None], truth], "", np.logical_or(truth[:, None], truth))
    out.case("not", [truth], "", ~truth)
    a, b = some(3), some(2, 1, 1)
    out.case("where", [truth[:, None], a, b], "", np.where(truth[:, None], a, b))
    out.case("cast", [np.array([1.9, -1.9, 127.5, 300, -300, INF, -INF, NAN])], "dtype = i8",
             ints([1, -1, 127, 127, -128, 127, -128, 0], "int8"))
    out.case("cast", [np.array([255.9, -0.5, 256, NAN])], "dtype = u8", ints([255, 0, 255, 0], "uint8"))
    out.case("cast", [np.array([3e9, -3e9, 1e300, -1e300])], "dtype = i32",
             ints([2**31 - 1, -2**31, 2**31 - 1, -2**31]))
    out.case("cast", [ints([300, -300, 5], "int64")], "dtype = u8", ints([255, 0, 5], "uint8"))
    out.case("cast", [few], "dtype = bool", few != 0)
    out.case("cast", [truth], "dtype = f64", truth.astype("float64"))
    out.write()


def contraction():
    out = Recording("contraction.tir", "Products by NumPy's rules, convolutions as PyTorch's.")
    for a, b in [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 2)), ((2, 1, 2, 3), (2, 3, 1)),
                 ((2, 2, 3), (3,)), ((2, 0), (0, 2))]:
        x, y = some(*a), some(*b)
        out.case("matmul", [x, y], "", np.matmul(x, y))
    x, w, b = some(2, 2, 3), some(4, 3), some(4)
    out.case("linear", [x, w, b], "", x @ w.T + b)
    out.case("linear", [x[0, 0], w], "", x[0, 0] @ w.T)
    for x, w, stride, padding, dilation, groups in [
            ((1, 2, 4, 5), (3, 2, 3, 3), [1, 1], [1, 1, 1, 1], [1, 1], 1),
            ((2, 4, 5, 4), (4, 2, 2, 3), [2, 1], [0, 1, 2, 0], [1, 2], 2),
            ((3, 3, 3), (3, 1, 3, 1), [2, 2], [1, 1, 0, 0], [1, 1], 3),
            ((1, 2, 7), (2, 2, 3), [2], [2, 1], [2], 1),
            ((2, 5), (1, 2, 2), [3], [0, 0], [1], 1)]:
        x, w, b = some(*x), some(*w), some(w[0])
        pad = [p for i in reversed(range(len(stride))) for p in padding[2 * i:2 * i + 2]]
        convolve = F.conv1d if len(stride) == 1 else F.conv2d
        y = convolve(F.pad(tensor(x), pad), tensor(w), tensor(b), tuple(stride), 0, tuple(dilation), groups)
        out.case("conv", [x, w, b],
                 f"dilation = {dilation}, groups = {groups}, padding = {padding}, stride = {stride}", y)
    out.write()


def reduction():
    out = Recording("reduction.tir", "Reductions over any axes, of nothing, with NaN and infinities.")
    x = some(2, 3, 2)
    holes = np.array([[1.0, NAN, 3.0], [INF, -INF, 0.0], [-INF, -INF, -INF], [2.0, 2.0, 2.0]])
    empty = np.zeros((2, 0))
    for axes in [(), (1,), (0, 2), (0, 1, 2)]:
        listed = f"axes = {list(axes)}"
        out.case("reduce_sum", [x], listed, x.sum(axis=axes))
        out.case("reduce_mean", [x], listed + ", keepdims = true", x.mean(axis=axes, keepdims=True))
    for op, function, least in [("reduce_max", np.max, -INF), ("reduce_min", np.min, INF)]:
        out.case(op, [holes], "axes = [1]", function(holes, axis=1))
        out.case(op, [empty], "axes = [1]", np.full(2, least))
    out.case("reduce_sum", [empty], "axes = [1]", np.zeros(2))
    out.case("reduce_mean", [empty], "axes = [1]", np.full(2, NAN))
    out.case("reduce_sum", [ints([100, 100, 1], "int8")], "axes = [0]", ints(-55, "int8"))
    out.case("reduce_max", [ints([[], []], "int8")], "axes = [1]", ints([-128, -128], "int8"))
    out.case("normalize", [x], "axes = [0, 2], eps = 1e-05",
             (x - x.mean((0, 2), keepdims=True)) / np.sqrt(x.var((0, 2), keepdims=True) + 1e-5))
    for axis in (0, 1):
        out.case("softmax", [holes], f"axis = {axis}", F.softmax(tensor(holes), axis))
        out.case("log_softmax", [holes], f"axis = {axis}", F.log_softmax(tensor(holes), axis))
    out.case("softmax", [np.array([1000.0, 1001.0])], "axis = 0", F.softmax(tensor([1000.0, 1001.0]), 0))
    out.case("argmax", [holes], "axis = 1", np.argmax(holes, 1).astype("int32"))
    out.case("argmin", [holes], "axis = 1, keepdims = true", np.argmin(holes, 1, keepdims=True).astype("int32"))
    out.case("argmax", [ints([[3, 7, 7], [9, 9, 1]])], "axis = 0", ints([1, 1, 0]))
    out.write()


def window():
    out = Recording("window.tir", "Poolings as PyTorch's: padding in the divisor, ceil_mode, dilation, NaN.")
    x = some(1, 1, 5, 4)
    x[0, 0, 0, 3] = NAN
    row = some(2, 6)
    for ceil in (False, True):
        told = str(ceil).lower()
        for count in (False, True):
            y = F.avg_pool2d(tensor(x), (3, 2), (2, 3), (1, 1), ceil, count)
            out.case("avg_pool", [x], f"ceil_mode = {told}, count_include_pad = {str(count).lower()}, "
                     "kernel = [3, 2], padding = [1, 1, 1, 1], stride = [2, 3]", y)
        y = F.max_pool2d(tensor(x), 2, 3, 1, (2, 1), ceil)
        out.case("max_pool", [x], f"ceil_mode = {told}, dilation = [2, 1], kernel = [2, 2], padding = [1, 1, 1, 1], "
                 "stride = [3, 3]", y)
        y = F.max_pool1d(tensor(row), 3, 2, 1, 1, ceil)
        out.case("max_pool", [row], f"ceil_mode = {told}, kernel = [3], padding = [1, 1], stride = [2]", y)
    out.case("avg_pool", [row], "kernel = [4]", F.avg_pool1d(tensor(row), 4))
    for sizes in [(1, 1), (3, 3), (7, 2)]:
        out.case("adaptive_avg_pool", [x], f"shape = {list(sizes)}", F.adaptive_avg_pool2d(tensor(x), sizes))
    out.case("adaptive_avg_pool", [row], "shape = [4]", F.adaptive_avg_pool1d(tensor(row), 4))
    out.write()


def move():
    out = Recording("move.tir", "Ops that copy elements.")
    x, y = some(2, 3), some(2, 1)
    deep = some(2, 3, 2)
    out.case("concat", [x, y, x], "axis = 1", np.concatenate([x, y, x], 1))
    out.case("concat", [x, np.zeros((0, 3))], "axis = 0", x)
    out.case("expand", [y], "shape = [2, 2, 3]", np.broadcast_to(y, (2, 2, 3)))
    out.case("expand", [y], "shape = [2, 0]", np.zeros((2, 0)))
    out.case("full", [], "dtype = i8, shape = [2], value = 300.0", ints([127, 127], "int8"))
    out.case("full", [], "dtype = f64, shape = [], value = -inf", np.array(-INF))
    out.case("iota", [], "dtype = i16, shape = [4]", ints(range(4), "int16"))
    index = ints([[-1, 0], [2, -3]])
    out.case("gather", [deep, index], "axis = 1", np.take(deep, index, 1))
    out.case("gather", [x, index[0, 0]], "axis = 0", x[-1])
    out.case("gather", [x, ints([3])], "axis = 1", x[:, :1], mode="Index")
    out.case("gather", [x, ints([-4])], "axis = 1", x[:, :1], mode="Index")
    out.case("one_hot", [index], "shape = [3]", np.eye(3, dtype="float32")[index])
    out.case("one_hot", [ints([3])], "shape = [3]", np.zeros((1, 3), "float32"), mode="Index")
    for mode, value in [("constant", 1.5), ("reflect", 0.0), ("replicate", 0.0)]:
        for pad in [[1, 0, 2, 1], [0, 1, -1, 2]]:
            order = [0, 0, 0, 0, *pad]
            image = some(1, 1, 3, 4)
            result = F.pad(tensor(image), [*pad[2:], *pad[:2]], mode, *([value] if mode == "constant" else []))
            out.case("pad", [image], f'mode = "{mode}", padding = {order}, value = {value}', result)
    out.case("permute", [deep], "permutation = [2, 0, 1]", deep.transpose(2, 0, 1))
    out.case("relayout", [x], "", x)
    out.case("reshape", [x], "shape = [3, 1, 2]", x.reshape(3, 1, 2))
    out.case("slice", [deep], "shape = [2, 2, 1], starts = [1, 0, 1], steps = [-1, 2, 1]", deep[::-1, ::2, 1:])
    out.case("slice", [x], "shape = [0, 3], starts = [2, 0]", x[2:])
    out.write()


def declared():
    out = Recording("declared.tir", "Declared mode: every result is rounded once to its dtype, sums are taken in double.")
    for dtype in ("float32", "float16"):
        a, b = (random.standard_normal(6) * 10.0 ** random.integers(-5, 4, 6)).astype(dtype), some(6).astype(dtype) + 3
        for op, function in {"add": np.add, "mul": np.multiply, "div": np.divide}.items():
            out.case(op, [a, b.astype(dtype)], "", function(a, b.astype(dtype)), mode="Declared")
        out.case("reduce_sum", [a], "axes = [0]", a.astype("float64").sum().astype(dtype), mode="Declared")
    big = np.array([1e8, 1.0, -1e8], "float32")
    out.case("reduce_sum", [big], "axes = [0]", np.float32(1), mode="Declared")
    exact = np.array([1.0, 1.00390625, 3.14159, 3e38, 1e-40], "float32")
    out.body("bf16", "  %1 = cast $0 {dtype = bf16} : bf16[5]\n  %0 = cast %1 {dtype = f32} : f32[5]\n", [exact],
             [tensor(exact).bfloat16().float()], mode="Declared")
    out.write()


if __name__ == "__main__":
    for write in (pointwise, contraction, reduction, window, move, declared):
        write()
