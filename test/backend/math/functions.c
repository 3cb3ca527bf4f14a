#include "test/backend/math/functions.h"

#include <math.h>

#define UNARY(name)                                                                                          \
    static LLVMValueRef emit_##name(MathEmitter *e, LLVMValueRef x, LLVMValueRef y) {                        \
        (void)y;                                                                                             \
        return math_##name(e, x);                                                                            \
    }
UNARY(exp)
UNARY(expm1)
UNARY(log)
UNARY(log1p)
UNARY(tanh)
UNARY(sigmoid)
UNARY(erf)
UNARY(rsqrt)

static LLVMValueRef emit_pow(MathEmitter *e, LLVMValueRef x, LLVMValueRef y) { return math_pow(e, x, y); }

static LLVMValueRef emit_exp_nonpositive(MathEmitter *e, LLVMValueRef x, LLVMValueRef y) {
    (void)y;
    return math_exp_nonpositive(e, LLVMBuildFNeg(e->builder, math_abs(e, x), ""));
}

#define REFERENCE(name, double_value, long_double_value)                                                     \
    static double reference_##name(double x, double y) { return (void)y, double_value; }                     \
    static long double precise_##name(long double x, long double y) { return (void)y, long_double_value; }
REFERENCE(exp, exp(x), expl(x))
REFERENCE(exp_nonpositive, exp(-fabs(x)), expl(-fabsl(x)))
REFERENCE(expm1, expm1(x), expm1l(x))
REFERENCE(log, log(x), logl(x))
REFERENCE(log1p, log1p(x), log1pl(x))
REFERENCE(tanh, tanh(x), tanhl(x))
REFERENCE(sigmoid, x < 0 ? exp(x) / (1 + exp(x)) : 1 / (1 + exp(-x)),
          x < 0 ? expl(x) / (1 + expl(x)) : 1 / (1 + expl(-x)))
REFERENCE(erf, erf(x), erfl(x))
REFERENCE(rsqrt, 1 / sqrt(x), 1 / sqrtl(x))
REFERENCE(pow, pow(x, y), powl(x, y))

/* rsqrt rounds twice; pow of f32 is computed in double. */
const Function functions[] = {
#define FUNCTION(name, operands, ...)                                                                        \
    {#name, emit_##name, reference_##name, precise_##name, operands, __VA_ARGS__}
    /*                           f32  f64 */
    FUNCTION(erf, 1, 1.5, 3.0),   FUNCTION(exp, 1, 1.0, 1.5),   FUNCTION(exp_nonpositive, 1, 1.0, 1.5),
    FUNCTION(expm1, 1, 2.0, 3.0), FUNCTION(log, 1, 1.0, 1.5),   FUNCTION(log1p, 1, 2.0, 2.5),
    FUNCTION(pow, 2, 0.6, 1.5),   FUNCTION(rsqrt, 1, 1.5, 1.5), FUNCTION(sigmoid, 1, 2.5, 3.0),
    FUNCTION(tanh, 1, 2.5, 2.5),
#undef FUNCTION
};
const int function_count = sizeof functions / sizeof *functions;
