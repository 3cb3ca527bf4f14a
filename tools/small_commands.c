/* tenon opt, fmt, new and explain. */
#include "tools/pipeline.h"

#include "frontend/lang/ast.h"
#include "ir/text_form.h"
#include "support/output.h"
#include "tools/starter.h"

#include <ctype.h>
#include <string.h>

static int wrong_use(const char *message) {
    fprintf(stderr, "tenon: %s\n", message);
    return 2;
}

static int write_whole(Arena *arena, Diagnostics *diagnostics, const char *path, const Text *text) {
    Outputs *outputs = outputs_create(arena, diagnostics);
    Output *output = outputs_add(outputs, path, OUTPUT_PRIMARY | OUTPUT_KEEP_UNCHANGED);
    if (output && output_write(output, text->bytes, text->length) && outputs_commit(outputs)) return 0;
    if (!output) outputs_abort(outputs);
    return 1;
}

int command_opt(Arena *arena, Diagnostics *diagnostics, const Options *options) {
    if (options->words.count != 1) return wrong_use("opt takes one .tir file");
    Pipeline pipeline;
    if (!pipeline_init(&pipeline, arena, diagnostics, options, options->words.items[0])) return 1;
    if (!pipeline_load(&pipeline, true)) return 1;
    Text text;
    text_init(&text);
    bool good = true;
    if (pipeline.loops) {
        const TargetInfo *target = &pipeline.passes.target;
        good = loops_verify(pipeline.loops, "parsing", target->register_count, target->register_bytes,
                            target->has_fma);
        if (good) loops_print(&text, pipeline.loops);
    } else {
        if (options->values[OPTION_PASSES]) good = pipeline_run_passes(&pipeline);
        if (good) graph_print(&text, pipeline.graph);
    }
    if (pipeline.explanations.length) fputs(pipeline.explanations.bytes, stderr);
    const char *path = options->values[OPTION_OUTPUT];
    int status = good ? write_whole(arena, diagnostics, path ? path : "-", &text) : 1;
    text_deinit(&text);
    return status;
}

static int format_one(Arena *arena, Diagnostics *diagnostics, const char *path, const char *output) {
    const char *error;
    if (!input_is_network(diagnostics, path)) return 1;
    SourceFile *source = source_read(arena, path, 16 << 20, &error);
    if (!source) {
        diagnose_error(diagnostics, E0101, (Span){0}, "cannot read '%s': %s", path, error);
        return 1;
    }
    int errors = diagnostics_error_count(diagnostics);
    File *file = parse_file(arena, diagnostics, source);
    if (diagnostics_error_count(diagnostics) > errors) return 1;
    Text text;
    text_init(&text);
    file_format(&text, file);
    int status = write_whole(arena, diagnostics, output ? output : path, &text);
    text_deinit(&text);
    return status;
}

int command_fmt(Arena *arena, Diagnostics *diagnostics, const Options *options) {
    if (!options->words.count) return wrong_use("fmt takes one or more .tn files");
    int status = 0;
    for (int i = 0; i < options->words.count; i++)
        status |= format_one(arena, diagnostics, options->words.items[i], options->values[OPTION_OUTPUT]);
    return status;
}

int command_new(Arena *arena, Diagnostics *diagnostics, const Options *options) {
    if (options->words.count != 1) return wrong_use("new takes one file of weights");
    const char *weights = options->words.items[0], *path = options->values[OPTION_OUTPUT];
    Outputs *outputs = outputs_create(arena, diagnostics);
    Output *output =
        outputs_forbid(outputs, weights) ? outputs_add(outputs, path ? path : "-", OUTPUT_PRIMARY) : NULL;
    Text text;
    text_init(&text);
    bool good = output && starter_write_to(arena, diagnostics, weights, path, &text) == 0 &&
                output_write(output, text.bytes, text.length);
    text_deinit(&text);
    if (good) return outputs_commit(outputs) ? 0 : 1;
    outputs_abort(outputs);
    return 1;
}

static void explain_passes(void) {
    for (int i = 0; i < pass_count; i++) printf("%-18s %s\n", pass_infos[i].name, pass_infos[i].meaning);
}

static void explain_ops(void) {
    for (int i = 0; i < OP_COUNT; i++) printf("%-18s %s\n", op_infos[i].text, op_infos[i].meaning);
}

int command_explain(Arena *arena, Diagnostics *diagnostics, const Options *options) {
    (void)diagnostics;
    if (options->words.count != 1)
        return wrong_use(
            "explain takes one word: a message's id, a library block, a pass, 'passes' or 'ops'");
    const char *word = options->words.items[0], *path;
    char *upper = arena_strdup(arena, word);
    for (char *c = upper; *c; c++) *c = (char)toupper((unsigned char)*c);
    DiagnosticId id = diagnostic_id_from_name(upper);
    const char *library = library_source_of(word, &path);
    const PassInfo *pass = pass_find(word);
    if (id != DIAGNOSTIC_ID_COUNT)
        printf("%s: %s\n\n%s\n", diagnostic_id_name(id), diagnostic_title(id), diagnostic_explanation(id));
    else if (library)
        printf("// %s\n%s", path, library);
    else if (pass)
        printf("%s: %s\n", pass->name, pass->meaning);
    else if (strcmp(word, "passes") == 0)
        explain_passes();
    else if (strcmp(word, "ops") == 0)
        explain_ops();
    else {
        fprintf(stderr,
                "tenon: nothing is known of '%s'; explain takes a message's id, a library block, a pass, "
                "'passes' or 'ops'\n",
                word);
        return 1;
    }
    return 0;
}
