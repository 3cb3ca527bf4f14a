/* The figures as one JSON object. */
#include "bench/bench.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* Infinity is no JSON. */
static double number(double value) { return isfinite(value) ? value : 1e30; }

static void engine_print(const Options *options, const Measurement *measured, int index) {
    const Series *series = &measured->series[index], *first = &measured->series[0];
    int rounds = measured->rounds;
    double least = series_min(series->seconds, rounds);
    printf(", \"%s\": {\"min\": %.9g, \"median\": %.9g, \"calls\": %lld", measured->engines[index].name,
           least, series_median(series->seconds, rounds), (long long)series->calls);
    if (options->flops > 0) {
        printf(", \"share\": %.5g, \"share_best\": %.5g", series_median(series->share, rounds),
               options->flops / least / measured->peak_best);
    }
    if (index > 0) {
        printf(", \"difference\": %.3g, \"ratio\": %.5g, \"ratio_min\": %.5g", number(series->difference),
               series_median(series->ratio, rounds), least / series_min(first->seconds, rounds));
    }
    printf("}");
}

/* The bound, and which part of the first engine's time it is. */
static void bound_print(const Options *options, const Measurement *measured) {
    double share[ROUNDS_MAX];
    long l2_bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
    bool in_l2 = true;
    for (int i = 0; i < options->read_count; i++) {
        in_l2 = in_l2 && (long)options->reads[i].bytes / options->threads <= l2_bytes;
    }
    for (int i = 0; i < measured->rounds; i++) share[i] = measured->bound[i] / measured->series[0].seconds[i];
    printf(", \"bound\": {\"median\": %.9g, \"share\": %.5g, \"in_l2\": %s}",
           series_median(measured->bound, measured->rounds), series_median(share, measured->rounds),
           in_l2 ? "true" : "false");
}

void report_print(const Options *options, const Measurement *measured, int width) {
    printf("{\"rounds\": %d, \"clean\": %d, \"peak_width\": %d, \"peak_best\": %.6g, \"peak_median\": %.6g",
           measured->rounds, measured->clean, width, measured->peak_best,
           series_median(measured->peak, measured->rounds));
    if (options->network.library != NULL) {
        printf(", \"repeatable\": %s", measured->repeatable ? "true" : "false");
        if (options->read_count > 0) bound_print(options, measured);
    }
    for (int i = 0; i < measured->engine_count; i++) engine_print(options, measured, i);
    printf("}\n");
}
