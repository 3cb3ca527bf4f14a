/* Rounds: every engine in turn, between runs of the peak loop. */
#define _GNU_SOURCE
#include "bench/bench.h"

#include <math.h>
#include <string.h>

enum { ROUNDS_MIN = 11, ROUNDS_CLEAN_MIN = 5, TRIES_MAX = 50 };

static const double BURST_SECONDS = 1e-3; /* a burst: as many calls as fit, at least one */
static const double WAITED_MAX = 0.05;    /* of a burst, for a CPU that something else had */
static const double PEAK_CREDIBLE = 0.7;  /* of the best: below it a thread had no CPU */

void engines_compare(Measurement *measured) {
    for (int i = 0; i < measured->engine_count; i++) {
        const Engine *engine = &measured->engines[i];
        outputs_poison(&engine->outputs);
        engine->run(engine->self);
        measured->series[i].difference = outputs_difference(&measured->engines[0].outputs, &engine->outputs);
    }
}

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

/* One round of one engine: the peak, one call that is not timed, a timed burst, the peak; again, within
 * limits, if another process came between. */
static void burst_measure(const Options *options, const tenon_executor *executor, double deadline,
                          Measurement *out, int index) {
    const Engine *engine = &out->engines[index];
    Series *series = &out->series[index];
    double peak, seconds;
    bool disturbed = true;
    for (int try = 0; disturbed && try < TRIES_MAX && (try == 0 || clock_seconds() < deadline); try++) {
        if (!options->busy) workers_quiet_wait();
        caller_pin(); /* OpenVINO sets its caller free */
        peak_measure(executor);
        double waited = threads_waited_seconds();
        peak = peak_measure(executor);
        engine->run(engine->self);
        double start = clock_seconds();
        for (int64_t i = 0; i < series->calls; i++) engine->run(engine->self);
        seconds = (clock_seconds() - start) / (double)series->calls;
        double peak_after = peak_measure(executor);
        out->peak_best = fmax(out->peak_best, fmax(peak, peak_after));
        waited = threads_waited_seconds() - waited;
        disturbed = (!options->busy && waited > WAITED_MAX * seconds * (double)series->calls) ||
                    fmin(peak, peak_after) < PEAK_CREDIBLE * out->peak_best;
        peak = 0.5 * (peak + peak_after);
    }
    out->disturbed[out->rounds] |= disturbed;
    series->seconds[out->rounds] = seconds;
    series->share[out->rounds] = options->flops / seconds / peak;
    out->peak[out->rounds] = peak;
}

static void round_copy(Measurement *out, int from, int to) {
    for (int i = 0; i < out->engine_count; i++) {
        Series *series = &out->series[i];
        series->seconds[to] = series->seconds[from];
        series->share[to] = series->share[from];
        series->ratio[to] = series->ratio[from];
    }
    out->peak[to] = out->peak[from];
    out->bound[to] = out->bound[from];
}

/* Keeps only the rounds in which no engine was disturbed, if these are enough to speak of. */
static void disturbed_drop(Measurement *out) {
    int clean = 0;
    for (int i = 0; i < out->rounds; i++) clean += !out->disturbed[i];
    out->clean = clean;
    if (clean < ROUNDS_CLEAN_MIN) return;
    int kept = 0;
    for (int i = 0; i < out->rounds; i++) {
        if (!out->disturbed[i]) round_copy(out, i, kept++);
    }
    out->rounds = kept;
}

static double bound_measure(const Options *options, const tenon_executor *executor, double peak) {
    double seconds = options->product_flops / peak;
    for (int i = 0; i < options->read_count; i++) {
        seconds += options->reads[i].times * read_measure(&options->reads[i], executor);
    }
    return seconds;
}

void engines_measure(const Options *options, const tenon_executor *executor, Measurement *out) {
    int count = out->engine_count;
    for (int i = 0; i < count; i++) out->series[i].calls = burst_calls(&out->engines[i]);
    double start = clock_seconds(), deadline = start + 4 * options->seconds;
    for (; out->rounds < ROUNDS_MAX; out->rounds++) {
        int round = out->rounds;
        if (round >= ROUNDS_MIN && clock_seconds() - start > options->seconds) break;
        for (int turn = 0; turn < count; turn++) { /* who goes first alternates */
            burst_measure(options, executor, deadline, out, round % 2 == 0 ? turn : count - 1 - turn);
        }
        for (int i = 1; i < count; i++) {
            out->series[i].ratio[round] = out->series[i].seconds[round] / out->series[0].seconds[round];
        }
        out->bound[round] = bound_measure(options, executor, out->peak[round]);
    }
    disturbed_drop(out);
}
