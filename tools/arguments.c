#include "tools/arguments.h"
#include "support/checked.h"
#include "tools/arguments_internal.h"

#include <stdarg.h>

static const int64_t TENSOR_BYTES_MAX = INT64_C(1) << 40;

Diagnostic *argument_error(Resolver *resolver, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *text = arena_vprintf(resolver->arena, format, arguments);
    va_end(arguments);
    resolver->failed = true;
    return diagnose_error(resolver->diagnostics, E0651, (Span){0}, "%s", text);
}

bool tensor_allocate(Arena *arena, TensorSource *tensor) {
    int64_t bytes = (int64_t)dtype_bytes(tensor->dtype);
    for (int i = 0; i < tensor->rank; i++)
        if (tensor->dims[i] < 0 || !checked_mul(bytes, tensor->dims[i], &bytes) || bytes > TENSOR_BYTES_MAX)
            return false;
    char *memory = arena_alloc(arena, (size_t)bytes + 64);
    tensor->bytes = memory + (-(uintptr_t)memory & 63);
    return true;
}

bool arguments_resolve(Arena *arena, Diagnostics *diagnostics, const EntrySignature *signature,
                       const ArgumentWords *words, EntryArguments *out) {
    Resolver resolver = {.arena = arena, .diagnostics = diagnostics, .signature = signature, .words = words};
    resolver.specs = NEW_ARRAY(arena, InputSpec, signature->input_count);
    resolver.dims = NEW_ARRAY(arena, int64_t, signature->dim_count);
    resolver.known = NEW_ARRAY(arena, bool, signature->dim_count);
    inputs_read(&resolver);
    if (!resolver.failed) dims_resolve(&resolver);
    TensorSource *inputs = NEW_ARRAY(arena, TensorSource, signature->input_count);
    if (!resolver.failed) inputs_fill(&resolver, inputs);
    *out = (EntryArguments){resolver.dims, inputs};
    return !resolver.failed;
}
