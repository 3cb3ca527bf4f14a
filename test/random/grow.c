/* The choice of ops, and growers of regions. */
#include "test/random/net.h"

#include "ir/shapes/infer.h"

#include <string.h>

static Grower *const growers[OP_COUNT] = {
#define OP(id, text, least, most, results, shape, traits, meaning) [OP_##id] = grow_##id,
#include "ir/ops.def"
#undef OP
};

/* How often a kind is drawn; 2 where nothing else is said. */
static int weight_of(const Net *net, OpKind kind) {
    static const struct {
        OpKind kind;
        int weights[FLAVOUR_COUNT]; /* mixed, dense, image, sequence */
    } special[] = {
        {OP_CONV, {4, 0, 40, 2}},    {OP_MAX_POOL, {2, 0, 10, 1}}, {OP_AVG_POOL, {2, 0, 8, 1}},
        {OP_LINEAR, {6, 30, 4, 14}}, {OP_MATMUL, {6, 12, 2, 8}},   {OP_ADD, {8, 14, 20, 8}},
        {OP_MUL, {6, 8, 10, 6}},     {OP_RELU, {4, 8, 14, 3}},     {OP_TANH, {3, 8, 4, 8}},
        {OP_SIGMOID, {3, 6, 4, 8}},  {OP_CONCAT, {5, 5, 10, 5}},   {OP_SCAN, {6, 2, 1, 30}},
        {OP_SOFTMAX, {3, 6, 2, 4}},  {OP_NORMALIZE, {3, 6, 4, 4}}, {OP_RESHAPE, {5, 4, 5, 4}},
        {OP_SLICE, {5, 4, 4, 5}},    {OP_PERMUTE, {4, 4, 3, 4}},   {OP_FULL, {1, 1, 1, 1}},
        {OP_IOTA, {1, 1, 1, 1}},     {OP_EXP, {2, 2, 1, 1}},
    };
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (special[i].kind == kind) return special[i].weights[net->flavour];
    return 2;
}

/* Parts of several ops, and how often they are drawn. */
static const struct {
    Value *(*grow)(Net *net);
    int weights[FLAVOUR_COUNT];
} parts[] = {
    {grow_residual, {2, 0, 24, 0}}, {grow_branches, {2, 0, 16, 0}},   {grow_transposed, {2, 0, 10, 0}},
    {grow_upsampled, {2, 0, 8, 0}}, {grow_excitation, {2, 0, 10, 0}},
};
enum { PART_COUNT = sizeof parts / sizeof *parts };

static Value *grow_drawn(Net *net, int drawn) {
    for (int i = 0; i < OP_COUNT; i++) {
        drawn -= weight_of(net, (OpKind)i);
        if (drawn < 0) return growers[i](net, (OpKind)i);
    }
    for (int i = 0; i < PART_COUNT; i++) {
        drawn -= parts[i].weights[net->flavour];
        if (drawn < 0) return parts[i].grow(net);
    }
    return NULL;
}

Value *net_grow_op(Net *net) {
    int total = 0;
    for (int i = 0; i < OP_COUNT; i++) total += weight_of(net, (OpKind)i);
    for (int i = 0; i < PART_COUNT; i++) total += parts[i].weights[net->flavour];
    Value *value = grow_drawn(net, net_below(net, total));
    if (value) vector_push(net->arena, &net->pool, value);
    return value;
}

Value *grow_CLUSTER(Net *net, OpKind kind) {
    (void)net, (void)kind;
    return NULL;
}

Value *grow_YIELD(Net *net, OpKind kind) {
    (void)net, (void)kind;
    return NULL;
}

/* ---- Scans ---- */

static Value *mean_of(Net *net, Value *x) {
    int64_t axes[RANK_MAX];
    for (int i = 0; i < x->type.rank; i++) {
        axes[i] = i;
        if (x->type.dims[i]->min < 1) return NULL;
    }
    Op *op = net_op(net, OP_REDUCE_MEAN, &x, 1);
    op_set_ints(net->module, op, ATTR_AXES, axes, x->type.rank);
    return net_finish(net, op);
}

/* h' = tanh(h + mean of something), or for integers h + 1. */
Value *net_reach_type(Net *net, Value *old) {
    for (int i = net->pool.count - 1; i >= 0; i--) {
        Value *value = net->pool.items[i];
        if (value != old && type_equal(&value->type, &old->type) && net_chance(net, 70)) return value;
    }
    if (!is_number(old)) return old;
    if (!is_real(old)) return net_simple(net, OP_ADD, old, net_scalar(net, old->type.dtype, 1));
    Value *x = net_pick(net, is_real), *more = NULL;
    if (x && x->type.dtype == old->type.dtype && net->kind != NET_BATCH) more = mean_of(net, x);
    Value *sum = net_simple(net, OP_ADD, old, more ? more : net_scalar(net, old->type.dtype, 0.25));
    return sum ? net_simple(net, OP_TANH, sum, NULL) : NULL;
}

/* A gated cell on x[.., E] and h[.., H]: z = x W + h U + b in G parts. */
static Value *cell(Net *net, Value *x, Value *h) {
    int64_t inputs, hidden, gates = 1 + net_below(net, 4);
    int rank = h->type.rank;
    if (!is_f32(x) || !is_f32(h) || rank < 1 || x->type.rank != rank) return NULL;
    if (!expr_is_constant(x->type.dims[rank - 1], &inputs) ||
        !expr_is_constant(h->type.dims[rank - 1], &hidden) || hidden > 24)
        return NULL;
    const Expr *wide = expr_constant(net->module->exprs, gates * hidden);
    const Expr *w_dims[2] = {wide, x->type.dims[rank - 1]}, *u_dims[2] = {wide, h->type.dims[rank - 1]};
    Value *w = net_constant(net, DTYPE_F32, 2, w_dims, 0.5),
          *u = net_constant(net, DTYPE_F32, 2, u_dims, 0.5), *b = net_constant(net, DTYPE_F32, 1, w_dims, 1);
    Value *zx = net_finish(net, net_op(net, OP_LINEAR, (Value *[]){x, w, b}, 3)),
          *zh = net_simple(net, OP_LINEAR, h, u);
    Value *z = zx && zh ? net_simple(net, OP_ADD, zx, zh) : NULL, *result = NULL;
    for (int64_t gate = 0; z && gate < gates; gate++) {
        const Expr *starts[RANK_MAX];
        for (int i = 0; i < rank; i++)
            starts[i] = expr_constant(net->module->exprs, i + 1 == rank ? gate * hidden : 0);
        Op *slice = net_op(net, OP_SLICE, &z, 1);
        op_set_exprs(net->module, slice, ATTR_SHAPE, h->type.dims, rank);
        op_set_exprs(net->module, slice, ATTR_STARTS, starts, rank);
        Value *part = net_finish(net, slice);
        if (!part) return NULL;
        part = net_simple(net, gate & 1 ? OP_SIGMOID : OP_TANH, part, NULL);
        result = result ? net_simple(net, gate == 2 ? OP_ADD : OP_MUL, result, part) : part;
    }
    return result;
}

typedef struct ScanPlan {
    int sequences, carries;
    Value *operands[8];
    int64_t axes[16];
    const Expr *trip;
    int counter; /* index of a carried i32 that counts steps; -1: none */
} ScanPlan;

static void add_carry(ScanPlan *plan, Value *initial) {
    plan->operands[plan->sequences + plan->carries++] = initial;
}

static bool plan_sequences(Net *net, ScanPlan *plan) {
    Value *first = net_pick(net, is_any);
    bool batch = net->kind == NET_BATCH;
    if (!first || first->type.rank <= batch || first->type.dtype == DTYPE_F16 ||
        first->type.dtype == DTYPE_BF16)
        return false;
    plan->axes[0] = batch + net_below(net, first->type.rank - batch);
    if (first->type.rank == 3 && net_chance(net, 60)) plan->axes[0] = 1;
    plan->trip = first->type.dims[plan->axes[0]];
    if (plan->trip->max > 20) return false;
    plan->operands[plan->sequences++] = first;
    for (int i = net->pool.count - 1; i >= 0 && plan->sequences < 3; i--) {
        Value *other = net->pool.items[i];
        for (int axis = batch; axis < other->type.rank; axis++) {
            if (other->type.dims[axis] != plan->trip || !net_chance(net, 25)) continue;
            plan->axes[plan->sequences] = axis;
            plan->operands[plan->sequences++] = other;
            break;
        }
    }
    return true;
}

static void plan_carries(Net *net, ScanPlan *plan) {
    const Type *x = &plan->operands[0]->type;
    const Expr *dims[RANK_MAX];
    int rank = 0;
    for (int i = 0; i < x->rank; i++)
        if (i != plan->axes[0]) dims[rank++] = x->dims[i];
    for (int count = 1 + net_below(net, 2); count > 0; count--) {
        int own = rank;
        if (own && net_chance(net, 50) && !(net->kind == NET_BATCH && own == 1))
            dims[own - 1] = net_extent(net);
        DType dtype = net_chance(net, 85) ? DTYPE_F32 : net_chance(net, 50) ? DTYPE_F64 : DTYPE_I32;
        Type type = type_make(dtype, own, dims);
        Value *initial = type_count_max(&type) > 512 ? NULL : net_want(net, dtype, own, dims);
        if (initial) add_carry(plan, initial);
    }
    plan->counter = -1;
    if (net->kind == NET_PLAIN && net_chance(net, 25)) {
        plan->counter = plan->carries;
        add_carry(plan, net_scalar(net, DTYPE_I32, 0));
    }
}

static void open_body(Net *net, Op *scan, const ScanPlan *plan) {
    for (int i = 0; i < plan->sequences + plan->carries; i++) {
        const Type *type = &plan->operands[i]->type;
        const Expr *dims[RANK_MAX];
        int rank = 0;
        for (int j = 0; j < type->rank; j++)
            if (i >= plan->sequences || j != plan->axes[i]) dims[rank++] = type->dims[j];
        vector_push(net->arena, &net->pool,
                    block_add_argument(net->module, scan->body, type_make(type->dtype, rank, dims), NULL));
    }
}

static int close_body(Net *net, Op *scan, ScanPlan *plan) {
    Value *yields[32];
    int count = 0;
    bool batch = net->kind == NET_BATCH;
    for (int i = 0; i < plan->carries; i++) {
        Value *old = scan->body->arguments[plan->sequences + i];
        Value *next = i == plan->counter ? net_simple(net, OP_ADD, old, net_scalar(net, DTYPE_I32, 1))
                                         : net_reach_type(net, old);
        yields[count++] = next ? next : old;
    }
    int rows = net_below(net, 4);
    for (int i = 0; i < rows; i++) {
        Value *row = net_pick(net, is_any);
        if (!row || row->type.rank >= NET_RANK_MAX || row->type.dtype == DTYPE_F16 ||
            row->type.dtype == DTYPE_BF16)
            continue;
        plan->axes[plan->sequences + count - plan->carries] =
            batch + net_below(net, row->type.rank + 1 - batch);
        yields[count++] = row;
    }
    int axis_count = plan->sequences + count - plan->carries;
    if (plan->counter >= 0) {
        yields[count] =
            net_simple(net, OP_GE, yields[plan->counter], net_scalar(net, DTYPE_I32, 1 + net_below(net, 5)));
        if (yields[count]) {
            count++;
            op_set_int(net->module, scan, ATTR_UNTIL, 1);
        }
    }
    op_create(net->module, scan->body, OP_YIELD, yields, count, (Span){0}, "");
    return axis_count;
}

Value *grow_SCAN(Net *net, OpKind kind) {
    ScanPlan plan = {0};
    (void)kind;
    if (net->kind == NET_STEPS || net->depth > 1 || (net->depth == 1 && !net_chance(net, 30)) ||
        !plan_sequences(net, &plan))
        return NULL;
    plan_carries(net, &plan);
    Op *scan = net_op(net, OP_SCAN, plan.operands, plan.sequences + plan.carries);
    scan->body = block_create(net->module, scan);
    Block *outer = net->block;
    int in_sight = net->pool.count;
    net->block = scan->body;
    net->depth++;
    char kept[sizeof net->pool]; /* rows of a batch see their own values only */
    memcpy(kept, &net->pool, sizeof kept);
    if (net->kind == NET_BATCH) memset(&net->pool, 0, sizeof net->pool);
    open_body(net, scan, &plan);
    if (net_chance(net, 50) && plan.carries) {
        Value *next = cell(net, scan->body->arguments[0], scan->body->arguments[plan.sequences]);
        if (next) vector_push(net->arena, &net->pool, next);
    }
    for (int grown = 0, attempt = 0, wanted = 1 + net_below(net, 6); grown < wanted && attempt < 5 * wanted;
         attempt++)
        grown += net_grow_op(net) != NULL;
    int axis_count = close_body(net, scan, &plan);
    if (net->kind == NET_BATCH) memcpy(&net->pool, kept, sizeof kept);
    net->pool.count = in_sight;
    net->block = outer;
    net->depth--;
    op_set_int(net->module, scan, ATTR_SEQUENCES, plan.sequences);
    op_set_int(net->module, scan, ATTR_CARRIES, plan.carries);
    op_set_exprs(net->module, scan, ATTR_TRIP, &plan.trip, 1);
    op_set_ints(net->module, scan, ATTR_AXES, plan.axes, axis_count);
    if (net_chance(net, 30)) op_set_int(net->module, scan, ATTR_REVERSE, 1);
    int checks = net->entry->checks.count;
    bool good = infer_op(net->module, scan) && net->entry->checks.count == checks;
    for (int i = 0; good && i < scan->result_count; i++)
        good = type_count_max(&scan->results[i]->type) <= net_elements_max(net) &&
               scan->results[i]->type.rank <= NET_RANK_MAX;
    net->entry->checks.count = checks;
    if (!good) {
        op_remove(scan);
        return NULL;
    }
    for (int i = 0; i + 1 < scan->result_count; i++) vector_push(net->arena, &net->pool, scan->results[i]);
    return net->kind == NET_BATCH ? scan->results[0] : scan->results[net_below(net, scan->result_count)];
}
