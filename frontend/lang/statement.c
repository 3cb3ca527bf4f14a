#include "frontend/lang/builder_internal.h"

#include <string.h>

/* ---- Assignment ---- */

/* The nearest slot of the running function, its scans included. */
static Slot *local_find(Scope *scope, const char *name) {
    for (; scope; scope = scope->outer) {
        Slot *slot = scope_find_here(scope, name);
        if (slot && (scope->kind == SCOPE_FUNCTION || scope->kind == SCOPE_SCAN)) return slot;
        if (scope->kind == SCOPE_FUNCTION) return NULL;
    }
    return NULL;
}

static Slot *state_find(Scope *scope, const char *name) {
    while (scope && scope->kind != SCOPE_MEMBERS) scope = scope->outer;
    Slot *slot = scope ? scope_find_here(scope, name) : NULL;
    return slot && slot->kind == SLOT_STATE ? slot : NULL;
}

void assign_name(Builder *b, Name name, Datum value) {
    if (strcmp(name.text, "_") == 0) return;
    if (value.kind == DATUM_TENSOR && value.tensor->kind == VALUE_RESULT && !value.tensor->name)
        value.tensor->name = name.text;
    Scope *scope = b->frame->scope;
    Slot *slot = scope_find_here(scope, name.text);
    if (!slot) {
        Slot *outer = local_find(scope, name.text);
        Slot *state = outer ? NULL : state_find(scope, name.text);
        if (state) {
            state_write(b, state->state, value, name.span);
            return;
        }
        if (outer) outer->hidden_by_scan = true;
        slot = scope_add(b->arena, scope, name.text, name.span);
    }
    slot->kind = SLOT_DATUM;
    slot->datum = value;
    slot->hidden_by_scan = false;
}

Datum evaluate_values(Builder *b, const Argument *values) {
    if (!values) return NONE;
    if (!values->next) return evaluate(b, values->value);
    VECTOR(Datum) items = {0};
    for (const Argument *value = values; value; value = value->next)
        vector_push(b->arena, &items, evaluate(b, value->value));
    return list_create(b, DATUM_TUPLE, items.items, items.count, values->span);
}

static int target_count(const Target *targets) {
    int count = 0;
    for (; targets; targets = targets->next) count++;
    return count;
}

static void poison_names(Builder *b, const Target *targets) {
    for (; targets; targets = targets->next) assign_name(b, targets->name, POISON);
}

static void run_assign(Builder *b, const Statement *statement) {
    int count = target_count(statement->targets);
    Datum value = evaluate_values(b, statement->values);
    if (count == 1) {
        assign_name(b, statement->targets->name, value);
        return;
    }
    bool is_list = value.kind == DATUM_TUPLE || value.kind == DATUM_LIST;
    if (!is_list || value.items->count != count) {
        if (value.kind != DATUM_POISON)
            build_error(b, E0223, statement->span, "%d names on the left, %d value%s on the right", count,
                        is_list ? value.items->count : 1, is_list && value.items->count != 1 ? "s" : "");
        poison_names(b, statement->targets);
        return;
    }
    int i = 0;
    for (const Target *target = statement->targets; target; target = target->next)
        assign_name(b, target->name, value.items->items[i++]);
}

static void run_declare(Builder *b, const Statement *statement) {
    const Name name = statement->targets->name;
    Datum value = evaluate_values(b, statement->values);
    Span span =
        statement->values && statement->values->value ? statement->values->value->span : statement->span;
    type_bind_dims(b, statement->type, value);
    assign_name(b, name,
                type_match(b, statement->type, value, true, span, arena_printf(b->arena, "'%s'", name.text)));
}

/* ---- Control ---- */

void poison_targets(Builder *b, const Statement *statements) {
    for (const Statement *statement = statements; statement; statement = statement->next) {
        poison_names(b, statement->targets);
        poison_names(b, statement->results);
        for (const Argument *carry = statement->carries; carry; carry = carry->next)
            assign_name(b, carry->name, POISON);
        if (statement->kind == STATEMENT_RETURN) {
            b->frame->returned = true;
            b->frame->result = POISON;
        }
        if (statement->kind == STATEMENT_YIELD && b->region) b->region->yield_failed = true;
        if (statement->kind == STATEMENT_SCAN) continue; /* its body's names end with it */
        poison_targets(b, statement->body);
        poison_targets(b, statement->otherwise);
    }
}

static void run_if(Builder *b, const Statement *statement) {
    Datum condition = evaluate(b, statement->condition);
    if (condition.kind == DATUM_BOOL) {
        run_statements(b, condition.truth ? statement->body : statement->otherwise);
        return;
    }
    if (condition.kind == DATUM_TENSOR) {
        Diagnostic *error = build_error(b, E0210, statement->condition->span,
                                        "an if decides at compile time, but the condition is computed: %s",
                                        datum_type_text(b->arena, condition));
        diagnostic_note(error, (Span){0}, "choose between values with  c ? a : b  or where(c, a, b)");
    } else if (condition.kind != DATUM_POISON) {
        build_error(b, E0203, statement->condition->span, "the condition must be true or false, found %s",
                    datum_type_text(b->arena, condition));
    }
    poison_targets(b, statement->body);
    poison_targets(b, statement->otherwise);
}

bool loop_bounds(Builder *b, const Expression *low, const Expression *high, int64_t *out_low,
                 int64_t *out_high) {
    Datum from = evaluate(b, low), to = evaluate(b, high);
    if (from.kind == DATUM_POISON || to.kind == DATUM_POISON) return false;
    if (from.kind == DATUM_EXTENT || to.kind == DATUM_EXTENT) {
        Diagnostic *error = build_error(b, E0210, span_join(low->span, high->span),
                                        "a loop is unrolled, so its bounds must be known at compile time");
        diagnostic_note(error, (Span){0}, "loop over a dim with  scan (i in 0..T; ...) { ... }");
        return false;
    }
    if (!datum_to_integer(b, from, low->span, "a bound of the loop", out_low) ||
        !datum_to_integer(b, to, high->span, "a bound of the loop", out_high))
        return false;
    int limit = b->options->loop_max ? b->options->loop_max : 65536;
    if (*out_low < *out_high && (uint64_t)*out_high - (uint64_t)*out_low > (uint64_t)limit) {
        build_error(b, E0212, span_join(low->span, high->span), "the loop has more than %d trips", limit);
        return false;
    }
    return true;
}

static void run_for(Builder *b, const Statement *statement) {
    int64_t low, high;
    if (!loop_bounds(b, statement->low, statement->high, &low, &high)) {
        poison_targets(b, statement->body);
        return;
    }
    int errors = diagnostics_error_count(b->diagnostics);
    for (int64_t i = low; i < high && !b->frame->returned && build_work(b, statement->span); i++) {
        assign_name(b, statement->variable, datum_integer(i));
        run_statements(b, statement->body);
        /* Further trips would repeat the error. */
        if (diagnostics_error_count(b->diagnostics) == errors) continue;
        poison_targets(b, statement->body);
        return;
    }
}

static void run_return(Builder *b, const Statement *statement) {
    if (b->region != b->frame->region) {
        build_error(b, E0214, statement->span,
                    "a scan cannot be left by return; end it with until, and return after it");
        b->frame->returned = true;
        b->frame->result = POISON;
        return;
    }
    Datum result = evaluate_values(b, statement->values);
    const Argument *values = statement->values;
    b->frame->result_span = values && !values->next && values->value ? values->value->span : statement->span;
    b->frame->result = result;
    b->frame->returned = true;
}

static void run_yield(Builder *b, const Statement *statement) {
    Datum values = evaluate_values(b, statement->values);
    if (!b->region || !b->region->is_scan || b->region == b->frame->region) {
        build_error(b, E0214, statement->span, "yield stands in the body of a scan only");
        return;
    }
    if (!b->region->yield_span.file) b->region->yield_span = statement->span;
    bool is_tuple = values.kind == DATUM_TUPLE;
    for (int i = 0; i < (is_tuple ? values.items->count : 1); i++) {
        Value *value = datum_to_tensor(b, is_tuple ? values.items->items[i] : values, DTYPE_NONE,
                                       statement->span, "a yield");
        if (!value) b->region->yield_failed = true;
        vector_push(b->arena, &b->region->yields, value);
    }
}

void run_statements(Builder *b, const Statement *statements) {
    if (!statements || !nesting_enter(b, statements->span)) return;
    for (const Statement *statement = statements; statement && !b->frame->returned && !b->stopped;
         statement = statement->next) {
        switch (statement->kind) {
        case STATEMENT_ASSIGN: run_assign(b, statement); break;
        case STATEMENT_DECLARE: run_declare(b, statement); break;
        case STATEMENT_RETURN: run_return(b, statement); break;
        case STATEMENT_YIELD: run_yield(b, statement); break;
        case STATEMENT_IF: run_if(b, statement); break;
        case STATEMENT_FOR: run_for(b, statement); break;
        case STATEMENT_SCAN: run_scan(b, statement); break;
        }
    }
    b->nesting--;
}
