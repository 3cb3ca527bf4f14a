/* Entries: the typed C function with its checks, the IFUNC that tests the CPU at load, and the uniform call.
 */
#include "backend/llvm/entry.h"
#include "backend/llvm/emitter.h"

#include <assert.h>
#include <string.h>

enum {
    STATUS_DIM = 1,
    STATUS_SHAPE = 2,
    STATUS_NULL = 3,
    STATUS_ALIGN = 4,
    STATUS_WORKSPACE = 5,
    STATUS_CPU = 7,
    STATUS_ABI = 8
};

/* Code that runs before the CPU is known to be good must run everywhere. */
static void mark_baseline(Emitter *emitter, LLVMValueRef function) {
    const char *key = "target-cpu", *value = "x86-64", *features = "target-features", *none = "";
    LLVMAddAttributeAtIndex(function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                            LLVMCreateStringAttribute(emitter->context, key, (unsigned)strlen(key), value,
                                                      (unsigned)strlen(value)));
    LLVMAddAttributeAtIndex(
        function, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
        LLVMCreateStringAttribute(emitter->context, features, (unsigned)strlen(features), none, 0));
}

LLVMValueRef baseline_function(Emitter *emitter, const char *name, LLVMTypeRef type, bool is_public) {
    LLVMValueRef function = LLVMAddFunction(emitter->module, name, type);
    LLVMSetLinkage(function, is_public ? LLVMExternalLinkage : LLVMInternalLinkage);
    mark_baseline(emitter, function);
    emitter->function = function;
    emitter->status_slot = NULL;
    if (emitter->debug) debug_function(emitter, function, name, (Span){0});
    LLVMPositionBuilderAtEnd(emitter->builder, new_block(emitter, "entry"));
    return function;
}

/* ---- The CPU check ---- */

typedef struct CpuBit {
    unsigned leaf;
    int word; /* eax, ebx, ecx, edx */
    uint32_t mask;
} CpuBit;

/* What each x86-64 level adds, as bits of CPUID. */
static const CpuBit level_bits[][4] = {
    [2] = {{1, 2, 1u << 0 | 1u << 9 | 1u << 13 | 1u << 19 | 1u << 20 | 1u << 23}},
    [3] = {{1, 2, 1u << 12 | 1u << 22 | 1u << 27 | 1u << 28 | 1u << 29},
           {7, 1, 1u << 3 | 1u << 5 | 1u << 8},
           {0x80000001u, 2, 1u << 5}},
    [4] = {{7, 1, 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31}},
};

static LLVMValueRef cpuid_word(Emitter *emitter, unsigned leaf, int word) {
    LLVMTypeRef words[4] = {emitter->i32, emitter->i32, emitter->i32, emitter->i32};
    LLVMTypeRef result = LLVMStructTypeInContext(emitter->context, words, 4, false);
    LLVMTypeRef parameters[2] = {emitter->i32, emitter->i32};
    LLVMTypeRef type = LLVMFunctionType(result, parameters, 2, false);
    const char *code = "cpuid",
               *constraints = "={ax},={bx},={cx},={dx},{ax},{cx},~{dirflag},~{fpsr},~{flags}";
    LLVMValueRef assembly = LLVMGetInlineAsm(type, code, strlen(code), constraints, strlen(constraints), true,
                                             false, LLVMInlineAsmDialectATT, false);
    LLVMValueRef arguments[2] = {constant_i32(emitter, (int32_t)leaf), constant_i32(emitter, 0)};
    LLVMValueRef all = LLVMBuildCall2(emitter->builder, type, assembly, arguments, 2, "");
    return LLVMBuildExtractValue(emitter->builder, all, (unsigned)word, "");
}

static LLVMValueRef system_saves(Emitter *emitter, uint32_t registers) {
    LLVMTypeRef words[2] = {emitter->i32, emitter->i32};
    LLVMTypeRef result = LLVMStructTypeInContext(emitter->context, words, 2, false);
    LLVMTypeRef type = LLVMFunctionType(result, &emitter->i32, 1, false);
    const char *code = "xgetbv", *constraints = "={ax},={dx},{cx},~{dirflag},~{fpsr},~{flags}";
    LLVMValueRef assembly = LLVMGetInlineAsm(type, code, strlen(code), constraints, strlen(constraints), true,
                                             false, LLVMInlineAsmDialectATT, false);
    LLVMValueRef zero = constant_i32(emitter, 0);
    LLVMValueRef low = LLVMBuildExtractValue(
        emitter->builder, LLVMBuildCall2(emitter->builder, type, assembly, &zero, 1, ""), 0, "");
    LLVMValueRef mask = LLVMConstInt(emitter->i32, registers, false);
    return LLVMBuildICmp(emitter->builder, LLVMIntEQ, LLVMBuildAnd(emitter->builder, low, mask, ""), mask,
                         "");
}

static void return_false_unless(Emitter *emitter, LLVMValueRef good) {
    LLVMBasicBlockRef no = new_block(emitter, "no"), on = new_block(emitter, "");
    LLVMBuildCondBr(emitter->builder, good, on, no);
    LLVMPositionBuilderAtEnd(emitter->builder, no);
    LLVMBuildRet(emitter->builder, LLVMConstInt(emitter->i1, 0, false));
    LLVMPositionBuilderAtEnd(emitter->builder, on);
}

/* i1 tenon.cpu_ok(): the CPU has the target's level and the system saves its registers. */
static LLVMValueRef cpu_check_function(Emitter *emitter) {
    LLVMValueRef known = LLVMGetNamedFunction(emitter->module, "tenon.cpu_ok");
    if (known) return known;
    LLVMTypeRef type = LLVMFunctionType(emitter->i1, NULL, 0, false);
    LLVMValueRef function = baseline_function(emitter, "tenon.cpu_ok", type, false);
    LLVMBuilderRef builder = emitter->builder;
    LLVMValueRef leaf_max = cpuid_word(emitter, 0, 0);
    return_false_unless(emitter,
                        LLVMBuildICmp(builder, LLVMIntUGE, leaf_max,
                                      constant_i32(emitter, emitter->target->level >= 3 ? 7 : 1), ""));
    for (int level = 2; level <= emitter->target->level; level++) {
        for (int i = 0; i < 4 && level_bits[level][i].mask; i++) {
            const CpuBit *bit = &level_bits[level][i];
            LLVMValueRef mask = LLVMConstInt(emitter->i32, bit->mask, false);
            LLVMValueRef word = LLVMBuildAnd(builder, cpuid_word(emitter, bit->leaf, bit->word), mask, "");
            return_false_unless(emitter, LLVMBuildICmp(builder, LLVMIntEQ, word, mask, ""));
        }
        if (level >= 3) return_false_unless(emitter, system_saves(emitter, level == 3 ? 0x6 : 0xe6));
    }
    LLVMBuildRet(builder, LLVMConstInt(emitter->i1, 1, false));
    return function;
}

/* Makes |symbol| an IFUNC over |implementation| and a stub that returns TENON_E_CPU. */
static LLVMValueRef guard_by_cpu(Emitter *emitter, const char *symbol, LLVMTypeRef type,
                                 LLVMValueRef implementation) {
    LLVMValueRef check = cpu_check_function(emitter);
    LLVMValueRef stub =
        baseline_function(emitter, arena_printf(emitter->arena, "%s.unsupported", symbol), type, false);
    LLVMBuildRet(emitter->builder, constant_i32(emitter, STATUS_CPU));
    LLVMTypeRef resolver_type = LLVMFunctionType(emitter->pointer, NULL, 0, false);
    LLVMValueRef resolver =
        baseline_function(emitter, arena_printf(emitter->arena, "%s.resolve", symbol), resolver_type, false);
    LLVMTypeRef check_type = LLVMFunctionType(emitter->i1, NULL, 0, false);
    LLVMValueRef good = LLVMBuildCall2(emitter->builder, check_type, check, NULL, 0, "");
    LLVMBuildRet(emitter->builder, LLVMBuildSelect(emitter->builder, good, implementation, stub, ""));
    return LLVMAddGlobalIFunc(emitter->module, symbol, strlen(symbol), type, 0, resolver);
}

/* ---- The typed entry ---- */

static LLVMTypeRef dim_type(Emitter *emitter, const Dim *dim) {
    return dim->symbol->max <= INT32_MAX ? emitter->i32 : emitter->i64;
}

LLVMTypeRef entry_type(Emitter *emitter, const LoopFunction *entry) {
    VECTOR(LLVMTypeRef) types = {0};
    for (int i = 0; i < entry->dim_count; i++)
        vector_push(emitter->arena, &types, dim_type(emitter, entry->dims[i]));
    int pointers = entry->parameter_count + entry->uses_state + 1 + emitter->options->threads;
    for (int i = 0; i < pointers; i++) vector_push(emitter->arena, &types, emitter->pointer);
    return LLVMFunctionType(emitter->i32, types.items, (unsigned)types.count, false);
}

static void check_pointer(Emitter *emitter, LLVMValueRef pointer, int64_t align) {
    LLVMBuilderRef builder = emitter->builder;
    emit_failure_unless(emitter, LLVMBuildIsNotNull(builder, pointer, ""), STATUS_NULL);
    if (align <= 1) return;
    LLVMValueRef address = LLVMBuildPtrToInt(builder, pointer, emitter->i64, "");
    LLVMValueRef low = LLVMBuildAnd(builder, address, constant_i64(emitter, align - 1), "");
    emit_failure_unless(emitter, LLVMBuildICmp(builder, LLVMIntEQ, low, constant_i64(emitter, 0), ""),
                        STATUS_ALIGN);
}

static LLVMValueRef within_bounds(Emitter *emitter, const Symbol *symbol, LLVMValueRef value) {
    LLVMBuilderRef builder = emitter->builder;
    return LLVMBuildAnd(
        builder, LLVMBuildICmp(builder, LLVMIntSGE, value, constant_i64(emitter, symbol->min), ""),
        LLVMBuildICmp(builder, LLVMIntSLE, value, constant_i64(emitter, symbol->max), ""), "");
}

/* The dims as i64, tested against their bounds. */
static void check_dims(Emitter *emitter, const LoopFunction *entry, LLVMValueRef function,
                       LLVMValueRef *out_values) {
    for (int i = 0; i < entry->dim_count; i++) {
        LLVMValueRef value = LLVMGetParam(function, (unsigned)i);
        if (dim_type(emitter, entry->dims[i]) != emitter->i64)
            value = LLVMBuildSExt(emitter->builder, value, emitter->i64, "");
        emit_failure_unless(emitter, within_bounds(emitter, entry->dims[i]->symbol, value), STATUS_DIM);
        out_values[i] = value;
    }
}

/* Dims that do not reach this entry are never read by what it calls, but are passed. */
static void bind_entry_dims(Emitter *emitter, const LoopFunction *entry, LLVMValueRef *values) {
    for (int i = 0; i < entry->dim_count; i++) bind_symbol(emitter, entry->dims[i]->symbol, values[i]);
    for (int i = 0; i < emitter->loops->graph->dims.count; i++) {
        const Symbol *symbol = emitter->loops->graph->dims.items[i]->symbol;
        bool bound = false;
        for (int j = 0; j < entry->dim_count; j++) bound |= entry->dims[j]->symbol == symbol;
        if (!bound) bind_symbol(emitter, symbol, constant_i64(emitter, symbol->min));
    }
}

static void bind_memory(Emitter *emitter, const LoopFunction *entry, LLVMValueRef state,
                        LLVMValueRef workspace) {
    for (int i = 0; i < entry->buffers.count; i++) {
        const Buffer *buffer = entry->buffers.items[i];
        LLVMValueRef at = constant_i64(emitter, buffer->offset);
        LLVMValueRef base = buffer->kind == BUFFER_STATE ? state : workspace;
        bind_buffer(emitter, buffer, LLVMBuildInBoundsGEP2(emitter->builder, emitter->i8, base, &at, 1, ""));
    }
}

static void emit_checks(Emitter *emitter, const LoopFunction *entry) {
    for (int i = 0; i < entry->checks.count; i++) {
        LLVMValueRef left = emit_expr(emitter, entry->checks.items[i].left);
        LLVMValueRef right = emit_expr(emitter, entry->checks.items[i].right);
        emit_failure_unless(emitter, LLVMBuildICmp(emitter->builder, LLVMIntEQ, left, right, ""),
                            STATUS_SHAPE);
    }
}

static void emit_typed_body(Emitter *emitter, const LoopFunction *entry, LLVMValueRef function) {
    emitter->scopes.count = emitter->symbols.count = emitter->values.count = 0;
    emitter->pointers.count = emitter->buffers.count = 0;
    emitter->function = function;
    emitter->status_slot = NULL;
    emitter->rows = 1;
    debug_function(emitter, function, entry->name, entry->span);
    LLVMPositionBuilderAtEnd(emitter->builder, new_block(emitter, "entry"));
    LLVMValueRef *dims = NEW_ARRAY(emitter->arena, LLVMValueRef, entry->dim_count + 1);
    check_dims(emitter, entry, function, dims);
    int at = entry->dim_count;
    for (int i = 0; i < entry->parameter_count; i++) {
        LLVMValueRef pointer = LLVMGetParam(function, (unsigned)at++);
        check_pointer(emitter, pointer, (int64_t)dtype_bytes(entry->parameters[i]->dtype));
        bind_buffer(emitter, entry->parameters[i], pointer);
    }
    LLVMValueRef state = entry->uses_state ? LLVMGetParam(function, (unsigned)at++) : NULL;
    LLVMValueRef workspace = LLVMGetParam(function, (unsigned)at++);
    if (state) check_pointer(emitter, state, 64);
    if (entry->workspace_bytes) check_pointer(emitter, workspace, 64);
    emitter->executor = emitter->options->threads ? LLVMGetParam(function, (unsigned)at) : NULL;
    bind_memory(emitter, entry, state, workspace);
    /* All that the scope's head may use stands before it. */
    scope_enter_here(emitter);
    bind_entry_dims(emitter, entry, dims);
    emit_checks(emitter, entry);
    emit_body(emitter, &entry->body);
    LLVMBuildRet(emitter->builder, constant_i32(emitter, 0));
    emitter->scopes.count = 0;
}

/* ---- Denormals ---- */

/* Flush results to zero, and take denormals as zero: bits 15 and 6. */
enum { MXCSR_FLUSH = 0x8040 };

/* Calls |body| while the thread flushes denormals, and puts its mode back; the mode passes on to workers
 * through the executor's pool. */
static void emit_flushing(Emitter *emitter, const LoopFunction *entry, LLVMValueRef function,
                          LLVMTypeRef type, LLVMValueRef body) {
    LLVMBuilderRef builder = emitter->builder;
    emitter->function = function;
    debug_function(emitter, function, entry->name, entry->span);
    LLVMPositionBuilderAtEnd(builder, new_block(emitter, "entry"));
    LLVMValueRef before = LLVMBuildAlloca(builder, emitter->i32, "before"),
                 flushing = LLVMBuildAlloca(builder, emitter->i32, "flushing");
    call_intrinsic(emitter, "llvm.x86.sse.stmxcsr", NULL, 0, &before, 1);
    LLVMValueRef mode = LLVMBuildLoad2(builder, emitter->i32, before, "");
    LLVMBuildStore(builder, LLVMBuildOr(builder, mode, constant_i32(emitter, MXCSR_FLUSH), ""), flushing);
    call_intrinsic(emitter, "llvm.x86.sse.ldmxcsr", NULL, 0, &flushing, 1);
    VECTOR(LLVMValueRef) arguments = {0};
    for (unsigned i = 0; i < LLVMCountParams(function); i++)
        vector_push(emitter->arena, &arguments, LLVMGetParam(function, i));
    LLVMValueRef status = LLVMBuildCall2(builder, type, body, arguments.items, (unsigned)arguments.count, "");
    call_intrinsic(emitter, "llvm.x86.sse.ldmxcsr", NULL, 0, &before, 1);
    LLVMBuildRet(builder, status);
}

void emit_entry(Emitter *emitter, int index) {
    const LoopFunction *entry = emitter->loops->functions.items[index];
    const char *symbol = entry_symbol(emitter->arena, emitter->options, entry->model, entry->entry_name);
    LLVMTypeRef type = entry_type(emitter, entry);
    bool guarded = emitter->options->cpu_check && emitter->target->level > 1;
    const char *name = guarded ? arena_printf(emitter->arena, "%s.native", symbol) : symbol;
    LLVMValueRef function = LLVMAddFunction(emitter->module, name, type);
    LLVMSetLinkage(function, guarded ? LLVMInternalLinkage : LLVMExternalLinkage);
    if (emitter->options->flush_denormals) {
        LLVMValueRef body =
            LLVMAddFunction(emitter->module, arena_printf(emitter->arena, "%s.body", symbol), type);
        LLVMSetLinkage(body, LLVMInternalLinkage);
        emit_typed_body(emitter, entry, body);
        emit_flushing(emitter, entry, function, type, body);
    } else {
        emit_typed_body(emitter, entry, function);
    }
    emitter->functions[index] = guarded ? guard_by_cpu(emitter, symbol, type, function) : function;
}

/* ---- The uniform call ---- */

static LLVMValueRef load_field(Emitter *emitter, LLVMValueRef base, int64_t bytes, LLVMTypeRef type) {
    LLVMValueRef at = constant_i64(emitter, bytes);
    LLVMValueRef address = LLVMBuildInBoundsGEP2(emitter->builder, emitter->i8, base, &at, 1, "");
    return LLVMBuildLoad2(emitter->builder, type, address, "");
}

static void pass_dims(Emitter *emitter, const LoopFunction *entry, LLVMValueRef dims,
                      LLVMValueRef *arguments) {
    for (int i = 0; i < entry->dim_count; i++) {
        LLVMValueRef value = load_field(emitter, dims, 8 * i, emitter->i64);
        emit_failure_unless(emitter, within_bounds(emitter, entry->dims[i]->symbol, value), STATUS_DIM);
        arguments[i] = LLVMBuildTrunc(emitter->builder, value, dim_type(emitter, entry->dims[i]), "");
    }
}

/* int call(const tenon_call *): the fields of runtime/abi.h by offset. */
LLVMValueRef emit_uniform_call(Emitter *emitter, int index) {
    enum {
        CALL_DIMS = 8,
        CALL_INPUTS = 16,
        CALL_OUTPUTS = 24,
        CALL_STATE = 32,
        CALL_WORKSPACE = 48,
        CALL_WORKSPACE_BYTES = 56,
        CALL_EXECUTOR = 64,
        CALL_BYTES = 72
    };
    const LoopFunction *entry = emitter->loops->functions.items[index];
    LLVMTypeRef type = LLVMFunctionType(emitter->i32, &emitter->pointer, 1, false);
    const char *symbol = entry_symbol(emitter->arena, emitter->options, entry->model, entry->entry_name);
    LLVMValueRef function =
        baseline_function(emitter, arena_printf(emitter->arena, "%s.call", symbol), type, false);
    LLVMBuilderRef builder = emitter->builder;
    LLVMValueRef call = LLVMGetParam(function, 0);
    emit_failure_unless(emitter, LLVMBuildIsNotNull(builder, call, ""), STATUS_NULL);
    LLVMValueRef size = load_field(emitter, call, 0, emitter->i32);
    emit_failure_unless(
        emitter, LLVMBuildICmp(builder, LLVMIntUGE, size, constant_i32(emitter, CALL_BYTES), ""), STATUS_ABI);
    VECTOR(LLVMValueRef) arguments = {0};
    for (int i = 0; i < entry->dim_count; i++) vector_push(emitter->arena, &arguments, NULL);
    if (entry->dim_count) {
        LLVMValueRef dims = load_field(emitter, call, CALL_DIMS, emitter->pointer);
        emit_failure_unless(emitter, LLVMBuildIsNotNull(builder, dims, ""), STATUS_NULL);
        pass_dims(emitter, entry, dims, arguments.items);
    }
    for (int side = 0; side < 2; side++) {
        int count = side ? entry->output_count : entry->input_count;
        if (!count) continue;
        LLVMValueRef list = load_field(emitter, call, side ? CALL_OUTPUTS : CALL_INPUTS, emitter->pointer);
        emit_failure_unless(emitter, LLVMBuildIsNotNull(builder, list, ""), STATUS_NULL);
        for (int i = 0; i < count; i++)
            vector_push(emitter->arena, &arguments, load_field(emitter, list, 8 * i, emitter->pointer));
    }
    if (entry->uses_state)
        vector_push(emitter->arena, &arguments, load_field(emitter, call, CALL_STATE, emitter->pointer));
    LLVMValueRef bytes = load_field(emitter, call, CALL_WORKSPACE_BYTES, emitter->i64);
    LLVMValueRef enough =
        LLVMBuildICmp(builder, LLVMIntUGE, bytes, constant_i64(emitter, entry->workspace_bytes), "");
    emit_failure_unless(emitter, enough, STATUS_WORKSPACE);
    vector_push(emitter->arena, &arguments, load_field(emitter, call, CALL_WORKSPACE, emitter->pointer));
    if (emitter->options->threads)
        vector_push(emitter->arena, &arguments, load_field(emitter, call, CALL_EXECUTOR, emitter->pointer));
    LLVMBuildRet(builder, LLVMBuildCall2(builder, entry_type(emitter, entry), emitter->functions[index],
                                         arguments.items, (unsigned)arguments.count, ""));
    return function;
}

/* size_t workspace_size(const int64_t *dims): the bound, whatever the dims. */
LLVMValueRef emit_workspace_size(Emitter *emitter, int index) {
    const LoopFunction *entry = emitter->loops->functions.items[index];
    LLVMTypeRef type = LLVMFunctionType(emitter->i64, &emitter->pointer, 1, false);
    const char *symbol = entry_symbol(emitter->arena, emitter->options, entry->model, entry->entry_name);
    LLVMValueRef function =
        baseline_function(emitter, arena_printf(emitter->arena, "%s.workspace", symbol), type, false);
    LLVMBuildRet(emitter->builder, constant_i64(emitter, entry->workspace_bytes));
    return function;
}

/* int shape(const int64_t *dims, uint32_t tensor, int64_t *extents) */
LLVMValueRef emit_shape(Emitter *emitter, int index) {
    const LoopFunction *entry = emitter->loops->functions.items[index];
    LLVMTypeRef parameters[3] = {emitter->pointer, emitter->i32, emitter->pointer};
    LLVMTypeRef type = LLVMFunctionType(emitter->i32, parameters, 3, false);
    const char *symbol = entry_symbol(emitter->arena, emitter->options, entry->model, entry->entry_name);
    emitter->scopes.count = emitter->symbols.count = emitter->values.count = emitter->pointers.count = 0;
    LLVMValueRef function =
        baseline_function(emitter, arena_printf(emitter->arena, "%s.shape", symbol), type, false);
    LLVMBuilderRef builder = emitter->builder;
    LLVMValueRef dims = LLVMGetParam(function, 0), extents = LLVMGetParam(function, 2);
    LLVMValueRef *values = NEW_ARRAY(emitter->arena, LLVMValueRef, entry->dim_count + 1);
    for (int i = 0; i < entry->dim_count; i++) {
        values[i] = load_field(emitter, dims, 8 * i, emitter->i64);
        emit_failure_unless(emitter, within_bounds(emitter, entry->dims[i]->symbol, values[i]), STATUS_DIM);
    }
    scope_enter_here(emitter);
    bind_entry_dims(emitter, entry, values);
    LLVMBasicBlockRef unknown = new_block(emitter, "unknown");
    LLVMValueRef choose =
        LLVMBuildSwitch(builder, LLVMGetParam(function, 1), unknown, (unsigned)entry->parameter_count);
    for (int i = 0; i < entry->parameter_count; i++) {
        LLVMBasicBlockRef block = new_block(emitter, "");
        LLVMAddCase(choose, constant_i32(emitter, i), block);
        LLVMPositionBuilderAtEnd(builder, block);
        scope_enter_here(emitter);
        const Buffer *buffer = entry->parameters[i];
        for (int axis = 0; axis < buffer->rank; axis++) {
            LLVMValueRef at = constant_i64(emitter, 8 * axis);
            LLVMBuildStore(builder, emit_expr(emitter, buffer->extents[axis]),
                           LLVMBuildInBoundsGEP2(builder, emitter->i8, extents, &at, 1, ""));
        }
        LLVMBuildRet(builder, constant_i32(emitter, 0));
        scope_leave(emitter);
    }
    LLVMPositionBuilderAtEnd(builder, unknown);
    LLVMBuildRet(builder, constant_i32(emitter, STATUS_SHAPE));
    emitter->scopes.count = 0;
    return function;
}
