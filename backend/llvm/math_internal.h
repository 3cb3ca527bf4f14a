/* What the files backend/llvm/math*.c share: tables of coefficients, and short spellings for instructions. */
#ifndef TENON_BACKEND_LLVM_MATH_INTERNAL_H
#define TENON_BACKEND_LLVM_MATH_INTERNAL_H

#include <stdint.h>

#include "backend/llvm/math.h"

/* c[0] + c[1] x + c[2] x^2 + ... */
typedef struct Polynomial {
    int count;
    double c[19];
} Polynomial;

/* One per precision. All numbers are exactly representable in it. */
typedef struct MathTable {
    unsigned bits, fraction_bits;
    int bias;
    double log2_e, ln2_high, ln2_low; /* ln2_high times any exponent is exact */
    double exp_low, exp_high;         /* e^x rounds to 0 at the one and to infinity at the other */
    double one_high;                  /* from here on 1 +- e^-x rounds to 1 */
    Polynomial exp;                   /* e^r = 1 + r + r^2 p(r), |r| <= ln(2) / 2 */
    Polynomial log;                   /* log(1 + f) = f - f^2 / 2 + f^3 p(f), |f| <= 1 / 3 */
    double erf_split, erf_high, erf_center;
    Polynomial erf_small; /* erf(x) = x + x p(x^2) below the split */
    Polynomial
        erf_large; /* erf(x) = 1 - p(x - center)^(2^erf_squarings) up to erf_high, where it rounds to 1 */
    int erf_squarings;
} MathTable;

extern const MathTable math_table_f32, math_table_f64;
/* f64 with exp and log as precise as a result in f32 needs them; no erf. */
extern const MathTable math_table_f64_for_f32;

const MathTable *math_table_of(LLVMValueRef x);

/* Types of |bits| per element in the shape of |like|. */
LLVMTypeRef math_float_type(MathEmitter *e, LLVMValueRef like, unsigned bits);
LLVMTypeRef math_integer_type(MathEmitter *e, LLVMValueRef like, unsigned bits);
/* Constants of the type of |like|, floats and integers. */
LLVMValueRef math_number(LLVMValueRef like, double value);
LLVMValueRef math_bits(LLVMValueRef like, uint64_t value);
/* The bits of a float as an integer, and back. */
LLVMValueRef math_as_integer(MathEmitter *e, LLVMValueRef x);
LLVMValueRef math_as_float(MathEmitter *e, LLVMValueRef bits);
/* An intrinsic overloaded on the type of its arguments. */
LLVMValueRef math_intrinsic(MathEmitter *e, const char *name, int count, LLVMValueRef *arguments);
LLVMValueRef math_copysign(MathEmitter *e, LLVMValueRef magnitude, LLVMValueRef sign);
/* a * b + c, fused if the target can. */
LLVMValueRef math_fma(MathEmitter *e, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c);
LLVMValueRef math_polynomial(MathEmitter *e, const Polynomial *p, LLVMValueRef x);

/* x = n ln(2) + r with integral n, for |x| <= -exp_low; |high| is x - n ln2_high, exact. The low bits of |t|
 * hold n + offset, which must not be negative. */
typedef struct ExpReduction {
    LLVMValueRef n, high, r, t;
} ExpReduction;
ExpReduction math_exp_reduce(MathEmitter *e, const MathTable *table, LLVMValueRef x, int offset);
/* e^(x + correction); |correction| is at most an ulp of x, or NULL. */
LLVMValueRef math_exp_sum(MathEmitter *e, const MathTable *table, LLVMValueRef x, LLVMValueRef correction);

/* A positive finite x is m * 2^k, from <= m < 2 from. */
typedef struct Normalized {
    LLVMValueRef m, k;     /* floats */
    LLVMValueRef exponent; /* (k + bias) << fraction_bits, not adjusted for subnormals */
} Normalized;
Normalized math_normalize(MathEmitter *e, const MathTable *table, LLVMValueRef x, double from,
                          bool with_subnormals);
/* log((1 + f) * 2^k). */
LLVMValueRef math_log_parts(MathEmitter *e, const MathTable *table, LLVMValueRef f, LLVMValueRef k);

#define INSTRUCTION(name, Build)                                                                             \
    static inline LLVMValueRef emit_##name(MathEmitter *e, LLVMValueRef a, LLVMValueRef b) {                 \
        return LLVMBuild##Build(e->builder, a, b, "");                                                       \
    }
INSTRUCTION(fadd, FAdd)
INSTRUCTION(fsub, FSub)
INSTRUCTION(fmul, FMul)
INSTRUCTION(fdiv, FDiv)
INSTRUCTION(add, Add)
INSTRUCTION(sub, Sub)
INSTRUCTION(and, And)
INSTRUCTION(or, Or)
INSTRUCTION(xor, Xor)
#undef INSTRUCTION

static inline LLVMValueRef emit_fneg(MathEmitter *e, LLVMValueRef x) {
    return LLVMBuildFNeg(e->builder, x, "");
}
static inline LLVMValueRef emit_scaled(MathEmitter *e, LLVMValueRef x, double factor) {
    return emit_fmul(e, x, math_number(x, factor));
}
static inline LLVMValueRef emit_shl(MathEmitter *e, LLVMValueRef bits, unsigned count) {
    return LLVMBuildShl(e->builder, bits, math_bits(bits, count), "");
}
static inline LLVMValueRef emit_lshr(MathEmitter *e, LLVMValueRef bits, unsigned count) {
    return LLVMBuildLShr(e->builder, bits, math_bits(bits, count), "");
}
/* Comparisons with a constant. */
static inline LLVMValueRef emit_fcmp(MathEmitter *e, LLVMRealPredicate predicate, LLVMValueRef x,
                                     double number) {
    return LLVMBuildFCmp(e->builder, predicate, x, math_number(x, number), "");
}
static inline LLVMValueRef emit_icmp(MathEmitter *e, LLVMIntPredicate predicate, LLVMValueRef x,
                                     uint64_t number) {
    return LLVMBuildICmp(e->builder, predicate, x, math_bits(x, number), "");
}
static inline LLVMValueRef emit_select(MathEmitter *e, LLVMValueRef condition, LLVMValueRef yes,
                                       LLVMValueRef no) {
    return LLVMBuildSelect(e->builder, condition, yes, no, "");
}

#endif
