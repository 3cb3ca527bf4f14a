#include "frontend/lang/datum_internal.h"

#include <string.h>

static uint32_t hash_of(const char *name) {
    uint32_t hash = 2166136261u;
    for (; *name; name++) hash = (hash ^ (unsigned char)*name) * 16777619u;
    return hash;
}

Scope *scope_create(Arena *arena, ScopeKind kind, Scope *outer) {
    Scope *scope = NEW(arena, Scope);
    scope->kind = kind;
    scope->outer = outer;
    if (outer) {
        scope->instance = outer->instance;
        scope->unit = outer->unit;
    }
    return scope;
}

/* The place of |name| in the table: its slot, or the free place where it belongs. */
static Slot **table_place(const Scope *scope, const char *name) {
    uint32_t mask = (uint32_t)scope->table_size - 1, at = hash_of(name) & mask;
    while (scope->table[at] && strcmp(scope->table[at]->name, name) != 0) at = (at + 1) & mask;
    return &scope->table[at];
}

static void table_grow(Arena *arena, Scope *scope) {
    scope->table_size = scope->table_size ? scope->table_size * 2 : 8;
    scope->table = NEW_ARRAY(arena, Slot *, scope->table_size);
    for (int i = 0; i < scope->slots.count; i++)
        *table_place(scope, scope->slots.items[i]->name) = scope->slots.items[i];
}

Slot *scope_add(Arena *arena, Scope *scope, const char *name, Span span) {
    Slot *slot = NEW(arena, Slot);
    slot->name = name;
    slot->span = span;
    if ((scope->slots.count + 1) * 2 > scope->table_size) table_grow(arena, scope);
    *table_place(scope, name) = slot;
    vector_push(arena, &scope->slots, slot);
    return slot;
}

Slot *scope_add_datum(Arena *arena, Scope *scope, const char *name, Span span, Datum datum) {
    Slot *slot = scope_add(arena, scope, name, span);
    slot->datum = datum;
    return slot;
}

Slot *scope_find_here(const Scope *scope, const char *name) {
    return scope->table_size ? *table_place(scope, name) : NULL;
}

Slot *scope_find(Scope *scope, const char *name, Scope **out_scope) {
    for (; scope; scope = scope->outer) {
        Slot *slot = scope_find_here(scope, name);
        if (!slot) continue;
        if (out_scope) *out_scope = scope;
        return slot;
    }
    return NULL;
}
