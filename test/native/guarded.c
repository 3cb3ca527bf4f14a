#include "test/native/guarded.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { PAGE = 4096, MARGIN = 256 };

/* On the open side the data keeps |MARGIN| bytes of canaries and, for small alignments, an odd multiple of
 * |align|. */
static size_t data_offset(size_t room_bytes, size_t bytes, size_t align, GuardSide side) {
    if (side == GUARD_BEFORE) return 0;
    return (room_bytes - bytes) / align * align;
}

Guarded guarded_create(size_t bytes, size_t align, GuardSide side, unsigned char fill) {
    Guarded g = {.bytes = bytes};
    g.room_bytes = (bytes + MARGIN + align + PAGE - 1) / PAGE * PAGE;
    g.mapped = g.room_bytes + (size_t)2 * PAGE;
    g.base = mmap(NULL, g.mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert(g.base != MAP_FAILED);
    g.room = g.base + PAGE;
    int failed = mprotect(g.room, g.room_bytes, PROT_READ | PROT_WRITE);
    assert(!failed);
    (void)failed;
    memset(g.room, CANARY, g.room_bytes);
    g.data = g.room + data_offset(g.room_bytes, bytes, align, side);
    assert((uintptr_t)g.data % align == 0);
    memset(g.data, fill, bytes);
    return g;
}

bool guarded_intact(const Guarded *g) {
    for (const unsigned char *at = g->room; at < g->room + g->room_bytes; at++) {
        if (at == g->data) at += g->bytes;
        if (at < g->room + g->room_bytes && *at != CANARY) return false;
    }
    return true;
}

void guarded_destroy(Guarded *g) {
    if (g->base) munmap(g->base, g->mapped);
    *g = (Guarded){0};
}
