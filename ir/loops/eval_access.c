/* Tiles and memory. In the tail of a lanes loop, positions that do not exist load as 0 and are not stored; an
 * access without l is the same for all positions. */
#include "ir/loops/eval_internal.h"

#include <string.h>

/* ---- Tiles ---- */

int eval_rows(const LoopEval *e, const Tile *tile) {
    return tile->rows == ROWS_SYMBOLIC ? e->rows : tile->rows;
}

int eval_count(const LoopEval *e, const Tile *tile) {
    return eval_rows(e, tile) * tile->vectors * tile->lanes;
}

Scalar *eval_tile(LoopEval *e, const Tile *tile) { return e->tiles[tile->id].items; }

Scalar *eval_define(LoopEval *e, const Tile *tile) {
    TileValue *value = &e->tiles[tile->id];
    int count = eval_count(e, tile);
    if (value->capacity < count) {
        value->items = NEW_ARRAY(e->arena, Scalar, count);
        value->capacity = count;
    }
    return value->items;
}

/* ---- Places ---- */

void eval_fail_outside(LoopEval *e, const char *format, ...) {
    if (e->status) return;
    va_list arguments;
    va_start(arguments, format);
    diagnose_error(e->module->graph->diagnostics, E0506,
                   e->statement ? e->statement->span : e->function->span, "@%s: %s", e->function->name,
                   arena_vprintf(e->arena, format, arguments));
    va_end(arguments);
    e->status = LOOP_EVAL_OUTSIDE;
}

void eval_bind(LoopEval *e, const Buffer *buffer, void *bytes, int64_t size) {
    Place *place = &e->places[buffer->id];
    place->bytes = bytes;
    place->size = size;
    for (int i = 0; i < buffer->rank; i++) {
        place->extents[i] = eval_index(e, buffer->extents[i]);
        place->strides[i] = eval_index(e, buffer->strides[i]);
    }
}

Place *eval_place(LoopEval *e, const Buffer *buffer) {
    Place *place = &e->places[buffer->id];
    if (!place->bytes && buffer->kind == BUFFER_CONSTANT) eval_bind_constant(e, buffer);
    return place;
}

unsigned char *eval_address(LoopEval *e, const Access *access) {
    const Buffer *buffer = access->buffer;
    const Place *place = eval_place(e, buffer);
    int64_t offset = 0, bytes = (int64_t)dtype_bytes(buffer->dtype);
    for (int i = 0; i < buffer->rank; i++) {
        int64_t index = eval_index(e, access->indices[i]);
        if (index < 0 || index >= place->extents[i]) {
            eval_fail_outside(e, "index %d of %s is %lld; the axis has %lld elements", i, buffer->name,
                              (long long)index, (long long)place->extents[i]);
            return NULL;
        }
        offset += index * place->strides[i];
    }
    if (offset >= 0 && offset < place->size / bytes) return place->bytes + offset * bytes;
    eval_fail_outside(e, "element %lld of %s is outside the memory behind it", (long long)offset,
                      buffer->name);
    return NULL;
}

bool access_varies(const Access *access, const Symbol *symbol) {
    for (int i = 0; i < access->buffer->rank; i++)
        if (expr_uses(access->indices[i], symbol)) return true;
    return false;
}

/* ---- Elements ---- */

Scalar scalar_load(DType dtype, const void *bytes) {
    if (dtype_is_float(dtype)) return (Scalar){.f = dtype_load_float(dtype, bytes)};
    return (Scalar){.i = dtype_load_integer(dtype, bytes)};
}

static void scalar_store(DType dtype, void *bytes, Scalar value) {
    if (dtype_is_float(dtype))
        dtype_store_float(dtype, bytes, value.f);
    else
        dtype_store_integer(dtype, bytes, value.i);
}

/* Called for each element of the statement's tile, r and l set; |exists|: false beyond the end of a tail. */
typedef void ElementVisitor(LoopEval *e, const LoopStatement *statement, Scalar *element, bool exists);

static void visit_elements(LoopEval *e, const LoopStatement *statement, Scalar *elements,
                           ElementVisitor *visit) {
    const Tile *tile = statement->tile;
    int rows = eval_rows(e, tile), width = tile->vectors * tile->lanes;
    for (int r = 0; r < rows; r++)
        for (int l = 0; l < width && !e->status; l++) {
            *e->row = r;
            *e->lane = l;
            visit(e, statement, &elements[r * width + l], !e->masked || l < e->remaining);
        }
}

static void load_element(LoopEval *e, const LoopStatement *statement, Scalar *element, bool exists) {
    const Access *access = &statement->access;
    *element = (Scalar){0};
    if (!exists && access_varies(access, e->module->lane)) return;
    const unsigned char *bytes = eval_address(e, access);
    if (bytes) *element = scalar_load(access->buffer->dtype, bytes);
}

void eval_load(LoopEval *e, const LoopStatement *statement) {
    visit_elements(e, statement, eval_define(e, statement->tile), load_element);
}

static void store_element(LoopEval *e, const LoopStatement *statement, Scalar *element, bool exists) {
    const Access *access = &statement->access;
    if (!exists && access_varies(access, e->module->lane)) return;
    unsigned char *bytes = eval_address(e, access);
    if (bytes) scalar_store(access->buffer->dtype, bytes, *element);
}

void eval_store(LoopEval *e, const LoopStatement *statement) {
    visit_elements(e, statement, eval_tile(e, statement->tile), store_element);
}

static void position_element(LoopEval *e, const LoopStatement *statement, Scalar *element, bool exists) {
    (void)exists;
    *element = (Scalar){.i = dtype_wrap(statement->tile->dtype, eval_index(e, statement->position))};
}

void eval_position(LoopEval *e, const LoopStatement *statement) {
    visit_elements(e, statement, eval_define(e, statement->tile), position_element);
}

/* Vectors first to last, then lanes by halves: lower + upper. */
void eval_slice(LoopEval *e, const LoopStatement *statement) {
    const Tile *operand = statement->operands[0], *tile = statement->tile;
    const Scalar *values = eval_tile(e, operand) + statement->step * operand->lanes;
    Scalar *results = eval_define(e, tile);
    int length = tile->vectors * tile->lanes;
    for (int r = 0; r < eval_rows(e, operand); r++)
        memcpy(results + r * length, values + r * operand->vectors * operand->lanes,
               (size_t)length * sizeof *values);
}

/* Of |count| elements |distance| apart: that of the first half, the longer one, and that of the second. */
static Scalar reduced(const LoopStatement *statement, const Scalar *values, int count, int distance) {
    DType dtype = statement->tile->dtype;
    bool failed = false;
    if (count == 1) return *values;
    int half = (count + 1) / 2;
    return eval_scalar(statement->reduce, dtype, dtype, reduced(statement, values, half, distance),
                       reduced(statement, values + half * distance, count - half, distance), (Scalar){0},
                       &failed);
}

static void reduce_rows(LoopEval *e, const LoopStatement *statement) {
    const Tile *operand = statement->operands[0];
    const Scalar *values = eval_tile(e, operand);
    Scalar *results = eval_define(e, statement->tile);
    int width = operand->vectors * operand->lanes;
    for (int i = 0; i < width; i++) results[i] = reduced(statement, values + i, eval_rows(e, operand), width);
}

static void reduce_lanes(LoopEval *e, const LoopStatement *statement) {
    const Tile *operand = statement->operands[0];
    const Scalar *values = eval_tile(e, operand);
    Scalar *results = eval_define(e, statement->tile), total[LANES_MAX];
    OpKind op = statement->reduce;
    DType dtype = operand->dtype;
    bool failed = false;
    for (int r = 0; r < eval_rows(e, operand); r++, values += operand->vectors * operand->lanes) {
        memcpy(total, values, (size_t)operand->lanes * sizeof *total);
        for (int v = 1; v < operand->vectors; v++)
            for (int i = 0; i < operand->lanes; i++)
                total[i] = eval_scalar(op, dtype, dtype, total[i], values[v * operand->lanes + i],
                                       (Scalar){0}, &failed);
        for (int half = operand->lanes / 2; half >= 1; half /= 2)
            for (int i = 0; i < half; i++)
                total[i] = eval_scalar(op, dtype, dtype, total[i], total[half + i], (Scalar){0}, &failed);
        results[r] = total[0];
    }
}

void eval_reduce(LoopEval *e, const LoopStatement *statement) {
    if (reduces_rows(statement))
        reduce_rows(e, statement);
    else
        reduce_lanes(e, statement);
}
