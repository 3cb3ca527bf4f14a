/* Convolutions: by hand what is odd, then every variant of the schedules in turn. */
#include "test/matrix/matrix.h"

static const DType floats[] = {DTYPE_F32, DTYPE_F64, DTYPE_NONE};

typedef struct ConvCase {
    int batch; /* 0: without; -1: M */
    int channels, outputs, groups;
    int height, width; /* height 0: one spatial axis; -1: N as width */
    int kernel[2], stride, dilation, padding[4];
    bool bias, constant;
} ConvCase;

Op *window_attributes(Matrix *m, Op *op, int spatial, const int *stride, int dilation, const int *padding) {
    int64_t strides[2] = {stride[0], stride[1]}, dilations[2] = {dilation, dilation},
            paddings[4] = {padding[0], padding[1], padding[2], padding[3]};
    op_set_ints(m->module, op, ATTR_STRIDE, strides, spatial);
    if (dilation > 1) op_set_ints(m->module, op, ATTR_DILATION, dilations, spatial);
    op_set_ints(m->module, op, ATTR_PADDING, paddings, 2 * spatial);
    return op;
}

Shape image_shape(Matrix *m, int batch, int channels, int height, int width) {
    Shape shape = {0};
    ExprTable *exprs = m->module->exprs;
    if (batch) shape.dims[shape.rank++] = batch < 0 ? dim_m(m) : expr_constant(exprs, batch);
    shape.dims[shape.rank++] = expr_constant(exprs, channels);
    if (height)
        shape.dims[shape.rank++] =
            height < 0 ? expr_add_constant(exprs, dim_m(m), 6) : expr_constant(exprs, height);
    shape.dims[shape.rank++] =
        width < 0 ? expr_add_constant(exprs, dim_n(m), 6) : expr_constant(exprs, width);
    return shape;
}

static void conv_case(Matrix *m, OpKind kind, DType dtype, const ConvCase *c, ViewKind view) {
    case_begin(m, kind);
    Shape x = image_shape(m, c->batch, c->channels, c->height, c->width), w = {0},
          b = shape_of(m, 1, c->outputs);
    int per_group = c->channels / c->groups, spatial = c->height ? 2 : 1;
    w = spatial == 2 ? shape_of(m, 4, c->outputs, per_group, c->kernel[0], c->kernel[1])
                     : shape_of(m, 3, c->outputs, per_group, c->kernel[0]);
    Value *operands[3] = {viewed_input(m, view, 'x', dtype, x),
                          c->constant ? constant(m, dtype, w) : input(m, 'x', dtype, w),
                          c->constant ? constant(m, dtype, b) : input(m, 'x', dtype, b)};
    Op *op = op_begin(m, kind, operands, c->bias ? 3 : 2);
    window_attributes(m, op, spatial, (int[]){c->stride, c->stride}, c->dilation, c->padding);
    if (c->groups > 1) op_set_int(m->module, op, ATTR_GROUPS, c->groups);
    case_end_one(m, op_end(m, op));
}

/* Zeros between the elements of the input: transposed convolutions. */
static void spread_case(Matrix *m, DType dtype, const ConvCase *c, const int64_t *spread) {
    case_begin(m, OP_CONV);
    Shape x = image_shape(m, c->batch, c->channels, c->height, c->width),
          w = shape_of(m, 4, c->outputs, c->channels / c->groups, c->kernel[0], c->kernel[1]),
          b = shape_of(m, 1, c->outputs);
    Value *operands[3] = {input(m, 'x', dtype, x), constant(m, dtype, w), constant(m, dtype, b)};
    Op *op = op_begin(m, OP_CONV, operands, c->bias ? 3 : 2);
    window_attributes(m, op, 2, (int[]){1, 1}, c->dilation, c->padding);
    op_set_ints(m->module, op, ATTR_INPUT_DILATION, spread, 2);
    if (c->groups > 1) op_set_int(m->module, op, ATTR_GROUPS, c->groups);
    case_end_one(m, op_end(m, op));
}

static void spread_cases(Matrix *m, DType dtype) {
    static const struct {
        ConvCase shape;
        int64_t spread[2];
    } cases[] = {
        {{1, 16, 16, 1, 5, 6, {4, 4}, 1, 1, {2, 2, 2, 2}, true, true}, {2, 2}},
        {{2, 32, 48, 1, 7, 7, {3, 3}, 1, 1, {1, 2, 1, 2}, true, true}, {2, 2}},
        {{1, 3, 16, 1, 4, 9, {5, 2}, 1, 1, {3, 1, 0, 1}, false, true}, {3, 2}},
        {{1, 16, 40, 1, 5, 4, {4, 4}, 1, 1, {2, 2, 2, 2}, true, true}, {2, 2}},
        {{1, 16, 3, 1, 8, 20, {4, 4}, 1, 1, {2, 2, 2, 2}, true, true}, {2, 2}},
        {{1, 17, 5, 1, 3, 3, {2, 2}, 1, 1, {1, 1, 1, 1}, true, true}, {3, 3}},
        {{1, 16, 16, 1, 6, 5, {1, 1}, 1, 1, {0}, true, true}, {2, 2}},
        {{1, 16, 32, 1, 4, 4, {3, 3}, 1, 2, {4, 3, 2, 4}, true, true}, {2, 2}},
        {{1, 16, 16, 1, 4, 4, {3, 2}, 1, 3, {2, 3, 1, 0}, true, true}, {4, 3}},
        {{1, 16, 16, 16, 5, 5, {3, 3}, 1, 1, {1, 1, 1, 1}, true, true}, {2, 2}},
        {{1, 8, 12, 4, 5, 5, {4, 4}, 1, 1, {2, 2, 2, 2}, true, true}, {2, 2}},
        {{1, 16, 16, 1, 1, 7, {1, 4}, 1, 1, {0, 0, 3, 2}, true, true}, {1, 5}},
        {{-1, 16, 16, 1, -1, -1, {4, 4}, 1, 1, {2, 2, 2, 2}, true, true}, {2, 2}},
        {{1, 3, 6, 1, -1, -1, {3, 3}, 1, 1, {1, 1, 1, 1}, true, true}, {2, 3}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        spread_case(m, dtype, &cases[i].shape, cases[i].spread);
}

/* ---- Every variant in turn ---- */

/* What makes the schedule choose one variant; lists end with 0. */
typedef struct Variant {
    int channels[7], outputs[6], kernels[4];
    int groups; /* -1: one for each channel */
    int stride_min, stride_max, dilation_max, spread_max;
    int count, last; /* cases, and one more with a map of this size */
} Variant;

static const int boundary_maps[] = {1, 2, 3, 7, 13, 15, 0};

static int in_turn(const int *list, int turn) {
    int count = 0;
    while (list[count]) count++;
    return list[turn % count];
}

/* Half a window, none, or uneven; more where the map would be smaller than the window. Windows of one element
 * mostly have none. */
static void choose_padding(int turn, int span, int extent, int *out) {
    const int ways[4][2] = {{span / 2, span / 2}, {0, 0}, {1, 2}, {2, 0}};
    int way = span == 1 && turn % 6 < 4 ? 1 : turn % 4;
    out[0] = ways[way][0];
    out[1] = ways[way][1];
    while (extent + out[0] + out[1] < span) out[turn++ % 2]++;
}

/* relu(y * scale + residual), as a whole or in part. */
static Value *epilogue(Matrix *m, int turn, Value *y) {
    Shape map = {.rank = y->type.rank}, channel = shape_of(m, 3, (int)expr_value(y->type.dims[1]), 1, 1);
    for (int i = 0; i < map.rank; i++) map.dims[i] = y->type.dims[i];
    Value *scale = turn % 2 ? input(m, 'p', y->type.dtype, channel) : constant(m, y->type.dtype, channel);
    if (turn % 5 != 4) y = op_simple(m, OP_MUL, (Value *[]){y, scale}, 2);
    if (turn % 5 != 3) y = op_simple(m, OP_ADD, (Value *[]){y, input(m, 'x', y->type.dtype, map)}, 2);
    return op_simple(m, OP_RELU, &y, 1);
}

static void variant_case(Matrix *m, const Variant *v, int turn, int map) {
    int channels = in_turn(v->channels, turn), kernel = in_turn(v->kernels, turn / 2),
        groups = v->groups < 0 ? channels : v->groups, stride = v->stride_min, dilation = 1;
    int outputs = v->groups < 0 ? channels : groups * in_turn(v->outputs, turn / 3);
    stride += turn / 2 % (v->stride_max - v->stride_min + 1);
    if (turn % 3 == 2) dilation = v->dilation_max;
    int64_t spread[2] = {1 + turn % v->spread_max, 1 + (turn + 1) % v->spread_max};
    int padding[4], span = (kernel - 1) * dilation + 1;
    for (int i = 0; i < 2; i++)
        choose_padding(turn + i, span, (map - 1) * (int)spread[i] + 1, padding + 2 * i);
    case_begin(m, OP_CONV);
    Value *operands[3] = {input(m, 'x', DTYPE_F32, shape_of(m, 4, 1 + turn % 4 / 3, channels, map, map)),
                          constant(m, DTYPE_F32, shape_of(m, 4, outputs, channels / groups, kernel, kernel)),
                          constant(m, DTYPE_F32, shape_of(m, 1, outputs))};
    Op *op = op_begin(m, OP_CONV, operands, turn % 5 ? 3 : 2);
    window_attributes(m, op, 2, (int[]){stride, stride}, dilation, padding);
    if (groups > 1) op_set_int(m->module, op, ATTR_GROUPS, groups);
    if (v->spread_max > 1) op_set_ints(m->module, op, ATTR_INPUT_DILATION, spread, 2);
    case_end_one(m, epilogue(m, turn, op_end(m, op)));
}

/* Maps and channels in turn, so that each channel count meets each map once in six rounds; the last case has
 * a map of several tiles of every kind. */
static void variant_cases(Matrix *m, const Variant *v) {
    for (int turn = 0; turn < v->count; turn++)
        variant_case(m, v, turn, in_turn(boundary_maps, turn + turn / 6));
    variant_case(m, v, v->count, v->last);
}

static const Variant variants[] = {
    /* plain: strides with odd output channels, and groups */
    {{1, 3, 15, 16, 17, 33}, {5, 17}, {3, 2, 1}, 1, 2, 3, 2, 1, 12, 56},
    {{15, 3, 33}, {1, 2}, {3, 1}, 3, 1, 3, 2, 1, 6, 33},
    {{1, 3, 15, 17, 33}, {1}, {3, 5}, -1, 1, 2, 2, 1, 6, 56},
    /* direct */
    {{1, 3, 15, 16, 17, 33}, {16, 32, 48}, {3, 5, 1, 2}, 1, 1, 3, 2, 1, 18, 56},
    /* pointwise */
    {{16, 32, 48}, {16, 32, 48}, {1}, 1, 1, 1, 1, 1, 12, 56},
    /* direct and pointwise, channels in blocks of 8 */
    {{24, 8, 40, 72}, {24, 40, 56, 88}, {3, 1, 5}, 1, 1, 3, 2, 1, 12, 56},
    /* columns */
    {{1, 3, 15, 16, 17, 33}, {1, 3, 15, 17, 33}, {3, 1, 5}, 1, 1, 1, 2, 1, 18, 56},
    /* depthwise */
    {{16, 32, 48}, {1}, {3, 5, 2}, -1, 1, 3, 2, 1, 12, 56},
    {{8, 24, 40}, {1}, {3, 2, 5}, -1, 1, 3, 2, 1, 12, 56},
    /* classes of input_dilation, direct and columns */
    {{1, 3, 15, 16, 17, 33}, {16, 5, 32}, {4, 3, 2}, 1, 1, 1, 2, 3, 18, 56},
};

static void all_variants(Matrix *m) {
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) variant_cases(m, &variants[i]);
}

/* ---- Rows ---- */

void cases_CONV(Matrix *m, OpKind kind) {
    static const ConvCase cases[] = {
        {1, 1, 1, 1, 1, 1, {1, 1}, 1, 1, {0}, false, true},
        {2, 3, 8, 1, 9, 11, {3, 3}, 1, 1, {1, 1, 1, 1}, true, true},
        {0, 3, 16, 1, 8, 8, {3, 3}, 1, 1, {0}, true, true},
        {1, 16, 16, 1, 7, 7, {3, 3}, 1, 1, {1, 1, 1, 1}, true, true},
        {2, 16, 32, 1, 7, 9, {1, 1}, 1, 1, {0}, true, true},
        {1, 32, 16, 1, 6, 5, {3, 3}, 2, 1, {1, 1, 1, 1}, false, true},
        {1, 16, 48, 1, 5, 5, {2, 3}, 1, 2, {2, 1, 0, 3}, true, true},
        {1, 17, 19, 1, 6, 7, {3, 3}, 1, 1, {1, 1, 1, 1}, true, true},
        {2, 6, 16, 1, 14, 14, {5, 5}, 1, 1, {0}, true, true},
        {1, 1, 6, 1, 28, 28, {5, 5}, 1, 1, {2, 2, 2, 2}, true, true},
        {1, 3, 64, 1, 15, 15, {7, 7}, 2, 1, {3, 3, 3, 3}, false, true},
        {1, 8, 8, 8, 7, 7, {3, 3}, 1, 1, {1, 1, 1, 1}, true, true},
        {2, 16, 16, 16, 6, 9, {3, 3}, 2, 1, {1, 1, 1, 1}, true, true},
        {1, 12, 18, 3, 6, 6, {3, 3}, 1, 1, {1, 1, 1, 1}, true, true},
        {1, 32, 32, 2, 5, 6, {3, 3}, 1, 1, {1, 1, 1, 1}, true, true},
        {2, 5, 7, 1, 0, 20, {3, 0}, 1, 1, {1, 1}, true, true},
        {0, 5, 16, 1, 0, 33, {4, 0}, 2, 1, {0, 3}, true, true},
        {1, 16, 16, 1, 0, 17, {3, 0}, 1, 2, {2, 2}, true, true},
        {1, 4, 4, 4, 0, 9, {3, 0}, 1, 1, {1, 1}, false, true},
        {2, 3, 8, 1, 6, 6, {3, 3}, 1, 1, {1, 1, 1, 1}, true, false},
        {1, 16, 16, 1, 6, 6, {3, 3}, 1, 1, {1, 1, 1, 1}, true, false},
        {1, 16, 16, 1, 9, 9, {3, 3}, 3, 1, {0, 0, 0, 0}, true, true},
        {1, 16, 16, 1, 4, 4, {4, 4}, 1, 1, {0}, true, true},
        {-1, 3, 8, 1, 6, 7, {3, 3}, 1, 1, {1, 1, 1, 1}, true, true},
        {-1, 16, 16, 1, 5, 5, {3, 3}, 1, 1, {1, 1, 1, 1}, true, true},
        {2, 3, 16, 1, -1, -1, {3, 3}, 2, 1, {1, 1, 1, 1}, true, true},
        {1, 16, 16, 1, -1, -1, {3, 3}, 1, 1, {1, 1, 1, 1}, true, true},
        {1, 16, 16, 1, 6, -1, {1, 1}, 1, 1, {0}, true, true},
        {1, 4, 5, 1, 0, -1, {3, 0}, 1, 1, {1, 1}, true, true},
        {0, 16, 16, 1, 3, 3, {3, 3}, 1, 1, {2, 2, 2, 2}, true, true},
        {1, 2, 3, 1, 5, 6, {3, 2}, 2, 2, {3, 1, 0, 2}, true, true},
        {1, 300, 16, 1, 3, 3, {1, 1}, 1, 1, {0}, true, true},
        {1, 96, 16, 1, 4, 4, {3, 3}, 1, 1, {1, 1, 1, 1}, true, true},
        {1, 16, 64, 1, 28, 27, {3, 3}, 1, 1, {1, 1, 1, 1}, true, true},
        {2, 32, 80, 1, 3, 40, {3, 3}, 1, 1, {1, 1, 1, 1}, true, true},
        {1, 64, 128, 1, 13, 11, {1, 1}, 1, 1, {0}, true, true},
        {1, 16, 40, 1, 7, 9, {3, 3}, 1, 1, {1, 1, 1, 1}, true, true},
        {2, 32, 100, 1, 13, 5, {1, 1}, 1, 1, {0}, true, true},
        {1, 20, 57, 1, 8, 8, {3, 3}, 2, 1, {1, 0, 1, 0}, false, true},
        {1, 16, 300, 1, 3, 3, {1, 1}, 1, 1, {0}, true, true},
        {1, 17, 41, 1, 0, 21, {3, 0}, 1, 1, {1, 1}, true, true},
    };
    for (const DType *dtype = floats; *dtype; dtype++) {
        batch_step(m);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
            conv_case(m, kind, *dtype, &cases[i], VIEW_NONE);
        spread_cases(m, *dtype);
        for (int i = 1; i < 4; i++) conv_case(m, kind, *dtype, &cases[i], (ViewKind)i);
    }
    all_variants(m);
}

/* The passes make it of convolutions with many channels; it has no text of its own that -O0 could lower. */
void cases_WINOGRAD(Matrix *m, OpKind kind) {
    static const ConvCase cases[] = {
        {1, 32, 32, 1, 6, 6, {3, 3}, 1, 1, {1, 1, 1, 1}, true, true},
        {2, 32, 48, 1, 7, 13, {3, 3}, 1, 1, {1, 1, 1, 1}, false, true},
        {1, 48, 32, 1, 5, 3, {3, 3}, 1, 1, {0}, true, true},
        {1, 64, 64, 1, 14, 14, {3, 3}, 1, 1, {1, 1, 1, 1}, true, true},
        {1, 32, 32, 1, 12, 9, {5, 5}, 1, 1, {2, 2, 2, 2}, true, true},
        {1, 32, 32, 1, 9, 20, {3, 3}, 1, 1, {0, 2, 1, 0}, true, true},
        {-1, 32, 32, 1, 8, 8, {3, 3}, 1, 1, {1, 1, 1, 1}, true, true},
        {1, 160, 32, 1, 8, 8, {3, 3}, 1, 1, {1, 1, 1, 1}, true, true},
    };
    static const Variant transformed[] = {
        {{32, 48}, {32, 48}, {3}, 1, 1, 1, 1, 1, 6, 23},
        {{32, 48}, {32}, {5}, 1, 1, 1, 1, 1, 6, 23},
    };
    (void)kind;
    batch_step(m);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        conv_case(m, OP_CONV, DTYPE_F32, &cases[i], VIEW_NONE);
    for (size_t i = 0; i < 2; i++) variant_cases(m, &transformed[i]);
}
