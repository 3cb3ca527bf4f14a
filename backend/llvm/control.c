/* Loops, calls and functions. Every function returns a status; a failure inside returns at once. */
#include "backend/llvm/emitter.h"

#include <assert.h>
#include <string.h>

/* ---- Counted loops ---- */

CountedLoop loop_begin(Emitter *emitter, LLVMValueRef start, LLVMValueRef stop, int64_t step,
                       int64_t trip_min, int64_t trip_max, LLVMValueRef *initial, int count) {
    LLVMBuilderRef builder = emitter->builder;
    CountedLoop loop = {
        .start = start, .stop = stop, .step = constant_i64(emitter, step), .carried_count = count};
    loop.carried = NEW_ARRAY(emitter->arena, LLVMValueRef, count + 1);
    loop.straight = trip_min == 1 && trip_max == 1;
    loop.guarded = trip_min < 1;
    if (loop.straight) {
        loop.index = start;
        if (count) memcpy(loop.carried, initial, (size_t)count * sizeof *initial);
        return loop;
    }
    loop.body = new_block(emitter, "loop");
    loop.done = new_block(emitter, "done");
    loop.before = LLVMGetInsertBlock(builder);
    if (loop.guarded) {
        LLVMValueRef some = LLVMBuildICmp(builder, LLVMIntSLT, start, stop, "");
        LLVMBuildCondBr(builder, some, loop.body, loop.done);
    } else {
        LLVMBuildBr(builder, loop.body);
    }
    LLVMPositionBuilderAtEnd(builder, loop.body);
    loop.index = LLVMBuildPhi(builder, emitter->i64, "");
    LLVMAddIncoming(loop.index, &start, &loop.before, 1);
    for (int i = 0; i < count; i++) {
        loop.carried[i] = LLVMBuildPhi(builder, LLVMTypeOf(initial[i]), "");
        LLVMAddIncoming(loop.carried[i], &initial[i], &loop.before, 1);
    }
    return loop;
}

static LLVMValueRef phi_incoming(LLVMValueRef phi, LLVMBasicBlockRef block) {
    for (unsigned i = 0; i < LLVMCountIncoming(phi); i++)
        if (LLVMGetIncomingBlock(phi, i) == block) return LLVMGetIncomingValue(phi, i);
    return NULL;
}

void loop_end(Emitter *emitter, CountedLoop *loop, LLVMValueRef *next) {
    LLVMBuilderRef builder = emitter->builder;
    if (loop->straight) return;
    LLVMBasicBlockRef latch = LLVMGetInsertBlock(builder);
    LLVMValueRef index = LLVMBuildNSWAdd(builder, loop->index, loop->step, "");
    LLVMValueRef more = LLVMBuildICmp(builder, LLVMIntSLT, index, loop->stop, "");
    LLVMBuildCondBr(builder, more, loop->body, loop->done);
    LLVMAddIncoming(loop->index, &index, &latch, 1);
    for (int i = 0; i < loop->carried_count; i++) LLVMAddIncoming(loop->carried[i], &next[i], &latch, 1);
    LLVMPositionBuilderAtEnd(builder, loop->done);
    for (int i = 0; i < loop->carried_count; i++) {
        LLVMValueRef phi = LLVMBuildPhi(builder, LLVMTypeOf(next[i]), "");
        LLVMAddIncoming(phi, &next[i], &latch, 1);
        if (loop->guarded) {
            LLVMValueRef initial = phi_incoming(loop->carried[i], loop->before);
            LLVMAddIncoming(phi, &initial, &loop->before, 1);
        }
        next[i] = phi;
    }
}

/* ---- Failures ---- */

static void return_unless(Emitter *emitter, LLVMValueRef good, LLVMValueRef status) {
    LLVMBasicBlockRef bad = new_block(emitter, "fail"), on = new_block(emitter, "");
    LLVMBuildCondBr(emitter->builder, good, on, bad);
    LLVMPositionBuilderAtEnd(emitter->builder, bad);
    if (emitter->status_slot) {
        LLVMBuildStore(emitter->builder, status, emitter->status_slot);
        LLVMBuildRetVoid(emitter->builder);
    } else {
        LLVMBuildRet(emitter->builder, status);
    }
    LLVMPositionBuilderAtEnd(emitter->builder, on);
}

void emit_failure_unless(Emitter *emitter, LLVMValueRef good, int code) {
    return_unless(emitter, good, constant_i32(emitter, code));
}

/* ---- Carried tiles as flat lists of vectors ---- */

enum { CARRIED_MAX = 512 };

static int tile_size(const Emitter *emitter, const Tile *tile) {
    return tile_rows(emitter, tile) * tile->vectors;
}

static int gather_carried(Emitter *emitter, const LoopStatement *s, bool next, LLVMValueRef *out) {
    int count = 0;
    for (int i = 0; i < s->carry_count; i++) {
        const Tile *tile = next ? s->carries[i].next : s->carries[i].initial;
        int size = tile_size(emitter, tile);
        memcpy(out + count, tile_values(emitter, tile), (size_t)size * sizeof *out);
        count += size;
    }
    return count;
}

static void scatter_carried(Emitter *emitter, const LoopStatement *s, bool result, LLVMValueRef *values) {
    int count = 0;
    for (int i = 0; i < s->carry_count; i++) {
        const Tile *tile = result ? s->carries[i].result : s->carries[i].inside;
        int size = tile_size(emitter, tile);
        memcpy(tile_define(emitter, tile), values + count, (size_t)size * sizeof *values);
        count += size;
    }
}

/* ---- Loops ---- */

/* How far a loop goes: bounds that move together leave a constant. */
static const Expr *range_span(Emitter *emitter, const Range *range) {
    return expr_sub(emitter->loops->graph->exprs, range->high, range->low);
}

static bool has_exit(const LoopBody *body) {
    for (const LoopStatement *s = body->first; s; s = s->next)
        if (s->kind == LOOP_EXIT) return true;
    return false;
}

/* A for loop that may be left early carries nothing in registers: its values live in buffers. */
static void emit_for(Emitter *emitter, const LoopStatement *s) {
    LLVMValueRef carried[CARRIED_MAX];
    int count = gather_carried(emitter, s, false, carried);
    LLVMValueRef low = emit_expr(emitter, s->range.low), high = emit_expr(emitter, s->range.high);
    int64_t span_min = range_span(emitter, &s->range)->min, span_max = range_span(emitter, &s->range)->max;
    int64_t trips_min = span_min > 0 ? (span_min + s->step - 1) / s->step : 0;
    bool exits = has_exit(&s->body);
    assert(!exits || !count);
    CountedLoop loop = loop_begin(emitter, low, high, s->step, exits ? 0 : trips_min,
                                  exits ? 2 : (span_max + s->step - 1) / s->step, carried, count);
    LLVMBasicBlockRef outer_exit = emitter->exit_block;
    emitter->exit_block = loop.done;
    scope_enter_here(emitter);
    bind_symbol(emitter, s->range.symbol, loop.index);
    scatter_carried(emitter, s, false, loop.carried);
    emit_body(emitter, &s->body);
    gather_carried(emitter, s, true, carried);
    scope_leave(emitter);
    loop_end(emitter, &loop, carried);
    emitter->exit_block = outer_exit;
    scatter_carried(emitter, s, true, carried);
}

static void emit_exit(Emitter *emitter, const LoopStatement *s) {
    LLVMBasicBlockRef on = new_block(emitter, "");
    LLVMBuildCondBr(emitter->builder, tile_values(emitter, s->tile)[0], emitter->exit_block, on);
    LLVMPositionBuilderAtEnd(emitter->builder, on);
}

/* One height of a rows loop: from |start|, |trips| times, or as often as it fits when trips is 0. */
static LLVMValueRef emit_rows_of(Emitter *emitter, const LoopStatement *s, int height, int64_t trips,
                                 int64_t trips_max, LLVMValueRef start, LLVMValueRef high) {
    int64_t length = height * trips;
    LLVMValueRef stop = trips
                            ? LLVMBuildNSWAdd(emitter->builder, start, constant_i64(emitter, length), "")
                            : LLVMBuildNSWSub(emitter->builder, high, constant_i64(emitter, height - 1), "");
    CountedLoop loop = loop_begin(emitter, start, stop, height, trips, trips ? trips : trips_max, &start, 1);
    emitter->rows = height;
    scope_enter_here(emitter);
    bind_symbol(emitter, s->range.symbol, loop.index);
    emit_body(emitter, &s->body);
    scope_leave(emitter);
    LLVMValueRef next = LLVMBuildNSWAdd(emitter->builder, loop.index, constant_i64(emitter, height), "");
    loop_end(emitter, &loop, &next);
    return next;
}

static void emit_rows(Emitter *emitter, const LoopStatement *s) {
    int outer_rows = emitter->rows;
    LLVMValueRef at = emit_expr(emitter, s->range.low), high = emit_expr(emitter, s->range.high);
    int64_t trip = range_span(emitter, &s->range)->max;
    for (int i = 0; i < s->plan_count; i++)
        at =
            emit_rows_of(emitter, s, s->plan[i].height, s->plan[i].count, trip / s->plan[i].height, at, high);
    emitter->rows = outer_rows;
}

/* Lanes outside the tail keep the value they had. */
static void keep_masked(Emitter *emitter, const LoopStatement *s, LLVMValueRef *next,
                        LLVMValueRef *previous) {
    int at = 0;
    for (int i = 0; i < s->carry_count; i++) {
        const Tile *tile = s->carries[i].inside;
        for (int j = 0; j < tile_size(emitter, tile); j++, at++) {
            if (tile->lanes == 1 && tile->vectors == 1) continue;
            LLVMValueRef mask = lane_mask(emitter, j % tile->vectors, tile->lanes);
            next[at] = LLVMBuildSelect(emitter->builder, mask, next[at], previous[at], "");
        }
    }
}

static void emit_lanes_tail(Emitter *emitter, const LoopStatement *s, LLVMValueRef start, LLVMValueRef high,
                            bool certain, LLVMValueRef *carried, int count) {
    CountedLoop loop = loop_begin(emitter, start, high, s->step, certain, 1, carried, count);
    scope_enter_here(emitter);
    bind_symbol(emitter, s->range.symbol, loop.index);
    emitter->masked = s->range.symbol;
    emitter->remaining = LLVMBuildNSWSub(emitter->builder, high, loop.index, "");
    LLVMValueRef previous[CARRIED_MAX];
    memcpy(previous, loop.carried, (size_t)count * sizeof *previous);
    scatter_carried(emitter, s, false, previous);
    emit_body(emitter, &s->body);
    gather_carried(emitter, s, true, carried);
    keep_masked(emitter, s, carried, previous);
    emitter->masked = NULL;
    scope_leave(emitter);
    loop_end(emitter, &loop, carried);
}

static void emit_lanes(Emitter *emitter, const LoopStatement *s) {
    assert(!emitter->masked);
    LLVMValueRef carried[CARRIED_MAX];
    int count = gather_carried(emitter, s, false, carried);
    LLVMValueRef low = emit_expr(emitter, s->range.low), high = emit_expr(emitter, s->range.high), at = low;
    const Expr *span = range_span(emitter, &s->range),
               *step = expr_constant(emitter->loops->graph->exprs, s->step);
    int64_t span_min = span->min, span_max = span->max;
    bool fixed = span_min == span_max,
         whole = expr_equals(expr_mod(emitter->loops->graph->exprs, span, step), 0);
    if (span_max >= s->step) {
        LLVMValueRef stop = LLVMBuildNSWSub(emitter->builder, high, constant_i64(emitter, s->step - 1), "");
        LLVMValueRef all[CARRIED_MAX + 1];
        memcpy(all, carried, (size_t)count * sizeof *all);
        all[count] = low;
        CountedLoop loop = loop_begin(emitter, low, stop, s->step, span_min > 0 ? span_min / s->step : 0,
                                      span_max / s->step, all, count + 1);
        scope_enter_here(emitter);
        bind_symbol(emitter, s->range.symbol, loop.index);
        scatter_carried(emitter, s, false, loop.carried);
        emit_body(emitter, &s->body);
        gather_carried(emitter, s, true, all);
        scope_leave(emitter);
        all[count] = LLVMBuildNSWAdd(emitter->builder, loop.index, loop.step, "");
        loop_end(emitter, &loop, all);
        memcpy(carried, all, (size_t)count * sizeof *all);
        at = all[count];
    }
    if (!whole) emit_lanes_tail(emitter, s, at, high, fixed, carried, count);
    scatter_carried(emitter, s, true, carried);
}

/* ---- Other statements ---- */

static void emit_index(Emitter *emitter, const LoopStatement *s) {
    LLVMBuilderRef builder = emitter->builder;
    LLVMValueRef value = tile_values(emitter, s->tile)[0];
    value = s->tile->dtype == DTYPE_U8 || s->tile->dtype == DTYPE_BOOL
                ? LLVMBuildZExt(builder, value, emitter->i64, "")
                : LLVMBuildIntCast2(builder, value, emitter->i64, true, "");
    LLVMValueRef low = emit_expr(emitter, s->range.low), high = emit_expr(emitter, s->range.high);
    LLVMValueRef good = LLVMBuildAnd(builder, LLVMBuildICmp(builder, LLVMIntSGE, value, low, ""),
                                     LLVMBuildICmp(builder, LLVMIntSLT, value, high, ""), "");
    emit_failure_unless(emitter, good, s->code);
    scope_enter_here(emitter);
    bind_symbol(emitter, s->range.symbol, value);
}

static void emit_local(Emitter *emitter, const LoopStatement *s) {
    LLVMBasicBlockRef current = LLVMGetInsertBlock(emitter->builder);
    LLVMBasicBlockRef entry = LLVMGetEntryBasicBlock(emitter->function);
    LLVMValueRef first = LLVMGetFirstInstruction(entry);
    if (first)
        LLVMPositionBuilderBefore(emitter->builder, first);
    else
        LLVMPositionBuilderAtEnd(emitter->builder, entry);
    LLVMTypeRef type = LLVMArrayType2(emitter->i8, (uint64_t)buffer_bytes_max(s->local));
    LLVMValueRef memory = LLVMBuildAlloca(emitter->builder, type, s->local->name);
    LLVMSetAlignment(memory, 64);
    LLVMPositionBuilderAtEnd(emitter->builder, current);
    bind_buffer(emitter, s->local, memory);
}

static int function_index(const Emitter *emitter, const LoopFunction *function) {
    for (int i = 0; i < emitter->loops->functions.count; i++)
        if (emitter->loops->functions.items[i] == function) return i;
    assert(!"a call of a function outside the module");
    return 0;
}

/* Arguments: buffers, all dims of the module, the executor. */
static void emit_call(Emitter *emitter, const LoopStatement *s) {
    VECTOR(LLVMValueRef) arguments = {0};
    for (int i = 0; i < s->argument_count; i++)
        vector_push(emitter->arena, &arguments,
                    emit_address(emitter, s->arguments[i].buffer, s->arguments[i].offset));
    const Module *graph = emitter->loops->graph;
    for (int i = 0; i < graph->dims.count; i++)
        vector_push(emitter->arena, &arguments,
                    emit_expr(emitter, expr_symbol(graph->exprs, graph->dims.items[i]->symbol)));
    /* Within a work item, calls run their own items one by one. */
    LLVMValueRef executor = emitter->executor ? emitter->executor : LLVMConstNull(emitter->pointer);
    if (emitter->options->threads) vector_push(emitter->arena, &arguments, executor);
    LLVMValueRef callee = emitter->functions[function_index(emitter, s->callee)];
    LLVMValueRef status = LLVMBuildCall2(emitter->builder, function_type(emitter, s->callee), callee,
                                         arguments.items, (unsigned)arguments.count, "");
    LLVMValueRef good = LLVMBuildICmp(emitter->builder, LLVMIntEQ, status, constant_i32(emitter, 0), "");
    return_unless(emitter, good, status);
}

static void emit_parallel(Emitter *emitter, const LoopStatement *s);

static void emit_statement(Emitter *emitter, const LoopStatement *s) {
    debug_place(emitter, s->span);
    switch (s->kind) {
    case LOOP_FOR: emit_for(emitter, s); break;
    case LOOP_ROWS: emit_rows(emitter, s); break;
    case LOOP_LANES: emit_lanes(emitter, s); break;
    case LOOP_PARALLEL: emit_parallel(emitter, s); break;
    case LOOP_LOAD: emit_load(emitter, s); break;
    case LOOP_STORE: emit_store(emitter, s); break;
    case LOOP_MAP: emit_map(emitter, s); break;
    case LOOP_CONTRACT: emit_contract(emitter, s); break;
    case LOOP_SLICE: emit_slice(emitter, s); break;
    case LOOP_REDUCE: emit_reduce(emitter, s); break;
    case LOOP_POSITION: emit_position(emitter, s); break;
    case LOOP_PREFETCH: emit_prefetch(emitter, s); break;
    case LOOP_INDEX: emit_index(emitter, s); break;
    case LOOP_LOCAL: emit_local(emitter, s); break;
    case LOOP_EXIT: emit_exit(emitter, s); break;
    case LOOP_CALL: emit_call(emitter, s); break;
    }
}

void emit_body(Emitter *emitter, const LoopBody *body) {
    int scopes = emitter->scopes.count;
    for (const LoopStatement *s = body->first; s; s = s->next) emit_statement(emitter, s);
    while (emitter->scopes.count > scopes) scope_leave(emitter); /* those opened by run-time indices */
}

/* ---- Functions ---- */

LLVMTypeRef function_type(Emitter *emitter, const LoopFunction *function) {
    VECTOR(LLVMTypeRef) types = {0};
    for (int i = 0; i < function->parameter_count; i++) vector_push(emitter->arena, &types, emitter->pointer);
    for (int i = 0; i < emitter->loops->graph->dims.count; i++)
        vector_push(emitter->arena, &types, emitter->i64);
    if (emitter->options->threads) vector_push(emitter->arena, &types, emitter->pointer);
    return LLVMFunctionType(emitter->i32, types.items, (unsigned)types.count, false);
}

static void reset_function_state(Emitter *emitter, LLVMValueRef function) {
    emitter->function = function;
    emitter->status_slot = NULL;
    emitter->executor = NULL;
    emitter->scopes.count = emitter->symbols.count = emitter->values.count = 0;
    emitter->pointers.count = emitter->buffers.count = 0;
    emitter->rows = 1;
    emitter->masked = NULL;
}

static void add_parameter_attributes(Emitter *emitter, LLVMValueRef function, int count) {
    unsigned noalias = LLVMGetEnumAttributeKindForName("noalias", 7);
    for (int i = 0; i < count; i++)
        LLVMAddAttributeAtIndex(function, (LLVMAttributeIndex)(i + 1),
                                LLVMCreateEnumAttribute(emitter->context, noalias, 0));
}

static void bind_dims(Emitter *emitter, LLVMValueRef function, int first) {
    for (int i = 0; i < emitter->loops->graph->dims.count; i++)
        bind_symbol(emitter, emitter->loops->graph->dims.items[i]->symbol,
                    LLVMGetParam(function, (unsigned)(first + i)));
}

void emit_function(Emitter *emitter, int index) {
    const LoopFunction *function = emitter->loops->functions.items[index];
    LLVMValueRef value = emitter->functions[index];
    reset_function_state(emitter, value);
    add_parameter_attributes(emitter, value, function->parameter_count);
    debug_function(emitter, value, function->name, function->span);
    LLVMPositionBuilderAtEnd(emitter->builder, new_block(emitter, "entry"));
    scope_enter_here(emitter);
    for (int i = 0; i < function->parameter_count; i++)
        bind_buffer(emitter, function->parameters[i], LLVMGetParam(value, (unsigned)i));
    bind_dims(emitter, value, function->parameter_count);
    if (emitter->options->threads) emitter->executor = LLVMGetLastParam(value);
    emit_body(emitter, &function->body);
    LLVMBuildRet(emitter->builder, constant_i32(emitter, 0));
    scope_leave(emitter);
}

/* ---- Parallel loops: the body becomes a function of (frame, index); the frame holds what it needs ---- */

typedef struct ItemFrame {
    int pointer_count, number_count; /* then one status, i32 */
    LLVMTypeRef type;
} ItemFrame;

static ItemFrame item_frame(Emitter *emitter) {
    ItemFrame frame = {emitter->buffers.count, emitter->symbols.count, NULL};
    VECTOR(LLVMTypeRef) types = {0};
    for (int i = 0; i < frame.pointer_count; i++) vector_push(emitter->arena, &types, emitter->pointer);
    for (int i = 0; i < frame.number_count; i++) vector_push(emitter->arena, &types, emitter->i64);
    vector_push(emitter->arena, &types, emitter->i32);
    frame.type = LLVMStructTypeInContext(emitter->context, types.items, (unsigned)types.count, false);
    return frame;
}

static LLVMValueRef frame_field(Emitter *emitter, const ItemFrame *frame, LLVMValueRef pointer, int field) {
    return LLVMBuildStructGEP2(emitter->builder, frame->type, pointer, (unsigned)field, "");
}

static LLVMValueRef emit_item_function(Emitter *emitter, const LoopStatement *s, const ItemFrame *frame) {
    Emitter outer = *emitter;
    /* The copies of the stacks must not share storage with what the item function pushes. */
    memset(&emitter->scopes, 0, sizeof emitter->scopes);
    memset(&emitter->symbols, 0, sizeof emitter->symbols);
    memset(&emitter->values, 0, sizeof emitter->values);
    memset(&emitter->pointers, 0, sizeof emitter->pointers);
    memset(&emitter->buffers, 0, sizeof emitter->buffers);
    LLVMTypeRef parameters[2] = {emitter->pointer, emitter->i32};
    LLVMTypeRef type = LLVMFunctionType(emitter->nothing, parameters, 2, false);
    size_t length;
    const char *name = LLVMGetValueName2(outer.function, &length);
    LLVMValueRef item = LLVMAddFunction(emitter->module, arena_printf(emitter->arena, "%s.item", name), type);
    LLVMSetLinkage(item, LLVMInternalLinkage);
    reset_function_state(emitter, item);
    debug_function(emitter, item, arena_printf(emitter->arena, "%s.item", name), s->span);
    LLVMPositionBuilderAtEnd(emitter->builder, new_block(emitter, "entry"));
    LLVMValueRef argument = LLVMGetParam(item, 0);
    VECTOR(LLVMValueRef) fields = {0};
    for (int i = 0; i < frame->pointer_count + frame->number_count; i++)
        vector_push(emitter->arena, &fields,
                    LLVMBuildLoad2(emitter->builder,
                                   i < frame->pointer_count ? emitter->pointer : emitter->i64,
                                   frame_field(emitter, frame, argument, i), ""));
    emitter->status_slot = frame_field(emitter, frame, argument, frame->pointer_count + frame->number_count);
    LLVMValueRef index = LLVMBuildSExt(emitter->builder, LLVMGetParam(item, 1), emitter->i64, "");
    scope_enter_here(emitter);
    for (int i = 0; i < frame->pointer_count; i++)
        bind_buffer(emitter, outer.buffers.items[i].buffer, fields.items[i]);
    for (int i = 0; i < frame->number_count; i++)
        bind_symbol(emitter, outer.symbols.items[i].symbol, fields.items[frame->pointer_count + i]);
    bind_symbol(emitter, s->range.symbol, index);
    emit_body(emitter, &s->body);
    LLVMBuildRetVoid(emitter->builder);
    LLVMBasicBlockRef resume = LLVMGetInsertBlock(outer.builder);
    (void)resume;
    *emitter = outer;
    return item;
}

static void call_items(Emitter *emitter, LLVMValueRef item, LLVMValueRef frame, int64_t count) {
    LLVMBuilderRef builder = emitter->builder;
    LLVMBasicBlockRef pool = new_block(emitter, "pool"), serial = new_block(emitter, "serial");
    LLVMBasicBlockRef after = new_block(emitter, "joined");
    LLVMTypeRef item_parameters[2] = {emitter->pointer, emitter->i32};
    LLVMTypeRef item_type = LLVMFunctionType(emitter->nothing, item_parameters, 2, false);
    LLVMBuildCondBr(builder, LLVMBuildIsNull(builder, emitter->executor, ""), serial, pool);

    /* tenon_executor: context, threads (padded), parallel_for */
    LLVMPositionBuilderAtEnd(builder, pool);
    LLVMTypeRef fields[3] = {emitter->pointer, emitter->i64, emitter->pointer};
    LLVMTypeRef executor = LLVMStructTypeInContext(emitter->context, fields, 3, false);
    LLVMValueRef context = LLVMBuildLoad2(
        builder, emitter->pointer, LLVMBuildStructGEP2(builder, executor, emitter->executor, 0, ""), "");
    LLVMValueRef callee = LLVMBuildLoad2(
        builder, emitter->pointer, LLVMBuildStructGEP2(builder, executor, emitter->executor, 2, ""), "");
    LLVMTypeRef parameters[4] = {emitter->pointer, emitter->pointer, emitter->pointer, emitter->i32};
    LLVMTypeRef type = LLVMFunctionType(emitter->nothing, parameters, 4, false);
    LLVMValueRef arguments[4] = {context, item, frame, constant_i32(emitter, count)};
    LLVMBuildCall2(builder, type, callee, arguments, 4, "");
    LLVMBuildBr(builder, after);

    LLVMPositionBuilderAtEnd(builder, serial);
    CountedLoop loop =
        loop_begin(emitter, constant_i64(emitter, 0), constant_i64(emitter, count), 1, count, count, NULL, 0);
    LLVMValueRef one[2] = {frame, LLVMBuildTrunc(builder, loop.index, emitter->i32, "")};
    LLVMBuildCall2(builder, item_type, item, one, 2, "");
    loop_end(emitter, &loop, NULL);
    LLVMBuildBr(builder, after);
    LLVMPositionBuilderAtEnd(builder, after);
}

/* A serial library runs the items as a plain loop. */
static void emit_parallel(Emitter *emitter, const LoopStatement *s) {
    if (!emitter->options->threads) {
        emit_for(emitter, s);
        return;
    }
    LLVMBuilderRef builder = emitter->builder;
    LLVMBasicBlockRef current = LLVMGetInsertBlock(builder);
    ItemFrame frame = item_frame(emitter);
    int status_field = frame.pointer_count + frame.number_count;
    LLVMMetadataRef scope = emitter->debug_scope;
    LLVMValueRef item = emit_item_function(emitter, s, &frame);
    emitter->debug_scope = scope;
    LLVMPositionBuilderAtEnd(builder, current);
    debug_place(emitter, s->span);
    LLVMValueRef memory = LLVMBuildAlloca(builder, frame.type, "frame");
    for (int i = 0; i < frame.pointer_count; i++)
        LLVMBuildStore(builder, emitter->buffers.items[i].pointer, frame_field(emitter, &frame, memory, i));
    for (int i = 0; i < frame.number_count; i++)
        LLVMBuildStore(builder, emitter->symbols.items[i].value,
                       frame_field(emitter, &frame, memory, frame.pointer_count + i));
    LLVMBuildStore(builder, constant_i32(emitter, 0), frame_field(emitter, &frame, memory, status_field));
    call_items(emitter, item, memory, expr_value(s->range.high) - expr_value(s->range.low));
    LLVMValueRef status =
        LLVMBuildLoad2(builder, emitter->i32, frame_field(emitter, &frame, memory, status_field), "");
    LLVMValueRef good = LLVMBuildICmp(builder, LLVMIntEQ, status, constant_i32(emitter, 0), "");
    LLVMBasicBlockRef bad = new_block(emitter, "fail"), on = new_block(emitter, "");
    LLVMBuildCondBr(builder, good, on, bad);
    LLVMPositionBuilderAtEnd(builder, bad);
    LLVMBuildRet(builder, status);
    LLVMPositionBuilderAtEnd(builder, on);
}
