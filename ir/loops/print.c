#include "ir/loops/loops.h"

#include "ir/loops/names.h"
#include "ir/reader.h"
#include "ir/text_form.h"

#include <string.h>

typedef struct Printer {
    Text *text;
    const LoopModule *module;
    LoopNames names;
    Span place; /* of the statement or function around */
} Printer;

static void print_body(Printer *printer, const LoopBody *body, int indent);

static void print_expr(Printer *printer, const Expr *expr) {
    names_print_expr(&printer->names, printer->text, expr);
}

/* A place is printed where it differs from the one around it; places in loop text itself never are. */
static void print_place(Printer *printer, Span span, Span around) {
    if (span.file == printer->module->text || (span.file == around.file && span.start == around.start))
        return;
    place_print(printer->text, span);
}

static void print_tile_name(Printer *printer, const Tile *tile) {
    text_printf(printer->text, "%%%s", names_tile(&printer->names, tile));
}

static void print_tile_type(Printer *printer, const Tile *tile) {
    text_printf(printer->text, "%s<", dtype_text(tile->dtype));
    if (tile->rows == ROWS_SYMBOLIC)
        text_putc(printer->text, 'R');
    else
        text_printf(printer->text, "%d", tile->rows);
    text_printf(printer->text, " x %d x %d>", tile->vectors, tile->lanes);
}

static void print_buffer_name(Printer *printer, const Buffer *buffer) {
    names_print_buffer(&printer->names, printer->text, buffer);
}

static void print_expr_list(Printer *printer, const Expr *const *exprs, int count) {
    text_putc(printer->text, '[');
    for (int i = 0; i < count; i++) {
        if (i) text_puts(printer->text, ", ");
        print_expr(printer, exprs[i]);
    }
    text_putc(printer->text, ']');
}

static bool strides_are_plain(Printer *printer, const Buffer *buffer) {
    ExprTable *exprs = printer->module->graph->exprs;
    const Expr *stride = expr_constant(exprs, 1);
    for (int i = buffer->rank - 1; i >= 0; i--) {
        if (buffer->strides[i] != stride) return false;
        stride = expr_mul(exprs, stride, buffer->extents[i]);
    }
    return true;
}

static void print_buffer_type(Printer *printer, const Buffer *buffer) {
    text_puts(printer->text, dtype_text(buffer->dtype));
    print_expr_list(printer, buffer->extents, buffer->rank);
    if (strides_are_plain(printer, buffer)) return;
    text_puts(printer->text, " strides ");
    print_expr_list(printer, buffer->strides, buffer->rank);
}

static void print_access(Printer *printer, const Access *access) {
    print_buffer_name(printer, access->buffer);
    print_expr_list(printer, access->indices, access->buffer->rank);
}

static void print_bounds(Printer *printer, const Range *range) {
    print_expr(printer, range->low);
    text_puts(printer->text, " .. ");
    print_expr(printer, range->high);
}

static void print_result(Printer *printer, const LoopStatement *statement) {
    names_define_tile(&printer->names, statement->tile);
    print_tile_name(printer, statement->tile);
    text_puts(printer->text, " = ");
}

static void print_result_type(Printer *printer, const LoopStatement *statement) {
    text_puts(printer->text, " : ");
    print_tile_type(printer, statement->tile);
}

/* ---- Values ---- */

static void print_node(Printer *printer, const MapNode *node) {
    Text *text = printer->text;
    if (node->kind == MAP_CONSTANT) {
        text_puts(text, "const ");
        if (dtype_is_float(node->dtype))
            text_double(text, node->real);
        else
            text_printf(text, "%lld", (long long)node->integer);
    } else {
        int count = node->kind == MAP_FMA ? 3 : op_infos[node->op].operands_min;
        text_puts(text, node->kind == MAP_FMA ? "fma" : op_infos[node->op].text);
        for (int i = 0; i < count; i++) {
            int operand = node->operands[i];
            text_printf(text, operand < 0 ? "%s a%d" : "%s t%d", i ? "," : "",
                        operand < 0 ? -1 - operand : operand);
        }
    }
    text_printf(text, " : %s", dtype_text(node->dtype));
}

static void print_map(Printer *printer, const LoopStatement *statement) {
    Text *text = printer->text;
    print_result(printer, statement);
    text_puts(text, "map");
    for (int i = 0; i < statement->operand_count; i++) {
        text_puts(text, i ? ", " : " ");
        print_tile_name(printer, statement->operands[i]);
    }
    text_puts(text, " { ");
    for (int i = 0; i < statement->node_count; i++) {
        text_printf(text, "%st%d = ", i ? "; " : "", i);
        print_node(printer, &statement->nodes[i]);
    }
    text_puts(text, " }");
    print_result_type(printer, statement);
}

/* The ranges stand before the accesses that use them. */
static void print_contract(Printer *printer, const LoopStatement *statement) {
    Text *text = printer->text;
    print_result(printer, statement);
    text_puts(text, "contract ");
    if (statement->operand_count && statement->operands[0]) {
        print_tile_name(printer, statement->operands[0]);
        text_puts(text, ", ");
    }
    NamesMark mark = names_enter(&printer->names);
    for (int i = 0; i < statement->depth; i++) {
        text_printf(text, "%s = ", names_define_symbol(&printer->names, statement->k[i].symbol, ""));
        print_bounds(printer, &statement->k[i]);
        text_puts(text, ", ");
    }
    if (statement->chunk) text_printf(text, "chunk %lld, ", (long long)statement->chunk);
    text_puts(text, "A = ");
    print_access(printer, &statement->a);
    text_puts(text, ", B = ");
    print_access(printer, &statement->b);
    names_leave(&printer->names, mark);
    if (statement->ahead) {
        text_puts(text, ", prefetch ");
        print_expr(printer, statement->ahead);
        text_printf(text, " step %lld", (long long)statement->ahead_step);
    }
    print_result_type(printer, statement);
}

/* ---- Loops ---- */

static void print_header(Printer *printer, const LoopStatement *loop) {
    Text *text = printer->text;
    const char *name = names_define_symbol(&printer->names, loop->range.symbol, "%");
    text_printf(text, "%s %s = ", loop->kind == LOOP_PARALLEL ? "parallel" : "for", name);
    print_bounds(printer, &loop->range);
    if (loop->kind == LOOP_FOR && loop->step != 1) text_printf(text, " step %lld", (long long)loop->step);
    if (loop->kind == LOOP_LANES) text_printf(text, " lanes %lld", (long long)loop->step);
    for (int i = 0; loop->kind == LOOP_ROWS && i < loop->plan_count; i++) {
        text_printf(text, "%s%d", i ? ", " : " rows [", loop->plan[i].height);
        if (loop->plan[i].count) text_printf(text, "*%d", loop->plan[i].count);
        if (i + 1 == loop->plan_count) text_putc(text, ']');
    }
}

static void print_carries(Printer *printer, const LoopStatement *loop) {
    for (int i = 0; i < loop->carry_count; i++) {
        names_define_tile(&printer->names, loop->carries[i].inside);
        text_puts(printer->text, i ? ", " : " carry (");
        print_tile_name(printer, loop->carries[i].inside);
        text_puts(printer->text, " = ");
        print_tile_name(printer, loop->carries[i].initial);
        if (i + 1 == loop->carry_count) text_putc(printer->text, ')');
    }
}

static void print_loop(Printer *printer, const LoopStatement *loop, int indent) {
    Text *text = printer->text;
    Span around = printer->place;
    for (int i = 0; i < loop->carry_count; i++) {
        names_define_tile(&printer->names, loop->carries[i].result);
        if (i) text_puts(text, ", ");
        print_tile_name(printer, loop->carries[i].result);
    }
    if (loop->carry_count) text_puts(text, " = ");
    NamesMark mark = names_enter(&printer->names);
    print_header(printer, loop);
    print_carries(printer, loop);
    print_place(printer, loop->span, around);
    text_puts(text, " {\n");
    printer->place = loop->span;
    print_body(printer, &loop->body, indent + 2);
    for (int i = 0; i < loop->carry_count; i++) {
        if (i)
            text_puts(text, ", ");
        else
            text_printf(text, "%*snext ", indent + 2, "");
        print_tile_name(printer, loop->carries[i].next);
        if (i + 1 == loop->carry_count) text_putc(text, '\n');
    }
    text_printf(text, "%*s}", indent, "");
    printer->place = around;
    names_leave(&printer->names, mark);
}

/* ---- Other statements ---- */

static void print_call(Printer *printer, const LoopStatement *statement) {
    text_puts(printer->text, "call ");
    global_print(printer->text, statement->callee->name);
    text_putc(printer->text, '(');
    for (int i = 0; i < statement->argument_count; i++) {
        if (i) text_puts(printer->text, ", ");
        print_buffer_name(printer, statement->arguments[i].buffer);
        if (expr_equals(statement->arguments[i].offset, 0)) continue;
        text_puts(printer->text, " + ");
        print_expr(printer, statement->arguments[i].offset);
    }
    text_putc(printer->text, ')');
}

static void print_index(Printer *printer, const LoopStatement *statement) {
    text_printf(printer->text,
                "index %s = ", names_define_symbol(&printer->names, statement->range.symbol, "%"));
    print_tile_name(printer, statement->tile);
    text_puts(printer->text, " in ");
    print_bounds(printer, &statement->range);
    text_printf(printer->text, " else %d", statement->code);
}

static void print_value(Printer *printer, const LoopStatement *statement) {
    print_result(printer, statement);
    if (statement->kind == LOOP_LOAD) {
        text_puts(printer->text, "load ");
        print_access(printer, &statement->access);
    } else if (statement->kind == LOOP_SLICE) {
        text_puts(printer->text, "slice ");
        print_tile_name(printer, statement->operands[0]);
        text_printf(printer->text, " from %lld", (long long)statement->step);
    } else if (statement->kind == LOOP_REDUCE) {
        text_printf(printer->text, "reduce %s ", op_infos[statement->reduce].text);
        print_tile_name(printer, statement->operands[0]);
    } else {
        text_puts(printer->text, "position ");
        print_expr(printer, statement->position);
    }
    print_result_type(printer, statement);
}

static void print_statement(Printer *printer, const LoopStatement *statement, int indent) {
    Text *text = printer->text;
    text_printf(text, "%*s", indent, "");
    switch (statement->kind) {
    case LOOP_FOR:
    case LOOP_ROWS:
    case LOOP_LANES:
    case LOOP_PARALLEL: print_loop(printer, statement, indent); break;
    case LOOP_LOAD:
    case LOOP_SLICE:
    case LOOP_REDUCE:
    case LOOP_POSITION: print_value(printer, statement); break;
    case LOOP_STORE:
        text_puts(text, "store ");
        print_tile_name(printer, statement->tile);
        text_puts(text, ", ");
        print_access(printer, &statement->access);
        break;
    case LOOP_MAP: print_map(printer, statement); break;
    case LOOP_CONTRACT: print_contract(printer, statement); break;
    case LOOP_INDEX: print_index(printer, statement); break;
    case LOOP_PREFETCH:
        text_puts(text, "prefetch ");
        print_access(printer, &statement->access);
        print_result_type(printer, statement);
        break;
    case LOOP_LOCAL:
        text_printf(text, "local %%%s : ", names_define_buffer(&printer->names, statement->local));
        print_buffer_type(printer, statement->local);
        break;
    case LOOP_EXIT:
        text_puts(text, "exit if ");
        print_tile_name(printer, statement->tile);
        break;
    case LOOP_CALL: print_call(printer, statement); break;
    }
    if (statement->kind == LOOP_CALL)
        print_place(printer, statement->span, statement->callee->span);
    else if (statement->kind > LOOP_PARALLEL)
        print_place(printer, statement->span, printer->place);
    text_putc(text, '\n');
}

static void print_body(Printer *printer, const LoopBody *body, int indent) {
    for (const LoopStatement *s = body->first; s; s = s->next) print_statement(printer, s, indent);
}

/* ---- Functions ---- */

/* The names of an entry's parameters are part of the interface: where another name must stand for one, both
 * are told. */
static void print_parameter(Printer *printer, const Buffer *buffer, bool is_entry) {
    const char *name = names_define_buffer(&printer->names, buffer);
    text_printf(printer->text, "%s%%%s", buffer->written ? "out " : "", name);
    if (is_entry && strcmp(name, buffer->name) != 0) {
        text_puts(printer->text, " as ");
        text_quoted(printer->text, buffer->name);
    }
    text_puts(printer->text, " : ");
    print_buffer_type(printer, buffer);
}

static void print_signature(Printer *printer, const LoopFunction *function) {
    Text *text = printer->text;
    text_puts(text, function->is_entry ? "\nentry " : "\nfunc ");
    if (function->is_entry)
        global_print(text,
                     arena_printf(printer->module->arena, "%s.%s", function->model, function->entry_name));
    else
        global_print(text, function->name);
    text_putc(text, '(');
    for (int i = 0; i < function->parameter_count; i++) {
        if (i) text_puts(text, ", ");
        print_parameter(printer, function->parameters[i], function->is_entry);
    }
    text_putc(text, ')');
    for (int i = 0; i < function->dim_count; i++)
        text_printf(text, "%s%s", i ? ", " : " dims ", function->dims[i]->name);
    if (function->is_entry) text_printf(text, " workspace %lld", (long long)function->workspace_bytes);
    print_place(printer, function->span, (Span){0});
}

static void print_memory(Printer *printer, const LoopFunction *function) {
    Text *text = printer->text;
    for (int i = 0; i < function->checks.count; i++) {
        text_puts(text, "  check ");
        print_expr(printer, function->checks.items[i].left);
        text_puts(text, " == ");
        print_expr(printer, function->checks.items[i].right);
        text_putc(text, '\n');
    }
    for (int i = 0; i < function->buffers.count; i++) {
        const Buffer *buffer = function->buffers.items[i];
        text_printf(text, "  %s %%%s : ", buffer->kind == BUFFER_STATE ? "state" : "workspace",
                    names_define_buffer(&printer->names, buffer));
        print_buffer_type(printer, buffer);
        text_printf(text, " at %lld\n", (long long)buffer->offset);
    }
}

static void print_function(Printer *printer, const LoopFunction *function) {
    names_begin_function(&printer->names);
    print_signature(printer, function);
    text_puts(printer->text, " {\n");
    print_memory(printer, function);
    printer->place = function->span;
    print_body(printer, &function->body, 2);
    text_puts(printer->text, "}\n");
}

static void print_state(Printer *printer, const ModelState *state) {
    text_printf(printer->text, "state of %s %lld bytes {", state->model, (long long)state->bytes);
    for (int i = 0; i < state->buffers.count; i++) {
        if (i) text_puts(printer->text, ", ");
        print_buffer_name(printer, state->buffers.items[i]);
        text_printf(printer->text, " at %lld", (long long)state->offsets.items[i]);
    }
    text_puts(printer->text, "}\n");
}

void loops_print(Text *text, const LoopModule *module) {
    Printer printer = {.text = text, .module = module};
    names_init(&printer.names, module);
    text_puts(text, "tir loops 1\n");
    graph_print_definitions(text, module->graph);
    for (int i = 0; i < module->states.count; i++) print_state(&printer, module->states.items[i]);
    for (int i = 0; i < module->functions.count; i++) print_function(&printer, module->functions.items[i]);
}
