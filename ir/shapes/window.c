#include "ir/shapes/infer_internal.h"

/* First and last spatial axis' extents follow the channels: x[N, C, D..] or [C, D..]. */
static bool spatial_rank_fits(Module *module, const Op *op, int spatial) {
    int rank = operand_type(op, 0)->rank;
    if (spatial < 1 || spatial > SPATIAL_MAX) {
        infer_error(module, op, E0307, "takes 1 or 2 spatial axes, found %d", spatial);
        return false;
    }
    if (rank != spatial + 1 && rank != spatial + 2) {
        infer_error(module, op, E0304,
                    "%d spatial ax%s need an operand of rank %d, or %d without a batch; found rank %d",
                    spatial, spatial == 1 ? "is" : "es", spatial + 2, spatial + 1, rank);
        return false;
    }
    return true;
}

bool infer_windows(Module *module, const Op *op, int spatial, const int64_t *sizes,
                   const int64_t *default_strides, Window *out) {
    int64_t strides[SPATIAL_MAX], dilations[SPATIAL_MAX], padding[2 * SPATIAL_MAX];
    if (!op_attr(op, ATTR_STRIDE))
        for (int i = 0; i < spatial; i++) strides[i] = default_strides[i];
    else if (!infer_amounts(module, op, ATTR_STRIDE, spatial, 1, 1, strides))
        return false;
    if (!infer_amounts(module, op, ATTR_DILATION, spatial, 1, 1, dilations)) return false;
    if (!infer_amounts(module, op, ATTR_PADDING, 2 * spatial, 0, 0, padding)) return false;
    for (int i = 0; i < spatial; i++) {
        if (sizes[i] < 1 || sizes[i] > AMOUNT_MAX) {
            infer_error(module, op, E0308,
                        "a window of size %lld along spatial axis %d; it must be in 1..%lld",
                        (long long)sizes[i], i, (long long)AMOUNT_MAX);
            return false;
        }
        out[i] = (Window){sizes[i],       strides[i],         dilations[i],
                          padding[2 * i], padding[2 * i + 1], op_int(op, ATTR_CEIL_MODE, 0) != 0};
    }
    return true;
}

/* With ceil_mode a last window may hang over the end, but must start inside the operand or its padding
 * before. The first condition allows 1 + ceil((padded - span) / stride) positions, the second 1 +
 * ceil((extent + before - stride) / stride); which is less depends on constants only. */
const Expr *infer_window_positions(Module *module, const Op *op, const Expr *extent, const Window *window) {
    ExprTable *table = module->exprs;
    int64_t span = (window->size - 1) * window->dilation + 1;
    const Expr *stride = expr_constant(table, window->stride);
    const Expr *padded = expr_add_constant(table, extent, window->before + window->after);
    const Expr *room = expr_add_constant(table, padded, -span);
    if (!infer_at_least_zero(module, room, op->span)) {
        Diagnostic *error =
            infer_error(module, op, E0309, "a window of %lld does not fit into the padded extent %s",
                        (long long)span, dim_text(module, padded));
        if (window->dilation > 1)
            diagnostic_note(error, (Span){0}, "a kernel of %lld with dilation %lld spans %lld",
                            (long long)window->size, (long long)window->dilation, (long long)span);
        return NULL;
    }
    const Expr *one = expr_constant(table, 1);
    if (!window->ceil_mode) return expr_add(table, expr_floordiv(table, room, stride), one);
    if (window->stride + window->after <= span)
        return expr_add(table, expr_ceildiv(table, room, stride), one);
    return expr_ceildiv(table, expr_add_constant(table, extent, window->before), stride);
}

/* Padding that holds a whole window would make a maximum or a mean of nothing. */
static bool padding_fits(Module *module, const Op *op, const Window *window) {
    int64_t span = (window->size - 1) * window->dilation + 1;
    int64_t larger = window->before > window->after ? window->before : window->after;
    if (larger < span) return true;
    infer_error(module, op, E0308, "padding of %lld would hold a whole window of %lld", (long long)larger,
                (long long)span);
    return false;
}

bool infer_pool(Module *module, Op *op) {
    const Type *x = operand_type(op, 0);
    const Attr *kernel = op_attr(op, ATTR_KERNEL);
    if (!infer_expect_float(module, op, 0)) return false;
    if (!kernel) {
        infer_error(module, op, E0307, "needs the attribute 'kernel'");
        return false;
    }
    int spatial = kernel->count;
    if (!spatial_rank_fits(module, op, spatial)) return false;
    Window windows[SPATIAL_MAX];
    if (!infer_windows(module, op, spatial, kernel->integers, kernel->integers, windows)) return false;
    Type result = *x;
    for (int i = 0; i < spatial; i++) {
        const Expr **extent = &result.dims[x->rank - spatial + i];
        if (op->kind == OP_AVG_POOL && windows[i].dilation != 1) {
            infer_error(module, op, E0308, "takes no dilation");
            return false;
        }
        if (!padding_fits(module, op, &windows[i])) return false;
        *extent = infer_window_positions(module, op, *extent, &windows[i]);
        if (!*extent) return false;
    }
    return infer_result(module, op, x->dtype, result.rank, result.dims);
}

bool infer_adaptive(Module *module, Op *op) {
    const Type *x = operand_type(op, 0);
    const Attr *sizes;
    if (!infer_expect_float(module, op, 0) || !infer_shape_attr(module, op, -1, &sizes)) return false;
    if (!spatial_rank_fits(module, op, sizes->count)) return false;
    Type result = *x;
    for (int i = 0; i < sizes->count; i++) result.dims[x->rank - sizes->count + i] = sizes->exprs[i];
    return infer_result(module, op, x->dtype, result.rank, result.dims);
}

/* x: [N, C, H, W]   {stride = [a, b], padding}   result: [N, C * a * b, (H + before + after) / a, ..] */
bool infer_space_to_depth(Module *module, Op *op) {
    const Type *x = operand_type(op, 0);
    int64_t sizes[2];
    if (x->rank != 4) {
        infer_error(module, op, E0304, "expected x[N, C, H, W], found rank %d", x->rank);
        return false;
    }
    if (!infer_amounts(module, op, ATTR_STRIDE, 2, 1, 1, sizes)) return false;
    Window windows[2];
    if (!infer_windows(module, op, 2, sizes, sizes, windows)) return false;
    Type result = *x;
    result.dims[1] = expr_scale(module->exprs, expr_scale(module->exprs, x->dims[1], sizes[0]), sizes[1]);
    for (int i = 0; i < 2; i++) {
        result.dims[2 + i] = infer_window_positions(module, op, x->dims[2 + i], &windows[i]);
        if (!result.dims[2 + i]) return false;
    }
    return infer_result(module, op, x->dtype, result.rank, result.dims);
}
