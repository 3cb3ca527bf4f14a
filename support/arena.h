/* Bump allocation by lifetime. Memory is zeroed, aligned to 16 bytes, and freed all at once with its arena.
 * Allocation never fails for the caller: when memory runs out, the process reports it and exits with 1. */
#ifndef TENON_SUPPORT_ARENA_H
#define TENON_SUPPORT_ARENA_H

#include <stdarg.h>
#include <stddef.h>

typedef struct Arena Arena;

Arena *arena_create(void);
void arena_destroy(Arena *arena);
void *arena_alloc(Arena *arena, size_t bytes);
char *arena_strdup(Arena *arena, const char *text);
char *arena_strndup(Arena *arena, const char *text, size_t length);
char *arena_printf(Arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(Arena *arena, const char *format, va_list arguments);

/* Called once before the process exits for want of memory: removes half-written files. May be NULL. */
void arena_on_exhaustion(void (*cleanup)(void));

#define NEW(arena, Type) ((Type *)arena_alloc((arena), sizeof(Type)))
#define NEW_ARRAY(arena, Type, count) ((Type *)arena_alloc((arena), sizeof(Type) * (size_t)(count)))

/* A growing array in an arena: VECTOR(int) numbers = {0}; vector_push(arena, &numbers, 7). */
#define VECTOR(Type)                                                                                         \
    struct {                                                                                                 \
        Type *items;                                                                                         \
        int count, capacity;                                                                                 \
    }
#define vector_push(arena, vector, value)                                                                    \
    (vector_reserve_((arena), (void **)&(vector)->items, &(vector)->capacity, (vector)->count,               \
                     sizeof *(vector)->items),                                                               \
     (vector)->items[(vector)->count++] = (value))
void vector_reserve_(Arena *arena, void **items, int *capacity, int count, size_t item_bytes);

#endif
