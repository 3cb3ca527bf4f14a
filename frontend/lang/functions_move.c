/* The functions of the compiler that move elements or make tensors of none. */
#include "frontend/lang/functions_internal.h"

#include <string.h>

int builtin_sizes(BuiltinCall *call, Datum *out, int capacity) {
    const Datum *items = call->rest;
    int count = call->rest_count;
    if (count == 1 && (items[0].kind == DATUM_LIST || items[0].kind == DATUM_TUPLE)) {
        count = items[0].items->count;
        items = items[0].items->items;
    }
    if (count > capacity) {
        build_error(call->b, E0202, call->span, "'%s' gets %d sizes; a tensor has at most %d axes",
                    call->builtin->name, count, capacity);
        return -1;
    }
    for (int i = 0; i < count; i++) {
        out[i] = items[i];
        if (datum_is_size(out[i])) continue;
        if (out[i].kind != DATUM_POISON)
            build_error(call->b, E0203, call->span, "'%s' takes sizes, such as [N, 4]; found %s",
                        call->builtin->name, datum_type_text(call->b->arena, out[i]));
        return -1;
    }
    return count;
}

/* ---- Reshaping ---- */

static Datum reshape(BuiltinCall *call) {
    Builder *b = call->b;
    ExprTable *table = b->module->exprs;
    Value *x = builtin_tensor(call, 0);
    Datum sizes[RANK_MAX];
    const Expr *dims[RANK_MAX], *known = expr_constant(table, 1);
    int count = x ? builtin_sizes(call, sizes, RANK_MAX) : -1, open = -1;
    for (int i = 0; i < count; i++) {
        dims[i] = datum_extent_of(b, sizes[i]);
        if (!expr_equals(dims[i], -1))
            known = expr_mul(table, known, dims[i]);
        else if (open >= 0)
            return build_fail(b, E0202, call->span, "only one size of a reshape may be -1");
        else
            open = i;
    }
    if (count < 0) return POISON;
    if (open >= 0) {
        const Expr *total = type_count(b->module, &x->type);
        if (known->min < 1)
            return build_fail(b, E0202, call->span, "-1 cannot be computed where another size may be 0");
        if (!expr_equals(expr_mod(table, total, known), 0) && expr_is_constant(total, NULL) &&
            expr_is_constant(known, NULL))
            return build_fail(b, E0310, call->span, "%s has %s elements, no multiple of %s",
                              type_text(b->arena, &x->type), datum_text(b->arena, datum_extent(total)),
                              datum_text(b->arena, datum_extent(known)));
        dims[open] = expr_floordiv(table, total, known);
    }
    return datum_tensor(emit_reshape(b, x, dims, count, call->span));
}

static Datum flatten(BuiltinCall *call) {
    Builder *b = call->b;
    Value *x = builtin_tensor(call, 0);
    int first, last;
    if (!x) return POISON;
    if (x->type.rank < 2 && call->values[1].kind == DATUM_INTEGER && call->values[1].integer == 1)
        return datum_tensor(x);
    if (!builtin_axis(call, 1, x->type.rank, &first) || !builtin_axis(call, 2, x->type.rank, &last))
        return POISON;
    const Expr *dims[RANK_MAX], *joined = expr_constant(b->module->exprs, 1);
    int rank = 0;
    for (int i = 0; i < x->type.rank; i++) {
        if (i < first || i > last)
            dims[rank++] = x->type.dims[i];
        else
            joined = expr_mul(b->module->exprs, joined, x->type.dims[i]);
        if (i == last && first <= last) dims[rank++] = joined;
    }
    return datum_tensor(emit_reshape(b, x, dims, rank, call->span));
}

static Datum squeeze(BuiltinCall *call) {
    Builder *b = call->b;
    Value *x = builtin_tensor(call, 0);
    int64_t axes[RANK_MAX];
    int count = x ? builtin_axes(call, 1, x->type.rank, axes) : -1, rank = 0;
    bool all = call->values[1].kind == DATUM_NONE;
    const Expr *dims[RANK_MAX];
    for (int i = 0, next = 0; count >= 0 && i < x->type.rank; i++) {
        bool chosen = next < count && axes[next] == i;
        next += chosen;
        bool is_one = expr_equals(x->type.dims[i], 1);
        if (chosen && !is_one && !all)
            return build_fail(b, E0305, call->span, "axis %d of %s is not 1, so it cannot be dropped", i,
                              type_text(b->arena, &x->type));
        if (!chosen || !is_one) dims[rank++] = x->type.dims[i];
    }
    return count < 0 ? POISON : datum_tensor(emit_reshape(b, x, dims, rank, call->span));
}

static Datum unsqueeze(BuiltinCall *call) {
    Value *x = builtin_tensor(call, 0);
    int axis;
    if (!x || !builtin_axis(call, 1, x->type.rank + 1, &axis)) return POISON;
    if (x->type.rank == RANK_MAX)
        return build_fail(call->b, E0311, call->span, "a tensor has at most %d axes", RANK_MAX);
    const Expr *dims[RANK_MAX];
    for (int i = 0; i <= x->type.rank; i++)
        dims[i] = i == axis ? expr_constant(call->b->module->exprs, 1) : x->type.dims[i - (i > axis)];
    return datum_tensor(emit_reshape(call->b, x, dims, x->type.rank + 1, call->span));
}

static Datum permute(BuiltinCall *call) {
    Value *x = builtin_tensor(call, 0);
    Datum sizes[RANK_MAX];
    int64_t axes[RANK_MAX];
    int count = x ? builtin_sizes(call, sizes, RANK_MAX) : -1;
    if (count < 0) return POISON;
    if (count != x->type.rank)
        return build_fail(call->b, E0202, call->span, "permute names %d axes of %s", count,
                          type_text(call->b->arena, &x->type));
    for (int i = 0; i < count; i++) {
        if (!datum_to_integer(call->b, sizes[i], call->span, "an axis of permute", &axes[i])) return POISON;
        if (axes[i] < 0 && axes[i] >= -count) axes[i] += count;
    }
    return datum_tensor(emit_permute(call->b, x, axes, call->span));
}

static Datum transpose(BuiltinCall *call) {
    Value *x = builtin_tensor(call, 0);
    int a, c;
    if (!x || !builtin_axis(call, 1, x->type.rank, &a) || !builtin_axis(call, 2, x->type.rank, &c))
        return POISON;
    int64_t axes[RANK_MAX];
    for (int i = 0; i < x->type.rank; i++) axes[i] = i == a ? c : i == c ? a : i;
    return a == c ? datum_tensor(x) : datum_tensor(emit_permute(call->b, x, axes, call->span));
}

static Datum expand(BuiltinCall *call) {
    Builder *b = call->b;
    Value *x = builtin_tensor(call, 0);
    Datum sizes[RANK_MAX];
    const Expr *dims[RANK_MAX];
    int count = x ? builtin_sizes(call, sizes, RANK_MAX) : -1;
    for (int i = 0; i < count; i++) {
        int own = i - (count - x->type.rank);
        dims[i] = datum_extent_of(b, sizes[i]);
        if (expr_equals(dims[i], -1) && own >= 0) dims[i] = x->type.dims[own];
    }
    Op *op = count < 0 ? NULL : emit_begin(b, OP_EXPAND, &x, 1, call->span);
    if (!op) return POISON;
    op_set_exprs(b->module, op, ATTR_SHAPE, dims, count);
    return datum_tensor(emit_end(b, op));
}

/* ---- Joining and cutting ---- */

/* The values to join: one list, which the axis may follow, or one by one; literals take the type of the
 * tensors. Returns how many; -1: reported. */
static int joined_values(BuiltinCall *call, Value ***out) {
    Builder *b = call->b;
    if (call->rest_count == 2 && call->rest[0].kind == DATUM_LIST && call->rest[1].kind == DATUM_INTEGER) {
        call->values[1] = call->rest[1];
        call->rest_count = 1;
    }
    const Datum *items = call->rest;
    int count = call->rest_count;
    if (count == 1 && (items[0].kind == DATUM_LIST || items[0].kind == DATUM_TUPLE)) {
        count = items[0].items->count;
        items = items[0].items->items;
    }
    if (count < 1 || count > op_infos[OP_CONCAT].operands_max) {
        build_error(b, E0202, call->span, "'%s' joins 1 to %d tensors, found %d", call->builtin->name,
                    op_infos[OP_CONCAT].operands_max, count);
        return -1;
    }
    DType dtype = DTYPE_NONE;
    for (int i = 0; i < count && dtype == DTYPE_NONE; i++)
        if (items[i].kind == DATUM_TENSOR) dtype = items[i].tensor->type.dtype;
    *out = NEW_ARRAY(b->arena, Value *, count + 1);
    for (int i = 0; i < count; i++) {
        Span span = count == call->rest_count ? call->rest_spans[i] : call->span;
        (*out)[i] = datum_to_tensor(b, items[i], dtype, span,
                                    arena_printf(b->arena, "a value of %s", call->builtin->name));
        if (!(*out)[i]) return -1;
    }
    return count;
}

static Datum join(BuiltinCall *call, Value **values, int count, int axis) {
    if (count == 1) return datum_tensor(values[0]);
    Op *op = emit_begin(call->b, OP_CONCAT, values, count, call->span);
    if (!op) return POISON;
    op_set_int(call->b->module, op, ATTR_AXIS, axis);
    return datum_tensor(emit_end(call->b, op));
}

static Datum concat(BuiltinCall *call) {
    Value **values;
    int axis, count = joined_values(call, &values);
    if (count < 0 || !builtin_axis(call, 1, values[0]->type.rank, &axis)) return POISON;
    return join(call, values, count, axis);
}

static Datum stack(BuiltinCall *call) {
    Builder *b = call->b;
    Value **values;
    int axis, count = joined_values(call, &values);
    if (count < 0 || !builtin_axis(call, 1, values[0]->type.rank + 1, &axis)) return POISON;
    const Type first = values[0]->type;
    for (int i = 0; i < count; i++) {
        const Type type = values[i]->type;
        if (type.rank != first.rank || type.rank == RANK_MAX)
            return build_fail(b, E0304, call->span,
                              "stack takes tensors of one shape with at most %d axes, found %s and %s",
                              RANK_MAX - 1, type_text(b->arena, &first), type_text(b->arena, &type));
        const Expr *dims[RANK_MAX];
        for (int j = 0; j <= type.rank; j++)
            dims[j] = j == axis ? expr_constant(b->module->exprs, 1) : type.dims[j - (j > axis)];
        values[i] = emit_reshape(b, values[i], dims, type.rank + 1, call->span);
        if (!values[i]) return POISON;
    }
    return join(call, values, count, axis);
}

static Value *part_of(BuiltinCall *call, Value *x, int axis, const Expr *start, const Expr *count) {
    Builder *b = call->b;
    const Expr *starts[RANK_MAX], *shape[RANK_MAX];
    int64_t steps[RANK_MAX];
    for (int i = 0; i < x->type.rank; i++) {
        starts[i] = i == axis ? start : expr_constant(b->module->exprs, 0);
        shape[i] = i == axis ? count : x->type.dims[i];
        steps[i] = 1;
    }
    Op *op = emit_begin(b, OP_SLICE, &x, 1, call->span);
    if (!op) return NULL;
    op_set_exprs(b->module, op, ATTR_STARTS, starts, x->type.rank);
    op_set_exprs(b->module, op, ATTR_SHAPE, shape, x->type.rank);
    op_set_ints(b->module, op, ATTR_STEPS, steps, x->type.rank);
    return emit_end(b, op);
}

static Datum parts_of(BuiltinCall *call, Value *x, int axis, const Expr *const *sizes, int count) {
    Datum *parts = NEW_ARRAY(call->b->arena, Datum, count + 1);
    const Expr *start = expr_constant(call->b->module->exprs, 0);
    for (int i = 0; i < count; i++) {
        parts[i] = datum_tensor(part_of(call, x, axis, start, sizes[i]));
        if (parts[i].kind == DATUM_POISON) return POISON;
        start = expr_add(call->b->module->exprs, start, sizes[i]);
    }
    return datum_list(call->b->arena, DATUM_TUPLE, parts, count);
}

enum { PARTS_MAX = 4096 };

/* Parts of |size| each; the last one is what remains. */
static Datum equal_parts(BuiltinCall *call, Value *x, int axis, int64_t total, int64_t size) {
    int64_t count = size > 0 ? (total + size - 1) / size : 0;
    if (count < 1 || count > PARTS_MAX)
        return build_fail(call->b, E0202, call->span,
                          "'%s' would make %lld parts of %lld elements; 1 to %d make sense",
                          call->builtin->name, (long long)count, (long long)total, PARTS_MAX);
    const Expr **sizes = NEW_ARRAY(call->b->arena, const Expr *, count);
    for (int64_t i = 0; i < count; i++)
        sizes[i] = expr_constant(call->b->module->exprs, i + 1 < count ? size : total - size * (count - 1));
    return parts_of(call, x, axis, sizes, (int)count);
}

/* chunk(x, n) as in PyTorch: parts of ceil(extent / n) elements. */
static Datum chunk(BuiltinCall *call) {
    Builder *b = call->b;
    Value *x = builtin_tensor(call, 0);
    int axis;
    int64_t parts, total;
    if (!x || !builtin_integer(call, 1, &parts) || !builtin_axis(call, 2, x->type.rank, &axis)) return POISON;
    if (parts < 1 || parts > PARTS_MAX)
        return build_fail(b, E0202, call->spans[1], "%lld chunks; 1 to %d make sense", (long long)parts,
                          PARTS_MAX);
    const Expr *extent = x->type.dims[axis];
    if (expr_is_constant(extent, &total))
        return equal_parts(call, x, axis, total, (total + parts - 1) / parts);
    const Expr *each = expr_constant(b->module->exprs, parts),
               *rest = expr_mod(b->module->exprs, extent, each);
    if (!infer_dims_equal(b->module, rest, expr_constant(b->module->exprs, 0), user_place(b, call->span)))
        return build_fail(b, E0305, call->span, "%s does not divide into %lld equal chunks",
                          type_text(b->arena, &x->type), (long long)parts);
    const Expr **sizes = NEW_ARRAY(b->arena, const Expr *, parts);
    for (int64_t i = 0; i < parts; i++) sizes[i] = expr_floordiv(b->module->exprs, extent, each);
    return parts_of(call, x, axis, sizes, (int)parts);
}

/* split(x, size) or split(x, [sizes]), as in PyTorch. */
static Datum split(BuiltinCall *call) {
    Builder *b = call->b;
    Value *x = builtin_tensor(call, 0);
    int axis;
    int64_t size, total;
    Datum given = call->values[1];
    if (!x || !builtin_axis(call, 2, x->type.rank, &axis)) return POISON;
    const Expr *extent = x->type.dims[axis];
    if (given.kind != DATUM_LIST && given.kind != DATUM_TUPLE) {
        if (!builtin_integer(call, 1, &size)) return POISON;
        if (expr_is_constant(extent, &total)) return equal_parts(call, x, axis, total, size);
        return build_fail(b, E0210, call->span,
                          "the number of parts of %s is not known at compile time; give a list of sizes",
                          datum_text(b->arena, datum_extent(extent)));
    }
    const Expr **sizes = NEW_ARRAY(b->arena, const Expr *, given.items->count + 1),
               *sum = expr_constant(b->module->exprs, 0);
    for (int i = 0; i < given.items->count; i++) {
        if (!datum_is_size(given.items->items[i]))
            return build_fail(b, E0203, call->spans[1], "the sizes of a split are integers, found %s",
                              datum_type_text(b->arena, given.items->items[i]));
        sizes[i] = datum_extent_of(b, given.items->items[i]);
        sum = expr_add(b->module->exprs, sum, sizes[i]);
    }
    if (!infer_dims_equal(b->module, sum, extent, user_place(b, call->span)))
        return build_fail(b, E0305, call->spans[1], "the sizes add up to %s, the axis has %s",
                          datum_text(b->arena, datum_extent(sum)),
                          datum_text(b->arena, datum_extent(extent)));
    return parts_of(call, x, axis, sizes, given.items->count);
}

static Datum gather(BuiltinCall *call) {
    Value *operands[] = {builtin_tensor(call, 0), builtin_tensor(call, 1)};
    int axis;
    if (!operands[0] || !operands[1] || !builtin_axis(call, 2, operands[0]->type.rank, &axis)) return POISON;
    Op *op = emit_begin(call->b, OP_GATHER, operands, 2, call->span);
    if (!op) return POISON;
    op_set_int(call->b->module, op, ATTR_AXIS, axis);
    return datum_tensor(emit_end(call->b, op));
}

static Datum embedding(BuiltinCall *call) {
    Value *operands[] = {builtin_tensor(call, 1), builtin_tensor(call, 0)};
    if (!operands[0] || !operands[1]) return POISON;
    if (operands[0]->type.rank != 2)
        return build_fail(call->b, E0304, call->span, "the table of an embedding is a matrix, found %s",
                          type_text(call->b->arena, &operands[0]->type));
    Op *op = emit_begin(call->b, OP_GATHER, operands, 2, call->span);
    if (!op) return POISON;
    op_set_int(call->b->module, op, ATTR_AXIS, 0);
    return datum_tensor(emit_end(call->b, op));
}

/* pad(x, [l, r, t, b]): pairs from the last axis on, as in PyTorch. */
static Datum pad(BuiltinCall *call) {
    Builder *b = call->b;
    Value *x = builtin_tensor(call, 0);
    int64_t given[2 * RANK_MAX], amounts[2 * RANK_MAX] = {0};
    const char *mode;
    double value;
    if (!x || !builtin_string(call, 2, &mode) || !builtin_float(call, 3, &value)) return POISON;
    int count = datum_to_integers(b, call->values[1], -1, call->spans[1], builtin_formal(call, 1), given);
    if (count < 0) return POISON;
    if (count % 2 || count > 2 * x->type.rank)
        return build_fail(b, E0202, call->spans[1],
                          "pad takes begin and end per axis, from the last axis on; %d numbers for %s", count,
                          type_text(b->arena, &x->type));
    for (int i = 0; i < count / 2; i++)
        for (int end = 0; end < 2; end++) amounts[2 * (x->type.rank - 1 - i) + end] = given[2 * i + end];
    Op *op = emit_begin(b, OP_PAD, &x, 1, call->span);
    if (!op) return POISON;
    op_set_ints(b->module, op, ATTR_PADDING, amounts, 2 * x->type.rank);
    op_set_string(b->module, op, ATTR_MODE, mode);
    if (value != 0) op_set_float(b->module, op, ATTR_VALUE, value);
    return datum_tensor(emit_end(b, op));
}

/* ---- Made of nothing ---- */

static Datum filled(BuiltinCall *call, int dtype_index, double value) {
    Datum sizes[RANK_MAX];
    Type type = {0};
    int count = builtin_sizes(call, sizes, RANK_MAX);
    if (count < 0 || !builtin_dtype(call, dtype_index, &type.dtype)) return POISON;
    type.rank = count;
    for (int i = 0; i < count; i++) type.dims[i] = datum_extent_of(call->b, sizes[i]);
    return datum_tensor(emit_full(call->b, &type, value, call->span));
}

static Datum zeros_or_ones(BuiltinCall *call) { return filled(call, 1, call->builtin->detail); }

static Datum full(BuiltinCall *call) {
    Datum value = call->values[1];
    double number = value.kind == DATUM_BOOL ? value.truth : 0;
    if (value.kind != DATUM_BOOL && !builtin_float(call, 1, &number)) return POISON;
    if (call->values[2].kind == DATUM_NONE)
        call->values[2] = (Datum){.kind = DATUM_DTYPE,
                                  .dtype = value.kind == DATUM_BOOL      ? DTYPE_BOOL
                                           : value.kind == DATUM_INTEGER ? DTYPE_I32
                                                                         : DTYPE_F32};
    call->rest[0] = call->values[0];
    call->rest_count = 1;
    return filled(call, 2, number);
}

/* arange(n), arange(from, to), arange(from, to, step). */
static Datum arange(BuiltinCall *call) {
    Builder *b = call->b;
    ExprTable *table = b->module->exprs;
    DType dtype;
    int64_t step = 1;
    bool one = call->values[1].kind == DATUM_NONE;
    Datum low = one ? datum_integer(0) : call->values[0], high = one ? call->values[0] : call->values[1];
    if (!builtin_dtype(call, 3, &dtype) || !builtin_integer(call, 2, &step)) return POISON;
    if (!datum_is_size(low) || !datum_is_size(high) || step == 0 || step < -INT32_MAX || step > INT32_MAX)
        return build_fail(b, E0203, call->span, "arange takes integers and dims, and a step other than 0");
    const Expr *from = datum_extent_of(b, low), *to = datum_extent_of(b, high);
    const Expr *distance = step > 0 ? expr_sub(table, to, from) : expr_sub(table, from, to);
    const Expr *count = expr_ceildiv(table, distance, expr_constant(table, step > 0 ? step : -step));
    count = expr_max(table, count, expr_constant(table, 0));
    Op *op = emit_begin(b, OP_IOTA, NULL, 0, call->span);
    if (!op) return POISON;
    op_set_exprs(b->module, op, ATTR_SHAPE, &count, 1);
    op_set_int(b->module, op, ATTR_DTYPE, dtype);
    Datum values = datum_tensor(emit_end(b, op));
    if (step != 1 && values.kind == DATUM_TENSOR)
        values = binary_op(b, OP_MUL, values, datum_integer(step), call->span);
    if (!expr_equals(from, 0) && values.kind == DATUM_TENSOR)
        values = binary_op(b, OP_ADD, values, low, call->span);
    return values;
}

static Datum one_hot(BuiltinCall *call) {
    Value *indices = builtin_tensor(call, 0);
    if (!indices) return POISON;
    if (!datum_is_size(call->values[1]))
        return build_fail(call->b, E0203, call->spans[1], "the number of classes is an integer, found %s",
                          datum_type_text(call->b->arena, call->values[1]));
    const Expr *classes = datum_extent_of(call->b, call->values[1]);
    Op *op = emit_begin(call->b, OP_ONE_HOT, &indices, 1, call->span);
    if (!op) return POISON;
    op_set_exprs(call->b->module, op, ATTR_SHAPE, &classes, 1);
    return datum_tensor(emit_end(call->b, op));
}

const Builtin functions_move[] = {
    {"reshape", "x, shape...", reshape, 0},
    {"flatten", "x, start_axis=1, end_axis=-1", flatten, 0},
    {"squeeze", "x, axis=none", squeeze, 0},
    {"unsqueeze", "x, axis", unsqueeze, 0},
    {"permute", "x, axes...", permute, 0},
    {"transpose", "x, a, b", transpose, 0},
    {"expand", "x, shape...", expand, 0},
    {"concat", "values..., axis=0", concat, 0},
    {"stack", "values..., axis=0", stack, 0},
    {"chunk", "x, chunks, axis=0", chunk, 0},
    {"split", "x, sizes, axis=0", split, 0},
    {"gather", "x, indices, axis=0", gather, 0},
    {"embedding", "tokens, weight", embedding, 0},
    {"pad", "x, padding, mode=constant, value=0.0", pad, 0},
    {"zeros", "shape..., dtype=f32", zeros_or_ones, 0},
    {"ones", "shape..., dtype=f32", zeros_or_ones, 1},
    {"full", "shape, value, dtype=none", full, 0},
    {"arange", "low, high=none, step=1, dtype=i32", arange, 0},
    {"one_hot", "indices, classes", one_hot, 0},
    {0},
};
