/* Random networks: well-typed entries grown op by op from the op table, a function of the seed alone. */
#ifndef TENON_TEST_RANDOM_NET_H
#define TENON_TEST_RANDOM_NET_H

#include "ir/graph.h"
#include "test/native/values.h"

typedef enum NetKind {
    NET_PLAIN,
    NET_BATCH, /* axis 0 of every value is the batch: N rows must give what N calls of one row give */
    NET_STEPS, /* two entries: a scan over T steps, and one step with the carried values as state */
    NET_CALLS  /* stacked scans that go on from state: calls for parts of the steps are one call for all */
} NetKind;

typedef enum Flavour { FLAVOUR_MIXED, FLAVOUR_DENSE, FLAVOUR_IMAGE, FLAVOUR_SEQUENCE, FLAVOUR_COUNT } Flavour;

typedef struct Net {
    Arena *arena;
    Module *module;
    Entry *entry;
    Block *block; /* that grows */
    Random random;
    uint64_t seed;
    NetKind kind;
    Flavour flavour;
    bool large;           /* some layers are worth several work items */
    bool recurrent;       /* layers are scans */
    VECTOR(Value *) pool; /* values in sight */
    int depth;            /* scans around */
    int next_name;
} Net;

/* A module with the dims N = 1..6, T = 1..9, S = 0..5 and L = 1..200, to grow nets in. */
Module *nets_module(Arena *arena, Diagnostics *diagnostics);
/* Adds the entries of net |seed|, of model Net<seed>, Recurrent<seed>, Batch<seed>, Steps<seed> or
 * Calls<seed>; |recurrent|: one whose layers are scans. */
void net_grow(Module *module, uint64_t seed, bool recurrent);

/* ---- For the growers ---- */

enum { ELEMENTS_MAX = 8192, ELEMENTS_LARGE = 40000, ELEMENTS_LONG = 300000, NET_RANK_MAX = 5 };
int64_t net_elements_max(const Net *net);

const Expr *net_dim(Net *net, char letter);
const Expr *net_extent(Net *net); /* a constant, mostly small or near a vector's width */
int net_below(Net *net, int count);
bool net_chance(Net *net, int percent);

/* NULL: nothing in sight is fit. */
typedef bool ValueFilter(const Value *value);
Value *net_pick(Net *net, ValueFilter *filter);
bool is_f32(const Value *value);
bool is_real(const Value *value); /* f32 or f64 */
bool is_number(const Value *value);
bool is_integer_value(const Value *value);
bool is_any(const Value *value);
bool is_image(const Value *value); /* real, [N, C, D..] with constant channels */

/* |kind| as in test/native/values.h; within a scan the input is of the entry. */
Value *net_input(Net *net, char kind, DType dtype, int rank, const Expr *const *dims);
Value *net_index_input(Net *net, int64_t extent, int rank, const Expr *const *dims);
Value *net_constant(Net *net, DType dtype, int rank, const Expr *const *dims, double scale);
Value *net_scalar(Net *net, DType dtype, double value);
/* A value of that type: in sight, a constant or an input. */
Value *net_want(Net *net, DType dtype, int rank, const Expr *const *dims);
/* A value that broadcasts to |type|. */
Value *net_want_broadcast(Net *net, DType dtype, const Type *type);

/* op = net_op(..); op_set_..; net_finish(net, op): its first result, NULL: it does not fit (it is gone then).
 */
Op *net_op(Net *net, OpKind kind, Value *const *operands, int count);
Value *net_finish(Net *net, Op *op);
Value *net_simple(Net *net, OpKind kind, Value *a, Value *b);

void net_begin_entry(Net *net, const char *model, const char *name);
void net_end_entry(Net *net, Value *const *yields, int count);
/* Its value before the call. Inputs come first. */
Value *net_add_state(Net *net, Value *initial);
/* The entry of a net whose layers are scans, NET_PLAIN or NET_CALLS. */
void net_grow_recurrent(Net *net, const char *model);

/* One per row of ops.def: a new value, or NULL when nothing in sight is fit. */
typedef Value *Grower(Net *net, OpKind kind);
#define OP(id, text, least, most, results, shape, traits, meaning) Grower grow_##id;
#include "ir/ops.def"
#undef OP
/* Parts of several ops, from f32 maps in sight. */
Value *grow_residual(Net *net);
Value *grow_branches(Net *net);
Value *grow_excitation(Net *net);
Value *grow_transposed(Net *net);
Value *grow_upsampled(Net *net);
/* Some op of the table, or one of these parts. */
Value *net_grow_op(Net *net);
/* Scans need values of a given type: one in sight, or the carried one changed by something. */
Value *net_reach_type(Net *net, Value *old);

#endif
