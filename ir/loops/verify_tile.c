/* Statements that make or store tiles, and the registers of a contraction. */
#include "ir/loops/verify_internal.h"

#include <string.h>

/* Limits of the backend's tables. */
enum { ACCUMULATORS_MAX = 256, CONTRACT_VECTORS_MAX = 64, AHEAD_STEP_MAX = 1024 };

bool tiles_agree(const Tile *a, const Tile *b) {
    return a->dtype == b->dtype && a->rows == b->rows && a->vectors == b->vectors && a->lanes == b->lanes;
}

const char *tile_text(const LoopVerifier *v, const Tile *tile) {
    const char *rows = tile->rows == ROWS_SYMBOLIC ? "R" : arena_printf(v->arena, "%d", tile->rows);
    return arena_printf(v->arena, "%s<%s x %d x %d>", dtype_text(tile->dtype), rows, tile->vectors,
                        tile->lanes);
}

/* ---- Accesses ---- */

static const char *expr_text(const LoopVerifier *v, const Expr *expr) {
    Text text;
    text_init(&text);
    expr_print(&text, expr);
    const char *kept = arena_strdup(v->arena, text.bytes);
    text_deinit(&text);
    return kept;
}

static void verify_index(LoopVerifier *v, const Access *access, int axis, const Tile *tile, Span span) {
    const Expr *index = access->indices[axis], *extent = access->buffer->extents[axis];
    if (!index) {
        verify_complain(v, span, "%s has %d axes, but no index %d", buffer_text(v, access->buffer),
                        access->buffer->rank, axis);
        return;
    }
    bool good = v->good;
    v->good = true;
    verify_expr(v, index, true, span);
    const Expr *outside = v->good ? index_outside(v, index, extent, tile) : NULL;
    if (outside)
        verify_complain(v, span, "index %d of %s reaches %s; the axis has %s elements", axis,
                        buffer_text(v, access->buffer), expr_text(v, outside), expr_text(v, extent));
    v->good &= good;
}

void verify_access(LoopVerifier *v, const Access *access, const Tile *tile, Span span) {
    const Buffer *buffer = access->buffer;
    if (!buffer) {
        verify_complain(v, span, "an access of no buffer");
        return;
    }
    if (buffer->kind != BUFFER_CONSTANT && !v->buffers[buffer->id])
        verify_complain(v, span, "%s is not known here", buffer_text(v, buffer));
    if (buffer->dtype != tile->dtype)
        verify_complain(v, span, "%s holds %s, the tile is %s", buffer_text(v, buffer),
                        dtype_text(buffer->dtype), tile_text(v, tile));
    for (int i = 0; i < buffer->rank; i++) verify_index(v, access, i, tile, span);
}

static bool access_uses(const Access *access, const Symbol *symbol) {
    for (int i = 0; i < access->buffer->rank; i++)
        if (expr_uses(access->indices[i], symbol)) return true;
    return false;
}

/* Every element of the tile needs a place of its own: the address moves with r, and from lane to lane with l.
 */
static void verify_store(LoopVerifier *v, const LoopStatement *store) {
    verify_use(v, store->tile, store->span);
    bool good = v->good;
    v->good = true;
    if (store->tile) verify_access(v, &store->access, store->tile, store->span);
    if (v->good && store->tile) {
        const Buffer *buffer = store->access.buffer;
        bool read_only =
            buffer->kind == BUFFER_CONSTANT || (buffer->kind == BUFFER_PARAMETER && !buffer->written);
        if (read_only)
            verify_complain(v, store->span, "%s is only read here and cannot be stored to",
                            buffer_text(v, buffer));
        if (store->tile->rows != 1 && !access_uses(&store->access, v->module->row))
            verify_complain(v, store->span,
                            "all rows of the tile are stored to one place: no index mentions r");
        if (store->tile->vectors * store->tile->lanes > 1 && !access_uses(&store->access, v->module->lane))
            verify_complain(v, store->span,
                            "all lanes of the tile are stored to one place: no index mentions l");
    }
    v->good &= good;
}

/* ---- Contractions ---- */

/* Steps of a range whose bounds are numbers; 0: they are not. */
static int64_t steps_of(const Range *range) {
    int64_t least = range->high->min - range->low->max, most = range->high->max - range->low->min;
    return least == most && most > 0 ? most : 0;
}

static void verify_chunk(LoopVerifier *v, const LoopStatement *contract) {
    int64_t inner = 1;
    if (!contract->chunk) return;
    for (int i = 1; i < contract->depth; i++) {
        int64_t steps = steps_of(&contract->k[i]);
        if (!steps || steps > INT32_MAX || inner > INT32_MAX) {
            verify_complain(v, contract->span, "a sum in chunks needs inner ranges of constant length");
            return;
        }
        inner *= steps;
    }
    if (contract->chunk < 0 || contract->chunk % inner)
        verify_complain(v, contract->span, "chunk %lld is no multiple of the %lld terms of the inner ranges",
                        (long long)contract->chunk, (long long)inner);
}

/* Registers of a tile of rows x vectors: the accumulators, the vectors of B, a broadcast element of A; for
 * one row, B is a memory operand. A vector wider than a register takes several; without fused multiply-add, a
 * product takes one. */
static int registers_needed(const LoopVerifier *v, const Tile *tile, int rows, int vectors) {
    int bytes = tile->lanes * (int)dtype_bytes(tile->dtype);
    int width = (bytes + v->register_bytes - 1) / v->register_bytes;
    return rows * vectors * width + (rows > 1 ? vectors * width : 0) + 1 + !v->has_fma;
}

static void verify_budget(LoopVerifier *v, const LoopStatement *contract) {
    const Tile *tile = contract->tile;
    int rows = verify_rows(v, tile), vectors = tile->vectors;
    if (!v->registers || !v->register_bytes || registers_needed(v, tile, rows, vectors) <= v->registers)
        return;
    v->good = false;
    Diagnostic *diagnostic = diagnose_error(
        v->module->graph->diagnostics, E0505, contract->span,
        "after %s: @%s: a contraction of %d x %d x %d needs %d vector registers; the target has %d", v->stage,
        v->function->name, rows, vectors, tile->lanes, registers_needed(v, tile, rows, vectors),
        v->registers);
    int fitting = rows;
    while (fitting > 1 && registers_needed(v, tile, fitting, vectors) > v->registers) fitting--;
    if (registers_needed(v, tile, fitting, vectors) <= v->registers) {
        diagnostic_note(diagnostic, (Span){0}, "with %d vectors, tiles of at most %d rows fit", vectors,
                        fitting);
        return;
    }
    while (vectors > 1 && registers_needed(v, tile, 1, vectors) > v->registers) vectors--;
    diagnostic_note(diagnostic, (Span){0}, "even one row does not fit; take at most %d vectors", vectors);
}

/* Prefetching counts terms: inner ranges are of constant length. */
static void verify_ahead(LoopVerifier *v, const LoopStatement *s) {
    if (!s->ahead) return;
    verify_expr(v, s->ahead, false, s->span);
    if (s->ahead_step < 1 || s->ahead_step > AHEAD_STEP_MAX)
        verify_complain(v, s->span, "a prefetch steps by 1 to %d elements", AHEAD_STEP_MAX);
    for (int i = 1; i < s->depth; i++)
        if (!steps_of(&s->k[i]))
            verify_complain(v, s->span, "a prefetch needs inner ranges of constant length");
}

static void verify_contract(LoopVerifier *v, const LoopStatement *s) {
    const Tile *initial = s->operand_count ? s->operands[0] : NULL, *tile = s->tile;
    int active = v->active.count;
    if (initial) {
        verify_use(v, initial, s->span);
        if (!tiles_agree(initial, tile))
            verify_complain(v, s->span, "the sum starts as %s and ends as %s", tile_text(v, initial),
                            tile_text(v, tile));
    }
    if (s->depth < 1 || s->depth > REDUCTION_DEPTH_MAX) {
        verify_complain(v, s->span, "a contraction has 1 to %d ranges", REDUCTION_DEPTH_MAX);
        return;
    }
    for (int i = 0; i < s->depth; i++) verify_range(v, &s->k[i], NULL, s->span);
    verify_access(v, &s->a, tile, s->span);
    verify_access(v, &s->b, tile, s->span);
    v->active.count = active;
    verify_ahead(v, s);
    if (tile->dtype == DTYPE_F16 || tile->dtype == DTYPE_BF16 || tile->dtype == DTYPE_BOOL)
        verify_complain(v, s->span, "a contraction of %s is not possible; cast to f32 first",
                        dtype_text(tile->dtype));
    if (verify_rows(v, tile) * tile->vectors > ACCUMULATORS_MAX || tile->vectors > CONTRACT_VECTORS_MAX)
        verify_complain(v, s->span, "a contraction keeps at most %d vectors", ACCUMULATORS_MAX);
    else
        verify_budget(v, s);
    verify_chunk(v, s);
}

/* ---- The rest ---- */

static void verify_slice(LoopVerifier *v, const LoopStatement *s) {
    const Tile *operand = s->operand_count == 1 ? s->operands[0] : NULL;
    verify_use(v, operand, s->span);
    if (!operand) return;
    Tile expected = *operand;
    expected.vectors = s->tile->vectors;
    if (!tiles_agree(&expected, s->tile))
        verify_complain(v, s->span, "a slice of %s is no %s", tile_text(v, operand), tile_text(v, s->tile));
    else if (s->step < 0 || s->step > operand->vectors - s->tile->vectors)
        verify_complain(v, s->span, "vectors %lld to %lld are not all in %s", (long long)s->step,
                        (long long)s->step + s->tile->vectors - 1, tile_text(v, operand));
}

static void verify_reduce(LoopVerifier *v, const LoopStatement *s) {
    const Tile *operand = s->operand_count == 1 ? s->operands[0] : NULL;
    verify_use(v, operand, s->span);
    if (!operand) return;
    if (s->reduce != OP_ADD && s->reduce != OP_MAX && s->reduce != OP_MIN)
        verify_complain(v, s->span, "tiles are reduced by add, max or min");
    if (operand->dtype == DTYPE_F16 || operand->dtype == DTYPE_BF16 || operand->dtype == DTYPE_BOOL)
        verify_complain(v, s->span, "a tile of %s is not reduced; cast it first", dtype_text(operand->dtype));
    Tile expected = {.dtype = operand->dtype, .rows = operand->rows, .vectors = 1, .lanes = 1},
         row = {.dtype = operand->dtype, .rows = 1, .vectors = operand->vectors, .lanes = operand->lanes};
    if (!tiles_agree(&expected, s->tile) && !tiles_agree(&row, s->tile))
        verify_complain(v, s->span, "the reduction of %s is %s, or over its rows %s, not %s",
                        tile_text(v, operand), tile_text(v, &expected), tile_text(v, &row),
                        tile_text(v, s->tile));
}

void verify_value(LoopVerifier *v, const LoopStatement *s) {
    switch (s->kind) {
    case LOOP_LOAD:
    case LOOP_PREFETCH: verify_access(v, &s->access, s->tile, s->span); break;
    case LOOP_STORE: verify_store(v, s); break;
    case LOOP_CONTRACT: verify_contract(v, s); break;
    case LOOP_SLICE: verify_slice(v, s); break;
    case LOOP_REDUCE: verify_reduce(v, s); break;
    default:
        verify_expr(v, s->position, true, s->span);
        if (!dtype_is_integer(s->tile->dtype))
            verify_complain(v, s->span, "a position is an integer, not %s", dtype_text(s->tile->dtype));
    }
}
