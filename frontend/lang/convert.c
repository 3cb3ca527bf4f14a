#include "frontend/lang/builder_internal.h"

#include <math.h>
#include <string.h>

enum { INLINE_MAX = 1 << 16 };

const Expr *datum_extent_of(Builder *b, Datum datum) {
    return datum.kind == DATUM_EXTENT ? datum.extent : expr_constant(b->module->exprs, datum.integer);
}

/* ---- Numbers ---- */

static bool number_fits(Builder *b, double value, bool is_integer, DType dtype, Span span) {
    if (dtype == DTYPE_BOOL || (!is_integer && !dtype_is_float(dtype))) {
        Diagnostic *error = build_error(b, E0203, span, "%s does not become %s by itself",
                                        is_integer ? "an integer" : "a fraction", dtype_text(dtype));
        if (dtype == DTYPE_BOOL)
            diagnostic_note(error, (Span){0}, "write a comparison, such as x != 0");
        else
            diagnostic_note(error, (Span){0}, "write cast(x, f32) for the tensor, or an integer");
        return false;
    }
    if (is_integer && !dtype_is_float(dtype) && (double)dtype_saturate(dtype, value) != value) {
        build_error(b, E0203, span, "%.0f does not fit into %s", value, dtype_text(dtype));
        return false;
    }
    return true;
}

/* An i64 keeps all digits, so integers do not pass through a double. */
static Value *integer_constant(Builder *b, DType dtype, int64_t value, Span span) {
    if (dtype != DTYPE_I64 || (int64_t)(double)value == value)
        return constant_scalar(b->module, dtype, (double)value, user_place(b, span));
    Constant *constant =
        constant_create(b->module, CONSTANT_INLINE, "c", type_make(dtype, 0, NULL), user_place(b, span));
    constant->integers = NEW(b->arena, int64_t);
    constant->integers[0] = value;
    return constant->value;
}

static Value *scalar_to_tensor(Builder *b, Datum datum, DType dtype, Span span) {
    switch (datum.kind) {
    case DATUM_INTEGER:
        if (dtype == DTYPE_NONE) dtype = DTYPE_I32;
        if (!number_fits(b, (double)datum.integer, true, dtype, span)) return NULL;
        return integer_constant(b, dtype, datum.integer, span);
    case DATUM_EXTENT:
        if (dtype == DTYPE_NONE) dtype = DTYPE_I32;
        if (dtype == DTYPE_BOOL && !number_fits(b, 0, true, dtype, span)) return NULL;
        return emit_extent(b, datum.extent, dtype, span);
    case DATUM_FLOAT:
        if (dtype == DTYPE_NONE) dtype = DTYPE_F32;
        if (!number_fits(b, datum.real, false, dtype, span)) return NULL;
        return constant_scalar(b->module, dtype, datum.real, user_place(b, span));
    default:
        if (dtype != DTYPE_NONE && dtype != DTYPE_BOOL) {
            build_error(b, E0203, span, "a bool does not become %s by itself; write where(c, 1, 0) or cast",
                        dtype_text(dtype));
            return NULL;
        }
        return constant_scalar(b->module, DTYPE_BOOL, datum.truth, user_place(b, span));
    }
}

/* ---- Lists ---- */

/* The shape of nested lists of numbers, from the first elements; false: an element is no number. */
static bool literal_shape(Datum datum, int64_t dims[RANK_MAX], int *rank, bool *is_float, bool *is_bool) {
    if (datum.kind != DATUM_LIST) {
        *is_float |= datum.kind == DATUM_FLOAT;
        *is_bool |= datum.kind == DATUM_BOOL;
        return datum.kind == DATUM_FLOAT || datum.kind == DATUM_INTEGER || datum.kind == DATUM_BOOL;
    }
    if (*rank == RANK_MAX) return false;
    dims[(*rank)++] = datum.items->count;
    int depth = *rank;
    for (int i = 0; i < datum.items->count; i++) {
        int64_t inner[RANK_MAX];
        int inner_rank = 0;
        if (!literal_shape(datum.items->items[i], inner, &inner_rank, is_float, is_bool)) return false;
        if (i == 0) {
            if (depth + inner_rank > RANK_MAX) return false;
            memcpy(dims + depth, inner, (size_t)inner_rank * sizeof *inner);
            *rank = depth + inner_rank;
        } else if (inner_rank != *rank - depth ||
                   (inner_rank && memcmp(dims + depth, inner, (size_t)inner_rank * sizeof *inner) != 0)) {
            return false;
        }
    }
    return true;
}

static bool literal_fill(Builder *b, Constant *constant, Datum datum, int64_t *at, DType dtype, Span span) {
    if (datum.kind == DATUM_LIST) {
        for (int i = 0; i < datum.items->count; i++)
            if (!literal_fill(b, constant, datum.items->items[i], at, dtype, span)) return false;
        return true;
    }
    bool is_integer = datum.kind != DATUM_FLOAT;
    double value = datum.kind == DATUM_FLOAT     ? datum.real
                   : datum.kind == DATUM_INTEGER ? (double)datum.integer
                                                 : (double)datum.truth;
    if ((datum.kind == DATUM_BOOL) != (dtype == DTYPE_BOOL) ||
        !(dtype == DTYPE_BOOL || number_fits(b, value, is_integer, dtype, span))) {
        if ((datum.kind == DATUM_BOOL) != (dtype == DTYPE_BOOL))
            build_error(b, E0203, span, "the list mixes bool and numbers");
        return false;
    }
    if (constant->floats)
        constant->floats[(*at)++] = dtype_round(dtype, value);
    else
        constant->integers[(*at)++] = datum.kind == DATUM_INTEGER ? datum.integer : (int64_t)value;
    return true;
}

static Value *literal_to_tensor(Builder *b, Datum datum, DType dtype, const int64_t *dims, int rank,
                                Span span) {
    const Expr *extents[RANK_MAX];
    for (int i = 0; i < rank; i++) extents[i] = expr_constant(b->module->exprs, dims[i]);
    Type type = type_make(dtype, rank, extents);
    int64_t count = type_count_max(&type), at = 0;
    if (count > INLINE_MAX) {
        build_error(b, E0212, span,
                    "a list of %lld numbers; at most %d may be written, read more from a weights file",
                    (long long)count, INLINE_MAX);
        return NULL;
    }
    Constant *constant = constant_create(b->module, CONSTANT_INLINE, "list", type, user_place(b, span));
    if (dtype_is_float(dtype))
        constant->floats = NEW_ARRAY(b->arena, double, count + 1);
    else
        constant->integers = NEW_ARRAY(b->arena, int64_t, count + 1);
    return literal_fill(b, constant, datum, &at, dtype, span) ? constant->value : NULL;
}

/* A list with tensors in it: they are stacked along a new first axis. */
static Value *stack_list(Builder *b, Datum datum, DType dtype, Span span, const char *what) {
    int count = datum.items->count;
    for (int i = 0; i < count && dtype == DTYPE_NONE; i++)
        if (datum.items->items[i].kind == DATUM_TENSOR) dtype = datum.items->items[i].tensor->type.dtype;
    if (count < 1 || count > op_infos[OP_CONCAT].operands_max) {
        build_error(b, E0203, span, "%s: a list of %d tensors; 1 to %d can be joined", what, count,
                    op_infos[OP_CONCAT].operands_max);
        return NULL;
    }
    Value **rows = NEW_ARRAY(b->arena, Value *, count);
    for (int i = 0; i < count; i++) {
        Value *item = datum_to_tensor(b, datum.items->items[i], dtype, span, what);
        if (!item) return NULL;
        const Expr *dims[RANK_MAX + 1] = {expr_constant(b->module->exprs, 1)};
        memcpy(dims + 1, item->type.dims, (size_t)item->type.rank * sizeof *dims);
        if (item->type.rank == RANK_MAX) {
            build_error(b, E0311, span, "%s: more than %d axes", what, RANK_MAX);
            return NULL;
        }
        rows[i] = emit_reshape(b, item, dims, item->type.rank + 1, span);
    }
    Op *op = emit_begin(b, OP_CONCAT, rows, count, span);
    if (!op) return NULL;
    op_set_int(b->module, op, ATTR_AXIS, 0);
    return emit_end(b, op);
}

static bool has_poison(Datum datum) {
    if (datum.kind == DATUM_POISON) return true;
    if (datum.kind != DATUM_LIST && datum.kind != DATUM_TUPLE) return false;
    for (int i = 0; i < datum.items->count; i++)
        if (has_poison(datum.items->items[i])) return true;
    return false;
}

static bool has_tensor(Datum datum) {
    if (datum.kind == DATUM_TENSOR || datum.kind == DATUM_EXTENT) return true;
    for (int i = 0; datum.kind == DATUM_LIST && i < datum.items->count; i++)
        if (has_tensor(datum.items->items[i])) return true;
    return false;
}

static Value *list_to_tensor(Builder *b, Datum datum, DType dtype, Span span, const char *what) {
    if (has_tensor(datum)) return stack_list(b, datum, dtype, span, what);
    int64_t dims[RANK_MAX];
    int rank = 0;
    bool is_float = false, is_bool = false;
    if (!literal_shape(datum, dims, &rank, &is_float, &is_bool)) {
        build_error(b, E0203, span, "%s: the list is no tensor; rows must be equally long and hold numbers",
                    what);
        return NULL;
    }
    if (dtype == DTYPE_NONE) dtype = is_float ? DTYPE_F32 : is_bool ? DTYPE_BOOL : DTYPE_I32;
    return literal_to_tensor(b, datum, dtype, dims, rank, span);
}

Value *datum_to_tensor(Builder *b, Datum datum, DType dtype, Span span, const char *what) {
    if (has_poison(datum)) return NULL;
    if (datum.kind == DATUM_TENSOR) return datum.tensor;
    if (datum_is_scalar(datum)) return scalar_to_tensor(b, datum, dtype, span);
    if (datum.kind == DATUM_LIST) return list_to_tensor(b, datum, dtype, span, what);
    Diagnostic *error =
        build_error(b, E0203, span, "%s must be a tensor, found %s", what, datum_type_text(b->arena, datum));
    if (datum.kind == DATUM_LAYER || datum.kind == DATUM_FUNCTION || datum.kind == DATUM_BUILTIN)
        diagnostic_note(error, (Span){0}, "it must be called: f(x)");
    if (datum.kind == DATUM_TUPLE) diagnostic_note(error, (Span){0}, "take the values apart: y, h = ...");
    return NULL;
}

Value *datum_to_type(Builder *b, Datum datum, const Type *type, bool fill, Span span, const char *what) {
    if (fill && type->rank && datum_is_scalar(datum) && datum.kind != DATUM_EXTENT) {
        Value *scalar = scalar_to_tensor(b, datum, type->dtype, span);
        double value;
        return scalar && value_is_constant_scalar(scalar, &value) ? emit_full(b, type, value, span) : NULL;
    }
    return datum_to_tensor(b, datum, type->dtype, span, what);
}

/* ---- Compile-time values ---- */

static void complain_kind(Builder *b, Datum datum, Span span, const char *what, const char *wanted) {
    if (datum.kind == DATUM_POISON) return;
    Diagnostic *error = build_error(b, E0203, span, "%s must be %s, found %s", what, wanted,
                                    datum_type_text(b->arena, datum));
    if (datum.kind == DATUM_TENSOR || datum.kind == DATUM_EXTENT)
        diagnostic_note(error, (Span){0}, "it must be known at compile time");
}

bool datum_to_integer(Builder *b, Datum datum, Span span, const char *what, int64_t *out) {
    if (datum.kind != DATUM_INTEGER) {
        complain_kind(b, datum, span, what, "a constant integer");
        return false;
    }
    *out = datum.integer;
    return true;
}

bool datum_to_bool(Builder *b, Datum datum, Span span, const char *what, bool *out) {
    if (datum.kind != DATUM_BOOL) {
        complain_kind(b, datum, span, what, "true or false");
        return false;
    }
    *out = datum.truth;
    return true;
}

bool datum_to_float(Builder *b, Datum datum, Span span, const char *what, double *out) {
    if (datum.kind != DATUM_FLOAT && datum.kind != DATUM_INTEGER) {
        complain_kind(b, datum, span, what, "a constant number");
        return false;
    }
    *out = datum.kind == DATUM_FLOAT ? datum.real : (double)datum.integer;
    return true;
}

int datum_to_integers(Builder *b, Datum datum, int count, Span span, const char *what, int64_t *out) {
    bool is_list = datum.kind == DATUM_LIST || datum.kind == DATUM_TUPLE;
    int found = is_list ? datum.items->count : 1;
    if (found > RANK_MAX * 2 || (is_list && count >= 0 && found != count)) {
        if (count >= 0)
            build_error(b, E0202, span, "%s needs %d number%s, found %d", what, count, count == 1 ? "" : "s",
                        found);
        else
            build_error(b, E0202, span, "%s has %d numbers; at most %d make sense", what, found,
                        RANK_MAX * 2);
        return -1;
    }
    for (int i = 0; i < found; i++)
        if (!datum_to_integer(b, is_list ? datum.items->items[i] : datum, span, what, &out[i])) return -1;
    if (is_list || count < 0) return found;
    for (int i = 1; i < count; i++) out[i] = out[0];
    return count;
}

int datum_to_extents(Builder *b, Datum datum, Span span, const char *what, const Expr **out) {
    bool is_list = datum.kind == DATUM_LIST || datum.kind == DATUM_TUPLE;
    int count = is_list ? datum.items->count : 1;
    if (count > RANK_MAX) {
        build_error(b, E0202, span, "%s has %d extents; a tensor has at most %d axes", what, count, RANK_MAX);
        return -1;
    }
    for (int i = 0; i < count; i++) {
        Datum item = is_list ? datum.items->items[i] : datum;
        if (!datum_is_size(item)) {
            complain_kind(b, item, span, what, "made of integers and dims");
            return -1;
        }
        out[i] = datum_extent_of(b, item);
    }
    return count;
}
