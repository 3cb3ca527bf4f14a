/* The reference interpreter of the graph IR: it defines the ops, and is written to be read. Two modes: |wide|
 * keeps floats in double throughout (the oracle for generated code); otherwise each result is rounded to its
 * dtype and sums are taken in double (folding, tests of passes). Layouts are ignored: they change no value.
 * Tensors live in the context's arena. */
#ifndef TENON_IR_EVAL_EVAL_H
#define TENON_IR_EVAL_EVAL_H

#include "ir/graph.h"

/* Row-major elements: floats for float dtypes, integers (bool: 0 or 1) for the rest. */
typedef struct Tensor {
    DType dtype;
    int rank;
    int64_t dims[RANK_MAX];
    int64_t count;
    double *floats;
    int64_t *integers;
} Tensor;

/* Numbered as the TENON_E_* codes of runtime/abi.h. */
typedef enum EvalStatus {
    EVAL_OK = 0,
    EVAL_DIM = 1,
    EVAL_SHAPE = 2,
    EVAL_INDEX = 6,
    EVAL_DIVIDE = 9
} EvalStatus;

typedef struct DimBinding {
    const Symbol *symbol;
    int64_t value;
} DimBinding;

typedef struct EvalContext {
    Arena *arena;
    bool wide;
    int binding_count;
    const DimBinding *bindings;
    EvalStatus status; /* the first failure; results are then unspecified */
    Span status_span;
    /* Called for each op after it ran, with its results; may be NULL. */
    void (*observe)(const Op *op, Tensor *const *results, void *observer);
    void *observer;
    struct EvalFrame *frame; /* the interpreter's own; NULL outside a call */
} EvalContext;

Tensor *tensor_create(Arena *arena, DType dtype, int rank, const int64_t *dims);
/* From raw little-endian elements, and back. */
Tensor *tensor_from_bytes(Arena *arena, DType dtype, int rank, const int64_t *dims, const void *bytes);
void tensor_to_bytes(const Tensor *tensor, void *bytes);

/* The value of a constant: weights are widened or permuted as its type says, recipes evaluated (declared
 * mode). */
Tensor *eval_constant(EvalContext *context, const Constant *constant);

/* Runs an entry. |inputs| in order, then |states| (updated in place: pointers replaced). |out| receives
 * output_count. */
EvalStatus eval_entry(EvalContext *context, const Entry *entry, Tensor *const *inputs, Tensor **states,
                      Tensor **out);

int64_t eval_expr(const EvalContext *context, const Expr *expr);

/* One per row of ops.def (STRUCTURE rows are handled by the walker): |out| holds tensors of the right type
 * and extents, zeroed, for eval to fill. Rounding to the dtype and wrapping of integers are done by the
 * caller afterwards. */
typedef void EvalFunction(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out);
#define OP(id, text, least, most, results, shape, traits, meaning) EvalFunction eval_##id;
#include "ir/ops.def"
#undef OP

/* The scalar meaning of a pointwise op, shared with the loop interpreter: floats use f[], integers and bool
 * i[]. */
typedef struct Scalar {
    double f;
    int64_t i;
} Scalar;
/* |dtype| of the operands (of b for where), |to| of the result. Sets *out_divided_by_zero for integer / 0. */
Scalar eval_pointwise_scalar(OpKind kind, DType dtype, DType to, Scalar a, Scalar b, Scalar c,
                             bool *out_divided_by_zero);

#endif
