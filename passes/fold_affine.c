/* fold_affine: a multiplication or addition per output channel after a convolution or linear layer goes into
 * its weights and bias. Batch normalisation at inference is one of each.
 *   before   %1 = conv %x, @w, @b        after   @w.mul = recipe { mul @w, @s as [O, 1, 1, 1] }
 *            %2 = mul %1, @s                     %2 = conv %x, @w.mul, @b.mul
 * An addition to a sum, one side of which is a linear layer, goes into that layer, too:
 *   before   %1 = linear %h, @u             after   %1 = linear %h, @u, @b
 *            %2 = add %a, %1                        %2 = add %a, %1
 *            %3 = add %2, @b
 * Sound up to rounding: (w * s) is rounded once, at compile time, and sums of floats may be taken in another
 * order. Needs the layer's result, and that of the sum, to have this one use. */
#include "passes/passes.h"

#include "ir/shapes/infer.h"

typedef struct Affine {
    Module *module;
    Op *op; /* the multiplication or addition */
    Op *layer;
    Op *sum;     /* the addition between them; NULL: |op| is on the layer's result itself */
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

/* |value| as the result of a layer with constant weights, used once, in the block of |a->op|. */
static bool match_layer(Affine *a, const Value *value) {
    if (value->kind != VALUE_RESULT || value->op->parent != a->op->parent) return false;
    Op *layer = a->layer = value->op;
    if (layer->kind != OP_CONV && layer->kind != OP_LINEAR) return false;
    if (layer->operands[1]->kind != VALUE_CONSTANT) return false;
    if (layer->operand_count > 2 && layer->operands[2]->kind != VALUE_CONSTANT) return false;
    const Type *type = &value->type, *w = &layer->operands[1]->type;
    a->channel = layer->kind == OP_LINEAR ? type->rank - 1 : type->rank - (w->rank - 2) - 1;
    return type_equal(type, &a->op->results[0]->type) && is_per_channel(a->factor, type, a->channel) &&
           block_count_uses(a->op->parent, value) == 1;
}

static bool match(Affine *a, int side) {
    if (a->op->kind == OP_SUB && side == 1) return false;
    a->factor = a->op->operands[!side];
    return match_layer(a, a->op->operands[side]);
}

/* A layer without a bias is preferred, and then the one that was added last. */
static bool match_sum(Affine *a, int side) {
    const Value *value = a->op->operands[side];
    if (a->op->kind == OP_MUL || (a->op->kind == OP_SUB && side == 1)) return false;
    if (value->kind != VALUE_RESULT || value->op->kind != OP_ADD || value->op->parent != a->op->parent)
        return false;
    if (!dtype_is_float(value->type.dtype) || block_count_uses(a->op->parent, value) != 1) return false;
    a->sum = value->op;
    a->factor = a->op->operands[!side];
    for (int biased = 0; biased < 2; biased++)
        for (int term = 1; term >= 0; term--)
            if (match_layer(a, a->sum->operands[term]) && a->layer->kind == OP_LINEAR &&
                (a->layer->operand_count > 2) == biased)
                return true;
    return false;
}

/* The factor as [O], or as a single number where it has one element. */
static Value *channel_vector(Affine *a, bool whole) {
    const Expr *outputs = a->layer->operands[1]->type.dims[0], *one = expr_constant(a->module->exprs, 1);
    if (a->factor->type.rank == 1 && a->factor->type.dims[0] == outputs) return a->factor;
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
    if (a->sum) block_replace_uses(a->op->parent, a->layer->results[0], layer->results[0]);
    block_replace_uses(a->op->parent, a->op->results[0], (a->sum ? a->sum : layer)->results[0]);
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
        if (match(&a, 0) || match(&a, 1) || match_sum(&a, 0) || match_sum(&a, 1)) changed |= rewrite(&a);
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
