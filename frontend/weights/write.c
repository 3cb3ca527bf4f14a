/* Arrays as numpy.save and numpy.savez write them, the same bytes for the same tensors. NumPy has no
 * bfloat16: such tensors are written as f32, which holds every value. */
#include "frontend/weights/weights_internal.h"
#include "support/output.h"
#include "support/text.h"

#include <errno.h>
#include <string.h>
#include <zip.h>

enum { HEADER_ALIGNMENT = 64, HEADER_START = 10, DOS_DATE_1980 = 1 << 5 | 1 };

static const char *const descrs[DTYPE_COUNT] = {
    [DTYPE_F32] = "<f4", [DTYPE_F64] = "<f8", [DTYPE_F16] = "<f2", [DTYPE_BF16] = "<f4", [DTYPE_I8] = "|i1",
    [DTYPE_I16] = "<i2", [DTYPE_I32] = "<i4", [DTYPE_I64] = "<i8", [DTYPE_U8] = "|u1",   [DTYPE_BOOL] = "|b1",
};

/* The pieces of one array. */
typedef struct Array {
    Text header;
    const void *data;
    size_t data_bytes;
} Array;

/* Version 1.0; the dict is padded so that the data begins at a multiple of 64. */
static void header_append(Text *text, const TensorSource *tensor) {
    text_printf(text, "{'descr': '%s', 'fortran_order': False, 'shape': (", descrs[tensor->dtype]);
    for (int i = 0; i < tensor->rank; i++)
        text_printf(text, "%s%lld", i ? ", " : "", (long long)tensor->dims[i]);
    text_puts(text, tensor->rank == 1 ? ",), }" : "), }");
    while ((HEADER_START + text->length + 1) % HEADER_ALIGNMENT != 0) text_putc(text, ' ');
    text_putc(text, '\n');
}

static void array_init(Array *array, Arena *arena, const TensorSource *tensor) {
    Text dict;
    text_init(&dict);
    header_append(&dict, tensor);
    text_init(&array->header);
    text_append(&array->header, "\x93NUMPY\1\0", 8);
    text_putc(&array->header, (char)(dict.length & 255));
    text_putc(&array->header, (char)(dict.length >> 8));
    text_append(&array->header, dict.bytes, dict.length);
    text_deinit(&dict);
    size_t count = 1;
    for (int i = 0; i < tensor->rank; i++) count *= (size_t)tensor->dims[i];
    array->data = tensor->bytes;
    array->data_bytes = count * dtype_bytes(tensor->dtype);
    if (tensor->dtype != DTYPE_BF16) return;
    uint16_t half;
    uint32_t *widened = NEW_ARRAY(arena, uint32_t, count);
    for (size_t i = 0; i < count; i++) {
        memcpy(&half, (const uint8_t *)tensor->bytes + 2 * i, sizeof half);
        widened[i] = (uint32_t)half << 16;
    }
    array->data = widened;
    array->data_bytes = count * sizeof *widened;
}

bool npy_write(const char *path, const TensorSource *tensor) {
    Arena *arena = arena_create();
    Outputs *outputs = outputs_create(arena, NULL);
    Output *output = outputs_add(outputs, path, OUTPUT_BINARY);
    Array array;
    array_init(&array, arena, tensor);
    if (output) {
        output_write(output, array.header.bytes, array.header.length);
        output_write(output, array.data, array.data_bytes);
    }
    bool good = outputs_commit(outputs);
    int error = errno;
    text_deinit(&array.header);
    arena_destroy(arena);
    errno = error;
    return good;
}

/* A stored member with a fixed date. */
static bool add_member(zip_t *archive, Arena *arena, const char *name, const Array *array) {
    zip_buffer_fragment_t pieces[] = {{(zip_uint8_t *)array->header.bytes, array->header.length},
                                      {(zip_uint8_t *)array->data, array->data_bytes}};
    zip_source_t *source = zip_source_buffer_fragment(archive, pieces, array->data_bytes ? 2 : 1, 0);
    if (!source) return false;
    zip_int64_t index = zip_file_add(archive, arena_printf(arena, "%s.npy", name), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
        zip_source_free(source);
        return false;
    }
    return zip_set_file_compression(archive, (zip_uint64_t)index, ZIP_CM_STORE, 0) == 0 &&
           zip_file_set_dostime(archive, (zip_uint64_t)index, 0, DOS_DATE_1980, 0) == 0;
}

/* The archive is made in memory: |source| holds it afterwards. */
static bool build_archive(Arena *arena, zip_source_t *source, const TensorSource *tensors,
                          const Array *arrays, int count) {
    zip_error_t error;
    zip_error_init(&error);
    zip_source_keep(source);
    zip_t *archive = zip_open_from_source(source, ZIP_TRUNCATE, &error);
    if (!archive) {
        zip_source_free(source);
        return false;
    }
    bool good = true;
    for (int i = 0; good && i < count; i++) good = add_member(archive, arena, tensors[i].name, &arrays[i]);
    if (good && zip_close(archive) == 0) return true;
    zip_discard(archive);
    return false;
}

static bool copy_archive(zip_source_t *source, Arena *arena, Output *output) {
    enum { CHUNK_BYTES = 256 * 1024 };
    if (zip_source_open(source) != 0) return false;
    uint8_t *chunk = arena_alloc(arena, CHUNK_BYTES);
    zip_int64_t got;
    while ((got = zip_source_read(source, chunk, CHUNK_BYTES)) > 0) output_write(output, chunk, (size_t)got);
    zip_source_close(source);
    return got == 0;
}

bool npz_write(const char *path, const TensorSource *tensors, int count) {
    Arena *arena = arena_create();
    Outputs *outputs = outputs_create(arena, NULL);
    Output *output = outputs_add(outputs, path, OUTPUT_BINARY);
    Array *arrays = NEW_ARRAY(arena, Array, count);
    for (int i = 0; i < count; i++) array_init(&arrays[i], arena, &tensors[i]);
    zip_source_t *source = output ? zip_source_buffer_create(NULL, 0, 0, NULL) : NULL;
    bool built =
        source && build_archive(arena, source, tensors, arrays, count) && copy_archive(source, arena, output);
    if (source) zip_source_free(source);
    if (output && !built) output_fail(output);
    errno = 0;
    bool good = outputs_commit(outputs);
    int error = errno ? errno : ENOMEM;
    for (int i = 0; i < count; i++) text_deinit(&arrays[i].header);
    arena_destroy(arena);
    errno = good ? 0 : error;
    return good;
}
