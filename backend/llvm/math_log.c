#include "backend/llvm/math_internal.h"

#include <math.h>
#include <string.h>

/* x = m 2^k with m around 1, log(x) = k ln(2) + log(1 + f), f = m - 1 exact, log(1 + f) = f - f^2 / 2 + f^3
 * p(f). */

/* The bits of a number in the table's precision. */
static uint64_t bits_of(const MathTable *table, double number) {
    if (table->bits == 64) {
        uint64_t bits;
        memcpy(&bits, &number, sizeof bits);
        return bits;
    }
    float narrow = (float)number;
    uint32_t bits;
    memcpy(&bits, &narrow, sizeof bits);
    return bits;
}

/* The exponent k + bias, placed under the exponent of 2^fraction_bits, reads as the float 2^fraction_bits + k
 * + bias. */
Normalized math_normalize(MathEmitter *e, const MathTable *table, LLVMValueRef x, double from,
                          bool with_subnormals) {
    int fraction_bits = (int)table->fraction_bits;
    double whole = ldexp(1, fraction_bits);
    LLVMValueRef is_subnormal = NULL;
    if (with_subnormals) {
        is_subnormal = emit_fcmp(e, LLVMRealOLT, x, ldexp(1, 1 - table->bias));
        x = emit_select(e, is_subnormal, emit_scaled(e, x, whole), x);
    }
    LLVMValueRef bits = math_as_integer(e, x);
    uint64_t from_bits = bits_of(table, from), fraction_mask = (UINT64_C(1) << fraction_bits) - 1;
    bits = emit_add(e, bits, math_bits(bits, bits_of(table, 1) - from_bits));
    LLVMValueRef fraction = emit_and(e, bits, math_bits(bits, fraction_mask));
    LLVMValueRef exponent = emit_lshr(e, bits, table->fraction_bits);
    LLVMValueRef k = math_as_float(e, emit_or(e, exponent, math_bits(bits, bits_of(table, whole))));
    k = emit_fsub(e, k, math_number(k, whole + table->bias));
    if (with_subnormals)
        k = emit_fsub(e, k, emit_select(e, is_subnormal, math_number(k, fraction_bits), math_number(k, 0)));
    LLVMValueRef m = math_as_float(e, emit_add(e, fraction, math_bits(bits, from_bits)));
    return (Normalized){m, k, emit_and(e, bits, math_bits(bits, ~fraction_mask))};
}

LLVMValueRef math_log_parts(MathEmitter *e, const MathTable *table, LLVMValueRef f, LLVMValueRef k) {
    LLVMValueRef p = math_fma(e, math_polynomial(e, &table->log, f), f, math_number(f, -0.5));
    LLVMValueRef sum = math_fma(e, emit_fmul(e, f, f), p, f);
    sum = math_fma(e, k, math_number(k, table->ln2_low), sum);
    return math_fma(e, k, math_number(k, table->ln2_high), sum);
}

/* |result| for positive finite u, -inf for 0, NaN for negative, u for +inf and NaN. */
static LLVMValueRef log_or_special(MathEmitter *e, LLVMValueRef u, LLVMValueRef result) {
    LLVMValueRef finite = emit_select(e, emit_fcmp(e, LLVMRealOLT, u, INFINITY), result, u);
    LLVMValueRef special =
        emit_select(e, emit_fcmp(e, LLVMRealOEQ, u, 0), math_number(u, -INFINITY), math_number(u, NAN));
    return emit_select(e, emit_fcmp(e, LLVMRealOGT, u, 0), finite, special);
}

static const double log_from = 2.0 / 3;

LLVMValueRef math_log(MathEmitter *e, LLVMValueRef x) {
    const MathTable *table = math_table_of(x);
    Normalized parts = math_normalize(e, table, x, log_from, true);
    LLVMValueRef f = emit_fsub(e, parts.m, math_number(x, 1));
    return log_or_special(e, x, math_log_parts(e, table, f, parts.k));
}

/* k comes from u = 1 + x rounded, but f = x 2^-k + (2^-k - 1) from x itself. 2^-k may be subnormal, so it is
 * taken four times and x a quarter. Near 0 the result is x. */
LLVMValueRef math_log1p(MathEmitter *e, LLVMValueRef x) {
    const MathTable *table = math_table_of(x);
    LLVMValueRef one = math_number(x, 1), quarter = math_number(x, 0.25);
    LLVMValueRef u = emit_fadd(e, x, one);
    Normalized parts = math_normalize(e, table, u, log_from, false);
    uint64_t twice = (uint64_t)(2 * table->bias + 2) << table->fraction_bits;
    LLVMValueRef scale = math_as_float(e, emit_sub(e, math_bits(parts.exponent, twice), parts.exponent));
    LLVMValueRef f = math_fma(e, scale, quarter, math_number(x, -1));
    f = math_fma(e, emit_fmul(e, x, quarter), scale, f);
    LLVMValueRef result = log_or_special(e, u, math_log_parts(e, table, f, parts.k));
    double tiny = ldexp(1, -(int)table->fraction_bits - 2);
    return emit_select(e, emit_fcmp(e, LLVMRealOLT, math_abs(e, x), tiny), x, result);
}
