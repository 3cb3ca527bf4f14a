#include "frontend/lang/builder_internal.h"

#include <string.h>

enum { NAMES_MAX = 4096, LIST_DEPTH_MAX = 64 };

/* ---- Names ---- */

Slot *name_find(Builder *b, const char *name, Scope **out_scope) {
    Slot *slot = scope_find(b->frame->scope, name, out_scope);
    if (slot) return slot;
    if (out_scope) *out_scope = b->library;
    return library_find(b, name);
}

/* What Python writes otherwise, and layers over three axes, of which there are none. */
static bool note_foreign(Builder *b, Diagnostic *error, Name name) {
    static const char *const words[][2] = {{"True", "true"}, {"False", "false"}, {"None", "none"}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strcmp(name.text, words[i][0]) != 0) continue;
        diagnostic_fix(error, name.span, "%s", words[i][1]);
        return true;
    }
    size_t length = strlen(name.text);
    if (length < 3 || strcmp(name.text + length - 2, "3d") != 0) return false;
    const char *flat = arena_printf(b->arena, "%.*s2d", (int)length - 2, name.text);
    if (!library_find(b, flat)) return false;
    diagnostic_note(error, (Span){0}, "there are no layers over three axes; over two there is %s", flat);
    return true;
}

static Datum complain_unknown(Builder *b, Name name) {
    const char **names = NEW_ARRAY(b->arena, const char *, NAMES_MAX);
    int count = 0;
    for (const Scope *scope = b->frame->scope; scope; scope = scope->outer)
        for (int i = 0; i < scope->slots.count && count < NAMES_MAX; i++)
            names[count++] = scope->slots.items[i]->name;
    count += library_names(b, names + count, NAMES_MAX - count);
    Diagnostic *error = build_error(b, E0201, name.span, "unknown name '%s'", name.text);
    if (!note_foreign(b, error, name)) note_nearest(b, error, name.span, name.text, names, count);
    return POISON;
}

static bool holds_results(Datum datum) {
    if (datum.kind == DATUM_TENSOR) return datum.tensor->kind != VALUE_CONSTANT;
    for (int i = 0; (datum.kind == DATUM_LIST || datum.kind == DATUM_TUPLE) && i < datum.items->count; i++)
        if (holds_results(datum.items->items[i])) return true;
    return false;
}

/* A tensor that is computed from constants becomes a recipe, so that every entry may use it. */
static Datum const_value(Builder *b, Slot *slot, Scope *scope) {
    if (slot->evaluating)
        return build_fail(b, E0208, slot->span, "constant '%s' is defined by itself", slot->name);
    slot->evaluating = true;
    RecipeMark mark = recipe_begin(b);
    Datum datum = evaluate_in(b, scope, slot->initial);
    Value *value =
        recipe_end(b, mark, datum.kind == DATUM_TENSOR ? datum.tensor : NULL, slot->name, slot->span);
    if (value)
        datum = datum_tensor(value);
    else if (holds_results(datum))
        datum = build_fail(b, E0203, slot->span,
                           "constant '%s' is a list of computed tensors; make it one tensor", slot->name);
    slot->evaluating = false;
    slot->kind = SLOT_DATUM;
    return slot->datum = datum;
}

Datum slot_value(Builder *b, Slot *slot, Scope *scope, Span span) {
    switch (slot->kind) {
    case SLOT_CONST: return const_value(b, slot, scope);
    case SLOT_DIM: return dim_value(b, slot->dim, span);
    case SLOT_STATE: return state_read(b, slot->state, span);
    case SLOT_DATUM: break;
    }
    if (slot->hidden_by_scan) {
        Diagnostic *warning = diagnose_warning(b->diagnostics, W0202, user_place(b, span),
                                               "'%s' has the value from before the scan here", slot->name);
        diagnostic_note(warning, (Span){0},
                        "the scan assigns a '%s' of its own; to keep its last value, carry it: "
                        "scan (...; %s = %s)",
                        slot->name, slot->name, slot->name);
        slot->hidden_by_scan = false;
    }
    return slot->datum;
}

static Datum evaluate_name(Builder *b, const Expression *expression) {
    Scope *scope;
    Slot *slot = name_find(b, expression->name.text, &scope);
    return slot ? slot_value(b, slot, scope, expression->span) : complain_unknown(b, expression->name);
}

/* ---- Members ---- */

static Datum tensor_member(Builder *b, const Expression *expression, Value *value) {
    const char *name = expression->name.text;
    if (strcmp(name, "T") == 0) {
        if (value->type.rank == 2)
            return datum_tensor(emit_permute(b, value, (const int64_t[]){1, 0}, expression->span));
        Diagnostic *error = build_error(b, E0203, expression->span, ".T needs a matrix, found %s",
                                        type_text(b->arena, &value->type));
        diagnostic_note(error, (Span){0},
                        "swap two axes with transpose(x, a, b), or all with permute(x, [..])");
        return POISON;
    }
    Diagnostic *error = build_error(b, E0201, expression->name.span, "a tensor has no member '%s'", name);
    if (strcmp(name, "shape") == 0 || strcmp(name, "dtype") == 0)
        diagnostic_note(error, (Span){0}, "write %s(x)", name);
    else
        diagnostic_note(error, (Span){0}, "operations are functions: %s(x), or x |> %s", name, name);
    return POISON;
}

static Datum scope_member(Builder *b, const Expression *expression, Scope *scope, const char *owner) {
    for (Scope *at = scope; at && at->kind != SCOPE_FILE; at = at->outer) {
        Slot *slot = scope_find_here(at, expression->name.text);
        if (slot) return slot_value(b, slot, at, expression->span);
    }
    if (scope && scope->kind == SCOPE_FILE) {
        Slot *slot = scope_find_here(scope, expression->name.text);
        if (slot) return slot_value(b, slot, scope, expression->span);
    }
    Diagnostic *error =
        build_error(b, E0201, expression->name.span, "%s has no '%s'", owner, expression->name.text);
    if (!scope) return POISON;
    const char **names = NEW_ARRAY(b->arena, const char *, scope->slots.count + 1);
    for (int i = 0; i < scope->slots.count; i++) names[i] = scope->slots.items[i]->name;
    note_nearest(b, error, expression->name.span, expression->name.text, names, scope->slots.count);
    return POISON;
}

static Datum evaluate_member(Builder *b, const Expression *expression) {
    Datum left = evaluate(b, expression->left);
    switch (left.kind) {
    case DATUM_POISON: return POISON;
    case DATUM_TENSOR: return tensor_member(b, expression, left.tensor);
    case DATUM_FILE:
        return scope_member(b, expression, left.unit->scope,
                            arena_printf(b->arena, "file %s", left.unit->path));
    case DATUM_LAYER:
        return scope_member(b, expression, left.layer->scope,
                            arena_printf(b->arena, "layer '%s'", left.layer->path));
    default:
        return build_fail(b, E0203, expression->span, "%s has no members", datum_type_text(b->arena, left));
    }
}

/* ---- Lists, calls ---- */

Datum list_create(Builder *b, DatumKind kind, const Datum *items, int count, Span span) {
    Datum list = datum_list(b->arena, kind, items, count);
    if (list.items->depth <= LIST_DEPTH_MAX) return list;
    return build_fail(b, E0212, span, "lists are nested more than %d deep", LIST_DEPTH_MAX);
}

static Datum evaluate_items(Builder *b, const Expression *expression, DatumKind kind) {
    VECTOR(Datum) items = {0};
    for (const Argument *item = expression->arguments; item; item = item->next)
        vector_push(b->arena, &items, evaluate(b, item->value));
    return list_create(b, kind, items.items, items.count, expression->span);
}

/* The arguments of |callee_call|, after |first| when a pipe gives one. */
static bool evaluate_arguments(Builder *b, const Argument *arguments, const Datum *first, Span first_span,
                               Call *call) {
    VECTOR(CallArgument) list = {0};
    if (first) vector_push(b->arena, &list, ((CallArgument){.value = *first, .span = first_span}));
    for (const Argument *argument = arguments; argument; argument = argument->next) {
        if (argument->is_slice || !argument->value) {
            build_error(b, E0202, argument->span, "a slice stands in square brackets only");
            return false;
        }
        vector_push(b->arena, &list,
                    ((CallArgument){argument->name, evaluate(b, argument->value), argument->value->span}));
    }
    call->count = list.count;
    call->arguments = list.items;
    return true;
}

static Datum evaluate_call(Builder *b, const Expression *expression) {
    Datum callee = evaluate(b, expression->left);
    Call call = {.span = expression->span};
    if (!evaluate_arguments(b, expression->arguments, NULL, (Span){0}, &call)) return POISON;
    return call_datum(b, callee, &call, expression->left->span);
}

static Datum evaluate_pipe(Builder *b, const Expression *expression) {
    Datum first = evaluate(b, expression->left);
    const Expression *right = expression->right;
    bool is_call = right->kind == EXPRESSION_CALL;
    Datum callee = evaluate(b, is_call ? right->left : right);
    Call call = {.span = right->span};
    if (!evaluate_arguments(b, is_call ? right->arguments : NULL, &first, expression->left->span, &call))
        return POISON;
    return call_datum(b, callee, &call, is_call ? right->left->span : right->span);
}

static Datum evaluate_index(Builder *b, const Expression *expression) {
    Datum left = evaluate(b, expression->left);
    return left.kind == DATUM_POISON ? left : apply_subscripts(b, expression, left);
}

/* ---- Choices ---- */

static Datum select_elements(Builder *b, const Expression *expression, Value *condition) {
    Datum left = evaluate(b, expression->right), right = evaluate(b, expression->third);
    DType dtype = left.kind == DATUM_TENSOR                               ? left.tensor->type.dtype
                  : right.kind == DATUM_TENSOR                            ? right.tensor->type.dtype
                  : left.kind == DATUM_FLOAT || right.kind == DATUM_FLOAT ? DTYPE_F32
                                                                          : DTYPE_NONE;
    Value *operands[] = {condition, datum_to_tensor(b, left, dtype, expression->right->span, "a choice"),
                         datum_to_tensor(b, right, dtype, expression->third->span, "a choice")};
    return datum_tensor(emit(b, OP_WHERE, operands, 3, expression->span));
}

static Datum evaluate_conditional(Builder *b, const Expression *expression) {
    Datum condition = evaluate(b, expression->left);
    if (condition.kind == DATUM_POISON) return POISON;
    if (condition.kind == DATUM_TENSOR) return select_elements(b, expression, condition.tensor);
    bool truth;
    if (!datum_to_bool(b, condition, expression->left->span, "the condition", &truth)) return POISON;
    return evaluate(b, truth ? expression->right : expression->third);
}

/* && and || of compile-time values leave the right side alone when the left one decides. */
static Datum evaluate_binary(Builder *b, const Expression *expression) {
    Datum left = evaluate(b, expression->left);
    const Operator sign = expression->operator;
    bool is_and = sign == OPERATOR_AND, is_or = sign == OPERATOR_OR;
    if ((is_and || is_or) && left.kind == DATUM_BOOL && left.truth == is_or) return left;
    Datum right = evaluate(b, expression->right);
    return apply_binary(b, expression, left, right);
}

static Datum evaluate_kind(Builder *b, const Expression *expression) {
    switch (expression->kind) {
    case EXPRESSION_INTEGER: return datum_integer(expression->integer);
    case EXPRESSION_FLOAT: return datum_float(expression->real);
    case EXPRESSION_BOOL: return datum_bool(expression->integer != 0);
    case EXPRESSION_STRING: return datum_string(expression->string);
    case EXPRESSION_NAME: return evaluate_name(b, expression);
    case EXPRESSION_UNARY:
        return apply_unary(b, expression->operator, evaluate(b, expression->left), expression->span);
    case EXPRESSION_BINARY: return evaluate_binary(b, expression);
    case EXPRESSION_CONDITIONAL: return evaluate_conditional(b, expression);
    case EXPRESSION_PIPE: return evaluate_pipe(b, expression);
    case EXPRESSION_CALL: return evaluate_call(b, expression);
    case EXPRESSION_INDEX: return evaluate_index(b, expression);
    case EXPRESSION_MEMBER: return evaluate_member(b, expression);
    case EXPRESSION_LIST: return evaluate_items(b, expression, DATUM_LIST);
    case EXPRESSION_TUPLE: return evaluate_items(b, expression, DATUM_TUPLE);
    case EXPRESSION_TYPE: break;
    }
    return build_fail(b, E0203, expression->span,
                      "a type cannot stand here; cast(x, f32) takes an element type");
}

Datum evaluate(Builder *b, const Expression *expression) {
    if (b->stopped || !nesting_enter(b, expression->span)) return POISON;
    Datum datum = evaluate_kind(b, expression);
    b->nesting--;
    return datum;
}

Datum evaluate_in(Builder *b, Scope *scope, const Expression *expression) {
    Frame frame = {.instance = scope->instance};
    frame_push(b, &frame, scope, expression->span);
    Datum datum = evaluate(b, expression);
    frame_pop(b);
    return datum;
}
