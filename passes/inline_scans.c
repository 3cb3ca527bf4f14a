/* inline_scans: a scan of one step is its body.
 *   before   %h1, %ys, %n = scan %xs, %h0 {trip = [1]} { args (%x, %h) .. yield %h2, %y }
 *   after    %x = reshape %xs ..  %ys = reshape %y        (%h is %h0, %h1 is %h2, %n is 1)
 * So a cell called for one step from within a decoder's loop is part of that loop. Sound: one step reads the
 * initial values and its results are the last ones, whatever `until` says. */
#include "passes/passes.h"

#include "ir/shapes/infer.h"

static Value *reshaped(Module *module, Op *place, Value *value, const Type *like) {
    Op *op = op_create(module, NULL, OP_RESHAPE, &value, 1, place->span, place->path);
    op_set_exprs(module, op, ATTR_SHAPE, like->dims, like->rank);
    op_insert_before(place, op);
    return infer_op(module, op) ? op->results[0] : value;
}

static Value *one(Module *module, const Op *scan) {
    Constant *constant =
        constant_create(module, CONSTANT_INLINE, "one", type_make(DTYPE_I32, 0, NULL), scan->span);
    constant->integers = NEW(module->arena, int64_t);
    constant->integers[0] = 1;
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
            value = one(module, scan);
        else
            value = reshaped(module, scan, yield->operands[i], &result->type);
        block_replace_uses(outer, result, value);
    }
    op_remove(scan);
}

static void inline_block(Module *module, const PassOptions *options, Block *block) {
    for (Op *op = block->first, *next; op; op = next) {
        next = op->next;
        if (op->kind != OP_SCAN) continue;
        inline_block(module, options, op->body);
        if (!expr_equals(op_expr_at(op, ATTR_TRIP, 0), 1)) continue;
        if (options->explain) text_printf(options->explanations, "scan @%s: one step, inlined\n", op->path);
        inline_scan(module, op);
    }
}

bool pass_inline_scans(Module *module, const PassOptions *options) {
    for (int i = 0; i < module->entries.count; i++) {
        module->current_entry = module->entries.items[i];
        inline_block(module, options, module->entries.items[i]->block);
    }
    module->current_entry = NULL;
    return true;
}
