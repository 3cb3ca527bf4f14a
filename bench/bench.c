/* Measures one network in one process: a Tenon library and ONNX Runtime, interleaved with a loop of fused
 * multiply-adds, on the same inputs and pinned threads. Prints one JSON object. bench/run is the program to
 * call. */
#define _GNU_SOURCE /* madvise */
#include "bench/bench.h"
#include "runtime/pool.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

enum { ROUNDS_MIN = 11, ROUNDS_CLEAN_MIN = 5, ROUNDS_MAX = 201, TRIES_MAX = 50, HUGE_PAGE = 2 << 20 };

static const double BURST_SECONDS = 1e-3; /* a burst: as many calls as fit, at least one */
static const double PEAK_CREDIBLE = 0.7;  /* of the best: below it a thread had no CPU */

/* What one side yielded, a value per round: seconds per call, and its part of the peak around it. */
typedef struct Series {
    double seconds[ROUNDS_MAX], share[ROUNDS_MAX];
    bool disturbed[ROUNDS_MAX]; /* another process came between */
    int64_t calls;              /* per burst */
} Series;

typedef struct Measurement {
    int rounds, clean; /* clean: undisturbed; if these are enough, the others are dropped */
    Series tenon, peer;
    double ratio[ROUNDS_MAX], peak[ROUNDS_MAX];
    double peak_best;  /* over all rounds */
    double difference; /* between the two sides' first outputs */
    bool repeatable;   /* the Tenon side's last outputs are bit for bit its first */
} Measurement;

_Noreturn void fail(const char *format, ...) {
    char text[1000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printf("{\"error\": \"");
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') putchar('\\');
        putchar((unsigned char)*c < ' ' ? ' ' : *c);
    }
    printf("\"}\n");
    fflush(stdout);
    _Exit(1);
}

static clockid_t clock_used = CLOCK_MONOTONIC;

double clock_seconds(void) {
    struct timespec time;
    clock_gettime(clock_used, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void *buffer_create(size_t bytes) {
    static size_t created;
    size_t stagger = created++ % 32 * (17 * 64);
    size_t room = (bytes + stagger + HUGE_PAGE) / HUGE_PAGE * HUGE_PAGE;
    char *base = aligned_alloc(HUGE_PAGE, room);
    if (base == NULL) fail("out of memory: %zu bytes", room);
    madvise(base, room, MADV_HUGEPAGE);
    memset(base, 0, room);
    return base + stagger;
}

TensorList tensors_copy(const TensorList *tensors) {
    TensorList copy = *tensors;
    for (uint32_t i = 0; i < copy.count; i++) {
        copy.items[i].data = buffer_create(copy.items[i].count * sizeof(float));
    }
    return copy;
}

/* --- inputs and outputs --- */

/* Uniform in -1..1, the same on every run: xorshift64* (Vigna 2016). */
static void inputs_fill(TensorList *inputs) {
    uint64_t state = 0x9e3779b97f4a7c15u;
    for (uint32_t i = 0; i < inputs->count; i++) {
        Tensor *tensor = &inputs->items[i];
        tensor->data = buffer_create(tensor->count * sizeof(float));
        for (size_t j = 0; j < tensor->count; j++) {
            state ^= state >> 12, state ^= state << 25, state ^= state >> 27;
            tensor->data[j] = (float)(int32_t)((state * 0x2545f4914f6cdd1du) >> 32) * 0x1p-31f;
        }
    }
}

static void outputs_poison(const TensorList *outputs) {
    for (uint32_t i = 0; i < outputs->count; i++) {
        memset(outputs->items[i].data, 0xff, outputs->items[i].count * sizeof(float));
    }
}

/* The largest difference over all outputs, relative to the range of the same output of the peer; INFINITY if
 * anything is not finite. An output whose elements are all equal has its magnitude for a range. */
static double outputs_difference(const TensorList *a, const TensorList *b) {
    double worst = 0;
    for (uint32_t i = 0; i < a->count; i++) {
        double difference = 0, least = INFINITY, largest = -INFINITY;
        for (size_t j = 0; j < a->items[i].count; j++) {
            double x = a->items[i].data[j], y = b->items[i].data[j];
            if (!isfinite(x) || !isfinite(y)) return INFINITY;
            difference = fmax(difference, fabs(x - y));
            least = fmin(least, y);
            largest = fmax(largest, y);
        }
        double range = largest > least ? largest - least : fabs(largest);
        if (difference > 0) worst = fmax(worst, range > 0 ? difference / range : INFINITY);
    }
    return worst;
}

/* Runs both sides once on poisoned outputs. Returns a copy of the Tenon side's. */
static TensorList outputs_first(const Network *network, const Engine *tenon, const Engine *peer,
                                double *out_difference) {
    TensorList first = {0};
    if (network->library != NULL) {
        outputs_poison(&tenon->outputs);
        tenon->run(tenon->self);
        first = tensors_copy(&tenon->outputs);
        for (uint32_t i = 0; i < first.count; i++) {
            memcpy(first.items[i].data, tenon->outputs.items[i].data, first.items[i].count * sizeof(float));
        }
    }
    if (network->onnx != NULL) {
        outputs_poison(&peer->outputs);
        peer->run(peer->self);
    }
    bool both = network->library != NULL && network->onnx != NULL;
    *out_difference = both ? outputs_difference(&tenon->outputs, &peer->outputs) : 0;
    return first;
}

static bool outputs_equal(const TensorList *a, const TensorList *b) {
    for (uint32_t i = 0; i < a->count; i++) {
        if (memcmp(a->items[i].data, b->items[i].data, a->items[i].count * sizeof(float)) != 0) return false;
    }
    return true;
}

/* --- measuring --- */

/* Warms the engine up and finds how many calls make a burst. */
static int64_t burst_calls(const Engine *engine) {
    double best = INFINITY;
    for (int i = 0; i < 5; i++) {
        double start = clock_seconds();
        engine->run(engine->self);
        best = fmin(best, clock_seconds() - start);
    }
    return (int64_t)fmin(1e6, BURST_SECONDS / best) + 1;
}

/* How often the system took the CPU from a thread of this process that wanted it. */
static long preemptions(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_nivcsw;
}

/* One round of one side: the peak, one call that is not timed, a timed burst, the peak; again, within limits,
 * if another process came between. */
static void burst_measure(const Options *options, const Engine *engine, const tenon_executor *executor,
                          double deadline, Measurement *out, Series *series) {
    double peak, seconds;
    bool disturbed = true;
    for (int try = 0; disturbed && try < TRIES_MAX && (try == 0 || clock_seconds() < deadline); try++) {
        if (!options->busy) workers_quiet_wait();
        peak_measure(executor);
        long before = preemptions();
        peak = peak_measure(executor);
        engine->run(engine->self);
        double start = clock_seconds();
        for (int64_t i = 0; i < series->calls; i++) engine->run(engine->self);
        seconds = (clock_seconds() - start) / (double)series->calls;
        double peak_after = peak_measure(executor);
        out->peak_best = fmax(out->peak_best, fmax(peak, peak_after));
        disturbed = (!options->busy && preemptions() != before) ||
                    fmin(peak, peak_after) < PEAK_CREDIBLE * out->peak_best;
        peak = 0.5 * (peak + peak_after);
    }
    series->disturbed[out->rounds] = disturbed;
    series->seconds[out->rounds] = seconds;
    series->share[out->rounds] = options->flops / seconds / peak;
    out->peak[out->rounds] = peak;
}

/* Keeps only the rounds in which neither side was disturbed, if these are enough to speak of. */
static void disturbed_drop(Measurement *out) {
    int clean = 0;
    for (int i = 0; i < out->rounds; i++) clean += !out->tenon.disturbed[i] && !out->peer.disturbed[i];
    out->clean = clean;
    if (clean < ROUNDS_CLEAN_MIN) return;
    int kept = 0;
    for (int i = 0; i < out->rounds; i++) {
        if (out->tenon.disturbed[i] || out->peer.disturbed[i]) continue;
        out->tenon.seconds[kept] = out->tenon.seconds[i];
        out->tenon.share[kept] = out->tenon.share[i];
        out->peer.seconds[kept] = out->peer.seconds[i];
        out->peer.share[kept] = out->peer.share[i];
        out->ratio[kept] = out->ratio[i];
        out->peak[kept++] = out->peak[i];
    }
    out->rounds = kept;
}

static void measure(const Options *options, const Engine *tenon, const Engine *peer,
                    const tenon_executor *executor, Measurement *out) {
    const Network *network = &options->network;
    if (network->library != NULL) out->tenon.calls = burst_calls(tenon);
    if (network->onnx != NULL) out->peer.calls = burst_calls(peer);
    double start = clock_seconds(), deadline = start + 4 * options->seconds;
    for (; out->rounds < ROUNDS_MAX; out->rounds++) {
        int round = out->rounds;
        if (round >= ROUNDS_MIN && clock_seconds() - start > options->seconds) break;
        for (int turn = 0; turn < 2; turn++) { /* who goes first alternates */
            bool is_tenon = (turn + round) % 2 == 0;
            if ((is_tenon ? network->library : network->onnx) == NULL) continue;
            burst_measure(options, is_tenon ? tenon : peer, executor, deadline, out,
                          is_tenon ? &out->tenon : &out->peer);
        }
        out->ratio[round] = out->peer.seconds[round] / out->tenon.seconds[round];
    }
    disturbed_drop(out);
}

/* --- the report --- */

static int double_compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double series_min(const double *values, int count) {
    double least = INFINITY;
    for (int i = 0; i < count; i++) least = fmin(least, values[i]);
    return least;
}

static double series_median(const double *values, int count) {
    double sorted[ROUNDS_MAX];
    memcpy(sorted, values, (size_t)count * sizeof *sorted);
    qsort(sorted, (size_t)count, sizeof *sorted, double_compare);
    return count % 2 ? sorted[count / 2] : 0.5 * (sorted[count / 2 - 1] + sorted[count / 2]);
}

static void series_print(const char *name, const Options *options, const Series *series, int rounds,
                         double peak_best) {
    double least = series_min(series->seconds, rounds);
    printf(", \"%s\": {\"min\": %.9g, \"median\": %.9g, \"calls\": %lld", name, least,
           series_median(series->seconds, rounds), (long long)series->calls);
    if (options->flops > 0) {
        printf(", \"share\": %.5g, \"share_best\": %.5g", series_median(series->share, rounds),
               options->flops / least / peak_best);
    }
    printf("}");
}

static void report(const Options *options, const Measurement *measured, int width) {
    const Network *network = &options->network;
    int rounds = measured->rounds;
    printf("{\"rounds\": %d, \"clean\": %d, \"peak_width\": %d, \"peak_best\": %.6g, \"peak_median\": %.6g",
           rounds, measured->clean, width, measured->peak_best, series_median(measured->peak, rounds));
    if (network->library != NULL) {
        printf(", \"repeatable\": %s", measured->repeatable ? "true" : "false");
        series_print("tenon", options, &measured->tenon, rounds, measured->peak_best);
    }
    if (network->onnx != NULL)
        series_print("onnxruntime", options, &measured->peer, rounds, measured->peak_best);
    if (network->library != NULL && network->onnx != NULL) {
        printf(", \"difference\": %.3g, \"ratio\": %.5g, \"ratio_min\": %.5g",
               isfinite(measured->difference) ? measured->difference : 1e30,
               series_median(measured->ratio, rounds),
               series_min(measured->peer.seconds, rounds) / series_min(measured->tenon.seconds, rounds));
    }
    printf("}\n");
}

static const tenon_executor *executor_create(int threads) {
    tenon_pool *pool = tenon_pool_create(threads);
    if (pool == NULL) fail("out of memory");
    workers_pin();
    return tenon_pool_executor(pool);
}

int main(int argc, char **argv) {
    static Measurement measured;
    Options options = options_parse(argc, argv);
    Network *network = &options.network;
    if (options.busy) clock_used = CLOCK_THREAD_CPUTIME_ID;
    threads_init(options.threads);
    inputs_fill(&network->inputs);
    const tenon_executor *executor = NULL;
    Engine tenon = {0}, peer = {0};
    if (options.threads > 1) executor = executor_create(options.threads);
    if (network->onnx != NULL) peer = onnxruntime_open(network, options.threads);
    workers_pin();
    caller_pin();
    if (network->library != NULL) tenon = tenon_open(network, executor);
    int width = peak_choose(options.width, &measured.peak_best);
    if (width == 0) fail("this CPU has no AVX2 and FMA: no peak to compare with");
    measured.peak_best *= options.threads;

    TensorList first = outputs_first(network, &tenon, &peer, &measured.difference);
    measure(&options, &tenon, &peer, executor, &measured);
    if (network->library != NULL) measured.repeatable = outputs_equal(&first, &tenon.outputs);
    report(&options, &measured, width);
    return 0;
}
