#include "test/random/net.h"

#include "ir/shapes/infer.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* ---- Chance ---- */

int net_below(Net *net, int count) { return random_below(&net->random, count); }
bool net_chance(Net *net, int percent) { return random_chance(&net->random, percent); }

const Expr *net_dim(Net *net, char letter) {
    for (int i = 0; i < net->module->dims.count; i++)
        if (net->module->dims.items[i]->name[0] == letter)
            return expr_symbol(net->module->exprs, net->module->dims.items[i]->symbol);
    return NULL;
}

int64_t net_elements_max(const Net *net) {
    return net->recurrent ? ELEMENTS_LONG : net->large ? ELEMENTS_LARGE : ELEMENTS_MAX;
}

const Expr *net_extent(Net *net) {
    static const int extents[] = {1, 2, 2, 3, 3, 4, 5, 5, 7, 8, 9, 11, 15, 16, 16, 17, 19, 32, 33};
    return expr_constant(net->module->exprs, extents[net_below(net, sizeof extents / sizeof *extents)]);
}

/* ---- Filters ---- */

bool is_f32(const Value *v) { return v->type.dtype == DTYPE_F32; }
bool is_real(const Value *v) { return v->type.dtype == DTYPE_F32 || v->type.dtype == DTYPE_F64; }
bool is_integer_value(const Value *v) { return dtype_is_integer(v->type.dtype); }
bool is_number(const Value *v) { return is_real(v) || is_integer_value(v); }
bool is_any(const Value *v) { return v != NULL; }

bool is_image(const Value *v) {
    int rank = v->type.rank;
    return is_real(v) && (rank == 3 || rank == 4) && expr_is_constant(v->type.dims[1], NULL) &&
           v->type.dims[1]->max > 0;
}

/* The newer, the likelier. */
Value *net_pick(Net *net, ValueFilter *filter) {
    for (int attempt = 0; attempt < 12 && net->pool.count; attempt++) {
        int a = net_below(net, net->pool.count);
        for (int more = 1 + net_below(net, 3); more > 0; more--) {
            int b = net_below(net, net->pool.count);
            a = a > b ? a : b;
        }
        Value *value = net->pool.items[a];
        if (filter(value)) return value;
    }
    return NULL;
}

/* ---- Leaves ---- */

static Value *add_argument(Net *net, const char *name, DType dtype, int rank, const Expr *const *dims) {
    Entry *entry = net->entry;
    const char **names = NEW_ARRAY(net->arena, const char *, entry->input_count + 1);
    if (entry->input_count) memcpy(names, entry->input_names, (size_t)entry->input_count * sizeof *names);
    names[entry->input_count++] = name;
    entry->input_names = names;
    assert(!entry->state_count);
    return block_add_argument(net->module, entry->block, type_make(dtype, rank, dims), name);
}

Value *net_input(Net *net, char kind, DType dtype, int rank, const Expr *const *dims) {
    return add_argument(net, arena_printf(net->arena, "%c%d", kind, net->next_name++), dtype, rank, dims);
}

Value *net_index_input(Net *net, int64_t extent, int rank, const Expr *const *dims) {
    static const DType types[] = {DTYPE_I32, DTYPE_I32, DTYPE_I64, DTYPE_U8, DTYPE_I16};
    DType dtype = types[net_below(net, 5)];
    if (dtype == DTYPE_U8 && extent > 256) dtype = DTYPE_I32;
    return add_argument(net, arena_printf(net->arena, "j%d_%d", (int)extent, net->next_name++), dtype, rank,
                        dims);
}

Value *net_constant(Net *net, DType dtype, int rank, const Expr *const *dims, double scale) {
    int64_t extents[RANK_MAX];
    for (int i = 0; i < rank; i++) extents[i] = expr_value(dims[i]);
    Tensor *tensor = tensor_create(net->arena, dtype, rank, extents);
    const char *name = arena_printf(net->arena, "c%llu_%d", (unsigned long long)net->seed, net->next_name++);
    values_fill(tensor, "x", name, 1);
    for (int64_t i = 0; tensor->floats && i < tensor->count; i++)
        tensor->floats[i] = dtype_round(dtype, tensor->floats[i] * scale);
    Constant *made =
        constant_create(net->module, CONSTANT_INLINE, name, type_make(dtype, rank, dims), (Span){0});
    made->floats = tensor->floats;
    made->integers = tensor->integers;
    return made->value;
}

Value *net_scalar(Net *net, DType dtype, double value) {
    return constant_scalar(net->module, dtype, value, (Span){0});
}

static bool all_constant(int rank, const Expr *const *dims) {
    for (int i = 0; i < rank; i++)
        if (!expr_is_constant(dims[i], NULL)) return false;
    return true;
}

Value *net_want(Net *net, DType dtype, int rank, const Expr *const *dims) {
    Type type = type_make(dtype, rank, dims);
    for (int i = net->pool.count - 1; i >= 0 && net_chance(net, 85); i--)
        if (type_equal(&net->pool.items[i]->type, &type)) return net->pool.items[i];
    bool batch = net->kind == NET_BATCH && rank && dims[0] == net_dim(net, 'N');
    if (all_constant(rank, dims) && (net_chance(net, 60) || net->kind != NET_PLAIN) && !batch)
        return net_constant(net, dtype, rank, dims, 1);
    if (net->kind == NET_STEPS) return NULL;
    if (net->kind == NET_BATCH && !batch) return NULL;
    return net_input(net, 'x', dtype, rank, dims);
}

Value *net_want_broadcast(Net *net, DType dtype, const Type *type) {
    const Expr *dims[RANK_MAX], *one = expr_constant(net->module->exprs, 1);
    int rank = type->rank, skip = 0;
    if (net_chance(net, 25))
        return net_scalar(net, dtype, 0.25 * (net_below(net, 9) + 1) * (dtype_is_float(dtype) ? 1 : 4));
    if (net_chance(net, 50)) return net_want(net, dtype, rank, type->dims);
    if (rank && net_chance(net, 50)) skip = net_below(net, rank + 1);
    int channel = rank >= 3 && net_chance(net, 60) ? 1 : -1; /* [C, 1, 1] */
    if (channel > 0) skip = 1;
    for (int i = skip; i < rank; i++)
        dims[i - skip] = channel > 0           ? (i == 1 ? type->dims[i] : one)
                         : net_chance(net, 35) ? one
                                               : type->dims[i];
    return net_want(net, dtype, rank - skip, dims);
}

/* ---- Ops ---- */

Op *net_op(Net *net, OpKind kind, Value *const *operands, int count) {
    return op_create(net->module, net->block, kind, operands, count, (Span){0}, "");
}

static bool has_batch(Net *net, const Value *value) {
    const Expr *batch = net_dim(net, 'N');
    for (int i = 1; i < value->type.rank; i++)
        if (expr_uses(value->type.dims[i], batch->symbol)) return false;
    return value->type.rank && value->type.dims[0] == batch;
}

/* Does every row of the result depend on the same row of what it is made of alone? */
static bool keeps_batch(Net *net, const Op *op) {
    const Type *result = &op->results[0]->type;
    if (!has_batch(net, op->results[0])) return false;
    unsigned traits = op_infos[op->kind].traits;
    bool first = false;
    for (int i = 0; i < op->operand_count; i++) {
        bool own = has_batch(net, op->operands[i]);
        if (own && traits & OP_POINTWISE && op->operands[i]->type.rank != result->rank) return false;
        if (own && i && traits & OP_CONTRACTION &&
            (op->kind != OP_MATMUL || op->operands[i]->type.rank < 3 ||
             op->operands[i]->type.rank != result->rank))
            return false;
        first |= own;
    }
    if (!first) return false;
    switch (op->kind) {
    case OP_LINEAR: return op->operands[0]->type.rank > 1;
    case OP_MATMUL:
        return op->operands[0]->type.rank >= 2 && has_batch(net, op->operands[0]) &&
               op->operands[0]->type.rank == result->rank;
    case OP_CONV: return op->operands[0]->type.rank == op->operands[1]->type.rank;
    case OP_MAX_POOL:
    case OP_AVG_POOL: return op->operands[0]->type.rank == op_attr(op, ATTR_KERNEL)->count + 2;
    case OP_ADAPTIVE_AVG_POOL: return op->operands[0]->type.rank == op_attr(op, ATTR_SHAPE)->count + 2;
    case OP_PERMUTE: return op_int_at(op, ATTR_PERMUTATION, 0, 1) == 0;
    case OP_SLICE: return op_int_at(op, ATTR_STEPS, 0, 1) == 1;
    case OP_PAD: return op_int_at(op, ATTR_PADDING, 0, 0) == 0;
    case OP_SPACE_TO_DEPTH: return true;
    case OP_CONCAT: return op_int(op, ATTR_AXIS, 0) != 0;
    case OP_RESHAPE: return true; /* N first before and after */
    case OP_EXPAND: return op->operands[0]->type.rank == result->rank;
    case OP_GATHER: return op_int(op, ATTR_AXIS, 0) != 0 && !has_batch(net, op->operands[1]);
    case OP_ONE_HOT: return true;
    default: break;
    }
    if (traits & OP_REDUCTION)
        return op_attr(op, ATTR_AXIS) ? op_int(op, ATTR_AXIS, 0) != 0 : !op_axes_contain(op, 0);
    return traits & OP_POINTWISE;
}

static bool result_fits(Net *net, const Op *op) {
    for (int i = 0; i < op->result_count; i++) {
        const Type *type = &op->results[i]->type;
        if (type->rank > NET_RANK_MAX || type_count_max(type) > net_elements_max(net)) return false;
    }
    return net->kind != NET_BATCH || keeps_batch(net, op);
}

Value *net_finish(Net *net, Op *op) {
    int checks = net->entry->checks.count;
    if (infer_op(net->module, op) && net->entry->checks.count == checks && result_fits(net, op))
        return op->results[0];
    net->entry->checks.count = checks;
    op_remove(op);
    return NULL;
}

Value *net_simple(Net *net, OpKind kind, Value *a, Value *b) {
    if (!a) return NULL;
    return net_finish(net, net_op(net, kind, (Value *[]){a, b}, b ? 2 : 1));
}

/* ---- Nets ---- */

static void add_dim(Module *module, const char *name, int64_t min, int64_t max) {
    Dim *dim = NEW(module->arena, Dim);
    *dim = (Dim){name, symbol_create(module->arena, name, min, max), {0}};
    vector_push(module->arena, &module->dims, dim);
}

Module *nets_module(Arena *arena, Diagnostics *diagnostics) {
    Module *module = module_create(arena, diagnostics);
    add_dim(module, "N", 1, 6);
    add_dim(module, "T", 1, 9);
    add_dim(module, "S", 0, 5);
    add_dim(module, "L", 1, 200);
    return module;
}

void net_begin_entry(Net *net, const char *model, const char *name) {
    net->entry = NEW(net->arena, Entry);
    net->entry->model = model;
    net->entry->name = name;
    net->entry->block = net->block = block_create(net->module, NULL);
    net->module->current_entry = net->entry;
    net->pool.count = 0;
}

static bool mentions(const Type *type, const Symbol *symbol) {
    for (int i = 0; i < type->rank; i++)
        if (expr_uses(type->dims[i], symbol)) return true;
    return false;
}

void net_end_entry(Net *net, Value *const *yields, int count) {
    Entry *entry = net->entry;
    op_create(net->module, entry->block, OP_YIELD, yields, count, (Span){0}, "");
    entry->output_count = count - entry->state_count;
    entry->output_names = NEW_ARRAY(net->arena, const char *, count);
    for (int i = 0; i < entry->output_count; i++) entry->output_names[i] = arena_printf(net->arena, "y%d", i);
    entry->dims = NEW_ARRAY(net->arena, Dim *, net->module->dims.count);
    for (int i = 0; i < net->module->dims.count; i++) {
        const Symbol *symbol = net->module->dims.items[i]->symbol;
        bool used = false;
        for (int j = 0; j < entry->input_count; j++)
            used |= mentions(&entry->block->arguments[j]->type, symbol);
        for (int j = 0; j < entry->output_count; j++) used |= mentions(&yields[j]->type, symbol);
        if (used) entry->dims[entry->dim_count++] = net->module->dims.items[i];
    }
    vector_push(net->arena, &net->module->entries, entry);
    net->module->current_entry = NULL;
}

static const Expr *any_dim(Net *net) {
    if (net_chance(net, 70)) return net_extent(net);
    if (net->kind == NET_BATCH) return net_dim(net, 'T');
    return net_dim(net, "NTS"[net_below(net, net_chance(net, 30) ? 3 : 2)]);
}

static const Expr *channels(Net *net) {
    static const int counts[] = {1, 3, 4, 16, 24, 32, 17, 8};
    return expr_constant(net->module->exprs, counts[net_below(net, 8)]);
}

static const Expr *side(Net *net) {
    if (net->large) return expr_constant(net->module->exprs, 14 + net_below(net, 14));
    if (net_chance(net, 15)) return expr_add_constant(net->module->exprs, net_dim(net, 'T'), 2);
    return expr_constant(net->module->exprs, 3 + net_below(net, 10));
}

/* A first input after the net's flavour. */
static void first_input(Net *net) {
    const Expr *dims[RANK_MAX], *n = net_chance(net, 60)
                                         ? net_dim(net, 'N')
                                         : expr_constant(net->module->exprs, 1 + net_below(net, 3));
    DType dtype = net_chance(net, 85) ? DTYPE_F32 : DTYPE_F64;
    int rank = 0;
    if (net->kind == NET_BATCH) n = net_dim(net, 'N');
    switch (net->flavour) {
    case FLAVOUR_IMAGE:
        dims[rank++] = n;
        dims[rank++] = channels(net);
        if (net_chance(net, 85)) dims[rank++] = side(net);
        dims[rank++] = side(net);
        break;
    case FLAVOUR_SEQUENCE:
        dims[rank++] = n;
        dims[rank++] = net_chance(net, 75) ? net_dim(net, 'T') : net_dim(net, 'S');
        dims[rank++] = net_extent(net);
        break;
    case FLAVOUR_DENSE:
        dims[rank++] = net->large ? expr_constant(net->module->exprs, 20 + net_below(net, 50)) : n;
        dims[rank++] =
            net->large ? expr_constant(net->module->exprs, 100 + net_below(net, 300)) : net_extent(net);
        break;
    default:
        if (net->kind == NET_BATCH) dims[rank++] = n;
        for (int more = net_below(net, 4); more > 0 && rank < 4; more--) dims[rank++] = any_dim(net);
    }
    Type type = type_make(dtype, rank, dims);
    if (type_count_max(&type) > net_elements_max(net)) return;
    vector_push(net->arena, &net->pool, net_input(net, 'x', dtype, rank, dims));
}

static int count_uses(const Net *net, const Value *value) {
    return block_count_uses(net->entry->block, value);
}

/* What nothing uses, newest first; then whatever there is, also inputs and the same value twice. */
static int choose_outputs(Net *net, Value **out, int most) {
    int count = 0;
    for (int i = net->pool.count - 1; i >= 0 && count < most; i--)
        if (net->pool.items[i]->kind == VALUE_RESULT && !count_uses(net, net->pool.items[i]))
            out[count++] = net->pool.items[i];
    while (count < most && (count == 0 || net_chance(net, 15)))
        out[count++] = net->pool.items[net_below(net, net->pool.count)];
    return count;
}

Value *net_add_state(Net *net, Value *initial) {
    Entry *entry = net->entry;
    State *state = NEW(net->arena, State), **states = NEW_ARRAY(net->arena, State *, entry->state_count + 1);
    *state = (State){.model = entry->model,
                     .name = arena_printf(net->arena, "s%d", entry->state_count),
                     .type = initial->type,
                     .initial = initial};
    if (entry->state_count) memcpy(states, entry->states, (size_t)entry->state_count * sizeof *states);
    states[entry->state_count++] = state;
    entry->states = states;
    vector_push(net->arena, &net->module->states, state);
    Value *argument = block_add_argument(net->module, entry->block, initial->type, state->name);
    vector_push(net->arena, &net->pool, argument);
    return argument;
}

/* Arguments that inputs join come before those of states: states are numbered at the end. */
static void states_last(Net *net) {
    Entry *entry = net->entry;
    Block *block = entry->block;
    Value **sorted = NEW_ARRAY(net->arena, Value *, block->argument_count);
    int count = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < block->argument_count; i++)
            if ((block->arguments[i]->name[0] == 's') == pass) sorted[count++] = block->arguments[i];
    for (int i = 0; i < count; i++) sorted[i]->index = i;
    block->arguments = sorted;
}

static void grow_plain(Net *net, const char *model) {
    net_begin_entry(net, model, "run");
    int states = net->kind == NET_PLAIN && net_chance(net, 15) ? 1 + net_below(net, 2) : 0;
    for (int i = 0; i < states; i++) {
        const Expr *dims[2] = {net_extent(net), net_extent(net)};
        net_add_state(net, net_constant(net, net_chance(net, 85) ? DTYPE_F32 : DTYPE_I32,
                                        1 + net_below(net, 2), dims, 1));
    }
    int state_count = net->entry->state_count;
    net->entry->state_count = 0; /* inputs may still come */
    do first_input(net);
    while (!net->pool.count || net_chance(net, 40));
    int wanted = 4 + net_below(net, 12);
    for (int grown = 0, attempt = 0; grown < wanted && attempt < 8 * wanted; attempt++)
        grown += net_grow_op(net) != NULL;
    Value *yields[16];
    int outputs = choose_outputs(net, yields, net_chance(net, 60) ? 12 : 1 + net_below(net, 4)),
        count = outputs;
    for (int i = 0; i < state_count; i++) {
        Value *old = NULL;
        for (int j = 0; j < net->entry->block->argument_count; j++) {
            Value *argument = net->entry->block->arguments[j];
            if (argument->name[0] == 's' && argument->name[1] == '0' + i) old = argument;
        }
        Value *next = net_chance(net, 20) ? old : net_reach_type(net, old);
        yields[count++] = next ? next : old;
    }
    states_last(net);
    net->entry->state_count = state_count;
    net_end_entry(net, yields, count);
}

/* ---- Steps ---- */

static Value *find_clone(Value *const *from, Value *const *to, int count, Value *value) {
    for (int i = 0; i < count; i++)
        if (from[i] == value) return to[i];
    return value;
}

/* The ops of |body| at the end of |block|, with the arguments replaced. */
static void clone_body(Net *net, const Block *body, Block *block, Value *const *arguments,
                       Value **out_yields) {
    enum { VALUES_MAX = 256 };
    Value *from[VALUES_MAX], *to[VALUES_MAX];
    int count = 0;
    for (int i = 0; i < body->argument_count; i++, count++) {
        from[count] = body->arguments[i];
        to[count] = arguments[i];
    }
    for (const Op *op = body->first; op; op = op->next) {
        Value *operands[64];
        for (int i = 0; i < op->operand_count; i++)
            operands[i] = find_clone(from, to, count, op->operands[i]);
        if (op->kind == OP_YIELD) {
            memcpy(out_yields, operands, (size_t)op->operand_count * sizeof *operands);
            return;
        }
        Op *copy = op_create(net->module, block, op->kind, operands, op->operand_count, (Span){0}, "");
        copy->attrs = op->attrs;
        copy->attr_count = op->attr_count;
        infer_op(net->module, copy);
        from[count] = op->results[0];
        to[count++] = copy->results[0];
    }
}

/* x[T, ..] -> ys[T, ..] by a scan from constants, and x[..] -> y[..] with them as states. */
static void grow_steps(Net *net, const char *model) {
    const Expr *dims[4], *trip = net_dim(net, 'T');
    int rank = 1 + net_below(net, 2), axis = net_below(net, rank + 1);
    net_begin_entry(net, model, "sequence");
    for (int i = 0; i <= rank; i++) dims[i] = i == axis ? trip : net_extent(net);
    Value *xs = net_input(net, 'x', DTYPE_F32, rank + 1, dims), *operands[3] = {xs};
    for (int i = axis; i < rank; i++) dims[i] = dims[i + 1];
    int carries = 1 + net_below(net, 2);
    for (int i = 0; i < carries; i++) {
        const Expr *shape[2] = {net_chance(net, 50) ? dims[0] : net_extent(net), net_extent(net)};
        operands[1 + i] = net_constant(net, DTYPE_F32, 1 + net_below(net, 2), shape, 1);
    }
    Op *scan = net_op(net, OP_SCAN, operands, 1 + carries);
    scan->body = net->block = block_create(net->module, scan);
    vector_push(net->arena, &net->pool,
                block_add_argument(net->module, scan->body, type_make(DTYPE_F32, rank, dims), "xt"));
    for (int i = 0; i < carries; i++)
        vector_push(net->arena, &net->pool,
                    block_add_argument(net->module, scan->body, operands[1 + i]->type, "h"));
    net->depth = 1;
    int wanted = 3 + net_below(net, 7);
    for (int grown = 0, attempt = 0; grown < wanted && attempt < 8 * wanted; attempt++)
        grown += net_grow_op(net) != NULL;
    net->depth = 0;
    Value *yields[4];
    for (int i = 0; i < carries; i++) yields[i] = net_reach_type(net, scan->body->arguments[1 + i]);
    for (int i = 0; i < carries; i++)
        if (!yields[i]) yields[i] = scan->body->arguments[1 + i];
    yields[carries] = net->pool.items[net->pool.count - 1];
    op_create(net->module, scan->body, OP_YIELD, yields, carries + 1, (Span){0}, "");
    op_set_int(net->module, scan, ATTR_SEQUENCES, 1);
    op_set_int(net->module, scan, ATTR_CARRIES, carries);
    op_set_exprs(net->module, scan, ATTR_TRIP, &trip, 1);
    op_set_ints(net->module, scan, ATTR_AXES, (int64_t[]){axis, 0}, 2);
    bool good = infer_op(net->module, scan);
    assert(good);
    (void)good;
    net->block = net->entry->block;
    net_end_entry(net, &scan->results[carries], 1);

    net_begin_entry(net, model, "step");
    Value *arguments[3] = {net_input(net, 'x', DTYPE_F32, rank, dims)}, *results[4];
    for (int i = 0; i < carries; i++) {
        net_add_state(net, operands[1 + i]);
        arguments[1 + i] = net->pool.items[net->pool.count - 1];
    }
    clone_body(net, scan->body, net->entry->block, arguments, results);
    Value *rotated[4] = {results[carries], results[0], results[1]};
    net_end_entry(net, rotated, carries + 1);
}

static NetKind kind_of(Net *net, bool recurrent) {
    if (recurrent) return net_chance(net, 35) ? NET_CALLS : NET_PLAIN;
    return net_chance(net, 12) ? NET_BATCH : net_chance(net, 10) ? NET_STEPS : NET_PLAIN;
}

void net_grow(Module *module, uint64_t seed, bool recurrent) {
    Net net = {
        .arena = module->arena, .module = module, .seed = seed, .random = random_from_text("net", seed)};
    const char *names[] = {"Net", "Batch", "Steps", "Calls"};
    net.kind = kind_of(&net, recurrent);
    net.flavour = (Flavour)net_below(&net, FLAVOUR_COUNT);
    net.recurrent = recurrent;
    net.large = !recurrent && net.kind == NET_PLAIN && net_chance(&net, 6);
    if (net.large) net.flavour = net_chance(&net, 70) ? FLAVOUR_IMAGE : FLAVOUR_DENSE;
    const char *name = recurrent && net.kind == NET_PLAIN ? "Recurrent" : names[net.kind],
               *model = arena_printf(module->arena, "%s%llu", name, (unsigned long long)seed);
    if (recurrent)
        net_grow_recurrent(&net, model);
    else if (net.kind == NET_STEPS)
        grow_steps(&net, model);
    else
        grow_plain(&net, model);
}
