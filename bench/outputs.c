/* Whether engines agree, and each with itself. */
#include "bench/bench.h"

#include <math.h>
#include <string.h>

void outputs_poison(const TensorList *outputs) {
    for (uint32_t i = 0; i < outputs->count; i++) {
        memset(outputs->items[i].data, 0xff, outputs->items[i].count * sizeof(float));
    }
}

double outputs_difference(const TensorList *a, const TensorList *b) {
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

bool outputs_equal(const TensorList *a, const TensorList *b) {
    for (uint32_t i = 0; i < a->count; i++) {
        if (memcmp(a->items[i].data, b->items[i].data, a->items[i].count * sizeof(float)) != 0) return false;
    }
    return true;
}
