/* Tenon's own elementary functions as LLVM IR: branch-free vector code without calls into a C library.
 *
 * Every function takes a value of type T, <n x T> or for conversions an integer of the same shape, T = float
 * or double, any n, appends instructions at the builder's position and returns the result. The module gains
 * nothing but intrinsic declarations, and a local helper function for math_mod. Results do not depend on n: a
 * lane gets the same bits in a vector of any width. They do depend on has_fma, since each fused product
 * spares a rounding.
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
