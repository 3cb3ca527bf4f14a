/* From syntax trees to the graph: names are resolved, compile-time values computed, blocks instantiated,
 * loops and branches over compile-time values unrolled, weights bound, shapes checked. One walk does it all:
 * it is an evaluator whose tensors are graph values. */
#ifndef TENON_FRONTEND_LANG_BUILD_H
#define TENON_FRONTEND_LANG_BUILD_H

#include "ir/graph.h"

/* A `-D name=value`, `--dim N=8` or `--weights w=path`; name NULL in a weights override: the unnamed source.
 */
typedef struct BuildSetting {
    const char *name, *value;
} BuildSetting;

typedef struct BuildOptions {
    int define_count, dim_count, weights_count, entry_count, include_count;
    const BuildSetting *defines; /* consts, and arguments of models; an unknown name is an error */
    const BuildSetting *dims;    /* a number, or low..high: replaces declared bounds */
    const BuildSetting *weights;
    const char *const *entries;  /* only these; 0: all */
    const char *const *includes; /* -I: where imports are also looked for */
    bool placeholder_weights; /* a missing weights file or tensor is no error: zeros stand in (tenon inspect)
                               */
    int instance_max, loop_max, depth_max; /* 0: 100000, 65536, 64 */
} BuildOptions;

typedef struct BuildResult {
    Module *module;             /* NULL when errors were reported */
    VECTOR(const char *) files; /* every file read: sources first, then weights; for dependency files */
} BuildResult;

/* |path| is the .tn file; its imports and weights are read relative to it. */
BuildResult *build_model(Arena *arena, Diagnostics *diagnostics, const char *path,
                         const BuildOptions *options);

/* The text of a library file by block name ("LSTM"), for `tenon explain LSTM`; NULL: there is none. */
const char *library_source_of(const char *block_name, const char **out_path);

#endif
