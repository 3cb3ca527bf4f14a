#include "ir/shapes/infer_internal.h"

#include <stdarg.h>

static const char *operand_types_text(Module *module, const Op *op) {
    const char *separator = op->kind == OP_MATMUL ? " @ " : ", ";
    Text text;
    text_init(&text);
    for (int i = 0; i < op->operand_count; i++) {
        if (i) text_puts(&text, separator);
        if (i == 4) {
            text_puts(&text, "...");
            break;
        }
        type_print(&text, operand_type(op, i));
    }
    const char *copy = arena_strndup(module->arena, text.bytes, text.length);
    text_deinit(&text);
    return copy;
}

Diagnostic *infer_error(Module *module, const Op *op, DiagnosticId id, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *message = arena_vprintf(module->arena, format, arguments);
    va_end(arguments);
    Diagnostic *error =
        diagnose_error(module->diagnostics, id, op->span, "%s: %s", op_infos[op->kind].text, message);
    if (op->operand_count) diagnostic_label(error, "%s", operand_types_text(module, op));
    return error;
}

const char *dim_text(Module *module, const Expr *dim) {
    Text text;
    text_init(&text);
    expr_print(&text, dim);
    const char *copy = arena_strndup(module->arena, text.bytes, text.length);
    text_deinit(&text);
    return copy;
}

const char *dims_text(Module *module, const Expr *const *dims, int count) {
    Text text;
    text_init(&text);
    text_putc(&text, '[');
    for (int i = 0; i < count; i++) {
        if (i) text_puts(&text, ", ");
        expr_print(&text, dims[i]);
    }
    text_putc(&text, ']');
    const char *copy = arena_strndup(module->arena, text.bytes, text.length);
    text_deinit(&text);
    return copy;
}

static bool extents_fit(Module *module, const Op *op, const Type *type) {
    for (int i = 0; i < type->rank; i++) {
        if (!infer_at_least_zero(module, type->dims[i], op->span)) {
            infer_error(module, op, E0311, "the result's axis %d would have a negative extent, %s", i,
                        dim_text(module, type->dims[i]));
            return false;
        }
        if (type->dims[i]->max > ELEMENTS_MAX) break;
        if (i == type->rank - 1 && type_count_max(type) <= ELEMENTS_MAX) return true;
    }
    if (!type->rank) return true;
    infer_error(module, op, E0311, "the result %s would have more than 2^40 elements",
                type_text(module->arena, type));
    return false;
}

bool infer_result(Module *module, Op *op, DType dtype, int rank, const Expr *const *dims) {
    if (rank > RANK_MAX) {
        infer_error(module, op, E0311, "the result would have %d axes, at most %d are supported", rank,
                    RANK_MAX);
        return false;
    }
    Type type = type_make(dtype, rank, dims);
    if (!extents_fit(module, op, &type)) return false;
    op_add_result(module, op, type);
    return true;
}

/* ---- Element types ---- */

bool infer_same_dtypes(Module *module, const Op *op, int first) {
    for (int i = first + 1; i < op->operand_count; i++) {
        DType left = operand_type(op, first)->dtype, right = operand_type(op, i)->dtype;
        if (left == right) continue;
        Diagnostic *error = infer_error(module, op, E0302, "element types differ: %s and %s",
                                        dtype_text(left), dtype_text(right));
        diagnostic_note(error, (Span){0}, "tensors are never converted silently; write cast(x, %s)",
                        dtype_text(left));
        return false;
    }
    return true;
}

static bool expect(Module *module, const Op *op, int index, bool holds, const char *wanted,
                   const char *remedy) {
    if (holds) return true;
    Diagnostic *error = infer_error(module, op, E0302, "operand %d must be %s, found %s", index + 1, wanted,
                                    dtype_text(operand_type(op, index)->dtype));
    diagnostic_note(error, (Span){0}, "%s", remedy);
    return false;
}

bool infer_expect_float(Module *module, const Op *op, int index) {
    return expect(module, op, index, dtype_is_float(operand_type(op, index)->dtype), "a float tensor",
                  "convert it first, for instance cast(x, f32)");
}

bool infer_expect_number(Module *module, const Op *op, int index) {
    return expect(module, op, index, operand_type(op, index)->dtype != DTYPE_BOOL, "a tensor of numbers",
                  "convert it first, for instance cast(x, i32)");
}

bool infer_expect_integer(Module *module, const Op *op, int index) {
    return expect(module, op, index, dtype_is_integer(operand_type(op, index)->dtype), "an integer tensor",
                  "convert it first, for instance cast(x, i32)");
}

bool infer_expect_bool(Module *module, const Op *op, int index) {
    return expect(module, op, index, operand_type(op, index)->dtype == DTYPE_BOOL, "a bool tensor",
                  "compare it first, for instance x != 0");
}

/* ---- Attributes ---- */

static const Attr *required(Module *module, const Op *op, AttrId id) {
    const Attr *attr = op_attr(op, id);
    if (!attr) infer_error(module, op, E0307, "needs the attribute '%s'", attr_infos[id].text);
    return attr;
}

bool infer_axis(Module *module, const Op *op, int rank, int *out_axis) {
    const Attr *attr = required(module, op, ATTR_AXIS);
    if (!attr) return false;
    if (attr->integer < 0 || attr->integer >= rank) {
        infer_error(module, op, E0306, "axis %lld is not an axis of a tensor of rank %d",
                    (long long)attr->integer, rank);
        return false;
    }
    *out_axis = (int)attr->integer;
    return true;
}

bool infer_axes(Module *module, const Op *op, int rank, bool out[RANK_MAX]) {
    const Attr *attr = required(module, op, ATTR_AXES);
    if (!attr) return false;
    for (int i = 0; i < RANK_MAX; i++) out[i] = false;
    for (int i = 0; i < attr->count; i++) {
        int64_t axis = attr->integers[i];
        if (axis < 0 || axis >= rank) {
            infer_error(module, op, E0306, "axis %lld is not an axis of a tensor of rank %d", (long long)axis,
                        rank);
            return false;
        }
        if (i && axis <= attr->integers[i - 1]) {
            infer_error(module, op, E0306, "axes must ascend without repeats; axis %lld follows axis %lld",
                        (long long)axis, (long long)attr->integers[i - 1]);
            return false;
        }
        out[axis] = true;
    }
    return true;
}

bool infer_amounts(Module *module, const Op *op, AttrId id, int count, int64_t least, int64_t absent,
                   int64_t *out) {
    const Attr *attr = op_attr(op, id);
    if (attr && attr->count != count) {
        infer_error(module, op, E0307, "'%s' needs %d number%s, found %d", attr_infos[id].text, count,
                    count == 1 ? "" : "s", attr->count);
        return false;
    }
    for (int i = 0; i < count; i++) {
        out[i] = attr ? attr->integers[i] : absent;
        if (out[i] >= least && out[i] <= AMOUNT_MAX) continue;
        infer_error(module, op, E0308, "'%s' must be in %lld..%lld, found %lld", attr_infos[id].text,
                    (long long)least, (long long)AMOUNT_MAX, (long long)out[i]);
        return false;
    }
    return true;
}

bool infer_shape_attr(Module *module, const Op *op, int count, const Attr **out) {
    const Attr *attr = required(module, op, ATTR_SHAPE);
    if (!attr) return false;
    if (count >= 0 ? attr->count != count : attr->count > RANK_MAX) {
        if (count >= 0)
            infer_error(module, op, E0307, "'shape' needs %d extent%s, found %d", count,
                        count == 1 ? "" : "s", attr->count);
        else
            infer_error(module, op, E0311, "a tensor has at most %d axes, 'shape' has %d", RANK_MAX,
                        attr->count);
        return false;
    }
    for (int i = 0; i < attr->count; i++) {
        if (infer_at_least_zero(module, attr->exprs[i], op->span)) continue;
        infer_error(module, op, E0308, "an extent is never negative, found %s",
                    dim_text(module, attr->exprs[i]));
        return false;
    }
    *out = attr;
    return true;
}

bool infer_dtype_attr(Module *module, const Op *op, DType *out) {
    const Attr *attr = required(module, op, ATTR_DTYPE);
    if (!attr) return false;
    if (attr->integer <= DTYPE_NONE || attr->integer >= DTYPE_COUNT) {
        infer_error(module, op, E0308, "'dtype' names no element type");
        return false;
    }
    *out = (DType)attr->integer;
    return true;
}
