/* join_products: linear layers of one value become one layer, cut into parts.
 *   before   %i = linear %h, @wi, @bi        after   const @wi.concat = recipe { concat @wi, @wf }
 *            %f = linear %h, @wf, @bf                %z = linear %h, @wi.concat, @bi.concat
 *                                                    %i = slice %z ..
 *                                                    %f = slice %z ..
 * So a cell written with a layer for each gate reads its operand once, and fuse_gates finds the gates. In
 * scans, and elsewhere for up to ROWS_MAX rows: with more, what follows each layer is better kept in its
 * own tiles. Sound: each output is the same sum in the same order; a layer without bias gets one of zeros
 * where others have one. */
#include "passes/passes.h"

#include "ir/shapes/infer.h"

#include <string.h>

enum { ROWS_MAX = 64, PARTS_MAX = 16 };

static bool is_layer(const Op *op, bool in_scan) {
    if (op->kind != OP_LINEAR || op_attr(op, ATTR_INTERLEAVE)) return false;
    for (int i = 1; i < op->operand_count; i++)
        if (op->operands[i]->kind != VALUE_CONSTANT) return false;
    const Type *type = &op->results[0]->type;
    return in_scan || type_count_max(type) <= ROWS_MAX * type->dims[type->rank - 1]->max;
}

/* |first| and the layers after it that read the same operand and have as many outputs. */
static int find_parts(Op *first, bool in_scan, Op **out) {
    int count = 0;
    for (Op *op = first; op && count < PARTS_MAX; op = op->next)
        if (is_layer(op, in_scan) && op->operands[0] == first->operands[0] &&
            type_equal(&op->results[0]->type, &first->results[0]->type))
            out[count++] = op;
    return count;
}

static Value *zeros(Module *module, Op *place, const Op *layer) {
    const Type *w = &layer->operands[1]->type;
    Op *op = op_create(module, NULL, OP_FULL, NULL, 0, layer->span, layer->path);
    op_set_exprs(module, op, ATTR_SHAPE, &w->dims[0], 1);
    op_set_int(module, op, ATTR_DTYPE, w->dtype);
    op_set_float(module, op, ATTR_VALUE, 0);
    op_insert_before(place, op);
    return infer_op(module, op) ? op->results[0] : NULL;
}

/* The weights, or with |index| 2 the biases, of all parts one below the other. */
static Value *join_constants(Module *module, Op *const *parts, int count, int index) {
    Value *operands[PARTS_MAX];
    for (int i = 0; i < count; i++)
        operands[i] =
            index < parts[i]->operand_count ? parts[i]->operands[index] : zeros(module, parts[0], parts[i]);
    Op *op = op_create(module, NULL, OP_CONCAT, operands, count, parts[0]->span, parts[0]->path);
    op_set_int(module, op, ATTR_AXIS, 0);
    op_insert_before(parts[0], op);
    return infer_op(module, op) ? op->results[0] : NULL;
}

static Value *cut(Module *module, Op *place, const Op *part, Value *whole, int index) {
    const Type *type = &part->results[0]->type;
    const Expr *starts[RANK_MAX];
    int64_t steps[RANK_MAX];
    for (int i = 0; i < type->rank; i++) {
        starts[i] = expr_constant(module->exprs, i + 1 == type->rank ? index * type->dims[i]->max : 0);
        steps[i] = 1;
    }
    Op *op = op_create(module, NULL, OP_SLICE, &whole, 1, part->span, part->path);
    op_set_exprs(module, op, ATTR_STARTS, starts, type->rank);
    op_set_exprs(module, op, ATTR_SHAPE, type->dims, type->rank);
    op_set_ints(module, op, ATTR_STEPS, steps, type->rank);
    op_insert_before(place, op);
    return infer_op(module, op) ? op->results[0] : NULL;
}

/* The path that all parts have in common, up to a dot: the cell's, for its gates. */
static const char *common_path(Module *module, Op *const *parts, int count) {
    size_t length = strlen(parts[0]->path);
    for (int i = 1; i < count; i++)
        for (size_t at = 0; at < length; at++)
            if (parts[i]->path[at] != parts[0]->path[at]) length = at;
    while (length && parts[0]->path[length] && parts[0]->path[length - 1] != '.') length--;
    if (length && parts[0]->path[length - 1] == '.') length--;
    return length ? arena_strndup(module->arena, parts[0]->path, length) : parts[0]->path;
}

/* Returns the layer of all parts; NULL: reported. */
static Op *join(Module *module, Op *const *parts, int count) {
    bool biased = false;
    for (int i = 0; i < count; i++) biased |= parts[i]->operand_count > 2;
    Value *operands[3] = {parts[0]->operands[0], join_constants(module, parts, count, 1),
                          biased ? join_constants(module, parts, count, 2) : NULL};
    Op *whole = op_create(module, NULL, OP_LINEAR, operands, 2 + biased, parts[0]->span,
                          common_path(module, parts, count));
    op_insert_before(parts[0], whole);
    if (!infer_op(module, whole)) return NULL;
    for (int i = 0; i < count; i++) {
        Value *part = cut(module, parts[0], parts[i], whole->results[0], i);
        block_replace_uses(parts[i]->parent, parts[i]->results[0], part);
    }
    for (int i = 0; i < count; i++) op_remove(parts[i]);
    return whole;
}

static bool join_block(Module *module, const PassOptions *options, Block *block) {
    bool in_scan = block->parent && block->parent->kind == OP_SCAN;
    for (Op *op = block->first; op; op = op->next) {
        Op *parts[PARTS_MAX];
        if (op->body && !join_block(module, options, op->body)) return false;
        int count = is_layer(op, in_scan) ? find_parts(op, in_scan, parts) : 0;
        if (count < 2) continue;
        if (options->explain)
            text_printf(options->explanations, "linear @%s: joined with %d more that read the same value\n",
                        op->path, count - 1);
        op = join(module, parts, count);
        if (!op) return false;
    }
    return true;
}

bool pass_join_products(Module *module, const PassOptions *options) {
    bool good = true;
    for (int i = 0; i < module->entries.count; i++) {
        module->current_entry = module->entries.items[i];
        good &= join_block(module, options, module->entries.items[i]->block);
    }
    module->current_entry = NULL;
    return good && pass_fold_constants(module, options);
}
