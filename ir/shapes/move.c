#include "ir/shapes/infer_internal.h"

#include <string.h>

bool infer_concat(Module *module, Op *op) {
    const Type *first = operand_type(op, 0);
    int axis;
    if (!infer_same_dtypes(module, op, 0) || !infer_axis(module, op, first->rank, &axis)) return false;
    Type result = *first;
    for (int i = 1; i < op->operand_count; i++) {
        const Type *next = operand_type(op, i);
        bool fits = next->rank == first->rank;
        for (int j = 0; fits && j < first->rank; j++)
            if (j != axis) fits = infer_dims_equal(module, first->dims[j], next->dims[j], op->span);
        if (!fits) {
            infer_error(module, op, next->rank == first->rank ? E0305 : E0304,
                        "operand %d is %s; only axis %d may differ from %s", i + 1,
                        type_text(module->arena, next), axis, type_text(module->arena, first));
            return false;
        }
        result.dims[axis] = expr_add(module->exprs, result.dims[axis], next->dims[axis]);
    }
    return infer_result(module, op, result.dtype, result.rank, result.dims);
}

bool infer_expand(Module *module, Op *op) {
    const Type *type = operand_type(op, 0);
    const Attr *shape;
    if (!infer_shape_attr(module, op, -1, &shape)) return false;
    int offset = shape->count - type->rank;
    bool fits = offset >= 0;
    for (int i = 0; fits && i < type->rank; i++)
        fits = expr_equals(type->dims[i], 1) ||
               infer_dims_equal(module, type->dims[i], shape->exprs[offset + i], op->span);
    if (!fits) {
        infer_error(module, op, E0303, "%s does not broadcast to %s",
                    dims_text(module, type->dims, type->rank), dims_text(module, shape->exprs, shape->count));
        return false;
    }
    return infer_result(module, op, type->dtype, shape->count, shape->exprs);
}

bool infer_full(Module *module, Op *op) {
    const Attr *shape;
    DType dtype;
    return infer_shape_attr(module, op, -1, &shape) && infer_dtype_attr(module, op, &dtype) &&
           infer_result(module, op, dtype, shape->count, shape->exprs);
}

bool infer_extent(Module *module, Op *op) {
    const Attr *shape;
    DType dtype;
    if (!infer_shape_attr(module, op, 1, &shape) || !infer_dtype_attr(module, op, &dtype)) return false;
    if (dtype == DTYPE_I32 || dtype == DTYPE_I64) return infer_result(module, op, dtype, 0, NULL);
    infer_error(module, op, E0302, "gives i32 or i64");
    return false;
}

bool infer_iota(Module *module, Op *op) {
    const Attr *shape;
    DType dtype;
    if (!infer_shape_attr(module, op, 1, &shape) || !infer_dtype_attr(module, op, &dtype)) return false;
    if (dtype == DTYPE_BOOL) {
        infer_error(module, op, E0302, "counts in numbers, not in bool");
        return false;
    }
    return infer_result(module, op, dtype, 1, shape->exprs);
}

/* x: [A.., X, B..]   indices: [I..]   result: [A.., I.., B..] */
bool infer_gather(Module *module, Op *op) {
    const Type *x = operand_type(op, 0), *indices = operand_type(op, 1);
    int axis;
    if (!infer_expect_integer(module, op, 1) || !infer_axis(module, op, x->rank, &axis)) return false;
    const Expr *dims[2 * RANK_MAX];
    int rank = 0;
    for (int i = 0; i < axis; i++) dims[rank++] = x->dims[i];
    for (int i = 0; i < indices->rank; i++) dims[rank++] = indices->dims[i];
    for (int i = axis + 1; i < x->rank; i++) dims[rank++] = x->dims[i];
    return infer_result(module, op, x->dtype, rank, dims);
}

bool infer_one_hot(Module *module, Op *op) {
    const Type *indices = operand_type(op, 0);
    const Attr *shape;
    if (!infer_expect_integer(module, op, 0) || !infer_shape_attr(module, op, 1, &shape)) return false;
    const Expr *dims[RANK_MAX + 1];
    for (int i = 0; i < indices->rank; i++) dims[i] = indices->dims[i];
    dims[indices->rank] = shape->exprs[0];
    return infer_result(module, op, DTYPE_F32, indices->rank + 1, dims);
}

/* What a mode demands of an axis: reflect needs the amount + 1 elements, replicate one. */
static bool padding_fits(Module *module, const Op *op, const char *mode, int axis, int64_t before,
                         int64_t after) {
    int64_t larger = before > after ? before : after;
    if (larger <= 0 || strcmp(mode, "constant") == 0) return true;
    int64_t needed = strcmp(mode, "reflect") == 0 ? larger + 1 : 1;
    const Expr *extent = operand_type(op, 0)->dims[axis];
    if (infer_at_least_zero(module, expr_add_constant(module->exprs, extent, -needed), op->span)) return true;
    infer_error(module, op, E0313, "%s padding of %lld needs an extent of at least %lld, axis %d has %s",
                mode, (long long)larger, (long long)needed, axis, dim_text(module, extent));
    return false;
}

bool infer_pad(Module *module, Op *op) {
    const Type *type = operand_type(op, 0);
    const char *mode = op_string(op, ATTR_MODE, "constant");
    if (strcmp(mode, "constant") != 0 && strcmp(mode, "reflect") != 0 && strcmp(mode, "replicate") != 0) {
        infer_error(module, op, E0308, "unknown mode '%s'; there are constant, reflect and replicate", mode);
        return false;
    }
    int64_t amounts[2 * RANK_MAX];
    if (!infer_amounts(module, op, ATTR_PADDING, 2 * type->rank, -AMOUNT_MAX, 0, amounts)) return false;
    Type result = *type;
    for (int i = 0; i < type->rank; i++) {
        int64_t before = amounts[2 * i], after = amounts[2 * i + 1];
        if (!padding_fits(module, op, mode, i, before, after)) return false;
        result.dims[i] = expr_add_constant(module->exprs, type->dims[i], before + after);
        /* Cutting takes from the operand alone: neither side may take more than there is. */
        int64_t cut = (before < 0 ? before : 0) + (after < 0 ? after : 0);
        if (!infer_at_least_zero(module, expr_add_constant(module->exprs, type->dims[i], cut), op->span)) {
            infer_error(module, op, E0313, "cuts %lld elements off axis %d, which has %s", (long long)-cut, i,
                        dim_text(module, type->dims[i]));
            return false;
        }
    }
    return infer_result(module, op, type->dtype, result.rank, result.dims);
}

bool infer_permute(Module *module, Op *op) {
    const Type *type = operand_type(op, 0);
    const Attr *permutation = op_attr(op, ATTR_PERMUTATION);
    if (!permutation || permutation->count != type->rank) {
        infer_error(module, op, E0307, "'permutation' needs %d axes, found %d", type->rank,
                    permutation ? permutation->count : 0);
        return false;
    }
    Type result = *type;
    bool seen[RANK_MAX] = {false};
    for (int i = 0; i < type->rank; i++) {
        int64_t axis = permutation->integers[i];
        if (axis < 0 || axis >= type->rank || seen[axis]) {
            infer_error(module, op, E0306, "'permutation' must name each axis of 0..%d once; %lld %s",
                        type->rank - 1, (long long)axis,
                        axis < 0 || axis >= type->rank ? "is out of range" : "stands twice");
            return false;
        }
        seen[axis] = true;
        result.dims[i] = type->dims[axis];
    }
    return infer_result(module, op, type->dtype, result.rank, result.dims);
}

/* The layout of the result is the caller's to set. */
bool infer_relayout(Module *module, Op *op) {
    const Type *type = operand_type(op, 0);
    return infer_result(module, op, type->dtype, type->rank, type->dims);
}

bool infer_reshape(Module *module, Op *op) {
    const Type *type = operand_type(op, 0);
    const Attr *shape;
    if (!infer_shape_attr(module, op, -1, &shape)) return false;
    Type result = type_make(type->dtype, shape->count, shape->exprs);
    const Expr *found = type_count(module, type), *wanted = type_count(module, &result);
    if (!infer_dims_equal(module, found, wanted, op->span)) {
        infer_error(module, op, E0310, "%s has %s elements, %s has %s",
                    dims_text(module, type->dims, type->rank), dim_text(module, found),
                    dims_text(module, shape->exprs, shape->count), dim_text(module, wanted));
        return false;
    }
    return infer_result(module, op, type->dtype, shape->count, shape->exprs);
}

/* First and last index must lie in 0..extent-1; an empty slice reads nothing. */
static bool slice_fits(Module *module, const Op *op, int axis, const Expr *start, const Expr *count,
                       int64_t step) {
    ExprTable *table = module->exprs;
    const Expr *extent = operand_type(op, 0)->dims[axis];
    if (expr_equals(count, 0)) return true;
    const Expr *last = expr_add(table, start, expr_scale(table, expr_add_constant(table, count, -1), step));
    const Expr *lowest = step > 0 ? start : last, *highest = step > 0 ? last : start;
    const Expr *room = expr_add_constant(table, expr_sub(table, extent, highest), -1);
    if (infer_at_least_zero(module, lowest, op->span) && infer_at_least_zero(module, room, op->span))
        return true;
    infer_error(module, op, E0312, "reads %s to %s of axis %d, which has the extent %s",
                dim_text(module, start), dim_text(module, last), axis, dim_text(module, extent));
    return false;
}

bool infer_slice(Module *module, Op *op) {
    const Type *type = operand_type(op, 0);
    const Attr *starts = op_attr(op, ATTR_STARTS), *shape;
    int64_t steps[RANK_MAX];
    if (!infer_shape_attr(module, op, type->rank, &shape)) return false;
    if (!starts || starts->count != type->rank) {
        infer_error(module, op, E0307, "'starts' needs %d numbers, found %d", type->rank,
                    starts ? starts->count : 0);
        return false;
    }
    if (!infer_amounts(module, op, ATTR_STEPS, type->rank, -AMOUNT_MAX, 1, steps)) return false;
    for (int i = 0; i < type->rank; i++) {
        if (steps[i] == 0) {
            infer_error(module, op, E0308, "the step of axis %d is 0", i);
            return false;
        }
        if (!slice_fits(module, op, i, starts->exprs[i], shape->exprs[i], steps[i])) return false;
    }
    return infer_result(module, op, type->dtype, type->rank, shape->exprs);
}
