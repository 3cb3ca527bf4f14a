#include "ir/shapes/infer_internal.h"

#include "ir/winograd.h"

/* x: [N, C, H, W]   u: [O, C, n, n], transformed weights of an r x r kernel   bias: [O]   {tile = [m, m],
 * kernel = [r, r], padding}, m + r - 1 = n   result: [N, O, H', W'], stride 1 */
bool infer_winograd(Module *module, Op *op) {
    const Type *x = operand_type(op, 0), *u = operand_type(op, 1);
    if (!infer_same_dtypes(module, op, 0) || !infer_expect_float(module, op, 0)) return false;
    if (x->rank != 4 || u->rank != 4) {
        infer_error(module, op, E0304, "expected x[N, C, H, W] and u[O, C, n, n], found ranks %d and %d",
                    x->rank, u->rank);
        return false;
    }
    int64_t tiles[2], sizes[2];
    const int64_t ones[2] = {1, 1};
    if (!infer_amounts(module, op, ATTR_TILE, 2, 1, 1, tiles) ||
        !infer_amounts(module, op, ATTR_KERNEL, 2, 1, 1, sizes))
        return false;
    Winograd w;
    for (int i = 0; i < 2; i++) {
        if (winograd_make((int)tiles[i], (int)sizes[i], &w) && expr_equals(u->dims[2 + i], w.n)) continue;
        infer_error(module, op, E0308, "tile %lld and kernel %lld do not make up transformed weights of %s",
                    (long long)tiles[i], (long long)sizes[i], dim_text(module, u->dims[2 + i]));
        return false;
    }
    if (!infer_dims_equal(module, x->dims[1], u->dims[1], op->span)) {
        infer_error(module, op, E0305, "channels differ: x has %s, the weight takes %s",
                    dim_text(module, x->dims[1]), dim_text(module, u->dims[1]));
        return false;
    }
    Window windows[2];
    if (!infer_windows(module, op, 2, sizes, ones, windows)) return false;
    Type result = *x;
    result.dims[1] = u->dims[0];
    for (int i = 0; i < 2; i++) {
        result.dims[2 + i] = infer_window_positions(module, op, x->dims[2 + i], &windows[i]);
        if (!result.dims[2 + i]) return false;
    }
    return infer_result(module, op, x->dtype, result.rank, result.dims);
}
