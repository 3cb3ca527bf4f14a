#include "ir/eval/eval_internal.h"

/* A running scan. The carried values live in tensors of the scan's own; a step's other values in |step|, an
 * arena that is thrown away after it. */
typedef struct Scan {
    EvalContext *context;
    const Op *op, *yield;
    Tensor *const *in, *const *out;
    int sequences, carries, yields;
    bool until;
    Tensor **carried;
} Scan;

/* Copies position |position| of |tensor| along |axis| to |row|, which lacks the axis; or back, when |store|
 * is set. */
static void copy_row(Tensor *tensor, int axis, int64_t position, Tensor *row, bool store) {
    AxisView view = tensor_along(tensor, axis);
    for (int64_t i = 0; i < view.outer; i++) {
        int64_t at = (i * view.length + position) * view.inner;
        if (store)
            tensor_copy(tensor, at, row, i * view.inner, view.inner);
        else
            tensor_copy(row, i * view.inner, tensor, at, view.inner);
    }
}

static int scan_axis(const Scan *scan, int index) { return (int)op_int_at(scan->op, ATTR_AXES, index, 0); }

static void set_arguments(const Scan *scan, int64_t position) {
    Value **arguments = scan->op->body->arguments;
    for (int i = 0; i < scan->sequences; i++) {
        Tensor *slice = tensor_of_type(scan->context, &arguments[i]->type);
        copy_row(scan->in[i], scan_axis(scan, i), position, slice, false);
        frame_set(scan->context, arguments[i], slice);
    }
    for (int i = 0; i < scan->carries; i++)
        frame_set(scan->context, arguments[scan->sequences + i], scan->carried[i]);
}

/* A next carried value may be an argument (two may swap), so all are copied to fresh tensors before any is
 * overwritten. */
static void take_carries(const Scan *scan) {
    Tensor **next = NEW_ARRAY(scan->context->arena, Tensor *, scan->carries);
    for (int i = 0; i < scan->carries; i++) {
        const Tensor *value = frame_value(scan->context, scan->yield->operands[i]);
        next[i] = tensor_create(scan->context->arena, value->dtype, value->rank, value->dims);
        tensor_copy(next[i], 0, value, 0, value->count);
    }
    for (int i = 0; i < scan->carries; i++) tensor_copy(scan->carried[i], 0, next[i], 0, next[i]->count);
}

/* One step; true: it was the last one, by until or by failure. */
static bool run_step(const Scan *scan, int64_t position) {
    EvalContext *context = scan->context;
    set_arguments(scan, position);
    if (!eval_block(context, scan->op->body)) return true;
    for (int i = 0; i < scan->yields; i++) {
        Tensor *row = frame_value(context, scan->yield->operands[scan->carries + i]);
        copy_row(scan->out[scan->carries + i], scan_axis(scan, scan->sequences + i), position, row, true);
    }
    bool last =
        scan->until && frame_value(context, scan->yield->operands[scan->carries + scan->yields])->integers[0];
    take_carries(scan);
    return last;
}

static int64_t run_steps(const Scan *scan) {
    EvalContext *context = scan->context;
    Arena *arena = context->arena;
    int64_t trip = eval_expr(context, op_expr_at(scan->op, ATTR_TRIP, 0));
    bool reverse = op_int(scan->op, ATTR_REVERSE, 0) != 0, last = false;
    int64_t step = 0;
    while (step < trip && !last) {
        context->arena = arena_create();
        last = run_step(scan, reverse ? trip - 1 - step : step);
        arena_destroy(context->arena);
        step++;
    }
    context->arena = arena;
    return step;
}

void eval_SCAN(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    Scan scan = {.context = context, .op = op, .yield = block_terminator(op->body), .in = in, .out = out};
    scan.sequences = (int)op_int(op, ATTR_SEQUENCES, 0);
    scan.carries = (int)op_int(op, ATTR_CARRIES, 0);
    scan.until = op_int(op, ATTR_UNTIL, 0) != 0;
    scan.yields = scan.yield->operand_count - scan.carries - scan.until;
    scan.carried = NEW_ARRAY(context->arena, Tensor *, scan.carries);
    for (int i = 0; i < scan.carries; i++) {
        scan.carried[i] = out[i];
        tensor_copy(out[i], 0, in[scan.sequences + i], 0, out[i]->count);
    }
    out[scan.carries + scan.yields]->integers[0] = run_steps(&scan);
}
