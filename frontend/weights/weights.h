/* Readers of weight files. Whatever the format, past this header a file is an index of named tensors: dtype,
 * extents and bytes that stay mapped (or inflated) as long as the arena. Files are never trusted: every
 * length is checked against what remains before it is used. */
#ifndef TENON_FRONTEND_WEIGHTS_WEIGHTS_H
#define TENON_FRONTEND_WEIGHTS_WEIGHTS_H

#include "ir/graph.h"

typedef struct WeightsFile {
    const char *path;
    int count;
    TensorSource *tensors; /* sorted by name */
} WeightsFile;

/* By extension: .safetensors, .npz, .npy (one tensor, named by the file's stem). Fortran order and big-endian
 * are turned into row-major little-endian copies. |span| is where the user named the file (may be empty).
 * NULL: an error was reported. */
WeightsFile *weights_open(Arena *arena, Diagnostics *diagnostics, const char *path, Span span);

/* NULL: there is none of that name. */
const TensorSource *weights_find(const WeightsFile *file, const char *name);

/* Writers, for results and states. |bytes| are row-major elements of each source. False: errno tells why. */
bool npy_write(const char *path, const TensorSource *tensor);
bool npz_write(const char *path, const TensorSource *tensors, int count);

#endif
