#include "test/native/values.h"

#include <math.h>
#include <stdlib.h>

/* splitmix64 */
uint64_t random_next(Random *random) {
    uint64_t z = random->state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

int random_below(Random *random, int count) { return (int)(random_next(random) % (uint64_t)count); }

bool random_chance(Random *random, int percent) { return random_below(random, 100) < percent; }

Random random_from_text(const char *text, uint64_t salt) {
    Random random = {salt * 0x2545f4914f6cdd1du + 0x1234567};
    for (; *text; text++) random.state = random_next(&random) ^ (unsigned char)*text;
    return random;
}

static double uniform(Random *random) { return (double)(random_next(random) >> 11) * 0x1p-53; }

/* A quarter of them exact fractions, which round nowhere. */
static double plain_float(Random *random) {
    if (random_chance(random, 25)) return 0.25 * (random_below(random, 17) - 8);
    return 4 * uniform(random) - 2;
}

static double largest(DType dtype) {
    switch (dtype) {
    case DTYPE_F32: return 0x1.fffffep127;
    case DTYPE_F16: return 65504;
    case DTYPE_BF16: return 0x1.fep127;
    default: return 0x1.fffffffffffffp1023;
    }
}

static double special_float(Random *random, DType dtype) {
    double least = ulp_at(dtype, 0), sign = random_chance(random, 50) ? -1 : 1;
    switch (random_below(random, 16)) {
    case 0: return sign * 0.0;
    case 1: return NAN;
    case 2: return sign * INFINITY;
    case 3: return sign * least;
    case 4: return sign * least * 777;
    case 5: return sign * largest(dtype);
    case 6: return sign;
    case 7: return sign * (random_below(random, 200) + 0.5); /* ties of rounding to integers */
    case 8: return sign * 1e-3 * uniform(random);
    case 9: return sign * 100 * uniform(random);
    case 10: return sign * ldexp(1 + uniform(random), random_below(random, 70) - 5);
    case 11: return sign * ldexp(1, 31);
    default: return plain_float(random);
    }
}

static double float_of(Random *random, char kind, DType dtype) {
    double value = kind == 's' ? special_float(random, dtype) : plain_float(random);
    if (kind == 'p') value = fabs(value) + 0.5;
    return dtype_round(dtype, value);
}

static int64_t plain_integer(Random *random, DType dtype) {
    int64_t value = random_below(random, 23) - 11;
    if (dtype == DTYPE_U8 || dtype == DTYPE_BOOL) value = random_below(random, 256);
    return dtype == DTYPE_BOOL ? value & 1 : value;
}

static int64_t special_integer(Random *random, DType dtype) {
    switch (random_below(random, 6)) {
    case 0: return dtype_saturate(dtype, -INFINITY);
    case 1: return dtype_saturate(dtype, INFINITY);
    case 2: return dtype_wrap(dtype, -1);
    case 3: return dtype_wrap(dtype, (int64_t)random_next(random));
    case 4: return dtype_wrap(dtype, (int64_t)random_next(random) >> random_below(random, 60));
    default: return plain_integer(random, dtype);
    }
}

static int64_t integer_of(Random *random, const char *name, DType dtype) {
    if (name[0] == 'j') {
        int extent = atoi(name + 1), low = dtype == DTYPE_U8 ? 0 : -extent;
        return extent ? low + random_below(random, extent - low) : 0;
    }
    if (name[0] == 'v') return dtype == DTYPE_U8 ? random_below(random, 6) : random_below(random, 12) - 6;
    int64_t value = name[0] == 's' || random_chance(random, 5) ? special_integer(random, dtype)
                                                               : plain_integer(random, dtype);
    return name[0] == 'q' && value == 0 ? 3 : value;
}

void values_fill(Tensor *tensor, const char *name, const char *entry, uint64_t seed) {
    Random random = random_from_text(entry, seed);
    random.state ^= random_from_text(name, 1).state;
    for (int64_t i = 0; i < tensor->count; i++) {
        if (tensor->floats)
            tensor->floats[i] = float_of(&random, name[0], tensor->dtype);
        else
            tensor->integers[i] = integer_of(&random, name, tensor->dtype);
    }
}

double ulp_at(DType dtype, double value) {
    static const struct {
        int digits, least;
    } formats[DTYPE_COUNT] = {[DTYPE_F32] = {24, -149},
                              [DTYPE_F64] = {53, -1074},
                              [DTYPE_F16] = {11, -24},
                              [DTYPE_BF16] = {8, -133}};
    int exponent = -10000;
    if (value != 0 && isfinite(value)) frexp(value, &exponent);
    exponent -= formats[dtype].digits;
    return ldexp(1, exponent < formats[dtype].least ? formats[dtype].least : exponent);
}
