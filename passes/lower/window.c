/* Pooling: loops over the taps that fall into the input, carrying the maximum or the sum. Vectors run along
 * channels where the layout has them innermost, else along the columns of a row when every tap of it is a
 * plain shift. */
#include "passes/lower/lower.h"

#include <math.h>

typedef struct Pool {
    Kernel *kernel;
    const Op *op;
    const Type *x_type, *type;
    Buffer *x;
    int spatial, first;
    int64_t kernel_size[2], stride[2], dilation[2], before[2];
    int lanes;
    bool channel_lanes;
    bool inside; /* every window lies within the input: taps need no bounds, and are written out */
} Pool;

static bool windows_are_inside(const Pool *p) {
    if (p->op->kind == OP_ADAPTIVE_AVG_POOL) return false;
    int64_t taps = 1;
    for (int i = 0; i < p->spatial; i++) {
        int64_t in, out;
        taps *= p->kernel_size[i];
        if (p->before[i] || op_int_at(p->op, ATTR_PADDING, 2 * i + 1, 0)) return false;
        if (!expr_is_constant(p->x_type->dims[p->first + i], &in) ||
            !expr_is_constant(p->type->dims[p->first + i], &out))
            return false;
        if ((out - 1) * p->stride[i] + (p->kernel_size[i] - 1) * p->dilation[i] >= in) return false;
    }
    return taps <= 16;
}

static Pool describe(Kernel *kernel, const Op *op) {
    Pool p = {.kernel = kernel, .op = op, .x_type = &op->operands[0]->type, .type = &op->results[0]->type};
    const Attr *size = op_attr(op, op->kind == OP_ADAPTIVE_AVG_POOL ? ATTR_SHAPE : ATTR_KERNEL);
    p.spatial = size->count;
    p.first = p.x_type->rank - p.spatial;
    for (int i = 0; i < p.spatial; i++) {
        p.kernel_size[i] = op_int_at(op, ATTR_KERNEL, i, 1);
        p.stride[i] = op_int_at(op, ATTR_STRIDE, i, p.kernel_size[i]);
        p.dilation[i] = op_int_at(op, ATTR_DILATION, i, 1);
        p.before[i] = op_int_at(op, ATTR_PADDING, 2 * i, 0);
    }
    const Layout *layout = p.type->layout;
    p.channel_lanes = layout && p.x_type->layout && layout->pieces[layout->count - 1].axis == p.first - 1 &&
                      layout->pieces[layout->count - 1].kind == PIECE_MOD;
    const PassOptions *options = kernel->lowering->options;
    p.inside = !options->plain && windows_are_inside(&p);
    p.lanes = options->plain || !(p.channel_lanes || p.inside)
                  ? 1
                  : options->target.register_bytes / (int)dtype_bytes(p.type->dtype);
    if (p.channel_lanes) p.lanes = lanes_in_block(p.type, p.lanes);
    kernel->width = p.lanes;
    p.x = kernel_operand(kernel, op->operands[0]);
    return p;
}

/* Loops over the result's places, vectors along channels when they lie innermost. */
static Coordinates open_places(Pool *p) {
    Kernel *kernel = p->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    Coordinates at;
    const Expr *zero = number(kernel, 0);
    const Layout *layout = p->type->layout;
    int64_t block = p->channel_lanes ? layout->pieces[layout->count - 1].block : 1;
    const Expr *blocks = NULL, *extents[RANK_MAX];
    for (int i = 0; i < p->type->rank; i++) {
        extents[i] = p->type->dims[i];
        if (i == p->first - 1) extents[i] = expr_ceildiv(exprs, extents[i], number(kernel, block));
    }
    Share share = kernel_share(kernel, extents, p->type->rank - 1, type_count_max(p->type));
    for (int i = 0; i < p->type->rank; i++) {
        if (i == p->first - 1 && p->channel_lanes)
            blocks = kernel_for_share(kernel, "c", i, extents[i], &share);
        else if (p->inside && !p->channel_lanes && i + 1 == p->type->rank)
            at.at[i] = expr_add(exprs, kernel_lanes(kernel, "i", zero, p->type->dims[i], p->lanes),
                                lane_symbol(kernel));
        else
            at.at[i] = kernel_for_share(kernel, "i", i, extents[i], &share);
    }
    if (blocks) {
        const Expr *within = kernel_lanes(kernel, "l", zero, number(kernel, block), p->lanes);
        at.at[p->first - 1] =
            expr_add(exprs, expr_scale(exprs, blocks, block), expr_add(exprs, within, lane_symbol(kernel)));
    }
    return at;
}

/* The taps along one axis that read the input, as a loop; where they read. */
static const Expr *open_taps(Pool *p, int axis, const Expr *at) {
    Kernel *kernel = p->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    const Expr *extent = p->x_type->dims[p->first + axis];
    if (p->op->kind == OP_ADAPTIVE_AVG_POOL) {
        const Expr *bins = p->type->dims[p->first + axis], *next = expr_add_constant(exprs, at, 1);
        return kernel_for(kernel, "k", expr_floordiv(exprs, expr_mul(exprs, at, extent), bins),
                          expr_ceildiv(exprs, expr_mul(exprs, next, extent), bins));
    }
    const Expr *start = expr_add_constant(exprs, expr_scale(exprs, at, p->stride[axis]), -p->before[axis]);
    const Expr *step = number(kernel, p->dilation[axis]);
    const Expr *low =
        expr_max(exprs, number(kernel, 0), expr_ceildiv(exprs, expr_scale(exprs, start, -1), step));
    const Expr *high = expr_min(exprs, number(kernel, p->kernel_size[axis]),
                                expr_ceildiv(exprs, expr_sub(exprs, extent, start), step));
    const Expr *k = kernel_for(kernel, "k", low, high);
    return expr_add(exprs, start, expr_scale(exprs, k, p->dilation[axis]));
}

/* avg_pool's divisor along one axis: the window cut at the padded end, and without padding unless it counts.
 */
static const Expr *window_extent(Pool *p, int axis, const Expr *at) {
    ExprTable *exprs = p->kernel->lowering->exprs;
    const Expr *extent = p->x_type->dims[p->first + axis];
    if (p->op->kind == OP_ADAPTIVE_AVG_POOL) {
        const Expr *bins = p->type->dims[p->first + axis], *next = expr_add_constant(exprs, at, 1);
        return expr_sub(exprs, expr_ceildiv(exprs, expr_mul(exprs, next, extent), bins),
                        expr_floordiv(exprs, expr_mul(exprs, at, extent), bins));
    }
    const Expr *start = expr_add_constant(exprs, expr_scale(exprs, at, p->stride[axis]), -p->before[axis]);
    const Expr *end = expr_add_constant(exprs, start, p->kernel_size[axis]);
    if (op_int(p->op, ATTR_COUNT_INCLUDE_PAD, 0)) {
        int64_t after = op_int_at(p->op, ATTR_PADDING, 2 * axis + 1, 0);
        return expr_sub(exprs, expr_min(exprs, end, expr_add_constant(exprs, extent, after)), start);
    }
    return expr_sub(exprs, expr_min(exprs, end, extent), expr_max(exprs, start, number(p->kernel, 0)));
}

/* The taps one after the other. */
static Tile *straight_taps(Pool *p, const Coordinates *at, OpKind combine, Tile *total, TileShape shape) {
    Kernel *kernel = p->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    int64_t rows = p->spatial == 2 ? p->kernel_size[0] : 1, columns = p->kernel_size[p->spatial - 1];
    for (int64_t i = 0; i < rows * columns; i++) {
        Coordinates from = *at;
        for (int axis = 0; axis < p->spatial; axis++) {
            int64_t k = axis + 1 == p->spatial ? i % columns : i / columns;
            const Expr *start = expr_scale(exprs, at->at[p->first + axis], p->stride[axis]);
            from.at[p->first + axis] = expr_add_constant(exprs, start, k * p->dilation[axis]);
        }
        Access read = kernel_access(kernel, p->x, p->x_type, &from);
        Tile *tap = kernel_load(kernel, &read, shape);
        total = i ? kernel_map(kernel, combine, p->type->dtype, total, tap) : tap;
    }
    return total;
}

static Tile *looped_taps(Pool *p, const Coordinates *at, OpKind combine, Tile *total, TileShape shape) {
    Kernel *kernel = p->kernel;
    LoopBody *outer = kernel->body;
    LoopStatement *loops[2];
    Coordinates from = *at;
    for (int i = 0; i < p->spatial; i++) {
        LoopBody *around = kernel->body;
        from.at[p->first + i] = open_taps(p, i, at->at[p->first + i]);
        loops[i] = around->last;
        total = kernel_carry(kernel, loops[i], total);
    }
    Access read = kernel_access(kernel, p->x, p->x_type, &from);
    total = kernel_map(kernel, combine, p->type->dtype, total, kernel_load(kernel, &read, shape));
    for (int i = p->spatial - 1; i >= 0; i--) total = kernel_carry_next(kernel, loops[i], 0, total);
    kernel->body = outer;
    return total;
}

static void lower_pool(Lowering *lowering, const Op *op) {
    Kernel kernel = kernel_begin(lowering, cluster_of(op));
    Pool p = describe(&kernel, op);
    bool max = op->kind == OP_MAX_POOL;
    DType dtype = p.type->dtype;
    TileShape shape = {1, 1, p.lanes}, scalar = {1, 1, 1};
    Coordinates at = open_places(&p);
    double least = dtype_is_float(dtype) ? -INFINITY : (double)dtype_saturate(dtype, -1e30);
    Tile *total = kernel_constant(&kernel, dtype, max ? least : 0, shape);
    OpKind combine = max ? OP_MAX : OP_ADD;
    total = p.inside ? straight_taps(&p, &at, combine, total, shape)
                     : looped_taps(&p, &at, combine, total, shape);
    if (!max) {
        const Expr *count = number(&kernel, 1);
        for (int i = 0; i < p.spatial; i++)
            count = expr_mul(lowering->exprs, count, window_extent(&p, i, at.at[p.first + i]));
        Tile *divisor =
            kernel_map(&kernel, OP_CAST, dtype, kernel_position(&kernel, count, DTYPE_I64, scalar), NULL);
        total = kernel_map(&kernel, OP_DIV, dtype, total, divisor);
    }
    kernel_finish_tile(&kernel, op->results[0], total, &at);
    kernel.body = &kernel.function->body;
    kernel_fill_halos(&kernel);
    kernel_end(&kernel);
}

void lower_MAX_POOL(Lowering *lowering, const Op *op) { lower_pool(lowering, op); }
void lower_AVG_POOL(Lowering *lowering, const Op *op) { lower_pool(lowering, op); }
void lower_ADAPTIVE_AVG_POOL(Lowering *lowering, const Op *op) { lower_pool(lowering, op); }
