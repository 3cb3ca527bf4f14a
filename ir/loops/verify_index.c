/* Indices that certainly leave their axis. The proof is a witness: a step of the loops around that is
 * reached, at which the index, an expression over dims alone, is outside for all their values. Loops are
 * tried at their first and at their last step; where some loop might not run at all, nothing is proven and
 * nothing is said. */
#include "ir/loops/verify_internal.h"

typedef struct Witness {
    LoopVerifier *v;
    const Expr *index;
    VECTOR(const Expr *) trips; /* each must be at least 1 for the step to be reached */
} Witness;

static void replace(Witness *w, const Symbol *symbol, const Expr *value) {
    ExprTable *exprs = w->v->module->graph->exprs;
    w->index = expr_substitute(exprs, w->index, symbol, value);
    for (int i = 0; i < w->trips.count; i++)
        w->trips.items[i] = expr_substitute(exprs, w->trips.items[i], symbol, value);
}

static const Expr *constant(const Witness *w, int64_t value) {
    return expr_constant(w->v->module->graph->exprs, value);
}

static void require_step(Witness *w, const Range *range) {
    vector_push(w->v->arena, &w->trips, expr_sub(w->v->module->graph->exprs, range->high, range->low));
}

/* The position in a tile, r or l, at its last value: the tiles of the loop around meet the loop's end
 * exactly, so that variable + position is at most high - 1. False: a mixture of the two that this does not
 * resolve. */
static bool replace_last_position(Witness *w, const Symbol *position, const LoopStatement *loop) {
    ExprTable *exprs = w->v->module->graph->exprs;
    if (!expr_uses(w->index, position)) return true;
    if (expr_uses(w->index, loop->range.symbol)) {
        const Expr *last = expr_add_constant(exprs, loop->range.high, -1);
        require_step(w, &loop->range);
        replace(w, loop->range.symbol, expr_sub(exprs, last, expr_symbol(exprs, position)));
        return !expr_uses(w->index, position);
    }
    replace(w, position, constant(w, 0));
    return true;
}

static bool replace_positions(Witness *w, const Tile *tile, bool last) {
    const LoopModule *module = w->v->module;
    int width = tile ? tile->vectors * tile->lanes : 1;
    bool lanes_of_loop = w->v->lanes && width > 1;
    if (!last) {
        replace(w, module->row, constant(w, 0));
        replace(w, module->lane, constant(w, 0));
        return true;
    }
    if (tile && tile->rows != ROWS_SYMBOLIC)
        replace(w, module->row, constant(w, tile->rows - 1));
    else if (w->v->rows && !replace_last_position(w, module->row, w->v->rows))
        return false;
    if (!lanes_of_loop) replace(w, module->lane, constant(w, width - 1));
    return !lanes_of_loop || replace_last_position(w, module->lane, w->v->lanes);
}

/* A loop's variable at its first or last step, whichever pushes the index outwards. */
static void replace_variable(Witness *w, const ActiveSymbol *active, bool last) {
    ExprTable *exprs = w->v->module->graph->exprs;
    const Range *range = &active->range;
    const LoopStatement *loop = active->statement;
    const Expr *slope = expr_coefficient(exprs, w->index, range->symbol), *value = range->low;
    if (slope && slope->max <= 0) last = !last;
    int64_t step =
        loop && (loop->kind == LOOP_FOR || loop->kind == LOOP_LANES) && loop->step > 1 ? loop->step : 1;
    if (last && !(loop && loop->kind == LOOP_ROWS)) {
        const Expr *way = expr_add_constant(exprs, expr_sub(exprs, range->high, range->low), -1);
        const Expr *steps = expr_floordiv(exprs, way, constant(w, step));
        value = expr_add(exprs, range->low, expr_scale(exprs, steps, step));
    }
    require_step(w, range);
    replace(w, range->symbol, value);
}

static bool find_witness(Witness *w, const Tile *tile, bool last) {
    if (!replace_positions(w, tile, last)) return false;
    for (int i = w->v->active.count - 1; i >= 0; i--) {
        const ActiveSymbol *active = &w->v->active.items[i];
        if (active->statement && active->statement->kind == LOOP_INDEX) continue; /* known at run time only */
        bool used = expr_uses(w->index, active->range.symbol);
        for (int j = 0; j < w->trips.count; j++) used |= expr_uses(w->trips.items[j], active->range.symbol);
        if (used) replace_variable(w, active, last);
    }
    for (int i = 0; i < w->trips.count; i++)
        if (w->trips.items[i]->min < 1) return false;
    return true;
}

static bool is_dead(const LoopVerifier *v) {
    for (int i = 0; i < v->active.count; i++) {
        const Range *range = &v->active.items[i].range;
        if (expr_sub(v->module->graph->exprs, range->high, range->low)->max <= 0) return true;
    }
    return false;
}

const Expr *index_outside(LoopVerifier *v, const Expr *index, const Expr *extent, const Tile *tile) {
    if (is_dead(v)) return NULL;
    Witness first = {.v = v, .index = index}, last = first;
    if (find_witness(&first, tile, false) && first.index->max < 0) return first.index;
    if (!find_witness(&last, tile, true)) return NULL;
    return expr_sub(v->module->graph->exprs, last.index, extent)->min >= 0 ? last.index : NULL;
}
