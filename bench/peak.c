/* The FMA peak: independent fused multiply-adds on registers, nothing else. Twelve accumulators of 256 bits
 * or 24 of 512 cover the latency of every x86 CPU with FMA. */
#include "bench/bench.h"

enum { CHAINS_256 = 12, CHAINS_512 = 24 };

typedef struct PeakLoop {
    void (*run)(int64_t iterations);
    double flops; /* per iteration */
    int64_t iterations;
} PeakLoop;

static PeakLoop chosen;

#define FMA_256(i) "vfmadd231ps %%ymm14, %%ymm15, %%ymm" #i "\n"
#define FMA_512(i) "vfmadd231ps %%zmm30, %%zmm31, %%zmm" #i "\n"

static __attribute__((target("avx2,fma"))) void loop_256(int64_t iterations) {
    __asm__ volatile("vzeroall\n1:\n" FMA_256(0) FMA_256(1) FMA_256(2) FMA_256(3) FMA_256(4) FMA_256(5)
                         FMA_256(6) FMA_256(7) FMA_256(8) FMA_256(9) FMA_256(10)
                             FMA_256(11) "dec %0\njnz 1b\nvzeroupper\n"
                     : "+r"(iterations)::"cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
                       "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

static __attribute__((target("avx512f"))) void loop_512(int64_t iterations) {
    __asm__ volatile("vzeroall\n"
                     "vpxord %%zmm16, %%zmm16, %%zmm16\nvpxord %%zmm17, %%zmm17, %%zmm17\n"
                     "vpxord %%zmm18, %%zmm18, %%zmm18\nvpxord %%zmm19, %%zmm19, %%zmm19\n"
                     "vpxord %%zmm20, %%zmm20, %%zmm20\nvpxord %%zmm21, %%zmm21, %%zmm21\n"
                     "vpxord %%zmm22, %%zmm22, %%zmm22\nvpxord %%zmm23, %%zmm23, %%zmm23\n"
                     "vpxord %%zmm30, %%zmm30, %%zmm30\nvpxord %%zmm31, %%zmm31, %%zmm31\n1:\n" FMA_512(0)
                         FMA_512(1) FMA_512(2) FMA_512(3) FMA_512(4) FMA_512(5) FMA_512(6) FMA_512(7)
                             FMA_512(8) FMA_512(9) FMA_512(10) FMA_512(11) FMA_512(12) FMA_512(13) FMA_512(14)
                                 FMA_512(15) FMA_512(16) FMA_512(17) FMA_512(18) FMA_512(19) FMA_512(20)
                                     FMA_512(21) FMA_512(22) FMA_512(23) "dec %0\njnz 1b\nvzeroupper\n"
                     : "+r"(iterations)::"cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
                       "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15", "xmm16", "xmm17",
                       "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm30", "xmm31");
}

static double loop_rate(const PeakLoop *loop) {
    double start = clock_seconds();
    loop->run(loop->iterations);
    return (double)loop->iterations * loop->flops / (clock_seconds() - start);
}

/* Iterations for 0.2 ms, from the best of a few runs; returns that rate. */
static double loop_calibrate(PeakLoop *loop) {
    double best = 0;
    for (int i = 0; i < 20; i++) {
        double rate = loop_rate(loop);
        if (rate > best) best = rate;
    }
    loop->iterations = (int64_t)(0.2e-3 * best / loop->flops) + 1;
    return best;
}

int peak_choose(int width, double *out_flops) {
    double best = 0;
    int chosen_width = 0;
    if (width >= 256 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        chosen = (PeakLoop){loop_256, CHAINS_256 * 16, 100000};
        chosen_width = 256;
        best = loop_calibrate(&chosen);
    }
    if (width >= 512 && __builtin_cpu_supports("avx512f")) {
        PeakLoop wide = {loop_512, CHAINS_512 * 32, 50000};
        double rate = loop_calibrate(&wide);
        if (rate > 0.98 * best) {
            best = rate;
            chosen = wide;
            chosen_width = 512;
        }
    }
    *out_flops = best;
    return chosen_width;
}

static void peak_item(void *argument, int32_t index) {
    (void)index;
    const PeakLoop *loop = argument;
    loop->run(loop->iterations);
}

double peak_measure(const tenon_executor *executor) {
    if (executor == NULL) return loop_rate(&chosen);
    double start = clock_seconds();
    executor->parallel_for(executor->context, peak_item, &chosen, executor->threads);
    return executor->threads * (double)chosen.iterations * chosen.flops / (clock_seconds() - start);
}
