/* tenon inspect: what a network is made of and what it costs, from its graph and its loops. */
#include "tools/pipeline.h"

#include <inttypes.h>
#include <string.h>

static int64_t extent_max(const Type *type, int axis) { return type->dims[axis]->max; }

/* Multiply-adds of a contraction at the upper bounds of its dims; 0 for every other op. */
static int64_t op_macs(const Op *op) {
    if (!(op_infos[op->kind].traits & OP_CONTRACTION)) return 0;
    const Type *w = &op->operands[1]->type;
    int64_t per_element = 1;
    if (op->kind == OP_CONV)
        for (int i = 1; i < w->rank; i++) per_element *= extent_max(w, i);
    else
        per_element = extent_max(&op->operands[0]->type, op->operands[0]->type.rank - 1);
    int64_t spread = 1; /* zeros between the elements of the input cost nothing */
    for (int i = 0; op->kind == OP_CONV && i < w->rank - 2; i++)
        spread *= op_int_at(op, ATTR_INPUT_DILATION, i, 1);
    return per_element * type_count_max(&op->results[0]->type) / spread;
}

typedef struct Costs {
    int64_t macs;
} Costs;

static void print_shape(const Type *type) {
    Text text;
    text_init(&text);
    type_print(&text, type);
    printf("%-28s", text.bytes);
    text_deinit(&text);
}

static void print_ops(const Block *block, int indent, int64_t repeat, Costs *costs) {
    for (const Op *op = block->first; op; op = op->next) {
        if (op->kind == OP_YIELD) continue;
        int64_t macs = op_macs(op) * repeat;
        costs->macs += macs;
        printf("  %*s%-24s %-16s ", indent, "", op->path[0] ? op->path : "-", op_infos[op->kind].text);
        if (op->result_count) print_shape(&op->results[0]->type);
        if (macs) printf(" %14" PRId64, macs);
        putchar('\n');
        if (op->body)
            print_ops(op->body, indent + 2,
                      op->kind == OP_SCAN ? repeat * op_expr_at(op, ATTR_TRIP, 0)->max : repeat, costs);
    }
}

static void print_parameters(const Module *graph) {
    int64_t count = 0, bytes = 0;
    for (int i = 0; i < graph->constants.count; i++) {
        const Constant *constant = graph->constants.items[i];
        if (constant->kind != CONSTANT_WEIGHTS) continue;
        count += type_count_max(&constant->value->type);
        bytes += type_count_max(&constant->value->type) * (int64_t)dtype_bytes(constant->value->type.dtype);
    }
    printf("parameters: %" PRId64 " (%" PRId64 " bytes)\n", count, bytes);
}

/* The buffers alive where the workspace is fullest are those that reach furthest. */
static void print_memory(const LoopFunction *entry) {
    printf("  workspace: %" PRId64 " bytes at the largest dims\n", entry->workspace_bytes);
    for (int i = 0; i < entry->buffers.count; i++) {
        const Buffer *buffer = entry->buffers.items[i];
        int64_t bytes = (buffer_bytes_max(buffer) + 63) / 64 * 64;
        if (buffer->kind == BUFFER_WORKSPACE && buffer->offset + bytes == entry->workspace_bytes)
            printf("  peak: %%%s, %" PRId64 " bytes at %" PRId64 "\n", buffer->name, bytes, buffer->offset);
    }
}

int command_inspect(Arena *arena, Diagnostics *diagnostics, const Options *options) {
    if (options->words.count != 1) {
        fprintf(stderr, "tenon: inspect takes one file\n");
        return 2;
    }
    Pipeline pipeline;
    if (!pipeline_init(&pipeline, arena, diagnostics, options, options->words.items[0])) return 1;
    if (!pipeline_load(&pipeline, true)) return 1;
    if (!pipeline.graph->entries.count) {
        printf("a loops file: %d functions\n", pipeline.loops ? pipeline.loops->functions.count : 0);
        return 0;
    }
    print_parameters(pipeline.graph);
    for (int i = 0; i < pipeline.graph->entries.count; i++) {
        const Entry *entry = pipeline.graph->entries.items[i];
        Costs costs = {0};
        printf("\n%s.%s\n  %-24s %-16s %-28s %14s\n", entry->model, entry->name, "layer", "op", "result",
               "multiply-adds");
        print_ops(entry->block, 0, 1, &costs);
        printf("  multiply-adds: %" PRId64 " at the largest dims\n", costs.macs);
    }
    if (!pipeline_run_passes(&pipeline) || !pipeline_lower(&pipeline)) return 1;
    for (int i = 0; i < pipeline.loops->functions.count; i++) {
        const LoopFunction *function = pipeline.loops->functions.items[i];
        if (!function->is_entry) continue;
        printf("\n%s.%s\n", function->model, function->entry_name);
        print_memory(function);
    }
    return 0;
}
