#include "tools/peak.h"

#include <stddef.h>

#ifdef __x86_64__

/* Twelve sums that do not depend on each other cover two units with a latency of four to six cycles, and
 * leave room for both factors in the 16 registers of AVX2. Each becomes sum * 0.5 + 0.5, so it stays near
 * one. Assembly, so that a debug build measures the same. */
enum { SUMS = 12 };

#define FUSED(v, n) "vfmadd213ps %%" v "15, %%" v "14, %%" v #n "\n\t"
#define SEPARATE(v, n) "mulps %%" v "14, %%" v #n "\n\taddps %%" v "15, %%" v #n "\n\t"
#define ALL_SUMS(step, v)                                                                                    \
    step(v, 0) step(v, 1) step(v, 2) step(v, 3) step(v, 4) step(v, 5) step(v, 6) step(v, 7) step(v, 8)       \
        step(v, 9) step(v, 10) step(v, 11)

#define PEAK_LOOP(name, step, v, broadcast, finish)                                                          \
    static void name(int64_t rounds) {                                                                       \
        const float half = 0.5f;                                                                             \
        __asm__ volatile(broadcast "1:\n\t" ALL_SUMS(step, v) "dec %0\n\tjnz 1b\n\t" finish                  \
                         : "+r"(rounds)                                                                      \
                         : "m"(half)                                                                         \
                         : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8",     \
                           "xmm9", "xmm10", "xmm11", "xmm14", "xmm15");                                      \
    }

#define BROADCAST(v) "vbroadcastss %1, %%" v "14\n\tvbroadcastss %1, %%" v "15\n\t"

PEAK_LOOP(run_avx512, FUSED, "zmm", BROADCAST("zmm"), "vzeroupper")
PEAK_LOOP(run_avx2, FUSED, "ymm", BROADCAST("ymm"), "vzeroupper")
PEAK_LOOP(run_sse, SEPARATE, "xmm",
          "movss %1, %%xmm14\n\tshufps $0, %%xmm14, %%xmm14\n\tmovaps %%xmm14, %%xmm15\n\t", "")

PeakLoop peak_loop(void) {
    if (__builtin_cpu_supports("avx512f")) return (PeakLoop){"AVX-512 FMA", SUMS * 16 * 2, run_avx512};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        return (PeakLoop){"AVX2 FMA", SUMS * 8 * 2, run_avx2};
    return (PeakLoop){"SSE", SUMS * 4 * 2, run_sse};
}

#else

PeakLoop peak_loop(void) { return (PeakLoop){"none", 0, NULL}; }

#endif
