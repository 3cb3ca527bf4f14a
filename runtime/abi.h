/* What a compiled network and its caller share, version 1. Later versions only append fields; readers check
 * struct_size. Inlined into every generated header, so the text stands alone. */
#ifndef TENON_ABI_H
#define TENON_ABI_H

#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus) || (defined(__GNUC__) && !defined(__STDC_VERSION__))
#define TENON_RESTRICT __restrict
#else
#define TENON_RESTRICT restrict
#endif

enum {
    TENON_OK = 0,
    TENON_E_DIM = 1,       /* a dim outside its declared bounds */
    TENON_E_SHAPE = 2,     /* extents that must be equal are not */
    TENON_E_NULL = 3,      /* a required pointer is NULL */
    TENON_E_ALIGN = 4,     /* a pointer is not aligned as documented */
    TENON_E_WORKSPACE = 5, /* the workspace is too small */
    TENON_E_INDEX = 6,     /* an index outside its tensor */
    TENON_E_CPU = 7,       /* this CPU lacks what the library was compiled for */
    TENON_E_ABI = 8,       /* struct_size or abi_version not understood */
    TENON_E_DIVIDE = 9     /* integer division by zero */
};

enum {
    TENON_F32 = 1,
    TENON_F64 = 2,
    TENON_F16 = 3,
    TENON_BF16 = 4,
    TENON_I8 = 5,
    TENON_I16 = 6,
    TENON_I32 = 7,
    TENON_I64 = 8,
    TENON_U8 = 9,
    TENON_BOOL = 10 /* uint8_t 0 or 1 */
};

/* Who runs parallel work; NULL: the caller's own thread. parallel_for runs every index once, in any order,
 * and returns when all are done. */
typedef struct tenon_executor {
    void *context;
    int32_t threads; /* a hint, never visible in the results */
    void (*parallel_for)(void *context, void (*item)(void *argument, int32_t index), void *argument,
                         int32_t count);
} tenon_executor;

/* One call through the uniform road. */
typedef struct tenon_call {
    uint32_t struct_size;
    const int64_t *dims; /* in the order of tenon_entry_info.dims */
    const void *const *inputs;
    void *const *outputs;
    void *state;
    const void *weights; /* NULL when embedded */
    void *workspace;
    size_t workspace_bytes;
    const tenon_executor *executor;
} tenon_call;

typedef struct tenon_dim_info {
    const char *name;
    int64_t min, max;
} tenon_dim_info;

typedef struct tenon_tensor_info {
    const char *name;
    int32_t dtype, rank;
    const char *shape;     /* "N, 1, 28, 28" */
    const int64_t *bounds; /* the largest extents */
} tenon_tensor_info;

typedef struct tenon_entry_info {
    uint32_t struct_size;
    const char *name;
    uint32_t dim_count, input_count, output_count, uses_state;
    const tenon_dim_info *dims;
    const tenon_tensor_info *inputs, *outputs;
    size_t workspace_size_max, workspace_align, stack_bytes;
    size_t (*workspace_size)(const int64_t *dims);
    int (*shape)(const int64_t *dims, uint32_t tensor /* inputs, then outputs */, int64_t *extents);
    int (*call)(const tenon_call *call);
} tenon_entry_info;

/* Arrays of infos have the stride struct_size of their first element. */
typedef struct tenon_model_info {
    uint32_t abi_version, struct_size;
    const char *name, *compiler, *target, *options, *source_sha256, *weights_sha256;
    uint32_t entry_count, threads; /* threads: 1 when the entries take an executor */
    const tenon_entry_info *entries;
    size_t state_size, state_align, weights_size, weights_align;
    void (*reset)(void *state);
} tenon_model_info;

#endif
