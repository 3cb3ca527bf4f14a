#include "support/text.h"
#include "tools/library.h"
#include "tools/peak.h"

#include <jansson.h>
#include <stdlib.h>
#include <time.h>

/* A sample is long enough for the clock; between samples of about a millisecond the peak loop has its turn,
 * so that both see the same machine. */
enum { SAMPLES_MIN = 5, SAMPLES_MAX = 100000 };
static const double SAMPLE_SECONDS = 50e-6, TURN_SECONDS = 1e-3, PEAK_SECONDS = 200e-6, MIN_TIME_DEFAULT = 1;

typedef struct Bench {
    LibraryCall call;
    int64_t calls_per_sample;
    double *samples; /* seconds per call */
    int sample_count;
    PeakLoop peak;
    double peak_flops; /* per second, the best turn */
    int64_t calls;
} Bench;

static double seconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Seconds of |count| calls; negative: one failed, which is reported. */
static double time_calls(Diagnostics *diagnostics, Bench *bench, int64_t count) {
    double start = seconds_now();
    for (int64_t i = 0; i < count; i++)
        if (!library_call_run(diagnostics, &bench->call)) return -1;
    bench->calls += count;
    return seconds_now() - start;
}

/* Warms up, and finds how many calls make a sample. */
static bool calibrate(Diagnostics *diagnostics, Bench *bench, double sample_seconds) {
    bench->calls_per_sample = 1;
    if (time_calls(diagnostics, bench, 2) < 0) return false;
    for (;;) {
        double seconds = time_calls(diagnostics, bench, bench->calls_per_sample);
        if (seconds < 0) return false;
        if (seconds >= sample_seconds) return true;
        bench->calls_per_sample *= 2;
    }
}

static void take_peak_turn(Bench *bench) {
    static const int64_t chunk = 2000;
    if (!bench->peak.run) return;
    double start = seconds_now(), seconds = 0;
    do {
        double before = seconds_now();
        bench->peak.run(chunk);
        double flops = (double)chunk * bench->peak.flops_per_round / (seconds_now() - before);
        if (flops > bench->peak_flops) bench->peak_flops = flops;
        seconds = seconds_now() - start;
    } while (seconds < PEAK_SECONDS);
}

static bool measure(Arena *arena, Diagnostics *diagnostics, Bench *bench, double min_time) {
    bench->peak = peak_loop();
    bench->samples = NEW_ARRAY(arena, double, SAMPLES_MAX);
    double shortest = min_time / SAMPLES_MAX;
    if (!calibrate(diagnostics, bench, shortest > SAMPLE_SECONDS ? shortest : SAMPLE_SECONDS)) return false;
    bench->calls = 0;
    double total = 0, turn = TURN_SECONDS;
    while ((total < min_time || bench->sample_count < SAMPLES_MIN) && bench->sample_count < SAMPLES_MAX) {
        if (turn >= TURN_SECONDS) {
            take_peak_turn(bench);
            turn = 0;
            if (time_calls(diagnostics, bench, 1) < 0)
                return false; /* brings its data back into the caches */
            bench->calls--;
        }
        double seconds = time_calls(diagnostics, bench, bench->calls_per_sample);
        if (seconds < 0) return false;
        bench->samples[bench->sample_count++] = seconds / (double)bench->calls_per_sample;
        total += seconds;
        turn += seconds;
    }
    return true;
}

static int compare_doubles(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

typedef struct BenchResult {
    double minimum, median; /* seconds */
    double flops;           /* per second at the minimum; 0: not known */
    double share;           /* of the peak of all threads */
    int threads;
} BenchResult;

static BenchResult summarise(Bench *bench, const BenchLibraryOptions *options) {
    qsort(bench->samples, (size_t)bench->sample_count, sizeof *bench->samples, compare_doubles);
    BenchResult result = {.minimum = bench->samples[0], .median = bench->samples[bench->sample_count / 2]};
    result.threads = bench->call.pool ? bench->call.call.executor->threads : 1;
    result.flops = options->flops / result.minimum;
    if (bench->peak_flops > 0) result.share = result.flops / (bench->peak_flops * result.threads);
    return result;
}

static void put_seconds(Text *text, double seconds) {
    static const char *const units[] = {"s", "ms", "µs", "ns"};
    int unit = 0;
    while (unit < 3 && seconds < 1) {
        seconds *= 1000;
        unit++;
    }
    text_printf(text, "%.4g %s", seconds, units[unit]);
}

static void put_text(Text *text, const Bench *bench, const BenchResult *result) {
    const EntrySignature *signature = &bench->call.entry->signature;
    text_puts(text, signature->name);
    for (int i = 0; i < signature->dim_count; i++)
        text_printf(text, ", %s = %lld", signature->dims[i]->name, (long long)bench->call.call.dims[i]);
    text_printf(text, ", %d thread%s\n  min ", result->threads, result->threads == 1 ? "" : "s");
    put_seconds(text, result->minimum);
    text_puts(text, ", median ");
    put_seconds(text, result->median);
    text_printf(text, " of %lld calls\n", (long long)bench->calls);
    if (result->flops > 0) text_printf(text, "  %.4g GFLOP/s", result->flops * 1e-9);
    if (result->flops > 0 && result->share > 0)
        text_printf(text, ", %.1f %% of the peak", 100 * result->share);
    if (result->flops > 0) text_putc(text, '\n');
    if (bench->peak_flops > 0)
        text_printf(text, "  peak of one core meanwhile (%s): %.4g GFLOP/s\n", bench->peak.name,
                    bench->peak_flops * 1e-9);
}

static void put_json(Text *text, const Bench *bench, const BenchResult *result,
                     const BenchLibraryOptions *options) {
    const EntrySignature *signature = &bench->call.entry->signature;
    json_t *dims = json_object();
    for (int i = 0; i < signature->dim_count; i++)
        json_object_set_new(dims, signature->dims[i]->name, json_integer(bench->call.call.dims[i]));
    json_t *object = json_object();
    json_object_set_new(object, "library", json_string(options->library));
    json_object_set_new(object, "entry", json_string(signature->name));
    json_object_set_new(object, "dims", dims);
    json_object_set_new(object, "threads", json_integer(result->threads));
    json_object_set_new(object, "calls", json_integer(bench->calls));
    json_object_set_new(object, "min_seconds", json_real(result->minimum));
    json_object_set_new(object, "median_seconds", json_real(result->median));
    if (result->flops > 0) json_object_set_new(object, "flops_per_second", json_real(result->flops));
    if (bench->peak_flops > 0)
        json_object_set_new(object, "peak_flops_per_second", json_real(bench->peak_flops));
    if (result->share > 0) json_object_set_new(object, "peak_share", json_real(result->share));
    char *line = json_dumps(object, JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(6));
    if (line) text_printf(text, "%s\n", line);
    free(line);
    json_decref(object);
}

static bool bench_entry(Arena *arena, Diagnostics *diagnostics, const BenchLibraryOptions *options,
                        const Library *library, Bench *bench) {
    LibraryEntry entry;
    if (!library_entry(arena, diagnostics, library, options->entry, &entry)) return false;
    if (!library_call_prepare(arena, diagnostics, library, &entry, &options->call, &bench->call))
        return false;
    double min_time = options->min_time > 0 ? options->min_time : MIN_TIME_DEFAULT;
    if (!measure(arena, diagnostics, bench, min_time)) return false;
    BenchResult result = summarise(bench, options);
    Text text;
    text_init(&text);
    if (options->json)
        put_json(&text, bench, &result, options);
    else
        put_text(&text, bench, &result);
    fwrite(text.bytes, 1, text.length, stdout);
    text_deinit(&text);
    return true;
}

int bench_library(Arena *arena, Diagnostics *diagnostics, const BenchLibraryOptions *options) {
    Library *library = library_open(arena, diagnostics, options->library, options->model);
    if (!library) return 1;
    Bench bench = {0};
    bool good = bench_entry(arena, diagnostics, options, library, &bench);
    library_call_end(&bench.call);
    library_close(library);
    return good ? 0 : 1;
}
