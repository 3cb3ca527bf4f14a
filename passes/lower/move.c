/* Moves. Those that only rename places become views; the others copy, element by element of their result. */
#include "passes/lower/lower.h"

#include <string.h>

static int move_lanes(const Lowering *lowering, DType dtype) {
    return lowering->options->plain ? 1
                                    : lowering->options->target.register_bytes / (int)dtype_bytes(dtype) / 2;
}

/* ---- Views ---- */

void lower_RESHAPE(Lowering *lowering, const Op *op) {
    const Value *from = op->operands[0], *to = op->results[0];
    View view = lower_view(lowering, from);
    if (from->type.layout || !view_is_contiguous(lowering, &from->type, &view)) {
        View dense = {.offset = number(&(Kernel){.lowering = lowering}, 0)};
        Type plain = from->type;
        plain.layout = NULL;
        Value *copy = NEW(lowering->arena, Value);
        *copy = *from;
        copy->type = plain;
        dense = lower_allocate(lowering, copy);
        lower_relayout(lowering, op, from, copy);
        view = dense;
    }
    const Expr *extents[BUFFER_RANK_MAX];
    layout_physical(lowering->graph, &to->type, extents, view.strides);
    lower_set_view(lowering, to, view);
}

void lower_PERMUTE(Lowering *lowering, const Op *op) {
    View view = lower_view(lowering, op->operands[0]), permuted = view;
    for (int i = 0; i < op->results[0]->type.rank; i++)
        permuted.strides[i] = view.strides[op_int_at(op, ATTR_PERMUTATION, i, i)];
    lower_set_view(lowering, op->results[0], permuted);
}

/* The part of a concatenation that begins at |start| along |axis|: whole blocks where the axis is split. */
static View view_of_part(Lowering *lowering, const Type *type, const View *whole, int axis,
                         const Expr *start) {
    View part = *whole;
    int rank = type->layout ? type->layout->count : type->rank;
    for (int i = 0; i < rank; i++) {
        Piece piece = type->layout ? type->layout->pieces[i] : (Piece){PIECE_WHOLE, i, 0, 0, 0};
        if (piece.axis != axis || piece.kind == PIECE_MOD) continue;
        const Expr *index =
            piece.kind == PIECE_DIV
                ? expr_floordiv(lowering->exprs, start, expr_constant(lowering->exprs, piece.block))
                : start;
        part.offset =
            expr_add(lowering->exprs, part.offset, expr_mul(lowering->exprs, index, whole->strides[i]));
    }
    return part;
}

void lower_SLICE(Lowering *lowering, const Op *op) {
    View view = lower_view(lowering, op->operands[0]);
    const Type *type = &op->results[0]->type;
    if (type->layout) { /* whole blocks of channels */
        lower_set_view(lowering, op->results[0],
                       view_of_part(lowering, type, &view, 1, op_expr_at(op, ATTR_STARTS, 1)));
        return;
    }
    for (int i = 0; i < type->rank; i++) {
        view.offset = expr_add(lowering->exprs, view.offset,
                               expr_mul(lowering->exprs, op_expr_at(op, ATTR_STARTS, i), view.strides[i]));
        view.strides[i] = expr_scale(lowering->exprs, view.strides[i], op_int_at(op, ATTR_STEPS, i, 1));
    }
    lower_set_view(lowering, op->results[0], view);
}

void lower_EXPAND(Lowering *lowering, const Op *op) {
    const Type *from = &op->operands[0]->type, *to = &op->results[0]->type;
    View view = lower_view(lowering, op->operands[0]), wide = view;
    for (int i = 0; i < to->rank; i++) {
        int source = i - (to->rank - from->rank);
        bool stretched = source < 0 || (expr_equals(from->dims[source], 1) && !expr_equals(to->dims[i], 1));
        wide.strides[i] = stretched ? expr_constant(lowering->exprs, 0) : view.strides[source];
    }
    lower_set_view(lowering, op->results[0], wide);
}

/* ---- Copies ---- */

/* Loops over |type| row major, vectors along the last axis; the logical index at each place. */
static Coordinates open_copy(Kernel *kernel, const Type *type, const Expr *const *extents, int lanes) {
    Coordinates at;
    for (int i = 0; i < type->rank; i++) {
        const Expr *extent = extents ? extents[i] : type->dims[i];
        if (i + 1 < type->rank)
            at.at[i] = kernel_for(kernel, "i", number(kernel, 0), extent);
        else
            at.at[i] =
                expr_add(kernel->lowering->exprs, kernel_lanes(kernel, "i", number(kernel, 0), extent, lanes),
                         lane_symbol(kernel));
    }
    return at;
}

void lower_relayout(Lowering *lowering, const Op *op, const Value *from, const Value *to) {
    Op *relayout = op_create(lowering->graph, NULL, OP_RELAYOUT, NULL, 0, op->span, op->path);
    relayout->results = NEW(lowering->arena, Value *);
    relayout->results[0] = (Value *)to;
    relayout->result_count = 1;
    Kernel kernel = kernel_begin(lowering, relayout);
    Buffer *source = kernel_operand(&kernel, from), *target = kernel_result(&kernel, to);
    const Type *walked = to->type.layout ? &to->type : &from->type;
    int lanes = walked->layout || walked->rank ? move_lanes(lowering, to->type.dtype) : 1;
    kernel.width = lanes;
    kernel_fill_padding(&kernel, to);
    Coordinates at = kernel_open_nest(&kernel, walked, lanes);
    Access read = kernel_access(&kernel, source, &from->type, &at),
           write = kernel_access(&kernel, target, &to->type, &at);
    kernel_store(&kernel, kernel_load(&kernel, &read, (TileShape){1, 1, lanes}), &write);
    kernel.body = &kernel.function->body;
    kernel_fill_halos(&kernel);
    kernel_end(&kernel);
}

void lower_RELAYOUT(Lowering *lowering, const Op *op) {
    lower_relayout(lowering, op, op->operands[0], op->results[0]);
}

/* Parts that were computed in their place of the whole (lower_reserve_parts) need no copy. */
void lower_CONCAT(Lowering *lowering, const Op *op) {
    const Type *type = &op->results[0]->type;
    int axis = (int)op_int(op, ATTR_AXIS, 0), lanes = move_lanes(lowering, type->dtype), copies = 0;
    View whole = lower_allocate(lowering, op->results[0]);
    const Expr *start = expr_constant(lowering->exprs, 0);
    Kernel kernel = kernel_begin(lowering, op);
    Buffer *target = kernel_result(&kernel, op->results[0]);
    kernel.width = lanes;
    for (int i = 0; i < op->operand_count; i++) {
        const Value *part = op->operands[i];
        View place = view_of_part(lowering, type, &whole, axis, start), view = lower_view(lowering, part);
        if (view.buffer != place.buffer || view.offset != place.offset) {
            kernel.body = &kernel.function->body;
            Buffer *source = kernel_operand(&kernel, part);
            Coordinates at = kernel_open_nest(&kernel, &part->type, lanes), to = at;
            to.at[axis] = expr_add(lowering->exprs, at.at[axis], start);
            Access read = kernel_access(&kernel, source, &part->type, &at),
                   write = kernel_access(&kernel, target, type, &to);
            kernel_store(&kernel, kernel_load(&kernel, &read, (TileShape){1, 1, lanes}), &write);
            copies++;
        }
        start = expr_add(lowering->exprs, start, part->type.dims[axis]);
    }
    kernel.body = &kernel.function->body;
    if (copies) kernel_fill_halos(&kernel);
    if (copies)
        kernel_end(&kernel);
    else
        lowering->loops->functions.count--; /* nothing to do */
}

/* |view| of the axes |to| as one of the axes |from|, of which two have become one; false: something else
 * happened. */
static bool split_view(Lowering *lowering, const Type *from, const Type *to, View *view) {
    int joined = 0;
    if (from->rank != to->rank + 1) return false;
    while (joined < to->rank && from->dims[joined] == to->dims[joined]) joined++;
    for (int i = joined + 1; i < to->rank; i++)
        if (from->dims[i + 1] != to->dims[i]) return false;
    if (joined == to->rank ||
        expr_mul(lowering->exprs, from->dims[joined], from->dims[joined + 1]) != to->dims[joined])
        return false;
    for (int i = from->rank - 1; i > joined + 1; i--) view->strides[i] = view->strides[i - 1];
    view->strides[joined + 1] = view->strides[joined];
    view->strides[joined] = expr_mul(lowering->exprs, view->strides[joined], from->dims[joined + 1]);
    return true;
}

static int times_joined(const Block *block, const Value *part) {
    int times = 0;
    for (const Op *op = block->first; op; op = op->next)
        for (int i = 0; i < op->operand_count && op->kind == OP_CONCAT; i++) times += op->operands[i] == part;
    return times;
}

/* The place of a reshaped value passes on to what is reshaped, where an axis was only joined of two. */
static void reserve_part(Lowering *lowering, const Value *part, View view, const Block *block) {
    const Op *op = part->kind == VALUE_RESULT ? part->op : NULL;
    if (op && op->kind == OP_RESHAPE && op->parent == block && !part->type.layout &&
        !op->operands[0]->type.layout && split_view(lowering, &op->operands[0]->type, &part->type, &view) &&
        block_count_uses(block, op->operands[0]) == 1) {
        reserve_part(lowering, op->operands[0], view, block);
    } else if (lower_may_place(lowering, part, block)) {
        lower_set_view(lowering, part, view);
    }
}

/* Through ops that may look at their operand's own memory. */
static const Value *behind_views(const Value *value) {
    while (value->kind == VALUE_RESULT && (value->op->kind == OP_RESHAPE || value->op->kind == OP_PERMUTE ||
                                           value->op->kind == OP_SLICE || value->op->kind == OP_EXPAND))
        value = value->op->operands[0];
    return value;
}

/* Would a concatenation that begins at |place| of |part| read the part by another way, too? No function may
 * get the same memory twice. Those from |op| on have their memory. */
static bool begins_and_reads(Lowering *lowering, const Op *op, const Value *part, const View *place) {
    for (; op; op = op->next)
        for (int i = 0; i < op->operand_count && op->kind == OP_CONCAT; i++) {
            if (op->operands[i] == part || behind_views(op->operands[i]) != behind_views(part)) continue;
            View whole = lower_view(lowering, op->results[0]);
            if (whole.buffer == place->buffer && whole.offset == place->offset) return true;
        }
    return false;
}

/* Memory of a concatenation comes first, so that what computes a part can write it there. A part that is
 * joined twice is copied, since no function may read what it writes. */
void lower_reserve_parts(Lowering *lowering, const Op *op) {
    const Type *type = &op->results[0]->type;
    int axis = (int)op_int(op, ATTR_AXIS, 0);
    const Expr *start = expr_constant(lowering->exprs, 0);
    View whole = lower_allocate(lowering, op->results[0]);
    for (int i = 0; i < op->operand_count; i++) {
        const Value *part = op->operands[i];
        View place = view_of_part(lowering, type, &whole, axis, start);
        if (times_joined(op->parent, part) == 1 && part->type.layout == type->layout &&
            !begins_and_reads(lowering, op, part, &place))
            reserve_part(lowering, part, place, op->parent);
        start = expr_add(lowering->exprs, start, part->type.dims[axis]);
    }
}

void lower_FULL(Lowering *lowering, const Op *op) {
    Kernel kernel = kernel_begin(lowering, op);
    const Type *type = &op->results[0]->type;
    int lanes = type->rank ? move_lanes(lowering, type->dtype) : 1;
    Buffer *target = kernel_result(&kernel, op->results[0]);
    Coordinates at = open_copy(&kernel, type, NULL, lanes);
    Access write = kernel_access(&kernel, target, type, &at);
    kernel_store(&kernel,
                 kernel_constant(&kernel, type->dtype, op_float(op, ATTR_VALUE, 0), (TileShape){1, 1, lanes}),
                 &write);
    kernel_end(&kernel);
}

static Tile *cast_to(Kernel *kernel, Tile *tile, DType dtype) {
    return tile->dtype == dtype ? tile : kernel_map(kernel, OP_CAST, dtype, tile, NULL);
}

void lower_EXTENT(Lowering *lowering, const Op *op) {
    Kernel kernel = kernel_begin(lowering, op);
    const Type *type = &op->results[0]->type;
    Buffer *target = kernel_result(&kernel, op->results[0]);
    Access write = kernel_access(&kernel, target, type, &(Coordinates){{0}});
    Tile *number = kernel_position(&kernel, op_expr_at(op, ATTR_SHAPE, 0), DTYPE_I64, (TileShape){1, 1, 1});
    kernel_store(&kernel, cast_to(&kernel, number, type->dtype), &write);
    kernel_end(&kernel);
}

void lower_IOTA(Lowering *lowering, const Op *op) {
    Kernel kernel = kernel_begin(lowering, op);
    const Type *type = &op->results[0]->type;
    Buffer *target = kernel_result(&kernel, op->results[0]);
    Coordinates at = open_copy(&kernel, type, NULL, 1);
    Access write = kernel_access(&kernel, target, type, &at);
    Tile *position = kernel_position(&kernel, at.at[0], DTYPE_I64, (TileShape){1, 1, 1});
    kernel_store(&kernel, cast_to(&kernel, position, type->dtype), &write);
    kernel_end(&kernel);
}

/* A run-time index of |extent| values, -extent..extent-1, as an index symbol in 0..extent-1. */
static const Expr *read_index(Kernel *kernel, const Access *access, const Expr *extent) {
    TileShape scalar = {1, 1, 1};
    Tile *raw = cast_to(kernel, kernel_load(kernel, access, scalar), DTYPE_I64);
    Tile *size = kernel_position(kernel, extent, DTYPE_I64, scalar);
    Tile *zero = kernel_constant(kernel, DTYPE_I64, 0, scalar);
    Tile *below = kernel_map(kernel, OP_LT, DTYPE_BOOL, raw, zero);
    Tile *wrapped = kernel_select(kernel, below, kernel_map(kernel, OP_ADD, DTYPE_I64, raw, size), raw);
    Lowering *lowering = kernel->lowering;
    LoopStatement *index = loop_append(lowering->loops, kernel->body, LOOP_INDEX, kernel->span);
    int64_t max = extent->max > 0 ? extent->max - 1 : 0;
    Symbol *symbol = symbol_create(lowering->arena, lower_fresh_name(lowering, "j"), 0, max);
    index->tile = wrapped;
    index->range = (Range){symbol, number(kernel, 0), extent};
    index->code = 6;
    return expr_symbol(lowering->exprs, symbol);
}

/* result[before.., indices.., after..] = x[before.., index, after..] */
void lower_GATHER(Lowering *lowering, const Op *op) {
    Kernel kernel = kernel_begin(lowering, op);
    const Type *x = &op->operands[0]->type, *indices = &op->operands[1]->type, *type = &op->results[0]->type;
    int axis = (int)op_int(op, ATTR_AXIS, 0);
    Buffer *source = kernel_operand(&kernel, op->operands[0]),
           *places = kernel_operand(&kernel, op->operands[1]);
    Buffer *target = kernel_result(&kernel, op->results[0]);
    Coordinates index_at, from, to;
    for (int i = 0; i < axis; i++)
        from.at[i] = to.at[i] = kernel_for(&kernel, "i", number(&kernel, 0), x->dims[i]);
    for (int i = 0; i < indices->rank; i++)
        index_at.at[i] = to.at[axis + i] = kernel_for(&kernel, "i", number(&kernel, 0), indices->dims[i]);
    Access index_access = kernel_access(&kernel, places, indices, &index_at);
    from.at[axis] = read_index(&kernel, &index_access, x->dims[axis]);
    int lanes = axis + 1 < x->rank ? move_lanes(lowering, type->dtype) : 1;
    for (int i = axis + 1; i < x->rank; i++) {
        const Expr *at =
            i + 1 < x->rank
                ? kernel_for(&kernel, "i", number(&kernel, 0), x->dims[i])
                : expr_add(lowering->exprs, kernel_lanes(&kernel, "i", number(&kernel, 0), x->dims[i], lanes),
                           lane_symbol(&kernel));
        from.at[i] = to.at[indices->rank + i - 1] = at;
    }
    Access read = kernel_access(&kernel, source, x, &from), write = kernel_access(&kernel, target, type, &to);
    kernel_store(&kernel, kernel_load(&kernel, &read, (TileShape){1, 1, lanes}), &write);
    kernel_end(&kernel);
}

void lower_ONE_HOT(Lowering *lowering, const Op *op) {
    Kernel kernel = kernel_begin(lowering, op);
    const Type *indices = &op->operands[0]->type, *type = &op->results[0]->type;
    Buffer *places = kernel_operand(&kernel, op->operands[0]),
           *target = kernel_result(&kernel, op->results[0]);
    Coordinates at;
    for (int i = 0; i < indices->rank; i++)
        at.at[i] = kernel_for(&kernel, "i", number(&kernel, 0), indices->dims[i]);
    Access index_access = kernel_access(&kernel, places, indices, &at);
    const Expr *depth = type->dims[indices->rank];
    const Expr *hot = read_index(&kernel, &index_access, depth);
    LoopBody *outer = kernel.body;
    int lanes = move_lanes(lowering, type->dtype);
    const Expr *along = kernel_lanes(&kernel, "i", number(&kernel, 0), depth, lanes);
    at.at[indices->rank] = expr_add(lowering->exprs, along, lane_symbol(&kernel));
    Access write = kernel_access(&kernel, target, type, &at);
    kernel_store(&kernel, kernel_constant(&kernel, type->dtype, 0, (TileShape){1, 1, lanes}), &write);
    kernel.body = outer;
    at.at[indices->rank] = hot;
    write = kernel_access(&kernel, target, type, &at);
    kernel_store(&kernel, kernel_constant(&kernel, type->dtype, 1, (TileShape){1, 1, 1}), &write);
    kernel_end(&kernel);
}

/* ---- Padding ---- */

typedef enum PadMode { PAD_CONSTANT, PAD_REFLECT, PAD_REPLICATE } PadMode;

/* The source index of result index |at| along one axis of |extent| elements. */
static const Expr *pad_source(Kernel *kernel, const Expr *at, int64_t before, const Expr *extent,
                              PadMode mode) {
    ExprTable *exprs = kernel->lowering->exprs;
    const Expr *index = expr_add_constant(exprs, at, -before), *last = expr_add_constant(exprs, extent, -1);
    if (mode == PAD_REPLICATE) return expr_max(exprs, number(kernel, 0), expr_min(exprs, index, last));
    if (mode == PAD_REFLECT) {
        index = expr_max(exprs, index, expr_scale(exprs, index, -1));
        return expr_min(exprs, index, expr_sub(exprs, expr_scale(exprs, last, 2), index));
    }
    return index;
}

/* Constant padding: fill all, then copy what lies inside; the other modes read every element from its source.
 */
void lower_PAD(Lowering *lowering, const Op *op) {
    Kernel kernel = kernel_begin(lowering, op);
    const Type *x = &op->operands[0]->type, *type = &op->results[0]->type;
    const char *name = op_string(op, ATTR_MODE, "constant");
    PadMode mode = strcmp(name, "reflect") == 0     ? PAD_REFLECT
                   : strcmp(name, "replicate") == 0 ? PAD_REPLICATE
                                                    : PAD_CONSTANT;
    Buffer *source = kernel_operand(&kernel, op->operands[0]),
           *target = kernel_result(&kernel, op->results[0]);
    int lanes = type->rank ? move_lanes(lowering, type->dtype) : 1;
    if (mode == PAD_CONSTANT) {
        Coordinates all = open_copy(&kernel, type, NULL, lanes);
        Access fill = kernel_access(&kernel, target, type, &all);
        kernel_store(
            &kernel,
            kernel_constant(&kernel, type->dtype, op_float(op, ATTR_VALUE, 0), (TileShape){1, 1, lanes}),
            &fill);
        kernel.body = &kernel.function->body;
    }
    Coordinates from, to;
    for (int i = 0; i < type->rank; i++) {
        int64_t before = op_int_at(op, ATTR_PADDING, 2 * i, 0);
        const Expr *low = number(&kernel, 0), *high = type->dims[i];
        if (mode == PAD_CONSTANT) {
            low = number(&kernel, before > 0 ? before : 0);
            high = expr_min(lowering->exprs, high, expr_add_constant(lowering->exprs, x->dims[i], before));
        }
        bool direct = mode == PAD_CONSTANT && i + 1 == type->rank;
        to.at[i] = direct ? expr_add(lowering->exprs, kernel_lanes(&kernel, "i", low, high, lanes),
                                     lane_symbol(&kernel))
                          : kernel_for(&kernel, "i", low, high);
        from.at[i] = pad_source(&kernel, to.at[i], before, x->dims[i], mode);
    }
    if (mode != PAD_CONSTANT) lanes = 1;
    Access read = kernel_access(&kernel, source, x, &from), write = kernel_access(&kernel, target, type, &to);
    kernel_store(&kernel, kernel_load(&kernel, &read, (TileShape){1, 1, lanes}), &write);
    kernel_end(&kernel);
}
