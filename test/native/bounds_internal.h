/* What the files of the bounds share. Private to test/native. */
#ifndef TENON_TEST_NATIVE_BOUNDS_INTERNAL_H
#define TENON_TEST_NATIVE_BOUNDS_INTERNAL_H

#include "test/native/expected.h"

/* The unit roundoff of a dtype: half the distance of 1 to the next number. */
double unit_roundoff(DType dtype);
/* The op's interpreter on other tensors of its shapes: the result as f64. The fill value of a pad is 0 then.
 */
Tensor *run_on(Expectation *e, const Op *op, Tensor *const *in, const Tensor *shaped_like);
Tensor *magnitudes(Expectation *e, const Tensor *tensor);
/* |in| as f64, and sums of such. */
Tensor *zeros_like(Expectation *e, const Tensor *tensor);
void add_scaled(Tensor *to, const Tensor *from, double factor);
bool any_error(const Tensor *error);

void bound_pointwise(Expectation *e, const Op *op, const Bounded *in, Bounded *out);
void bound_contraction(Expectation *e, const Op *op, const Bounded *in, Bounded *out);
void bound_reduction(Expectation *e, const Op *op, const Bounded *in, Bounded *out);
void bound_softmax(Expectation *e, const Op *op, const Bounded *in, Bounded *out);
void bound_normalize(Expectation *e, const Op *op, const Bounded *in, Bounded *out);
void bound_argreduce(Expectation *e, const Op *op, const Bounded *in, Bounded *out);
void bound_window(Expectation *e, const Op *op, const Bounded *in, Bounded *out);
void bound_move(Expectation *e, const Op *op, const Bounded *in, Bounded *out);

#endif
