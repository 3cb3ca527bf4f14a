#include "ir/loops/loops.h"

#include "ir/reader.h"
#include "ir/text_form.h"

#include <stdlib.h>
#include <string.h>

typedef struct Printer {
    Text *text;
    const LoopModule *module;
} Printer;

static void print_body(Printer *printer, const LoopBody *body, int indent);

static void print_tile_name(Printer *printer, const Tile *tile) {
    if (tile->name) text_printf(printer->text, "%%%s", tile->name);
    else text_printf(printer->text, "%%%d", tile->id);
}

static void print_tile_type(Printer *printer, const Tile *tile) {
    text_printf(printer->text, "%s<", dtype_text(tile->dtype));
    if (tile->rows == ROWS_SYMBOLIC) text_putc(printer->text, 'R');
    else text_printf(printer->text, "%d", tile->rows);
    text_printf(printer->text, " x %d x %d>", tile->vectors, tile->lanes);
}

static void print_buffer_name(Printer *printer, const Buffer *buffer) {
    if (buffer->kind == BUFFER_CONSTANT) global_print(printer->text, buffer->constant->name);
    else text_printf(printer->text, "%%%s", buffer->name);
}

static void print_buffer_type(Printer *printer, const Buffer *buffer) {
    text_printf(printer->text, "%s[", dtype_text(buffer->dtype));
    const Expr *stride = expr_constant(printer->module->graph->exprs, 1);
    bool plain = true;
    for (int i = buffer->rank - 1; i >= 0; i--) {
        plain &= buffer->strides[i] == stride;
        stride = expr_mul(printer->module->graph->exprs, stride, buffer->extents[i]);
    }
    for (int i = 0; i < buffer->rank; i++) {
        if (i) text_puts(printer->text, ", ");
        expr_print(printer->text, buffer->extents[i]);
    }
    text_putc(printer->text, ']');
    for (int i = 0; i < buffer->rank && !plain; i++) {
        text_puts(printer->text, i ? ", " : " strides [");
        expr_print(printer->text, buffer->strides[i]);
        if (i + 1 == buffer->rank) text_putc(printer->text, ']');
    }
}

static void print_access(Printer *printer, const Access *access) {
    print_buffer_name(printer, access->buffer);
    text_putc(printer->text, '[');
    for (int i = 0; i < access->buffer->rank; i++) {
        if (i) text_puts(printer->text, ", ");
        expr_print(printer->text, access->indices[i]);
    }
    text_putc(printer->text, ']');
}

static void print_range(Printer *printer, const Range *range) {
    text_printf(printer->text, "%s = ", range->symbol->name);
    expr_print(printer->text, range->low);
    text_puts(printer->text, " .. ");
    expr_print(printer->text, range->high);
}

static void print_result(Printer *printer, const LoopStatement *statement) {
    print_tile_name(printer, statement->tile);
    text_puts(printer->text, " = ");
}

static void print_result_type(Printer *printer, const LoopStatement *statement) {
    text_puts(printer->text, " : ");
    print_tile_type(printer, statement->tile);
}

static void print_map_operand(Printer *printer, int operand) {
    text_printf(printer->text, operand < 0 ? "a%d" : "t%d", operand < 0 ? -1 - operand : operand);
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
        const MapNode *node = &statement->nodes[i];
        text_printf(text, "%st%d = ", i ? "; " : "", i);
        if (node->kind == MAP_CONSTANT) {
            text_puts(text, "const ");
            if (dtype_is_float(node->dtype)) text_double(text, node->real);
            else text_printf(text, "%lld", (long long)node->integer);
        } else {
            int count = node->kind == MAP_FMA ? 3 : op_infos[node->op].operands_min;
            text_puts(text, node->kind == MAP_FMA ? "fma" : op_infos[node->op].text);
            for (int j = 0; j < count; j++) {
                text_puts(text, j ? ", " : " ");
                print_map_operand(printer, node->operands[j]);
            }
        }
        text_printf(text, " : %s", dtype_text(node->dtype));
    }
    text_puts(text, " }");
    print_result_type(printer, statement);
}

static void print_contract(Printer *printer, const LoopStatement *statement) {
    Text *text = printer->text;
    print_result(printer, statement);
    text_puts(text, "contract ");
    if (statement->operand_count && statement->operands[0]) {
        print_tile_name(printer, statement->operands[0]);
        text_puts(text, ", ");
    }
    text_puts(text, "A = ");
    print_access(printer, &statement->a);
    text_puts(text, ", B = ");
    print_access(printer, &statement->b);
    for (int i = 0; i < statement->depth; i++) {
        text_puts(text, ", ");
        print_range(printer, &statement->k[i]);
    }
    if (statement->chunk) text_printf(text, ", chunk %lld", (long long)statement->chunk);
    print_result_type(printer, statement);
}

static void print_loop(Printer *printer, const LoopStatement *statement, int indent) {
    Text *text = printer->text;
    for (int i = 0; i < statement->carry_count; i++) {
        if (i) text_puts(text, ", ");
        print_tile_name(printer, statement->carries[i].result);
    }
    if (statement->carry_count) text_puts(text, " = ");
    text_puts(text, statement->kind == LOOP_PARALLEL ? "parallel %" : "for %");
    print_range(printer, &statement->range);
    if (statement->kind == LOOP_FOR && statement->step != 1) text_printf(text, " step %lld", (long long)statement->step);
    if (statement->kind == LOOP_LANES) text_printf(text, " lanes %lld", (long long)statement->step);
    if (statement->kind == LOOP_ROWS) {
        text_puts(text, " rows [");
        for (int i = 0; i < statement->plan_count; i++) {
            text_printf(text, "%s%d", i ? ", " : "", statement->plan[i].height);
            if (statement->plan[i].count) text_printf(text, "*%d", statement->plan[i].count);
        }
        text_putc(text, ']');
    }
    for (int i = 0; i < statement->carry_count; i++) {
        text_puts(text, i ? ", " : " carry (");
        print_tile_name(printer, statement->carries[i].inside);
        text_puts(text, " = ");
        print_tile_name(printer, statement->carries[i].initial);
        if (i + 1 == statement->carry_count) text_putc(text, ')');
    }
    text_puts(text, " {\n");
    print_body(printer, &statement->body, indent + 2);
    for (int i = 0; i < statement->carry_count; i++) {
        if (i == 0) text_printf(text, "%*snext ", indent + 2, "");
        else text_puts(text, ", ");
        print_tile_name(printer, statement->carries[i].next);
        if (i + 1 == statement->carry_count) text_putc(text, '\n');
    }
    text_printf(text, "%*s}", indent, "");
}

static void print_call(Printer *printer, const LoopStatement *statement) {
    text_puts(printer->text, "call ");
    global_print(printer->text, statement->callee->name);
    text_putc(printer->text, '(');
    for (int i = 0; i < statement->argument_count; i++) {
        if (i) text_puts(printer->text, ", ");
        print_buffer_name(printer, statement->arguments[i].buffer);
        if (expr_equals(statement->arguments[i].offset, 0)) continue;
        text_puts(printer->text, " + ");
        text_putc(printer->text, '(');
        expr_print(printer->text, statement->arguments[i].offset);
        text_putc(printer->text, ')');
    }
    text_putc(printer->text, ')');
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
        print_result(printer, statement);
        text_puts(text, "load ");
        print_access(printer, &statement->access);
        print_result_type(printer, statement);
        break;
    case LOOP_STORE:
        text_puts(text, "store ");
        print_tile_name(printer, statement->tile);
        text_puts(text, ", ");
        print_access(printer, &statement->access);
        break;
    case LOOP_MAP: print_map(printer, statement); break;
    case LOOP_CONTRACT: print_contract(printer, statement); break;
    case LOOP_REDUCE:
        print_result(printer, statement);
        text_printf(text, "reduce %s ", op_infos[statement->reduce].text);
        print_tile_name(printer, statement->operands[0]);
        print_result_type(printer, statement);
        break;
    case LOOP_POSITION:
        print_result(printer, statement);
        text_puts(text, "position ");
        expr_print(text, statement->position);
        print_result_type(printer, statement);
        break;
    case LOOP_INDEX:
        text_printf(text, "index %%%s = ", statement->range.symbol->name);
        print_tile_name(printer, statement->tile);
        text_puts(text, " in ");
        expr_print(text, statement->range.low);
        text_puts(text, " .. ");
        expr_print(text, statement->range.high);
        text_printf(text, " else %d", statement->code);
        break;
    case LOOP_LOCAL:
        text_printf(text, "local %%%s : ", statement->local->name);
        print_buffer_type(printer, statement->local);
        break;
    case LOOP_EXIT:
        text_puts(text, "exit if ");
        print_tile_name(printer, statement->tile);
        break;
    case LOOP_CALL: print_call(printer, statement); break;
    }
    text_putc(text, '\n');
}

static void print_body(Printer *printer, const LoopBody *body, int indent) {
    for (const LoopStatement *s = body->first; s; s = s->next) print_statement(printer, s, indent);
}

static void print_parameters(Printer *printer, const LoopFunction *function) {
    for (int i = 0; i < function->parameter_count; i++) {
        const Buffer *buffer = function->parameters[i];
        if (i) text_puts(printer->text, ", ");
        if (buffer->written) text_puts(printer->text, "out ");
        print_buffer_name(printer, buffer);
        text_puts(printer->text, " : ");
        print_buffer_type(printer, buffer);
    }
}

static void print_function(Printer *printer, const LoopFunction *function) {
    Text *text = printer->text;
    text_puts(text, function->is_entry ? "\nentry " : "\nfunc ");
    if (function->is_entry)
        global_print(text, arena_printf(printer->module->arena, "%s.%s", function->model, function->entry_name));
    else global_print(text, function->name);
    text_putc(text, '(');
    print_parameters(printer, function);
    text_putc(text, ')');
    if (function->is_entry) text_printf(text, " workspace %lld", (long long)function->workspace_bytes);
    place_print(text, function->span);
    text_puts(text, " {\n");
    for (int i = 0; i < function->checks.count; i++) {
        text_puts(text, "  check ");
        expr_print(text, function->checks.items[i].left);
        text_puts(text, " == ");
        expr_print(text, function->checks.items[i].right);
        text_putc(text, '\n');
    }
    for (int i = 0; i < function->buffers.count; i++) {
        const Buffer *buffer = function->buffers.items[i];
        text_printf(text, "  %s %%%s : ", buffer->kind == BUFFER_STATE ? "state" : "workspace", buffer->name);
        print_buffer_type(printer, buffer);
        text_printf(text, " at %lld\n", (long long)buffer->offset);
    }
    print_body(printer, &function->body, 2);
    text_puts(text, "}\n");
}

void loops_print(Text *text, const LoopModule *module) {
    Printer printer = {text, module};
    text_puts(text, "tir loops 1\n");
    graph_print_definitions(text, module->graph);
    for (int i = 0; i < module->states.count; i++) {
        const ModelState *state = module->states.items[i];
        text_printf(text, "state of %s %lld bytes {", state->model, (long long)state->bytes);
        for (int j = 0; j < state->buffers.count; j++) {
            if (j) text_puts(text, ", ");
            print_buffer_name(&printer, state->buffers.items[j]);
            text_printf(text, " at %lld", (long long)state->offsets.items[j]);
        }
        text_puts(text, "}\n");
    }
    for (int i = 0; i < module->functions.count; i++) print_function(&printer, module->functions.items[i]);
}
