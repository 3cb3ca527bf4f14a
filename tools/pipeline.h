/* One compilation as the commands share it: read the input, run the passes, lower to loops. */
#ifndef TENON_TOOLS_PIPELINE_H
#define TENON_TOOLS_PIPELINE_H

#include "backend/backend.h"
#include "passes/passes.h"
#include "tools/options.h"

typedef struct Pipeline {
    Arena *arena;
    Diagnostics *diagnostics;
    const Options *options;
    const char *input;
    Module *graph;     /* NULL for a loops file */
    LoopModule *loops; /* after pipeline_lower */
    PassOptions passes;
    TargetInfo target;
    VECTOR(const char *) files; /* read so far: sources, then weights */
    Text explanations;
    int phase;             /* of --dump-phases */
    const char *last_pass; /* where pipeline_run_passes stops; NULL: at the end */
} Pipeline;

/* Each returns false after reporting. */
bool input_is_network(Diagnostics *diagnostics, const char *path); /* by its suffix: no file of weights */
bool pipeline_init(Pipeline *pipeline, Arena *arena, Diagnostics *diagnostics, const Options *options,
                   const char *input);
bool pipeline_load(Pipeline *pipeline, bool placeholder_weights); /* .tn, or .tir of either IR */
bool pipeline_run_passes(Pipeline *pipeline);
bool pipeline_lower(Pipeline *pipeline);
/* A shared library of the loops, whole or not at all. */
bool compile_shared(Pipeline *pipeline, const char *path);
/* --dump-phases: writes NN-name.suffix. */
bool pipeline_dump(Pipeline *pipeline, const char *name, const char *suffix, const Text *text);

typedef int Command(Arena *arena, Diagnostics *diagnostics, const Options *options);
Command command_compile, command_run, command_opt, command_verify, command_bench, command_inspect,
    command_fmt, command_new, command_explain;

#endif
