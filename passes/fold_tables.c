/* fold_tables: a linear layer of rows looked up in a constant table becomes a look-up in the table of the
 * layer's results.
 *   before   %x = gather @embedding, %tokens
 *            %z = linear %x, @w, @b
 *   after    const @embedding.linear = recipe { linear @embedding, @w, @b }
 *            %z = gather @embedding.linear, %tokens
 * So the input product of a recurrent layer behind an embedding costs nothing. Sound up to rounding: a
 * row's product does not depend on where it is used, and is rounded once. Only for tables of up to
 * TABLE_BYTES_MAX, or --max-weights, that take up to PRODUCTS_MAX multiplications to make. */
#include "passes/rewrite.h"

#include "ir/shapes/infer.h"

enum { TABLE_BYTES_MAX = 16 << 20, PRODUCTS_MAX = 1 << 30 };

static bool is_constant(const Op *op, int index) {
    return index >= op->operand_count || op->operands[index]->kind == VALUE_CONSTANT;
}

/* Through reshapes that keep rows whole. */
static Value *behind_reshapes(Value *value) {
    while (value->kind == VALUE_RESULT && value->op->kind == OP_RESHAPE) {
        const Type *from = &value->op->operands[0]->type, *to = &value->type;
        if (!from->rank || !to->rank || from->dims[from->rank - 1] != to->dims[to->rank - 1]) break;
        value = value->op->operands[0];
    }
    return value;
}

Op *table_look_up(const PassOptions *options, const Op *linear, Value *from) {
    const Value *x = behind_reshapes(from);
    if (linear->kind != OP_LINEAR || !is_constant(linear, 1) || !is_constant(linear, 2)) return NULL;
    if (x->kind != VALUE_RESULT || x->op->kind != OP_GATHER || !is_constant(x->op, 0)) return NULL;
    const Type *table = &x->op->operands[0]->type;
    if (table->rank != 2 || op_int(x->op, ATTR_AXIS, 0) != 0) return NULL;
    int64_t rows = table->dims[0]->max, outputs = linear->operands[1]->type.dims[0]->max,
            bytes = outputs * (int64_t)dtype_bytes(table->dtype);
    int64_t most = options->weights_bytes_max >= 0 && options->weights_bytes_max < TABLE_BYTES_MAX
                       ? options->weights_bytes_max
                       : TABLE_BYTES_MAX;
    if (rows > most / bytes || table->dims[1]->max > PRODUCTS_MAX / (rows * outputs + 1)) return NULL;
    return x->op;
}

static void fold(Module *module, Op *linear, Op *gather) {
    Value *operands[3] = {gather->operands[0], linear->operands[1], NULL};
    if (linear->operand_count > 2) operands[2] = linear->operands[2];
    Value *table = emit_before(module, linear, linear, OP_LINEAR, operands, linear->operand_count);
    Op *row = op_create(module, NULL, OP_GATHER, (Value *[]){table, gather->operands[1]}, 2, linear->span,
                        linear->path);
    row->attrs = gather->attrs;
    row->attr_count = gather->attr_count;
    op_insert_before(linear, row);
    if (!infer_op(module, row)) return;
    Value *result = row->results[0];
    const Type *type = &linear->results[0]->type;
    if (!type_equal(&result->type, type))
        result = reshape_before(module, linear, linear, result, type->dims, type->rank);
    block_replace_uses(linear->parent, linear->results[0], result);
    op_remove(linear);
}

static void fold_block(Module *module, const PassOptions *options, Block *block) {
    for (Op *op = block->first, *next; op; op = next) {
        next = op->next;
        if (op->body) fold_block(module, options, op->body);
        Op *gather = op->kind == OP_LINEAR ? table_look_up(options, op, op->operands[0]) : NULL;
        if (!gather) continue;
        if (options->explain)
            text_printf(options->explanations, "table: linear @%s is folded into the rows it reads\n",
                        op->path);
        fold(module, op, gather);
    }
}

bool pass_fold_tables(Module *module, const PassOptions *options) {
    for (int i = 0; i < module->entries.count; i++) {
        module->current_entry = module->entries.items[i];
        fold_block(module, options, module->entries.items[i]->block);
    }
    module->current_entry = NULL;
    return pass_fold_constants(module, options);
}
