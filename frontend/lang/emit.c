#include "frontend/lang/builder_internal.h"

#include <string.h>

enum { OPS_MAX = 1000000, EXTENT_PARTS_MAX = 256 };

Op *emit_begin(Builder *b, OpKind kind, Value *const *operands, int count, Span span) {
    if (b->stopped) return NULL;
    for (int i = 0; i < count; i++)
        if (!operands[i]) return NULL;
    if (!b->block) {
        build_error(b, E0210, span, "a tensor cannot be computed here; only compile-time values can");
        return NULL;
    }
    if (++b->op_count > OPS_MAX) {
        build_stop(b, E0212, span, "the graph has more than %d operations", OPS_MAX);
        return NULL;
    }
    return op_create(b->module, b->block, kind, operands, count, user_place(b, span), b->path);
}

/* Counts the parts of |expr| against a budget. */
static bool expr_within(const Expr *expr, int *budget) {
    if (--*budget < 0) return false;
    if (expr->kind == EXPR_SYMBOL) return true;
    if (expr->kind != EXPR_SUM) return expr_within(expr->left, budget) && expr_within(expr->right, budget);
    for (int i = 0; i < expr->term_count; i++) {
        if (--*budget < 0) return false;
        for (int j = 0; j < expr->terms[i].atom_count; j++)
            if (!expr_within(expr->terms[i].atoms[j], budget)) return false;
    }
    return true;
}

bool extent_is_simple(Builder *b, const Expr *extent, Span span) {
    int budget = EXTENT_PARTS_MAX;
    if (expr_within(extent, &budget)) return true;
    build_stop(b, E0212, span, "an extent has more than %d parts; give it a name by a dim", EXTENT_PARTS_MAX);
    return false;
}

static bool results_are_simple(Builder *b, const Op *op) {
    for (int i = 0; i < op->result_count; i++)
        for (int j = 0; j < op->results[i]->type.rank; j++)
            if (!extent_is_simple(b, op->results[i]->type.dims[j], op->span)) return false;
    return true;
}

bool emit_finish(Builder *b, Op *op) {
    if (!op) return false;
    int errors = diagnostics_error_count(b->diagnostics);
    if (infer_op(b->module, op) && results_are_simple(b, op)) return true;
    Diagnostic *error = diagnostics_last(b->diagnostics);
    if (error && !b->stopped && diagnostics_error_count(b->diagnostics) > errors) build_context(b, error);
    op_remove(op);
    return false;
}

Value *emit_end(Builder *b, Op *op) { return emit_finish(b, op) ? op->results[0] : NULL; }

Value *emit(Builder *b, OpKind kind, Value *const *operands, int count, Span span) {
    return emit_end(b, emit_begin(b, kind, operands, count, span));
}

Value *emit_full(Builder *b, const Type *type, double value, Span span) {
    Op *op = emit_begin(b, OP_FULL, NULL, 0, span);
    if (!op) return NULL;
    op_set_float(b->module, op, ATTR_VALUE, value);
    op_set_exprs(b->module, op, ATTR_SHAPE, type->dims, type->rank);
    op_set_int(b->module, op, ATTR_DTYPE, type->dtype);
    return emit_end(b, op);
}

Value *emit_cast(Builder *b, Value *value, DType dtype, Span span) {
    if (!value || value->type.dtype == dtype) return value;
    Op *op = emit_begin(b, OP_CAST, &value, 1, span);
    if (!op) return NULL;
    op_set_int(b->module, op, ATTR_DTYPE, dtype);
    return emit_end(b, op);
}

Value *emit_reshape(Builder *b, Value *value, const Expr *const *dims, int rank, Span span) {
    if (!value) return NULL;
    Type wanted = type_make(value->type.dtype, rank, dims);
    if (type_equal(&wanted, &value->type)) return value;
    Op *op = emit_begin(b, OP_RESHAPE, &value, 1, span);
    if (!op) return NULL;
    op_set_exprs(b->module, op, ATTR_SHAPE, dims, rank);
    return emit_end(b, op);
}

Value *emit_permute(Builder *b, Value *value, const int64_t *permutation, Span span) {
    Op *op = emit_begin(b, OP_PERMUTE, &value, 1, span);
    if (!op) return NULL;
    op_set_ints(b->module, op, ATTR_PERMUTATION, permutation, value->type.rank);
    return emit_end(b, op);
}

Value *emit_extent(Builder *b, const Expr *extent, DType dtype, Span span) {
    if (extent->min < 0 || extent->max > INT32_MAX) {
        build_error(b, E0228, span,
                    "an extent used as a number must lie in 0..2^31 - 1; this one may be %lld..%lld",
                    (long long)extent->min, (long long)extent->max);
        return NULL;
    }
    Op *op = emit_begin(b, OP_EXTENT, NULL, 0, span);
    if (!op) return NULL;
    op_set_exprs(b->module, op, ATTR_SHAPE, &extent, 1);
    op_set_int(b->module, op, ATTR_DTYPE, DTYPE_I32);
    return emit_cast(b, emit_end(b, op), dtype, span);
}

RecipeMark recipe_begin(Builder *b) {
    RecipeMark mark = {b->block, b->region, b->module->current_entry};
    b->block = block_create(b->module, NULL);
    b->region = NULL;
    b->module->current_entry = NULL;
    return mark;
}

Value *recipe_end(Builder *b, RecipeMark mark, Value *value, const char *name, Span span) {
    Block *block = b->block;
    b->block = mark.block;
    b->region = mark.region;
    b->module->current_entry = mark.entry;
    if (!value || value->kind == VALUE_CONSTANT) return value;
    Constant *constant = constant_create(b->module, CONSTANT_RECIPE, name, value->type, span);
    constant->recipe = block;
    op_create(b->module, block, OP_YIELD, &value, 1, span, NULL);
    return constant->value;
}
