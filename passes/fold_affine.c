/* fold_affine: a multiplication or addition per output channel after a convolution or linear layer goes into
 * its weights and bias. Batch normalisation at inference is one of each.
 *   before   %1 = conv %x, @w, @b        after   @w.mul = recipe { mul @w, @s as [O, 1, 1, 1] }
 *            %2 = mul %1, @s                     %2 = conv %x, @w.mul, @b.mul
 * Sound up to rounding: (w * s) is rounded once, at compile time. Needs the layer's result to have this one
 * use. */
#include "passes/passes.h"

#include "ir/shapes/infer.h"

typedef struct Affine {
    Module *module;
    Op *op; /* the multiplication or addition */
    Op *layer;
    int channel; /* axis of the layer's result */
    Value *factor;
} Affine;

static Value *emit(Affine *a, OpKind kind, Value *x, Value *y) {
    Value *operands[2] = {x, y};
    Op *op = op_create(a->module, NULL, kind, operands, y ? 2 : 1, a->op->span, a->layer->path);
    op_insert_before(a->layer, op);
    return infer_op(a->module, op) ? op->results[0] : NULL;
}

static Value *reshape(Affine *a, Value *value, const Expr *const *dims, int rank) {
    Op *op = op_create(a->module, NULL, OP_RESHAPE, &value, 1, a->op->span, a->layer->path);
    op_set_exprs(a->module, op, ATTR_SHAPE, dims, rank);
    op_insert_before(a->layer, op);
    return infer_op(a->module, op) ? op->results[0] : NULL;
}

/* Only the channel axis varies. */
static bool is_per_channel(const Value *factor, const Type *result, int channel) {
    int shift = result->rank - factor->type.rank;
    if (factor->kind != VALUE_CONSTANT || shift < 0) return false;
    for (int i = 0; i < factor->type.rank; i++)
        if (!expr_equals(factor->type.dims[i], 1) && i + shift != channel) return false;
    return true;
}

static bool match(Affine *a, int side) {
    Value *sum = a->op->operands[side];
    if (a->op->kind == OP_SUB && side == 1) return false;
    if (sum->kind != VALUE_RESULT || sum->op->parent != a->op->parent) return false;
    a->layer = sum->op;
    if (a->layer->kind != OP_CONV && a->layer->kind != OP_LINEAR) return false;
    if (a->layer->operands[1]->kind != VALUE_CONSTANT) return false;
    if (a->layer->operand_count > 2 && a->layer->operands[2]->kind != VALUE_CONSTANT) return false;
    const Type *type = &sum->type, *w = &a->layer->operands[1]->type;
    a->channel = a->layer->kind == OP_LINEAR ? type->rank - 1 : type->rank - (w->rank - 2) - 1;
    a->factor = a->op->operands[!side];
    return type_equal(type, &a->op->results[0]->type) && is_per_channel(a->factor, type, a->channel) &&
           block_count_uses(a->op->parent, sum) == 1;
}

/* The factor as [O], or as a single number where it has one element. */
static Value *channel_vector(Affine *a, bool whole) {
    const Expr *outputs = a->layer->operands[1]->type.dims[0], *one = expr_constant(a->module->exprs, 1);
    bool scalar = type_count_max(&a->factor->type) == 1 && !expr_equals(outputs, 1);
    Value *vector = reshape(a, a->factor, scalar ? &one : &outputs, 1);
    if (!vector || !scalar || !whole) return vector;
    Op *expand = op_create(a->module, NULL, OP_EXPAND, &vector, 1, a->op->span, a->layer->path);
    op_set_exprs(a->module, expand, ATTR_SHAPE, &outputs, 1);
    op_insert_before(a->layer, expand);
    return infer_op(a->module, expand) ? expand->results[0] : NULL;
}

static Value *scaled_weights(Affine *a, Value *vector) {
    const Type *w = &a->layer->operands[1]->type;
    const Expr *dims[RANK_MAX];
    for (int i = 0; i < w->rank; i++) dims[i] = i ? expr_constant(a->module->exprs, 1) : vector->type.dims[0];
    Value *column = reshape(a, vector, dims, w->rank);
    return column ? emit(a, OP_MUL, a->layer->operands[1], column) : NULL;
}

static bool rewrite(Affine *a) {
    bool scale = a->op->kind == OP_MUL;
    Value *weights = a->layer->operands[1],
          *bias = a->layer->operand_count > 2 ? a->layer->operands[2] : NULL;
    Value *vector = channel_vector(a, !scale);
    if (!vector) return false;
    if (scale) {
        weights = scaled_weights(a, vector);
        if (bias) bias = emit(a, OP_MUL, bias, vector);
    } else if (bias) {
        bias = emit(a, a->op->kind, bias, vector);
    } else {
        bias = a->op->kind == OP_SUB ? emit(a, OP_NEG, vector, NULL) : vector;
    }
    Value *operands[3] = {a->layer->operands[0], weights, bias};
    Op *layer =
        op_create(a->module, NULL, a->layer->kind, operands, bias ? 3 : 2, a->layer->span, a->layer->path);
    layer->attrs = a->layer->attrs;
    layer->attr_count = a->layer->attr_count;
    op_insert_before(a->layer, layer);
    if (!weights || !infer_op(a->module, layer)) return false;
    block_replace_uses(a->op->parent, a->op->results[0], layer->results[0]);
    op_remove(a->op);
    op_remove(a->layer);
    return true;
}

static bool fold_block(Module *module, Block *block) {
    bool changed = false;
    for (Op *op = block->first, *next; op; op = next) {
        next = op->next;
        if (op->body) changed |= fold_block(module, op->body);
        if (op->kind != OP_MUL && op->kind != OP_ADD && op->kind != OP_SUB) continue;
        Affine a = {.module = module, .op = op};
        if (match(&a, 0) || match(&a, 1)) changed |= rewrite(&a);
    }
    return changed;
}

bool pass_fold_affine(Module *module, const PassOptions *options) {
    bool changed = pass_fold_constants(module, options);
    for (int i = 0; i < module->entries.count; i++) {
        module->current_entry = module->entries.items[i];
        /* Each round meets the constants that the round before left behind. */
        for (int round = 0; round < 8 && fold_block(module, module->entries.items[i]->block); round++)
            changed = pass_fold_constants(module, options);
    }
    module->current_entry = NULL;
    return changed;
}
