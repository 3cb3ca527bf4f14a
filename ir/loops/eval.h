/* The interpreter of the loop IR: runs an entry on raw memory and gives the generated code's bits for f32,
 * f64 and integers. Each operation is rounded to its dtype; sums keep their order. Functions such as exp and
 * tanh are taken in double and rounded, so they may differ by the generated code's error bound, and NaNs by
 * their payload. */
#ifndef TENON_IR_LOOPS_EVAL_H
#define TENON_IR_LOOPS_EVAL_H

#include "ir/loops/loops.h"

typedef struct LoopEvalOptions {
    bool has_fma;  /* products are added without rounding in between */
    bool reversed; /* items of parallel loops run last to first */
} LoopEvalOptions;

/* What no compiled network returns: an access outside a buffer, reported as a diagnostic of the module. */
enum { LOOP_EVAL_OUTSIDE = -1 };

/* Returns 0 or a status of runtime/abi.h. |dims| in the order of the entry's; |state| of the model, 64-byte
 * aligned, NULL when the entry uses none. The module must have been verified; weights without bytes count as
 * zeros. */
int loops_eval(Arena *arena, LoopModule *module, const LoopFunction *entry, const int64_t *dims,
               void *const *inputs, void *const *outputs, void *state, LoopEvalOptions options);

#endif
