#include "support/names.h"

#include <stdint.h>
#include <string.h>

struct NameSlot {
    const char *name; /* NULL: free */
    int next_suffix;  /* the first that may be free */
};

/* The slot of |name|, or the free one where it belongs; the table has one. */
static NameSlot *slot_of(const NameTable *table, const char *name) {
    uint32_t at = 2166136261u;
    for (const char *c = name; *c; c++) at = (at ^ (unsigned char)*c) * 16777619u;
    for (;; at++) {
        NameSlot *slot = &table->slots[at & ((uint32_t)table->size - 1)];
        if (!slot->name || strcmp(slot->name, name) == 0) return slot;
    }
}

static void grow(NameTable *table) {
    NameTable grown = {table->arena, table->count, table->size ? 2 * table->size : 64, NULL};
    grown.slots = NEW_ARRAY(table->arena, NameSlot, grown.size);
    for (int i = 0; i < table->size; i++)
        if (table->slots[i].name) *slot_of(&grown, table->slots[i].name) = table->slots[i];
    *table = grown;
}

bool name_is_taken(const NameTable *table, const char *name) {
    return table->size && slot_of(table, name)->name;
}

void name_take(NameTable *table, const char *name) {
    if (2 * (table->count + 1) > table->size) grow(table);
    NameSlot *slot = slot_of(table, name);
    if (slot->name) return;
    *slot = (NameSlot){name, 1};
    table->count++;
}

const char *name_make_unique(NameTable *table, const char *wanted) {
    const char *unique = wanted;
    while (name_is_taken(table, unique))
        unique = arena_printf(table->arena, "%s.%d", wanted, slot_of(table, wanted)->next_suffix++);
    name_take(table, unique);
    return unique;
}
