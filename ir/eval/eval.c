#include "ir/eval/eval_internal.h"

#include <assert.h>
#include <string.h>

static EvalFunction *const evaluations[OP_COUNT] = {
#define OP(id, text, least, most, results, shape, traits, meaning) [OP_##id] = eval_##id,
#include "ir/ops.def"
#undef OP
};

void eval_fail(EvalContext *context, EvalStatus status, Span span) {
    if (context->status != EVAL_OK) return;
    context->status = status;
    context->status_span = span;
}

static int64_t lookup_symbol(const Symbol *symbol, void *opaque) {
    const EvalContext *context = opaque;
    for (int i = 0; i < context->binding_count; i++)
        if (context->bindings[i].symbol == symbol) return context->bindings[i].value;
    assert(!"every dim of a call is bound");
    return symbol->min;
}

int64_t eval_expr(const EvalContext *context, const Expr *expr) {
    return expr_evaluate(expr, lookup_symbol, (void *)context);
}

Tensor *tensor_of_type(EvalContext *context, const Type *type) {
    int64_t dims[RANK_MAX];
    for (int i = 0; i < type->rank; i++) dims[i] = eval_expr(context, type->dims[i]);
    return tensor_create(context->arena, type->dtype, type->rank, dims);
}

/* ---- Values of a call ---- */

void frame_set(EvalContext *context, const Value *value, Tensor *tensor) {
    EvalFrame *frame = context->frame;
    if (value->id >= frame->capacity) {
        int capacity = value->id + value->id / 2 + 64;
        Tensor **values = NEW_ARRAY(frame->arena, Tensor *, capacity);
        if (frame->capacity) memcpy(values, frame->values, (size_t)frame->capacity * sizeof *values);
        frame->values = values;
        frame->capacity = capacity;
    }
    frame->values[value->id] = tensor;
}

Tensor *frame_value(EvalContext *context, const Value *value) {
    EvalFrame *frame = context->frame;
    Tensor *tensor = value->id < frame->capacity ? frame->values[value->id] : NULL;
    if (tensor || value->kind != VALUE_CONSTANT) {
        assert(tensor);
        return tensor;
    }
    tensor = constant_tensor(context, value->constant);
    frame_set(context, value, tensor);
    return tensor;
}

/* ---- Blocks ---- */

static bool eval_op(EvalContext *context, const Op *op) {
    Tensor **in = NEW_ARRAY(context->arena, Tensor *, op->operand_count);
    Tensor **out = NEW_ARRAY(context->arena, Tensor *, op->result_count);
    for (int i = 0; i < op->operand_count; i++) in[i] = frame_value(context, op->operands[i]);
    for (int i = 0; i < op->result_count; i++) out[i] = tensor_of_type(context, &op->results[i]->type);
    if (context->status == EVAL_OK) evaluations[op->kind](context, op, in, out);
    if (context->status != EVAL_OK) return false;
    for (int i = 0; i < op->result_count; i++) {
        tensor_settle(context, out[i]);
        frame_set(context, op->results[i], out[i]);
    }
    if (context->observe) context->observe(op, out, context->observer);
    return true;
}

bool eval_block(EvalContext *context, const Block *block) {
    for (const Op *op = block->first; op && op->kind != OP_YIELD; op = op->next)
        if (!eval_op(context, op)) return false;
    return true;
}

void eval_CLUSTER(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)in;
    if (!eval_block(context, op->body)) return;
    const Op *yield = block_terminator(op->body);
    for (int i = 0; i < op->result_count; i++) {
        const Tensor *tensor = frame_value(context, yield->operands[i]);
        tensor_copy(out[i], 0, tensor, 0, tensor->count);
    }
}

/* Whoever runs the block reads its yield's operands. */
void eval_YIELD(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    (void)context, (void)op, (void)in, (void)out;
}

/* ---- Calls ---- */

Tensor *eval_constant(EvalContext *context, const Constant *constant) {
    if (context->frame) return frame_value(context, constant->value);
    EvalFrame frame = {context->arena};
    context->frame = &frame;
    context->status = EVAL_OK;
    context->status_span = constant->span;
    Tensor *tensor = frame_value(context, constant->value);
    context->frame = NULL;
    return tensor;
}

/* What a compiled entry checks before its first write. */
static EvalStatus check_call(const EvalContext *context, const Entry *entry) {
    for (int i = 0; i < context->binding_count; i++) {
        const DimBinding *binding = &context->bindings[i];
        if (binding->value < binding->symbol->min || binding->value > binding->symbol->max) return EVAL_DIM;
    }
    for (int i = 0; i < entry->checks.count; i++) {
        const EqualityCheck *check = &entry->checks.items[i];
        if (eval_expr(context, check->left) != eval_expr(context, check->right)) return EVAL_SHAPE;
    }
    return EVAL_OK;
}

static bool argument_fits(const EvalContext *context, const Tensor *tensor, const Type *type) {
    if (tensor->dtype != type->dtype || tensor->rank != type->rank) return false;
    for (int i = 0; i < type->rank; i++)
        if (tensor->dims[i] != eval_expr(context, type->dims[i])) return false;
    return true;
}

static void run_entry(EvalContext *context, const Entry *entry, Tensor *const *inputs, Tensor **states,
                      Tensor **out) {
    for (int i = 0; i < entry->input_count + entry->state_count; i++) {
        const Value *argument = entry->block->arguments[i];
        Tensor *tensor = i < entry->input_count ? inputs[i] : states[i - entry->input_count];
        if (!argument_fits(context, tensor, &argument->type)) {
            eval_fail(context, EVAL_SHAPE, entry->span);
            return;
        }
        frame_set(context, argument, tensor);
    }
    if (!eval_block(context, entry->block)) return;
    const Op *yield = block_terminator(entry->block);
    for (int i = 0; i < entry->output_count; i++) out[i] = frame_value(context, yield->operands[i]);
    for (int i = 0; i < entry->state_count; i++)
        states[i] = frame_value(context, yield->operands[entry->output_count + i]);
}

EvalStatus eval_entry(EvalContext *context, const Entry *entry, Tensor *const *inputs, Tensor **states,
                      Tensor **out) {
    EvalFrame frame = {context->arena};
    context->frame = &frame;
    context->status_span = (Span){0};
    context->status = check_call(context, entry);
    if (context->status == EVAL_OK)
        run_entry(context, entry, inputs, states, out);
    else
        context->status_span = entry->span;
    context->frame = NULL;
    return context->status;
}
