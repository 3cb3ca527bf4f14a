#include "tools/describe.h"

#include <string.h>

static HeaderTensor *describe_tensors(Arena *arena, Buffer *const *buffers, int count) {
    HeaderTensor *tensors = NEW_ARRAY(arena, HeaderTensor, count + 1);
    for (int i = 0; i < count; i++) {
        Type *type = NEW(arena, Type);
        *type = type_make(buffers[i]->dtype, buffers[i]->rank, buffers[i]->extents);
        tensors[i] = (HeaderTensor){buffers[i]->name, type};
    }
    return tensors;
}

static HeaderEntry describe_entry(Arena *arena, const LoopFunction *function) {
    return (HeaderEntry){.name = function->entry_name,
                         .dim_count = function->dim_count,
                         .dims = function->dims,
                         .input_count = function->input_count,
                         .output_count = function->output_count,
                         .inputs = describe_tensors(arena, function->parameters, function->input_count),
                         .outputs = describe_tensors(arena, function->parameters + function->input_count,
                                                     function->output_count),
                         .uses_state = function->uses_state,
                         .workspace_size = (size_t)function->workspace_bytes,
                         .workspace_align = 64,
                         .stack_bytes = BACKEND_STACK_BYTES};
}

static HeaderModel *find_model(HeaderModel *models, int count, const char *name) {
    for (int i = 0; i < count; i++)
        if (strcmp(models[i].name, name) == 0) return &models[i];
    return NULL;
}

HeaderDescription *describe_header(Pipeline *pipeline, const BackendOptions *backend) {
    Arena *arena = pipeline->arena;
    const LoopModule *loops = pipeline->loops;
    HeaderModel *models = NEW_ARRAY(arena, HeaderModel, loops->functions.count + 1);
    HeaderDescription *description = NEW(arena, HeaderDescription);
    *description = (HeaderDescription){.compiler = backend->version,
                                       .source = backend->source_name,
                                       .options = backend->options_text,
                                       .cpu = backend->cpu_check ? backend->target.name : NULL,
                                       .has_executor = backend->threads,
                                       .models = models};
    for (int i = 0; i < loops->functions.count; i++) {
        const LoopFunction *function = loops->functions.items[i];
        if (!function->is_entry) continue;
        HeaderModel *model = find_model(models, description->model_count, function->model);
        if (!model) {
            model = &models[description->model_count++];
            *model = (HeaderModel){.name = function->model,
                                   .prefix = model_prefix(arena, backend, function->model),
                                   .state_align = 1,
                                   .weights_align = 1,
                                   .entries = NEW_ARRAY(arena, HeaderEntry, loops->functions.count)};
        }
        ((HeaderEntry *)model->entries)[model->entry_count++] = describe_entry(arena, function);
    }
    for (int i = 0; i < loops->states.count; i++) {
        HeaderModel *model = find_model(models, description->model_count, loops->states.items[i]->model);
        if (model) model->state_size = (size_t)loops->states.items[i]->bytes;
        if (model) model->state_align = 64;
    }
    return description;
}
