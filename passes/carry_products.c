/* carry_products: where a step looks up in a constant table what the next one multiplies, as a decoder does,
 * the product is carried in its place; fold_tables then looks it up.
 *   before   scan (%e = %e0) { .. linear %e, @w ..  carry gather @embedding, %token }
 *   after    scan (%z = linear %e0, @w) { .. %z ..  carry linear (gather @embedding, %token), @w }
 * Before scans are cut in chunks, so that all steps are alike. Sound: the product of what is carried is
 * all that is made of it. */
#include "passes/rewrite.h"

/* The layer that alone reads the carried |argument|, through reshapes; NULL: others do. */
static Op *only_reader(const Block *body, const Value *argument) {
    if (block_count_uses(body, argument) != 1) return NULL;
    for (Op *op = body->first; op; op = op->next) {
        if (op->body && block_count_uses(op->body, argument)) return NULL;
        for (int i = 0; i < op->operand_count; i++) {
            if (op->operands[i] != argument) continue;
            if (op->kind == OP_LINEAR && i == 0) return op;
            return op->kind == OP_RESHAPE ? only_reader(body, op->results[0]) : NULL;
        }
    }
    return NULL;
}

/* The product of |value|, where |linear| multiplied it after reshapes. */
static Value *product(Module *module, Op *place, const Op *linear, Value *value) {
    const Type *type = &linear->operands[0]->type;
    Value *operands[3] = {reshape_before(module, place, linear, value, type->dims, type->rank),
                          linear->operands[1], NULL};
    if (linear->operand_count > 2) operands[2] = linear->operands[2];
    return emit_before(module, place, linear, OP_LINEAR, operands, linear->operand_count);
}

static void carry(Module *module, const PassOptions *options, Op *scan) {
    int sequences = (int)op_int(scan, ATTR_SEQUENCES, 0), carries = (int)op_int(scan, ATTR_CARRIES, 0);
    Op *yield = block_terminator(scan->body);
    for (int i = 0; i < carries; i++) {
        Value *argument = scan->body->arguments[sequences + i], *result = scan->results[i];
        Op *linear = only_reader(scan->body, argument);
        if (!linear || block_count_uses(scan->parent, result) ||
            !table_look_up(options, linear, yield->operands[i]))
            continue;
        scan->operands[sequences + i] = product(module, scan, linear, scan->operands[sequences + i]);
        yield->operands[i] = product(module, yield, linear, yield->operands[i]);
        block_replace_uses(scan->body, linear->results[0], argument);
        argument->type = result->type = linear->results[0]->type;
        op_remove(linear);
        for (Value *x = linear->operands[0]; x != argument; x = x->op->operands[0]) op_remove(x->op);
    }
}

static void carry_block(Module *module, const PassOptions *options, Block *block) {
    for (Op *op = block->first; op; op = op->next) {
        if (op->kind != OP_SCAN) continue;
        carry(module, options, op);
        carry_block(module, options, op->body);
    }
}

bool pass_carry_products(Module *module, const PassOptions *options) {
    for (int i = 0; i < module->entries.count; i++) {
        module->current_entry = module->entries.items[i];
        carry_block(module, options, module->entries.items[i]->block);
    }
    module->current_entry = NULL;
    return true;
}
