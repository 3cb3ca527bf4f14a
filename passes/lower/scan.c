/* scan: a loop over time in the entry. Carried values live in one buffer each; a step reads the old one and
 * copies the new one over it at its end. Yields are written straight into their place of the stacked result.
 */
#include "passes/lower/lower.h"

#include <string.h>

typedef struct Scan {
    Lowering *lowering;
    const Op *op;
    const Op *yield;
    int sequences, carries, yields;
    bool until;
    const Expr *trip, *place; /* steps; the position a step reads and writes */
    View *carried, *stacked;
    View count, done;
} Scan;

static Scan describe(Lowering *lowering, const Op *op) {
    Scan scan = {.lowering = lowering, .op = op, .yield = block_terminator(op->body)};
    scan.sequences = (int)op_int(op, ATTR_SEQUENCES, 0);
    scan.carries = (int)op_int(op, ATTR_CARRIES, 0);
    scan.until = op_int(op, ATTR_UNTIL, 0);
    scan.yields = scan.yield->operand_count - scan.carries - scan.until;
    scan.trip = op_expr_at(op, ATTR_TRIP, 0);
    scan.carried = NEW_ARRAY(lowering->arena, View, scan.carries + 1);
    scan.stacked = NEW_ARRAY(lowering->arena, View, scan.yields + 1);
    return scan;
}

/* The part of |view| at |index| of |axis|, which vanishes. */
static View slice_of(Lowering *lowering, const View *view, int rank, int axis, const Expr *index) {
    View slice = {.buffer = view->buffer};
    slice.offset =
        expr_add(lowering->exprs, view->offset, expr_mul(lowering->exprs, index, view->strides[axis]));
    for (int i = 0, j = 0; i < rank; i++)
        if (i != axis) slice.strides[j++] = view->strides[i];
    return slice;
}

static void fill_zero(Lowering *lowering, const Type *type, const View *view, Span span) {
    Op *full = op_create(lowering->graph, NULL, OP_FULL, NULL, 0, span, "");
    Kernel kernel = kernel_begin(lowering, full);
    Buffer *target = kernel_parameter(&kernel, type, view, true, "y");
    Access write = {.buffer = target};
    for (int i = 0; i < type->rank; i++)
        write.indices[i] = kernel_for(&kernel, "i", number(&kernel, 0), type->dims[i]);
    kernel_store(&kernel, kernel_constant(&kernel, type->dtype, 0, (TileShape){1, 1, 1}), &write);
    kernel_end(&kernel);
}

/* Entry-level statements of their own: a number stored, a condition tested. */
static void store_count(Scan *scan, const Expr *value) {
    Lowering *lowering = scan->lowering;
    Kernel here = {.lowering = lowering, .span = scan->op->span, .body = lowering->body};
    Access access = {.buffer = scan->count.buffer};
    kernel_store(&here, kernel_position(&here, value, DTYPE_I32, (TileShape){1, 1, 1}), &access);
}

static void exit_when(Scan *scan) {
    Lowering *lowering = scan->lowering;
    Kernel here = {.lowering = lowering, .span = scan->op->span, .body = lowering->body};
    Access access = {.buffer = scan->done.buffer};
    Tile *done = kernel_load(&here, &access, (TileShape){1, 1, 1});
    LoopStatement *exit = loop_append(lowering->loops, lowering->body, LOOP_EXIT, scan->op->span);
    exit->tile = done;
}

static void prepare(Scan *scan) {
    Lowering *lowering = scan->lowering;
    const Op *op = scan->op;
    for (int i = 0; i < scan->carries; i++) {
        const Value *initial = op->operands[scan->sequences + i],
                    *argument = op->body->arguments[scan->sequences + i];
        Value *buffer = NEW(lowering->arena, Value);
        *buffer = *argument;
        scan->carried[i] = lower_allocate(lowering, buffer);
        View from = lower_view(lowering, initial);
        lower_copy(lowering, &argument->type, &from, &scan->carried[i], op->span, op->path);
        lower_set_view(lowering, argument, scan->carried[i]);
        lower_set_view(lowering, op->results[i], scan->carried[i]);
    }
    for (int i = 0; i < scan->yields; i++) {
        const Value *stacked = op->results[scan->carries + i];
        scan->stacked[i] = lower_allocate(lowering, stacked);
        if (scan->until) fill_zero(lowering, &stacked->type, &scan->stacked[i], op->span);
    }
    scan->count = lower_allocate(lowering, op->results[scan->carries + scan->yields]);
    store_count(scan, scan->until ? expr_constant(lowering->exprs, 0) : scan->trip);
}

/* A yielded value computed in the body, and nothing else, is computed in its place. */
static void reserve_yield(Scan *scan, int index, const View *slice) {
    const Value *value = scan->yield->operands[scan->carries + index];
    if (!value->type.layout && lower_may_place(scan->lowering, value, scan->op->body))
        lower_set_view(scan->lowering, value, *slice);
}

static bool is_carried(const Scan *scan, const View *view) {
    for (int i = 0; i < scan->carries; i++)
        if (scan->carried[i].buffer == view->buffer) return true;
    return false;
}

/* The condition in a buffer of its own, which new carried values do not overwrite. */
static View take_condition(Scan *scan) {
    Lowering *lowering = scan->lowering;
    const Value *until = scan->yield->operands[scan->yield->operand_count - 1];
    View view = lower_view(lowering, until);
    if (!view.buffer->rank && !is_carried(scan, &view)) return view;
    Value *saved = NEW(lowering->arena, Value);
    *saved = *until;
    View copy = lower_allocate(lowering, saved);
    lower_copy(lowering, &until->type, &view, &copy, scan->op->span, scan->op->path);
    return copy;
}

/* New values over the old ones; a new value that is itself an old one is saved first. */
static void copy_carries(Scan *scan) {
    Lowering *lowering = scan->lowering;
    View *next = NEW_ARRAY(lowering->arena, View, scan->carries + 1);
    for (int i = 0; i < scan->carries; i++) {
        const Value *value = scan->yield->operands[i];
        next[i] = lower_view(lowering, value);
        if (!is_carried(scan, &next[i]) || view_equal(&value->type, &next[i], &scan->carried[i])) continue;
        Value *saved = NEW(lowering->arena, Value);
        *saved = *value;
        View copy = lower_allocate(lowering, saved);
        lower_copy(lowering, &value->type, &next[i], &copy, scan->op->span, scan->op->path);
        next[i] = copy;
    }
    for (int i = 0; i < scan->carries; i++)
        if (!view_equal(&scan->yield->operands[i]->type, &next[i], &scan->carried[i]))
            lower_copy(lowering, &scan->yield->operands[i]->type, &next[i], &scan->carried[i], scan->op->span,
                       scan->op->path);
}

static void lower_step(Scan *scan) {
    Lowering *lowering = scan->lowering;
    const Op *op = scan->op;
    View slices[64];
    for (int i = 0; i < scan->sequences; i++) {
        View whole = lower_view(lowering, op->operands[i]);
        View part = slice_of(lowering, &whole, op->operands[i]->type.rank,
                             (int)op_int_at(op, ATTR_AXES, i, 0), scan->place);
        lower_set_view(lowering, op->body->arguments[i], part);
    }
    for (int i = 0; i < scan->yields; i++) {
        const Type *type = &op->results[scan->carries + i]->type;
        int axis = (int)op_int_at(op, ATTR_AXES, scan->sequences + i, 0);
        slices[i] = slice_of(lowering, &scan->stacked[i], type->rank, axis, scan->place);
        reserve_yield(scan, i, &slices[i]);
    }
    lower_block(lowering, op->body);
    for (int i = 0; i < scan->yields; i++) {
        const Value *value = scan->yield->operands[scan->carries + i];
        View from = lower_view(lowering, value);
        if (!view_equal(&value->type, &from, &slices[i]))
            lower_copy(lowering, &value->type, &from, &slices[i], op->span, op->path);
    }
    if (scan->until) scan->done = take_condition(scan);
    copy_carries(scan);
}

void lower_SCAN(Lowering *lowering, const Op *op) {
    Scan scan = describe(lowering, op);
    prepare(&scan);
    if (expr_equals(scan.trip, 0)) return;
    LoopBody *outer = lowering->body;
    Kernel here = {.lowering = lowering, .span = op->span, .body = outer};
    const Expr *t = kernel_for(&here, "t", expr_constant(lowering->exprs, 0), scan.trip);
    lowering->body = here.body;
    scan.place = t;
    if (op_int(op, ATTR_REVERSE, 0))
        scan.place = expr_sub(lowering->exprs, expr_add_constant(lowering->exprs, scan.trip, -1), t);
    lower_step(&scan);
    if (scan.until) {
        store_count(&scan, expr_add_constant(lowering->exprs, t, 1));
        exit_when(&scan);
    }
    lowering->body = outer;
}
