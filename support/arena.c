#include "support/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Block Block;
struct Block {
    Block *next;
    size_t used, capacity;
    _Alignas(16) unsigned char bytes[];
};

struct Arena {
    Block *blocks;
};

enum { BLOCK_BYTES = 64 * 1024 };

static void (*exhaustion_cleanup)(void);

void arena_on_exhaustion(void (*cleanup)(void)) { exhaustion_cleanup = cleanup; }

static _Noreturn void out_of_memory(void) {
    if (exhaustion_cleanup) exhaustion_cleanup();
    fputs("tenon: error: out of memory\n", stderr);
    exit(1);
}

Arena *arena_create(void) {
    Arena *arena = calloc(1, sizeof *arena);
    if (!arena) out_of_memory();
    return arena;
}

void arena_destroy(Arena *arena) {
    if (!arena) return;
    for (Block *block = arena->blocks, *next; block; block = next) {
        next = block->next;
        free(block);
    }
    free(arena);
}

void *arena_alloc(Arena *arena, size_t bytes) {
    if (bytes > SIZE_MAX / 2) out_of_memory();
    bytes = (bytes + 15) & ~(size_t)15;
    Block *block = arena->blocks;
    if (!block || block->capacity - block->used < bytes) {
        size_t capacity = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
        block = calloc(1, sizeof *block + capacity);
        if (!block) out_of_memory();
        block->capacity = capacity;
        /* An oversized block goes behind the current one, whose free space stays in use. */
        if (arena->blocks && capacity > BLOCK_BYTES) {
            block->next = arena->blocks->next;
            arena->blocks->next = block;
        } else {
            block->next = arena->blocks;
            arena->blocks = block;
        }
    }
    void *memory = block->bytes + block->used;
    block->used += bytes;
    return memory;
}

char *arena_strndup(Arena *arena, const char *text, size_t length) {
    char *copy = arena_alloc(arena, length + 1);
    memcpy(copy, text, length);
    return copy;
}

char *arena_strdup(Arena *arena, const char *text) { return arena_strndup(arena, text, strlen(text)); }

char *arena_vprintf(Arena *arena, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = arena_alloc(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    return text;
}

char *arena_printf(Arena *arena, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return text;
}

void vector_reserve_(Arena *arena, void **items, int *capacity, int count, size_t item_bytes) {
    if (count < *capacity) return;
    int grown = *capacity ? *capacity * 2 : 8;
    void *moved = arena_alloc(arena, (size_t)grown * item_bytes);
    if (count) memcpy(moved, *items, (size_t)count * item_bytes);
    *items = moved;
    *capacity = grown;
}
