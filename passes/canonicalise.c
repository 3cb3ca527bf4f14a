/* canonicalise: one form for what can be written in several ways, so that later passes know one form only.
 *   before   %1 = permute @w {permutation = [1, 0]}     after   %2 = linear %x, @w
 *            %2 = matmul %x, %1
 * Rules, applied from the first op to the last until none fits: an op that changes nothing gives way to its
 * operand; reshape of reshape is one reshape; rows looked up in a table are looked up in the order and shape
 * they are wanted in; matmul by a matrix is linear over the rows it stores; linear + bias takes the bias.
 * Sound: each rule computes the same products in the same order. */
#include "passes/passes.h"

#include "ir/shapes/infer.h"

#include <string.h>

static bool permutation_is(const Op *op, const int64_t *wanted, int rank) {
    for (int i = 0; i < rank; i++)
        if (op_int_at(op, ATTR_PERMUTATION, i, i) != wanted[i]) return false;
    return true;
}

/* The operand an op merely repeats; NULL: it does something. */
static Value *repeated_operand(const Op *op) {
    static const int64_t in_order[RANK_MAX] = {0, 1, 2, 3, 4, 5, 6, 7};
    if (op->operand_count != 1 || op->result_count != 1) return NULL;
    Value *operand = op->operands[0];
    if (!type_equal(&operand->type, &op->results[0]->type)) return NULL;
    switch (op->kind) {
    case OP_RESHAPE:
    case OP_EXPAND:
    case OP_CAST:
    case OP_RELAYOUT:
    case OP_CONCAT: return operand;
    case OP_PERMUTE: return permutation_is(op, in_order, operand->type.rank) ? operand : NULL;
    case OP_SLICE:
        for (int i = 0; i < operand->type.rank; i++)
            if (op_int_at(op, ATTR_STEPS, i, 1) != 1) return NULL;
        return operand; /* the same extents from a start in bounds: start 0 */
    case OP_PAD:
        for (int i = 0; i < 2 * operand->type.rank; i++)
            if (op_int_at(op, ATTR_PADDING, i, 0)) return NULL;
        return operand;
    default: return NULL;
    }
}

static Op *insert(Module *module, Op *before, OpKind kind, Value **operands, int count) {
    Op *op = op_create(module, NULL, kind, operands, count, before->span, before->path);
    op_insert_before(before, op);
    return op;
}

static void replace(Op *op, Value *value) {
    Block *scope = op->parent;
    while (scope->parent) scope = scope->parent->parent;
    block_replace_uses(scope, op->results[0], value);
    op_remove(op);
}

/* The matrix [N, K] that |value| = [K, N] is the transpose of; made by a permute for constants; NULL: none.
 */
static Value *transposed(Module *module, Op *before, Value *value) {
    static const int64_t swap[2] = {1, 0};
    if (value->type.rank != 2) return NULL;
    if (value->kind == VALUE_RESULT && value->op->kind == OP_PERMUTE && permutation_is(value->op, swap, 2))
        return value->op->operands[0];
    if (value->kind != VALUE_CONSTANT) return NULL;
    Op *permute = insert(module, before, OP_PERMUTE, &value, 1);
    op_set_ints(module, permute, ATTR_PERMUTATION, swap, 2);
    return infer_op(module, permute) ? permute->results[0] : NULL;
}

static bool matmul_to_linear(Module *module, Op *op) {
    if (op->kind != OP_MATMUL || op->operands[1]->type.rank != 2) return false;
    Value *weights = transposed(module, op, op->operands[1]);
    if (!weights) return false;
    Value *operands[2] = {op->operands[0], weights};
    Op *linear = insert(module, op, OP_LINEAR, operands, 2);
    if (!infer_op(module, linear)) return false;
    replace(op, linear->results[0]);
    return true;
}

static bool add_to_bias(Module *module, Op *op) {
    if (op->kind != OP_ADD) return false;
    for (int side = 0; side < 2; side++) {
        Value *sum = op->operands[side], *bias = op->operands[!side];
        if (sum->kind != VALUE_RESULT || sum->op->kind != OP_LINEAR || sum->op->operand_count != 2) continue;
        if (bias->kind != VALUE_CONSTANT || bias->type.rank != 1 || sum->op->parent != op->parent) continue;
        if (bias->type.dims[0] != sum->op->operands[1]->type.dims[0] ||
            block_count_uses(op->parent, sum) != 1)
            continue;
        Value *operands[3] = {sum->op->operands[0], sum->op->operands[1], bias};
        Op *linear = insert(module, op, OP_LINEAR, operands, 3);
        linear->path = sum->op->path;
        if (!infer_op(module, linear)) return false;
        replace(op, linear->results[0]);
        op_remove(sum->op);
        return true;
    }
    return false;
}

static bool merge_reshapes(Op *op) {
    if (op->kind != OP_RESHAPE || op->operands[0]->kind != VALUE_RESULT) return false;
    Op *inner = op->operands[0]->op;
    if (inner->kind != OP_RESHAPE) return false;
    op->operands[0] = inner->operands[0];
    return true;
}

/* reshape (gather @table, %x) to gather @table, (reshape %x), and permute likewise, where rows stay whole: a
 * unit axis or another order of axes hides no table from the layer that reads it. */
static bool move_to_indices(Module *module, Op *op) {
    bool reshape = op->kind == OP_RESHAPE;
    if ((!reshape && op->kind != OP_PERMUTE) || op->operands[0]->kind != VALUE_RESULT) return false;
    Op *gather = op->operands[0]->op;
    if (gather->kind != OP_GATHER || gather->parent != op->parent || op_int(gather, ATTR_AXIS, 0) != 0 ||
        block_count_uses(op->parent, gather->results[0]) != 1)
        return false;
    const Type *table = &gather->operands[0]->type, *wanted = &op->results[0]->type;
    int last = wanted->rank - 1;
    if (table->rank != 2 || table->dims[1]->min < 1 || last < 1 || wanted->dims[last] != table->dims[1])
        return false;
    if (!reshape && op_int_at(op, ATTR_PERMUTATION, last, last) != last) return false;
    Op *indices = insert(module, gather, op->kind, &gather->operands[1], 1);
    int64_t order[RANK_MAX];
    for (int i = 0; i < last; i++) order[i] = op_int_at(op, ATTR_PERMUTATION, i, i);
    if (reshape)
        op_set_exprs(module, indices, ATTR_SHAPE, wanted->dims, last);
    else
        op_set_ints(module, indices, ATTR_PERMUTATION, order, last);
    if (!infer_op(module, indices)) return false;
    Op *moved = insert(module, gather, OP_GATHER, (Value *[]){gather->operands[0], indices->results[0]}, 2);
    moved->attrs = gather->attrs;
    moved->attr_count = gather->attr_count;
    moved->path = gather->path;
    moved->span = gather->span;
    if (!infer_op(module, moved)) return false;
    replace(op, moved->results[0]);
    op_remove(gather);
    return true;
}

static bool rewrite_op(Module *module, Op *op) {
    Value *same = repeated_operand(op);
    if (same) {
        replace(op, same);
        return true;
    }
    return merge_reshapes(op) || move_to_indices(module, op) || matmul_to_linear(module, op) ||
           add_to_bias(module, op);
}

static bool rewrite_block(Module *module, Block *block) {
    bool changed = false;
    for (Op *op = block->first, *next; op; op = next) {
        next = op->next;
        if (op->body) changed |= rewrite_block(module, op->body);
        changed |= rewrite_op(module, op);
    }
    return changed;
}

bool pass_canonicalise(Module *module, const PassOptions *options) {
    (void)options;
    for (int i = 0; i < module->entries.count; i++) {
        module->current_entry = module->entries.items[i];
        for (int round = 0; round < 100 && rewrite_block(module, module->entries.items[i]->block); round++)
            continue;
    }
    module->current_entry = NULL;
    return true;
}
