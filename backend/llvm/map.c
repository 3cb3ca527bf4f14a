/* Elementwise expressions: vector by vector, the whole expression for one vector before the next, so that
 * long epilogues keep few registers alive. */
#include "backend/llvm/emitter.h"

#include <assert.h>
#include <math.h>

static MathEmitter math_of(Emitter *emitter) {
    return (MathEmitter){.context = emitter->context,
                         .module = emitter->module,
                         .builder = emitter->builder,
                         .has_fma = emitter->target->has_fma,
                         .has_f16c = emitter->target->level >= 3,
                         .has_avx512 = emitter->target->level >= 4};
}

static LLVMValueRef compare(Emitter *emitter, OpKind op, DType dtype, LLVMValueRef a, LLVMValueRef b) {
    static const struct {
        OpKind op;
        LLVMRealPredicate real;
        LLVMIntPredicate is_signed, is_unsigned;
    } table[] = {
        {OP_EQ, LLVMRealOEQ, LLVMIntEQ, LLVMIntEQ},   {OP_NE, LLVMRealUNE, LLVMIntNE, LLVMIntNE},
        {OP_LT, LLVMRealOLT, LLVMIntSLT, LLVMIntULT}, {OP_LE, LLVMRealOLE, LLVMIntSLE, LLVMIntULE},
        {OP_GT, LLVMRealOGT, LLVMIntSGT, LLVMIntUGT}, {OP_GE, LLVMRealOGE, LLVMIntSGE, LLVMIntUGE},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].op != op) continue;
        if (dtype_is_float(dtype)) return LLVMBuildFCmp(emitter->builder, table[i].real, a, b, "");
        bool is_unsigned = dtype == DTYPE_U8 || dtype == DTYPE_BOOL;
        return LLVMBuildICmp(emitter->builder, is_unsigned ? table[i].is_unsigned : table[i].is_signed, a, b,
                             "");
    }
    assert(!"not a comparison");
    return NULL;
}

/* Ends the call when any lane is set. */
static void fail_if_any(Emitter *emitter, LLVMValueRef bad, int code) {
    LLVMTypeRef type = LLVMTypeOf(bad);
    if (LLVMGetTypeKind(type) == LLVMVectorTypeKind)
        bad = call_intrinsic(emitter, "llvm.vector.reduce.or", &type, 1, &bad, 1);
    emit_failure_unless(emitter, LLVMBuildNot(emitter->builder, bad, ""), code);
}

/* Truncating division or remainder. A zero divisor fails; INT_MIN / -1 wraps, which the machine would trap.
 */
static LLVMValueRef divide_integers(Emitter *emitter, OpKind op, DType dtype, LLVMValueRef a,
                                    LLVMValueRef b) {
    LLVMBuilderRef builder = emitter->builder;
    LLVMTypeRef type = LLVMTypeOf(b);
    LLVMValueRef zero = LLVMBuildICmp(builder, LLVMIntEQ, b, LLVMConstNull(type), "");
    if (emitter->masked && LLVMGetTypeKind(type) == LLVMVectorTypeKind) {
        LLVMValueRef mask = lane_mask(emitter, emitter->vector, (int)LLVMGetVectorSize(type));
        LLVMValueRef one = LLVMBuildSub(builder, LLVMConstNull(type), LLVMConstAllOnes(type), "");
        b = LLVMBuildSelect(builder, mask, b, one, "");
        zero = LLVMBuildAnd(builder, zero, mask, "");
    }
    fail_if_any(emitter, zero, 9);
    if (dtype == DTYPE_U8)
        return op == OP_DIV ? LLVMBuildUDiv(builder, a, b, "") : LLVMBuildURem(builder, a, b, "");
    LLVMValueRef negative = LLVMBuildICmp(builder, LLVMIntEQ, b, LLVMConstAllOnes(type), "");
    LLVMValueRef one = LLVMBuildSub(builder, LLVMConstNull(type), LLVMConstAllOnes(type), "");
    LLVMValueRef safe = LLVMBuildSelect(builder, negative, one, b, "");
    if (op == OP_MOD) return LLVMBuildSRem(builder, a, safe, "");
    LLVMValueRef quotient = LLVMBuildSDiv(builder, a, safe, "");
    return LLVMBuildSelect(builder, negative, LLVMBuildNeg(builder, a, ""), quotient, "");
}

static LLVMValueRef integer_extreme(Emitter *emitter, OpKind op, DType dtype, LLVMValueRef a,
                                    LLVMValueRef b) {
    LLVMValueRef less = compare(emitter, OP_LT, dtype, a, b);
    return op == OP_MIN ? LLVMBuildSelect(emitter->builder, less, a, b, "")
                        : LLVMBuildSelect(emitter->builder, less, b, a, "");
}

LLVMValueRef emit_binary(Emitter *emitter, OpKind op, DType dtype, LLVMValueRef a, LLVMValueRef b) {
    LLVMBuilderRef builder = emitter->builder;
    bool real = dtype_is_float(dtype);
    MathEmitter math = math_of(emitter);
    switch (op) {
    case OP_ADD: return real ? LLVMBuildFAdd(builder, a, b, "") : LLVMBuildAdd(builder, a, b, "");
    case OP_SUB: return real ? LLVMBuildFSub(builder, a, b, "") : LLVMBuildSub(builder, a, b, "");
    case OP_MUL: return real ? LLVMBuildFMul(builder, a, b, "") : LLVMBuildMul(builder, a, b, "");
    case OP_DIV: return real ? LLVMBuildFDiv(builder, a, b, "") : divide_integers(emitter, op, dtype, a, b);
    case OP_MOD: return real ? math_mod(&math, a, b) : divide_integers(emitter, op, dtype, a, b);
    case OP_MIN: return real ? math_min(&math, a, b) : integer_extreme(emitter, op, dtype, a, b);
    case OP_MAX: return real ? math_max(&math, a, b) : integer_extreme(emitter, op, dtype, a, b);
    case OP_POW: return math_pow(&math, a, b);
    case OP_AND: return LLVMBuildAnd(builder, a, b, "");
    case OP_OR: return LLVMBuildOr(builder, a, b, "");
    default: return compare(emitter, op, dtype, a, b);
    }
}

static LLVMTypeRef shaped_like(Emitter *emitter, DType dtype, LLVMValueRef value) {
    LLVMTypeRef type = LLVMTypeOf(value);
    int lanes = LLVMGetTypeKind(type) == LLVMVectorTypeKind ? (int)LLVMGetVectorSize(type) : 1;
    return vector_type(emitter, dtype, lanes);
}

static LLVMValueRef float_to(Emitter *emitter, LLVMValueRef value, DType from, DType to) {
    LLVMBuilderRef builder = emitter->builder;
    MathEmitter math = math_of(emitter);
    if (to == DTYPE_BOOL)
        return LLVMBuildFCmp(builder, LLVMRealUNE, value, LLVMConstNull(LLVMTypeOf(value)), "");
    if (to == DTYPE_F16) return math_to_f16(&math, value);
    if (to == DTYPE_BF16) return math_to_bf16(&math, value);
    if (to == DTYPE_F64 && from == DTYPE_F32)
        return LLVMBuildFPExt(builder, value, shaped_like(emitter, to, value), "");
    if (to == DTYPE_F32 && from == DTYPE_F64)
        return LLVMBuildFPTrunc(builder, value, shaped_like(emitter, to, value), "");
    if (dtype_is_float(to)) return value;
    return math_to_integer(&math, value, (unsigned)dtype_bytes(to) * 8, to != DTYPE_U8);
}

static LLVMValueRef emit_constant(Emitter *emitter, const MapNode *node, int lanes) {
    LLVMTypeRef element = element_type(emitter, node->dtype);
    LLVMValueRef scalar;
    if (node->dtype == DTYPE_F32 || node->dtype == DTYPE_F64) {
        scalar = LLVMConstReal(element, node->real);
    } else if (dtype_is_float(node->dtype)) {
        uint16_t bits;
        dtype_store_float(node->dtype, &bits, node->real);
        scalar = LLVMConstInt(element, bits, false);
    } else {
        scalar = LLVMConstInt(element, (unsigned long long)node->integer, true);
    }
    LLVMValueRef copies[LANES_MAX];
    for (int i = 0; i < lanes; i++) copies[i] = scalar;
    return lanes == 1 ? scalar : LLVMConstVector(copies, (unsigned)lanes);
}

/* Integers clamped to what |to| holds, still as |from|. */
static LLVMValueRef clamp_integer(Emitter *emitter, LLVMValueRef value, DType from, DType to) {
    LLVMTypeRef type = LLVMTypeOf(value);
    int lanes = LLVMGetTypeKind(type) == LLVMVectorTypeKind ? (int)LLVMGetVectorSize(type) : 1;
    MapNode low = {.dtype = from, .integer = dtype_saturate(to, -INFINITY)},
            high = {.dtype = from, .integer = dtype_saturate(to, INFINITY)};
    if (low.integer > dtype_saturate(from, -INFINITY))
        value = integer_extreme(emitter, OP_MAX, from, value, emit_constant(emitter, &low, lanes));
    if (high.integer < dtype_saturate(from, INFINITY))
        value = integer_extreme(emitter, OP_MIN, from, value, emit_constant(emitter, &high, lanes));
    return value;
}

static LLVMValueRef integer_to(Emitter *emitter, LLVMValueRef value, DType from, DType to) {
    LLVMBuilderRef builder = emitter->builder;
    LLVMTypeRef type = shaped_like(emitter, to, value);
    bool is_unsigned = from == DTYPE_U8 || from == DTYPE_BOOL;
    if (to == DTYPE_BOOL)
        return LLVMBuildICmp(builder, LLVMIntNE, value, LLVMConstNull(LLVMTypeOf(value)), "");
    if (to == DTYPE_F32 || to == DTYPE_F64)
        return is_unsigned ? LLVMBuildUIToFP(builder, value, type, "")
                           : LLVMBuildSIToFP(builder, value, type, "");
    if (dtype_is_float(to))
        return float_to(emitter, integer_to(emitter, value, from, DTYPE_F64), DTYPE_F64, to);
    if (from != DTYPE_BOOL) value = clamp_integer(emitter, value, from, to);
    if (dtype_bytes(to) > dtype_bytes(from) || from == DTYPE_BOOL)
        return is_unsigned ? LLVMBuildZExt(builder, value, type, "")
                           : LLVMBuildSExt(builder, value, type, "");
    return dtype_bytes(to) < dtype_bytes(from) ? LLVMBuildTrunc(builder, value, type, "") : value;
}

static LLVMValueRef cast(Emitter *emitter, LLVMValueRef value, DType from, DType to) {
    MathEmitter math = math_of(emitter);
    if (from == to) return value;
    if (from == DTYPE_F16) return float_to(emitter, math_from_f16(&math, value), DTYPE_F32, to);
    if (from == DTYPE_BF16) return float_to(emitter, math_from_bf16(&math, value), DTYPE_F32, to);
    return dtype_is_float(from) ? float_to(emitter, value, from, to) : integer_to(emitter, value, from, to);
}

static LLVMValueRef integer_unary(Emitter *emitter, OpKind op, DType dtype, LLVMValueRef a) {
    LLVMBuilderRef builder = emitter->builder;
    LLVMTypeRef type = LLVMTypeOf(a);
    LLVMValueRef zero = LLVMConstNull(type);
    if (op == OP_NEG) return LLVMBuildNeg(builder, a, "");
    if (op == OP_NOT) return LLVMBuildNot(builder, a, "");
    if (op == OP_RELU) return integer_extreme(emitter, OP_MAX, dtype, a, zero);
    LLVMValueRef below = compare(emitter, OP_LT, dtype, a, zero);
    if (op == OP_ABS) return LLVMBuildSelect(builder, below, LLVMBuildNeg(builder, a, ""), a, "");
    LLVMValueRef above = compare(emitter, OP_GT, dtype, a, zero); /* sign */
    return LLVMBuildSub(builder, LLVMBuildZExt(builder, above, type, ""),
                        LLVMBuildZExt(builder, below, type, ""), "");
}

static LLVMValueRef float_unary(Emitter *emitter, OpKind op, LLVMValueRef a) {
    MathEmitter math = math_of(emitter);
    switch (op) {
    case OP_ABS: return math_abs(&math, a);
    case OP_CEIL: return math_ceil(&math, a);
    case OP_ERF: return math_erf(&math, a);
    case OP_EXP: return math_exp(&math, a);
    case OP_EXPM1: return math_expm1(&math, a);
    case OP_FLOOR: return math_floor(&math, a);
    case OP_LOG: return math_log(&math, a);
    case OP_LOG1P: return math_log1p(&math, a);
    case OP_NEG: return LLVMBuildFNeg(emitter->builder, a, "");
    case OP_RELU: return math_max_number(&math, a, 0);
    case OP_RSQRT: return math_rsqrt(&math, a);
    case OP_SIGMOID: return math_sigmoid(&math, a);
    case OP_SIGN: return math_sign(&math, a);
    case OP_SQRT: return math_sqrt(&math, a);
    case OP_TANH: return math_tanh(&math, a);
    default: assert(!"not a pointwise op"); return a;
    }
}

typedef struct MapFrame {
    const LoopStatement *statement;
    LLVMValueRef operands[64];
    LLVMValueRef *nodes;
} MapFrame;

static LLVMValueRef frame_value(const MapFrame *frame, int operand, DType *out_dtype) {
    if (operand >= 0) {
        *out_dtype = frame->statement->nodes[operand].dtype;
        return frame->nodes[operand];
    }
    *out_dtype = frame->statement->operands[-1 - operand]->dtype;
    return frame->operands[-1 - operand];
}

static LLVMValueRef emit_node(Emitter *emitter, MapFrame *frame, const MapNode *node, int lanes) {
    if (node->kind == MAP_CONSTANT) return emit_constant(emitter, node, lanes);
    DType dtype, other;
    LLVMValueRef a = frame_value(frame, node->operands[0], &dtype);
    if (node->kind == MAP_FMA) {
        LLVMValueRef b = frame_value(frame, node->operands[1], &other);
        return emit_fma(emitter, a, b, frame_value(frame, node->operands[2], &other));
    }
    if (node->op == OP_CAST) return cast(emitter, a, dtype, node->dtype);
    int count = op_infos[node->op].operands_min;
    if (count == 1)
        return dtype_is_float(dtype) ? float_unary(emitter, node->op, a)
                                     : integer_unary(emitter, node->op, dtype, a);
    LLVMValueRef b = frame_value(frame, node->operands[1], &other);
    if (count == 2) return emit_binary(emitter, node->op, dtype, a, b);
    LLVMValueRef c = frame_value(frame, node->operands[2], &other);
    return LLVMBuildSelect(emitter->builder, a, b, c, "");
}

void emit_map(Emitter *emitter, const LoopStatement *statement) {
    const Tile *tile = statement->tile;
    MapFrame frame = {.statement = statement,
                      .nodes = NEW_ARRAY(emitter->arena, LLVMValueRef, statement->node_count)};
    LLVMValueRef *results = tile_define(emitter, tile);
    for (int i = 0; i < tile_rows(emitter, tile) * tile->vectors; i++) {
        emitter->vector = i % tile->vectors;
        for (int j = 0; j < statement->operand_count; j++) {
            const Tile *operand = statement->operands[j];
            bool scalar = operand->rows == 1 && operand->vectors == 1 && operand->lanes == 1;
            LLVMValueRef value = tile_values(emitter, operand)[scalar ? 0 : i];
            frame.operands[j] = scalar ? splat(emitter, value, tile->lanes) : value;
        }
        for (int j = 0; j < statement->node_count; j++)
            frame.nodes[j] = emit_node(emitter, &frame, &statement->nodes[j], tile->lanes);
        results[i] = frame.nodes[statement->node_count - 1];
    }
}
