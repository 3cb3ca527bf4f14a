/* What the files that write a header share: names that are free in C and C++, C text of expressions. */
#ifndef TENON_BACKEND_HEADER_INTERNAL_H
#define TENON_BACKEND_HEADER_INTERNAL_H

#include "backend/header.h"

typedef VECTOR(const char *) Names;

bool names_contain(const Names *names, const char *name);
/* |name|, with a number behind it when it is taken; it is taken then. */
const char *names_add_unique(Arena *arena, Names *names, const char *name);

/* |name| as a part of identifiers: "conv1+tanh" is conv1_tanh. In capitals for macros. */
char *identifier_part(Arena *arena, const char *name);
char *identifier_in_capitals(Arena *arena, const char *name);
/* A parameter's name made from any text; not yet compared with the other parameters. */
const char *identifier_for_parameter(Arena *arena, const char *name);

/* Symbols of expressions and what stands for them in C. */
typedef struct CSymbols {
    int count;
    Dim *const *dims;
    const char *const *names; /* beside |dims| */
} CSymbols;

/* The number of elements as a C expression of type size_t or unsigned, in parentheses unless it is a number.
 */
void c_count_print(Text *text, const Type *type, const CSymbols *symbols);
/* An unsigned number with the suffix it needs. */
void c_unsigned_print(Text *text, uint64_t value);

/* Writes a comment: words broken into lines, nothing in them can end it. */
typedef struct Comment {
    Text *text;
    bool begun;
} Comment;

/* A paragraph that begins on a new line. */
void comment_line(Comment *comment, const char *format, ...) __attribute__((format(printf, 2, 3)));
void comment_end(Comment *comment);
/* The same care for text inside a comment that the caller began. */
void comment_text_print(Text *text, const char *words);

#endif
