#include "ir/eval/eval_internal.h"

#include <assert.h>
#include <string.h>

/* The source's elements in the order and dtype of the constant's type. A source without bytes stands for
 * zeros. */
static void load_weights(const Constant *constant, Tensor *out) {
    const TensorSource *source = constant->source;
    if (!source->bytes) return;
    assert(source->rank == out->rank);
    int64_t source_strides[RANK_MAX], strides[RANK_MAX], stride = 1;
    for (int i = source->rank - 1; i >= 0; i--) {
        source_strides[i] = stride;
        stride *= source->dims[i];
    }
    for (int i = 0; i < source->rank; i++)
        strides[i] = source_strides[constant->permuted ? constant->permutation[i] : i];
    const char *bytes = source->bytes;
    size_t size = dtype_bytes(source->dtype);
    Walk walk = walk_over(out->rank, out->dims);
    walk_add(&walk, strides, 0);
    for (int64_t at = 0; !walk.done; walk_next(&walk)) {
        for (int64_t j = 0; j < walk.length; j++, at++) {
            const char *element = bytes + (size_t)(walk.offset[0] + j * walk.step[0]) * size;
            if (out->floats)
                out->floats[at] = dtype_load_float(source->dtype, element);
            else if (dtype_is_float(source->dtype))
                out->integers[at] = dtype_saturate(out->dtype, dtype_load_float(source->dtype, element));
            else
                out->integers[at] = dtype_load_integer(source->dtype, element);
        }
    }
}

static void load_inline(const Constant *constant, Tensor *out) {
    if (!out->count) return;
    if (out->floats)
        memcpy(out->floats, constant->floats, (size_t)out->count * sizeof(double));
    else
        memcpy(out->integers, constant->integers, (size_t)out->count * sizeof(int64_t));
}

/* Recipes are evaluated in declared mode and unobserved: they are data, whatever the call around them is for.
 * What they compute on the way is thrown away. */
static void run_recipe(EvalContext *context, const Constant *constant, Tensor *out) {
    EvalContext saved = *context;
    context->arena = arena_create();
    context->wide = false;
    context->observe = NULL;
    if (eval_block(context, constant->recipe)) {
        const Tensor *result = frame_value(context, block_terminator(constant->recipe)->operands[0]);
        assert(result->count == out->count && result->dtype == out->dtype);
        tensor_copy(out, 0, result, 0, result->count);
    }
    arena_destroy(context->arena);
    context->arena = saved.arena;
    context->wide = saved.wide;
    context->observe = saved.observe;
}

/* Lives in the arena of the call, also when first needed in a step of a scan. */
Tensor *constant_tensor(EvalContext *context, const Constant *constant) {
    Arena *step = context->arena;
    context->arena = context->frame->arena;
    Tensor *out = tensor_of_type(context, &constant->value->type);
    switch (constant->kind) {
    case CONSTANT_WEIGHTS:
        load_weights(constant, out);
        tensor_settle(context, out);
        break;
    case CONSTANT_INLINE: load_inline(constant, out); break;
    case CONSTANT_RECIPE: run_recipe(context, constant, out); break;
    }
    context->arena = step;
    return out;
}
