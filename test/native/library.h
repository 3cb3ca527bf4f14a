/* IR text to a loaded shared library, by the road of `tenon compile`: parse, passes, lower, emit, link,
 * dlopen. */
#ifndef TENON_TEST_NATIVE_LIBRARY_H
#define TENON_TEST_NATIVE_LIBRARY_H

#include "ir/graph.h"
#include "ir/loops/loops.h"
#include "runtime/abi.h"

typedef struct NativeConfig {
    const char *march;    /* what the code runs on */
    const char *schedule; /* what schedules are made for; NULL: the same */
    bool plain, threads;
    bool unfused; /* without clusters */
} NativeConfig;

typedef struct NativeLibrary {
    NativeConfig config;
    Arena *arena;
    Diagnostics *diagnostics;
    LoopModule *loops;
    void *handle;
} NativeLibrary;

/* "x86-64-v3 -O0". */
const char *native_config_text(const NativeConfig *config, char *out, size_t size);
/* Configurations this CPU can run: every level with and without optimisation, the strongest also as a
 * schedule for a weaker one, and last without clusters. Returns how many. */
int native_configs(const NativeConfig **out);
/* Where not all are run: is it configuration |index|'s turn? Each turn has one plain one and one other. */
bool native_config_in_turn(int index, int turn);

/* For all that are opened from now on: without this optional pass and those that need it. */
void native_skip_pass(const char *name);
/* False: what went wrong was printed to stderr; the library is closed. */
bool native_open(NativeLibrary *out, const char *text, const NativeConfig *config);
void native_close(NativeLibrary *library);
/* NULL: there is none. */
const tenon_model_info *native_model(const NativeLibrary *library, const char *model);
const tenon_entry_info *native_entry(const NativeLibrary *library, const char *model, const char *entry);

/* A module of IR text, verified; NULL: errors were printed. */
Module *native_parse(Arena *arena, Diagnostics *diagnostics, const char *text);
/* So that it prints without them. */
void native_forget_places(Module *module);

#endif
