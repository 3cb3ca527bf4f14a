/* Errors of contractions, reductions and windows: those of the operands carried through, plus K roundings of
 * the sum of magnitudes. */
#include "test/native/bounds_internal.h"
#include "test/native/values.h"

#include <math.h>

/* A sum of |terms| products may be off by as many roundings, in any order; a few more for the bias and what
 * follows. */
static double sum_factor(DType dtype, double terms) { return (terms + 2) * unit_roundoff(dtype); }

/* Where a partial sum may pass the largest number, the result is unknown. */
static void forget_overflows(DType dtype, const Tensor *sums, double terms, Tensor *error) {
    static const double largest[DTYPE_COUNT] = {
        [DTYPE_F32] = 0x1p127, [DTYPE_F64] = 0x1p1023, [DTYPE_F16] = 0x1p15, [DTYPE_BF16] = 0x1p127};
    for (int64_t i = 0; i < sums->count; i++)
        if (isfinite(sums->floats[i]) && sums->floats[i] * terms > largest[dtype])
            error->floats[i] = INFINITY;
}

static double contraction_terms(const Op *op, const Bounded *in) {
    const Tensor *a = in[0].value, *w = in[1].value;
    if (op->kind == OP_MATMUL) return (double)a->dims[a->rank - 1];
    double terms = (double)w->dims[1];
    for (int i = 2; i < w->rank; i++) terms *= (double)w->dims[i];
    return terms;
}

/* Transformed convolutions spread errors over a tile: to results near the edge whose own sums are small. */
static double winograd_floor(const Op *op, const Tensor *sums) {
    double largest = 0;
    if (op->kind != OP_CONV || sums->rank != 4 || op->operands[0]->type.dims[1]->max < 32) return 0;
    for (int64_t i = 0; i < sums->count; i++)
        largest = fmax(largest, isfinite(sums->floats[i]) ? sums->floats[i] : 0);
    return 16 * unit_roundoff(DTYPE_F32) * largest;
}

void bound_contraction(Expectation *e, const Op *op, const Bounded *in, Bounded *out) {
    Tensor *value = out->value, *error = out->error;
    double terms = contraction_terms(op, in);
    Tensor *bias_error = op->operand_count > 2 ? in[2].error : NULL;
    Tensor *a = magnitudes(e, in[0].value), *b = magnitudes(e, in[1].value);
    Tensor *bias = bias_error ? magnitudes(e, in[2].value) : NULL;
    Tensor *all = run_on(e, op, (Tensor *[]){a, b, bias}, value);
    add_scaled(error, all, sum_factor(value->dtype, terms));
    if (any_error(in[0].error) || any_error(in[1].error) || (bias && any_error(bias_error))) {
        Tensor *wider = zeros_like(e, b), *none = bias ? zeros_like(e, bias) : NULL;
        add_scaled(wider, b, 1);
        add_scaled(wider, in[1].error, 1);
        add_scaled(error, run_on(e, op, (Tensor *[]){a, in[1].error, bias_error}, value), 1);
        add_scaled(error, run_on(e, op, (Tensor *[]){in[0].error, wider, none}, value), 1);
    }
    double floor = (terms + 1) * ulp_at(value->dtype, 0) + winograd_floor(op, all);
    for (int64_t i = 0; i < value->count; i++) error->floats[i] += floor;
    forget_overflows(value->dtype, all, 1, error);
}

static double reduced_terms(const Op *op, const Tensor *in) {
    double terms = 1;
    for (int i = 0; i < in->rank; i++)
        if (op_axes_contain(op, i)) terms *= (double)in->dims[i];
    return terms;
}

static void clamp_at_zero(Tensor *error) {
    for (int64_t i = 0; i < error->count; i++)
        if (!(error->floats[i] >= 0)) error->floats[i] = isnan(error->floats[i]) ? INFINITY : 0;
}

/* Extremes are off by no more than the worst of their elements; integers are known or not. */
static void worst_of(Expectation *e, const Op *op, const Bounded *in, Bounded *out) {
    Op extreme = *op;
    if (op_infos[op->kind].traits & OP_REDUCTION) extreme.kind = OP_REDUCE_MAX;
    add_scaled(out->error, run_on(e, &extreme, (Tensor *[]){in[0].error}, out->value), 1);
    for (int64_t i = 0; i < out->error->count; i++)
        if (out->error->floats[i] < 0) out->error->floats[i] = 0;
    clamp_at_zero(out->error);
}

void bound_reduction(Expectation *e, const Op *op, const Bounded *in, Bounded *out) {
    Tensor *value = out->value;
    if (!value->floats || op->kind == OP_REDUCE_MAX || op->kind == OP_REDUCE_MIN) {
        worst_of(e, op, in, out);
        return;
    }
    double terms = reduced_terms(op, in[0].value);
    if (terms == 0) return;
    Tensor *sums = run_on(e, op, (Tensor *[]){magnitudes(e, in[0].value)}, value);
    add_scaled(out->error, sums, sum_factor(value->dtype, terms));
    add_scaled(out->error, run_on(e, op, (Tensor *[]){in[0].error}, value), 1);
    if (terms == 1 && !any_error(in[0].error) && e->strict)
        for (int64_t i = 0; i < value->count; i++) out->error->floats[i] = 0;
    forget_overflows(value->dtype, sums, op->kind == OP_REDUCE_MEAN ? terms : 1, out->error);
}

static double window_terms(const Op *op, const Tensor *in) {
    double terms = 1;
    const Attr *kernel = op_attr(op, ATTR_KERNEL);
    int spatial = kernel ? kernel->count : op_attr(op, ATTR_SHAPE)->count;
    for (int i = 0; i < spatial; i++)
        terms *= kernel ? (double)kernel->integers[i] : (double)in->dims[in->rank - spatial + i];
    return terms;
}

void bound_window(Expectation *e, const Op *op, const Bounded *in, Bounded *out) {
    if (op->kind == OP_MAX_POOL) {
        worst_of(e, op, in, out);
        return;
    }
    Tensor *value = out->value;
    double terms = window_terms(op, in[0].value);
    Tensor *sums = run_on(e, op, (Tensor *[]){magnitudes(e, in[0].value)}, value);
    add_scaled(out->error, sums, sum_factor(value->dtype, terms));
    add_scaled(out->error, run_on(e, op, (Tensor *[]){in[0].error}, value), 1);
    forget_overflows(value->dtype, sums, terms, out->error);
}

/* ---- Lines: softmax and argmax ---- */

typedef struct Lines {
    int64_t outer, length, inner;
} Lines;

static Lines lines_of(const Op *op, const Tensor *tensor) {
    int axis = (int)op_int(op, ATTR_AXIS, 0);
    Lines lines = {1, tensor->dims[axis], 1};
    for (int i = 0; i < axis; i++) lines.outer *= tensor->dims[i];
    for (int i = axis + 1; i < tensor->rank; i++) lines.inner *= tensor->dims[i];
    return lines;
}

/* Each power e^(a - max) is off by the errors of a and max, and by the rounding of a - max, which the
 * function magnifies. */
static void softmax_line(const Op *op, DType dtype, const double *a, const double *ea, const double *y,
                         double *error, int64_t length, int64_t step) {
    double largest = -INFINITY, worst = 0, u = unit_roundoff(dtype), mass = 0;
    for (int64_t i = 0; i < length; i++) {
        largest = fmax(largest, a[i * step]);
        worst = fmax(worst, ea[i * step]);
    }
    for (int64_t i = 0; i < length; i++) {
        double power = exp(a[i * step] - largest);
        mass += power * (largest - a[i * step] + 4);
    }
    double sum_error = ((double)length + mass + 4) * u + expm1(2 * worst);
    for (int64_t i = 0; i < length; i++) {
        double shift = fabs(a[i * step] - largest);
        double own = (shift + 4) * u + expm1(ea[i * step] + worst);
        if (op->kind == OP_SOFTMAX)
            error[i * step] = y[i * step] * (own + sum_error + own * sum_error) + 4 * ulp_at(dtype, 0);
        else
            error[i * step] = ea[i * step] + worst +
                              (shift + fabs(y[i * step]) + log((double)length) + 4) * 2 * u + sum_error;
        if (isnan(error[i * step])) error[i * step] = isnan(y[i * step]) && worst == 0 ? 0 : INFINITY;
    }
}

void bound_softmax(Expectation *e, const Op *op, const Bounded *in, Bounded *out) {
    (void)e;
    Lines lines = lines_of(op, in[0].value);
    for (int64_t i = 0; i < lines.outer; i++)
        for (int64_t j = 0; j < lines.inner; j++) {
            int64_t at = i * lines.length * lines.inner + j;
            softmax_line(op, out->value->dtype, in[0].value->floats + at, in[0].error->floats + at,
                         out->value->floats + at, out->error->floats + at, lines.length, lines.inner);
        }
}

static double element(const Tensor *tensor, int64_t at) {
    return tensor->floats ? tensor->floats[at] : (double)tensor->integers[at];
}

/* Unknown when another element comes as near as the errors of both. */
static bool rivalled(const Bounded *in, int64_t first, int64_t step, int64_t length, int64_t best) {
    int64_t winner = first + best * step;
    for (int64_t k = 0; k < length; k++) {
        int64_t at = first + k * step;
        double errors = in->error->floats[at] + in->error->floats[winner];
        if (k != best && errors > 0 && !(fabs(element(in->value, at) - element(in->value, winner)) > errors))
            return true;
    }
    return false;
}

void bound_argreduce(Expectation *e, const Op *op, const Bounded *in, Bounded *out) {
    (void)e;
    Lines lines = lines_of(op, in[0].value);
    for (int64_t i = 0; i < lines.outer; i++)
        for (int64_t j = 0; j < lines.inner; j++) {
            int64_t first = i * lines.length * lines.inner + j, at = i * lines.inner + j;
            if (rivalled(in, first, lines.inner, lines.length, out->value->integers[at]))
                out->error->floats[at] = INFINITY;
        }
}

/* ---- Normalisation ---- */

/* The place in the reduced tensor of element |at|. */
static int64_t group_of(const Op *op, const Tensor *tensor, int64_t at) {
    int64_t group = 0, stride = 1;
    for (int i = tensor->rank - 1; i >= 0; i--) {
        int64_t index = at % tensor->dims[i];
        at /= tensor->dims[i];
        if (op_axes_contain(op, i)) continue;
        group += index * stride;
        stride *= tensor->dims[i];
    }
    return group;
}

typedef struct Group {
    double sum, magnitude, error, variance, spread, count;
} Group;

void bound_normalize(Expectation *e, const Op *op, const Bounded *in, Bounded *out) {
    const Tensor *x = in[0].value, *ex = in[0].error;
    Group *groups = NEW_ARRAY(e->context.arena, Group, x->count + 1);
    double u = unit_roundoff(x->dtype), eps = op_float(op, ATTR_EPS, 0);
    for (int64_t i = 0; i < x->count; i++) {
        Group *g = &groups[group_of(op, x, i)];
        g->sum += x->floats[i];
        g->magnitude += fabs(x->floats[i]);
        g->error += ex->floats[i];
        g->count++;
    }
    for (int64_t i = 0; i < x->count; i++) {
        Group *g = &groups[group_of(op, x, i)];
        double centred = x->floats[i] - g->sum / g->count,
               mean_error = (g->error + (g->count + 2) * u * g->magnitude) / g->count;
        double off = ex->floats[i] + mean_error + u * (fabs(centred) + mean_error);
        g->variance += centred * centred / g->count;
        g->spread += (2 * fabs(centred) * off + off * off) / g->count;
    }
    for (int64_t i = 0; i < x->count; i++) {
        Group *g = &groups[group_of(op, x, i)];
        double centred = x->floats[i] - g->sum / g->count,
               mean_error = (g->error + (g->count + 2) * u * g->magnitude) / g->count;
        double off = ex->floats[i] + mean_error + u * (fabs(centred) + mean_error);
        double variance_error = g->spread + (g->count + 4) * u * (g->variance + g->spread) + 2 * u * eps;
        double scale = 1 / sqrt(g->variance + eps), far = 1 / sqrt(g->variance + eps - variance_error);
        double scale_error = (far - scale) + 3 * u * far;
        double error = fabs(centred) * scale_error + off * scale + off * scale_error +
                       2 * u * fabs(out->value->floats[i]) + ulp_at(x->dtype, 0);
        if ((g->variance * g->count + centred * centred) > (x->dtype == DTYPE_F64 ? 0x1p1023 : 0x1p127))
            error = INFINITY;
        bool known = isfinite(error) || (isnan(out->value->floats[i]) && g->error == 0);
        out->error->floats[i] = !known ? INFINITY : isfinite(error) ? error : 0;
    }
}

/* ---- Moves ---- */

void bound_move(Expectation *e, const Op *op, const Bounded *in, Bounded *out) {
    if (op->kind == OP_FULL || op->kind == OP_IOTA || op->kind == OP_EXTENT) {
        for (int64_t i = 0; out->value->floats && i < out->value->count; i++)
            out->error->floats[i] =
                out->value->floats[i] == dtype_round(out->value->dtype, out->value->floats[i])
                    ? 0
                    : ulp_at(out->value->dtype, out->value->floats[i]) / 2;
        return;
    }
    bool indexed = op->kind == OP_GATHER || op->kind == OP_ONE_HOT;
    const Bounded *indices = op->kind == OP_GATHER ? &in[1] : &in[0];
    if (indexed && any_error(indices->error)) {
        for (int64_t i = 0; i < out->value->count; i++) out->error->floats[i] = INFINITY;
        return;
    }
    if (op->kind == OP_ONE_HOT) return;
    Tensor **errors = NEW_ARRAY(e->context.arena, Tensor *, op->operand_count + 1);
    for (int i = 0; i < op->operand_count; i++) errors[i] = in[i].error;
    if (op->kind == OP_GATHER) errors[1] = in[1].value;
    add_scaled(out->error, run_on(e, op, errors, out->value), 1);
}
