#include "ir/shapes/infer_internal.h"

/* matmul, by NumPy's rules: a rank 1 operand is a row (left) or a column (right), whose axis the result
 * lacks. a: [batch.., m, k]   b: [batch.., k, n]   result: [batch.., m, n] */
bool infer_matmul(Module *module, Op *op) {
    const Type *a = operand_type(op, 0), *b = operand_type(op, 1);
    if (!infer_same_dtypes(module, op, 0) || !infer_expect_float(module, op, 0)) return false;
    if (!a->rank || !b->rank) {
        infer_error(module, op, E0304, "a scalar cannot be multiplied as a matrix; write '*'");
        return false;
    }
    const Expr *left = a->dims[a->rank - 1], *right = b->dims[b->rank == 1 ? 0 : b->rank - 2];
    if (!infer_dims_equal(module, left, right, op->span)) {
        infer_error(module, op, E0305, "inner sizes differ: %s and %s", dim_text(module, left),
                    dim_text(module, right));
        return false;
    }
    Type a_batch = type_make(a->dtype, a->rank > 2 ? a->rank - 2 : 0, a->dims);
    Type b_batch = type_make(b->dtype, b->rank > 2 ? b->rank - 2 : 0, b->dims);
    Type result;
    if (!infer_broadcast(module, &a_batch, &b_batch, &result, op->span)) {
        infer_error(module, op, E0303, "batch axes do not broadcast: %s and %s",
                    dims_text(module, a_batch.dims, a_batch.rank),
                    dims_text(module, b_batch.dims, b_batch.rank));
        return false;
    }
    if (a->rank > 1) result.dims[result.rank++] = a->dims[a->rank - 2];
    if (b->rank > 1) result.dims[result.rank++] = b->dims[b->rank - 1];
    return infer_result(module, op, a->dtype, result.rank, result.dims);
}

static bool bias_fits(Module *module, const Op *op, const Expr *outputs) {
    if (op->operand_count < 3) return true;
    const Type *bias = operand_type(op, 2);
    if (bias->rank == 1 && infer_dims_equal(module, bias->dims[0], outputs, op->span)) return true;
    infer_error(module, op, bias->rank == 1 ? E0305 : E0304, "the bias must have the shape [%s], found %s",
                dim_text(module, outputs), dims_text(module, bias->dims, bias->rank));
    return false;
}

/* groups * units results of groups * units rows, the units rounded up to whole panels. */
static bool interleaved_outputs(Module *module, const Op *op, const Expr **out_outputs) {
    int64_t groups = op_int_at(op, ATTR_INTERLEAVE, 0, 0), units = op_int_at(op, ATTR_INTERLEAVE, 1, 0),
            panel = op_int_at(op, ATTR_INTERLEAVE, 2, 0), most = 1 << 24;
    bool sizes = groups > 0 && units > 0 && panel > 0 && groups < most && units < most && panel < most;
    if (!sizes || !expr_equals(*out_outputs, groups * ((units + panel - 1) / panel) * panel)) {
        infer_error(module, op, E0308, "%s rows are not whole panels of %lld for %lld groups of %lld",
                    dim_text(module, *out_outputs), (long long)panel, (long long)groups, (long long)units);
        return false;
    }
    *out_outputs = expr_constant(module->exprs, groups * units);
    return true;
}

/* x: [.., K]   w: [N, K]   bias: [N]   result: [.., N] */
bool infer_linear(Module *module, Op *op) {
    const Type *x = operand_type(op, 0), *w = operand_type(op, 1);
    if (!infer_same_dtypes(module, op, 0) || !infer_expect_float(module, op, 0)) return false;
    if (!x->rank || w->rank != 2) {
        infer_error(module, op, E0304, "expected x[.., K] and w[N, K], found ranks %d and %d", x->rank,
                    w->rank);
        return false;
    }
    if (!infer_dims_equal(module, x->dims[x->rank - 1], w->dims[1], op->span)) {
        Diagnostic *error =
            infer_error(module, op, E0305, "input sizes differ: x has %s, the weight takes %s",
                        dim_text(module, x->dims[x->rank - 1]), dim_text(module, w->dims[1]));
        diagnostic_note(error, (Span){0},
                        "the last axis of x is multiplied; a feature map may need flatten(x) first");
        return false;
    }
    if (!bias_fits(module, op, w->dims[0])) return false;
    Type result = *x;
    result.dims[x->rank - 1] = w->dims[0];
    if (op_attr(op, ATTR_INTERLEAVE) && !interleaved_outputs(module, op, &result.dims[x->rank - 1]))
        return false;
    return infer_result(module, op, x->dtype, result.rank, result.dims);
}

static bool conv_ranks_fit(Module *module, const Op *op) {
    const Type *x = operand_type(op, 0), *w = operand_type(op, 1);
    int spatial = w->rank - 2;
    if (spatial < 1 || spatial > SPATIAL_MAX) {
        infer_error(module, op, E0304,
                    "the weight must be [O, C/groups, K..] with 1 or 2 spatial axes, found %s",
                    dims_text(module, w->dims, w->rank));
        return false;
    }
    if (x->rank != spatial + 1 && x->rank != spatial + 2) {
        infer_error(module, op, E0304,
                    "the weight has %d spatial ax%s, so x must have rank %d, or %d without a batch; found %d",
                    spatial, spatial == 1 ? "is" : "es", spatial + 2, spatial + 1, x->rank);
        return false;
    }
    for (int i = 0; i < w->rank; i++) {
        if (expr_is_constant(w->dims[i], NULL)) continue;
        infer_error(module, op, E0308, "the weight's extents must be constants, found %s",
                    dims_text(module, w->dims, w->rank));
        return false;
    }
    return true;
}

static bool conv_channels_fit(Module *module, const Op *op) {
    const Type *x = operand_type(op, 0), *w = operand_type(op, 1);
    const Expr *channels = x->dims[x->rank - (w->rank - 2) - 1];
    int64_t groups = op_int(op, ATTR_GROUPS, 1), outputs = expr_value(w->dims[0]), inputs;
    if (groups < 1 || groups > AMOUNT_MAX) {
        infer_error(module, op, E0308, "'groups' must be at least 1, found %lld", (long long)groups);
        return false;
    }
    if (outputs % groups || (expr_is_constant(channels, &inputs) && inputs % groups)) {
        infer_error(module, op, E0308, "groups = %lld does not divide the %s channels", (long long)groups,
                    outputs % groups ? arena_printf(module->arena, "%lld output", (long long)outputs)
                                     : arena_printf(module->arena, "%s input", dim_text(module, channels)));
        return false;
    }
    const Expr *wanted = expr_scale(module->exprs, w->dims[1], groups);
    if (!infer_dims_equal(module, channels, wanted, op->span)) {
        Diagnostic *error = infer_error(module, op, E0305, "channels differ: x has %s, the weight takes %s",
                                        dim_text(module, channels), dim_text(module, wanted));
        if (groups > 1)
            diagnostic_note(error, (Span){0}, "%s per group, groups = %lld", dim_text(module, w->dims[1]),
                            (long long)groups);
        return false;
    }
    return true;
}

/* x: [N, C, D..] or [C, D..]   w: [O, C/groups, K..]   bias: [O]   result: [N, O, P..] or [O, P..], P the
 * positions */
/* The extent of an axis with |spread| - 1 zeros between its elements; NULL: an error was reported. */
static const Expr *spread_extent(Module *module, const Op *op, const Expr *extent, int64_t spread,
                                 int64_t stride) {
    if (spread == 1) return extent;
    if (stride == 1)
        return expr_add_constant(module->exprs, expr_scale(module->exprs, extent, spread), 1 - spread);
    infer_error(module, op, E0308, "an axis has either a stride or an input dilation, found %lld and %lld",
                (long long)stride, (long long)spread);
    return NULL;
}

bool infer_conv(Module *module, Op *op) {
    const Type *x = operand_type(op, 0), *w = operand_type(op, 1);
    if (!infer_same_dtypes(module, op, 0) || !infer_expect_float(module, op, 0)) return false;
    if (!conv_ranks_fit(module, op) || !conv_channels_fit(module, op)) return false;
    if (!bias_fits(module, op, w->dims[0])) return false;
    int spatial = w->rank - 2, first = x->rank - spatial;
    int64_t sizes[SPATIAL_MAX];
    const int64_t ones[SPATIAL_MAX] = {1, 1};
    Window windows[SPATIAL_MAX];
    for (int i = 0; i < spatial; i++) sizes[i] = expr_value(w->dims[2 + i]);
    int64_t spreads[SPATIAL_MAX];
    if (!infer_windows(module, op, spatial, sizes, ones, windows) ||
        !infer_amounts(module, op, ATTR_INPUT_DILATION, spatial, 1, 1, spreads))
        return false;
    Type result = *x;
    result.dims[first - 1] = w->dims[0];
    for (int i = 0; i < spatial; i++) {
        const Expr *extent = spread_extent(module, op, x->dims[first + i], spreads[i], windows[i].stride);
        result.dims[first + i] = extent ? infer_window_positions(module, op, extent, &windows[i]) : NULL;
        if (!result.dims[first + i]) return false;
    }
    return infer_result(module, op, x->dtype, result.rank, result.dims);
}
