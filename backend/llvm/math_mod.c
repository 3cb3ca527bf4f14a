#include "backend/llvm/math_internal.h"

#include <math.h>
#include <string.h>

/* fmod on the integers of two floats: a = ma 2^ea, b = mb 2^eb, so a mod b = (ma 2^(ea - eb) mod mb) 2^eb.
 * The power is taken in steps that fill 64 bits, one integer division each: at most 7 for f32 and 186 for
 * f64, and none while ea = eb. Emitted once per module and precision, as a local scalar function. */

typedef struct ModFunction {
    MathEmitter e; /* with a builder of its own */
    const MathTable *table;
    LLVMValueRef function, x, y;
    LLVMTypeRef wide;
} ModFunction;

static LLVMBasicBlockRef append_block(ModFunction *f, const char *name) {
    return LLVMAppendBasicBlockInContext(f->e.context, f->function, name);
}

static LLVMValueRef minimum(MathEmitter *e, LLVMValueRef a, LLVMValueRef b) {
    return emit_select(e, LLVMBuildICmp(e->builder, LLVMIntULT, a, b, ""), a, b);
}

/* The bits of |x| as i64. */
static LLVMValueRef magnitude_bits(ModFunction *f, LLVMValueRef x) {
    return LLVMBuildZExt(f->e.builder, math_as_integer(&f->e, math_abs(&f->e, x)), f->wide, "");
}

typedef struct Unpacked {
    LLVMValueRef m, exponent; /* |x| = m * 2^(exponent - bias - fraction_bits), exponent >= 1 */
} Unpacked;

static Unpacked unpack(ModFunction *f, LLVMValueRef bits) {
    MathEmitter *e = &f->e;
    uint64_t hidden = UINT64_C(1) << f->table->fraction_bits;
    LLVMValueRef exponent = emit_lshr(e, bits, f->table->fraction_bits);
    LLVMValueRef fraction = emit_and(e, bits, math_bits(bits, hidden - 1));
    LLVMValueRef is_subnormal = emit_icmp(e, LLVMIntEQ, exponent, 0);
    LLVMValueRef m = emit_select(e, is_subnormal, fraction, emit_or(e, fraction, math_bits(bits, hidden)));
    return (Unpacked){m, emit_select(e, is_subnormal, math_bits(bits, 1), exponent)};
}

/* The float m * 2^(exponent - bias - fraction_bits) of m < 2^(fraction_bits + 1), with the sign of |f->x|. */
static LLVMValueRef pack(ModFunction *f, Unpacked value) {
    MathEmitter *e = &f->e;
    LLVMValueRef arguments[] = {value.m, LLVMConstInt(LLVMInt1TypeInContext(e->context), 0, false)};
    unsigned id = LLVMLookupIntrinsicID("llvm.ctlz", strlen("llvm.ctlz"));
    LLVMValueRef zeros =
        LLVMBuildCall2(e->builder, LLVMIntrinsicGetType(e->context, id, &f->wide, 1),
                       LLVMGetIntrinsicDeclaration(e->module, id, &f->wide, 1), arguments, 2, "");
    zeros = emit_sub(e, zeros, math_bits(zeros, 63 - f->table->fraction_bits));
    LLVMValueRef below = emit_sub(e, value.exponent, math_bits(zeros, 1));
    LLVMValueRef shift = minimum(e, zeros, below);
    LLVMValueRef exponent = emit_shl(e, emit_sub(e, below, shift), f->table->fraction_bits);
    LLVMValueRef bits = emit_add(e, exponent, LLVMBuildShl(e->builder, value.m, shift, ""));
    bits = emit_select(e, emit_icmp(e, LLVMIntEQ, value.m, 0), value.m, bits);
    LLVMTypeRef narrow = LLVMIntTypeInContext(e->context, f->table->bits);
    return math_copysign(e, math_as_float(e, LLVMBuildTrunc(e->builder, bits, narrow, "")), f->x);
}

/* m * 2^count mod divisor. */
static LLVMValueRef reduce(ModFunction *f, LLVMBasicBlockRef entry, LLVMValueRef m, LLVMValueRef count,
                           LLVMValueRef divisor) {
    LLVMBuilderRef builder = f->e.builder;
    LLVMBasicBlockRef head = append_block(f, "head"), step = append_block(f, "step"),
                      done = append_block(f, "done");
    LLVMBuildBr(builder, head);

    LLVMPositionBuilderAtEnd(builder, head);
    LLVMValueRef rest = LLVMBuildPhi(builder, f->wide, ""), left = LLVMBuildPhi(builder, f->wide, "");
    LLVMBuildCondBr(builder, emit_icmp(&f->e, LLVMIntEQ, left, 0), done, step);

    LLVMPositionBuilderAtEnd(builder, step);
    LLVMValueRef bits = minimum(&f->e, left, math_bits(left, 63 - f->table->fraction_bits));
    LLVMValueRef next = LLVMBuildURem(builder, LLVMBuildShl(builder, rest, bits, ""), divisor, "");
    LLVMValueRef next_left = emit_sub(&f->e, left, bits);
    LLVMBuildBr(builder, head);

    LLVMAddIncoming(rest, (LLVMValueRef[]){m, next}, (LLVMBasicBlockRef[]){entry, step}, 2);
    LLVMAddIncoming(left, (LLVMValueRef[]){count, next_left}, (LLVMBasicBlockRef[]){entry, step}, 2);
    LLVMPositionBuilderAtEnd(builder, done);
    return rest;
}

static void emit_body(ModFunction *f) {
    MathEmitter *e = &f->e;
    LLVMBasicBlockRef entry = append_block(f, "entry"), invalid = append_block(f, "invalid");
    LLVMBasicBlockRef finite = append_block(f, "finite"), same = append_block(f, "same");
    LLVMBasicBlockRef divide = append_block(f, "divide");
    uint64_t infinity = (uint64_t)(2 * f->table->bias + 1) << f->table->fraction_bits;

    LLVMPositionBuilderAtEnd(e->builder, entry);
    LLVMValueRef a = magnitude_bits(f, f->x), b = magnitude_bits(f, f->y);
    LLVMValueRef is_invalid =
        emit_or(e, emit_icmp(e, LLVMIntUGE, a, infinity), emit_icmp(e, LLVMIntUGT, b, infinity));
    is_invalid = emit_or(e, is_invalid, emit_icmp(e, LLVMIntEQ, b, 0));
    LLVMBuildCondBr(e->builder, is_invalid, invalid, finite);

    LLVMPositionBuilderAtEnd(e->builder, invalid);
    LLVMBuildRet(e->builder, math_number(f->x, NAN));

    LLVMPositionBuilderAtEnd(e->builder, finite);
    LLVMBuildCondBr(e->builder, LLVMBuildICmp(e->builder, LLVMIntULT, a, b, ""), same, divide);

    LLVMPositionBuilderAtEnd(e->builder, same);
    LLVMBuildRet(e->builder, f->x);

    LLVMPositionBuilderAtEnd(e->builder, divide);
    Unpacked x = unpack(f, a), y = unpack(f, b);
    LLVMValueRef first = LLVMBuildURem(e->builder, x.m, y.m, "");
    LLVMValueRef rest = reduce(f, divide, first, emit_sub(e, x.exponent, y.exponent), y.m);
    LLVMBuildRet(e->builder, pack(f, (Unpacked){rest, y.exponent}));
}

static void add_attribute(MathEmitter *e, LLVMValueRef function, const char *name, uint64_t value) {
    unsigned kind = LLVMGetEnumAttributeKindForName(name, strlen(name));
    LLVMAddAttributeAtIndex(function, LLVMAttributeFunctionIndex,
                            LLVMCreateEnumAttribute(e->context, kind, value));
}

static LLVMValueRef get_or_emit(MathEmitter *e, const char *name, const MathTable *table, LLVMTypeRef type) {
    LLVMValueRef function = LLVMGetNamedFunction(e->module, name);
    if (function) return function;
    function = LLVMAddFunction(e->module, name, type);
    LLVMSetLinkage(function, LLVMInternalLinkage);
    add_attribute(e, function, "nounwind", 0);
    add_attribute(e, function, "memory", 0);
    ModFunction f = {*e,
                     table,
                     function,
                     LLVMGetParam(function, 0),
                     LLVMGetParam(function, 1),
                     LLVMInt64TypeInContext(e->context)};
    f.e.builder = LLVMCreateBuilderInContext(e->context);
    emit_body(&f);
    LLVMDisposeBuilder(f.e.builder);
    return function;
}

LLVMValueRef math_mod(MathEmitter *e, LLVMValueRef x, LLVMValueRef y) {
    const MathTable *table = math_table_of(x);
    LLVMTypeRef type = LLVMTypeOf(x);
    bool is_vector = LLVMGetTypeKind(type) == LLVMVectorTypeKind;
    LLVMTypeRef scalar = is_vector ? LLVMGetElementType(type) : type;
    LLVMTypeRef function_type = LLVMFunctionType(scalar, (LLVMTypeRef[]){scalar, scalar}, 2, false);
    LLVMValueRef function =
        get_or_emit(e, table->bits == 32 ? "tenon.mod.f32" : "tenon.mod.f64", table, function_type);
    if (!is_vector) return LLVMBuildCall2(e->builder, function_type, function, (LLVMValueRef[]){x, y}, 2, "");

    LLVMValueRef result = LLVMGetPoison(type);
    for (unsigned i = 0; i < LLVMGetVectorSize(type); i++) {
        LLVMValueRef lane = LLVMConstInt(LLVMInt32TypeInContext(e->context), i, false);
        LLVMValueRef arguments[] = {LLVMBuildExtractElement(e->builder, x, lane, ""),
                                    LLVMBuildExtractElement(e->builder, y, lane, "")};
        LLVMValueRef value = LLVMBuildCall2(e->builder, function_type, function, arguments, 2, "");
        result = LLVMBuildInsertElement(e->builder, result, value, lane, "");
    }
    return result;
}
