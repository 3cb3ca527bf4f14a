/* Growers of moves. */
#include "test/random/net.h"

static const Expr *number(Net *net, int64_t value) { return expr_constant(net->module->exprs, value); }

static bool has_axes(const Value *v) { return v->type.rank > 0; }

Value *grow_CONCAT(Net *net, OpKind kind) {
    Value *first = net_pick(net, has_axes), *operands[4];
    if (!first) return NULL;
    int axis = net_below(net, first->type.rank), count = 1 + net_below(net, 3), at = net_below(net, count);
    if (first->type.rank >= 3 && net_chance(net, 50)) axis = 1;
    for (int i = 0; i < count; i++) {
        Type type = first->type;
        if (net_chance(net, 40)) type.dims[axis] = net_extent(net);
        operands[i] = i == at ? first : net_want(net, type.dtype, type.rank, type.dims);
        if (!operands[i]) return NULL;
    }
    Op *op = net_op(net, kind, operands, count);
    op_set_int(net->module, op, ATTR_AXIS, axis);
    return net_finish(net, op);
}

Value *grow_EXPAND(Net *net, OpKind kind) {
    Value *x = net_pick(net, is_any);
    if (!x || x->type.rank >= NET_RANK_MAX) return NULL;
    const Expr *dims[RANK_MAX];
    int rank = 0;
    if (net->kind != NET_BATCH && net_chance(net, 50)) dims[rank++] = net_extent(net);
    for (int i = 0; i < x->type.rank; i++)
        dims[rank++] =
            expr_equals(x->type.dims[i], 1) && net_chance(net, 60) ? net_extent(net) : x->type.dims[i];
    Op *op = net_op(net, kind, &x, 1);
    op_set_exprs(net->module, op, ATTR_SHAPE, dims, rank);
    return net_finish(net, op);
}

/* Of a shape in sight, so that its dims reach the entry. */
Value *grow_FULL(Net *net, OpKind kind) {
    static const DType types[] = {DTYPE_F32, DTYPE_F32, DTYPE_F64, DTYPE_I32, DTYPE_BOOL, DTYPE_U8};
    Value *like = net_pick(net, is_any);
    if (!like || net->kind == NET_BATCH) return NULL;
    Op *op = net_op(net, kind, NULL, 0);
    op_set_exprs(net->module, op, ATTR_SHAPE, like->type.dims, like->type.rank);
    op_set_int(net->module, op, ATTR_DTYPE, types[net_below(net, 6)]);
    op_set_float(net->module, op, ATTR_VALUE, net_below(net, 4));
    return net_finish(net, op);
}

Value *grow_EXTENT(Net *net, OpKind kind) {
    Value *like = net_pick(net, has_axes);
    if (!like || net->kind == NET_BATCH) return NULL;
    Op *op = net_op(net, kind, NULL, 0);
    op_set_exprs(net->module, op, ATTR_SHAPE, &like->type.dims[net_below(net, like->type.rank)], 1);
    op_set_int(net->module, op, ATTR_DTYPE, net_chance(net, 50) ? DTYPE_I32 : DTYPE_I64);
    return net_finish(net, op);
}

Value *grow_IOTA(Net *net, OpKind kind) {
    static const DType types[] = {DTYPE_F32, DTYPE_I32, DTYPE_I64, DTYPE_F64, DTYPE_U8};
    Value *like = net_pick(net, has_axes);
    if (!like || net->kind == NET_BATCH) return NULL;
    Op *op = net_op(net, kind, NULL, 0);
    op_set_exprs(net->module, op, ATTR_SHAPE, &like->type.dims[net_below(net, like->type.rank)], 1);
    op_set_int(net->module, op, ATTR_DTYPE, types[net_below(net, 5)]);
    return net_finish(net, op);
}

/* Integers in sight, taken modulo the extent; or an input of indices. */
static Value *indices(Net *net, int64_t extent) {
    Value *x = net_pick(net, is_integer_value);
    if (x && extent < 100 && net_chance(net, 60))
        return net_simple(net, OP_MOD, x, net_scalar(net, x->type.dtype, (double)extent));
    if (net->kind != NET_PLAIN) return NULL;
    const Expr *dims[2] = {net_extent(net), number(net, 1 + net_below(net, 3))};
    return net_index_input(net, extent, net_below(net, 3), dims);
}

Value *grow_GATHER(Net *net, OpKind kind) {
    Value *x = net_pick(net, has_axes), *at;
    if (!x) return NULL;
    int axis = net_below(net, x->type.rank);
    if (x->type.dims[axis]->min < 1 || !(at = indices(net, x->type.dims[axis]->min))) return NULL;
    Op *op = net_op(net, kind, (Value *[]){x, at}, 2);
    op_set_int(net->module, op, ATTR_AXIS, axis);
    return net_finish(net, op);
}

Value *grow_ONE_HOT(Net *net, OpKind kind) {
    const Expr *depth = net_extent(net);
    Value *at = indices(net, expr_value(depth));
    if (!at) return NULL;
    Op *op = net_op(net, kind, &at, 1);
    op_set_exprs(net->module, op, ATTR_SHAPE, &depth, 1);
    return net_finish(net, op);
}

Value *grow_PAD(Net *net, OpKind kind) {
    static const char *const modes[] = {"constant", "constant", "reflect", "replicate"};
    Value *x = net_pick(net, has_axes);
    if (!x) return NULL;
    int64_t amounts[2 * RANK_MAX] = {0};
    const char *mode = modes[net_below(net, 4)];
    for (int i = 0; i < x->type.rank; i++) {
        int64_t least = x->type.dims[i]->min;
        for (int end = 0; end < 2; end++) {
            if (!net_chance(net, 40)) continue;
            int64_t amount = net_below(net, 4) - (net_chance(net, 30) ? 3 : 0);
            amounts[2 * i + end] = amount >= least ? least - 1 : amount < -(least - 1) / 2 ? 0 : amount;
        }
    }
    Op *op = net_op(net, kind, &x, 1);
    op_set_ints(net->module, op, ATTR_PADDING, amounts, 2 * x->type.rank);
    op_set_string(net->module, op, ATTR_MODE, mode);
    if (net_chance(net, 50)) op_set_float(net->module, op, ATTR_VALUE, 1);
    return net_finish(net, op);
}

static bool is_map(const Value *value) { return value->type.rank == 4; }

Value *grow_SPACE_TO_DEPTH(Net *net, OpKind kind) {
    Value *x = net_pick(net, is_map);
    if (!x) return NULL;
    int64_t blocks[2], padding[4];
    for (int i = 0; i < 2; i++) blocks[i] = 1 + net_below(net, 3);
    for (int i = 0; i < 4; i++) padding[i] = net_chance(net, 50) ? net_below(net, 4) : 0;
    for (int i = 0; i < 2; i++)
        if (x->type.dims[2 + i]->min + padding[2 * i] + padding[2 * i + 1] < blocks[i]) return NULL;
    Op *op = net_op(net, kind, &x, 1);
    op_set_ints(net->module, op, ATTR_STRIDE, blocks, 2);
    op_set_ints(net->module, op, ATTR_PADDING, padding, 4);
    return net_finish(net, op);
}

Value *grow_PERMUTE(Net *net, OpKind kind) {
    Value *x = net_pick(net, has_axes);
    if (!x) return NULL;
    int64_t order[RANK_MAX];
    int rank = x->type.rank, fixed = net->kind == NET_BATCH;
    for (int i = 0; i < rank; i++) order[i] = i;
    for (int i = rank - 1; i > fixed; i--) {
        int j = fixed + net_below(net, i + 1 - fixed);
        int64_t kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
    Op *op = net_op(net, kind, &x, 1);
    op_set_ints(net->module, op, ATTR_PERMUTATION, order, rank);
    return net_finish(net, op);
}

/* Comes from the passes. */
Value *grow_RELAYOUT(Net *net, OpKind kind) {
    (void)net, (void)kind;
    return NULL;
}

/* Neighbouring axes joined, an axis split, extents of 1 added or dropped. */
Value *grow_RESHAPE(Net *net, OpKind kind) {
    Value *x = net_pick(net, is_any);
    if (!x) return NULL;
    const Expr *dims[RANK_MAX + 2];
    int rank = 0, first = net->kind == NET_BATCH, way = net_below(net, 4),
        at = x->type.rank > first ? first + net_below(net, x->type.rank - first) : 0;
    int64_t extent = 0;
    for (int i = 0; i < x->type.rank; i++) {
        const Expr *dim = x->type.dims[i];
        if (way == 0 && i > first)
            dims[rank - 1] = expr_mul(net->module->exprs, dims[rank - 1], dim);
        else if (way == 1 && i == at && i > first)
            dims[rank - 1] = expr_mul(net->module->exprs, dims[rank - 1], dim);
        else if (way == 2 && i == at && expr_is_constant(dim, &extent) && extent % 2 == 0 &&
                 rank < RANK_MAX) {
            dims[rank++] = net_chance(net, 50) ? number(net, 2) : number(net, extent / 2);
            dims[rank] = number(net, extent / expr_value(dims[rank - 1]));
            rank++;
        } else if (!(way == 3 && expr_equals(dim, 1)))
            dims[rank++] = dim;
    }
    if (way == 3 && rank < NET_RANK_MAX && net_chance(net, 50)) dims[rank++] = number(net, 1);
    Op *op = net_op(net, kind, &x, 1);
    op_set_exprs(net->module, op, ATTR_SHAPE, dims, rank);
    return net_finish(net, op);
}

Value *grow_SLICE(Net *net, OpKind kind) {
    Value *x = net_pick(net, has_axes);
    if (!x) return NULL;
    ExprTable *exprs = net->module->exprs;
    const Expr *starts[RANK_MAX], *counts[RANK_MAX];
    int64_t steps[RANK_MAX];
    for (int i = 0; i < x->type.rank; i++) {
        const Expr *extent = x->type.dims[i];
        int way = net_below(net, 6);
        starts[i] = number(net, 0);
        counts[i] = extent;
        steps[i] = 1;
        if (way < 2 || (net->kind == NET_BATCH && i == 0)) continue;
        if (way == 2 && extent->min > 0) { /* one */
            starts[i] = net_chance(net, 50) ? number(net, net_below(net, (int)extent->min))
                                            : expr_add_constant(exprs, extent, -1);
            counts[i] = number(net, 1);
        } else if (way == 3 && extent->min > 0) { /* backwards */
            starts[i] = expr_add_constant(exprs, extent, -1);
            steps[i] = -1;
        } else if (way == 4) { /* every second */
            counts[i] = expr_ceildiv(exprs, extent, number(net, 2));
            steps[i] = 2;
        } else if (extent->min > 1) { /* a part */
            int from = net_below(net, (int)extent->min);
            starts[i] = number(net, from);
            counts[i] =
                expr_add_constant(exprs, extent, -from - (net_chance(net, 50) && extent->min - from > 1));
        }
    }
    Op *op = net_op(net, kind, &x, 1);
    op_set_exprs(net->module, op, ATTR_SHAPE, counts, x->type.rank);
    op_set_exprs(net->module, op, ATTR_STARTS, starts, x->type.rank);
    op_set_ints(net->module, op, ATTR_STEPS, steps, x->type.rank);
    return net_finish(net, op);
}
