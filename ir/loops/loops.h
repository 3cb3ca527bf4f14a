/* The loop IR: loops over buffers, and between them straight SSA whose values are tiles of constant size
 * f32<rows x vectors x lanes>. It says how a tensor program is computed, down to the order of every sum, and
 * nothing of any machine but the tile sizes. A LoopModule owns everything through its arena and shares the
 * graph module that holds the dims and constants of its text.
 *
 * Indices are expressions (ir/expr.h) over dims, loop variables and two symbols bound inside a tile: `r`, the
 * row, and `l`, the position along vectors x lanes. An access that mentions neither is a scalar broadcast to
 * the whole tile. */
#ifndef TENON_IR_LOOPS_LOOPS_H
#define TENON_IR_LOOPS_LOOPS_H

#include "ir/graph.h"

enum { BUFFER_RANK_MAX = 12, REDUCTION_DEPTH_MAX = 4, ROW_PLAN_MAX = 8, LANES_MAX = 64, ROWS_SYMBOLIC = 0 };

typedef struct LoopStatement LoopStatement;
typedef struct LoopFunction LoopFunction;

typedef enum BufferKind {
    BUFFER_PARAMETER, /* of its function */
    BUFFER_CONSTANT,  /* a graph constant, in the physical order of its layout */
    BUFFER_WORKSPACE, /* of an entry: |offset| bytes into the caller's workspace */
    BUFFER_STATE,     /* of an entry: |offset| bytes into the caller's state */
    BUFFER_LOCAL      /* on the stack of its function, static extents */
} BufferKind;

/* Physical axes, outermost first; an element's place is the sum of index * stride, in elements. */
typedef struct Buffer {
    BufferKind kind;
    const char *name;
    DType dtype;
    int rank;
    const Expr *extents[BUFFER_RANK_MAX];
    const Expr *strides[BUFFER_RANK_MAX];
    bool written;       /* PARAMETER: the function stores to it */
    Constant *constant; /* CONSTANT */
    int64_t offset;     /* WORKSPACE, STATE */
    int id;             /* unique in the module */
} Buffer;

typedef struct Access {
    Buffer *buffer;
    const Expr *indices[BUFFER_RANK_MAX];
} Access;

/* rows is ROWS_SYMBOLIC in the body of a rows loop, whose height stands for it. */
typedef struct Tile {
    int id;
    const char *name;
    DType dtype;
    int rows, vectors, lanes;
} Tile;

typedef enum LoopStatementKind {
    LOOP_FOR,      /* for %i = low .. high step s [carry ...] { body } */
    LOOP_ROWS,     /* for %i = low .. high rows [6*9, 2] { body }: steps by the tile's height */
    LOOP_LANES,    /* for %i = low .. high lanes 16 { body }: steps by a tile's width; the last, narrower, is
                      masked */
    LOOP_PARALLEL, /* parallel %q = 0 .. items { body }: outermost in its function */
    LOOP_LOAD,     /* %t = load %X[...] : f32<..> */
    LOOP_STORE,    /* store %t, %X[...] */
    LOOP_MAP,      /* %t = map %a, %b { t0 = mul a0, a1 : f32; ... } : f32<..> */
    LOOP_CONTRACT, /* %t = contract %init, c = 0 .. 64, k = .., chunk 256, A = %X[...], B = %W[...],
                      prefetch 4096 + 2*%m step 3 : f32<..> */
    LOOP_SLICE,    /* %t = slice %a from 2 : f32<R x 2 x 16>: some of a tile's vectors, all of its rows */
    LOOP_REDUCE, /* %t = reduce add %a : f32<R x 1 x 1>: over vectors and lanes, in a fixed tree; or over rows,
                      f32<1 x 2 x 16> of f32<R x 2 x 16> */
    LOOP_POSITION, /* %t = position expr : i64<..>: the value of an index expression */
    LOOP_INDEX,    /* index %j = %t in low .. high else 6: a run-time index; outside: the function returns the
                      code */
    LOOP_PREFETCH, /* prefetch %X[...] : f32<..>: a tile's lines are asked for, to be stored to or loaded soon
                    */
    LOOP_LOCAL,    /* local %b : f32[64] */
    LOOP_EXIT,     /* exit if %t: leaves the innermost for loop when the bool is true */
    LOOP_CALL      /* call @f(%X, %Y + 4*%t): buffers at element offsets; only in entries */
} LoopStatementKind;

/* One scalar instruction of a map. Operands: >= 0 an earlier node, < 0 map operand -1 - n. */
typedef enum MapKind { MAP_OP, MAP_CONSTANT, MAP_FMA } MapKind;

typedef struct MapNode {
    MapKind kind;
    OpKind op;   /* MAP_OP: a pointwise row of ops.def */
    DType dtype; /* of the result */
    int operands[3];
    double real; /* MAP_CONSTANT, by class of dtype */
    int64_t integer;
} MapNode;

typedef struct Carry {
    Tile *inside; /* the value within the body */
    Tile *initial;
    Tile *next;   /* computed by the body */
    Tile *result; /* after the loop */
} Carry;

typedef struct Range {
    const Symbol *symbol;
    const Expr *low, *high; /* high exclusive; low >= high: no step */
} Range;

typedef struct RowPlan {
    int height;
    int count; /* iterations of that height; 0: as many as fit */
} RowPlan;

typedef struct CallArgument {
    Buffer *buffer;
    const Expr *offset; /* elements */
} CallArgument;

typedef struct LoopBody {
    LoopStatement *first, *last;
} LoopBody;

struct LoopStatement {
    LoopStatementKind kind;
    LoopStatement *next;
    Span span;
    Range range;  /* loops; INDEX: the symbol defined and its bounds */
    int64_t step; /* FOR; LANES: the width; PARALLEL: items; SLICE: the first vector */
    int plan_count;
    RowPlan plan[ROW_PLAN_MAX];
    LoopBody body;
    int carry_count;
    Carry *carries;
    Tile *tile; /* result; STORE, INDEX, EXIT: the operand; PREFETCH: a shape only */
    Access access;
    int operand_count;
    Tile **operands; /* MAP; CONTRACT: [0] the initial sum (may be NULL: +0); SLICE, REDUCE: [0] */
    int node_count;
    MapNode *nodes; /* the last is the result */
    Access a, b;    /* CONTRACT: products a * b */
    int depth;
    Range k[REDUCTION_DEPTH_MAX]; /* outermost first */
    int64_t chunk;      /* terms per partial sum, a multiple of the inner ranges' product; 0: one partial */
    const Expr *ahead;  /* elements of B beyond the first it reads, from where on |ahead_step| elements are */
    int64_t ahead_step; /* asked for at each term, for later tiles; NULL: none. Changes no value. */
    OpKind reduce;      /* OP_ADD, OP_MAX, OP_MIN */
    const Expr *position;
    int code; /* INDEX: the status returned */
    Buffer *local;
    LoopFunction *callee;
    int argument_count;
    CallArgument *arguments;
};

typedef struct LoopFunction {
    const char *name;
    Span span;
    int parameter_count;
    Buffer **parameters; /* entries: inputs, then outputs */
    LoopBody body;
    /* Entries only. */
    bool is_entry;
    const char *model, *entry_name;
    int input_count, output_count;
    int dim_count;
    Dim **dims;
    VECTOR(Buffer *) buffers; /* workspace and state */
    VECTOR(EqualityCheck) checks;
    int64_t workspace_bytes;
    bool uses_state;
} LoopFunction;

typedef struct ModelState {
    const char *model;
    int64_t bytes;
    VECTOR(Buffer *) buffers; /* constants that reset copies, in order of |offsets| */
    VECTOR(int64_t) offsets;
} ModelState;

typedef struct LoopModule {
    Arena *arena;
    Module *graph; /* dims, constants, expressions, diagnostics */
    const Symbol *row, *lane;
    VECTOR(LoopFunction *) functions; /* callees first, then entries */
    VECTOR(Buffer *) constants;       /* those in use */
    VECTOR(ModelState *) states;
    int next_tile_id, next_buffer_id;
    const SourceFile *text; /* what it was parsed from, NULL: lowered; places in it are not printed */
} LoopModule;

LoopModule *loop_module_create(Module *graph);
Buffer *buffer_create(LoopModule *module, BufferKind kind, const char *name, DType dtype, int rank,
                      const Expr *const *extents, const Expr *const *strides /* NULL: row major */);
/* The one buffer of a graph constant; its axes are the pieces of its layout, halos included. */
Buffer *buffer_of_constant(LoopModule *module, Constant *constant);
LoopFunction *loop_function_create(LoopModule *module, const char *name, Span span);
void loop_function_add_parameter(LoopModule *module, LoopFunction *function, Buffer *buffer);
/* Whether a reduction goes over the rows of its operand. */
bool reduces_rows(const LoopStatement *reduce);
Tile *tile_create(LoopModule *module, DType dtype, int rows, int vectors, int lanes);
LoopStatement *loop_append(LoopModule *module, LoopBody *body, LoopStatementKind kind, Span span);
int64_t buffer_bytes_max(const Buffer *buffer);
/* The element an access points at, as an expression over its symbols. */
const Expr *access_offset(LoopModule *module, const Access *access);
/* Extents and row-major strides of a type's memory: one axis per piece, halos included; returns the rank. */
int layout_physical(Module *module, const Type *type, const Expr **out_extents, const Expr **out_strides);

void loops_print(Text *text, const LoopModule *module);
LoopModule *loops_parse(Arena *arena, Diagnostics *diagnostics, const SourceFile *source);
/* |registers|: vector registers of the schedule's target, |register_bytes| their width; 0: no budget is
 * checked. */
bool loops_verify(LoopModule *module, const char *stage, int registers, int register_bytes, bool has_fma);

#endif
