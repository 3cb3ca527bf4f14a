/* Private to ir/loops: the names that the text of a loop program gives to its tiles, buffers and symbols, and
 * index expressions spelled with them. Hints are kept where they can be, made unique where they must;
 * nameless tiles are numbered in the order of the text. */
#ifndef TENON_IR_LOOPS_NAMES_H
#define TENON_IR_LOOPS_NAMES_H

#include "ir/loops/loops.h"

typedef struct SymbolName {
    const Symbol *symbol;
    const char *text; /* as expressions spell it: N, %i, k */
} SymbolName;

typedef struct LoopNames {
    const LoopModule *module;
    Arena *arena;
    const char **tiles;   /* by id; NULL: not defined yet */
    const char **buffers; /* by id */
    VECTOR(const char *) taken;
    VECTOR(SymbolName) symbols; /* in the order of binding: dims first */
    int next_number;
} LoopNames;

/* How much was in scope at some point; names_leave goes back to it. */
typedef struct NamesMark {
    int taken, symbols;
} NamesMark;

void names_init(LoopNames *names, const LoopModule *module);
void names_begin_function(LoopNames *names);
NamesMark names_enter(const LoopNames *names);
void names_leave(LoopNames *names, NamesMark mark);
const char *names_define_tile(LoopNames *names, const Tile *tile);
const char *names_define_buffer(LoopNames *names, const Buffer *buffer);
/* |sigil|: "%", or "" for the ranges of a contraction. */
const char *names_define_symbol(LoopNames *names, const Symbol *symbol, const char *sigil);

const char *names_tile(const LoopNames *names, const Tile *tile); /* "?": not defined before */
void names_print_buffer(const LoopNames *names, Text *text, const Buffer *buffer); /* %name or @constant */
/* Terms stand in an order that depends on the text alone, so that reading it back prints it again. */
void names_print_expr(LoopNames *names, Text *text, const Expr *expr);

#endif
