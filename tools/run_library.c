#include "tools/library.h"
#include "tools/results.h"

/* The state is written last: a run whose results were lost can be repeated. */
static bool run(Arena *arena, Diagnostics *diagnostics, const RunLibraryOptions *options,
                const Library *library, LibraryCall *call) {
    LibraryEntry entry;
    if (!library_entry(arena, diagnostics, library, options->entry, &entry)) return false;
    if (!library_call_prepare(arena, diagnostics, library, &entry, &options->call, call)) return false;
    if (!library_call_run(diagnostics, call)) return false;
    int count = (int)entry.info->output_count;
    bool good = results_show(diagnostics, call->outputs, count, options->output, options->top);
    if (!good || !options->call.state) return good;
    return state_file_write(arena, diagnostics, library, options->call.state, call->call.state);
}

int run_library(Arena *arena, Diagnostics *diagnostics, const RunLibraryOptions *options) {
    Library *library = library_open(arena, diagnostics, options->library, options->model);
    if (!library) return 1;
    LibraryCall call = {0};
    bool good = run(arena, diagnostics, options, library, &call);
    library_call_end(&call);
    library_close(library);
    return good ? 0 : 1;
}
