/* eliminate_dead: ops whose results nothing uses, then constants that nothing uses.
 *   before   %1 = relu %x        after   (gone)
 * Sound: no op has effects of its own; an op that could fail at run time (an index, a division) may go with
 * its result. Two walks: marks from the yields backwards, then removal. */
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

/* From the last op to the first, so that a use is seen before its definition. */
static void sweep(Marks *marks, Block *block) {
    for (Op *op = block->last, *previous; op; op = previous) {
        previous = op->previous;
        if (!op_is_used(marks, op)) {
            op_remove(op);
            continue;
        }
        mark_operands(marks, op);
        if (op->body) sweep(marks, op->body);
    }
}

static void mark_constant(Marks *marks, const Constant *constant) {
    if (constant->kind != CONSTANT_RECIPE) return;
    for (Op *op = constant->recipe->first; op; op = op->next) mark_operands(marks, op);
}

bool pass_eliminate_dead(Module *module, const PassOptions *options) {
    (void)options;
    Marks marks = {calloc((size_t)module->next_value_id + 1, 1)};
    for (int i = 0; i < module->entries.count; i++) sweep(&marks, module->entries.items[i]->block);
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
