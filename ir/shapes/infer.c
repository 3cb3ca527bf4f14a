#include "ir/shapes/infer_internal.h"

static bool (*const rules[OP_COUNT])(Module *, Op *) = {
#define OP(id, text, least, most, results, shape, traits, meaning) [OP_##id] = infer_##shape,
#include "ir/ops.def"
#undef OP
};

static const char *operand_range_text(Module *module, int least, int most) {
    if (least == most) return arena_printf(module->arena, "%d operand%s", least, least == 1 ? "" : "s");
    return arena_printf(module->arena, "%d %s %d operands", least, most == least + 1 ? "or" : "to", most);
}

bool infer_op(Module *module, Op *op) {
    const OpInfo *info = &op_infos[op->kind];
    if (op->operand_count < info->operands_min || op->operand_count > info->operands_max) {
        infer_error(module, op, E0301, "takes %s, found %d",
                    operand_range_text(module, info->operands_min, info->operands_max), op->operand_count);
        return false;
    }
    return rules[op->kind](module, op);
}

static bool record_check(Module *module, const Expr *left, const Expr *right, Span span) {
    Entry *entry = module->current_entry;
    if (!entry) return false;
    for (int i = 0; i < entry->checks.count; i++) {
        const EqualityCheck *check = &entry->checks.items[i];
        if ((check->left == left && check->right == right) || (check->left == right && check->right == left))
            return true;
    }
    vector_push(module->arena, &entry->checks, ((EqualityCheck){left, right, span}));
    return true;
}

bool infer_dims_equal(Module *module, const Expr *a, const Expr *b, Span span) {
    if (a == b) return true;
    const Expr *difference = expr_sub(module->exprs, a, b);
    if (difference->min > 0 || difference->max < 0) return false;
    if (difference->min == 0 && difference->max == 0) return true;
    return record_check(module, a, b, span);
}

/* A bound of |expr| from below without floor divisions: c*(a/d) >= (c/d)*a for c < 0, >= (c/d)*(a - d + 1)
 * for c > 0, where d divides c. It relates n and (n + 1)/2, which intervals alone cannot. */
static const Expr *without_divisions(Module *module, const Expr *expr) {
    ExprTable *table = module->exprs;
    if (expr->kind != EXPR_SUM) return expr;
    const Expr *bound = expr_constant(table, 0);
    for (int i = 0; i < expr->term_count; i++) {
        const Term *term = &expr->terms[i];
        const Expr *product = expr_constant(table, term->coefficient);
        int64_t divisor;
        if (term->atom_count == 1 && term->atoms[0]->kind == EXPR_FLOORDIV &&
            expr_is_constant(term->atoms[0]->right, &divisor) && divisor > 0 &&
            term->coefficient % divisor == 0) {
            const Expr *dividend = term->atoms[0]->left;
            if (term->coefficient > 0) dividend = expr_add_constant(table, dividend, 1 - divisor);
            product = expr_scale(table, dividend, term->coefficient / divisor);
        } else {
            for (int j = 0; j < term->atom_count; j++) product = expr_mul(table, product, term->atoms[j]);
        }
        bound = expr_add(table, bound, product);
    }
    return bound;
}

/* Does a check recorded for a smaller expression cover |expr|? */
static bool checked_already(Module *module, const Expr *expr) {
    const Entry *entry = module->current_entry;
    for (int i = 0; entry && i < entry->checks.count; i++) {
        const EqualityCheck *check = &entry->checks.items[i];
        bool at_least_zero =
            check->left == expr_max(module->exprs, check->right, expr_constant(module->exprs, 0));
        if (at_least_zero && expr_sub(module->exprs, expr, check->right)->min >= 0) return true;
    }
    return false;
}

bool infer_at_least_zero(Module *module, const Expr *expr, Span span) {
    if (expr->min >= 0) return true;
    if (expr->max < 0) return false;
    const Expr *bound = expr;
    for (int depth = 0; depth < 4; depth++) {
        bound = without_divisions(module, bound);
        if (bound->min >= 0) return true;
    }
    if (checked_already(module, expr)) return true;
    return record_check(module, expr_max(module->exprs, expr, expr_constant(module->exprs, 0)), expr, span);
}

/* Where both are known to fit, the constant of the two is kept: it says more. */
static bool broadcast_dim(Module *module, const Expr *a, const Expr *b, const Expr **out, Span span) {
    if (expr_equals(a, 1) || expr_equals(b, 1)) {
        *out = expr_equals(a, 1) ? b : a;
        return true;
    }
    *out = expr_is_constant(b, NULL) ? b : a;
    return infer_dims_equal(module, a, b, span);
}

bool infer_broadcast(Module *module, const Type *a, const Type *b, Type *out, Span span) {
    if (a->rank < b->rank) {
        const Type *swapped = a;
        a = b;
        b = swapped;
    }
    Type result = type_make(a->dtype, a->rank, a->dims);
    int offset = a->rank - b->rank;
    for (int i = 0; i < b->rank; i++)
        if (!broadcast_dim(module, a->dims[offset + i], b->dims[i], &result.dims[offset + i], span))
            return false;
    *out = result;
    return true;
}
