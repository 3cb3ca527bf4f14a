#include "passes/rewrite.h"

#include "ir/shapes/infer.h"

Value *emit_before(Module *module, Op *place, const Op *like, OpKind kind, Value *const *operands,
                   int count) {
    Op *op = op_create(module, NULL, kind, operands, count, like->span, like->path);
    if (kind == like->kind) {
        op->attrs = like->attrs;
        op->attr_count = like->attr_count;
    }
    op_insert_before(place, op);
    return infer_op(module, op) ? op->results[0] : NULL;
}

Value *reshape_before(Module *module, Op *place, const Op *like, Value *value, const Expr *const *dims,
                      int rank) {
    Op *op = op_create(module, NULL, OP_RESHAPE, &value, 1, like->span, like->path);
    op_set_exprs(module, op, ATTR_SHAPE, dims, rank);
    op_insert_before(place, op);
    return infer_op(module, op) ? op->results[0] : NULL;
}

Op *cluster_around(Module *module, Op *op) {
    if (op->kind == OP_CLUSTER) return op;
    Op *cluster = op_create(module, NULL, OP_CLUSTER, NULL, 0, op->span, op->path);
    op_insert_before(op, cluster);
    Value *result = op_add_result(module, cluster, op->results[0]->type);
    block_replace_uses(cluster->parent, op->results[0], result);
    op_remove(op);
    op_append(cluster->body, op);
    op_create(module, cluster->body, OP_YIELD, op->results, 1, op->span, NULL);
    cluster->schedule = op->schedule;
    op->schedule = NULL;
    return cluster;
}
