/* From scheduled loops to native code. The backend decides nothing: tiles, orders and places are in the loop
 * IR. */
#ifndef TENON_BACKEND_BACKEND_H
#define TENON_BACKEND_BACKEND_H

#include "ir/loops/loops.h"
#include "ir/target.h"

typedef struct BackendOptions {
    TargetInfo target;
    const char *prefix;       /* NULL: the model's name in lower case */
    const char *source_name;  /* shown in the header and in debug info */
    const char *options_text; /* recorded in the info */
    const char *version;
    const char *source_sha256, *weights_sha256;
    bool threads;         /* entries take an executor */
    bool flush_denormals; /* while an entry runs */
    bool cpu_check;       /* entries are IFUNCs that test the CPU at load */
    bool line_tables;
} BackendOptions;

/* Where each constant lies in the weights section. */
typedef struct BlobPlan {
    int count;
    Buffer **buffers;
    int64_t *offsets; /* multiples of 64 */
    int64_t bytes;
} BlobPlan;

enum { BACKEND_STACK_BYTES = 65536 }; /* what one call may use of the stack */

extern const char weights_section[]; /* the name of that section in the object */

BlobPlan *blob_plan(const LoopModule *module);
/* The offset of a constant's bytes; -1: not in the plan. */
int64_t blob_offset(const BlobPlan *plan, const Buffer *buffer);
/* Evaluates the constants one by one and writes them at |base| of |descriptor|. False: an error was reported.
 */
bool blob_write(const LoopModule *module, const BlobPlan *plan, int descriptor, int64_t base,
                Diagnostics *diagnostics);

typedef enum BackendOutput { BACKEND_LLVM, BACKEND_ASSEMBLY, BACKEND_OBJECT } BackendOutput;

/* Text kinds append to |out_text|; an object goes to the file |path|, its weights still zero. */
bool backend_emit(LoopModule *module, const BackendOptions *options, BackendOutput output, Text *out_text,
                  const char *path, Diagnostics *diagnostics);

/* The target of a -march (and optional -mtune) name: x86-64-v2, -v3, -v4, native. False: unknown. */
bool target_from_name(Arena *arena, const char *march, const char *mtune, TargetInfo *out_target);
const char *backend_llvm_version(void);

/* "lenet5_classify": the C name of an entry. */
const char *entry_symbol(Arena *arena, const BackendOptions *options, const char *model, const char *entry);
const char *model_prefix(Arena *arena, const BackendOptions *options, const char *model);

#endif
