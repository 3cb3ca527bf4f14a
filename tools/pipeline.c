#include "tools/pipeline.h"

#include "frontend/weights/weights.h"
#include "ir/text_form.h"

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { SOURCE_BYTES_MAX = 64 << 20 };

static bool choose_target(Pipeline *pipeline, const char *name, TargetInfo *out) {
    const char *tune = pipeline->options->values[OPTION_MTUNE];
    if (target_from_name(pipeline->arena, name, tune, out)) return true;
    if (target_from_name(pipeline->arena, name, NULL, out))
        diagnose_error(
            pipeline->diagnostics, E0604, (Span){0},
            "unknown CPU '%s' of -mtune; known are native, the levels of -march, and models such as "
            "skylake-avx512 and znver4",
            tune);
    else
        diagnose_error(pipeline->diagnostics, E0604, (Span){0},
                       "unknown CPU '%s'; known are x86-64-v2, x86-64-v3, x86-64-v4 and native", name);
    return false;
}

static bool read_schedules(Pipeline *pipeline) {
    const char *path = pipeline->options->values[OPTION_SCHEDULE], *error;
    if (!path) return true;
    SourceFile *source = source_read(pipeline->arena, path, SOURCE_BYTES_MAX, &error);
    if (!source) {
        diagnose_error(pipeline->diagnostics, E0101, (Span){0}, "cannot read '%s': %s", path, error);
        return false;
    }
    vector_push(pipeline->arena, &pipeline->files, path);
    pipeline->passes.schedules = schedule_file_parse(pipeline->arena, pipeline->diagnostics, source);
    return pipeline->passes.schedules != NULL;
}

static bool ends_with(const char *text, const char *suffix) {
    size_t length = strlen(text), tail = strlen(suffix);
    return length >= tail && strcmp(text + length - tail, suffix) == 0;
}

bool input_is_network(Diagnostics *diagnostics, const char *path) {
    static const char *const weights[] = {".safetensors", ".npz", ".npy"};
    bool is_network = true;
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++) is_network &= !ends_with(path, weights[i]);
    if (is_network) return true;
    Diagnostic *error =
        diagnose_error(diagnostics, E0101, (Span){0}, "%s: a file of weights, not a network", path);
    diagnostic_note(error, (Span){0}, "a network takes it by --weights=%s; tenon new %s writes a first one",
                    path, path);
    return false;
}

bool pipeline_init(Pipeline *pipeline, Arena *arena, Diagnostics *diagnostics, const Options *options,
                   const char *input) {
    *pipeline = (Pipeline){.arena = arena, .diagnostics = diagnostics, .options = options, .input = input};
    if (!input_is_network(diagnostics, input)) return false;
    const char *march = options->values[OPTION_MARCH], *schedule = options->values[OPTION_SCHEDULE_TARGET];
    const char *level = options->values[OPTION_OPTIMIZE];
    text_init(&pipeline->explanations);
    pipeline->passes.explain = options->values[OPTION_EXPLAIN] != NULL;
    pipeline->passes.explanations = &pipeline->explanations;
    const char *numerics = options->values[OPTION_NUMERICS];
    const char *threads = options->values[OPTION_THREADS];
    pipeline->passes.threads = threads && (strcmp(threads, "pool") == 0 || atoi(threads) > 1);
    pipeline->passes.exact_conv = options->values[OPTION_EXACT_CONV] != NULL;
    if (numerics && strcmp(numerics, "exact") == 0)
        pipeline->passes.numerics = NUMERICS_EXACT;
    else if (numerics && strcmp(numerics, "fast") == 0)
        pipeline->passes.numerics = NUMERICS_FAST;
    pipeline->passes.weights_bytes_max =
        options->values[OPTION_MAX_WEIGHTS] ? option_bytes(options->values[OPTION_MAX_WEIGHTS]) : -1;
    pipeline->passes.plain = level && strcmp(level, "0") == 0;
    if (!choose_target(pipeline, march ? march : "x86-64-v2", &pipeline->target)) return false;
    pipeline->passes.target = pipeline->target;
    if (!read_schedules(pipeline)) return false;
    return !schedule || choose_target(pipeline, schedule, &pipeline->passes.target);
}

/* ---- Loading ---- */

static BuildOptions build_options(const Pipeline *pipeline, bool placeholder_weights) {
    const Options *options = pipeline->options;
    BuildOptions build = {.define_count = options->defines.count,
                          .dim_count = options->dims.count,
                          .weights_count = options->weights.count,
                          .include_count = options->includes.count,
                          .defines = options->defines.items,
                          .dims = options->dims.items,
                          .weights = options->weights.items,
                          .includes = options->includes.items,
                          .placeholder_weights = placeholder_weights};
    if (options->command != 'R' && options->values[OPTION_ENTRY])
        build.entries = options_list(pipeline->arena, options->values[OPTION_ENTRY], &build.entry_count);
    if (options->command == 'R' || options->command == 'V')
        build.dim_count = 0; /* there they are a call's arguments */
    return build;
}

static const char *beside(Pipeline *pipeline, const char *path) {
    if (path[0] == '/') return path;
    return arena_printf(pipeline->arena, "%s/%s", dirname(arena_strdup(pipeline->arena, pipeline->input)),
                        path);
}

/* Finds the bytes of weights that IR text names, by file and tensor. */
static bool resolve_weights(Pipeline *pipeline) {
    VECTOR(WeightsFile *) opened = {0};
    VECTOR(const char *) names = {0};
    for (int i = 0; i < pipeline->graph->constants.count; i++) {
        Constant *constant = pipeline->graph->constants.items[i];
        if (constant->kind != CONSTANT_WEIGHTS || constant->source->bytes) continue;
        WeightsFile *file = NULL;
        for (int j = 0; j < opened.count; j++)
            if (strcmp(names.items[j], constant->source->file) == 0) file = opened.items[j];
        if (!file) {
            const char *path = beside(pipeline, constant->source->file);
            file = weights_open(pipeline->arena, pipeline->diagnostics, path, constant->span);
            if (!file) return false;
            vector_push(pipeline->arena, &opened, file);
            vector_push(pipeline->arena, &names, constant->source->file);
            vector_push(pipeline->arena, &pipeline->files, path);
        }
        const TensorSource *found = weights_find(file, constant->source->name);
        bool fits = found && found->rank == constant->value->type.rank;
        for (int j = 0; fits && j < found->rank; j++)
            fits = expr_equals(constant->value->type.dims[j],
                               found->dims[constant->permuted ? constant->permutation[j] : j]);
        if (!fits) {
            diagnose_error(pipeline->diagnostics, E0605, constant->span,
                           "constant @%s: '%s' has no tensor '%s' of that shape", constant->name, file->path,
                           constant->source->name);
            return false;
        }
        constant->source = found;
    }
    return true;
}

static bool load_text(Pipeline *pipeline) {
    const char *error;
    SourceFile *source = source_read(pipeline->arena, pipeline->input, SOURCE_BYTES_MAX, &error);
    if (!source) {
        diagnose_error(pipeline->diagnostics, E0101, (Span){0}, "cannot read '%s': %s", pipeline->input,
                       error);
        return false;
    }
    vector_push(pipeline->arena, &pipeline->files, pipeline->input);
    const char *at = source->text;
    while (strncmp(at, "//", 2) == 0 || *at == '\n')
        at += strcspn(at, "\n") + (at[strcspn(at, "\n")] == '\n');
    if (strncmp(at, "tir loops", 9) == 0) {
        pipeline->loops = loops_parse(pipeline->arena, pipeline->diagnostics, source);
        if (!pipeline->loops) return false;
        pipeline->graph = pipeline->loops->graph;
    } else {
        pipeline->graph = graph_parse(pipeline->arena, pipeline->diagnostics, source);
    }
    return pipeline->graph != NULL;
}

bool pipeline_load(Pipeline *pipeline, bool placeholder_weights) {
    if (pipeline->options->command == 'O' || ends_with(pipeline->input, ".tir")) {
        if (!load_text(pipeline)) return false;
        if (pipeline->options->command != 'O' && !resolve_weights(pipeline)) return false;
        return pipeline->loops || graph_verify(pipeline->graph, "parsing");
    }
    BuildOptions build = build_options(pipeline, placeholder_weights);
    BuildResult *result = build_model(pipeline->arena, pipeline->diagnostics, pipeline->input, &build);
    for (int i = 0; i < result->files.count; i++)
        vector_push(pipeline->arena, &pipeline->files, result->files.items[i]);
    pipeline->graph = result->module;
    return pipeline->graph && graph_verify(pipeline->graph, "building");
}

/* ---- Passes ---- */

static bool wanted(const Pipeline *pipeline, const char *name, bool before) {
    const Options *options = pipeline->options;
    if (!before && options->values[OPTION_PRINT_AFTER_ALL]) return true;
    int count = before ? options->prints_before.count : options->prints_after.count;
    const char **items = before ? options->prints_before.items : options->prints_after.items;
    for (int i = 0; i < count; i++)
        if (strcmp(items[i], name) == 0) return true;
    return false;
}

static void print_graph(const Pipeline *pipeline, const char *when, const char *name) {
    Text text;
    text_init(&text);
    graph_print(&text, pipeline->graph);
    fprintf(stderr, "// ---- %s %s ----\n%s", when, name, text.bytes);
    text_deinit(&text);
}

/* One level, as mkdir does it. */
static bool make_folder(Pipeline *pipeline, const char *path) {
    if (mkdir(path, 0777) == 0 || errno == EEXIST) return true;
    int error = errno;
    Diagnostic *diagnostic = diagnose_error(pipeline->diagnostics, E0601, (Span){0},
                                            "%s: the directory cannot be made: %s", path, strerror(error));
    if (error == ENOENT)
        diagnostic_note(diagnostic, (Span){0}, "there is no directory '%s'",
                        dirname(arena_strdup(pipeline->arena, path)));
    return false;
}

bool pipeline_dump(Pipeline *pipeline, const char *name, const char *suffix, const Text *text) {
    const char *folder = pipeline->options->values[OPTION_DUMP_PHASES];
    if (!folder) return true;
    if (pipeline->phase == 0 && !make_folder(pipeline, folder)) return false;
    const char *path = arena_printf(pipeline->arena, "%s/%02d-%s%s", folder, pipeline->phase++, name, suffix);
    FILE *file = fopen(path, "w");
    bool good = file && fwrite(text->bytes, 1, text->length, file) == text->length;
    if (file) good = fclose(file) == 0 && good;
    if (!good)
        diagnose_error(pipeline->diagnostics, E0601, (Span){0}, "cannot write '%s': %s", path,
                       strerror(errno));
    return good;
}

static bool dump_graph(Pipeline *pipeline, const char *name) {
    if (!pipeline->options->values[OPTION_DUMP_PHASES]) return true;
    Text text;
    text_init(&text);
    graph_print(&text, pipeline->graph);
    bool good = pipeline_dump(pipeline, name, ".tir", &text);
    text_deinit(&text);
    return good;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static bool run_pass(Pipeline *pipeline, const PassInfo *pass) {
    if (wanted(pipeline, pass->name, true)) print_graph(pipeline, "before", pass->name);
    double start = seconds();
    if (!pass->run(pipeline->graph, &pipeline->passes)) return false;
    if (pipeline->options->values[OPTION_TIME_PASSES])
        fprintf(stderr, "%-20s %9.3f ms\n", pass->name, 1e3 * (seconds() - start));
    if (wanted(pipeline, pass->name, false)) print_graph(pipeline, "after", pass->name);
    return graph_verify(pipeline->graph, pass->name) && dump_graph(pipeline, pass->name);
}

/* Because it is to be skipped, or one that it needs, or one that that one needs. */
static bool is_left_out(const char *skipped, const PassInfo *pass) {
    for (int depth = 0; pass && depth < pass_count; depth++) {
        if (options_name(skipped, pass->name)) return true;
        pass = pass_find(pass->needs);
    }
    return false;
}

bool pipeline_run_passes(Pipeline *pipeline) {
    const char *chosen = pipeline->options->values[OPTION_PASSES],
               *skipped = pipeline->options->values[OPTION_SKIP];
    if (pipeline->loops) return true;
    if (!dump_graph(pipeline, "build")) return false;
    if (chosen) {
        int count;
        const char **names = options_list(pipeline->arena, chosen, &count);
        for (int i = 0; i < count; i++)
            if (!run_pass(pipeline, pass_find(names[i]))) return false;
        return true;
    }
    for (int i = 0; i < pass_count; i++) {
        const PassInfo *pass = &pass_infos[i];
        if (pass->optional && (pipeline->passes.plain || is_left_out(skipped, pass))) continue;
        if (!run_pass(pipeline, pass)) return false;
        if (pipeline->last_pass && strcmp(pipeline->last_pass, pass->name) == 0) break;
    }
    return true;
}

bool pipeline_lower(Pipeline *pipeline) {
    double start = seconds();
    if (!pipeline->loops) pipeline->loops = lower_module(pipeline->graph, &pipeline->passes);
    if (!pipeline->loops) return false;
    if (pipeline->options->values[OPTION_TIME_PASSES])
        fprintf(stderr, "%-20s %9.3f ms\n", "lower", 1e3 * (seconds() - start));
    const TargetInfo *target = &pipeline->passes.target;
    Text text;
    text_init(&text);
    loops_print(&text, pipeline->loops);
    bool good = pipeline_dump(pipeline, "loops", ".tir", &text);
    text_deinit(&text);
    return good && loops_verify(pipeline->loops, "lowering", target->register_count, target->register_bytes,
                                target->has_fma);
}
