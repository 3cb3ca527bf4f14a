/* eliminate_common: equal ops on equal operands are computed once.
 *   before   %1 = tanh %x        after   %1 = tanh %x
 *            %2 = tanh %x                (uses of %2 are uses of %1)
 * Sound: ops have no effects. Within one block, so the kept op stands before every use. Linear in the number
 * of ops for the hash, quadratic only among equal hashes. */
#include "passes/passes.h"

#include <string.h>

enum { BUCKETS = 256 };

typedef struct Seen {
    struct Seen *next;
    Op *op;
} Seen;

static bool ops_equal(const Op *a, const Op *b) {
    if (a->kind != b->kind || a->operand_count != b->operand_count || a->result_count != 1 ||
        b->result_count != 1)
        return false;
    for (int i = 0; i < a->operand_count; i++)
        if (a->operands[i] != b->operands[i]) return false;
    return attrs_equal(a, b);
}

static unsigned op_hash(const Op *op) {
    unsigned hash = (unsigned)op->kind * 31u;
    for (int i = 0; i < op->operand_count; i++) hash = hash * 131u + (unsigned)op->operands[i]->id;
    return hash % BUCKETS;
}

static void eliminate(Module *module, Block *block) {
    Seen *buckets[BUCKETS] = {NULL};
    for (Op *op = block->first, *next; op; op = next) {
        next = op->next;
        if (op->body) eliminate(module, op->body);
        if (op_infos[op->kind].traits & OP_STRUCTURE) continue;
        Seen **bucket = &buckets[op_hash(op)], *found = *bucket;
        while (found && !ops_equal(found->op, op)) found = found->next;
        if (found) {
            block_replace_uses(block, op->results[0], found->op->results[0]);
            op_remove(op);
            continue;
        }
        Seen *seen = NEW(module->arena, Seen);
        *seen = (Seen){*bucket, op};
        *bucket = seen;
    }
}

bool pass_eliminate_common(Module *module, const PassOptions *options) {
    (void)options;
    for (int i = 0; i < module->entries.count; i++) eliminate(module, module->entries.items[i]->block);
    return true;
}
