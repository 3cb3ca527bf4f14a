/* split_groups: a convolution of few groups becomes one convolution for each, between a cut and a
 * concatenation.
 *   before   %y = conv %x, @w, @b {groups = 2} : f32[N, 256, 27, 27]
 *   after    %x0 = slice %x ..
 *            %y0 = conv %x0, @w.slice, @b.slice : f32[N, 128, 27, 27]        (and the other)
 *            %y = concat %y0, %y1 {axis = 1}
 * So each group is computed as any convolution; where its channels fill whole blocks, cutting and joining
 * cost nothing. Activations of the whole move to the parts. Sound: the groups are independent. Not where
 * every channel is a group, which is a variant of its own. */
#include "passes/passes.h"

#include "ir/shapes/infer.h"

enum { GROUPS_MAX = 32 };

static Value *cut(Module *module, Op *place, Value *value, int axis, int64_t start, int64_t extent) {
    const Expr *starts[RANK_MAX], *shape[RANK_MAX];
    int64_t steps[RANK_MAX];
    for (int i = 0; i < value->type.rank; i++) {
        starts[i] = expr_constant(module->exprs, i == axis ? start : 0);
        shape[i] = i == axis ? expr_constant(module->exprs, extent) : value->type.dims[i];
        steps[i] = 1;
    }
    Op *op = op_create(module, NULL, OP_SLICE, &value, 1, place->span, place->path);
    op_set_exprs(module, op, ATTR_STARTS, starts, value->type.rank);
    op_set_exprs(module, op, ATTR_SHAPE, shape, value->type.rank);
    op_set_ints(module, op, ATTR_STEPS, steps, value->type.rank);
    op_insert_before(place, op);
    return infer_op(module, op) ? op->results[0] : NULL;
}

static bool should_split(const Op *op) {
    int64_t groups = op_int(op, ATTR_GROUPS, 1);
    if (op->kind != OP_CONV || groups < 2 || groups > GROUPS_MAX) return false;
    for (int i = 1; i < op->operand_count; i++)
        if (op->operands[i]->kind != VALUE_CONSTANT) return false;
    return op->results[0]->type.dtype == DTYPE_F32 && op->operands[1]->type.dims[1]->max > 1;
}

/* The only op that reads |value|, where it is pointwise and reads nothing else, such as an activation; else
 * NULL. */
static Op *activation_of(const Value *value) {
    const Block *block = value->op->parent;
    if (block_count_uses(block, value) != 1) return NULL;
    for (Op *op = value->op->next; op; op = op->next)
        if (op->operand_count == 1 && op->operands[0] == value)
            return op_infos[op->kind].traits & OP_POINTWISE ? op : NULL;
    return NULL;
}

/* Activations of the whole become those of the parts; returns what is to be replaced now. */
static Op *move_activations(Module *module, Op *whole, Value **parts, int64_t groups) {
    for (Op *op; (op = activation_of(whole->results[0])); whole = op) {
        for (int64_t i = 0; i < groups; i++) {
            Op *part = op_clone(module, op, &parts[i]);
            op_insert_before(op, part);
            if (infer_op(module, part)) parts[i] = part->results[0];
        }
    }
    return whole;
}

static bool split(Module *module, Op *conv) {
    int64_t groups = op_int(conv, ATTR_GROUPS, 1);
    Value *x = conv->operands[0], *w = conv->operands[1], *parts[GROUPS_MAX];
    int channel = x->type.rank - (w->type.rank - 2) - 1;
    int64_t inputs = expr_value(w->type.dims[1]), outputs = expr_value(w->type.dims[0]) / groups;
    for (int64_t i = 0; i < groups; i++) {
        Value *operands[3] = {cut(module, conv, x, channel, i * inputs, inputs),
                              cut(module, conv, w, 0, i * outputs, outputs), NULL};
        if (conv->operand_count > 2)
            operands[2] = cut(module, conv, conv->operands[2], 0, i * outputs, outputs);
        Op *part = op_clone(module, conv, operands);
        op_set_int(module, part, ATTR_GROUPS, 1);
        op_insert_before(conv, part);
        if (!infer_op(module, part)) return false;
        parts[i] = part->results[0];
    }
    Op *whole = move_activations(module, conv, parts, groups);
    Op *concat = op_create(module, NULL, OP_CONCAT, parts, (int)groups, conv->span, conv->path);
    op_set_int(module, concat, ATTR_AXIS, channel);
    op_insert_before(whole, concat);
    if (!infer_op(module, concat)) return false;
    block_replace_uses(whole->parent, whole->results[0], concat->results[0]);
    return true;
}

static bool split_block(Module *module, Block *block) {
    bool good = true;
    for (Op *op = block->first, *next; op; op = next) {
        next = op->next;
        if (op->body) good &= split_block(module, op->body);
        if (should_split(op)) good &= split(module, op);
    }
    return good;
}

bool pass_split_groups(Module *module, const PassOptions *options) {
    bool good = true;
    for (int i = 0; i < module->entries.count; i++) {
        module->current_entry = module->entries.items[i];
        good &= split_block(module, module->entries.items[i]->block);
    }
    module->current_entry = NULL;
    return pass_fold_constants(module, options) && pass_eliminate_dead(module, options) && good;
}
