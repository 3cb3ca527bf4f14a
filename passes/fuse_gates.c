/* fuse_gates: a linear layer whose result is cut into equal parts, and the pointwise work on the parts,
 * become one cluster: the cell of a recurrent layer with any number of gates, or a gated linear unit.
 *   before   %z = linear %h, @w : f32[N, 4*H]        after   %xi = slice %x .. (and %xf, ..)
 *            %s = add %z, %x                                 %c1, %h1 = cluster {
 *            %i = slice %s .. (and %f, ..)                     %z = linear %h, @w
 *            %c1 = .. sigmoid %i ..                            %i = slice %z .. (and %f, ..)
 *            %h1 = .. tanh %c1 ..                              %c1 = .. sigmoid (add %i, %xi) ..
 *                                                              %h1 = .. tanh %c1 ..
 *                                                              yield %c1, %h1 }
 * First the cuts move up through pointwise ops to the layer itself; then everything that can be computed
 * from the parts at one place joins, in the order of the block, with pointwise work that only it reads,
 * until something else needs one of them. Sound: cutting commutes with pointwise ops, and what moves down
 * to the cluster's place is used by nothing before it. */
#include "passes/passes.h"

#include "ir/shapes/infer.h"

#include <string.h>

enum { MEMBERS_MAX = 64, GROUPS_MAX = 8 };

typedef struct Cell {
    Module *module;
    Op *anchor;
    int64_t outputs, units; /* of the layer; of one part */
    int count;
    Op *members[MEMBERS_MAX]; /* in the order of the block */
    Value *cuts[MEMBERS_MAX]; /* of the members' results, for one part at a time; NULL: not made yet */
} Cell;

static bool same_extents(const Type *a, const Type *b) {
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i]) return false;
    return true;
}

static bool is_pointwise(const Op *op) { return op_infos[op->kind].traits & OP_POINTWISE; }

static int member_index(const Cell *cell, const Op *op) {
    for (int i = 0; i < cell->count; i++)
        if (cell->members[i] == op) return i;
    return -1;
}

static bool is_member(const Cell *cell, const Op *op) { return member_index(cell, op) >= 0; }

static bool uses_member(const Cell *cell, const Op *op) {
    for (int i = 0; i < cell->count; i++) {
        const Value *value = cell->members[i]->results[0];
        for (int j = 0; j < op->operand_count; j++)
            if (op->operands[j] == value) return true;
        if (op->body && block_count_uses(op->body, value)) return true;
    }
    return false;
}

/* A cut of the last axis into parts of |cell->units| (0: any that divides it), one of them. */
static bool is_part(const Cell *cell, const Op *op) {
    int64_t start, units, outputs;
    if (op->kind != OP_SLICE) return false;
    const Type *whole = &op->operands[0]->type, *part = &op->results[0]->type;
    int last = whole->rank - 1;
    if (!same_extents(whole, &cell->anchor->results[0]->type)) return false;
    for (int i = 0; i < last; i++)
        if (!expr_equals(op_expr_at(op, ATTR_STARTS, i), 0) || whole->dims[i] != part->dims[i]) return false;
    for (int i = 0; i <= last; i++)
        if (op_int_at(op, ATTR_STEPS, i, 1) != 1) return false;
    if (!expr_is_constant(op_expr_at(op, ATTR_STARTS, last), &start) ||
        !expr_is_constant(part->dims[last], &units) || !expr_is_constant(whole->dims[last], &outputs))
        return false;
    return units > 0 && (cell->units == 0 || units == cell->units) && outputs % units == 0 &&
           start % units == 0 && outputs / units >= 2 && outputs / units <= GROUPS_MAX;
}

/* ---- Cuts move up ---- */

/* The layer and the pointwise ops on its whole result; false: something else uses one of them. */
static bool collect_whole(Cell *cell, int *out_parts) {
    *out_parts = 0;
    cell->members[cell->count++] = cell->anchor;
    for (Op *op = cell->anchor->next; op; op = op->next) {
        if (!uses_member(cell, op)) continue;
        if (is_part(cell, op)) {
            cell->units = expr_value(op->results[0]->type.dims[op->results[0]->type.rank - 1]);
            ++*out_parts;
            continue;
        }
        bool joins = is_pointwise(op) && same_extents(&op->results[0]->type, &cell->anchor->results[0]->type);
        if (!joins || cell->count == MEMBERS_MAX) return false;
        cell->members[cell->count++] = op;
    }
    return true;
}

static Op *emit_before(Module *module, Op *place, const Op *like, Value *const *operands) {
    Op *op = op_create(module, NULL, like->kind, operands, like->operand_count, like->span, like->path);
    op->attrs = like->attrs;
    op->attr_count = like->attr_count;
    op_insert_before(place, op);
    return infer_op(module, op) ? op : NULL;
}

static Value *cut(Cell *cell, Op *part, Value *value);

/* A member's own work on the part alone. */
static Value *cut_member(Cell *cell, Op *part, int index) {
    if (cell->cuts[index]) return cell->cuts[index];
    const Op *member = cell->members[index];
    Value *operands[3];
    for (int i = 0; i < member->operand_count; i++) operands[i] = cut(cell, part, member->operands[i]);
    Op *op = emit_before(cell->module, part, member, operands);
    return cell->cuts[index] = op ? op->results[0] : member->results[0];
}

/* What |part| cuts out of |value|, in front of |part|. */
static Value *cut(Cell *cell, Op *part, Value *value) {
    int index = value->kind == VALUE_RESULT ? member_index(cell, value->op) : -1;
    if (index > 0) return cut_member(cell, part, index);
    const Type *type = &value->type;
    int rank = cell->anchor->results[0]->type.rank;
    if (!type->rank || !expr_equals(type->dims[type->rank - 1], cell->outputs)) return value; /* broadcast */
    const Expr *starts[RANK_MAX], *shape[RANK_MAX];
    int64_t steps[RANK_MAX];
    for (int i = 0; i < type->rank; i++) {
        bool last = i + 1 == type->rank;
        starts[i] = last ? op_expr_at(part, ATTR_STARTS, rank - 1) : expr_constant(cell->module->exprs, 0);
        shape[i] = last ? expr_constant(cell->module->exprs, cell->units) : type->dims[i];
        steps[i] = 1;
    }
    Op *op = op_create(cell->module, NULL, OP_SLICE, &value, 1, part->span, part->path);
    op_set_exprs(cell->module, op, ATTR_STARTS, starts, type->rank);
    op_set_exprs(cell->module, op, ATTR_SHAPE, shape, type->rank);
    op_set_ints(cell->module, op, ATTR_STEPS, steps, type->rank);
    op_insert_before(part, op);
    return infer_op(cell->module, op) ? op->results[0] : value;
}

static void move_cuts_up(Cell *cell) {
    for (Op *op = cell->anchor->next, *next; op; op = next) {
        next = op->next;
        const Value *whole = op->operand_count ? op->operands[0] : NULL;
        if (!whole || whole->kind != VALUE_RESULT || whole->op == cell->anchor ||
            !is_member(cell, whole->op) || !is_part(cell, op))
            continue;
        memset(cell->cuts, 0, sizeof cell->cuts);
        block_replace_uses(op->parent, op->results[0], cut(cell, op, op->operands[0]));
        op_remove(op);
    }
    for (int i = cell->count - 1; i > 0; i--) op_remove(cell->members[i]);
}

/* ---- The cluster ---- */

/* Pointwise work on one element of each part. */
static bool is_work(const Cell *cell, const Op *op) {
    if (!is_pointwise(op)) return false;
    const Type *whole = &cell->anchor->results[0]->type, *type = &op->results[0]->type;
    if (type->rank != whole->rank) return false;
    for (int i = 0; i + 1 < type->rank; i++)
        if (type->dims[i] != whole->dims[i]) return false;
    return expr_equals(type->dims[type->rank - 1], cell->units);
}

static bool may_join(const Cell *cell, const Op *op) {
    if (cell->count == MEMBERS_MAX) return false;
    return is_part(cell, op) ? op->operands[0] == cell->anchor->results[0] : is_work(cell, op);
}

static bool stands_behind(const Op *op, const Op *other) {
    while (op && op != other) op = op->previous;
    return op == other;
}

/* |op|, after work behind the layer that only it reads, such as a weight of its own for what is carried.
 * |waiting|: ops that have their place among the members yet to come. */
static void join(Cell *cell, Op *op, int waiting) {
    for (int i = 0; i < op->operand_count && is_pointwise(op); i++) {
        const Value *value = op->operands[i];
        if (value->kind != VALUE_RESULT || value->op->parent != op->parent || is_member(cell, value->op) ||
            !is_work(cell, value->op) || !stands_behind(value->op, cell->anchor) ||
            block_count_uses(op->parent, value) != 1 || cell->count + waiting + 2 > MEMBERS_MAX)
            continue;
        join(cell, value->op, waiting + 1);
    }
    cell->members[cell->count++] = op;
}

static bool used_outside(const Cell *cell, const Value *value) {
    int inside = 0;
    for (int i = 0; i < cell->count; i++)
        for (int j = 0; j < cell->members[i]->operand_count; j++)
            inside += cell->members[i]->operands[j] == value;
    return block_count_uses(cell->anchor->parent, value) != inside;
}

/* Whether the members make sense as a cluster: only pointwise results leave it. */
static bool is_closed(const Cell *cell) {
    bool work = false;
    for (int i = 0; i < cell->count; i++) {
        bool pointwise = is_pointwise(cell->members[i]);
        if (!pointwise && used_outside(cell, cell->members[i]->results[0])) return false;
        work |= pointwise;
    }
    return work;
}

static void form(Cell *cell) {
    Module *module = cell->module;
    Block *block = cell->anchor->parent;
    Op *last = cell->members[cell->count - 1];
    Op *cluster = op_create(module, NULL, OP_CLUSTER, NULL, 0, cell->anchor->span, cell->anchor->path);
    op_insert_before(last, cluster);
    Value *yields[MEMBERS_MAX];
    int count = 0;
    for (int i = 0; i < cell->count; i++) {
        Value *value = cell->members[i]->results[0];
        if (used_outside(cell, value)) yields[count++] = value;
    }
    for (int i = 0; i < count; i++) {
        Value *result = op_add_result(module, cluster, yields[i]->type);
        for (Op *op = block->first; op; op = op->next) {
            if (is_member(cell, op)) continue;
            for (int j = 0; j < op->operand_count; j++)
                if (op->operands[j] == yields[i]) op->operands[j] = result;
            if (op->body) block_replace_uses(op->body, yields[i], result);
        }
    }
    for (int i = 0; i < cell->count; i++) {
        op_remove(cell->members[i]);
        op_append(cluster->body, cell->members[i]);
    }
    op_create(module, cluster->body, OP_YIELD, yields, count, cluster->span, NULL);
}

static int results_of(const Cell *cell) {
    int count = 0;
    for (int i = 0; i < cell->count; i++) count += used_outside(cell, cell->members[i]->results[0]);
    return count;
}

static void fuse(Module *module, const PassOptions *options, Op *anchor) {
    const Value *weights = anchor->operands[1];
    const Type *type = &anchor->results[0]->type;
    Cell cell = {.module = module, .anchor = anchor};
    int parts;
    if (type->dtype != DTYPE_F32 || weights->kind != VALUE_CONSTANT ||
        (anchor->operand_count > 2 && anchor->operands[2]->kind != VALUE_CONSTANT) ||
        !expr_is_constant(type->dims[type->rank - 1], &cell.outputs) || !collect_whole(&cell, &parts) ||
        !parts)
        return;
    move_cuts_up(&cell);
    cell.count = 1;
    for (Op *op = anchor->next; op; op = op->next) {
        if (!uses_member(&cell, op)) continue;
        if (!may_join(&cell, op)) break;
        join(&cell, op, 0);
    }
    if (!is_closed(&cell) || results_of(&cell) > op_infos[OP_CLUSTER].results_max) return;
    if (options->explain)
        text_printf(options->explanations,
                    "gates: linear @%s and the work on its %d parts of %d are one cluster\n", anchor->path,
                    (int)(cell.outputs / cell.units), (int)cell.units);
    form(&cell);
}

static void fuse_block(Module *module, const PassOptions *options, Block *block) {
    for (Op *op = block->last, *previous; op; op = previous) {
        previous = op->previous;
        if (op->kind == OP_SCAN) fuse_block(module, options, op->body);
        if (op->kind == OP_LINEAR) fuse(module, options, op);
    }
}

bool pass_fuse_gates(Module *module, const PassOptions *options) {
    for (int i = 0; i < module->entries.count; i++) {
        module->current_entry = module->entries.items[i];
        fuse_block(module, options, module->entries.items[i]->block);
    }
    module->current_entry = NULL;
    return true;
}

int64_t gate_units(const Op *cluster) {
    for (const Op *op = cluster->kind == OP_CLUSTER ? cluster->body->first : NULL; op; op = op->next)
        if (op->kind == OP_SLICE) return expr_value(op->results[0]->type.dims[op->results[0]->type.rank - 1]);
    return 0;
}
