#include "frontend/weights/weights_internal.h"

#include <string.h>

/* Swaps the bytes of |count| elements of |size| bytes. */
static void swap_bytes(uint8_t *bytes, int64_t count, size_t size) {
    for (int64_t i = 0; i < count; i++, bytes += size)
        for (size_t j = 0; j < size / 2; j++) {
            uint8_t kept = bytes[j];
            bytes[j] = bytes[size - 1 - j];
            bytes[size - 1 - j] = kept;
        }
}

/* |from| has the first axis fastest, |to| the last. Walks |to| in order, with the place in |from| kept by
 * strides. */
static void copy_to_row_major(const NpyHeader *header, const uint8_t *from, uint8_t *to) {
    size_t size = dtype_bytes(header->dtype);
    int64_t strides[RANK_MAX], index[RANK_MAX] = {0}, stride = 1, place = 0;
    for (int i = 0; i < header->rank; i++) {
        strides[i] = stride;
        stride *= header->dims[i];
    }
    for (int64_t n = 0; n < header->count; n++) {
        memcpy(to + (size_t)n * size, from + (size_t)place * size, size);
        for (int axis = header->rank - 1; axis >= 0; axis--) {
            place += strides[axis];
            if (++index[axis] < header->dims[axis]) break;
            place -= strides[axis] * header->dims[axis];
            index[axis] = 0;
        }
    }
}

TensorSource npy_tensor(WeightsReader *reader, const NpyHeader *header, const char *name,
                        const uint8_t *data) {
    TensorSource tensor = {.file = reader->path, .name = name, .dtype = header->dtype, .rank = header->rank};
    memcpy(tensor.dims, header->dims, sizeof tensor.dims);
    tensor.bytes = data;
    size_t size = dtype_bytes(header->dtype);
    bool swapped = header->big_endian && size > 1, moved = header->fortran_order && header->rank > 1;
    if (!swapped && !moved) return tensor;
    uint8_t *copy = arena_alloc(reader->arena, (size_t)header->data_bytes);
    if (moved)
        copy_to_row_major(header, data, copy);
    else if (header->data_bytes)
        memcpy(copy, data, (size_t)header->data_bytes);
    if (swapped) swap_bytes(copy, header->count, size);
    tensor.bytes = copy;
    return tensor;
}

/* "dir/hidden.npy" gives "hidden". */
static const char *stem_of(Arena *arena, const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    return arena_strndup(arena, name, strlen(name) - strlen(".npy"));
}

bool npy_read(WeightsReader *reader) {
    NpyHeader header;
    if (!npy_header_read(reader, "", reader->bytes, reader->size, &header)) return false;
    if (header.unsupported) {
        weights_error(reader, E0407, "%s", header.unsupported);
        return false;
    }
    size_t rest = reader->size - header.header_bytes;
    if (rest != (uint64_t)header.data_bytes) {
        weights_error(reader, E0405, "the shape takes %lld bytes, but %zu follow the header",
                      (long long)header.data_bytes, rest);
        return false;
    }
    TensorSource tensor = npy_tensor(reader, &header, stem_of(reader->arena, reader->path),
                                     reader->bytes + header.header_bytes);
    vector_push(reader->arena, &reader->tensors, tensor);
    return true;
}
