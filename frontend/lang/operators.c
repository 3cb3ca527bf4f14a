#include "frontend/lang/builder_internal.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *text;
    OpKind kind;
} operators[] = {
    [OPERATOR_ADD] = {"+", OP_ADD},    [OPERATOR_SUB] = {"-", OP_SUB},  [OPERATOR_MUL] = {"*", OP_MUL},
    [OPERATOR_DIV] = {"/", OP_DIV},    [OPERATOR_MOD] = {"%", OP_MOD},  [OPERATOR_MATMUL] = {"@", OP_MATMUL},
    [OPERATOR_POWER] = {"**", OP_POW}, [OPERATOR_EQ] = {"==", OP_EQ},   [OPERATOR_NE] = {"!=", OP_NE},
    [OPERATOR_LT] = {"<", OP_LT},      [OPERATOR_LE] = {"<=", OP_LE},   [OPERATOR_GT] = {">", OP_GT},
    [OPERATOR_GE] = {">=", OP_GE},     [OPERATOR_AND] = {"&&", OP_AND}, [OPERATOR_OR] = {"||", OP_OR},
    [OPERATOR_NEG] = {"-", OP_NEG},    [OPERATOR_NOT] = {"!", OP_NOT},
};

const char *operator_text(Operator sign) { return operators[sign].text; }

static Datum complain_operands(Builder *b, Operator sign, Datum left, Datum right, Span span) {
    return build_fail(b, E0203, span, "'%s' does not take %s and %s", operator_text(sign),
                      datum_type_text(b->arena, left), datum_type_text(b->arena, right));
}

/* ---- Integers and floats ---- */

static bool integer_power(int64_t base, int64_t exponent, int64_t *out) {
    int64_t result = 1;
    for (; exponent; exponent >>= 1) {
        if ((exponent & 1) && __builtin_mul_overflow(result, base, &result)) return false;
        if (exponent > 1 && __builtin_mul_overflow(base, base, &base)) return false;
    }
    *out = result;
    return true;
}

static Datum integer_arithmetic(Builder *b, Operator sign, int64_t left, int64_t right, Span span) {
    int64_t result = 0;
    bool overflow = false;
    switch (sign) {
    case OPERATOR_ADD: overflow = __builtin_add_overflow(left, right, &result); break;
    case OPERATOR_SUB: overflow = __builtin_sub_overflow(left, right, &result); break;
    case OPERATOR_MUL: overflow = __builtin_mul_overflow(left, right, &result); break;
    case OPERATOR_POWER:
        if (right < 0) return datum_float(pow((double)left, (double)right));
        overflow = !integer_power(left, right, &result);
        break;
    default:
        if (right == 0) return build_fail(b, E0208, span, "division of %lld by zero", (long long)left);
        overflow = left == INT64_MIN && right == -1;
        if (!overflow) result = sign == OPERATOR_DIV ? left / right : left % right;
    }
    if (overflow)
        return build_fail(b, E0208, span, "%lld %s %lld does not fit into 64 bits", (long long)left,
                          operator_text(sign), (long long)right);
    return datum_integer(result);
}

static bool is_comparison(Operator sign) { return sign >= OPERATOR_EQ && sign <= OPERATOR_GE; }

static bool compare_order(Operator sign, int order) {
    switch (sign) {
    case OPERATOR_EQ: return order == 0;
    case OPERATOR_NE: return order != 0;
    case OPERATOR_LT: return order < 0;
    case OPERATOR_LE: return order <= 0;
    case OPERATOR_GT: return order > 0;
    default: return order >= 0;
    }
}

static Datum float_arithmetic(Builder *b, Operator sign, double left, double right, Span span) {
    switch (sign) {
    case OPERATOR_ADD: return datum_float(left + right);
    case OPERATOR_SUB: return datum_float(left - right);
    case OPERATOR_MUL: return datum_float(left * right);
    case OPERATOR_DIV: return datum_float(left / right);
    case OPERATOR_MOD: return datum_float(fmod(left, right));
    case OPERATOR_POWER: return datum_float(pow(left, right));
    case OPERATOR_EQ: return datum_bool(left == right);
    case OPERATOR_NE: return datum_bool(left != right);
    case OPERATOR_LT: return datum_bool(left < right);
    case OPERATOR_LE: return datum_bool(left <= right);
    case OPERATOR_GT: return datum_bool(left > right);
    case OPERATOR_GE: return datum_bool(left >= right);
    default: return complain_operands(b, sign, datum_float(left), datum_float(right), span);
    }
}

/* ---- Extents ---- */

static Datum compare_extents(Builder *b, Operator sign, const Expr *left, const Expr *right, Span span) {
    const Expr *difference = expr_sub(b->module->exprs, left, right);
    bool low = compare_order(sign, difference->min < 0 ? -1 : difference->min > 0);
    bool high = compare_order(sign, difference->max < 0 ? -1 : difference->max > 0);
    bool crosses = difference->min < 0 && difference->max > 0;
    bool decided = low == high && !(crosses && (sign == OPERATOR_EQ || sign == OPERATOR_NE));
    if (decided) return datum_bool(low);
    return build_fail(b, E0210, span, "%s %s %s is not known before run time",
                      datum_text(b->arena, datum_extent(left)), operator_text(sign),
                      datum_text(b->arena, datum_extent(right)));
}

static Datum simple_extent(Builder *b, const Expr *extent, Span span) {
    return extent_is_simple(b, extent, span) ? datum_extent(extent) : POISON;
}

static Datum extent_arithmetic(Builder *b, Operator sign, const Expr *left, const Expr *right, Span span) {
    ExprTable *table = b->module->exprs;
    switch (sign) {
    case OPERATOR_ADD: return simple_extent(b, expr_add(table, left, right), span);
    case OPERATOR_SUB: return simple_extent(b, expr_sub(table, left, right), span);
    case OPERATOR_MUL: return simple_extent(b, expr_mul(table, left, right), span);
    case OPERATOR_DIV:
    case OPERATOR_MOD:
        if (right->min < 1)
            return build_fail(b, E0208, span, "a divisor of dims must be at least 1; this one may be %lld",
                              (long long)right->min);
        return simple_extent(
            b, sign == OPERATOR_DIV ? expr_floordiv(table, left, right) : expr_mod(table, left, right), span);
    default: return compare_extents(b, sign, left, right, span);
    }
}

/* ---- Tensors ---- */

/* Literals take the type of the tensor beside them. */
Datum binary_op(Builder *b, OpKind kind, Datum left, Datum right, Span span) {
    DType dtype = left.kind == DATUM_TENSOR                               ? left.tensor->type.dtype
                  : right.kind == DATUM_TENSOR                            ? right.tensor->type.dtype
                  : left.kind == DATUM_FLOAT || right.kind == DATUM_FLOAT ? DTYPE_F32
                                                                          : DTYPE_NONE;
    const char *what = arena_printf(b->arena, "an operand of %s", op_infos[kind].text);
    Value *operands[] = {datum_to_tensor(b, left, dtype, span, what),
                         datum_to_tensor(b, right, dtype, span, what)};
    return datum_tensor(emit(b, kind, operands, 2, span));
}

/* Powers of small whole exponents are products, as in PyTorch; integers have no other power. */
static Datum power_op(Builder *b, Datum left, Datum right, Span span) {
    bool is_integer = left.kind == DATUM_TENSOR && dtype_is_integer(left.tensor->type.dtype);
    double exponent = right.kind == DATUM_FLOAT     ? right.real
                      : right.kind == DATUM_INTEGER ? (double)right.integer
                                                    : -1;
    bool is_whole = exponent == floor(exponent) && exponent >= 1 && exponent <= (is_integer ? 64 : 3);
    if (left.kind != DATUM_TENSOR || !is_whole) return binary_op(b, OP_POW, left, right, span);
    Datum product = left;
    for (int i = 1; i < (int)exponent && product.kind != DATUM_POISON; i++)
        product = binary_op(b, OP_MUL, product, left, span);
    return product;
}

static Datum tensor_op(Builder *b, const Expression *expression, Datum left, Datum right) {
    Span span = expression->operator_span.file ? expression->operator_span : expression->span;
    int errors = diagnostics_error_count(b->diagnostics);
    Datum result = expression->operator == OPERATOR_POWER
                       ? power_op(b, left, right, span)
                       : binary_op(b, operators[expression->operator].kind, left, right, span);
    if (diagnostics_error_count(b->diagnostics) > errors && user_place(b, span).start == span.start) {
        diagnostic_mark(diagnostics_last(b->diagnostics), expression->left->span);
        diagnostic_mark(diagnostics_last(b->diagnostics), expression->right->span);
    }
    return result;
}

/* ---- All together ---- */

/* Plain values of different kinds are comparable: they differ. */
static bool is_plain(Datum datum) {
    return datum_is_scalar(datum) || datum.kind == DATUM_STRING || datum.kind == DATUM_DTYPE ||
           datum.kind == DATUM_LIST || datum.kind == DATUM_BUILTIN || datum.kind == DATUM_FUNCTION;
}

int datum_equal(Builder *b, Datum left, Datum right) {
    if (left.kind == DATUM_NONE || right.kind == DATUM_NONE) return left.kind == right.kind;
    if (datum_is_size(left) && datum_is_size(right)) {
        const Expr *difference =
            expr_sub(b->module->exprs, datum_extent_of(b, left), datum_extent_of(b, right));
        return difference->min == 0 && difference->max == 0 ? 1
               : difference->min > 0 || difference->max < 0 ? 0
                                                            : -1;
    }
    if ((left.kind == DATUM_FLOAT && right.kind == DATUM_INTEGER) ||
        (left.kind == DATUM_INTEGER && right.kind == DATUM_FLOAT))
        return (left.kind == DATUM_FLOAT ? left.real : (double)left.integer) ==
               (right.kind == DATUM_FLOAT ? right.real : (double)right.integer);
    if (left.kind != right.kind) return is_plain(left) && is_plain(right) ? 0 : -1;
    switch (left.kind) {
    case DATUM_FLOAT: return left.real == right.real;
    case DATUM_BOOL: return left.truth == right.truth;
    case DATUM_STRING: return strcmp(left.string, right.string) == 0;
    case DATUM_DTYPE: return left.dtype == right.dtype;
    case DATUM_BUILTIN: return left.builtin == right.builtin;
    case DATUM_FUNCTION: return left.closure->function == right.closure->function;
    case DATUM_LIST:
        if (left.items->count != right.items->count) return 0;
        for (int i = 0; i < left.items->count; i++) {
            int equal = datum_equal(b, left.items->items[i], right.items->items[i]);
            if (equal != 1) return equal;
        }
        return 1;
    default: return -1;
    }
}

static Datum compile_time_op(Builder *b, Operator sign, Datum left, Datum right, Span span) {
    if (left.kind == DATUM_INTEGER && right.kind == DATUM_INTEGER) {
        if (is_comparison(sign))
            return datum_bool(
                compare_order(sign, left.integer < right.integer ? -1 : left.integer > right.integer));
        return sign < OPERATOR_MATMUL || sign == OPERATOR_POWER
                   ? integer_arithmetic(b, sign, left.integer, right.integer, span)
                   : complain_operands(b, sign, left, right, span);
    }
    bool has_size_result = sign < OPERATOR_MATMUL || is_comparison(sign);
    if (datum_is_size(left) && datum_is_size(right) && has_size_result)
        return extent_arithmetic(b, sign, datum_extent_of(b, left), datum_extent_of(b, right), span);
    bool left_number = left.kind == DATUM_INTEGER || left.kind == DATUM_FLOAT;
    bool right_number = right.kind == DATUM_INTEGER || right.kind == DATUM_FLOAT;
    if (left_number && right_number)
        return float_arithmetic(b, sign, left.kind == DATUM_FLOAT ? left.real : (double)left.integer,
                                right.kind == DATUM_FLOAT ? right.real : (double)right.integer, span);
    if (left.kind == DATUM_BOOL && right.kind == DATUM_BOOL && (sign == OPERATOR_AND || sign == OPERATOR_OR))
        return datum_bool(sign == OPERATOR_AND ? left.truth && right.truth : left.truth || right.truth);
    int equal = sign == OPERATOR_EQ || sign == OPERATOR_NE ? datum_equal(b, left, right) : -1;
    if (equal >= 0) return datum_bool(equal == (sign == OPERATOR_EQ));
    return complain_operands(b, sign, left, right, span);
}

static Datum join_lists(Builder *b, Datum left, Datum right, Span span) {
    int count = left.items->count + right.items->count;
    if (count > 4096) return build_fail(b, E0212, span, "a list of more than 4096 elements");
    Datum *items = NEW_ARRAY(b->arena, Datum, count + 1);
    memcpy(items, left.items->items, (size_t)left.items->count * sizeof *items);
    memcpy(items + left.items->count, right.items->items, (size_t)right.items->count * sizeof *items);
    return datum_list(b->arena, DATUM_LIST, items, count);
}

Datum apply_binary(Builder *b, const Expression *expression, Datum left, Datum right) {
    Operator sign = expression->operator;
    if (left.kind == DATUM_POISON || right.kind == DATUM_POISON) return POISON;
    bool with_none = left.kind == DATUM_NONE || right.kind == DATUM_NONE;
    if (with_none && (sign == OPERATOR_EQ || sign == OPERATOR_NE))
        return datum_bool((left.kind == right.kind) == (sign == OPERATOR_EQ));
    bool has_tensor = left.kind == DATUM_TENSOR || right.kind == DATUM_TENSOR;
    bool mixed = datum_is_scalar(left) && datum_is_scalar(right) &&
                 ((left.kind == DATUM_EXTENT && right.kind == DATUM_FLOAT) ||
                  (left.kind == DATUM_FLOAT && right.kind == DATUM_EXTENT));
    if ((has_tensor || mixed) && !with_none) return tensor_op(b, expression, left, right);
    if (left.kind == DATUM_LIST && right.kind == DATUM_LIST && sign == OPERATOR_ADD)
        return join_lists(b, left, right, expression->span);
    return compile_time_op(b, sign, left, right, expression->span);
}

Datum apply_unary(Builder *b, Operator sign, Datum operand, Span span) {
    if (operand.kind == DATUM_POISON) return POISON;
    if (operand.kind == DATUM_TENSOR)
        return datum_tensor(emit(b, operators[sign].kind, &operand.tensor, 1, span));
    if (sign == OPERATOR_NOT && operand.kind == DATUM_BOOL) return datum_bool(!operand.truth);
    if (sign == OPERATOR_NEG) {
        if (operand.kind == DATUM_FLOAT) return datum_float(-operand.real);
        if (operand.kind == DATUM_INTEGER)
            return integer_arithmetic(b, OPERATOR_SUB, 0, operand.integer, span);
        if (operand.kind == DATUM_EXTENT)
            return datum_extent(expr_scale(b->module->exprs, operand.extent, -1));
    }
    return build_fail(b, E0203, span, "'%s' does not take %s", operator_text(sign),
                      datum_type_text(b->arena, operand));
}
