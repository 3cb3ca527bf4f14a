#include "backend/header.h"
#include "backend/object.h"
#include "support/output.h"
#include "tools/library.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { DIRTY = 0xff, STATE_HEADER_BYTES_MAX = 512 };

static bool call_error(Diagnostics *diagnostics, const LibraryEntry *entry, int status) {
    const char *name = header_status_name(status);
    diagnose_error(diagnostics, E0652, (Span){0}, "'%s' returned %d (%s): %s", entry->signature.name, status,
                   name ? name : "no code of this ABI version", header_status_text(status));
    return false;
}

/* ---- States ---- */

static const char *state_header(Arena *arena, const Library *library) {
    const tenon_model_info *info = library->info;
    return arena_printf(arena, "tenon state 1 %.200s %.64s %zu\n", info->name,
                        info->source_sha256 ? info->source_sha256 : "-", info->state_size);
}

bool state_file_read(Arena *arena, Diagnostics *diagnostics, const Library *library, const char *path,
                     void *state) {
    library->info->reset(state);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0 && errno == ENOENT) return true;
    const char *header = state_header(arena, library);
    size_t length = strlen(header), size = library->info->state_size;
    MappedBytes mapped = {0};
    const char *fault = NULL;
    if (descriptor < 0 || !mapped_bytes_open(descriptor, &mapped))
        fault = errno == EINVAL ? "not a regular file" : strerror(errno);
    else if (mapped.size < 14 || memcmp(mapped.bytes, "tenon state 1 ", 14) != 0)
        fault = "not a state";
    else if (mapped.size != length + size || memcmp(mapped.bytes, header, length) != 0)
        fault = "the state of another network, or of another version of this one";
    else
        memcpy(state, (const char *)mapped.bytes + length, size);
    if (fault) diagnose_error(diagnostics, E0653, (Span){0}, "%s: %s", path, fault);
    if (descriptor >= 0) close(descriptor);
    mapped_bytes_close(&mapped);
    return !fault;
}

bool state_file_write(Arena *arena, Diagnostics *diagnostics, const Library *library, const char *path,
                      const void *state) {
    const char *header = state_header(arena, library);
    Outputs *outputs = outputs_create(arena, diagnostics);
    Output *output = outputs_add(outputs, path, OUTPUT_BINARY);
    if (output && output_write(output, header, strlen(header)) &&
        output_write(output, state, library->info->state_size))
        return outputs_commit(outputs);
    outputs_abort(outputs);
    return false;
}

/* ---- Buffers ---- */

/* NULL for no bytes at all; nothing depends on what is in it. */
static void *dirty_memory(Arena *arena, size_t bytes, size_t align) {
    if (!bytes) return NULL;
    if (align < 64) align = 64;
    char *memory = arena_alloc(arena, bytes + align);
    memory += -(uintptr_t)memory & (align - 1);
    memset(memory, DIRTY, bytes);
    return memory;
}

static int64_t element_count(const TensorSource *tensor) {
    int64_t count = 1;
    for (int i = 0; i < tensor->rank; i++) count *= tensor->dims[i];
    return count;
}

/* The library's own word on a shape. */
static bool ask_shape(Diagnostics *diagnostics, const LibraryEntry *entry, const int64_t *dims,
                      uint32_t index, const tenon_tensor_info *tensor, TensorSource *out) {
    *out = (TensorSource){.name = tensor->name, .dtype = (DType)tensor->dtype, .rank = tensor->rank};
    int status = entry->info->shape(dims, index, out->dims);
    return status == TENON_OK || call_error(diagnostics, entry, status);
}

/* Our reading of the shapes' text and the library's own must agree. */
static bool check_inputs(Arena *arena, Diagnostics *diagnostics, const LibraryEntry *entry,
                         const EntryArguments *arguments) {
    for (uint32_t i = 0; i < entry->info->input_count; i++) {
        TensorSource asked;
        if (!ask_shape(diagnostics, entry, arguments->dims, i, &entry->info->inputs[i], &asked)) return false;
        size_t bytes = (size_t)asked.rank * sizeof *asked.dims;
        if (memcmp(asked.dims, arguments->inputs[i].dims, bytes) == 0) continue;
        diagnose_error(diagnostics, E0650, (Span){0}, "%s",
                       arena_printf(arena, "'%s': the library contradicts itself on the shape of '%s' (%s)",
                                    entry->signature.name, asked.name, entry->info->inputs[i].shape));
        return false;
    }
    return true;
}

static bool allocate_outputs(Arena *arena, Diagnostics *diagnostics, const LibraryEntry *entry,
                             const int64_t *dims, LibraryCall *out) {
    const tenon_entry_info *info = entry->info;
    void **pointers = NEW_ARRAY(arena, void *, info->output_count);
    out->outputs = NEW_ARRAY(arena, TensorSource, info->output_count);
    for (uint32_t i = 0; i < info->output_count; i++) {
        TensorSource *output = &out->outputs[i];
        if (!ask_shape(diagnostics, entry, dims, info->input_count + i, &info->outputs[i], output))
            return false;
        if (!tensor_allocate(arena, output)) {
            diagnose_error(diagnostics, E0650, (Span){0}, "'%s': result '%s' has no possible shape",
                           entry->signature.name, output->name);
            return false;
        }
        pointers[i] = (void *)output->bytes;
        memset(pointers[i], DIRTY, (size_t)element_count(output) * dtype_bytes(output->dtype));
    }
    out->call.outputs = pointers;
    return true;
}

static bool map_weights(Diagnostics *diagnostics, const Library *library, const char *path,
                        const void **out) {
    MappedBytes mapped;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const char *fault = NULL;
    if (descriptor < 0 || !mapped_bytes_open(descriptor, &mapped))
        fault = errno == EINVAL ? "not a regular file" : strerror(errno);
    else if (mapped.size < library->info->weights_size)
        fault = "smaller than the weights of this network";
    else
        *out = mapped.bytes; /* stays mapped as long as the process */
    if (descriptor >= 0) close(descriptor);
    if (fault) diagnose_error(diagnostics, E0650, (Span){0}, "%s: %s", path, fault);
    return !fault;
}

static void start_threads(Diagnostics *diagnostics, const Library *library, int threads, LibraryCall *out) {
    if (threads <= 1) return;
    if (!library->info->threads) {
        diagnose_warning(diagnostics, W0650, (Span){0},
                         "%s: compiled without --threads=pool, runs on one thread", library->path);
        return;
    }
    out->pool = tenon_pool_create(threads);
    if (out->pool) out->call.executor = tenon_pool_executor(out->pool);
}

bool library_call_prepare(Arena *arena, Diagnostics *diagnostics, const Library *library,
                          const LibraryEntry *entry, const LibraryCallOptions *options, LibraryCall *out) {
    const tenon_entry_info *info = entry->info;
    EntryArguments arguments;
    *out = (LibraryCall){.entry = entry};
    if (!arguments_resolve(arena, diagnostics, &entry->signature, &options->words, &arguments)) return false;
    if (!check_inputs(arena, diagnostics, entry, &arguments)) return false;
    if (!allocate_outputs(arena, diagnostics, entry, arguments.dims, out)) return false;
    const void **inputs = NEW_ARRAY(arena, const void *, info->input_count);
    for (uint32_t i = 0; i < info->input_count; i++) inputs[i] = arguments.inputs[i].bytes;
    tenon_call *call = &out->call;
    call->struct_size = sizeof *call;
    call->dims = arguments.dims;
    call->inputs = inputs;
    call->workspace_bytes = info->workspace_size(arguments.dims);
    call->workspace = dirty_memory(arena, call->workspace_bytes, info->workspace_align);
    if (options->weights && !map_weights(diagnostics, library, options->weights, &call->weights))
        return false;
    if (info->uses_state) {
        out->state_bytes = library->info->state_size;
        call->state = dirty_memory(arena, out->state_bytes, library->info->state_align);
        if (!options->state)
            library->info->reset(call->state);
        else if (!state_file_read(arena, diagnostics, library, options->state, call->state))
            return false;
    } else if (options->state) {
        diagnose_error(diagnostics, E0653, (Span){0}, "'%s' has no state", entry->signature.name);
        return false;
    }
    start_threads(diagnostics, library, options->threads, out);
    return true;
}

bool library_call_run(Diagnostics *diagnostics, LibraryCall *call) {
    int status = call->entry->info->call(&call->call);
    return status == TENON_OK || call_error(diagnostics, call->entry, status);
}

void library_call_end(LibraryCall *call) {
    tenon_pool_destroy(call->pool);
    call->pool = NULL;
}
