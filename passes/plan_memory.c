/* plan_memory: every workspace buffer of an entry gets an offset, at the declared upper bounds of its
 * extents.
 *   before   workspace %w0, %w1, %w2 at 0      after   %w0 at 0, %w1 at 4096, %w2 at 0 (%w0 is dead)
 * Sound: two buffers share bytes only if no statement lies in the life of both. A buffer lives from its
 * first to its last use; one that is also used outside a loop lives through the whole loop, and one used
 * by a work item of the entry as long as all items do. Placement is by size, largest first, lowest free
 * place, as in Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference" (2020). */
#include "passes/passes.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 64, DEPTH_MAX = 64 };

typedef struct LoopSpan {
    int start, end; /* of the loop's statements */
    bool parallel;  /* its items run at the same time */
} LoopSpan;

typedef struct Use {
    const Buffer *buffer;
    int position;
    int depth;
    int loops[DEPTH_MAX]; /* the loops around, outermost first, as indices of spans */
} Use;

typedef struct Planner {
    Arena *arena;
    int position, depth;
    int open[DEPTH_MAX];
    VECTOR(LoopSpan) spans;
    VECTOR(Use) uses;
} Planner;

static void add_use(Planner *planner, const Buffer *buffer) {
    if (!buffer || buffer->kind != BUFFER_WORKSPACE) return;
    Use use = {.buffer = buffer, .position = planner->position, .depth = planner->depth};
    memcpy(use.loops, planner->open, (size_t)planner->depth * sizeof *use.loops);
    vector_push(planner->arena, &planner->uses, use);
}

static void collect(Planner *planner, const LoopBody *body) {
    for (const LoopStatement *s = body->first; s; s = s->next) {
        planner->position++;
        add_use(planner, s->access.buffer);
        for (int i = 0; i < s->argument_count; i++) add_use(planner, s->arguments[i].buffer);
        if (!s->body.first || planner->depth == DEPTH_MAX) continue;
        LoopSpan span = {planner->position, 0, s->kind == LOOP_PARALLEL};
        int index = planner->spans.count;
        vector_push(planner->arena, &planner->spans, span);
        planner->open[planner->depth++] = index;
        collect(planner, &s->body);
        planner->depth--;
        planner->spans.items[index].end = ++planner->position;
    }
}

typedef struct Life {
    Buffer *buffer;
    int first, last;
    int64_t bytes;
    int order;
} Life;

/* How many of the outermost loops all uses of the buffer have in common. */
static int common_depth(const Planner *planner, const Buffer *buffer) {
    const Use *first = NULL;
    int common = 0;
    for (int i = 0; i < planner->uses.count; i++) {
        const Use *use = &planner->uses.items[i];
        if (use->buffer != buffer) continue;
        if (!first) {
            first = use;
            common = use->depth;
        }
        int same = 0;
        while (same < common && same < use->depth && use->loops[same] == first->loops[same] &&
               !planner->spans.items[use->loops[same]].parallel)
            same++;
        common = same;
    }
    return common;
}

static Life life_of(const Planner *planner, Buffer *buffer) {
    Life life = {buffer, 1 << 30, -1, 0, 0};
    int common = common_depth(planner, buffer);
    for (int i = 0; i < planner->uses.count; i++) {
        const Use *use = &planner->uses.items[i];
        if (use->buffer != buffer) continue;
        int first = use->position, last = use->position;
        if (use->depth > common) {
            first = planner->spans.items[use->loops[common]].start;
            last = planner->spans.items[use->loops[common]].end;
        }
        if (first < life.first) life.first = first;
        if (last > life.last) life.last = last;
    }
    life.bytes = (buffer_bytes_max(buffer) + ALIGN - 1) / ALIGN * ALIGN;
    return life;
}

static int by_size(const void *a, const void *b) {
    const Life *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->order - y->order;
}

/* The lowest offset at which |life| meets none of those placed before it. */
static int64_t place(const Life *lives, int placed, const Life *life) {
    int64_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int i = 0; i < placed; i++) {
            const Life *other = &lives[i];
            if (other->last < life->first || life->last < other->first) continue;
            if (offset + life->bytes <= other->buffer->offset ||
                other->buffer->offset + other->bytes <= offset)
                continue;
            offset = other->buffer->offset + other->bytes;
            moved = true;
        }
    }
    return offset;
}

static void plan_entry(LoopModule *module, LoopFunction *entry) {
    Planner planner = {.arena = module->arena};
    collect(&planner, &entry->body);
    Life *lives = NEW_ARRAY(module->arena, Life, entry->buffers.count + 1);
    int count = 0;
    for (int i = 0; i < entry->buffers.count; i++) {
        if (entry->buffers.items[i]->kind != BUFFER_WORKSPACE) continue;
        lives[count] = life_of(&planner, entry->buffers.items[i]);
        lives[count].order = i;
        count++;
    }
    qsort(lives, (size_t)count, sizeof *lives, by_size);
    entry->workspace_bytes = 0;
    for (int i = 0; i < count; i++) {
        lives[i].buffer->offset = place(lives, i, &lives[i]);
        int64_t end = lives[i].buffer->offset + lives[i].bytes;
        if (end > entry->workspace_bytes) entry->workspace_bytes = end;
    }
}

void plan_memory(LoopModule *module) {
    for (int i = 0; i < module->functions.count; i++)
        if (module->functions.items[i]->is_entry) plan_entry(module, module->functions.items[i]);
}
