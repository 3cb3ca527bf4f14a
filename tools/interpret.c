#include "tools/interpret.h"

#include <string.h>

EntrySignature entry_signature(Arena *arena, const Entry *entry) {
    Type *types = NEW_ARRAY(arena, Type, entry->input_count + 1);
    for (int i = 0; i < entry->input_count; i++) types[i] = entry->block->arguments[i]->type;
    return (EntrySignature){.name = arena_printf(arena, "%s.%s", entry->model, entry->name),
                            .dim_count = entry->dim_count,
                            .input_count = entry->input_count,
                            .dims = entry->dims,
                            .input_names = entry->input_names,
                            .input_types = types};
}

Entry *entry_choose(Diagnostics *diagnostics, const Module *graph, const char *model, const char *name) {
    Entry *found = NULL;
    int matches = 0;
    for (int i = 0; i < graph->entries.count; i++) {
        Entry *entry = graph->entries.items[i];
        if (model && strcmp(entry->model, model) != 0) continue;
        if (name && strcmp(entry->name, name) != 0) continue;
        found = entry;
        matches++;
    }
    if (matches == 1) return found;
    Diagnostic *diagnostic = diagnose_error(
        diagnostics, E0651, (Span){0}, matches ? "name one entry with --entry%s%s" : "there is no entry%s%s",
        name ? ": " : "", name ? name : "");
    for (int i = 0; i < graph->entries.count; i++)
        diagnostic_note(diagnostic, graph->entries.items[i]->span, "entry %s.%s",
                        graph->entries.items[i]->model, graph->entries.items[i]->name);
    return NULL;
}

static const char *status_reason(EvalStatus status) {
    switch (status) {
    case EVAL_DIM: return "a dim is outside its bounds";
    case EVAL_SHAPE: return "extents that must be equal are not";
    case EVAL_INDEX: return "an index is outside its tensor";
    case EVAL_DIVIDE: return "an integer is divided by zero";
    default: return "it failed";
    }
}

bool interpret_entry(Arena *arena, Diagnostics *diagnostics, const Entry *entry,
                     const EntryArguments *arguments, bool wide, Tensor **states, Tensor **out) {
    DimBinding *bindings = NEW_ARRAY(arena, DimBinding, entry->dim_count + 1);
    for (int i = 0; i < entry->dim_count; i++)
        bindings[i] = (DimBinding){entry->dims[i]->symbol, arguments->dims[i]};
    EvalContext context = {
        .arena = arena, .wide = wide, .binding_count = entry->dim_count, .bindings = bindings};
    Tensor **inputs = NEW_ARRAY(arena, Tensor *, entry->input_count + 1);
    for (int i = 0; i < entry->input_count; i++) {
        const TensorSource *source = &arguments->inputs[i];
        inputs[i] = tensor_from_bytes(arena, source->dtype, source->rank, source->dims, source->bytes);
    }
    if (!states) {
        states = NEW_ARRAY(arena, Tensor *, entry->state_count + 1);
        for (int i = 0; i < entry->state_count; i++)
            states[i] = eval_constant(&context, entry->states[i]->initial->constant);
    }
    EvalStatus status = eval_entry(&context, entry, inputs, states, out);
    if (status != EVAL_OK)
        diagnose_error(diagnostics, E0652, context.status_span, "%s.%s: %s", entry->model, entry->name,
                       status_reason(status));
    return status == EVAL_OK;
}

TensorSource tensor_source(Arena *arena, const Tensor *tensor, const char *name, DType dtype) {
    TensorSource source = {.name = name, .dtype = dtype, .rank = tensor->rank};
    memcpy(source.dims, tensor->dims, sizeof source.dims);
    void *bytes = arena_alloc(arena, (size_t)tensor->count * dtype_bytes(dtype) + 8);
    Tensor typed = *tensor;
    typed.dtype = dtype;
    tensor_to_bytes(&typed, bytes);
    source.bytes = bytes;
    return source;
}
