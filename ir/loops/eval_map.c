/* Scalar arithmetic as the generated code does it, and map. f32 operations are taken in double and rounded
 * once more, which is exact for + - * / and the square root, since a double has more than twice the digits.
 */
#include "ir/loops/eval_internal.h"

#include <math.h>

static Scalar settle(DType dtype, Scalar value) {
    if (dtype_is_float(dtype)) return (Scalar){.f = dtype_round(dtype, value.f)};
    return (Scalar){.i = dtype_wrap(dtype, value.i)};
}

/* An i64 has more digits than a double, so it is not rounded to one on its way to f32. */
static Scalar cast(DType from, DType to, Scalar a) {
    if (to == DTYPE_F32 && !dtype_is_float(from)) return (Scalar){.f = (double)(float)a.i};
    bool failed;
    return settle(to, eval_pointwise_scalar(OP_CAST, from, to, a, (Scalar){0}, (Scalar){0}, &failed));
}

Scalar eval_scalar(OpKind op, DType dtype, DType to, Scalar a, Scalar b, Scalar c, bool *out_failed) {
    if (op == OP_CAST) return cast(dtype, to, a);
    if (dtype_is_float(dtype)) {
        if (op == OP_RELU) return (Scalar){.f = 0 > a.f ? 0 : a.f}; /* keeps -0 */
        if (op == OP_RSQRT) return (Scalar){.f = dtype_round(dtype, 1 / dtype_round(dtype, sqrt(a.f)))};
    }
    return settle(to, eval_pointwise_scalar(op, dtype, to, a, b, c, out_failed));
}

Scalar eval_add(DType dtype, Scalar a, Scalar b) {
    if (dtype_is_float(dtype)) return (Scalar){.f = dtype_round(dtype, a.f + b.f)};
    return (Scalar){.i = dtype_wrap(dtype, (int64_t)((uint64_t)a.i + (uint64_t)b.i))};
}

Scalar eval_multiply_add(const LoopEval *e, DType dtype, Scalar a, Scalar b, Scalar c) {
    if (!dtype_is_float(dtype))
        return (Scalar){.i = dtype_wrap(dtype, (int64_t)((uint64_t)a.i * (uint64_t)b.i + (uint64_t)c.i))};
    if (!e->options.has_fma) return (Scalar){.f = dtype_round(dtype, dtype_round(dtype, a.f * b.f) + c.f)};
    if (dtype == DTYPE_F32) return (Scalar){.f = (double)fmaf((float)a.f, (float)b.f, (float)c.f)};
    return (Scalar){.f = dtype_round(dtype, fma(a.f, b.f, c.f))};
}

/* ---- map ---- */

typedef struct MapFrame {
    LoopEval *e;
    const LoopStatement *statement;
    int element;
    Scalar *nodes;
} MapFrame;

static Scalar operand_value(const MapFrame *frame, int operand, DType *out_dtype) {
    if (operand >= 0) {
        *out_dtype = frame->statement->nodes[operand].dtype;
        return frame->nodes[operand];
    }
    const Tile *tile = frame->statement->operands[-1 - operand];
    bool single = tile->rows == 1 && tile->vectors == 1 && tile->lanes == 1;
    *out_dtype = tile->dtype;
    return eval_tile(frame->e, tile)[single ? 0 : frame->element];
}

static Scalar node_value(const MapFrame *frame, const MapNode *node, bool *out_failed) {
    if (node->kind == MAP_CONSTANT) {
        if (dtype_is_float(node->dtype)) return (Scalar){.f = dtype_round(node->dtype, node->real)};
        return (Scalar){.i = node->integer};
    }
    DType dtypes[3] = {DTYPE_NONE};
    Scalar values[3] = {{0}};
    int count = node->kind == MAP_FMA ? 3 : op_infos[node->op].operands_min;
    for (int i = 0; i < count; i++) values[i] = operand_value(frame, node->operands[i], &dtypes[i]);
    if (node->kind == MAP_FMA)
        return eval_multiply_add(frame->e, node->dtype, values[0], values[1], values[2]);
    DType dtype = node->op == OP_WHERE ? dtypes[1] : dtypes[0];
    return eval_scalar(node->op, dtype, node->dtype, values[0], values[1], values[2], out_failed);
}

/* A division by zero ends the call, unless its position does not exist. */
void eval_map(LoopEval *e, const LoopStatement *statement) {
    const Tile *tile = statement->tile;
    int width = tile->vectors * tile->lanes, count = eval_count(e, tile), mark = e->scratch.count;
    for (int i = 0; i < statement->node_count; i++) vector_push(e->arena, &e->scratch, (Scalar){0});
    MapFrame frame = {.e = e, .statement = statement, .nodes = e->scratch.items + mark};
    Scalar *results = eval_define(e, tile);
    for (frame.element = 0; frame.element < count; frame.element++) {
        bool failed = false;
        for (int i = 0; i < statement->node_count; i++)
            frame.nodes[i] = node_value(&frame, &statement->nodes[i], &failed);
        results[frame.element] = frame.nodes[statement->node_count - 1];
        bool exists = !e->masked || width == 1 || frame.element % width < e->remaining;
        if (failed && exists && !e->status) e->status = EVAL_DIVIDE;
    }
    e->scratch.count = mark;
}
