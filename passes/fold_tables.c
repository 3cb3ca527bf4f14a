/* fold_tables: a linear layer of rows looked up in a constant table becomes a look-up in the table of the layer's
 * results.
 *   before   %x = gather @embedding, %tokens
 *            %z = linear %x, @w, @b
 *   after    const @embedding.linear = recipe { linear @embedding, @w, @b }
 *            %z = gather @embedding.linear, %tokens
 * So the input product of a recurrent layer behind an embedding costs nothing. Where a step looks up what the
 * next one multiplies, as a decoder does, the product is carried in its place:
 *   before   scan (%e = %e0) { .. linear %e, @w ..  carry gather @embedding, %token }
 *   after    scan (%z = linear %e0, @w) { .. %z ..  carry linear (gather @embedding, %token), @w }
 * Sound up to rounding: a row's product does not depend on where it is used, and is rounded once. Only for
 * tables of up to TABLE_BYTES_MAX, or --max-weights, that take up to PRODUCTS_MAX multiplications to make. */
#include "passes/passes.h"

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

/* The look-up that |linear| reads; NULL: there is none, or it does not pay. */
static Op *look_up(const PassOptions *options, const Op *linear, Value *from) {
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

static Value *emit(Module *module, Op *place, const Op *like, OpKind kind, Value *const *operands,
                   int count) {
    Op *op = op_create(module, NULL, kind, operands, count, like->span, like->path);
    if (kind == like->kind) {
        op->attrs = like->attrs;
        op->attr_count = like->attr_count;
    }
    op_insert_before(place, op);
    return infer_op(module, op) ? op->results[0] : NULL;
}

static Value *reshaped(Module *module, Op *place, const Op *like, Value *value, const Type *type) {
    Op *op = op_create(module, NULL, OP_RESHAPE, &value, 1, like->span, like->path);
    op_set_exprs(module, op, ATTR_SHAPE, type->dims, type->rank);
    op_insert_before(place, op);
    return infer_op(module, op) ? op->results[0] : NULL;
}

static void fold(Module *module, Op *linear, Op *gather) {
    Value *operands[3] = {gather->operands[0], linear->operands[1], NULL};
    if (linear->operand_count > 2) operands[2] = linear->operands[2];
    Value *table = emit(module, linear, linear, OP_LINEAR, operands, linear->operand_count);
    Op *row = op_create(module, NULL, OP_GATHER, (Value *[]){table, gather->operands[1]}, 2, linear->span,
                        linear->path);
    row->attrs = gather->attrs;
    row->attr_count = gather->attr_count;
    op_insert_before(linear, row);
    if (!infer_op(module, row)) return;
    Value *result = row->results[0];
    if (!type_equal(&result->type, &linear->results[0]->type))
        result = reshaped(module, linear, linear, result, &linear->results[0]->type);
    block_replace_uses(linear->parent, linear->results[0], result);
    op_remove(linear);
}

/* ---- Decoders ---- */

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
    Value *operands[3] = {reshaped(module, place, linear, value, &linear->operands[0]->type),
                          linear->operands[1], NULL};
    if (linear->operand_count > 2) operands[2] = linear->operands[2];
    return emit(module, place, linear, OP_LINEAR, operands, linear->operand_count);
}

static void carry_products(Module *module, const PassOptions *options, Op *scan) {
    int sequences = (int)op_int(scan, ATTR_SEQUENCES, 0), carries = (int)op_int(scan, ATTR_CARRIES, 0);
    Op *yield = block_terminator(scan->body);
    for (int i = 0; i < carries; i++) {
        Value *argument = scan->body->arguments[sequences + i], *result = scan->results[i];
        Op *linear = only_reader(scan->body, argument);
        if (!linear || block_count_uses(scan->parent, result) ||
            !look_up(options, linear, yield->operands[i]))
            continue;
        scan->operands[sequences + i] = product(module, scan, linear, scan->operands[sequences + i]);
        yield->operands[i] = product(module, yield, linear, yield->operands[i]);
        block_replace_uses(scan->body, linear->results[0], argument);
        argument->type = result->type = linear->results[0]->type;
        op_remove(linear);
        for (Value *x = linear->operands[0]; x != argument; x = x->op->operands[0]) op_remove(x->op);
    }
}

static void fold_block(Module *module, const PassOptions *options, Block *block) {
    for (Op *op = block->first, *next; op; op = next) {
        next = op->next;
        if (op->kind == OP_SCAN) carry_products(module, options, op);
        if (op->body) fold_block(module, options, op->body);
        Op *gather = op->kind == OP_LINEAR ? look_up(options, op, op->operands[0]) : NULL;
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
