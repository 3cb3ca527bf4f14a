/* tenon run: a source or IR text is interpreted, a library is called. Both print or write the results by
 * name. */
#include "tools/interpret.h"
#include "tools/library.h"
#include "tools/pipeline.h"
#include "tools/results.h"
#include "tools/top.h"

#include <stdlib.h>
#include <string.h>

static bool ends_with(const char *text, const char *suffix) {
    size_t length = strlen(text), tail = strlen(suffix);
    return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

static ArgumentWords argument_words(Arena *arena, const Options *options, bool fill) {
    const char **dims = NEW_ARRAY(arena, const char *, options->dims.count + 1);
    for (int i = 0; i < options->dims.count; i++)
        dims[i] = arena_printf(arena, "%s=%s", options->dims.items[i].name, options->dims.items[i].value);
    return (ArgumentWords){.inputs = options->words.items + 1,
                           .input_count = options->words.count - 1,
                           .dims = dims,
                           .dim_count = options->dims.count,
                           .fill = fill,
                           .seed = 1,
                           .pictures = picture_options(options)};
}

static int show_results(Arena *arena, Diagnostics *diagnostics, const Entry *entry, Tensor *const *results,
                        const char *path, const Top *top) {
    TensorSource *sources = NEW_ARRAY(arena, TensorSource, entry->output_count + 1);
    for (int i = 0; i < entry->output_count; i++)
        sources[i] = tensor_source(arena, results[i], entry->output_names[i], results[i]->dtype);
    return results_show(diagnostics, sources, entry->output_count, path, top) ? 0 : 1;
}

static int interpret(Arena *arena, Diagnostics *diagnostics, const Options *options, const Top *top) {
    Pipeline pipeline;
    if (!pipeline_init(&pipeline, arena, diagnostics, options, options->words.items[0])) return 1;
    if (!pipeline_load(&pipeline, false)) return 1;
    if (pipeline.loops) {
        diagnose_error(diagnostics, E0608, (Span){0}, "a loops file cannot be interpreted here; compile it");
        return 1;
    }
    Entry *entry = entry_choose(diagnostics, pipeline.graph, options->values[OPTION_MODEL],
                                options->values[OPTION_ENTRY]);
    if (!entry) return 1;
    EntrySignature signature = entry_signature(arena, entry);
    ArgumentWords words = argument_words(arena, options, false);
    EntryArguments arguments;
    if (!arguments_resolve(arena, diagnostics, &signature, &words, &arguments)) return 1;
    Tensor **results = NEW_ARRAY(arena, Tensor *, entry->output_count + 1);
    bool wide = options->values[OPTION_DECLARED] == NULL;
    if (!interpret_entry(arena, diagnostics, entry, &arguments, wide, NULL, results)) return 1;
    return show_results(arena, diagnostics, entry, results, options->values[OPTION_OUTPUT], top);
}

/* An option that would do nothing for what is run is refused. */
static bool options_fit(Diagnostics *diagnostics, const Options *options, bool is_library) {
    const char *path = options->words.items[0], *unfit = NULL;
    if (is_library) {
        unfit = options->weights.count             ? "weights"
                : options->defines.count           ? "define"
                : options->includes.count          ? "include"
                : options->values[OPTION_DECLARED] ? "declared"
                                                   : NULL;
        if (unfit)
            diagnose_error(diagnostics, E0608, (Span){0},
                           "%s: --%s is for sources; a library is run as it was compiled", path, unfit);
    } else {
        unfit = options->values[OPTION_STATE] ? "state" : options->values[OPTION_THREADS] ? "threads" : NULL;
        if (unfit)
            diagnose_error(diagnostics, E0608, (Span){0},
                           "%s: --%s is for compiled libraries; a source is interpreted, from the state in "
                           "which it begins and on one thread",
                           path, unfit);
    }
    return !unfit;
}

int command_run(Arena *arena, Diagnostics *diagnostics, const Options *options) {
    if (!options->words.count) {
        fprintf(stderr, "tenon: run takes a source or a library, then its inputs\n");
        return 2;
    }
    const char *path = options->words.items[0], *threads = options->values[OPTION_THREADS];
    Top top;
    if (!input_is_network(diagnostics, path)) return 1;
    if (!top_read(arena, diagnostics, options, &top)) return 1;
    bool is_source = ends_with(path, ".tn") || ends_with(path, ".tir");
    if (!options_fit(diagnostics, options, !is_source)) return 1;
    if (is_source) return interpret(arena, diagnostics, options, &top);
    RunLibraryOptions run = {.library = path,
                             .model = options->values[OPTION_MODEL],
                             .entry = options->values[OPTION_ENTRY],
                             .output = options->values[OPTION_OUTPUT],
                             .top = &top};
    run.call.words = argument_words(arena, options, false);
    run.call.state = options->values[OPTION_STATE];
    run.call.threads = threads ? atoi(threads) : 1;
    return run_library(arena, diagnostics, &run);
}

int command_bench(Arena *arena, Diagnostics *diagnostics, const Options *options) {
    if (!options->words.count) {
        fprintf(stderr, "tenon: bench takes a library\n");
        return 2;
    }
    if (!input_is_network(diagnostics, options->words.items[0])) return 1;
    const char *threads = options->values[OPTION_THREADS], *seconds = options->values[OPTION_MIN_TIME],
               *flops = options->values[OPTION_FLOPS];
    BenchLibraryOptions bench = {.library = options->words.items[0],
                                 .model = options->values[OPTION_MODEL],
                                 .entry = options->values[OPTION_ENTRY],
                                 .min_time = seconds ? strtod(seconds, NULL) : 0,
                                 .flops = flops ? strtod(flops, NULL) : 0,
                                 .json = options->values[OPTION_JSON] != NULL};
    bench.call.words = argument_words(arena, options, true);
    bench.call.threads = threads ? atoi(threads) : 1;
    return bench_library(arena, diagnostics, &bench);
}
