/* Growers of pointwise ops. Operands are brought into the op's domain first, so that values stay small and
 * defined. */
#include "test/random/net.h"

static Value *abs_plus(Net *net, Value *x, double more) {
    Value *magnitude = net_simple(net, OP_ABS, x, NULL);
    return magnitude ? net_simple(net, OP_ADD, magnitude, net_scalar(net, x->type.dtype, more)) : NULL;
}

static Value *capped(Net *net, Value *x, double most) {
    return x ? net_simple(net, OP_MIN, x, net_scalar(net, x->type.dtype, most)) : NULL;
}

static Value *into_domain(Net *net, OpKind kind, Value *x) {
    switch (kind) {
    case OP_LOG:
    case OP_RSQRT: return abs_plus(net, x, 0.5);
    case OP_LOG1P:
    case OP_SQRT: return net_simple(net, OP_ABS, x, NULL);
    case OP_EXP:
    case OP_EXPM1: return capped(net, x, 2);
    default: return x;
    }
}

static Value *grow_unary(Net *net, OpKind kind, ValueFilter *filter) {
    Value *x = net_pick(net, filter);
    return x ? net_simple(net, kind, into_domain(net, kind, x), NULL) : NULL;
}

static Value *bool_like(Net *net) {
    for (int i = net->pool.count - 1; i >= 0 && net_chance(net, 80); i--)
        if (net->pool.items[i]->type.dtype == DTYPE_BOOL) return net->pool.items[i];
    Value *x = net_pick(net, is_number);
    return x ? net_simple(net, OP_GT, x, net_scalar(net, x->type.dtype, is_real(x) ? 0.125 : 1)) : NULL;
}

/* Operands in either order; both may be the same. */
static Value *apply_binary(Net *net, OpKind kind, Value *a, Value *b) {
    if (!a || !b) return NULL;
    return net_chance(net, 70) ? net_simple(net, kind, a, b) : net_simple(net, kind, b, a);
}

static Value *grow_binary(Net *net, OpKind kind, ValueFilter *filter) {
    Value *a = net_pick(net, filter);
    if (!a) return NULL;
    Value *b = net_want_broadcast(net, a->type.dtype, &a->type);
    return apply_binary(net, kind, a, b);
}

/* The divisor is at least 0.5, or 1. */
static Value *grow_division(Net *net, OpKind kind, ValueFilter *filter) {
    Value *a = net_pick(net, filter), *b;
    if (!a) return NULL;
    b = net_want_broadcast(net, a->type.dtype, &a->type);
    if (!b) return NULL;
    if (is_real(a)) return net_simple(net, kind, a, abs_plus(net, b, 0.5));
    Value *magnitude = net_simple(net, OP_ABS, b, NULL);
    Value *divisor = magnitude ? net_simple(net, OP_MAX, magnitude, net_scalar(net, a->type.dtype, 1)) : NULL;
    return divisor ? net_simple(net, kind, a, divisor) : NULL;
}

Value *grow_POW(Net *net, OpKind kind) {
    Value *a = net_pick(net, is_real), *base;
    if (!a || !(base = capped(net, abs_plus(net, a, 0.5), 3))) return NULL;
    Value *power = capped(net, net_want_broadcast(net, a->type.dtype, &a->type), 3);
    return power ? net_simple(net, kind, base, power) : NULL;
}

static Value *grow_logic(Net *net, OpKind kind) {
    Value *a = bool_like(net), *b = bool_like(net);
    return a && b ? net_simple(net, kind, a, kind == OP_NOT ? NULL : b) : NULL;
}

Value *grow_WHERE(Net *net, OpKind kind) {
    Value *condition = bool_like(net), *b = net_pick(net, is_any);
    if (!condition || !b) return NULL;
    Value *c = net_want_broadcast(net, b->type.dtype, &b->type);
    if (!c) return NULL;
    return net_finish(
        net, net_op(net, kind,
                    net_chance(net, 50) ? (Value *[]){condition, b, c} : (Value *[]){condition, c, b}, 3));
}

Value *grow_CAST(Net *net, OpKind kind) {
    static const DType targets[] = {DTYPE_F32, DTYPE_F32, DTYPE_F64,  DTYPE_I32, DTYPE_I64, DTYPE_U8,
                                    DTYPE_I8,  DTYPE_I16, DTYPE_BOOL, DTYPE_F16, DTYPE_BF16};
    Value *x = net_pick(net, is_any);
    if (!x) return NULL;
    bool half = x->type.dtype == DTYPE_F16 || x->type.dtype == DTYPE_BF16;
    Op *op = net_op(net, kind, &x, 1);
    op_set_int(net->module, op, ATTR_DTYPE,
               half ? DTYPE_F32 : targets[net_below(net, sizeof targets / sizeof *targets)]);
    return net_finish(net, op);
}

#define UNARY(id, filter)                                                                                    \
    Value *grow_##id(Net *net, OpKind kind) { return grow_unary(net, kind, filter); }
/* f16 and bf16 are only moved and cast. */
static bool is_comparable(const Value *v) { return is_number(v) || v->type.dtype == DTYPE_BOOL; }

#define BINARY(id, filter)                                                                                   \
    Value *grow_##id(Net *net, OpKind kind) { return grow_binary(net, kind, filter); }
#define DIVISION(id)                                                                                         \
    Value *grow_##id(Net *net, OpKind kind) { return grow_division(net, kind, is_number); }
#define LOGIC(id)                                                                                            \
    Value *grow_##id(Net *net, OpKind kind) { return grow_logic(net, kind); }

UNARY(ABS, is_number)
UNARY(CEIL, is_real)
UNARY(ERF, is_real)
UNARY(EXP, is_real)
UNARY(EXPM1, is_real)
UNARY(FLOOR, is_real)
UNARY(LOG, is_real)
UNARY(LOG1P, is_real)
UNARY(NEG, is_number)
UNARY(RELU, is_number)
UNARY(RSQRT, is_real)
UNARY(SIGMOID, is_real)
UNARY(SIGN, is_number)
UNARY(SQRT, is_real)
UNARY(TANH, is_real)
BINARY(ADD, is_number)
BINARY(EQ, is_comparable)
BINARY(GE, is_number)
BINARY(GT, is_number)
BINARY(LE, is_number)
BINARY(LT, is_number)
BINARY(MAX, is_number)
BINARY(MIN, is_number)
BINARY(MUL, is_number)
BINARY(NE, is_number)
BINARY(SUB, is_number)
DIVISION(DIV)
DIVISION(MOD)
LOGIC(AND)
LOGIC(NOT)
LOGIC(OR)
