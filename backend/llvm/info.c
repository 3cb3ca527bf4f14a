/* The info structures of runtime/abi.h as constants, one tree per model, and the functions that hand them
 * out. */
#include "backend/llvm/emitter.h"
#include "backend/llvm/entry.h"

#include "runtime/abi.h"

#include <string.h>

static LLVMValueRef private_global(Emitter *emitter, LLVMValueRef initial, const char *name) {
    LLVMValueRef global = LLVMAddGlobal(emitter->module, LLVMTypeOf(initial), name);
    LLVMSetInitializer(global, initial);
    LLVMSetGlobalConstant(global, true);
    LLVMSetLinkage(global, LLVMPrivateLinkage);
    LLVMSetUnnamedAddress(global, LLVMGlobalUnnamedAddr);
    return global;
}

static LLVMValueRef string(Emitter *emitter, const char *text) {
    if (!text) text = "";
    return private_global(emitter, LLVMConstStringInContext2(emitter->context, text, strlen(text), false),
                          "text");
}

static LLVMValueRef null_pointer(Emitter *emitter) { return LLVMConstNull(emitter->pointer); }

static LLVMValueRef structure(Emitter *emitter, LLVMValueRef *fields, int count) {
    return LLVMConstStructInContext(emitter->context, fields, (unsigned)count, false);
}

static LLVMValueRef array(Emitter *emitter, LLVMValueRef *items, int count) {
    if (!count) return null_pointer(emitter);
    return private_global(emitter, LLVMConstArray2(LLVMTypeOf(items[0]), items, (uint64_t)count), "info");
}

static LLVMValueRef u32(Emitter *emitter, int64_t value) { return constant_i32(emitter, value); }
static LLVMValueRef u64(Emitter *emitter, int64_t value) { return constant_i64(emitter, value); }

static LLVMValueRef tensor_info(Emitter *emitter, const Buffer *buffer) {
    LLVMValueRef bounds[BUFFER_RANK_MAX];
    Text shape;
    text_init(&shape);
    text_puts(&shape, "");
    for (int i = 0; i < buffer->rank; i++) {
        bounds[i] = u64(emitter, buffer->extents[i]->max);
        if (i) text_puts(&shape, ", ");
        expr_print(&shape, buffer->extents[i]);
    }
    LLVMValueRef fields[] = {string(emitter, buffer->name), u32(emitter, buffer->dtype),
                             u32(emitter, buffer->rank), string(emitter, shape.bytes),
                             array(emitter, bounds, buffer->rank)};
    text_deinit(&shape);
    return structure(emitter, fields, 5);
}

static LLVMValueRef tensor_list(Emitter *emitter, Buffer *const *buffers, int count) {
    LLVMValueRef *items = NEW_ARRAY(emitter->arena, LLVMValueRef, count + 1);
    for (int i = 0; i < count; i++) items[i] = tensor_info(emitter, buffers[i]);
    return array(emitter, items, count);
}

static LLVMValueRef entry_info(Emitter *emitter, int index) {
    const LoopFunction *entry = emitter->loops->functions.items[index];
    LLVMValueRef dims[64];
    for (int i = 0; i < entry->dim_count; i++) {
        LLVMValueRef fields[] = {string(emitter, entry->dims[i]->name),
                                 u64(emitter, entry->dims[i]->symbol->min),
                                 u64(emitter, entry->dims[i]->symbol->max)};
        dims[i] = structure(emitter, fields, 3);
    }
    LLVMValueRef fields[] = {
        u32(emitter, sizeof(tenon_entry_info)),
        string(emitter, entry->entry_name),
        u32(emitter, entry->dim_count),
        u32(emitter, entry->input_count),
        u32(emitter, entry->output_count),
        u32(emitter, entry->uses_state),
        array(emitter, dims, entry->dim_count),
        tensor_list(emitter, entry->parameters, entry->input_count),
        tensor_list(emitter, entry->parameters + entry->input_count, entry->output_count),
        u64(emitter, entry->workspace_bytes),
        u64(emitter, 64),
        u64(emitter, BACKEND_STACK_BYTES),
        emit_workspace_size(emitter, index),
        emit_shape(emitter, index),
        emit_uniform_call(emitter, index),
    };
    return structure(emitter, fields, (int)(sizeof fields / sizeof *fields));
}

/* void name_reset(void *state): copies every state's initial value to its place. */
static LLVMValueRef emit_reset(Emitter *emitter, const char *prefix, const ModelState *state) {
    LLVMTypeRef type = LLVMFunctionType(emitter->nothing, &emitter->pointer, 1, false);
    LLVMValueRef function =
        baseline_function(emitter, arena_printf(emitter->arena, "%s_reset", prefix), type, true);
    LLVMValueRef base = LLVMGetParam(function, 0);
    for (int i = 0; i < state->buffers.count; i++) {
        LLVMValueRef to = u64(emitter, state->offsets.items[i]);
        LLVMValueRef from = u64(emitter, blob_offset(emitter->blob_plan, state->buffers.items[i]));
        LLVMBuildMemCpy(emitter->builder,
                        LLVMBuildInBoundsGEP2(emitter->builder, emitter->i8, base, &to, 1, ""), 8,
                        LLVMConstInBoundsGEP2(emitter->i8, emitter->blob, &from, 1), 8,
                        u64(emitter, buffer_bytes_max(state->buffers.items[i])));
    }
    LLVMBuildRetVoid(emitter->builder);
    return function;
}

static const ModelState *state_of(const Emitter *emitter, const char *model) {
    for (int i = 0; i < emitter->loops->states.count; i++)
        if (strcmp(emitter->loops->states.items[i]->model, model) == 0)
            return emitter->loops->states.items[i];
    return NULL;
}

static void emit_model_info(Emitter *emitter, const char *model) {
    const BackendOptions *options = emitter->options;
    const char *prefix = model_prefix(emitter->arena, options, model);
    VECTOR(LLVMValueRef) entries = {0};
    for (int i = 0; i < emitter->loops->functions.count; i++) {
        const LoopFunction *function = emitter->loops->functions.items[i];
        if (function->is_entry && strcmp(function->model, model) == 0)
            vector_push(emitter->arena, &entries, entry_info(emitter, i));
    }
    const ModelState *state = state_of(emitter, model);
    LLVMValueRef fields[] = {
        u32(emitter, 1),
        u32(emitter, sizeof(tenon_model_info)),
        string(emitter, model),
        string(emitter, options->version),
        string(emitter, emitter->target->name),
        string(emitter, options->options_text),
        string(emitter, options->source_sha256),
        string(emitter, options->weights_sha256),
        u32(emitter, entries.count),
        u32(emitter, options->threads),
        array(emitter, entries.items, entries.count),
        u64(emitter, state ? state->bytes : 0),
        u64(emitter, state ? 64 : 1),
        u64(emitter, emitter->blob_plan->bytes),
        u64(emitter, 64),
        state ? emit_reset(emitter, prefix, state) : null_pointer(emitter),
    };
    LLVMValueRef info =
        private_global(emitter, structure(emitter, fields, (int)(sizeof fields / sizeof *fields)), "info");
    LLVMTypeRef type = LLVMFunctionType(emitter->pointer, NULL, 0, false);
    baseline_function(emitter, arena_printf(emitter->arena, "%s_info", prefix), type, true);
    LLVMBuildRet(emitter->builder, info);
}

void emit_infos(Emitter *emitter) {
    VECTOR(const char *) done = {0};
    for (int i = 0; i < emitter->loops->functions.count; i++) {
        const LoopFunction *function = emitter->loops->functions.items[i];
        bool known = !function->is_entry;
        for (int j = 0; !known && j < done.count; j++) known = strcmp(done.items[j], function->model) == 0;
        if (known) continue;
        vector_push(emitter->arena, &done, function->model);
        emit_model_info(emitter, function->model);
    }
}
