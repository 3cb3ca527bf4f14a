#include "frontend/lang/builder_internal.h"

#include <string.h>

/* A scan that is being built. */
typedef struct Scan {
    Builder *b;
    const Statement *statement;
    int axis;
    bool axis_given, reverse;
    const Expr *trip;
    VECTOR(Value *) operands; /* sequences, then carries */
    VECTOR(int64_t) axes;     /* of the sequences, then of the yields */
    VECTOR(Name) names;       /* of the operands */
    int sequence_count, carry_count;
    Op *op;
    Region region;
    VECTOR(Value *) nexts;
    Value *until;
} Scan;

/* ---- Head ---- */

static bool scan_options(Scan *scan) {
    Builder *b = scan->b;
    bool good = true;
    for (const Argument *option = scan->statement->options; option; option = option->next) {
        Datum value = evaluate(b, option->value);
        int64_t axis;
        if (option->name.text && strcmp(option->name.text, "axis") == 0) {
            bool read = datum_to_integer(b, value, option->span, "axis", &axis);
            if (read && (axis < -RANK_MAX || axis >= RANK_MAX)) {
                build_error(b, E0211, option->span, "axis %lld; a tensor has at most %d", (long long)axis,
                            RANK_MAX);
                read = false;
            }
            if (read) scan->axis = (int)axis;
            good &= read;
        } else if (option->name.text && strcmp(option->name.text, "reverse") == 0) {
            good &= datum_to_bool(b, value, option->span, "reverse", &scan->reverse);
        } else {
            Diagnostic *error =
                build_error(b, E0202, option->span, "a scan takes axis= and reverse=, not this");
            if (option->name.text && strcmp(option->name.text, "dim") == 0)
                diagnostic_fix(error, option->name.span, "axis");
            good = false;
        }
    }
    return good;
}

static bool scan_add_sequence(Scan *scan, Value *value, int axis, Name name, Span span) {
    Builder *b = scan->b;
    const Expr *extent = value->type.dims[axis];
    if (!scan->trip) scan->trip = extent;
    if (!infer_dims_equal(b->module, scan->trip, extent, user_place(b, span))) {
        build_error(b, E0217, span, "the sequences are not equally long: %s and %s",
                    datum_text(b->arena, datum_extent(scan->trip)),
                    datum_text(b->arena, datum_extent(extent)));
        return false;
    }
    vector_push(b->arena, &scan->operands, value);
    vector_push(b->arena, &scan->axes, (int64_t)axis);
    vector_push(b->arena, &scan->names, name);
    scan->sequence_count++;
    return true;
}

/* `i in 0..T`: the positions as a sequence, or only their number when they have no name. */
static bool scan_range(Scan *scan, const Iteration *iteration) {
    Builder *b = scan->b;
    Span span = span_join(iteration->sequence->span, iteration->high->span);
    Datum low = evaluate(b, iteration->sequence), high = evaluate(b, iteration->high);
    if (low.kind == DATUM_POISON || high.kind == DATUM_POISON) return false;
    if (!datum_is_size(low) || !datum_is_size(high)) {
        build_error(b, E0203, span, "the bounds of a scan are integers and dims, found %s and %s",
                    datum_type_text(b->arena, low), datum_type_text(b->arena, high));
        return false;
    }
    ExprTable *table = b->module->exprs;
    const Expr *trip = expr_sub(table, datum_extent_of(b, high), datum_extent_of(b, low));
    trip = expr_max(table, trip, expr_constant(table, 0));
    if (strcmp(iteration->variable.text, "_") == 0) {
        if (!scan->trip) scan->trip = trip;
        if (infer_dims_equal(b->module, scan->trip, trip, user_place(b, span))) return true;
        build_error(b, E0217, span, "the sequences are not equally long: %s and %s",
                    datum_text(b->arena, datum_extent(scan->trip)), datum_text(b->arena, datum_extent(trip)));
        return false;
    }
    Op *op = emit_begin(b, OP_IOTA, NULL, 0, span);
    if (!op) return false;
    op_set_exprs(b->module, op, ATTR_SHAPE, &trip, 1);
    op_set_int(b->module, op, ATTR_DTYPE, DTYPE_I32);
    Datum positions = datum_tensor(emit_end(b, op));
    if (positions.kind == DATUM_TENSOR && !(low.kind == DATUM_INTEGER && low.integer == 0))
        positions = binary_op(b, OP_ADD, positions, low, span);
    return positions.kind == DATUM_TENSOR &&
           scan_add_sequence(scan, positions.tensor, 0, iteration->variable, span);
}

static bool scan_iteration(Scan *scan, const Iteration *iteration) {
    Builder *b = scan->b;
    if (iteration->high) return scan_range(scan, iteration);
    Span span = iteration->sequence->span;
    Value *value = datum_to_tensor(b, evaluate(b, iteration->sequence), DTYPE_NONE, span, "a sequence");
    if (!value) return false;
    int axis = scan->axis < 0 ? scan->axis + value->type.rank : scan->axis;
    if (axis >= 0 && axis < value->type.rank)
        return scan_add_sequence(scan, value, axis, iteration->variable, span);
    build_error(b, E0211, span, "there is no axis %d to iterate over in %s", scan->axis,
                type_text(b->arena, &value->type));
    return false;
}

static bool scan_carry(Scan *scan, const Argument *carry) {
    Builder *b = scan->b;
    Datum datum = carry->value ? evaluate(b, carry->value) : POISON;
    const char *what = arena_printf(b->arena, "carried '%s'", carry->name.text ? carry->name.text : "?");
    Value *value = datum_to_tensor(b, datum, DTYPE_NONE, carry->span, what);
    if (!value) return false;
    vector_push(b->arena, &scan->operands, value);
    vector_push(b->arena, &scan->names, carry->name);
    scan->carry_count++;
    return true;
}

static bool scan_head(Scan *scan) {
    if (!scan_options(scan)) return false;
    bool good = true;
    for (const Iteration *iteration = scan->statement->iterations; iteration; iteration = iteration->next)
        good &= scan_iteration(scan, iteration);
    for (const Argument *carry = scan->statement->carries; carry; carry = carry->next)
        good &= scan_carry(scan, carry);
    return good && scan->trip && !scan->b->stopped;
}

/* ---- Body ---- */

static bool scan_names(Scan *scan, Scope *scope) {
    Builder *b = scan->b;
    bool good = true;
    for (int i = 0; i < scan->operands.count; i++) {
        Name name = scan->names.items[i];
        Type type = scan->operands.items[i]->type;
        if (i < scan->sequence_count) {
            int axis = (int)scan->axes.items[i], rank = 0;
            for (int j = 0; j < type.rank; j++)
                if (j != axis) type.dims[rank++] = type.dims[j];
            type.rank = rank;
        }
        Value *argument = block_add_argument(b->module, scan->op->body, type, name.text);
        if (strcmp(name.text, "_") == 0) continue;
        if (scope_find_here(scope, name.text)) {
            build_error(b, E0205, name.span, "the scan has two names '%s'", name.text);
            good = false;
        } else {
            scope_add_datum(b->arena, scope, name.text, name.span, datum_tensor(argument));
        }
    }
    return good;
}

static void complain_carry(Scan *scan, Name name, const Type *first, const Type *next) {
    Builder *b = scan->b;
    Diagnostic *error = build_error(b, E0215, name.span, "'%s' starts as %s, but a step makes it %s",
                                    name.text, type_text(b->arena, first), type_text(b->arena, next));
    diagnostic_note(error, (Span){0}, "a carried value keeps its type from step to step");
}

static bool scan_nexts(Scan *scan, Scope *scope) {
    Builder *b = scan->b;
    bool good = true;
    for (int i = 0; i < scan->carry_count; i++) {
        int at = scan->sequence_count + i;
        Name name = scan->names.items[at];
        const Type *type = &scan->operands.items[at]->type;
        Slot *slot = scope_find_here(scope, name.text);
        Datum datum = slot ? slot->datum : datum_tensor(scan->op->body->arguments[at]);
        Value *next =
            datum_to_type(b, datum, type, true, name.span, arena_printf(b->arena, "carried '%s'", name.text));
        vector_push(b->arena, &scan->nexts, next);
        bool same = next && next->type.dtype == type->dtype && next->type.rank == type->rank;
        for (int j = 0; same && j < type->rank; j++)
            same = infer_dims_equal(b->module, type->dims[j], next->type.dims[j], user_place(b, name.span));
        if (next && !same) complain_carry(scan, name, type, &next->type);
        good &= same;
    }
    return good;
}

static bool scan_until(Scan *scan) {
    Builder *b = scan->b;
    const Expression *until = scan->statement->until;
    if (!until) return true;
    Datum datum = evaluate(b, until);
    if (datum.kind == DATUM_BOOL)
        datum = datum_tensor(constant_scalar(b->module, DTYPE_BOOL, datum.truth, until->span));
    if (datum.kind == DATUM_TENSOR && datum.tensor->type.dtype == DTYPE_BOOL &&
        datum.tensor->type.rank == 0) {
        scan->until = datum.tensor;
        return true;
    }
    if (datum.kind == DATUM_POISON) return false;
    Diagnostic *error = build_error(b, E0216, until->span, "until needs one bool, found %s",
                                    datum_type_text(b->arena, datum));
    if (datum.kind == DATUM_TENSOR && datum.tensor->type.rank)
        diagnostic_note(error, (Span){0}, "take an element: tok[0] == EOS");
    return false;
}

static bool scan_body(Scan *scan) {
    Builder *b = scan->b;
    Scope *outer = b->frame->scope, *scope = scope_create(b->arena, SCOPE_SCAN, outer);
    Block *block = b->block;
    b->frame->scope = scope;
    b->block = scan->op->body;
    scan->region = (Region){.outer = b->region, .block = b->block, .is_scan = true};
    b->region = &scan->region;
    bool good = scan_names(scan, scope);
    int errors = diagnostics_error_count(b->diagnostics);
    if (good) run_statements(b, scan->statement->body);
    bool clean = errors == diagnostics_error_count(b->diagnostics);
    good = good && !b->stopped && scan_nexts(scan, scope);
    good = scan_until(scan) && good && clean && !scan->region.yield_failed;
    b->region = scan->region.outer;
    b->block = block;
    b->frame->scope = outer;
    return good;
}

/* ---- End ---- */

/* A state that the body only read is no carried value: the body uses the value around it. */
static void scan_states(Scan *scan) {
    Builder *b = scan->b;
    Block *body = scan->op->body;
    Region *region = &scan->region;
    int kept = 0, first = scan->sequence_count + scan->carry_count;
    for (int i = 0; i < region->states.count; i++) {
        StateUse use = region->states.items[i];
        Value *before = region->outer ? region_state(b, region->outer, use.state)->current : NULL;
        if (!use.written) {
            block_replace_uses(body, use.argument, before);
            for (int j = 0; j < scan->nexts.count; j++)
                if (scan->nexts.items[j] == use.argument) scan->nexts.items[j] = before;
            for (int j = 0; j < region->yields.count; j++)
                if (region->yields.items[j] == use.argument) region->yields.items[j] = before;
            if (scan->until == use.argument) scan->until = before;
            continue;
        }
        use.argument->index = first + kept;
        body->arguments[first + kept] = use.argument;
        region->states.items[kept++] = use;
        vector_push(b->arena, &scan->operands, before);
        vector_push(b->arena, &scan->nexts, use.current);
    }
    region->states.count = kept;
    body->argument_count = first + kept;
    scan->carry_count += kept;
}

static void scan_attributes(Scan *scan) {
    Builder *b = scan->b;
    Op *op = scan->op;
    for (int i = 0; i < scan->region.yields.count; i++) {
        int rank = scan->region.yields.items[i]->type.rank + 1;
        vector_push(b->arena, &scan->axes, (int64_t)(scan->axis < 0 ? scan->axis + rank : scan->axis));
    }
    op_set_int(b->module, op, ATTR_SEQUENCES, scan->sequence_count);
    op_set_int(b->module, op, ATTR_CARRIES, scan->carry_count);
    op_set_ints(b->module, op, ATTR_AXES, scan->axes.items, scan->axes.count);
    op_set_exprs(b->module, op, ATTR_TRIP, &scan->trip, 1);
    if (scan->reverse) op_set_int(b->module, op, ATTR_REVERSE, 1);
    if (scan->until) op_set_int(b->module, op, ATTR_UNTIL, 1);
}

static bool scan_finish(Scan *scan) {
    Builder *b = scan->b;
    scan_states(scan);
    if (scan->operands.count > op_infos[OP_SCAN].operands_max ||
        scan->carry_count + scan->region.yields.count >= op_infos[OP_SCAN].results_max) {
        build_error(b, E0212, scan->statement->span,
                    "a scan of %d sequences, %d carried and %d yielded values is too wide",
                    scan->sequence_count, scan->carry_count, scan->region.yields.count);
        return false;
    }
    Op *op = scan->op;
    op->operands = scan->operands.items;
    op->operand_count = scan->operands.count;
    VECTOR(Value *) yielded = {0};
    for (int i = 0; i < scan->nexts.count; i++) vector_push(b->arena, &yielded, scan->nexts.items[i]);
    for (int i = 0; i < scan->region.yields.count; i++)
        vector_push(b->arena, &yielded, scan->region.yields.items[i]);
    if (scan->until) vector_push(b->arena, &yielded, scan->until);
    op_create(b->module, op->body, OP_YIELD, yielded.items, yielded.count, op->span, op->path);
    scan_attributes(scan);
    return emit_finish(b, op);
}

static bool check_result_count(Scan *scan) {
    int count = 0, yields = scan->region.yields.count;
    for (const Target *target = scan->statement->results; target; target = target->next) count++;
    if (!count || count == yields || count == yields + 1) return true;
    build_error(
        scan->b, E0217, scan->statement->results->name.span,
        "the scan yields %d value%s, so '->' takes %d name%s, or one more for the number of steps; found %d",
        yields, yields == 1 ? "" : "s", yields, yields == 1 ? "" : "s", count);
    return false;
}

static void scan_results(Scan *scan) {
    Builder *b = scan->b;
    Op *op = scan->op;
    int carries = 0;
    for (const Argument *carry = scan->statement->carries; carry; carry = carry->next)
        assign_name(b, carry->name, datum_tensor(op->results[carries++]));
    for (int i = 0; i < scan->region.states.count; i++) {
        StateUse *use = region_state(b, b->region, scan->region.states.items[i].state);
        use->current = op->results[carries++];
        use->written = true;
    }
    int i = carries;
    for (const Target *target = scan->statement->results; target; target = target->next)
        assign_name(b, target->name, datum_tensor(op->results[i++]));
}

static void scan_poison(Scan *scan) {
    Builder *b = scan->b;
    for (const Argument *carry = scan->statement->carries; carry; carry = carry->next)
        assign_name(b, carry->name, POISON);
    for (const Target *target = scan->statement->results; target; target = target->next)
        assign_name(b, target->name, POISON);
}

void run_scan(Builder *b, const Statement *statement) {
    Scan scan = {.b = b, .statement = statement};
    if (!scan_head(&scan)) {
        scan_poison(&scan);
        return;
    }
    scan.op = emit_begin(b, OP_SCAN, NULL, 0, statement->span);
    bool good = scan.op && scan_body(&scan);
    good = good && check_result_count(&scan) && scan_finish(&scan);
    if (good) {
        scan_results(&scan);
        return;
    }
    if (scan.op && scan.op->parent) op_remove(scan.op);
    scan_poison(&scan);
}
