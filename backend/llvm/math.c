#include "backend/llvm/math_internal.h"

#include <assert.h>
#include <string.h>

/* Types and constants. */

static unsigned lanes(LLVMTypeRef type) {
    return LLVMGetTypeKind(type) == LLVMVectorTypeKind ? LLVMGetVectorSize(type) : 0;
}

static LLVMTypeRef element(LLVMTypeRef type) { return lanes(type) ? LLVMGetElementType(type) : type; }

static LLVMTypeRef shaped(LLVMTypeRef scalar, LLVMValueRef like) {
    unsigned count = lanes(LLVMTypeOf(like));
    return count ? LLVMVectorType(scalar, count) : scalar;
}

static LLVMValueRef splat(LLVMValueRef scalar, LLVMValueRef like) {
    enum { LANES_MAX = 512 };
    unsigned count = lanes(LLVMTypeOf(like));
    if (!count) return scalar;
    assert(count <= LANES_MAX);
    LLVMValueRef values[LANES_MAX];
    for (unsigned i = 0; i < count; i++) values[i] = scalar;
    return LLVMConstVector(values, count);
}

const MathTable *math_table_of(LLVMValueRef x) {
    LLVMTypeKind kind = LLVMGetTypeKind(element(LLVMTypeOf(x)));
    assert(kind == LLVMFloatTypeKind || kind == LLVMDoubleTypeKind);
    return kind == LLVMFloatTypeKind ? &math_table_f32 : &math_table_f64;
}

LLVMTypeRef math_float_type(MathEmitter *e, LLVMValueRef like, unsigned bits) {
    return shaped(bits == 16   ? LLVMHalfTypeInContext(e->context)
                  : bits == 32 ? LLVMFloatTypeInContext(e->context)
                               : LLVMDoubleTypeInContext(e->context),
                  like);
}

LLVMTypeRef math_integer_type(MathEmitter *e, LLVMValueRef like, unsigned bits) {
    return shaped(LLVMIntTypeInContext(e->context, bits), like);
}

LLVMValueRef math_number(LLVMValueRef like, double value) {
    return splat(LLVMConstReal(element(LLVMTypeOf(like)), value), like);
}

LLVMValueRef math_bits(LLVMValueRef like, uint64_t value) {
    return splat(LLVMConstInt(element(LLVMTypeOf(like)), value, false), like);
}

LLVMValueRef math_as_integer(MathEmitter *e, LLVMValueRef x) {
    return LLVMBuildBitCast(e->builder, x, math_integer_type(e, x, math_table_of(x)->bits), "");
}

LLVMValueRef math_as_float(MathEmitter *e, LLVMValueRef bits) {
    unsigned width = LLVMGetIntTypeWidth(element(LLVMTypeOf(bits)));
    return LLVMBuildBitCast(e->builder, bits, math_float_type(e, bits, width), "");
}

/* Instructions. */

LLVMValueRef math_intrinsic(MathEmitter *e, const char *name, int count, LLVMValueRef *arguments) {
    LLVMTypeRef type = LLVMTypeOf(arguments[0]);
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    assert(id);
    LLVMValueRef function = LLVMGetIntrinsicDeclaration(e->module, id, &type, 1);
    return LLVMBuildCall2(e->builder, LLVMIntrinsicGetType(e->context, id, &type, 1), function, arguments,
                          (unsigned)count, "");
}

LLVMValueRef math_copysign(MathEmitter *e, LLVMValueRef magnitude, LLVMValueRef sign) {
    return math_intrinsic(e, "llvm.copysign", 2, (LLVMValueRef[]){magnitude, sign});
}

LLVMValueRef math_fma(MathEmitter *e, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c) {
    if (e->has_fma) return math_intrinsic(e, "llvm.fma", 3, (LLVMValueRef[]){a, b, c});
    return emit_fadd(e, emit_fmul(e, a, b), c);
}

/* Horner's rule for every |step|-th coefficient from |last| down. */
static LLVMValueRef horner(MathEmitter *e, const Polynomial *p, int last, int step, LLVMValueRef x) {
    LLVMValueRef sum = math_number(x, p->c[last]);
    for (int i = last - step; i >= 0; i -= step) sum = math_fma(e, sum, x, math_number(x, p->c[i]));
    return sum;
}

/* One chain keeps a single live register beside x, and neighbouring vectors fill its latency. Long
 * polynomials are even(x^2) + x odd(x^2), at the cost of one multiplication. */
LLVMValueRef math_polynomial(MathEmitter *e, const Polynomial *p, LLVMValueRef x) {
    enum { CHAIN_MAX = 7 };
    int last = p->count - 1;
    if (p->count <= CHAIN_MAX) return horner(e, p, last, 1, x);
    LLVMValueRef square = emit_fmul(e, x, x);
    LLVMValueRef same = horner(e, p, last, 2, square), other = horner(e, p, last - 1, 2, square);
    return last % 2 ? math_fma(e, same, x, other) : math_fma(e, other, x, same);
}

LLVMValueRef math_sqrt(MathEmitter *e, LLVMValueRef x) { return math_intrinsic(e, "llvm.sqrt", 1, &x); }
LLVMValueRef math_abs(MathEmitter *e, LLVMValueRef x) { return math_intrinsic(e, "llvm.fabs", 1, &x); }
LLVMValueRef math_floor(MathEmitter *e, LLVMValueRef x) { return math_intrinsic(e, "llvm.floor", 1, &x); }
LLVMValueRef math_ceil(MathEmitter *e, LLVMValueRef x) { return math_intrinsic(e, "llvm.ceil", 1, &x); }

LLVMValueRef math_rsqrt(MathEmitter *e, LLVMValueRef x) {
    return emit_fdiv(e, math_number(x, 1), math_sqrt(e, x));
}

/* x + 0 turns -0 into +0 and keeps NaN. */
LLVMValueRef math_sign(MathEmitter *e, LLVMValueRef x) {
    LLVMValueRef rest = emit_fadd(e, x, math_number(x, 0));
    LLVMValueRef negative = emit_select(e, emit_fcmp(e, LLVMRealOLT, x, 0), math_number(x, -1), rest);
    return emit_select(e, emit_fcmp(e, LLVMRealOGT, x, 0), math_number(x, 1), negative);
}

/* a < b ? a : b is one minps, which gives b when either is NaN; likewise maxps. */
static LLVMValueRef extremum(MathEmitter *e, LLVMRealPredicate predicate, LLVMValueRef a, LLVMValueRef b) {
    return emit_select(e, LLVMBuildFCmp(e->builder, predicate, a, b, ""), a, b);
}

static LLVMValueRef extremum_or_nan(MathEmitter *e, LLVMRealPredicate predicate, LLVMValueRef a,
                                    LLVMValueRef b) {
    LLVMValueRef is_nan = LLVMBuildFCmp(e->builder, LLVMRealUNO, a, a, "");
    return emit_select(e, is_nan, a, extremum(e, predicate, a, b));
}

LLVMValueRef math_min(MathEmitter *e, LLVMValueRef x, LLVMValueRef y) {
    return extremum_or_nan(e, LLVMRealOLT, x, y);
}

LLVMValueRef math_max(MathEmitter *e, LLVMValueRef x, LLVMValueRef y) {
    return extremum_or_nan(e, LLVMRealOGT, x, y);
}

LLVMValueRef math_min_number(MathEmitter *e, LLVMValueRef x, double number) {
    return extremum(e, LLVMRealOLT, math_number(x, number), x);
}

LLVMValueRef math_max_number(MathEmitter *e, LLVMValueRef x, double number) {
    return extremum(e, LLVMRealOGT, math_number(x, number), x);
}
