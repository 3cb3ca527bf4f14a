#include "backend/llvm/math_internal.h"

#include <math.h>
#include <stddef.h>

/* |x|^y = e^(y log|x|). The logarithm needs more bits than the result: f32 takes it in double, f64 as an
 * unevaluated sum of two doubles. */

typedef struct Pair {
    LLVMValueRef high, low; /* |low| is at most an ulp of |high| */
} Pair;

/* a + b exactly, for |a| >= |b| or a = 0. */
static Pair sum_exact(MathEmitter *e, LLVMValueRef a, LLVMValueRef b) {
    LLVMValueRef high = emit_fadd(e, a, b);
    return (Pair){high, emit_fsub(e, b, emit_fsub(e, high, a))};
}

/* Dekker: a as a sum of two doubles of at most 26 bits, so that products of parts are exact. */
static Pair split(MathEmitter *e, LLVMValueRef a) {
    LLVMValueRef c = emit_scaled(e, a, 0x1p27 + 1);
    LLVMValueRef high = emit_fsub(e, c, emit_fsub(e, c, a));
    return (Pair){high, emit_fsub(e, a, high)};
}

/* a * b exactly. */
static Pair product_exact(MathEmitter *e, LLVMValueRef a, LLVMValueRef b) {
    LLVMValueRef high = emit_fmul(e, a, b);
    if (e->has_fma) return (Pair){high, math_fma(e, a, b, emit_fneg(e, high))};
    Pair x = split(e, a), y = split(e, b);
    LLVMValueRef low = emit_fsub(e, emit_fmul(e, x.high, y.high), high);
    low = emit_fadd(e, low, emit_fmul(e, x.high, y.low));
    low = emit_fadd(e, low, emit_fmul(e, x.low, y.high));
    return (Pair){high, emit_fadd(e, low, emit_fmul(e, x.low, y.low))};
}

static Pair pair_multiply(MathEmitter *e, Pair a, Pair b) {
    Pair product = product_exact(e, a.high, b.high);
    LLVMValueRef cross = math_fma(e, a.high, b.low, emit_fmul(e, a.low, b.high));
    return sum_exact(e, product.high, emit_fadd(e, product.low, cross));
}

/* For |a| >= |b| or a = 0. */
static Pair pair_add(MathEmitter *e, Pair a, Pair b) {
    Pair sum = sum_exact(e, a.high, b.high);
    return sum_exact(e, sum.high, emit_fadd(e, sum.low, emit_fadd(e, a.low, b.low)));
}

/* s = (m - 1) / (m + 1): the quotient, and what division leaves over divided again. */
static Pair atanh_argument(MathEmitter *e, LLVMValueRef m) {
    LLVMValueRef one = math_number(m, 1);
    LLVMValueRef f = emit_fsub(e, m, one);
    Pair denominator = sum_exact(e, math_number(m, 2), f);
    LLVMValueRef inverse = emit_fdiv(e, one, denominator.high);
    LLVMValueRef quotient = emit_fmul(e, f, inverse);
    Pair back = product_exact(e, quotient, denominator.high);
    LLVMValueRef left = emit_fsub(e, emit_fsub(e, f, back.high), back.low);
    left = emit_fsub(e, left, emit_fmul(e, quotient, denominator.low));
    return sum_exact(e, quotient, emit_fmul(e, left, inverse));
}

/* log m = 2 atanh(s) = 2 (s + s (z / 3 + z^2 p(z))), z = s^2 <= 0.02945 for sqrt(1/2) <= m < sqrt(2).
 * The relative error of p is 2^-73 (scripts/math_tables.py). The first two terms are kept in pairs. */
static const Polynomial atanh_rest = {8,
                                      {0x1.9999999999996p-3, 0x1.2492492492f53p-3, 0x1.c71c71c5962b2p-4,
                                       0x1.745d182993f7fp-4, 0x1.3b1364b64a802p-4, 0x1.1120725664d21p-4,
                                       0x1.de3ce69ea002dp-5, 0x1.eaca7d936352dp-5}};

static Pair log_pair(MathEmitter *e, LLVMValueRef x) {
    Normalized parts = math_normalize(e, &math_table_f64, x, 0x1.6a09e667f3bcdp-1, true);
    Pair s = atanh_argument(e, parts.m);
    Pair z = pair_multiply(e, s, s);
    LLVMValueRef rest = emit_fmul(e, math_polynomial(e, &atanh_rest, z.high), z.high);
    Pair factor = sum_exact(e, math_number(x, 0x1.5555555555555p-2), rest);
    factor.low = emit_fadd(e, factor.low, math_number(x, 0x1.5555555555555p-56));
    Pair sum = pair_add(e, s, pair_multiply(e, s, pair_multiply(e, z, factor)));
    sum = (Pair){emit_fadd(e, sum.high, sum.high), emit_fadd(e, sum.low, sum.low)};
    Pair exponent = {emit_scaled(e, parts.k, math_table_f64.ln2_high),
                     emit_scaled(e, parts.k, math_table_f64.ln2_low)};
    return pair_add(e, exponent, sum);
}

/* Far beyond any exponent, and yet y log|x| stays finite and is 0 for |x| = 1. */
static LLVMValueRef clamp_exponent(MathEmitter *e, LLVMValueRef y) {
    return math_max_number(e, math_min_number(e, y, 0x1p80), -0x1p80);
}

/* |result| for positive finite a; for a = 0 and infinity the logarithm is infinite. */
static LLVMValueRef infinite_or(MathEmitter *e, LLVMValueRef a, LLVMValueRef result) {
    result = emit_select(e, emit_fcmp(e, LLVMRealOEQ, a, INFINITY), a, result);
    return emit_select(e, emit_fcmp(e, LLVMRealOEQ, a, 0), math_number(a, -INFINITY), result);
}

static LLVMValueRef pow_f32(MathEmitter *e, LLVMValueRef a, LLVMValueRef y) {
    const MathTable *table = &math_table_f64_for_f32;
    LLVMTypeRef wide = math_float_type(e, a, 64);
    a = LLVMBuildFPExt(e->builder, a, wide, "");
    y = clamp_exponent(e, LLVMBuildFPExt(e->builder, y, wide, ""));
    Normalized parts = math_normalize(e, table, a, 2.0 / 3, false);
    LLVMValueRef log = math_log_parts(e, table, emit_fsub(e, parts.m, math_number(a, 1)), parts.k);
    LLVMValueRef power = math_exp_sum(e, table, emit_fmul(e, y, infinite_or(e, a, log)), NULL);
    return LLVMBuildFPTrunc(e->builder, power, math_float_type(e, a, 32), "");
}

/* The correction is dropped where e^t over- or underflows anyway and t would be clamped. */
static LLVMValueRef pow_f64(MathEmitter *e, LLVMValueRef a, LLVMValueRef y) {
    y = clamp_exponent(e, y);
    Pair log = log_pair(e, a);
    Pair t = product_exact(e, log.high, y);
    LLVMValueRef correction = math_fma(e, log.low, y, t.low);
    LLVMValueRef in_range = emit_fcmp(e, LLVMRealOLT, math_abs(e, t.high), 746);
    correction = emit_select(e, in_range, correction, math_number(y, 0));
    LLVMValueRef high = emit_fmul(e, infinite_or(e, a, log.high), y);
    return math_exp_sum(e, &math_table_f64, high, correction);
}

static LLVMValueRef is_integral(MathEmitter *e, LLVMValueRef y) {
    LLVMValueRef whole = math_intrinsic(e, "llvm.trunc", 1, &y);
    return LLVMBuildFCmp(e->builder, LLVMRealOEQ, whole, y, "");
}

LLVMValueRef math_pow(MathEmitter *e, LLVMValueRef x, LLVMValueRef y) {
    const MathTable *table = math_table_of(x);
    LLVMValueRef a = math_abs(e, x);
    LLVMValueRef power = table->bits == 32 ? pow_f32(e, a, y) : pow_f64(e, a, y);

    /* Odd integers give the sign of x, other numbers leave negative x undefined. */
    LLVMValueRef integral = is_integral(e, y);
    LLVMValueRef odd =
        emit_and(e, integral, LLVMBuildNot(e->builder, is_integral(e, emit_scaled(e, y, 0.5)), ""));
    power = math_copysign(e, power, emit_select(e, odd, x, math_number(x, 1)));
    LLVMValueRef negative =
        emit_and(e, emit_fcmp(e, LLVMRealOLT, x, 0), emit_fcmp(e, LLVMRealOGT, x, -INFINITY));
    LLVMValueRef undefined = emit_and(e, negative, LLVMBuildNot(e->builder, integral, ""));
    undefined = emit_or(e, undefined, LLVMBuildFCmp(e->builder, LLVMRealUNO, x, y, ""));
    power = emit_select(e, undefined, math_number(x, NAN), power);

    LLVMValueRef is_one = emit_or(e, emit_fcmp(e, LLVMRealOEQ, x, 1), emit_fcmp(e, LLVMRealOEQ, y, 0));
    return emit_select(e, is_one, math_number(x, 1), power);
}
