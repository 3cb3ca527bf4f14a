/* Measures one network in one process: a Tenon library and its peers, interleaved with a loop of fused
 * multiply-adds, on the same inputs and pinned threads. Prints one JSON object. bench/run is the program to
 * call. */
#define _GNU_SOURCE /* madvise */
#include "bench/bench.h"
#include "runtime/pool.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum { HUGE_PAGE = 2 << 20 };

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

static const tenon_executor *executor_create(int threads) {
    tenon_pool *pool = tenon_pool_create(threads);
    if (pool == NULL) fail("out of memory");
    workers_pin();
    return tenon_pool_executor(pool);
}

static const struct {
    const char *name;
    Engine (*open)(const Network *network, const char *library, int threads);
} peers[] = {{"onnxruntime", onnxruntime_open}, {"openvino", openvino_open}};

static Engine peer_open(const Peer *peer, const Network *network, int threads) {
    for (size_t i = 0; i < sizeof peers / sizeof *peers; i++) {
        if (strcmp(peers[i].name, peer->name) == 0) return peers[i].open(network, peer->library, threads);
    }
    fail("no peer is called %s", peer->name);
}

/* The peers come first, while their threads may still run on every CPU; each engine's are pinned as soon as
 * they are there. */
static void engines_open(const Options *options, const tenon_executor *executor, Measurement *measured) {
    const Network *network = &options->network;
    int first = network->library != NULL ? 1 : 0;
    for (int i = 0; i < options->peer_count; i++) {
        measured->engines[first + i] = peer_open(&options->peers[i], network, options->threads);
        workers_pin();
    }
    caller_pin();
    if (first == 1) measured->engines[0] = tenon_open(network, executor);
    measured->engine_count = first + options->peer_count;
}

int main(int argc, char **argv) {
    static Measurement measured;
    Options options = options_parse(argc, argv);
    if (options.busy) clock_used = CLOCK_THREAD_CPUTIME_ID;
    threads_init(options.threads);
    inputs_fill(&options.network.inputs);
    const tenon_executor *executor = options.threads > 1 ? executor_create(options.threads) : NULL;
    engines_open(&options, executor, &measured);
    int width = peak_choose(options.width, &measured.peak_best);
    if (width == 0) fail("this CPU has no AVX2 and FMA: no peak to compare with");
    measured.peak_best *= options.threads;
    for (int i = 0; i < options.read_count; i++) read_prepare(&options.reads[i]);

    engines_compare(&measured);
    workers_pin(); /* OpenVINO makes threads late */
    TensorList first = tensors_copy(&measured.engines[0].outputs);
    for (uint32_t i = 0; i < first.count; i++) {
        memcpy(first.items[i].data, measured.engines[0].outputs.items[i].data,
               first.items[i].count * sizeof(float));
    }
    engines_measure(&options, executor, &measured);
    measured.repeatable = outputs_equal(&first, &measured.engines[0].outputs);
    report_print(&options, &measured, width);
    return 0;
}
