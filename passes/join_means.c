/* join_means: a mean, or sum, over a map joins the convolution that makes the map, which adds up its tiles
 * while they are in registers.
 *   before   %1 = cluster @conv {..}                      : f32[1, 64, 28, 28]
 *            %2 = reduce_mean %1 {axes = [2, 3]}          : f32[1, 64]
 *   after    %1, %2 = cluster @conv {.. %v; %m = reduce_mean %v {axes = [2, 3]}; yield %v, %m}
 * Of convolutions whose tiles are pixels times vectors of channels; tiles of Winograd's algorithms
 * overhang the map. Sound: the same elements are added, in another order. */
#include "passes/rewrite.h"

#include <string.h>

static const Op *convolution_of(const Op *op) {
    if (op->kind != OP_CLUSTER) return op->kind == OP_CONV ? op : NULL;
    for (const Op *inner = op->body->first; inner; inner = inner->next)
        if (inner->kind == OP_CONV) return inner;
    return NULL;
}

/* The convolution, alone or in a cluster, whose tiles |reduction| may be summed from; else NULL. */
static Op *producer_of(const Op *reduction) {
    if (!op_sums_map(reduction)) return NULL;
    const Value *map = reduction->operands[0];
    Op *op = map->kind == VALUE_RESULT ? map->op : NULL;
    if (!op || op->parent != reduction->parent || op->result_count != 1 || !op->schedule) return NULL;
    const Op *conv = convolution_of(op);
    if (!conv || conv->operands[1]->type.rank != 4 || op_attr(conv, ATTR_INPUT_DILATION)) return NULL;
    const char *variant = op->schedule->variant;
    return strcmp(variant, "direct") == 0 || strcmp(variant, "depthwise") == 0 ? op : NULL;
}

static void join(Module *module, Op *producer, Op *reduction) {
    Block *block = producer->parent;
    Op *cluster = cluster_around(module, producer), *yield = block_terminator(cluster->body);
    Value *result = op_add_result(module, cluster, reduction->results[0]->type);
    block_replace_uses(block, reduction->results[0], result);
    op_remove(reduction);
    op_append(cluster->body, reduction);
    reduction->operands[0] = yield->operands[0];
    Value *yielded[2] = {yield->operands[0], reduction->results[0]};
    op_remove(yield);
    op_create(module, cluster->body, OP_YIELD, yielded, 2, yield->span, NULL);
}

static void join_block(Module *module, Block *block) {
    for (Op *op = block->first, *next; op; op = next) {
        next = op->next;
        if (op->kind == OP_SCAN) join_block(module, op->body);
        Op *producer = producer_of(op);
        if (producer) join(module, producer, op);
    }
}

bool pass_join_means(Module *module, const PassOptions *options) {
    (void)options;
    for (int i = 0; i < module->entries.count; i++) join_block(module, module->entries.items[i]->block);
    return true;
}
