/* space_to_depth: for each place in a block, the lines of the result that its pixels give; in a line, first
 * the columns that lie before the map, then the map's, then those behind it. */
#include "passes/lower/lower.h"

enum { SHARED_ELEMENTS_MIN = 1 << 16 };

typedef struct Blocks {
    Kernel *kernel;
    const Op *op;
    const Type *x_type, *type;
    Buffer *x, *y;
} Blocks;

/* The positions along spatial axis |axis| that read the map from place |within| of a block: [low, high). */
static void positions_inside(const Blocks *b, int axis, const Expr *within, const Expr **out_low,
                             const Expr **out_high) {
    ExprTable *exprs = b->kernel->lowering->exprs;
    const Expr *block = number(b->kernel, op_int_at(b->op, ATTR_STRIDE, axis, 1)),
               *all = b->type->dims[2 + axis];
    const Expr *before = number(b->kernel, op_int_at(b->op, ATTR_PADDING, 2 * axis, 0));
    const Expr *outside = expr_sub(exprs, before, within);
    const Expr *low = expr_ceildiv(exprs, outside, block);
    const Expr *high = expr_ceildiv(exprs, expr_add(exprs, outside, b->x_type->dims[2 + axis]), block);
    *out_low = expr_min(exprs, expr_max(exprs, low, number(b->kernel, 0)), all);
    *out_high = expr_max(exprs, *out_low, expr_min(exprs, high, all));
}

static const Expr *source(const Blocks *b, int axis, const Expr *position, const Expr *within) {
    ExprTable *exprs = b->kernel->lowering->exprs;
    const Expr *at = expr_scale(exprs, position, op_int_at(b->op, ATTR_STRIDE, axis, 1));
    return expr_add_constant(exprs, expr_add(exprs, at, within),
                             -op_int_at(b->op, ATTR_PADDING, 2 * axis, 0));
}

static void write(const Blocks *b, const Coordinates *at, Tile *tile) {
    Access access = kernel_access(b->kernel, b->y, b->type, at);
    kernel_store(b->kernel, tile, &access);
}

/* Zeros at the columns [low, high) of the line |at|. */
static void clear(const Blocks *b, Coordinates at, const Expr *low, const Expr *high) {
    LoopBody *outer = b->kernel->body;
    at.at[3] = kernel_for(b->kernel, "x", low, high);
    write(b, &at, kernel_constant(b->kernel, b->type->dtype, 0, (TileShape){1, 1, 1}));
    b->kernel->body = outer;
}

typedef struct Place {
    const Expr *channel, *i, *j; /* of the operand; within a block */
} Place;

static void copy_line(const Blocks *b, const Coordinates *line, const Place *place) {
    Kernel *kernel = b->kernel;
    LoopBody *outer = kernel->body;
    const Expr *low, *high;
    positions_inside(b, 1, place->j, &low, &high);
    clear(b, *line, number(kernel, 0), low);
    Coordinates at = *line, from = *line;
    at.at[3] = kernel_for(kernel, "x", low, high);
    from.at[1] = place->channel;
    from.at[2] = source(b, 0, line->at[2], place->i);
    from.at[3] = source(b, 1, at.at[3], place->j);
    Access read = kernel_access(kernel, b->x, b->x_type, &from);
    write(b, &at, kernel_load(kernel, &read, (TileShape){1, 1, 1}));
    kernel->body = outer;
    clear(b, *line, high, b->type->dims[3]);
}

/* The channels of the lines [low, high) that come from row |i| of their blocks; zeros where |empty|. */
static void write_lines(const Blocks *b, const Expr *batch, const Expr *i, const Expr *low, const Expr *high,
                        bool empty) {
    Kernel *kernel = b->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    LoopBody *outer = kernel->body;
    int64_t rows = op_int_at(b->op, ATTR_STRIDE, 0, 1), columns = op_int_at(b->op, ATTR_STRIDE, 1, 1);
    const Expr *zero = number(kernel, 0), *y = kernel_for(kernel, "y", low, high);
    Place place = {.i = i};
    place.channel = kernel_for(kernel, "c", zero, b->x_type->dims[1]);
    place.j = kernel_for(kernel, "j", zero, number(kernel, columns));
    const Expr *first = expr_add(exprs, expr_scale(exprs, place.channel, rows), i);
    Coordinates line = {{batch, expr_add(exprs, expr_scale(exprs, first, columns), place.j), y, zero}};
    if (empty)
        clear(b, line, zero, b->type->dims[3]);
    else
        copy_line(b, &line, &place);
    kernel->body = outer;
}

void lower_SPACE_TO_DEPTH(Lowering *lowering, const Op *op) {
    Kernel kernel = kernel_begin(lowering, op);
    Blocks b = {.kernel = &kernel,
                .op = op,
                .x_type = &op->operands[0]->type,
                .type = &op->results[0]->type,
                .x = kernel_operand(&kernel, op->operands[0]),
                .y = kernel_result(&kernel, op->results[0])};
    const Expr *zero = number(&kernel, 0), *low, *high;
    kernel.width = 1;
    kernel_fill_padding(&kernel, op->results[0]);
    int rows = (int)op_int_at(op, ATTR_STRIDE, 0, 1);
    bool shared = lowering->options->threads && type_count_max(b.type) >= SHARED_ELEMENTS_MIN;
    const Expr *i =
        shared ? kernel_parallel(&kernel, rows) : kernel_for(&kernel, "i", zero, number(&kernel, rows));
    const Expr *batch = kernel_for(&kernel, "n", zero, b.type->dims[0]);
    positions_inside(&b, 0, i, &low, &high);
    write_lines(&b, batch, i, zero, low, true);
    write_lines(&b, batch, i, low, high, false);
    write_lines(&b, batch, i, high, b.type->dims[2], true);
    kernel.body = &kernel.function->body;
    kernel_fill_halos(&kernel);
    kernel_end(&kernel);
}
