/* tenon verify: every layer of a compiled network against the interpreter in double precision. Results of the
 * entry are compared with the graph as written; layers with the graph after the passes, which is where they
 * exist. */
#include "tools/interpret.h"
#include "tools/library.h"
#include "tools/pipeline.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Difference {
    double absolute, magnitude; /* the largest error; the largest reference */
    int64_t ulp, nans;          /* nans: NaN on both sides */
    bool special;               /* NaN or infinity on one side only */
} Difference;

/* The distance of two floats in representable numbers; f64 values are compared as doubles. */
static int64_t ulp_distance(double a, double b, DType dtype) {
    int64_t x, y;
    if (dtype == DTYPE_F64) {
        memcpy(&x, &a, 8);
        memcpy(&y, &b, 8);
        if (x < 0) x = INT64_MIN - x;
        if (y < 0) y = INT64_MIN - y;
        double distance = fabs((double)x - (double)y);
        return distance > 9e18 ? INT64_MAX : (int64_t)distance;
    }
    float narrow_a = (float)a, narrow_b = (float)b;
    int32_t i, j;
    memcpy(&i, &narrow_a, 4);
    memcpy(&j, &narrow_b, 4);
    x = i < 0 ? (int64_t)INT32_MIN - i : i;
    y = j < 0 ? (int64_t)INT32_MIN - j : j;
    return x > y ? x - y : y - x;
}

static Difference compare(const Tensor *reference, const TensorSource *found) {
    Difference worst = {0};
    const unsigned char *bytes = found->bytes;
    size_t size = dtype_bytes(found->dtype);
    for (int64_t i = 0; i < reference->count; i++) {
        if (!reference->floats) {
            int64_t value = dtype_load_integer(found->dtype, bytes + (size_t)i * size);
            double wanted = (double)reference->integers[i], error = fabs((double)value - wanted);
            if (error > worst.absolute) worst.absolute = error;
            if (fabs(wanted) > worst.magnitude) worst.magnitude = fabs(wanted);
            continue;
        }
        double value = dtype_load_float(found->dtype, bytes + (size_t)i * size),
               wanted = reference->floats[i];
        double rounded = dtype_round(found->dtype, wanted);
        if (isnan(value) && isnan(rounded)) {
            worst.nans++;
            continue;
        }
        if (!isfinite(value) || !isfinite(rounded)) {
            worst.special |= value != rounded;
            continue;
        }
        if (fabs(value - wanted) > worst.absolute) worst.absolute = fabs(value - wanted);
        if (fabs(wanted) > worst.magnitude) worst.magnitude = fabs(wanted);
        int64_t ulp = ulp_distance(value, rounded, found->dtype);
        if (ulp > worst.ulp) worst.ulp = ulp;
    }
    return worst;
}

static bool report(const char *name, const Tensor *reference, const TensorSource *found, double tolerance) {
    Difference worst = compare(reference, found);
    double limit = reference->floats ? tolerance * fmax(worst.magnitude, 1e-30) : 0;
    bool good = !worst.special && worst.absolute <= fmax(limit, reference->floats ? 1e-30 : 0);
    Text shape;
    text_init(&shape);
    for (int i = 0; i < reference->rank; i++)
        text_printf(&shape, "%s%" PRId64, i ? "x" : "", reference->dims[i]);
    printf("  %-32s %-18s max abs %9.3g of %9.3g  max ulp %8" PRId64 "  %s", name,
           shape.bytes ? shape.bytes : "scalar", worst.absolute, worst.magnitude, worst.ulp,
           good            ? "ok"
           : worst.special ? "DIFFERS (NaN or infinity)"
                           : "DIFFERS");
    if (worst.nans)
        printf(", %" PRId64 " of %" PRId64 " are NaN on both sides", worst.nans, reference->count);
    putchar('\n');
    text_deinit(&shape);
    return good;
}

static bool is_chosen(const Options *options, const Entry *entry) {
    const char *model = options->values[OPTION_MODEL], *names = options->values[OPTION_ENTRY];
    return (!model || strcmp(model, entry->model) == 0) && (!names || options_name(names, entry->name));
}

static bool has_dim(const Entry *entry, const char *name) {
    for (int i = 0; i < entry->dim_count; i++)
        if (strcmp(entry->dims[i]->name, name) == 0) return true;
    return false;
}

/* A dim that |entry| lacks may be meant for another of the entries, which are verified in turn. */
static bool is_for_others(const Options *options, const Module *graph, const Entry *entry, const char *dim) {
    bool others = false;
    for (int i = 0; i < graph->entries.count; i++)
        others |= is_chosen(options, graph->entries.items[i]) && has_dim(graph->entries.items[i], dim);
    return others && !has_dim(entry, dim);
}

static ArgumentWords words_of(Arena *arena, const Options *options, const Module *graph, const Entry *entry) {
    const char *seed = options->values[OPTION_SEED];
    const char **dims = NEW_ARRAY(arena, const char *, options->dims.count + 1);
    int count = 0;
    for (int i = 0; i < options->dims.count; i++) {
        const BuildSetting *dim = &options->dims.items[i];
        if (!is_for_others(options, graph, entry, dim->name))
            dims[count++] = arena_printf(arena, "%s=%s", dim->name, dim->value);
    }
    return (ArgumentWords){.inputs = options->words.items + 1,
                           .input_count = options->words.count - 1,
                           .dims = dims,
                           .dim_count = count,
                           .fill = true,
                           .seed = seed ? strtoull(seed, NULL, 10) : 1,
                           .pictures = picture_options(options)};
}

/* Words that hand a tensor on would need files; the call's own buffers are overwritten instead. */
static bool call_compiled(Arena *arena, Diagnostics *diagnostics, const char *path, const Entry *entry,
                          const EntryArguments *arguments, int threads, LibraryCall *call,
                          Library **out_library, LibraryEntry *library_entry_out) {
    Library *library = *out_library = library_open(arena, diagnostics, path, entry->model);
    if (!library || !library_entry(arena, diagnostics, library, entry->name, library_entry_out)) return false;
    const char **dims = NEW_ARRAY(arena, const char *, entry->dim_count + 1);
    for (int i = 0; i < entry->dim_count; i++)
        dims[i] = arena_printf(arena, "%s=%" PRId64, entry->dims[i]->name, arguments->dims[i]);
    LibraryCallOptions options = {.words = {.dims = dims, .dim_count = entry->dim_count, .fill = true},
                                  .threads = threads};
    if (!library_call_prepare(arena, diagnostics, library, library_entry_out, &options, call)) return false;
    for (int i = 0; i < entry->input_count; i++)
        ((const void **)call->call.inputs)[i] = arguments->inputs[i].bytes;
    return library_call_run(diagnostics, call);
}

static void print_heading(const Entry *entry, const int64_t *dims) {
    printf("%s.%s", entry->model, entry->name);
    for (int i = 0; i < entry->dim_count; i++) printf(", %s = %" PRId64, entry->dims[i]->name, dims[i]);
    putchar('\n');
}

/* The graph as written, and as the passes leave it. What reading the source has to say was told before. */
static bool prepare(Arena *arena, Diagnostics *diagnostics, const Options *options, Pipeline *plain,
                    Pipeline *compiled) {
    const char *input = options->words.items[0];
    if (!pipeline_init(plain, arena, diagnostics, options, input) || !pipeline_load(plain, false) ||
        !pipeline_init(compiled, arena, diagnostics, options, input) || !pipeline_load(compiled, false))
        return false;
    diagnostics_skip(diagnostics);
    return pipeline_run_passes(compiled);
}

static bool verify_entry(Arena *arena, Diagnostics *diagnostics, const Options *options, const char *model,
                         const char *name) {
    Pipeline plain, compiled;
    const char *given = options->values[OPTION_TOLERANCE], *threads = options->values[OPTION_THREADS];
    double tolerance = given ? strtod(given, NULL) : 1e-5;
    if (!prepare(arena, diagnostics, options, &plain, &compiled)) return false;
    Entry *entry = entry_choose(diagnostics, plain.graph, model, name),
          *inner = entry ? entry_choose(diagnostics, compiled.graph, model, name) : NULL;
    if (!inner) return false;
    EntrySignature signature = entry_signature(arena, entry);
    ArgumentWords words = words_of(arena, options, plain.graph, entry);
    EntryArguments arguments;
    if (!arguments_resolve(arena, diagnostics, &signature, &words, &arguments)) return false;
    int outputs = entry->output_count;
    expose_layers(compiled.graph, inner, 1000);
    char folder[] = "/tmp/tenon-verify-XXXXXX";
    if (!mkdtemp(folder)) return false;
    const char *path = arena_printf(arena, "%s/verify.so", folder);
    Tensor **wanted = NEW_ARRAY(arena, Tensor *, outputs + 1),
           **layers = NEW_ARRAY(arena, Tensor *, inner->output_count + 1);
    LibraryCall call = {0};
    Library *library = NULL;
    LibraryEntry library_entry_found;
    bool good = interpret_entry(arena, diagnostics, entry, &arguments, true, NULL, wanted) &&
                interpret_entry(arena, diagnostics, inner, &arguments, true, NULL, layers) &&
                pipeline_lower(&compiled) && compile_shared(&compiled, path) &&
                call_compiled(arena, diagnostics, path, inner, &arguments, threads ? atoi(threads) : 1, &call,
                              &library, &library_entry_found);
    if (good) print_heading(entry, arguments.dims);
    for (int i = outputs; good && i < inner->output_count; i++)
        good &= report(inner->output_names[i], layers[i], &call.outputs[i], tolerance);
    bool results = good || library;
    for (int i = 0; results && i < outputs; i++)
        good &= report(entry->output_names[i], wanted[i], &call.outputs[i], tolerance);
    library_call_end(&call);
    if (library) library_close(library);
    unlink(path);
    rmdir(folder);
    return good;
}

int command_verify(Arena *arena, Diagnostics *diagnostics, const Options *options) {
    if (!options->words.count) {
        fprintf(stderr, "tenon: verify takes a source, then its inputs; those not given are random\n");
        return 2;
    }
    Pipeline pipeline;
    if (!pipeline_init(&pipeline, arena, diagnostics, options, options->words.items[0]) ||
        !pipeline_load(&pipeline, false))
        return 1;
    diagnostics_print(diagnostics, stderr, options->style);
    bool good = true;
    int count = 0;
    for (int i = 0; i < pipeline.graph->entries.count; i++) {
        const Entry *entry = pipeline.graph->entries.items[i];
        if (!is_chosen(options, entry)) continue;
        Arena *scratch = arena_create();
        good &= verify_entry(scratch, diagnostics, options, entry->model, entry->name);
        diagnostics_print(diagnostics, stderr, options->style); /* its spans live in the scratch arena */
        arena_destroy(scratch);
        count++;
    }
    if (!count) fprintf(stderr, "tenon: no such entry\n");
    return good && count ? 0 : 1;
}
