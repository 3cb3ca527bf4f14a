/* Compiles loops around the functions of backend/llvm/math.h for one x86-64 level, in memory. Code that
 * would call a library is refused. */
#ifndef TENON_TEST_BACKEND_MATH_JIT_H
#define TENON_TEST_BACKEND_MATH_JIT_H

#include <stdint.h>

#include "backend/llvm/math.h"

typedef enum Element { ELEMENT_F32, ELEMENT_F64, ELEMENT_I8, ELEMENT_I16, ELEMENT_I32, ELEMENT_I64 } Element;

/* |emit| ignores y where it takes one operand. */
typedef struct Kernel {
    const char *name;
    LLVMValueRef (*emit)(MathEmitter *e, LLVMValueRef x, LLVMValueRef y);
    Element in, out;
} Kernel;

/* |count| is a multiple of the lanes. */
typedef void KernelFunction(void *out, const void *x, const void *y, int64_t count);

typedef enum Level { LEVEL_V2, LEVEL_V3, LEVEL_V4, LEVEL_COUNT } Level;
const char *level_name(Level level);
bool level_is_supported(Level level);

int element_bytes(Element element);

/* |out_functions| receives one function per kernel, each on vectors of |lanes| (1: scalars). |dump| prints
 * LLVM IR. Failures end the program. Code lives until the end of the program. */
void kernels_compile(Level level, int lanes, const Kernel *kernels, int count, bool dump,
                     KernelFunction **out_functions);

#endif
