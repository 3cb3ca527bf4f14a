#include "ir/loops/loops.h"

#include "support/checked.h"

#include <string.h>

LoopModule *loop_module_create(Module *graph) {
    LoopModule *module = NEW(graph->arena, LoopModule);
    module->arena = graph->arena;
    module->graph = graph;
    module->row = symbol_create(graph->arena, "r", 0, 63);
    module->lane = symbol_create(graph->arena, "l", 0, 16 * LANES_MAX - 1);
    return module;
}

Buffer *buffer_create(LoopModule *module, BufferKind kind, const char *name, DType dtype, int rank,
                      const Expr *const *extents, const Expr *const *strides) {
    Buffer *buffer = NEW(module->arena, Buffer);
    buffer->kind = kind;
    buffer->name = name;
    buffer->dtype = dtype;
    buffer->rank = rank;
    buffer->id = module->next_buffer_id++;
    const Expr *stride = expr_constant(module->graph->exprs, 1);
    for (int i = rank - 1; i >= 0; i--) {
        buffer->extents[i] = extents[i];
        buffer->strides[i] = strides ? strides[i] : stride;
        stride = expr_mul(module->graph->exprs, stride, extents[i]);
    }
    return buffer;
}

int layout_physical(Module *module, const Type *type, const Expr **out_extents, const Expr **out_strides) {
    ExprTable *exprs = module->exprs;
    int rank = type->layout ? type->layout->count : type->rank;
    for (int i = 0; i < rank; i++) {
        if (!type->layout) {
            out_extents[i] = type->dims[i];
            continue;
        }
        const Piece *piece = &type->layout->pieces[i];
        const Expr *extent = type->dims[piece->axis];
        if (piece->kind == PIECE_DIV)
            extent = expr_ceildiv(exprs, extent, expr_constant(exprs, piece->block));
        if (piece->kind == PIECE_MOD) extent = expr_constant(exprs, piece->block);
        out_extents[i] = expr_add_constant(exprs, extent, piece->halo_before + piece->halo_after);
    }
    const Expr *stride = expr_constant(exprs, 1);
    for (int i = rank - 1; i >= 0; i--) {
        out_strides[i] = stride;
        stride = expr_mul(exprs, stride, out_extents[i]);
    }
    return rank;
}

Buffer *buffer_of_constant(LoopModule *module, Constant *constant) {
    for (int i = 0; i < module->constants.count; i++)
        if (module->constants.items[i]->constant == constant) return module->constants.items[i];
    const Expr *extents[BUFFER_RANK_MAX], *strides[BUFFER_RANK_MAX];
    int rank = layout_physical(module->graph, &constant->value->type, extents, strides);
    Buffer *buffer = buffer_create(module, BUFFER_CONSTANT, constant->name, constant->value->type.dtype, rank,
                                   extents, strides);
    buffer->constant = constant;
    vector_push(module->arena, &module->constants, buffer);
    return buffer;
}

LoopFunction *loop_function_create(LoopModule *module, const char *name, Span span) {
    const char *unique = name;
    for (int i = 0, suffix = 1; i < module->functions.count; i++) {
        if (strcmp(module->functions.items[i]->name, unique) != 0) continue;
        unique = arena_printf(module->arena, "%s.%d", name, suffix++);
        i = -1;
    }
    LoopFunction *function = NEW(module->arena, LoopFunction);
    function->name = unique;
    function->span = span;
    vector_push(module->arena, &module->functions, function);
    return function;
}

void loop_function_add_parameter(LoopModule *module, LoopFunction *function, Buffer *buffer) {
    Buffer **grown = NEW_ARRAY(module->arena, Buffer *, function->parameter_count + 1);
    if (function->parameter_count)
        memcpy(grown, function->parameters, (size_t)function->parameter_count * sizeof *grown);
    grown[function->parameter_count++] = buffer;
    function->parameters = grown;
}

bool reduces_rows(const LoopStatement *reduce) {
    const Tile *from = reduce->operands[0], *to = reduce->tile;
    return to->rows == 1 && to->vectors == from->vectors && to->lanes == from->lanes;
}

Tile *tile_create(LoopModule *module, DType dtype, int rows, int vectors, int lanes) {
    Tile *tile = NEW(module->arena, Tile);
    *tile = (Tile){module->next_tile_id++, NULL, dtype, rows, vectors, lanes};
    return tile;
}

LoopStatement *loop_append(LoopModule *module, LoopBody *body, LoopStatementKind kind, Span span) {
    LoopStatement *statement = NEW(module->arena, LoopStatement);
    statement->kind = kind;
    statement->span = span;
    statement->step = 1;
    if (body->last)
        body->last->next = statement;
    else
        body->first = statement;
    body->last = statement;
    return statement;
}

int64_t buffer_bytes_max(const Buffer *buffer) {
    int64_t bytes = (int64_t)dtype_bytes(buffer->dtype);
    int64_t last = 0;
    for (int i = 0; i < buffer->rank; i++) {
        if (buffer->extents[i]->max <= 0) return 0;
        int64_t reach;
        if (!checked_mul(buffer->extents[i]->max - 1, buffer->strides[i]->max, &reach) ||
            !checked_add(last, reach, &last))
            return INT64_MAX / 4;
    }
    return checked_mul(last + 1, bytes, &bytes) ? bytes : INT64_MAX / 4;
}

const Expr *access_offset(LoopModule *module, const Access *access) {
    ExprTable *exprs = module->graph->exprs;
    const Expr *offset = expr_constant(exprs, 0);
    for (int i = 0; i < access->buffer->rank; i++)
        offset = expr_add(exprs, offset, expr_mul(exprs, access->indices[i], access->buffer->strides[i]));
    return offset;
}
