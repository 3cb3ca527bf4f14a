/* expose_layers: every value that stays in memory becomes a further output of its entry, named by the layer
 * that made it.
 *   before   %1 = cluster @conv1 ..; yield %2        after   yield %2, %1 (results y, conv1)
 * Not in the pipeline: `tenon verify` runs it after the passes, so that what it compares is what a
 * compilation computes. */
#include "passes/passes.h"

#include "ir/shapes/infer.h"

#include <string.h>

static bool is_output(const Entry *entry, const Value *value) {
    const Op *yield = block_terminator(entry->block);
    for (int i = 0; i < entry->output_count; i++)
        if (yield->operands[i] == value) return true;
    return false;
}

static const char *layer_name(Module *module, const Entry *entry, const Op *op) {
    const char *base = op->path[0] ? op->path : op_infos[op->kind].text, *name = base;
    for (int suffix = 2, i = 0; i < entry->output_count; i++) {
        if (strcmp(entry->output_names[i], name) != 0) continue;
        name = arena_printf(module->arena, "%s#%d", base, suffix++);
        i = -1;
    }
    return name;
}

/* Outputs are row major. */
static Value *in_row_order(Module *module, Op *yield, Value *value) {
    if (!value->type.layout) return value;
    Op *plain = op_create(module, NULL, OP_RELAYOUT, &value, 1, yield->span, "");
    op_insert_before(yield, plain);
    infer_op(module, plain);
    return plain->results[0];
}

static void add_output(Module *module, Entry *entry, const char *name, Value *value) {
    Op *yield = block_terminator(entry->block);
    Value **operands = NEW_ARRAY(module->arena, Value *, yield->operand_count + 1);
    const char **names = NEW_ARRAY(module->arena, const char *, entry->output_count + 1);
    memcpy(operands, yield->operands, (size_t)entry->output_count * sizeof *operands);
    memcpy(operands + entry->output_count + 1, yield->operands + entry->output_count,
           (size_t)entry->state_count * sizeof *operands);
    memcpy(names, entry->output_names, (size_t)entry->output_count * sizeof *names);
    operands[entry->output_count] = value;
    names[entry->output_count++] = name;
    yield->operands = operands;
    yield->operand_count++;
    entry->output_names = names;
}

void expose_layers(Module *module, Entry *entry, int outputs_max) {
    module->current_entry = entry;
    for (Op *op = entry->block->first; op && op->kind != OP_YIELD; op = op->next) {
        bool move = op_infos[op->kind].traits & OP_MOVE;
        if (move || !op->result_count || is_output(entry, op->results[0]) ||
            entry->output_count >= outputs_max)
            continue;
        Value *value = in_row_order(module, block_terminator(entry->block), op->results[0]);
        add_output(module, entry, layer_name(module, entry, op), value);
    }
    module->current_entry = NULL;
}
