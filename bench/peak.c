/* What the machine can do. The FMA peak: independent fused multiply-adds on registers, nothing else; twelve
 * accumulators of 256 bits or 24 of 512 cover the latency of every x86 CPU with FMA. And the bandwidth of
 * reading: loads of whole vectors, added to eight accumulators. */
#include "bench/bench.h"

enum { CHAINS_256 = 12, CHAINS_512 = 24 };

typedef struct PeakLoop {
    void (*run)(int64_t iterations);
    double flops; /* per iteration */
    int64_t iterations;
} PeakLoop;

static PeakLoop chosen;
static void (*read_loop)(const char *data, size_t blocks); /* blocks of READ_BYTES */

enum { READ_BYTES = 512 };

static const double READ_SECONDS = 0.2e-3; /* as long as the peak loop */

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

#define LOAD_256(offset, i) "vaddps " #offset "(%0), %%ymm" #i ", %%ymm" #i "\n"
#define LOAD_512(offset, i) "vaddps " #offset "(%0), %%zmm" #i ", %%zmm" #i "\n"

static __attribute__((target("avx2"))) void read_256(const char *data, size_t blocks) {
    __asm__ volatile(
        "vzeroall\n1:\n" LOAD_256(0, 0) LOAD_256(32, 1) LOAD_256(64, 2) LOAD_256(96, 3) LOAD_256(128, 4)
            LOAD_256(160, 5) LOAD_256(192, 6) LOAD_256(224, 7) LOAD_256(256, 0) LOAD_256(288, 1)
                LOAD_256(320, 2) LOAD_256(352, 3) LOAD_256(384, 4) LOAD_256(416, 5) LOAD_256(448, 6)
                    LOAD_256(480, 7) "add $512, %0\ndec %1\njnz 1b\nvzeroupper\n"
        : "+r"(data), "+r"(blocks)::"cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
          "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

static __attribute__((target("avx512f"))) void read_512(const char *data, size_t blocks) {
    __asm__ volatile(
        "vzeroall\n1:\n" LOAD_512(0, 0) LOAD_512(64, 1) LOAD_512(128, 2) LOAD_512(192, 3) LOAD_512(256, 4)
            LOAD_512(320, 5) LOAD_512(384, 6) LOAD_512(448, 7) "add $512, %0\ndec %1\njnz 1b\nvzeroupper\n"
        : "+r"(data), "+r"(blocks)::"cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6",
          "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
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
    read_loop = read_256;
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
            read_loop = read_512;
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

/* --- reading --- */

void read_prepare(Read *read) { read->data = buffer_create(read->bytes); }

typedef struct ReadWork {
    const char *data;
    size_t blocks; /* of one thread */
    int64_t passes;
} ReadWork;

static void read_item(void *argument, int32_t index) {
    const ReadWork *work = argument;
    for (int64_t i = 0; i < work->passes; i++) {
        read_loop(work->data + (size_t)index * work->blocks * READ_BYTES, work->blocks);
    }
}

/* Seconds of one pass. */
static double passes_measure(ReadWork *work, const tenon_executor *executor) {
    double start = clock_seconds();
    if (executor == NULL) {
        read_item(work, 0);
    } else {
        executor->parallel_for(executor->context, read_item, work, executor->threads);
    }
    return (clock_seconds() - start) / (double)work->passes;
}

double read_measure(const Read *read, const tenon_executor *executor) {
    size_t threads = executor != NULL ? (size_t)executor->threads : 1;
    ReadWork work = {read->data, read->bytes / threads / READ_BYTES, 2};
    if (work.blocks == 0) fail("nothing to read: %zu bytes", read->bytes);
    work.passes = (int64_t)(READ_SECONDS / passes_measure(&work, executor)) + 1;
    passes_measure(&work, executor);
    return passes_measure(&work, executor);
}
