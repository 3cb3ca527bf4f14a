/* What the readers of this folder share. A reader gets the mapped bytes of a file and appends tensors; it
 * reports its first error and gives up. Nothing here writes. */
#ifndef TENON_FRONTEND_WEIGHTS_WEIGHTS_INTERNAL_H
#define TENON_FRONTEND_WEIGHTS_WEIGHTS_INTERNAL_H

#include "frontend/weights/weights.h"

/* Limits of what is read; all are in the explanation of E0408. */
enum {
    WEIGHTS_TENSORS_MAX = 1000000,
    WEIGHTS_NAME_BYTES_MAX = 1024,
    SAFETENSORS_HEADER_BYTES_MAX = 100000000,
    SAFETENSORS_DEPTH_MAX = 16,
    NPY_HEADER_BYTES_MAX = 10000,
    NPZ_MEMBERS_MAX = 65536
};
#define WEIGHTS_EXTENT_MAX INT32_MAX
#define WEIGHTS_ELEMENTS_MAX ((int64_t)1 << 40)

/* A tensor or member that exists but is not read, told in one warning at the end. */
typedef struct LeftOut {
    const char *name, *reason;
} LeftOut;

typedef struct WeightsReader {
    Arena *arena;
    Diagnostics *diagnostics;
    const char *path; /* as the user wrote it */
    Span span;
    const uint8_t *bytes;
    size_t size;
    VECTOR(TensorSource) tensors; /* in any order */
    VECTOR(LeftOut) left_out;
} WeightsReader;

/* False: reported. */
bool safetensors_read(WeightsReader *reader);
bool npy_read(WeightsReader *reader);
bool npz_read(WeightsReader *reader);

/* Reports "<path>: ..."; the result takes notes. */
Diagnostic *weights_error(WeightsReader *reader, DiagnosticId id, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Product of the extents; false when an extent or the product breaks a limit. Extents are not negative. An
 * extent of zero does not hide the others: their product is limited too. */
bool weights_count(const int64_t *dims, int rank, int64_t *out_count);

/* Maps a whole regular file, |bytes| and |size|, for the rest of the process. NULL: done, else why not. When
 * another program cuts the file short later, touching what is gone ends the process with a message. */
const char *file_map(WeightsReader *reader);

/* The dict at the start of a .npy file. */
typedef struct NpyHeader {
    size_t header_bytes;     /* where the data begins */
    DType dtype;             /* DTYPE_NONE: see unsupported */
    const char *unsupported; /* why its elements cannot be used and what to do; NULL: they can */
    bool big_endian, fortran_order;
    int rank;
    int64_t dims[RANK_MAX];
    int64_t count, data_bytes; /* 0 when unsupported */
} NpyHeader;

enum { NPY_START_BYTES_MAX = 12 + NPY_HEADER_BYTES_MAX };

/* |bytes| are the first |available| bytes, at least NPY_START_BYTES_MAX of them or all of the array. |label|
 * names it in messages: "" or "member 'a.npy': ". False: reported. */
bool npy_header_read(WeightsReader *reader, const char *label, const uint8_t *bytes, size_t available,
                     NpyHeader *out_header);

/* A tensor of |data|, which holds data_bytes; copied when the order of bytes or axes differs from ours. */
TensorSource npy_tensor(WeightsReader *reader, const NpyHeader *header, const char *name,
                        const uint8_t *data);

/* A member of a zip archive as its directory tells. */
typedef struct ZipMember {
    const char *name;
    unsigned flags, method;
    uint32_t crc;
    uint64_t packed_bytes, bytes;
    uint64_t offset, data_offset; /* of the local header, of the packed bytes */
} ZipMember;

/* Reads the directory and holds every local header against it. Afterwards names are plain and unique, members
 * lie one after the other from the first byte to the directory, nothing is encrypted, and methods are 0
 * and 8. */
bool zip_directory_read(WeightsReader *reader, ZipMember **out_members, int *out_count);

/* What must hold before JSON of unknown origin is given to a parser that builds a tree of it: depth, members
 * of an object, elements of an array, values in all; numbers are plain: digits without sign, point, exponent,
 * leading zero. Returns NULL, or what is wrong at |out_offset|. Whatever else is wrong is for the parser to
 * find. */
typedef struct JsonLimits {
    int depth, array_items, object_members;
    int64_t values;
} JsonLimits;
const char *json_check(const uint8_t *text, size_t size, const JsonLimits *limits, size_t *out_offset);

#endif
