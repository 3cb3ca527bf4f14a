/* Tenon's own elementary functions as LLVM IR: branch-free vector code without calls into a C library.
 *
 * Every function takes a value of type T, <n x T> or for conversions an integer of the same shape, T = float
 * or double, any n, appends instructions at the builder's position and returns the result. The module gains
 * nothing but intrinsic declarations, and a local helper function for math_mod. Results do not depend on n: a
 * lane gets the same bits in a vector of any width. They do depend on has_fma, since each fused product
 * spares a rounding.
 *
 * Largest errors in ulp, and cycles per vector of 4, 8 and 16 f32 on x86-64-v2, -v3 and -v4 (2, 4 and 8 f64),
 * streaming from cache on Zen 4. f32 was tried on all 2^32 numbers, pow and f64 on 2^26 random ones
 * (math_sweep --all --time):
 *
 *                        f32 ulp          cycles               f64 ulp          cycles
 *                        FMA    no FMA    v2    v3    v4       FMA    no FMA    v2    v3    v4
 *   erf                  1.35   1.48      20    15    22       2.2    2.2       40    31    40
 *   exp                  0.92   0.92      15     8    10       1.0    1.0       21    14    16
 *   exp_nonpositive      0.92   0.92      14     7    10       1.0    1.0       20    13    16
 *   expm1                1.55   1.67      15     9    12       2.3    2.5       21    14    18
 *   log                  0.94   0.96      19    17    20       1.2    1.3       35    30    32
 *   log1p                1.55   1.71      22    19    20       1.9    2.0       40    32    33
 *   pow                  0.51   0.51     107    84   108       1.2    1.2      251   145   151
 *   rsqrt                1.49   1.49       8     8    16       1.5    1.5       14    14    25
 *   sigmoid              2.49   2.49      16     8    14       2.5    2.5       23    15    21
 *   tanh                 1.91   1.95      18    12    17       2.2    2.2       24    19    23
 *
 * All functions assume the default floating-point environment and instructions without fast-math flags. NaN
 * in gives NaN out, infinities, signed zeros and subnormals are exact, overflow gives infinity, underflow is
 * gradual.
 */
#ifndef TENON_BACKEND_LLVM_MATH_H
#define TENON_BACKEND_LLVM_MATH_H

#include <stdbool.h>

#include <llvm-c/Core.h>

typedef struct MathEmitter {
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMBuilderRef builder;
    bool has_fma;    /* without it products are rounded, since llvm.fma would call a library */
    bool has_f16c;   /* conversions of f16 as instructions; integer code with the same bits otherwise */
    bool has_avx512; /* F and VL: vscalef in math_exp for 128 to 512 bits */
} MathEmitter;

LLVMValueRef math_exp(MathEmitter *e, LLVMValueRef x);
/* The bits of math_exp for x <= 0 and NaN, at less cost; unspecified for x > 0. */
LLVMValueRef math_exp_nonpositive(MathEmitter *e, LLVMValueRef x);
LLVMValueRef math_expm1(MathEmitter *e, LLVMValueRef x);
LLVMValueRef math_log(MathEmitter *e, LLVMValueRef x);
LLVMValueRef math_log1p(MathEmitter *e, LLVMValueRef x);
LLVMValueRef math_tanh(MathEmitter *e, LLVMValueRef x);
LLVMValueRef math_sigmoid(MathEmitter *e, LLVMValueRef x);
LLVMValueRef math_erf(MathEmitter *e, LLVMValueRef x);
/* As C pow in every special case: pow(x, 0) and pow(1, y) are 1 even for NaN. */
LLVMValueRef math_pow(MathEmitter *e, LLVMValueRef x, LLVMValueRef y);

/* 1 / sqrt(x), two roundings. */
LLVMValueRef math_rsqrt(MathEmitter *e, LLVMValueRef x);
LLVMValueRef math_sqrt(MathEmitter *e, LLVMValueRef x);
LLVMValueRef math_abs(MathEmitter *e, LLVMValueRef x);
/* Need SSE4.1, which every target has. */
LLVMValueRef math_floor(MathEmitter *e, LLVMValueRef x);
LLVMValueRef math_ceil(MathEmitter *e, LLVMValueRef x);
/* -1, +0 or 1. */
LLVMValueRef math_sign(MathEmitter *e, LLVMValueRef x);
/* NaN if either is NaN; which of two zeros comes out is unspecified. */
LLVMValueRef math_min(MathEmitter *e, LLVMValueRef x, LLVMValueRef y);
LLVMValueRef math_max(MathEmitter *e, LLVMValueRef x, LLVMValueRef y);
/* The same against a number, one instruction. */
LLVMValueRef math_min_number(MathEmitter *e, LLVMValueRef x, double number);
LLVMValueRef math_max_number(MathEmitter *e, LLVMValueRef x, double number);
/* The remainder of x / y with the sign of x, exact, as C fmod. One call of a local scalar function per lane.
 */
LLVMValueRef math_mod(MathEmitter *e, LLVMValueRef x, LLVMValueRef y);

/* Toward zero, saturating, NaN to 0: integers of |bits| = 8, 16, 32 or 64 (unsigned only up to 32). */
LLVMValueRef math_to_integer(MathEmitter *e, LLVMValueRef x, unsigned bits, bool is_signed);
/* f16 and bf16 travel as i16. From them to float; from float or double with one rounding, to nearest even. */
LLVMValueRef math_from_f16(MathEmitter *e, LLVMValueRef bits);
LLVMValueRef math_to_f16(MathEmitter *e, LLVMValueRef x);
LLVMValueRef math_from_bf16(MathEmitter *e, LLVMValueRef bits);
LLVMValueRef math_to_bf16(MathEmitter *e, LLVMValueRef x);

#endif
