/* Private to ir/loops/eval*.c: one call being interpreted. */
#ifndef TENON_IR_LOOPS_EVAL_INTERNAL_H
#define TENON_IR_LOOPS_EVAL_INTERNAL_H

#include "ir/eval/eval.h"
#include "ir/loops/eval.h"

typedef struct SymbolSlot {
    const Symbol *symbol; /* NULL: free */
    int64_t value;
} SymbolSlot;

/* Where a buffer lies in this call. */
typedef struct Place {
    unsigned char *bytes; /* NULL: not bound yet */
    int64_t size;         /* bytes that may be touched */
    int64_t extents[BUFFER_RANK_MAX], strides[BUFFER_RANK_MAX];
} Place;

/* rows x vectors x lanes elements, row by row. */
typedef struct TileValue {
    Scalar *items;
    int capacity;
} TileValue;

typedef struct IndexForm IndexForm;

typedef struct LoopEval {
    Arena *arena;
    LoopModule *module;
    LoopEvalOptions options;
    SymbolSlot *slots; /* a hash table; its size is |slot_mask| + 1 */
    size_t slot_mask;
    int64_t *row, *lane; /* the values of r and l */
    IndexForm **forms;   /* by expression id */
    uint32_t form_count;
    Place *places;    /* by buffer id */
    TileValue *tiles; /* by tile id */
    int rows;         /* what R stands for */
    bool masked;      /* in the tail of a lanes loop: positions from |remaining| on do not exist */
    int64_t remaining;
    VECTOR(Scalar) scratch;
    const LoopFunction *function;
    const LoopStatement *statement;
    int status;
} LoopEval;

/* eval_index.c */
void eval_create_symbols(LoopEval *e);
int64_t *eval_symbol(LoopEval *e, const Symbol *symbol);
int64_t eval_index(LoopEval *e, const Expr *expr);

/* eval_access.c */
int eval_rows(const LoopEval *e, const Tile *tile);
int eval_count(const LoopEval *e, const Tile *tile); /* elements */
Scalar *eval_tile(LoopEval *e, const Tile *tile);
Scalar *eval_define(LoopEval *e, const Tile *tile); /* room for its elements */
void eval_bind(LoopEval *e, const Buffer *buffer, void *bytes, int64_t size);
Place *eval_place(LoopEval *e, const Buffer *buffer);
/* The element at the current values of all symbols; NULL: outside, reported. */
unsigned char *eval_address(LoopEval *e, const Access *access);
bool access_varies(const Access *access, const Symbol *symbol);
void eval_fail_outside(LoopEval *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
Scalar scalar_load(DType dtype, const void *bytes);
void eval_load(LoopEval *e, const LoopStatement *statement);
void eval_store(LoopEval *e, const LoopStatement *statement);
void eval_slice(LoopEval *e, const LoopStatement *statement);
void eval_reduce(LoopEval *e, const LoopStatement *statement);
void eval_position(LoopEval *e, const LoopStatement *statement);

/* eval_map.c */
/* |dtype| of the operands (of b for where), |to| of the result; *out_failed: integer division by zero. */
Scalar eval_scalar(OpKind op, DType dtype, DType to, Scalar a, Scalar b, Scalar c, bool *out_failed);
Scalar eval_add(DType dtype, Scalar a, Scalar b);
Scalar eval_multiply_add(const LoopEval *e, DType dtype, Scalar a, Scalar b, Scalar c);
void eval_map(LoopEval *e, const LoopStatement *statement);

/* eval_contract.c */
void eval_contract(LoopEval *e, const LoopStatement *statement);

/* eval_constant.c */
/* The bytes of a constant in the order of its layout; padding and halos are +0. */
void eval_bind_constant(LoopEval *e, const Buffer *buffer);

#endif
