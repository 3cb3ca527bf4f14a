#include "ir/loops/eval_internal.h"

#include <assert.h>
#include <string.h>

/* Of runtime/abi.h; EvalStatus has the others. */
enum { STATUS_NULL = 3, STATUS_ALIGN = 4, STATE_ALIGN = 64, POISON = 0xff };

typedef enum Flow { FLOW_ON, FLOW_EXIT, FLOW_STOP } Flow;

/* ---- Loops ---- */

static Flow run_body(LoopEval *e, const LoopBody *body);

/* The carried tiles one after the other, saved on the scratch stack. */
static int save_tiles(LoopEval *e, const LoopStatement *loop, bool next) {
    int mark = e->scratch.count;
    for (int i = 0; i < loop->carry_count; i++) {
        const Tile *tile = next ? loop->carries[i].next : loop->carries[i].initial;
        int count = eval_count(e, tile);
        for (int j = 0; j < count; j++) vector_push(e->arena, &e->scratch, eval_tile(e, tile)[j]);
    }
    return mark;
}

/* Moves what save_tiles saved into the tiles within the loop. In its tail, positions that do not exist keep
 * their old value. */
static void restore_tiles(LoopEval *e, const LoopStatement *loop, int mark) {
    bool masked = e->masked && loop->kind == LOOP_LANES;
    int at = mark;
    for (int i = 0; i < loop->carry_count; i++) {
        const Tile *tile = loop->carries[i].inside;
        Scalar *items = eval_define(e, tile);
        int count = eval_count(e, tile), width = tile->vectors * tile->lanes;
        for (int j = 0; j < count; j++, at++)
            if (!masked || width == 1 || j % width < e->remaining) items[j] = e->scratch.items[at];
    }
    e->scratch.count = mark;
}

/* One step; the tiles within hold the carried values before and after it. */
static Flow run_step(LoopEval *e, const LoopStatement *loop, int64_t index) {
    *eval_symbol(e, loop->range.symbol) = index;
    Flow flow = run_body(e, &loop->body);
    if (flow == FLOW_ON) restore_tiles(e, loop, save_tiles(e, loop, true));
    return flow;
}

static void finish_carries(LoopEval *e, const LoopStatement *loop) {
    for (int i = 0; i < loop->carry_count; i++) {
        const Carry *carry = &loop->carries[i];
        Scalar *result = eval_define(e, carry->result);
        memcpy(result, eval_tile(e, carry->inside), (size_t)eval_count(e, carry->result) * sizeof *result);
    }
}

static Flow run_for(LoopEval *e, const LoopStatement *loop, int64_t low, int64_t high) {
    Flow flow = FLOW_ON;
    for (int64_t i = low; i < high && flow == FLOW_ON; i += loop->step) flow = run_step(e, loop, i);
    return flow == FLOW_EXIT ? FLOW_ON : flow;
}

static Flow run_parallel(LoopEval *e, const LoopStatement *loop, int64_t low, int64_t high) {
    Flow flow = FLOW_ON;
    for (int64_t i = low; i < high && flow == FLOW_ON; i++)
        flow = run_step(e, loop, e->options.reversed ? high - 1 - (i - low) : i);
    return flow;
}

static Flow run_rows(LoopEval *e, const LoopStatement *loop, int64_t low, int64_t high) {
    int outer = e->rows;
    int64_t at = low;
    Flow flow = FLOW_ON;
    for (int i = 0; i < loop->plan_count; i++) {
        const RowPlan *plan = &loop->plan[i];
        e->rows = plan->height;
        for (int64_t n = 0; flow == FLOW_ON && (plan->count ? n < plan->count : at + plan->height <= high);
             n++) {
            flow = run_step(e, loop, at);
            at += plan->height;
        }
    }
    e->rows = outer;
    return flow;
}

static Flow run_lanes(LoopEval *e, const LoopStatement *loop, int64_t low, int64_t high) {
    int64_t at = low;
    Flow flow = FLOW_ON;
    for (; at + loop->step <= high && flow == FLOW_ON; at += loop->step) flow = run_step(e, loop, at);
    if (at >= high || flow != FLOW_ON) return flow;
    e->masked = true;
    e->remaining = high - at;
    flow = run_step(e, loop, at);
    e->masked = false;
    return flow;
}

static Flow run_loop(LoopEval *e, const LoopStatement *loop) {
    int64_t low = eval_index(e, loop->range.low), high = eval_index(e, loop->range.high);
    restore_tiles(e, loop, save_tiles(e, loop, false));
    Flow flow = loop->kind == LOOP_ROWS       ? run_rows(e, loop, low, high)
                : loop->kind == LOOP_LANES    ? run_lanes(e, loop, low, high)
                : loop->kind == LOOP_PARALLEL ? run_parallel(e, loop, low, high)
                                              : run_for(e, loop, low, high);
    if (flow == FLOW_ON) finish_carries(e, loop);
    return flow;
}

/* ---- Other statements ---- */

static void run_index(LoopEval *e, const LoopStatement *s) {
    int64_t value = eval_tile(e, s->tile)[0].i;
    if (value < eval_index(e, s->range.low) || value >= eval_index(e, s->range.high)) e->status = s->code;
    *eval_symbol(e, s->range.symbol) = value;
}

/* What a stack holds is unknown whenever a local begins. */
static void run_local(LoopEval *e, const LoopStatement *s) {
    Place *place = &e->places[s->local->id];
    int64_t size = buffer_bytes_max(s->local);
    if (!place->bytes) eval_bind(e, s->local, arena_alloc(e->arena, (size_t)size + 1), size);
    memset(place->bytes, POISON, (size_t)size);
}

static void run_call(LoopEval *e, const LoopStatement *call) {
    const LoopFunction *caller = e->function;
    for (int i = 0; i < call->argument_count && !e->status; i++) {
        const Buffer *buffer = call->arguments[i].buffer;
        const Place *place = eval_place(e, buffer);
        int64_t offset = eval_index(e, call->arguments[i].offset),
                bytes = (int64_t)dtype_bytes(buffer->dtype);
        if (offset < 0 || offset > place->size / bytes)
            eval_fail_outside(e, "argument %d begins outside its buffer, at %lld", i, (long long)offset);
        else
            eval_bind(e, call->callee->parameters[i], place->bytes + offset * bytes,
                      place->size - offset * bytes);
    }
    e->function = call->callee;
    if (!e->status) run_body(e, &call->callee->body);
    e->function = caller;
}

static Flow run_statement(LoopEval *e, const LoopStatement *s) {
    e->statement = s;
    switch (s->kind) {
    case LOOP_FOR:
    case LOOP_ROWS:
    case LOOP_LANES:
    case LOOP_PARALLEL: return run_loop(e, s);
    case LOOP_LOAD: eval_load(e, s); break;
    case LOOP_STORE: eval_store(e, s); break;
    case LOOP_MAP: eval_map(e, s); break;
    case LOOP_CONTRACT: eval_contract(e, s); break;
    case LOOP_SLICE: eval_slice(e, s); break;
    case LOOP_REDUCE: eval_reduce(e, s); break;
    case LOOP_POSITION: eval_position(e, s); break;
    case LOOP_PREFETCH: break;
    case LOOP_INDEX: run_index(e, s); break;
    case LOOP_LOCAL: run_local(e, s); break;
    case LOOP_CALL: run_call(e, s); break;
    case LOOP_EXIT: return eval_tile(e, s->tile)[0].i ? FLOW_EXIT : FLOW_ON;
    }
    return e->status ? FLOW_STOP : FLOW_ON;
}

static Flow run_body(LoopEval *e, const LoopBody *body) {
    Flow flow = FLOW_ON;
    for (const LoopStatement *s = body->first; s && flow == FLOW_ON; s = s->next) flow = run_statement(e, s);
    return flow;
}

/* ---- Entries ---- */

/* Dims that are no arguments of the entry stay at their least value, as in generated code. */
static int bind_dims(LoopEval *e, const LoopFunction *entry, const int64_t *dims) {
    const Module *graph = e->module->graph;
    for (int i = 0; i < graph->dims.count; i++)
        *eval_symbol(e, graph->dims.items[i]->symbol) = graph->dims.items[i]->symbol->min;
    for (int i = 0; i < entry->dim_count; i++) {
        const Symbol *symbol = entry->dims[i]->symbol;
        if (dims[i] < symbol->min || dims[i] > symbol->max) return EVAL_DIM;
        *eval_symbol(e, symbol) = dims[i];
    }
    return EVAL_OK;
}

static int check_pointer(const void *pointer, size_t align) {
    if (!pointer) return STATUS_NULL;
    return (uintptr_t)pointer % align ? STATUS_ALIGN : EVAL_OK;
}

static int64_t parameter_bytes(LoopEval *e, const Buffer *buffer) {
    int64_t bytes = (int64_t)dtype_bytes(buffer->dtype);
    for (int i = 0; i < buffer->rank; i++) bytes *= eval_index(e, buffer->extents[i]);
    return bytes;
}

static int bind_arguments(LoopEval *e, const LoopFunction *entry, void *const *inputs, void *const *outputs) {
    for (int i = 0; i < entry->parameter_count; i++) {
        const Buffer *buffer = entry->parameters[i];
        void *bytes = i < entry->input_count ? inputs[i] : outputs[i - entry->input_count];
        int status = check_pointer(bytes, dtype_bytes(buffer->dtype));
        if (status) return status;
        eval_bind(e, buffer, bytes, parameter_bytes(e, buffer));
    }
    return EVAL_OK;
}

static void bind_memory(LoopEval *e, const LoopFunction *entry, unsigned char *state) {
    unsigned char *workspace = arena_alloc(e->arena, (size_t)entry->workspace_bytes + 1);
    memset(workspace, POISON, (size_t)entry->workspace_bytes);
    for (int i = 0; i < entry->buffers.count; i++) {
        const Buffer *buffer = entry->buffers.items[i];
        unsigned char *base = buffer->kind == BUFFER_STATE ? state : workspace;
        eval_bind(e, buffer, base + buffer->offset, buffer_bytes_max(buffer));
    }
}

static int run_entry(LoopEval *e, const LoopFunction *entry, const int64_t *dims, void *const *inputs,
                     void *const *outputs, void *state) {
    int status = bind_dims(e, entry, dims);
    if (!status) status = bind_arguments(e, entry, inputs, outputs);
    if (!status && entry->uses_state) status = check_pointer(state, STATE_ALIGN);
    for (int i = 0; i < entry->checks.count && !status; i++)
        if (eval_index(e, entry->checks.items[i].left) != eval_index(e, entry->checks.items[i].right))
            status = EVAL_SHAPE;
    if (status) return status;
    bind_memory(e, entry, state);
    run_body(e, &entry->body);
    return e->status;
}

int loops_eval(Arena *arena, LoopModule *module, const LoopFunction *entry, const int64_t *dims,
               void *const *inputs, void *const *outputs, void *state, LoopEvalOptions options) {
    assert(entry->is_entry);
    LoopEval e = {.arena = arena, .module = module, .options = options, .rows = 1, .function = entry};
    eval_create_symbols(&e);
    e.places = NEW_ARRAY(arena, Place, module->next_buffer_id + 1);
    e.tiles = NEW_ARRAY(arena, TileValue, module->next_tile_id + 1);
    return run_entry(&e, entry, dims, inputs, outputs, state);
}
