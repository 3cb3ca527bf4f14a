#include "passes/lower/lower.h"

#include <assert.h>
#include <string.h>

/* ---- Functions and parameters ---- */

static const char *kernel_name(Lowering *lowering, const Op *op) {
    const Op *anchor = cluster_anchor(op);
    const char *kind = op_infos[(anchor ? anchor : op)->kind].text;
    const char *path = op->path[0] ? op->path : anchor && anchor->path[0] ? anchor->path : NULL;
    if (!path) return arena_printf(lowering->arena, "%s.%s", lowering->entry->entry_name, kind);
    return arena_printf(lowering->arena, "%s.%s", path, kind);
}

Kernel kernel_begin(Lowering *lowering, const Op *op) {
    Kernel kernel = {.lowering = lowering, .cluster = op, .span = op->span};
    kernel.function = loop_function_create(lowering->loops, kernel_name(lowering, op), op->span);
    kernel.body = &kernel.function->body;
    return kernel;
}

Buffer *kernel_parameter(Kernel *kernel, const Type *type, const View *view, bool written, const char *name) {
    Lowering *lowering = kernel->lowering;
    const Expr *extents[BUFFER_RANK_MAX], *strides[BUFFER_RANK_MAX];
    int rank = layout_physical(lowering->graph, type, extents, strides);
    const char *unique =
        name ? name : arena_printf(lowering->arena, written ? "y%d" : "x%d", kernel->operands.count);
    Buffer *buffer =
        buffer_create(lowering->loops, BUFFER_PARAMETER, unique, type->dtype, rank, extents, view->strides);
    buffer->written = written;
    loop_function_add_parameter(lowering->loops, kernel->function, buffer);
    KernelOperand operand = {NULL, buffer, *view};
    vector_push(lowering->arena, &kernel->operands, operand);
    return buffer;
}

Buffer *kernel_operand(Kernel *kernel, const Value *value) {
    for (int i = 0; i < kernel->operands.count; i++)
        if (kernel->operands.items[i].value == value &&
            (!kernel->operands.items[i].buffer->written ||
             kernel->operands.items[i].buffer == kernel->in_place_buffer))
            return kernel->operands.items[i].buffer;
    View view = lower_view(kernel->lowering, value);
    Buffer *buffer = kernel_parameter(kernel, &value->type, &view, false, NULL);
    kernel->operands.items[kernel->operands.count - 1].value = value;
    return buffer;
}

void kernel_work_in_place(Kernel *kernel, const Value *operand, const Value *result) {
    kernel->in_place = result;
    kernel->in_place_buffer = kernel_operand(kernel, operand);
    kernel->in_place_buffer->written = true;
    lower_set_view(kernel->lowering, result, lower_view(kernel->lowering, operand));
}

Buffer *kernel_result(Kernel *kernel, const Value *value) {
    if (value == kernel->in_place) return kernel->in_place_buffer;
    for (int i = 0; i < kernel->operands.count; i++)
        if (kernel->operands.items[i].value == value && kernel->operands.items[i].buffer->written)
            return kernel->operands.items[i].buffer;
    View view = lower_allocate(kernel->lowering, value);
    Buffer *buffer = kernel_parameter(kernel, &value->type, &view, true, NULL);
    kernel->operands.items[kernel->operands.count - 1].value = value;
    return buffer;
}

void kernel_end(Kernel *kernel) {
    Lowering *lowering = kernel->lowering;
    LoopStatement *call = loop_append(lowering->loops, lowering->body, LOOP_CALL, kernel->span);
    call->callee = kernel->function;
    call->argument_count = kernel->operands.count;
    call->arguments = NEW_ARRAY(lowering->arena, CallArgument, kernel->operands.count + 1);
    for (int i = 0; i < kernel->operands.count; i++)
        call->arguments[i] =
            (CallArgument){kernel->operands.items[i].view.buffer, kernel->operands.items[i].view.offset};
}

/* ---- Accesses ---- */

/* |index| simplified by what is known of l: block sizes divide the tile's width or are divided by it. */
static const Expr *within_width(Kernel *kernel, const Expr *index, PieceKind kind, int64_t block) {
    ExprTable *exprs = kernel->lowering->exprs;
    const Symbol *lane = kernel->lowering->loops->lane;
    int width = kernel->width ? kernel->width : 1;
    const Expr *bounded = expr_symbol(exprs, symbol_create(kernel->lowering->arena, "l", 0, width - 1));
    const Expr *inside = expr_substitute(exprs, index, lane, bounded);
    inside = kind == PIECE_DIV ? expr_floordiv(exprs, inside, expr_constant(exprs, block))
                               : expr_mod(exprs, inside, expr_constant(exprs, block));
    return expr_substitute(exprs, inside, bounded->symbol, expr_symbol(exprs, lane));
}

Access kernel_access(Kernel *kernel, Buffer *buffer, const Type *type, const Coordinates *coordinates) {
    ExprTable *exprs = kernel->lowering->exprs;
    Access access = {.buffer = buffer};
    for (int i = 0; i < buffer->rank; i++) {
        if (!type->layout) {
            access.indices[i] = coordinates->at[i];
            continue;
        }
        const Piece *piece = &type->layout->pieces[i];
        const Expr *index = coordinates->at[piece->axis];
        if (piece->kind != PIECE_WHOLE) index = within_width(kernel, index, piece->kind, piece->block);
        access.indices[i] = expr_add_constant(exprs, index, piece->halo_before);
    }
    return access;
}

static LoopStatement *append(Kernel *kernel, LoopStatementKind kind) {
    return loop_append(kernel->lowering->loops, kernel->body, kind, kernel->span);
}

Buffer *kernel_optional(Kernel *kernel, const Op *op, int index) {
    return index < op->operand_count ? kernel_operand(kernel, op->operands[index]) : NULL;
}

static Tile *define(Kernel *kernel, LoopStatement *statement, DType dtype, TileShape shape) {
    statement->tile = tile_create(kernel->lowering->loops, dtype, shape.rows, shape.vectors, shape.lanes);
    return statement->tile;
}

Tile *kernel_load(Kernel *kernel, const Access *access, TileShape shape) {
    LoopStatement *load = append(kernel, LOOP_LOAD);
    load->access = *access;
    return define(kernel, load, access->buffer->dtype, shape);
}

void kernel_store(Kernel *kernel, Tile *tile, const Access *access) {
    LoopStatement *store = append(kernel, LOOP_STORE);
    store->tile = tile;
    store->access = *access;
}

/* ---- Maps of one node ---- */

/* A 1 x 1 x 1 operand of a map stands for a whole tile. */
static TileShape shape_of(Tile *const *tiles, int count) {
    TileShape shape = {tiles[0]->rows, tiles[0]->vectors, tiles[0]->lanes};
    for (int i = 1; i < count; i++)
        if (shape.rows == 1 && shape.vectors == 1 && shape.lanes == 1)
            shape = (TileShape){tiles[i]->rows, tiles[i]->vectors, tiles[i]->lanes};
    return shape;
}

static Tile *map_one(Kernel *kernel, MapNode node, Tile **operands, int count, TileShape shape) {
    Arena *arena = kernel->lowering->arena;
    LoopStatement *map = append(kernel, LOOP_MAP);
    map->operand_count = count;
    map->operands = NEW_ARRAY(arena, Tile *, count + 1);
    for (int i = 0; i < count; i++) {
        map->operands[i] = operands[i];
        node.operands[i] = -1 - i;
    }
    map->node_count = 1;
    map->nodes = NEW(arena, MapNode);
    map->nodes[0] = node;
    return define(kernel, map, node.dtype, shape);
}

Tile *kernel_constant(Kernel *kernel, DType dtype, double value, TileShape shape) {
    MapNode node = {.kind = MAP_CONSTANT, .dtype = dtype, .real = value};
    if (!dtype_is_float(dtype)) node.integer = dtype_saturate(dtype, value);
    return map_one(kernel, node, NULL, 0, shape);
}

Tile *kernel_map(Kernel *kernel, OpKind op, DType dtype, Tile *a, Tile *b) {
    Tile *operands[2] = {a, b};
    return map_one(kernel, (MapNode){.kind = MAP_OP, .op = op, .dtype = dtype}, operands, b ? 2 : 1,
                   shape_of(operands, b ? 2 : 1));
}

Tile *kernel_fma(Kernel *kernel, Tile *a, Tile *b, Tile *c) {
    Tile *operands[3] = {a, b, c};
    return map_one(kernel, (MapNode){.kind = MAP_FMA, .dtype = a->dtype}, operands, 3, shape_of(operands, 3));
}

Tile *kernel_select(Kernel *kernel, Tile *condition, Tile *a, Tile *b) {
    Tile *operands[3] = {condition, a, b};
    return map_one(kernel, (MapNode){.kind = MAP_OP, .op = OP_WHERE, .dtype = a->dtype}, operands, 3,
                   shape_of(operands, 3));
}

Tile *kernel_slice(Kernel *kernel, Tile *tile, int first, int vectors) {
    LoopStatement *slice = append(kernel, LOOP_SLICE);
    slice->step = first;
    slice->operand_count = 1;
    slice->operands = NEW(kernel->lowering->arena, Tile *);
    slice->operands[0] = tile;
    return define(kernel, slice, tile->dtype, (TileShape){tile->rows, vectors, tile->lanes});
}

static Tile *reduce(Kernel *kernel, OpKind op, Tile *tile, TileShape shape) {
    LoopStatement *reduce = append(kernel, LOOP_REDUCE);
    reduce->reduce = op;
    reduce->operand_count = 1;
    reduce->operands = NEW(kernel->lowering->arena, Tile *);
    reduce->operands[0] = tile;
    return define(kernel, reduce, tile->dtype, shape);
}

Tile *kernel_reduce(Kernel *kernel, OpKind op, Tile *tile) {
    return reduce(kernel, op, tile, (TileShape){tile->rows, 1, 1});
}

Tile *kernel_reduce_rows(Kernel *kernel, OpKind op, Tile *tile) {
    return reduce(kernel, op, tile, (TileShape){1, tile->vectors, tile->lanes});
}

Tile *kernel_position(Kernel *kernel, const Expr *position, DType dtype, TileShape shape) {
    LoopStatement *statement = append(kernel, LOOP_POSITION);
    statement->position = position;
    return define(kernel, statement, dtype, shape);
}

Tile *kernel_contract(Kernel *kernel, Tile *initial, const Access *a, const Access *b, const Range *ranges,
                      int depth, int64_t chunk, DType dtype, TileShape shape) {
    LoopStatement *contract = append(kernel, LOOP_CONTRACT);
    contract->a = *a;
    contract->b = *b;
    contract->depth = depth;
    memcpy(contract->k, ranges, (size_t)depth * sizeof *ranges);
    contract->chunk = chunk;
    contract->operand_count = 1;
    contract->operands = NEW(kernel->lowering->arena, Tile *);
    contract->operands[0] = initial;
    return define(kernel, contract, dtype, shape);
}

void kernel_prefetch(Kernel *kernel, int64_t terms, const Expr *row, int64_t rows, int tile_rows) {
    ExprTable *exprs = kernel->lowering->exprs;
    LoopStatement *contract = kernel_last(kernel);
    int64_t panel = terms * kernel->width, share = panel / rows;
    int64_t step = ((int64_t)tile_rows * kernel->width + rows - 1) / rows;
    contract->ahead = expr_add_constant(exprs, expr_scale(exprs, row, share), panel);
    contract->ahead_step = step < kernel->width ? step : kernel->width;
}

const Expr *kernel_range(Kernel *kernel, Range *out_range, const char *name, const Expr *low,
                         const Expr *high) {
    int64_t max = high->max - 1 < low->min ? low->min : high->max - 1;
    Symbol *symbol = symbol_create(kernel->lowering->arena, name, low->min, max);
    *out_range = (Range){symbol, low, high};
    return expr_symbol(kernel->lowering->exprs, symbol);
}

/* ---- Loops ---- */

static const Expr *open_loop(Kernel *kernel, LoopStatementKind kind, const char *name, const Expr *low,
                             const Expr *high, int64_t step) {
    Lowering *lowering = kernel->lowering;
    LoopStatement *loop = append(kernel, kind);
    int64_t max = high->max - 1 < low->min ? low->min : high->max - 1;
    Symbol *symbol = symbol_create(
        lowering->arena, arena_printf(lowering->arena, "%s%d", name, lowering->next_name++), low->min, max);
    loop->range = (Range){symbol, low, high};
    loop->step = step;
    kernel->body = &loop->body;
    return expr_symbol(lowering->exprs, symbol);
}

const Expr *kernel_for(Kernel *kernel, const char *name, const Expr *low, const Expr *high) {
    return open_loop(kernel, LOOP_FOR, name, low, high, 1);
}

const Expr *kernel_parallel(Kernel *kernel, int items) {
    return open_loop(kernel, LOOP_PARALLEL, "q", number(kernel, 0), number(kernel, items), 1);
}

const Expr *kernel_lanes(Kernel *kernel, const char *name, const Expr *low, const Expr *high, int width) {
    return open_loop(kernel, LOOP_LANES, name, low, high, width);
}

/* A known extent is cut into tiles of nearly equal height; any other into full tiles and halves of what is
 * left. */
const Expr *kernel_rows(Kernel *kernel, const char *name, const Expr *low, const Expr *high, int rows_max) {
    const Expr *variable = open_loop(kernel, LOOP_ROWS, name, low, high, 1);
    LoopStatement *loop = (LoopStatement *)((char *)kernel->body - offsetof(LoopStatement, body));
    int64_t extent;
    if (expr_is_constant(expr_sub(kernel->lowering->exprs, high, low), &extent) && extent > 0) {
        int64_t tiles = (extent + rows_max - 1) / rows_max, tall = extent % tiles ? extent % tiles : tiles;
        int height = (int)((extent + tiles - 1) / tiles);
        loop->plan[loop->plan_count++] = (RowPlan){height, (int)tall};
        if (tall < tiles) loop->plan[loop->plan_count++] = (RowPlan){height - 1, (int)(tiles - tall)};
        return variable;
    }
    for (int height = rows_max; height >= 1; height = height > 1 ? (height + 1) / 2 : 0) {
        loop->plan[loop->plan_count++] = (RowPlan){height, 0};
        if (height == 1) break;
    }
    return variable;
}

LoopStatement *kernel_last(Kernel *kernel) { return kernel->body->last; }

Tile *kernel_carry(Kernel *kernel, LoopStatement *loop, Tile *initial) {
    LoopModule *loops = kernel->lowering->loops;
    Carry *grown = NEW_ARRAY(kernel->lowering->arena, Carry, loop->carry_count + 1);
    if (loop->carry_count) memcpy(grown, loop->carries, (size_t)loop->carry_count * sizeof *grown);
    loop->carries = grown;
    Carry *carry = &grown[loop->carry_count++];
    carry->initial = initial;
    carry->inside = tile_create(loops, initial->dtype, initial->rows, initial->vectors, initial->lanes);
    carry->result = tile_create(loops, initial->dtype, initial->rows, initial->vectors, initial->lanes);
    return carry->inside;
}

Tile *kernel_carry_next(Kernel *kernel, LoopStatement *loop, int index, Tile *next) {
    (void)kernel;
    loop->carries[index].next = next;
    return loop->carries[index].result;
}

const Expr *number(const Kernel *kernel, int64_t value) {
    return expr_constant(kernel->lowering->exprs, value);
}

const Expr *row_symbol(const Kernel *kernel) {
    return expr_symbol(kernel->lowering->exprs, kernel->lowering->loops->row);
}

const Expr *lane_symbol(const Kernel *kernel) {
    return expr_symbol(kernel->lowering->exprs, kernel->lowering->loops->lane);
}

int lanes_in_block(const Type *type, int lanes) {
    const Piece *inner = type->layout ? &type->layout->pieces[type->layout->count - 1] : NULL;
    return inner && inner->kind == PIECE_MOD && inner->block < lanes ? (int)inner->block : lanes;
}

/* ---- Nests over a whole tensor ---- */

enum { SPLIT_ELEMENTS_MIN = 1 << 16, SPLIT_ITEMS_MAX = 8 };

Share kernel_share(Kernel *kernel, const Expr *const *extents, int count, int64_t elements) {
    Lowering *lowering = kernel->lowering;
    Share share = {.axis = -1};
    bool first = kernel->body == &kernel->function->body && !kernel->function->body.first;
    if (!lowering->options->threads || lowering->options->plain || !first || elements < SPLIT_ELEMENTS_MIN)
        return share;
    for (int i = 0; i < count && share.axis < 0; i++)
        if (extents[i]->min >= 4) share.axis = i;
    if (share.axis < 0) return share;
    const Expr *extent = extents[share.axis];
    int items = share.items = extent->min < SPLIT_ITEMS_MAX ? (int)extent->min : SPLIT_ITEMS_MAX;
    const Expr *q = share.item = kernel_parallel(kernel, items), *all = number(kernel, items);
    const Expr *next = expr_add_constant(lowering->exprs, q, 1);
    share.low = expr_floordiv(lowering->exprs, expr_mul(lowering->exprs, q, extent), all);
    share.high = expr_floordiv(lowering->exprs, expr_mul(lowering->exprs, next, extent), all);
    return share;
}

const Expr *kernel_for_share(Kernel *kernel, const char *name, int axis, const Expr *extent,
                             const Share *share) {
    if (axis == share->axis) return kernel_for(kernel, name, share->low, share->high);
    return kernel_for(kernel, name, number(kernel, 0), extent);
}

static bool divides(const Expr *extent, int64_t block) {
    int64_t value;
    return expr_is_constant(extent, &value) && value % block == 0;
}

Coordinates kernel_open_nest(Kernel *kernel, const Type *type, int lanes) {
    ExprTable *exprs = kernel->lowering->exprs;
    int rank = type->layout ? type->layout->count : type->rank;
    Piece pieces[BUFFER_RANK_MAX] = {{0}};
    const Expr *extents[BUFFER_RANK_MAX] = {0};
    Coordinates at;
    for (int i = 0; i < RANK_MAX; i++) at.at[i] = number(kernel, 0);
    for (int i = 0; i < rank; i++) {
        pieces[i] = type->layout ? type->layout->pieces[i] : (Piece){PIECE_WHOLE, i, 0, 0, 0};
        extents[i] = type->dims[pieces[i].axis];
        if (pieces[i].kind == PIECE_DIV)
            extents[i] = expr_ceildiv(exprs, extents[i], number(kernel, pieces[i].block));
        if (pieces[i].kind == PIECE_MOD) extents[i] = number(kernel, pieces[i].block);
    }
    Share share = kernel_share(kernel, extents, rank - 1, type_count_max(type));
    for (int i = 0; i < rank; i++) {
        const Expr *index;
        if (pieces[i].kind == PIECE_MOD && !divides(type->dims[pieces[i].axis], pieces[i].block))
            extents[i] = expr_min(exprs, extents[i],
                                  expr_sub(exprs, type->dims[pieces[i].axis], at.at[pieces[i].axis]));
        if (i + 1 < rank)
            index = kernel_for_share(kernel, "i", i, extents[i], &share);
        else
            index = expr_add(exprs, kernel_lanes(kernel, "i", number(kernel, 0), extents[i], lanes),
                             lane_symbol(kernel));
        if (pieces[i].kind == PIECE_DIV) index = expr_scale(exprs, index, pieces[i].block);
        at.at[pieces[i].axis] = expr_add(exprs, at.at[pieces[i].axis], index);
    }
    return at;
}
