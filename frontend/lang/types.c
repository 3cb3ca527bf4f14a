#include "frontend/lang/builder_internal.h"

#include <ctype.h>
#include <string.h>

typedef enum ScalarKind { SCALAR_NO, SCALAR_INT, SCALAR_FLOAT, SCALAR_BOOL, SCALAR_STR } ScalarKind;

static ScalarKind scalar_kind(const TypeSyntax *syntax) {
    if (syntax->rank >= 0) return SCALAR_NO;
    if (strcmp(syntax->dtype, "int") == 0) return SCALAR_INT;
    if (strcmp(syntax->dtype, "float") == 0) return SCALAR_FLOAT;
    if (strcmp(syntax->dtype, "bool") == 0) return SCALAR_BOOL;
    if (strcmp(syntax->dtype, "str") == 0) return SCALAR_STR;
    return SCALAR_NO;
}

bool type_is_tensor(const TypeSyntax *syntax) { return scalar_kind(syntax) == SCALAR_NO; }

static bool dtype_find(Builder *b, const TypeSyntax *syntax, DType *out) {
    *out = dtype_from_text(syntax->dtype, strlen(syntax->dtype));
    if (*out != DTYPE_NONE) return true;
    Diagnostic *error = build_error(b, E0201, syntax->span, "there is no type '%s'", syntax->dtype);
    const char *names[DTYPE_COUNT];
    int count = 0;
    for (int i = 1; i < DTYPE_COUNT; i++) names[count++] = dtype_text((DType)i);
    const char *near = nearest_name(syntax->dtype, names, count);
    diagnostic_note(error, (Span){0},
                    near ? "did you mean %s?"
                         : "tensors are of f32, f64, f16, bf16, i8, i16, i32, i64, u8, bool%s",
                    near ? near : "");
    return false;
}

/* One written extent; a list stands for several. */
static bool append_extents(Builder *b, const Expression *expression, Type *type) {
    int errors = diagnostics_error_count(b->diagnostics);
    Datum value = evaluate(b, expression);
    if (expression->kind == EXPRESSION_NAME && isupper((unsigned char)expression->name.text[0]) &&
        diagnostics_error_count(b->diagnostics) == errors + 1 && !name_find(b, expression->name.text, NULL))
        diagnostic_note(diagnostics_last(b->diagnostics), (Span){0},
                        "a dim is declared in the file, with its bounds: dim %s = 1..64;",
                        expression->name.text);
    bool is_list = value.kind == DATUM_LIST;
    int count = is_list ? value.items->count : 1;
    for (int i = 0; i < count; i++) {
        Datum item = is_list ? value.items->items[i] : value;
        if (item.kind == DATUM_POISON) return false;
        if (!datum_is_size(item)) {
            build_error(b, E0203, expression->span, "an extent must be an integer, found %s",
                        datum_type_text(b->arena, item));
            return false;
        }
        const Expr *extent = datum_extent_of(b, item);
        if (extent->min < 0) {
            build_error(b, E0209, expression->span, "an extent must not be negative; this one is %s%s",
                        datum_text(b->arena, item),
                        item.kind == DATUM_EXTENT
                            ? arena_printf(b->arena, ", from %lld on", (long long)extent->min)
                            : "");
            return false;
        }
        if (type->rank == RANK_MAX) {
            build_error(b, E0209, expression->span, "a tensor has at most %d axes", RANK_MAX);
            return false;
        }
        type->dims[type->rank++] = extent;
    }
    return true;
}

bool type_evaluate(Builder *b, const TypeSyntax *syntax, Type *out) {
    DType dtype;
    if (!type_is_tensor(syntax) && scalar_kind(syntax) != SCALAR_BOOL) {
        build_error(b, E0203, syntax->span,
                    "%s is a compile-time type; a tensor is expected here, such as %s", syntax->dtype,
                    scalar_kind(syntax) == SCALAR_INT ? "i32" : "f32");
        return false;
    }
    if (!dtype_find(b, syntax, &dtype)) return false;
    Type type = type_make(dtype, 0, NULL);
    for (int i = 0; i < syntax->rank; i++)
        if (!append_extents(b, syntax->dims[i], &type)) return false;
    const int64_t elements_max = INT64_C(1) << 40;
    int64_t largest = 0;
    for (int i = 0; i < type.rank; i++)
        if (type.dims[i]->max > largest) largest = type.dims[i]->max;
    if (largest > INT32_MAX || type_count_max(&type) > elements_max) {
        build_error(b, E0212, syntax->span,
                    "%s is too large: at most 2^31 - 1 along an axis and 2^40 elements",
                    type_text(b->arena, &type));
        return false;
    }
    *out = type;
    return true;
}

/* The dim that an extent names by itself: `N` of f32[N, 4]. */
static DimRecord *dim_named(Builder *b, const Expression *expression) {
    if (expression->kind != EXPRESSION_NAME) return NULL;
    Slot *slot = scope_find(b->frame->scope, expression->name.text, NULL);
    return slot && slot->kind == SLOT_DIM ? slot->dim : NULL;
}

void type_bind_dims(Builder *b, const TypeSyntax *syntax, Datum datum) {
    if (!syntax || datum.kind != DATUM_TENSOR || syntax->rank != datum.tensor->type.rank) return;
    for (int i = 0; i < syntax->rank; i++) {
        DimRecord *dim = dim_named(b, syntax->dims[i]);
        if (dim) dim_bind(b, dim, datum.tensor->type.dims[i], syntax->dims[i]->span);
    }
}

/* ---- Matching a value against a written type ---- */

static Datum complain_type(Builder *b, const TypeSyntax *syntax, Datum datum, Span span, const char *what,
                           const char *declared) {
    Diagnostic *error = build_error(b, E0204, span, "%s is declared as %s, found %s", what, declared,
                                    datum_type_text(b->arena, datum));
    if (span.file != syntax->span.file || span.start != syntax->span.start)
        diagnostic_note(error, syntax->span, "the type is written here");
    return POISON;
}

static Datum match_scalar(Builder *b, const TypeSyntax *syntax, Datum datum, Span span, const char *what) {
    switch (scalar_kind(syntax)) {
    case SCALAR_INT:
        if (datum_is_size(datum)) return datum;
        break;
    case SCALAR_FLOAT:
        if (datum.kind == DATUM_FLOAT) return datum;
        if (datum.kind == DATUM_INTEGER) return datum_float((double)datum.integer);
        break;
    case SCALAR_BOOL:
        if (datum.kind == DATUM_BOOL) return datum;
        if (datum.kind == DATUM_TENSOR && datum.tensor->type.dtype == DTYPE_BOOL && !datum.tensor->type.rank)
            return datum;
        break;
    case SCALAR_STR:
        if (datum.kind == DATUM_STRING) return datum;
        break;
    case SCALAR_NO: break;
    }
    return complain_type(b, syntax, datum, span, what, syntax->dtype);
}

static bool shapes_match(Builder *b, const Type *declared, const Type *found, Span span) {
    if (declared->dtype != found->dtype || declared->rank != found->rank) return false;
    for (int i = 0; i < declared->rank; i++)
        if (!infer_dims_equal(b->module, declared->dims[i], found->dims[i], user_place(b, span)))
            return false;
    return true;
}

Datum type_match(Builder *b, const TypeSyntax *syntax, Datum datum, bool fill, Span span, const char *what) {
    if (!syntax || datum.kind == DATUM_POISON) return datum;
    if (!type_is_tensor(syntax)) return match_scalar(b, syntax, datum, span, what);
    Type declared;
    if (datum.kind != DATUM_TENSOR && !datum_is_scalar(datum) && datum.kind != DATUM_LIST)
        return complain_type(b, syntax, datum, span, what, type_syntax_text(b, syntax));
    if (!type_evaluate(b, syntax, &declared)) return POISON;
    Value *value = datum_to_type(b, datum, &declared, fill, span, what);
    if (!value) return POISON;
    if (shapes_match(b, &declared, &value->type, span)) return datum_tensor(value);
    const char *text = type_text(b->arena, &declared), *written = type_syntax_text(b, syntax);
    if (strcmp(text, written) != 0) text = arena_printf(b->arena, "%s = %s", written, text);
    return complain_type(b, syntax, datum_tensor(value), span, what, text);
}

const char *type_syntax_text(Builder *b, const TypeSyntax *syntax) {
    const Span span = syntax->span;
    if (!span.file || span.end > span.file->length || span.end <= span.start) return syntax->dtype;
    return arena_strndup(b->arena, span.file->text + span.start, span.end - span.start);
}
