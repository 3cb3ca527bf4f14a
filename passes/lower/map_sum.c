/* The sum or mean over the map that a convolution makes, yielded beside it: every work item adds up its
 * tiles, channel by channel, in a row of its own as it finishes them; afterwards the rows are added. So
 * the order of the additions depends on the number of items alone, not on threads. */
#include "passes/lower/lower.h"

static const Op *reduction_of(const Op *cluster) {
    for (int i = 0; i < cluster->result_count; i++)
        if (cluster_yields_sum(cluster, i)) return cluster_yield(cluster, i)->op;
    return NULL;
}

static int lanes_of(const Kernel *kernel) { return target_lanes(&kernel->lowering->options->target); }

/* Opens loops over the batch and, in vectors, the channels. */
static Coordinates open_channels(Kernel *kernel, const Type *map) {
    Coordinates at;
    at.at[0] = kernel_for(kernel, "n", number(kernel, 0), map->dims[0]);
    const Expr *channel = kernel_lanes(kernel, "c", number(kernel, 0), map->dims[1], lanes_of(kernel));
    at.at[1] = expr_add(kernel->lowering->exprs, channel, lane_symbol(kernel));
    at.at[2] = at.at[3] = number(kernel, 0);
    return at;
}

static Access row_access(const MapSum *sum, const Expr *row, const Coordinates *at) {
    return (Access){.buffer = sum->rows, .indices = {row, at->at[0], at->at[1]}};
}

MapSum map_sum_begin(Kernel *kernel, const Expr *item, int items) {
    MapSum sum = {.reduction = reduction_of(kernel->cluster), .items = items > 1 ? items : 1};
    if (!sum.reduction) return sum;
    sum.item = item ? item : number(kernel, 0);
    const Type *map = &sum.reduction->operands[0]->type;
    Value *value = NEW(kernel->lowering->arena, Value);
    *value = *sum.reduction->results[0];
    value->type =
        type_make(map->dtype, 3, (const Expr *[]){number(kernel, sum.items), map->dims[0], map->dims[1]});
    View view = lower_allocate(kernel->lowering, value);
    sum.rows = kernel_parameter(kernel, &value->type, &view, true, "s");
    LoopBody *outer = kernel->body;
    Coordinates at = open_channels(kernel, map);
    Access access = row_access(&sum, sum.item, &at);
    kernel_store(kernel, kernel_constant(kernel, map->dtype, 0, (TileShape){1, 1, lanes_of(kernel)}),
                 &access);
    kernel->body = outer;
    return sum;
}

void map_sum_add(Kernel *kernel, const MapSum *sum, Tile *tile, const Coordinates *at) {
    if (!sum->reduction) return;
    Tile *total = kernel_reduce_rows(kernel, OP_ADD, tile);
    Access access = row_access(sum, sum->item, at);
    Tile *before = kernel_load(kernel, &access, (TileShape){1, tile->vectors, tile->lanes});
    kernel_store(kernel, kernel_map(kernel, OP_ADD, tile->dtype, before, total), &access);
}

void map_sum_end(Kernel *kernel, const MapSum *sum) {
    if (!sum->reduction) return;
    ExprTable *exprs = kernel->lowering->exprs;
    LoopBody *outer = kernel->body;
    const Type *map = &sum->reduction->operands[0]->type;
    TileShape shape = {1, 1, lanes_of(kernel)};
    Coordinates at = open_channels(kernel, map);
    Tile *total = NULL;
    for (int i = 0; i < sum->items; i++) {
        Access access = row_access(sum, number(kernel, i), &at);
        Tile *row = kernel_load(kernel, &access, shape);
        total = total ? kernel_map(kernel, OP_ADD, map->dtype, total, row) : row;
    }
    if (sum->reduction->kind == OP_REDUCE_MEAN) {
        const Expr *pixels = expr_mul(exprs, map->dims[2], map->dims[3]);
        Tile *count = kernel_position(kernel, pixels, DTYPE_I64, (TileShape){1, 1, 1});
        count = kernel_map(kernel, OP_CAST, map->dtype, count, NULL);
        total = kernel_map(kernel, OP_DIV, map->dtype, total, count);
    }
    for (int i = 0; i < kernel->cluster->result_count; i++)
        if (cluster_yields_sum(kernel->cluster, i))
            kernel_store_result(kernel, cluster_result(kernel->cluster, i), total, &at);
    kernel->body = outer;
}
