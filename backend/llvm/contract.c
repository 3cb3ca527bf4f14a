/* contract: a whole reduction nest over products of two accesses, summed in partial sums of |chunk| terms
 * that start at +0 and are added to the total in order. Emission follows what keeps LLVM's allocator free of
 * spills: K loops are not unrolled; per step the vectors of B first, then one row's operand, used at once. */
#include "backend/llvm/emitter.h"

#include <string.h>

enum { ACCUMULATORS_MAX = 256 };

typedef struct Contraction {
    Emitter *emitter;
    const LoopStatement *statement;
    int rows, vectors, lanes;
    bool a_per_row, a_per_lane, b_per_row, b_per_lane;
} Contraction;

static int64_t trip_min(const Range *range) {
    int64_t trip = range->high->min - range->low->max;
    return trip < 0 ? 0 : trip;
}

static int64_t trip_max(const Range *range) { return range->high->max - range->low->min; }

/* The place |ahead| of B's first element, advanced by |ahead_step| for every term before this one. */
static void emit_ahead(const Contraction *c) {
    Emitter *emitter = c->emitter;
    const LoopStatement *s = c->statement;
    ExprTable *exprs = emitter->loops->graph->exprs;
    const Expr *first = access_offset(emitter->loops, &s->b), *zero = expr_constant(exprs, 0), *terms = zero;
    first = expr_substitute(exprs, expr_substitute(exprs, first, emitter->loops->lane, zero),
                            emitter->loops->row, zero);
    for (int i = 0; i < s->depth; i++) {
        const Expr *step = expr_sub(exprs, expr_symbol(exprs, s->k[i].symbol), s->k[i].low);
        terms = expr_add(exprs, i ? expr_scale(exprs, terms, trip_max(&s->k[i])) : terms, step);
        first = expr_substitute(exprs, first, s->k[i].symbol, s->k[i].low);
    }
    const Expr *place =
        expr_add(exprs, expr_add(exprs, first, s->ahead), expr_scale(exprs, terms, s->ahead_step));
    int64_t bytes = s->ahead_step * (int64_t)dtype_bytes(s->b.buffer->dtype);
    for (int64_t line = 0; line < bytes; line += LINE_BYTES) {
        const Expr *at = expr_add_constant(exprs, place, line / (int64_t)dtype_bytes(s->b.buffer->dtype));
        emit_line_prefetch(emitter, emit_address(emitter, s->b.buffer, at), false);
    }
}

static void multiply_add(const Contraction *c, LLVMValueRef *sums) {
    Emitter *emitter = c->emitter;
    const LoopStatement *s = c->statement;
    LLVMValueRef b[64];
    if (s->ahead) emit_ahead(c);
    /* One row: the broadcast first, so that B's vectors stay memory operands. */
    LLVMValueRef shared_a =
        c->a_per_row || c->a_per_lane ? NULL : emit_load_vector(emitter, &s->a, 0, 0, c->lanes);
    for (int v = 0; v < c->vectors && !c->b_per_row && c->rows > 1; v++)
        b[v] = v && !c->b_per_lane ? b[0] : emit_load_vector(emitter, &s->b, 0, v, c->lanes);
    for (int r = 0; r < c->rows; r++) {
        LLVMValueRef a = shared_a;
        if (c->a_per_row && !c->a_per_lane) a = emit_load_vector(emitter, &s->a, r, 0, c->lanes);
        for (int v = 0; v < c->vectors; v++) {
            if (c->a_per_lane) a = emit_load_vector(emitter, &s->a, r, v, c->lanes);
            if (c->b_per_row || c->rows == 1) b[v] = emit_load_vector(emitter, &s->b, r, v, c->lanes);
            LLVMValueRef *sum = &sums[r * c->vectors + v];
            if (dtype_is_float(s->tile->dtype)) {
                *sum = emit_fma(emitter, a, b[v], *sum);
            } else {
                LLVMValueRef product = LLVMBuildMul(emitter->builder, a, b[v], "");
                *sum = LLVMBuildAdd(emitter->builder, *sum, product, "");
            }
        }
    }
}

/* The nest from |level| inward; |low| and |high| replace the bounds of that level. */
static void emit_nest(const Contraction *c, int level, LLVMValueRef low, LLVMValueRef high, int64_t trips_min,
                      int64_t trips_max, LLVMValueRef *sums) {
    Emitter *emitter = c->emitter;
    const LoopStatement *s = c->statement;
    CountedLoop loop = loop_begin(emitter, low, high, 1, trips_min, trips_max, sums, c->rows * c->vectors);
    scope_enter_here(emitter);
    bind_symbol(emitter, s->k[level].symbol, loop.index);
    LLVMValueRef inner[ACCUMULATORS_MAX];
    memcpy(inner, loop.carried, (size_t)(c->rows * c->vectors) * sizeof *inner);
    if (level + 1 == s->depth) {
        multiply_add(c, inner);
    } else {
        const Range *next = &s->k[level + 1];
        LLVMValueRef next_low = emit_expr(emitter, next->low), next_high = emit_expr(emitter, next->high);
        emit_nest(c, level + 1, next_low, next_high, trip_min(next), trip_max(next), inner);
    }
    scope_leave(emitter);
    loop_end(emitter, &loop, inner);
    memcpy(sums, inner, (size_t)(c->rows * c->vectors) * sizeof *sums);
}

/* Terms below one step of the outermost range; 0: not a constant. */
static int64_t inner_product(const LoopStatement *s) {
    int64_t product = 1;
    for (int i = 1; i < s->depth; i++) {
        if (trip_min(&s->k[i]) != trip_max(&s->k[i])) return 0;
        product *= trip_max(&s->k[i]);
    }
    return product;
}

static LLVMValueRef add(const Contraction *c, LLVMValueRef a, LLVMValueRef b) {
    return emit_binary(c->emitter, OP_ADD, c->statement->tile->dtype, a, b);
}

/* The total of a chunked sum: in registers when it fits beside a partial sum, else in memory. */
typedef struct Total {
    LLVMValueRef values[ACCUMULATORS_MAX]; /* in registers */
    LLVMValueRef slots;                    /* in memory; NULL: in registers */
    LLVMTypeRef type;
    int count;
} Total;

static LLVMValueRef slot(const Contraction *c, const Total *total, int index) {
    LLVMValueRef at = constant_i64(c->emitter, index);
    return LLVMBuildInBoundsGEP2(c->emitter->builder, total->type, total->slots, &at, 1, "");
}

static void allocate_slots(const Contraction *c, Total *total) {
    Emitter *emitter = c->emitter;
    LLVMBasicBlockRef current = LLVMGetInsertBlock(emitter->builder);
    LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(emitter->function);
    LLVMPositionBuilderBefore(emitter->builder, LLVMGetFirstInstruction(entry));
    total->slots =
        LLVMBuildArrayAlloca(emitter->builder, total->type, constant_i32(emitter, total->count), "");
    LLVMSetAlignment(total->slots, 64);
    LLVMPositionBuilderAtEnd(emitter->builder, current);
}

static void keep(const Contraction *c, Total *total, LLVMValueRef *values) {
    for (int i = 0; i < total->count; i++) {
        if (total->slots)
            LLVMBuildStore(c->emitter->builder, values[i], slot(c, total, i));
        else
            total->values[i] = values[i];
    }
}

static LLVMValueRef total_value(const Contraction *c, const Total *total, int index) {
    if (!total->slots) return total->values[index];
    return LLVMBuildLoad2(c->emitter->builder, total->type, slot(c, total, index), "");
}

/* One partial sum over [low, high) of the outermost range, added to the total: values of the new total. */
static void emit_partial(const Contraction *c, const Total *total, LLVMValueRef low, LLVMValueRef high,
                         int64_t trips_min, int64_t trips_max, LLVMValueRef *out) {
    for (int i = 0; i < total->count; i++) out[i] = LLVMConstNull(total->type);
    emit_nest(c, 0, low, high, trips_min, trips_max, out);
    for (int i = 0; i < total->count; i++) out[i] = add(c, total_value(c, total, i), out[i]);
}

/* A loop over chunks of |steps|; the last may be shorter. */
static void emit_chunk_loop(const Contraction *c, Total *total, LLVMValueRef low, LLVMValueRef high,
                            int64_t steps, int64_t span_min, int64_t span_max) {
    Emitter *emitter = c->emitter;
    CountedLoop loop =
        loop_begin(emitter, low, high, steps, (span_min + steps - 1) / steps, (span_max + steps - 1) / steps,
                   total->values, total->slots ? 0 : total->count);
    scope_enter_here(emitter);
    LLVMValueRef end = LLVMBuildNSWAdd(emitter->builder, loop.index, constant_i64(emitter, steps), "");
    bool even = span_min == span_max && span_max % steps == 0;
    if (!even) {
        LLVMValueRef beyond = LLVMBuildICmp(emitter->builder, LLVMIntSGT, end, high, "");
        end = LLVMBuildSelect(emitter->builder, beyond, high, end, "");
    }
    if (!total->slots) memcpy(total->values, loop.carried, (size_t)total->count * sizeof *total->values);
    LLVMValueRef next[ACCUMULATORS_MAX];
    emit_partial(c, total, loop.index, end, even ? steps : 1, steps, next);
    keep(c, total, next);
    scope_leave(emitter);
    loop_end(emitter, &loop, next);
    if (!total->slots) memcpy(total->values, next, (size_t)total->count * sizeof *next);
}

/* Partial sums of |steps| steps each. Where their number is known and the nest is one loop, the first begins
 * the total and the last ends it in registers, which spares two passes through memory. */
static void emit_chunks(const Contraction *c, int64_t steps, LLVMValueRef *values) {
    Emitter *emitter = c->emitter;
    const LoopStatement *s = c->statement;
    const Range *k = &s->k[0];
    Total total = {.type = vector_type(emitter, s->tile->dtype, c->lanes), .count = c->rows * c->vectors};
    int64_t span_min = trip_min(k), span_max = trip_max(k);
    LLVMValueRef low = emit_expr(emitter, k->low), high = emit_expr(emitter, k->high),
                 results[ACCUMULATORS_MAX];
    memcpy(total.values, values, (size_t)total.count * sizeof *values);
    bool in_registers = 2 * total.count + c->vectors + 2 <= emitter->target->register_count;
    if (s->depth > 1 || span_min != span_max || span_max < 2 * steps || in_registers) {
        if (!in_registers) allocate_slots(c, &total);
        keep(c, &total, values);
        emit_chunk_loop(c, &total, low, high, steps, span_min, span_max);
        for (int i = 0; i < total.count; i++) values[i] = total_value(c, &total, i);
        return;
    }
    int64_t middle = (span_max - 1) / steps * steps; /* where the last chunk begins */
    LLVMValueRef first_end = LLVMBuildNSWAdd(emitter->builder, low, constant_i64(emitter, steps), "");
    LLVMValueRef last_begin = LLVMBuildNSWAdd(emitter->builder, low, constant_i64(emitter, middle), "");
    emit_partial(c, &total, low, first_end, steps, steps, results);
    allocate_slots(c, &total);
    keep(c, &total, results);
    if (middle > steps)
        emit_chunk_loop(c, &total, first_end, last_begin, steps, middle - steps, middle - steps);
    emit_partial(c, &total, last_begin, high, span_max - middle, span_max - middle, results);
    memcpy(values, results, (size_t)total.count * sizeof *values);
}

void emit_contract(Emitter *emitter, const LoopStatement *s) {
    const Expr *a = access_offset(emitter->loops, &s->a), *b = access_offset(emitter->loops, &s->b);
    const Symbol *row = emitter->loops->row, *lane = emitter->loops->lane;
    Contraction c = {emitter,
                     s,
                     tile_rows(emitter, s->tile),
                     s->tile->vectors,
                     s->tile->lanes,
                     expr_uses(a, row),
                     expr_uses(a, lane),
                     expr_uses(b, row),
                     expr_uses(b, lane)};
    int count = c.rows * c.vectors;
    LLVMValueRef zero = LLVMConstNull(vector_type(emitter, s->tile->dtype, c.lanes));
    LLVMValueRef total[ACCUMULATORS_MAX],
        *initial = s->operand_count && s->operands[0] ? tile_values(emitter, s->operands[0]) : NULL;
    int64_t inner = inner_product(s), steps = s->chunk && inner ? s->chunk / inner : 0;
    if (steps && trip_max(&s->k[0]) > steps) {
        for (int i = 0; i < count; i++) total[i] = initial ? initial[i] : zero;
        emit_chunks(&c, steps, total);
    } else {
        for (int i = 0; i < count; i++) total[i] = zero;
        LLVMValueRef low = emit_expr(emitter, s->k[0].low), high = emit_expr(emitter, s->k[0].high);
        emit_nest(&c, 0, low, high, trip_min(&s->k[0]), trip_max(&s->k[0]), total);
        for (int i = 0; i < count && initial; i++) total[i] = add(&c, initial[i], total[i]);
    }
    LLVMValueRef *results = tile_define(emitter, s->tile);
    memcpy(results, total, (size_t)count * sizeof *results);
}
