#include "frontend/lang/builder_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { FORMALS_MAX = 12 };

const Builtin *builtin_find(const char *name) {
    for (int i = 0; builtin_tables[i]; i++)
        for (const Builtin *row = builtin_tables[i]; row->name; row++)
            if (strcmp(row->name, name) == 0) return row;
    return NULL;
}

int builtin_names(const char **names, int capacity) {
    int count = 0;
    for (int i = 0; builtin_tables[i]; i++)
        for (const Builtin *row = builtin_tables[i]; row->name && count < capacity; row++)
            names[count++] = row->name;
    return count;
}

/* ---- The table's formals ---- */

typedef struct Signature {
    int count;
    const char *names[FORMALS_MAX];
    const char *defaults[FORMALS_MAX]; /* NULL: required */
    int rest;                          /* the formal "xs..."; -1: none */
} Signature;

/* "x, axis=-1, values..." */
static Signature signature_read(Arena *arena, const char *text) {
    Signature signature = {.rest = -1};
    while (*text && signature.count < FORMALS_MAX) {
        size_t length = strcspn(text, ",");
        char *part = arena_strndup(arena, text, length);
        char *initial = strchr(part, '='), *dots = strstr(part, "...");
        if (initial) *initial++ = 0;
        if (dots) {
            *dots = 0;
            signature.rest = signature.count;
        }
        signature.names[signature.count] = part;
        signature.defaults[signature.count++] = initial;
        text += length;
        while (*text == ',' || *text == ' ') text++;
    }
    return signature;
}

static Datum default_value(const char *text) {
    if (strcmp(text, "none") == 0) return NONE;
    if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0) return datum_bool(text[0] == 't');
    if (isalpha((unsigned char)text[0])) return datum_string(text);
    if (strpbrk(text, ".e")) return datum_float(strtod(text, NULL));
    return datum_integer(strtoll(text, NULL, 10));
}

/* Positional arguments from the rest formal on are put aside. */
static Call split_rest(BuiltinCall *call, const Signature *signature, const Call *given) {
    Builder *b = call->b;
    Call named = {.span = given->span, .arguments = NEW_ARRAY(b->arena, CallArgument, given->count + 1)};
    call->rest = NEW_ARRAY(b->arena, Datum, given->count + 1);
    call->rest_spans = NEW_ARRAY(b->arena, Span, given->count + 1);
    int position = 0;
    for (int i = 0; i < given->count; i++) {
        const CallArgument *argument = &given->arguments[i];
        if (argument->name.text || position++ < signature->rest || signature->rest < 0) {
            named.arguments[named.count++] = *argument;
        } else {
            call->rest_spans[call->rest_count] = argument->span;
            call->rest[call->rest_count++] = argument->value;
        }
    }
    return named;
}

Datum call_builtin(Builder *b, const Builtin *builtin, const Call *given) {
    Signature signature = signature_read(b->arena, builtin->formals);
    const char *callee = arena_printf(b->arena, "'%s'", builtin->name);
    BuiltinCall call = {.b = b, .builtin = builtin, .span = given->span};
    const CallArgument *assigned[FORMALS_MAX] = {0};
    Datum values[FORMALS_MAX];
    Span spans[FORMALS_MAX];
    Call named = split_rest(&call, &signature, given);
    if (!build_work(b, given->span) ||
        !arguments_assign(b, &named, callee, signature.names, signature.count, assigned))
        return POISON;
    for (int i = 0; i < signature.count; i++) {
        values[i] = NONE;
        spans[i] = assigned[i] ? assigned[i]->span : given->span;
        if (assigned[i])
            values[i] = assigned[i]->value;
        else if (signature.defaults[i])
            values[i] = default_value(signature.defaults[i]);
        else if (i != signature.rest)
            return build_fail(b, E0202, given->span, "%s lacks the argument '%s'", callee,
                              signature.names[i]);
        if (values[i].kind == DATUM_POISON) return POISON;
    }
    for (int i = 0; i < call.rest_count; i++)
        if (call.rest[i].kind == DATUM_POISON) return POISON;
    call.values = values;
    call.spans = spans;
    return builtin->call(&call);
}

/* ---- Reading arguments ---- */

const char *builtin_formal(BuiltinCall *call, int index) {
    Signature signature = signature_read(call->b->arena, call->builtin->formals);
    return arena_printf(call->b->arena, "'%s' of %s", signature.names[index], call->builtin->name);
}

Value *builtin_tensor(BuiltinCall *call, int index) {
    return datum_to_tensor(call->b, call->values[index], DTYPE_NONE, call->spans[index],
                           builtin_formal(call, index));
}

bool builtin_optional_tensor(BuiltinCall *call, int index, DType dtype, Value **out) {
    Datum datum = call->values[index];
    *out = NULL;
    if (datum.kind == DATUM_NONE || (datum.kind == DATUM_BOOL && !datum.truth)) return true;
    *out = datum_to_tensor(call->b, datum, dtype, call->spans[index], builtin_formal(call, index));
    return *out != NULL;
}

bool builtin_integer(BuiltinCall *call, int index, int64_t *out) {
    return datum_to_integer(call->b, call->values[index], call->spans[index], builtin_formal(call, index),
                            out);
}

bool builtin_bool(BuiltinCall *call, int index, bool *out) {
    return datum_to_bool(call->b, call->values[index], call->spans[index], builtin_formal(call, index), out);
}

bool builtin_float(BuiltinCall *call, int index, double *out) {
    return datum_to_float(call->b, call->values[index], call->spans[index], builtin_formal(call, index), out);
}

bool builtin_string(BuiltinCall *call, int index, const char **out) {
    Datum datum = call->values[index];
    if (datum.kind == DATUM_STRING) {
        *out = datum.string;
        return true;
    }
    build_error(call->b, E0203, call->spans[index], "%s must be a string, found %s",
                builtin_formal(call, index), datum_type_text(call->b->arena, datum));
    return false;
}

bool builtin_dtype(BuiltinCall *call, int index, DType *out) {
    Datum datum = call->values[index];
    if (datum.kind == DATUM_STRING)
        *out = dtype_from_text(datum.string, strlen(datum.string));
    else
        *out = datum.kind == DATUM_DTYPE ? datum.dtype : DTYPE_NONE;
    if (*out != DTYPE_NONE) return true;
    build_error(call->b, E0203, call->spans[index], "%s must be an element type such as f32, found %s",
                builtin_formal(call, index), datum_type_text(call->b->arena, datum));
    return false;
}

static bool axis_in(BuiltinCall *call, int index, int64_t axis, int rank, int *out) {
    int64_t from_start = axis < 0 ? axis + rank : axis;
    if (from_start < 0 || from_start >= rank) {
        build_error(call->b, E0211, call->spans[index], "%s is %lld, but there %s %d ax%s",
                    builtin_formal(call, index), (long long)axis, rank == 1 ? "is" : "are", rank,
                    rank == 1 ? "is" : "es");
        return false;
    }
    *out = (int)from_start;
    return true;
}

bool builtin_axis(BuiltinCall *call, int index, int rank, int *out) {
    int64_t axis;
    return builtin_integer(call, index, &axis) && axis_in(call, index, axis, rank, out);
}

int builtin_axes(BuiltinCall *call, int index, int rank, int64_t *out) {
    int64_t given[2 * RANK_MAX];
    bool chosen[RANK_MAX] = {false};
    int count = rank;
    if (call->values[index].kind == DATUM_NONE) {
        for (int i = 0; i < rank; i++) chosen[i] = true;
    } else {
        count = datum_to_integers(call->b, call->values[index], -1, call->spans[index],
                                  builtin_formal(call, index), given);
        for (int i = 0; i < count; i++) {
            int axis;
            if (!axis_in(call, index, given[i], rank, &axis)) return -1;
            if (chosen[axis]) {
                build_error(call->b, E0211, call->spans[index], "%s names axis %d twice",
                            builtin_formal(call, index), axis);
                return -1;
            }
            chosen[axis] = true;
        }
    }
    if (count < 0) return -1;
    int found = 0;
    for (int i = 0; i < rank; i++)
        if (chosen[i]) out[found++] = i;
    return found;
}
