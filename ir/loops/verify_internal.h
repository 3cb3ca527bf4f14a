/* Private to ir/loops/verify*.c: one function being checked. */
#ifndef TENON_IR_LOOPS_VERIFY_INTERNAL_H
#define TENON_IR_LOOPS_VERIFY_INTERNAL_H

#include "ir/loops/loops.h"

enum {
    TILE_ROWS_MAX = 64,
    TILE_WIDTH_MAX = 16 * LANES_MAX,
    LOCAL_BYTES_MAX = 1 << 16,
    MAP_OPERANDS_MAX = 64
};

/* A symbol in scope and the values it takes. */
typedef struct ActiveSymbol {
    Range range;
    const LoopStatement *statement; /* the loop, or the index; NULL: a range of a contraction */
} ActiveSymbol;

typedef struct LoopVerifier {
    LoopModule *module;
    Arena *arena;
    const char *stage;
    int registers, register_bytes;
    bool has_fma, good;

    const LoopFunction *function;
    int *tiles;             /* by id: 0 not defined yet, -1 out of scope, else its place in |open| + 1 */
    unsigned char *buffers; /* by id: in scope */
    VECTOR(const Tile *) open;
    int hidden;                  /* tiles of |open| that the body of a parallel loop does not see */
    VECTOR(ActiveSymbol) active; /* outermost first */
    const LoopStatement *parent, *rows, *lanes; /* the loop around, and those of a kind; NULL: none */
    int copies;                                 /* how often the backend writes down the body here */
    int64_t local_bytes;
} LoopVerifier;

/* verify.c */
Diagnostic *verify_complain(LoopVerifier *v, Span span, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Every symbol is in scope; r and l only where |in_tile|. */
void verify_expr(LoopVerifier *v, const Expr *expr, bool in_tile, Span span);
void verify_use(LoopVerifier *v, const Tile *tile, Span span);
void verify_range(LoopVerifier *v, const Range *range, const LoopStatement *statement,
                  Span span); /* brings it in scope */
/* rows of the tile, at most; what R stands for in a rows loop is its tallest height. */
int verify_rows(const LoopVerifier *v, const Tile *tile);
const char *buffer_text(const LoopVerifier *v, const Buffer *buffer);

/* verify_tile.c */
bool tiles_agree(const Tile *a, const Tile *b);
const char *tile_text(const LoopVerifier *v, const Tile *tile); /* f32<6 x 2 x 8> */
void verify_access(LoopVerifier *v, const Access *access, const Tile *tile, Span span);
void verify_value(LoopVerifier *v,
                  const LoopStatement *statement); /* LOAD, STORE, REDUCE, POSITION, CONTRACT */

/* verify_map.c */
void verify_map(LoopVerifier *v, const LoopStatement *statement);

/* verify_index.c */
/* A place that the loops around reach for certain, outside 0..extent-1 for all values of the dims; NULL: none
 * is known. |tile| gives the range of r and l; NULL: neither occurs. */
const Expr *index_outside(LoopVerifier *v, const Expr *index, const Expr *extent, const Tile *tile);

/* verify_memory.c */
void verify_workspace(LoopVerifier *v, const LoopFunction *entry);
void verify_states(LoopVerifier *v);
/* The element after the last that a buffer spans. */
const Expr *buffer_span(LoopVerifier *v, const Buffer *buffer);

#endif
