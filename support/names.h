/* Names that must differ: a table of those taken, which makes further ones unique by a suffix, x, x.1, x.2.
 * Finding a name takes the same time for few and for very many. The arena owns everything; a zeroed table
 * with an arena is empty. */
#ifndef TENON_SUPPORT_NAMES_H
#define TENON_SUPPORT_NAMES_H

#include "support/arena.h"

#include <stdbool.h>

typedef struct NameSlot NameSlot;

typedef struct NameTable {
    Arena *arena;
    int count, size;
    NameSlot *slots;
} NameTable;

bool name_is_taken(const NameTable *table, const char *name);
/* |name| must live as long as the table. */
void name_take(NameTable *table, const char *name);
/* |wanted| itself, or with the first free suffix; it is taken from now on. */
const char *name_make_unique(NameTable *table, const char *wanted);

#endif
