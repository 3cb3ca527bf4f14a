/* Weights of a layer that is cut into groups, with their rows interleaved: panels of units from each group in
 * turn, so that one tile holds all groups of its units. */
#include "passes/passes.h"

#include "ir/shapes/infer.h"

#include <string.h>

static Value *append(Module *module, Block *block, OpKind kind, Value *operand, const int64_t *shape,
                     int rank) {
    Op *op = op_create(module, block, kind, &operand, 1, (Span){0}, "");
    const Expr *extents[RANK_MAX];
    for (int i = 0; i < rank; i++) extents[i] = expr_constant(module->exprs, shape[i]);
    if (kind == OP_RESHAPE) op_set_exprs(module, op, ATTR_SHAPE, extents, rank);
    if (kind == OP_PERMUTE) op_set_ints(module, op, ATTR_PERMUTATION, shape, rank);
    if (kind == OP_PAD) op_set_ints(module, op, ATTR_PADDING, shape, rank);
    return infer_op(module, op) ? op->results[0] : NULL;
}

static Constant *find(const Module *module, const char *name, const Value *source) {
    for (int i = 0; i < module->constants.count; i++) {
        Constant *constant = module->constants.items[i];
        if (constant->kind == CONSTANT_RECIPE && strcmp(constant->name, name) == 0 &&
            constant->recipe->first->operands[0] == source)
            return constant;
    }
    return NULL;
}

Value *interleave_constant(Module *module, Value *source, int64_t groups, int64_t units, int64_t panel,
                           const Layout *layout) {
    int64_t panels = (units + panel - 1) / panel, padded = panels * panel;
    bool matrix = source->type.rank == 2;
    int64_t terms = matrix ? expr_value(source->type.dims[1]) : 1;
    const char *name = arena_printf(module->arena, "%s.gates%lld", source->constant->name, (long long)panel);
    Constant *known = find(module, name, source);
    if (known) return known->value;
    Block *recipe = block_create(module, NULL);
    Value *value = append(module, recipe, OP_RESHAPE, source, (int64_t[]){groups, units, terms}, 3);
    if (padded != units)
        value = append(module, recipe, OP_PAD, value, (int64_t[]){0, 0, 0, padded - units, 0, 0}, 6);
    value = append(module, recipe, OP_RESHAPE, value, (int64_t[]){groups, panels, panel, terms}, 4);
    value = append(module, recipe, OP_PERMUTE, value, (int64_t[]){1, 0, 2, 3}, 4);
    value = append(module, recipe, OP_RESHAPE, value, (int64_t[]){groups * padded, terms}, matrix ? 2 : 1);
    if (layout) {
        Op *relayout = op_create(module, recipe, OP_RELAYOUT, &value, 1, source->constant->span, "");
        Type type = value->type;
        type.layout = layout;
        value = op_add_result(module, relayout, type);
    }
    op_create(module, recipe, OP_YIELD, &value, 1, source->constant->span, NULL);
    Constant *constant = constant_create(module, CONSTANT_RECIPE, name, value->type, source->constant->span);
    constant->recipe = recipe;
    return constant->value;
}
