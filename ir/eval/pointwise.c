#include "ir/eval/eval_internal.h"

#include <math.h>

/* ---- Scalars ---- */

static double maximum(double a, double b) { return isnan(a) || isnan(b) ? NAN : a > b ? a : b; }
static double minimum(double a, double b) { return isnan(a) || isnan(b) ? NAN : a < b ? a : b; }

static double float_value(OpKind kind, double a, double b) {
    switch (kind) {
    case OP_ABS: return fabs(a);
    case OP_ADD: return a + b;
    case OP_CEIL: return ceil(a);
    case OP_DIV: return a / b;
    case OP_ERF: return erf(a);
    case OP_EXP: return exp(a);
    case OP_EXPM1: return expm1(a);
    case OP_FLOOR: return floor(a);
    case OP_LOG: return log(a);
    case OP_LOG1P: return log1p(a);
    case OP_MAX: return maximum(a, b);
    case OP_MIN: return minimum(a, b);
    case OP_MOD: return fmod(a, b);
    case OP_MUL: return a * b;
    case OP_NEG: return -a;
    case OP_POW: return pow(a, b);
    case OP_RELU: return isnan(a) || a > 0 ? a : 0;
    case OP_RSQRT: return 1 / sqrt(a);
    case OP_SIGMOID: return 1 / (1 + exp(-a));
    case OP_SIGN: return isnan(a) ? a : (a > 0) - (a < 0);
    case OP_SQRT: return sqrt(a);
    case OP_SUB: return a - b;
    case OP_TANH: return tanh(a);
    default: return NAN;
    }
}

/* Sums and products wrap in 64 bits, and later to the dtype's width. */
static int64_t integer_value(OpKind kind, int64_t a, int64_t b) {
    switch (kind) {
    case OP_ABS: return a < 0 ? (int64_t)-(uint64_t)a : a;
    case OP_ADD: return (int64_t)((uint64_t)a + (uint64_t)b);
    case OP_DIV: return b == -1 ? (int64_t)-(uint64_t)a : a / b;
    case OP_MAX: return a > b ? a : b;
    case OP_MIN: return a < b ? a : b;
    case OP_MOD: return b == -1 ? 0 : a % b;
    case OP_MUL: return (int64_t)((uint64_t)a * (uint64_t)b);
    case OP_NEG: return (int64_t)-(uint64_t)a;
    case OP_RELU: return a > 0 ? a : 0;
    case OP_SIGN: return (a > 0) - (a < 0);
    case OP_SUB: return (int64_t)((uint64_t)a - (uint64_t)b);
    default: return 0;
    }
}

static int64_t integer_saturate(DType to, int64_t value) {
    if (to == DTYPE_BOOL) return value != 0;
    if (dtype_wrap(to, value) == value) return value;
    return dtype_saturate(to, value < 0 ? -INFINITY : INFINITY);
}

static Scalar cast(DType from, DType to, Scalar a) {
    if (dtype_is_float(from)) return dtype_is_float(to) ? a : (Scalar){.i = dtype_saturate(to, a.f)};
    return dtype_is_float(to) ? (Scalar){.f = (double)a.i} : (Scalar){.i = integer_saturate(to, a.i)};
}

/* Less, equal and greater are all false when an operand is NaN. */
static bool compare(OpKind kind, bool less, bool equal, bool greater) {
    switch (kind) {
    case OP_EQ: return equal;
    case OP_GE: return greater || equal;
    case OP_GT: return greater;
    case OP_LE: return less || equal;
    case OP_LT: return less;
    default: return !equal;
    }
}

Scalar eval_pointwise_scalar(OpKind kind, DType dtype, DType to, Scalar a, Scalar b, Scalar c,
                             bool *out_divided_by_zero) {
    bool is_float = dtype_is_float(dtype);
    switch (kind) {
    case OP_CAST: return cast(dtype, to, a);
    case OP_WHERE: return a.i ? b : c;
    case OP_NOT: return (Scalar){.i = !a.i};
    case OP_AND: return (Scalar){.i = a.i && b.i};
    case OP_OR: return (Scalar){.i = a.i || b.i};
    case OP_EQ:
    case OP_GE:
    case OP_GT:
    case OP_LE:
    case OP_LT:
    case OP_NE:
        return (Scalar){.i = is_float ? compare(kind, a.f < b.f, a.f == b.f, a.f > b.f)
                                      : compare(kind, a.i < b.i, a.i == b.i, a.i > b.i)};
    default: break;
    }
    if (is_float) return (Scalar){.f = float_value(kind, a.f, b.f)};
    if ((kind == OP_DIV || kind == OP_MOD) && b.i == 0) {
        *out_divided_by_zero = true;
        return (Scalar){0};
    }
    return (Scalar){.i = integer_value(kind, a.i, b.i)};
}

/* ---- Tensors ---- */

static Scalar element(const Tensor *tensor, int64_t at) {
    return tensor->floats ? (Scalar){.f = tensor->floats[at]} : (Scalar){.i = tensor->integers[at]};
}

static void pointwise(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    Tensor *result = out[0];
    DType dtype = in[op->operand_count - 1]->dtype; /* where: of its values */
    bool divided_by_zero = false;
    Walk walk = walk_over(result->rank, result->dims);
    for (int i = 0; i < op->operand_count; i++) {
        int64_t strides[RANK_MAX];
        tensor_broadcast_strides(in[i], result->rank, result->dims, strides);
        walk_add(&walk, strides, 0);
    }
    for (int64_t at = 0; !walk.done; walk_next(&walk)) {
        for (int64_t j = 0; j < walk.length; j++, at++) {
            Scalar operands[3] = {0};
            for (int i = 0; i < op->operand_count; i++)
                operands[i] = element(in[i], walk.offset[i] + j * walk.step[i]);
            Scalar value = eval_pointwise_scalar(op->kind, dtype, result->dtype, operands[0], operands[1],
                                                 operands[2], &divided_by_zero);
            if (result->floats)
                result->floats[at] = value.f;
            else
                result->integers[at] = value.i;
        }
    }
    if (divided_by_zero) eval_fail(context, EVAL_DIVIDE, op->span);
}

#define POINTWISE(id)                                                                                        \
    void eval_##id(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {              \
        pointwise(context, op, in, out);                                                                     \
    }
POINTWISE(ABS)
POINTWISE(ADD)
POINTWISE(AND)
POINTWISE(CAST)
POINTWISE(CEIL)
POINTWISE(DIV)
POINTWISE(EQ)
POINTWISE(ERF)
POINTWISE(EXP)
POINTWISE(EXPM1)
POINTWISE(FLOOR)
POINTWISE(GE)
POINTWISE(GT)
POINTWISE(LE)
POINTWISE(LOG)
POINTWISE(LOG1P)
POINTWISE(LT)
POINTWISE(MAX)
POINTWISE(MIN)
POINTWISE(MOD)
POINTWISE(MUL)
POINTWISE(NE)
POINTWISE(NEG)
POINTWISE(NOT)
POINTWISE(OR)
POINTWISE(POW)
POINTWISE(RELU)
POINTWISE(RSQRT)
POINTWISE(SIGMOID)
POINTWISE(SIGN)
POINTWISE(SQRT)
POINTWISE(SUB)
POINTWISE(TANH)
POINTWISE(WHERE)
