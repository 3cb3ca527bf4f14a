/* Private to backend/llvm: what info.c needs of entry.c. */
#ifndef TENON_BACKEND_LLVM_ENTRY_H
#define TENON_BACKEND_LLVM_ENTRY_H

#include "backend/llvm/emitter.h"

/* A function that runs on every x86-64, positioned at its entry. */
LLVMValueRef baseline_function(Emitter *emitter, const char *name, LLVMTypeRef type, bool is_public);
LLVMTypeRef entry_type(Emitter *emitter, const LoopFunction *entry);
LLVMValueRef emit_uniform_call(Emitter *emitter, int index);
LLVMValueRef emit_workspace_size(Emitter *emitter, int index);
LLVMValueRef emit_shape(Emitter *emitter, int index);

#endif
