#include "ir/eval/eval_internal.h"

#include "support/checked.h"

#include <assert.h>
#include <string.h>

Tensor *tensor_create(Arena *arena, DType dtype, int rank, const int64_t *dims) {
    Tensor *tensor = NEW(arena, Tensor);
    tensor->dtype = dtype;
    tensor->rank = rank;
    tensor->count = 1;
    for (int i = 0; i < rank; i++) {
        tensor->dims[i] = dims[i];
        bool counted = checked_mul(tensor->count, dims[i], &tensor->count);
        assert(counted && dims[i] >= 0);
        (void)counted;
    }
    if (dtype_is_float(dtype))
        tensor->floats = NEW_ARRAY(arena, double, tensor->count);
    else
        tensor->integers = NEW_ARRAY(arena, int64_t, tensor->count);
    return tensor;
}

Tensor *tensor_from_bytes(Arena *arena, DType dtype, int rank, const int64_t *dims, const void *bytes) {
    Tensor *tensor = tensor_create(arena, dtype, rank, dims);
    const char *at = bytes;
    size_t size = dtype_bytes(dtype);
    for (int64_t i = 0; i < tensor->count; i++, at += size) {
        if (tensor->floats)
            tensor->floats[i] = dtype_load_float(dtype, at);
        else
            tensor->integers[i] = dtype_load_integer(dtype, at);
    }
    return tensor;
}

void tensor_to_bytes(const Tensor *tensor, void *bytes) {
    char *at = bytes;
    size_t size = dtype_bytes(tensor->dtype);
    for (int64_t i = 0; i < tensor->count; i++, at += size) {
        if (tensor->floats)
            dtype_store_float(tensor->dtype, at, tensor->floats[i]);
        else
            dtype_store_integer(tensor->dtype, at, tensor->integers[i]);
    }
}

void tensor_settle(const EvalContext *context, Tensor *tensor) {
    if (tensor->integers) {
        for (int64_t i = 0; i < tensor->count; i++)
            tensor->integers[i] = dtype_wrap(tensor->dtype, tensor->integers[i]);
    } else if (!context->wide) {
        for (int64_t i = 0; i < tensor->count; i++)
            tensor->floats[i] = dtype_round(tensor->dtype, tensor->floats[i]);
    }
}

void tensor_copy(Tensor *out, int64_t out_at, const Tensor *in, int64_t in_at, int64_t count) {
    if (count <= 0) return;
    if (out->floats)
        memcpy(out->floats + out_at, in->floats + in_at, (size_t)count * sizeof(double));
    else
        memcpy(out->integers + out_at, in->integers + in_at, (size_t)count * sizeof(int64_t));
}

void tensor_fill(Tensor *tensor, double value) {
    for (int64_t i = 0; i < tensor->count; i++) {
        if (tensor->floats)
            tensor->floats[i] = value;
        else
            tensor->integers[i] = dtype_saturate(tensor->dtype, value);
    }
}

void tensor_strides(const Tensor *tensor, int64_t out[RANK_MAX]) {
    int64_t stride = 1;
    for (int i = tensor->rank - 1; i >= 0; i--) {
        out[i] = stride;
        stride *= tensor->dims[i];
    }
}

void tensor_broadcast_strides(const Tensor *tensor, int rank, const int64_t *dims, int64_t out[RANK_MAX]) {
    int64_t own[RANK_MAX];
    tensor_strides(tensor, own);
    for (int i = 0; i < rank; i++) {
        int axis = i - (rank - tensor->rank);
        out[i] = axis < 0 || (tensor->dims[axis] == 1 && dims[i] != 1) ? 0 : own[axis];
    }
}

AxisView tensor_along(const Tensor *tensor, int axis) {
    AxisView view = {1, tensor->dims[axis], 1};
    for (int i = 0; i < axis; i++) view.outer *= tensor->dims[i];
    for (int i = axis + 1; i < tensor->rank; i++) view.inner *= tensor->dims[i];
    return view;
}

Walk walk_over(int rank, const int64_t *dims) {
    Walk walk = {.rank = rank ? rank - 1 : 0, .length = rank ? dims[rank - 1] : 1};
    for (int i = 0; i < rank; i++) {
        if (i < walk.rank) walk.dims[i] = dims[i];
        if (dims[i] == 0) walk.done = true;
    }
    return walk;
}

void walk_add(Walk *walk, const int64_t *strides, int64_t offset) {
    int tensor = walk->tensor_count++;
    for (int i = 0; i < walk->rank; i++) walk->strides[tensor][i] = strides[i];
    /* A scalar has one row of one element, whose step does not matter. */
    walk->step[tensor] = walk->length == 1 ? 0 : strides[walk->rank];
    walk->offset[tensor] = offset;
}

void walk_next(Walk *walk) {
    for (int axis = walk->rank - 1; axis >= 0; axis--) {
        bool more = ++walk->index[axis] < walk->dims[axis];
        int64_t moved = more ? 1 : 1 - walk->dims[axis];
        for (int t = 0; t < walk->tensor_count; t++) walk->offset[t] += moved * walk->strides[t][axis];
        if (more) return;
        walk->index[axis] = 0;
    }
    walk->done = true;
}

void tensor_move(Tensor *out, const Tensor *in, int64_t offset, const int64_t *strides) {
    Walk walk = walk_over(out->rank, out->dims);
    walk_add(&walk, strides, offset);
    for (int64_t at = 0; !walk.done; walk_next(&walk), at += walk.length) {
        if (walk.step[0] == 1) {
            tensor_copy(out, at, in, walk.offset[0], walk.length);
            continue;
        }
        for (int64_t j = 0; j < walk.length; j++) {
            int64_t from = walk.offset[0] + j * walk.step[0];
            if (out->floats)
                out->floats[at + j] = in->floats[from];
            else
                out->integers[at + j] = in->integers[from];
        }
    }
}
