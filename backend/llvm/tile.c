/* Tiles as LLVM values, and what moves them: load, store, reduce, position. A tile of R x NV x VL is R * NV
 * vectors of VL lanes, row by row; one lane is a scalar. */
#include "backend/llvm/emitter.h"

#include <assert.h>
#include <string.h>

int tile_rows(const Emitter *emitter, const Tile *tile) {
    return tile->rows == ROWS_SYMBOLIC ? emitter->rows : tile->rows;
}

LLVMValueRef *tile_values(Emitter *emitter, const Tile *tile) {
    assert(emitter->tiles[tile->id]);
    return emitter->tiles[tile->id];
}

LLVMValueRef *tile_define(Emitter *emitter, const Tile *tile) {
    return emitter->tiles[tile->id] =
               NEW_ARRAY(emitter->arena, LLVMValueRef, tile_rows(emitter, tile) * tile->vectors);
}

LLVMTypeRef element_type(Emitter *emitter, DType dtype) {
    switch (dtype) {
    case DTYPE_F32: return emitter->f32;
    case DTYPE_F64: return emitter->f64;
    case DTYPE_F16:
    case DTYPE_BF16:
    case DTYPE_I16: return emitter->i16;
    case DTYPE_I8:
    case DTYPE_U8: return emitter->i8;
    case DTYPE_I64: return emitter->i64;
    case DTYPE_BOOL: return emitter->i1;
    default: return emitter->i32;
    }
}

LLVMTypeRef vector_type(Emitter *emitter, DType dtype, int lanes) {
    LLVMTypeRef element = element_type(emitter, dtype);
    return lanes == 1 ? element : LLVMVectorType(element, (unsigned)lanes);
}

/* Bool is a byte in memory. */
static LLVMTypeRef memory_type(Emitter *emitter, DType dtype, int lanes) {
    return vector_type(emitter, dtype == DTYPE_BOOL ? DTYPE_U8 : dtype, lanes);
}

static LLVMValueRef from_memory(Emitter *emitter, DType dtype, LLVMValueRef value) {
    if (dtype != DTYPE_BOOL) return value;
    return LLVMBuildICmp(emitter->builder, LLVMIntNE, value, LLVMConstNull(LLVMTypeOf(value)), "");
}

static LLVMValueRef to_memory(Emitter *emitter, DType dtype, int lanes, LLVMValueRef value) {
    return dtype != DTYPE_BOOL
               ? value
               : LLVMBuildZExt(emitter->builder, value, memory_type(emitter, dtype, lanes), "");
}

LLVMValueRef splat(Emitter *emitter, LLVMValueRef scalar, int lanes) {
    if (lanes == 1) return scalar;
    LLVMTypeRef type = LLVMVectorType(LLVMTypeOf(scalar), (unsigned)lanes);
    LLVMValueRef first =
        LLVMBuildInsertElement(emitter->builder, LLVMGetPoison(type), scalar, constant_i32(emitter, 0), "");
    LLVMValueRef zeros = LLVMConstNull(LLVMVectorType(emitter->i32, (unsigned)lanes));
    return LLVMBuildShuffleVector(emitter->builder, first, LLVMGetPoison(type), zeros, "");
}

/* The lower or the upper half of the lanes; NULL of NULL, as of a mask that is not needed. */
static LLVMValueRef half(Emitter *emitter, LLVMValueRef vector, int lanes, bool upper) {
    LLVMValueRef picks[LANES_MAX];
    if (!vector) return NULL;
    for (int i = 0; i < lanes / 2; i++) picks[i] = constant_i32(emitter, upper ? lanes / 2 + i : i);
    return LLVMBuildShuffleVector(emitter->builder, vector, LLVMGetPoison(LLVMTypeOf(vector)),
                                  LLVMConstVector(picks, (unsigned)lanes / 2), "");
}

LLVMValueRef lane_mask(Emitter *emitter, int vector, int lanes) {
    if (!emitter->masked) return NULL;
    LLVMValueRef positions[LANES_MAX];
    for (int i = 0; i < lanes; i++) positions[i] = constant_i64(emitter, vector * lanes + i);
    LLVMValueRef numbers = lanes == 1 ? positions[0] : LLVMConstVector(positions, (unsigned)lanes);
    return LLVMBuildICmp(emitter->builder, LLVMIntSLT, numbers, splat(emitter, emitter->remaining, lanes),
                         "");
}

LLVMValueRef call_intrinsic(Emitter *emitter, const char *name, LLVMTypeRef *overloads, int overload_count,
                            LLVMValueRef *arguments, int argument_count) {
    unsigned id = LLVMLookupIntrinsicID(name, strlen(name));
    LLVMValueRef callee = LLVMGetIntrinsicDeclaration(emitter->module, id, overloads, (size_t)overload_count);
    LLVMTypeRef type = LLVMIntrinsicGetType(emitter->context, id, overloads, (size_t)overload_count);
    return LLVMBuildCall2(emitter->builder, type, callee, arguments, (unsigned)argument_count, "");
}

LLVMValueRef emit_fma(Emitter *emitter, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c) {
    if (!emitter->target->has_fma)
        return LLVMBuildFAdd(emitter->builder, LLVMBuildFMul(emitter->builder, a, b, ""), c, "");
    LLVMTypeRef type = LLVMTypeOf(a);
    LLVMValueRef arguments[3] = {a, b, c};
    return call_intrinsic(emitter, "llvm.fma", &type, 1, arguments, 3);
}

/* ---- Addresses of a vector ---- */

/* Halves: each is contiguous, as where blocks of channels are half as wide as a vector. */
typedef enum LanePattern { LANES_SAME, LANES_CONTIGUOUS, LANES_IN_HALVES, LANES_SCATTERED } LanePattern;

typedef struct VectorPlace {
    const Expr *offset; /* of lane 0 */
    const Expr *second; /* of the first lane of the second half */
    const Expr *lanes;  /* of any lane, with |lane| */
    const Symbol *lane;
    LanePattern pattern;
} VectorPlace;

/* Where lanes |first| to |first| + |count| - 1 are contiguous, the offset of the first; else NULL. */
static const Expr *contiguous_from(Emitter *emitter, const VectorPlace *place, int first, int count) {
    ExprTable *exprs = emitter->loops->graph->exprs;
    const Symbol *part = symbol_create(emitter->arena, "lane", 0, count - 1);
    const Expr *offset = expr_substitute(exprs, place->lanes, place->lane,
                                         expr_add_constant(exprs, expr_symbol(exprs, part), first));
    const Expr *stride = expr_coefficient(exprs, offset, part);
    if (!stride || !expr_equals(stride, 1)) return NULL;
    return expr_substitute(exprs, offset, part, expr_constant(exprs, 0));
}

static LanePattern in_halves_or_scattered(Emitter *emitter, VectorPlace *place, int lanes) {
    if (lanes < 4 || !contiguous_from(emitter, place, 0, lanes / 2)) return LANES_SCATTERED;
    place->second = contiguous_from(emitter, place, lanes / 2, lanes / 2);
    return place->second ? LANES_IN_HALVES : LANES_SCATTERED;
}

static VectorPlace vector_place(Emitter *emitter, const Access *access, int row, int vector, int lanes) {
    ExprTable *exprs = emitter->loops->graph->exprs;
    const Expr *offset = access_offset(emitter->loops, access);
    offset = expr_substitute(exprs, offset, emitter->loops->row, expr_constant(exprs, row));
    VectorPlace place = {.offset = offset, .lanes = offset, .pattern = LANES_SAME};
    if (!expr_uses(offset, emitter->loops->lane)) return place;
    place.pattern = LANES_CONTIGUOUS;
    place.lane = symbol_create(emitter->arena, "lane", 0, lanes - 1);
    place.lanes =
        expr_substitute(exprs, offset, emitter->loops->lane,
                        expr_add_constant(exprs, expr_symbol(exprs, place.lane), (int64_t)vector * lanes));
    place.offset = expr_substitute(exprs, place.lanes, place.lane, expr_constant(exprs, 0));
    const Expr *stride = expr_coefficient(exprs, place.lanes, place.lane);
    if (lanes == 1)
        place.pattern = LANES_CONTIGUOUS;
    else if (!stride)
        place.pattern = in_halves_or_scattered(emitter, &place, lanes);
    else if (!expr_equals(stride, 1))
        place.pattern = LANES_SCATTERED;
    if (stride && expr_equals(stride, 0) && lanes > 1) place.pattern = LANES_SAME;
    return place;
}

static LLVMValueRef lane_address(Emitter *emitter, const Access *access, const VectorPlace *place, int lane) {
    ExprTable *exprs = emitter->loops->graph->exprs;
    return emit_address(emitter, access->buffer,
                        expr_substitute(exprs, place->lanes, place->lane, expr_constant(exprs, lane)));
}

static void set_alignment(Emitter *emitter, LLVMValueRef access, DType dtype) {
    (void)emitter;
    LLVMSetAlignment(access, (unsigned)dtype_bytes(dtype));
}

static LLVMValueRef load_element(Emitter *emitter, DType dtype, LLVMValueRef address) {
    LLVMValueRef load = LLVMBuildLoad2(emitter->builder, memory_type(emitter, dtype, 1), address, "");
    set_alignment(emitter, load, dtype);
    return load;
}

static LLVMValueRef masked_load(Emitter *emitter, DType dtype, int lanes, LLVMValueRef address,
                                LLVMValueRef mask) {
    LLVMTypeRef type = memory_type(emitter, dtype, lanes);
    LLVMTypeRef overloads[2] = {type, emitter->pointer};
    LLVMValueRef arguments[4] = {address, constant_i32(emitter, (int64_t)dtype_bytes(dtype)), mask,
                                 LLVMConstNull(type)};
    return call_intrinsic(emitter, "llvm.masked.load", overloads, 2, arguments, 4);
}

/* Runs |then| only where the scalar condition holds: a new block, left open, and the one after it. */
static LLVMBasicBlockRef branch_around(Emitter *emitter, LLVMValueRef condition) {
    LLVMBasicBlockRef inside = new_block(emitter, ""), after = new_block(emitter, "");
    LLVMBuildCondBr(emitter->builder, condition, inside, after);
    LLVMPositionBuilderAtEnd(emitter->builder, inside);
    return after;
}

static LLVMValueRef guarded_element(Emitter *emitter, DType dtype, LLVMValueRef address,
                                    LLVMValueRef condition) {
    LLVMBasicBlockRef before = LLVMGetInsertBlock(emitter->builder);
    LLVMBasicBlockRef after = branch_around(emitter, condition);
    LLVMValueRef loaded = load_element(emitter, dtype, address);
    LLVMBasicBlockRef inside = LLVMGetInsertBlock(emitter->builder);
    LLVMBuildBr(emitter->builder, after);
    LLVMPositionBuilderAtEnd(emitter->builder, after);
    LLVMValueRef phi = LLVMBuildPhi(emitter->builder, LLVMTypeOf(loaded), "");
    LLVMValueRef incoming[2] = {loaded, LLVMConstNull(LLVMTypeOf(loaded))};
    LLVMBasicBlockRef blocks[2] = {inside, before};
    LLVMAddIncoming(phi, incoming, blocks, 2);
    return phi;
}

static LLVMValueRef mask_lane(Emitter *emitter, LLVMValueRef mask, int lane) {
    return LLVMBuildExtractElement(emitter->builder, mask, constant_i32(emitter, lane), "");
}

static LLVMValueRef gather(Emitter *emitter, const Access *access, const VectorPlace *place, int lanes,
                           LLVMValueRef mask) {
    DType dtype = access->buffer->dtype;
    LLVMValueRef vector = LLVMConstNull(memory_type(emitter, dtype, lanes));
    for (int i = 0; i < lanes; i++) {
        LLVMValueRef address = lane_address(emitter, access, place, i);
        LLVMValueRef element = mask ? guarded_element(emitter, dtype, address, mask_lane(emitter, mask, i))
                                    : load_element(emitter, dtype, address);
        vector = LLVMBuildInsertElement(emitter->builder, vector, element, constant_i32(emitter, i), "");
    }
    return vector;
}

/* The constant distance of the lanes when it is 2 to 4; else 0. */
static int64_t small_stride(Emitter *emitter, const VectorPlace *place) {
    int64_t stride;
    const Expr *distance = expr_coefficient(emitter->loops->graph->exprs, place->lanes, place->lane);
    return distance && expr_is_constant(distance, &stride) && stride >= 2 && stride <= 4 ? stride : 0;
}

/* Lanes a few elements apart: the stretch they span is read whole, masked where it may leave the buffer, and
 * thinned. */
static LLVMValueRef load_strided(Emitter *emitter, const Access *access, const VectorPlace *place,
                                 int64_t stride, int vector, int lanes) {
    LLVMValueRef zero = LLVMConstNull(memory_type(emitter, access->buffer->dtype, lanes)), parts[4],
                 picks[LANES_MAX];
    LLVMValueRef limit = constant_i64(emitter, (lanes - 1) * stride + 1);
    if (emitter->masked) {
        LLVMValueRef left = LLVMBuildNSWSub(emitter->builder, emitter->remaining,
                                            constant_i64(emitter, (int64_t)vector * lanes + 1), "");
        left = LLVMBuildNSWAdd(emitter->builder,
                               LLVMBuildNSWMul(emitter->builder, left, constant_i64(emitter, stride), ""),
                               constant_i64(emitter, 1), "");
        LLVMValueRef less = LLVMBuildICmp(emitter->builder, LLVMIntSLT, left, limit, "");
        limit = LLVMBuildSelect(emitter->builder, less, left, limit, "");
    }
    for (int64_t i = 0; i < stride; i++) {
        LLVMValueRef numbers[LANES_MAX];
        for (int j = 0; j < lanes; j++) numbers[j] = constant_i64(emitter, i * lanes + j);
        LLVMValueRef mask =
            LLVMBuildICmp(emitter->builder, LLVMIntSLT, LLVMConstVector(numbers, (unsigned)lanes),
                          splat(emitter, limit, lanes), "");
        const Expr *offset = expr_add_constant(emitter->loops->graph->exprs, place->offset, i * lanes);
        parts[i] = masked_load(emitter, access->buffer->dtype, lanes,
                               emit_address(emitter, access->buffer, offset), mask);
    }
    /* Two parts at a time into one vector of the lanes they hold. */
    LLVMValueRef result = zero;
    for (int64_t i = 0; i < stride; i++) {
        for (int j = 0; j < lanes; j++) {
            int64_t at = j * stride - i * lanes;
            picks[j] = constant_i32(emitter, at >= 0 && at < lanes ? lanes + at : j);
        }
        result = LLVMBuildShuffleVector(emitter->builder, result, parts[i],
                                        LLVMConstVector(picks, (unsigned)lanes), "");
    }
    return result;
}

/* Whether lanes beyond the tail still read within the buffer, as those of padded panels do: then no mask is
 * needed, since what they compute is never stored. */
static bool stays_inside(Emitter *emitter, const Access *access, int vector, int lanes) {
    ExprTable *exprs = emitter->loops->graph->exprs;
    const Symbol *lane = emitter->loops->lane;
    for (int i = 0; i < access->buffer->rank; i++) {
        if (!expr_uses(access->indices[i], lane)) continue;
        const Expr *last = expr_substitute(exprs, access->indices[i], lane,
                                           expr_constant(exprs, (int64_t)(vector + 1) * lanes - 1));
        if (last->max >= access->buffer->extents[i]->min) return false;
    }
    return true;
}

static LLVMValueRef load_contiguous(Emitter *emitter, const Access *access, const Expr *offset, int lanes,
                                    LLVMValueRef mask) {
    DType dtype = access->buffer->dtype;
    LLVMValueRef address = emit_address(emitter, access->buffer, offset);
    if (mask && lanes == 1) return guarded_element(emitter, dtype, address, mask);
    if (mask) return masked_load(emitter, dtype, lanes, address, mask);
    LLVMValueRef loaded = LLVMBuildLoad2(emitter->builder, memory_type(emitter, dtype, lanes), address, "");
    set_alignment(emitter, loaded, dtype);
    return loaded;
}

static LLVMValueRef load_halves(Emitter *emitter, const Access *access, const VectorPlace *place, int lanes,
                                LLVMValueRef mask) {
    LLVMValueRef picks[LANES_MAX];
    LLVMValueRef low =
        load_contiguous(emitter, access, place->offset, lanes / 2, half(emitter, mask, lanes, false));
    LLVMValueRef high =
        load_contiguous(emitter, access, place->second, lanes / 2, half(emitter, mask, lanes, true));
    for (int i = 0; i < lanes; i++) picks[i] = constant_i32(emitter, i);
    return LLVMBuildShuffleVector(emitter->builder, low, high, LLVMConstVector(picks, (unsigned)lanes), "");
}

LLVMValueRef emit_load_vector(Emitter *emitter, const Access *access, int row, int vector, int lanes) {
    DType dtype = access->buffer->dtype;
    VectorPlace place = vector_place(emitter, access, row, vector, lanes);
    if (place.pattern == LANES_SAME) {
        LLVMValueRef scalar =
            load_element(emitter, dtype, emit_address(emitter, access->buffer, place.offset));
        return splat(emitter, from_memory(emitter, dtype, scalar), lanes);
    }
    LLVMValueRef mask = lane_mask(emitter, vector, lanes), loaded;
    if (mask && stays_inside(emitter, access, vector, lanes)) mask = NULL;
    int64_t stride = place.pattern == LANES_SCATTERED ? small_stride(emitter, &place) : 0;
    if (stride) {
        loaded = load_strided(emitter, access, &place, stride, vector, lanes);
    } else if (place.pattern == LANES_SCATTERED) {
        loaded = gather(emitter, access, &place, lanes, mask);
    } else if (place.pattern == LANES_IN_HALVES) {
        loaded = load_halves(emitter, access, &place, lanes, mask);
    } else {
        loaded = load_contiguous(emitter, access, place.offset, lanes, mask);
    }
    return from_memory(emitter, dtype, loaded);
}

void emit_load(Emitter *emitter, const LoopStatement *statement) {
    const Tile *tile = statement->tile;
    LLVMValueRef *values = tile_define(emitter, tile);
    bool per_row = expr_uses(access_offset(emitter->loops, &statement->access), emitter->loops->row);
    for (int r = 0; r < tile_rows(emitter, tile); r++)
        for (int v = 0; v < tile->vectors; v++)
            values[r * tile->vectors + v] =
                r && !per_row ? values[v] : emit_load_vector(emitter, &statement->access, r, v, tile->lanes);
}

static void store_element(Emitter *emitter, DType dtype, LLVMValueRef value, LLVMValueRef address) {
    set_alignment(emitter, LLVMBuildStore(emitter->builder, value, address), dtype);
}

static void guarded_store(Emitter *emitter, DType dtype, LLVMValueRef value, LLVMValueRef address,
                          LLVMValueRef condition) {
    LLVMBasicBlockRef after = branch_around(emitter, condition);
    store_element(emitter, dtype, value, address);
    LLVMBuildBr(emitter->builder, after);
    LLVMPositionBuilderAtEnd(emitter->builder, after);
}

static void scatter(Emitter *emitter, const Access *access, const VectorPlace *place, int lanes,
                    LLVMValueRef mask, LLVMValueRef value) {
    DType dtype = access->buffer->dtype;
    for (int i = 0; i < lanes; i++) {
        LLVMValueRef element = LLVMBuildExtractElement(emitter->builder, value, constant_i32(emitter, i), "");
        LLVMValueRef address = lane_address(emitter, access, place, i);
        if (mask)
            guarded_store(emitter, dtype, element, address, mask_lane(emitter, mask, i));
        else
            store_element(emitter, dtype, element, address);
    }
}

static void store_contiguous(Emitter *emitter, const Access *access, const Expr *offset, int lanes,
                             LLVMValueRef mask, LLVMValueRef value) {
    DType dtype = access->buffer->dtype;
    LLVMValueRef address = emit_address(emitter, access->buffer, offset);
    if (!mask) {
        store_element(emitter, dtype, value, address);
    } else if (lanes == 1) {
        guarded_store(emitter, dtype, value, address, mask);
    } else {
        LLVMTypeRef overloads[2] = {LLVMTypeOf(value), emitter->pointer};
        LLVMValueRef arguments[4] = {value, address, constant_i32(emitter, (int64_t)dtype_bytes(dtype)),
                                     mask};
        call_intrinsic(emitter, "llvm.masked.store", overloads, 2, arguments, 4);
    }
}

static void store_vector(Emitter *emitter, const Access *access, int row, int vector, int lanes,
                         LLVMValueRef value) {
    DType dtype = access->buffer->dtype;
    VectorPlace place = vector_place(emitter, access, row, vector, lanes);
    LLVMValueRef mask = lane_mask(emitter, vector, lanes);
    value = to_memory(emitter, dtype, lanes, value);
    if (place.pattern == LANES_SCATTERED) {
        scatter(emitter, access, &place, lanes, mask, value);
        return;
    }
    if (place.pattern == LANES_IN_HALVES) {
        store_contiguous(emitter, access, place.offset, lanes / 2, half(emitter, mask, lanes, false),
                         half(emitter, value, lanes, false));
        store_contiguous(emitter, access, place.second, lanes / 2, half(emitter, mask, lanes, true),
                         half(emitter, value, lanes, true));
        return;
    }
    assert(place.pattern == LANES_CONTIGUOUS || lanes == 1);
    store_contiguous(emitter, access, place.offset, lanes, place.pattern == LANES_SAME ? NULL : mask, value);
}

void emit_store(Emitter *emitter, const LoopStatement *statement) {
    const Tile *tile = statement->tile;
    LLVMValueRef *values = tile_values(emitter, tile);
    for (int r = 0; r < tile_rows(emitter, tile); r++)
        for (int v = 0; v < tile->vectors; v++)
            store_vector(emitter, &statement->access, r, v, tile->lanes, values[r * tile->vectors + v]);
}

void emit_line_prefetch(Emitter *emitter, LLVMValueRef address, bool write) {
    LLVMValueRef arguments[4] = {address, constant_i32(emitter, write),
                                 constant_i32(emitter, 2) /* into L2 */, constant_i32(emitter, 1)};
    call_intrinsic(emitter, "llvm.prefetch", &emitter->pointer, 1, arguments, 4);
}

/* One request for each line that a row of the tile begins or passes. */
void emit_prefetch(Emitter *emitter, const LoopStatement *statement) {
    const Tile *tile = statement->tile;
    int step = LINE_BYTES / (int)dtype_bytes(statement->access.buffer->dtype);
    for (int r = 0; r < tile_rows(emitter, tile); r++) {
        for (int i = 0; i < tile->vectors * tile->lanes; i += step) {
            VectorPlace place = vector_place(emitter, &statement->access, r, i / tile->lanes, tile->lanes);
            LLVMValueRef address = emit_address(emitter, statement->access.buffer, place.offset);
            emit_line_prefetch(emitter, address, statement->access.buffer->written);
        }
    }
}

/* ---- Reductions and positions ---- */

void emit_slice(Emitter *emitter, const LoopStatement *statement) {
    const Tile *operand = statement->operands[0], *tile = statement->tile;
    LLVMValueRef *values = tile_values(emitter, operand), *results = tile_define(emitter, tile);
    for (int r = 0; r < tile_rows(emitter, tile); r++)
        for (int v = 0; v < tile->vectors; v++)
            results[r * tile->vectors + v] = values[r * operand->vectors + statement->step + v];
}

/* Of |count| rows: that of the first half, the longer one, and that of the second. */
static LLVMValueRef reduced(Emitter *emitter, const LoopStatement *statement, LLVMValueRef *values,
                            int count) {
    if (count == 1) return *values;
    int half = (count + 1) / 2, vectors = statement->tile->vectors;
    LLVMValueRef first = reduced(emitter, statement, values, half),
                 second = reduced(emitter, statement, values + half * vectors, count - half);
    return emit_binary(emitter, statement->reduce, statement->tile->dtype, first, second);
}

static void reduce_rows(Emitter *emitter, const LoopStatement *statement) {
    const Tile *operand = statement->operands[0];
    LLVMValueRef *values = tile_values(emitter, operand), *results = tile_define(emitter, statement->tile);
    for (int v = 0; v < operand->vectors; v++)
        results[v] = reduced(emitter, statement, values + v, tile_rows(emitter, operand));
}

/* Vectors first to last, then lanes by halves. */
static void reduce_lanes(Emitter *emitter, const LoopStatement *statement) {
    const Tile *operand = statement->operands[0];
    LLVMValueRef *values = tile_values(emitter, operand), *results = tile_define(emitter, statement->tile);
    for (int r = 0; r < tile_rows(emitter, operand); r++) {
        LLVMValueRef total = values[r * operand->vectors];
        for (int v = 1; v < operand->vectors; v++)
            total = emit_binary(emitter, statement->reduce, operand->dtype, total,
                                values[r * operand->vectors + v]);
        for (int lanes = operand->lanes; lanes > 1; lanes /= 2) {
            LLVMValueRef low = half(emitter, total, lanes, false), high = half(emitter, total, lanes, true);
            total = emit_binary(emitter, statement->reduce, operand->dtype, low, high);
        }
        if (operand->lanes > 1)
            total = LLVMBuildExtractElement(emitter->builder, total, constant_i32(emitter, 0), "");
        results[r] = total;
    }
}

void emit_reduce(Emitter *emitter, const LoopStatement *statement) {
    if (reduces_rows(statement))
        reduce_rows(emitter, statement);
    else
        reduce_lanes(emitter, statement);
}

void emit_position(Emitter *emitter, const LoopStatement *statement) {
    const Tile *tile = statement->tile;
    ExprTable *exprs = emitter->loops->graph->exprs;
    LLVMValueRef *values = tile_define(emitter, tile);
    LLVMTypeRef element = element_type(emitter, tile->dtype);
    for (int r = 0; r < tile_rows(emitter, tile); r++)
        for (int v = 0; v < tile->vectors; v++) {
            const Expr *row =
                expr_substitute(exprs, statement->position, emitter->loops->row, expr_constant(exprs, r));
            LLVMValueRef vector =
                tile->lanes > 1 ? LLVMGetUndef(vector_type(emitter, tile->dtype, tile->lanes)) : NULL;
            for (int i = 0; i < tile->lanes; i++) {
                const Expr *at = expr_substitute(exprs, row, emitter->loops->lane,
                                                 expr_constant(exprs, (int64_t)v * tile->lanes + i));
                LLVMValueRef number =
                    LLVMBuildIntCast2(emitter->builder, emit_expr(emitter, at), element, true, "");
                vector = vector ? LLVMBuildInsertElement(emitter->builder, vector, number,
                                                         constant_i32(emitter, i), "")
                                : number;
            }
            values[r * tile->vectors + v] = vector;
        }
}
