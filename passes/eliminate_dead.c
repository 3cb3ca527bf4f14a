/* eliminate_dead: ops whose results nothing uses, sequences that a scan does not read and results that it
 * stacks for nobody, then constants that nothing uses.
 *   before   %1 = relu %x        after   (gone)
 * Sound: no op has effects of its own; an op that could fail at run time (an index, a division) may go
 * with its result. Two walks: marks from the yields backwards, then removal. */
#include "passes/passes.h"

#include <stdlib.h>

typedef struct Marks {
    unsigned char *used; /* by value id */
} Marks;

static void mark_operands(Marks *marks, const Op *op) {
    for (int i = 0; i < op->operand_count; i++) marks->used[op->operands[i]->id] = 1;
}

static bool op_is_used(const Marks *marks, const Op *op) {
    bool used = op->kind == OP_YIELD;
    for (int i = 0; i < op->result_count; i++) used |= marks->used[op->results[i]->id];
    return used;
}

/* ---- Scans ---- */

static void drop_axis(Module *module, Op *scan, int at) {
    const Attr *axes = op_attr(scan, ATTR_AXES);
    int64_t *kept = NEW_ARRAY(module->arena, int64_t, axes->count + 1);
    int count = 0;
    for (int i = 0; i < axes->count; i++)
        if (i != at) kept[count++] = axes->integers[i];
    op_set_ints(module, scan, ATTR_AXES, kept, count);
}

static void drop_value(Value **values, int *count, int at) {
    --*count;
    for (int i = at; i < *count; i++) {
        values[i] = values[i + 1];
        values[i]->index -= values[i]->index > at;
    }
}

static void drop_operand(Op *op, int at) {
    op->operand_count--;
    for (int i = at; i < op->operand_count; i++) op->operands[i] = op->operands[i + 1];
}

static void drop_unused_yields(Module *module, const Marks *marks, Op *scan) {
    int carries = (int)op_int(scan, ATTR_CARRIES, 0), sequences = (int)op_int(scan, ATTR_SEQUENCES, 0);
    for (int i = scan->result_count - 2; i >= carries; i--) {
        if (marks->used[scan->results[i]->id]) continue;
        drop_value(scan->results, &scan->result_count, i);
        drop_operand(block_terminator(scan->body), i);
        drop_axis(module, scan, sequences + i - carries);
    }
}

static void drop_unused_sequences(Module *module, const Marks *marks, Op *scan) {
    for (int i = (int)op_int(scan, ATTR_SEQUENCES, 0) - 1; i >= 0; i--) {
        if (marks->used[scan->body->arguments[i]->id]) continue;
        drop_value(scan->body->arguments, &scan->body->argument_count, i);
        drop_operand(scan, i);
        drop_axis(module, scan, i);
        op_set_int(module, scan, ATTR_SEQUENCES, op_int(scan, ATTR_SEQUENCES, 0) - 1);
    }
}

/* ---- All ---- */

/* From the last op to the first, so that a use is seen before its definition. */
static void sweep(Module *module, Marks *marks, Block *block) {
    for (Op *op = block->last, *previous; op; op = previous) {
        previous = op->previous;
        if (!op_is_used(marks, op)) {
            op_remove(op);
            continue;
        }
        if (op->kind == OP_SCAN) drop_unused_yields(module, marks, op);
        if (op->body) sweep(module, marks, op->body);
        if (op->kind == OP_SCAN) drop_unused_sequences(module, marks, op);
        mark_operands(marks, op);
    }
}

static void mark_constant(Marks *marks, const Constant *constant) {
    if (constant->kind != CONSTANT_RECIPE) return;
    for (Op *op = constant->recipe->first; op; op = op->next) mark_operands(marks, op);
}

bool pass_eliminate_dead(Module *module, const PassOptions *options) {
    (void)options;
    Marks marks = {calloc((size_t)module->next_value_id + 1, 1)};
    for (int i = 0; i < module->entries.count; i++) sweep(module, &marks, module->entries.items[i]->block);
    for (int i = 0; i < module->states.count; i++) marks.used[module->states.items[i]->initial->id] = 1;
    /* A recipe stands after the constants it uses. */
    for (int i = module->constants.count - 1; i >= 0; i--)
        if (marks.used[module->constants.items[i]->value->id])
            mark_constant(&marks, module->constants.items[i]);
    int kept = 0;
    for (int i = 0; i < module->constants.count; i++)
        if (marks.used[module->constants.items[i]->value->id])
            module->constants.items[kept++] = module->constants.items[i];
    module->constants.count = kept;
    free(marks.used);
    return true;
}
