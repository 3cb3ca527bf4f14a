#include "ir/shapes/infer_internal.h"

/* The counts that a scan's attributes and its body's yield agree on. */
typedef struct ScanCounts {
    int sequences, carries, yields;
    bool until;
} ScanCounts;

static bool shapes_equal(Module *module, const Type *a, const Type *b, Span span) {
    if (a->dtype != b->dtype || a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (!infer_dims_equal(module, a->dims[i], b->dims[i], span)) return false;
    return true;
}

static bool counts_fit(Module *module, const Op *op, ScanCounts *out) {
    int64_t sequences = op_int(op, ATTR_SEQUENCES, 0), carries = op_int(op, ATTR_CARRIES, 0);
    if (sequences < 0 || carries < 0 || sequences > op->operand_count ||
        carries != op->operand_count - sequences) {
        infer_error(module, op, E0314, "sequences = %lld and carries = %lld do not make up its %d operands",
                    (long long)sequences, (long long)carries, op->operand_count);
        return false;
    }
    const Block *body = op->body;
    if (!body || !body->last || body->last->kind != OP_YIELD) {
        infer_error(module, op, E0314, "the body must end with a yield");
        return false;
    }
    bool until = op_int(op, ATTR_UNTIL, 0) != 0;
    int64_t yields = body->last->operand_count - carries - until;
    if (body->argument_count != op->operand_count || yields < 0) {
        infer_error(
            module, op, E0314,
            "a body of %d arguments and %d yielded values does not fit sequences = %lld, carries = %lld%s",
            body->argument_count, body->last->operand_count, (long long)sequences, (long long)carries,
            until ? ", until" : "");
        return false;
    }
    if (carries + yields + 1 > op_infos[OP_SCAN].results_max) {
        infer_error(module, op, E0314, "a scan has at most %d results", op_infos[OP_SCAN].results_max);
        return false;
    }
    *out = (ScanCounts){(int)sequences, (int)carries, (int)yields, until};
    return true;
}

static bool axes_fit(Module *module, const Op *op, const ScanCounts *counts) {
    const Attr *axes = op_attr(op, ATTR_AXES);
    int found = axes ? axes->count : 0;
    if (found != counts->sequences + counts->yields) {
        infer_error(module, op, E0307,
                    "'axes' needs one axis per sequence and per yield, %d in all, found %d",
                    counts->sequences + counts->yields, found);
        return false;
    }
    const Op *yield = op->body->last;
    for (int i = 0; i < found; i++) {
        int yielded = i - counts->sequences;
        int rank = yielded < 0 ? operand_type(op, i)->rank - 1
                               : operand_type(yield, counts->carries + yielded)->rank;
        if (axes->integers[i] >= 0 && axes->integers[i] <= rank) continue;
        infer_error(module, op, E0306, "axis %lld is not an axis of %s %d", (long long)axes->integers[i],
                    yielded < 0 ? "sequence" : "the stacked yield", yielded < 0 ? i + 1 : yielded + 1);
        return false;
    }
    return true;
}

/* The number of steps is an i32. */
static const Expr *trip_of(Module *module, const Op *op) {
    const Expr *trip = op_expr_at(op, ATTR_TRIP, 0);
    if (!trip || op_attr(op, ATTR_TRIP)->count != 1) {
        infer_error(module, op, E0307, "needs the attribute 'trip', one extent");
        return NULL;
    }
    if (trip->max > INT32_MAX || !infer_at_least_zero(module, trip, op->span)) {
        infer_error(module, op, E0308, "the number of steps must be in 0..2^31 - 1, found %s",
                    dim_text(module, trip));
        return NULL;
    }
    return trip;
}

static bool sequences_fit(Module *module, const Op *op, const ScanCounts *counts, const Expr *trip) {
    for (int i = 0; i < counts->sequences; i++) {
        const Type *sequence = operand_type(op, i);
        int axis = (int)op_int_at(op, ATTR_AXES, i, 0);
        if (!infer_dims_equal(module, sequence->dims[axis], trip, op->span)) {
            infer_error(module, op, E0314,
                        "sequence %d has %s positions along axis %d, the scan takes %s steps", i + 1,
                        dim_text(module, sequence->dims[axis]), axis, dim_text(module, trip));
            return false;
        }
        Type slice = type_make(sequence->dtype, 0, NULL);
        for (int j = 0; j < sequence->rank; j++)
            if (j != axis) slice.dims[slice.rank++] = sequence->dims[j];
        if (shapes_equal(module, &slice, &op->body->arguments[i]->type, op->span)) continue;
        infer_error(module, op, E0314, "the slices of sequence %d are %s, the body takes %s", i + 1,
                    type_text(module->arena, &slice),
                    type_text(module->arena, &op->body->arguments[i]->type));
        return false;
    }
    return true;
}

static bool carries_fit(Module *module, const Op *op, const ScanCounts *counts) {
    for (int i = 0; i < counts->carries; i++) {
        const Type *initial = operand_type(op, counts->sequences + i);
        const Value *argument = op->body->arguments[counts->sequences + i];
        const Type *next = operand_type(op->body->last, i);
        const Type *unlike = !shapes_equal(module, initial, &argument->type, op->span) ? &argument->type
                             : !shapes_equal(module, initial, next, op->span)          ? next
                                                                                       : NULL;
        if (!unlike) continue;
        const char *name = argument->name ? arena_printf(module->arena, "'%s'", argument->name)
                                          : arena_printf(module->arena, "%d", i + 1);
        Diagnostic *error =
            infer_error(module, op, E0314, "the carried value %s starts as %s and becomes %s", name,
                        type_text(module->arena, initial), type_text(module->arena, unlike));
        diagnostic_note(error, op->body->last->span, "a carried value keeps its type from step to step");
        return false;
    }
    return true;
}

static bool until_fits(Module *module, const Op *op, const ScanCounts *counts) {
    if (!counts->until) return true;
    const Type *type = operand_type(op->body->last, counts->carries + counts->yields);
    if (type->dtype == DTYPE_BOOL && type->rank == 0) return true;
    infer_error(module, op, E0314, "the condition of until must be a bool scalar, found %s",
                type_text(module->arena, type));
    return false;
}

static bool add_results(Module *module, Op *op, const ScanCounts *counts, const Expr *trip) {
    for (int i = 0; i < counts->carries; i++) {
        const Type *type = operand_type(op, counts->sequences + i);
        if (!infer_result(module, op, type->dtype, type->rank, type->dims)) return false;
    }
    for (int i = 0; i < counts->yields; i++) {
        const Type *row = operand_type(op->body->last, counts->carries + i);
        int axis = (int)op_int_at(op, ATTR_AXES, counts->sequences + i, 0);
        const Expr *dims[RANK_MAX + 1];
        for (int j = 0; j <= row->rank; j++) dims[j] = j == axis ? trip : row->dims[j - (j > axis)];
        if (!infer_result(module, op, row->dtype, row->rank + 1, dims)) return false;
    }
    return infer_result(module, op, DTYPE_I32, 0, NULL);
}

bool infer_scan(Module *module, Op *op) {
    ScanCounts counts;
    if (!counts_fit(module, op, &counts) || !axes_fit(module, op, &counts)) return false;
    const Expr *trip = trip_of(module, op);
    return trip && sequences_fit(module, op, &counts, trip) && carries_fit(module, op, &counts) &&
           until_fits(module, op, &counts) && add_results(module, op, &counts, trip);
}

/* A yield has no results; a cluster has its yield's operands, with their layouts. */
bool infer_none(Module *module, Op *op) {
    if (!op->body) return true;
    const Op *yield = op->body->last;
    if (!yield || yield->kind != OP_YIELD) {
        infer_error(module, op, E0314, "the body must end with a yield");
        return false;
    }
    if (yield->operand_count > op_infos[op->kind].results_max) {
        infer_error(module, op, E0314, "a %s has at most %d results", op_infos[op->kind].text,
                    op_infos[op->kind].results_max);
        return false;
    }
    for (int i = 0; i < yield->operand_count; i++) {
        const Type *type = operand_type(yield, i);
        if (!infer_result(module, op, type->dtype, type->rank, type->dims)) return false;
        op->results[i]->type.layout = type->layout;
    }
    return true;
}
