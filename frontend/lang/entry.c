#include "frontend/lang/builder_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- Names in the header ---- */

static bool is_c_word(const char *name) {
    static const char *const words[] = {"alignas",
                                        "alignof",
                                        "and",
                                        "and_eq",
                                        "asm",
                                        "auto",
                                        "bitand",
                                        "bitor",
                                        "bool",
                                        "break",
                                        "case",
                                        "catch",
                                        "char",
                                        "char16_t",
                                        "char32_t",
                                        "char8_t",
                                        "class",
                                        "co_await",
                                        "co_return",
                                        "co_yield",
                                        "compl",
                                        "concept",
                                        "const",
                                        "const_cast",
                                        "consteval",
                                        "constexpr",
                                        "constinit",
                                        "continue",
                                        "decltype",
                                        "default",
                                        "delete",
                                        "do",
                                        "double",
                                        "dynamic_cast",
                                        "else",
                                        "enum",
                                        "explicit",
                                        "export",
                                        "extern",
                                        "false",
                                        "float",
                                        "for",
                                        "friend",
                                        "goto",
                                        "if",
                                        "inline",
                                        "int",
                                        "long",
                                        "mutable",
                                        "namespace",
                                        "new",
                                        "noexcept",
                                        "not",
                                        "not_eq",
                                        "nullptr",
                                        "operator",
                                        "or",
                                        "or_eq",
                                        "private",
                                        "protected",
                                        "public",
                                        "register",
                                        "reinterpret_cast",
                                        "requires",
                                        "restrict",
                                        "return",
                                        "short",
                                        "signed",
                                        "sizeof",
                                        "static",
                                        "static_assert",
                                        "static_cast",
                                        "struct",
                                        "switch",
                                        "template",
                                        "this",
                                        "thread_local",
                                        "throw",
                                        "true",
                                        "try",
                                        "typedef",
                                        "typeid",
                                        "typename",
                                        "typeof",
                                        "union",
                                        "unsigned",
                                        "using",
                                        "virtual",
                                        "void",
                                        "volatile",
                                        "wchar_t",
                                        "while",
                                        "xor",
                                        "xor_eq",
                                        "NULL",
                                        "offsetof",
                                        "errno",
                                        "int8_t",
                                        "int16_t",
                                        "int32_t",
                                        "int64_t",
                                        "uint8_t",
                                        "uint16_t",
                                        "uint32_t",
                                        "uint64_t",
                                        "size_t",
                                        "ptrdiff_t"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i], name) == 0) return true;
    return strncmp(name, "tenon_", 6) == 0 || strncmp(name, "TENON_", 6) == 0 ||
           (name[0] == '_' && (name[1] == '_' || isupper((unsigned char)name[1])));
}

static void check_c_name(Builder *b, const char *name, Span span, const char *what) {
    static const char *const taken[] = {"workspace", "state", "executor"};
    bool is_taken = false;
    for (size_t i = 0; i < sizeof taken / sizeof *taken; i++) is_taken |= strcmp(taken[i], name) == 0;
    if (!is_taken && !is_c_word(name)) return;
    Diagnostic *error = build_error(b, E0222, span, "%s cannot be called '%s'", what, name);
    diagnostic_note(error, (Span){0},
                    is_taken ? "the generated function has an argument of that name"
                             : "the name is reserved in C or C++, where the header is used");
}

/* Arguments of the generated function share one scope. */
static void check_distinct(Builder *b, const Entry *entry) {
    VECTOR(const char *) names = {0};
    for (int i = 0; i < entry->dim_count; i++) vector_push(b->arena, &names, entry->dims[i]->name);
    for (int i = 0; i < entry->input_count; i++) vector_push(b->arena, &names, entry->input_names[i]);
    for (int i = 0; i < entry->output_count; i++) vector_push(b->arena, &names, entry->output_names[i]);
    for (int i = 0; i < names.count; i++)
        for (int j = 0; j < i; j++) {
            if (strcmp(names.items[i], names.items[j]) != 0) continue;
            Diagnostic *error =
                build_error(b, E0222, entry->span, "entry '%s' has two arguments named '%s' in C",
                            entry->name, names.items[i]);
            diagnostic_note(
                error, (Span){0},
                "dims, inputs and results share one scope; results are named by  -> (out: f32[..])");
            return;
        }
}

static const char *c_name(Builder *b, const char *model, const char *entry) {
    char *name = arena_printf(b->arena, "%s_%s", model, entry);
    for (size_t i = 0; i < strlen(model); i++) name[i] = (char)tolower((unsigned char)name[i]);
    return name;
}

/* Names that differ only in case would give one macro twice. */
void entries_check_names(Builder *b) {
    VECTOR(const char *) names = {0};
    VECTOR(Span) spans = {0};
    for (int i = 0; i < b->models.count; i++) {
        const Instance *model = b->models.items[i];
        static const char *const generated[] = {"info", "reset"};
        for (size_t j = 0; j < sizeof generated / sizeof *generated; j++) {
            vector_push(b->arena, &names, c_name(b, model->model, generated[j]));
            vector_push(b->arena, &spans, model->span);
        }
    }
    for (int i = 0; i < b->module->entries.count; i++) {
        const Entry *entry = b->module->entries.items[i];
        vector_push(b->arena, &names, c_name(b, entry->model, entry->name));
        vector_push(b->arena, &spans, entry->span);
    }
    for (int i = 0; i < names.count; i++)
        for (int j = 0; j < i; j++) {
            if (strcasecmp(names.items[i], names.items[j]) != 0) continue;
            Diagnostic *error =
                build_error(b, E0222, spans.items[i], "the C function %s would exist twice", names.items[i]);
            diagnostic_note(error, spans.items[j],
                            "the other one; case does not tell them apart, and _info and _reset are taken");
            break;
        }
}

/* ---- Signature ---- */

static bool add_input(Builder *b, Entry *entry, const Formal *formal, Scope *scope) {
    Type type;
    check_c_name(b, formal->name.text, formal->name.span, "an input");
    if (formal->initial) build_error(b, E0222, formal->initial->span, "an input of an entry has no default");
    if (!formal->type) {
        build_error(b, E0222, formal->name.span, "an input of an entry needs a type, such as %s: f32[N, 4]",
                    formal->name.text);
        return false;
    }
    if (!type_evaluate(b, formal->type, &type)) return false;
    if (scope_find_here(scope, formal->name.text)) {
        build_error(b, E0205, formal->name.span, "two inputs are named '%s'", formal->name.text);
        return false;
    }
    Value *argument = block_add_argument(b->module, entry->block, type, formal->name.text);
    scope_add_datum(b->arena, scope, formal->name.text, formal->name.span, datum_tensor(argument));
    entry->input_names[entry->input_count++] = formal->name.text;
    return true;
}

static bool entry_signature(Builder *b, Entry *entry, const Function *function, Scope *scope) {
    int count = 0;
    for (const Formal *formal = function->formals; formal; formal = formal->next) count++;
    entry->input_names = NEW_ARRAY(b->arena, const char *, count + 1);
    bool good = true;
    for (const Formal *formal = function->formals; formal; formal = formal->next)
        good &= add_input(b, entry, formal, scope);
    /* Dims that only the results mention are arguments too. */
    Type type;
    for (const ResultSyntax *result = function->results; result; result = result->next)
        good &= type_evaluate(b, result->type, &type);
    return good;
}

/* ---- Results ---- */

static const char *output_name(Builder *b, const ResultSyntax *result, int index, int count) {
    if (result && result->name.text) {
        check_c_name(b, result->name.text, result->name.span, "a result");
        return result->name.text;
    }
    return count == 1 ? "y" : arena_printf(b->arena, "y%d", index);
}

static Value *output_value(Builder *b, const ResultSyntax *declared, Datum datum, Span span,
                           const char *what) {
    if (declared) datum = type_match(b, declared->type, datum, false, span, what);
    Value *value = datum_to_tensor(b, datum, DTYPE_NONE, span, what);
    Type type;
    /* An extent that only the run can prove equal is the declared one for the caller. */
    if (value && declared && type_evaluate(b, declared->type, &type))
        value = emit_reshape(b, value, type.dims, type.rank, span);
    return value;
}

static bool entry_outputs(Builder *b, Entry *entry, const Function *function, Datum result, Value **outputs) {
    int count = entry->output_count, declared = 0;
    for (const ResultSyntax *r = function->results; r; r = r->next) declared++;
    if (declared && declared != count) {
        build_error(b, E0204, count ? b->frame->result_span : entry->span,
                    "entry '%s' is declared with %d result%s and returns %d", entry->name, declared,
                    declared == 1 ? "" : "s", count);
        return false;
    }
    entry->output_names = NEW_ARRAY(b->arena, const char *, count + 1);
    const ResultSyntax *r = function->results;
    bool good = true;
    for (int i = 0; i < count; i++, r = r ? r->next : NULL) {
        const char *what = count == 1 ? "the result" : arena_printf(b->arena, "result %d", i + 1);
        outputs[i] = output_value(b, r, result.kind == DATUM_TUPLE ? result.items->items[i] : result,
                                  b->frame->result_span, what);
        entry->output_names[i] = output_name(b, r, i, count);
        good &= outputs[i] != NULL;
    }
    return good;
}

static void finish_block(Builder *b, Entry *entry, const Region *region, Value **outputs) {
    int states = region->states.count;
    Value **operands = NEW_ARRAY(b->arena, Value *, entry->output_count + states + 1);
    memcpy(operands, outputs, (size_t)entry->output_count * sizeof *operands);
    entry->state_count = states;
    entry->states = NEW_ARRAY(b->arena, State *, states + 1);
    for (int i = 0; i < states; i++) {
        entry->states[i] = region->states.items[i].state;
        operands[entry->output_count + i] = region->states.items[i].current;
    }
    op_create(b->module, entry->block, OP_YIELD, operands, entry->output_count + states, entry->span, NULL);
}

static int dim_order(const void *left, const void *right) {
    const Dim *a = *(Dim *const *)left, *b = *(Dim *const *)right;
    if (a->span.file != b->span.file) return strcmp(a->name, b->name);
    return a->span.start < b->span.start ? -1 : a->span.start > b->span.start;
}

void dims_sort(Dim **dims, int count) {
    if (count > 1) qsort(dims, (size_t)count, sizeof *dims, dim_order);
}

static bool entry_results(Builder *b, Entry *entry, const Function *function, Frame *frame,
                          const Region *region) {
    Datum result = frame->returned ? frame->result : NONE;
    if (result.kind == DATUM_POISON || b->stopped) return false;
    entry->output_count = result.kind == DATUM_TUPLE  ? result.items->count
                          : result.kind == DATUM_NONE ? 0
                                                      : 1;
    if (entry->output_count + region->states.count > op_infos[OP_YIELD].operands_max) {
        build_error(b, E0212, entry->span, "entry '%s' has more than %d results and states", entry->name,
                    op_infos[OP_YIELD].operands_max);
        return false;
    }
    bool writes = false;
    for (int i = 0; i < region->states.count; i++) writes |= region->states.items[i].written;
    if (!entry->output_count && !function->results && !writes) {
        build_error(b, E0222, entry->span, "entry '%s' returns nothing and writes no state", entry->name);
        return false;
    }
    Value **outputs = NEW_ARRAY(b->arena, Value *, entry->output_count + 1);
    if (!entry_outputs(b, entry, function, result, outputs)) return false;
    finish_block(b, entry, region, outputs);
    dims_sort(entry->dims, entry->dim_count);
    for (int i = 0; i < entry->dim_count; i++)
        check_c_name(b, entry->dims[i]->name, entry->dims[i]->span, "a dim");
    check_distinct(b, entry);
    return true;
}

static void entry_build(Builder *b, Instance *model, const Closure *closure) {
    const Function *function = closure->function;
    Entry *entry = NEW(b->arena, Entry);
    *entry = (Entry){.model = model->model, .name = function->name.text, .span = function->name.span};
    entry->block = block_create(b->module, NULL);
    Region region = {.block = entry->block};
    Frame frame = {.function = function, .instance = model, .is_entry = true};
    Scope *scope = scope_create(b->arena, SCOPE_FUNCTION, model->scope);
    b->entry = b->module->current_entry = entry;
    b->block = entry->block;
    b->region = &region;
    b->path = "";
    b->user_span = (Span){0};
    frame_push(b, &frame, scope, entry->span);
    bool good = entry_signature(b, entry, function, scope);
    if (good) run_statements(b, function->body);
    good = good && entry_results(b, entry, function, &frame, &region);
    frame_pop(b);
    b->entry = b->module->current_entry = NULL;
    b->block = NULL;
    b->region = NULL;
    if (good) vector_push(b->arena, &b->module->entries, entry);
}

/* --entry=classify, also with the model's name before a dot. */
static bool is_wanted(Builder *b, const Instance *model, const char *name) {
    const char *full = arena_printf(b->arena, "%s.%s", model->model, name);
    for (int i = 0; i < b->options->entry_count; i++)
        if (!strcmp(b->options->entries[i], name) || !strcmp(b->options->entries[i], full)) return true;
    return b->options->entry_count == 0;
}

void entries_build(Builder *b, Instance *model) {
    int found = 0;
    for (int i = 0; i < model->scope->slots.count && !b->stopped; i++) {
        const Slot *slot = model->scope->slots.items[i];
        bool is_entry = slot->kind == SLOT_DATUM && slot->datum.kind == DATUM_FUNCTION &&
                        slot->datum.closure->function->kind == FUNCTION_ENTRY;
        found += is_entry;
        if (is_entry && is_wanted(b, model, slot->name)) entry_build(b, model, slot->datum.closure);
    }
    if (!found)
        build_error(b, E0222, model->span,
                    "model %s has no entry; write  entry name(x: f32[..]) -> f32[..] { ... }", model->model);
}
