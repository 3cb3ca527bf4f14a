/* The functions under test with their references and bounds. */
#ifndef TENON_TEST_BACKEND_MATH_FUNCTIONS_H
#define TENON_TEST_BACKEND_MATH_FUNCTIONS_H

#include "test/backend/math/jit.h"

typedef struct Function {
    const char *name;
    LLVMValueRef (*emit)(MathEmitter *e, LLVMValueRef x, LLVMValueRef y);
    double (*reference)(double x, double y);              /* for f32 */
    long double (*precise)(long double x, long double y); /* for f64 */
    int operands;
    double bound_f32, bound_f64; /* in ulp, with and without FMA */
} Function;

extern const Function functions[];
extern const int function_count;

#endif
