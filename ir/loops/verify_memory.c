/* Memory of entries: the caller's workspace and state. */
#include "ir/loops/verify_internal.h"

#include "support/checked.h"

#include <string.h>

const Expr *buffer_span(LoopVerifier *v, const Buffer *buffer) {
    ExprTable *exprs = v->module->graph->exprs;
    const Expr *span = expr_constant(exprs, 1);
    for (int i = 0; i < buffer->rank; i++)
        span =
            expr_add(exprs, span,
                     expr_mul(exprs, expr_add_constant(exprs, buffer->extents[i], -1), buffer->strides[i]));
    return span;
}

/* ---- Lives of workspace buffers ---- */

/* From the first statement that uses a buffer to the last, as positions in the entry. */
typedef struct Life {
    int uses, first, last;
} Life;

typedef struct Lives {
    LoopVerifier *v;
    const LoopFunction *entry;
    int position;
    Life *total; /* by place in entry->buffers; how often each is used anywhere, once that is known */
} Lives;

static void live_at(Life *life, int first, int last, int uses) {
    if (!life->uses || first < life->first) life->first = first;
    if (!life->uses || last > life->last) life->last = last;
    life->uses += uses;
}

static void use_buffer(const Lives *lives, Life *here, const Buffer *buffer) {
    for (int i = 0; buffer && i < lives->entry->buffers.count; i++)
        if (lives->entry->buffers.items[i] == buffer) live_at(&here[i], lives->position, lives->position, 1);
}

/* A buffer that is also used outside a loop, or by a work item, lives through all of the loop. */
static void collect_lives(Lives *lives, const LoopBody *body, Life *here) {
    for (const LoopStatement *s = body->first; s; s = s->next) {
        int start = ++lives->position;
        use_buffer(lives, here, s->access.buffer);
        use_buffer(lives, here, s->a.buffer);
        use_buffer(lives, here, s->b.buffer);
        for (int i = 0; i < s->argument_count; i++) use_buffer(lives, here, s->arguments[i].buffer);
        if (!s->body.first) continue;
        Life *inside = NEW_ARRAY(lives->v->arena, Life, lives->entry->buffers.count);
        collect_lives(lives, &s->body, inside);
        int end = ++lives->position;
        for (int i = 0; i < lives->entry->buffers.count; i++) {
            if (!inside[i].uses) continue;
            bool only_here =
                lives->total && inside[i].uses == lives->total[i].uses && s->kind != LOOP_PARALLEL;
            live_at(&here[i], only_here ? inside[i].first : start, only_here ? inside[i].last : end,
                    inside[i].uses);
        }
    }
}

static Life *lives_of(LoopVerifier *v, const LoopFunction *entry) {
    Lives lives = {.v = v, .entry = entry};
    Life *counts = NEW_ARRAY(v->arena, Life, entry->buffers.count + 1);
    Life *result = NEW_ARRAY(v->arena, Life, entry->buffers.count + 1);
    collect_lives(&lives, &entry->body, counts);
    lives.total = counts;
    lives.position = 0;
    collect_lives(&lives, &entry->body, result);
    return result;
}

static void verify_place(LoopVerifier *v, const Buffer *buffer, int64_t bytes, const char *what, Span span) {
    int64_t end;
    if (buffer->offset < 0 || buffer->offset % (int64_t)dtype_bytes(buffer->dtype))
        verify_complain(v, span, "%s lies at byte %lld, no multiple of its elements' size",
                        buffer_text(v, buffer), (long long)buffer->offset);
    else if (!checked_add(buffer->offset, buffer_bytes_max(buffer), &end) || end > bytes)
        verify_complain(v, span, "%s takes %lld bytes at %lld; the %s has %lld", buffer_text(v, buffer),
                        (long long)buffer_bytes_max(buffer), (long long)buffer->offset, what,
                        (long long)bytes);
}

static bool share_bytes(const Buffer *a, const Buffer *b) {
    return a->kind == BUFFER_WORKSPACE && b->kind == BUFFER_WORKSPACE &&
           a->offset < b->offset + buffer_bytes_max(b) && b->offset < a->offset + buffer_bytes_max(a);
}

static int64_t state_bytes(const LoopVerifier *v, const LoopFunction *entry) {
    for (int i = 0; i < v->module->states.count; i++)
        if (strcmp(v->module->states.items[i]->model, entry->model) == 0)
            return v->module->states.items[i]->bytes;
    return 0;
}

void verify_workspace(LoopVerifier *v, const LoopFunction *entry) {
    bool good = v->good;
    v->good = true;
    for (int i = 0; i < entry->buffers.count; i++) {
        const Buffer *buffer = entry->buffers.items[i];
        bool state = buffer->kind == BUFFER_STATE;
        verify_place(v, buffer, state ? state_bytes(v, entry) : entry->workspace_bytes,
                     state ? "state" : "workspace", entry->span);
    }
    const Life *lives = v->good ? lives_of(v, entry) : NULL;
    for (int i = 0; lives && i < entry->buffers.count; i++) {
        for (int j = 0; j < i; j++) {
            const Buffer *a = entry->buffers.items[j], *b = entry->buffers.items[i];
            if (!lives[i].uses || !lives[j].uses || !share_bytes(a, b)) continue;
            if (lives[i].last < lives[j].first || lives[j].last < lives[i].first) continue;
            verify_complain(v, entry->span, "%s and %s are in use at the same time and share bytes",
                            buffer_text(v, a), buffer_text(v, b));
        }
    }
    v->good &= good;
}

void verify_states(LoopVerifier *v) {
    for (int i = 0; i < v->module->states.count; i++) {
        const ModelState *state = v->module->states.items[i];
        for (int j = 0; j < state->buffers.count; j++) {
            Buffer placed = *state->buffers.items[j];
            placed.offset = state->offsets.items[j];
            verify_place(v, &placed, state->bytes, "state", placed.constant->span);
        }
    }
}
