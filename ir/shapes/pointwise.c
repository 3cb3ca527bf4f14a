#include "ir/shapes/infer_internal.h"

static bool same_type(Module *module, Op *op) {
    const Type *type = operand_type(op, 0);
    return infer_result(module, op, type->dtype, type->rank, type->dims);
}

bool infer_unary(Module *module, Op *op) {
    return infer_expect_number(module, op, 0) && same_type(module, op);
}
bool infer_float1(Module *module, Op *op) {
    return infer_expect_float(module, op, 0) && same_type(module, op);
}
bool infer_bool1(Module *module, Op *op) { return infer_expect_bool(module, op, 0) && same_type(module, op); }

bool infer_cast(Module *module, Op *op) {
    const Type *type = operand_type(op, 0);
    DType dtype;
    return infer_dtype_attr(module, op, &dtype) && infer_result(module, op, dtype, type->rank, type->dims);
}

/* Result of the operands' common shape. */
static bool broadcast_all(Module *module, Op *op, DType dtype) {
    Type shape = *operand_type(op, 0);
    for (int i = 1; i < op->operand_count; i++) {
        if (infer_broadcast(module, &shape, operand_type(op, i), &shape, op->span)) continue;
        Diagnostic *error =
            infer_error(module, op, E0303, "shapes do not broadcast: %s and %s",
                        dims_text(module, shape.dims, shape.rank),
                        dims_text(module, operand_type(op, i)->dims, operand_type(op, i)->rank));
        diagnostic_note(
            error, (Span){0},
            "shapes align at the last axis; extents must be equal, or one of them 1 (as in NumPy)");
        return false;
    }
    return infer_result(module, op, dtype, shape.rank, shape.dims);
}

bool infer_binary(Module *module, Op *op) {
    return infer_same_dtypes(module, op, 0) && infer_expect_number(module, op, 0) &&
           broadcast_all(module, op, operand_type(op, 0)->dtype);
}

bool infer_float2(Module *module, Op *op) {
    return infer_same_dtypes(module, op, 0) && infer_expect_float(module, op, 0) &&
           broadcast_all(module, op, operand_type(op, 0)->dtype);
}

bool infer_bool2(Module *module, Op *op) {
    return infer_expect_bool(module, op, 0) && infer_expect_bool(module, op, 1) &&
           broadcast_all(module, op, DTYPE_BOOL);
}

bool infer_compare(Module *module, Op *op) {
    return infer_same_dtypes(module, op, 0) && broadcast_all(module, op, DTYPE_BOOL);
}

bool infer_where(Module *module, Op *op) {
    return infer_expect_bool(module, op, 0) && infer_same_dtypes(module, op, 1) &&
           broadcast_all(module, op, operand_type(op, 1)->dtype);
}
