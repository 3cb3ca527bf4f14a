/* Scans, clusters, and what an entry may yield. */
#include "test/matrix/matrix.h"

#include "ir/shapes/infer.h"

#include <string.h>

typedef struct ScanCase {
    DType dtype;
    int axis, yield_axis; /* of the sequence and the stacked yield */
    bool reverse, until;
    int steps; /* -1: N, -2: M */
    ViewKind view;
} ScanCase;

static Value *number_of(Matrix *m, DType dtype, double value) {
    return constant_scalar(m->module, dtype, value, (Span){0});
}

/* An op in the body of |scan|. */
static Value *inner(Matrix *m, Op *scan, OpKind kind, Value *a, Value *b) {
    Op *op = op_create(m->module, scan->body, kind, (Value *[]){a, b}, b ? 2 : 1, (Span){0}, "");
    return op_end(m, op);
}

static Op *scan_begin(Matrix *m, Value *const *operands, int count, int sequences, const Expr *trip) {
    Op *scan = op_begin(m, OP_SCAN, operands, count);
    scan->body = block_create(m->module, scan);
    op_set_int(m->module, scan, ATTR_SEQUENCES, sequences);
    op_set_int(m->module, scan, ATTR_CARRIES, count - sequences);
    op_set_exprs(m->module, scan, ATTR_TRIP, &trip, 1);
    return scan;
}

static Op *scan_end(Matrix *m, Op *scan, Value *const *yields, int count, const int64_t *axes,
                    int axis_count) {
    op_create(m->module, scan->body, OP_YIELD, yields, count, (Span){0}, "");
    op_set_ints(m->module, scan, ATTR_AXES, axes, axis_count);
    op_end(m, scan);
    return scan;
}

static Shape with_axis(Shape shape, int axis, const Expr *extent) {
    Shape result = {.rank = shape.rank + 1};
    for (int i = 0; i < result.rank; i++) result.dims[i] = i == axis ? extent : shape.dims[i - (i > axis)];
    return result;
}

/* h = h + x, counted; yields h - x and the old h turned; until the counter reaches 4. */
static void scan_case(Matrix *m, const ScanCase *c) {
    case_begin(m, OP_SCAN);
    ExprTable *exprs = m->module->exprs;
    const Expr *trip = c->steps == -1 ? dim_n(m) : c->steps == -2 ? dim_m(m) : expr_constant(exprs, c->steps);
    Shape row = shape_of(m, 2, 3, 5);
    Value *operands[3] = {viewed_input(m, c->view, 'x', c->dtype, with_axis(row, c->axis, trip)),
                          input(m, 'x', c->dtype, row), number_of(m, DTYPE_I32, 0)};
    Op *scan = scan_begin(m, operands, 3, 1, trip);
    if (c->reverse) op_set_int(m->module, scan, ATTR_REVERSE, 1);
    if (c->until) op_set_int(m->module, scan, ATTR_UNTIL, 1);
    Type type = type_make(c->dtype, row.rank, row.dims);
    Value *x = block_add_argument(m->module, scan->body, type, "x"),
          *h = block_add_argument(m->module, scan->body, type, "h");
    Value *count = block_add_argument(m->module, scan->body, type_make(DTYPE_I32, 0, NULL), "n");
    Value *next = inner(m, scan, OP_ADD, h, x),
          *counted = inner(m, scan, OP_ADD, count, number_of(m, DTYPE_I32, 1));
    Op *turn = op_create(m->module, scan->body, OP_PERMUTE, &h, 1, (Span){0}, "");
    op_set_ints(m->module, turn, ATTR_PERMUTATION, (int64_t[]){1, 0}, 2);
    Value *yields[5] = {next, counted, inner(m, scan, OP_SUB, h, x), op_end(m, turn), NULL};
    if (c->until) yields[4] = inner(m, scan, OP_GE, counted, number_of(m, DTYPE_I32, 4));
    scan_end(m, scan, yields, 4 + c->until, (int64_t[]){c->axis, c->yield_axis, (c->yield_axis + 1) % 3}, 3);
    case_end(m, scan->results, scan->result_count);
}

/* Carried values that change places, and one that becomes its own transpose: copies must not overwrite what
 * is still to be read. */
static void swap_case(Matrix *m, DType dtype, int steps) {
    case_begin(m, OP_SCAN);
    Shape row = shape_of(m, 2, 3, 3);
    Value *operands[3] = {input(m, 'x', dtype, row), input(m, 'x', dtype, row), input(m, 'x', dtype, row)};
    Op *scan = scan_begin(m, operands, 3, 0, expr_constant(m->module->exprs, steps));
    Value *arguments[3];
    for (int i = 0; i < 3; i++)
        arguments[i] = block_add_argument(m->module, scan->body, type_make(dtype, 2, row.dims), NULL);
    Op *turn = op_create(m->module, scan->body, OP_PERMUTE, &arguments[2], 1, (Span){0}, "");
    op_set_ints(m->module, turn, ATTR_PERMUTATION, (int64_t[]){1, 0}, 2);
    Value *yields[4] = {arguments[1], arguments[0], op_end(m, turn), arguments[0]};
    scan_end(m, scan, yields, 4, (int64_t[]){0}, 1);
    case_end(m, scan->results, scan->result_count);
}

/* Sums within sums: the inner scan starts from the outer one's carried value and reads its row. */
static void nested_case(Matrix *m, DType dtype) {
    case_begin(m, OP_SCAN);
    ExprTable *exprs = m->module->exprs;
    Shape x_shape = shape_with(m, shape_of(m, 3, 0, 4, 5), 0, dim_m(m)), row = shape_of(m, 2, 4, 5),
          cell = shape_of(m, 1, 5);
    Op *outer =
        scan_begin(m, (Value *[]){input(m, 'x', dtype, x_shape), input(m, 'x', dtype, cell)}, 2, 1, dim_m(m));
    Value *x = block_add_argument(m->module, outer->body, type_make(dtype, 2, row.dims), "x");
    Value *h = block_add_argument(m->module, outer->body, type_make(dtype, 1, cell.dims), "h");
    Op *scan = op_create(m->module, outer->body, OP_SCAN, (Value *[]){x, h}, 2, (Span){0}, "");
    const Expr *four = expr_constant(exprs, 4);
    scan->body = block_create(m->module, scan);
    op_set_int(m->module, scan, ATTR_SEQUENCES, 1);
    op_set_int(m->module, scan, ATTR_CARRIES, 1);
    op_set_exprs(m->module, scan, ATTR_TRIP, &four, 1);
    Value *xx = block_add_argument(m->module, scan->body, type_make(dtype, 1, cell.dims), "xx");
    Value *hh = block_add_argument(m->module, scan->body, type_make(dtype, 1, cell.dims), "hh");
    Value *sum = inner(m, scan, OP_ADD, xx, hh);
    Value *next = inner(m, scan, OP_MUL, sum, number_of(m, dtype, 0.5));
    scan_end(m, scan, (Value *[]){next, sum}, 2, (int64_t[]){0, 1}, 2);
    Value *yields[3] = {scan->results[0], scan->results[1], h};
    scan_end(m, outer, yields, 3, (int64_t[]){0, 0, 1}, 3);
    case_end(m, outer->results, outer->result_count);
}

/* The condition is an element of a row of flags: a place inside another tensor. */
static void until_case(Matrix *m, bool reverse) {
    case_begin(m, OP_SCAN);
    Shape row = shape_of(m, 1, 3), at = shape_of(m, 1, 2), one = shape_of(m, 1, 1);
    Value *operands[2] = {input(m, 'x', DTYPE_BOOL, with_axis(row, 0, dim_n(m))), number_of(m, DTYPE_F32, 0)};
    Op *scan = scan_begin(m, operands, 2, 1, dim_n(m));
    if (reverse) op_set_int(m->module, scan, ATTR_REVERSE, 1);
    op_set_int(m->module, scan, ATTR_UNTIL, 1);
    Value *flags = block_add_argument(m->module, scan->body, type_make(DTYPE_BOOL, 1, row.dims), "x");
    Value *h = block_add_argument(m->module, scan->body, type_make(DTYPE_F32, 0, NULL), "h");
    Op *slice = op_create(m->module, scan->body, OP_SLICE, &flags, 1, (Span){0}, "");
    op_set_exprs(m->module, slice, ATTR_STARTS, at.dims, 1);
    op_set_exprs(m->module, slice, ATTR_SHAPE, one.dims, 1);
    Value *flag = op_end(m, slice);
    Op *reshape = op_create(m->module, scan->body, OP_RESHAPE, &flag, 1, (Span){0}, "");
    op_set_exprs(m->module, reshape, ATTR_SHAPE, one.dims, 0);
    Value *yields[3] = {inner(m, scan, OP_ADD, h, number_of(m, DTYPE_F32, 1)), h, op_end(m, reshape)};
    scan_end(m, scan, yields, 3, (int64_t[]){0, 0}, 2);
    case_end(m, scan->results, scan->result_count);
}

/* The condition is the value that a carried one had before the step. */
static void carried_until_case(Matrix *m, int variant) {
    case_begin(m, OP_SCAN);
    Value *operands[2] = {constant(m, DTYPE_F32, shape_of(m, 1, 2)), number_of(m, DTYPE_BOOL, variant == 1)};
    Op *scan = scan_begin(m, operands, 2, 0, expr_constant(m->module->exprs, 4));
    op_set_int(m->module, scan, ATTR_UNTIL, 1);
    Shape row = shape_of(m, 1, 2);
    Value *h = block_add_argument(m->module, scan->body, type_make(DTYPE_F32, 1, row.dims), "h");
    Value *stop = block_add_argument(m->module, scan->body, type_make(DTYPE_BOOL, 0, NULL), "stop");
    Value *next = inner(m, scan, OP_ADD, h, number_of(m, DTYPE_F32, 1));
    scan_end(m, scan, (Value *[]){next, variant == 2 ? stop : inner(m, scan, OP_NOT, stop, NULL), h, stop}, 4,
             (int64_t[]){0}, 1);
    case_end(m, scan->results, scan->result_count);
}

void cases_SCAN(Matrix *m, OpKind kind) {
    static const DType dtypes[] = {DTYPE_F32, DTYPE_F64, DTYPE_I32, DTYPE_U8};
    (void)kind;
    for (int i = 0; i < 4; i++) {
        batch_step(m);
        for (int j = 0; j < 12; j++) {
            ScanCase c = {dtypes[i],
                          j % 3,
                          (j + 1) % 3,
                          j & 1,
                          j & 2,
                          j % 5 == 4   ? 0
                          : j % 5 == 3 ? -1
                          : j % 5 == 2 ? -2
                                       : 6,
                          (ViewKind)(j % VIEW_KINDS)};
            scan_case(m, &c);
        }
        for (int steps = 0; steps < 4; steps++) swap_case(m, dtypes[i], steps);
        if (dtype_is_float(dtypes[i])) nested_case(m, dtypes[i]);
    }
    for (int i = 0; i < 3; i++) carried_until_case(m, i);
    until_case(m, false);
    until_case(m, true);
}

/* Pointwise ops and a contraction with its epilogue, clustered by hand; two results. */
void cases_CLUSTER(Matrix *m, OpKind kind) {
    for (int variant = 0; variant < 4; variant++) {
        batch_step(m);
        case_begin(m, kind);
        Shape row = variant & 1 ? shape_with(m, shape_of(m, 2, 0, 9), 0, dim_n(m)) : shape_of(m, 2, 5, 9);
        Value *x = input(m, 'x', DTYPE_F32, row), *bias = input(m, 'x', DTYPE_F32, shape_of(m, 1, 9));
        Op *cluster = op_begin(m, kind, NULL, 0);
        cluster->body = block_create(m->module, cluster);
        Value *first = x;
        if (variant & 2) {
            Op *linear =
                op_create(m->module, cluster->body, OP_LINEAR,
                          (Value *[]){x, constant(m, DTYPE_F32, shape_of(m, 2, 9, 9))}, 2, (Span){0}, "");
            first = op_end(m, linear);
        }
        Value *sum = inner(m, cluster, OP_ADD, first, bias),
              *positive = inner(m, cluster, OP_RELU, sum, NULL);
        op_create(m->module, cluster->body, OP_YIELD, (Value *[]){positive, sum}, 2, (Span){0}, "");
        op_end(m, cluster);
        case_end(m, cluster->results, 2);
    }
}

/* ---- Entries ---- */

static void add_state(Matrix *m, Value *initial) {
    State *state = NEW(m->arena, State), **states = NEW_ARRAY(m->arena, State *, m->entry->state_count + 1);
    *state = (State){.model = m->entry->model,
                     .name = arena_printf(m->arena, "s%d", m->entry->state_count),
                     .type = initial->type,
                     .initial = initial};
    if (m->entry->state_count)
        memcpy(states, m->entry->states, (size_t)m->entry->state_count * sizeof *states);
    states[m->entry->state_count++] = state;
    m->entry->states = states;
    vector_push(m->arena, &m->module->states, state);
    block_add_argument(m->module, m->entry->block, initial->type, state->name);
}

static Value *turned(Matrix *m, Value *value) {
    Op *op = op_begin(m, OP_PERMUTE, &value, 1);
    op_set_ints(m->module, op, ATTR_PERMUTATION, (int64_t[]){1, 0}, 2);
    return op_end(m, op);
}

/* States that change places, turn, stay, take an input, and are shown before they change. */
static void state_cases(Matrix *m, OpKind kind) {
    for (int variant = 0; variant < 5; variant++) {
        Shape square = shape_of(m, 2, 3, 3);
        case_begin(m, kind);
        Value *x = input(m, 'x', DTYPE_F32, square);
        add_state(m, constant(m, DTYPE_F32, square));
        add_state(m, constant(m, DTYPE_F32, square));
        Value *a = m->entry->block->arguments[1], *b = m->entry->block->arguments[2],
              *sum = op_simple(m, OP_ADD, (Value *[]){a, x}, 2);
        switch (variant) {
        case 0: case_end(m, (Value *[]){a, b, a}, 3); break;
        case 1: case_end(m, (Value *[]){sum, turned(m, a), b}, 3); break;
        case 2: case_end(m, (Value *[]){a, sum, x}, 3); break;
        case 3: case_end(m, (Value *[]){turned(m, a), turned(m, b), a}, 3); break;
        default: case_end(m, (Value *[]){sum, sum, sum}, 3); break;
        }
    }
}

void cases_YIELD(Matrix *m, OpKind kind) {
    static const DType dtypes[] = {DTYPE_F32, DTYPE_F64, DTYPE_I64, DTYPE_BOOL};
    for (int i = 0; i < 4; i++) {
        batch_step(m);
        Shape row = shape_of(m, 2, 3, 7), symbolic = shape_with(m, row, 0, dim_n(m));
        case_begin(m, kind);
        Value *x = input(m, 's', dtypes[i], symbolic), *unused = input(m, 'x', DTYPE_F32, row),
              *c = constant(m, dtypes[i], row);
        (void)unused;
        case_end(m, (Value *[]){x, c, x, c}, 4);
        case_begin(m, kind);
        Value *y = input(m, 'x', DTYPE_F32, row), *sum = op_simple(m, OP_ADD, (Value *[]){y, y}, 2),
              *twice = op_simple(m, OP_MUL, (Value *[]){sum, sum}, 2);
        case_end(m, (Value *[]){twice, sum, twice, y}, 4);
    }
    batch_step(m);
    state_cases(m, kind);
}
