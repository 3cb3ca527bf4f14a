#include "backend/llvm/math_internal.h"

#include <math.h>
#include <stdio.h>

/* All four functions write x = n ln(2) + r, |r| <= ln(2) / 2, and put e^r = 1 + r + r^2 p(r) together with
 * 2^n so that only one rounding follows the sum. Adding 1.5 * 2^fraction_bits rounds x log2(e) to an integer,
 * which then stands in the low bits of the sum and is shifted into an exponent. */

ExpReduction math_exp_reduce(MathEmitter *e, const MathTable *table, LLVMValueRef x, int offset) {
    LLVMValueRef magic = math_number(x, ldexp(1.5, (int)table->fraction_bits) + offset);
    LLVMValueRef shifted = math_fma(e, x, math_number(x, table->log2_e), magic);
    LLVMValueRef n = emit_fsub(e, shifted, magic);
    LLVMValueRef high = math_fma(e, n, math_number(x, -table->ln2_high), x);
    LLVMValueRef r = math_fma(e, n, math_number(x, -table->ln2_low), high);
    return (ExpReduction){n, high, r, math_as_integer(e, shifted)};
}

/* 2^(n + offset - bias) where that is a normal number. */
static LLVMValueRef power_of_two(MathEmitter *e, const MathTable *table, ExpReduction reduction) {
    return math_as_float(e, emit_shl(e, reduction.t, table->fraction_bits));
}

/* e^r - 1. */
static LLVMValueRef expm1_of_rest(MathEmitter *e, const MathTable *table, LLVMValueRef r) {
    return math_fma(e, emit_fmul(e, r, r), math_polynomial(e, &table->exp, r), r);
}

/* e^(r + correction); |correction| may be NULL. Without FMA Horner's last steps would round once more, so the
 * sum begins with the smallest terms, among them what r lost against x - n ln(2). */
static LLVMValueRef exp_of_rest(MathEmitter *e, const MathTable *table, ExpReduction reduction,
                                LLVMValueRef correction) {
    LLVMValueRef r = correction ? emit_fadd(e, reduction.r, correction) : reduction.r;
    LLVMValueRef one = math_number(r, 1), p = math_polynomial(e, &table->exp, r);
    if (e->has_fma) return math_fma(e, math_fma(e, p, r, one), r, one);
    LLVMValueRef low = emit_scaled(e, reduction.n, -table->ln2_low);
    if (correction) low = emit_fadd(e, low, correction);
    low = emit_fadd(e, emit_fmul(e, emit_fmul(e, r, r), p), low);
    return emit_fadd(e, one, emit_fadd(e, reduction.high, low));
}

static bool has_scalef(MathEmitter *e, LLVMValueRef x) {
    LLVMTypeRef type = LLVMTypeOf(x);
    if (!e->has_avx512 || LLVMGetTypeKind(type) != LLVMVectorTypeKind) return false;
    unsigned bits = LLVMGetVectorSize(type) * math_table_of(x)->bits;
    return bits == 128 || bits == 256 || bits == 512;
}

/* p * 2^n with one rounding, by vscalef: operands, a value for masked lanes, the mask, and for 512 bits a
 * rounding mode, 4 being the current one. */
static LLVMValueRef scalef(MathEmitter *e, LLVMValueRef p, LLVMValueRef n) {
    const MathTable *table = math_table_of(p);
    unsigned count = LLVMGetVectorSize(LLVMTypeOf(p)), bits = count * table->bits;
    char name[48];
    int length = snprintf(name, sizeof name, "llvm.x86.avx512.mask.scalef.%s.%u",
                          table->bits == 32 ? "ps" : "pd", bits);
    LLVMTypeRef mask = LLVMIntTypeInContext(e->context, count < 8 ? 8 : count);
    LLVMValueRef arguments[] = {p, n, p, LLVMConstAllOnes(mask),
                                LLVMConstInt(LLVMInt32TypeInContext(e->context), 4, false)};
    unsigned id = LLVMLookupIntrinsicID(name, (size_t)length);
    return LLVMBuildCall2(e->builder, LLVMIntrinsicGetType(e->context, id, NULL, 0),
                          LLVMGetIntrinsicDeclaration(e->module, id, NULL, 0), arguments, bits == 512 ? 5 : 4,
                          "");
}

/* n exceeds the exponents of normal numbers, so 2^n is a product of two halves; the first multiplication is
 * exact. */
static LLVMValueRef scale_in_halves(MathEmitter *e, const MathTable *table, LLVMValueRef p, LLVMValueRef t) {
    LLVMValueRef half = emit_shl(e, emit_lshr(e, t, 1), table->fraction_bits);
    LLVMValueRef rest = emit_sub(e, emit_shl(e, t, table->fraction_bits), half);
    return emit_fmul(e, emit_fmul(e, p, math_as_float(e, half)), math_as_float(e, rest));
}

LLVMValueRef math_exp_sum(MathEmitter *e, const MathTable *table, LLVMValueRef x, LLVMValueRef correction) {
    x = math_max_number(e, math_min_number(e, x, table->exp_high), table->exp_low);
    ExpReduction reduction = math_exp_reduce(e, table, x, 2 * table->bias);
    LLVMValueRef p = exp_of_rest(e, table, reduction, correction);
    return has_scalef(e, x) ? scalef(e, p, reduction.n) : scale_in_halves(e, table, p, reduction.t);
}

LLVMValueRef math_exp(MathEmitter *e, LLVMValueRef x) { return math_exp_sum(e, math_table_of(x), x, NULL); }

/* n <= 0 fits the exponents when raised by a constant, which the last multiplication takes away. */
LLVMValueRef math_exp_nonpositive(MathEmitter *e, LLVMValueRef x) {
    const MathTable *table = math_table_of(x);
    int raise = (table->bias + 1) / 2;
    x = math_max_number(e, x, table->exp_low);
    ExpReduction reduction = math_exp_reduce(e, table, x, table->bias + raise);
    LLVMValueRef p = exp_of_rest(e, table, reduction, NULL);
    if (has_scalef(e, x)) return scalef(e, p, reduction.n);
    return emit_scaled(e, emit_fmul(e, p, power_of_two(e, table, reduction)), ldexp(1, -raise));
}

/* 2^n (e^r - 1) + (2^n - 1), all halved for the sake of n = 128. Near 0 the result is x; the halved sum would
 * lose a bit of subnormals and the sign of -0. */
LLVMValueRef math_expm1(MathEmitter *e, LLVMValueRef x) {
    const MathTable *table = math_table_of(x);
    LLVMValueRef clamped = math_max_number(e, math_min_number(e, x, table->exp_high), -table->one_high);
    ExpReduction reduction = math_exp_reduce(e, table, clamped, table->bias - 1);
    LLVMValueRef power = power_of_two(e, table, reduction);
    LLVMValueRef sum =
        math_fma(e, power, expm1_of_rest(e, table, reduction.r), emit_fsub(e, power, math_number(x, 0.5)));
    double tiny = ldexp(1, -(int)table->fraction_bits - 2);
    return emit_select(e, emit_fcmp(e, LLVMRealOLT, math_abs(e, x), tiny), x, emit_fadd(e, sum, sum));
}

/* 1 / (1 + e^-x) with numerator and denominator divided by 2^lower, so that the denominator stays finite
 * where the result is subnormal. */
LLVMValueRef math_sigmoid(MathEmitter *e, LLVMValueRef x) {
    const MathTable *table = math_table_of(x);
    int lower = (table->bias + 1) / 2;
    x = math_max_number(e, math_min_number(e, x, table->one_high), table->exp_low);
    ExpReduction reduction = math_exp_reduce(e, table, emit_fneg(e, x), table->bias - lower);
    LLVMValueRef numerator = math_number(x, ldexp(1, -lower));
    LLVMValueRef p = exp_of_rest(e, table, reduction, NULL);
    return emit_fdiv(e, numerator, math_fma(e, p, power_of_two(e, table, reduction), numerator));
}

/* tanh(a) = -(e^-2a - 1) / (e^-2a + 1); both sums start from 2^n (e^r - 1). */
LLVMValueRef math_tanh(MathEmitter *e, LLVMValueRef x) {
    const MathTable *table = math_table_of(x);
    LLVMValueRef one = math_number(x, 1);
    LLVMValueRef a = math_min_number(e, math_abs(e, x), table->one_high / 2);
    ExpReduction reduction = math_exp_reduce(e, table, emit_scaled(e, a, -2), table->bias);
    LLVMValueRef power = power_of_two(e, table, reduction);
    LLVMValueRef rest = expm1_of_rest(e, table, reduction.r);
    LLVMValueRef numerator = math_fma(e, power, rest, emit_fsub(e, power, one));
    LLVMValueRef denominator = math_fma(e, power, rest, emit_fadd(e, power, one));
    return math_copysign(e, emit_fdiv(e, numerator, denominator), x);
}
