/* Graph to loops. Each op or cluster becomes one function of the loop IR and one call in its entry; moves
 * that need no copy become views. Private to passes/lower; passes/passes.h shows what others call. */
#ifndef TENON_PASSES_LOWER_LOWER_H
#define TENON_PASSES_LOWER_LOWER_H

#include "ir/loops/loops.h"
#include "ir/target.h"
#include "passes/passes.h"

/* Where a value lies: a buffer of the entry, an offset, and strides by physical axis (pieces of its layout).
 */
typedef struct View {
    Buffer *buffer;
    const Expr *offset; /* elements */
    const Expr *strides[BUFFER_RANK_MAX];
} View;

typedef struct Placed {
    const Value *value;
    View view;
} Placed;

/* A further place that a value's producer stores to. */
typedef struct Echo {
    const Value *value;
    View view;
    LoopFunction *function; /* that does so; NULL: none did */
    Buffer *buffer;         /* its parameter */
} Echo;

typedef struct Lowering {
    LoopModule *loops;
    Module *graph;
    ExprTable *exprs;
    Arena *arena;
    const PassOptions *options;
    Diagnostics *diagnostics;
    LoopFunction *entry;
    const Block *entry_block;
    LoopBody *body; /* where calls go: the entry's or a scan's */
    VECTOR(Placed) placed;
    VECTOR(Echo) echoes;
    bool backwards; /* the step being lowered walks its panels backwards, where its schedules zigzag */
    int next_name;
} Lowering;

typedef void LowerFunction(Lowering *lowering, const Op *op);
#define OP(id, text, least, most, results, shape, traits, meaning) LowerFunction lower_##id;
#include "ir/ops.def"
#undef OP

/* ---- lower.c: values in memory ---- */
View lower_view(Lowering *lowering, const Value *value);
void lower_set_view(Lowering *lowering, const Value *value, View view);
/* Memory for a value: what was reserved for it (an entry's output), else fresh workspace. */
View lower_allocate(Lowering *lowering, const Value *value);
/* The same elements in the same order. */
bool view_equal(const Type *type, const View *a, const View *b);
bool view_is_contiguous(Lowering *lowering, const Type *type, const View *view);
void lower_block(Lowering *lowering, const Block *block);
void lower_op(Lowering *lowering, const Op *op);
const char *lower_fresh_name(Lowering *lowering, const char *hint);
/* Copies one value into memory of the same type. */
void lower_copy(Lowering *lowering, const Type *type, const View *from, const View *to, Span span,
                const char *path);

/* Whether the memory of |value|, computed by an op of |block|, may still be chosen: it is no view and has no
 * place yet. */
bool lower_may_place(Lowering *lowering, const Value *value, const Block *block);
/* Whether |value| is read by |reader| alone, and its memory is workspace that nothing else refers to. */
bool lower_dies_in(Lowering *lowering, const Value *value, const Op *reader);
/* Places the operands of a concat inside its result, where possible. */
void lower_reserve_parts(Lowering *lowering, const Op *op);
/* Copies |from| into fresh memory for |to|, the same tensor in another layout; |op| gives place and path. */
void lower_relayout(Lowering *lowering, const Op *op, const Value *from, const Value *to);
/* An op, or a cluster, of pointwise ops only. */
void lower_pointwise(Lowering *lowering, const Op *op);

/* ---- kernel.c: one function being written ---- */
typedef struct KernelOperand {
    const Value *value;
    Buffer *buffer;
    View view;
} KernelOperand;

typedef struct Kernel {
    Lowering *lowering;
    LoopFunction *function;
    const Op *cluster; /* the cluster, or the lone op */
    Span span;
    LoopBody *body; /* where statements go now */
    int width;      /* vectors * lanes of the tiles: the range of l, for simpler indices */
    bool overhangs; /* tiles go beyond the map */
    VECTOR(KernelOperand) operands;
    const Value *in_place; /* a result that lies where an operand, read for the last time, lay; NULL: none */
    Buffer *in_place_buffer;
} Kernel;

/* A position in a tensor: one index per logical axis, over loop variables, r and l. */
typedef struct Coordinates {
    const Expr *at[RANK_MAX];
} Coordinates;

typedef struct TileShape {
    int rows, vectors, lanes;
} TileShape;

Kernel kernel_begin(Lowering *lowering, const Op *op);
/* The function's parameter for a value that is read, or written (then memory is allocated). */
Buffer *kernel_operand(Kernel *kernel, const Value *value);
Buffer *kernel_result(Kernel *kernel, const Value *value);
/* Lets |result| take the memory of |operand|, which it reads at the same places only, and for the last time.
 */
void kernel_work_in_place(Kernel *kernel, const Value *operand, const Value *result);
/* A parameter for any place, written or not. */
Buffer *kernel_parameter(Kernel *kernel, const Type *type, const View *view, bool written, const char *name);
void kernel_end(Kernel *kernel); /* adds the call to the entry */

Access kernel_access(Kernel *kernel, Buffer *buffer, const Type *type, const Coordinates *coordinates);
Tile *kernel_load(Kernel *kernel, const Access *access, TileShape shape);
void kernel_store(Kernel *kernel, Tile *tile, const Access *access);
Tile *kernel_constant(Kernel *kernel, DType dtype, double value, TileShape shape);
Tile *kernel_map(Kernel *kernel, OpKind op, DType dtype, Tile *a, Tile *b);
Tile *kernel_fma(Kernel *kernel, Tile *a, Tile *b, Tile *c);
Tile *kernel_select(Kernel *kernel, Tile *condition, Tile *a, Tile *b);
/* |vectors| of a tile's vectors, from |first| on. */
Tile *kernel_slice(Kernel *kernel, Tile *tile, int first, int vectors);
Tile *kernel_reduce(Kernel *kernel, OpKind op, Tile *tile); /* over vectors and lanes */
Tile *kernel_reduce_rows(Kernel *kernel, OpKind op, Tile *tile);
Tile *kernel_position(Kernel *kernel, const Expr *position, DType dtype, TileShape shape);
/* The operand |index| of |op|, NULL where it is absent. */
Buffer *kernel_optional(Kernel *kernel, const Op *op, int index);
/* A symbol for one range of a contraction's nest. */
const Expr *kernel_range(Kernel *kernel, Range *out_range, const char *name, const Expr *low,
                         const Expr *high);
Tile *kernel_contract(Kernel *kernel, Tile *initial, const Access *a, const Access *b, const Range *ranges,
                      int depth, int64_t chunk, DType dtype, TileShape shape);
/* Lets the last contraction ask for the panel of weights that follows the one it reads, each of the |rows|
 * rows from |row| on for its share. The panel holds |terms| terms. */
void kernel_prefetch(Kernel *kernel, int64_t terms, const Expr *row, int64_t rows, int tile_rows);
/* Work items; must be the outermost loop. */
const Expr *kernel_parallel(Kernel *kernel, int items);
/* What one work item, |item| of |items|, does of a nest: a part of the axis |axis|. -1: everything; then
 * there are no items. */
typedef struct Share {
    int axis, items;
    const Expr *item;
    const Expr *low, *high;
} Share;
/* Splits a function's only nest, over |extents| from outermost, into work items where it is worth it and
 * there is an executor. Call it before the first loop; then open the loops with kernel_for_share. */
Share kernel_share(Kernel *kernel, const Expr *const *extents, int count, int64_t elements);
const Expr *kernel_for_share(Kernel *kernel, const char *name, int axis, const Expr *extent,
                             const Share *share);
/* Loops over the physical axes of |type|, halos aside, vectors along the innermost; the logical index at each
 * place. */
Coordinates kernel_open_nest(Kernel *kernel, const Type *type, int lanes);
/* Opens a loop and moves into its body; kernel_leave moves back to |outer|. */
const Expr *kernel_for(Kernel *kernel, const char *name, const Expr *low, const Expr *high);
const Expr *kernel_lanes(Kernel *kernel, const char *name, const Expr *low, const Expr *high, int width);
const Expr *kernel_rows(Kernel *kernel, const char *name, const Expr *low, const Expr *high, int rows_max);
LoopStatement *kernel_last(Kernel *kernel);
/* Adds a carried tile to the loop statement |loop|; returns the value inside. Finish with kernel_carry_next.
 */
Tile *kernel_carry(Kernel *kernel, LoopStatement *loop, Tile *initial);
Tile *kernel_carry_next(Kernel *kernel, LoopStatement *loop, int index, Tile *next);
const Expr *number(const Kernel *kernel, int64_t value);
const Expr *row_symbol(const Kernel *kernel);
const Expr *lane_symbol(const Kernel *kernel);

/* |lanes|, or as many as the innermost blocks of |type| have, if these are fewer. */
int lanes_in_block(const Type *type, int lanes);

/* ---- epilogue.c ---- */
/* The value that is the cluster's anchor result (or the op's), computed as |tile| at |coordinates|: applies
 * the ops that follow it in the cluster and stores what the cluster yields. */
/* Returns the tile of the first. Sums over maps are left to map_sum.c. */
Tile *kernel_finish_tile(Kernel *kernel, const Value *anchor, Tile *tile, const Coordinates *coordinates);
/* Asks for the places that kernel_finish_tile will store to, and for those of equally large operands. */
void kernel_prefetch_results(Kernel *kernel, TileShape shape, const Coordinates *coordinates);
/* Stores one tile of a result to its places. */
void kernel_store_result(Kernel *kernel, const Value *result, Tile *tile, const Coordinates *coordinates);
/* The same for a cluster made by fuse_gates: |tile| holds |groups| parts of the anchor's result,
 * |coordinates| are those of one part. */
void kernel_finish_gates(Kernel *kernel, const Value *anchor, Tile *tile, int groups,
                         const Coordinates *coordinates);
/* ---- map_sum.c: the sum or mean of a map that the cluster yields beside it ---- */
typedef struct MapSum {
    const Op *reduction; /* NULL: there is none */
    Buffer *rows;        /* [items, N, C] */
    const Expr *item;
    int items;
} MapSum;

/* At the start of a work item (NULL: there is one), before its first tile. */
MapSum map_sum_begin(Kernel *kernel, const Expr *item, int items);
/* |tile|: of the finished map, at |at|. */
void map_sum_add(Kernel *kernel, const MapSum *sum, Tile *tile, const Coordinates *at);
/* After all items. */
void map_sum_end(Kernel *kernel, const MapSum *sum);

/* The tile of a value of the cluster at some place, computed from memory and from |anchor|'s tile if it uses
 * it. */
Tile *kernel_value_at(Kernel *kernel, const Value *value, const Value *anchor, Tile *tile,
                      const Coordinates *coordinates, TileShape shape);
/* Zeros in the last block of each split axis of |value|, where the axis may not fill it; before it is
 * written. */
void kernel_fill_padding(Kernel *kernel, const Value *value);
/* Zeros around the stored results, where their layouts have halos. */
void kernel_fill_halos(Kernel *kernel);
/* The cluster around an op, or the op itself. */
const Op *cluster_of(const Op *op);
/* The op a cluster is built around; a lone op is its own anchor; NULL: pointwise only. */
const Op *cluster_anchor(const Op *op);
int cluster_result_count(const Op *op);
const Value *cluster_yield(const Op *op, int index); /* the inner value behind result |index| */
const Value *cluster_result(const Op *op, int index);
/* Whether result |index| is the sum or mean of the map that the cluster yields first. */
bool cluster_yields_sum(const Op *op, int index);

#endif
