#include "ir/eval/eval_internal.h"

#include <string.h>

void eval_CONCAT(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context;
    int axis = (int)op_int(op, ATTR_AXIS, 0);
    AxisView whole = tensor_along(out[0], axis);
    int64_t start = 0;
    for (int i = 0; i < op->operand_count; i++) {
        AxisView part = tensor_along(in[i], axis);
        int64_t length = part.length * part.inner;
        for (int64_t j = 0; j < part.outer; j++)
            tensor_copy(out[0], (j * whole.length + start) * whole.inner, in[i], j * length, length);
        start += part.length;
    }
}

void eval_EXPAND(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context, (void)op;
    int64_t strides[RANK_MAX];
    tensor_broadcast_strides(in[0], out[0]->rank, out[0]->dims, strides);
    tensor_move(out[0], in[0], 0, strides);
}

void eval_EXTENT(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)in;
    out[0]->integers[0] = eval_expr(context, op_expr_at(op, ATTR_SHAPE, 0));
}

void eval_FULL(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context, (void)in;
    tensor_fill(out[0], op_float(op, ATTR_VALUE, 0));
}

void eval_IOTA(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context, (void)op, (void)in;
    for (int64_t i = 0; i < out[0]->count; i++) {
        if (out[0]->floats)
            out[0]->floats[i] = (double)i;
        else
            out[0]->integers[i] = i;
    }
}

/* -extent..extent-1 to 0..extent-1; anything else fails the call. */
static bool index_wrap(EvalContext *context, const Op *op, int64_t index, int64_t extent, int64_t *out) {
    if (index < -extent || index >= extent) {
        eval_fail(context, EVAL_INDEX, op->span);
        return false;
    }
    *out = index < 0 ? index + extent : index;
    return true;
}

void eval_GATHER(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    const Tensor *x = in[0], *indices = in[1];
    AxisView view = tensor_along(x, (int)op_int(op, ATTR_AXIS, 0));
    for (int64_t i = 0; i < view.outer; i++)
        for (int64_t j = 0; j < indices->count; j++) {
            int64_t index;
            if (!index_wrap(context, op, indices->integers[j], view.length, &index)) return;
            tensor_copy(out[0], (i * indices->count + j) * view.inner, x,
                        (i * view.length + index) * view.inner, view.inner);
        }
}

void eval_ONE_HOT(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    int64_t extent = out[0]->dims[out[0]->rank - 1];
    for (int64_t i = 0; i < in[0]->count; i++) {
        int64_t index;
        if (!index_wrap(context, op, in[0]->integers[i], extent, &index)) return;
        out[0]->floats[i * extent + index] = 1;
    }
}

typedef enum PadMode { PAD_CONSTANT, PAD_REFLECT, PAD_REPLICATE } PadMode;

/* The operand's index for |index|, which may lie outside 0..extent-1; -1: the fill value. */
static int64_t pad_source(PadMode mode, int64_t index, int64_t extent) {
    if (index >= 0 && index < extent) return index;
    switch (mode) {
    case PAD_CONSTANT: break;
    case PAD_REFLECT: return index < 0 ? -index : 2 * (extent - 1) - index;
    case PAD_REPLICATE: return index < 0 ? 0 : extent - 1;
    }
    return -1;
}

/* Element by element: the operand's offset is found axis by axis from the result's index. */
void eval_PAD(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context;
    const char *name = op_string(op, ATTR_MODE, "constant");
    PadMode mode = strcmp(name, "reflect") == 0     ? PAD_REFLECT
                   : strcmp(name, "replicate") == 0 ? PAD_REPLICATE
                                                    : PAD_CONSTANT;
    int64_t strides[RANK_MAX], own[RANK_MAX];
    tensor_strides(in[0], strides);
    tensor_strides(out[0], own);
    tensor_fill(out[0], op_float(op, ATTR_VALUE, 0));
    for (int64_t at = 0; at < out[0]->count; at++) {
        int64_t from = 0;
        bool outside = false;
        for (int i = 0; i < in[0]->rank && !outside; i++) {
            int64_t index = at / own[i] % out[0]->dims[i] - op_int_at(op, ATTR_PADDING, 2 * i, 0);
            int64_t source = pad_source(mode, index, in[0]->dims[i]);
            outside = source < 0;
            from += source * strides[i];
        }
        if (!outside) tensor_copy(out[0], at, in[0], from, 1);
    }
}

void eval_SPACE_TO_DEPTH(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context;
    int64_t a = op_int_at(op, ATTR_STRIDE, 0, 1), b = op_int_at(op, ATTR_STRIDE, 1, 1), *dims = out[0]->dims,
            at = 0, strides[RANK_MAX];
    tensor_strides(in[0], strides);
    tensor_fill(out[0], 0);
    for (int64_t n = 0; n < dims[0]; n++)
        for (int64_t c = 0; c < dims[1]; c++)
            for (int64_t y = 0; y < dims[2]; y++)
                for (int64_t x = 0; x < dims[3]; x++, at++) {
                    int64_t row = y * a + c / b % a - op_int_at(op, ATTR_PADDING, 0, 0),
                            column = x * b + c % b - op_int_at(op, ATTR_PADDING, 2, 0);
                    bool inside = row >= 0 && row < in[0]->dims[2] && column >= 0 && column < in[0]->dims[3];
                    int64_t from = n * strides[0] + c / (a * b) * strides[1] + row * strides[2] + column;
                    if (inside) tensor_copy(out[0], at, in[0], from, 1);
                }
}

void eval_PERMUTE(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context;
    int64_t own[RANK_MAX], strides[RANK_MAX];
    tensor_strides(in[0], own);
    for (int i = 0; i < in[0]->rank; i++) strides[i] = own[op_int_at(op, ATTR_PERMUTATION, i, 0)];
    tensor_move(out[0], in[0], 0, strides);
}

void eval_RELAYOUT(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context, (void)op;
    tensor_copy(out[0], 0, in[0], 0, in[0]->count);
}

void eval_RESHAPE(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context, (void)op;
    tensor_copy(out[0], 0, in[0], 0, in[0]->count);
}

void eval_SLICE(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    int64_t own[RANK_MAX], strides[RANK_MAX], offset = 0;
    tensor_strides(in[0], own);
    for (int i = 0; i < in[0]->rank; i++) {
        offset += eval_expr(context, op_expr_at(op, ATTR_STARTS, i)) * own[i];
        strides[i] = op_int_at(op, ATTR_STEPS, i, 1) * own[i];
    }
    tensor_move(out[0], in[0], offset, strides);
}
