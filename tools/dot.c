#include "tools/dot.h"

#include <string.h>

static void print_label(Text *text, const Module *module, const Op *op) {
    Text label;
    text_init(&label);
    text_puts(&label, op_infos[op->kind].text);
    if (op->path[0]) text_printf(&label, " @%s", op->path);
    for (int i = 0; i < op->result_count; i++)
        text_printf(&label, "\n%s", type_text(module->arena, &op->results[i]->type));
    text_quoted(text, label.bytes);
    text_deinit(&label);
}

static void print_node_name(Text *text, const Value *value) {
    if (value->kind == VALUE_CONSTANT) {
        text_quoted(text, value->constant->name);
        return;
    }
    if (value->kind == VALUE_ARGUMENT) {
        text_printf(text, "a%d", value->id);
        return;
    }
    /* A result of a region is drawn from the op inside that computes it. */
    if (value->op->kind == OP_CLUSTER)
        print_node_name(text, value->op->body->last->operands[value->index]);
    else
        text_printf(text, "o%d", value->op->results[0]->id);
}

static void print_block(Text *text, const Module *module, const Block *block) {
    for (int i = 0; i < block->argument_count; i++) {
        text_printf(text, "  a%d [shape=ellipse, label=", block->arguments[i]->id);
        text_quoted(text, block->arguments[i]->name ? block->arguments[i]->name : "");
        text_puts(text, "];\n");
    }
    for (const Op *op = block->first; op; op = op->next) {
        if (op->body) {
            text_printf(text, "  subgraph cluster_%d {\n  label=", op->result_count ? op->results[0]->id : 0);
            print_label(text, module, op);
            text_puts(text, ";\n");
            print_block(text, module, op->body);
            text_puts(text, "  }\n");
        }
        if (!op->result_count || op->kind == OP_CLUSTER) continue;
        text_printf(text, "  o%d [shape=box, label=", op->results[0]->id);
        print_label(text, module, op);
        text_puts(text, "];\n");
        for (int i = 0; i < op->operand_count; i++) {
            text_puts(text, "  ");
            print_node_name(text, op->operands[i]);
            text_printf(text, " -> o%d;\n", op->results[0]->id);
        }
    }
}

void dot_print(Text *text, const Module *module) {
    text_puts(text, "digraph tenon {\n  node [fontname=\"monospace\"];\n");
    for (int i = 0; i < module->entries.count; i++) {
        const Entry *entry = module->entries.items[i];
        text_printf(text, "  subgraph cluster_entry%d {\n  label=\"%s.%s\";\n", i, entry->model, entry->name);
        print_block(text, module, entry->block);
        const Op *yield = block_terminator(entry->block);
        for (int j = 0; j < entry->output_count; j++) {
            text_printf(text, "  y%d_%d [shape=ellipse, label=\"%s\"];\n  ", i, j, entry->output_names[j]);
            print_node_name(text, yield->operands[j]);
            text_printf(text, " -> y%d_%d;\n", i, j);
        }
        text_puts(text, "  }\n");
    }
    text_puts(text, "}\n");
}
