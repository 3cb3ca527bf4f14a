#include "test/matrix/matrix.h"

#include <string.h>

static const DType types[] = {DTYPE_F32, DTYPE_F64, DTYPE_I32, DTYPE_I64, DTYPE_U8, DTYPE_BOOL, DTYPE_NONE};

/* ---- concat ---- */

static void concat_case(Matrix *m, OpKind kind, DType dtype, int axis, const Shape *shapes, int count,
                        bool twice) {
    Value *operands[8];
    case_begin(m, kind);
    for (int i = 0; i < count; i++)
        operands[i] =
            twice && i ? operands[0] : viewed_input(m, (ViewKind)(i % VIEW_KINDS), 's', dtype, shapes[i]);
    Op *op = op_begin(m, kind, operands, count);
    op_set_int(m->module, op, ATTR_AXIS, axis);
    case_end_one(m, op_end(m, op));
}

/* A part and a view of it, side by side; then both, and the part's neighbour, in a larger whole. */
static void concat_views_case(Matrix *m, OpKind kind, bool first, bool nested) {
    case_begin(m, kind);
    Value *part = input(m, 'x', DTYPE_F32, shape_of(m, 3, 4, 6, 6)), *view, *pair;
    part = op_simple(m, OP_RELU, &part, 1);
    Op *op = op_begin(m, OP_PERMUTE, &part, 1);
    op_set_ints(m->module, op, ATTR_PERMUTATION, (int64_t[]){0, 2, 1}, 3);
    view = op_end(m, op);
    op = op_begin(m, kind, first ? (Value *[]){part, view} : (Value *[]){view, part}, 2);
    op_set_int(m->module, op, ATTR_AXIS, 0);
    pair = op_end(m, op);
    if (nested) {
        view = op_simple(m, OP_TANH, &view, 1);
        op = op_begin(m, kind, (Value *[]){pair, view, view}, 3);
        op_set_int(m->module, op, ATTR_AXIS, 0);
        pair = op_end(m, op);
    }
    case_end_one(m, pair);
}

void cases_CONCAT(Matrix *m, OpKind kind) {
    for (int i = 0; i < 4; i++) concat_views_case(m, kind, i & 1, i & 2);
    for (const DType *dtype = types; *dtype; dtype++) {
        batch_step(m);
        concat_case(m, kind, *dtype, 0, (Shape[]){shape_of(m, 1, 7)}, 1, false);
        concat_case(m, kind, *dtype, 0, (Shape[]){shape_of(m, 1, 7), shape_of(m, 1, 0), shape_of(m, 1, 33)},
                    3, false);
        concat_case(m, kind, *dtype, 1,
                    (Shape[]){shape_of(m, 2, 3, 5), shape_of(m, 2, 3, 17), shape_of(m, 2, 3, 1),
                              shape_of(m, 2, 3, 64)},
                    4, false);
        concat_case(m, kind, *dtype, 0, (Shape[]){shape_of(m, 2, 1, 19), shape_of(m, 2, 2, 19)}, 2, false);
        concat_case(m, kind, *dtype, 1, (Shape[]){shape_of(m, 3, 2, 3, 5), shape_of(m, 3, 2, 4, 5)}, 2,
                    false);
        concat_case(m, kind, *dtype, 1, (Shape[]){shape_of(m, 2, 2, 9), shape_of(m, 2, 2, 9)}, 2, true);
        concat_case(m, kind, *dtype, 1,
                    (Shape[]){shape_with(m, shape_of(m, 2, 3, 0), 1, dim_n(m)), shape_of(m, 2, 3, 5),
                              shape_with(m, shape_of(m, 2, 3, 0), 1, dim_m(m))},
                    3, false);
    }
}

/* ---- expand, full, iota, one_hot ---- */

static void expand_case(Matrix *m, OpKind kind, DType dtype, Shape from, Shape to, ViewKind view) {
    case_begin(m, kind);
    Op *op = op_begin(m, kind, (Value *[]){viewed_input(m, view, 's', dtype, from)}, 1);
    op_set_exprs(m->module, op, ATTR_SHAPE, to.dims, to.rank);
    case_end_one(m, op_end(m, op));
}

void cases_EXPAND(Matrix *m, OpKind kind) {
    for (const DType *dtype = types; *dtype; dtype++) {
        batch_step(m);
        expand_case(m, kind, *dtype, shape_of(m, 0), shape_of(m, 1, 17), VIEW_NONE);
        expand_case(m, kind, *dtype, shape_of(m, 1, 1), shape_of(m, 2, 3, 5), VIEW_STRIDED);
        expand_case(m, kind, *dtype, shape_of(m, 2, 4, 1), shape_of(m, 3, 2, 4, 33), VIEW_PERMUTED);
        expand_case(m, kind, *dtype, shape_of(m, 2, 1, 9), shape_with(m, shape_of(m, 2, 0, 9), 0, dim_n(m)),
                    VIEW_NONE);
        expand_case(m, kind, *dtype, shape_of(m, 1, 5), shape_of(m, 2, 0, 5), VIEW_NONE);
    }
}

static void full_case(Matrix *m, OpKind kind, DType dtype, Shape shape, double value) {
    case_begin(m, kind);
    Op *op = op_begin(m, kind, NULL, 0);
    op_set_exprs(m->module, op, ATTR_SHAPE, shape.dims, shape.rank);
    op_set_int(m->module, op, ATTR_DTYPE, dtype);
    if (kind == OP_FULL) op_set_float(m->module, op, ATTR_VALUE, value);
    case_end_one(m, op_end(m, op));
}

void cases_FULL(Matrix *m, OpKind kind) {
    for (int dtype = 1; dtype < DTYPE_COUNT; dtype++) {
        batch_step(m);
        full_case(m, kind, (DType)dtype, shape_of(m, 0), 1);
        full_case(m, kind, (DType)dtype, shape_of(m, 2, 3, 33), dtype_is_float((DType)dtype) ? -0.5 : 7);
        full_case(m, kind, (DType)dtype, shape_with(m, shape_of(m, 2, 0, 3), 0, dim_n(m)), 1e30);
        full_case(m, kind, (DType)dtype, shape_of(m, 3, 20, 20, 20), 1);
    }
}

/* An input has the dim, which the entry then takes. */
static void extent_case(Matrix *m, OpKind kind, DType dtype, const Expr *extent) {
    case_begin(m, kind);
    viewed_input(m, VIEW_NONE, 's', DTYPE_F32, shape_with(m, shape_of(m, 1, 0), 0, dim_n(m)));
    Op *op = op_begin(m, kind, NULL, 0);
    op_set_exprs(m->module, op, ATTR_SHAPE, &extent, 1);
    op_set_int(m->module, op, ATTR_DTYPE, dtype);
    case_end_one(m, op_end(m, op));
}

void cases_EXTENT(Matrix *m, OpKind kind) {
    const Expr *n = dim_n(m);
    batch_step(m);
    extent_case(m, kind, DTYPE_I32, n);
    extent_case(m, kind, DTYPE_I64,
                expr_add_constant(m->module->exprs, expr_scale(m->module->exprs, n, 3), 1));
    extent_case(m, kind, DTYPE_I64, expr_constant(m->module->exprs, 7));
}

void cases_IOTA(Matrix *m, OpKind kind) {
    for (int dtype = 1; dtype < DTYPE_BOOL; dtype++) {
        batch_step(m);
        full_case(m, kind, (DType)dtype, shape_of(m, 1, 67), 0);
        full_case(m, kind, (DType)dtype, shape_of(m, 1, 0), 0);
        full_case(m, kind, (DType)dtype, shape_with(m, shape_of(m, 1, 0), 0, dim_n(m)), 0);
    }
}

static const DType index_types[] = {DTYPE_I8, DTYPE_I16, DTYPE_I32, DTYPE_I64, DTYPE_U8, DTYPE_NONE};

static void one_hot_case(Matrix *m, OpKind kind, Value *indices, const Expr *depth) {
    Op *op = op_begin(m, kind, &indices, 1);
    op_set_exprs(m->module, op, ATTR_SHAPE, &depth, 1);
    case_end_one(m, op_end(m, op));
}

void cases_ONE_HOT(Matrix *m, OpKind kind) {
    for (const DType *dtype = index_types; *dtype; dtype++) {
        batch_step(m);
        case_begin(m, kind);
        one_hot_case(m, kind, index_input(m, 7, *dtype, shape_of(m, 1, 19)),
                     expr_constant(m->module->exprs, 7));
        case_begin(m, kind);
        one_hot_case(m, kind, index_input(m, 33, *dtype, shape_of(m, 0)),
                     expr_constant(m->module->exprs, 33));
        case_begin(m, kind);
        one_hot_case(m, kind, index_input(m, 1, *dtype, shape_with(m, shape_of(m, 2, 0, 3), 0, dim_n(m))),
                     dim_m(m));
        case_begin(m, kind);
        one_hot_case(m, kind, input(m, 'v', *dtype, shape_of(m, 1, 3)), expr_constant(m->module->exprs, 4));
    }
}

/* ---- gather ---- */

static void gather_case(Matrix *m, OpKind kind, DType dtype, DType index, Shape x, Shape indices, int axis,
                        int extent, ViewKind view) {
    case_begin(m, kind);
    Value *operands[2] = {viewed_input(m, view, 's', dtype, x),
                          extent ? index_input(m, extent, index, indices) : input(m, 'v', index, indices)};
    Op *op = op_begin(m, kind, operands, 2);
    op_set_int(m->module, op, ATTR_AXIS, axis);
    case_end_one(m, op_end(m, op));
}

void cases_GATHER(Matrix *m, OpKind kind) {
    for (const DType *dtype = types; *dtype; dtype++) {
        batch_step(m);
        for (const DType *index = index_types; *index; index++) {
            gather_case(m, kind, *dtype, *index, shape_of(m, 2, 11, 9), shape_of(m, 1, 17), 0, 11,
                        (ViewKind)(*index % 3));
            gather_case(m, kind, *dtype, *index, shape_of(m, 2, 4, 3), shape_of(m, 1, 2), 0, 0, VIEW_NONE);
        }
        gather_case(m, kind, *dtype, DTYPE_I32, shape_of(m, 3, 3, 7, 33), shape_of(m, 2, 2, 5), 1, 7,
                    VIEW_PERMUTED);
        gather_case(m, kind, *dtype, DTYPE_I32, shape_of(m, 3, 3, 7, 5), shape_of(m, 1, 9), 2, 5,
                    VIEW_STRIDED);
        gather_case(m, kind, *dtype, DTYPE_I64, shape_of(m, 1, 13), shape_of(m, 0), 0, 13, VIEW_NONE);
        gather_case(m, kind, *dtype, DTYPE_I32, shape_of(m, 2, 13, 4), shape_of(m, 0), 0, 13, VIEW_NONE);
        gather_case(m, kind, *dtype, DTYPE_I32, shape_with(m, shape_of(m, 2, 0, 5), 0, dim_m(m)),
                    shape_with(m, shape_of(m, 1, 0), 0, dim_n(m)), 0, 1, VIEW_NONE);
        gather_case(m, kind, *dtype, DTYPE_I32, shape_of(m, 2, 4, 0), shape_of(m, 1, 3), 0, 0, VIEW_NONE);
        gather_case(m, kind, *dtype, DTYPE_I32, shape_of(m, 2, 4, 6), shape_of(m, 1, 0), 0, 4, VIEW_NONE);
    }
}

/* ---- pad ---- */

static void pad_case(Matrix *m, OpKind kind, DType dtype, Shape x, const char *mode, const int64_t *amounts,
                     ViewKind view) {
    case_begin(m, kind);
    Op *op = op_begin(m, kind, (Value *[]){viewed_input(m, view, 's', dtype, x)}, 1);
    op_set_ints(m->module, op, ATTR_PADDING, amounts, 2 * x.rank);
    if (mode) op_set_string(m->module, op, ATTR_MODE, mode);
    if (mode && strcmp(mode, "constant") == 0)
        op_set_float(m->module, op, ATTR_VALUE, dtype == DTYPE_BOOL ? 1 : 3);
    case_end_one(m, op_end(m, op));
}

void cases_PAD(Matrix *m, OpKind kind) {
    static const char *const modes[] = {NULL, "constant", "reflect", "replicate"};
    for (const DType *dtype = types; *dtype; dtype++) {
        batch_step(m);
        for (int i = 0; i < 4; i++) {
            pad_case(m, kind, *dtype, shape_of(m, 1, 7), modes[i], (int64_t[]){2, 5}, VIEW_NONE);
            pad_case(m, kind, *dtype, shape_of(m, 1, 33), modes[i], (int64_t[]){-3, 4}, VIEW_STRIDED);
            pad_case(m, kind, *dtype, shape_of(m, 1, 9), modes[i], (int64_t[]){3, -7}, VIEW_NONE);
            pad_case(m, kind, *dtype, shape_of(m, 1, 9), modes[i], (int64_t[]){-4, -5}, VIEW_NONE);
            pad_case(m, kind, *dtype, shape_of(m, 2, 5, 6), modes[i], (int64_t[]){1, 2, 3, 4}, VIEW_PERMUTED);
            pad_case(m, kind, *dtype, shape_of(m, 3, 2, 3, 17), modes[i], (int64_t[]){1, 0, 0, 2, 0, 1},
                     VIEW_NONE);
            pad_case(m, kind, *dtype,
                     shape_with(m, shape_of(m, 2, 3, 0), 1, expr_add_constant(m->module->exprs, dim_n(m), 3)),
                     modes[i], (int64_t[]){0, 0, 2, 1}, VIEW_NONE);
            pad_case(m, kind, *dtype,
                     shape_with(m, shape_of(m, 2, 3, 0), 1, expr_add_constant(m->module->exprs, dim_n(m), 3)),
                     modes[i], (int64_t[]){1, 1, -2, 2}, VIEW_NONE);
        }
        pad_case(m, kind, *dtype, shape_of(m, 0), NULL, NULL, VIEW_NONE);
        pad_case(m, kind, *dtype, shape_of(m, 1, 0), "constant", (int64_t[]){2, 3}, VIEW_NONE);
    }
}

/* ---- space_to_depth ---- */

static void blocks_case(Matrix *m, OpKind kind, DType dtype, Shape x, const int64_t *blocks,
                        const int64_t *padding, ViewKind view) {
    case_begin(m, kind);
    Op *op = op_begin(m, kind, (Value *[]){viewed_input(m, view, 's', dtype, x)}, 1);
    op_set_ints(m->module, op, ATTR_STRIDE, blocks, 2);
    if (padding) op_set_ints(m->module, op, ATTR_PADDING, padding, 4);
    case_end_one(m, op_end(m, op));
}

void cases_SPACE_TO_DEPTH(Matrix *m, OpKind kind) {
    const int64_t two[] = {2, 2}, uneven[] = {3, 1}, four[] = {4, 4};
    for (const DType *dtype = types; *dtype; dtype++) {
        batch_step(m);
        blocks_case(m, kind, *dtype, shape_of(m, 4, 2, 3, 4, 6), two, NULL, VIEW_NONE);
        blocks_case(m, kind, *dtype, shape_of(m, 4, 1, 3, 7, 9), two, (int64_t[]){3, 2, 1, 5}, VIEW_STRIDED);
        blocks_case(m, kind, *dtype, shape_of(m, 4, 1, 2, 8, 5), uneven, (int64_t[]){0, 4, 2, 0}, VIEW_NONE);
        blocks_case(m, kind, *dtype, shape_of(m, 4, 1, 1, 3, 2), four, (int64_t[]){9, 4, 0, 6},
                    VIEW_PERMUTED);
        Shape tall = shape_of(m, 4, 1, 2, 0, 6);
        tall = shape_with(m, tall, 2, expr_add_constant(m->module->exprs, dim_n(m), 3));
        blocks_case(m, kind, *dtype, tall, two, (int64_t[]){1, 2, 0, 0}, VIEW_NONE);
    }
}

/* ---- permute, reshape, slice, relayout ---- */

static void permute_case(Matrix *m, OpKind kind, DType dtype, Shape x, const int64_t *order, ViewKind view) {
    case_begin(m, kind);
    Op *op = op_begin(m, kind, (Value *[]){viewed_input(m, view, 's', dtype, x)}, 1);
    op_set_ints(m->module, op, ATTR_PERMUTATION, order, x.rank);
    case_end_one(m, op_end(m, op));
}

void cases_PERMUTE(Matrix *m, OpKind kind) {
    for (const DType *dtype = types; *dtype; dtype++) {
        batch_step(m);
        permute_case(m, kind, *dtype, shape_of(m, 2, 17, 33), (int64_t[]){1, 0}, VIEW_NONE);
        permute_case(m, kind, *dtype, shape_of(m, 3, 3, 5, 9), (int64_t[]){1, 2, 0}, VIEW_STRIDED);
        permute_case(m, kind, *dtype, shape_of(m, 4, 2, 3, 4, 5), (int64_t[]){0, 2, 3, 1}, VIEW_NONE);
        permute_case(m, kind, *dtype, shape_with(m, shape_of(m, 2, 0, 5), 0, dim_n(m)), (int64_t[]){1, 0},
                     VIEW_EXPANDED);
        permute_case(m, kind, *dtype, shape_of(m, 0), NULL, VIEW_NONE);
    }
}

static void reshape_case(Matrix *m, OpKind kind, DType dtype, Shape from, Shape to, ViewKind view) {
    case_begin(m, kind);
    Op *op = op_begin(m, kind, (Value *[]){viewed_input(m, view, 's', dtype, from)}, 1);
    op_set_exprs(m->module, op, ATTR_SHAPE, to.dims, to.rank);
    case_end_one(m, op_end(m, op));
}

void cases_RESHAPE(Matrix *m, OpKind kind) {
    for (const DType *dtype = types; *dtype; dtype++) {
        batch_step(m);
        for (int view = 0; view < VIEW_KINDS; view++) {
            reshape_case(m, kind, *dtype, shape_of(m, 2, 6, 11), shape_of(m, 3, 3, 2, 11), (ViewKind)view);
            reshape_case(m, kind, *dtype, shape_of(m, 3, 2, 3, 17), shape_of(m, 1, 102), (ViewKind)view);
            Shape symbolic = shape_with(m, shape_of(m, 2, 0, 6), 0, dim_n(m));
            Shape split = shape_with(m, shape_of(m, 3, 2, 0, 3), 1, dim_n(m));
            reshape_case(m, kind, *dtype, symbolic, split, (ViewKind)view);
        }
        reshape_case(m, kind, *dtype, shape_of(m, 0), shape_of(m, 2, 1, 1), VIEW_NONE);
        reshape_case(m, kind, *dtype, shape_of(m, 2, 1, 1), shape_of(m, 0), VIEW_STRIDED);
        reshape_case(m, kind, *dtype, shape_of(m, 2, 0, 3), shape_of(m, 2, 5, 0), VIEW_NONE);
    }
}

static void slice_case(Matrix *m, OpKind kind, DType dtype, Shape x, const Expr *const *starts, Shape count,
                       const int64_t *steps, ViewKind view) {
    case_begin(m, kind);
    Op *op = op_begin(m, kind, (Value *[]){viewed_input(m, view, 's', dtype, x)}, 1);
    op_set_exprs(m->module, op, ATTR_SHAPE, count.dims, count.rank);
    op_set_exprs(m->module, op, ATTR_STARTS, starts, x.rank);
    if (steps) op_set_ints(m->module, op, ATTR_STEPS, steps, x.rank);
    case_end_one(m, op_end(m, op));
}

void cases_SLICE(Matrix *m, OpKind kind) {
    for (const DType *dtype = types; *dtype; dtype++) {
        batch_step(m);
        ExprTable *exprs = m->module->exprs;
        Shape starts = shape_of(m, 2, 1, 3);
        for (int view = 0; view < VIEW_KINDS; view++) {
            slice_case(m, kind, *dtype, shape_of(m, 2, 5, 40), starts.dims, shape_of(m, 2, 3, 33), NULL,
                       (ViewKind)view);
            slice_case(m, kind, *dtype, shape_of(m, 2, 5, 40), starts.dims, shape_of(m, 2, 2, 9),
                       (int64_t[]){2, 3}, (ViewKind)view);
        }
        Shape ends = shape_of(m, 2, 4, 39);
        slice_case(m, kind, *dtype, shape_of(m, 2, 5, 40), ends.dims, shape_of(m, 2, 5, 20),
                   (int64_t[]){-1, -2}, VIEW_NONE);
        slice_case(m, kind, *dtype, shape_of(m, 2, 5, 40), ends.dims, shape_of(m, 2, 0, 1), (int64_t[]){1, 1},
                   VIEW_NONE);
        Shape n = shape_with(m, shape_of(m, 1, 0), 0, expr_add_constant(exprs, dim_n(m), 1)), half = n,
              last = n, one = shape_of(m, 1, 1);
        half.dims[0] = expr_ceildiv(exprs, n.dims[0], expr_constant(exprs, 2));
        last.dims[0] = dim_n(m);
        slice_case(m, kind, *dtype, n, shape_of(m, 1, 0).dims, half, (int64_t[]){2}, VIEW_NONE);
        slice_case(m, kind, *dtype, n, last.dims, n, (int64_t[]){-1}, VIEW_NONE);
        slice_case(m, kind, *dtype, n, last.dims, one, NULL, VIEW_STRIDED);
    }
}

/* There and back, as the passes place them. */
static void relayout_case(Matrix *m, OpKind kind, DType dtype, Shape x, const Layout *layout, ViewKind view) {
    case_begin(m, kind);
    Value *there = op_simple(m, kind, (Value *[]){viewed_input(m, view, 's', dtype, x)}, 1);
    there->type.layout = layout_intern(m->module, layout);
    case_end_one(m, op_simple(m, kind, &there, 1));
}

void cases_RELAYOUT(Matrix *m, OpKind kind) {
    static const Layout blocked = {
        5, {{.axis = 0}, {PIECE_DIV, 1, 16, 0, 0}, {.axis = 2}, {.axis = 3}, {PIECE_MOD, 1, 16, 0, 0}}};
    static const Layout halo = {5,
                                {{.axis = 0},
                                 {PIECE_DIV, 1, 4, 0, 0},
                                 {PIECE_WHOLE, 2, 0, 1, 2},
                                 {PIECE_WHOLE, 3, 0, 1, 1},
                                 {PIECE_MOD, 1, 4, 0, 0}}};
    static const Layout panels = {3, {{PIECE_DIV, 0, 8, 0, 0}, {.axis = 1}, {PIECE_MOD, 0, 8, 0, 0}}};
    static const Layout last = {4, {{.axis = 0}, {.axis = 2}, {.axis = 3}, {.axis = 1}}};
    for (const DType *dtype = types; *dtype; dtype++) {
        batch_step(m);
        for (int view = 0; view < 2; view++) {
            relayout_case(m, kind, *dtype, shape_of(m, 4, 2, 32, 3, 5), &blocked, (ViewKind)view);
            relayout_case(m, kind, *dtype, shape_of(m, 4, 1, 16, 3, 5), &blocked, (ViewKind)view);
            relayout_case(m, kind, *dtype, shape_of(m, 4, 2, 8, 3, 5), &halo, (ViewKind)view);
            relayout_case(m, kind, *dtype, shape_of(m, 2, 24, 7), &panels, (ViewKind)view);
            relayout_case(m, kind, *dtype, shape_of(m, 4, 2, 7, 3, 5), &last, (ViewKind)view);
            relayout_case(m, kind, *dtype, shape_with(m, shape_of(m, 4, 0, 16, 3, 5), 0, dim_n(m)), &blocked,
                          (ViewKind)view);
        }
    }
}
