#include "ir/eval/eval_internal.h"

#include <math.h>

/* One spatial axis of a pooling: |size| inputs, |positions| outputs. */
typedef struct PoolAxis {
    int64_t size, positions, kernel, stride, dilation, before, after;
} PoolAxis;

/* The inputs that one window holds along an axis: first, first + dilation, .. below last. */
typedef struct Range {
    int64_t first, last, step;
} Range;

/* Axis 0 or 1 of the two; with one spatial axis the first has extent 1. */
static PoolAxis pool_axis(const Op *op, const Tensor *in, const Tensor *out, int axis) {
    int spatial = op_attr(op, ATTR_KERNEL)->count, index = axis - (2 - spatial);
    if (index < 0) return (PoolAxis){1, 1, 1, 1, 1, 0, 0};
    int64_t kernel = op_int_at(op, ATTR_KERNEL, index, 1);
    return (PoolAxis){in->dims[in->rank - spatial + index],
                      out->dims[out->rank - spatial + index],
                      kernel,
                      op_int_at(op, ATTR_STRIDE, index, kernel),
                      op_int_at(op, ATTR_DILATION, index, 1),
                      op_int_at(op, ATTR_PADDING, 2 * index, 0),
                      op_int_at(op, ATTR_PADDING, 2 * index + 1, 0)};
}

static Range window_range(const PoolAxis *axis, int64_t position) {
    int64_t first = position * axis->stride - axis->before,
            last = first + (axis->kernel - 1) * axis->dilation + 1;
    if (first < 0) first += (-first + axis->dilation - 1) / axis->dilation * axis->dilation;
    return (Range){first, last < axis->size ? last : axis->size, axis->dilation};
}

/* Cells of the window inside the operand and its padding: ceil_mode's overhang does not count. */
static int64_t padded_cells(const PoolAxis *axis, int64_t position) {
    int64_t first = position * axis->stride - axis->before, last = first + axis->kernel;
    return (last < axis->size + axis->after ? last : axis->size + axis->after) - first;
}

static double window_sum(const double *plane, int64_t width, Range rows, Range columns) {
    double sum = 0;
    for (int64_t i = rows.first; i < rows.last; i += rows.step)
        for (int64_t j = columns.first; j < columns.last; j += columns.step) sum += plane[i * width + j];
    return sum;
}

static double window_max(const double *plane, int64_t width, Range rows, Range columns) {
    double largest = -INFINITY;
    for (int64_t i = rows.first; i < rows.last; i += rows.step)
        for (int64_t j = columns.first; j < columns.last; j += columns.step) {
            double a = plane[i * width + j];
            if (isnan(a) || a > largest) largest = a;
        }
    return largest;
}

static int64_t range_cells(Range range) { return range.last > range.first ? range.last - range.first : 0; }

void eval_AVG_POOL(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context;
    PoolAxis h = pool_axis(op, in[0], out[0], 0), w = pool_axis(op, in[0], out[0], 1);
    bool padding_counts = op_int(op, ATTR_COUNT_INCLUDE_PAD, 0) != 0;
    int64_t cells = h.positions * w.positions, planes = cells ? out[0]->count / cells : 0;
    double *result = out[0]->floats;
    for (int64_t p = 0; p < planes; p++)
        for (int64_t i = 0; i < h.positions; i++)
            for (int64_t j = 0; j < w.positions; j++) {
                Range rows = window_range(&h, i), columns = window_range(&w, j);
                int64_t count = padding_counts ? padded_cells(&h, i) * padded_cells(&w, j)
                                               : range_cells(rows) * range_cells(columns);
                *result++ =
                    window_sum(in[0]->floats + p * h.size * w.size, w.size, rows, columns) / (double)count;
            }
}

void eval_MAX_POOL(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context;
    PoolAxis h = pool_axis(op, in[0], out[0], 0), w = pool_axis(op, in[0], out[0], 1);
    int64_t cells = h.positions * w.positions, planes = cells ? out[0]->count / cells : 0;
    double *result = out[0]->floats;
    for (int64_t p = 0; p < planes; p++)
        for (int64_t i = 0; i < h.positions; i++)
            for (int64_t j = 0; j < w.positions; j++)
                *result++ = window_max(in[0]->floats + p * h.size * w.size, w.size, window_range(&h, i),
                                       window_range(&w, j));
}

/* Bin |index| of |bins| over |size| inputs. */
static Range bin_range(int64_t index, int64_t size, int64_t bins) {
    return (Range){index * size / bins, ((index + 1) * size + bins - 1) / bins, 1};
}

void eval_ADAPTIVE_AVG_POOL(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context;
    int spatial = op_attr(op, ATTR_SHAPE)->count, rank = in[0]->rank;
    int64_t height = spatial == 2 ? in[0]->dims[rank - 2] : 1, width = in[0]->dims[rank - 1];
    int64_t rows = spatial == 2 ? out[0]->dims[rank - 2] : 1, columns = out[0]->dims[rank - 1];
    int64_t cells = rows * columns, planes = cells ? out[0]->count / cells : 0;
    double *result = out[0]->floats;
    for (int64_t p = 0; p < planes; p++)
        for (int64_t i = 0; i < rows; i++)
            for (int64_t j = 0; j < columns; j++) {
                Range v = bin_range(i, height, rows), h = bin_range(j, width, columns);
                *result++ = window_sum(in[0]->floats + p * height * width, width, v, h) /
                            (double)(range_cells(v) * range_cells(h));
            }
}
