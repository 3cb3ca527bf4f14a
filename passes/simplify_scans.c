/* simplify_scans: a scan of one step is its body; the last of what a scan stacks is what it carries, where
 * the two are the same.
 *   before   %h1, %ys, %n = scan %xs, %h0 {trip = [1]} { args (%x, %h) .. yield %h2, %y }
 *   after    %x = reshape %xs ..  %ys = reshape %y        (%h is %h0, %h1 is %h2, %n is 1)
 *   before   %h1, %ys = scan .. { .. yield %h2, %h2 }  %y = slice %ys {starts = [T - 1, 0]}
 *   after    %h1, %ys = scan .. { .. yield %h2, %h2 }  %y = reshape %h1
 *   before   scan %i = iota {shape = [T]} { args (%t) .. }
 *   after    scan 0 { args (%t) .. yield %t + 1 }
 * So a cell called for one step from within a decoder's loop is part of that loop, and many-to-one
 * networks need not keep the sequence, and counting to a length that the call chooses takes no memory.
 * Sound: one step reads the initial values and its results are the last ones, whatever `until` says. */
#include "passes/rewrite.h"
#include "passes/scan_parts.h"

#include "ir/shapes/infer.h"

static Value *reshaped(Module *module, Op *place, Value *value, const Type *like) {
    return reshape_before(module, place, place, value, like->dims, like->rank);
}

static Value *integer(Module *module, const Op *scan, DType dtype, int64_t value) {
    Constant *constant =
        constant_create(module, CONSTANT_INLINE, "count", type_make(dtype, 0, NULL), scan->span);
    constant->integers = NEW(module->arena, int64_t);
    constant->integers[0] = value;
    return constant->value;
}

static void inline_scan(Module *module, Op *scan) {
    Block *outer = scan->parent, *body = scan->body;
    int sequences = (int)op_int(scan, ATTR_SEQUENCES, 0), carries = (int)op_int(scan, ATTR_CARRIES, 0);
    for (int i = 0; i < body->argument_count; i++) {
        Value *argument = body->arguments[i], *given = scan->operands[i];
        if (i < sequences) given = reshaped(module, scan, given, &argument->type);
        block_replace_uses(body, argument, given);
    }
    Op *yield = block_terminator(body);
    for (Op *op = body->first, *next; op != yield; op = next) {
        next = op->next;
        op_remove(op);
        op_insert_before(scan, op);
    }
    for (int i = 0; i < scan->result_count; i++) {
        Value *result = scan->results[i], *value = NULL;
        if (!block_count_uses(outer, result)) continue;
        if (i < carries)
            value = yield->operands[i];
        else if (i + 1 == scan->result_count)
            value = integer(module, scan, DTYPE_I32, 1);
        else
            value = reshaped(module, scan, yield->operands[i], &result->type);
        block_replace_uses(outer, result, value);
    }
    op_remove(scan);
}

/* ---- The last position ---- */

/* The carried result that the last position along |axis| of a stacked |value| equals; NULL: there is none. */
static Value *carried_alike(const Value *value, int *out_axis) {
    if (value->kind != VALUE_RESULT || value->op->kind != OP_SCAN || op_int(value->op, ATTR_UNTIL, 0))
        return NULL;
    const Op *scan = value->op, *yield = block_terminator(scan->body);
    int carries = (int)op_int(scan, ATTR_CARRIES, 0), sequences = (int)op_int(scan, ATTR_SEQUENCES, 0);
    if (value->index < carries || value->index + 1 == scan->result_count) return NULL;
    *out_axis = (int)op_int_at(scan, ATTR_AXES, sequences + value->index - carries, 0);
    for (int i = 0; i < carries; i++)
        if (yield->operands[i] == yield->operands[value->index]) return scan->results[i];
    return NULL;
}

/* |op| takes one position along |axis|: that of the last step. */
static bool takes_last(Module *module, const Op *op, const Op *scan, int axis) {
    const Expr *trip = op_expr_at(scan, ATTR_TRIP, 0), *start = op_expr_at(op, ATTR_STARTS, axis);
    bool reverse = op_int(scan, ATTR_REVERSE, 0) != 0;
    const Expr *last = reverse ? expr_constant(module->exprs, 0) : expr_add_constant(module->exprs, trip, -1);
    return start == last && expr_equals(op->results[0]->type.dims[axis], 1);
}

static void take_carried(Module *module, Op *op) {
    int axis = 0;
    if (op->kind != OP_SLICE) return;
    Value *stacked = op->operands[0], *carried = carried_alike(stacked, &axis);
    if (!carried || !takes_last(module, op, stacked->op, axis)) return;
    Type type = stacked->type;
    type.dims[axis] = expr_constant(module->exprs, 1);
    const Expr *starts[RANK_MAX];
    for (int i = 0; i < type.rank; i++)
        starts[i] = i == axis ? expr_constant(module->exprs, 0) : op_expr_at(op, ATTR_STARTS, i);
    op->operands[0] = reshaped(module, op, carried, &type);
    op_set_exprs(module, op, ATTR_STARTS, starts, type.rank);
}

/* ---- Counting ---- */

static Value *sum(Module *module, Op *place, Value *a, Value *b) {
    return emit_before(module, place, place, OP_ADD, (Value *[]){a, b}, 2);
}

/* The number of the first step: 0, or backwards the last position. */
static Value *first_count(Module *module, Op *scan, DType dtype, bool reverse) {
    if (!reverse) return integer(module, scan, dtype, 0);
    const Expr *trip = op_expr_at(scan, ATTR_TRIP, 0);
    Op *op = op_create(module, NULL, OP_EXTENT, NULL, 0, scan->span, scan->path);
    op_set_exprs(module, op, ATTR_SHAPE, &trip, 1);
    op_set_int(module, op, ATTR_DTYPE, dtype);
    op_insert_before(scan, op);
    return infer_op(module, op) ? sum(module, scan, op->results[0], integer(module, scan, dtype, -1)) : NULL;
}

/* Numbers of steps that a scan reads from memory are carried in their place; constants of a known length are
 * left. */
static void carry_counts(Module *module, Op *scan) {
    bool reverse = op_int(scan, ATTR_REVERSE, 0) != 0;
    for (int i = 0; i < op_int(scan, ATTR_SEQUENCES, 0); i++) {
        const Value *numbers = scan->operands[i];
        DType dtype = numbers->type.dtype;
        Value *argument = scan->body->arguments[i];
        if (numbers->kind != VALUE_RESULT || numbers->op->kind != OP_IOTA ||
            !block_count_uses(scan->body, argument) || (dtype != DTYPE_I32 && dtype != DTYPE_I64) ||
            expr_is_constant(numbers->type.dims[0], NULL))
            continue;
        Value *carried = scan_add_carry(module, scan, first_count(module, scan, dtype, reverse));
        block_replace_uses(scan->body, argument, carried);
        Op *yield = block_terminator(scan->body);
        scan_set_next(module, scan,
                      sum(module, yield, carried, integer(module, scan, dtype, reverse ? -1 : 1)));
    }
}

static void simplify_block(Module *module, const PassOptions *options, Block *block) {
    for (Op *op = block->first, *next; op; op = next) {
        next = op->next;
        take_carried(module, op);
        if (op->kind != OP_SCAN) continue;
        simplify_block(module, options, op->body);
        carry_counts(module, op);
        if (!expr_equals(op_expr_at(op, ATTR_TRIP, 0), 1)) continue;
        if (options->explain) text_printf(options->explanations, "scan @%s: one step, inlined\n", op->path);
        inline_scan(module, op);
    }
}

bool pass_simplify_scans(Module *module, const PassOptions *options) {
    for (int i = 0; i < module->entries.count; i++) {
        module->current_entry = module->entries.items[i];
        simplify_block(module, options, module->entries.items[i]->block);
    }
    module->current_entry = NULL;
    return true;
}
