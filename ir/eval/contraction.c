#include "ir/eval/eval_internal.h"

/* out[m, n] += a[m, k] * b[k, n], row by row so that the innermost loop is contiguous. */
static void multiply_add(double *restrict out, const double *a, const double *restrict b, int64_t m,
                         int64_t k, int64_t n) {
    for (int64_t i = 0; i < m; i++)
        for (int64_t p = 0; p < k; p++)
            for (int64_t j = 0; j < n; j++) out[i * n + j] += a[i * k + p] * b[p * n + j];
}

/* The batch axes of |tensor|, broadcast to those of the result, with strides in elements. */
static void walk_add_batch(Walk *walk, const Tensor *tensor, int rank, const int64_t *dims,
                           int64_t matrix_elements) {
    Tensor batch = {.rank = tensor->rank > 2 ? tensor->rank - 2 : 0};
    for (int i = 0; i < batch.rank; i++) batch.dims[i] = tensor->dims[i];
    int64_t strides[RANK_MAX];
    tensor_broadcast_strides(&batch, rank, dims, strides);
    for (int i = 0; i < rank; i++) strides[i] *= matrix_elements;
    walk_add(walk, strides, 0);
}

void eval_MATMUL(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context, (void)op;
    const Tensor *a = in[0], *b = in[1];
    int64_t m = a->rank > 1 ? a->dims[a->rank - 2] : 1, k = a->dims[a->rank - 1];
    int64_t n = b->rank > 1 ? b->dims[b->rank - 1] : 1;
    int rank = out[0]->rank - (a->rank > 1) - (b->rank > 1);
    Walk walk = walk_over(rank, out[0]->dims);
    walk_add_batch(&walk, a, rank, out[0]->dims, m * k);
    walk_add_batch(&walk, b, rank, out[0]->dims, k * n);
    double *result = out[0]->floats;
    for (; !walk.done; walk_next(&walk))
        for (int64_t i = 0; i < walk.length; i++, result += m * n)
            multiply_add(result, a->floats + walk.offset[0] + i * walk.step[0],
                         b->floats + walk.offset[1] + i * walk.step[1], m, k, n);
}

static double dot(const double *a, const double *b, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += a[i] * b[i];
    return sum;
}

/* The row of the weights for output |j|. */
static int64_t weight_row(const Op *op, int64_t j) {
    if (!op_attr(op, ATTR_INTERLEAVE)) return j;
    int64_t groups = op_int_at(op, ATTR_INTERLEAVE, 0, 1), units = op_int_at(op, ATTR_INTERLEAVE, 1, 1),
            panel = op_int_at(op, ATTR_INTERLEAVE, 2, 1), group = j / units, unit = j % units;
    return (unit / panel * groups + group) * panel + unit % panel;
}

void eval_LINEAR(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context;
    const Tensor *x = in[0], *w = in[1], *bias = op->operand_count > 2 ? in[2] : NULL;
    int64_t n = out[0]->dims[out[0]->rank - 1], k = w->dims[1], rows = n ? out[0]->count / n : 0;
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < n; j++) {
            int64_t row = weight_row(op, j);
            out[0]->floats[i * n + j] =
                dot(x->floats + i * k, w->floats + row * k, k) + (bias ? bias->floats[row] : 0);
        }
    }
}

/* One spatial axis of a convolution: |size| inputs, |taps| of the kernel, |positions| outputs. */
typedef struct ConvAxis {
    int64_t size, taps, positions, stride, dilation, before;
} ConvAxis;

/* Axis 0 or 1 of the two; a convolution of one spatial axis has a first one of extent 1. */
static ConvAxis conv_axis(const Op *op, const Tensor *x, const Tensor *w, const Tensor *out, int axis) {
    int spatial = w->rank - 2, index = axis - (2 - spatial);
    if (index < 0) return (ConvAxis){1, 1, 1, 1, 1, 0};
    return (ConvAxis){x->dims[x->rank - spatial + index],     w->dims[2 + index],
                      out->dims[out->rank - spatial + index], op_int_at(op, ATTR_STRIDE, index, 1),
                      op_int_at(op, ATTR_DILATION, index, 1), op_int_at(op, ATTR_PADDING, 2 * index, 0)};
}

/* Positions |first| to |last| (exclusive) at which tap |tap| reads an input and not padding. */
static void tap_positions(const ConvAxis *axis, int64_t tap, int64_t *out_first, int64_t *out_last) {
    int64_t first = 0, last = axis->positions, shift = tap * axis->dilation - axis->before;
    while (first < last && first * axis->stride + shift < 0) first++;
    while (last > first && (last - 1) * axis->stride + shift >= axis->size) last--;
    *out_first = first;
    *out_last = last;
}

/* Adds one input plane's share, one tap after the other, each over all positions. */
static void conv_plane(const ConvAxis *h, const ConvAxis *w, const double *x, const double *taps,
                       double *restrict out) {
    for (int64_t kh = 0; kh < h->taps; kh++) {
        for (int64_t kw = 0; kw < w->taps; kw++) {
            int64_t top, bottom, left, right;
            tap_positions(h, kh, &top, &bottom);
            tap_positions(w, kw, &left, &right);
            double tap = taps[kh * w->taps + kw];
            for (int64_t oh = top; oh < bottom; oh++) {
                const double *row = x + (oh * h->stride + kh * h->dilation - h->before) * w->size;
                int64_t shift = kw * w->dilation - w->before, stride = w->stride;
                double *out_row = out + oh * w->positions;
                if (stride == 1)
                    for (int64_t ow = left; ow < right; ow++) out_row[ow] += tap * row[ow + shift];
                else
                    for (int64_t ow = left; ow < right; ow++) out_row[ow] += tap * row[ow * stride + shift];
            }
        }
    }
}

/* x with zeros between the elements of its spatial axes; x itself where there are none to insert. */
static const Tensor *spread(EvalContext *context, const Op *op, const Tensor *x, int spatial) {
    if (!op_attr(op, ATTR_INPUT_DILATION)) return x;
    Tensor *out = NEW(context->arena, Tensor);
    int64_t steps[2] = {1, 1}, sizes[2] = {1, 1}, width = 1;
    *out = *x;
    for (int i = 0; i < spatial; i++) {
        int64_t *extent = &out->dims[x->rank - spatial + i];
        steps[2 - spatial + i] = op_int_at(op, ATTR_INPUT_DILATION, i, 1);
        sizes[2 - spatial + i] = *extent;
        *extent = *extent ? (*extent - 1) * steps[2 - spatial + i] + 1 : 0;
        width = *extent;
    }
    int64_t height = spatial == 2 ? out->dims[x->rank - 2] : 1, plane = sizes[0] * sizes[1];
    out->count = plane ? x->count / plane * height * width : 0;
    out->floats = NEW_ARRAY(context->arena, double, out->count);
    for (int64_t i = 0; i < x->count; i++) {
        int64_t row = i % plane / sizes[1] * steps[0], column = i % sizes[1] * steps[1];
        out->floats[(i / plane * height + row) * width + column] = x->floats[i];
    }
    return out;
}

void eval_CONV(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    const Tensor *w = in[1], *bias = op->operand_count > 2 ? in[2] : NULL;
    const Tensor *x = spread(context, op, in[0], w->rank - 2);
    ConvAxis vertical = conv_axis(op, x, w, out[0], 0), horizontal = conv_axis(op, x, w, out[0], 1);
    int64_t outputs = w->dims[0], inputs_per_group = w->dims[1], groups = op_int(op, ATTR_GROUPS, 1);
    int64_t x_plane = vertical.size * horizontal.size, taps = vertical.taps * horizontal.taps;
    int64_t out_plane = vertical.positions * horizontal.positions;
    int64_t batch = x->rank == w->rank ? x->dims[0] : 1;
    for (int64_t n = 0; n < batch; n++) {
        for (int64_t o = 0; o < outputs; o++) {
            double *result = out[0]->floats + (n * outputs + o) * out_plane;
            int64_t group = o / (outputs / groups);
            for (int64_t i = 0; i < inputs_per_group; i++) {
                int64_t channel = group * inputs_per_group + i;
                conv_plane(&vertical, &horizontal,
                           x->floats + (n * groups * inputs_per_group + channel) * x_plane,
                           w->floats + (o * inputs_per_group + i) * taps, result);
            }
            for (int64_t p = 0; bias && p < out_plane; p++) result[p] += bias->floats[o];
        }
    }
}
