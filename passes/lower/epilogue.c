/* What follows an anchor within its cluster, computed from the anchor's tile while it is in registers: one
 * map per yielded value, whose other operands are loaded at the tile's place. */
#include "passes/lower/lower.h"

#include <assert.h>
#include <string.h>

const Op *cluster_of(const Op *op) {
    const Op *around = op->parent ? op->parent->parent : NULL;
    return around && around->kind == OP_CLUSTER ? around : op;
}

const Op *cluster_anchor(const Op *op) {
    if (op->kind != OP_CLUSTER) return op_infos[op->kind].traits & OP_POINTWISE ? NULL : op;
    for (const Op *inner = op->body->first; inner; inner = inner->next)
        if (!(op_infos[inner->kind].traits & (OP_POINTWISE | OP_STRUCTURE))) return inner;
    return NULL;
}

int cluster_result_count(const Op *op) { return op->result_count; }

const Value *cluster_yield(const Op *op, int index) {
    return op->kind == OP_CLUSTER ? op->body->last->operands[index] : op->results[index];
}

const Value *cluster_result(const Op *op, int index) { return op->results[index]; }

bool cluster_yields_sum(const Op *op, int index) {
    const Value *value = op->kind == OP_CLUSTER && index > 0 ? cluster_yield(op, index) : NULL;
    return value && value->kind == VALUE_RESULT && op_infos[value->op->kind].traits & OP_REDUCTION;
}

/* Values whose tiles are there already: the parts of an anchor, and results that came before. */
typedef struct Ready {
    const Value *value;
    Tile *tile;
} Ready;

typedef struct Expression {
    Kernel *kernel;
    const Value *anchor;
    Tile *tile;
    const Ready *ready;
    int ready_count;
    const Coordinates *coordinates;
    int rank; /* of the coordinates: other values align at the last axis */
    TileShape shape;
    VECTOR(MapNode) nodes;
    VECTOR(Tile *) operands;
    VECTOR(const Value *) values; /* node i computes values[i], NULL for none */
} Expression;

static int64_t room_after(const Type *type, int axis) {
    for (int i = 0; type->layout && i < type->layout->count; i++)
        if (type->layout->pieces[i].axis == axis) return type->layout->pieces[i].halo_after;
    return 0;
}

/* An operand that broadcasts: axes align at the end, and extent 1 stands for every index. What tiles that
 * overhang the map would read beyond it is read at the edge: their results there do not count. */
static Coordinates broadcast_coordinates(Expression *e, const Type *type) {
    Coordinates own = {{0}};
    ExprTable *exprs = e->kernel->lowering->exprs;
    int shift = e->rank - type->rank;
    for (int i = 0; i < type->rank; i++) {
        bool single = expr_equals(type->dims[i], 1) || i + shift < 0;
        own.at[i] = single ? number(e->kernel, 0) : e->coordinates->at[i + shift];
        if (!e->kernel->overhangs || expr_uses(own.at[i], e->kernel->lowering->loops->lane)) continue;
        const Expr *last = expr_add_constant(exprs, type->dims[i], room_after(type, i) - 1);
        if (own.at[i]->max > last->min) own.at[i] = expr_min(exprs, own.at[i], last);
    }
    return own;
}

static bool inside_cluster(const Expression *e, const Value *value) {
    const Op *cluster = e->kernel->cluster;
    return value->kind == VALUE_RESULT && value->op->kind != OP_YIELD &&
           (cluster->kind == OP_CLUSTER ? value->op->parent == cluster->body : value->op == cluster);
}

static int push_operand(Expression *e, Tile *tile) {
    vector_push(e->kernel->lowering->arena, &e->operands, tile);
    return -e->operands.count;
}

static int push_node(Expression *e, MapNode node, const Value *value) {
    vector_push(e->kernel->lowering->arena, &e->nodes, node);
    vector_push(e->kernel->lowering->arena, &e->values, value);
    return e->nodes.count - 1;
}

static int build(Expression *e, const Value *value);

static int build_leaf(Expression *e, const Value *value) {
    double scalar;
    if (value == e->anchor) return push_operand(e, e->tile);
    if (value_is_constant_scalar(value, &scalar)) {
        MapNode node = {.kind = MAP_CONSTANT, .dtype = value->type.dtype, .real = scalar};
        if (!value->constant->floats) node.integer = value->constant->integers[0];
        return push_node(e, node, value);
    }
    Buffer *buffer = kernel_operand(e->kernel, value);
    Coordinates own = broadcast_coordinates(e, &value->type);
    Access access = kernel_access(e->kernel, buffer, &value->type, &own);
    return push_operand(e, kernel_load(e->kernel, &access, e->shape));
}

typedef struct Known {
    const Value *value;
    int operand;
} Known;

static int build(Expression *e, const Value *value) {
    for (int i = 0; i < e->values.count; i++)
        if (e->values.items[i] == value) return i;
    for (int i = 0; i < e->ready_count; i++) {
        if (e->ready[i].value != value) continue;
        for (int j = 0; j < e->operands.count; j++)
            if (e->operands.items[j] == e->ready[i].tile) return -1 - j;
        return push_operand(e, e->ready[i].tile);
    }
    if (value == e->anchor || !inside_cluster(e, value)) {
        int operand = build_leaf(e, value);
        return operand;
    }
    const Op *op = value->op;
    assert(op_infos[op->kind].traits & OP_POINTWISE);
    MapNode node = {.kind = MAP_OP, .op = op->kind, .dtype = value->type.dtype};
    for (int i = 0; i < op->operand_count; i++) {
        int same = -1;
        for (int j = 0; j < i; j++)
            if (op->operands[j] == op->operands[i]) same = j;
        node.operands[i] = same >= 0 ? node.operands[same] : build(e, op->operands[i]);
    }
    return push_node(e, node, value);
}

static Tile *finish(Expression *e, const Value *value) {
    Kernel *kernel = e->kernel;
    int root = build(e, value);
    if (root < 0) return e->operands.items[-1 - root];
    Lowering *lowering = kernel->lowering;
    LoopStatement *map = loop_append(lowering->loops, kernel->body, LOOP_MAP, kernel->span);
    map->operand_count = e->operands.count;
    map->operands = e->operands.items;
    map->node_count = e->nodes.count;
    map->nodes = e->nodes.items;
    map->tile =
        tile_create(lowering->loops, value->type.dtype, e->shape.rows, e->shape.vectors, e->shape.lanes);
    return map->tile;
}

Tile *kernel_value_at(Kernel *kernel, const Value *value, const Value *anchor, Tile *tile,
                      const Coordinates *coordinates, TileShape shape) {
    Expression e = {.kernel = kernel,
                    .anchor = anchor,
                    .tile = tile,
                    .coordinates = coordinates,
                    .rank = value->type.rank,
                    .shape = shape};
    return finish(&e, value);
}

void kernel_store_result(Kernel *kernel, const Value *result, Tile *tile, const Coordinates *coordinates) {
    Access access = kernel_access(kernel, kernel_result(kernel, result), &result->type, coordinates);
    kernel_store(kernel, tile, &access);
    for (int i = 0; i < kernel->lowering->echoes.count; i++) {
        Echo *echo = &kernel->lowering->echoes.items[i];
        if (echo->value != result) continue;
        if (echo->function != kernel->function)
            echo->buffer = kernel_parameter(kernel, &result->type, &echo->view, true, NULL);
        echo->function = kernel->function;
        Access again = kernel_access(kernel, echo->buffer, &result->type, coordinates);
        kernel_store(kernel, tile, &again);
    }
}

Tile *kernel_finish_tile(Kernel *kernel, const Value *anchor, Tile *tile, const Coordinates *coordinates) {
    TileShape shape = {tile->rows, tile->vectors, tile->lanes};
    const Op *op = kernel->cluster;
    Tile *first = NULL;
    for (int i = 0; i < op->result_count; i++) {
        if (cluster_yields_sum(op, i)) continue;
        Tile *final = kernel_value_at(kernel, cluster_yield(op, i), anchor, tile, coordinates, shape);
        kernel_store_result(kernel, cluster_result(op, i), final, coordinates);
        first = first ? first : final;
    }
    return first;
}

void kernel_finish_gates(Kernel *kernel, const Value *anchor, Tile *tile, int groups,
                         const Coordinates *coordinates) {
    const Op *cluster = kernel->cluster;
    TileShape shape = {tile->rows, tile->vectors / groups, tile->lanes};
    int64_t units = gate_units(cluster);
    VECTOR(Ready) ready = {0};
    for (const Op *op = cluster->body->first; op; op = op->next) {
        if (op->kind != OP_SLICE || op->operands[0] != anchor) continue;
        int64_t start = expr_value(op_expr_at(op, ATTR_STARTS, anchor->type.rank - 1));
        Tile *part = kernel_slice(kernel, tile, (int)(start / units) * shape.vectors, shape.vectors);
        vector_push(kernel->lowering->arena, &ready, ((Ready){op->results[0], part}));
    }
    for (int i = 0; i < cluster->result_count; i++) {
        const Value *value = cluster_yield(cluster, i);
        Expression e = {.kernel = kernel,
                        .anchor = anchor,
                        .ready = ready.items,
                        .ready_count = ready.count,
                        .coordinates = coordinates,
                        .rank = value->type.rank,
                        .shape = shape};
        Tile *final = finish(&e, value);
        vector_push(kernel->lowering->arena, &ready, ((Ready){value, final}));
        kernel_store_result(kernel, cluster_result(cluster, i), final, coordinates);
    }
}

static void prefetch_place(Kernel *kernel, Buffer *buffer, const Type *type, TileShape shape,
                           const Coordinates *coordinates) {
    Lowering *lowering = kernel->lowering;
    LoopStatement *prefetch = loop_append(lowering->loops, kernel->body, LOOP_PREFETCH, kernel->span);
    prefetch->access = kernel_access(kernel, buffer, type, coordinates);
    prefetch->tile = tile_create(lowering->loops, type->dtype, shape.rows, shape.vectors, shape.lanes);
}

void kernel_prefetch_results(Kernel *kernel, TileShape shape, const Coordinates *coordinates) {
    const Op *op = kernel->cluster;
    for (int i = 0; i < op->result_count; i++) {
        const Value *result = cluster_result(op, i);
        if (cluster_yields_sum(op, i)) continue;
        prefetch_place(kernel, kernel_result(kernel, result), &result->type, shape, coordinates);
    }
    for (const Op *inner = op->kind == OP_CLUSTER ? op->body->first : NULL; inner; inner = inner->next) {
        for (int i = 0; i < inner->operand_count && inner != cluster_anchor(op); i++) {
            const Value *value = inner->operands[i];
            bool outside = value->kind != VALUE_CONSTANT &&
                           (value->kind != VALUE_RESULT || value->op->parent != op->body);
            if (!outside || type_count_max(&value->type) != type_count_max(&op->results[0]->type)) continue;
            prefetch_place(kernel, kernel_operand(kernel, value), &value->type, shape, coordinates);
        }
    }
}

/* Zeros in rows or columns [low, high) of the physical axis |axis|, all of every other. */
static void fill_band(Kernel *kernel, Buffer *buffer, int axis, const Expr *low, const Expr *high) {
    LoopBody *outer = kernel->body;
    Access access = {.buffer = buffer};
    TileShape shape = {
        1, 1, kernel->lowering->options->plain ? 1 : target_lanes(&kernel->lowering->options->target)};
    for (int i = 0; i < buffer->rank; i++) {
        const Expr *from = i == axis ? low : number(kernel, 0), *to = i == axis ? high : buffer->extents[i];
        if (i + 1 < buffer->rank) {
            access.indices[i] = kernel_for(kernel, "i", from, to);
        } else {
            const Expr *at = kernel_lanes(kernel, "i", from, to, shape.lanes);
            access.indices[i] = expr_add(kernel->lowering->exprs, at, lane_symbol(kernel));
        }
    }
    kernel_store(kernel, kernel_constant(kernel, buffer->dtype, 0, shape), &access);
    kernel->body = outer;
}

void kernel_fill_padding(Kernel *kernel, const Value *value) {
    const Layout *layout = value->type.layout;
    for (int axis = 0; layout && axis < layout->count; axis++) {
        const Piece *piece = &layout->pieces[axis];
        const Expr *extent = value->type.dims[piece->axis];
        int64_t elements;
        if (piece->kind != PIECE_DIV || (expr_is_constant(extent, &elements) && elements % piece->block == 0))
            continue;
        Buffer *buffer = kernel_result(kernel, value);
        const Expr *last = expr_add_constant(kernel->lowering->exprs, buffer->extents[axis], -1);
        fill_band(kernel, buffer, axis, last, buffer->extents[axis]);
    }
}

void kernel_fill_halos(Kernel *kernel) {
    const Op *op = kernel->cluster;
    for (int i = 0; i < op->result_count; i++) {
        const Layout *layout = cluster_result(op, i)->type.layout;
        if (!layout) continue;
        Buffer *buffer = kernel_result(kernel, cluster_result(op, i));
        for (int axis = 0; axis < layout->count; axis++) {
            const Piece *piece = &layout->pieces[axis];
            const Expr *extent = buffer->extents[axis];
            if (piece->halo_before)
                fill_band(kernel, buffer, axis, number(kernel, 0), number(kernel, piece->halo_before));
            if (piece->halo_after)
                fill_band(kernel, buffer, axis,
                          expr_add_constant(kernel->lowering->exprs, extent, -piece->halo_after), extent);
        }
    }
}
