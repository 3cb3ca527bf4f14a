/* Drives any compiled library through its NAME_info function. A Library is checked when it is opened: what
 * this header hands out has no NULL where there must be something and no rank or dtype out of range. Loading
 * runs the library's code, so it is trusted as a program is. */
#ifndef TENON_TOOLS_LIBRARY_H
#define TENON_TOOLS_LIBRARY_H

#include "runtime/abi.h"
#include "runtime/pool.h"
#include "tools/arguments.h"
#include "tools/top.h"

typedef struct Library {
    const char *path;
    void *handle; /* of dlopen */
    const tenon_model_info *info;
} Library;

/* |model| as the user wrote it ("LeNet5") or its prefix; NULL: the only one of the library. NULL: reported.
 */
Library *library_open(Arena *arena, Diagnostics *diagnostics, const char *path, const char *model);
void library_close(Library *library);

typedef struct LibraryEntry {
    const tenon_entry_info *info;
    EntrySignature signature;
} LibraryEntry;

/* |name| NULL: the only one of the model. False: reported. */
bool library_entry(Arena *arena, Diagnostics *diagnostics, const Library *library, const char *name,
                   LibraryEntry *out);

/* A call that is ready to be made, as often as wanted. */
typedef struct LibraryCall {
    const LibraryEntry *entry;
    tenon_call call;
    TensorSource *outputs; /* output_count tensors, elements filled by the call */
    size_t state_bytes;
    tenon_pool *pool;
} LibraryCall;

typedef struct LibraryCallOptions {
    ArgumentWords words;
    const char *state;   /* file to begin with; NULL or missing: the model's own beginning */
    const char *weights; /* file of external weights; NULL: embedded */
    int threads;         /* > 1: with a pool */
} LibraryCallOptions;

bool library_call_prepare(Arena *arena, Diagnostics *diagnostics, const Library *library,
                          const LibraryEntry *entry, const LibraryCallOptions *options, LibraryCall *out);
/* False: the entry returned an error, which is reported. */
bool library_call_run(Diagnostics *diagnostics, LibraryCall *call);
void library_call_end(LibraryCall *call);

/* The file of a state: a line that tells of which network it is, then its bytes. */
bool state_file_read(Arena *arena, Diagnostics *diagnostics, const Library *library, const char *path,
                     void *state);
bool state_file_write(Arena *arena, Diagnostics *diagnostics, const Library *library, const char *path,
                      const void *state);

/* ---- The commands; the result is the exit status ---- */

typedef struct RunLibraryOptions {
    const char *library, *model, *entry; /* model and entry may be NULL */
    LibraryCallOptions call;
    const char *output; /* .npy or .npz; NULL: results are printed */
    const Top *top;
} RunLibraryOptions;

int run_library(Arena *arena, Diagnostics *diagnostics, const RunLibraryOptions *options);

typedef struct BenchLibraryOptions {
    const char *library, *model, *entry;
    LibraryCallOptions call; /* call.words.fill is usual */
    double min_time;         /* seconds; 0: 1 second */
    double flops;            /* of one call, 0: not known */
    bool json;
} BenchLibraryOptions;

int bench_library(Arena *arena, Diagnostics *diagnostics, const BenchLibraryOptions *options);

#endif
