/* Accuracy and speed of the functions in backend/llvm/math.h on every x86-64 level the machine has.
 *
 *   math_sweep [--all | --stride=N] [--time] [--dump] [function...]
 *
 * f32 functions of one operand are compared with the C library's double functions on every N-th bit pattern
 * (--all: all 2^32), pow and f64 functions with long double on random operands. Errors are in units in the
 * last place of the exact result; where the reference is NaN the result must be. Prints a line per function
 * and ends with status 1 if a bound is exceeded. --time adds cycles per vector of the level's full width. */
#include "test/backend/math/functions.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { CHUNK = 4096 };

typedef struct Options {
    uint64_t stride;
    bool time, dump;
    int name_count;
    char **names;
} Options;

typedef struct Worst {
    double ulp, x, y;
} Worst;

typedef struct Compiled {
    bool is_present;
    KernelFunction *f32, *f64;
} Compiled;

static const int level_lanes[] = {4, 8, 16}; /* of f32 */

static void compile(const Function *function, const Options *options, Compiled *out_levels) {
    const Kernel kernels[] = {{"f32", function->emit, ELEMENT_F32, ELEMENT_F32},
                              {"f64", function->emit, ELEMENT_F64, ELEMENT_F64}};
    for (int level = 0; level < LEVEL_COUNT; level++) {
        out_levels[level].is_present = level_is_supported((Level)level);
        if (!out_levels[level].is_present) continue;
        int lanes = level_lanes[level];
        kernels_compile((Level)level, lanes, &kernels[0], 1, options->dump, &out_levels[level].f32);
        kernels_compile((Level)level, lanes / 2, &kernels[1], 1, options->dump, &out_levels[level].f64);
    }
}

/* Errors. */

static double ulp_error_f32(float result, double reference) {
    if (isnan(reference)) return isnan(result) ? 0 : INFINITY;
    if (isnan(result)) return INFINITY;
    double beyond = 0x1p128;
    double exact = fmax(fmin(reference, beyond), -beyond), got = fmax(fmin(result, beyond), -beyond);
    if (got == exact) return signbit(got) == signbit(exact) ? 0 : INFINITY;
    uint64_t bits;
    memcpy(&bits, &exact, sizeof bits);
    int exponent = (int)(bits >> 52 & 0x7ff) - 1023;
    if (exponent > 127) exponent = 127;
    if (exponent < -126) exponent = -126;
    bits = (uint64_t)(exponent - 23 + 1023) << 52;
    double ulp;
    memcpy(&ulp, &bits, sizeof ulp);
    return fabs(got - exact) / ulp;
}

/* The common case at less cost. */
static bool is_rounded(float result, double reference) {
    float rounded = (float)reference;
    return memcmp(&rounded, &result, sizeof result) == 0;
}

static double ulp_error_f64(double result, long double reference) {
    if (isnan(reference)) return isnan(result) ? 0 : INFINITY;
    if (isnan(result)) return INFINITY;
    long double beyond = 0x1p1024L;
    long double exact = fmaxl(fminl(reference, beyond), -beyond), got = fmaxl(fminl(result, beyond), -beyond);
    if (got == exact) return signbit(got) == signbit(exact) ? 0 : INFINITY;
    int exponent = exact == 0 ? -1022 : ilogbl(exact);
    if (exponent > 1023) exponent = 1023;
    if (exponent < -1022) exponent = -1022;
    return (double)(fabsl(got - exact) / ldexpl(1, exponent - 52));
}

static void worst_update(Worst *worst, double ulp, double x, double y) {
    if (ulp > worst->ulp) *worst = (Worst){ulp, x, y};
}

/* Operands. */

static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint64_t random_bits(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * 0x2545f4914f6cdd1d;
}

static double random_uniform(double low, double high) {
    return low + (high - low) * ((double)(random_bits() >> 11) * 0x1p-53);
}

/* Any double, or one of a size that matters: up to the largest exponent, around 1, -1 and 0. */
static double random_operand(void) {
    switch (random_bits() % 5) {
    case 0: return random_uniform(-2, 2);
    case 1: return random_uniform(-40, 40);
    case 2: return random_uniform(-800, 800);
    case 3: return (double)(random_bits() % 3) - 1 + ldexp(random_uniform(-1, 1), -(int)(random_bits() % 54));
    default: {
        uint64_t bits = random_bits();
        double number;
        memcpy(&number, &bits, sizeof number);
        return number;
    }
    }
}

static double random_base(void) {
    double base = random_uniform(0.5, 2);
    switch (random_bits() % 3) {
    case 0: base = ldexp(base, (int)(random_bits() % 2300) - 1150); break;
    case 1: base = 1 + ldexp(random_uniform(-1, 1), -1 - (int)(random_bits() % 52)); break;
    default: break;
    }
    return random_bits() % 8 ? base : -rint(base);
}

/* For pow: an exponent that often gives a result within range, and integers. */
static double random_exponent(double base) {
    double limit = 745 / (fabs(log(fabs(base))) + 1e-300);
    double exponent = random_uniform(-1.1, 1.1) * fmin(limit, 1e300);
    return random_bits() % 4 ? exponent : rint(exponent);
}

static const double specials[] = {0.0,
                                  -0.0,
                                  1,
                                  -1,
                                  0.5,
                                  -0.5,
                                  2,
                                  -2,
                                  3,
                                  -3,
                                  INFINITY,
                                  -INFINITY,
                                  NAN,
                                  0x1p-149,
                                  -0x1p-149,
                                  0x1p-1074,
                                  -0x1p-1074,
                                  0x1.fffffep127,
                                  -0x1.fffffep127,
                                  0x1.fffffffffffffp1023,
                                  -0x1.fffffffffffffp1023,
                                  1e10,
                                  -1e10,
                                  1e-10,
                                  -1e-10,
                                  16777215,
                                  -16777215,
                                  16777216,
                                  -16777216,
                                  16777217,
                                  0x1p53,
                                  0x1p53 - 1,
                                  1 - 0x1p-24};
enum { SPECIAL_COUNT = sizeof specials / sizeof *specials };

/* The |index|-th pair of operands: all pairs of special numbers, then random ones. */
static void operands(const Function *function, int64_t index, double *out_x, double *out_y) {
    bool is_special = index < SPECIAL_COUNT * SPECIAL_COUNT;
    if (is_special) {
        *out_x = specials[index / SPECIAL_COUNT], *out_y = specials[index % SPECIAL_COUNT];
    } else if (function->operands == 1) {
        *out_x = random_operand(), *out_y = 0;
    } else {
        *out_x = random_base(), *out_y = random_exponent(*out_x);
    }
}

/* Sweeps. */

static void sweep_patterns(const Function *function, const Compiled *levels, uint64_t stride, Worst *worst) {
    static float x[CHUNK], out[CHUNK];
    static double reference[CHUNK];
    for (uint64_t start = 0; start < UINT64_C(1) << 32; start += stride * CHUNK) {
        for (uint32_t i = 0; i < CHUNK; i++) {
            uint32_t bits = (uint32_t)(start + i * stride);
            memcpy(&x[i], &bits, sizeof bits);
            reference[i] = function->reference(x[i], 0);
        }
        for (int level = 0; level < LEVEL_COUNT; level++) {
            if (!levels[level].is_present) continue;
            levels[level].f32(out, x, x, CHUNK);
            for (int i = 0; i < CHUNK; i++)
                if (!is_rounded(out[i], reference[i]))
                    worst_update(&worst[level], ulp_error_f32(out[i], reference[i]), x[i], 0);
        }
    }
}

static void sweep_random_f32(const Function *function, const Compiled *levels, int64_t count, Worst *worst) {
    static float x[CHUNK], y[CHUNK], out[CHUNK];
    static double reference[CHUNK];
    for (int64_t start = 0; start < count; start += CHUNK) {
        for (int i = 0; i < CHUNK; i++) {
            double wide_x, wide_y;
            operands(function, start + i, &wide_x, &wide_y);
            x[i] = (float)wide_x, y[i] = (float)wide_y;
            reference[i] = function->reference(x[i], y[i]);
        }
        for (int level = 0; level < LEVEL_COUNT; level++) {
            if (!levels[level].is_present) continue;
            levels[level].f32(out, x, y, CHUNK);
            for (int i = 0; i < CHUNK; i++)
                worst_update(&worst[level], ulp_error_f32(out[i], reference[i]), x[i], y[i]);
        }
    }
}

static void sweep_random_f64(const Function *function, const Compiled *levels, int64_t count, Worst *worst) {
    static double x[CHUNK], y[CHUNK], out[CHUNK];
    static long double reference[CHUNK];
    for (int64_t start = 0; start < count; start += CHUNK) {
        for (int i = 0; i < CHUNK; i++) {
            operands(function, start + i, &x[i], &y[i]);
            reference[i] = function->precise(x[i], y[i]);
        }
        for (int level = 0; level < LEVEL_COUNT; level++) {
            if (!levels[level].is_present) continue;
            levels[level].f64(out, x, y, CHUNK);
            for (int i = 0; i < CHUNK; i++)
                worst_update(&worst[level], ulp_error_f64(out[i], reference[i]), x[i], y[i]);
        }
    }
}

/* Time. */

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Nanoseconds per cycle, from a chain of additions. */
static double cycle_length(void) {
    enum { ADDITIONS = 20000000 };
    uint64_t sum = 0;
    double best = INFINITY;
    for (int repeat = 0; repeat < 5; repeat++) {
        double start = seconds();
        for (int i = 0; i < ADDITIONS; i += 4)
            __asm__ volatile("add $1, %0\n add $1, %0\n add $1, %0\n add $1, %0" : "+r"(sum));
        best = fmin(best, seconds() - start);
    }
    return best * 1e9 / ADDITIONS;
}

static double cycles_per_vector(KernelFunction *function, int lanes, bool is_double) {
    enum { COUNT = 2048, PASSES = 200, REPEATS = 20 };
    static double x[COUNT], y[COUNT], out[COUNT];
    for (int i = 0; i < COUNT; i++) {
        double number = random_uniform(-8, 0);
        if (is_double)
            x[i] = y[i] = number;
        else
            ((float *)x)[i] = ((float *)y)[i] = (float)number;
    }
    double best = INFINITY;
    for (int repeat = 0; repeat < REPEATS; repeat++) {
        double start = seconds();
        for (int pass = 0; pass < PASSES; pass++) function(out, x, y, COUNT);
        best = fmin(best, seconds() - start);
    }
    return best * 1e9 / PASSES / (COUNT / lanes) / cycle_length();
}

/* Report. */

static bool report(const Function *function, Level level, const Compiled *compiled, Worst f32, Worst f64,
                   bool time) {
    double bound_f32 = function->bound_f32, bound_f64 = function->bound_f64;
    bool holds = f32.ulp <= bound_f32 && f64.ulp <= bound_f64;
    printf("%-15s %s  f32 %6.3f <= %.1f  f64 %6.3f <= %.1f", function->name, level_name(level), f32.ulp,
           bound_f32, f64.ulp, bound_f64);
    if (time) {
        int lanes = level_lanes[level];
        printf("  cycles %5.1f / %d f32  %5.1f / %d f64", cycles_per_vector(compiled->f32, lanes, false),
               lanes, cycles_per_vector(compiled->f64, lanes / 2, true), lanes / 2);
    }
    printf("%s\n", holds ? "" : "  EXCEEDED");
    if (f32.ulp > bound_f32) printf("  f32 worst at x = %a (%g), y = %a\n", f32.x, f32.x, f32.y);
    if (f64.ulp > bound_f64) printf("  f64 worst at x = %a (%g), y = %a\n", f64.x, f64.x, f64.y);
    fflush(stdout);
    return holds;
}

static bool run(const Function *function, const Options *options) {
    Compiled levels[LEVEL_COUNT];
    compile(function, options, levels);
    Worst f32[LEVEL_COUNT] = {0}, f64[LEVEL_COUNT] = {0};
    int64_t random_count = options->stride == 1 ? 1 << 26 : 1 << 19;
    if (function->operands == 1) sweep_patterns(function, levels, options->stride, f32);
    sweep_random_f32(function, levels, function->operands == 1 ? CHUNK : random_count, f32);
    sweep_random_f64(function, levels, random_count, f64);
    bool holds = true;
    for (int level = 0; level < LEVEL_COUNT; level++)
        if (levels[level].is_present)
            holds &= report(function, (Level)level, &levels[level], f32[level], f64[level], options->time);
    return holds;
}

static bool is_chosen(const Options *options, const char *name) {
    for (int i = 0; i < options->name_count; i++)
        if (strcmp(options->names[i], name) == 0) return true;
    return options->name_count == 0;
}

int main(int argc, char **argv) {
    Options options = {.stride = 251};
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--all") == 0)
            options.stride = 1;
        else if (strncmp(argv[i], "--stride=", 9) == 0)
            options.stride = strtoull(argv[i] + 9, NULL, 10);
        else if (strcmp(argv[i], "--time") == 0)
            options.time = true;
        else if (strcmp(argv[i], "--dump") == 0)
            options.dump = true;
        else
            return fprintf(stderr, "unknown option %s\n", argv[i]), 2;
    }
    options.names = argv + i, options.name_count = argc - i;
    bool holds = true;
    for (int k = 0; k < function_count; k++)
        if (is_chosen(&options, functions[k].name)) holds &= run(&functions[k], &options);
    printf(holds ? "all bounds hold\n" : "bounds exceeded\n");
    return !holds;
}
