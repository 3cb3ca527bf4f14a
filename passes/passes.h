/* Passes over the graph and the road down to loops. A pass is a page: one file, one function, its contract
 * above it. passes.def is the pipeline, top to bottom. */
#ifndef TENON_PASSES_PASSES_H
#define TENON_PASSES_PASSES_H

#include "ir/graph.h"
#include "ir/loops/loops.h"
#include "ir/target.h"
#include "passes/schedule_file.h"

/* How much precision convolutions may give up for speed: the error predicted for a layer, relative to its
 * output. */
typedef enum Numerics { NUMERICS_DEFAULT, NUMERICS_EXACT, NUMERICS_FAST } Numerics;

typedef struct PassOptions {
    TargetInfo target; /* what schedules are made for */
    bool threads;      /* schedules have work items; results are the same either way */
    Numerics numerics;
    bool exact_conv;           /* no Winograd */
    int64_t weights_bytes_max; /* by how much transformed weights may be larger than the weights; -1: any */
    ScheduleFile *schedules;   /* given by hand; NULL: none */
    bool plain;                /* -O0: no clusters, no schedules, plain loops */
    bool explain;              /* rejected fusions tell why, on |explanations| */
    Text *explanations;
} PassOptions;

typedef bool GraphPass(Module *module, const PassOptions *options);

typedef struct PassInfo {
    const char *name, *meaning;
    const char *needs; /* the pass without which this one is left out; "none" */
    GraphPass *run;
    bool optional; /* not run at -O0 */
} PassInfo;

extern const PassInfo pass_infos[];
extern const int pass_count;
const PassInfo *pass_find(const char *name);

#define PASS(name, when, needs, meaning) GraphPass pass_##name;
#include "passes/passes.def"
#undef PASS

/* The axis of a linear layer's operand whose positions are the rows of its product: the longest but the last,
 * the later of equals; -1: it has rank 1. The other axes become loops around. */
int linear_row_axis(const Type *type);

/* The look-up in a constant table whose rows |linear| would read as |from|; NULL: there is none, or it does not pay. */
Op *table_look_up(const PassOptions *options, const Op *linear, Value *from);

/* Elements of one part, where |cluster| was made by fuse_gates; else 0. */
int64_t gate_units(const Op *cluster);

/* |constant|, weights [groups * units, K] or a bias [groups * units], with the rows of a linear layer's
 * `interleave`, in |layout| (NULL: row major): a recipe. */
Value *interleave_constant(Module *module, Value *constant, int64_t groups, int64_t units, int64_t panel,
                           const Layout *layout);

/* The loop module of a graph whose passes have run. NULL: errors were reported. */
LoopModule *lower_module(Module *module, const PassOptions *options);

/* Adds what every op of |entry| computes as outputs named by layer, at most |outputs_max| in all. */
void expose_layers(Module *module, Entry *entry, int outputs_max);

/* One function in place of several that compute the same. */
void merge_functions(LoopModule *module);

/* Gives the entries' workspace buffers their offsets: buffers whose lives overlap do not overlap in memory.
 */
void plan_memory(LoopModule *module);

#endif
