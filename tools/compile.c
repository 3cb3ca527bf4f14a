/* tenon compile: one input to any of the outputs, all of which appear or none. */
#include "tools/pipeline.h"

#include "backend/archive.h"
#include "backend/header.h"
#include "backend/link.h"
#include "backend/object.h"
#include "frontend/lang/ast.h"
#include "ir/text_form.h"
#include "support/output.h"
#include "support/sha256.h"
#include "tools/describe.h"
#include "tools/dot.h"

#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef enum OutputKind {
    KIND_AST,
    KIND_GRAPH,
    KIND_LOOPS,
    KIND_LLVM,
    KIND_ASSEMBLY,
    KIND_OBJECT,
    KIND_ARCHIVE,
    KIND_SHARED,
    KIND_HEADER,
    KIND_DOT,
    KIND_SCHEDULE,
    KIND_NONE
} OutputKind;

static const struct {
    const char *name, *suffix;
    OutputKind kind;
} kinds[] = {
    {"ast", NULL, KIND_AST},
    {"graph", ".tir", KIND_GRAPH},
    {"loops", NULL, KIND_LOOPS},
    {"llvm", ".ll", KIND_LLVM},
    {"asm", ".s", KIND_ASSEMBLY},
    {"obj", ".o", KIND_OBJECT},
    {"archive", ".a", KIND_ARCHIVE},
    {"shared", ".so", KIND_SHARED},
    {"header", ".h", KIND_HEADER},
    {"dot", ".dot", KIND_DOT},
    {"schedule", ".schedule", KIND_SCHEDULE},
};

static OutputKind choose_kind(const Options *options, const char *path) {
    const char *emit = options->values[OPTION_EMIT];
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (emit && strcmp(emit, kinds[i].name) == 0) return kinds[i].kind;
        size_t length = kinds[i].suffix ? strlen(kinds[i].suffix) : 0, all = strlen(path);
        if (!emit && length && all > length && strcmp(path + all - length, kinds[i].suffix) == 0)
            return kinds[i].kind;
    }
    return KIND_NONE;
}

static bool is_text(OutputKind kind) {
    return kind != KIND_OBJECT && kind != KIND_ARCHIVE && kind != KIND_SHARED;
}

/* ---- What outputs record ---- */

static void hash_file(Sha256 *hash, const char *path) {
    MappedBytes mapped;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return;
    if (mapped_bytes_open(descriptor, &mapped)) {
        sha256_update(hash, mapped.bytes, mapped.size);
        mapped_bytes_close(&mapped);
    }
    close(descriptor);
}

/* Of the sources, or of the weights, one after the other. */
static const char *hash_files(Pipeline *pipeline, bool sources) {
    Sha256 hash;
    sha256_init(&hash);
    for (int i = 0; i < pipeline->files.count; i++) {
        const char *path = pipeline->files.items[i], *suffix = strrchr(path, '.');
        bool source = suffix && (strcmp(suffix, ".tn") == 0 || strcmp(suffix, ".tir") == 0);
        if (source == sources) hash_file(&hash, path);
    }
    char *text = arena_alloc(pipeline->arena, SHA256_HEX_BYTES);
    sha256_finish_hex(&hash, text);
    return text;
}

static BackendOptions backend_options(Pipeline *pipeline) {
    const Options *options = pipeline->options;
    const char *check = options->values[OPTION_CPU_CHECK], *lines = options->values[OPTION_LINE_TABLES];
    BackendOptions backend = {
        .target = pipeline->target,
        .prefix = options->values[OPTION_PREFIX],
        .source_name = basename(arena_strdup(pipeline->arena, pipeline->input)),
        .version = "tenon " TENON_VERSION,
        .source_sha256 = hash_files(pipeline, true),
        .weights_sha256 = hash_files(pipeline, false),
        .threads = pipeline->passes.threads,
        .flush_denormals = options->values[OPTION_FTZ] != NULL,
        .cpu_check = !check || strcmp(check, "none") != 0,
        .line_tables = !lines || strcmp(lines, "0") != 0,
    };
    backend.options_text = arena_printf(
        pipeline->arena, "-march=%s%s%s%s", pipeline->target.name, pipeline->passes.plain ? " -O0" : "",
        backend.threads ? " --threads=pool" : "", backend.flush_denormals ? " --ftz" : "");
    return backend;
}

/* ---- Each kind ---- */

static bool text_of_file(Pipeline *pipeline, Text *text) {
    const char *error;
    SourceFile *source = source_read(pipeline->arena, pipeline->input, 16 << 20, &error);
    if (!source) {
        diagnose_error(pipeline->diagnostics, E0101, (Span){0}, "cannot read '%s': %s", pipeline->input,
                       error);
        return false;
    }
    File *file = parse_file(pipeline->arena, pipeline->diagnostics, source);
    if (diagnostics_error_count(pipeline->diagnostics)) return false;
    file_dump(text, file);
    return true;
}

static bool write_weights(Pipeline *pipeline, const BackendOptions *backend, const char *object,
                          Output *output) {
    BlobPlan *plan = blob_plan(pipeline->loops);
    (void)backend;
    if (!plan->bytes) return true;
    (void)output;
    FILE *file = fopen(object, "r+b");
    uint64_t offset = 0, bytes = 0;
    const char *error = "the object cannot be opened again";
    bool good = file && object_find_section(fileno(file), weights_section, &offset, &bytes, &error) &&
                bytes >= (uint64_t)plan->bytes;
    if (!good) diagnose_error(pipeline->diagnostics, E0642, (Span){0}, "writing the weights: %s", error);
    good = good && blob_write(pipeline->loops, plan, fileno(file), (int64_t)offset, pipeline->diagnostics);
    if (file) fclose(file);
    return good;
}

static bool write_archive(Pipeline *pipeline, const char *object, Output *output) {
    FILE *file = fopen(object, "rb");
    MappedBytes mapped;
    bool good = file && mapped_bytes_open(fileno(file), &mapped);
    if (!good) diagnose_error(pipeline->diagnostics, E0642, (Span){0}, "reading the object back");
    if (file) fclose(file);
    if (!good) return false;
    char *name = basename(arena_strdup(pipeline->arena, output_path(output)));
    ArchiveMember member = {.name = arena_printf(pipeline->arena, "%.*s.o", (int)strcspn(name, "."), name),
                            .bytes = mapped.bytes,
                            .size = mapped.size};
    good = archive_write(pipeline->arena, pipeline->diagnostics, output, &member, 1);
    mapped_bytes_close(&mapped);
    return good;
}

static int count_calls(const LoopBody *body) {
    int calls = 0;
    for (const LoopStatement *s = body->first; s; s = s->next)
        calls += (s->kind == LOOP_CALL) + (s->body.first ? count_calls(&s->body) : 0);
    return calls;
}

/* --explain: how large the code has become, and how many layers share it. */
static void explain_size(const Pipeline *pipeline, const char *object) {
    uint64_t offset, bytes = 0;
    const char *error;
    int functions = 0, calls = 0;
    FILE *file = fopen(object, "rb");
    if (!file) return;
    object_find_section(fileno(file), ".text", &offset, &bytes, &error);
    fclose(file);
    for (int i = 0; i < pipeline->loops->functions.count; i++) {
        const LoopFunction *function = pipeline->loops->functions.items[i];
        functions += !function->is_entry;
        if (function->is_entry) calls += count_calls(&function->body);
    }
    fprintf(stderr, "code: %llu bytes in %d functions, called at %d places\n", (unsigned long long)bytes,
            functions, calls);
}

static bool write_binary(Pipeline *pipeline, OutputKind kind, Outputs *outputs, Output *output) {
    BackendOptions backend = backend_options(pipeline);
    Output *scratch = kind == KIND_OBJECT
                          ? output
                          : outputs_add(outputs, arena_printf(pipeline->arena, "%s.o", output_path(output)),
                                        OUTPUT_SCRATCH);
    const char *object = scratch ? output_temporary(scratch) : NULL;
    if (!object) return false;
    bool good =
        backend_emit(pipeline->loops, &backend, BACKEND_OBJECT, NULL, object, pipeline->diagnostics) &&
        write_weights(pipeline, &backend, object, output);
    if (good && pipeline->passes.explain) explain_size(pipeline, object);
    if (kind == KIND_OBJECT) return good;
    if (good && kind == KIND_ARCHIVE) good = write_archive(pipeline, object, output);
    if (good && kind == KIND_SHARED) {
        LinkRequest link = {.object = object,
                            .library = output_temporary(output),
                            .shown = output_path(output),
                            .soname = basename(arena_strdup(pipeline->arena, output_path(output)))};
        good = link_shared(pipeline->arena, pipeline->diagnostics, &link);
    }
    return good;
}

static void header_text(Pipeline *pipeline, Text *text) {
    BackendOptions backend = backend_options(pipeline);
    HeaderDescription *description = describe_header(pipeline, &backend);
    header_write(text, description);
}

static bool write_text(Pipeline *pipeline, OutputKind kind, Text *text) {
    BackendOptions backend;
    switch (kind) {
    case KIND_AST: return text_of_file(pipeline, text);
    case KIND_GRAPH: graph_print(text, pipeline->graph); return true;
    case KIND_DOT: dot_print(text, pipeline->graph); return true;
    case KIND_SCHEDULE: schedule_file_print(text, pipeline->graph); return true;
    case KIND_LOOPS: loops_print(text, pipeline->loops); return true;
    case KIND_HEADER: header_text(pipeline, text); return true;
    default:
        backend = backend_options(pipeline);
        return backend_emit(pipeline->loops, &backend, kind == KIND_LLVM ? BACKEND_LLVM : BACKEND_ASSEMBLY,
                            text, NULL, pipeline->diagnostics);
    }
}

/* ---- Dependencies ---- */

static void dependency_text(Pipeline *pipeline, const char *target, Text *text) {
    text_printf(text, "%s:", target);
    for (int i = 0; i < pipeline->files.count; i++) {
        if (pipeline->files.items[i][0] == '<') continue;
        text_puts(text, " \\\n ");
        for (const char *c = pipeline->files.items[i]; *c; c++) {
            if (*c == ' ' || *c == '#') text_putc(text, '\\');
            if (*c == '$') text_putc(text, '$');
            text_putc(text, *c);
        }
    }
    text_putc(text, '\n');
}

static bool add_side_outputs(Pipeline *pipeline, Outputs *outputs, const char *path) {
    const Options *options = pipeline->options;
    Text text;
    bool good = true;
    if (options->values[OPTION_HEADER]) {
        Output *header = outputs_add(outputs, options->values[OPTION_HEADER], OUTPUT_KEEP_UNCHANGED);
        text_init(&text);
        header_text(pipeline, &text);
        good = header && output_write(header, text.bytes, text.length);
        text_deinit(&text);
    }
    if (good && options->values[OPTION_DEPENDENCIES]) {
        const char *name = options->values[OPTION_DEPENDENCY_FILE];
        Output *dependencies =
            outputs_add(outputs, name ? name : arena_printf(pipeline->arena, "%s.d", path), 0);
        text_init(&text);
        dependency_text(pipeline, path, &text);
        good = dependencies && output_write(dependencies, text.bytes, text.length);
        text_deinit(&text);
    }
    return good;
}

/* "dir/model.tn" as "model.so". */
static const char *named_beside(Arena *arena, const char *input, const char *suffix) {
    char *name = basename(arena_strdup(arena, input)), *dot = strrchr(name, '.');
    return arena_printf(arena, "%.*s%s", (int)(dot && dot > name ? dot - name : (long)strlen(name)), name,
                        suffix);
}

static bool check_use(Pipeline *pipeline, OutputKind kind, const char *path) {
    const Options *options = pipeline->options;
    if (kind == KIND_NONE && !options->values[OPTION_OUTPUT]) {
        diagnose_error(
            pipeline->diagnostics, E0607, (Span){0},
            "give -o FILE with a suffix that tells the kind, as -o %s, or --emit=KIND for standard output",
            named_beside(pipeline->arena, pipeline->input, ".so"));
        return false;
    }
    if (kind == KIND_NONE) {
        diagnose_error(pipeline->diagnostics, E0607, (Span){0},
                       "what '%s' should hold is not clear; name it .o, .a, .so, .h, .s, .ll, .tir, .dot or "
                       ".schedule, "
                       "or give --emit",
                       path);
        return false;
    }
    if (options->values[OPTION_DEPENDENCIES] && strcmp(path, "-") == 0 &&
        !options->values[OPTION_DEPENDENCY_FILE]) {
        diagnose_error(pipeline->diagnostics, E0608, (Span){0}, "-MD with -o - needs -MF");
        return false;
    }
    return true;
}

/* Runs as many stages as |kind| needs. */
static bool run_stages(Pipeline *pipeline, OutputKind kind) {
    if (kind == KIND_AST) return true;
    if (!pipeline_load(pipeline, false)) return false;
    if (kind == KIND_SCHEDULE) pipeline->last_pass = "schedule";
    if (!pipeline_run_passes(pipeline)) return false;
    if (pipeline->explanations.length) fputs(pipeline->explanations.bytes, stderr);
    if (kind == KIND_SCHEDULE) return true;
    if ((kind == KIND_GRAPH || kind == KIND_DOT) && !pipeline->options->values[OPTION_DUMP_PHASES])
        return true;
    if (!pipeline_lower(pipeline)) return false;
    for (int assembly = 0; assembly < 2 && pipeline->options->values[OPTION_DUMP_PHASES]; assembly++) {
        Text text;
        text_init(&text);
        bool good = write_text(pipeline, assembly ? KIND_ASSEMBLY : KIND_LLVM, &text) &&
                    pipeline_dump(pipeline, assembly ? "assembly" : "llvm", assembly ? ".s" : ".ll", &text);
        text_deinit(&text);
        if (!good) return false;
    }
    return true;
}

bool compile_shared(Pipeline *pipeline, const char *path) {
    Outputs *outputs = outputs_create(pipeline->arena, pipeline->diagnostics);
    Output *output = outputs_add(outputs, path, OUTPUT_PRIMARY | OUTPUT_BINARY | OUTPUT_EXECUTABLE);
    if (output && write_binary(pipeline, KIND_SHARED, outputs, output)) return outputs_commit(outputs);
    outputs_abort(outputs);
    return false;
}

int command_compile(Arena *arena, Diagnostics *diagnostics, const Options *options) {
    if (options->words.count != 1) {
        fprintf(stderr, "tenon: compile takes one file; see tenon compile --help\n");
        return 2;
    }
    const char *path = options->values[OPTION_OUTPUT] ? options->values[OPTION_OUTPUT] : "-";
    OutputKind kind = choose_kind(options, path);
    Pipeline pipeline;
    if (!pipeline_init(&pipeline, arena, diagnostics, options, options->words.items[0])) return 1;
    if (!check_use(&pipeline, kind, path) || !run_stages(&pipeline, kind)) return 1;
    Outputs *outputs = outputs_create(arena, diagnostics);
    for (int i = 0; i < pipeline.files.count; i++)
        if (pipeline.files.items[i][0] != '<') outputs_forbid(outputs, pipeline.files.items[i]);
    unsigned flags = OUTPUT_PRIMARY | (is_text(kind) ? 0 : OUTPUT_BINARY) |
                     (kind == KIND_SHARED ? OUTPUT_EXECUTABLE : 0) |
                     (kind == KIND_HEADER ? OUTPUT_KEEP_UNCHANGED : 0);
    Output *output = outputs_add(outputs, path, flags);
    bool good = output != NULL;
    if (good && is_text(kind)) {
        Text text;
        text_init(&text);
        good = write_text(&pipeline, kind, &text) && output_write(output, text.bytes, text.length);
        text_deinit(&text);
    } else if (good) {
        good = write_binary(&pipeline, kind, outputs, output);
    }
    good = good && add_side_outputs(&pipeline, outputs, path);
    if (!good) {
        outputs_abort(outputs);
        return 1;
    }
    return outputs_commit(outputs) ? 0 : 1;
}
