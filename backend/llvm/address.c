/* Scopes, index expressions and addresses. Every part of an address is computed in the outermost loop body in
 * which its symbols are known, so inner loops add only what they change. */
#include "backend/llvm/emitter.h"

#include <assert.h>

LLVMValueRef constant_i64(Emitter *emitter, int64_t value) {
    return LLVMConstInt(emitter->i64, (unsigned long long)value, true);
}

LLVMValueRef constant_i32(Emitter *emitter, int64_t value) {
    return LLVMConstInt(emitter->i32, (unsigned long long)value, true);
}

LLVMBasicBlockRef new_block(Emitter *emitter, const char *name) {
    return LLVMAppendBasicBlockInContext(emitter->context, emitter->function, name);
}

void scope_enter(Emitter *emitter, LLVMBasicBlockRef head) {
    Scope scope = {head, emitter->symbols.count, emitter->values.count, emitter->pointers.count};
    vector_push(emitter->arena, &emitter->scopes, scope);
}

void scope_enter_here(Emitter *emitter) {
    LLVMBasicBlockRef head = LLVMGetInsertBlock(emitter->builder), body = new_block(emitter, "");
    LLVMBuildBr(emitter->builder, body);
    LLVMPositionBuilderAtEnd(emitter->builder, body);
    scope_enter(emitter, head);
}

void scope_leave(Emitter *emitter) {
    const Scope *scope = &emitter->scopes.items[--emitter->scopes.count];
    emitter->symbols.count = scope->symbol_count;
    /* Values hoisted to outer scopes while this one was open are on top of the stacks too; they are
     * forgotten, which costs at most computing them again. */
    emitter->values.count = scope->value_count;
    emitter->pointers.count = scope->pointer_count;
}

void bind_symbol(Emitter *emitter, const Symbol *symbol, LLVMValueRef value) {
    SymbolValue bound = {symbol, value, emitter->scopes.count - 1};
    vector_push(emitter->arena, &emitter->symbols, bound);
}

void bind_buffer(Emitter *emitter, const Buffer *buffer, LLVMValueRef pointer) {
    BufferValue bound = {buffer, pointer};
    vector_push(emitter->arena, &emitter->buffers, bound);
}

static const SymbolValue *find_symbol(Emitter *emitter, const Symbol *symbol) {
    for (int i = emitter->symbols.count - 1; i >= 0; i--)
        if (emitter->symbols.items[i].symbol == symbol) return &emitter->symbols.items[i];
    assert(!"an index uses a symbol that is not bound here");
    return NULL;
}

/* The depth of the innermost scope whose symbols |expr| uses; 0: the function's. */
static int expr_depth(Emitter *emitter, const Expr *expr) {
    if (expr->kind == EXPR_SYMBOL) return find_symbol(emitter, expr->symbol)->depth;
    int depth = 0, inner;
    if (expr->kind != EXPR_SUM) {
        depth = expr_depth(emitter, expr->left);
        inner = expr_depth(emitter, expr->right);
        return depth > inner ? depth : inner;
    }
    for (int i = 0; i < expr->term_count; i++)
        for (int j = 0; j < expr->terms[i].atom_count; j++) {
            inner = expr_depth(emitter, expr->terms[i].atoms[j]);
            if (inner > depth) depth = inner;
        }
    return depth;
}

static int term_depth(Emitter *emitter, const Term *term) {
    int depth = 0;
    for (int j = 0; j < term->atom_count; j++) {
        int inner = expr_depth(emitter, term->atoms[j]);
        if (inner > depth) depth = inner;
    }
    return depth;
}

/* To the end of |block|, but before its terminator if it has one. */
static void position_at(Emitter *emitter, LLVMBasicBlockRef block) {
    LLVMValueRef terminator = LLVMGetBasicBlockTerminator(block);
    if (terminator)
        LLVMPositionBuilderBefore(emitter->builder, terminator);
    else
        LLVMPositionBuilderAtEnd(emitter->builder, block);
}

/* Moves the builder to the head of scope |depth|; returns where it was. */
static LLVMBasicBlockRef hoist_to(Emitter *emitter, int depth) {
    LLVMBasicBlockRef current = LLVMGetInsertBlock(emitter->builder);
    position_at(emitter, emitter->scopes.items[depth].head);
    return current;
}

static LLVMValueRef divide(Emitter *emitter, const Expr *expr) {
    LLVMBuilderRef builder = emitter->builder;
    LLVMValueRef a = emit_expr(emitter, expr->left), b = emit_expr(emitter, expr->right);
    bool quotient = expr->kind == EXPR_FLOORDIV;
    if (expr->left->min >= 0)
        return quotient ? LLVMBuildUDiv(builder, a, b, "") : LLVMBuildURem(builder, a, b, "");
    LLVMValueRef rest = LLVMBuildSRem(builder, a, b, "");
    LLVMValueRef below = LLVMBuildICmp(builder, LLVMIntSLT, rest, constant_i64(emitter, 0), "");
    if (!quotient) return LLVMBuildSelect(builder, below, LLVMBuildAdd(builder, rest, b, ""), rest, "");
    LLVMValueRef down = LLVMBuildSExt(builder, below, emitter->i64, "");
    return LLVMBuildAdd(builder, LLVMBuildSDiv(builder, a, b, ""), down, "");
}

static LLVMValueRef emit_term(Emitter *emitter, const Term *term) {
    LLVMValueRef product = NULL;
    for (int i = 0; i < term->atom_count; i++) {
        LLVMValueRef atom = emit_expr(emitter, term->atoms[i]);
        product = product ? LLVMBuildNSWMul(emitter->builder, product, atom, "") : atom;
    }
    if (!product) return constant_i64(emitter, term->coefficient);
    if (term->coefficient == 1) return product;
    return LLVMBuildNSWMul(emitter->builder, product, constant_i64(emitter, term->coefficient), "");
}

static LLVMValueRef emit_fresh(Emitter *emitter, const Expr *expr) {
    LLVMBuilderRef builder = emitter->builder;
    if (expr->kind == EXPR_SUM) {
        LLVMValueRef sum = emit_term(emitter, &expr->terms[0]);
        for (int i = 1; i < expr->term_count; i++)
            sum = LLVMBuildNSWAdd(builder, sum, emit_term(emitter, &expr->terms[i]), "");
        return sum;
    }
    if (expr->kind == EXPR_FLOORDIV || expr->kind == EXPR_MOD) return divide(emitter, expr);
    LLVMValueRef a = emit_expr(emitter, expr->left), b = emit_expr(emitter, expr->right);
    LLVMValueRef less = LLVMBuildICmp(builder, LLVMIntSLT, a, b, "");
    return expr->kind == EXPR_MIN ? LLVMBuildSelect(builder, less, a, b, "")
                                  : LLVMBuildSelect(builder, less, b, a, "");
}

LLVMValueRef emit_expr(Emitter *emitter, const Expr *expr) {
    int64_t value;
    if (expr_is_constant(expr, &value)) return constant_i64(emitter, value);
    if (expr->kind == EXPR_SYMBOL) return find_symbol(emitter, expr->symbol)->value;
    for (int i = emitter->values.count - 1; i >= 0; i--)
        if (emitter->values.items[i].expr == expr) return emitter->values.items[i].value;
    int depth = expr_depth(emitter, expr);
    LLVMBasicBlockRef current = hoist_to(emitter, depth);
    ExprValue known = {expr, emit_fresh(emitter, expr)};
    position_at(emitter, current);
    vector_push(emitter->arena, &emitter->values, known);
    return known.value;
}

static LLVMValueRef buffer_pointer(Emitter *emitter, const Buffer *buffer) {
    for (int i = emitter->buffers.count - 1; i >= 0; i--)
        if (emitter->buffers.items[i].buffer == buffer) return emitter->buffers.items[i].pointer;
    assert(buffer->kind == BUFFER_CONSTANT && emitter->blob);
    int64_t offset = blob_offset(emitter->blob_plan, buffer);
    LLVMValueRef at = constant_i64(emitter, offset);
    return LLVMConstInBoundsGEP2(emitter->i8, emitter->blob, &at, 1);
}

static LLVMValueRef byte_gep(Emitter *emitter, LLVMValueRef pointer, LLVMValueRef bytes) {
    return LLVMBuildInBoundsGEP2(emitter->builder, emitter->i8, pointer, &bytes, 1, "");
}

/* The pointer at |offset| without its constant part: the part known further out, plus what the innermost
 * scope adds. */
static LLVMValueRef variable_pointer(Emitter *emitter, const Buffer *buffer, const Expr *offset) {
    if (expr_equals(offset, 0)) return buffer_pointer(emitter, buffer);
    for (int i = emitter->pointers.count - 1; i >= 0; i--)
        if (emitter->pointers.items[i].buffer == buffer && emitter->pointers.items[i].offset == offset)
            return emitter->pointers.items[i].value;
    ExprTable *exprs = emitter->loops->graph->exprs;
    int depth = expr_depth(emitter, offset);
    const Expr *here = offset;
    if (offset->kind == EXPR_SUM) {
        const Expr *outer = expr_constant(exprs, 0);
        for (int i = 0; i < offset->term_count; i++) {
            if (term_depth(emitter, &offset->terms[i]) == depth) continue;
            const Expr *term = expr_constant(exprs, offset->terms[i].coefficient);
            for (int j = 0; j < offset->terms[i].atom_count; j++)
                term = expr_mul(exprs, term, offset->terms[i].atoms[j]);
            outer = expr_add(exprs, outer, term);
        }
        here = expr_sub(exprs, offset, outer);
    }
    LLVMValueRef base = variable_pointer(emitter, buffer, expr_sub(exprs, offset, here));
    const Expr *bytes = expr_scale(exprs, here, (int64_t)dtype_bytes(buffer->dtype));
    LLVMBasicBlockRef current = hoist_to(emitter, depth);
    PointerValue known = {buffer, offset, byte_gep(emitter, base, emit_expr(emitter, bytes))};
    position_at(emitter, current);
    vector_push(emitter->arena, &emitter->pointers, known);
    return known.value;
}

static int64_t constant_part(const Expr *expr) {
    if (expr->kind != EXPR_SUM || !expr->term_count) return 0;
    const Term *last = &expr->terms[expr->term_count - 1];
    return last->atom_count ? 0 : last->coefficient;
}

LLVMValueRef emit_address(Emitter *emitter, const Buffer *buffer, const Expr *offset) {
    int64_t constant = constant_part(offset);
    const Expr *variable = expr_add_constant(emitter->loops->graph->exprs, offset, -constant);
    LLVMValueRef pointer = variable_pointer(emitter, buffer, variable);
    if (!constant) return pointer;
    return byte_gep(emitter, pointer, constant_i64(emitter, constant * (int64_t)dtype_bytes(buffer->dtype)));
}
