#include "test/native/bounds_internal.h"
#include "test/native/values.h"

#include <assert.h>
#include <math.h>

static EvalFunction *const evaluations[OP_COUNT] = {
#define OP(id, text, least, most, results, shape, traits, meaning) [OP_##id] = eval_##id,
#include "ir/ops.def"
#undef OP
};

double unit_roundoff(DType dtype) { return ulp_at(dtype, 1) / 2; }

Tensor *zeros_like(Expectation *e, const Tensor *tensor) {
    return tensor_create(e->context.arena, DTYPE_F64, tensor->rank, tensor->dims);
}

Tensor *magnitudes(Expectation *e, const Tensor *tensor) {
    Tensor *result = zeros_like(e, tensor);
    for (int64_t i = 0; i < tensor->count; i++)
        result->floats[i] = tensor->floats ? fabs(tensor->floats[i]) : fabs((double)tensor->integers[i]);
    return result;
}

/* Unknown times zero stays unknown. */
void add_scaled(Tensor *to, const Tensor *from, double factor) {
    for (int64_t i = 0; i < to->count; i++) {
        double sum = to->floats[i] + from->floats[i] * factor;
        to->floats[i] = isnan(sum) ? INFINITY : sum;
    }
}

bool any_error(const Tensor *error) {
    for (int64_t i = 0; i < error->count; i++)
        if (error->floats[i] != 0) return true;
    return false;
}

Tensor *run_on(Expectation *e, const Op *op, Tensor *const *in, const Tensor *shaped_like) {
    Tensor *out = zeros_like(e, shaped_like);
    Op copy = *op;
    Attr attrs[ATTR_COUNT];
    copy.attrs = attrs;
    copy.attr_count = 0;
    for (int i = 0; i < op->attr_count; i++)
        if (op->attrs[i].id != ATTR_VALUE) attrs[copy.attr_count++] = op->attrs[i];
    evaluations[op->kind](&e->context, &copy, in, &out);
    return out;
}

static void evaluate(Expectation *e, const Op *op, const Bounded *in, const Bounded *out) {
    Tensor **operands = NEW_ARRAY(e->context.arena, Tensor *, op->operand_count + 1);
    for (int i = 0; i < op->operand_count; i++) operands[i] = in[i].value;
    Tensor *result = out[0].value;
    evaluations[op->kind](&e->context, op, operands, &result);
    for (int64_t i = 0; result->integers && i < result->count; i++)
        result->integers[i] = dtype_wrap(result->dtype, result->integers[i]);
}

static void bound_scan(Expectation *e, const Op *op, const Bounded *in, Bounded *out) {
    (void)e, (void)op, (void)in, (void)out;
    assert(!"regions are walked, not evaluated");
}

typedef void BoundFunction(Expectation *e, const Op *op, const Bounded *in, Bounded *out);

/* By trait, but for those that have a rule of their own. */
static BoundFunction *rule_of(OpKind kind) {
    switch (kind) {
    case OP_SOFTMAX:
    case OP_LOG_SOFTMAX: return bound_softmax;
    case OP_NORMALIZE: return bound_normalize;
    case OP_ARGMAX:
    case OP_ARGMIN: return bound_argreduce;
    default: break;
    }
    unsigned traits = op_infos[kind].traits;
    if (traits & OP_POINTWISE) return bound_pointwise;
    if (traits & OP_CONTRACTION) return bound_contraction;
    if (traits & OP_REDUCTION) return bound_reduction;
    if (traits & OP_WINDOW) return bound_window;
    if (traits & OP_MOVE) return bound_move;
    return bound_scan;
}

void bounds_op(Expectation *e, const Op *op, const Bounded *in, Bounded *out) {
    evaluate(e, op, in, out);
    if (e->context.status == EVAL_OK) rule_of(op->kind)(e, op, in, out);
}
