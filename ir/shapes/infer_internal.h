/* What the shape rules share: messages that carry the operand types, attribute checks, and adding a result
 * that is held to the limits. Private to ir/shapes. Every helper that returns bool has reported its error
 * when it returns false. */
#ifndef TENON_IR_SHAPES_INFER_INTERNAL_H
#define TENON_IR_SHAPES_INFER_INTERNAL_H

#include "ir/shapes/infer.h"

/* The most elements of a tensor, and the largest extent, stride, dilation or padding. */
#define ELEMENTS_MAX (INT64_C(1) << 40)
#define AMOUNT_MAX (INT64_C(1) << 31)

enum { SPATIAL_MAX = 2 };

/* An error at |op|, "conv: ...", labelled with the types of its operands. */
Diagnostic *infer_error(Module *module, const Op *op, DiagnosticId id, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Text of a dim or a list of dims for messages, in the module's arena. */
const char *dim_text(Module *module, const Expr *dim);
const char *dims_text(Module *module, const Expr *const *dims, int count);
static inline const Type *operand_type(const Op *op, int index) { return &op->operands[index]->type; }

/* Adds a result after checking rank, extents and the number of elements. */
bool infer_result(Module *module, Op *op, DType dtype, int rank, const Expr *const *dims);
/* True when |expr| >= 0; where that is decided only at run time, a check is recorded, as for equal dims.
 * Never reports. */
bool infer_at_least_zero(Module *module, const Expr *expr, Span span);

/* All operands from |first| on have operand |first|'s dtype. */
bool infer_same_dtypes(Module *module, const Op *op, int first);
bool infer_expect_float(Module *module, const Op *op, int index);
bool infer_expect_number(Module *module, const Op *op, int index); /* not bool */
bool infer_expect_integer(Module *module, const Op *op, int index);
bool infer_expect_bool(Module *module, const Op *op, int index);

/* {axis}, required, in 0..rank-1. */
bool infer_axis(Module *module, const Op *op, int rank, int *out_axis);
/* {axes}, required, ascending and in 0..rank-1; |out| tells for each axis whether it is among them. */
bool infer_axes(Module *module, const Op *op, int rank, bool out[RANK_MAX]);
/* A list of |count| integers, each least..AMOUNT_MAX; all |absent| when the attribute is missing. */
bool infer_amounts(Module *module, const Op *op, AttrId id, int count, int64_t least, int64_t absent,
                   int64_t *out);
/* {shape}, required; extents are not negative. |count| < 0: any number up to RANK_MAX. */
bool infer_shape_attr(Module *module, const Op *op, int count, const Attr **out);
/* {dtype}, required. */
bool infer_dtype_attr(Module *module, const Op *op, DType *out);

/* A window sliding along one axis. */
typedef struct Window {
    int64_t size, stride, dilation, before, after;
    bool ceil_mode;
} Window;
/* {stride, padding, dilation, ceil_mode} for |spatial| axes with windows of |sizes|. */
bool infer_windows(Module *module, const Op *op, int spatial, const int64_t *sizes,
                   const int64_t *default_strides, Window *out);
/* Positions of |window| over |extent|; NULL: the padded extent is smaller than the window, reported. */
const Expr *infer_window_positions(Module *module, const Op *op, const Expr *extent, const Window *window);

#endif
