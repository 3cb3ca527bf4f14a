/* What the fuzzers of weight readers share: read, then see that the result keeps what the header promises. */
#ifndef TENON_TEST_FUZZ_FUZZ_WEIGHTS_H
#define TENON_TEST_FUZZ_FUZZ_WEIGHTS_H

#include "frontend/weights/weights_internal.h"

#include <stdlib.h>

/* Every byte that a tensor claims must be there; a sanitizer watches. */
static inline unsigned touch_tensor(const TensorSource *tensor) {
    unsigned sum = 0;
    int64_t count;
    if (!weights_count(tensor->dims, tensor->rank, &count)) abort();
    int64_t bytes = count * (int64_t)dtype_bytes(tensor->dtype);
    for (int64_t i = 0; i < bytes; i++) sum += ((const uint8_t *)tensor->bytes)[i];
    return sum;
}

static inline int fuzz_reader(bool (*read)(WeightsReader *reader), const uint8_t *bytes, size_t size) {
    static volatile unsigned sink;
    Arena *arena = arena_create();
    Diagnostics *diagnostics = diagnostics_create();
    WeightsReader reader = {
        .arena = arena, .diagnostics = diagnostics, .path = "fuzz.npy", .bytes = bytes, .size = size};
    bool good = read(&reader);
    if (diagnostics_error_count(diagnostics) != (good ? 0 : 1)) abort();
    for (int i = 0; good && i < reader.tensors.count; i++) sink += touch_tensor(&reader.tensors.items[i]);
    diagnostics_destroy(diagnostics);
    arena_destroy(arena);
    return 0;
}

#endif
