/* Growers of contractions, reductions and windows. */
#include "test/random/net.h"

#include <math.h>

static const Expr *number(Net *net, int64_t value) { return expr_constant(net->module->exprs, value); }

/* Weights keep the size of what they multiply; now and then they are an input. */
static Value *weights(Net *net, DType dtype, int rank, const Expr *const *dims, int64_t terms) {
    if (net->kind == NET_PLAIN && net_chance(net, 15)) return net_input(net, 'x', dtype, rank, dims);
    return net_constant(net, dtype, rank, dims, 1 / sqrt((double)(terms > 0 ? terms : 1)));
}

Value *grow_LINEAR(Net *net, OpKind kind) {
    Value *x = net_pick(net, is_real);
    int64_t terms;
    if (!x || !x->type.rank || !expr_is_constant(x->type.dims[x->type.rank - 1], &terms)) return NULL;
    const Expr *dims[2] = {net->large ? number(net, 60 + net_below(net, 200)) : net_extent(net),
                           number(net, terms)};
    Value *operands[3] = {x, weights(net, x->type.dtype, 2, dims, terms),
                          weights(net, x->type.dtype, 1, dims, 1)};
    return net_finish(net, net_op(net, kind, operands, net_chance(net, 60) ? 3 : 2));
}

Value *grow_MATMUL(Net *net, OpKind kind) {
    Value *a = net_pick(net, is_real), *b;
    if (!a || !a->type.rank) return NULL;
    const Expr *dims[RANK_MAX], *k = a->type.dims[a->type.rank - 1];
    int rank = 0;
    if (a->type.rank > 2 && net_chance(net, 50))
        for (int i = 0; i + 2 < a->type.rank; i++)
            dims[rank++] = net_chance(net, 25) ? number(net, 1) : a->type.dims[i];
    dims[rank++] = k;
    if (net_chance(net, 85))
        dims[rank++] =
            net_chance(net, 20) && a->type.rank > 1 ? a->type.dims[a->type.rank - 2] : net_extent(net);
    b = net_want(net, a->type.dtype, rank, dims);
    return b ? net_simple(net, kind, a, b) : NULL;
}

/* ---- conv and windows ---- */

typedef struct Windows {
    int spatial;
    int64_t size[2], stride[2], dilation[2], padding[4];
} Windows;

/* Sizes that fit the least extents. */
static bool choose_windows(Net *net, const Type *x, bool dilated, Windows *out) {
    *out = (Windows){.spatial = x->rank - 2};
    for (int i = 0; i < out->spatial; i++) {
        int64_t least = x->dims[x->rank - out->spatial + i]->min;
        static const int sizes[] = {1, 2, 3, 3, 3, 5};
        out->size[i] = i && net_chance(net, 75) ? out->size[0] : sizes[net_below(net, 6)];
        out->stride[i] = net_chance(net, 65) ? 1 : 1 + net_below(net, 3);
        out->dilation[i] = dilated && net_chance(net, 10) ? 2 : 1;
        int64_t span = (out->size[i] - 1) * out->dilation[i] + 1, half = span / 2;
        for (int end = 0; end < 2; end++)
            out->padding[2 * i + end] = net_chance(net, 50) ? half : half ? net_below(net, (int)half + 1) : 0;
        if (least + out->padding[2 * i] + out->padding[2 * i + 1] < span) return false;
    }
    return true;
}

static void set_windows(Net *net, Op *op, const Windows *w) {
    op_set_ints(net->module, op, ATTR_STRIDE, w->stride, w->spatial);
    op_set_ints(net->module, op, ATTR_PADDING, w->padding, 2 * w->spatial);
    for (int i = 0; i < w->spatial; i++)
        if (w->dilation[i] > 1) op_set_ints(net->module, op, ATTR_DILATION, w->dilation, w->spatial);
}

Value *grow_CONV(Net *net, OpKind kind) {
    static const int outputs[] = {1, 3, 8, 16, 16, 16, 32, 32, 17, 48, 5};
    Value *x = net_pick(net, is_image);
    Windows w;
    if (!x || !choose_windows(net, &x->type, true, &w)) return NULL;
    int64_t inputs = expr_value(x->type.dims[1]), groups = 1,
            count = outputs[net_below(net, sizeof outputs / sizeof *outputs)];
    if (net_chance(net, 12)) {
        groups = net_chance(net, 60) ? inputs : inputs % 2 == 0 ? 2 : 1;
        count = groups * (1 + net_below(net, 2));
    }
    const Expr *dims[4] = {number(net, count), number(net, inputs / groups), number(net, w.size[0]),
                           number(net, w.size[1])};
    int64_t terms = inputs / groups * w.size[0] * (w.spatial == 2 ? w.size[1] : 1);
    Value *operands[3] = {x, weights(net, x->type.dtype, 2 + w.spatial, dims, terms),
                          weights(net, x->type.dtype, 1, dims, 1)};
    Op *op = net_op(net, kind, operands, net_chance(net, 65) ? 3 : 2);
    set_windows(net, op, &w);
    if (groups > 1) op_set_int(net->module, op, ATTR_GROUPS, groups);
    bool strided = w.stride[0] > 1 || w.stride[w.spatial - 1] > 1;
    if (!strided && net_chance(net, 20))
        op_set_ints(net->module, op, ATTR_INPUT_DILATION, (int64_t[]){1 + net_below(net, 3), 2}, w.spatial);
    return net_finish(net, op);
}

/* Comes from the passes, of conv. */
Value *grow_WINOGRAD(Net *net, OpKind kind) {
    (void)net, (void)kind;
    return NULL;
}

static Value *grow_pool(Net *net, OpKind kind) {
    Value *x = net_pick(net, is_image);
    Windows w;
    if (!x || !choose_windows(net, &x->type, kind == OP_MAX_POOL, &w)) return NULL;
    if (net_chance(net, 40))
        for (int i = 0; i < 2; i++) w.stride[i] = w.size[i];
    Op *op = net_op(net, kind, &x, 1);
    op_set_ints(net->module, op, ATTR_KERNEL, w.size, w.spatial);
    set_windows(net, op, &w);
    if (net_chance(net, 25)) op_set_int(net->module, op, ATTR_CEIL_MODE, 1);
    if (kind == OP_AVG_POOL && net_chance(net, 70))
        op_set_int(net->module, op, ATTR_COUNT_INCLUDE_PAD, net_chance(net, 50));
    return net_finish(net, op);
}

Value *grow_MAX_POOL(Net *net, OpKind kind) { return grow_pool(net, kind); }
Value *grow_AVG_POOL(Net *net, OpKind kind) { return grow_pool(net, kind); }

Value *grow_ADAPTIVE_AVG_POOL(Net *net, OpKind kind) {
    Value *x = net_pick(net, is_image);
    if (!x) return NULL;
    int spatial = x->type.rank - 2;
    const Expr *sizes[2] = {number(net, 1 + net_below(net, 4)), number(net, 1 + net_below(net, 4))};
    if (net_chance(net, 40)) sizes[0] = sizes[1] = number(net, 1);
    for (int i = 0; i < spatial; i++)
        if (x->type.dims[2 + i]->min < 1) return NULL;
    Op *op = net_op(net, kind, &x, 1);
    op_set_exprs(net->module, op, ATTR_SHAPE, sizes, spatial);
    return net_finish(net, op);
}

/* ---- reductions ---- */

static Value *reduce_axes(Net *net, OpKind kind, ValueFilter *filter) {
    Value *x = net_pick(net, filter);
    if (!x) return NULL;
    int64_t axes[RANK_MAX];
    int count = 0, shape = net_below(net, 3);
    for (int i = 0; i < x->type.rank; i++) {
        bool chosen = shape == 0 ? i + 1 == x->type.rank : shape == 1 ? i > 0 : net_chance(net, 50);
        if (chosen) axes[count++] = i;
    }
    Op *op = net_op(net, kind, &x, 1);
    op_set_ints(net->module, op, ATTR_AXES, axes, count);
    if (kind == OP_NORMALIZE)
        op_set_float(net->module, op, ATTR_EPS, 1e-3);
    else if (net_chance(net, 40))
        op_set_int(net->module, op, ATTR_KEEPDIMS, 1);
    return net_finish(net, op);
}

static bool no_empty_axis(const Value *v) {
    for (int i = 0; i < v->type.rank; i++)
        if (v->type.dims[i]->min < 1) return false;
    return true;
}

static bool is_full_real(const Value *v) { return is_real(v) && no_empty_axis(v); }
static bool is_full_number(const Value *v) { return is_number(v) && no_empty_axis(v); }

Value *grow_NORMALIZE(Net *net, OpKind kind) { return reduce_axes(net, kind, is_full_real); }
Value *grow_REDUCE_MAX(Net *net, OpKind kind) { return reduce_axes(net, kind, is_full_number); }
Value *grow_REDUCE_MEAN(Net *net, OpKind kind) { return reduce_axes(net, kind, is_full_real); }
Value *grow_REDUCE_MIN(Net *net, OpKind kind) { return reduce_axes(net, kind, is_full_number); }
Value *grow_REDUCE_SUM(Net *net, OpKind kind) { return reduce_axes(net, kind, is_number); }

static Value *along_axis(Net *net, OpKind kind, ValueFilter *filter) {
    Value *x = net_pick(net, filter);
    if (!x || !x->type.rank) return NULL;
    Op *op = net_op(net, kind, &x, 1);
    op_set_int(net->module, op, ATTR_AXIS,
               net_chance(net, 60) ? x->type.rank - 1 : net_below(net, x->type.rank));
    return net_finish(net, op);
}

Value *grow_ARGMAX(Net *net, OpKind kind) { return along_axis(net, kind, is_full_number); }
Value *grow_ARGMIN(Net *net, OpKind kind) { return along_axis(net, kind, is_full_number); }
Value *grow_LOG_SOFTMAX(Net *net, OpKind kind) { return along_axis(net, kind, is_real); }
Value *grow_SOFTMAX(Net *net, OpKind kind) { return along_axis(net, kind, is_real); }
