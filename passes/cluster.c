/* cluster: an anchor (contraction, reduction, window) and the pointwise ops that can be computed from its own
 * tile become one region; so do trees of pointwise ops without an anchor.
 *   before   %1 = conv %x, @w, @b        after   %2 = cluster @conv1 {
 *            %2 = relu %1                          %1 = conv %x, @w, @b
 *                                                  %2 = relu %1
 *                                                  yield %2 }
 * A pooling of 2 x 2 elements joins the Winograd convolution before it, whose tiles of even size hold its
 * windows whole; the map itself is then never stored. Built from the last op backwards: an op joins when
 * every use of it lies inside, it has the root's extents, and there is no second anchor. Sound: what moves
 * down to the root's place is used nowhere else. Other operands of the region are defined before the root.
 * Quadratic in the ops of a block. */
#include "passes/convolution_cost.h"
#include "passes/rewrite.h"

#include <string.h>

enum { MEMBERS_MAX = 48 };

typedef struct Growth {
    Module *module;
    const PassOptions *options;
    Op *root;
    Op *anchor;
    int count;
    Op *members[MEMBERS_MAX];
} Growth;

static bool is_pointwise(const Op *op) { return op_infos[op->kind].traits & OP_POINTWISE; }

/* Anchors whose lowering finishes its tiles with an epilogue. */
static bool is_anchor(const Op *op) {
    if (op->kind == OP_SOFTMAX || op->kind == OP_LOG_SOFTMAX) return false;
    return op_infos[op->kind].traits & (OP_CONTRACTION | OP_REDUCTION | OP_WINDOW);
}

static bool same_extents(const Type *a, const Type *b) {
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i]) return false;
    return true;
}

static bool is_member(const Growth *growth, const Op *op) {
    for (int i = 0; i < growth->count; i++)
        if (growth->members[i] == op) return true;
    return false;
}

/* The anchor's own operands do not count: they are computed before it, outside. */
static int uses_by_members(const Growth *growth, const Value *value) {
    int uses = 0;
    for (int i = 0; i < growth->count; i++)
        for (int j = 0; j < growth->members[i]->operand_count; j++)
            uses += growth->members[i] != growth->anchor && growth->members[i]->operands[j] == value;
    return uses;
}

static void explain(const Growth *growth, const Op *op, const char *reason) {
    if (!growth->options->explain) return;
    text_printf(growth->options->explanations, "cluster: %s%s%s stays outside %s: %s\n",
                op_infos[op->kind].text, op->path[0] ? " @" : "", op->path, op_infos[growth->root->kind].text,
                reason);
}

static bool may_join(const Growth *growth, const Op *op, bool last_round) {
    const char *reason = NULL;
    if (!is_pointwise(op) && !is_anchor(op))
        reason = "it is neither pointwise nor an anchor";
    else if (!same_extents(&op->results[0]->type, &growth->root->results[0]->type))
        reason = "its extents differ";
    else if (block_count_uses(op->parent, op->results[0]) != uses_by_members(growth, op->results[0]))
        reason = "it has other uses";
    else if (is_anchor(op) && growth->anchor)
        reason = "there is an anchor already";
    else if (growth->count == MEMBERS_MAX)
        reason = "the region is full";
    if (reason && last_round) explain(growth, op, reason);
    return reason == NULL;
}

/* One pass over all operands of all members; a value used by several members joins once all of them are
 * inside. */
static bool grow_once(Growth *growth, bool last_round) {
    bool grown = false;
    for (int i = 0; i < growth->count; i++) {
        /* What an anchor reads is computed before it. */
        if (growth->members[i] == growth->anchor) continue;
        for (int j = 0; j < growth->members[i]->operand_count; j++) {
            const Value *operand = growth->members[i]->operands[j];
            if (operand->kind != VALUE_RESULT || operand->op->parent != growth->root->parent) continue;
            if (is_member(growth, operand->op) || !may_join(growth, operand->op, last_round)) continue;
            growth->members[growth->count++] = operand->op;
            if (is_anchor(operand->op)) growth->anchor = operand->op;
            grown = true;
        }
    }
    return grown;
}

/* Moves the members, in their order, into a new cluster before the root's successor. */
static Op *form(Growth *growth) {
    Block *block = growth->root->parent;
    const Op *named = growth->anchor ? growth->anchor : growth->root;
    Op *cluster = op_create(growth->module, NULL, OP_CLUSTER, NULL, 0, named->span, named->path);
    op_insert_before(growth->root, cluster);
    Value *result = op_add_result(growth->module, cluster, growth->root->results[0]->type);
    block_replace_uses(block, growth->root->results[0], result);
    for (Op *op = block->first, *next; op; op = next) {
        next = op->next;
        if (!is_member(growth, op)) continue;
        op_remove(op);
        op_append(cluster->body, op);
    }
    op_create(growth->module, cluster->body, OP_YIELD, growth->root->results, 1, growth->root->span, NULL);
    return cluster;
}

static void cluster_block(Module *module, const PassOptions *options, Block *block) {
    for (Op *op = block->last, *previous; op; op = previous) {
        previous = op->previous;
        if (op->kind == OP_SCAN) cluster_block(module, options, op->body);
        if (!is_pointwise(op)) continue;
        Growth growth = {.module = module, .options = options, .root = op, .count = 1, .members = {op}};
        while (grow_once(&growth, false)) continue;
        if (options->explain) grow_once(&growth, true);
        if (growth.count == 1) continue;
        Op *cluster = form(&growth);
        previous = cluster->previous;
    }
}

/* ---- Poolings ---- */

/* The Winograd convolution, alone or in a cluster, whose tiles hold the windows of |pool|; else NULL. */
static Op *tiles_before(const Op *pool) {
    const Value *map = pool->operands[0];
    Op *op = map->kind == VALUE_RESULT ? map->op : NULL;
    if (!op || op->parent != pool->parent || block_count_uses(op->parent, map) != 1) return NULL;
    const Op *anchor = op;
    if (op->kind == OP_CLUSTER)
        for (anchor = op->body->first; anchor->kind != OP_WINOGRAD && anchor->next;) anchor = anchor->next;
    return anchor->kind == OP_WINOGRAD && op_int_at(anchor, ATTR_TILE, 0, 1) % 2 == 0 ? op : NULL;
}

static void join_pool(Module *module, Op *producer, Op *pool) {
    producer = cluster_around(module, producer);
    Op *yield = block_terminator(producer->body);
    block_replace_uses(pool->parent, pool->results[0], producer->results[0]);
    op_remove(pool);
    pool->operands[0] = yield->operands[0];
    op_insert_before(yield, pool);
    yield->operands[0] = pool->results[0];
    producer->results[0]->type = pool->results[0]->type;
}

static void join_pools(Module *module, Block *block) {
    for (Op *op = block->first, *next; op; op = next) {
        next = op->next;
        if (op->kind == OP_SCAN) join_pools(module, op->body);
        Op *producer = pools_pairs(op) ? tiles_before(op) : NULL;
        if (producer && producer->result_count == 1) join_pool(module, producer, op);
    }
}

bool pass_cluster(Module *module, const PassOptions *options) {
    for (int i = 0; i < module->entries.count; i++) {
        cluster_block(module, options, module->entries.items[i]->block);
        join_pools(module, module->entries.items[i]->block);
    }
    return true;
}
