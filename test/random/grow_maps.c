/* Parts that networks of maps are built of: residuals, branches joined, transposed convolutions, upsampling.
 */
#include "test/random/net.h"

#include <math.h>

static const Expr *number(Net *net, int64_t value) { return expr_constant(net->module->exprs, value); }

static bool is_map(const Value *v) { return is_f32(v) && v->type.rank == 4 && is_image(v); }

/* A convolution that keeps the extents; |size| is odd. */
static Value *conv_same(Net *net, Value *x, int64_t outputs, int64_t size, int64_t groups) {
    int64_t inputs = expr_value(x->type.dims[1]), half = size / 2;
    const Expr *dims[4] = {number(net, outputs), number(net, inputs / groups), number(net, size),
                           number(net, size)};
    double scale = 1 / sqrt((double)(inputs / groups * size * size));
    Value *operands[3] = {x, net_constant(net, x->type.dtype, 4, dims, scale),
                          net_constant(net, x->type.dtype, 1, dims, 1)};
    Op *op = net_op(net, OP_CONV, operands, net_chance(net, 70) ? 3 : 2);
    op_set_ints(net->module, op, ATTR_STRIDE, (int64_t[]){1, 1}, 2);
    op_set_ints(net->module, op, ATTR_PADDING, (int64_t[]){half, half, half, half}, 4);
    if (groups > 1) op_set_int(net->module, op, ATTR_GROUPS, groups);
    return net_finish(net, op);
}

static Value *relu(Net *net, Value *x) { return net_simple(net, OP_RELU, x, NULL); }

/* relu(x + conv(relu(conv(x)))), or parts of it; the sum is written either way round. */
Value *grow_residual(Net *net) {
    Value *x = net_pick(net, is_map);
    if (!x) return NULL;
    int64_t channels = expr_value(x->type.dims[1]), size = 1 + 2 * net_below(net, 3),
            inner = net_chance(net, 50) ? channels : 8 * (1 + net_below(net, 6));
    Value *y = x;
    if (net_chance(net, 60)) y = relu(net, conv_same(net, y, inner, net_chance(net, 50) ? 1 : size, 1));
    if (y && y != x && net_chance(net, 25)) y = conv_same(net, y, inner, 3, inner);
    if (y) y = conv_same(net, y, channels, size, 1);
    if (!y) return NULL;
    y = net_chance(net, 50) ? net_simple(net, OP_ADD, x, y) : net_simple(net, OP_ADD, y, x);
    return net_chance(net, 70) ? relu(net, y) : y;
}

/* Two to four convolutions of one map side by side, joined along the channels: whole blocks of 16, of 8, or
 * neither. */
Value *grow_branches(Net *net) {
    static const int part_channels[3][4] = {{16, 32, 48, 16}, {24, 40, 32, 24}, {24, 20, 16, 8}};
    Value *x = net_pick(net, is_map), *parts[4];
    const int *channels = part_channels[net_below(net, 3)];
    int count = 2 + net_below(net, 3);
    for (int i = 0; x && i < count; i++) {
        int64_t outputs = channels[net_below(net, 4)];
        parts[i] = net_chance(net, 15) ? x : conv_same(net, x, outputs, 1 + 2 * net_below(net, 3), 1);
        if (parts[i] && parts[i] != x && net_chance(net, 70)) parts[i] = relu(net, parts[i]);
        if (!parts[i]) return NULL;
    }
    if (!x) return NULL;
    Op *op = net_op(net, OP_CONCAT, parts, count);
    op_set_int(net->module, op, ATTR_AXIS, 1);
    return net_finish(net, op);
}

/* Means of the channels of a convolution, alone or as factors of the map. */
Value *grow_excitation(Net *net) {
    Value *x = net_pick(net, is_map);
    if (!x) return NULL;
    bool apart = net_chance(net, 40);
    int64_t outputs = apart ? expr_value(x->type.dims[1]) : 8 * (1 + net_below(net, 6));
    Value *y = conv_same(net, x, outputs, net_chance(net, 60) ? 1 : 3, apart ? outputs : 1);
    if (y && net_chance(net, 60)) y = relu(net, y);
    if (!y) return NULL;
    bool keeps = net_chance(net, 60);
    Op *op = net_op(net, net_chance(net, 70) ? OP_REDUCE_MEAN : OP_REDUCE_SUM, &y, 1);
    op_set_ints(net->module, op, ATTR_AXES, (int64_t[]){2, 3}, 2);
    if (keeps) op_set_int(net->module, op, ATTR_KEEPDIMS, 1);
    Value *means = net_finish(net, op);
    return means && keeps ? net_simple(net, OP_MUL, y, means) : means;
}

/* As conv_transpose2d writes it: zeros between the elements, and the padding that is left. */
Value *grow_transposed(Net *net) {
    static const int outputs[] = {16, 16, 32, 24, 5, 1};
    Value *x = net_pick(net, is_map);
    if (!x) return NULL;
    int64_t stride = 2 + net_chance(net, 25), size = stride + net_below(net, 3),
            padding = net_below(net, (int)size), before = size - 1 - padding,
            after = before + net_chance(net, 25), inputs = expr_value(x->type.dims[1]);
    const Expr *dims[4] = {number(net, outputs[net_below(net, 6)]), x->type.dims[1], number(net, size),
                           number(net, size)};
    double scale = 1 / sqrt((double)(inputs * size * size));
    Value *operands[3] = {x, net_constant(net, x->type.dtype, 4, dims, scale),
                          net_constant(net, x->type.dtype, 1, dims, 1)};
    for (int i = 2; i < 4; i++)
        if ((x->type.dims[i]->min - 1) * stride + 1 + before + after < size) return NULL;
    Op *op = net_op(net, OP_CONV, operands, net_chance(net, 60) ? 3 : 2);
    op_set_ints(net->module, op, ATTR_STRIDE, (int64_t[]){1, 1}, 2);
    op_set_ints(net->module, op, ATTR_PADDING, (int64_t[]){before, after, before, after}, 4);
    op_set_ints(net->module, op, ATTR_INPUT_DILATION, (int64_t[]){stride, stride}, 2);
    Value *y = net_finish(net, op);
    return y && net_chance(net, 50) ? relu(net, y) : y;
}

static Value *reshaped(Net *net, OpKind kind, Value *x, const Expr *const *dims, int rank) {
    if (!x) return NULL;
    Op *op = net_op(net, kind, &x, 1);
    op_set_exprs(net->module, op, ATTR_SHAPE, dims, rank);
    return net_finish(net, op);
}

/* The nearest element, as the library writes it: reshape, expand, reshape. The last step has rank 6 on its
 * way, so the rows and the columns come one after the other. */
Value *grow_upsampled(Net *net) {
    Value *x = net_pick(net, is_map);
    if (!x) return NULL;
    int64_t factor = 2 + net_chance(net, 20);
    const Expr *const *d = x->type.dims, *one = number(net, 1), *times = number(net, factor);
    const Expr *tall = expr_scale(net->module->exprs, d[2], factor),
               *wide = expr_scale(net->module->exprs, d[3], factor);
    Value *y = reshaped(net, OP_RESHAPE, x, (const Expr *[]){d[0], d[1], d[2], one, d[3]}, 5);
    y = reshaped(net, OP_EXPAND, y, (const Expr *[]){d[0], d[1], d[2], times, d[3]}, 5);
    y = reshaped(net, OP_RESHAPE, y, (const Expr *[]){d[0], d[1], tall, d[3]}, 4);
    y = reshaped(net, OP_RESHAPE, y, (const Expr *[]){d[0], d[1], tall, d[3], one}, 5);
    y = reshaped(net, OP_EXPAND, y, (const Expr *[]){d[0], d[1], tall, d[3], times}, 5);
    y = reshaped(net, OP_RESHAPE, y, (const Expr *[]){d[0], d[1], tall, wide}, 4);
    return y && net_chance(net, 50) ? conv_same(net, y, 16, 3, 1) : y;
}
