/* conv, one or two spatial axes. Four ways: plain (single elements, taps in the padding are skipped by the
 * bounds of the reduction), direct (lanes are output channels, rows are pixels of a line, the input has a
 * halo), and columns (lanes are pixels of a line, rows are output channels, for maps of few channels), and
 * depthwise (one filter per channel). */
#include "passes/lower/lower.h"

#include <string.h>

enum { CHUNK = 256 };

typedef struct Convolution {
    Kernel *kernel;
    const Op *op;
    const Type *x_type, *w_type, *type;
    Buffer *x, *w, *b;
    int spatial, first; /* spatial axes; position of the first in x and the result: 2, or 1 unbatched */
    int64_t stride[2], dilation[2], before[2], after[2];
    int64_t groups;
    TileShape shape;
} Convolution;

static Convolution describe(Kernel *kernel, const Op *op) {
    Convolution c = {.kernel = kernel,
                     .op = op,
                     .x_type = &op->operands[0]->type,
                     .w_type = &op->operands[1]->type,
                     .type = &op->results[0]->type};
    c.spatial = c.w_type->rank - 2;
    c.first = c.x_type->rank - c.spatial;
    for (int i = 0; i < c.spatial; i++) {
        c.stride[i] = op_int_at(op, ATTR_STRIDE, i, 1);
        c.dilation[i] = op_int_at(op, ATTR_DILATION, i, 1);
        c.before[i] = op_int_at(op, ATTR_PADDING, 2 * i, 0);
        c.after[i] = op_int_at(op, ATTR_PADDING, 2 * i + 1, 0);
    }
    c.groups = op_int(op, ATTR_GROUPS, 1);
    return c;
}

static void bind_operands(Convolution *c) {
    c->x = kernel_operand(c->kernel, c->op->operands[0]);
    c->w = kernel_operand(c->kernel, c->op->operands[1]);
    c->b = kernel_optional(c->kernel, c->op, 2);
}

/* Where tap |k| of output index |at| reads along spatial axis |axis|. */
static const Expr *tap(const Convolution *c, int axis, const Expr *at, const Expr *k) {
    ExprTable *exprs = c->kernel->lowering->exprs;
    const Expr *place =
        expr_add(exprs, expr_scale(exprs, at, c->stride[axis]), expr_scale(exprs, k, c->dilation[axis]));
    return expr_add_constant(exprs, place, -c->before[axis]);
}

/* The taps that fall into the input. */
static const Expr *clipped_range(const Convolution *c, int axis, const Expr *at, Range *out_range) {
    Kernel *kernel = c->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    const Expr *taps = c->w_type->dims[2 + axis], *step = number(kernel, c->dilation[axis]);
    const Expr *start = expr_add_constant(exprs, expr_scale(exprs, at, c->stride[axis]), -c->before[axis]);
    const Expr *low =
        expr_max(exprs, number(kernel, 0), expr_ceildiv(exprs, expr_scale(exprs, start, -1), step));
    const Expr *room = expr_sub(exprs, c->x_type->dims[c->first + axis], start);
    const Expr *high = expr_min(exprs, taps, expr_ceildiv(exprs, room, step));
    return kernel_range(kernel, out_range, axis ? "kw" : "kh", low, high);
}

static Tile *load_bias(const Convolution *c, const Expr *channel, TileShape shape) {
    if (!c->b) return NULL;
    Coordinates at = {{channel}};
    Access access = kernel_access(c->kernel, c->b, &c->op->operands[2]->type, &at);
    return kernel_load(c->kernel, &access, shape);
}

/* Chunks are whole steps of the outermost range, near 256 terms. */
static int64_t chunk_for(int64_t inner) {
    int64_t steps = (CHUNK + inner / 2) / inner;
    return (steps ? steps : 1) * inner;
}

/* ---- plain ---- */

static void lower_plain(Convolution *c) {
    Kernel *kernel = c->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    TileShape one = {1, 1, 1};
    Coordinates at;
    for (int i = 0; i < c->type->rank; i++)
        at.at[i] = kernel_for(kernel, "i", number(kernel, 0), c->type->dims[i]);
    const Expr *channel = at.at[c->first - 1], *per_group = c->w_type->dims[1];
    const Expr *group =
        expr_floordiv(exprs, channel, expr_floordiv(exprs, c->w_type->dims[0], number(kernel, c->groups)));
    Range ranges[3];
    const Expr *input = kernel_range(kernel, &ranges[0], "c", number(kernel, 0), per_group);
    Coordinates x_at = at, w_at;
    w_at.at[0] = channel;
    w_at.at[1] = input;
    x_at.at[c->first - 1] = expr_add(exprs, expr_mul(exprs, group, per_group), input);
    for (int i = 0; i < c->spatial; i++) {
        const Expr *place = at.at[c->first + i];
        w_at.at[2 + i] = clipped_range(c, i, place, &ranges[1 + i]);
        x_at.at[c->first + i] = tap(c, i, place, w_at.at[2 + i]);
    }
    Access a = kernel_access(kernel, c->x, c->x_type, &x_at),
           b = kernel_access(kernel, c->w, c->w_type, &w_at);
    Tile *sum = kernel_contract(kernel, load_bias(c, channel, one), &a, &b, ranges, 1 + c->spatial, 0,
                                c->type->dtype, one);
    kernel_finish_tile(kernel, c->op->results[0], sum, &at);
}

/* ---- direct and columns ---- */

/* The reduction nest over channels (by blocks of the input's layout), then taps; coordinates for x and w. */
static int reduction_nest(const Convolution *c, const Coordinates *at, Range *ranges, Coordinates *out_x,
                          Coordinates *out_w) {
    Kernel *kernel = c->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    const Expr *channels = c->w_type->dims[1], *zero = number(kernel, 0), *channel;
    bool blocked = c->x_type->layout && c->x_type->layout->pieces[c->first - 1].kind == PIECE_DIV;
    int64_t block = blocked ? c->x_type->layout->pieces[c->first - 1].block : 1;
    int depth = 0;
    channel = kernel_range(kernel, &ranges[depth++], "c", zero,
                           blocked ? expr_floordiv(exprs, channels, number(kernel, block)) : channels);
    *out_x = *at;
    for (int i = 0; i < c->spatial; i++) {
        const Expr *taps = c->w_type->dims[2 + i];
        out_w->at[2 + i] =
            expr_equals(taps, 1) ? zero : kernel_range(kernel, &ranges[depth++], i ? "kw" : "kh", zero, taps);
        out_x->at[c->first + i] = tap(c, i, at->at[c->first + i], out_w->at[2 + i]);
    }
    if (blocked) {
        const Expr *within = kernel_range(kernel, &ranges[depth++], "ci", zero, number(kernel, block));
        channel = expr_add(exprs, expr_scale(exprs, channel, block), within);
    }
    out_w->at[1] = out_x->at[c->first - 1] = channel;
    return depth;
}

static int64_t inner_terms(const Range *ranges, int depth) {
    int64_t terms = 1;
    for (int i = 1; i < depth; i++) terms *= expr_value(ranges[i].high);
    return terms;
}

/* Where a direct convolution works: panels of output channels, and lines of the map, or for a pointwise one,
 * whose lines make up one row, pixels of that row. */
typedef struct Region {
    const Expr *panel_low, *panel_high, *low, *high;
} Region;

/* All panels over all lines (or pixels) of a region. */
static void direct_region(Convolution *c, Coordinates at, Region region, bool flat) {
    Kernel *kernel = c->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    const Expr *width = c->type->dims[c->type->rank - 1], *zero = number(kernel, 0);
    const Expr *panel = kernel_for(kernel, "p", region.panel_low, region.panel_high);
    const Expr *channel = expr_add(exprs, expr_scale(exprs, panel, kernel->width), lane_symbol(kernel));
    at.at[c->first - 1] = channel;
    if (flat) {
        const Expr *pixel = kernel_rows(kernel, "w", region.low, region.high, c->shape.rows);
        pixel = expr_add(exprs, pixel, row_symbol(kernel));
        at.at[c->first] = expr_floordiv(exprs, pixel, width);
        at.at[c->first + 1] = expr_mod(exprs, pixel, width);
    } else {
        if (c->spatial == 2) at.at[c->first] = kernel_for(kernel, "h", region.low, region.high);
        const Expr *pixel = kernel_rows(kernel, "w", zero, width, c->shape.rows);
        at.at[c->type->rank - 1] = expr_add(exprs, pixel, row_symbol(kernel));
    }
    TileShape shape = {ROWS_SYMBOLIC, c->shape.vectors, c->shape.lanes};
    Range ranges[REDUCTION_DEPTH_MAX];
    Coordinates x_at, w_at;
    w_at.at[0] = channel;
    int depth = reduction_nest(c, &at, ranges, &x_at, &w_at);
    Tile *initial = load_bias(c, channel, shape);
    Access a = kernel_access(kernel, c->x, c->x_type, &x_at),
           b = kernel_access(kernel, c->w, c->w_type, &w_at);
    Tile *sum = kernel_contract(kernel, initial, &a, &b, ranges, depth, chunk_for(inner_terms(ranges, depth)),
                                c->type->dtype, shape);
    kernel_finish_tile(kernel, c->op->results[0], sum, &at);
}

/* The part of work item |q|: lines where there are enough, else panels. */
static Region item_region(Kernel *kernel, Region all, int items, bool flat) {
    ExprTable *exprs = kernel->lowering->exprs;
    const Expr *count = number(kernel, items), *q = kernel_parallel(kernel, items),
               *next = expr_add_constant(exprs, q, 1);
    bool lines = !flat && all.high->min >= 2 * items;
    const Expr *extent = lines ? all.high : all.panel_high;
    const Expr *low = expr_floordiv(exprs, expr_mul(exprs, q, extent), count);
    const Expr *high = expr_floordiv(exprs, expr_mul(exprs, next, extent), count);
    if (lines) return (Region){all.panel_low, all.panel_high, low, high};
    return (Region){low, high, all.low, all.high};
}

/* Tiles of pixels x output channels, super-tiles of lines outside the panels where the whole map leaves the
 * cache. */
static void lower_direct(Convolution *c, const Schedule *schedule) {
    Kernel *kernel = c->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    bool flat = strcmp(schedule->variant, "pointwise") == 0;
    const Expr *zero = number(kernel, 0),
               *extent = c->spatial == 2 ? c->type->dims[c->first] : number(kernel, 1);
    if (flat) extent = expr_mul(exprs, extent, c->type->dims[c->type->rank - 1]);
    const Expr *panels = expr_floordiv(exprs, c->type->dims[c->first - 1], number(kernel, kernel->width));
    Region region = {zero, panels, zero, extent};
    if (schedule->items > 1) region = item_region(kernel, region, schedule->items, flat);
    Coordinates at;
    if (c->first == 2) at.at[0] = kernel_for(kernel, "n", zero, c->type->dims[0]);
    int64_t count, block = schedule->block;
    if (!block || !expr_is_constant(region.low, NULL) || !expr_is_constant(region.high, &count) ||
        count <= block) {
        direct_region(c, at, region, flat);
        return;
    }
    LoopBody *outer = kernel->body;
    Region part = region;
    part.low = expr_scale(exprs, kernel_for(kernel, "b", zero, number(kernel, count / block)), block);
    part.high = expr_add_constant(exprs, part.low, block);
    direct_region(c, at, part, flat);
    kernel->body = outer;
    part.low = number(kernel, count / block * block);
    part.high = region.high;
    if (count % block) direct_region(c, at, part, flat);
}

/* One filter per channel: lanes are channels, rows are pixels of a line, and both operands of a tap are
 * vectors. */
static void lower_depthwise(Convolution *c) {
    Kernel *kernel = c->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    const Expr *zero = number(kernel, 0), *extents[RANK_MAX];
    for (int i = 0; i < c->type->rank; i++) extents[i] = c->type->dims[i];
    extents[c->first - 1] = expr_floordiv(exprs, extents[c->first - 1], number(kernel, kernel->width));
    Share share = kernel_share(kernel, extents, c->type->rank - 1, type_count_max(c->type));
    Coordinates at;
    if (c->first == 2) at.at[0] = kernel_for_share(kernel, "n", 0, extents[0], &share);
    const Expr *block = kernel_for_share(kernel, "p", c->first - 1, extents[c->first - 1], &share);
    const Expr *channel = expr_add(exprs, expr_scale(exprs, block, kernel->width), lane_symbol(kernel));
    at.at[c->first - 1] = channel;
    if (c->spatial == 2) at.at[c->first] = kernel_for_share(kernel, "h", c->first, extents[c->first], &share);
    const Expr *pixel = kernel_rows(kernel, "w", zero, c->type->dims[c->type->rank - 1], c->shape.rows);
    at.at[c->type->rank - 1] = expr_add(exprs, pixel, row_symbol(kernel));
    TileShape shape = {ROWS_SYMBOLIC, c->shape.vectors, c->shape.lanes};
    Range ranges[REDUCTION_DEPTH_MAX];
    Coordinates x_at = at, w_at = {{channel, zero}};
    for (int i = 0; i < c->spatial; i++) {
        w_at.at[2 + i] = kernel_range(kernel, &ranges[i], i ? "kw" : "kh", zero, c->w_type->dims[2 + i]);
        x_at.at[c->first + i] = tap(c, i, at.at[c->first + i], w_at.at[2 + i]);
    }
    Tile *initial = load_bias(c, channel, shape);
    Access a = kernel_access(kernel, c->x, c->x_type, &x_at),
           b = kernel_access(kernel, c->w, c->w_type, &w_at);
    Tile *sum = kernel_contract(kernel, initial, &a, &b, ranges, c->spatial, 0, c->type->dtype, shape);
    kernel_finish_tile(kernel, c->op->results[0], sum, &at);
}

/* Tiles of output channels x pixels of one line: weights are broadcast, the input's line is read as vectors.
 */
static void lower_columns(Convolution *c, const Schedule *schedule) {
    Kernel *kernel = c->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    const Expr *zero = number(kernel, 0), *outputs = c->type->dims[c->first - 1];
    (void)schedule;
    Coordinates at;
    if (c->first == 2) at.at[0] = kernel_for(kernel, "n", zero, c->type->dims[0]);
    if (c->spatial == 2) at.at[c->first] = kernel_for(kernel, "h", zero, c->type->dims[c->first]);
    const Expr *pixel = kernel_lanes(kernel, "w", zero, c->type->dims[c->type->rank - 1], kernel->width);
    const Expr *channel =
        expr_add(exprs, kernel_rows(kernel, "o", zero, outputs, c->shape.rows), row_symbol(kernel));
    at.at[c->type->rank - 1] = expr_add(exprs, pixel, lane_symbol(kernel));
    at.at[c->first - 1] = channel;
    TileShape shape = {ROWS_SYMBOLIC, c->shape.vectors, c->shape.lanes};
    Range ranges[REDUCTION_DEPTH_MAX];
    Coordinates x_at, w_at;
    w_at.at[0] = channel;
    int depth = reduction_nest(c, &at, ranges, &x_at, &w_at);
    Tile *initial = load_bias(c, channel, shape);
    Access a = kernel_access(kernel, c->w, c->w_type, &w_at),
           b = kernel_access(kernel, c->x, c->x_type, &x_at);
    Tile *sum = kernel_contract(kernel, initial, &a, &b, ranges, depth, chunk_for(inner_terms(ranges, depth)),
                                c->type->dtype, shape);
    kernel_finish_tile(kernel, c->op->results[0], sum, &at);
}

void lower_CONV(Lowering *lowering, const Op *op) {
    const Op *cluster = cluster_of(op);
    const Schedule *schedule = cluster->schedule;
    Kernel kernel = kernel_begin(lowering, cluster);
    Convolution c = describe(&kernel, op);
    bind_operands(&c);
    if (!schedule || !schedule->variant) {
        kernel.width = 1;
        lower_plain(&c);
    } else {
        c.shape = (TileShape){schedule->rows, schedule->vectors, schedule->lanes};
        kernel.width = c.shape.vectors * c.shape.lanes;
        if (strcmp(schedule->variant, "columns") == 0)
            lower_columns(&c, schedule);
        else if (strcmp(schedule->variant, "depthwise") == 0)
            lower_depthwise(&c);
        else
            lower_direct(&c, schedule);
    }
    kernel.body = &kernel.function->body;
    kernel_fill_halos(&kernel);
    kernel_end(&kernel);
}
