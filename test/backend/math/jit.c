#include "test/backend/math/jit.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

#include <llvm-c/Analysis.h>
#include <llvm-c/LLJIT.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>

const char *level_name(Level level) {
    static const char *names[] = {"x86-64-v2", "x86-64-v3", "x86-64-v4"};
    return names[level];
}

bool level_is_supported(Level level) {
    __builtin_cpu_init();
    switch (level) {
    case LEVEL_V2: return __builtin_cpu_supports("sse4.2");
    case LEVEL_V3: return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    default:
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
               __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
    }
}

int element_bytes(Element element) {
    static const int bytes[] = {4, 8, 1, 2, 4, 8};
    return bytes[element];
}

static void fail(const char *what, char *message) {
    fprintf(stderr, "%s: %s\n", what, message ? message : "failed");
    exit(2);
}

static void check(LLVMErrorRef error) {
    if (error) fail("jit", LLVMGetErrorMessage(error));
}

static LLVMTypeRef element_type(LLVMContextRef context, Element element) {
    if (element == ELEMENT_F32) return LLVMFloatTypeInContext(context);
    if (element == ELEMENT_F64) return LLVMDoubleTypeInContext(context);
    return LLVMIntTypeInContext(context, 8 * (unsigned)element_bytes(element));
}

static LLVMValueRef element_address(MathEmitter *e, LLVMTypeRef type, LLVMValueRef base, LLVMValueRef index) {
    return LLVMBuildGEP2(e->builder, type, base, &index, 1, "");
}

static LLVMValueRef load_vector(MathEmitter *e, LLVMTypeRef type, int lanes, LLVMValueRef base,
                                LLVMValueRef index) {
    LLVMTypeRef loaded = lanes == 1 ? type : LLVMVectorType(type, (unsigned)lanes);
    LLVMValueRef value = LLVMBuildLoad2(e->builder, loaded, element_address(e, type, base, index), "");
    LLVMSetAlignment(value, 1);
    return value;
}

/* for (i = 0; i != count; i += lanes) out[i..] = emit(x[i..], y[i..]) */
static void emit_kernel(MathEmitter *e, const Kernel *kernel, int lanes) {
    LLVMTypeRef pointer = LLVMPointerTypeInContext(e->context, 0),
                index_type = LLVMInt64TypeInContext(e->context);
    LLVMTypeRef parameters[] = {pointer, pointer, pointer, index_type};
    LLVMTypeRef type = LLVMFunctionType(LLVMVoidTypeInContext(e->context), parameters, 4, false);
    LLVMValueRef function = LLVMAddFunction(e->module, kernel->name, type);
    LLVMBasicBlockRef entry = LLVMAppendBasicBlockInContext(e->context, function, "entry");
    LLVMBasicBlockRef loop = LLVMAppendBasicBlockInContext(e->context, function, "loop");
    LLVMBasicBlockRef done = LLVMAppendBasicBlockInContext(e->context, function, "done");

    LLVMPositionBuilderAtEnd(e->builder, entry);
    LLVMBuildBr(e->builder, loop);
    LLVMPositionBuilderAtEnd(e->builder, loop);
    LLVMValueRef i = LLVMBuildPhi(e->builder, index_type, "i");
    LLVMTypeRef in = element_type(e->context, kernel->in), out = element_type(e->context, kernel->out);
    LLVMValueRef x = load_vector(e, in, lanes, LLVMGetParam(function, 1), i);
    LLVMValueRef y = load_vector(e, in, lanes, LLVMGetParam(function, 2), i);
    LLVMValueRef result = kernel->emit(e, x, y);
    LLVMSetAlignment(
        LLVMBuildStore(e->builder, result, element_address(e, out, LLVMGetParam(function, 0), i)), 1);
    LLVMValueRef next = LLVMBuildAdd(e->builder, i, LLVMConstInt(index_type, (unsigned)lanes, false), "");
    LLVMValueRef more = LLVMBuildICmp(e->builder, LLVMIntNE, next, LLVMGetParam(function, 3), "");
    LLVMBuildCondBr(e->builder, more, loop, done);
    LLVMAddIncoming(i, (LLVMValueRef[]){LLVMConstInt(index_type, 0, false), next},
                    (LLVMBasicBlockRef[]){entry, loop}, 2);
    LLVMPositionBuilderAtEnd(e->builder, done);
    LLVMBuildRetVoid(e->builder);
}

static LLVMTargetMachineRef machine_create(Level level) {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    const char *triple = "x86_64-unknown-linux-gnu";
    LLVMTargetRef target;
    char *message = NULL;
    if (LLVMGetTargetFromTriple(triple, &target, &message)) fail("target", message);
    return LLVMCreateTargetMachine(target, triple, level_name(level), "", LLVMCodeGenLevelDefault,
                                   LLVMRelocPIC, LLVMCodeModelSmall);
}

/* An undefined symbol is a call of a library. */
static void check_symbols(const char *object) {
    const Elf64_Ehdr *header = (const void *)object;
    const Elf64_Shdr *sections = (const void *)(object + header->e_shoff);
    for (int i = 0; i < header->e_shnum; i++) {
        if (sections[i].sh_type != SHT_SYMTAB) continue;
        const Elf64_Sym *symbols = (const void *)(object + sections[i].sh_offset);
        const char *names = object + sections[sections[i].sh_link].sh_offset;
        for (size_t k = 1; k < sections[i].sh_size / sizeof *symbols; k++)
            if (symbols[k].st_shndx == SHN_UNDEF)
                fail("undefined symbol", (char *)names + symbols[k].st_name);
    }
}

static void load(LLVMMemoryBufferRef object, const Kernel *kernels, int count,
                 KernelFunction **out_functions) {
    LLVMOrcLLJITRef jit;
    check(LLVMOrcCreateLLJIT(&jit, NULL));
    check(LLVMOrcLLJITAddObjectFile(jit, LLVMOrcLLJITGetMainJITDylib(jit), object));
    for (int i = 0; i < count; i++) {
        LLVMOrcExecutorAddress address;
        check(LLVMOrcLLJITLookup(jit, &address, kernels[i].name));
        out_functions[i] = (KernelFunction *)(uintptr_t)address;
    }
}

void kernels_compile(Level level, int lanes, const Kernel *kernels, int count, bool dump,
                     KernelFunction **out_functions) {
    LLVMContextRef context = LLVMContextCreate();
    MathEmitter e = {context,
                     LLVMModuleCreateWithNameInContext("math", context),
                     LLVMCreateBuilderInContext(context),
                     .has_fma = level >= LEVEL_V3,
                     .has_f16c = level >= LEVEL_V3,
                     .has_avx512 = level >= LEVEL_V4};
    for (int i = 0; i < count; i++) emit_kernel(&e, &kernels[i], lanes);
    LLVMDisposeBuilder(e.builder);
    char *message = NULL;
    if (LLVMVerifyModule(e.module, LLVMReturnStatusAction, &message)) fail("verifier", message);
    LLVMDisposeMessage(message);
    if (dump) LLVMDumpModule(e.module);
    LLVMMemoryBufferRef object;
    if (LLVMTargetMachineEmitToMemoryBuffer(machine_create(level), e.module, LLVMObjectFile, &message,
                                            &object))
        fail("code generation", message);
    check_symbols(LLVMGetBufferStart(object));
    LLVMDisposeModule(e.module);
    LLVMContextDispose(e.context);
    load(object, kernels, count, out_functions);
}
