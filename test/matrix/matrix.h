/* The op matrix: every row of ops.def over its dtypes, boundary shapes, broadcasts and views, one small entry
 * each. A row without cases is a link error. */
#ifndef TENON_TEST_MATRIX_MATRIX_H
#define TENON_TEST_MATRIX_MATRIX_H

#include "ir/graph.h"
#include "test/native/values.h"

typedef struct Matrix {
    Arena *arena;
    Diagnostics *diagnostics;
    Module *module; /* of the batch being filled */
    Entry *entry;   /* of the case being built */
    Random random;
    int serial; /* of the case, from 0 over the whole run */
    int next_name;
    void (*full)(struct Matrix *matrix); /* takes a complete batch */
    void *context;
} Matrix;

typedef struct Shape {
    int rank;
    const Expr *dims[RANK_MAX];
} Shape;

/* The module lives from batch_open to batch_close. Between cases that share no shape, batch_step begins a new
 * one when the batch is large enough. */
void batch_open(Matrix *matrix);
void batch_step(Matrix *matrix);
void batch_close(Matrix *matrix);

/* Shapes of constants, and of the dims N = 0..67 and M = 1..9 of every batch. */
Shape shape_of(Matrix *matrix, int rank, ...); /* int each */
Shape shape_with(Matrix *matrix, Shape shape, int axis, const Expr *dim);
const Expr *dim_n(Matrix *matrix);
const Expr *dim_m(Matrix *matrix);

/* A case is an entry of its own: begin, build, end with what it yields. */
void case_begin(Matrix *matrix, OpKind kind);
void case_end(Matrix *matrix, Value *const *values, int count);
void case_end_one(Matrix *matrix, Value *value);

/* |kind| as in test/native/values.h. */
Value *input(Matrix *matrix, char kind, DType dtype, Shape shape);
Value *index_input(Matrix *matrix, int extent, DType dtype, Shape shape);
Value *constant(Matrix *matrix, DType dtype, Shape shape); /* of plain numbers */
/* The same tensor as views of something larger: every second element backwards; axes reversed; one element
 * for all. */
typedef enum ViewKind { VIEW_NONE, VIEW_STRIDED, VIEW_PERMUTED, VIEW_EXPANDED, VIEW_KINDS } ViewKind;
Value *viewed_input(Matrix *matrix, ViewKind view, char kind, DType dtype, Shape shape);

/* An op of the case with attributes set before its shape rule runs: op_begin, op_set_*, op_end. */
Op *op_begin(Matrix *matrix, OpKind kind, Value *const *operands, int count);
Value *op_end(Matrix *matrix, Op *op); /* its first result; NULL and a message: the rule refuses */
Value *op_simple(Matrix *matrix, OpKind kind, Value *const *operands, int count);

/* Of convolutions and pooling. |batch| 0: without; -1: M. |height| 0: one spatial axis; -1: M + 6; |width|
 * -1: N + 6. */
Shape image_shape(Matrix *matrix, int batch, int channels, int height, int width);
Op *window_attributes(Matrix *matrix, Op *op, int spatial, const int *stride, int dilation,
                      const int *padding);

#define OP(id, text, least, most, results, shape, traits, meaning)                                           \
    void cases_##id(Matrix *matrix, OpKind kind);
#include "ir/ops.def"
#undef OP

#endif
