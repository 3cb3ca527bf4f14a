/* merge_functions: functions that compute the same with other operands become one.
 *   before   call @layer1.0.conv1.conv(%x, @w1, %y)        after   call @layer1.0.conv1.conv(%x, @w1, %y)
 *            call @layer1.1.conv1.conv(%y, @w2, %z)                call @layer1.0.conv1.conv(%y, @w2, %z)
 * Sound: two functions are equal when their parameters have the same extents and strides and their bodies are
 * the same statement by statement, up to the names of variables; weights are parameters. A merged body is
 * attributed to the first layer that has it. */
#include "passes/passes.h"

#include <string.h>

typedef struct SymbolPair {
    const Symbol *left, *right;
} SymbolPair;

typedef struct TilePair {
    const Tile *left, *right;
} TilePair;

typedef struct Matcher {
    Arena *arena;
    ExprTable *exprs;
    const LoopFunction *left, *right;
    VECTOR(SymbolPair) symbols;
    VECTOR(TilePair) tiles;
    VECTOR(const Buffer *) left_locals, right_locals;
} Matcher;

/* |left| in the variables of the right function. */
static bool exprs_match(Matcher *m, const Expr *left, const Expr *right) {
    for (int i = 0; i < m->symbols.count; i++)
        left = expr_substitute(m->exprs, left, m->symbols.items[i].left,
                               expr_symbol(m->exprs, m->symbols.items[i].right));
    return left == right;
}

static bool buffers_match(const Matcher *m, const Buffer *left, const Buffer *right) {
    if (!left || !right) return left == right;
    for (int i = 0; i < m->left->parameter_count; i++)
        if (m->left->parameters[i] == left) return m->right->parameters[i] == right;
    for (int i = 0; i < m->left_locals.count; i++)
        if (m->left_locals.items[i] == left) return m->right_locals.items[i] == right;
    return left == right;
}

static bool tiles_match(const Matcher *m, const Tile *left, const Tile *right) {
    if (!left || !right) return left == right;
    for (int i = m->tiles.count - 1; i >= 0; i--)
        if (m->tiles.items[i].left == left) return m->tiles.items[i].right == right;
    return false;
}

static bool define_tiles(Matcher *m, const Tile *left, const Tile *right) {
    TilePair pair = {left, right};
    if (left->dtype != right->dtype || left->rows != right->rows || left->vectors != right->vectors ||
        left->lanes != right->lanes)
        return false;
    vector_push(m->arena, &m->tiles, pair);
    return true;
}

static bool accesses_match(Matcher *m, const Access *left, const Access *right) {
    if (!left->buffer && !right->buffer) return true;
    if (!buffers_match(m, left->buffer, right->buffer)) return false;
    for (int i = 0; i < left->buffer->rank; i++)
        if (!exprs_match(m, left->indices[i], right->indices[i])) return false;
    return true;
}

static bool ranges_match(Matcher *m, const Range *left, const Range *right) {
    if (!left->symbol || !right->symbol) return left->symbol == right->symbol;
    if (!exprs_match(m, left->low, right->low) || !exprs_match(m, left->high, right->high)) return false;
    SymbolPair pair = {left->symbol, right->symbol};
    vector_push(m->arena, &m->symbols, pair);
    return left->symbol->min == right->symbol->min && left->symbol->max == right->symbol->max;
}

static bool nodes_match(const LoopStatement *a, const LoopStatement *b) {
    if (a->node_count != b->node_count) return false;
    for (int i = 0; i < a->node_count; i++) {
        const MapNode *x = &a->nodes[i], *y = &b->nodes[i];
        if (x->kind != y->kind || x->op != y->op || x->dtype != y->dtype || x->integer != y->integer)
            return false;
        if (memcmp(&x->real, &y->real, sizeof x->real) != 0) return false;
        if (memcmp(x->operands, y->operands, sizeof x->operands) != 0) return false;
    }
    return true;
}

static bool local_buffers_match(Matcher *m, const Buffer *left, const Buffer *right) {
    if (!left || !right) return left == right;
    if (left->dtype != right->dtype || left->rank != right->rank) return false;
    for (int i = 0; i < left->rank; i++)
        if (left->extents[i] != right->extents[i]) return false;
    vector_push(m->arena, &m->left_locals, left);
    vector_push(m->arena, &m->right_locals, right);
    return true;
}

static bool bodies_match(Matcher *m, const LoopBody *left, const LoopBody *right);

static bool plans_match(const LoopStatement *a, const LoopStatement *b) {
    if (a->plan_count != b->plan_count) return false;
    for (int i = 0; i < a->plan_count; i++)
        if (a->plan[i].height != b->plan[i].height || a->plan[i].count != b->plan[i].count) return false;
    return true;
}

static bool carries_match(Matcher *m, const LoopStatement *a, const LoopStatement *b, bool after) {
    for (int i = 0; i < a->carry_count; i++) {
        const Carry *x = &a->carries[i], *y = &b->carries[i];
        bool good = after ? tiles_match(m, x->next, y->next) && define_tiles(m, x->result, y->result)
                          : tiles_match(m, x->initial, y->initial) && define_tiles(m, x->inside, y->inside);
        if (!good) return false;
    }
    return true;
}

static bool statements_match(Matcher *m, const LoopStatement *a, const LoopStatement *b) {
    if (a->kind != b->kind || a->step != b->step || a->operand_count != b->operand_count ||
        a->depth != b->depth || a->chunk != b->chunk || a->reduce != b->reduce || a->code != b->code ||
        a->carry_count != b->carry_count || a->ahead_step != b->ahead_step)
        return false;
    if (a->kind == LOOP_CALL || !plans_match(a, b) || !nodes_match(a, b)) return false;
    for (int i = 0; i < a->operand_count; i++)
        if (!tiles_match(m, a->operands[i], b->operands[i])) return false;
    for (int i = 0; i < a->depth; i++)
        if (!ranges_match(m, &a->k[i], &b->k[i])) return false;
    if (a->kind == LOOP_INDEX && !tiles_match(m, a->tile, b->tile)) return false;
    if (!ranges_match(m, &a->range, &b->range) || !carries_match(m, a, b, false)) return false;
    if (!local_buffers_match(m, a->local, b->local)) return false;
    if (!accesses_match(m, &a->access, &b->access) || !accesses_match(m, &a->a, &b->a) ||
        !accesses_match(m, &a->b, &b->b))
        return false;
    if (a->ahead ? !b->ahead || !exprs_match(m, a->ahead, b->ahead) : b->ahead != NULL) return false;
    if (a->position ? !b->position || !exprs_match(m, a->position, b->position) : b->position != NULL)
        return false;
    if (!bodies_match(m, &a->body, &b->body) || !carries_match(m, a, b, true)) return false;
    if (!a->tile || a->kind == LOOP_INDEX) return true;
    return a->kind == LOOP_STORE || a->kind == LOOP_EXIT ? tiles_match(m, a->tile, b->tile)
                                                         : define_tiles(m, a->tile, b->tile);
}

static bool bodies_match(Matcher *m, const LoopBody *left, const LoopBody *right) {
    const LoopStatement *a = left->first, *b = right->first;
    for (; a && b; a = a->next, b = b->next)
        if (!statements_match(m, a, b)) return false;
    return a == b;
}

static bool functions_match(LoopModule *module, const LoopFunction *left, const LoopFunction *right) {
    if (left->is_entry || right->is_entry || left->parameter_count != right->parameter_count) return false;
    for (int i = 0; i < left->parameter_count; i++) {
        const Buffer *a = left->parameters[i], *b = right->parameters[i];
        if (a->dtype != b->dtype || a->rank != b->rank || a->written != b->written) return false;
        for (int j = 0; j < a->rank; j++)
            if (a->extents[j] != b->extents[j] || a->strides[j] != b->strides[j]) return false;
    }
    Matcher matcher = {.arena = module->arena, .exprs = module->graph->exprs, .left = left, .right = right};
    return bodies_match(&matcher, &left->body, &right->body);
}

static void redirect_calls(LoopBody *body, const LoopFunction *from, LoopFunction *to) {
    for (LoopStatement *s = body->first; s; s = s->next) {
        if (s->callee == from) s->callee = to;
        redirect_calls(&s->body, from, to);
    }
}

void merge_functions(LoopModule *module) {
    int kept = 0;
    for (int i = 0; i < module->functions.count; i++) {
        LoopFunction *function = module->functions.items[i], *same = NULL;
        for (int j = 0; j < kept && !same; j++)
            if (functions_match(module, module->functions.items[j], function))
                same = module->functions.items[j];
        if (!same) {
            module->functions.items[kept++] = function;
            continue;
        }
        for (int j = i + 1; j < module->functions.count; j++)
            redirect_calls(&module->functions.items[j]->body, function, same);
    }
    module->functions.count = kept;
}
