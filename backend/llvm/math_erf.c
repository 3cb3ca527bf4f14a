#include "backend/llvm/math_internal.h"

/* Below the split a + a p(a^2). Above, erfc falls like e^(-a^2), and a root of it is close to a straight
 * line: 1 - p^4 (f64: p^8) needs a far shorter polynomial than 1 - p, and since erfc is small there, the
 * squarings cost no accuracy. Both sides are computed and one is chosen; there is neither exponential nor
 * division. */
LLVMValueRef math_erf(MathEmitter *e, LLVMValueRef x) {
    const MathTable *table = math_table_of(x);
    LLVMValueRef a = math_min_number(e, math_abs(e, x), table->erf_high);
    LLVMValueRef small = math_fma(e, math_polynomial(e, &table->erf_small, emit_fmul(e, a, a)), a, a);
    LLVMValueRef t = emit_fsub(e, a, math_number(a, table->erf_center));
    LLVMValueRef large = math_polynomial(e, &table->erf_large, t);
    for (int i = 0; i < table->erf_squarings; i++) large = emit_fmul(e, large, large);
    large = emit_fsub(e, math_number(a, 1), large);
    LLVMValueRef is_small = emit_fcmp(e, LLVMRealOLT, a, table->erf_split);
    return math_copysign(e, emit_select(e, is_small, small, large), x);
}
