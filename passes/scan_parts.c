#include "passes/scan_parts.h"

#include <string.h>

/* A copy of |items| with room for one more at |at|. */
static void *with_one_more(Module *module, const void *items, int count, int at, size_t bytes) {
    char *grown = arena_alloc(module->arena, (size_t)(count + 1) * bytes);
    if (at) memcpy(grown, items, (size_t)at * bytes);
    if (count > at)
        memcpy(grown + (size_t)(at + 1) * bytes, (const char *)items + (size_t)at * bytes,
               (size_t)(count - at) * bytes);
    return grown;
}

static void insert_operand(Module *module, Op *op, Value *value, int at) {
    op->operands = with_one_more(module, op->operands, op->operand_count++, at, sizeof *op->operands);
    op->operands[at] = value;
}

/* The last of |values| becomes the one at |at|. */
static void move_last(Value **values, int count, int at) {
    Value *last = values[count - 1];
    memmove(&values[at + 1], &values[at], (size_t)(count - 1 - at) * sizeof *values);
    values[at] = last;
    for (int i = 0; i < count; i++) values[i]->index = i;
}

static Value *insert_argument(Module *module, Block *body, Type type, int at) {
    Value *argument = block_add_argument(module, body, type, NULL);
    move_last(body->arguments, body->argument_count, at);
    return argument;
}

Value *scan_add_sequence(Module *module, Op *scan, Value *sequence, int64_t axis, Type slice) {
    int at = (int)op_int(scan, ATTR_SEQUENCES, 0);
    const Attr *axes = op_attr(scan, ATTR_AXES);
    int64_t *grown = with_one_more(module, axes->integers, axes->count, at, sizeof *grown);
    grown[at] = axis;
    op_set_ints(module, scan, ATTR_AXES, grown, axes->count + 1);
    op_set_int(module, scan, ATTR_SEQUENCES, at + 1);
    insert_operand(module, scan, sequence, at);
    return insert_argument(module, scan->body, slice, at);
}

Value *scan_add_carry(Module *module, Op *scan, Value *initial) {
    int sequences = (int)op_int(scan, ATTR_SEQUENCES, 0), carries = (int)op_int(scan, ATTR_CARRIES, 0);
    op_set_int(module, scan, ATTR_CARRIES, carries + 1);
    insert_operand(module, scan, initial, sequences + carries);
    op_add_result(module, scan, initial->type);
    move_last(scan->results, scan->result_count, carries);
    return insert_argument(module, scan->body, initial->type, sequences + carries);
}

void scan_set_next(Module *module, Op *scan, Value *next) {
    insert_operand(module, block_terminator(scan->body), next, (int)op_int(scan, ATTR_CARRIES, 0) - 1);
}
