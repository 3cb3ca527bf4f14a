#include "ir/shapes/infer_internal.h"

static bool without_axes(Module *module, Op *op, DType dtype, const bool reduced[RANK_MAX]) {
    const Type *type = operand_type(op, 0);
    bool keep = op_int(op, ATTR_KEEPDIMS, 0) != 0;
    const Expr *dims[RANK_MAX];
    int rank = 0;
    for (int i = 0; i < type->rank; i++) {
        if (!reduced[i])
            dims[rank++] = type->dims[i];
        else if (keep)
            dims[rank++] = expr_constant(module->exprs, 1);
    }
    return infer_result(module, op, dtype, rank, dims);
}

bool infer_reduce(Module *module, Op *op) {
    bool reduced[RANK_MAX];
    if (op->kind == OP_REDUCE_MEAN ? !infer_expect_float(module, op, 0) : !infer_expect_number(module, op, 0))
        return false;
    return infer_axes(module, op, operand_type(op, 0)->rank, reduced) &&
           without_axes(module, op, operand_type(op, 0)->dtype, reduced);
}

/* The index is an i32, so the axis has 1..2^31 - 1 elements. */
static bool axis_indexable(Module *module, const Op *op, const Expr *extent) {
    if (extent->max > INT32_MAX) {
        infer_error(module, op, E0308, "the index is an i32, too small for an axis of %s",
                    dim_text(module, extent));
        return false;
    }
    if (!infer_at_least_zero(module, expr_add_constant(module->exprs, extent, -1), op->span)) {
        infer_error(module, op, E0308, "the axis is empty: there is no index to find");
        return false;
    }
    return true;
}

bool infer_argreduce(Module *module, Op *op) {
    const Type *type = operand_type(op, 0);
    bool reduced[RANK_MAX] = {false};
    int axis;
    if (!infer_expect_number(module, op, 0) || !infer_axis(module, op, type->rank, &axis)) return false;
    if (!axis_indexable(module, op, type->dims[axis])) return false;
    reduced[axis] = true;
    return without_axes(module, op, DTYPE_I32, reduced);
}

bool infer_softmax(Module *module, Op *op) {
    const Type *type = operand_type(op, 0);
    int axis;
    return infer_expect_float(module, op, 0) && infer_axis(module, op, type->rank, &axis) &&
           infer_result(module, op, type->dtype, type->rank, type->dims);
}

bool infer_normalize(Module *module, Op *op) {
    const Type *type = operand_type(op, 0);
    bool reduced[RANK_MAX];
    if (!infer_expect_float(module, op, 0) || !infer_axes(module, op, type->rank, reduced)) return false;
    if (!(op_float(op, ATTR_EPS, 0) >= 0)) {
        infer_error(module, op, E0308, "'eps' must not be negative, found %g", op_float(op, ATTR_EPS, 0));
        return false;
    }
    return infer_result(module, op, type->dtype, type->rank, type->dims);
}
