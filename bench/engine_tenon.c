/* Tenon: one library, its first entry, called through the uniform call of runtime/abi.h. */
#include "bench/bench.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

typedef struct TenonEngine {
    const tenon_entry_info *entry;
    tenon_call call;
    int64_t dims[DIMS_MAX];
    const void *inputs[TENSORS_MAX];
    void *outputs[TENSORS_MAX];
} TenonEngine;

static const tenon_model_info *model_info_load(const char *library, const char *info_name) {
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) fail("%s", dlerror());
    const tenon_model_info *(*info)(void) = (const tenon_model_info *(*)(void))dlsym(handle, info_name);
    if (info == NULL) fail("%s: no symbol %s", library, info_name);
    const tenon_model_info *model = info();
    if (model == NULL || model->abi_version != 1 || model->struct_size < sizeof *model) {
        fail("%s: %s() is not ABI version 1", library, info_name);
    }
    if (model->entry_count == 0) fail("%s: no entries", library);
    return model;
}

/* The tensors of the entry and those of the network must be the same f32 arrays; index counts inputs, then
 * outputs. */
static void tensor_check(const TenonEngine *engine, const tenon_tensor_info *info, uint32_t index,
                         const Tensor *expected) {
    int64_t extents[RANK_MAX];
    if (info->dtype != TENON_F32) fail("%s: dtype %d, not f32", info->name, info->dtype);
    if (info->rank != expected->extents.rank) {
        fail("%s: rank %d, not %d", info->name, info->rank, expected->extents.rank);
    }
    int status = engine->entry->shape(engine->dims, index, extents);
    if (status != TENON_OK) fail("%s: shape() returned %d", info->name, status);
    for (int32_t axis = 0; axis < info->rank; axis++) {
        if (extents[axis] != expected->extents.values[axis]) {
            fail("%s: axis %d is %lld, not %lld", info->name, axis, (long long)extents[axis],
                 (long long)expected->extents.values[axis]);
        }
    }
}

static void entry_check(const TenonEngine *engine, const Network *network) {
    const tenon_entry_info *entry = engine->entry;
    if (entry->struct_size < sizeof *entry) fail("%s: entry info too short", entry->name);
    if (entry->uses_state) fail("%s: entries with state are not measured", entry->name);
    if (entry->dim_count != network->dim_count) {
        fail("%s: %u dims, not %u", entry->name, entry->dim_count, network->dim_count);
    }
    if (entry->input_count != network->inputs.count || entry->output_count != network->outputs.count) {
        fail("%s: %u inputs and %u outputs, not %u and %u", entry->name, entry->input_count,
             entry->output_count, network->inputs.count, network->outputs.count);
    }
    for (uint32_t i = 0; i < entry->input_count; i++) {
        tensor_check(engine, &entry->inputs[i], i, &network->inputs.items[i]);
    }
    for (uint32_t i = 0; i < entry->output_count; i++) {
        tensor_check(engine, &entry->outputs[i], entry->input_count + i, &network->outputs.items[i]);
    }
}

static void tenon_run(void *self) {
    const TenonEngine *engine = self;
    int status = engine->entry->call(&engine->call);
    if (status != TENON_OK) fail("%s returned status %d", engine->entry->name, status);
}

Engine tenon_open(const Network *network, const tenon_executor *executor) {
    const tenon_model_info *model = model_info_load(network->library, network->info_name);
    if (executor != NULL && model->threads != 1) fail("%s takes no executor", network->library);
    TenonEngine *engine = calloc(1, sizeof *engine);
    if (engine == NULL) fail("out of memory");
    Engine result = {"tenon", engine, tenon_run, tensors_copy(&network->outputs)};
    engine->entry = model->entries;
    memcpy(engine->dims, network->dims, sizeof engine->dims);
    entry_check(engine, network);
    for (uint32_t i = 0; i < network->inputs.count; i++) {
        engine->inputs[i] = network->inputs.items[i].data;
    }
    for (uint32_t i = 0; i < result.outputs.count; i++) {
        engine->outputs[i] = result.outputs.items[i].data;
    }
    size_t workspace_bytes = engine->entry->workspace_size(engine->dims);
    engine->call = (tenon_call){
        .struct_size = sizeof engine->call,
        .dims = engine->dims,
        .inputs = engine->inputs,
        .outputs = engine->outputs,
        .workspace = buffer_create(workspace_bytes),
        .workspace_bytes = workspace_bytes,
        .executor = executor,
    };
    memset(engine->call.workspace, 0xff, workspace_bytes); /* NaN everywhere: a workspace arrives dirty */
    return result;
}
