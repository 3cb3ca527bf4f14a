/* Element types of tensors and tiles; values fit in a double (floats) or an int64_t (integers and bool). */
#ifndef TENON_IR_DTYPE_H
#define TENON_IR_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum DType {
    DTYPE_NONE,
#define DTYPE(id, text, code, bytes, class) DTYPE_##id = code,
#include "ir/dtypes.def"
#undef DTYPE
    DTYPE_COUNT
} DType;

const char *dtype_text(DType dtype);
size_t dtype_bytes(DType dtype);
bool dtype_is_float(DType dtype);
bool dtype_is_integer(DType dtype); /* not bool */
/* DTYPE_NONE when |text| names no type. */
DType dtype_from_text(const char *text, size_t length);

/* The nearest value of |dtype|: ties to even for floats; integers saturate, NaN gives 0. */
double dtype_round(DType dtype, double value);
int64_t dtype_saturate(DType dtype, double value);
/* Wraps like the machine's arithmetic of that width. */
int64_t dtype_wrap(DType dtype, int64_t value);

/* One element of raw little-endian bytes. */
double dtype_load_float(DType dtype, const void *bytes);
int64_t dtype_load_integer(DType dtype, const void *bytes);
void dtype_store_float(DType dtype, void *bytes, double value);
void dtype_store_integer(DType dtype, void *bytes, int64_t value);

#endif
