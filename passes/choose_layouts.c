/* choose_layouts: how values lie in memory between clusters, and the relayouts where two demands differ.
 *   before   %2 = cluster @conv1 {..} : f32[N, 64, 56, 56]
 *   after    %2 = cluster @conv1 {..} : f32[N, 64, 56, 56]
 *                 layout [d0, d1/16, d2 halo 1:1, d3 halo 1:1, d1%16]
 * A convolution with lanes along channels yields blocks of 16 channels, or of 8 where 16 do not divide
 * what it yields or a part of the concatenation that it joins, and wants such blocks; poolings and
 * pointwise clusters keep what they get, and a cut of whole blocks lies where it lies. A value carries the
 * halo of its hungriest reader, which its producer fills with zeros on every call. Weights are laid out in
 * panels of the tile's width. Everything else is row major. Sound: relayout changes no value; results and
 * inputs of an entry stay row major. */
#include "passes/passes.h"

#include "ir/shapes/infer.h"

#include <string.h>

enum { CHANNEL_BLOCK = 16, CHANNEL_BLOCK_MIN = 8 };

static const Op *anchor_of(const Op *op) {
    if (op->kind != OP_CLUSTER) return op;
    for (const Op *inner = op->body->first; inner; inner = inner->next)
        if (op_infos[inner->kind].traits & (OP_CONTRACTION | OP_WINDOW | OP_REDUCTION)) return inner;
    return op->body->first;
}

static bool has_variant(const Op *op, const char *variant) {
    return op->schedule && op->schedule->variant && strcmp(op->schedule->variant, variant) == 0;
}

/* The convolution that |op| computes, when its schedule asks for layouts; else NULL. */
static const Op *scheduled_conv(const Op *op) {
    const Op *anchor = anchor_of(op);
    if (anchor->kind == OP_WINOGRAD) return anchor;
    if (anchor->kind != OP_CONV) return NULL;
    return has_variant(op, "direct") || has_variant(op, "columns") || has_variant(op, "depthwise") ? anchor
                                                                                                   : NULL;
}

static bool is_winograd(const Op *op) { return anchor_of(op)->kind == OP_WINOGRAD; }

static int channel_axis(const Op *conv) {
    return conv->operands[0]->type.rank - (conv->operands[1]->type.rank - 2) - 1;
}

/* The block that divides so many channels; 0: none does. */
static int64_t block_of(const Expr *channels) {
    int64_t count;
    if (!expr_is_constant(channels, &count) || count % CHANNEL_BLOCK_MIN) return 0;
    return count % CHANNEL_BLOCK ? CHANNEL_BLOCK_MIN : CHANNEL_BLOCK;
}

/* As block_of, but 16 where none divides them: the last is then filled with zeros. */
static int64_t padded_block_of(const Expr *channels) {
    int64_t block = block_of(channels);
    return block ? block : CHANNEL_BLOCK;
}

static bool wants_blocks(const Op *op, const Op *conv) {
    if (conv->kind == OP_WINOGRAD || has_variant(op, "depthwise")) return true;
    return has_variant(op, "direct") && block_of(conv->operands[0]->type.dims[channel_axis(conv)]);
}

/* ---- Layouts ---- */

typedef struct Halo {
    int64_t before[RANK_MAX], after[RANK_MAX];
} Halo;

/* |block|: 0 for row major. */
static const Layout *map_layout(Module *module, int rank, int channel, int64_t block, const Halo *halo) {
    Layout layout;
    memset(&layout, 0, sizeof layout);
    for (int i = 0; i < rank; i++) {
        bool split = block && i == channel;
        layout.pieces[layout.count++] = (Piece){split ? PIECE_DIV : PIECE_WHOLE, i, split ? block : 0,
                                                split ? 0 : halo->before[i], split ? 0 : halo->after[i]};
    }
    if (block) layout.pieces[layout.count++] = (Piece){PIECE_MOD, channel, block, 0, 0};
    return layout_intern(module, &layout);
}

/* Whether |op| ends in a pooling of 2 x 2 elements of its tiles. */
static bool is_pooled(const Op *op) {
    return op->kind == OP_CLUSTER && block_terminator(op->body)->operands[0]->kind == VALUE_RESULT &&
           op_infos[block_terminator(op->body)->operands[0]->op->kind].traits & OP_WINDOW &&
           anchor_of(op)->kind == OP_WINOGRAD;
}

/* Elements by which the tiles of a Winograd convolution overhang its result along spatial axis |axis|. */
static int64_t overhang(const Op *conv, int axis) {
    int64_t m = op_int_at(conv, ATTR_TILE, axis, 1),
            extent = expr_value(conv->results[0]->type.dims[2 + axis]);
    return (extent + m - 1) / m * m - extent;
}

/* Taps of the last output may not reach the declared end of the padding; all of it is kept all the same. */
static void widen(Halo *halo, const Op *conv) {
    int spatial = conv->operands[1]->type.rank - 2, first = channel_axis(conv) + 1;
    for (int i = 0; i < spatial; i++) {
        int64_t spread = op_int_at(conv, ATTR_INPUT_DILATION, i, 1),
                before = op_int_at(conv, ATTR_PADDING, 2 * i, 0) / spread,
                after = op_int_at(conv, ATTR_PADDING, 2 * i + 1, 0) / spread;
        if (conv->kind == OP_WINOGRAD) after += overhang(conv, i);
        if (before > halo->before[first + i]) halo->before[first + i] = before;
        if (after > halo->after[first + i]) halo->after[first + i] = after;
    }
}

static bool in_epilogue(const Op *cluster, const Value *value) {
    for (const Op *inner = cluster->kind == OP_CLUSTER ? cluster->body->first : NULL; inner;
         inner = inner->next)
        for (int i = 0; i < inner->operand_count && inner != anchor_of(cluster); i++)
            if (inner->operands[i] == value) return true;
    return false;
}

/* Overhanging tiles write their results, and read the operands of their epilogue, beyond the map; pooled,
 * half as far. */
static void widen_by_overhang(Halo *halo, const Op *conv, bool pooled) {
    for (int i = 0; i < 2; i++) {
        int64_t elements = overhang(conv, i);
        if (pooled) elements = (elements + expr_value(conv->results[0]->type.dims[2 + i]) % 2) / 2;
        if (elements > halo->after[2 + i]) halo->after[2 + i] = elements;
    }
}

/* A cut of channels [N, C, ..] at places that |block| divides, all of every other axis. */
static bool cuts_channels(const Op *op, int64_t block) {
    const Type *whole = &op->operands[0]->type, *part = &op->results[0]->type;
    int64_t start, extent;
    if (op->kind != OP_SLICE || whole->rank < 3) return false;
    for (int i = 0; i < whole->rank; i++) {
        if (op_int_at(op, ATTR_STEPS, i, 1) != 1) return false;
        if (i != 1 && whole->dims[i] != part->dims[i]) return false;
    }
    return expr_is_constant(op_expr_at(op, ATTR_STARTS, 1), &start) && start % block == 0 &&
           expr_is_constant(part->dims[1], &extent) && extent % block == 0;
}

static bool joins(const Op *op, const Value *value) {
    for (int i = 0; i < op->operand_count && op->kind == OP_CONCAT; i++)
        if (op->operands[i] == value) return true;
    return false;
}

/* A value and those whose memory it may share: the concatenations that it is a part of, since it is
 * written where the whole lies, and cuts of whole blocks, which are views; theirs too. */
typedef struct Family {
    const Block *block;
    VECTOR(const Value *) values;
} Family;

static bool family_has(const Family *family, const Value *value) {
    for (int i = 0; i < family->values.count; i++)
        if (family->values.items[i] == value) return true;
    return false;
}

static Family family_of(const Module *module, const Block *block, const Value *value) {
    Family family = {.block = block};
    vector_push(module->arena, &family.values, value);
    for (int i = 0; i < family.values.count; i++)
        for (const Op *op = block->first; op; op = op->next) {
            const Value *member = family.values.items[i];
            bool cut =
                op->kind == OP_SLICE && op->operands[0] == member && cuts_channels(op, CHANNEL_BLOCK_MIN);
            if ((cut || joins(op, member)) && !family_has(&family, op->results[0]))
                vector_push(module->arena, &family.values, op->results[0]);
        }
    return family;
}

/* The halo that those who read or write one of |family| want. */
static Halo halo_for(const Family *family) {
    Halo halo = {{0}, {0}};
    for (const Op *op = family->block->first; op; op = op->next) {
        const Op *conv = scheduled_conv(op);
        if (!conv) continue;
        for (int i = 0; i < family->values.count; i++) {
            const Value *value = family->values.items[i];
            if (conv->operands[0] == value) widen(&halo, conv);
            if (conv->kind != OP_WINOGRAD) continue;
            if (op->results[0] == value)
                widen_by_overhang(&halo, conv, is_pooled(op));
            else if (value->type.rank == 4 && in_epilogue(op, value))
                widen_by_overhang(&halo, conv, false);
        }
    }
    return halo;
}

/* 0: row major. */
static int64_t channel_block(const Layout *layout) {
    const Piece *last = layout ? &layout->pieces[layout->count - 1] : NULL;
    return last && last->kind == PIECE_MOD ? last->block : 0;
}

static bool is_blocked(const Layout *layout) { return channel_block(layout) != 0; }

static int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }

/* The block of what |op| joins along |axis|; 0: it has none. */
static int64_t block_of_parts(const Op *op, int axis) {
    int64_t least = CHANNEL_BLOCK;
    for (int i = 0; i < op->operand_count; i++)
        least = lesser(least, block_of(op->operands[i]->type.dims[axis]));
    return op_int(op, ATTR_AXIS, 0) == axis ? least : 0;
}

/* The block for the first of |family|, with its channels as |axis|: of its own channels, of every part of
 * what it joins, and of the cuts. 0: none. */
static int64_t block_for(const Family *family, int axis) {
    int64_t least = block_of(family->values.items[0]->type.dims[axis]);
    for (int i = 0; i < family->values.count && least; i++)
        for (const Op *op = family->block->first; op; op = op->next) {
            const Value *value = family->values.items[i];
            int64_t parts = joins(op, value) ? block_of_parts(op, axis) : 0;
            if (parts) least = lesser(least, parts);
            if (op->kind == OP_SLICE && op->operands[0] == value && cuts_channels(op, CHANNEL_BLOCK_MIN) &&
                !cuts_channels(op, CHANNEL_BLOCK))
                least = lesser(least, CHANNEL_BLOCK_MIN);
        }
    return least;
}

/* Written by kernels that place elements by layout and fill halos. */
static bool can_write_layout(const Op *op) {
    const Op *anchor = anchor_of(op);
    if (anchor->kind == OP_CONV || anchor->kind == OP_WINOGRAD || anchor->kind == OP_CONCAT ||
        anchor->kind == OP_SPACE_TO_DEPTH)
        return true;
    return op_infos[anchor->kind].traits & (OP_WINDOW | OP_POINTWISE);
}

/* Whole blocks of channels, one after the other: their size; 0: they are not. */
static int64_t joins_blocks(const Op *op, int *out_channel) {
    int64_t block = CHANNEL_BLOCK;
    for (int i = 0; i < op->operand_count; i++) {
        const Type *type = &op->operands[i]->type;
        if (!is_blocked(type->layout)) return 0;
        *out_channel = type->layout->pieces[type->layout->count - 1].axis;
        if (*out_channel != op_int(op, ATTR_AXIS, 0)) return 0;
        block = lesser(block, lesser(channel_block(type->layout), block_of(type->dims[*out_channel])));
    }
    return block;
}

static bool read_in_blocks(const Block *block, const Value *value) {
    for (const Op *op = block->first; op; op = op->next) {
        const Op *conv = scheduled_conv(op);
        if (conv && conv->operands[0] == value) return wants_blocks(op, conv);
    }
    return false;
}

/* The channel blocks that the result of |op| comes in: convolutions decide, what follows them keeps. 0: none.
 */
static int64_t yields_blocks(const Op *op, const Family *family, int *out_channel) {
    const Op *anchor = anchor_of(op), *conv = scheduled_conv(op);
    if (conv) {
        *out_channel = channel_axis(conv);
        if (!has_variant(op, "direct") && !has_variant(op, "depthwise") && !is_winograd(op)) return 0;
        return block_for(family, *out_channel);
    }
    if (op->kind == OP_CONCAT) return joins_blocks(op, out_channel);
    if (op->kind == OP_SPACE_TO_DEPTH) {
        *out_channel = 1;
        bool blocked = read_in_blocks(op->parent, op->results[0]);
        return blocked ? padded_block_of(op->results[0]->type.dims[1]) : 0;
    }
    if (!(op_infos[anchor->kind].traits & (OP_WINDOW | OP_POINTWISE))) return 0;
    for (const Op *inner = op->kind == OP_CLUSTER ? op->body->first : op; inner; inner = inner->next) {
        for (int i = 0; i < inner->operand_count; i++) {
            const Type *type = &inner->operands[i]->type;
            if (!is_blocked(type->layout) || type->rank != op->results[0]->type.rank) continue;
            *out_channel = type->layout->pieces[type->layout->count - 1].axis;
            bool same = type->dims[*out_channel] == op->results[0]->type.dims[*out_channel];
            return same ? channel_block(type->layout) : 0;
        }
        if (op->kind != OP_CLUSTER) break;
    }
    return 0;
}

static bool read_by_other_blocks(const Block *block, const Value *value) {
    for (const Op *op = block->first; op; op = op->next)
        if (op->kind == OP_SCAN && block_count_uses(op->body, value)) return true;
    return false;
}

static void set_layout(Op *op, const Layout *layout) {
    op->results[0]->type.layout = layout;
    if (op->kind != OP_CLUSTER) return;
    block_terminator(op->body)->operands[0]->type.layout = layout;
}

/* ---- Relayouts ---- */

static Value *relaid(Module *module, Op *before, Value *value, const Layout *layout) {
    if (value->type.layout == layout) return value;
    for (Op *op = before->parent->first; op != before; op = op->next)
        if (op->kind == OP_RELAYOUT && op->operands[0] == value && op->results[0]->type.layout == layout)
            return op->results[0];
    Op *op = op_create(module, NULL, OP_RELAYOUT, &value, 1, before->span, before->path);
    op_insert_before(before, op);
    Type type = value->type;
    type.layout = layout;
    return op_add_result(module, op, type);
}

static const Layout *packed_weights(Module *module, const Op *op, const Op *conv) {
    const Type *w = &conv->operands[1]->type;
    int64_t width = (int64_t)op->schedule->vectors * op->schedule->lanes;
    int64_t block = has_variant(op, "depthwise") ? 0 : channel_block(conv->operands[0]->type.layout);
    Layout layout;
    memset(&layout, 0, sizeof layout);
    layout.pieces[layout.count++] = (Piece){PIECE_DIV, 0, width, 0, 0};
    layout.pieces[layout.count++] =
        block ? (Piece){PIECE_DIV, 1, block, 0, 0} : (Piece){PIECE_WHOLE, 1, 0, 0, 0};
    for (int i = 2; i < w->rank; i++) layout.pieces[layout.count++] = (Piece){PIECE_WHOLE, i, 0, 0, 0};
    if (block) layout.pieces[layout.count++] = (Piece){PIECE_MOD, 1, block, 0, 0};
    layout.pieces[layout.count++] = (Piece){PIECE_MOD, 0, width, 0, 0};
    return layout_intern(module, &layout);
}

static const Layout *packed_points(Module *module, const Schedule *schedule) {
    int64_t width = (int64_t)schedule->vectors * schedule->lanes;
    Layout layout;
    memset(&layout, 0, sizeof layout);
    layout.count = 5;
    layout.pieces[0] = (Piece){PIECE_WHOLE, 2, 0, 0, 0};
    layout.pieces[1] = (Piece){PIECE_WHOLE, 3, 0, 0, 0};
    layout.pieces[2] = (Piece){PIECE_DIV, 0, width, 0, 0};
    layout.pieces[3] = (Piece){PIECE_WHOLE, 1, 0, 0, 0};
    layout.pieces[4] = (Piece){PIECE_MOD, 0, width, 0, 0};
    return layout_intern(module, &layout);
}

static const Layout *packed_matrix(Module *module, const Schedule *schedule) {
    int64_t width = (int64_t)schedule->vectors * schedule->lanes;
    Layout layout;
    memset(&layout, 0, sizeof layout);
    layout.count = 3;
    layout.pieces[0] = (Piece){PIECE_DIV, 0, width, 0, 0};
    layout.pieces[1] = (Piece){PIECE_WHOLE, 1, 0, 0, 0};
    layout.pieces[2] = (Piece){PIECE_MOD, 0, width, 0, 0};
    return layout_intern(module, &layout);
}

/* Whether a blocked layout's halo is at least that of |wanted|. */
static bool has_room(const Layout *has, const Layout *wanted) {
    if (!is_blocked(has) || !is_blocked(wanted) || has->count != wanted->count) return !wanted;
    for (int i = 0; i < has->count; i++) {
        if (has->pieces[i].kind != wanted->pieces[i].kind || has->pieces[i].axis != wanted->pieces[i].axis)
            return false;
        if (has->pieces[i].halo_before < wanted->pieces[i].halo_before ||
            has->pieces[i].halo_after < wanted->pieces[i].halo_after)
            return false;
    }
    return true;
}

/* The map that a convolution reads: blocks if it wants them, with at least its own halo. */
static Value *conv_input(Module *module, Op *op, const Op *conv) {
    Value *x = conv->operands[0];
    bool blocked = wants_blocks(op, conv);
    Family family = family_of(module, op->parent, x);
    Halo halo = halo_for(&family), own = {{0}, {0}};
    widen(&own, conv);
    const Layout *has = x->type.layout;
    bool enough = is_blocked(has) == blocked;
    if (enough && blocked) enough = has->pieces[has->count - 1].axis == channel_axis(conv);
    for (int i = 0; enough && i < x->type.rank; i++) {
        int64_t before = 0, after = 0;
        for (int j = 0; has && j < has->count; j++)
            if (has->pieces[j].axis == i && has->pieces[j].kind == PIECE_WHOLE) {
                before = has->pieces[j].halo_before;
                after = has->pieces[j].halo_after;
            }
        enough = before >= own.before[i] && after >= own.after[i];
    }
    if (enough) return x;
    int64_t block = blocked ? padded_block_of(x->type.dims[channel_axis(conv)]) : 0;
    return relaid(module, op, x, map_layout(module, x->type.rank, channel_axis(conv), block, &halo));
}

/* Rows whose distance is a multiple of 4 KiB fall into the same cache sets: with many rows per tile they are
 * copied to rows a little further apart. */
static Value *linear_input(Module *module, const PassOptions *options, Op *op, const Op *linear) {
    Value *x = linear->operands[0];
    int64_t terms, row_bytes;
    const Type *type = &x->type;
    if (!expr_is_constant(type->dims[type->rank - 1], &terms)) return x;
    row_bytes = terms * (int64_t)dtype_bytes(type->dtype);
    if (op->schedule->rows <= 8 || row_bytes % 4096 != 0 || type->layout) return x;
    (void)options;
    Halo halo = {{0}, {0}};
    halo.after[type->rank - 1] = 16;
    return relaid(module, op, x, map_layout(module, type->rank, 0, 0, &halo));
}

/* Panels of |panel| units of each group. */
static void interleave_gates(Module *module, const Op *cluster, Op *linear) {
    int64_t units = gate_units(cluster),
            groups = expr_value(linear->results[0]->type.dims[linear->results[0]->type.rank - 1]) / units,
            panel = (int64_t)cluster->schedule->vectors / groups * cluster->schedule->lanes;
    linear->operands[1] = interleave_constant(module, linear->operands[1], groups, units, panel,
                                              packed_matrix(module, cluster->schedule));
    if (linear->operand_count > 2)
        linear->operands[2] = interleave_constant(module, linear->operands[2], groups, units, panel, NULL);
    op_set_ints(module, linear, ATTR_INTERLEAVE, (int64_t[]){groups, units, panel}, 3);
}

/* ---- Every op in turn ---- */

static void replace_operand(Op *op, const Op *anchor, int index, Value *value) {
    (void)op;
    ((Op *)anchor)->operands[index] = value;
}

static bool takes_any_layout(const Op *op) {
    if (op->kind == OP_CLUSTER) return true;
    if (op->kind == OP_CONV || op->kind == OP_RELAYOUT || op->kind == OP_RESHAPE || op->kind == OP_CONCAT ||
        op->kind == OP_SPACE_TO_DEPTH)
        return true;
    if (op->kind == OP_REDUCE_SUM || op->kind == OP_REDUCE_MEAN || op->kind == OP_REDUCE_MAX ||
        op->kind == OP_REDUCE_MIN)
        return true;
    return op_infos[op->kind].traits & (OP_POINTWISE | OP_WINDOW);
}

static void want_rows(Module *module, Op *op, Op *reader) {
    for (int i = 0; i < reader->operand_count; i++)
        if (reader->operands[i]->kind != VALUE_CONSTANT && reader->operands[i]->type.layout)
            reader->operands[i] = relaid(module, op, reader->operands[i], NULL);
}

/* |value| as some reader before |op| wanted it, with at least the halo of |wanted|; NULL: there is none. */
static Value *find_relaid(const Op *op, const Value *value, const Layout *wanted) {
    for (const Op *other = op->parent->first; other != op; other = other->next)
        if (other->kind == OP_RELAYOUT && other->operands[0] == value &&
            has_room(other->results[0]->type.layout, wanted))
            return other->results[0];
    return NULL;
}

/* Maps that the epilogue of overhanging tiles reads must have room for it. */
static void epilogue_operands(Module *module, Op *op) {
    if (op->kind != OP_CLUSTER) return;
    const Op *anchor = anchor_of(op);
    const Layout *wanted = map_layout(module, 4, 1, CHANNEL_BLOCK,
                                      &(Halo){{0}, {0, 0, overhang(anchor, 0), overhang(anchor, 1)}});
    for (Op *inner = op->body->first; inner; inner = inner->next)
        for (int i = 0; i < inner->operand_count && inner != anchor; i++) {
            Value *value = inner->operands[i];
            bool outside = value->kind != VALUE_RESULT || value->op->parent != op->body;
            if (!outside || value->type.rank != 4 || has_room(value->type.layout, wanted)) continue;
            if (expr_equals(value->type.dims[2], 1) && expr_equals(value->type.dims[3], 1)) continue;
            Value *roomy = find_relaid(op, value, wanted);
            inner->operands[i] = roomy ? roomy : relaid(module, op, value, wanted);
        }
}

/* The body of a scan reads rows of what lies around it: of maps, whose tiles need their room, copies. */
static void give_rows_to_body(Module *module, Op *scan) {
    for (Op *op = scan->parent->first; op != scan; op = op->next) {
        if (op->kind == OP_RELAYOUT) continue;
        for (int i = 0; i < op->result_count; i++) {
            Value *value = op->results[i];
            if (value->type.layout && block_count_uses(scan->body, value))
                block_replace_uses(scan->body, value, relaid(module, scan, value, NULL));
        }
    }
}

/* Of a blocked map with its channels as axis 1: the part lies where it lies in the whole. */
static bool cuts_blocks(const Op *op) {
    const Layout *layout = op->kind == OP_SLICE ? op->operands[0]->type.layout : NULL;
    return is_blocked(layout) && layout->pieces[layout->count - 1].axis == 1 &&
           cuts_channels(op, channel_block(layout));
}

/* A row-major map that the epilogue reads, where it lies in blocks already for another reader. */
static void blocked_operands(Module *module, Op *op, const Op *conv) {
    const Type *result = &op->results[0]->type;
    const Layout *wanted =
        map_layout(module, result->rank, channel_axis(conv), CHANNEL_BLOCK, &(Halo){{0}, {0}});
    for (Op *inner = op->kind == OP_CLUSTER ? op->body->first : NULL; inner; inner = inner->next)
        for (int i = 0; i < inner->operand_count && inner != conv; i++) {
            Value *value = inner->operands[i];
            if (value->type.layout || value->type.rank != result->rank) continue;
            Value *blocked = find_relaid(op, value, wanted);
            if (blocked) inner->operands[i] = blocked;
        }
}

static void lay_out_op(Module *module, const PassOptions *options, Op *op) {
    const Op *anchor = anchor_of(op), *conv = scheduled_conv(op);
    if (cuts_blocks(op)) {
        op->results[0]->type.layout = op->operands[0]->type.layout;
        return;
    }
    if (conv) {
        replace_operand(op, conv, 0, conv_input(module, op, conv));
        if (is_winograd(op)) {
            replace_operand(op, conv, 1,
                            relaid(module, op, conv->operands[1], packed_points(module, op->schedule)));
            epilogue_operands(module, op);
        } else if (has_variant(op, "direct") || has_variant(op, "depthwise")) {
            blocked_operands(module, op, conv);
            replace_operand(op, conv, 1,
                            relaid(module, op, conv->operands[1], packed_weights(module, op, conv)));
        }
    } else if (anchor->kind == OP_LINEAR && has_variant(op, "gates")) {
        want_rows(module, op, (Op *)anchor);
        interleave_gates(module, op, (Op *)anchor);
    } else if (anchor->kind == OP_LINEAR && has_variant(op, "dense")) {
        want_rows(module, op, (Op *)anchor);
        if (anchor->operands[1]->kind == VALUE_CONSTANT)
            replace_operand(op, anchor, 1,
                            relaid(module, op, anchor->operands[1], packed_matrix(module, op->schedule)));
        replace_operand(op, anchor, 0, linear_input(module, options, op, anchor));
    } else if (!takes_any_layout(op) || (op->kind == OP_CLUSTER && !takes_any_layout(anchor))) {
        want_rows(module, op, op->kind == OP_CLUSTER ? (Op *)anchor : op);
    }
    int channel = 0;
    /* The second result of a convolution is the sum of its map, always row major. */
    if ((op->result_count != 1 && !conv) || !can_write_layout(op)) return;
    if (read_by_other_blocks(op->parent, op->results[0]) && !is_winograd(op)) return;
    Family family = family_of(module, op->parent, op->results[0]);
    int64_t block = yields_blocks(op, &family, &channel);
    Halo halo = halo_for(&family);
    const Layout *layout = map_layout(module, op->results[0]->type.rank, channel, block, &halo);
    if (!block && block_count_uses(op->parent, op->results[0]) != 1)
        layout = NULL; /* others read it row major */
    if (layout) set_layout(op, layout);
}

/* A 1x1 convolution between maps without halo runs over all pixels as one row. */
static void flatten_pointwise(Module *module, Op *op) {
    const Op *conv = scheduled_conv(op);
    if (!conv || !has_variant(op, "direct") || !wants_blocks(op, conv) || conv->operands[1]->type.rank != 4 ||
        op_attr(conv, ATTR_INPUT_DILATION))
        return;
    for (int i = 0; i < 2; i++) {
        if (!expr_equals(conv->operands[1]->type.dims[2 + i], 1) || op_int_at(conv, ATTR_STRIDE, i, 1) != 1)
            return;
        if (op_int_at(conv, ATTR_PADDING, 2 * i, 0) || op_int_at(conv, ATTR_PADDING, 2 * i + 1, 0)) return;
        if (!expr_is_constant(op->results[0]->type.dims[op->results[0]->type.rank - 1 - i], NULL)) return;
    }
    const Layout *layouts[2] = {conv->operands[0]->type.layout, op->results[0]->type.layout};
    for (int i = 0; i < 2; i++) {
        if (!is_blocked(layouts[i]) && (i == 0 || layouts[i])) return;
        for (int j = 0; layouts[i] && j < layouts[i]->count; j++)
            if (layouts[i]->pieces[j].halo_before || layouts[i]->pieces[j].halo_after) return;
    }
    Schedule *flat = NEW(module->arena, Schedule);
    *flat = *op->schedule;
    flat->variant = "pointwise";
    if (flat->block) flat->block *= expr_value(op->results[0]->type.dims[op->results[0]->type.rank - 1]);
    op->schedule = flat;
}

static void lay_out_block(Module *module, const PassOptions *options, Block *block) {
    for (Op *op = block->first, *next; op; op = next) {
        next = op->next;
        if (op->kind == OP_SCAN) {
            give_rows_to_body(module, op);
            lay_out_block(module, options, op->body);
        }
        if (op->kind == OP_RELAYOUT) continue;
        if (op->kind == OP_YIELD || op->kind == OP_SCAN)
            want_rows(module, op, op);
        else
            lay_out_op(module, options, op);
    }
    for (Op *op = block->first; op; op = op->next) flatten_pointwise(module, op);
}

bool pass_choose_layouts(Module *module, const PassOptions *options) {
    for (int i = 0; i < module->entries.count; i++)
        lay_out_block(module, options, module->entries.items[i]->block);
    return true;
}
