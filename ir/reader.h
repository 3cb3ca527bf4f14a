/* Tokens of IR text, shared by the parsers of both IRs, and what both grammars have in common: expressions
 * over named symbols, dtypes, places. A Reader reports the first error and then behaves as if at the end of
 * the file, so parsers need not check after each step. */
#ifndef TENON_IR_READER_H
#define TENON_IR_READER_H

#include "ir/graph.h"

typedef enum TokenKind {
    TOKEN_END,
    TOKEN_WORD,   /* letters, digits, '_', '.', starting with a letter or '_' */
    TOKEN_VALUE,  /* %name */
    TOKEN_GLOBAL, /* @name or @"any name" */
    TOKEN_INTEGER,
    TOKEN_FLOAT,
    TOKEN_STRING,
    TOKEN_ARROW, /* -> */
    TOKEN_RANGE, /* .. */
    TOKEN_MARK   /* any other single character */
} TokenKind;

typedef struct Token {
    TokenKind kind;
    Span span;
    const char *text; /* WORD; VALUE and GLOBAL without their mark; STRING unescaped */
    int64_t integer;
    double real;
    char mark;
} Token;

typedef struct NamedSymbol {
    const char *name;
    const Symbol *symbol;
} NamedSymbol;

typedef struct Reader {
    Arena *arena;
    Diagnostics *diagnostics;
    const SourceFile *source;
    ExprTable *exprs;
    uint32_t offset;
    Token token; /* the one to look at */
    bool failed;
    int depth;
    VECTOR(NamedSymbol) symbols; /* innermost last; expressions refer to them by name or %name */
    VECTOR(SourceFile *) places;
} Reader;

void reader_init(Reader *reader, Arena *arena, Diagnostics *diagnostics, const SourceFile *source,
                 ExprTable *exprs);
void reader_next(Reader *reader);
void reader_error(Reader *reader, Span span, const char *format, ...) __attribute__((format(printf, 3, 4)));

bool reader_at_mark(const Reader *reader, char mark);
bool reader_at_word(const Reader *reader, const char *word);
bool reader_take_mark(Reader *reader, char mark); /* true and past it, if it is there */
bool reader_take_word(Reader *reader, const char *word);
void reader_expect_mark(Reader *reader, char mark);
void reader_expect_word(Reader *reader, const char *word);
const char *reader_word(Reader *reader, const char *what); /* "" on error */
const char *reader_value(Reader *reader);                  /* %name */
const char *reader_global(Reader *reader);                 /* @name */
const char *reader_string(Reader *reader);
int64_t reader_integer(Reader *reader); /* optional sign */
double reader_number(Reader *reader);   /* integer, float, inf, nan; optional sign */

const Expr *reader_expr(Reader *reader); /* never NULL */
void reader_push_symbol(Reader *reader, const char *name, const Symbol *symbol);
const Symbol *reader_find_symbol(const Reader *reader, const char *name);

/* A type without layout: f32[N, 4]. */
Type reader_type(Reader *reader);
/* schedule {...} */
Schedule *reader_schedule(Reader *reader);
void schedule_print(Text *text, const Schedule *schedule); /* with a space before it */
/* An optional (file:line:column). */
Span reader_place(Reader *reader);
void place_print(Text *text, Span span);
void global_print(Text *text, const char *name); /* @name, quoted when it must be */

#endif
