/* Errors of pointwise ops: the spread of the function over the corners of the operands' intervals, which
 * bounds it for functions monotone in each operand, plus what the op itself rounds. */
#include "test/native/bounds_internal.h"
#include "test/native/values.h"

#include <math.h>

/* Units in the last place, as promised; the f64 oracle adds its own. 0: exact. */
static double own_ulps(OpKind kind, DType dtype, bool strict) {
    bool wide = dtype == DTYPE_F64;
    switch (kind) {
    case OP_ADD:
    case OP_SUB:
    case OP_MUL:
    case OP_DIV:
    case OP_SQRT: return wide ? (strict ? 0 : 1) : 0.5;
    case OP_CAST: return 0.5;
    case OP_ERF: return wide ? 4 : 1.5;
    case OP_EXP: return wide ? 2.5 : 1;
    case OP_EXPM1: return wide ? 3.5 : 2;
    case OP_LOG: return wide ? 2.5 : 1;
    case OP_LOG1P: return wide ? 3 : 2;
    case OP_POW: return wide ? 2.5 : 0.6;
    case OP_RSQRT: return wide ? 3 : 1.5;
    case OP_SIGMOID: return wide ? 5 : 2.5;
    case OP_TANH: return wide ? 3.5 : 2.5;
    default: return 0;
    }
}

static bool is_compare(OpKind kind) {
    return kind == OP_EQ || kind == OP_NE || kind == OP_LT || kind == OP_LE || kind == OP_GT || kind == OP_GE;
}

typedef struct Element {
    Scalar value;
    double error;
} Element;

static double distance(double a, double b) {
    if (a == b || (isnan(a) && isnan(b))) return 0;
    double off = fabs(a - b);
    return isnan(off) ? INFINITY : off;
}

/* The result's distance over all corners. */
static double spread(OpKind kind, DType dtype, DType to, const Element *operands, int count, double value) {
    double widest = 0;
    for (int corner = 0; corner < (count == 2 ? 9 : 3); corner++) {
        Scalar at[3] = {operands[0].value, operands[1].value, operands[2].value};
        bool zero = false;
        at[0].f += (corner % 3 - 1) * operands[0].error;
        at[1].f += (corner / 3 - (count == 2)) * operands[1].error;
        double off = distance(eval_pointwise_scalar(kind, dtype, to, at[0], at[1], at[2], &zero).f, value);
        if (off > widest) widest = off;
    }
    return widest;
}

static double integer_error(OpKind kind, DType dtype, DType to, const Element *operands, int count) {
    double total = 0;
    for (int i = 0; i < count; i++) total += operands[i].error;
    if (total == 0 || !dtype_is_float(dtype) || isinf(total)) return total > 0 ? INFINITY : 0;
    if (is_compare(kind)) return fabs(operands[0].value.f - operands[1].value.f) > total ? 0 : INFINITY;
    if (to == DTYPE_BOOL) return fabs(operands[0].value.f) > total ? 0 : INFINITY; /* a cast */
    return dtype_saturate(to, operands[0].value.f - total) == dtype_saturate(to, operands[0].value.f + total)
               ? 0
               : INFINITY;
}

static double where_error(DType dtype, const Element *operands) {
    double b = operands[1].error, c = operands[2].error;
    if (operands[0].error == 0) return operands[0].value.i ? b : c;
    bool equal = dtype_is_float(dtype) ? operands[1].value.f == operands[2].value.f
                                       : operands[1].value.i == operands[2].value.i;
    if (!dtype_is_float(dtype)) return equal && b + c == 0 ? 0 : INFINITY;
    return distance(operands[1].value.f, operands[2].value.f) + b + c;
}

static double float_error(const Expectation *e, OpKind kind, DType dtype, DType to, const Element *operands,
                          int count, double value) {
    double total = 0, propagated = 0;
    for (int i = 0; i < count; i++) total += operands[i].error;
    if (!dtype_is_float(dtype)) { /* a cast of an integer */
        if (total > 0) return INFINITY;
    } else if (isinf(total)) {
        return INFINITY;
    } else if (total > 0) {
        propagated = spread(kind, dtype, to, operands, count, value);
        bool jumps = kind == OP_MOD && !(total < fabs(operands[1].value.f) / 2);
        bool splits = kind == OP_DIV && !(operands[1].error < fabs(operands[1].value.f));
        bool turns = kind == OP_POW && !(operands[0].error < operands[0].value.f);
        if (jumps || splits || turns) return INFINITY;
    }
    double ulps = own_ulps(kind, to, e->strict);
    if (kind == OP_CAST && (dtype_bytes(to) >= dtype_bytes(dtype) && dtype_is_float(dtype)))
        ulps = to == dtype || (to != DTYPE_F16 && to != DTYPE_BF16) ? 0 : 0.5;
    /* Infinite in the dtype, finite here: known as a result, no ground to go on from. */
    if (!e->strict && isfinite(value) && isinf(dtype_round(to, fabs(value) + propagated))) return INFINITY;
    return propagated + ulps * ulp_at(to, fabs(value) + propagated);
}

/* The offset in |tensor| of the result's element |at|, axes aligned at the end. */
static int64_t broadcast_offset(const Tensor *tensor, const Tensor *result, int64_t at) {
    int64_t offset = 0, stride = 1;
    for (int i = result->rank - 1; i >= 0; i--) {
        int64_t index = at % result->dims[i];
        at /= result->dims[i];
        int axis = i - (result->rank - tensor->rank);
        if (axis < 0) continue;
        if (tensor->dims[axis] != 1) offset += index * stride;
        stride *= tensor->dims[axis];
    }
    return offset;
}

void bound_pointwise(Expectation *e, const Op *op, const Bounded *in, Bounded *out) {
    Tensor *value = out->value;
    int count = op->operand_count;
    DType dtype = in[count - 1].value->dtype, to = value->dtype;
    for (int64_t i = 0; i < value->count; i++) {
        Element operands[3] = {0};
        for (int j = 0; j < count; j++) {
            int64_t at = broadcast_offset(in[j].value, value, i);
            operands[j].value = in[j].value->floats ? (Scalar){.f = in[j].value->floats[at]}
                                                    : (Scalar){.i = in[j].value->integers[at]};
            operands[j].error = in[j].error->floats[at];
        }
        double *error = &out->error->floats[i];
        if (op->kind == OP_WHERE)
            *error = where_error(dtype, operands);
        else if (value->integers)
            *error = integer_error(op->kind, dtype, to, operands, count);
        else
            *error = float_error(e, op->kind, dtype, to, operands, count, value->floats[i]);
    }
}
