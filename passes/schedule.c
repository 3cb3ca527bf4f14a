/* schedule: how each contraction is computed on the target: variant, tile, work items, chunk and super-tile.
 *   before   cluster @fc1 { .. linear .. }
 *   after    cluster @fc1 { .. linear .. } schedule {variant = dense, tile = 6 x 2 x 8, items = 4}
 * The rules are analytic, from the target's registers and caches: rows * vectors accumulators, the vectors of
 * one step and one broadcast fit the registers; weights are walked in panels of vectors * lanes outputs. Work
 * items and chunks depend on shapes only, so results do not depend on the number of threads. A schedule that
 * is already there stays; one that the file of --schedule gives is taken if it can compute the op. Measured
 * reasons are in docs/performance.md. */
#include "passes/passes.h"

#include "ir/reader.h"

#include <string.h>

enum {
    ITEMS_MAX = 8,
    VECTORS_MAX = 12,
    ITEM_FLOPS = 1000000,
    PREFETCH_TILES = 30,
    FIRST_CACHE_BYTES = 32 << 10,
    GATES_BYTES_MIN = 128 << 10
};

typedef struct Shape {
    int64_t rows_min, rows, outputs, terms; /* rows: the most */
} Shape;

static int64_t clamp(int64_t value, int64_t low, int64_t high) {
    return value < low ? low : value > high ? high : value;
}

static int lanes_of(const TargetInfo *target, DType dtype) {
    return target->register_bytes / (int)dtype_bytes(dtype);
}

/* rows * vectors + vectors + 1 (+ 1 for the product without FMA) registers. */
static int rows_that_fit(const TargetInfo *target, int vectors) {
    return (target->register_count - vectors - 1 - !target->has_fma) / vectors;
}

static int64_t items_for(int64_t flops, int64_t panels) {
    return clamp(flops / ITEM_FLOPS, 1, clamp(panels, 1, ITEMS_MAX));
}

/* Rows of a super-tile, whole tiles of nearly equal number; 0: all rows and a panel of weights fit the cache
 * together. */
static int64_t row_block(const TargetInfo *target, const Shape *shape, int64_t rows, int64_t width,
                         int64_t bytes) {
    int64_t row_bytes = shape->terms * bytes, panel_bytes = row_bytes * width;
    if (shape->rows * row_bytes + panel_bytes <= target->l2_bytes * 3 / 4 || row_bytes == 0) return 0;
    int64_t fit = clamp((target->l2_bytes / 2 - panel_bytes) / row_bytes, 4 * rows, shape->rows);
    int64_t tiles = (shape->rows + rows - 1) / rows, blocks = (shape->rows + fit - 1) / fit;
    return (tiles + blocks - 1) / blocks * rows;
}

/* Weights that fewer than PREFETCH_TILES tiles share arrive too slowly from beyond the second cache, unless
 * each tile asks ahead; a single row is bound by reading them anyhow. */
static bool wants_prefetch(const TargetInfo *target, int64_t weights_bytes, int64_t rows, int tile_rows) {
    return rows >= 4 && weights_bytes > target->l2_bytes / 2 && rows <= (int64_t)PREFETCH_TILES * tile_rows;
}

/* A dense product [rows, terms] x [terms, outputs]. */
static Schedule dense_schedule(const TargetInfo *target, const Shape *shape, DType dtype) {
    int lanes = lanes_of(target, dtype);
    int64_t vectors = (shape->outputs + lanes - 1) / lanes, rows = shape->rows;
    if (rows == 1) {
        vectors = vectors <= VECTORS_MAX ? vectors : 8;
    } else {
        int64_t wide = (target->register_count - 1 - !target->has_fma) / (clamp(rows, 1, 16) + 1);
        /* A batch that may be 1 keeps enough sums going in one row to hide the latency of an addition. */
        int64_t least = shape->rows_min > 1 ? 2 : target->register_count > 16 ? 4 : 3;
        vectors = clamp(vectors, 1, clamp(wide, least, 8));
        rows = clamp(rows, 1, rows_that_fit(target, (int)vectors));
    }
    Schedule schedule = {.variant = "dense", .rows = (int)rows, .vectors = (int)vectors, .lanes = lanes};
    int64_t panels = (shape->outputs + vectors * lanes - 1) / (vectors * lanes);
    schedule.items = (int)items_for(2 * shape->rows * shape->outputs * shape->terms, panels);
    schedule.block = row_block(target, shape, rows, vectors * lanes, (int64_t)dtype_bytes(dtype));
    int64_t weights_bytes = shape->outputs * shape->terms * (int64_t)dtype_bytes(dtype);
    if (wants_prefetch(target, weights_bytes, shape->rows, schedule.rows))
        schedule.prefetch = PREFETCH_WEIGHTS;
    return schedule;
}

static int64_t extent(const Type *type, int axis) { return type->dims[axis]->max; }

int linear_row_axis(const Type *type) {
    int axis = type->rank - 2;
    for (int i = axis - 1; i >= 0; i--)
        if (type->dims[i]->max > type->dims[axis]->max) axis = i;
    return axis;
}

static Schedule linear_schedule(const TargetInfo *target, const Op *op) {
    const Type *x = &op->operands[0]->type, *w = &op->operands[1]->type;
    int axis = linear_row_axis(x);
    Shape shape = {axis >= 0 ? x->dims[axis]->min : 1, axis >= 0 ? extent(x, axis) : 1, extent(w, 0),
                   extent(w, 1)};
    return dense_schedule(target, &shape, x->dtype);
}

/* A layer whose result is cut into groups: a panel holds the same units of each, so that a tile can finish
 * them. */
static Schedule gates_schedule(const TargetInfo *target, const Op *op, int64_t units) {
    const Type *x = &op->operands[0]->type;
    int lanes = lanes_of(target, x->dtype), axis = linear_row_axis(x);
    int64_t groups = extent(&op->results[0]->type, op->results[0]->type.rank - 1) / units;
    int64_t rows = axis >= 0 ? extent(x, axis) : 1, per_group = rows >= 4 ? 1 : clamp(8 / groups, 1, 4);
    while (per_group > 1 && per_group * lanes > units) per_group--;
    while (per_group > 1 && rows_that_fit(target, (int)(groups * per_group)) < 1) per_group--;
    Schedule schedule = {.variant = "gates", .vectors = (int)(groups * per_group), .lanes = lanes};
    schedule.rows = (int)clamp(rows, 1, clamp(rows_that_fit(target, schedule.vectors), 1, 28));
    int64_t panels = (units + per_group * lanes - 1) / (per_group * lanes);
    int64_t weights_bytes = groups * units * extent(x, x->rank - 1) * 4;
    /* Few items, so that each thread finds its share of the weights in its own cache at every step. */
    if (rows * weights_bytes >= GATES_BYTES_MIN)
        schedule.items = (int)clamp(rows * weights_bytes < 4 << 20 ? 2 : 4, 1, panels);
    schedule.zigzag =
        panels > 1 && weights_bytes > FIRST_CACHE_BYTES / 2 && weights_bytes <= 2 * target->l2_bytes;
    return schedule;
}

static Schedule matmul_schedule(const TargetInfo *target, const Op *op) {
    const Type *a = &op->operands[0]->type, *b = &op->operands[1]->type;
    bool rows = a->rank > 1;
    Shape shape = {rows ? a->dims[a->rank - 2]->min : 1, rows ? extent(a, a->rank - 2) : 1,
                   b->rank > 1 ? extent(b, b->rank - 1) : 1, extent(a, a->rank - 1)};
    Schedule schedule = dense_schedule(target, &shape, a->dtype);
    schedule.items = 0;
    schedule.block = 0;
    schedule.prefetch = 0;
    if (b->rank < 2) schedule.vectors = schedule.lanes = 1;
    return schedule;
}

/* Results that leave the second cache before they are read: their lines are not there when they are written.
 */
static bool writes_far(const TargetInfo *target, const Type *type) {
    return type_count_max(type) * (int64_t)dtype_bytes(type->dtype) > target->l2_bytes / 2;
}

/* Lanes along output channels, in panels of 16 or more whatever the vector width, so that layouts are the
 * same everywhere. The last panel may be padded. */
static Schedule direct_schedule(const TargetInfo *target, const Op *op) {
    const Type *x = &op->operands[0]->type, *w = &op->operands[1]->type, *y = &op->results[0]->type;
    int lanes = target_lanes(target), per_block = 16 / lanes;
    int64_t outputs = extent(w, 0), terms = extent(w, 1),
            spread = op_int_at(op, ATTR_INPUT_DILATION, w->rank - 3, 1);
    int64_t width = (extent(y, y->rank - 1) + spread - 1) / spread; /* of one class of outputs */
    int64_t blocks = (outputs + 15) / 16;
    int vectors = per_block;
    if (per_block == 1 && blocks % 2 == 0)
        vectors = 2;
    else if (per_block == 1 && blocks % 3 == 0)
        vectors = 3;
    else if (per_block == 1 && outputs > 256)
        vectors = 2;
    for (int i = 2; i < w->rank; i++) terms *= extent(w, i);
    bool pointwise = terms == extent(w, 1);
    int64_t pixels = pointwise && w->rank == 4 ? width * extent(y, y->rank - 2) : width;
    Schedule schedule = {.variant = "direct", .vectors = vectors, .lanes = lanes};
    schedule.rows = (int)clamp(pixels, 1, clamp(rows_that_fit(target, vectors), 1, 28));
    int64_t lines = w->rank == 4 ? extent(y, y->rank - 2) : 1;
    int64_t panels = (outputs + vectors * lanes - 1) / (vectors * lanes),
            parts = pointwise ? pixels / schedule.rows : lines / 2;
    schedule.items = (int)items_for(2 * terms * outputs * width * lines, panels > parts ? panels : parts);
    int64_t line_bytes = extent(w, 1) * extent(x, x->rank - 1) * 4,
            input_bytes = line_bytes * (w->rank == 4 ? extent(x, x->rank - 2) : 1);
    if (input_bytes > target->l2_bytes / 2)
        schedule.block = clamp(target->l2_bytes / 4 / line_bytes, 1, lines);
    int64_t rows = (schedule.block ? schedule.block : lines) * width;
    if (!op_attr(op, ATTR_INPUT_DILATION) && wants_prefetch(target, terms * outputs * 4, rows, schedule.rows))
        schedule.prefetch |= PREFETCH_WEIGHTS;
    if (pointwise && writes_far(target, y)) schedule.prefetch |= PREFETCH_RESULTS;
    return schedule;
}

/* Lanes along the pixels of a line, for maps with few output channels, or few in each group. */
static Schedule columns_schedule(const TargetInfo *target, const Op *op) {
    const Type *w = &op->operands[1]->type, *y = &op->results[0]->type;
    int lanes = target_lanes(target);
    int64_t outputs = extent(w, 0) / op_int(op, ATTR_GROUPS, 1); /* of a group */
    int64_t vectors = clamp((extent(y, y->rank - 1) + lanes - 1) / lanes, 1, outputs == 1 ? 6 : 2);
    return (Schedule){.variant = "columns",
                      .vectors = (int)vectors,
                      .lanes = lanes,
                      .rows = (int)clamp(outputs, 1, rows_that_fit(target, (int)vectors))};
}

static bool is_depthwise(const Op *op) {
    const Type *w = &op->operands[1]->type;
    return !op_attr(op, ATTR_INPUT_DILATION) && extent(w, 1) == 1 &&
           op_int(op, ATTR_GROUPS, 1) == extent(w, 0) && extent(w, 0) % 8 == 0 &&
           op->operands[1]->kind == VALUE_CONSTANT;
}

/* Lanes are the channels of a block, 16 or 8; every tap is a vector of the map times a vector of weights. */
static Schedule depthwise_schedule(const TargetInfo *target, const Op *op) {
    const Type *y = &op->results[0]->type;
    int block = extent(&op->operands[1]->type, 0) % 16 ? 8 : 16;
    int lanes = target_lanes(target) < block ? target_lanes(target) : block, vectors = block / lanes;
    return (Schedule){
        .variant = "depthwise",
        .vectors = vectors,
        .lanes = lanes,
        .rows = (int)clamp(extent(y, y->rank - 1), 1, clamp(rows_that_fit(target, vectors), 1, 14))};
}

static bool conv_schedule(const TargetInfo *target, const Op *op, Schedule *out) {
    const Type *x = &op->operands[0]->type, *w = &op->operands[1]->type;
    if (x->dtype != DTYPE_F32) return false;
    if (is_depthwise(op)) {
        *out = depthwise_schedule(target, op);
        return true;
    }
    /* Other numbers of channels leave the last panel of weights partly empty. */
    bool wide = extent(w, 0) % 16 == 0 || (extent(w, 0) > 16 && extent(w, 0) % 8 == 0) ||
                (extent(w, 0) > 32 && extent(w, 1) >= 16);
    if (op->operands[1]->kind == VALUE_CONSTANT && wide && op_int(op, ATTR_GROUPS, 1) == 1) {
        *out = direct_schedule(target, op);
        return true;
    }
    *out = columns_schedule(target, op);
    return true;
}

/* Products of n x n points: tiles of the map are rows. V and M of a block of tiles stay in the cache. Where
 * threads share them, few blocks are an even number. */
static Schedule winograd_schedule(const TargetInfo *target, const Op *op, bool shared) {
    const Type *x = &op->operands[0]->type, *u = &op->operands[1]->type, *y = &op->results[0]->type;
    int64_t m = op_int_at(op, ATTR_TILE, 0, 1), n = extent(u, 2), inputs = extent(x, 1),
            outputs = extent(u, 0);
    int64_t tiles = ((extent(y, 2) + m - 1) / m) * ((extent(y, 3) + m - 1) / m);
    Schedule schedule = direct_schedule(target, op);
    schedule.variant = "winograd";
    schedule.chunk = n >= 7 ? 64 : 128;
    schedule.prefetch = 0;
    int64_t rows = rows_that_fit(target, schedule.vectors), budget = target->l2_bytes * 8 / 10;
    /* Weights that stream from far away should meet a full tile of rows each time. */
    int64_t fit = clamp(budget / (n * n * (inputs + outputs) * 4), inputs >= 256 ? rows : 8, 28);
    int64_t blocks = (tiles + fit - 1) / fit;
    if (shared && blocks > 1 && blocks < ITEMS_MAX) blocks += blocks % 2;
    schedule.block = (tiles + blocks - 1) / blocks;
    schedule.rows = (int)clamp(schedule.block, 1, rows);
    if (wants_prefetch(target, n * n * inputs * outputs * 4, schedule.block, schedule.rows))
        schedule.prefetch = PREFETCH_WEIGHTS;
    /* Items take blocks; a single block is shared by two, by panels, at the price of a second input
     * transform. */
    int64_t panels = outputs / (schedule.vectors * schedule.lanes);
    schedule.items =
        (int)items_for(2 * n * n * tiles * inputs * outputs, blocks > 1 ? blocks : clamp(panels, 1, 2));
    return schedule;
}

static bool choose(const TargetInfo *target, const Op *op, bool shared, Schedule *out) {
    if (!dtype_is_float(op->results[0]->type.dtype)) return false;
    int64_t units = op->parent->parent ? gate_units(op->parent->parent) : 0;
    switch (op->kind) {
    case OP_LINEAR:
        *out = units ? gates_schedule(target, op, units) : linear_schedule(target, op);
        return true;
    case OP_MATMUL: *out = matmul_schedule(target, op); return true;
    case OP_CONV: return conv_schedule(target, op, out);
    case OP_WINOGRAD: *out = winograd_schedule(target, op, shared); return true;
    default: return false;
    }
}

/* ---- Schedules by hand ---- */

/* Why |given| cannot be; NULL: it can. |rule| is what the rules would choose. */
static const char *misfit(Arena *arena, const TargetInfo *target, const Op *op, const Schedule *given,
                          const Schedule *rule) {
    const Type *w = &op->operands[1]->type;
    int64_t width = (int64_t)given->vectors * given->lanes;
    bool blocked = strcmp(rule->variant, "direct") == 0 || strcmp(rule->variant, "winograd") == 0;
    bool direct = strcmp(rule->variant, "direct") == 0;
    bool either = direct && given->variant && strcmp(given->variant, "columns") == 0;
    if (!given->variant || (strcmp(given->variant, rule->variant) != 0 && !either))
        return arena_printf(arena, "its variant must be %s, found %s",
                            direct ? "direct or columns" : rule->variant,
                            given->variant ? given->variant : "none");
    if (given->rows < 1 || given->vectors < 1 || given->rows > 64 || given->vectors > VECTORS_MAX)
        return "a tile has 1 to 64 rows and 1 to 12 vectors";
    if (given->lanes != rule->lanes) return "its lanes are not those of the target";
    if (given->rows * given->vectors + (given->rows > 1 ? given->vectors : 0) + 1 + !target->has_fma >
        target->register_count)
        return "its tile needs more registers than the target has";
    if (blocked && !either && (width % 16 != 0 || (extent(w, 0) % 16 == 0 && extent(w, 0) % width != 0)))
        return "its vectors are no multiple of 16 channels, or do not divide those of the output";
    if (strcmp(rule->variant, "depthwise") == 0 && width != rule->vectors * rule->lanes)
        return "depthwise tiles are as wide as a block of 16 channels, or of 8 where 16 do not divide them";
    if (given->items < 0 || given->items > 16) return "there are at most 16 work items";
    if (given->block < 0 || given->chunk < 0 || (rule->chunk && !given->chunk))
        return "its chunk or block is no size";
    if (strcmp(rule->variant, "winograd") == 0 && !given->block) return "its block is no size";
    return NULL;
}

/* The schedule for |op|: by hand, or by rule. False: it has none. */
static bool choose_or_obey(Module *module, const PassOptions *options, const Op *op, Schedule *out,
                           bool *good) {
    const ScheduleEntry *entry = schedule_file_find(options->schedules, module->arena, op);
    if (!choose(&options->target, op, options->threads, out)) return false;
    if (!options->threads || out->items < 2) out->items = 0;
    if (!entry || !entry->schedule) return true;
    const char *reason = misfit(module->arena, &options->target, op, entry->schedule, out);
    if (!reason) {
        *out = *entry->schedule;
        if (!options->threads) out->items = 0;
        return true;
    }
    Text rule;
    text_init(&rule);
    schedule_print(&rule, out);
    Diagnostic *error = diagnose_error(module->diagnostics, E0610, entry->span,
                                       "the schedule of @%s does not fit: %s", entry->path, reason);
    diagnostic_note(error, (Span){0}, "by rule it is%s", rule.bytes);
    text_deinit(&rule);
    *good = false;
    return true;
}

static const Op *anchor_of(const Op *op) {
    if (op->kind != OP_CLUSTER) return op;
    for (const Op *inner = op->body->first; inner; inner = inner->next)
        if (op_infos[inner->kind].traits & OP_CONTRACTION) return inner;
    return op;
}

static void explain(const PassOptions *options, const Op *op, const Op *anchor, const Schedule *s) {
    if (!options->explain) return;
    text_printf(options->explanations,
                "schedule: %s @%s: %s, tile %d x %d x %d, %d items, super-tiles of %lld\n",
                op_infos[anchor->kind].text, op->path, s->variant, s->rows, s->vectors, s->lanes,
                s->items ? s->items : 1, (long long)s->block);
}

/* A linear layer with |weights| that has a schedule already; NULL: there is none. */
static const Op *find_scheduled(const Block *block, const Value *weights) {
    for (const Op *op = block->first; op; op = op->next) {
        const Op *anchor = anchor_of(op);
        if (op->schedule && anchor->kind == OP_LINEAR && anchor->operands[1] == weights) return op;
        const Op *inner = op->kind == OP_SCAN ? find_scheduled(op->body, weights) : NULL;
        if (inner) return inner;
    }
    return NULL;
}

/* Layers of one entry that share weights, as the chunks and the rest of a scan do, share their panels too. */
static void share_panels(const TargetInfo *target, const Entry *entry, const Op *op, Schedule *schedule) {
    if (op->kind != OP_LINEAR || strcmp(schedule->variant, "dense") != 0 || schedule->rows == 1) return;
    const Op *other = find_scheduled(entry->block, op->operands[1]);
    if (!other || strcmp(other->schedule->variant, "dense") != 0 || other->schedule->rows == 1) return;
    schedule->vectors = other->schedule->vectors;
    int64_t fit = rows_that_fit(target, schedule->vectors);
    if (schedule->rows > fit) schedule->rows = (int)fit;
    if (schedule->rows < other->schedule->rows) schedule->rows = other->schedule->rows;
}

static bool schedule_block(Module *module, const PassOptions *options, const Entry *entry, Block *block) {
    bool good = true;
    for (Op *op = block->first; op; op = op->next) {
        if (op->kind == OP_SCAN) good &= schedule_block(module, options, entry, op->body);
        Schedule chosen;
        const Op *anchor = anchor_of(op);
        if (op->schedule || op->kind == OP_YIELD || !anchor->result_count ||
            !choose_or_obey(module, options, anchor, &chosen, &good))
            continue;
        share_panels(&options->target, entry, anchor, &chosen);
        Schedule *kept = NEW(module->arena, Schedule);
        *kept = chosen;
        op->schedule = kept;
        explain(options, op, anchor, kept);
    }
    return good;
}

bool pass_schedule(Module *module, const PassOptions *options) {
    bool good = true;
    for (int i = 0; i < module->entries.count; i++)
        good &= schedule_block(module, options, module->entries.items[i], module->entries.items[i]->block);
    return good && schedule_file_check_used(options->schedules, module->diagnostics);
}
