/* Products of matrices, reductions and pooling. */
#include "test/matrix/matrix.h"

static const DType floats[] = {DTYPE_F32, DTYPE_F64, DTYPE_NONE};
static const DType numbers[] = {DTYPE_F32, DTYPE_F64, DTYPE_I32, DTYPE_I64, DTYPE_U8, DTYPE_NONE};

/* ---- linear and matmul ---- */

typedef struct LinearCase {
    int rows, k, n; /* rows 0: x of rank 1; -1: N of them */
    bool bias, constant;
    ViewKind view;
} LinearCase;

static void linear_case(Matrix *m, OpKind kind, DType dtype, const LinearCase *c) {
    case_begin(m, kind);
    Shape x = c->rows ? shape_of(m, 2, c->rows, c->k) : shape_of(m, 1, c->k);
    if (c->rows < 0) x = shape_with(m, x, 0, dim_n(m));
    Shape w = shape_of(m, 2, c->n, c->k), b = shape_of(m, 1, c->n);
    Value *operands[3] = {viewed_input(m, c->view, 'x', dtype, x),
                          c->constant ? constant(m, dtype, w) : input(m, 'x', dtype, w),
                          c->constant ? constant(m, dtype, b) : input(m, 'x', dtype, b)};
    case_end_one(m, op_simple(m, kind, operands, c->bias ? 3 : 2));
}

void cases_LINEAR(Matrix *m, OpKind kind) {
    static const LinearCase cases[] = {
        {0, 5, 7, true, true, VIEW_NONE},       {0, 1, 1, false, false, VIEW_NONE},
        {0, 300, 33, true, true, VIEW_STRIDED}, {1, 1, 1, true, true, VIEW_NONE},
        {1, 16, 16, false, true, VIEW_NONE},    {1, 257, 17, true, true, VIEW_NONE},
        {2, 8, 8, true, false, VIEW_NONE},      {3, 9, 15, true, true, VIEW_PERMUTED},
        {5, 7, 31, false, true, VIEW_NONE},     {6, 16, 32, true, true, VIEW_NONE},
        {7, 17, 33, true, true, VIEW_NONE},     {12, 255, 5, true, true, VIEW_NONE},
        {13, 256, 4, true, true, VIEW_NONE},    {11, 513, 9, true, true, VIEW_NONE},
        {5, 0, 6, true, true, VIEW_NONE},       {5, 0, 6, false, false, VIEW_NONE},
        {4, 3, 0, false, true, VIEW_NONE},      {9, 64, 64, true, true, VIEW_EXPANDED},
        {60, 300, 200, true, true, VIEW_NONE},  {1, 1000, 1003, true, false, VIEW_NONE},
        {-1, 200, 131, true, true, VIEW_NONE},  {-1, 13, 19, true, true, VIEW_NONE},
        {-1, 300, 3, true, true, VIEW_NONE},    {-1, 32, 48, false, false, VIEW_PERMUTED},
        {-1, 5, 67, true, true, VIEW_STRIDED},  {67, 20, 10, true, true, VIEW_NONE},
        {67, 20, 10, true, false, VIEW_NONE},
    };
    for (const DType *dtype = floats; *dtype; dtype++) {
        batch_step(m);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) linear_case(m, kind, *dtype, &cases[i]);
        case_begin(m, kind);
        Shape x = shape_with(m, shape_of(m, 3, 0, 3, 6), 0, dim_m(m));
        case_end_one(
            m,
            op_simple(m, kind,
                      (Value *[]){input(m, 'x', *dtype, x), constant(m, *dtype, shape_of(m, 2, 20, 6))}, 2));
    }
}

static void matmul_case(Matrix *m, OpKind kind, DType dtype, Shape a, Shape b, ViewKind left, ViewKind right,
                        bool constant_right) {
    case_begin(m, kind);
    Value *operands[2] = {viewed_input(m, left, 'x', dtype, a),
                          constant_right ? constant(m, dtype, b) : viewed_input(m, right, 'x', dtype, b)};
    case_end_one(m, op_simple(m, kind, operands, 2));
}

void cases_MATMUL(Matrix *m, OpKind kind) {
    for (const DType *dtype = floats; *dtype; dtype++) {
        batch_step(m);
        for (int view = 0; view < VIEW_KINDS * VIEW_KINDS; view++)
            matmul_case(m, kind, *dtype, shape_of(m, 2, 7, 9), shape_of(m, 2, 9, 17), view % VIEW_KINDS,
                        view / VIEW_KINDS, false);
        matmul_case(m, kind, *dtype, shape_of(m, 1, 9), shape_of(m, 1, 9), VIEW_NONE, VIEW_STRIDED, false);
        matmul_case(m, kind, *dtype, shape_of(m, 1, 9), shape_of(m, 2, 9, 33), VIEW_NONE, VIEW_NONE, false);
        matmul_case(m, kind, *dtype, shape_of(m, 2, 13, 9), shape_of(m, 1, 9), VIEW_PERMUTED, VIEW_NONE,
                    false);
        matmul_case(m, kind, *dtype, shape_of(m, 3, 2, 13, 9), shape_of(m, 1, 9), VIEW_NONE, VIEW_NONE,
                    false);
        matmul_case(m, kind, *dtype, shape_of(m, 1, 9), shape_of(m, 3, 2, 9, 5), VIEW_NONE, VIEW_NONE, false);
        matmul_case(m, kind, *dtype, shape_of(m, 3, 2, 6, 300), shape_of(m, 2, 300, 16), VIEW_NONE, VIEW_NONE,
                    true);
        matmul_case(m, kind, *dtype, shape_of(m, 2, 5, 8), shape_of(m, 3, 3, 8, 7), VIEW_NONE, VIEW_PERMUTED,
                    false);
        matmul_case(m, kind, *dtype, shape_of(m, 4, 2, 1, 5, 8), shape_of(m, 4, 1, 3, 8, 7), VIEW_NONE,
                    VIEW_NONE, false);
        matmul_case(m, kind, *dtype, shape_of(m, 4, 2, 3, 5, 8), shape_of(m, 3, 3, 8, 33), VIEW_STRIDED,
                    VIEW_NONE, false);
        matmul_case(m, kind, *dtype, shape_of(m, 2, 5, 0), shape_of(m, 2, 0, 7), VIEW_NONE, VIEW_NONE, false);
        matmul_case(m, kind, *dtype, shape_of(m, 2, 0, 3), shape_of(m, 2, 3, 7), VIEW_NONE, VIEW_NONE, false);
        matmul_case(m, kind, *dtype, shape_with(m, shape_of(m, 2, 0, 8), 0, dim_n(m)), shape_of(m, 2, 8, 40),
                    VIEW_NONE, VIEW_NONE, true);
        matmul_case(m, kind, *dtype, shape_with(m, shape_of(m, 2, 3, 0), 1, dim_n(m)),
                    shape_with(m, shape_of(m, 2, 0, 21), 0, dim_n(m)), VIEW_NONE, VIEW_NONE, false);
        matmul_case(m, kind, *dtype, shape_with(m, shape_of(m, 3, 0, 4, 6), 0, dim_m(m)),
                    shape_with(m, shape_of(m, 2, 6, 0), 1, dim_n(m)), VIEW_NONE, VIEW_PERMUTED, false);
        matmul_case(m, kind, *dtype, shape_of(m, 2, 1, 1), shape_of(m, 2, 1, 1), VIEW_NONE, VIEW_NONE, true);
        matmul_case(m, kind, *dtype, shape_of(m, 2, 67, 31), shape_of(m, 2, 31, 19), VIEW_NONE, VIEW_NONE,
                    true);
    }
}

/* ---- reductions ---- */

static void reduce_case(Matrix *m, OpKind kind, DType dtype, Shape shape, unsigned axes, bool keep,
                        ViewKind view, char values) {
    int64_t list[RANK_MAX];
    int count = 0;
    case_begin(m, kind);
    for (int i = 0; i < shape.rank; i++)
        if (axes >> i & 1) list[count++] = i;
    Op *op = op_begin(m, kind, (Value *[]){viewed_input(m, view, values, dtype, shape)}, 1);
    op_set_ints(m->module, op, ATTR_AXES, list, count);
    if (keep) op_set_int(m->module, op, ATTR_KEEPDIMS, 1);
    if (kind == OP_NORMALIZE) op_set_float(m->module, op, ATTR_EPS, 1e-5);
    case_end_one(m, op_end(m, op));
}

static void reductions(Matrix *m, OpKind kind, const DType *dtypes, char values) {
    static const int extents[] = {0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 31, 33, 63, 64, 65, 127, 300};
    bool keepable = kind != OP_NORMALIZE;
    for (; *dtypes; dtypes++) {
        batch_step(m);
        for (size_t i = 0; i < sizeof extents / sizeof *extents; i++) {
            reduce_case(m, kind, *dtypes, shape_of(m, 1, extents[i]), 1, keepable && i % 2, VIEW_NONE,
                        values);
            if (i % 3 == 0)
                reduce_case(m, kind, *dtypes, shape_of(m, 2, extents[i], 5), 1, keepable && i % 2, VIEW_NONE,
                            values);
            if (i % 3 == 1)
                reduce_case(m, kind, *dtypes, shape_of(m, 2, 5, extents[i]), 1, keepable && i % 2, VIEW_NONE,
                            values);
            if (i % 3 == 2)
                reduce_case(m, kind, *dtypes, shape_of(m, 2, 5, extents[i]), 2, keepable && i % 2, VIEW_NONE,
                            values);
        }
        batch_step(m);
        reduce_case(m, kind, *dtypes, shape_of(m, 0), 0, false, VIEW_NONE, values);
        for (unsigned axes = 0; axes < 8; axes++)
            reduce_case(m, kind, *dtypes, shape_of(m, 3, 3, 5, 18), axes, keepable && axes % 3 == 0,
                        (ViewKind)(axes % VIEW_KINDS), values);
        reduce_case(m, kind, *dtypes, shape_with(m, shape_of(m, 2, 3, 0), 1, dim_n(m)), 2, false, VIEW_NONE,
                    values);
        reduce_case(m, kind, *dtypes, shape_with(m, shape_of(m, 2, 3, 0), 1, dim_n(m)), 1, keepable,
                    VIEW_NONE, values);
        reduce_case(m, kind, *dtypes, shape_with(m, shape_of(m, 3, 0, 4, 9), 0, dim_m(m)), 5, keepable,
                    VIEW_NONE, values);
        reduce_case(m, kind, *dtypes, shape_of(m, 4, 2, 3, 4, 5), 10, keepable, VIEW_PERMUTED, values);
    }
}

void cases_NORMALIZE(Matrix *m, OpKind kind) { reductions(m, kind, floats, 'x'); }
void cases_REDUCE_MAX(Matrix *m, OpKind kind) { reductions(m, kind, numbers, 's'); }
void cases_REDUCE_MEAN(Matrix *m, OpKind kind) { reductions(m, kind, floats, 'x'); }
void cases_REDUCE_MIN(Matrix *m, OpKind kind) { reductions(m, kind, numbers, 's'); }
void cases_REDUCE_SUM(Matrix *m, OpKind kind) { reductions(m, kind, numbers, 'x'); }

static void along(Matrix *m, OpKind kind, const DType *dtypes, char values) {
    static const int extents[] = {1, 3, 4, 7, 8, 9, 15, 16, 17, 33, 65};
    for (; *dtypes; dtypes++) {
        batch_step(m);
        for (size_t i = 0; i < sizeof extents / sizeof *extents; i++)
            for (int axis = 0; axis < 3; axis++) {
                Shape shape = axis == 2 ? shape_of(m, 1, extents[i])
                              : axis    ? shape_of(m, 2, 3, extents[i])
                                        : shape_of(m, 2, extents[i], 9);
                case_begin(m, kind);
                Op *op = op_begin(m, kind,
                                  (Value *[]){viewed_input(m, (ViewKind)(i % 3), values, *dtypes, shape)}, 1);
                op_set_int(m->module, op, ATTR_AXIS, axis == 1);
                case_end_one(m, op_end(m, op));
            }
        for (int axis = 0; axis < 3; axis++) {
            case_begin(m, kind);
            Shape shape = shape_with(m, shape_of(m, 3, 2, 0, 6), 1, axis == 1 ? dim_m(m) : dim_n(m));
            Op *op =
                op_begin(m, kind, (Value *[]){viewed_input(m, (ViewKind)axis, values, *dtypes, shape)}, 1);
            op_set_int(m->module, op, ATTR_AXIS, axis);
            case_end_one(m, op_end(m, op));
        }
    }
}

static const DType plain_types[] = {DTYPE_F32, DTYPE_I32, DTYPE_NONE};

void cases_ARGMAX(Matrix *m, OpKind kind) {
    along(m, kind, numbers, 's');
    along(m, kind, plain_types, 'x');
}
void cases_ARGMIN(Matrix *m, OpKind kind) {
    along(m, kind, numbers, 's');
    along(m, kind, plain_types, 'x');
}
void cases_LOG_SOFTMAX(Matrix *m, OpKind kind) { along(m, kind, floats, 'x'); }
void cases_SOFTMAX(Matrix *m, OpKind kind) { along(m, kind, floats, 'x'); }

/* ---- windows ---- */

typedef struct PoolCase {
    int batch, channels, height, width; /* as in ConvCase */
    int kernel[2], stride[2], dilation, padding[4];
    bool ceil, count_padding;
} PoolCase;

static void pool_case(Matrix *m, OpKind kind, DType dtype, const PoolCase *c, ViewKind view, char values,
                      bool defaults) {
    int spatial = c->height ? 2 : 1;
    int64_t kernel[2] = {c->kernel[0], c->kernel[1]};
    if (kind == OP_AVG_POOL && c->dilation > 1) return;
    case_begin(m, kind);
    Op *op = op_begin(m, kind,
                      (Value *[]){viewed_input(m, view, values, dtype,
                                               image_shape(m, c->batch, c->channels, c->height, c->width))},
                      1);
    op_set_ints(m->module, op, ATTR_KERNEL, kernel, spatial);
    if (!defaults) window_attributes(m, op, spatial, c->stride, c->dilation, c->padding);
    if (!defaults) op_set_int(m->module, op, ATTR_CEIL_MODE, c->ceil);
    if (!defaults && kind == OP_AVG_POOL) op_set_int(m->module, op, ATTR_COUNT_INCLUDE_PAD, c->count_padding);
    case_end_one(m, op_end(m, op));
}

static const PoolCase pools[] = {
    {1, 1, 1, 1, {1, 1}, {1, 1}, 1, {0}, false, false},
    {2, 3, 8, 8, {2, 2}, {2, 2}, 1, {0}, false, false},
    {0, 5, 9, 7, {3, 2}, {1, 2}, 1, {1, 1, 1, 0}, false, true},
    {1, 16, 7, 7, {3, 3}, {2, 2}, 1, {1, 1, 1, 1}, false, false},
    {1, 16, 6, 9, {3, 3}, {2, 2}, 1, {0, 1, 1, 0}, true, true},
    {1, 16, 6, 9, {3, 3}, {2, 2}, 1, {1, 1, 1, 1}, true, false},
    {1, 4, 10, 11, {2, 3}, {3, 4}, 1, {0}, true, true},
    {1, 4, 9, 9, {3, 3}, {1, 1}, 2, {2, 2, 1, 1}, false, false},
    {1, 3, 5, 5, {2, 2}, {3, 3}, 1, {0}, true, false},
    {2, 7, 0, 17, {3, 0}, {2, 0}, 1, {1, 1}, false, false},
    {0, 7, 0, 16, {4, 0}, {3, 0}, 1, {2, 1}, true, true},
    {1, 2, 0, 9, {2, 0}, {2, 0}, 3, {0, 0}, true, false},
    {-1, 3, 6, 6, {2, 2}, {2, 2}, 1, {0}, false, false},
    {2, 16, -1, -1, {3, 3}, {2, 2}, 1, {1, 1, 1, 1}, true, true},
    {1, 3, -1, -1, {2, 2}, {1, 1}, 1, {0}, false, false},
};

static void pool_cases(Matrix *m, OpKind kind, char values) {
    for (const DType *dtype = floats; *dtype; dtype++) {
        batch_step(m);
        for (size_t i = 0; i < sizeof pools / sizeof *pools; i++)
            pool_case(m, kind, *dtype, &pools[i], VIEW_NONE, values, false);
        for (int view = 1; view < VIEW_KINDS; view++)
            pool_case(m, kind, *dtype, &pools[3], (ViewKind)view, values, false);
        pool_case(m, kind, *dtype, &pools[1], VIEW_NONE, values, true);
        pool_case(m, kind, *dtype, &pools[9], VIEW_NONE, values, true);
    }
}

void cases_MAX_POOL(Matrix *m, OpKind kind) { pool_cases(m, kind, 's'); }
void cases_AVG_POOL(Matrix *m, OpKind kind) { pool_cases(m, kind, 'x'); }

void cases_ADAPTIVE_AVG_POOL(Matrix *m, OpKind kind) {
    static const int sizes[][4] = {{7, 7, 1, 1},  {8, 6, 3, 4}, {5, 5, 5, 5},  {3, 4, 7, 9},
                                   {0, 10, 0, 3}, {0, 6, 0, 7}, {-1, -1, 3, 2}};
    for (const DType *dtype = floats; *dtype; dtype++) {
        batch_step(m);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (int batch = 0; batch < 3; batch++) {
                const Expr *shape[2] = {expr_constant(m->module->exprs, sizes[i][2]),
                                        expr_constant(m->module->exprs, sizes[i][3])};
                int spatial = sizes[i][0] ? 2 : 1;
                case_begin(m, kind);
                Shape x = image_shape(m, batch, batch == 1 ? 16 : 3, sizes[i][0], sizes[i][1]);
                Op *op = op_begin(m, kind, (Value *[]){viewed_input(m, (ViewKind)batch, 'x', *dtype, x)}, 1);
                op_set_exprs(m->module, op, ATTR_SHAPE, shape + 2 - spatial, spatial);
                case_end_one(m, op_end(m, op));
            }
    }
}
