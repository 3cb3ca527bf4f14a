/* linear and matmul. Scheduled, they walk panels of |vectors * lanes| outputs and within them tiles of |rows|
 * rows; plain, single elements. Sums run over K in chunks of 256 either way. */
#include "passes/lower/lower.h"

enum { CHUNK = 256 };

static TileShape tile_of(const Schedule *schedule) {
    if (!schedule || !schedule->rows) return (TileShape){1, 1, 1};
    return (TileShape){schedule->rows, schedule->vectors, schedule->lanes};
}

static int64_t chunk_of(const Schedule *schedule) {
    return schedule && schedule->chunk ? schedule->chunk : CHUNK;
}

/* The share of work item |q|: panels of |width| out of |extent|, as element bounds. */
static void panel_share(Kernel *kernel, const Expr *q, int items, const Expr *extent, int width,
                        const Expr **out_low, const Expr **out_high) {
    ExprTable *exprs = kernel->lowering->exprs;
    const Expr *panels = expr_ceildiv(exprs, extent, number(kernel, width));
    const Expr *count = number(kernel, items);
    *out_low = expr_scale(exprs, expr_floordiv(exprs, expr_mul(exprs, q, panels), count), width);
    const Expr *next = expr_mul(exprs, expr_add_constant(exprs, q, 1), panels);
    *out_high = expr_scale(exprs, expr_floordiv(exprs, next, count), width);
    if (!expr_equals(expr_mod(exprs, extent, number(kernel, width)), 0))
        *out_high = expr_min(exprs, extent, *out_high);
}

/* Panels of the weights as packed [N/P, K, N%P]: panel of element |n|, k, l. */
static Access packed_access(Kernel *kernel, Buffer *weights, const Expr *n, const Expr *k, int width) {
    Access access = {.buffer = weights};
    access.indices[0] = expr_floordiv(kernel->lowering->exprs, n, number(kernel, width));
    access.indices[1] = k;
    access.indices[2] = lane_symbol(kernel);
    return access;
}

typedef struct Dense {
    Kernel *kernel;
    const Op *op;
    Buffer *x, *w, *b;
    TileShape shape;
    int row_axis; /* whose positions are rows; -1: x has rank 1 */
    bool prefetch;
    Coordinates at; /* of the result */
} Dense;

/* Rows of a super-tile; NULL: x has rank 1. */
typedef struct Rows {
    const Expr *first, *last;
} Rows;

/* One tile: rows from |m| (NULL: x has rank 1), outputs from |n|. */
static void dense_tile(Dense *d, const Expr *m, const Expr *n, const Rows *all, int64_t chunk) {
    Kernel *kernel = d->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    const Type *x_type = &d->op->operands[0]->type, *w_type = &d->op->operands[1]->type;
    const Value *result = d->op->results[0];
    int last = result->type.rank - 1;
    TileShape shape = m ? (TileShape){ROWS_SYMBOLIC, d->shape.vectors, d->shape.lanes}
                        : (TileShape){1, d->shape.vectors, d->shape.lanes};
    const Expr *output = expr_add(exprs, n, lane_symbol(kernel));
    if (m) d->at.at[d->row_axis] = expr_add(exprs, m, row_symbol(kernel));
    d->at.at[last] = output;
    Tile *initial = NULL;
    if (d->b) {
        Coordinates bias_at = {{output}};
        Access bias = kernel_access(kernel, d->b, &d->op->operands[2]->type, &bias_at);
        initial = kernel_load(kernel, &bias, shape);
    }
    Range range;
    const Expr *k = kernel_range(kernel, &range, "k", number(kernel, 0), w_type->dims[1]);
    Coordinates x_at = d->at;
    x_at.at[x_type->rank - 1] = k;
    Access a = kernel_access(kernel, d->x, x_type, &x_at), b;
    if (w_type->layout) {
        b = packed_access(kernel, d->w, n, k, kernel->width);
    } else {
        Coordinates w_at = {{output, k}};
        b = kernel_access(kernel, d->w, w_type, &w_at);
    }
    Tile *sum = kernel_contract(kernel, initial, &a, &b, &range, 1, chunk, result->type.dtype, shape);
    int64_t rows, terms;
    if (d->prefetch && m && expr_is_constant(expr_sub(exprs, all->last, all->first), &rows) && rows > 0 &&
        expr_is_constant(w_type->dims[1], &terms))
        kernel_prefetch(kernel, terms, expr_sub(exprs, m, all->first), rows, d->shape.rows);
    kernel_finish_tile(kernel, result, sum, &d->at);
}

/* All panels of outputs over the rows |all|. */
static void dense_panels(Dense *d, Rows all, const Expr *low, const Expr *high, int64_t chunk) {
    const Expr *n = kernel_lanes(d->kernel, "n", low, high, d->kernel->width);
    const Expr *m = all.first ? kernel_rows(d->kernel, "m", all.first, all.last, d->shape.rows) : NULL;
    dense_tile(d, m, n, &all, chunk);
}

/* ---- gates ---- */

/* One panel: |panel| units of each group, for all rows. */
static void gates_panel(Dense *d, const Expr *panel, int64_t groups, int64_t units, int64_t width) {
    Kernel *kernel = d->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    const Type *x_type = &d->op->operands[0]->type;
    const Value *result = d->op->results[0];
    int last = result->type.rank - 1;
    const Expr *rows = d->row_axis >= 0 ? result->type.dims[d->row_axis] : NULL;
    const Expr *m = rows ? kernel_rows(kernel, "m", number(kernel, 0), rows, d->shape.rows) : NULL;
    TileShape shape = {m ? ROWS_SYMBOLIC : 1, d->shape.vectors, d->shape.lanes};
    if (m) d->at.at[d->row_axis] = expr_add(exprs, m, row_symbol(kernel));
    Tile *initial = NULL;
    if (d->b) {
        Coordinates bias_at = {
            {expr_add(exprs, expr_scale(exprs, panel, groups * width), lane_symbol(kernel))}};
        Access bias = kernel_access(kernel, d->b, &d->op->operands[2]->type, &bias_at);
        initial = kernel_load(kernel, &bias, shape);
    }
    Range range;
    const Expr *k = kernel_range(kernel, &range, "k", number(kernel, 0), d->op->operands[1]->type.dims[1]);
    Coordinates x_at = d->at;
    x_at.at[x_type->rank - 1] = k;
    Access a = kernel_access(kernel, d->x, x_type, &x_at),
           b = {.buffer = d->w, .indices = {panel, k, lane_symbol(kernel)}};
    Tile *sum = kernel_contract(kernel, initial, &a, &b, &range, 1, CHUNK, result->type.dtype, shape);
    const Expr *first = expr_scale(exprs, panel, width);
    if (units % width)
        first = kernel_lanes(kernel, "u", first,
                             expr_min(exprs, expr_add_constant(exprs, first, width), number(kernel, units)),
                             (int)width);
    d->at.at[last] = expr_add(exprs, first, lane_symbol(kernel));
    kernel->width = (int)width;
    kernel_finish_gates(kernel, result, sum, (int)groups, &d->at);
}

static void lower_gates(Dense *d, const Schedule *schedule, int64_t units) {
    Kernel *kernel = d->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    int64_t groups = op_int_at(d->op, ATTR_INTERLEAVE, 0, 1), width = op_int_at(d->op, ATTR_INTERLEAVE, 2, 1);
    const Expr *low = number(kernel, 0), *high = number(kernel, (units + width - 1) / width);
    if (schedule->items > 1) {
        const Expr *q = kernel_parallel(kernel, schedule->items), *items = number(kernel, schedule->items),
                   *all = high;
        low = expr_floordiv(exprs, expr_mul(exprs, q, all), items);
        high = expr_floordiv(exprs, expr_mul(exprs, expr_add_constant(exprs, q, 1), all), items);
    }
    const Type *type = &d->op->results[0]->type;
    for (int i = 0; i + 1 < type->rank; i++)
        if (i != d->row_axis) d->at.at[i] = kernel_for(kernel, "i", number(kernel, 0), type->dims[i]);
    const Expr *panel = kernel_for(kernel, "p", low, high);
    if (schedule->zigzag && kernel->lowering->backwards)
        panel = expr_sub(exprs, expr_add_constant(exprs, expr_add(exprs, low, high), -1), panel);
    gates_panel(d, panel, groups, units, width);
}

void lower_LINEAR(Lowering *lowering, const Op *op) {
    const Op *cluster = cluster_of(op);
    const Schedule *schedule = cluster->schedule;
    Kernel kernel = kernel_begin(lowering, cluster);
    Dense d = {.kernel = &kernel, .op = op, .shape = tile_of(schedule)};
    d.x = kernel_operand(&kernel, op->operands[0]);
    d.w = kernel_operand(&kernel, op->operands[1]);
    d.b = kernel_optional(&kernel, op, 2);
    kernel.width = d.shape.vectors * d.shape.lanes;
    d.prefetch = schedule && schedule->prefetch & PREFETCH_WEIGHTS && op->operands[1]->type.layout;
    const Type *type = &op->results[0]->type;
    if (gate_units(cluster)) {
        d.row_axis = linear_row_axis(&op->operands[0]->type);
        lower_gates(&d, schedule, gate_units(cluster));
        kernel_end(&kernel);
        return;
    }
    const Expr *outputs = type->dims[type->rank - 1], *low = number(&kernel, 0), *high = outputs;
    if (schedule && schedule->items > 1)
        panel_share(&kernel, kernel_parallel(&kernel, schedule->items), schedule->items, outputs,
                    kernel.width, &low, &high);
    d.row_axis = linear_row_axis(&op->operands[0]->type);
    for (int i = 0; i + 1 < type->rank; i++)
        if (i != d.row_axis) d.at.at[i] = kernel_for(&kernel, "i", number(&kernel, 0), type->dims[i]);
    const Expr *rows = d.row_axis >= 0 ? type->dims[d.row_axis] : NULL;
    int64_t block = schedule ? schedule->block : 0, count;
    if (!rows || !block || rows->max <= block || !expr_is_constant(rows, &count)) {
        Rows all = {rows ? number(&kernel, 0) : NULL, rows};
        dense_panels(&d, all, low, high, chunk_of(schedule));
    } else {
        /* Super-tiles of rows outside the panels keep the rows of x in cache while all panels pass. */
        LoopBody *outer = kernel.body;
        int64_t whole = count / block;
        const Expr *first = expr_scale(
            lowering->exprs, kernel_for(&kernel, "mb", number(&kernel, 0), number(&kernel, whole)), block);
        Rows part = {first, expr_add_constant(lowering->exprs, first, block)};
        dense_panels(&d, part, low, high, chunk_of(schedule));
        kernel.body = outer;
        Rows rest = {number(&kernel, whole * block), rows};
        if (count % block) dense_panels(&d, rest, low, high, chunk_of(schedule));
    }
    kernel_end(&kernel);
}

/* ---- matmul ---- */

/* The batch part of an operand's index: axes align before the last two, extent 1 stretches. */
static void batch_coordinates(Kernel *kernel, const Type *type, int batch_rank, const Coordinates *at,
                              Coordinates *out) {
    for (int i = 0; i + 2 < type->rank; i++)
        out->at[i] =
            expr_equals(type->dims[i], 1) ? number(kernel, 0) : at->at[i + batch_rank - (type->rank - 2)];
}

static bool lanes_are_contiguous(Lowering *lowering, const Value *b) {
    View view = lower_view(lowering, b);
    return b->type.rank >= 2 && !b->type.layout && expr_equals(view.strides[b->type.rank - 1], 1);
}

void lower_MATMUL(Lowering *lowering, const Op *op) {
    const Op *cluster = cluster_of(op);
    Kernel kernel = kernel_begin(lowering, cluster);
    const Type *a_type = &op->operands[0]->type, *b_type = &op->operands[1]->type,
               *type = &op->results[0]->type;
    Buffer *a = kernel_operand(&kernel, op->operands[0]), *b = kernel_operand(&kernel, op->operands[1]);
    bool has_m = a_type->rank > 1, has_n = b_type->rank > 1;
    int batch_rank = type->rank - has_m - has_n;
    TileShape shape = tile_of(cluster->schedule);
    if (!lanes_are_contiguous(lowering, op->operands[1])) shape.vectors = shape.lanes = 1;
    kernel.width = shape.vectors * shape.lanes;
    Coordinates at, a_at, b_at;
    for (int i = 0; i < batch_rank; i++)
        at.at[i] = kernel_for(&kernel, "i", number(&kernel, 0), type->dims[i]);
    const Expr *n = NULL, *m = NULL;
    if (has_n) {
        const Expr *first =
            kernel_lanes(&kernel, "n", number(&kernel, 0), b_type->dims[b_type->rank - 1], kernel.width);
        n = expr_add(lowering->exprs, first, lane_symbol(&kernel));
    }
    if (has_m) {
        const Expr *first =
            kernel_rows(&kernel, "m", number(&kernel, 0), a_type->dims[a_type->rank - 2], shape.rows);
        m = expr_add(lowering->exprs, first, row_symbol(&kernel));
        at.at[batch_rank] = m;
    }
    if (has_n) at.at[batch_rank + has_m] = n;
    Range range;
    const Expr *k = kernel_range(&kernel, &range, "k", number(&kernel, 0), a_type->dims[a_type->rank - 1]);
    batch_coordinates(&kernel, a_type, batch_rank, &at, &a_at);
    batch_coordinates(&kernel, b_type, batch_rank, &at, &b_at);
    if (has_m) a_at.at[a_type->rank - 2] = m;
    a_at.at[a_type->rank - 1] = k;
    b_at.at[has_n ? b_type->rank - 2 : 0] = k;
    if (has_n) b_at.at[b_type->rank - 1] = n;
    Access a_access = kernel_access(&kernel, a, a_type, &a_at),
           b_access = kernel_access(&kernel, b, b_type, &b_at);
    TileShape instance = {has_m ? ROWS_SYMBOLIC : 1, shape.vectors, shape.lanes};
    Tile *sum = kernel_contract(&kernel, NULL, &a_access, &b_access, &range, 1, chunk_of(cluster->schedule),
                                type->dtype, instance);
    kernel_finish_tile(&kernel, op->results[0], sum, &at);
    kernel_end(&kernel);
}
