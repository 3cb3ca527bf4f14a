/* The functions of backend/llvm/math.h with exact results: conversions, mod, sign, extrema, and that a lane's
 * bits do not depend on the width of the vector. Compared with the C library and ir/dtype.h on every x86-64
 * level the machine has; prints a line per check that fails, and ends with status 1 then. */
#include "ir/dtype.h"
#include "test/backend/math/functions.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT = 1 << 16 };

static bool all_hold = true;

static void mismatch(const char *name, Level level, double x, double y, double found, double expected) {
    printf("%s %s: x = %a, y = %a: found %a, expected %a\n", name, level_name(level), x, y, found, expected);
    all_hold = false;
}

/* Operands: special numbers, numbers next to integers and powers of two, random bits. */

static uint64_t random_state = 88172645463325252;

static uint64_t random_bits(void) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    return random_state ^= random_state << 17;
}

static double from_bits(uint64_t bits, bool is_double) {
    double number;
    float narrow;
    memcpy(&number, &bits, sizeof number);
    memcpy(&narrow, &bits, sizeof narrow);
    return is_double ? number : (double)narrow;
}

static double next_to(double number, bool is_double) {
    double toward = random_bits() % 2 ? INFINITY : -INFINITY;
    if (random_bits() % 3 == 0) return number;
    return is_double ? nextafter(number, toward) : (double)nextafterf((float)number, (float)toward);
}

static double operand(bool is_double) {
    static const double specials[] = {
        0.0,    -0.0,     1,       -1,      INFINITY,  -INFINITY, NAN,         0x1p-149,   65504,     65520,
        -65520, 65519.99, 0x1p-24, 0x1p-25, 0x1.8p-25, 0x1p-14,   0x1.ffep-15, 0x1.fep127, 0x1.ffp127};
    switch (random_bits() % 6) {
    case 0: return specials[random_bits() % (sizeof specials / sizeof *specials)];
    case 1: return next_to(ldexp(random_bits() % 2 ? 1 : -1, (int)(random_bits() % 70)), is_double);
    case 2: return next_to((double)(int64_t)(random_bits() % 600) - 300, is_double);
    case 3: { /* near the middle between two f16, or two bf16 */
        double step = ldexp((double)(random_bits() % 4096) + 0.5, -(int)(random_bits() % 40));
        return next_to(random_bits() % 2 ? step : -step, is_double);
    }
    case 4: return next_to(ldexp((double)(random_bits() % 2048), -25), is_double);
    default: return from_bits(random_bits(), is_double);
    }
}

static void fill(void *values, bool is_double, int count) {
    for (int i = 0; i < count; i++) {
        double number = operand(is_double);
        if (is_double)
            ((double *)values)[i] = number;
        else
            ((float *)values)[i] = (float)number;
    }
}

static double value_at(const void *values, bool is_double, int i) {
    return is_double ? ((const double *)values)[i] : (double)((const float *)values)[i];
}

static uint64_t x[COUNT], y[COUNT], out[COUNT];

/* Floats to integers and to f16, bf16. */

#define CAST(name, ...)                                                                                      \
    static LLVMValueRef emit_##name(MathEmitter *e, LLVMValueRef a, LLVMValueRef b) {                        \
        return (void)b, __VA_ARGS__;                                                                         \
    }
CAST(i8, math_to_integer(e, a, 8, true))
CAST(i16, math_to_integer(e, a, 16, true))
CAST(i32, math_to_integer(e, a, 32, true))
CAST(i64, math_to_integer(e, a, 64, true))
CAST(u8, math_to_integer(e, a, 8, false))
CAST(to_f16, math_to_f16(e, a))
CAST(to_bf16, math_to_bf16(e, a))
CAST(from_f16, math_from_f16(e, a))
CAST(from_bf16, math_from_bf16(e, a))

static void check_casts(Level level, int lanes) {
    static const struct {
        Kernel kernel;
        DType to;
    } casts[] = {
        {{"i8", emit_i8, ELEMENT_F32, ELEMENT_I8}, DTYPE_I8},
        {{"i16", emit_i16, ELEMENT_F32, ELEMENT_I16}, DTYPE_I16},
        {{"i32", emit_i32, ELEMENT_F32, ELEMENT_I32}, DTYPE_I32},
        {{"i64", emit_i64, ELEMENT_F32, ELEMENT_I64}, DTYPE_I64},
        {{"u8", emit_u8, ELEMENT_F32, ELEMENT_I8}, DTYPE_U8},
        {{"f16", emit_to_f16, ELEMENT_F32, ELEMENT_I16}, DTYPE_F16},
        {{"bf16", emit_to_bf16, ELEMENT_F32, ELEMENT_I16}, DTYPE_BF16},
    };
    for (size_t i = 0; i < 2 * (sizeof casts / sizeof *casts); i++) {
        Kernel kernel = casts[i / 2].kernel;
        bool is_double = i % 2;
        kernel.in = is_double ? ELEMENT_F64 : ELEMENT_F32;
        KernelFunction *run;
        kernels_compile(level, lanes, &kernel, 1, false, &run);
        fill(x, is_double, COUNT);
        run(out, x, x, COUNT);
        for (int k = 0; k < COUNT; k++) {
            double number = value_at(x, is_double, k);
            uint64_t expected = 0, found = 0;
            size_t bytes = dtype_bytes(casts[i / 2].to);
            dtype_store_float(casts[i / 2].to, &expected, number);
            memcpy(&found, (char *)out + (size_t)k * bytes, bytes);
            if (isnan(number) && dtype_is_float(casts[i / 2].to)
                    ? isnan(dtype_load_float(casts[i / 2].to, &found))
                    : memcmp(&found, &expected, bytes) == 0)
                continue;
            mismatch(kernel.name, level, number, is_double, (double)found, (double)expected);
        }
    }
}

/* From f16 and bf16, all of them. */
static void check_halves(Level level, int lanes) {
    static const Kernel kernels[] = {{"from_f16", emit_from_f16, ELEMENT_I16, ELEMENT_F32},
                                     {"from_bf16", emit_from_bf16, ELEMENT_I16, ELEMENT_F32}};
    static uint16_t halves[COUNT];
    for (int i = 0; i < COUNT; i++) halves[i] = (uint16_t)i;
    for (int i = 0; i < 2; i++) {
        KernelFunction *run;
        kernels_compile(level, lanes, &kernels[i], 1, false, &run);
        run(out, halves, halves, COUNT);
        for (int k = 0; k < COUNT; k++) {
            float expected = (float)dtype_load_float(i ? DTYPE_BF16 : DTYPE_F16, &halves[k]);
            float found = (float)value_at(out, false, k);
            if (isnan(expected) ? !isnan(found) : memcmp(&found, &expected, sizeof found) != 0)
                mismatch(kernels[i].name, level, k, 0, found, expected);
        }
    }
}

/* Functions from floats to the same type. */

static LLVMValueRef emit_min_number(MathEmitter *e, LLVMValueRef a, LLVMValueRef b) {
    return (void)b, math_min_number(e, a, 3);
}
static LLVMValueRef emit_max_number(MathEmitter *e, LLVMValueRef a, LLVMValueRef b) {
    return (void)b, math_max_number(e, a, 3);
}
CAST(sign, math_sign(e, a))
CAST(floor, math_floor(e, a))
CAST(ceil, math_ceil(e, a))
CAST(sqrt, math_sqrt(e, a))
CAST(abs, math_abs(e, a))

static double least(double a, double b) { return isnan(a) || isnan(b) ? NAN : a < b ? a : b; }
static double most(double a, double b) { return isnan(a) || isnan(b) ? NAN : a > b ? a : b; }
static double least3(double a, double b) { return (void)b, least(a, 3); }
static double most3(double a, double b) { return (void)b, most(a, 3); }
static double sign(double a, double b) { return (void)b, isnan(a) ? a : (double)((a > 0) - (a < 0)); }
static double floor_of(double a, double b) { return (void)b, floor(a); }
static double ceil_of(double a, double b) { return (void)b, ceil(a); }
static double sqrt_of(double a, double b) { return (void)b, sqrt(a); }
static double abs_of(double a, double b) { return (void)b, fabs(a); }

static void check_functions(Level level, int lanes, bool is_double) {
    static const struct {
        Kernel kernel;
        double (*reference)(double, double);
    } exact[] = {
        {{"abs", emit_abs}, abs_of},
        {{"ceil", emit_ceil}, ceil_of},
        {{"floor", emit_floor}, floor_of},
        {{"max", math_max}, most},
        {{"max_number", emit_max_number}, most3},
        {{"min", math_min}, least},
        {{"mod", math_mod}, fmod},
        {{"min_number", emit_min_number}, least3},
        {{"sign", emit_sign}, sign},
        {{"sqrt", emit_sqrt}, sqrt_of},
    };
    for (size_t i = 0; i < sizeof exact / sizeof *exact; i++) {
        Kernel kernel = exact[i].kernel;
        kernel.in = kernel.out = is_double ? ELEMENT_F64 : ELEMENT_F32;
        KernelFunction *run;
        kernels_compile(level, lanes, &kernel, 1, false, &run);
        fill(x, is_double, COUNT);
        fill(y, is_double, COUNT);
        run(out, x, y, COUNT);
        bool orders_zeros = exact[i].kernel.emit != math_min && exact[i].kernel.emit != math_max;
        for (int k = 0; k < COUNT; k++) {
            double a = value_at(x, is_double, k), b = value_at(y, is_double, k),
                   found = value_at(out, is_double, k);
            double expected = exact[i].reference(a, b);
            if (!is_double) expected = (float)expected;
            bool same = found == expected && (!orders_zeros || signbit(found) == signbit(expected));
            if (!same && !(isnan(found) && isnan(expected)))
                mismatch(kernel.name, level, a, b, found, expected);
        }
    }
}

/* Lanes. */

static void check_widths(Level level, int widest, bool is_double) {
    static uint64_t scalar[COUNT];
    enum { USED = COUNT / 96 * 96 };
    for (int i = 0; i < function_count; i++) {
        Element element = is_double ? ELEMENT_F64 : ELEMENT_F32;
        Kernel kernel = {functions[i].name, functions[i].emit, element, element};
        fill(x, is_double, COUNT);
        fill(y, is_double, COUNT);
        const int widths[] = {1, 2, 3, widest / 2, widest, 2 * widest};
        for (size_t w = 0; w < sizeof widths / sizeof *widths; w++) {
            KernelFunction *run;
            kernels_compile(level, widths[w], &kernel, 1, false, &run);
            run(w ? out : scalar, x, y, USED);
            for (int k = 0; w && k < USED; k++) {
                double found = value_at(out, is_double, k), expected = value_at(scalar, is_double, k);
                if (isnan(expected) ? isnan(found) : found == expected && signbit(found) == signbit(expected))
                    continue;
                mismatch(kernel.name, level, value_at(x, is_double, k), value_at(y, is_double, k), found,
                         expected);
            }
        }
    }
}

int main(void) {
    static const int widest[] = {4, 8, 16};
    for (int level = 0; level < LEVEL_COUNT; level++) {
        if (!level_is_supported((Level)level)) continue;
        for (int lanes = 1; lanes <= widest[level]; lanes *= widest[level]) {
            check_casts((Level)level, lanes);
            check_halves((Level)level, lanes);
            check_functions((Level)level, lanes, false);
            check_functions((Level)level, lanes, true);
        }
        check_widths((Level)level, widest[level], false);
        check_widths((Level)level, widest[level] / 2, true);
    }
    printf(all_hold ? "all results exact\n" : "results differ\n");
    return !all_hold;
}
