/* What an entry must compute, and how far off its code may be: an interpreter that carries for every element
 * a bound of the error that arithmetic in the declared types can have made so far. Moves, integers,
 * comparisons and extremes add none; + - * / sqrt round once; functions have their printed bound in units in
 * the last place; sums may be off by K * u * sum |a b| in whatever order they are taken (Higham, Accuracy and
 * Stability of Numerical Algorithms, ch. 3). Where an error decides a branch (a comparison, a cast, an
 * argmax), the result is unknown: its bound is infinite. */
#ifndef TENON_TEST_NATIVE_EXPECTED_H
#define TENON_TEST_NATIVE_EXPECTED_H

#include "ir/eval/eval.h"

typedef struct Bounded {
    Tensor *value;
    Tensor *error; /* f64; of integers and bools 0 or infinity */
} Bounded;

typedef struct Expectation {
    EvalContext context;
    bool strict; /* single ops: f64 arithmetic must round as the interpreter's */
    const Module *module;
    Bounded *values; /* by value id */
} Expectation;

/* |in|: inputs, then states; |out|: outputs, then new states. All live in |arena|. The values are those of
 * eval_entry, which is checked. */
EvalStatus expect_entry(Arena *arena, const Module *module, const Entry *entry, const DimBinding *bindings,
                        bool strict, const Bounded *in, Bounded *out);

Bounded bounded_exact(Arena *arena, Tensor *value);
/* The state's initial value. */
Bounded bounded_initial(Arena *arena, const State *state);

typedef struct Deviation {
    bool found;
    int64_t at; /* the element */
    double got, want, bound;
    int64_t unknown; /* elements whose bound is infinite */
    double worst;    /* the largest error as a part of its bound */
} Deviation;

/* Compares raw elements with what is expected; |slack| multiplies the bounds; |signs|: zeros must agree in
 * sign. */
Deviation expect_compare(const Bounded *expected, const void *bytes, double slack, bool signs);

/* bounds.c: the value and error of one op; |in| and |out| as in eval. */
void bounds_op(Expectation *expectation, const Op *op, const Bounded *in, Bounded *out);

#endif
