#include "ir/loops/eval_internal.h"

/* The row-major position of the element at |place|, a physical index; -1: padding or halo. */
static int64_t logical_position(const Type *type, const int64_t *place) {
    int64_t index[RANK_MAX] = {0}, position = 0;
    for (int i = 0; i < type->rank && !type->layout; i++) index[i] = place[i];
    for (int i = 0; type->layout && i < type->layout->count; i++) {
        const Piece *piece = &type->layout->pieces[i];
        index[piece->axis] +=
            (piece->kind == PIECE_DIV ? place[i] * piece->block : place[i]) - piece->halo_before;
    }
    for (int i = 0; i < type->rank; i++) {
        int64_t extent = expr_value(type->dims[i]);
        if (index[i] < 0 || index[i] >= extent) return -1;
        position = position * extent + index[i];
    }
    return position;
}

static void store_element(const Tensor *tensor, int64_t at, unsigned char *bytes) {
    if (tensor->floats)
        dtype_store_float(tensor->dtype, bytes, tensor->floats[at]);
    else
        dtype_store_integer(tensor->dtype, bytes, tensor->integers[at]);
}

void eval_bind_constant(LoopEval *e, const Buffer *buffer) {
    Arena *scratch = arena_create();
    EvalContext context = {.arena = scratch};
    const Tensor *tensor = eval_constant(&context, buffer->constant);
    int64_t size = buffer_bytes_max(buffer), place[BUFFER_RANK_MAX] = {0},
            element = (int64_t)dtype_bytes(buffer->dtype);
    unsigned char *bytes = arena_alloc(e->arena, (size_t)size + 1);
    for (int64_t at = 0; at < size; at += element) {
        int64_t position = logical_position(&buffer->constant->value->type, place);
        if (position >= 0) store_element(tensor, position, bytes + at);
        for (int axis = buffer->rank - 1; axis >= 0 && ++place[axis] == expr_value(buffer->extents[axis]);
             axis--)
            place[axis] = 0;
    }
    arena_destroy(scratch);
    eval_bind(e, buffer, bytes, size);
}
