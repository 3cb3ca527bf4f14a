#include "frontend/lang/builder_internal.h"

#include <string.h>

/* The state's use in |region|. A scan that touches a state carries it; an entry takes it as an argument. */
StateUse *region_state(Builder *b, Region *region, State *state) {
    for (int i = 0; i < region->states.count; i++)
        if (region->states.items[i].state == state) return &region->states.items[i];
    if (region->outer) region_state(b, region->outer, state);
    Value *argument = block_add_argument(b->module, region->block, state->type, state->name);
    vector_push(b->arena, &region->states, ((StateUse){state, argument, argument, false}));
    return &region->states.items[region->states.count - 1];
}

static bool region_exists(Builder *b, const State *state, Span span) {
    if (b->region) return true;
    build_error(b, E0218, span, "state '%s' has a value only while an entry runs", state->name);
    return false;
}

Datum state_read(Builder *b, State *state, Span span) {
    return region_exists(b, state, span) ? datum_tensor(region_state(b, b->region, state)->current) : POISON;
}

void state_write(Builder *b, State *state, Datum value, Span span) {
    if (!region_exists(b, state, span)) return;
    StateUse *use = region_state(b, b->region, state);
    use->written = true;
    Value *tensor = datum_to_type(b, value, &state->type, true, span, state->name);
    if (!tensor) return;
    bool same = tensor->type.dtype == state->type.dtype && tensor->type.rank == state->type.rank;
    for (int i = 0; same && i < state->type.rank; i++)
        same = infer_dims_equal(b->module, tensor->type.dims[i], state->type.dims[i], user_place(b, span));
    if (same) {
        /* An extent that only the run can prove equal takes the state's. */
        use = region_state(b, b->region, state);
        use->current = emit_reshape(b, tensor, state->type.dims, state->type.rank, span);
        if (!use->current) use->current = use->argument;
        return;
    }
    Diagnostic *error = build_error(b, E0218, span, "state '%s' is %s and cannot become %s", state->name,
                                    type_text(b->arena, &state->type), type_text(b->arena, &tensor->type));
    diagnostic_note(error, state->span, "declared here; a state keeps its type");
}

/* ---- Declaration ---- */

static bool state_type(Builder *b, const Member *member, Type *out) {
    if (!type_evaluate(b, member->type, out)) return false;
    if (type_is_static(out)) return true;
    build_error(b, E0218, member->type->span, "the shape of a state must be constant, found %s",
                type_text(b->arena, out));
    return false;
}

static Value *state_initial(Builder *b, Instance *instance, const Member *member, const char *name) {
    RecipeMark mark = recipe_begin(b);
    Datum datum = evaluate_in(b, instance->scope, member->value);
    Frame frame = {.instance = instance};
    frame_push(b, &frame, instance->scope, member->span);
    datum = type_match(b, member->type, datum, true, member->value->span,
                       arena_printf(b->arena, "state '%s'", member->name.text));
    frame_pop(b);
    return recipe_end(b, mark, datum.kind == DATUM_TENSOR ? datum.tensor : NULL,
                      arena_printf(b->arena, "%s.initial", name), member->span);
}

void state_declare(Builder *b, Instance *instance, const Member *member) {
    Slot *slot = scope_add_datum(b->arena, instance->scope, member->name.text, member->name.span, POISON);
    const char *name = instance->path[0] ? arena_printf(b->arena, "%s.%s", instance->path, member->name.text)
                                         : member->name.text;
    Frame frame = {.instance = instance};
    frame_push(b, &frame, instance->scope, member->span);
    Type type;
    bool good = state_type(b, member, &type);
    frame_pop(b);
    Value *initial = good ? state_initial(b, instance, member, name) : NULL;
    if (!initial) return;
    State *state = NEW(b->arena, State);
    *state = (State){instance->model, name, type, initial, user_place(b, member->span)};
    vector_push(b->arena, &b->module->states, state);
    slot->kind = SLOT_STATE;
    slot->state = state;
}
