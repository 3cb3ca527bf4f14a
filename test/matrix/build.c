#include "test/matrix/matrix.h"

#include "ir/shapes/infer.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 400 };

/* ---- Batches ---- */

static Dim *add_dim(Matrix *m, const char *name, int64_t min, int64_t max) {
    Dim *dim = NEW(m->arena, Dim);
    *dim = (Dim){name, symbol_create(m->arena, name, min, max), {0}};
    vector_push(m->arena, &m->module->dims, dim);
    return dim;
}

void batch_open(Matrix *m) {
    m->arena = arena_create();
    m->diagnostics = diagnostics_create();
    m->module = module_create(m->arena, m->diagnostics);
    add_dim(m, "N", 0, 67);
    add_dim(m, "M", 1, 9);
}

void batch_step(Matrix *m) {
    if (m->module->entries.count < BATCH) return;
    batch_close(m);
    batch_open(m);
}

void batch_close(Matrix *m) {
    if (m->module->entries.count) m->full(m);
    diagnostics_destroy(m->diagnostics);
    arena_destroy(m->arena);
}

const Expr *dim_n(Matrix *m) { return expr_symbol(m->module->exprs, m->module->dims.items[0]->symbol); }
const Expr *dim_m(Matrix *m) { return expr_symbol(m->module->exprs, m->module->dims.items[1]->symbol); }

/* ---- Shapes ---- */

Shape shape_of(Matrix *m, int rank, ...) {
    Shape shape = {.rank = rank};
    va_list dims;
    va_start(dims, rank);
    for (int i = 0; i < rank; i++) shape.dims[i] = expr_constant(m->module->exprs, va_arg(dims, int));
    va_end(dims);
    return shape;
}

Shape shape_with(Matrix *m, Shape shape, int axis, const Expr *dim) {
    (void)m;
    shape.dims[axis] = dim;
    return shape;
}

/* ---- Cases ---- */

void case_begin(Matrix *m, OpKind kind) {
    Entry *entry = NEW(m->arena, Entry);
    entry->model = arena_printf(m->arena, "Matrix%d", m->serial);
    entry->name = op_infos[kind].text;
    entry->block = block_create(m->module, NULL);
    m->entry = m->module->current_entry = entry;
    m->random = random_from_text(entry->model, 7);
    m->serial++;
    m->next_name = 0;
}

static bool uses_dim(const Entry *entry, const Symbol *symbol) {
    for (int i = 0; i < entry->block->argument_count; i++)
        for (int j = 0; j < entry->block->arguments[i]->type.rank; j++)
            if (expr_uses(entry->block->arguments[i]->type.dims[j], symbol)) return true;
    const Op *yield = block_terminator(entry->block);
    for (int i = 0; i < yield->operand_count; i++)
        for (int j = 0; j < yield->operands[i]->type.rank; j++)
            if (expr_uses(yield->operands[i]->type.dims[j], symbol)) return true;
    return false;
}

void case_end(Matrix *m, Value *const *values, int count) {
    Entry *entry = m->entry;
    for (int i = 0; i < count; i++) assert(values[i]);
    op_create(m->module, entry->block, OP_YIELD, values, count, (Span){0}, "");
    entry->output_count = count - entry->state_count;
    entry->output_names = NEW_ARRAY(m->arena, const char *, count);
    for (int i = 0; i < entry->output_count; i++) entry->output_names[i] = arena_printf(m->arena, "y%d", i);
    entry->dims = NEW_ARRAY(m->arena, Dim *, m->module->dims.count);
    for (int i = 0; i < m->module->dims.count; i++)
        if (uses_dim(entry, m->module->dims.items[i]->symbol))
            entry->dims[entry->dim_count++] = m->module->dims.items[i];
    vector_push(m->arena, &m->module->entries, entry);
    m->module->current_entry = NULL;
}

void case_end_one(Matrix *m, Value *value) { case_end(m, &value, 1); }

/* ---- Operands ---- */

static Value *named_input(Matrix *m, const char *name, DType dtype, Shape shape) {
    Entry *entry = m->entry;
    const char **names = NEW_ARRAY(m->arena, const char *, entry->input_count + 1);
    if (entry->input_count) memcpy(names, entry->input_names, (size_t)entry->input_count * sizeof *names);
    names[entry->input_count++] = name;
    entry->input_names = names;
    return block_add_argument(m->module, entry->block, type_make(dtype, shape.rank, shape.dims), name);
}

Value *input(Matrix *m, char kind, DType dtype, Shape shape) {
    return named_input(m, arena_printf(m->arena, "%c%d", kind, m->next_name++), dtype, shape);
}

Value *index_input(Matrix *m, int extent, DType dtype, Shape shape) {
    return named_input(m, arena_printf(m->arena, "j%d_%d", extent, m->next_name++), dtype, shape);
}

Value *constant(Matrix *m, DType dtype, Shape shape) {
    int64_t dims[RANK_MAX];
    for (int i = 0; i < shape.rank; i++) dims[i] = expr_value(shape.dims[i]);
    Tensor *tensor = tensor_create(m->arena, dtype, shape.rank, dims);
    const char *name = arena_printf(m->arena, "c%d_%d", m->serial - 1, m->next_name++);
    values_fill(tensor, "x", name, 0);
    Constant *made = constant_create(m->module, CONSTANT_INLINE, name,
                                     type_make(dtype, shape.rank, shape.dims), (Span){0});
    made->floats = tensor->floats;
    made->integers = tensor->integers;
    return made->value;
}

static Value *strided(Matrix *m, char kind, DType dtype, Shape shape) {
    Shape larger = shape;
    const Expr *starts[RANK_MAX];
    int64_t steps[RANK_MAX];
    ExprTable *exprs = m->module->exprs;
    for (int i = 0; i < shape.rank; i++) {
        bool back = i == shape.rank - 1 && shape.dims[i]->min > 0;
        larger.dims[i] = expr_add_constant(exprs, expr_scale(exprs, shape.dims[i], 2), 1);
        starts[i] = back ? expr_add_constant(exprs, expr_scale(exprs, shape.dims[i], 2), -1)
                         : expr_constant(exprs, 1);
        steps[i] = back ? -2 : i == 0 ? 2 : 1;
    }
    Op *op = op_begin(m, OP_SLICE, (Value *[]){input(m, kind, dtype, larger)}, 1);
    op_set_exprs(m->module, op, ATTR_SHAPE, shape.dims, shape.rank);
    op_set_exprs(m->module, op, ATTR_STARTS, starts, shape.rank);
    op_set_ints(m->module, op, ATTR_STEPS, steps, shape.rank);
    return op_end(m, op);
}

static Value *permuted(Matrix *m, char kind, DType dtype, Shape shape) {
    Shape turned = shape;
    int64_t permutation[RANK_MAX];
    for (int i = 0; i < shape.rank; i++) {
        turned.dims[i] = shape.dims[shape.rank - 1 - i];
        permutation[i] = shape.rank - 1 - i;
    }
    Op *op = op_begin(m, OP_PERMUTE, (Value *[]){input(m, kind, dtype, turned)}, 1);
    op_set_ints(m->module, op, ATTR_PERMUTATION, permutation, shape.rank);
    return op_end(m, op);
}

static Value *expanded(Matrix *m, char kind, DType dtype, Shape shape) {
    Shape narrow = shape;
    if (shape.rank) narrow.dims[shape.rank / 2] = expr_constant(m->module->exprs, 1);
    Op *op = op_begin(m, OP_EXPAND, (Value *[]){input(m, kind, dtype, narrow)}, 1);
    op_set_exprs(m->module, op, ATTR_SHAPE, shape.dims, shape.rank);
    return op_end(m, op);
}

Value *viewed_input(Matrix *m, ViewKind view, char kind, DType dtype, Shape shape) {
    switch (view) {
    case VIEW_STRIDED: return strided(m, kind, dtype, shape);
    case VIEW_PERMUTED: return permuted(m, kind, dtype, shape);
    case VIEW_EXPANDED: return expanded(m, kind, dtype, shape);
    default: return input(m, kind, dtype, shape);
    }
}

/* ---- Ops ---- */

Op *op_begin(Matrix *m, OpKind kind, Value *const *operands, int count) {
    return op_create(m->module, m->entry->block, kind, operands, count, (Span){0}, "");
}

Value *op_end(Matrix *m, Op *op) {
    if (infer_op(m->module, op)) return op->results[0];
    diagnostics_print(m->diagnostics, stderr, (DiagnosticsStyle){0});
    fprintf(stderr, "case %d: the matrix builds an invalid %s\n", m->serial - 1, op_infos[op->kind].text);
    abort();
}

Value *op_simple(Matrix *m, OpKind kind, Value *const *operands, int count) {
    return op_end(m, op_begin(m, kind, operands, count));
}
