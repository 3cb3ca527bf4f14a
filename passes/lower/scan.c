/* scan: a loop over time in the entry. A carried value has two places: a step reads one and writes the other,
 * by turns, so that a contraction may read all of it. With `until`, where the number of steps is not known
 * before, it has one, which the new value is copied over at the end of a step. Yields are written straight
 * into their place of the stacked result. */
#include "passes/lower/lower.h"

#include <string.h>

typedef struct Scan {
    Lowering *lowering;
    const Op *op;
    const Op *yield;
    int sequences, carries, yields;
    bool until;
    const Expr *trip, *place; /* steps; the position a step reads and writes */
    View *carried, *stacked;  /* |carried|: of an even step */
    const Expr **distance;    /* elements to the place of an odd step; NULL: there is one place */
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
    scan.distance = scan.until ? NULL : NEW_ARRAY(lowering->arena, const Expr *, scan.carries + 1);
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

static void allocate_carried(Scan *scan, int index, const Value *argument) {
    Lowering *lowering = scan->lowering;
    Value *buffer = NEW(lowering->arena, Value);
    *buffer = *argument;
    if (!scan->distance) {
        scan->carried[index] = lower_allocate(lowering, buffer);
        return;
    }
    const Type *type = &argument->type;
    scan->distance[index] = type_count(lowering->graph, type);
    const Expr *elements = expr_scale(lowering->exprs, scan->distance[index], 2);
    buffer->type = type_make(type->dtype, 1, &elements);
    scan->carried[index] = lower_allocate(lowering, buffer);
    const Expr *extents[BUFFER_RANK_MAX];
    layout_physical(lowering->graph, type, extents, scan->carried[index].strides);
}

/* Where a carried value lies before step |step|. */
static View carried_view(const Scan *scan, int index, const Expr *step) {
    ExprTable *exprs = scan->lowering->exprs;
    View view = scan->carried[index];
    if (!scan->distance) return view;
    const Expr *odd = expr_mod(exprs, step, expr_constant(exprs, 2));
    view.offset = expr_add(exprs, view.offset, expr_mul(exprs, odd, scan->distance[index]));
    return view;
}

static void prepare(Scan *scan) {
    Lowering *lowering = scan->lowering;
    const Op *op = scan->op;
    for (int i = 0; i < scan->carries; i++) {
        const Value *initial = op->operands[scan->sequences + i],
                    *argument = op->body->arguments[scan->sequences + i];
        allocate_carried(scan, i, argument);
        View from = lower_view(lowering, initial);
        lower_copy(lowering, &argument->type, &from, &scan->carried[i], op->span, op->path);
        lower_set_view(lowering, op->results[i], carried_view(scan, i, scan->trip));
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

/* A carried value that the body computes is computed in its next place, or stored there too. */
static void reserve_carried(Scan *scan, const Expr *next_step) {
    Lowering *lowering = scan->lowering;
    for (int i = 0; i < scan->carries; i++) {
        const Value *value = scan->yield->operands[i];
        View next = carried_view(scan, i, next_step);
        bool computed =
            value->kind == VALUE_RESULT && value->op->parent == scan->op->body && !value->type.layout;
        if (computed && lower_may_place(lowering, value, scan->op->body)) {
            lower_set_view(lowering, value, next);
        } else if (computed) {
            Echo echo = {.value = value, .view = next};
            vector_push(lowering->arena, &lowering->echoes, echo);
        }
    }
}

static bool is_echoed(const Lowering *lowering, const Value *value, const View *view) {
    for (int i = 0; i < lowering->echoes.count; i++) {
        const Echo *echo = &lowering->echoes.items[i];
        if (echo->value == value && echo->function && view_equal(&value->type, &echo->view, view))
            return true;
    }
    return false;
}

/* What was not computed in its next place is copied there; nothing of the old values is lost by that. */
static void finish_carried(Scan *scan, const Expr *next_step, int echoes_before) {
    Lowering *lowering = scan->lowering;
    for (int i = 0; i < scan->carries; i++) {
        const Value *value = scan->yield->operands[i];
        View from = lower_view(lowering, value), to = carried_view(scan, i, next_step);
        if (!view_equal(&value->type, &from, &to) && !is_echoed(lowering, value, &to))
            lower_copy(lowering, &value->type, &from, &to, scan->op->span, scan->op->path);
    }
    lowering->echoes.count = echoes_before;
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

static bool is_inside(const Block *body, const Op *op) {
    for (const Block *block = op->parent; block; block = block->parent ? block->parent->parent : NULL)
        if (block == body) return true;
    return false;
}

/* Before a body is lowered once more: its values have no places. */
static void forget_step(Scan *scan) {
    Lowering *lowering = scan->lowering;
    int kept = 0;
    for (int i = 0; i < lowering->placed.count; i++) {
        const Value *value = lowering->placed.items[i].value;
        bool within = value->kind == VALUE_RESULT && is_inside(scan->op->body, value->op);
        if (!within) lowering->placed.items[kept++] = lowering->placed.items[i];
    }
    lowering->placed.count = kept;
}

static void lower_step(Scan *scan, const Expr *step) {
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
    const Expr *next_step = expr_add_constant(lowering->exprs, step, 1);
    for (int i = 0; i < scan->carries; i++)
        lower_set_view(lowering, op->body->arguments[scan->sequences + i], carried_view(scan, i, step));
    int echoes_before = lowering->echoes.count;
    if (scan->distance) reserve_carried(scan, next_step);
    lower_block(lowering, op->body);
    for (int i = 0; i < scan->yields; i++) {
        const Value *value = scan->yield->operands[scan->carries + i];
        View from = lower_view(lowering, value);
        if (!view_equal(&value->type, &from, &slices[i]))
            lower_copy(lowering, &value->type, &from, &slices[i], op->span, op->path);
    }
    if (scan->until) scan->done = take_condition(scan);
    if (scan->distance)
        finish_carried(scan, next_step, echoes_before);
    else
        copy_carries(scan);
}

static bool zigzags(const Block *body) {
    for (const Op *op = body->first; op; op = op->next)
        if (op->schedule && op->schedule->zigzag) return true;
    return false;
}

static void lower_step_at(Scan *scan, const Expr *step, bool backwards) {
    Lowering *lowering = scan->lowering;
    scan->place = step;
    if (op_int(scan->op, ATTR_REVERSE, 0))
        scan->place = expr_sub(lowering->exprs, expr_add_constant(lowering->exprs, scan->trip, -1), step);
    lowering->backwards = backwards;
    lower_step(scan, step);
    lowering->backwards = false;
}

/* Opens a loop in the entry, or a scan's body, and moves into it. */
static const Expr *open_loop(Scan *scan, const char *name, const Expr *high) {
    Lowering *lowering = scan->lowering;
    Kernel here = {.lowering = lowering, .span = scan->op->span, .body = lowering->body};
    const Expr *variable = kernel_for(&here, name, expr_constant(lowering->exprs, 0), high);
    lowering->body = here.body;
    return variable;
}

/* Steps by twos, forwards and backwards, then the one that may be left. */
static void lower_pairs(Scan *scan) {
    Lowering *lowering = scan->lowering;
    ExprTable *exprs = lowering->exprs;
    LoopBody *outer = lowering->body;
    const Expr *two = expr_constant(exprs, 2), *rest = expr_mod(exprs, scan->trip, two);
    if (scan->trip->max > 1) {
        const Expr *even = expr_scale(exprs, open_loop(scan, "t", expr_floordiv(exprs, scan->trip, two)), 2);
        lower_step_at(scan, even, false);
        forget_step(scan);
        lower_step_at(scan, expr_add_constant(exprs, even, 1), true);
        lowering->body = outer;
    }
    if (expr_equals(rest, 0)) return;
    if (scan->trip->max > 1) forget_step(scan);
    const Expr *last = expr_sub(exprs, scan->trip, rest);
    lower_step_at(scan, expr_add(exprs, last, open_loop(scan, "t", rest)), false);
    lowering->body = outer;
}

void lower_SCAN(Lowering *lowering, const Op *op) {
    Scan scan = describe(lowering, op);
    prepare(&scan);
    if (expr_equals(scan.trip, 0)) return;
    LoopBody *outer = lowering->body;
    if (scan.distance && zigzags(op->body)) {
        lower_pairs(&scan);
        return;
    }
    const Expr *t = open_loop(&scan, "t", scan.trip);
    lower_step_at(&scan, t, false);
    if (scan.until) {
        store_count(&scan, expr_add_constant(lowering->exprs, t, 1));
        exit_when(&scan);
    }
    lowering->body = outer;
}
