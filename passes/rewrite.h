/* Steps that several passes take when they write ops anew. */
#ifndef TENON_PASSES_REWRITE_H
#define TENON_PASSES_REWRITE_H

#include "passes/passes.h"

/* The result of a new op before |place|, with the span and path of |like|, and its attributes if it is of the
 * same kind; NULL if its shape rule does not hold. */
Value *emit_before(Module *module, Op *place, const Op *like, OpKind kind, Value *const *operands, int count);
Value *reshape_before(Module *module, Op *place, const Op *like, Value *value, const Expr *const *dims,
                      int rank);
/* |op| if it is a cluster, else a new one in its place that holds it alone and takes its schedule. */
Op *cluster_around(Module *module, Op *op);

#endif
