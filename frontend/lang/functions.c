/* The functions of the compiler that compute: unary, binary and ternary operations, reductions, products. */
#include "frontend/lang/functions_internal.h"

#include <math.h>
#include <string.h>

/* ---- Pointwise ---- */

/* Of a compile-time number, in double. */
static bool fold_unary(OpKind kind, double x, double *out) {
    switch (kind) {
    case OP_ABS: *out = fabs(x); return true;
    case OP_CEIL: *out = ceil(x); return true;
    case OP_ERF: *out = erf(x); return true;
    case OP_EXP: *out = exp(x); return true;
    case OP_EXPM1: *out = expm1(x); return true;
    case OP_FLOOR: *out = floor(x); return true;
    case OP_LOG: *out = log(x); return true;
    case OP_LOG1P: *out = log1p(x); return true;
    case OP_RELU: *out = x > 0 ? x : 0; return true;
    case OP_RSQRT: *out = 1 / sqrt(x); return true;
    case OP_SIGMOID: *out = 1 / (1 + exp(-x)); return true;
    case OP_SIGN: *out = x > 0 ? 1 : x < 0 ? -1 : x; return true;
    case OP_SQRT: *out = sqrt(x); return true;
    case OP_TANH: *out = tanh(x); return true;
    default: return false;
    }
}

static bool keeps_integers(OpKind kind) { return kind == OP_ABS || kind == OP_RELU || kind == OP_SIGN; }

static Datum unary(BuiltinCall *call) {
    OpKind kind = (OpKind)call->builtin->detail;
    Datum x = call->values[0];
    double result;
    if (x.kind == DATUM_INTEGER && keeps_integers(kind) && x.integer > INT64_MIN) {
        int64_t sign = x.integer > 0 ? 1 : x.integer < 0 ? -1 : 0;
        if (kind == OP_SIGN) return datum_integer(sign);
        return datum_integer(sign >= 0 ? x.integer : kind == OP_ABS ? -x.integer : 0);
    }
    if ((x.kind == DATUM_INTEGER || x.kind == DATUM_FLOAT) &&
        fold_unary(kind, x.kind == DATUM_FLOAT ? x.real : (double)x.integer, &result))
        return datum_float(result);
    DType wanted = keeps_integers(kind) ? DTYPE_NONE : DTYPE_F32;
    Value *value = datum_to_tensor(call->b, x, wanted, call->spans[0], builtin_formal(call, 0));
    return datum_tensor(emit(call->b, kind, &value, 1, call->span));
}

/* min and max: of two values, or of all elements along axes. */
static Datum extreme_of_two(BuiltinCall *call, bool is_max) {
    Builder *b = call->b;
    Datum left = call->values[0], right = call->values[1];
    ExprTable *table = b->module->exprs;
    if (datum_is_size(left) && datum_is_size(right)) {
        const Expr *l = datum_extent_of(b, left), *r = datum_extent_of(b, right);
        const Expr *extreme = is_max ? expr_max(table, l, r) : expr_min(table, l, r);
        return extent_is_simple(b, extreme, call->span) ? datum_extent(extreme) : POISON;
    }
    double l, r;
    bool numbers = (left.kind == DATUM_FLOAT || left.kind == DATUM_INTEGER) &&
                   (right.kind == DATUM_FLOAT || right.kind == DATUM_INTEGER);
    if (!numbers) return binary_op(b, is_max ? OP_MAX : OP_MIN, left, right, call->span);
    l = left.kind == DATUM_FLOAT ? left.real : (double)left.integer;
    r = right.kind == DATUM_FLOAT ? right.real : (double)right.integer;
    return datum_float(is_max == (l > r) ? l : r);
}

Datum reduce_along(BuiltinCall *call, OpKind kind, int axis_index, int keep_index) {
    Value *x = builtin_tensor(call, 0);
    int64_t axes[RANK_MAX];
    bool keep;
    if (!x || !builtin_bool(call, keep_index, &keep)) return POISON;
    int count = builtin_axes(call, axis_index, x->type.rank, axes);
    if (count < 0) return POISON;
    if (!count) return datum_tensor(x);
    Op *op = emit_begin(call->b, kind, &x, 1, call->span);
    if (!op) return POISON;
    op_set_ints(call->b->module, op, ATTR_AXES, axes, count);
    if (keep) op_set_int(call->b->module, op, ATTR_KEEPDIMS, 1);
    return datum_tensor(emit_end(call->b, op));
}

static Datum extreme(BuiltinCall *call) {
    bool is_max = call->builtin->detail == OP_MAX;
    if (call->values[1].kind != DATUM_NONE) return extreme_of_two(call, is_max);
    return reduce_along(call, is_max ? OP_REDUCE_MAX : OP_REDUCE_MIN, 2, 3);
}

static Datum binary(BuiltinCall *call) {
    return binary_op(call->b, (OpKind)call->builtin->detail, call->values[0], call->values[1], call->span);
}

static Datum where(BuiltinCall *call) {
    Builder *b = call->b;
    Datum left = call->values[1], right = call->values[2];
    if (call->values[0].kind == DATUM_BOOL) return call->values[0].truth ? left : right;
    DType dtype = left.kind == DATUM_TENSOR                               ? left.tensor->type.dtype
                  : right.kind == DATUM_TENSOR                            ? right.tensor->type.dtype
                  : left.kind == DATUM_FLOAT || right.kind == DATUM_FLOAT ? DTYPE_F32
                                                                          : DTYPE_NONE;
    Value *operands[] = {builtin_tensor(call, 0),
                         datum_to_tensor(b, left, dtype, call->spans[1], builtin_formal(call, 1)),
                         datum_to_tensor(b, right, dtype, call->spans[2], builtin_formal(call, 2))};
    return datum_tensor(emit(b, OP_WHERE, operands, 3, call->span));
}

static Datum clamp(BuiltinCall *call) {
    Datum x = call->values[0];
    if (call->values[1].kind != DATUM_NONE) x = binary_op(call->b, OP_MAX, x, call->values[1], call->span);
    if (call->values[2].kind != DATUM_NONE && x.kind != DATUM_POISON)
        x = binary_op(call->b, OP_MIN, x, call->values[2], call->span);
    return x;
}

static Datum cast(BuiltinCall *call) {
    Datum x = call->values[0];
    DType dtype;
    if (!builtin_dtype(call, 1, &dtype)) return POISON;
    bool literal = x.kind == DATUM_INTEGER || (x.kind == DATUM_FLOAT && dtype_is_float(dtype));
    Value *value = datum_to_tensor(call->b, x, literal && dtype != DTYPE_BOOL ? dtype : DTYPE_NONE,
                                   call->spans[0], builtin_formal(call, 0));
    return datum_tensor(emit_cast(call->b, value, dtype, call->span));
}

/* ---- Reductions ---- */

static Datum reduce(BuiltinCall *call) { return reduce_along(call, (OpKind)call->builtin->detail, 1, 2); }

static Value *flattened(Builder *b, Value *x, Span span) {
    const Expr *count = type_count(b->module, &x->type);
    return emit_reshape(b, x, &count, 1, span);
}

static Datum reduce_index(BuiltinCall *call) {
    Builder *b = call->b;
    Value *x = builtin_tensor(call, 0);
    int axis = 0;
    bool keep;
    if (!x || !builtin_bool(call, 2, &keep)) return POISON;
    if (call->values[1].kind == DATUM_NONE)
        x = flattened(b, x, call->span);
    else if (!builtin_axis(call, 1, x->type.rank, &axis))
        return POISON;
    Op *op = emit_begin(b, (OpKind)call->builtin->detail, &x, 1, call->span);
    if (!op) return POISON;
    op_set_int(b->module, op, ATTR_AXIS, axis);
    if (keep) op_set_int(b->module, op, ATTR_KEEPDIMS, 1);
    return datum_tensor(emit_end(b, op));
}

static Datum softmax(BuiltinCall *call) {
    Value *x = builtin_tensor(call, 0);
    int axis;
    if (!x || !builtin_axis(call, 1, x->type.rank, &axis)) return POISON;
    Op *op = emit_begin(call->b, (OpKind)call->builtin->detail, &x, 1, call->span);
    if (!op) return POISON;
    op_set_int(call->b->module, op, ATTR_AXIS, axis);
    return datum_tensor(emit_end(call->b, op));
}

static Value *normalized(BuiltinCall *call, Value *x, const int64_t *axes, int count, int eps_index) {
    double eps;
    if (!x || !builtin_float(call, eps_index, &eps)) return NULL;
    Op *op = emit_begin(call->b, OP_NORMALIZE, &x, 1, call->span);
    if (!op) return NULL;
    op_set_ints(call->b->module, op, ATTR_AXES, axes, count);
    op_set_float(call->b->module, op, ATTR_EPS, eps);
    return emit_end(call->b, op);
}

static Datum normalize(BuiltinCall *call) {
    Value *x = builtin_tensor(call, 0);
    int64_t axes[RANK_MAX];
    int count = x ? builtin_axes(call, 1, x->type.rank, axes) : -1;
    return count < 0 ? POISON : datum_tensor(normalized(call, x, axes, count, 2));
}

/* layer_norm(x, shape, weight, bias, eps): over as many last axes as |shape| has. */
static Datum layer_norm(BuiltinCall *call) {
    Builder *b = call->b;
    Value *x = builtin_tensor(call, 0), *weight, *bias;
    const Expr *shape[RANK_MAX];
    if (!x) return POISON;
    int count = datum_to_extents(b, call->values[1], call->spans[1], builtin_formal(call, 1), shape);
    if (count < 0 || !builtin_optional_tensor(call, 2, x->type.dtype, &weight) ||
        !builtin_optional_tensor(call, 3, x->type.dtype, &bias))
        return POISON;
    int first = x->type.rank - count;
    int64_t axes[RANK_MAX];
    bool fits = first >= 0 && count > 0;
    for (int i = 0; fits && i < count; i++) {
        axes[i] = first + i;
        fits = infer_dims_equal(b->module, x->type.dims[first + i], shape[i], user_place(b, call->span));
    }
    if (!fits)
        return build_fail(b, E0305, call->span, "layer_norm: %s does not end with the normalized shape %s",
                          type_text(b->arena, &x->type), datum_text(b->arena, call->values[1]));
    Datum y = datum_tensor(normalized(call, x, axes, count, 4));
    if (weight && y.kind == DATUM_TENSOR) y = binary_op(b, OP_MUL, y, datum_tensor(weight), call->span);
    if (bias && y.kind == DATUM_TENSOR) y = binary_op(b, OP_ADD, y, datum_tensor(bias), call->span);
    return y;
}

/* ---- Products ---- */

static Datum linear(BuiltinCall *call) {
    Value *operands[3] = {builtin_tensor(call, 0), builtin_tensor(call, 1), NULL};
    if (!operands[0] || !operands[1] ||
        !builtin_optional_tensor(call, 2, operands[0]->type.dtype, &operands[2]))
        return POISON;
    return datum_tensor(emit(call->b, OP_LINEAR, operands, operands[2] ? 3 : 2, call->span));
}

const Builtin functions_compute[] = {
    {"abs", "x", unary, OP_ABS},
    {"ceil", "x", unary, OP_CEIL},
    {"erf", "x", unary, OP_ERF},
    {"exp", "x", unary, OP_EXP},
    {"expm1", "x", unary, OP_EXPM1},
    {"floor", "x", unary, OP_FLOOR},
    {"log", "x", unary, OP_LOG},
    {"log1p", "x", unary, OP_LOG1P},
    {"relu", "x", unary, OP_RELU},
    {"rsqrt", "x", unary, OP_RSQRT},
    {"sigmoid", "x", unary, OP_SIGMOID},
    {"sign", "x", unary, OP_SIGN},
    {"sqrt", "x", unary, OP_SQRT},
    {"tanh", "x", unary, OP_TANH},
    {"max", "x, other=none, axis=none, keepdims=false", extreme, OP_MAX},
    {"min", "x, other=none, axis=none, keepdims=false", extreme, OP_MIN},
    {"pow", "x, exponent", binary, OP_POW},
    {"maximum", "x, other", binary, OP_MAX},
    {"minimum", "x, other", binary, OP_MIN},
    {"where", "condition, x, other", where, 0},
    {"clamp", "x, min=none, max=none", clamp, 0},
    {"cast", "x, dtype", cast, 0},
    {"sum", "x, axis=none, keepdims=false", reduce, OP_REDUCE_SUM},
    {"mean", "x, axis=none, keepdims=false", reduce, OP_REDUCE_MEAN},
    {"amax", "x, axis=none, keepdims=false", reduce, OP_REDUCE_MAX},
    {"amin", "x, axis=none, keepdims=false", reduce, OP_REDUCE_MIN},
    {"argmax", "x, axis=none, keepdims=false", reduce_index, OP_ARGMAX},
    {"argmin", "x, axis=none, keepdims=false", reduce_index, OP_ARGMIN},
    {"softmax", "x, axis=-1", softmax, OP_SOFTMAX},
    {"log_softmax", "x, axis=-1", softmax, OP_LOG_SOFTMAX},
    {"normalize", "x, axis, eps=1e-5", normalize, 0},
    {"layer_norm", "x, normalized_shape, weight=none, bias=none, eps=1e-5", layer_norm, 0},
    {"matmul", "x, other", binary, OP_MATMUL},
    {"linear", "x, weight, bias=none", linear, 0},
    {0},
};
