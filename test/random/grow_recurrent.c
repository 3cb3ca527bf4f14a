/* Recurrent networks: stacked scans with gates, feedback, look-ups and scans within. */
#include "test/random/net.h"

#include "ir/shapes/infer.h"

#include <string.h>

enum { SEEN_MAX = 24, CARRIES_MAX = 3 };

/* A step's part is [rows, features], or [features]; |axis| is where time stands in the whole. */
typedef struct Sequence {
    Value *value;
    int axis;
} Sequence;

typedef struct Recurrent {
    Net *net;
    const Expr *trip, *rows; /* |rows| NULL: no batch */
    DType dtype;             /* of features */
    Sequence seen[SEEN_MAX];
    Value *ends[SEEN_MAX]; /* carried results */
    int seen_count, end_count;
    Value *counts;           /* i32[trip]; NULL: none */
    bool within;             /* another scan */
    Value *states[SEEN_MAX]; /* new ones; NET_CALLS */
    int state_count;
} Recurrent;

/* The body that grows. */
typedef struct Body {
    Recurrent *recurrent;
    Value *features[SEEN_MAX]; /* f32, of a step */
    Value *position;           /* i32; NULL: none */
    int feature_count;
} Body;

static const Expr *number(Net *net, int64_t value) { return expr_constant(net->module->exprs, value); }

static const Expr *feature_count(Net *net) {
    static const int counts[] = {1, 2, 3, 4, 5, 7, 8, 8, 11, 16, 16, 17, 24, 33};
    return number(net, counts[net_below(net, sizeof counts / sizeof *counts)]);
}

static int rank_of(const Recurrent *r) { return r->rows ? 2 : 1; }

static Type feature_type(const Recurrent *r, const Expr *count) {
    const Expr *dims[2] = {r->rows ? r->rows : count, count};
    return type_make(r->dtype, rank_of(r), dims);
}

static int64_t last_extent(const Value *value) { return expr_value(value->type.dims[value->type.rank - 1]); }

static Value *chosen(Body *body) {
    return body->features[net_below(body->recurrent->net, body->feature_count)];
}

static void see(Body *body, Value *value) {
    if (value && body->feature_count < SEEN_MAX) body->features[body->feature_count++] = value;
}

/* ---- Sums and cuts ---- */

/* Products shrink what is carried, so that errors do not grow over many steps. */
static Value *linear(Net *net, Value *x, int64_t outputs, double scale) {
    const Expr *dims[2] = {number(net, outputs), number(net, last_extent(x))};
    Value *weights = net->kind == NET_PLAIN && net_chance(net, 6)
                         ? net_input(net, 'x', x->type.dtype, 2, dims)
                         : net_constant(net, x->type.dtype, 2, dims, scale / (double)last_extent(x));
    Value *operands[3] = {x, weights, net_constant(net, x->type.dtype, 1, dims, 0.5)};
    return net_finish(net, net_op(net, OP_LINEAR, operands, net_chance(net, 60) ? 3 : 2));
}

static Value *cut(Net *net, Value *value, int axis, const Expr *start, const Expr *extent) {
    const Expr *starts[RANK_MAX], *shape[RANK_MAX];
    for (int i = 0; i < value->type.rank; i++) {
        starts[i] = i == axis ? start : number(net, 0);
        shape[i] = i == axis ? extent : value->type.dims[i];
    }
    Op *slice = net_op(net, OP_SLICE, &value, 1);
    op_set_exprs(net->module, slice, ATTR_STARTS, starts, value->type.rank);
    op_set_exprs(net->module, slice, ATTR_SHAPE, shape, value->type.rank);
    return net_finish(net, slice);
}

static Value *reshaped(Net *net, Value *value, const Expr *const *dims, int rank) {
    Op *op = net_op(net, OP_RESHAPE, &value, 1);
    op_set_exprs(net->module, op, ATTR_SHAPE, dims, rank);
    return net_finish(net, op);
}

static Value *normalized(Net *net, Value *value) {
    Op *op = net_op(net, OP_NORMALIZE, &value, 1);
    op_set_ints(net->module, op, ATTR_AXES, (int64_t[]){value->type.rank - 1}, 1);
    op_set_float(net->module, op, ATTR_EPS, 0.1);
    return net_finish(net, op);
}

static Value *activated(Net *net, Value *value) {
    switch (net_below(net, 6)) {
    case 0: return net_simple(net, OP_RELU, value, NULL);
    case 1: { /* the hard sigmoid */
        Value *line = net_simple(net, OP_MUL, value, net_scalar(net, value->type.dtype, 0.25));
        line = net_simple(net, OP_ADD, line, net_scalar(net, value->type.dtype, 0.5));
        line = net_simple(net, OP_MAX, line, net_scalar(net, value->type.dtype, 0));
        return net_simple(net, OP_MIN, line, net_scalar(net, value->type.dtype, 1));
    }
    case 2:
    case 3: return net_simple(net, OP_TANH, value, NULL);
    default: return net_simple(net, OP_SIGMOID, value, NULL);
    }
}

/* The sum of products that gates are cut from; now and then with work on the whole. */
static Value *whole_gates(Body *body, Value *old, int64_t outputs) {
    Net *net = body->recurrent->net;
    Value *z = net_chance(net, 85) ? linear(net, old, outputs, 0.8) : NULL;
    for (int more = z ? net_below(net, 3) : 1; more > 0; more--) {
        Value *term = linear(net, chosen(body), outputs, net_chance(net, 50) ? 0.8 : 2);
        z = z && term ? net_simple(net, OP_ADD, z, term) : term;
    }
    if (z && net_chance(net, 12)) z = activated(net, z);
    if (z && net_chance(net, 12)) z = net_simple(net, OP_MUL, z, net_simple(net, OP_SIGMOID, z, NULL));
    if (z && net_chance(net, 8)) z = normalized(net, z);
    return z;
}

/* |count| gates of |units| each: cut from one sum, from one each, or in unequal parts. */
static bool gates(Body *body, Value *old, int count, int64_t units, Value **out) {
    Net *net = body->recurrent->net;
    int way = net_below(net, 10);
    Value *z = way < 7 ? whole_gates(body, old, count * units) : NULL;
    for (int i = 0; i < count; i++) {
        int at = way == 6 ? count - 1 - i : i;
        out[i] = way < 7
                     ? z ? cut(net, z, z->type.rank - 1, number(net, at * units), number(net, units)) : NULL
                     : whole_gates(body, old, units);
        if (!out[i]) return false;
    }
    return true;
}

/* What |old| becomes. */
static Value *cell(Body *body, Value *old) {
    Net *net = body->recurrent->net;
    int count = 1 + net_below(net, 5);
    int64_t units = last_extent(old);
    Value *parts[5], *result = NULL;
    if (!gates(body, old, count, units, parts)) return NULL;
    for (int i = 0; i < count; i++) {
        if (net_chance(net, 15)) { /* a peephole */
            const Expr *dims[1] = {number(net, units)};
            Value *peep = net_simple(net, OP_MUL, old, net_constant(net, old->type.dtype, 1, dims, 0.3));
            parts[i] = peep ? net_simple(net, OP_ADD, parts[i], peep) : parts[i];
        }
        if (!net_chance(net, 10)) parts[i] = activated(net, parts[i]);
        if (!parts[i]) return NULL;
        if (i == 1 && net_chance(net, 60))
            result = net_simple(net, OP_ADD, result, net_simple(net, OP_MUL, parts[i], old));
        else if (result)
            result = net_simple(net, net_chance(net, 65) ? OP_MUL : OP_ADD, result, parts[i]);
        else
            result = parts[i];
        if (net_chance(net, 25)) see(body, parts[i]);
    }
    if (result && net_chance(net, 10)) result = normalized(net, result);
    if (result && net_chance(net, 75)) result = net_simple(net, OP_TANH, result, NULL);
    return result;
}

/* A row looked up by what is largest, as a decoder feeds back; NULL: there is no fit table. */
static Value *fed_back(Body *body, Value *old) {
    Net *net = body->recurrent->net;
    Value *scores = chosen(body);
    Op *best = net_op(net, OP_ARGMAX, &scores, 1);
    op_set_int(net->module, best, ATTR_AXIS, scores->type.rank - 1);
    Value *token = net_finish(net, best);
    if (!token) return NULL;
    const Expr *dims[2] = {scores->type.dims[scores->type.rank - 1], old->type.dims[old->type.rank - 1]};
    Op *row = net_op(net, OP_GATHER, (Value *[]){net_constant(net, old->type.dtype, 2, dims, 1), token}, 2);
    op_set_int(net->module, row, ATTR_AXIS, 0);
    return net_finish(net, row);
}

/* |next| as long as the position is below a number, then |old|. */
static Value *masked(Body *body, Value *next, Value *old) {
    Net *net = body->recurrent->net;
    const Recurrent *r = body->recurrent;
    Value *limit = net_scalar(net, DTYPE_I32, 1 + net_below(net, 60));
    if (r->rows && expr_is_constant(r->rows, NULL) && net_chance(net, 60)) {
        const Expr *dims[2] = {r->rows, number(net, 1)};
        limit = net_constant(net, DTYPE_I32, 2, dims, 1);
    }
    Value *inside = body->position ? net_simple(net, OP_LT, body->position, limit) : NULL;
    return inside ? net_finish(net, net_op(net, OP_WHERE, (Value *[]){inside, next, old}, 3)) : next;
}

static Value *next_of(Body *body, Value *const *olds, int count, int index) {
    Net *net = body->recurrent->net;
    Value *old = olds[index], *next = NULL;
    int way = net_below(net, 100);
    if (way < 8) return old;
    if (way < 26) /* swapped, delayed, or what another layer left */
        for (int i = 0; i < 2 * SEEN_MAX && !next; i++) {
            Value *other = net_chance(net, 60) ? olds[net_below(net, count)] : chosen(body);
            if (other != old && type_equal(&other->type, &old->type)) next = other;
        }
    else if (way < 34)
        next = fed_back(body, old);
    if (!next) next = cell(body, old);
    if (next && net_chance(net, 12)) next = masked(body, next, old);
    if (!next) return old;
    see(body, next);
    return next;
}

/* ---- Scans ---- */

typedef struct Scan {
    Op *op;
    Value *operands[2 * SEEN_MAX];
    int64_t axes[3 * SEEN_MAX];
    Value *yields[2 * SEEN_MAX];
    int sequences, carries, rows;
    int counter; /* index of a carried i32 that counts steps, for `until`; -1: none */
} Scan;

static Value *initial(Recurrent *r, const Type *type) {
    Net *net = r->net;
    for (int i = r->end_count - 1; i >= 0; i--)
        if (type_equal(&r->ends[i]->type, type) && net_chance(net, 30) && net->kind == NET_PLAIN)
            return r->ends[i];
    bool constant = expr_is_constant(type->dims[0], NULL);
    Value *value =
        constant && net_chance(net, 60) ? net_constant(net, type->dtype, type->rank, type->dims, 1) : NULL;
    if (net->kind == NET_CALLS) {
        value = net_constant(net, type->dtype, type->rank, type->dims, 1);
        return r->within ? value : net_add_state(net, value);
    }
    return value ? value : net_input(net, 'x', type->dtype, type->rank, type->dims);
}

static void open(Recurrent *r, Scan *scan) {
    Net *net = r->net;
    for (int wanted = net_chance(net, 4) ? 0 : 1 + net_below(net, 3); wanted > 0; wanted--) {
        const Sequence *from =
            &r->seen[r->seen_count - 1 - net_below(net, r->seen_count < 3 ? r->seen_count : 3)];
        scan->axes[scan->sequences] = from->axis;
        scan->operands[scan->sequences++] = from->value;
    }
    bool features = scan->sequences > 0;
    if (r->counts) scan->operands[scan->sequences++] = r->counts;
    Type first = feature_type(r, feature_count(net));
    for (int wanted = features && net_chance(net, 6) ? 0 : 1 + net_below(net, CARRIES_MAX); wanted > 0;
         wanted--) {
        Type type = net_chance(net, 60) ? first : feature_type(r, feature_count(net));
        scan->operands[scan->sequences + scan->carries++] = initial(r, &type);
    }
    scan->counter = -1;
    if (net->kind == NET_PLAIN && net_chance(net, 8)) {
        scan->counter = scan->carries;
        scan->operands[scan->sequences + scan->carries++] = net_scalar(net, DTYPE_I32, 0);
    }
    scan->op = net_op(net, OP_SCAN, scan->operands, scan->sequences + scan->carries);
    scan->op->body = block_create(net->module, scan->op);
}

static void add_arguments(Recurrent *r, Scan *scan, Body *body) {
    for (int i = 0; i < scan->sequences + scan->carries; i++) {
        const Type *type = &scan->operands[i]->type;
        const Expr *dims[RANK_MAX];
        int rank = 0;
        for (int j = 0; j < type->rank; j++)
            if (i >= scan->sequences || j != scan->axes[i]) dims[rank++] = type->dims[j];
        Value *argument =
            block_add_argument(r->net->module, scan->op->body, type_make(type->dtype, rank, dims), NULL);
        if (i < scan->sequences && type->dtype == DTYPE_I32)
            body->position = argument;
        else if (dtype_is_float(type->dtype))
            see(body, argument);
    }
    if (r->end_count && r->net->kind == NET_PLAIN && net_chance(r->net, 30))
        see(body, r->ends[net_below(r->net, r->end_count)]);
}

static Value *grow_scan(Recurrent *r);

/* A scan within: over features as a sequence of its own. */
static void nest(Body *body) {
    Recurrent inner = {.net = body->recurrent->net,
                       .rows = body->recurrent->rows,
                       .dtype = body->recurrent->dtype,
                       .within = true};
    Net *net = inner.net;
    static const int steps[] = {1, 1, 2, 3, 5, 33};
    int64_t trip = steps[net_below(net, 6)], units = 1 + net_below(net, 9);
    const Expr *dims[3] = {inner.rows, number(net, trip), number(net, units)};
    if (!inner.rows) {
        dims[0] = dims[1];
        dims[1] = dims[2];
    }
    Value *wide = linear(net, chosen(body), trip * units, 1);
    Value *sequence = wide ? reshaped(net, wide, dims, rank_of(&inner) + 1) : NULL;
    if (!sequence) return;
    inner.trip = number(net, trip);
    inner.seen[inner.seen_count++] = (Sequence){sequence, rank_of(&inner) - 1};
    Value *end = grow_scan(&inner);
    if (end && dtype_is_float(end->type.dtype)) see(body, end);
}

static void grow_body(Recurrent *r, Scan *scan) {
    Net *net = r->net;
    Body body = {.recurrent = r};
    add_arguments(r, scan, &body);
    Value **olds = scan->op->body->arguments + scan->sequences;
    int carries = scan->carries - (scan->counter >= 0), count = 0;
    if (!r->within && net_chance(net, 15) && r->trip->max <= 33) nest(&body);
    for (int i = 0; i < carries; i++) scan->yields[count++] = next_of(&body, olds, carries, i);
    if (scan->counter >= 0)
        scan->yields[count++] = net_simple(net, OP_ADD, olds[scan->counter], net_scalar(net, DTYPE_I32, 1));
    if (net_chance(net, 20)) see(&body, linear(net, chosen(&body), expr_value(feature_count(net)), 1));
    for (int wanted = net_below(net, 4); wanted > 0; wanted--) {
        Value *row = carries && net_chance(net, 55) ? scan->yields[net_below(net, carries)] : chosen(&body);
        scan->axes[scan->sequences + scan->rows++] = net_below(net, row->type.rank + 1);
        scan->yields[count++] = row;
    }
    if (scan->counter >= 0) {
        int64_t most = net_chance(net, 50) ? 5 : r->trip->max + 2;
        Value *limit = net_scalar(net, DTYPE_I32, 1 + net_below(net, (int)most));
        scan->yields[count++] = net_simple(net, OP_GE, scan->yields[scan->counter], limit);
        op_set_int(net->module, scan->op, ATTR_UNTIL, 1);
    }
    op_create(net->module, scan->op->body, OP_YIELD, scan->yields, count, (Span){0}, "");
}

/* A carried result. */
static Value *grow_scan(Recurrent *r) {
    Net *net = r->net;
    Scan scan = {0};
    Block *outer = net->block;
    open(r, &scan);
    net->block = scan.op->body;
    grow_body(r, &scan);
    net->block = outer;
    op_set_int(net->module, scan.op, ATTR_SEQUENCES, scan.sequences);
    op_set_int(net->module, scan.op, ATTR_CARRIES, scan.carries);
    op_set_exprs(net->module, scan.op, ATTR_TRIP, &r->trip, 1);
    op_set_ints(net->module, scan.op, ATTR_AXES, scan.axes, scan.sequences + scan.rows);
    if (net->kind == NET_PLAIN && net_chance(net, 35)) op_set_int(net->module, scan.op, ATTR_REVERSE, 1);
    bool good = infer_op(net->module, scan.op);
    for (int i = 0; net->kind == NET_CALLS && !r->within && i < scan.carries; i++)
        r->states[r->state_count++] = good ? scan.op->results[i] : scan.operands[scan.sequences + i];
    if (!good) {
        op_remove(scan.op);
        return NULL;
    }
    int carries = scan.carries - (scan.counter >= 0);
    for (int i = 0; i < carries && r->end_count < SEEN_MAX; i++)
        r->ends[r->end_count++] = scan.op->results[i];
    for (int i = 0; i < scan.rows && r->seen_count < SEEN_MAX; i++)
        r->seen[r->seen_count++] =
            (Sequence){scan.op->results[scan.carries + i], (int)scan.axes[scan.sequences + i]};
    return scan.op->results[0];
}

/* ---- Between the layers ---- */

static void add_seen(Recurrent *r, Value *value, int axis) {
    if (value && r->seen_count < SEEN_MAX) r->seen[r->seen_count++] = (Sequence){value, axis};
}

static void add_end(Recurrent *r, Value *value) {
    if (value && r->end_count < SEEN_MAX) r->ends[r->end_count++] = value;
}

/* The position of the last or first step. */
static void take_position(Recurrent *r, Sequence from, bool last) {
    Net *net = r->net;
    const Expr *start = last ? expr_add_constant(net->module->exprs, r->trip, -1) : number(net, 0),
               *dims[RANK_MAX];
    int rank = 0;
    if (r->trip->min < 1) return;
    Value *value = cut(net, from.value, from.axis, start, number(net, 1));
    for (int i = 0; i < from.value->type.rank; i++)
        if (i != from.axis) dims[rank++] = from.value->type.dims[i];
    add_end(r, value ? reshaped(net, value, dims, rank) : NULL);
}

/* Time moves to another place. */
static void permute(Recurrent *r, Sequence from) {
    Net *net = r->net;
    int rank = from.value->type.rank, to = net_below(net, rank);
    int64_t order[RANK_MAX];
    for (int i = 0, next = 0; i < rank; i++) {
        next += next == from.axis;
        order[i] = i == to ? from.axis : next++;
    }
    Op *op = net_op(net, OP_PERMUTE, &from.value, 1);
    op_set_ints(net->module, op, ATTR_PERMUTATION, order, rank);
    add_seen(r, net_finish(net, op), to);
}

static void work_between(Recurrent *r) {
    Net *net = r->net;
    Sequence from = r->seen[r->seen_count - 1 - net_below(net, r->seen_count < 3 ? r->seen_count : 3)];
    int last = from.value->type.rank - 1;
    switch (net_below(net, net->kind == NET_CALLS ? 3 : 5)) {
    case 0: permute(r, from); break;
    case 1:
        if (from.axis != last)
            add_seen(r, linear(net, from.value, expr_value(feature_count(net)), 2), from.axis);
        break;
    case 2: add_seen(r, net_simple(net, OP_TANH, from.value, NULL), from.axis); break;
    default: take_position(r, from, net_chance(net, 80)); break;
    }
}

/* ---- Networks ---- */

static const Expr *choose_trip(Net *net) {
    static const int steps[] = {0, 1, 1, 2, 31, 32, 33, 64, 65, 100};
    if (net->kind == NET_CALLS) return net_dim(net, net_chance(net, 70) ? 'L' : 'T');
    int way = net_below(net, 10);
    if (way < 4) return number(net, steps[net_below(net, sizeof steps / sizeof *steps)]);
    const Expr *dim = net_dim(net, way < 7 ? 'L' : way < 9 ? 'T' : 'S');
    if (net_chance(net, 80)) return dim;
    return net_chance(net, 50) ? expr_add_constant(net->module->exprs, dim, 1 + net_below(net, 40))
                               : expr_scale(net->module->exprs, dim, 2);
}

static Sequence input_sequence(Recurrent *r) {
    Net *net = r->net;
    Type type = feature_type(r, feature_count(net));
    Sequence sequence = {NULL, net_below(net, type.rank + 1)};
    bool tokens = net_chance(net, 30);
    const Expr *dims[RANK_MAX];
    if (tokens) sequence.axis = net_below(net, type.rank);
    for (int i = 0, next = 0; i <= type.rank; i++) dims[i] = i == sequence.axis ? r->trip : type.dims[next++];
    if (!tokens) {
        sequence.value = net_input(net, 'x', type.dtype, type.rank + 1, dims);
        return sequence;
    }
    static const int words[] = {1, 2, 7, 16, 40};
    int count = words[net_below(net, 5)];
    const Expr *table[2] = {number(net, count), dims[type.rank]};
    Value *at = net_index_input(net, count, type.rank, dims);
    Op *op = net_op(net, OP_GATHER, (Value *[]){net_constant(net, type.dtype, 2, table, 1), at}, 2);
    op_set_int(net->module, op, ATTR_AXIS, 0);
    sequence.value = net_finish(net, op);
    return sequence;
}

static int choose_results(Recurrent *r, Value **out) {
    Net *net = r->net;
    int count = 0, first = net_below(net, 3);
    for (int i = r->seen_count - 1; i >= 0 && count < 4; i--)
        if (r->seen[i].value->kind == VALUE_RESULT && net_chance(net, 60 - 20 * first))
            out[count++] = r->seen[i].value;
    for (int i = r->end_count - 1; i >= 0 && count < 8; i--)
        if ((!count || net_chance(net, 25)) && r->ends[i]->kind == VALUE_RESULT) out[count++] = r->ends[i];
    return count;
}

void net_grow_recurrent(Net *net, const char *model) {
    Recurrent r = {.net = net, .dtype = net_chance(net, 12) ? DTYPE_F64 : DTYPE_F32};
    net_begin_entry(net, model, "run");
    r.trip = choose_trip(net);
    if (net_chance(net, 75))
        r.rows = net->kind == NET_PLAIN && net_chance(net, 50) ? net_dim(net, 'N')
                                                               : number(net, 1 + net_below(net, 3));
    for (int wanted = 1 + net_below(net, 2); wanted > 0; wanted--) {
        Sequence sequence = input_sequence(&r);
        add_seen(&r, sequence.value, sequence.axis);
    }
    if (net->kind == NET_PLAIN && net_chance(net, 40)) {
        Op *iota = net_op(net, OP_IOTA, NULL, 0);
        op_set_exprs(net->module, iota, ATTR_SHAPE, &r.trip, 1);
        op_set_int(net->module, iota, ATTR_DTYPE, DTYPE_I32);
        r.counts = net_finish(net, iota);
    }
    for (int wanted = 1 + net_below(net, 4); wanted > 0; wanted--) {
        grow_scan(&r);
        if (net_chance(net, 50)) work_between(&r);
    }
    Value *yields[64];
    int count = choose_results(&r, yields);
    if (!count) yields[count++] = r.seen[0].value;
    for (int i = 0; i < r.state_count; i++) yields[count++] = r.states[i];
    net_end_entry(net, yields, count);
}
