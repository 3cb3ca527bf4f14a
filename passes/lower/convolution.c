/* conv, one or two spatial axes. Four ways: plain (single elements, taps in the padding are skipped by the
 * bounds of the reduction), direct (lanes are output channels, rows are pixels of a line, the input has a
 * halo), and columns (lanes are pixels of a line, rows are output channels, for maps of few channels), and
 * depthwise (one filter per channel). Where zeros stand between the elements of the input, as in a transposed
 * convolution, most products vanish: the outputs fall into classes by their place modulo the distance, each
 * of which meets every so-manyth tap only, and each class is a convolution of its own (F. Visin and V.
 * Dumoulin, "A guide to convolution arithmetic for deep learning", 2016). */
#include "passes/lower/lower.h"

#include <string.h>

enum { CHUNK = 256 };

/* One spatial axis for one class of outputs: those at first + i * distance, which read x at i * x_stride +
 * j * x_step + x_shift and w at w_first + j * w_step, for i below |count| and j below |taps|. */
typedef struct ConvAxis {
    int64_t first, distance, x_stride, x_step, x_shift, w_first, w_step, taps;
    const Expr *count;
} ConvAxis;

typedef struct Convolution {
    Kernel *kernel;
    const Op *op;
    const Type *x_type, *w_type, *type;
    Buffer *x, *w, *b;
    int spatial, first; /* spatial axes; position of the first in x and the result: 2, or 1 unbatched */
    int64_t spread[2];  /* the distance of the input's elements */
    ConvAxis axes[2];   /* of the class that is being written */
    int64_t groups;
    TileShape shape;
    const Expr *item; /* the work item; NULL: there is one */
    MapSum sum;
    bool prefetch, prefetch_results;
} Convolution;

static int64_t greatest_divisor(int64_t a, int64_t b) { return b ? greatest_divisor(b, a % b) : a; }

/* The class of outputs at |place| modulo the distance. Tap k meets an element where place + k * dilation -
 * before is a multiple of the distance. */
static void choose_class(Convolution *c, int axis, int64_t place) {
    const Op *op = c->op;
    ExprTable *exprs = c->kernel->lowering->exprs;
    int64_t dilation = op_int_at(op, ATTR_DILATION, axis, 1),
            before = op_int_at(op, ATTR_PADDING, 2 * axis, 0), stride = op_int_at(op, ATTR_STRIDE, axis, 1),
            spread = c->spread[axis], size = expr_value(c->w_type->dims[2 + axis]),
            common = greatest_divisor(spread, dilation), tap = 0;
    while (tap < spread / common && (place + tap * dilation - before) % spread != 0) tap++;
    const Expr *left = expr_add_constant(exprs, c->type->dims[c->first + axis], spread - 1 - place);
    c->axes[axis] = (ConvAxis){.first = place,
                               .distance = spread,
                               .x_stride = stride,
                               .x_step = dilation / common,
                               .x_shift = (place + tap * dilation - before) / spread,
                               .w_first = tap,
                               .w_step = spread / common,
                               .count = expr_floordiv(exprs, left, expr_constant(exprs, spread))};
    if (tap < spread / common && tap < size)
        c->axes[axis].taps = (size - 1 - tap) / c->axes[axis].w_step + 1;
    else
        c->axes[axis].x_shift = c->axes[axis].w_first = 0; /* meets nothing */
}

static Convolution describe(Kernel *kernel, const Op *op) {
    Convolution c = {.kernel = kernel,
                     .op = op,
                     .x_type = &op->operands[0]->type,
                     .w_type = &op->operands[1]->type,
                     .type = &op->results[0]->type};
    c.spatial = c.w_type->rank - 2;
    c.first = c.x_type->rank - c.spatial;
    for (int i = 0; i < c.spatial; i++) {
        c.spread[i] = op_int_at(op, ATTR_INPUT_DILATION, i, 1);
        choose_class(&c, i, 0);
    }
    c.groups = op_int(op, ATTR_GROUPS, 1);
    return c;
}

static void bind_operands(Convolution *c) {
    c->x = kernel_operand(c->kernel, c->op->operands[0]);
    c->w = kernel_operand(c->kernel, c->op->operands[1]);
    c->b = kernel_optional(c->kernel, c->op, 2);
}

/* Where tap |j| of output |i| of the class reads along spatial axis |axis|. */
static const Expr *tap(const Convolution *c, int axis, const Expr *i, const Expr *j) {
    ExprTable *exprs = c->kernel->lowering->exprs;
    const ConvAxis *a = &c->axes[axis];
    const Expr *place = expr_add(exprs, expr_scale(exprs, i, a->x_stride), expr_scale(exprs, j, a->x_step));
    return expr_add_constant(exprs, place, a->x_shift);
}

static const Expr *kernel_place(const Convolution *c, int axis, const Expr *j) {
    ExprTable *exprs = c->kernel->lowering->exprs;
    return expr_add_constant(exprs, expr_scale(exprs, j, c->axes[axis].w_step), c->axes[axis].w_first);
}

/* The place of output |i| of the class in the result. */
static const Expr *output_place(const Convolution *c, int axis, const Expr *i) {
    ExprTable *exprs = c->kernel->lowering->exprs;
    return expr_add_constant(exprs, expr_scale(exprs, i, c->axes[axis].distance), c->axes[axis].first);
}

/* Coordinates in the result of what |at| counts within the class. */
static Coordinates outputs_at(const Convolution *c, const Coordinates *at) {
    Coordinates places = *at;
    for (int i = 0; i < c->spatial; i++) places.at[c->first + i] = output_place(c, i, at->at[c->first + i]);
    return places;
}

/* The taps that fall into the input. */
static const Expr *clipped_range(const Convolution *c, int axis, const Expr *i, Range *out_range) {
    Kernel *kernel = c->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    const ConvAxis *a = &c->axes[axis];
    const Expr *taps = number(kernel, a->taps), *step = number(kernel, a->x_step);
    const Expr *start = expr_add_constant(exprs, expr_scale(exprs, i, a->x_stride), a->x_shift);
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
    int64_t steps = inner ? (CHUNK + inner / 2) / inner : 1;
    return (steps ? steps : 1) * inner;
}

/* Writes one nest for every class of outputs. */
static void for_each_class(Convolution *c, void (*write)(Convolution *c, const Schedule *schedule),
                           const Schedule *schedule) {
    LoopBody *outer = c->kernel->body;
    int64_t second = c->spatial == 2 ? c->spread[1] : 1;
    for (int64_t i = 0; i < c->spread[0] * second; i++) {
        choose_class(c, 0, i / second);
        if (c->spatial == 2) choose_class(c, 1, i % second);
        c->kernel->body = outer;
        write(c, schedule);
    }
}

/* ---- plain ---- */

static void lower_plain(Convolution *c, const Schedule *schedule) {
    Kernel *kernel = c->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    TileShape one = {1, 1, 1};
    Coordinates at;
    (void)schedule;
    for (int i = 0; i < c->type->rank; i++)
        at.at[i] = kernel_for(kernel, "i", number(kernel, 0),
                              i < c->first ? c->type->dims[i] : c->axes[i - c->first].count);
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
        const Expr *j = clipped_range(c, i, place, &ranges[1 + i]);
        w_at.at[2 + i] = kernel_place(c, i, j);
        x_at.at[c->first + i] = tap(c, i, place, j);
    }
    Access a = kernel_access(kernel, c->x, c->x_type, &x_at),
           b = kernel_access(kernel, c->w, c->w_type, &w_at);
    Tile *sum = kernel_contract(kernel, load_bias(c, channel, one), &a, &b, ranges, 1 + c->spatial, 0,
                                c->type->dtype, one);
    Coordinates places = outputs_at(c, &at);
    kernel_finish_tile(kernel, c->op->results[0], sum, &places);
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
        const Expr *taps = number(kernel, c->axes[i].taps), *j = zero;
        if (c->axes[i].taps != 1) j = kernel_range(kernel, &ranges[depth++], i ? "kw" : "kh", zero, taps);
        out_w->at[2 + i] = kernel_place(c, i, j);
        out_x->at[c->first + i] = tap(c, i, at->at[c->first + i], j);
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

static int64_t panel_terms(const Convolution *c) {
    int64_t terms = 1;
    for (int i = 1; i < c->w_type->rank; i++) terms *= expr_value(c->w_type->dims[i]);
    return terms;
}

/* Opens a loop over panels, whose last may be padded; the channels of one. */
static const Expr *open_panels(Convolution *c, const Expr *low, const Expr *high) {
    Kernel *kernel = c->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    int64_t outputs = expr_value(c->w_type->dims[0]), width = kernel->width;
    if (outputs % width == 0) {
        const Expr *panel = expr_scale(exprs, kernel_for(kernel, "p", low, high), width);
        return expr_add(exprs, panel, lane_symbol(kernel));
    }
    const Expr *end = expr_min(exprs, expr_scale(exprs, high, width), number(kernel, outputs));
    const Expr *first = kernel_lanes(kernel, "p", expr_scale(exprs, low, width), end, (int)width);
    const Expr *panel = expr_scale(exprs, expr_floordiv(exprs, first, number(kernel, width)), width);
    return expr_add(exprs, panel, lane_symbol(kernel));
}

/* All panels over all lines (or pixels) of a region. */
static void direct_region(Convolution *c, Coordinates at, Region region, bool flat) {
    Kernel *kernel = c->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    const Expr *width = c->axes[c->spatial - 1].count, *zero = number(kernel, 0);
    const Expr *channel = open_panels(c, region.panel_low, region.panel_high);
    at.at[c->first - 1] = channel;
    const Expr *passed, *pixels = expr_sub(exprs, region.high, region.low);
    if (flat) {
        const Expr *pixel = kernel_rows(kernel, "w", region.low, region.high, c->shape.rows);
        passed = expr_sub(exprs, pixel, region.low);
        pixel = expr_add(exprs, pixel, row_symbol(kernel));
        at.at[c->first] = expr_floordiv(exprs, pixel, width);
        at.at[c->first + 1] = expr_mod(exprs, pixel, width);
    } else {
        if (c->spatial == 2) at.at[c->first] = kernel_for(kernel, "h", region.low, region.high);
        const Expr *pixel = kernel_rows(kernel, "w", zero, width, c->shape.rows);
        at.at[c->type->rank - 1] = expr_add(exprs, pixel, row_symbol(kernel));
        const Expr *lines = c->spatial == 2 ? expr_sub(exprs, at.at[c->first], region.low) : zero;
        passed = expr_add(exprs, expr_mul(exprs, lines, width), pixel);
        pixels = expr_mul(exprs, pixels, width);
    }
    TileShape shape = {ROWS_SYMBOLIC, c->shape.vectors, c->shape.lanes};
    Range ranges[REDUCTION_DEPTH_MAX];
    Coordinates x_at, w_at;
    w_at.at[0] = channel;
    int depth = reduction_nest(c, &at, ranges, &x_at, &w_at);
    Tile *initial = load_bias(c, channel, shape);
    Coordinates places = outputs_at(c, &at);
    if (c->prefetch_results) kernel_prefetch_results(kernel, shape, &places);
    Access a = kernel_access(kernel, c->x, c->x_type, &x_at),
           b = kernel_access(kernel, c->w, c->w_type, &w_at);
    Tile *sum = kernel_contract(kernel, initial, &a, &b, ranges, depth, chunk_for(inner_terms(ranges, depth)),
                                c->type->dtype, shape);
    if (c->prefetch && pixels->max > 0)
        kernel_prefetch(kernel, panel_terms(c), passed, pixels->max, c->shape.rows);
    map_sum_add(kernel, &c->sum, kernel_finish_tile(kernel, c->op->results[0], sum, &places), &places);
}

/* What the work items of a direct convolution divide: panels, super-tiles, or lines; for a pointwise one,
 * whose lines are one row, tiles of pixels. */
typedef enum Division { BY_PANELS, BY_BLOCKS, BY_LINES, BY_TILES } Division;

static int64_t known(const Expr *expr) { return expr->min == expr->max ? expr->min : 0; }

/* Panels where the weights are larger than the map, so that each item reads its own; else places, where there
 * are enough. */
static Division choose_division(const Convolution *c, const Region *all, const Schedule *schedule,
                                bool flat) {
    int64_t items = schedule->items, places = known(all->high), panels = known(all->panel_high);
    bool heavy = panel_terms(c) * expr_value(c->w_type->dims[0]) > type_count_max(c->x_type);
    if (heavy && panels >= items) return BY_PANELS;
    if (schedule->block && places / schedule->block >= items) return BY_BLOCKS;
    if (!flat && places >= 2 * items) return BY_LINES;
    if (panels >= items) return BY_PANELS;
    if (flat) return places / schedule->rows >= items ? BY_TILES : BY_PANELS;
    return places >= items ? BY_LINES : BY_PANELS;
}

/* The part of a work item. */
static Region item_region(const Convolution *c, Region all, const Schedule *schedule, Division division) {
    Kernel *kernel = c->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    const Expr *items = number(kernel, schedule->items), *next = expr_add_constant(exprs, c->item, 1);
    int64_t unit = division == BY_BLOCKS ? schedule->block : division == BY_TILES ? schedule->rows : 1;
    const Expr *extent = division == BY_PANELS ? all.panel_high : all.high,
               *units = expr_ceildiv(exprs, extent, number(kernel, unit));
    const Expr *low = expr_floordiv(exprs, expr_mul(exprs, c->item, units), items),
               *high = expr_floordiv(exprs, expr_mul(exprs, next, units), items);
    low = expr_scale(exprs, low, unit);
    high = unit == 1 ? high : expr_min(exprs, expr_scale(exprs, high, unit), extent);
    if (division == BY_PANELS) return (Region){low, high, all.low, all.high};
    return (Region){all.panel_low, all.panel_high, low, high};
}

/* Super-tiles of lines (or pixels) outside the panels. */
static void lower_blocks(Convolution *c, Coordinates at, Region region, int64_t block, bool flat) {
    Kernel *kernel = c->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    LoopBody *outer = kernel->body;
    Region part = region;
    int64_t count = known(expr_sub(exprs, region.high, region.low)), rest = count % block;
    if (count) {
        const Expr *b = kernel_for(kernel, "b", number(kernel, 0), number(kernel, count / block));
        part.low = expr_add(exprs, region.low, expr_scale(exprs, b, block));
        part.high = expr_add_constant(exprs, part.low, block);
        direct_region(c, at, part, flat);
        kernel->body = outer;
        part.low = expr_add_constant(exprs, region.low, count - rest);
        part.high = region.high;
        if (rest) direct_region(c, at, part, flat);
        return;
    }
    const Expr *size = number(kernel, block),
               *blocks = expr_ceildiv(exprs, expr_sub(exprs, region.high, region.low), size);
    const Expr *b = kernel_for(kernel, "b", number(kernel, 0), blocks);
    part.low = expr_add(exprs, region.low, expr_scale(exprs, b, block));
    part.high = expr_min(exprs, expr_add(exprs, part.low, size), region.high);
    direct_region(c, at, part, flat);
}

/* Tiles of pixels x output channels, super-tiles where the whole map leaves the cache. */
static void lower_direct(Convolution *c, const Schedule *schedule) {
    Kernel *kernel = c->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    bool flat = strcmp(schedule->variant, "pointwise") == 0;
    const Expr *zero = number(kernel, 0), *extent = c->spatial == 2 ? c->axes[0].count : number(kernel, 1);
    if (flat) extent = expr_mul(exprs, extent, c->axes[1].count);
    const Expr *panels = expr_ceildiv(exprs, c->type->dims[c->first - 1], number(kernel, kernel->width));
    Region region = {zero, panels, zero, extent};
    Division division = c->item ? choose_division(c, &region, schedule, flat) : BY_PANELS;
    if (c->item) region = item_region(c, region, schedule, division);
    Coordinates at;
    if (c->first == 2) at.at[0] = kernel_for(kernel, "n", zero, c->type->dims[0]);
    bool blocked = schedule->block && known(extent) > schedule->block &&
                   (division == BY_PANELS || division == BY_BLOCKS);
    if (blocked)
        lower_blocks(c, at, region, schedule->block, flat);
    else
        direct_region(c, at, region, flat);
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
    c->sum = map_sum_begin(kernel, share.item, share.items);
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
    map_sum_add(kernel, &c->sum, kernel_finish_tile(kernel, c->op->results[0], sum, &at), &at);
}

/* Tiles of output channels x pixels of one line: weights are broadcast, the input's line is read as vectors.
 */
static void lower_columns(Convolution *c, const Schedule *schedule) {
    Kernel *kernel = c->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    const Expr *zero = number(kernel, 0), *group = zero;
    const Expr *outputs = expr_floordiv(exprs, c->type->dims[c->first - 1], number(kernel, c->groups));
    (void)schedule;
    Coordinates at;
    if (c->first == 2) at.at[0] = kernel_for(kernel, "n", zero, c->type->dims[0]);
    if (c->spatial == 2) at.at[c->first] = kernel_for(kernel, "h", zero, c->axes[0].count);
    if (c->groups > 1) group = kernel_for(kernel, "g", zero, number(kernel, c->groups));
    const Expr *pixel = kernel_lanes(kernel, "w", zero, c->axes[c->spatial - 1].count, kernel->width);
    const Expr *channel =
        expr_add(exprs, kernel_rows(kernel, "o", zero, outputs, c->shape.rows), row_symbol(kernel));
    channel = expr_add(exprs, expr_mul(exprs, group, outputs), channel);
    at.at[c->type->rank - 1] = expr_add(exprs, pixel, lane_symbol(kernel));
    at.at[c->first - 1] = channel;
    TileShape shape = {ROWS_SYMBOLIC, c->shape.vectors, c->shape.lanes};
    Range ranges[REDUCTION_DEPTH_MAX];
    Coordinates x_at, w_at;
    w_at.at[0] = channel;
    int depth = reduction_nest(c, &at, ranges, &x_at, &w_at);
    const Expr *inputs_before = expr_mul(exprs, group, c->w_type->dims[1]);
    x_at.at[c->first - 1] = expr_add(exprs, inputs_before, x_at.at[c->first - 1]);
    Tile *initial = load_bias(c, channel, shape);
    Access a = kernel_access(kernel, c->w, c->w_type, &w_at),
           b = kernel_access(kernel, c->x, c->x_type, &x_at);
    Tile *sum = kernel_contract(kernel, initial, &a, &b, ranges, depth, chunk_for(inner_terms(ranges, depth)),
                                c->type->dtype, shape);
    Coordinates places = outputs_at(c, &at);
    kernel_finish_tile(kernel, c->op->results[0], sum, &places);
}

static void lower_scheduled(Convolution *c, const Schedule *schedule) {
    c->shape = (TileShape){schedule->rows, schedule->vectors, schedule->lanes};
    c->kernel->width = c->shape.vectors * c->shape.lanes;
    c->prefetch = schedule->prefetch & PREFETCH_WEIGHTS;
    c->prefetch_results = schedule->prefetch & PREFETCH_RESULTS;
    if (strcmp(schedule->variant, "depthwise") == 0) {
        lower_depthwise(c);
    } else if (strcmp(schedule->variant, "columns") == 0) {
        for_each_class(c, lower_columns, schedule);
    } else {
        if (schedule->items > 1) c->item = kernel_parallel(c->kernel, schedule->items);
        c->sum = map_sum_begin(c->kernel, c->item, schedule->items);
        for_each_class(c, lower_direct, schedule);
    }
}

void lower_CONV(Lowering *lowering, const Op *op) {
    const Op *cluster = cluster_of(op);
    const Schedule *schedule = cluster->schedule;
    Kernel kernel = kernel_begin(lowering, cluster);
    Convolution c = describe(&kernel, op);
    bind_operands(&c);
    if (schedule && schedule->variant) {
        lower_scheduled(&c, schedule);
    } else {
        kernel.width = 1;
        for_each_class(&c, lower_plain, NULL);
    }
    kernel.body = &kernel.function->body;
    map_sum_end(&kernel, &c.sum);
    kernel_fill_halos(&kernel);
    kernel_end(&kernel);
}
