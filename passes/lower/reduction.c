/* Reductions over axes: sums, means, extremes, arg-extremes, softmax and normalisation. Vectors run along the
 * last axis: where it is reduced, partial results per lane are combined in a fixed tree at the end; where it
 * is kept, lanes are independent results. */
#include "passes/lower/lower.h"

#include <math.h>

typedef struct Reduction {
    Kernel *kernel;
    const Op *op;
    const Type *type; /* of the operand */
    Buffer *source;
    bool reduced[RANK_MAX];
    bool along;  /* the last axis is reduced by vectors */
    int blocked; /* the kept axis whose blocks lie innermost, that vectors run along; -1: none */
    int64_t block;
    int lanes;
} Reduction;

typedef void Step(Reduction *reduction, const Coordinates *at, TileShape shape, Tile **accumulators,
                  void *context);

static Reduction begin(Kernel *kernel, const Op *op) {
    Reduction r = {.kernel = kernel, .op = op, .type = &op->operands[0]->type};
    const PassOptions *options = kernel->lowering->options;
    size_t bytes = dtype_bytes(r.type->dtype);
    for (int i = 0; i < r.type->rank; i++) {
        r.reduced[i] = op_attr(op, ATTR_AXIS) ? op_int(op, ATTR_AXIS, 0) == i : op_axes_contain(op, i);
    }
    r.lanes = options->plain || !r.type->rank ? 1 : options->target.register_bytes / (int)bytes;
    r.along = r.type->rank && r.reduced[r.type->rank - 1];
    r.blocked = -1;
    const Piece *inner = r.type->layout ? &r.type->layout->pieces[r.type->layout->count - 1] : NULL;
    if (inner && inner->kind == PIECE_MOD && !r.reduced[inner->axis] && r.lanes > 1) {
        r.blocked = inner->axis;
        r.block = inner->block;
        r.along = false;
        r.lanes = lanes_in_block(r.type, r.lanes);
    }
    kernel->width = r.lanes;
    r.source = kernel_operand(kernel, op->operands[0]);
    return r;
}

static TileShape inner_shape(const Reduction *r) { return (TileShape){1, 1, r->lanes}; }

/* Loops over the kept axes; lanes along the last one if it is kept. */
static void open_kept(Reduction *r, Coordinates *at) {
    Kernel *kernel = r->kernel;
    ExprTable *exprs = kernel->lowering->exprs;
    const Expr *blocks = NULL;
    for (int i = 0; i < r->type->rank; i++) {
        if (r->reduced[i]) continue;
        const Expr *extent = r->type->dims[i];
        if (i == r->blocked)
            blocks = kernel_for(kernel, "c", number(kernel, 0),
                                expr_ceildiv(exprs, extent, number(kernel, r->block)));
        else if (r->blocked >= 0)
            at->at[i] = kernel_for(kernel, "i", number(kernel, 0), extent);
        else if (i + 1 < r->type->rank)
            at->at[i] = kernel_for(kernel, "i", number(kernel, 0), extent);
        else
            at->at[i] =
                expr_add(kernel->lowering->exprs,
                         kernel_lanes(kernel, "i", number(kernel, 0), extent, r->lanes), lane_symbol(kernel));
    }
    if (!blocks) return;
    const Expr *within = kernel_lanes(kernel, "l", number(kernel, 0), number(kernel, r->block), r->lanes);
    at->at[r->blocked] =
        expr_add(exprs, expr_scale(exprs, blocks, r->block), expr_add(exprs, within, lane_symbol(kernel)));
}

/* One loop per reduced axis from |axis| on, carrying the accumulators through all of them. */
static void nest(Reduction *r, int axis, Coordinates *at, Tile **accumulators, int count, Step *step,
                 void *context) {
    Kernel *kernel = r->kernel;
    while (axis < r->type->rank && !r->reduced[axis]) axis++;
    if (axis == r->type->rank) {
        step(r, at, inner_shape(r), accumulators, context);
        return;
    }
    LoopBody *outer = kernel->body;
    const Expr *extent = r->type->dims[axis];
    if (r->along && axis + 1 == r->type->rank)
        at->at[axis] =
            expr_add(kernel->lowering->exprs, kernel_lanes(kernel, "k", number(kernel, 0), extent, r->lanes),
                     lane_symbol(kernel));
    else
        at->at[axis] = kernel_for(kernel, "k", number(kernel, 0), extent);
    LoopStatement *loop = outer->last;
    Tile *inside[4];
    for (int i = 0; i < count; i++) inside[i] = kernel_carry(kernel, loop, accumulators[i]);
    nest(r, axis + 1, at, inside, count, step, context);
    for (int i = 0; i < count; i++) accumulators[i] = kernel_carry_next(kernel, loop, i, inside[i]);
    kernel->body = outer;
}

static Tile *load_at(Reduction *r, const Coordinates *at, TileShape shape) {
    Access access = kernel_access(r->kernel, r->source, r->type, at);
    return kernel_load(r->kernel, &access, shape);
}

static void accumulate(Reduction *r, const Coordinates *at, TileShape shape, Tile **accumulators,
                       void *context) {
    OpKind op = *(const OpKind *)context;
    accumulators[0] = kernel_map(r->kernel, op, r->type->dtype, accumulators[0], load_at(r, at, shape));
}

static double identity_of(OpKind op, DType dtype) {
    if (op == OP_ADD) return 0;
    if (dtype_is_float(dtype)) return op == OP_MAX ? -INFINITY : INFINITY;
    return op == OP_MAX ? (double)dtype_saturate(dtype, -1e30) : (double)dtype_saturate(dtype, 1e30);
}

/* The combination of all elements along the reduced axes, one per lane that is kept. */
static Tile *combine(Reduction *r, OpKind op, Coordinates *at, Step *step, void *context) {
    Tile *accumulator =
        kernel_constant(r->kernel, r->type->dtype, identity_of(op, r->type->dtype), inner_shape(r));
    nest(r, 0, at, &accumulator, 1, step, context);
    return r->along && r->lanes > 1 ? kernel_reduce(r->kernel, op, accumulator) : accumulator;
}

/* How many elements meet in one result, as a tile of the operand's dtype. */
static Tile *reduced_count(Reduction *r) {
    ExprTable *exprs = r->kernel->lowering->exprs;
    const Expr *count = number(r->kernel, 1);
    for (int i = 0; i < r->type->rank; i++)
        if (r->reduced[i]) count = expr_mul(exprs, count, r->type->dims[i]);
    Tile *position = kernel_position(r->kernel, count, DTYPE_I64, (TileShape){1, 1, 1});
    return kernel_map(r->kernel, OP_CAST, r->type->dtype, position, NULL);
}

/* The result's index: reduced axes vanish, or stay with extent 1. */
static Coordinates result_coordinates(Reduction *r, const Coordinates *at) {
    Coordinates result;
    int rank = 0;
    bool keep = op_int(r->op, ATTR_KEEPDIMS, 0);
    for (int i = 0; i < r->type->rank; i++) {
        if (!r->reduced[i])
            result.at[rank++] = at->at[i];
        else if (keep)
            result.at[rank++] = number(r->kernel, 0);
    }
    return result;
}

static void lower_reduce(Lowering *lowering, const Op *op, OpKind combiner) {
    Kernel kernel = kernel_begin(lowering, cluster_of(op));
    Reduction r = begin(&kernel, op);
    Coordinates at;
    open_kept(&r, &at);
    Tile *total = combine(&r, combiner, &at, accumulate, &combiner);
    if (op->kind == OP_REDUCE_MEAN)
        total = kernel_map(&kernel, OP_DIV, r.type->dtype, total, reduced_count(&r));
    Coordinates result = result_coordinates(&r, &at);
    kernel_finish_tile(&kernel, op->results[0], total, &result);
    kernel_end(&kernel);
}

void lower_REDUCE_SUM(Lowering *lowering, const Op *op) { lower_reduce(lowering, op, OP_ADD); }
void lower_REDUCE_MEAN(Lowering *lowering, const Op *op) { lower_reduce(lowering, op, OP_ADD); }
void lower_REDUCE_MAX(Lowering *lowering, const Op *op) { lower_reduce(lowering, op, OP_MAX); }
void lower_REDUCE_MIN(Lowering *lowering, const Op *op) { lower_reduce(lowering, op, OP_MIN); }

/* ---- argmax, argmin ---- */

/* accumulators: best value, its position, whether any was seen (so that the first always wins over the
 * identity). */
static void keep_better(Reduction *r, const Coordinates *at, TileShape shape, Tile **accumulators,
                        void *context) {
    Kernel *kernel = r->kernel;
    const int *axis = context;
    Tile *x = load_at(r, at, shape), *best = accumulators[0];
    Tile *place = kernel_position(kernel, at->at[*axis], DTYPE_I32, shape);
    Tile *better = kernel_map(kernel, r->op->kind == OP_ARGMAX ? OP_GT : OP_LT, DTYPE_BOOL, x, best);
    if (dtype_is_float(r->type->dtype)) {
        Tile *nan = kernel_map(kernel, OP_NE, DTYPE_BOOL, x, x),
             *sound = kernel_map(kernel, OP_EQ, DTYPE_BOOL, best, best);
        better =
            kernel_map(kernel, OP_OR, DTYPE_BOOL, better, kernel_map(kernel, OP_AND, DTYPE_BOOL, nan, sound));
    }
    accumulators[0] = kernel_select(kernel, better, x, best);
    accumulators[1] = kernel_select(kernel, better, place, accumulators[1]);
}

static void lower_argreduce(Lowering *lowering, const Op *op) {
    Kernel kernel = kernel_begin(lowering, cluster_of(op));
    Reduction r = begin(&kernel, op);
    int axis = (int)op_int(op, ATTR_AXIS, 0);
    if (r.along) r.lanes = kernel.width = 1;
    Coordinates at;
    open_kept(&r, &at);
    OpKind extreme = op->kind == OP_ARGMAX ? OP_MAX : OP_MIN;
    Tile *best[2] = {
        kernel_constant(&kernel, r.type->dtype, identity_of(extreme, r.type->dtype), inner_shape(&r)),
        kernel_constant(&kernel, DTYPE_I32, 0, inner_shape(&r))};
    nest(&r, 0, &at, best, 2, keep_better, &axis);
    Coordinates result = result_coordinates(&r, &at);
    kernel_finish_tile(&kernel, op->results[0], best[1], &result);
    kernel_end(&kernel);
}

void lower_ARGMAX(Lowering *lowering, const Op *op) { lower_argreduce(lowering, op); }
void lower_ARGMIN(Lowering *lowering, const Op *op) { lower_argreduce(lowering, op); }

/* ---- softmax ---- */

typedef struct SoftmaxPass {
    Tile *maximum, *total;
    Buffer *target;
    const Type *type;
} SoftmaxPass;

static Tile *shifted(Reduction *r, const Coordinates *at, TileShape shape, const SoftmaxPass *pass) {
    return kernel_map(r->kernel, OP_SUB, r->type->dtype, load_at(r, at, shape), pass->maximum);
}

/* Sums e^(x - max); softmax keeps the powers where its result will stand. */
static void add_power(Reduction *r, const Coordinates *at, TileShape shape, Tile **accumulators,
                      void *context) {
    const SoftmaxPass *pass = context;
    Tile *power = kernel_map(r->kernel, OP_EXP, r->type->dtype, shifted(r, at, shape, pass), NULL);
    if (pass->target) {
        Access access = kernel_access(r->kernel, pass->target, pass->type, at);
        kernel_store(r->kernel, power, &access);
    }
    accumulators[0] = kernel_map(r->kernel, OP_ADD, r->type->dtype, accumulators[0], power);
}

static void finish_softmax(Reduction *r, const Coordinates *at, TileShape shape, Tile **accumulators,
                           void *context) {
    const SoftmaxPass *pass = context;
    (void)accumulators;
    Tile *value;
    if (r->op->kind == OP_SOFTMAX) {
        Access access = kernel_access(r->kernel, pass->target, pass->type, at);
        value = kernel_map(r->kernel, OP_DIV, r->type->dtype, kernel_load(r->kernel, &access, shape),
                           pass->total);
    } else {
        value = kernel_map(r->kernel, OP_SUB, r->type->dtype, shifted(r, at, shape, pass), pass->total);
    }
    Buffer *target = kernel_result(r->kernel, r->op->results[0]);
    Access access = kernel_access(r->kernel, target, &r->op->results[0]->type, at);
    kernel_store(r->kernel, value, &access);
}

static void lower_softmax_family(Lowering *lowering, const Op *op) {
    Kernel kernel = kernel_begin(lowering, op);
    Reduction r = begin(&kernel, op);
    Buffer *target = kernel_result(&kernel, op->results[0]);
    Coordinates at;
    open_kept(&r, &at);
    OpKind max = OP_MAX;
    SoftmaxPass pass = {.type = &op->results[0]->type, .target = op->kind == OP_SOFTMAX ? target : NULL};
    pass.maximum = combine(&r, OP_MAX, &at, accumulate, &max);
    pass.total = combine(&r, OP_ADD, &at, add_power, &pass);
    if (op->kind == OP_LOG_SOFTMAX) pass.total = kernel_map(&kernel, OP_LOG, r.type->dtype, pass.total, NULL);
    nest(&r, 0, &at, NULL, 0, finish_softmax, &pass);
    kernel_end(&kernel);
}

void lower_SOFTMAX(Lowering *lowering, const Op *op) { lower_softmax_family(lowering, op); }
void lower_LOG_SOFTMAX(Lowering *lowering, const Op *op) { lower_softmax_family(lowering, op); }

/* ---- normalize: mean, then the variance around it, then the quotient ---- */

typedef struct Moments {
    Tile *mean, *scale;
} Moments;

static Tile *centred(Reduction *r, const Coordinates *at, TileShape shape, const Moments *moments) {
    return kernel_map(r->kernel, OP_SUB, r->type->dtype, load_at(r, at, shape), moments->mean);
}

static void add_square(Reduction *r, const Coordinates *at, TileShape shape, Tile **accumulators,
                       void *context) {
    Tile *distance = centred(r, at, shape, context);
    accumulators[0] = kernel_fma(r->kernel, distance, distance, accumulators[0]);
}

static void finish_normalize(Reduction *r, const Coordinates *at, TileShape shape, Tile **accumulators,
                             void *context) {
    const Moments *moments = context;
    (void)accumulators;
    (void)shape;
    Tile *value =
        kernel_map(r->kernel, OP_MUL, r->type->dtype, centred(r, at, shape, moments), moments->scale);
    kernel_finish_tile(r->kernel, r->op->results[0], value, at);
}

void lower_NORMALIZE(Lowering *lowering, const Op *op) {
    Kernel kernel = kernel_begin(lowering, cluster_of(op));
    Reduction r = begin(&kernel, op);
    DType dtype = r.type->dtype;
    Coordinates at;
    open_kept(&r, &at);
    OpKind add = OP_ADD;
    Tile *count = reduced_count(&r);
    Moments moments = {.mean = combine(&r, OP_ADD, &at, accumulate, &add)};
    moments.mean = kernel_map(&kernel, OP_DIV, dtype, moments.mean, count);
    Tile *variance = combine(&r, OP_ADD, &at, add_square, &moments);
    variance = kernel_map(&kernel, OP_DIV, dtype, variance, count);
    Tile *eps = kernel_constant(&kernel, dtype, op_float(op, ATTR_EPS, 0), (TileShape){1, 1, 1});
    moments.scale =
        kernel_map(&kernel, OP_RSQRT, dtype, kernel_map(&kernel, OP_ADD, dtype, variance, eps), NULL);
    nest(&r, 0, &at, NULL, 0, finish_normalize, &moments);
    kernel_end(&kernel);
}
