#include "ir/eval/eval_internal.h"

#include <math.h>

/* Strides in the reduced tensor for a walk over |in|: 0 along the axes that are reduced. */
static void reduced_strides(const Op *op, const Tensor *in, int64_t out[RANK_MAX]) {
    int64_t stride = 1;
    for (int i = in->rank - 1; i >= 0; i--) {
        bool reduced = op_axes_contain(op, i);
        out[i] = reduced ? 0 : stride;
        if (!reduced) stride *= in->dims[i];
    }
}

/* How many elements go into one of the result's. */
static int64_t reduced_count(const Op *op, const Tensor *in) {
    int64_t count = 1;
    for (int i = 0; i < in->rank; i++)
        if (op_axes_contain(op, i)) count *= in->dims[i];
    return count;
}

static void accumulate(OpKind kind, const Tensor *in, int64_t from, Tensor *out, int64_t to) {
    if (out->floats) {
        double a = in->floats[from], *b = &out->floats[to];
        switch (kind) {
        case OP_REDUCE_MAX: *b = isnan(a) || a > *b ? a : *b; break;
        case OP_REDUCE_MIN: *b = isnan(a) || a < *b ? a : *b; break;
        default: *b += a;
        }
    } else {
        int64_t a = in->integers[from], *b = &out->integers[to];
        switch (kind) {
        case OP_REDUCE_MAX: *b = a > *b ? a : *b; break;
        case OP_REDUCE_MIN: *b = a < *b ? a : *b; break;
        default: *b = (int64_t)((uint64_t)*b + (uint64_t)a);
        }
    }
}

static void reduce(const Op *op, OpKind kind, const Tensor *in, Tensor *out) {
    int64_t strides[RANK_MAX], own[RANK_MAX];
    tensor_strides(in, own);
    reduced_strides(op, in, strides);
    Walk walk = walk_over(in->rank, in->dims);
    walk_add(&walk, own, 0);
    walk_add(&walk, strides, 0);
    for (; !walk.done; walk_next(&walk))
        for (int64_t j = 0; j < walk.length; j++)
            accumulate(kind, in, walk.offset[0] + j * walk.step[0], out, walk.offset[1] + j * walk.step[1]);
}

void eval_REDUCE_SUM(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context;
    reduce(op, OP_REDUCE_SUM, in[0], out[0]);
}

void eval_REDUCE_MEAN(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context;
    reduce(op, OP_REDUCE_SUM, in[0], out[0]);
    double count = (double)reduced_count(op, in[0]);
    for (int64_t i = 0; i < out[0]->count; i++) out[0]->floats[i] /= count;
}

void eval_REDUCE_MAX(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context;
    tensor_fill(out[0], -INFINITY);
    reduce(op, OP_REDUCE_MAX, in[0], out[0]);
}

void eval_REDUCE_MIN(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context;
    tensor_fill(out[0], INFINITY);
    reduce(op, OP_REDUCE_MIN, in[0], out[0]);
}

/* Mean and variance in two passes over the operand, then the result in a third. */
void eval_NORMALIZE(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    int64_t strides[RANK_MAX], own[RANK_MAX], count = reduced_count(op, in[0]);
    int64_t kept = count ? in[0]->count / count : 0;
    double eps = op_float(op, ATTR_EPS, 0);
    double *mean = NEW_ARRAY(context->arena, double, kept),
           *variance = NEW_ARRAY(context->arena, double, kept);
    tensor_strides(in[0], own);
    reduced_strides(op, in[0], strides);
    for (int pass = 0; pass < 3; pass++) {
        Walk walk = walk_over(in[0]->rank, in[0]->dims);
        walk_add(&walk, own, 0);
        walk_add(&walk, strides, 0);
        for (; !walk.done; walk_next(&walk)) {
            for (int64_t j = 0; j < walk.length; j++) {
                int64_t from = walk.offset[0] + j * walk.step[0], to = walk.offset[1] + j * walk.step[1];
                double a = in[0]->floats[from], centred = a - mean[to];
                if (pass == 0)
                    mean[to] += a;
                else if (pass == 1)
                    variance[to] += centred * centred;
                else
                    out[0]->floats[from] = centred / sqrt(variance[to] + eps);
            }
        }
        double *totals = pass == 0 ? mean : variance;
        for (int64_t i = 0; pass < 2 && i < kept; i++) totals[i] /= (double)count;
    }
}

/* ---- Along one axis ---- */

typedef enum Softmax { SOFTMAX_PLAIN, SOFTMAX_LOG } Softmax;

/* The maximum is subtracted so that no e^a overflows; an infinite one gives NaN everywhere, as in PyTorch. */
static void softmax_line(const double *in, double *out, int64_t length, int64_t step, Softmax kind) {
    double largest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < length; i++)
        if (in[i * step] > largest) largest = in[i * step];
    for (int64_t i = 0; i < length; i++) sum += exp(in[i * step] - largest);
    for (int64_t i = 0; i < length; i++) {
        double shifted = in[i * step] - largest;
        out[i * step] = kind == SOFTMAX_LOG ? shifted - log(sum) : exp(shifted) / sum;
    }
}

static void softmax(const Op *op, const Tensor *in, Tensor *out, Softmax kind) {
    AxisView view = tensor_along(in, (int)op_int(op, ATTR_AXIS, 0));
    for (int64_t i = 0; i < view.outer; i++)
        for (int64_t j = 0; j < view.inner; j++) {
            int64_t at = i * view.length * view.inner + j;
            softmax_line(in->floats + at, out->floats + at, view.length, view.inner, kind);
        }
}

void eval_SOFTMAX(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context;
    softmax(op, in[0], out[0], SOFTMAX_PLAIN);
}

void eval_LOG_SOFTMAX(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context;
    softmax(op, in[0], out[0], SOFTMAX_LOG);
}

/* Does the element at |a| win over the best so far at |b|? The first NaN wins for good. */
static bool wins(const Tensor *tensor, int64_t a, int64_t b, bool largest) {
    if (tensor->integers)
        return largest ? tensor->integers[a] > tensor->integers[b]
                       : tensor->integers[a] < tensor->integers[b];
    double challenger = tensor->floats[a], best = tensor->floats[b];
    if (isnan(best)) return false;
    return isnan(challenger) || (largest ? challenger > best : challenger < best);
}

static void arg_reduce(const Op *op, const Tensor *in, Tensor *out, bool largest) {
    AxisView view = tensor_along(in, (int)op_int(op, ATTR_AXIS, 0));
    for (int64_t i = 0; i < view.outer; i++)
        for (int64_t j = 0; j < view.inner; j++) {
            int64_t first = i * view.length * view.inner + j, best = 0;
            for (int64_t k = 1; k < view.length; k++)
                if (wins(in, first + k * view.inner, first + best * view.inner, largest)) best = k;
            out->integers[i * view.inner + j] = best;
        }
}

void eval_ARGMAX(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context;
    arg_reduce(op, in[0], out[0], true);
}

void eval_ARGMIN(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context;
    arg_reduce(op, in[0], out[0], false);
}
