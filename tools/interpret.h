/* Runs an entry of a graph in the reference interpreter. */
#ifndef TENON_TOOLS_INTERPRET_H
#define TENON_TOOLS_INTERPRET_H

#include "ir/eval/eval.h"
#include "tools/arguments.h"

EntrySignature entry_signature(Arena *arena, const Entry *entry);
/* The entry of that name (or "Model.entry"), the only one when NULL. NULL: reported. */
Entry *entry_choose(Diagnostics *diagnostics, const Module *graph, const char *model, const char *name);
/* |states| NULL: initial values. |out| receives output_count tensors. False: reported. */
bool interpret_entry(Arena *arena, Diagnostics *diagnostics, const Entry *entry,
                     const EntryArguments *arguments, bool wide, Tensor **states, Tensor **out);
/* Elements of |dtype| for showing and writing. */
TensorSource tensor_source(Arena *arena, const Tensor *tensor, const char *name, DType dtype);

#endif
