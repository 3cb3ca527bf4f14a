/* Convolutions and pooling: strides, padding in all its forms, operands without a batch axis. */
#include "frontend/lang/functions_internal.h"

#include <string.h>

enum { SPATIAL_MAX = 2 };

typedef struct Windows {
    int spatial;
    int64_t kernel[SPATIAL_MAX], stride[SPATIAL_MAX], dilation[SPATIAL_MAX], padding[2 * SPATIAL_MAX];
} Windows;

static bool read_numbers(BuiltinCall *call, int index, int count, int64_t least, int64_t *out) {
    if (datum_to_integers(call->b, call->values[index], count, call->spans[index],
                          builtin_formal(call, index), out) < 0)
        return false;
    for (int i = 0; i < count; i++) {
        if (out[i] >= least && out[i] <= INT32_MAX) continue;
        build_error(call->b, E0202, call->spans[index], "%s is %lld; it must be at least %lld",
                    builtin_formal(call, index), (long long)out[i], (long long)least);
        return false;
    }
    return true;
}

/* "same": ceil(extent / stride) positions; the odd element of padding stands at the end, or with same_lower
 * at the begin. */
static bool same_padding(BuiltinCall *call, int index, Windows *w, const Value *x, bool lower) {
    for (int i = 0; i < w->spatial; i++) {
        int64_t span = (w->kernel[i] - 1) * w->dilation[i] + 1, total = span - 1, extent;
        if (w->stride[i] != 1) {
            if (!expr_is_constant(x->type.dims[x->type.rank - w->spatial + i], &extent)) {
                build_error(
                    call->b, E0228, call->spans[index],
                    "\"same\" with a stride needs constant extents: its padding depends on %s",
                    datum_text(call->b->arena, datum_extent(x->type.dims[x->type.rank - w->spatial + i])));
                return false;
            }
            int64_t positions = (extent + w->stride[i] - 1) / w->stride[i];
            total = (positions - 1) * w->stride[i] + span - extent;
            if (total < 0) total = 0;
        }
        w->padding[2 * i] = lower ? total - total / 2 : total / 2;
        w->padding[2 * i + 1] = total - w->padding[2 * i];
    }
    return true;
}

static bool is_pairs(Datum datum) {
    return datum.kind == DATUM_LIST && datum.items->count > 0 && datum.items->items[0].kind == DATUM_LIST;
}

static bool read_padding(BuiltinCall *call, int index, Windows *w, const Value *x) {
    Datum padding = call->values[index];
    int64_t sides[SPATIAL_MAX];
    if (padding.kind == DATUM_STRING) {
        if (strcmp(padding.string, "valid") == 0) return true;
        if (strcmp(padding.string, "same") == 0 || strcmp(padding.string, "same_lower") == 0)
            return same_padding(call, index, w, x, padding.string[4] != 0);
        build_error(call->b, E0202, call->spans[index],
                    "padding \"%s\"; there are \"valid\", \"same\" and \"same_lower\"", padding.string);
        return false;
    }
    if (!is_pairs(padding)) {
        if (!read_numbers(call, index, w->spatial, 0, sides)) return false;
        for (int i = 0; i < w->spatial; i++) w->padding[2 * i] = w->padding[2 * i + 1] = sides[i];
        return true;
    }
    if (padding.items->count != w->spatial) {
        build_error(call->b, E0202, call->spans[index], "padding has %d pairs, one per axis makes %d",
                    padding.items->count, w->spatial);
        return false;
    }
    for (int i = 0; i < w->spatial; i++)
        if (datum_to_integers(call->b, padding.items->items[i], 2, call->spans[index],
                              builtin_formal(call, index), &w->padding[2 * i]) < 0)
            return false;
    return true;
}

static void set_windows(Builder *b, Op *op, const Windows *w, bool dilation) {
    bool padded = false, dilated = false;
    for (int i = 0; i < w->spatial; i++) {
        padded |= w->padding[2 * i] || w->padding[2 * i + 1];
        dilated |= w->dilation[i] != 1;
    }
    op_set_ints(b->module, op, ATTR_STRIDE, w->stride, w->spatial);
    if (padded) op_set_ints(b->module, op, ATTR_PADDING, w->padding, 2 * w->spatial);
    if (dilation && dilated) op_set_ints(b->module, op, ATTR_DILATION, w->dilation, w->spatial);
}

/* ---- Convolution ---- */

static bool conv_kernel(BuiltinCall *call, const Value *x, const Value *weight, Windows *w) {
    int spatial = call->builtin->detail;
    if (weight->type.rank != spatial + 2 || (x->type.rank != spatial + 1 && x->type.rank != spatial + 2)) {
        build_error(call->b, E0304, call->span,
                    "%s takes x[N, C, %s] and a weight [O, C/groups, %s], found %s and %s",
                    call->builtin->name, spatial == 1 ? "L" : "H, W", spatial == 1 ? "K" : "KH, KW",
                    type_text(call->b->arena, &x->type), type_text(call->b->arena, &weight->type));
        return false;
    }
    w->spatial = spatial;
    for (int i = 0; i < spatial; i++) {
        if (expr_is_constant(weight->type.dims[2 + i], &w->kernel[i])) continue;
        build_error(call->b, E0308, call->span, "the weight of %s must have constant extents, found %s",
                    call->builtin->name, type_text(call->b->arena, &weight->type));
        return false;
    }
    return true;
}

static Datum conv(BuiltinCall *call) {
    Builder *b = call->b;
    Value *operands[3] = {builtin_tensor(call, 0), builtin_tensor(call, 1), NULL};
    Windows w = {0};
    int64_t groups, spread[SPATIAL_MAX];
    if (!operands[0] || !operands[1] ||
        !builtin_optional_tensor(call, 2, operands[0]->type.dtype, &operands[2]) ||
        !conv_kernel(call, operands[0], operands[1], &w) || !read_numbers(call, 3, w.spatial, 1, w.stride) ||
        !read_numbers(call, 5, w.spatial, 1, w.dilation) || !builtin_integer(call, 6, &groups) ||
        !read_numbers(call, 7, w.spatial, 1, spread) || !read_padding(call, 4, &w, operands[0]))
        return POISON;
    Op *op = emit_begin(b, OP_CONV, operands, operands[2] ? 3 : 2, call->span);
    if (!op) return POISON;
    set_windows(b, op, &w, true);
    if (groups != 1) op_set_int(b->module, op, ATTR_GROUPS, groups);
    if (spread[0] != 1 || spread[w.spatial - 1] != 1)
        op_set_ints(b->module, op, ATTR_INPUT_DILATION, spread, w.spatial);
    return datum_tensor(emit_end(b, op));
}

/* ---- Pooling ---- */

/* Arguments 1 to 3 are kernel, stride and padding; |dilation_index| -1: there is none. */
static bool read_pool(BuiltinCall *call, const Value *x, int dilation_index, Windows *w) {
    w->spatial = call->builtin->detail;
    for (int i = 0; i < SPATIAL_MAX; i++) w->dilation[i] = 1;
    if (x->type.rank != w->spatial + 1 && x->type.rank != w->spatial + 2) {
        build_error(call->b, E0304, call->spans[0], "%s takes x[N, C, %s] or [C, %s], found %s",
                    call->builtin->name, w->spatial == 1 ? "L" : "H, W", w->spatial == 1 ? "L" : "H, W",
                    type_text(call->b->arena, &x->type));
        return false;
    }
    if (!read_numbers(call, 1, w->spatial, 1, w->kernel)) return false;
    if (call->values[2].kind == DATUM_NONE)
        memcpy(w->stride, w->kernel, sizeof w->stride);
    else if (!read_numbers(call, 2, w->spatial, 1, w->stride))
        return false;
    if (dilation_index >= 0 && !read_numbers(call, dilation_index, w->spatial, 1, w->dilation)) return false;
    return read_padding(call, 3, w, x);
}

static Op *pool_begin(BuiltinCall *call, OpKind kind, Value *x, const Windows *w, bool ceil_mode) {
    Op *op = emit_begin(call->b, kind, &x, 1, call->span);
    if (!op) return NULL;
    op_set_ints(call->b->module, op, ATTR_KERNEL, w->kernel, w->spatial);
    set_windows(call->b, op, w, kind == OP_MAX_POOL);
    if (ceil_mode) op_set_int(call->b->module, op, ATTR_CEIL_MODE, 1);
    return op;
}

static Datum max_pool(BuiltinCall *call) {
    Value *x = builtin_tensor(call, 0);
    Windows w = {0};
    bool ceil_mode;
    if (!x || !read_pool(call, x, 4, &w) || !builtin_bool(call, 5, &ceil_mode)) return POISON;
    Op *op = pool_begin(call, OP_MAX_POOL, x, &w, ceil_mode);
    return op ? datum_tensor(emit_end(call->b, op)) : POISON;
}

static Datum avg_pool(BuiltinCall *call) {
    Value *x = builtin_tensor(call, 0);
    Windows w = {0};
    bool ceil_mode, count_padding;
    if (!x || !read_pool(call, x, -1, &w) || !builtin_bool(call, 4, &ceil_mode) ||
        !builtin_bool(call, 5, &count_padding))
        return POISON;
    Op *op = pool_begin(call, OP_AVG_POOL, x, &w, ceil_mode);
    if (!op) return POISON;
    op_set_int(call->b->module, op, ATTR_COUNT_INCLUDE_PAD, count_padding);
    return datum_tensor(emit_end(call->b, op));
}

static Datum adaptive_avg_pool(BuiltinCall *call) {
    Builder *b = call->b;
    Value *x = builtin_tensor(call, 0);
    const Expr *sizes[RANK_MAX];
    int spatial = call->builtin->detail;
    if (!x) return POISON;
    int count = datum_to_extents(b, call->values[1], call->spans[1], builtin_formal(call, 1), sizes);
    bool is_list = call->values[1].kind == DATUM_LIST || call->values[1].kind == DATUM_TUPLE;
    if (count < 0) return POISON;
    if (is_list && count != spatial)
        return build_fail(b, E0202, call->spans[1], "%s needs %d sizes, found %d", call->builtin->name,
                          spatial, count);
    if (!is_list) sizes[spatial - 1] = sizes[0];
    Op *op = emit_begin(b, OP_ADAPTIVE_AVG_POOL, &x, 1, call->span);
    if (!op) return POISON;
    op_set_exprs(b->module, op, ATTR_SHAPE, sizes, spatial);
    return datum_tensor(emit_end(b, op));
}

#define CONV "x, weight, bias=none, stride=1, padding=0, dilation=1, groups=1, input_dilation=1"
#define MAX_POOL "x, kernel_size, stride=none, padding=0, dilation=1, ceil_mode=false"
#define AVG_POOL "x, kernel_size, stride=none, padding=0, ceil_mode=false, count_include_pad=true"

const Builtin functions_window[] = {
    {"conv1d", CONV, conv, 1},
    {"conv2d", CONV, conv, 2},
    {"max_pool1d", MAX_POOL, max_pool, 1},
    {"max_pool2d", MAX_POOL, max_pool, 2},
    {"avg_pool1d", AVG_POOL, avg_pool, 1},
    {"avg_pool2d", AVG_POOL, avg_pool, 2},
    {"adaptive_avg_pool1d", "x, output_size", adaptive_avg_pool, 1},
    {"adaptive_avg_pool2d", "x, output_size", adaptive_avg_pool, 2},
    {0},
};
