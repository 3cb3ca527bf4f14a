/* Shape rules: what results an op has, given its operands and attributes. One rule may serve several rows of
 * ops.def. infer_op() checks arity, then calls the row's rule, which either adds the results to the op or
 * reports an error with both shapes found. Used when a graph is built, by the IR parser, and by the verifier
 * (which compares). */
#ifndef TENON_IR_SHAPES_INFER_H
#define TENON_IR_SHAPES_INFER_H

#include "ir/graph.h"

/* Adds result values to |op|, which has none yet. False: an error was reported. */
bool infer_op(Module *module, Op *op);

/* One per distinct rule of ops.def: bool infer_binary(Module *module, Op *op); */
#define OP(id, text, least, most, results, shape, traits, meaning) bool infer_##shape(Module *module, Op *op);
#include "ir/ops.def"
#undef OP

/* Help for the rules. True when equal; where it cannot be decided before run time, a check is recorded in the
 * module's current entry and the answer is true. Never reports. */
bool infer_dims_equal(Module *module, const Expr *a, const Expr *b, Span span);
/* NumPy broadcasting of |a| and |b| into |out|; false: they do not fit. */
bool infer_broadcast(Module *module, const Type *a, const Type *b, Type *out, Span span);

#endif
