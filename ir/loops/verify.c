#include "ir/loops/verify_internal.h"

#include <string.h>

/* Vectors that loops carry at most, a limit of the backend's tables. */
enum { CARRIED_MAX = 512 };

Diagnostic *verify_complain(LoopVerifier *v, Span span, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *message = arena_vprintf(v->arena, format, arguments);
    va_end(arguments);
    v->good = false;
    const char *where = v->function ? arena_printf(v->arena, "@%s: ", v->function->name) : "";
    return diagnose_error(v->module->graph->diagnostics, E0504, span, "after %s: %s%s", v->stage, where,
                          message);
}

const char *buffer_text(const LoopVerifier *v, const Buffer *buffer) {
    return buffer->kind == BUFFER_CONSTANT ? arena_printf(v->arena, "@%s", buffer->constant->name)
                                           : arena_printf(v->arena, "%%%s", buffer->name);
}

/* ---- Symbols ---- */

static bool symbol_known(const LoopVerifier *v, const Symbol *symbol) {
    for (int i = 0; i < v->active.count; i++)
        if (v->active.items[i].range.symbol == symbol) return true;
    for (int i = 0; i < v->module->graph->dims.count; i++)
        if (v->module->graph->dims.items[i]->symbol == symbol) return true;
    return false;
}

void verify_expr(LoopVerifier *v, const Expr *expr, bool in_tile, Span span) {
    if (!expr) {
        verify_complain(v, span, "an expression is missing");
    } else if (expr->kind == EXPR_SYMBOL) {
        if (expr->symbol == v->module->row || expr->symbol == v->module->lane) {
            if (!in_tile)
                verify_complain(v, span, "%s has a meaning only where a tile is accessed",
                                expr->symbol->name);
        } else if (!symbol_known(v, expr->symbol)) {
            verify_complain(v, span, "the symbol %s is not known here", expr->symbol->name);
        }
    } else if (expr->kind != EXPR_SUM) {
        verify_expr(v, expr->left, in_tile, span);
        verify_expr(v, expr->right, in_tile, span);
    } else {
        for (int i = 0; i < expr->term_count; i++)
            for (int j = 0; j < expr->terms[i].atom_count; j++)
                verify_expr(v, expr->terms[i].atoms[j], in_tile, span);
    }
}

void verify_range(LoopVerifier *v, const Range *range, const LoopStatement *statement, Span span) {
    verify_expr(v, range->low, false, span);
    verify_expr(v, range->high, false, span);
    ActiveSymbol active = {*range, statement};
    if (range->low && range->high) vector_push(v->arena, &v->active, active);
}

/* ---- Tiles ---- */

int verify_rows(const LoopVerifier *v, const Tile *tile) {
    int rows = tile->rows;
    for (int i = 0; tile->rows == ROWS_SYMBOLIC && v->rows && i < v->rows->plan_count; i++)
        if (v->rows->plan[i].height > rows) rows = v->rows->plan[i].height;
    return rows ? rows : 1;
}

void verify_use(LoopVerifier *v, const Tile *tile, Span span) {
    if (!tile)
        verify_complain(v, span, "a tile is missing");
    else if (v->tiles[tile->id] <= 0)
        verify_complain(v, span,
                        "a tile is used that is not defined before it, in the same body or one around");
    else if (v->tiles[tile->id] <= v->hidden)
        verify_complain(v, span,
                        "a tile from outside a parallel loop is used in it; pass it through a buffer");
}

static void verify_shape(LoopVerifier *v, const Tile *tile, Span span) {
    int width = tile->vectors * tile->lanes;
    if (tile->rows < 0 || tile->rows > TILE_ROWS_MAX || tile->vectors < 1 || tile->lanes < 1 ||
        tile->lanes > LANES_MAX || (tile->lanes & (tile->lanes - 1)) || tile->vectors > TILE_WIDTH_MAX ||
        width > TILE_WIDTH_MAX)
        verify_complain(
            v, span,
            "a tile of %s: rows go up to %d, lanes are a power of two up to %d, vectors x lanes at most %d",
            tile_text(v, tile), TILE_ROWS_MAX, LANES_MAX, TILE_WIDTH_MAX);
    else if (tile->rows == ROWS_SYMBOLIC && !v->rows)
        verify_complain(v, span, "%s outside a rows loop: nothing gives R its value", tile_text(v, tile));
    else if (v->lanes && width != 1 && width != v->lanes->step)
        verify_complain(v, span, "%s in a loop of %lld lanes: tiles in it are as wide, or one element",
                        tile_text(v, tile), (long long)v->lanes->step);
}

static void define(LoopVerifier *v, const Tile *tile, Span span) {
    if (!tile) {
        verify_complain(v, span, "a tile is missing");
        return;
    }
    if (v->tiles[tile->id]) verify_complain(v, span, "a tile is defined twice");
    vector_push(v->arena, &v->open, tile);
    v->tiles[tile->id] = v->open.count;
    verify_shape(v, tile, span);
}

/* ---- Loops ---- */

static void verify_body(LoopVerifier *v, const LoopBody *body);

/* The heights of a plan must meet the end of the loop for every extent. */
static void verify_plan(LoopVerifier *v, const LoopStatement *loop) {
    const Expr *extent = expr_sub(v->module->graph->exprs, loop->range.high, loop->range.low);
    int64_t rest = extent->min < 0 ? 0 : extent->min, known;
    bool exact = expr_is_constant(extent, &known), covers = false, filled = false;
    if (loop->plan_count < 1 || loop->plan_count > ROW_PLAN_MAX)
        verify_complain(v, loop->span, "a rows loop needs a plan");
    for (int i = 0; i < loop->plan_count && i < ROW_PLAN_MAX; i++) {
        const RowPlan *plan = &loop->plan[i];
        if (plan->height < 1 || plan->height > TILE_ROWS_MAX || plan->count < 0) {
            verify_complain(v, loop->span, "heights go from 1 to %d", TILE_ROWS_MAX);
            return;
        }
        rest -= plan->count ? (int64_t)plan->height * plan->count
                : exact     ? rest / plan->height * plan->height
                            : 0;
        if (rest < 0 || (plan->count && filled && !exact)) {
            verify_complain(v, loop->span,
                            "the heights of the plan may add up to more rows than the loop has");
            return;
        }
        filled |= !plan->count;
        covers = plan->height == 1 && !plan->count;
    }
    if (exact && rest)
        verify_complain(v, loop->span, "the plan leaves out %lld of the loop's rows", (long long)rest);
    if (!exact && !covers)
        verify_complain(v, loop->span, "the plan must end with height 1, as often as it fits");
}

static void verify_parallel(LoopVerifier *v, const LoopStatement *loop) {
    int64_t items;
    if (v->parent)
        verify_complain(v, loop->span, "a parallel loop must be the outermost of its function or entry");
    if (!expr_equals(loop->range.low, 0) || !expr_is_constant(loop->range.high, &items) || items < 1)
        verify_complain(v, loop->span, "a parallel loop goes from 0 to a constant number of items");
}

static void verify_kind(LoopVerifier *v, const LoopStatement *loop) {
    if (loop->step < 1) verify_complain(v, loop->span, "the step of a loop is at least 1");
    if (loop->carry_count && loop->kind != LOOP_FOR && loop->kind != LOOP_LANES)
        verify_complain(v, loop->span, "only for and lanes loops carry tiles");
    if (loop->kind == LOOP_ROWS) {
        if (v->rows) verify_complain(v, loop->span, "rows loops do not nest: R would have two values");
        verify_plan(v, loop);
    } else if (loop->kind == LOOP_LANES) {
        if (v->lanes) verify_complain(v, loop->span, "lanes loops do not nest: a tile has one mask");
        if (loop->step > TILE_WIDTH_MAX)
            verify_complain(v, loop->span, "a tile has at most %d lanes", TILE_WIDTH_MAX);
    } else if (loop->kind == LOOP_PARALLEL) {
        verify_parallel(v, loop);
    }
}

/* The initial value, those within and behind the loop, and the next one have one type. */
static void verify_carries(LoopVerifier *v, const LoopStatement *loop) {
    int vectors = 0;
    for (int i = 0; i < loop->carry_count; i++) {
        const Carry *carry = &loop->carries[i];
        verify_use(v, carry->initial, loop->span);
        if (!carry->initial || !carry->inside || !carry->next || !carry->result) {
            verify_complain(v, loop->span, "a carried tile is incomplete");
            continue;
        }
        if (!tiles_agree(carry->initial, carry->inside) || !tiles_agree(carry->initial, carry->next) ||
            !tiles_agree(carry->initial, carry->result))
            verify_complain(v, loop->span, "a carried tile starts as %s and goes on as %s",
                            tile_text(v, carry->initial), tile_text(v, carry->next));
        vectors += verify_rows(v, carry->initial) * carry->initial->vectors;
        if (vectors > CARRIED_MAX) {
            verify_complain(v, loop->span, "the loop carries more than %d vectors", CARRIED_MAX);
            return;
        }
    }
}

static void leave_scope(LoopVerifier *v, int open, int active) {
    while (v->open.count > open) v->tiles[v->open.items[--v->open.count]->id] = -1;
    v->active.count = active;
}

static void verify_loop(LoopVerifier *v, const LoopStatement *loop) {
    LoopVerifier outer = *v;
    int open = v->open.count, active = v->active.count;
    verify_kind(v, loop);
    verify_carries(v, loop);
    verify_range(v, &loop->range, loop, loop->span);
    v->parent = loop;
    if (loop->kind == LOOP_PARALLEL) v->hidden = open;
    if (loop->kind == LOOP_ROWS) v->rows = loop;
    if (loop->kind == LOOP_LANES) v->lanes = loop;
    /* One instance per height; a full one and a masked one. */
    int copies = loop->kind == LOOP_ROWS ? loop->plan_count : loop->kind == LOOP_LANES ? 2 : 1;
    v->copies *= copies > 1 ? copies : 1;
    for (int i = 0; i < loop->carry_count; i++)
        if (loop->carries[i].inside) define(v, loop->carries[i].inside, loop->span);
    verify_body(v, &loop->body);
    for (int i = 0; i < loop->carry_count; i++)
        if (loop->carries[i].next) verify_use(v, loop->carries[i].next, loop->span);
    leave_scope(v, open, active);
    v->parent = outer.parent;
    v->rows = outer.rows;
    v->lanes = outer.lanes;
    v->hidden = outer.hidden;
    v->copies = outer.copies;
    for (int i = 0; i < loop->carry_count; i++)
        if (loop->carries[i].result) define(v, loop->carries[i].result, loop->span);
}

/* ---- Other statements ---- */

static bool is_element(const Tile *tile) { return tile->rows == 1 && tile->vectors == 1 && tile->lanes == 1; }

static void verify_index_statement(LoopVerifier *v, const LoopStatement *s) {
    verify_use(v, s->tile, s->span);
    if (s->tile && (!is_element(s->tile) || !dtype_is_integer(s->tile->dtype)))
        verify_complain(v, s->span, "an index is one integer, not %s", tile_text(v, s->tile));
    if (s->code < 1) verify_complain(v, s->span, "an index outside its range needs a status");
    verify_range(v, &s->range, s, s->span);
}

/* Every buffer's extents and strides are expressions over dims. */
static void verify_buffer(LoopVerifier *v, const Buffer *buffer, Span span) {
    int active = v->active.count;
    v->active.count = 0;
    if (v->buffers[buffer->id]) verify_complain(v, span, "%s is defined twice", buffer_text(v, buffer));
    v->buffers[buffer->id] = 1;
    for (int i = 0; i < buffer->rank; i++) {
        verify_expr(v, buffer->extents[i], false, span);
        verify_expr(v, buffer->strides[i], false, span);
        if (buffer->extents[i] && buffer->extents[i]->max < 0)
            verify_complain(v, span, "%s has a negative extent", buffer_text(v, buffer));
    }
    v->active.count = active;
}

static void verify_local(LoopVerifier *v, const LoopStatement *s) {
    if (!s->local) {
        verify_complain(v, s->span, "a buffer is missing");
        return;
    }
    verify_buffer(v, s->local, s->span);
    for (int i = 0; i < s->local->rank; i++) {
        if (expr_is_constant(s->local->extents[i], NULL) && expr_is_constant(s->local->strides[i], NULL))
            continue;
        verify_complain(v, s->span, "%s is local and needs constant extents", buffer_text(v, s->local));
        return;
    }
    int64_t bytes = buffer_bytes_max(s->local);
    v->local_bytes += bytes > LOCAL_BYTES_MAX ? (int64_t)LOCAL_BYTES_MAX + 1 : bytes * v->copies;
    if (v->local_bytes > LOCAL_BYTES_MAX) {
        v->local_bytes = 0;
        verify_complain(v, s->span, "the local buffers of a function take more than %d bytes of the stack",
                        LOCAL_BYTES_MAX);
    }
}

static void verify_exit(LoopVerifier *v, const LoopStatement *s) {
    verify_use(v, s->tile, s->span);
    if (s->tile && (!is_element(s->tile) || s->tile->dtype != DTYPE_BOOL))
        verify_complain(v, s->span, "exit takes one bool, not %s", tile_text(v, s->tile));
    if (!v->function->is_entry || !v->parent || v->parent->kind != LOOP_FOR)
        verify_complain(v, s->span, "exit stands only in a for loop of an entry");
    else if (v->parent->carry_count)
        verify_complain(v, s->span, "a loop with an exit carries no tiles");
}

/* What the callee may touch lies in the buffer. */
static void verify_reach(LoopVerifier *v, const LoopStatement *call, int index) {
    ExprTable *exprs = v->module->graph->exprs;
    const CallArgument *argument = &call->arguments[index];
    for (int i = 0; i < call->callee->parameters[index]->rank; i++)
        if (expr_equals(call->callee->parameters[index]->extents[i], 0)) return;
    const Expr *end = expr_add(exprs, argument->offset, buffer_span(v, call->callee->parameters[index]));
    const Expr *last = expr_add_constant(exprs, end, -1), *whole = buffer_span(v, argument->buffer);
    if (index_outside(v, argument->offset, whole, NULL) || index_outside(v, last, whole, NULL))
        verify_complain(v, call->span, "argument %d of @%s reaches outside %s", index, call->callee->name,
                        buffer_text(v, argument->buffer));
}

static void verify_argument(LoopVerifier *v, const LoopStatement *call, int index) {
    const CallArgument *argument = &call->arguments[index];
    const Buffer *parameter = call->callee->parameters[index], *buffer = argument->buffer;
    if (!buffer || (buffer->kind != BUFFER_CONSTANT && !v->buffers[buffer->id])) {
        verify_complain(v, call->span, "argument %d of @%s is no buffer known here", index,
                        call->callee->name);
        return;
    }
    bool good = v->good;
    v->good = true;
    verify_expr(v, argument->offset, false, call->span);
    if (buffer->dtype != parameter->dtype)
        verify_complain(v, call->span, "argument %d of @%s holds %s, the parameter %s", index,
                        call->callee->name, dtype_text(buffer->dtype), dtype_text(parameter->dtype));
    bool read_only =
        buffer->kind == BUFFER_CONSTANT || (buffer->kind == BUFFER_PARAMETER && !buffer->written);
    if (parameter->written && read_only)
        verify_complain(v, call->span, "@%s writes to %s, which is only read here", call->callee->name,
                        buffer_text(v, buffer));
    for (int i = 0; i < index; i++)
        if (call->arguments[i].buffer == buffer && call->arguments[i].offset == argument->offset &&
            (parameter->written || call->callee->parameters[i]->written))
            verify_complain(v, call->span, "@%s gets %s twice and writes to it", call->callee->name,
                            buffer_text(v, buffer));
    if (v->good) verify_reach(v, call, index);
    v->good &= good;
}

static void verify_call(LoopVerifier *v, const LoopStatement *call) {
    const LoopFunction *callee = call->callee;
    bool known = false;
    for (int i = 0; i < v->module->functions.count; i++) known |= v->module->functions.items[i] == callee;
    if (!known || callee->is_entry) {
        verify_complain(v, call->span, "a call of something that is no function of this module");
        return;
    }
    if (!v->function->is_entry || v->rows || v->lanes)
        verify_complain(v, call->span, "calls stand only in entries, outside rows and lanes loops");
    if (call->argument_count != callee->parameter_count) {
        verify_complain(v, call->span, "@%s takes %d arguments, not %d", callee->name,
                        callee->parameter_count, call->argument_count);
        return;
    }
    for (int i = 0; i < call->argument_count; i++) verify_argument(v, call, i);
}

static void verify_statement(LoopVerifier *v, const LoopStatement *s) {
    switch (s->kind) {
    case LOOP_FOR:
    case LOOP_ROWS:
    case LOOP_LANES:
    case LOOP_PARALLEL: verify_loop(v, s); return;
    case LOOP_INDEX: verify_index_statement(v, s); return;
    case LOOP_LOCAL: verify_local(v, s); return;
    case LOOP_EXIT: verify_exit(v, s); return;
    case LOOP_CALL: verify_call(v, s); return;
    case LOOP_STORE:
    case LOOP_PREFETCH: verify_value(v, s); return;
    default: break;
    }
    if (!s->tile)
        verify_complain(v, s->span, "a tile is missing");
    else if (s->kind == LOOP_MAP)
        verify_map(v, s);
    else
        verify_value(v, s);
    define(v, s->tile, s->span);
}

static void verify_body(LoopVerifier *v, const LoopBody *body) {
    for (const LoopStatement *s = body->first; s; s = s->next) verify_statement(v, s);
    for (const LoopStatement *s = body->first; s; s = s->next)
        if (s->kind == LOOP_LOCAL && s->local) v->buffers[s->local->id] = 0;
}

/* ---- Functions ---- */

static void verify_parameters(LoopVerifier *v, const LoopFunction *f) {
    for (int i = 0; i < f->parameter_count; i++) {
        const Buffer *buffer = f->parameters[i];
        verify_buffer(v, buffer, f->span);
        if (!f->is_entry || !v->good) continue;
        const Expr *stride = expr_constant(v->module->graph->exprs, 1);
        bool plain = buffer->rank <= RANK_MAX;
        for (int axis = buffer->rank - 1; axis >= 0 && plain; axis--) {
            plain = buffer->strides[axis] == stride;
            stride = expr_mul(v->module->graph->exprs, stride, buffer->extents[axis]);
        }
        if (!plain)
            verify_complain(v, f->span, "%s of an entry must be row major, of at most %d axes",
                            buffer_text(v, buffer), RANK_MAX);
        if (buffer->written != (i >= f->input_count))
            verify_complain(v, f->span, "outputs stand behind all inputs");
    }
}

/* An entry's extents must follow from its arguments. */
static void verify_dims(LoopVerifier *v, const LoopFunction *entry) {
    for (int i = 0; i < v->module->graph->dims.count; i++) {
        const Dim *dim = v->module->graph->dims.items[i];
        bool given = false, used = false;
        for (int j = 0; j < entry->dim_count; j++) given |= entry->dims[j] == dim;
        for (int j = 0; j < entry->parameter_count; j++)
            for (int axis = 0; axis < entry->parameters[j]->rank; axis++)
                used |= expr_uses(entry->parameters[j]->extents[axis], dim->symbol);
        if (used && !given)
            verify_complain(v, entry->span, "dim %s is used, but is no argument of the entry", dim->name);
    }
}

static void verify_entry(LoopVerifier *v, const LoopFunction *entry) {
    if (entry->input_count + entry->output_count != entry->parameter_count)
        verify_complain(v, entry->span, "inputs and outputs are miscounted");
    for (int i = 0; v->module->functions.items[i] != entry; i++) {
        const LoopFunction *other = v->module->functions.items[i];
        if (other->is_entry && strcmp(other->model, entry->model) == 0 &&
            strcmp(other->entry_name, entry->entry_name) == 0)
            verify_complain(v, entry->span, "there are two entries of this name");
    }
    verify_dims(v, entry);
    for (int i = 0; i < entry->checks.count; i++) {
        verify_expr(v, entry->checks.items[i].left, false, entry->span);
        verify_expr(v, entry->checks.items[i].right, false, entry->span);
    }
    for (int i = 0; i < entry->buffers.count; i++) verify_buffer(v, entry->buffers.items[i], entry->span);
    if (entry->workspace_bytes < 0) verify_complain(v, entry->span, "the workspace has a negative size");
}

static void verify_function(LoopVerifier *v, const LoopFunction *function) {
    bool good = v->good;
    v->good = true;
    v->function = function;
    v->copies = 1;
    v->local_bytes = 0;
    verify_parameters(v, function);
    if (function->is_entry)
        verify_entry(v, function);
    else if (function->buffers.count)
        verify_complain(v, function->span, "only entries have workspace and state");
    verify_body(v, &function->body);
    if (function->is_entry && v->good) verify_workspace(v, function);
    leave_scope(v, 0, 0);
    for (int i = 0; i < function->parameter_count; i++) v->buffers[function->parameters[i]->id] = 0;
    for (int i = 0; i < function->buffers.count; i++) v->buffers[function->buffers.items[i]->id] = 0;
    v->good &= good;
}

bool loops_verify(LoopModule *module, const char *stage, int registers, int register_bytes, bool has_fma) {
    LoopVerifier v = {.module = module,
                      .arena = arena_create(),
                      .stage = stage,
                      .registers = registers,
                      .register_bytes = register_bytes,
                      .has_fma = has_fma,
                      .good = true};
    v.tiles = NEW_ARRAY(v.arena, int, module->next_tile_id + 1);
    v.buffers = NEW_ARRAY(v.arena, unsigned char, module->next_buffer_id + 1);
    verify_states(&v);
    for (int i = 0; i < module->functions.count; i++) verify_function(&v, module->functions.items[i]);
    arena_destroy(v.arena);
    return v.good;
}
