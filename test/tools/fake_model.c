/* Libraries that obey the ABI without having been compiled by Tenon, so that the driver is tested by itself.
 */
#include "runtime/abi.h"

#include <stddef.h>

#define EXPORT __attribute__((visibility("default")))
#define COUNT(array) (sizeof(array) / sizeof *(array))

static const tenon_dim_info dims[] = {{"N", 1, 8}, {"T", 0, 100}};
static const int64_t bounds[] = {201, 201};

static size_t workspace_size(const int64_t *values) { return (size_t)values[0] * 64; }

static int check(const tenon_call *call, const tenon_entry_info *entry) {
    if (call->struct_size < sizeof *call) return TENON_E_ABI;
    for (uint32_t i = 0; i < entry->dim_count; i++)
        if (call->dims[i] < entry->dims[i].min || call->dims[i] > entry->dims[i].max) return TENON_E_DIM;
    for (uint32_t i = 0; i < entry->input_count; i++)
        if ((uintptr_t)call->inputs[i] % 64) return TENON_E_ALIGN;
    size_t needed = entry->workspace_size(call->dims);
    return call->workspace_bytes < needed || (uintptr_t)call->workspace % 64 ? TENON_E_WORKSPACE : TENON_OK;
}

/* scale: y[N, 3] = 2 * x[N, 3], row[N] = 0, 1, 2, ... One parallel item per row. */

static const tenon_tensor_info scale_inputs[] = {{"x", TENON_F32, 2, "N, 3", bounds}};
static const tenon_tensor_info scale_outputs[] = {{"y", TENON_F32, 2, "N, 3", bounds},
                                                  {"row", TENON_I32, 1, "N", bounds}};
extern const tenon_entry_info entries[];

static int scale_shape(const int64_t *values, uint32_t tensor, int64_t *extents) {
    extents[0] = values[0];
    if (tensor < 2) extents[1] = 3;
    return TENON_OK;
}

static void scale_row(void *argument, int32_t row) {
    const tenon_call *call = argument;
    for (int i = 0; i < 3; i++)
        ((float *)call->outputs[0])[row * 3 + i] = 2 * ((const float *)call->inputs[0])[row * 3 + i];
    ((int32_t *)call->outputs[1])[row] = row;
}

static int scale_call(const tenon_call *call) {
    int status = check(call, &entries[0]);
    if (status) return status;
    if (call->executor)
        call->executor->parallel_for(call->executor->context, scale_row, (void *)call,
                                     (int32_t)call->dims[0]);
    else
        for (int32_t i = 0; i < call->dims[0]; i++) scale_row((void *)call, i);
    return TENON_OK;
}

/* windows: shapes with expressions. half[(T + 1)/2, 2] from ids[2*T + 1] and flag[min(N, T)]. */

static const tenon_tensor_info windows_inputs[] = {{"ids", TENON_I64, 1, "2*T + 1", bounds},
                                                   {"flag", TENON_BOOL, 1, "min(N, T)", bounds}};
static const tenon_tensor_info windows_outputs[] = {{"half", TENON_I64, 2, "(T + 1)/2, 2", bounds}};

static int windows_shape(const int64_t *values, uint32_t tensor, int64_t *extents) {
    int64_t n = values[0], t = values[1];
    extents[0] = tensor == 0 ? 2 * t + 1 : tensor == 1 ? (n < t ? n : t) : (t + 1) / 2;
    if (tensor == 2) extents[1] = 2;
    return TENON_OK;
}

static int windows_call(const tenon_call *call) {
    int64_t *half = call->outputs[0];
    const int64_t *ids = call->inputs[0];
    for (int64_t i = 0; i < (call->dims[1] + 1) / 2 * 2; i++) half[i] = ids[i];
    return check(call, &entries[1]);
}

/* add: total[] = the sum of all x[] so far. */

static const tenon_tensor_info add_inputs[] = {{"x", TENON_F64, 0, "", bounds}};
static const tenon_tensor_info add_outputs[] = {{"total", TENON_F64, 0, "", bounds}};

static size_t no_workspace(const int64_t *values) { return values ? 0 : 0; }
static int scalar_shape(const int64_t *values, uint32_t tensor, int64_t *extents) {
    return values && tensor && extents ? 0 : 0;
}

static int add_call(const tenon_call *call) {
    double *total = call->state;
    *total += *(const double *)call->inputs[0];
    *(double *)call->outputs[0] = *total;
    return TENON_OK;
}

/* fail: returns its argument. */

static const tenon_tensor_info fail_inputs[] = {{"code", TENON_I8, 0, "", bounds}};

static int fail_call(const tenon_call *call) { return *(const int8_t *)call->inputs[0]; }

/* large: many elements, no inputs. */

static const tenon_tensor_info large_outputs[] = {{"y", TENON_F32, 1, "300", bounds},
                                                  {"empty", TENON_U8, 2, "0, 4", bounds}};

static int large_shape(const int64_t *values, uint32_t tensor, int64_t *extents) {
    (void)values;
    extents[0] = tensor ? 0 : 300;
    if (tensor) extents[1] = 4;
    return TENON_OK;
}

static int large_call(const tenon_call *call) {
    for (int i = 0; i < 300; i++) ((float *)call->outputs[0])[i] = i == 123 ? 1000 : (float)i;
    return TENON_OK;
}

#define ENTRY(name, dim_count, in, in_count, out, out_count, state, size, shape)                             \
    {sizeof(tenon_entry_info),                                                                               \
     #name,                                                                                                  \
     dim_count,                                                                                              \
     in_count,                                                                                               \
     out_count,                                                                                              \
     state,                                                                                                  \
     dims,                                                                                                   \
     in,                                                                                                     \
     out,                                                                                                    \
     512,                                                                                                    \
     64,                                                                                                     \
     0,                                                                                                      \
     size,                                                                                                   \
     shape,                                                                                                  \
     name##_call}

const tenon_entry_info entries[] = {
    ENTRY(scale, 1, scale_inputs, 1, scale_outputs, 2, 0, workspace_size, scale_shape),
    ENTRY(windows, 2, windows_inputs, 2, windows_outputs, 1, 0, workspace_size, windows_shape),
    ENTRY(add, 0, add_inputs, 1, add_outputs, 1, 1, no_workspace, scalar_shape),
    ENTRY(fail, 0, fail_inputs, 1, NULL, 0, 0, no_workspace, scalar_shape),
    ENTRY(large, 0, NULL, 0, large_outputs, 2, 0, no_workspace, large_shape),
};

static void reset(void *state) { *(double *)state = 100; }

#ifndef ABI
#define ABI 1
#endif
#ifndef ENTRIES
#define ENTRIES COUNT(entries)
#endif

static const tenon_model_info info = {ABI,        sizeof(tenon_model_info),
                                      "Fake",     "hand",
                                      "x86-64",   "",
                                      "0123abcd", "",
                                      ENTRIES,    1,
                                      entries,    8,
                                      8,          0,
                                      64,         reset};

EXPORT const tenon_model_info *fake_info(void);
EXPORT const tenon_model_info *fake_info(void) { return &info; }
#ifdef SECOND
EXPORT const tenon_model_info *other_info(void);
EXPORT const tenon_model_info *other_info(void) { return &info; }
#endif
#ifdef STRANGER
EXPORT int unrelated(void);
EXPORT int unrelated(void) { return 1; }
#endif
