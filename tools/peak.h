/* How fast this core can multiply and add at all: the yardstick that benchmarks are measured with. */
#ifndef TENON_TOOLS_PEAK_H
#define TENON_TOOLS_PEAK_H

#include <stdint.h>

typedef struct PeakLoop {
    const char *name; /* "AVX-512 FMA" */
    double flops_per_round;
    void (*run)(int64_t rounds); /* at least one */
} PeakLoop;

/* The widest that this CPU has. |run| is NULL on machines without one. */
PeakLoop peak_loop(void);

#endif
