#include "backend/llvm/math_internal.h"

#include <assert.h>
#include <math.h>

/* Floats to integers. */

/* The conversion instruction covers |bits| only if every value is in range, so the number is clamped first.
 * Where the largest integer is no float, the float after it is compared with instead. */
LLVMValueRef math_to_integer(MathEmitter *e, LLVMValueRef x, unsigned bits, bool is_signed) {
    assert(bits == 8 || bits == 16 || bits == 32 || bits == 64);
    assert(is_signed || bits <= 32);
    unsigned magnitude_bits = is_signed ? bits - 1 : bits, digits = math_table_of(x)->fraction_bits + 1;
    double beyond = ldexp(1, (int)magnitude_bits), low = is_signed ? -beyond : 0;
    bool is_exact = magnitude_bits <= digits;
    double high = beyond - (is_exact ? 1 : ldexp(1, (int)(magnitude_bits - digits)));

    LLVMValueRef number =
        emit_select(e, LLVMBuildFCmp(e->builder, LLVMRealORD, x, x, ""), x, math_number(x, 0));
    number = math_max_number(e, math_min_number(e, number, high), low);
    unsigned wide = magnitude_bits < 32 ? 32 : 64;
    LLVMValueRef integer = LLVMBuildFPToSI(e->builder, number, math_integer_type(e, x, wide), "");
    if (!is_exact) {
        LLVMValueRef largest = math_bits(integer, (UINT64_C(1) << magnitude_bits) - 1);
        integer = emit_select(e, emit_fcmp(e, LLVMRealOGE, x, beyond), largest, integer);
    }
    return wide == bits ? integer : LLVMBuildTrunc(e->builder, integer, math_integer_type(e, x, bits), "");
}

/* f16: 1 sign, 5 exponent and 10 fraction bits. bf16: the upper half of an f32. */

enum { FRACTION_SHIFT = 23 - 10, BIAS_DIFFERENCE = 127 - 15 };
static const uint32_t infinity_bits = 0x7f800000, sign_bit = 0x80000000, quiet_bit = 0x00400000;

static LLVMValueRef narrow16(MathEmitter *e, LLVMValueRef bits) {
    return LLVMBuildTrunc(e->builder, bits, math_integer_type(e, bits, 16), "");
}

static LLVMValueRef widen16(MathEmitter *e, LLVMValueRef bits) {
    return LLVMBuildZExt(e->builder, bits, math_integer_type(e, bits, 32), "");
}

/* A double as a float rounded to odd: toward zero, with the last bit set if anything was cut off. A further
 * rounding to at most 22 bits then gives what one rounding would. */
static LLVMValueRef float_to_odd(MathEmitter *e, LLVMValueRef x) {
    if (math_table_of(x)->bits == 32) return x;
    LLVMValueRef nearest = LLVMBuildFPTrunc(e->builder, x, math_float_type(e, x, 32), "");
    LLVMValueRef back = LLVMBuildFPExt(e->builder, nearest, LLVMTypeOf(x), "");
    LLVMValueRef bits = math_as_integer(e, nearest);
    LLVMValueRef away = LLVMBuildFCmp(e->builder, LLVMRealOGT, math_abs(e, back), math_abs(e, x), "");
    LLVMValueRef inexact = LLVMBuildFCmp(e->builder, LLVMRealONE, back, x, "");
    bits = emit_sub(e, bits, LLVMBuildZExt(e->builder, away, LLVMTypeOf(bits), ""));
    return math_as_float(e, emit_or(e, bits, LLVMBuildZExt(e->builder, inexact, LLVMTypeOf(bits), "")));
}

/* |bits| plus just less than half a unit of the bit |shift|, plus one if that bit is set: cutting off the
 * |shift| low bits then rounds to nearest even, carrying into the exponent. */
static LLVMValueRef add_half(MathEmitter *e, LLVMValueRef bits, unsigned shift) {
    LLVMValueRef odd = emit_and(e, emit_lshr(e, bits, shift), math_bits(bits, 1));
    return emit_add(e, emit_add(e, bits, math_bits(bits, (1u << (shift - 1)) - 1)), odd);
}

/* f16 subnormals are multiples of 2^-24, the unit in the last place of 0.5: adding it rounds them. */
static LLVMValueRef f16_from_subnormal(MathEmitter *e, LLVMValueRef magnitude) {
    LLVMValueRef number = math_as_float(e, magnitude);
    LLVMValueRef sum = math_as_integer(e, emit_fadd(e, number, math_number(number, 0.5)));
    return emit_sub(e, sum, math_bits(sum, 0x3f000000));
}

static LLVMValueRef to_f16_by_integers(MathEmitter *e, LLVMValueRef x) {
    LLVMValueRef bits = math_as_integer(e, x);
    LLVMValueRef sign = emit_and(e, bits, math_bits(bits, sign_bit));
    LLVMValueRef magnitude = emit_xor(e, bits, sign);
    LLVMValueRef half = emit_sub(e, magnitude, math_bits(bits, (uint64_t)BIAS_DIFFERENCE << 23));
    half = emit_lshr(e, add_half(e, half, FRACTION_SHIFT), FRACTION_SHIFT);
    LLVMValueRef is_normal = emit_icmp(e, LLVMIntUGE, magnitude, (BIAS_DIFFERENCE + 1) << 23);
    half = emit_select(e, is_normal, half, f16_from_subnormal(e, magnitude));
    LLVMValueRef overflows = emit_icmp(e, LLVMIntUGE, magnitude, 0x477ff000); /* 65520 */
    half = emit_select(e, overflows, math_bits(bits, 0x7c00), half);
    LLVMValueRef payload = emit_and(e, emit_lshr(e, magnitude, FRACTION_SHIFT), math_bits(bits, 0x3ff));
    LLVMValueRef is_nan = emit_icmp(e, LLVMIntUGT, magnitude, infinity_bits);
    half = emit_select(e, is_nan, emit_or(e, payload, math_bits(bits, 0x7e00)), half);
    return narrow16(e, emit_or(e, half, emit_lshr(e, sign, 16)));
}

LLVMValueRef math_to_f16(MathEmitter *e, LLVMValueRef x) {
    x = float_to_odd(e, x);
    if (!e->has_f16c) return to_f16_by_integers(e, x);
    LLVMValueRef half = LLVMBuildFPTrunc(e->builder, x, math_float_type(e, x, 16), "");
    return LLVMBuildBitCast(e->builder, half, math_integer_type(e, x, 16), "");
}

/* Subnormals: with the exponent of 2^-14 above the fraction the number is 2^-14 too large. */
LLVMValueRef math_from_f16(MathEmitter *e, LLVMValueRef half) {
    if (e->has_f16c) {
        LLVMValueRef number = LLVMBuildBitCast(e->builder, half, math_float_type(e, half, 16), "");
        return LLVMBuildFPExt(e->builder, number, math_float_type(e, half, 32), "");
    }
    LLVMValueRef bits = widen16(e, half);
    LLVMValueRef sign = emit_and(e, bits, math_bits(bits, 0x8000));
    LLVMValueRef shifted = emit_shl(e, emit_xor(e, bits, sign), FRACTION_SHIFT);
    uint64_t rebias = (uint64_t)BIAS_DIFFERENCE << 23, smallest = (uint64_t)(BIAS_DIFFERENCE + 1) << 23;
    LLVMValueRef normal = emit_add(e, shifted, math_bits(bits, rebias));
    LLVMValueRef raised = math_as_float(e, emit_add(e, shifted, math_bits(bits, smallest)));
    LLVMValueRef subnormal = math_as_integer(e, emit_fsub(e, raised, math_number(raised, 0x1p-14)));
    LLVMValueRef result = emit_select(e, emit_icmp(e, LLVMIntULT, shifted, 1 << 23), subnormal, normal);
    LLVMValueRef infinite = emit_add(e, normal, math_bits(bits, rebias));
    result = emit_select(e, emit_icmp(e, LLVMIntUGE, shifted, 31u << 23), infinite, result);
    LLVMValueRef quiet = emit_or(e, infinite, math_bits(bits, quiet_bit));
    result = emit_select(e, emit_icmp(e, LLVMIntUGT, shifted, 31u << 23), quiet, result);
    return math_as_float(e, emit_or(e, result, emit_shl(e, sign, 16)));
}

LLVMValueRef math_to_bf16(MathEmitter *e, LLVMValueRef x) {
    LLVMValueRef number = float_to_odd(e, x);
    LLVMValueRef bits = math_as_integer(e, number);
    LLVMValueRef is_nan = LLVMBuildFCmp(e->builder, LLVMRealUNO, number, number, "");
    bits = emit_select(e, is_nan, emit_or(e, bits, math_bits(bits, quiet_bit)), add_half(e, bits, 16));
    return narrow16(e, emit_lshr(e, bits, 16));
}

LLVMValueRef math_from_bf16(MathEmitter *e, LLVMValueRef bits) {
    return math_as_float(e, emit_shl(e, widen16(e, bits), 16));
}
