/* x[i], x[a:b:c], x[tensor]: one slice for all axes, then a reshape that drops the indexed ones, then a
 * gather. */
#include "frontend/lang/builder_internal.h"

#include <string.h>

typedef struct Selection {
    Builder *b;
    Value *value;
    int axis; /* next axis of the value */
    const Expr *starts[RANK_MAX], *counts[RANK_MAX];
    int64_t steps[RANK_MAX];
    bool changes; /* some axis is not taken whole */
    int rank;     /* of the reshaped result */
    const Expr *dims[RANK_MAX + 1];
    Value *indices; /* of a gather; NULL: none */
    int gather_axis;
} Selection;

/* ---- Compile-time lists ---- */

static Datum index_items(Builder *b, const Expression *expression, const Datum *items, int64_t low,
                         int64_t count, const char *what) {
    const Argument *subscript = expression->arguments;
    if (!subscript || subscript->next || subscript->is_slice)
        return build_fail(b, E0203, expression->span, "%s takes one index", what);
    Datum datum = evaluate(b, subscript->value);
    int64_t index;
    if (!datum_to_integer(b, datum, subscript->span, "the index", &index)) return POISON;
    int64_t at = index < 0 && low == 0 ? index + count : index - low;
    if (at >= 0 && at < count) return items[at];
    return build_fail(b, E0211, subscript->span, "index %lld is outside %s, which has %lld..%lld",
                      (long long)index, what, (long long)low, (long long)(low + count - 1));
}

/* ---- Tensors ---- */

/* Counted from the end when negative. Poison or of unknown sign: NULL, reported. */
static const Expr *from_start(Selection *s, const Expression *expression, const Expr *extent,
                              const char *what) {
    Datum datum = evaluate(s->b, expression);
    if (datum.kind == DATUM_POISON) return NULL;
    if (!datum_is_size(datum)) {
        build_error(s->b, E0203, expression->span, "%s must be an integer known at compile time, found %s",
                    what, datum_type_text(s->b->arena, datum));
        return NULL;
    }
    const Expr *position = datum_extent_of(s->b, datum);
    if (position->min >= 0) return position;
    if (position->max < 0) return expr_add(s->b->module->exprs, extent, position);
    build_error(s->b, E0211, expression->span, "%s is %s, which may count from the start or from the end",
                what, datum_text(s->b->arena, datum));
    return NULL;
}

static const Expr *clamp(Selection *s, const Expr *position, const Expr *low, const Expr *high) {
    return expr_min(s->b->module->exprs, expr_max(s->b->module->exprs, position, low), high);
}

static void keep_axis(Selection *s, const Expr *start, const Expr *count, int64_t step, bool keep) {
    s->starts[s->axis] = start;
    s->counts[s->axis] = count;
    s->steps[s->axis] = step;
    s->changes |= step != 1 || count != s->value->type.dims[s->axis];
    if (keep) s->dims[s->rank++] = count;
    s->axis++;
}

/* Bounds outside the axis are cut, as in Python. */
static bool select_slice(Selection *s, const Argument *subscript) {
    ExprTable *table = s->b->module->exprs;
    const Expr *extent = s->value->type.dims[s->axis];
    int64_t step = 1;
    if (subscript->step &&
        !datum_to_integer(s->b, evaluate(s->b, subscript->step), subscript->step->span, "the step", &step))
        return false;
    if (step == 0 || step > INT32_MAX || step < -INT32_MAX) {
        build_error(s->b, E0211, subscript->step->span, "a step of %lld makes no sense", (long long)step);
        return false;
    }
    const Expr *low = expr_constant(table, step > 0 ? 0 : -1);
    const Expr *high = step > 0 ? extent : expr_add_constant(table, extent, -1);
    const Expr *start = step > 0 ? low : high, *stop = step > 0 ? high : low;
    if (subscript->value) {
        start = from_start(s, subscript->value, extent, "the first bound of a slice");
        if (!start) return false;
        start = clamp(s, start, low, high);
    }
    if (subscript->stop) {
        stop = from_start(s, subscript->stop, extent, "the second bound of a slice");
        if (!stop) return false;
        stop = clamp(s, stop, low, high);
    }
    const Expr *distance = step > 0 ? expr_sub(table, stop, start) : expr_sub(table, start, stop);
    const Expr *count = expr_ceildiv(table, distance, expr_constant(table, step > 0 ? step : -step));
    keep_axis(s, start, expr_max(table, count, expr_constant(table, 0)), step, true);
    return true;
}

static bool select_index(Selection *s, const Argument *subscript, Datum datum) {
    const Expr *extent = s->value->type.dims[s->axis], *index = datum_extent_of(s->b, datum);
    ExprTable *table = s->b->module->exprs;
    const Expr *position = index->max < 0 ? expr_add(table, extent, index) : index;
    if (position->max < 0 || expr_sub(table, position, extent)->min >= 0) {
        build_error(s->b, E0211, subscript->span, "index %s is outside axis %d of %s",
                    datum_text(s->b->arena, datum), s->axis, type_text(s->b->arena, &s->value->type));
        return false;
    }
    keep_axis(s, position, expr_constant(table, 1), 1, false);
    return true;
}

static bool select_gather(Selection *s, const Argument *subscript, Datum datum) {
    Value *indices = datum_to_tensor(s->b, datum, DTYPE_NONE, subscript->span, "an index");
    if (!indices) return false;
    if (s->indices) {
        build_error(s->b, E0228, subscript->span, "at most one index may be a tensor");
        return false;
    }
    s->indices = indices;
    s->gather_axis = s->rank;
    keep_axis(s, expr_constant(s->b->module->exprs, 0), s->value->type.dims[s->axis], 1, true);
    return true;
}

static bool select_subscript(Selection *s, const Argument *subscript) {
    Datum datum = NONE;
    if (!subscript->is_slice) {
        datum = evaluate(s->b, subscript->value);
        if (datum.kind == DATUM_POISON) return false;
        if (datum.kind == DATUM_NONE) {
            if (s->rank <= RANK_MAX) s->dims[s->rank++] = expr_constant(s->b->module->exprs, 1);
            return true;
        }
    }
    if (s->axis == s->value->type.rank || s->rank >= RANK_MAX) {
        build_error(s->b, E0211, subscript->span, "more subscripts than axes: %s has %d",
                    type_text(s->b->arena, &s->value->type), s->value->type.rank);
        return false;
    }
    if (subscript->is_slice) return select_slice(s, subscript);
    if (datum_is_size(datum)) return select_index(s, subscript, datum);
    if (datum.kind == DATUM_TENSOR || datum.kind == DATUM_LIST) return select_gather(s, subscript, datum);
    build_error(s->b, E0203, subscript->span,
                "a subscript must be an integer, a slice or a tensor of integers, found %s",
                datum_type_text(s->b->arena, datum));
    return false;
}

static Value *selection_emit(Selection *s, Span span) {
    Builder *b = s->b;
    Value *value = s->value;
    if (s->rank > RANK_MAX) {
        build_error(b, E0211, span, "the result would have %d axes; a tensor has at most %d", s->rank,
                    RANK_MAX);
        return NULL;
    }
    if (s->changes) {
        Op *op = emit_begin(b, OP_SLICE, &value, 1, span);
        if (!op) return NULL;
        op_set_exprs(b->module, op, ATTR_STARTS, s->starts, value->type.rank);
        op_set_exprs(b->module, op, ATTR_SHAPE, s->counts, value->type.rank);
        op_set_ints(b->module, op, ATTR_STEPS, s->steps, value->type.rank);
        value = emit_end(b, op);
    }
    value = emit_reshape(b, value, s->dims, s->rank, span);
    if (!value || !s->indices) return value;
    Op *op = emit_begin(b, OP_GATHER, (Value *[]){value, s->indices}, 2, span);
    if (!op) return NULL;
    op_set_int(b->module, op, ATTR_AXIS, s->gather_axis);
    return emit_end(b, op);
}

static Datum index_tensor(Builder *b, const Expression *expression, Value *value) {
    Selection selection = {.b = b, .value = value};
    for (const Argument *subscript = expression->arguments; subscript; subscript = subscript->next)
        if (!select_subscript(&selection, subscript)) return POISON;
    while (selection.axis < value->type.rank)
        keep_axis(&selection, expr_constant(b->module->exprs, 0), value->type.dims[selection.axis], 1,
                  selection.rank < RANK_MAX);
    return datum_tensor(selection_emit(&selection, expression->span));
}

Datum apply_subscripts(Builder *b, const Expression *expression, Datum left) {
    switch (left.kind) {
    case DATUM_TENSOR: return index_tensor(b, expression, left.tensor);
    case DATUM_LIST:
    case DATUM_TUPLE: return index_items(b, expression, left.items->items, 0, left.items->count, "the list");
    case DATUM_LAYERS:
        return index_items(b, expression, left.layers->items, left.layers->low, left.layers->count,
                           "the layers");
    case DATUM_LAYER:
        if (!left.layer->block)
            return index_items(b, expression, left.layer->children, 0, left.layer->child_count,
                               "the Sequential");
        break;
    default: break;
    }
    return build_fail(b, E0203, expression->span, "%s cannot be indexed", datum_type_text(b->arena, left));
}
