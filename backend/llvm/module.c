/* One loop module to one LLVM module to text or an object file. */
#include "backend/llvm/emitter.h"

#include <llvm-c/Analysis.h>
#include <llvm-c/ErrorHandling.h>
#include <llvm-c/Target.h>
#include <llvm-c/TargetMachine.h>
#include <llvm-c/Transforms/PassBuilder.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char weights_section[] = ".rodata.tenon";

static void create_types(Emitter *emitter) {
    LLVMContextRef context = emitter->context;
    emitter->i1 = LLVMInt1TypeInContext(context);
    emitter->i8 = LLVMInt8TypeInContext(context);
    emitter->i16 = LLVMInt16TypeInContext(context);
    emitter->i32 = LLVMInt32TypeInContext(context);
    emitter->i64 = LLVMInt64TypeInContext(context);
    emitter->f32 = LLVMFloatTypeInContext(context);
    emitter->f64 = LLVMDoubleTypeInContext(context);
    emitter->pointer = LLVMPointerTypeInContext(context, 0);
    emitter->nothing = LLVMVoidTypeInContext(context);
}

/* Zeros for now, in a section of their own; the bytes are written into the object afterwards. */
static void create_blob(Emitter *emitter) {
    if (!emitter->blob_plan->bytes) return;
    LLVMTypeRef type = LLVMArrayType2(emitter->i8, (uint64_t)emitter->blob_plan->bytes);
    emitter->blob = LLVMAddGlobal(emitter->module, type, "tenon.weights");
    LLVMSetInitializer(emitter->blob, LLVMConstNull(type));
    LLVMSetGlobalConstant(emitter->blob, true);
    LLVMSetExternallyInitialized(emitter->blob, true);
    LLVMSetLinkage(emitter->blob, LLVMInternalLinkage);
    LLVMSetSection(emitter->blob, weights_section);
    LLVMSetAlignment(emitter->blob, 64);
}

static void declare_functions(Emitter *emitter) {
    int count = emitter->loops->functions.count;
    emitter->functions = NEW_ARRAY(emitter->arena, LLVMValueRef, count + 1);
    for (int i = 0; i < count; i++) {
        const LoopFunction *function = emitter->loops->functions.items[i];
        if (function->is_entry) continue;
        emitter->functions[i] =
            LLVMAddFunction(emitter->module, function->name, function_type(emitter, function));
        LLVMSetLinkage(emitter->functions[i], LLVMInternalLinkage);
    }
}

static void mark_functions(Emitter *emitter) {
    unsigned nounwind = LLVMGetEnumAttributeKindForName("nounwind", 8);
    LLVMAttributeRef attribute = LLVMCreateEnumAttribute(emitter->context, nounwind, 0);
    for (LLVMValueRef f = LLVMGetFirstFunction(emitter->module); f; f = LLVMGetNextFunction(f))
        LLVMAddAttributeAtIndex(f, (LLVMAttributeIndex)LLVMAttributeFunctionIndex, attribute);
    const char *key = "tune-cpu", *tune = emitter->target->tune;
    for (LLVMValueRef f = tune ? LLVMGetFirstFunction(emitter->module) : NULL; f; f = LLVMGetNextFunction(f))
        LLVMAddAttributeAtIndex(f, (LLVMAttributeIndex)LLVMAttributeFunctionIndex,
                                LLVMCreateStringAttribute(emitter->context, key, (unsigned)strlen(key), tune,
                                                          (unsigned)strlen(tune)));
}

static void build_module(Emitter *emitter) {
    create_types(emitter);
    create_blob(emitter);
    debug_begin(emitter);
    declare_functions(emitter);
    emitter->tiles = NEW_ARRAY(emitter->arena, LLVMValueRef *, emitter->loops->next_tile_id + 1);
    for (int i = 0; i < emitter->loops->functions.count; i++)
        if (!emitter->loops->functions.items[i]->is_entry) emit_function(emitter, i);
    for (int i = 0; i < emitter->loops->functions.count; i++)
        if (emitter->loops->functions.items[i]->is_entry) emit_entry(emitter, i);
    emit_infos(emitter);
    debug_finish(emitter);
    mark_functions(emitter);
}

static LLVMTargetMachineRef create_machine(const TargetInfo *target, const char **out_triple) {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser(); /* the CPU check is inline assembly */
    *out_triple = "x86_64-pc-linux-gnu";
    LLVMTargetRef llvm_target;
    char *message = NULL;
    if (LLVMGetTargetFromTriple(*out_triple, &llvm_target, &message)) {
        LLVMDisposeMessage(message);
        return NULL;
    }
    return LLVMCreateTargetMachine(llvm_target, *out_triple, target->cpu, target->features,
                                   LLVMCodeGenLevelAggressive, LLVMRelocPIC, LLVMCodeModelDefault);
}

/* LLVM's own road for a full disk and for what it cannot do; it must not return. Leaving removes the
 * temporaries. */
static void leave(const char *reason) {
    bool is_output = strstr(reason, "IO failure") != NULL;
    fprintf(stderr,
            is_output ? "tenon: error: the object cannot be written: %s [E0601]\n"
                      : "tenon: internal error: LLVM: %s\n",
            reason);
    exit(is_output ? 1 : 70);
}

static bool write_module(Emitter *emitter, LLVMTargetMachineRef machine, BackendOutput output, Text *out_text,
                         const char *path, Diagnostics *diagnostics) {
    char *message = NULL;
    if (output == BACKEND_LLVM) {
        char *text = LLVMPrintModuleToString(emitter->module);
        text_puts(out_text, text);
        LLVMDisposeMessage(text);
        return true;
    }
    if (output == BACKEND_ASSEMBLY) {
        LLVMMemoryBufferRef buffer;
        if (!LLVMTargetMachineEmitToMemoryBuffer(machine, emitter->module, LLVMAssemblyFile, &message,
                                                 &buffer)) {
            text_append(out_text, LLVMGetBufferStart(buffer), LLVMGetBufferSize(buffer));
            LLVMDisposeMemoryBuffer(buffer);
            return true;
        }
    } else if (!LLVMTargetMachineEmitToFile(machine, emitter->module, (char *)path, LLVMObjectFile,
                                            &message)) {
        return true;
    }
    diagnose_error(diagnostics, E0601, (Span){0}, "code generation: %s", message ? message : "failed");
    LLVMDisposeMessage(message);
    return false;
}

bool backend_emit(LoopModule *module, const BackendOptions *options, BackendOutput output, Text *out_text,
                  const char *path, Diagnostics *diagnostics) {
    Emitter emitter = {.arena = module->arena,
                       .loops = module,
                       .options = options,
                       .target = &options->target,
                       .blob_plan = blob_plan(module)};
    LLVMResetFatalErrorHandler();
    LLVMInstallFatalErrorHandler(leave);
    emitter.context = LLVMContextCreate();
    emitter.module = LLVMModuleCreateWithNameInContext(options->source_name, emitter.context);
    emitter.builder = LLVMCreateBuilderInContext(emitter.context);
    const char *triple;
    LLVMTargetMachineRef machine = create_machine(&options->target, &triple);
    LLVMSetTargetMachineAsmVerbosity(machine, output == BACKEND_ASSEMBLY); /* spills are told in comments */
    LLVMTargetDataRef layout = LLVMCreateTargetDataLayout(machine);
    LLVMSetModuleDataLayout(emitter.module, layout);
    LLVMSetTarget(emitter.module, triple);
    build_module(&emitter);
    char *message = NULL;
    bool good = !LLVMVerifyModule(emitter.module, LLVMReturnStatusAction, &message);
    if (!good) diagnose_error(diagnostics, E0504, (Span){0}, "the LLVM module is malformed: %s", message);
    LLVMDisposeMessage(message);
    if (good) good = write_module(&emitter, machine, output, out_text, path, diagnostics);
    LLVMDisposeTargetData(layout);
    LLVMDisposeTargetMachine(machine);
    LLVMDisposeBuilder(emitter.builder);
    LLVMDisposeModule(emitter.module);
    LLVMContextDispose(emitter.context);
    return good;
}
