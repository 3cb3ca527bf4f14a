/* fold_constants: an op on constants becomes a constant: its value up to 4 KiB, a recipe above.
 *   before   %1 = mul @w, @scale        after   const @w.mul = recipe { mul @w, @scale }
 * Sound: the interpreter that evaluates recipes defines the ops, rounding each result to its dtype. Recipes
 * are evaluated once, when the object is written. pack_constants does the same for relayouts only, whose
 * results no dense text could show. */
#include "passes/passes.h"

#include "ir/eval/eval.h"

#include <string.h>

enum { INLINE_BYTES_MAX = 4096 };

/* No dim that a call chooses decides what |op| computes, such as where it cuts. */
static bool is_static(const Op *op) {
    for (int i = 0; i < op->attr_count; i++)
        for (int j = 0; op->attrs[i].exprs && j < op->attrs[i].count; j++)
            if (!expr_is_constant(op->attrs[i].exprs[j], NULL)) return false;
    return type_is_static(&op->results[0]->type);
}

static bool is_foldable(const Op *op) {
    if (op_infos[op->kind].traits & OP_STRUCTURE || op->kind == OP_RELAYOUT) return false;
    for (int i = 0; i < op->operand_count; i++)
        if (op->operands[i]->kind != VALUE_CONSTANT) return false;
    return is_static(op);
}

static bool is_small(const Type *type) {
    int64_t count = type_count_max(type);
    return count <= INLINE_BYTES_MAX / (int64_t)dtype_bytes(type->dtype);
}

static const char *recipe_name(Module *module, const Op *op) {
    const char *base = op->operand_count ? op->operands[0]->constant->name : op->path[0] ? op->path : "value";
    return arena_printf(module->arena, "%s.%s", base, op_infos[op->kind].text);
}

/* A recipe of |op| alone that is there already, as of a layer that two entries use. */
static Constant *find_recipe(const Module *module, const Op *op) {
    for (int i = module->constants.count - 1; i >= 0; i--) {
        Constant *constant = module->constants.items[i];
        const Op *made = constant->kind == CONSTANT_RECIPE ? constant->recipe->first : NULL;
        if (!made || made->next != constant->recipe->last || made->kind != op->kind ||
            made->operand_count != op->operand_count || !attrs_equal(made, op) ||
            !type_equal(&made->results[0]->type, &op->results[0]->type))
            continue;
        bool same = true;
        for (int j = 0; same && j < op->operand_count; j++) same = made->operands[j] == op->operands[j];
        if (same) return constant;
    }
    return NULL;
}

static Constant *make_recipe(Module *module, Op *op) {
    Constant *known = find_recipe(module, op);
    if (known) return known;
    Constant *constant =
        constant_create(module, CONSTANT_RECIPE, recipe_name(module, op), op->results[0]->type, op->span);
    constant->recipe = block_create(module, NULL);
    Op *copy =
        op_create(module, constant->recipe, op->kind, op->operands, op->operand_count, op->span, op->path);
    copy->attrs = op->attrs;
    copy->attr_count = op->attr_count;
    Value *result = op_add_result(module, copy, op->results[0]->type);
    op_create(module, constant->recipe, OP_YIELD, &result, 1, op->span, NULL);
    return constant;
}

/* Values that need a file not opened yet stay recipes. */
static bool has_bytes(const Constant *constant) {
    if (constant->kind == CONSTANT_WEIGHTS) return constant->source->bytes != NULL;
    if (constant->kind == CONSTANT_INLINE) return true;
    for (const Op *op = constant->recipe->first; op; op = op->next)
        for (int i = 0; i < op->operand_count; i++)
            if (op->operands[i]->kind == VALUE_CONSTANT && !has_bytes(op->operands[i]->constant))
                return false;
    return true;
}

static void make_inline(Module *module, Constant *constant) {
    EvalContext context = {.arena = module->arena};
    Tensor *tensor = eval_constant(&context, constant);
    if (context.status != EVAL_OK) return;
    constant->kind = CONSTANT_INLINE;
    constant->recipe = NULL;
    constant->floats = tensor->floats;
    constant->integers = tensor->integers;
}

static void fold_op(Op *op, void *context) {
    Module *module = context;
    if (!op->parent || op->result_count != 1 || !is_foldable(op)) return;
    if (!op->operand_count && !is_small(&op->results[0]->type)) return;
    Constant *constant = make_recipe(module, op);
    if (is_small(&op->results[0]->type) && has_bytes(constant)) make_inline(module, constant);
    block_replace_uses(op->parent, op->results[0], constant->value);
    op_remove(op);
}

bool pass_fold_constants(Module *module, const PassOptions *options) {
    (void)options;
    for (int i = 0; i < module->entries.count; i++)
        block_walk(module->entries.items[i]->block, fold_op, module);
    return true;
}

static void pack_op(Op *op, void *context) {
    Module *module = context;
    if (op->kind != OP_RELAYOUT || !op->parent || op->operands[0]->kind != VALUE_CONSTANT) return;
    Constant *constant = make_recipe(module, op);
    block_replace_uses(op->parent, op->results[0], constant->value);
    op_remove(op);
}

bool pass_pack_constants(Module *module, const PassOptions *options) {
    for (int i = 0; i < module->entries.count; i++)
        block_walk(module->entries.items[i]->block, pack_op, module);
    return pass_eliminate_dead(module, options);
}
