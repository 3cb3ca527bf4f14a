#include "test/matrix/matrix.h"

/* Extents around the widths of vectors, 4 to 64 elements. */
static const int extents[] = {0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 67};
enum { EXTENT_COUNT = sizeof extents / sizeof *extents };

static const DType floats[] = {DTYPE_F32, DTYPE_F64, DTYPE_NONE};
static const DType numbers[] = {DTYPE_F32, DTYPE_F64, DTYPE_I32, DTYPE_I64, DTYPE_U8, DTYPE_NONE};
static const DType bools[] = {DTYPE_BOOL, DTYPE_NONE};
static const DType all[] = {DTYPE_F32, DTYPE_F64, DTYPE_I32, DTYPE_I64, DTYPE_U8, DTYPE_BOOL, DTYPE_NONE};

typedef struct Family {
    Matrix *matrix;
    OpKind kind;
    int operands;
    DType dtype;    /* of the operands, but for where's condition */
    DType to;       /* casts */
    char values[3]; /* kinds of the operands' data */
} Family;

static Value *apply(const Family *f, Value *const *operands) {
    Op *op = op_begin(f->matrix, f->kind, operands, f->operands);
    if (f->kind == OP_CAST) op_set_int(f->matrix->module, op, ATTR_DTYPE, f->to);
    return op_end(f->matrix, op);
}

static DType operand_dtype(const Family *f, int index) {
    return f->kind == OP_WHERE && index == 0 ? DTYPE_BOOL : f->dtype;
}

/* One case with operands of the given shapes and views. */
static void one(const Family *f, const Shape *shapes, const ViewKind *views) {
    Value *operands[3];
    case_begin(f->matrix, f->kind);
    for (int i = 0; i < f->operands; i++)
        operands[i] = viewed_input(f->matrix, views ? views[i] : VIEW_NONE, f->values[i], operand_dtype(f, i),
                                   shapes[i]);
    case_end_one(f->matrix, apply(f, operands));
}

static void same_shape(const Family *f, Shape shape, ViewKind view) {
    Shape shapes[3] = {shape, shape, shape};
    ViewKind views[3] = {view, VIEW_NONE, VIEW_NONE};
    one(f, shapes, views);
}

/* All shapes for f32, a choice of them for the other types, another one for each op. */
static bool everything(const Family *f) { return f->dtype == DTYPE_F32; }

static void broadcasts(const Family *f) {
    Matrix *m = f->matrix;
    for (int variant = 0; variant < 5; variant++) {
        if (!everything(f) && variant != (int)f->kind % 5 && variant != (int)f->dtype % 5) continue;
        Shape wide = shape_of(m, 2, 3, 9), other[] = {shape_of(m, 1, 9), shape_of(m, 2, 3, 1), shape_of(m, 0),
                                                      shape_of(m, 2, 1, 9), shape_of(m, 1, 1)};
        Shape left[3] = {wide, other[variant], other[(variant + 1) % 5]},
              right[3] = {other[variant], wide, other[(variant + 2) % 5]};
        one(f, left, NULL);
        if (variant % 2) one(f, right, NULL);
    }
    Shape symbolic[3] = {shape_with(m, shape_of(m, 2, 0, 5), 0, dim_n(m)), shape_of(m, 2, 1, 5),
                         shape_with(m, shape_of(m, 2, 0, 1), 0, dim_n(m))};
    one(f, symbolic, NULL);
    Shape outer[3] = {shape_of(m, 3, 2, 1, 7), shape_of(m, 3, 1, 5, 1), shape_of(m, 1, 7)};
    one(f, outer, (ViewKind[]){VIEW_PERMUTED, VIEW_STRIDED, VIEW_NONE});
}

static void cases(const Family *f) {
    Matrix *m = f->matrix;
    batch_step(m);
    same_shape(f, shape_of(m, 0), VIEW_NONE);
    for (int i = 0; i < (everything(f) ? 6 : 3); i++)
        same_shape(f, shape_of(m, 1, extents[(i * 3 + (int)f->kind + (int)f->dtype) % EXTENT_COUNT]),
                   VIEW_NONE);
    same_shape(f, shape_with(m, shape_of(m, 1, 0), 0, dim_n(m)), VIEW_NONE);
    same_shape(f, shape_of(m, 4, 2, 3, 2, 5), VIEW_NONE);
    for (int view = VIEW_STRIDED; view < VIEW_KINDS; view++) {
        if (!everything(f) && view != 1 + ((int)f->kind + (int)f->dtype) % 3) continue;
        same_shape(f, shape_of(m, 2, 5, 19), (ViewKind)view);
        same_shape(f, shape_with(m, shape_of(m, 3, 3, 0, 7), 1, dim_m(m)), (ViewKind)view);
    }
    if (f->operands > 1) broadcasts(f);
}

static void family(Matrix *m, OpKind kind, int operands, const DType *dtypes, const char *values) {
    for (int i = 0; dtypes[i] != DTYPE_NONE; i++) {
        Family f = {m,          kind,
                    operands,   dtypes[i],
                    DTYPE_NONE, {values[0], operands > 1 ? values[1] : 0, operands > 2 ? values[2] : 0}};
        cases(&f);
    }
}

#define UNARY(id, dtypes)                                                                                    \
    void cases_##id(Matrix *m, OpKind kind) { family(m, kind, 1, dtypes, "s"); }
#define BINARY(id, dtypes, values)                                                                           \
    void cases_##id(Matrix *m, OpKind kind) { family(m, kind, 2, dtypes, values); }

UNARY(ABS, numbers)
UNARY(CEIL, floats)
UNARY(ERF, floats)
UNARY(EXP, floats)
UNARY(EXPM1, floats)
UNARY(FLOOR, floats)
UNARY(LOG, floats)
UNARY(LOG1P, floats)
UNARY(NEG, numbers)
UNARY(NOT, bools)
UNARY(RELU, numbers)
UNARY(RSQRT, floats)
UNARY(SIGMOID, floats)
UNARY(SIGN, numbers)
UNARY(SQRT, floats)
UNARY(TANH, floats)
BINARY(ADD, numbers, "ss")
BINARY(AND, bools, "ss")
BINARY(DIV, numbers, "sq")
BINARY(EQ, all, "xx")
BINARY(GE, all, "ss")
BINARY(GT, all, "xs")
BINARY(LE, all, "xx")
BINARY(LT, all, "sx")
BINARY(MAX, numbers, "ss")
BINARY(MIN, numbers, "ss")
BINARY(MOD, numbers, "sq")
BINARY(MUL, numbers, "ss")
BINARY(NE, all, "ss")
BINARY(OR, bools, "ss")
BINARY(POW, floats, "ss")
BINARY(SUB, numbers, "ss")

void cases_WHERE(Matrix *m, OpKind kind) { family(m, kind, 3, all, "sss"); }

/* Every pair of types, also those that occur only here. */
void cases_CAST(Matrix *m, OpKind kind) {
    for (int from = 1; from < DTYPE_COUNT; from++)
        for (int to = 1; to < DTYPE_COUNT; to++) {
            Family f = {m, kind, 1, (DType)from, (DType)to, {'s', 0, 0}};
            batch_step(m);
            same_shape(&f, shape_of(m, 1, 67), VIEW_NONE);
            same_shape(&f, shape_with(m, shape_of(m, 2, 0, 3), 0, dim_n(m)), VIEW_PERMUTED);
        }
}
