#include "passes/lower/lower.h"

#include <assert.h>
#include <string.h>

/* ---- Values in memory ---- */

static Placed *find_placed(Lowering *lowering, const Value *value) {
    for (int i = lowering->placed.count - 1; i >= 0; i--)
        if (lowering->placed.items[i].value == value) return &lowering->placed.items[i];
    return NULL;
}

void lower_set_view(Lowering *lowering, const Value *value, View view) {
    Placed *known = find_placed(lowering, value);
    Placed placed = {value, view};
    if (known)
        *known = placed;
    else
        vector_push(lowering->arena, &lowering->placed, placed);
}

static View whole_view(Lowering *lowering, Buffer *buffer) {
    View view = {.buffer = buffer, .offset = expr_constant(lowering->exprs, 0)};
    memcpy(view.strides, buffer->strides, sizeof view.strides);
    return view;
}

View lower_view(Lowering *lowering, const Value *value) {
    if (value->kind == VALUE_CONSTANT)
        return whole_view(lowering, buffer_of_constant(lowering->loops, value->constant));
    Placed *placed = find_placed(lowering, value);
    assert(placed && placed->view.buffer);
    return placed->view;
}

const char *lower_fresh_name(Lowering *lowering, const char *hint) {
    return arena_printf(lowering->arena, "%s%d", hint, lowering->next_name++);
}

static View workspace_view(Lowering *lowering, const Type *type) {
    const Expr *extents[BUFFER_RANK_MAX], *strides[BUFFER_RANK_MAX];
    int rank = layout_physical(lowering->graph, type, extents, strides);
    Buffer *buffer = buffer_create(lowering->loops, BUFFER_WORKSPACE, lower_fresh_name(lowering, "w"),
                                   type->dtype, rank, extents, strides);
    vector_push(lowering->arena, &lowering->entry->buffers, buffer);
    return whole_view(lowering, buffer);
}

View lower_allocate(Lowering *lowering, const Value *value) {
    Placed *reserved = find_placed(lowering, value);
    if (reserved) return reserved->view;
    View view = workspace_view(lowering, &value->type);
    lower_set_view(lowering, value, view);
    return view;
}

bool view_equal(const Type *type, const View *a, const View *b) {
    int rank = type->layout ? type->layout->count : type->rank;
    bool equal = a->buffer == b->buffer && a->offset == b->offset;
    for (int i = 0; i < rank && equal; i++)
        equal = a->strides[i] == b->strides[i] || (!type->layout && expr_equals(type->dims[i], 1));
    return equal;
}

bool view_is_contiguous(Lowering *lowering, const Type *type, const View *view) {
    const Expr *extents[BUFFER_RANK_MAX], *strides[BUFFER_RANK_MAX];
    int rank = layout_physical(lowering->graph, type, extents, strides);
    for (int i = 0; i < rank; i++)
        if (!expr_equals(extents[i], 1) && view->strides[i] != strides[i]) return false;
    return true;
}

void lower_copy(Lowering *lowering, const Type *type, const View *from, const View *to, Span span,
                const char *path) {
    Op *copy = op_create(lowering->graph, NULL, OP_RELAYOUT, NULL, 0, span, path);
    Kernel kernel = kernel_begin(lowering, copy);
    Buffer *source = kernel_parameter(&kernel, type, from, false, "x");
    Buffer *target = kernel_parameter(&kernel, type, to, true, "y");
    Access read = {.buffer = source}, write = {.buffer = target};
    int lanes = lowering->options->plain ? 1 : 32 / (int)dtype_bytes(type->dtype);
    for (int i = 0; i < source->rank; i++) {
        const Expr *at =
            i + 1 < source->rank
                ? kernel_for(&kernel, "i", number(&kernel, 0), source->extents[i])
                : expr_add(lowering->exprs,
                           kernel_lanes(&kernel, "i", number(&kernel, 0), source->extents[i], lanes),
                           lane_symbol(&kernel));
        read.indices[i] = write.indices[i] = at;
    }
    if (!source->rank) lanes = 1;
    kernel_store(&kernel, kernel_load(&kernel, &read, (TileShape){1, 1, lanes}), &write);
    kernel_end(&kernel);
}

/* ---- Dispatch ---- */

static LowerFunction *const lowerings[OP_COUNT] = {
#define OP(id, text, least, most, results, shape, traits, meaning) [OP_##id] = lower_##id,
#include "ir/ops.def"
#undef OP
};

void lower_op(Lowering *lowering, const Op *op) { lowerings[op->kind](lowering, op); }

bool lower_may_place(Lowering *lowering, const Value *value, const Block *block) {
    if (value->kind != VALUE_RESULT || value->op->parent != block || find_placed(lowering, value))
        return false;
    OpKind kind = value->op->kind;
    /* What a scan stacks is written where it is wanted; what it carries is not. */
    if (kind == OP_SCAN)
        return value->index >= op_int(value->op, ATTR_CARRIES, 0) &&
               value->index + 1 < value->op->result_count;
    return kind != OP_RESHAPE && kind != OP_PERMUTE && kind != OP_SLICE && kind != OP_EXPAND;
}

static int uses_within(const Op *reader, const Value *value) {
    int uses = reader->body ? block_count_uses(reader->body, value) : 0;
    for (int i = 0; i < reader->operand_count; i++) uses += reader->operands[i] == value;
    return uses;
}

bool lower_dies_in(Lowering *lowering, const Value *value, const Op *reader) {
    if (value->kind != VALUE_RESULT || value->op->parent != reader->parent) return false;
    const Placed *own = find_placed(lowering, value);
    if (!own || own->view.buffer->kind != BUFFER_WORKSPACE) return false;
    for (int i = 0; i < lowering->placed.count; i++)
        if (&lowering->placed.items[i] != own && lowering->placed.items[i].view.buffer == own->view.buffer)
            return false;
    return block_count_uses(reader->parent, value) == uses_within(reader, value);
}

/* ---- Two scans side by side ---- */

typedef enum Side { SIDE_NONE, SIDE_FIRST, SIDE_SECOND, SIDE_BOTH } Side;

/* Which of the two sides |op| depends on; |sides| holds those of the ops of the block before it. */
typedef struct Sides {
    VECTOR(const Op *) ops;
    VECTOR(Side) sides;
} Sides;

static Side side_of_op(const Sides *sides, const Op *op) {
    for (int i = 0; i < sides->ops.count; i++)
        if (sides->ops.items[i] == op) return sides->sides.items[i];
    return SIDE_NONE;
}

static void join_side(const Sides *sides, const Value *value, const Block *block, int *found) {
    for (const Op *op = value->kind == VALUE_RESULT ? value->op : NULL; op; op = op->parent->parent)
        if (op->parent == block) {
            *found |= side_of_op(sides, op);
            return;
        }
}

static void join_block(const Sides *sides, const Block *inner, const Block *block, int *found) {
    for (const Op *op = inner->first; op; op = op->next) {
        for (int i = 0; i < op->operand_count; i++) join_side(sides, op->operands[i], block, found);
        if (op->body) join_block(sides, op->body, block, found);
    }
}

static Side depends_on(const Sides *sides, const Op *op) {
    int found = SIDE_NONE;
    for (int i = 0; i < op->operand_count; i++) join_side(sides, op->operands[i], op->parent, &found);
    if (op->body) join_block(sides, op->body, op->parent, &found);
    return (Side)found;
}

/* The ops from the scan |first| up to the returned one are those that depend on it alone, those that depend
 * on another scan alone, and some that depend on neither; NULL: there is no other scan. */
static const Op *find_sides(Lowering *lowering, const Op *first, Sides *sides) {
    Arena *arena = lowering->arena;
    bool second = false;
    vector_push(arena, &sides->ops, first);
    vector_push(arena, &sides->sides, SIDE_FIRST);
    const Op *op = first->next;
    for (; op && op->kind != OP_YIELD; op = op->next) {
        Side side = depends_on(sides, op);
        if (side == SIDE_BOTH) break;
        if (side == SIDE_NONE && op->kind == OP_SCAN && !second) {
            side = SIDE_SECOND;
            second = true;
        } else if (side == SIDE_NONE && op->kind == OP_SCAN) {
            break;
        }
        vector_push(arena, &sides->ops, op);
        vector_push(arena, &sides->sides, side);
    }
    return second ? op : NULL;
}

static void lower_side(Lowering *lowering, const Sides *sides, Side side) {
    for (int i = 0; i < sides->ops.count; i++)
        if (sides->sides.items[i] == side) lower_op(lowering, sides->ops.items[i]);
}

/* Both directions of a bidirectional layer, or any two scans that do not need each other, as two work items
 * of the entry. Returns the op to go on with; NULL: there are no two. */
static const Op *lower_side_by_side(Lowering *lowering, const Op *op) {
    Sides sides = {0};
    if (op->kind != OP_SCAN || !lowering->options->threads || lowering->options->plain ||
        op->parent != lowering->entry_block)
        return NULL;
    const Op *after = find_sides(lowering, op, &sides);
    if (!after) return NULL;
    lower_side(lowering, &sides, SIDE_NONE);
    LoopBody *outer = lowering->body;
    Kernel here = {.lowering = lowering, .span = op->span, .body = outer};
    const Expr *q = kernel_parallel(&here, 2);
    LoopBody *item = here.body;
    const Expr *counts[2] = {expr_sub(lowering->exprs, expr_constant(lowering->exprs, 1), q), q};
    for (int i = 0; i < 2; i++) {
        here.body = item;
        kernel_for(&here, "side", expr_constant(lowering->exprs, 0), counts[i]);
        lowering->body = here.body;
        lower_side(lowering, &sides, i ? SIDE_SECOND : SIDE_FIRST);
    }
    lowering->body = outer;
    return after;
}

/* ---- Blocks ---- */

void lower_block(Lowering *lowering, const Block *block) {
    /* From the last to the first: the place of a part that is itself a concatenation is known before its
     * parts'. */
    for (const Op *op = block->last; op; op = op->previous)
        if (op->kind == OP_CONCAT) lower_reserve_parts(lowering, op);
    for (const Op *op = block->first; op && op->kind != OP_YIELD;) {
        const Op *after = lower_side_by_side(lowering, op);
        if (!after) lower_op(lowering, op);
        op = after ? after : op->next;
    }
}

void lower_YIELD(Lowering *lowering, const Op *op) {
    (void)lowering;
    (void)op;
}

void lower_CLUSTER(Lowering *lowering, const Op *op) {
    const Op *anchor = cluster_anchor(op);
    /* The anchor's lowering sees the cluster through its parent and finishes its tiles with the epilogue. */
    if (anchor)
        lower_op(lowering, anchor);
    else
        lower_pointwise(lowering, op);
}

/* ---- Entries ---- */

/* An output computed by an op of the entry is written in place; reshapes pass the place on to their operand.
 */
static void reserve_output(Lowering *lowering, const Value *value, View view) {
    if (value->kind != VALUE_RESULT || value->type.layout) return;
    const Op *op = value->op;
    if (op->kind == OP_RESHAPE && op->parent == lowering->entry_block && !op->operands[0]->type.layout) {
        const Expr *extents[BUFFER_RANK_MAX];
        layout_physical(lowering->graph, &op->operands[0]->type, extents, view.strides);
        reserve_output(lowering, op->operands[0], view);
    } else if (lower_may_place(lowering, value, lowering->entry_block)) {
        lower_set_view(lowering, value, view);
    }
}

static void declare_parameters(Lowering *lowering, const Entry *entry) {
    LoopFunction *function = lowering->entry;
    const Op *yield = block_terminator(entry->block);
    for (int i = 0; i < entry->input_count + entry->output_count; i++) {
        bool output = i >= entry->input_count;
        const Type *type =
            output ? &yield->operands[i - entry->input_count]->type : &entry->block->arguments[i]->type;
        const char *name = output ? entry->output_names[i - entry->input_count] : entry->input_names[i];
        Buffer *buffer =
            buffer_create(lowering->loops, BUFFER_PARAMETER, name, type->dtype, type->rank, type->dims, NULL);
        buffer->written = output;
        loop_function_add_parameter(lowering->loops, function, buffer);
        if (output)
            reserve_output(lowering, yield->operands[i - entry->input_count], whole_view(lowering, buffer));
        else
            lower_set_view(lowering, entry->block->arguments[i], whole_view(lowering, buffer));
    }
}

static ModelState *model_state(Lowering *lowering, const char *model) {
    for (int i = 0; i < lowering->loops->states.count; i++)
        if (strcmp(lowering->loops->states.items[i]->model, model) == 0)
            return lowering->loops->states.items[i];
    return NULL;
}

/* Every state of a model has a fixed place in the caller's one state buffer. */
static void place_states(Lowering *lowering) {
    for (int i = 0; i < lowering->graph->states.count; i++) {
        const State *state = lowering->graph->states.items[i];
        ModelState *model = model_state(lowering, state->model);
        if (!model) {
            model = NEW(lowering->arena, ModelState);
            model->model = state->model;
            vector_push(lowering->arena, &lowering->loops->states, model);
        }
        Buffer *initial = buffer_of_constant(lowering->loops, state->initial->constant);
        vector_push(lowering->arena, &model->buffers, initial);
        vector_push(lowering->arena, &model->offsets, model->bytes);
        model->bytes += (buffer_bytes_max(initial) + 63) / 64 * 64;
    }
}

static int64_t state_offset(Lowering *lowering, const State *state) {
    ModelState *model = model_state(lowering, state->model);
    int at = 0;
    for (int i = 0; i < lowering->graph->states.count; i++) {
        const State *other = lowering->graph->states.items[i];
        if (other == state) return model->offsets.items[at];
        at += strcmp(other->model, state->model) == 0;
    }
    return 0;
}

static void declare_states(Lowering *lowering, const Entry *entry) {
    for (int i = 0; i < entry->state_count; i++) {
        const State *state = entry->states[i];
        Buffer *buffer = buffer_create(lowering->loops, BUFFER_STATE, lower_fresh_name(lowering, "state"),
                                       state->type.dtype, state->type.rank, state->type.dims, NULL);
        buffer->offset = state_offset(lowering, state);
        vector_push(lowering->arena, &lowering->entry->buffers, buffer);
        lower_set_view(lowering, entry->block->arguments[entry->input_count + i],
                       whole_view(lowering, buffer));
        lowering->entry->uses_state = true;
    }
}

/* Outputs that live elsewhere are copied; then the new states, through copies of their own where one state's
 * new value is another's old one. */
static void finish_outputs(Lowering *lowering, const Entry *entry) {
    const Op *yield = block_terminator(entry->block);
    for (int i = 0; i < entry->output_count; i++) {
        View from = lower_view(lowering, yield->operands[i]);
        View to = whole_view(lowering, lowering->entry->parameters[entry->input_count + i]);
        if (!view_equal(&yield->operands[i]->type, &from, &to))
            lower_copy(lowering, &yield->operands[i]->type, &from, &to, entry->span, "");
    }
    View *next = NEW_ARRAY(lowering->arena, View, entry->state_count + 1);
    for (int i = 0; i < entry->state_count; i++) {
        const Value *value = yield->operands[entry->output_count + i];
        next[i] = lower_view(lowering, value);
        if (next[i].buffer->kind != BUFFER_STATE) continue;
        View own = lower_view(lowering, entry->block->arguments[entry->input_count + i]);
        if (view_equal(&value->type, &next[i], &own)) continue;
        View copy = workspace_view(lowering, &value->type);
        lower_copy(lowering, &value->type, &next[i], &copy, entry->span, "");
        next[i] = copy;
    }
    for (int i = 0; i < entry->state_count; i++) {
        View own = lower_view(lowering, entry->block->arguments[entry->input_count + i]);
        if (!view_equal(&entry->states[i]->type, &next[i], &own))
            lower_copy(lowering, &entry->states[i]->type, &next[i], &own, entry->span, "");
    }
}

static void lower_entry(Lowering *lowering, Entry *entry) {
    LoopFunction *function = loop_function_create(
        lowering->loops, arena_printf(lowering->arena, "%s.%s", entry->model, entry->name), entry->span);
    /* Callees print before their entry: it is moved to the end of the list below. */
    function->is_entry = true;
    function->model = entry->model;
    function->entry_name = entry->name;
    function->input_count = entry->input_count;
    function->output_count = entry->output_count;
    function->dim_count = entry->dim_count;
    function->dims = entry->dims;
    function->checks.items = entry->checks.items;
    function->checks.count = entry->checks.count;
    int position = lowering->loops->functions.count - 1;
    lowering->entry = function;
    lowering->entry_block = entry->block;
    lowering->body = &function->body;
    lowering->placed.count = 0;
    declare_parameters(lowering, entry);
    declare_states(lowering, entry);
    lower_block(lowering, entry->block);
    finish_outputs(lowering, entry);
    LoopFunction **functions = lowering->loops->functions.items;
    int last = lowering->loops->functions.count - 1;
    memmove(&functions[position], &functions[position + 1], (size_t)(last - position) * sizeof *functions);
    functions[last] = function;
}

LoopModule *lower_module(Module *module, const PassOptions *options) {
    Lowering lowering = {.loops = loop_module_create(module),
                         .graph = module,
                         .exprs = module->exprs,
                         .arena = module->arena,
                         .options = options,
                         .diagnostics = module->diagnostics};
    int errors = diagnostics_error_count(module->diagnostics);
    place_states(&lowering);
    for (int i = 0; i < module->entries.count; i++) lower_entry(&lowering, module->entries.items[i]);
    merge_functions(lowering.loops);
    plan_memory(lowering.loops);
    return diagnostics_error_count(module->diagnostics) == errors ? lowering.loops : NULL;
}
