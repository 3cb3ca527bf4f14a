/* chunk_scans: a scan whose number of steps is not known, or large, goes in chunks of CHUNK_STEPS, and
 * stacked scans over one axis go together, so that what is computed for all steps of a chunk at once
 * (hoist_from_scans) takes the same memory whatever the length.
 *   before   %x = gather @embedding, %tokens : f32[T, N, E]
 *            %h1, %ys = scan %x, %h0 {trip = [T]} { .. }
 *            %h2, %zs = scan %ys, %h0 {trip = [T]} { .. }
 *   after    %h1.c, %h2.c, %zs.c = scan (%tokens as [T/32, 32, N]), %h0, %h0 {trip = [T/32]} {
 *              %x = gather @embedding, %tokens.c
 *              %h1, %ys = scan %x, %h1 {trip = [32]} { .. }
 *              %h2, %zs = scan %ys, %h2 {trip = [32]} { .. }
 *            }
 *            .. the same for the T%32 steps that are left
 *            %zs = concat (%zs.c as [T/32*32, N, H]), %zs.rest
 * A backward scan begins with what is left. Sound: steps are taken in the same order, and carried on from
 * part to part; a look-up or product does not depend on how many are computed at once. Not across an
 * `until`, nor where the number of steps taken is used. */
#include "passes/rewrite.h"

#include "ir/shapes/infer.h"

#include <string.h>

enum { CHUNK_STEPS = 32, WHOLE_BYTES_MAX = 1 << 20, MEMBERS_MAX = 16, LEAVES_MAX = 32, MAPPED_MAX = 64 };

typedef struct Leaf {
    Value *value;
    int axis;
    Value *chunk, *rest; /* its part in each half */
} Leaf;

typedef struct Mapped {
    const Value *from;
    Value *chunk, *rest;
} Mapped;

/* Scans that go together. */
typedef struct Group {
    Module *module;
    Block *block;
    int count, leaf_count, mapped_count;
    Op *scans[MEMBERS_MAX];
    Leaf leaves[LEAVES_MAX];
    Mapped mapped[MAPPED_MAX];                /* stacked results */
    const Expr *trip, *chunks, *whole, *rest; /* steps; chunks; steps in chunks; steps that are left */
    bool reverse;
} Group;

static int sequences_of(const Op *scan) { return (int)op_int(scan, ATTR_SEQUENCES, 0); }
static int carries_of(const Op *scan) { return (int)op_int(scan, ATTR_CARRIES, 0); }
static int yields_of(const Op *scan) { return scan->result_count - carries_of(scan) - 1; }
static int axis_of(const Op *scan, int index) { return (int)op_int_at(scan, ATTR_AXES, index, 0); }

/* ---- Which scans ---- */

/* Bytes that the products of its sequences take for all steps. */
static int64_t hoistable_bytes(const Op *scan) {
    int64_t bytes = 0, steps = op_expr_at(scan, ATTR_TRIP, 0)->max;
    for (const Op *op = scan->body->first; op; op = op->next) {
        if (op->kind != OP_LINEAR || op->operands[1]->kind != VALUE_CONSTANT) continue;
        for (int i = 0; i < sequences_of(scan); i++)
            if (op->operands[0] == scan->body->arguments[i])
                bytes += type_count_max(&op->results[0]->type) *
                         (int64_t)dtype_bytes(op->results[0]->type.dtype) * steps;
    }
    return bytes;
}

static bool may_chunk(const Op *scan) {
    const Expr *trip = op_expr_at(scan, ATTR_TRIP, 0);
    if (scan->kind != OP_SCAN || op_int(scan, ATTR_UNTIL, 0) || sequences_of(scan) == 0) return false;
    if (block_count_uses(scan->parent, scan->results[scan->result_count - 1])) return false;
    return trip->max > CHUNK_STEPS &&
           (!expr_is_constant(trip, NULL) || hoistable_bytes(scan) > WHOLE_BYTES_MAX);
}

static bool is_member(const Group *group, const Op *op) {
    for (int i = 0; i < group->count; i++)
        if (group->scans[i] == op) return true;
    return false;
}

static bool uses_results(const Group *group, const Op *op) {
    for (int i = 0; i < group->count; i++)
        for (int j = 0; j < group->scans[i]->result_count; j++) {
            const Value *result = group->scans[i]->results[j];
            for (int k = 0; k < op->operand_count; k++)
                if (op->operands[k] == result) return true;
            if (op->body && block_count_uses(op->body, result)) return true;
        }
    return false;
}

/* Whether |scan| reads what the group stacks, position by position, and nothing else of it. */
static bool continues(const Group *group, const Op *scan) {
    const Op *first = group->scans[0];
    if (!may_chunk(scan) || group->reverse || op_int(scan, ATTR_REVERSE, 0) ||
        op_expr_at(scan, ATTR_TRIP, 0) != op_expr_at(first, ATTR_TRIP, 0))
        return false;
    for (int i = 0; i < scan->operand_count; i++) {
        const Value *operand = scan->operands[i];
        if (operand->kind != VALUE_RESULT || !is_member(group, operand->op)) continue;
        int yield = operand->index - carries_of(operand->op);
        if (i >= sequences_of(scan) || yield < 0 || operand->index + 1 == operand->op->result_count)
            return false;
        if (axis_of(scan, i) != axis_of(operand->op, sequences_of(operand->op) + yield)) return false;
    }
    for (int i = 0; i < group->count; i++)
        for (int j = 0; j < group->scans[i]->result_count; j++)
            if (block_count_uses(scan->body, group->scans[i]->results[j])) return false;
    return true;
}

static void collect(Group *group, Op *first) {
    group->scans[group->count++] = first;
    for (Op *op = first->next; op && group->count < MEMBERS_MAX; op = op->next) {
        if (!uses_results(group, op)) continue;
        if (op->kind != OP_SCAN || !continues(group, op)) return;
        group->scans[group->count++] = op;
    }
}

/* ---- What a chunk needs ---- */

/* Looks up or multiplies every position along |axis| for itself, for the group alone. */
static bool is_positionwise(const Group *group, const Value *value, int axis) {
    if (value->kind != VALUE_RESULT || value->op->parent != group->block) return false;
    const Op *op = value->op;
    int uses = 0;
    for (int i = 0; i < group->count; i++)
        for (int j = 0; j < sequences_of(group->scans[i]); j++) uses += group->scans[i]->operands[j] == value;
    if (op->kind == OP_GATHER && (op->operands[0]->kind != VALUE_CONSTANT || op_int(op, ATTR_AXIS, 0) != 0 ||
                                  axis >= op->operands[1]->type.rank))
        return false;
    if (op->kind == OP_LINEAR && (op->operands[1]->kind != VALUE_CONSTANT || axis + 1 >= value->type.rank))
        return false;
    return (op->kind == OP_GATHER || op->kind == OP_LINEAR) && block_count_uses(group->block, value) == uses;
}

static Value *source_of(const Value *value) { return value->op->operands[value->op->kind == OP_GATHER]; }

static Leaf *find_leaf(Group *group, const Value *value, int axis) {
    for (int i = 0; i < group->leaf_count; i++)
        if (group->leaves[i].value == value && group->leaves[i].axis == axis) return &group->leaves[i];
    return NULL;
}

static bool add_leaves(Group *group) {
    for (int i = 0; i < group->count; i++) {
        for (int j = 0; j < sequences_of(group->scans[i]); j++) {
            Value *value = group->scans[i]->operands[j];
            int axis = axis_of(group->scans[i], j);
            if (value->kind == VALUE_RESULT && is_member(group, value->op)) continue;
            if (is_positionwise(group, value, axis)) value = source_of(value);
            if (find_leaf(group, value, axis)) continue;
            if (group->leaf_count == LEAVES_MAX || value->type.rank == RANK_MAX) return false;
            group->leaves[group->leaf_count++] = (Leaf){value, axis, NULL, NULL};
        }
    }
    return true;
}

/* ---- Building ---- */

static Value *emit(Group *group, Block *block, Op *place, const Op *like, OpKind kind, Value *const *operands,
                   int count) {
    Op *op = op_create(group->module, place ? NULL : block, kind, operands, count, like->span, like->path);
    if (kind == like->kind) {
        op->attrs = like->attrs;
        op->attr_count = like->attr_count;
    }
    if (place) op_insert_before(place, op);
    return infer_op(group->module, op) ? op->results[0] : NULL;
}

static Value *slice(Group *group, Op *place, Value *value, int axis, const Expr *start, const Expr *extent) {
    Module *module = group->module;
    const Expr *starts[RANK_MAX], *shape[RANK_MAX];
    int64_t steps[RANK_MAX];
    for (int i = 0; i < value->type.rank; i++) {
        starts[i] = i == axis ? start : expr_constant(module->exprs, 0);
        shape[i] = i == axis ? extent : value->type.dims[i];
        steps[i] = 1;
    }
    Op *op = op_create(module, NULL, OP_SLICE, &value, 1, place->span, place->path);
    op_set_exprs(module, op, ATTR_STARTS, starts, value->type.rank);
    op_set_exprs(module, op, ATTR_SHAPE, shape, value->type.rank);
    op_set_ints(module, op, ATTR_STEPS, steps, value->type.rank);
    op_insert_before(place, op);
    return infer_op(module, op) ? op->results[0] : NULL;
}

static Value *reshape(Group *group, Op *place, Value *value, const Expr *const *dims, int rank) {
    return reshape_before(group->module, place, place, value, dims, rank);
}

/* The steps in chunks as an axis of chunks and one of steps. */
static Value *split_axis(Group *group, Op *place, const Leaf *leaf) {
    const Expr *dims[RANK_MAX + 1];
    ExprTable *exprs = group->module->exprs;
    Value *part = slice(group, place, leaf->value, leaf->axis, expr_constant(exprs, 0), group->whole);
    int rank = 0;
    for (int i = 0; part && i < part->type.rank; i++) {
        dims[rank++] = i == leaf->axis ? group->chunks : part->type.dims[i];
        if (i == leaf->axis) dims[rank++] = expr_constant(exprs, CHUNK_STEPS);
    }
    return part ? reshape(group, place, part, dims, rank) : NULL;
}

static Value *join_axes(Group *group, Op *place, Value *value, int axis) {
    const Expr *dims[RANK_MAX];
    int rank = 0;
    for (int i = 0; i < value->type.rank; i++) {
        if (i == axis + 1) continue;
        dims[rank++] = i == axis ? group->whole : value->type.dims[i];
    }
    return reshape(group, place, value, dims, rank);
}

/* One half: the steps in chunks, inside the outer scan, or those that are left. */
typedef struct Half {
    bool chunk;
    Block *block;
    Op *place; /* NULL: at the end of |block| */
    Value *carried[MAPPED_MAX];
} Half;

static Value *part_of(Group *group, const Half *half, Value *value, int axis) {
    for (int i = 0; i < group->mapped_count; i++)
        if (group->mapped[i].from == value)
            return half->chunk ? group->mapped[i].chunk : group->mapped[i].rest;
    if (is_positionwise(group, value, axis)) {
        Op *op = value->op;
        Value *operands[3];
        for (int i = 0; i < op->operand_count; i++) operands[i] = op->operands[i];
        Leaf *leaf = find_leaf(group, source_of(value), axis);
        operands[op->kind == OP_GATHER] = half->chunk ? leaf->chunk : leaf->rest;
        return emit(group, half->block, half->place, op, op->kind, operands, op->operand_count);
    }
    Leaf *leaf = find_leaf(group, value, axis);
    return half->chunk ? leaf->chunk : leaf->rest;
}

static void set_mapped(Group *group, const Half *half, const Value *from, Value *to) {
    Mapped *entry = NULL;
    for (int i = 0; i < group->mapped_count; i++)
        if (group->mapped[i].from == from) entry = &group->mapped[i];
    if (!entry) {
        entry = &group->mapped[group->mapped_count++];
        entry->from = from;
    }
    *(half->chunk ? &entry->chunk : &entry->rest) = to;
}

/* The scans of a half, one after the other; |half->carried| goes in and comes out. */
static bool build_half(Group *group, Half *half) {
    Module *module = group->module;
    int carried = 0;
    for (int i = 0; i < group->count; i++) {
        const Op *scan = group->scans[i];
        int sequences = sequences_of(scan), carries = carries_of(scan);
        Value **operands = NEW_ARRAY(module->arena, Value *, scan->operand_count);
        for (int j = 0; j < sequences; j++)
            operands[j] = part_of(group, half, scan->operands[j], axis_of(scan, j));
        for (int j = 0; j < carries; j++) operands[sequences + j] = half->carried[carried + j];
        Op *part = op_clone(module, scan, operands);
        const Expr *trip = half->chunk ? expr_constant(module->exprs, CHUNK_STEPS) : group->rest;
        op_set_exprs(module, part, ATTR_TRIP, &trip, 1);
        if (half->place)
            op_insert_before(half->place, part);
        else
            op_append(half->block, part);
        if (!infer_op(module, part)) return false;
        for (int j = 0; j < carries; j++) half->carried[carried++] = part->results[j];
        for (int j = 0; j < yields_of(scan); j++)
            set_mapped(group, half, scan->results[carries + j], part->results[carries + j]);
    }
    return true;
}

/* Whether others than the group's own scans read a result. */
static bool is_wanted(const Group *group, const Value *result) {
    int inside = 0;
    for (int i = 0; i < group->count; i++)
        for (int j = 0; j < group->scans[i]->operand_count; j++)
            inside += group->scans[i]->operands[j] == result;
    return block_count_uses(group->block, result) != inside;
}

typedef struct Wanted {
    Value *result; /* stacked, of a member */
    int axis;
    Value *chunked; /* of the outer scan */
} Wanted;

static int wanted_results(const Group *group, Wanted *out) {
    int count = 0;
    for (int i = 0; i < group->count; i++) {
        const Op *scan = group->scans[i];
        for (int j = 0; j < yields_of(scan); j++) {
            Value *result = scan->results[carries_of(scan) + j];
            if (is_wanted(group, result))
                out[count++] = (Wanted){result, axis_of(scan, sequences_of(scan) + j), NULL};
        }
    }
    return count;
}

/* The outer scan; |carried| goes in and comes out. */
static bool build_chunks(Group *group, Op *place, Value **carried, int carries, Wanted *wanted,
                         int wanted_count) {
    Module *module = group->module;
    Op *outer = op_create(module, NULL, OP_SCAN, NULL, 0, group->scans[0]->span, group->scans[0]->path);
    outer->operands = NEW_ARRAY(module->arena, Value *, group->leaf_count + carries + 1);
    int64_t axes[LEAVES_MAX + MAPPED_MAX];
    Half half = {.chunk = true, .block = outer->body};
    for (int i = 0; i < group->leaf_count; i++) {
        Leaf *leaf = &group->leaves[i];
        Value *sequence = split_axis(group, place, leaf);
        if (!sequence) return false;
        Type type = leaf->value->type;
        type.dims[leaf->axis] = expr_constant(module->exprs, CHUNK_STEPS);
        leaf->chunk = block_add_argument(module, outer->body, type, leaf->value->name);
        outer->operands[outer->operand_count++] = sequence;
        axes[i] = leaf->axis;
    }
    for (int i = 0; i < carries; i++) {
        half.carried[i] = block_add_argument(module, outer->body, carried[i]->type, carried[i]->name);
        outer->operands[outer->operand_count++] = carried[i];
    }
    if (!build_half(group, &half)) return false;
    Value *yields[2 * MAPPED_MAX];
    memcpy(yields, half.carried, (size_t)carries * sizeof *yields);
    for (int i = 0; i < wanted_count; i++) {
        yields[carries + i] = part_of(group, &half, wanted[i].result, wanted[i].axis);
        axes[group->leaf_count + i] = wanted[i].axis;
    }
    op_create(module, outer->body, OP_YIELD, yields, carries + wanted_count, outer->span, NULL);
    op_set_int(module, outer, ATTR_SEQUENCES, group->leaf_count);
    op_set_int(module, outer, ATTR_CARRIES, carries);
    op_set_ints(module, outer, ATTR_AXES, axes, group->leaf_count + wanted_count);
    op_set_exprs(module, outer, ATTR_TRIP, &group->chunks, 1);
    if (group->reverse) op_set_int(module, outer, ATTR_REVERSE, 1);
    op_insert_before(place, outer);
    if (!infer_op(module, outer)) return false;
    for (int i = 0; i < carries; i++) carried[i] = outer->results[i];
    for (int i = 0; i < wanted_count; i++)
        wanted[i].chunked = join_axes(group, place, outer->results[carries + i], wanted[i].axis);
    return true;
}

static bool build_rest(Group *group, Op *place, Value **carried, int carries) {
    Half half = {.block = group->block, .place = place};
    for (int i = 0; i < group->leaf_count; i++) {
        Leaf *leaf = &group->leaves[i];
        leaf->rest = slice(group, place, leaf->value, leaf->axis, group->whole, group->rest);
        if (!leaf->rest) return false;
    }
    memcpy(half.carried, carried, (size_t)carries * sizeof *carried);
    if (!build_half(group, &half)) return false;
    memcpy(carried, half.carried, (size_t)carries * sizeof *carried);
    return true;
}

static bool replace_results(Group *group, Op *place, Value **carried, const Wanted *wanted,
                            int wanted_count) {
    Half rest = {.chunk = false};
    for (int i = 0; i < wanted_count; i++) {
        Value *parts[2] = {wanted[i].chunked, part_of(group, &rest, wanted[i].result, wanted[i].axis)};
        Op *concat = op_create(group->module, NULL, OP_CONCAT, parts, 2, place->span, place->path);
        op_set_int(group->module, concat, ATTR_AXIS, wanted[i].axis);
        op_insert_before(place, concat);
        if (!infer_op(group->module, concat)) return false;
        block_replace_uses(group->block, wanted[i].result, concat->results[0]);
    }
    int carry = 0;
    for (int i = 0; i < group->count; i++)
        for (int j = 0; j < carries_of(group->scans[i]); j++)
            block_replace_uses(group->block, group->scans[i]->results[j], carried[carry++]);
    for (int i = group->count - 1; i >= 0; i--) op_remove(group->scans[i]);
    return true;
}

static bool chunk(Group *group) {
    ExprTable *exprs = group->module->exprs;
    Op *place = group->scans[group->count - 1]->next;
    Value *carried[MAPPED_MAX];
    Wanted wanted[MAPPED_MAX];
    int carries = 0;
    for (int i = 0; i < group->count; i++)
        for (int j = 0; j < carries_of(group->scans[i]); j++)
            carried[carries++] = group->scans[i]->operands[sequences_of(group->scans[i]) + j];
    int wanted_count = wanted_results(group, wanted);
    group->chunks = expr_floordiv(exprs, group->trip, expr_constant(exprs, CHUNK_STEPS));
    group->whole = expr_scale(exprs, group->chunks, CHUNK_STEPS);
    group->rest = expr_mod(exprs, group->trip, expr_constant(exprs, CHUNK_STEPS));
    if (group->reverse && !build_rest(group, place, carried, carries)) return false;
    if (!build_chunks(group, place, carried, carries, wanted, wanted_count)) return false;
    if (!group->reverse && !build_rest(group, place, carried, carries)) return false;
    return replace_results(group, place, carried, wanted, wanted_count);
}

static bool fits(const Group *group) {
    int carries = 0, yields = 0;
    for (int i = 0; i < group->count; i++) {
        carries += carries_of(group->scans[i]);
        yields += yields_of(group->scans[i]);
    }
    return carries + yields + 1 <= op_infos[OP_SCAN].results_max && carries < MAPPED_MAX &&
           yields < MAPPED_MAX;
}

static void chunk_block(Module *module, const PassOptions *options, Block *block) {
    for (Op *op = block->first, *next; op; op = next) {
        next = op->next;
        if (!may_chunk(op)) continue;
        Group group = {.module = module, .block = block, .trip = op_expr_at(op, ATTR_TRIP, 0)};
        group.reverse = op_int(op, ATTR_REVERSE, 0) != 0;
        collect(&group, op);
        while (group.count > 1 && !fits(&group)) group.count--;
        if (!fits(&group) || !add_leaves(&group)) continue;
        if (options->explain)
            text_printf(options->explanations, "scan @%s: %d scans go in chunks of %d steps\n", op->path,
                        group.count, CHUNK_STEPS);
        next = group.scans[group.count - 1]->next;
        chunk(&group);
    }
}

bool pass_chunk_scans(Module *module, const PassOptions *options) {
    for (int i = 0; i < module->entries.count; i++) {
        module->current_entry = module->entries.items[i];
        chunk_block(module, options, module->entries.items[i]->block);
    }
    module->current_entry = NULL;
    return true;
}
