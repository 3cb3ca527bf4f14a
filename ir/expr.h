/* Integer expressions over symbols: extents, strides and indices. One expression per meaning: they are
 * interned in canonical form (sums of products of atoms), so two equal expressions are one pointer. An atom
 * is a symbol or a floor division, remainder, minimum or maximum that could not be simplified. Every
 * expression knows bounds of its value, taken from the bounds of its symbols. Symbols stand for an entry's
 * dims, for loop variables, for a tile's row and lane, and for indices read from tensors.
 *
 * An ExprTable owns its expressions. Arithmetic that overflows 64 bits ends in a saturated bound, never in a
 * trap. */
#ifndef TENON_IR_EXPR_H
#define TENON_IR_EXPR_H

#include "support/arena.h"
#include "support/text.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Expr Expr;
typedef struct ExprTable ExprTable;

typedef struct Symbol {
    const char *name;
    int64_t min, max; /* inclusive */
    void *owner;      /* for the creator's use */
} Symbol;

typedef enum ExprKind { EXPR_SUM, EXPR_SYMBOL, EXPR_FLOORDIV, EXPR_MOD, EXPR_MIN, EXPR_MAX } ExprKind;

/* coefficient * atoms[0] * atoms[1] ...; no atoms: the constant. */
typedef struct Term {
    int64_t coefficient;
    int atom_count;
    const Expr **atoms;
} Term;

struct Expr {
    ExprKind kind;
    uint32_t id; /* order of creation */
    int64_t min, max;
    const Symbol *symbol;     /* EXPR_SYMBOL */
    const Expr *left, *right; /* the other atoms */
    int term_count;           /* EXPR_SUM: constants are sums of at most one term; 0 has none */
    Term *terms;
};

ExprTable *expr_table_create(Arena *arena);

Symbol *symbol_create(Arena *arena, const char *name, int64_t min, int64_t max);

const Expr *expr_constant(ExprTable *table, int64_t value);
const Expr *expr_symbol(ExprTable *table, const Symbol *symbol);
const Expr *expr_add(ExprTable *table, const Expr *a, const Expr *b);
const Expr *expr_sub(ExprTable *table, const Expr *a, const Expr *b);
const Expr *expr_mul(ExprTable *table, const Expr *a, const Expr *b);
const Expr *expr_floordiv(ExprTable *table, const Expr *a, const Expr *b);
const Expr *expr_ceildiv(ExprTable *table, const Expr *a, const Expr *b);
const Expr *expr_mod(ExprTable *table, const Expr *a, const Expr *b);
const Expr *expr_min(ExprTable *table, const Expr *a, const Expr *b);
const Expr *expr_max(ExprTable *table, const Expr *a, const Expr *b);
const Expr *expr_add_constant(ExprTable *table, const Expr *a, int64_t value);
const Expr *expr_scale(ExprTable *table, const Expr *a, int64_t factor);

bool expr_is_constant(const Expr *expr, int64_t *out_value);
/* The value of an expression known to be constant. */
int64_t expr_value(const Expr *expr);
bool expr_equals(const Expr *expr, int64_t value);
bool expr_uses(const Expr *expr, const Symbol *symbol);

/* |expr| with |symbol| replaced by |replacement|, simplified again. */
const Expr *expr_substitute(ExprTable *table, const Expr *expr, const Symbol *symbol,
                            const Expr *replacement);
/* The coefficient of |symbol| when |expr| is linear in it, as an expression free of it; otherwise NULL. */
const Expr *expr_coefficient(ExprTable *table, const Expr *expr, const Symbol *symbol);

/* The value where |lookup| gives each symbol's. */
typedef int64_t (*SymbolLookup)(const Symbol *symbol, void *context);
int64_t expr_evaluate(const Expr *expr, SymbolLookup lookup, void *context);

/* Infix text that expr's readers accept: 2*N + 1, (T + 3)/4 floor division as '/', '%', min(a, b). */
void expr_print(Text *text, const Expr *expr);

#endif
