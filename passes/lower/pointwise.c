/* Pointwise ops and clusters of them: one nest over the result, vectors along its innermost axis. */
#include "passes/lower/lower.h"

/* The widest element decides how many lanes fill a register. */
static int pointwise_lanes(const Lowering *lowering, const Op *op) {
    if (lowering->options->plain) return 1;
    size_t bytes = 4;
    for (int i = 0; i < op->result_count; i++) {
        size_t own = dtype_bytes(op->results[i]->type.dtype);
        bytes = own > bytes ? own : bytes;
    }
    return lowering->options->target.register_bytes / (int)bytes;
}

/* An operand of the result's very type that is read here for the last time. */
static const Value *dying_operand(Lowering *lowering, const Op *op) {
    if (op->result_count != 1 || !lower_may_place(lowering, op->results[0], op->parent)) return NULL;
    for (const Op *inner = op->body ? op->body->first : op; inner; inner = op->body ? inner->next : NULL)
        for (int i = 0; i < inner->operand_count; i++)
            if (type_equal(&inner->operands[i]->type, &op->results[0]->type) &&
                lower_dies_in(lowering, inner->operands[i], op))
                return inner->operands[i];
    return NULL;
}

void lower_pointwise(Lowering *lowering, const Op *op) {
    Kernel kernel = kernel_begin(lowering, op);
    const Value *dying = dying_operand(lowering, op);
    if (dying) kernel_work_in_place(&kernel, dying, op->results[0]);
    const Type *type = &op->results[0]->type;
    int rank = type->layout ? type->layout->count : type->rank;
    int lanes = rank ? lanes_in_block(type, pointwise_lanes(lowering, op)) : 1;
    Coordinates at = kernel_open_nest(&kernel, type, lanes);
    TileShape shape = {1, 1, lanes};
    for (int i = 0; i < op->result_count; i++) {
        Tile *tile = kernel_value_at(&kernel, cluster_yield(op, i), NULL, NULL, &at, shape);
        kernel_store_result(&kernel, op->results[i], tile, &at);
    }
    kernel.body = &kernel.function->body;
    kernel_fill_halos(&kernel);
    kernel_end(&kernel);
}

/* One line per pointwise row of ops.def. */
#define POINTWISE_ROW(id)                                                                                    \
    void lower_##id(Lowering *lowering, const Op *op) { lower_pointwise(lowering, op); }
/* clang-format off */
POINTWISE_ROW(ABS)
POINTWISE_ROW(CAST)
POINTWISE_ROW(CEIL)
POINTWISE_ROW(ERF)
POINTWISE_ROW(EXP)
POINTWISE_ROW(EXPM1)
POINTWISE_ROW(FLOOR)
POINTWISE_ROW(LOG)
POINTWISE_ROW(LOG1P)
POINTWISE_ROW(NEG)
POINTWISE_ROW(NOT)
POINTWISE_ROW(RELU)
POINTWISE_ROW(RSQRT)
POINTWISE_ROW(SIGMOID)
POINTWISE_ROW(SIGN)
POINTWISE_ROW(SQRT)
POINTWISE_ROW(TANH)
POINTWISE_ROW(ADD)
POINTWISE_ROW(AND)
POINTWISE_ROW(DIV)
POINTWISE_ROW(EQ)
POINTWISE_ROW(GE)
POINTWISE_ROW(GT)
POINTWISE_ROW(LE)
POINTWISE_ROW(LT)
POINTWISE_ROW(MAX)
POINTWISE_ROW(MIN)
POINTWISE_ROW(MOD)
POINTWISE_ROW(MUL)
POINTWISE_ROW(NE)
POINTWISE_ROW(OR)
POINTWISE_ROW(POW)
POINTWISE_ROW(SUB)
POINTWISE_ROW(WHERE)
/* clang-format on */
