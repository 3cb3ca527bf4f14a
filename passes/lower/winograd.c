/* winograd: one function of three nests per block of tiles. The input transform gathers n x n patches into
 * V[n * n][tiles][C], n * n dense products with panels of the transformed weights give M[n * n][tiles][O],
 * and the output transform turns them into m x m results and runs the epilogue. Transforms go over columns,
 * then rows, through a small local buffer. Tiles that overhang the map read and write its halo, which is
 * filled with zeros afterwards. */
#include "passes/lower/lower.h"

#include "ir/winograd.h"

#include <math.h>

enum { PLANE_PAD = 16 }; /* elements that keep the rows of V and M off each other's cache sets */

typedef struct WinogradKernel {
    Kernel *kernel;
    const Op *op;
    const Type *x_type, *u_type, *type;
    Buffer *x, *u, *b, *v, *products;
    Winograd w;
    int64_t before[2], tiles_wide, tiles, block, channels, outputs;
    TileShape shape; /* of the products */
    int items;
    int64_t chunk;
    bool prefetch;
    const Op *pool; /* of 2 x 2 results, at the end of the cluster; NULL: none */
} WinogradKernel;

/* ---- Linear combinations of tiles ---- */

static Tile *scaled_sum(Kernel *kernel, const double *factors, Tile *const *in, int count) {
    Tile *sum = NULL;
    for (int i = 0; i < count; i++) {
        if (factors[i] == 0) continue;
        TileShape shape = {in[i]->rows, in[i]->vectors, in[i]->lanes};
        if (!sum)
            sum = factors[i] == 1 ? in[i]
                                  : kernel_map(kernel, OP_MUL, in[i]->dtype, in[i],
                                               kernel_constant(kernel, in[i]->dtype, factors[i], shape));
        else if (factors[i] == 1)
            sum = kernel_map(kernel, OP_ADD, sum->dtype, sum, in[i]);
        else if (factors[i] == -1)
            sum = kernel_map(kernel, OP_SUB, sum->dtype, sum, in[i]);
        else
            sum = kernel_fma(kernel, in[i], kernel_constant(kernel, in[i]->dtype, factors[i], shape), sum);
    }
    return sum;
}

/* Rows a and b of the matrix agree on some columns and are opposite on the others. */
static bool rows_are_mates(const double *a, const double *b, int columns) {
    bool same = false, opposite = false;
    for (int j = 0; j < columns; j++) {
        if (a[j] == 0 && b[j] == 0) continue;
        if (a[j] == b[j])
            same = true;
        else if (a[j] == -b[j])
            opposite = true;
        else
            return false;
    }
    return same && opposite;
}

/* out = matrix * in. Mates are computed as sum and difference of their common and their opposite part. */
static void transform_by_rows(Kernel *kernel, const double (*matrix)[WINOGRAD_SIZE_MAX], int rows,
                              int columns, Tile *const *in, Tile **out) {
    bool done[WINOGRAD_SIZE_MAX] = {false};
    for (int i = 0; i < rows; i++) {
        if (done[i]) continue;
        int mate = 0;
        for (int j = i + 1; j < rows && !mate; j++)
            if (!done[j] && rows_are_mates(matrix[i], matrix[j], columns)) mate = j;
        if (!mate) {
            out[i] = scaled_sum(kernel, matrix[i], in, columns);
            continue;
        }
        double common[WINOGRAD_SIZE_MAX] = {0}, opposite[WINOGRAD_SIZE_MAX] = {0};
        for (int k = 0; k < columns; k++)
            (matrix[i][k] == matrix[mate][k] ? common : opposite)[k] = matrix[i][k];
        Tile *even = scaled_sum(kernel, common, in, columns),
             *odd = scaled_sum(kernel, opposite, in, columns);
        out[i] = kernel_map(kernel, OP_ADD, even->dtype, even, odd);
        out[mate] = kernel_map(kernel, OP_SUB, even->dtype, even, odd);
        done[mate] = true;
    }
}

/* Columns j and k are equal up to sign in every row: then sums and differences of the pair serve all rows. */
static int column_mate(const double (*matrix)[WINOGRAD_SIZE_MAX], int rows, int columns, int j) {
    for (int k = j + 1; k < columns; k++) {
        bool mates = true, differ = false;
        for (int i = 0; i < rows; i++) {
            mates &= fabs(matrix[i][j]) == fabs(matrix[i][k]);
            differ |= matrix[i][j] != matrix[i][k];
        }
        if (mates && differ) return k;
    }
    return 0;
}

static void transform_by_columns(Kernel *kernel, const double (*matrix)[WINOGRAD_SIZE_MAX], int rows,
                                 int columns, Tile *const *in, Tile **out) {
    Tile *sums[WINOGRAD_SIZE_MAX], *differences[WINOGRAD_SIZE_MAX];
    int mates[WINOGRAD_SIZE_MAX];
    bool taken[WINOGRAD_SIZE_MAX] = {false};
    for (int j = 0; j < columns; j++) {
        mates[j] = taken[j] ? 0 : column_mate(matrix, rows, columns, j);
        if (!mates[j]) continue;
        taken[mates[j]] = true;
        sums[j] = kernel_map(kernel, OP_ADD, in[j]->dtype, in[j], in[mates[j]]);
        differences[j] = kernel_map(kernel, OP_SUB, in[j]->dtype, in[j], in[mates[j]]);
    }
    for (int i = 0; i < rows; i++) {
        Tile *parts[WINOGRAD_SIZE_MAX];
        double factors[WINOGRAD_SIZE_MAX];
        int count = 0;
        for (int j = 0; j < columns; j++) {
            if (taken[j]) continue;
            bool same = !mates[j] || matrix[i][j] == matrix[i][mates[j]];
            parts[count] = !mates[j] ? in[j] : same ? sums[j] : differences[j];
            factors[count++] = matrix[i][j];
        }
        out[i] = scaled_sum(kernel, factors, parts, count);
    }
}

/* ---- Places ---- */

static const Expr *n_of(const WinogradKernel *k, int64_t value) { return number(k->kernel, value); }

static int lanes_of(const WinogradKernel *k) { return k->shape.lanes; }

/* Channels in blocks of |block|, their lanes as a loop over vectors of |lanes|. */
static const Expr *open_channels(WinogradKernel *k, const char *name, const Expr *low, const Expr *high,
                                 int64_t block, int lanes) {
    ExprTable *exprs = k->kernel->lowering->exprs;
    const Expr *number = kernel_for(k->kernel, name, low, high);
    const Expr *within = kernel_lanes(k->kernel, "l", n_of(k, 0), n_of(k, block), lanes);
    k->kernel->width = lanes;
    return expr_add(exprs, expr_scale(exprs, number, block), expr_add(exprs, within, lane_symbol(k->kernel)));
}

static Buffer *local_buffer(WinogradKernel *k, int rows, int lanes) {
    Lowering *lowering = k->kernel->lowering;
    const Expr *extents[3] = {n_of(k, rows), n_of(k, k->w.n), n_of(k, lanes)};
    Buffer *buffer = buffer_create(lowering->loops, BUFFER_LOCAL, lower_fresh_name(lowering, "t"),
                                   k->type->dtype, 3, extents, NULL);
    loop_append(lowering->loops, k->kernel->body, LOOP_LOCAL, k->kernel->span)->local = buffer;
    return buffer;
}

static Access local_access(const WinogradKernel *k, Buffer *buffer, const Expr *i, const Expr *j) {
    return (Access){.buffer = buffer, .indices = {i, j, lane_symbol(k->kernel)}};
}

/* V and M: [item, point, tile, channel]. */
static Access scratch_access(Buffer *buffer, const Expr *item, const Expr *point, const Expr *tile,
                             const Expr *channel) {
    return (Access){.buffer = buffer, .indices = {item, point, tile, channel}};
}

typedef struct TileBlock {
    const Expr *batch, *item, *first; /* |first|: the number of its first tile in the map */
    int64_t count;
} TileBlock;

static void tile_corner(const WinogradKernel *k, const TileBlock *block, const Expr *tile, const Expr **out_h,
                        const Expr **out_w) {
    ExprTable *exprs = k->kernel->lowering->exprs;
    const Expr *index = expr_add(exprs, block->first, tile), *wide = n_of(k, k->tiles_wide);
    *out_h = expr_scale(exprs, expr_floordiv(exprs, index, wide), k->w.m);
    *out_w = expr_scale(exprs, expr_mod(exprs, index, wide), k->w.m);
}

/* ---- The three nests ---- */

static void transform_input(WinogradKernel *k, const TileBlock *block) {
    Kernel *kernel = k->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    LoopBody *outer = kernel->body;
    int n = k->w.n;
    /* A last block of 16 that is not full is filled with zeros; one of 8 ends the map. */
    const Layout *layout = k->x_type->layout;
    bool eights = layout->pieces[layout->count - 1].block == 8 && k->channels % 16;
    int64_t size = eights ? 8 : 16;
    TileShape shape = {1, 1, eights && lanes_of(k) > 8 ? 8 : lanes_of(k)};
    const Expr *tile = kernel_for(kernel, "t", n_of(k, 0), n_of(k, block->count)), *h, *w;
    tile_corner(k, block, tile, &h, &w);
    const Expr *channel =
        open_channels(k, "c", n_of(k, 0), n_of(k, (k->channels + size - 1) / size), size, shape.lanes);
    Buffer *local = local_buffer(k, n, shape.lanes);
    LoopBody *inner = kernel->body;
    Tile *in[WINOGRAD_SIZE_MAX] = {0}, *out[WINOGRAD_SIZE_MAX] = {0};
    const Expr *column = kernel_for(kernel, "j", n_of(k, 0), n_of(k, n));
    for (int i = 0; i < n; i++) {
        Coordinates at = {{block->batch, channel, expr_add_constant(exprs, h, i - k->before[0]),
                           expr_add_constant(exprs, expr_add(exprs, w, column), -k->before[1])}};
        Access access = kernel_access(kernel, k->x, k->x_type, &at);
        in[i] = kernel_load(kernel, &access, shape);
    }
    transform_by_rows(kernel, k->w.bt, n, n, in, out);
    for (int i = 0; i < n; i++) {
        Access access = local_access(k, local, n_of(k, i), column);
        kernel_store(kernel, out[i], &access);
    }
    kernel->body = inner;
    const Expr *row = kernel_for(kernel, "i", n_of(k, 0), n_of(k, n));
    for (int j = 0; j < n; j++) {
        Access access = local_access(k, local, row, n_of(k, j));
        in[j] = kernel_load(kernel, &access, shape);
    }
    transform_by_rows(kernel, k->w.bt, n, n, in, out);
    for (int j = 0; j < n; j++) {
        const Expr *point = expr_add_constant(exprs, expr_scale(exprs, row, n), j);
        Access access = scratch_access(k->v, block->item, point, tile, channel);
        kernel_store(kernel, out[j], &access);
    }
    kernel->body = outer;
}

static void multiply(WinogradKernel *k, const TileBlock *block, const Expr *panel_low,
                     const Expr *panel_high) {
    Kernel *kernel = k->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    LoopBody *outer = kernel->body;
    int width = k->shape.vectors * k->shape.lanes;
    kernel->width = width;
    const Expr *i = kernel_for(kernel, "i", n_of(k, 0), n_of(k, k->w.n)),
               *j = kernel_for(kernel, "j", n_of(k, 0), n_of(k, k->w.n));
    const Expr *point = expr_add(exprs, expr_scale(exprs, i, k->w.n), j);
    const Expr *panel = kernel_for(kernel, "p", panel_low, panel_high);
    const Expr *first = kernel_rows(kernel, "t", n_of(k, 0), n_of(k, block->count), k->shape.rows);
    const Expr *tile = expr_add(exprs, first, row_symbol(kernel));
    Range range;
    const Expr *c = kernel_range(kernel, &range, "c", n_of(k, 0), n_of(k, k->channels));
    Access a = scratch_access(k->v, block->item, point, tile, c);
    Access b = {.buffer = k->u, .indices = {i, j, panel, c, lane_symbol(kernel)}};
    TileShape shape = {ROWS_SYMBOLIC, k->shape.vectors, k->shape.lanes};
    Tile *sum = kernel_contract(kernel, NULL, &a, &b, &range, 1, k->chunk, k->type->dtype, shape);
    if (k->prefetch) kernel_prefetch(kernel, k->channels, first, block->count, k->shape.rows);
    const Expr *output = expr_add(exprs, expr_scale(exprs, panel, width), lane_symbol(kernel));
    Access write = scratch_access(k->products, block->item, point, tile, output);
    kernel_store(kernel, sum, &write);
    kernel->body = outer;
}

/* Where a tile of results is being written; |local| holds its columns, transformed. */
typedef struct OutputTile {
    const Expr *h, *w, *channel;
    Buffer *local;
    TileShape shape;
} OutputTile;

/* The m values of one row of the tile. */
static void transform_row(WinogradKernel *k, const OutputTile *output, const Expr *row, Tile **out) {
    Kernel *kernel = k->kernel;
    Tile *in[WINOGRAD_SIZE_MAX] = {0}, *bias = NULL;
    for (int j = 0; j < k->w.n; j++) {
        Access access = local_access(k, output->local, row, n_of(k, j));
        in[j] = kernel_load(kernel, &access, output->shape);
    }
    transform_by_columns(kernel, k->w.at, k->w.m, k->w.n, in, out);
    if (!k->b) return;
    Coordinates at = {{output->channel}};
    Access access = kernel_access(kernel, k->b, &k->op->operands[2]->type, &at);
    bias = kernel_load(kernel, &access, output->shape);
    for (int j = 0; j < k->w.m; j++) out[j] = kernel_map(kernel, OP_ADD, bias->dtype, out[j], bias);
}

static Coordinates output_at(const WinogradKernel *k, const TileBlock *block, const OutputTile *output,
                             const Expr *row, int column) {
    ExprTable *exprs = k->kernel->lowering->exprs;
    return (Coordinates){{block->batch, output->channel, expr_add(exprs, output->h, row),
                          expr_add_constant(exprs, output->w, column)}};
}

static void finish_rows(WinogradKernel *k, const TileBlock *block, const OutputTile *output) {
    Tile *out[WINOGRAD_SIZE_MAX] = {0};
    const Expr *row = kernel_for(k->kernel, "i", n_of(k, 0), n_of(k, k->w.m));
    transform_row(k, output, row, out);
    for (int j = 0; j < k->w.m; j++) {
        Coordinates at = output_at(k, block, output, row, j);
        kernel_finish_tile(k->kernel, k->op->results[0], out[j], &at);
    }
}

/* Two rows at a time: the epilogue of each element, then the pooling, whose sums go in the order in which it
 * would read them. */
static void pool_rows(WinogradKernel *k, const TileBlock *block, const OutputTile *output) {
    Kernel *kernel = k->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    const Value *map = k->pool->operands[0], *result = cluster_result(kernel->cluster, 0);
    bool max = k->pool->kind == OP_MAX_POOL;
    Tile *total[WINOGRAD_SIZE_MAX / 2] = {0};
    const Expr *pair = kernel_for(kernel, "i", n_of(k, 0), n_of(k, k->w.m / 2));
    for (int i = 0; i < 2; i++) {
        Tile *out[WINOGRAD_SIZE_MAX] = {0};
        const Expr *row = expr_add_constant(exprs, expr_scale(exprs, pair, 2), i);
        transform_row(k, output, row, out);
        for (int j = 0; j < k->w.m; j++) {
            Coordinates at = output_at(k, block, output, row, j);
            Tile *value = kernel_value_at(kernel, map, k->op->results[0], out[j], &at, output->shape),
                 **sum = &total[j / 2];
            *sum = *sum ? kernel_map(kernel, max ? OP_MAX : OP_ADD, value->dtype, *sum, value) : value;
        }
    }
    for (int j = 0; j < k->w.m / 2; j++) {
        if (!max)
            total[j] = kernel_map(kernel, OP_MUL, total[j]->dtype, total[j],
                                  kernel_constant(kernel, total[j]->dtype, 0.25, output->shape));
        Coordinates at = {{block->batch, output->channel,
                           expr_add(exprs, expr_floordiv(exprs, output->h, n_of(k, 2)), pair),
                           expr_add_constant(exprs, expr_floordiv(exprs, output->w, n_of(k, 2)), j)}};
        kernel_store_result(kernel, result, total[j], &at);
    }
}

static void transform_output(WinogradKernel *k, const TileBlock *block, const Expr *panel_low,
                             const Expr *panel_high) {
    Kernel *kernel = k->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    LoopBody *outer = kernel->body;
    int n = k->w.n, m = k->w.m;
    int64_t blocks_per_panel = k->shape.vectors * k->shape.lanes / 16;
    TileShape shape = {1, 1, lanes_of(k)};
    const Expr *tile = kernel_for(kernel, "t", n_of(k, 0), n_of(k, block->count)), *h, *w;
    tile_corner(k, block, tile, &h, &w);
    const Expr *channel = open_channels(k, "o", expr_scale(exprs, panel_low, blocks_per_panel),
                                        expr_scale(exprs, panel_high, blocks_per_panel), 16, lanes_of(k));
    Buffer *local = local_buffer(k, m, lanes_of(k));
    LoopBody *inner = kernel->body;
    Tile *in[WINOGRAD_SIZE_MAX] = {0}, *out[WINOGRAD_SIZE_MAX] = {0};
    const Expr *column = kernel_for(kernel, "j", n_of(k, 0), n_of(k, n));
    for (int i = 0; i < n; i++) {
        Access access =
            scratch_access(k->products, block->item, expr_add_constant(exprs, column, i * n), tile, channel);
        in[i] = kernel_load(kernel, &access, shape);
    }
    transform_by_columns(kernel, k->w.at, m, n, in, out);
    for (int i = 0; i < m; i++) {
        Access access = local_access(k, local, n_of(k, i), column);
        kernel_store(kernel, out[i], &access);
    }
    kernel->body = inner;
    OutputTile output = {.h = h, .w = w, .channel = channel, .local = local, .shape = shape};
    if (k->pool)
        pool_rows(k, block, &output);
    else
        finish_rows(k, block, &output);
    kernel->body = outer;
}

static void lower_tile_block(WinogradKernel *k, const TileBlock *block, const Expr *panel_low,
                             const Expr *panel_high) {
    transform_input(k, block);
    multiply(k, block, panel_low, panel_high);
    transform_output(k, block, panel_low, panel_high);
}

/* ---- The function ---- */

static Buffer *scratch_buffer(WinogradKernel *k, int64_t channels, const char *name) {
    Lowering *lowering = k->kernel->lowering;
    const Expr *dims[4] = {n_of(k, k->items), n_of(k, k->w.n * k->w.n), n_of(k, k->block),
                           n_of(k, (channels + 15) / 16 * 16 + PLANE_PAD)};
    Value *value = NEW(lowering->arena, Value);
    *value = *k->op->results[0];
    value->type = type_make(k->type->dtype, 4, dims);
    View view = lower_allocate(lowering, value);
    return kernel_parameter(k->kernel, &value->type, &view, true, name);
}

static WinogradKernel describe(Kernel *kernel, const Op *op, const Schedule *schedule) {
    WinogradKernel k = {.kernel = kernel,
                        .op = op,
                        .x_type = &op->operands[0]->type,
                        .u_type = &op->operands[1]->type,
                        .type = &op->results[0]->type};
    winograd_make((int)op_int_at(op, ATTR_TILE, 0, 1), (int)op_int_at(op, ATTR_KERNEL, 0, 1), &k.w);
    for (int i = 0; i < 2; i++) k.before[i] = op_int_at(op, ATTR_PADDING, 2 * i, 0);
    k.tiles_wide = (expr_value(k.type->dims[3]) + k.w.m - 1) / k.w.m;
    k.tiles = k.tiles_wide * ((expr_value(k.type->dims[2]) + k.w.m - 1) / k.w.m);
    k.channels = expr_value(k.x_type->dims[1]);
    k.outputs = expr_value(k.type->dims[1]);
    k.shape = (TileShape){schedule->rows, schedule->vectors, schedule->lanes};
    k.block = schedule->block && schedule->block < k.tiles ? schedule->block : k.tiles;
    k.items = schedule->items ? schedule->items : 1;
    k.chunk = schedule->chunk;
    k.prefetch = schedule->prefetch & PREFETCH_WEIGHTS;
    const Value *yield = cluster_yield(kernel->cluster, 0);
    if (yield->kind == VALUE_RESULT && op_infos[yield->op->kind].traits & OP_WINDOW) k.pool = yield->op;
    return k;
}

/* Work items take whole blocks of tiles where there are enough, else panels of outputs, each with its own V.
 */
static void lower_items(WinogradKernel *k) {
    Kernel *kernel = k->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    int64_t whole = k->tiles / k->block, rest = k->tiles % k->block,
            panels = k->outputs / (k->shape.vectors * k->shape.lanes);
    const Expr *q = k->items > 1 ? kernel_parallel(kernel, k->items) : n_of(k, 0),
               *next = expr_add_constant(exprs, q, 1), *items = n_of(k, k->items);
    TileBlock block = {.item = q, .count = k->block};
    int64_t blocks = whole + (rest > 0);
    bool by_blocks = blocks > 1;
    const Expr *panel_low = n_of(k, 0), *panel_high = n_of(k, panels), *low = n_of(k, 0),
               *high = n_of(k, whole);
    if (k->items > 1 && by_blocks) {
        low = expr_floordiv(exprs, expr_scale(exprs, q, blocks), items);
        high = expr_min(exprs, expr_floordiv(exprs, expr_scale(exprs, next, blocks), items), n_of(k, whole));
    } else if (k->items > 1) {
        panel_low = expr_floordiv(exprs, expr_scale(exprs, q, panels), items);
        panel_high = expr_floordiv(exprs, expr_scale(exprs, next, panels), items);
    }
    block.batch = kernel_for(kernel, "n", n_of(k, 0), k->x_type->dims[0]);
    LoopBody *outer = kernel->body;
    block.first = expr_scale(exprs, kernel_for(kernel, "b", low, high), k->block);
    lower_tile_block(k, &block, panel_low, panel_high);
    kernel->body = outer;
    if (!rest) return;
    /* The last item takes the last block, which is not full; otherwise every item, for its panels. */
    if (k->items > 1 && by_blocks) kernel_for(kernel, "z", n_of(k, 0), expr_floordiv(exprs, next, items));
    block.first = n_of(k, whole * k->block);
    block.count = rest;
    lower_tile_block(k, &block, panel_low, panel_high);
}

void lower_WINOGRAD(Lowering *lowering, const Op *op) {
    const Op *cluster = cluster_of(op);
    Kernel kernel = kernel_begin(lowering, cluster);
    WinogradKernel k = describe(&kernel, op, cluster->schedule);
    kernel.overhangs = true;
    k.x = kernel_operand(&kernel, op->operands[0]);
    k.u = kernel_operand(&kernel, op->operands[1]);
    k.b = kernel_optional(&kernel, op, 2);
    k.v = scratch_buffer(&k, k.channels, "v");
    k.products = scratch_buffer(&k, k.outputs, "m");
    lower_items(&k);
    kernel.body = &kernel.function->body;
    kernel_fill_halos(&kernel);
    kernel_end(&kernel);
}
