#include "frontend/lang/builder_internal.h"

#include <string.h>

enum { CALL_DEPTH_PER_LAYER = 4 };

void frame_push(Builder *b, Frame *frame, Scope *scope, Span call_span) {
    frame->outer = b->frame;
    frame->scope = scope;
    frame->call_span = call_span;
    frame->region = b->region;
    frame->depth = b->frame ? b->frame->depth + 1 : 0;
    b->frame = frame;
}

void frame_pop(Builder *b) { b->frame = b->frame->outer; }

/* ---- Arguments ---- */

/* PyTorch's names where they differ. */
static const char *tenon_name(const char *torch) {
    static const struct {
        const char *torch, *ours;
    } names[] = {
        {"dim", "axis"},           {"dims", "axis"}, {"keepdim", "keepdims"}, {"start_dim", "start_axis"},
        {"end_dim", "end_axis"},   {"input", "x"},   {"axes", "axis"},        {"tensors", "values"},
        {"kernel", "kernel_size"}, {"p", "p"},       {"pad", "padding"},      {"strides", "stride"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i].torch, torch) == 0) return names[i].ours;
    return NULL;
}

static void complain_argument(Builder *b, const CallArgument *argument, const char *callee,
                              const char *const *formals, int count) {
    Diagnostic *error =
        build_error(b, E0202, argument->name.span, "%s takes no argument '%s'", callee, argument->name.text);
    const char *ours = tenon_name(argument->name.text);
    for (int i = 0; ours && i < count; i++) {
        if (strcmp(formals[i], ours) != 0) continue;
        diagnostic_note(error, (Span){0}, "did you mean '%s'?", ours);
        diagnostic_fix(error, argument->name.span, "%s", ours);
        return;
    }
    Text text = {0};
    for (int i = 0; i < count; i++) text_printf(&text, "%s%s", i ? ", " : "", formals[i]);
    if (count) diagnostic_note(error, (Span){0}, "its arguments are: %s", text.bytes);
    text_deinit(&text);
    note_nearest(b, error, argument->name.span, argument->name.text, formals, count);
}

bool arguments_assign(Builder *b, const Call *call, const char *callee, const char *const *formals, int count,
                      const CallArgument **out) {
    int next = 0;
    bool good = true;
    for (int i = 0; i < call->count; i++) {
        const CallArgument *argument = &call->arguments[i];
        int at = next;
        if (argument->name.text)
            for (at = 0; at < count && strcmp(formals[at], argument->name.text) != 0;) at++;
        else
            next++;
        if (at >= count && argument->name.text) {
            complain_argument(b, argument, callee, formals, count);
        } else if (at >= count) {
            build_error(b, E0202, argument->span, "%s takes %d argument%s, found %d", callee, count,
                        count == 1 ? "" : "s", call->count);
            return false;
        } else if (out[at]) {
            build_error(b, E0202, argument->span, "%s gets '%s' twice", callee, formals[at]);
        } else {
            out[at] = argument;
            continue;
        }
        good = false;
    }
    return good;
}

static bool formal_fill(Builder *b, const Formal *formal, const CallArgument *argument, const char *callee,
                        const Call *call, Scope *scope) {
    Datum datum = POISON;
    if (argument) {
        datum = argument->value;
    } else if (formal->initial) {
        datum = evaluate(b, formal->initial);
    } else {
        Diagnostic *error =
            build_error(b, E0202, call->span, "%s lacks the argument '%s'", callee, formal->name.text);
        diagnostic_note(error, formal->name.span, "declared here");
    }
    if (strcmp(formal->name.text, "_") == 0) return true;
    Slot *taken = scope_find_here(scope, formal->name.text);
    if (taken) {
        Diagnostic *error =
            build_error(b, E0205, formal->name.span, "two arguments are named '%s'", formal->name.text);
        diagnostic_note(error, taken->span, "the first one");
        return false;
    }
    scope_add_datum(b->arena, scope, formal->name.text, formal->name.span, datum);
    return argument || formal->initial;
}

/* First every dim that a type names alone is bound, then all types are checked. */
static bool formals_check(Builder *b, const Formal *formals, const CallArgument *const *given, Scope *scope) {
    bool good = true;
    for (const Formal *formal = formals; formal; formal = formal->next) {
        const Slot *slot = scope_find_here(scope, formal->name.text);
        if (slot) type_bind_dims(b, formal->type, slot->datum);
    }
    int i = 0;
    for (const Formal *formal = formals; formal; formal = formal->next, i++) {
        Slot *slot = scope_find_here(scope, formal->name.text);
        if (!slot || !formal->type || (slot->datum.kind == DATUM_NONE && formal->initial)) continue;
        Span span = given[i] ? given[i]->span : formal->name.span;
        const char *what = arena_printf(b->arena, "argument '%s'", formal->name.text);
        bool was_good = slot->datum.kind != DATUM_POISON;
        slot->datum = type_match(b, formal->type, slot->datum, false, span, what);
        if (was_good && slot->datum.kind == DATUM_POISON) good = false;
    }
    return good;
}

bool bind_formals(Builder *b, const Formal *formals, const char *callee, const Call *call, Scope *scope) {
    int count = 0;
    for (const Formal *formal = formals; formal; formal = formal->next) count++;
    const char **names = NEW_ARRAY(b->arena, const char *, count + 1);
    const CallArgument **given = NEW_ARRAY(b->arena, const CallArgument *, count + 1);
    int i = 0;
    for (const Formal *formal = formals; formal; formal = formal->next) names[i++] = formal->name.text;
    bool good = arguments_assign(b, call, callee, names, count, given);
    i = 0;
    for (const Formal *formal = formals; formal && good; formal = formal->next, i++)
        good = formal_fill(b, formal, given[i], callee, call, scope);
    return good && formals_check(b, formals, given, scope);
}

/* ---- Results ---- */

static Datum check_results(Builder *b, const Function *function, Datum result) {
    if (!function->results || result.kind == DATUM_POISON) return result;
    int declared = 0;
    for (const ResultSyntax *r = function->results; r; r = r->next) declared++;
    int found = result.kind == DATUM_TUPLE ? result.items->count : result.kind == DATUM_NONE ? 0 : 1;
    if (declared == 1 && result.kind != DATUM_TUPLE && result.kind != DATUM_NONE) {
        type_bind_dims(b, function->results->type, result);
        return type_match(b, function->results->type, result, false, b->frame->result_span, "the result");
    }
    if (found != declared)
        return build_fail(b, E0204, found ? b->frame->result_span : function->name.span,
                          "'%s' is declared with %d result%s and returns %d", function->name.text, declared,
                          declared == 1 ? "" : "s", found);
    Datum *items = NEW_ARRAY(b->arena, Datum, declared + 1);
    int i = 0;
    for (const ResultSyntax *r = function->results; r; r = r->next, i++)
        type_bind_dims(b, r->type, result.items->items[i]);
    i = 0;
    for (const ResultSyntax *r = function->results; r; r = r->next, i++)
        items[i] = type_match(b, r->type, result.items->items[i], false, b->frame->result_span,
                              arena_printf(b->arena, "result %d", i + 1));
    return datum_list(b->arena, DATUM_TUPLE, items, declared);
}

/* ---- Calls ---- */

static bool too_deep(Builder *b, const Function *function, Span span) {
    int limit = (b->options->depth_max ? b->options->depth_max : 64) * CALL_DEPTH_PER_LAYER;
    if (b->frame && b->frame->depth < limit) return false;
    bool recursive = false;
    for (const Frame *frame = b->frame; frame; frame = frame->outer) recursive |= frame->function == function;
    build_stop(b, E0213, span,
               recursive ? "'%s' calls itself without end (%d calls deep)"
                         : "the call of '%s' is more than %d calls deep",
               function->name.text, limit);
    return true;
}

Datum call_closure(Builder *b, const Closure *closure, const Call *call) {
    const Function *function = closure->function;
    if (!build_work(b, call->span) || too_deep(b, function, call->span)) return POISON;
    const char *path = b->path;
    Span user_span = b->user_span;
    if (closure->unit->library && !is_library_place(call->span)) b->user_span = call->span;
    if (closure->instance) b->path = closure->instance->path;
    Frame frame = {
        .function = function, .instance = closure->instance, .is_entry = function->kind == FUNCTION_ENTRY};
    Scope *scope = scope_create(b->arena, SCOPE_FUNCTION, closure->scope);
    frame_push(b, &frame, scope, call->span);
    const char *callee = function->kind == FUNCTION_FORWARD
                             ? arena_printf(b->arena, "layer '%s'", closure->instance->path)
                             : arena_printf(b->arena, "'%s'", function->name.text);
    Datum result = POISON;
    if (bind_formals(b, function->formals, callee, call, scope)) {
        run_statements(b, function->body);
        result = check_results(b, function, frame.returned ? frame.result : NONE);
    }
    frame_pop(b);
    b->path = path;
    b->user_span = user_span;
    return b->stopped ? POISON : result;
}

static Datum call_sequence(Builder *b, Instance *instance, const Call *call) {
    Datum value = POISON;
    if (call->count == 1 && !call->arguments[0].name.text)
        value = call->arguments[0].value;
    else
        build_error(b, E0202, call->span, "a Sequential takes one argument, found %d", call->count);
    for (int i = 0; i < instance->child_count && value.kind != DATUM_POISON; i++) {
        CallArgument argument = {.value = value, .span = call->span};
        Call inner = {.span = call->span, .count = 1, .arguments = &argument};
        value = call_datum(b, instance->children[i], &inner, call->span);
    }
    return value;
}

Datum call_instance(Builder *b, Instance *instance, const Call *call) {
    if (!instance->block) {
        const char *path = b->path;
        b->path = instance->path;
        Datum result = call_sequence(b, instance, call);
        b->path = path;
        return result;
    }
    Slot *slot = scope_find_here(instance->scope, "forward");
    if (slot && slot->datum.kind == DATUM_FUNCTION) return call_closure(b, slot->datum.closure, call);
    Diagnostic *error =
        build_error(b, E0226, call->span, "block %s has no forward, so its layers cannot be called",
                    instance->block->item->name.text);
    diagnostic_note(error, instance->block->item->name.span,
                    "declared here; its functions are called by name: %s.f(x)", instance->path);
    return POISON;
}

Datum call_datum(Builder *b, Datum callee, const Call *call, Span callee_span) {
    switch (callee.kind) {
    case DATUM_POISON: return POISON;
    case DATUM_LAYER: return call_instance(b, callee.layer, call);
    case DATUM_FUNCTION: return call_closure(b, callee.closure, call);
    case DATUM_BUILTIN: return call_builtin(b, callee.builtin, call);
    case DATUM_BLOCK: return spec_create(b, callee.block, call);
    case DATUM_SPEC:
        return build_fail(b, E0226, callee_span,
                          "a layer is declared before it is called: layer name = ...;");
    case DATUM_LAYERS:
        return build_fail(b, E0226, callee_span, "this names %d layers; call one of them: b[i](x)",
                          callee.layers->count);
    case DATUM_DTYPE:
        return build_fail(b, E0226, callee_span, "an element type is no function; write cast(x, %s)",
                          dtype_text(callee.dtype));
    default:
        return build_fail(b, E0226, callee_span, "%s cannot be called", datum_type_text(b->arena, callee));
    }
}
