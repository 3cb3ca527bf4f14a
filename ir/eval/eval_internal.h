/* What the interpreter's files share: values of a running call, and walks over elements. Private to ir/eval.
 */
#ifndef TENON_IR_EVAL_EVAL_INTERNAL_H
#define TENON_IR_EVAL_EVAL_INTERNAL_H

#include "ir/eval/eval.h"

/* One call of eval_entry or eval_constant. Constants are evaluated once and live in the arena of the call;
 * the steps of a scan run in arenas of their own (context->arena), thrown away after each step. */
typedef struct EvalFrame {
    Arena *arena;
    int capacity;
    Tensor **values; /* by value id */
} EvalFrame;

Tensor *frame_value(EvalContext *context, const Value *value);
void frame_set(EvalContext *context, const Value *value, Tensor *tensor);
Tensor *constant_tensor(EvalContext *context, const Constant *constant);
/* Runs the ops of |block|, whose arguments have been set, up to its yield. False: context->status tells why.
 */
bool eval_block(EvalContext *context, const Block *block);
/* The tensor of a type at the call's dims, all zero. */
Tensor *tensor_of_type(EvalContext *context, const Type *type);
/* Rounds floats to |tensor|'s dtype (unless wide) and wraps integers to its width. */
void tensor_settle(const EvalContext *context, Tensor *tensor);
void eval_fail(EvalContext *context, EvalStatus status, Span span);

/* Elements, of whichever class. */
void tensor_copy(Tensor *out, int64_t out_at, const Tensor *in, int64_t in_at, int64_t count);
void tensor_fill(Tensor *tensor, double value);
void tensor_strides(const Tensor *tensor, int64_t out[RANK_MAX]);
/* Strides of |tensor| seen as |rank| axes of |dims|: 0 along those it is broadcast over. */
void tensor_broadcast_strides(const Tensor *tensor, int rank, const int64_t *dims, int64_t out[RANK_MAX]);

/* A tensor seen along one axis: [outer, length, inner]. */
typedef struct AxisView {
    int64_t outer, length, inner;
} AxisView;
AxisView tensor_along(const Tensor *tensor, int axis);

/* Walks a shape row by row, a row being the last axis, and keeps for each of several tensors with strides of
 * their own the offset of the row's first element: Walk walk = walk_over(rank, dims); walk_add(&walk,
 * strides, 0); for (; !walk.done; walk_next(&walk)) for (int64_t j = 0; j < walk.length; j++) ... element
 * walk.offset[0] + j * walk.step[0] ... */
enum { WALK_TENSORS_MAX = 4 };
typedef struct Walk {
    int rank; /* of the outer axes */
    int64_t dims[RANK_MAX], index[RANK_MAX];
    int tensor_count;
    int64_t strides[WALK_TENSORS_MAX][RANK_MAX];
    int64_t offset[WALK_TENSORS_MAX];
    int64_t length, step[WALK_TENSORS_MAX];
    bool done;
} Walk;
Walk walk_over(int rank, const int64_t *dims);
void walk_add(Walk *walk, const int64_t *strides, int64_t offset);
void walk_next(Walk *walk);

/* out[i0, i1, ..] = in[offset + i0 * strides[0] + i1 * strides[1] + ..] */
void tensor_move(Tensor *out, const Tensor *in, int64_t offset, const int64_t *strides);

#endif
