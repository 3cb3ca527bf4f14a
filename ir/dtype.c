#include "ir/dtype.h"

#include <math.h>
#include <string.h>

enum { CLASS_FLOAT, CLASS_INTEGER, CLASS_BOOLEAN };

static const struct {
    const char *text;
    size_t bytes;
    int class;
} dtypes[DTYPE_COUNT] = {
    [DTYPE_NONE] = {"none", 0, CLASS_INTEGER},
#define DTYPE(id, text, code, bytes, class) [code] = {text, bytes, CLASS_##class},
#include "ir/dtypes.def"
#undef DTYPE
};

const char *dtype_text(DType dtype) { return dtypes[dtype].text; }
size_t dtype_bytes(DType dtype) { return dtypes[dtype].bytes; }
bool dtype_is_float(DType dtype) { return dtype != DTYPE_NONE && dtypes[dtype].class == CLASS_FLOAT; }
bool dtype_is_integer(DType dtype) { return dtype != DTYPE_NONE && dtypes[dtype].class == CLASS_INTEGER; }

DType dtype_from_text(const char *text, size_t length) {
    for (int i = 1; i < DTYPE_COUNT; i++)
        if (strlen(dtypes[i].text) == length && memcmp(dtypes[i].text, text, length) == 0) return (DType)i;
    return DTYPE_NONE;
}

/* f16 has 10 fraction bits and exponents -14..15; rounding goes through the scaled double, which is exact. */
static double round_f16(double value) {
    if (isnan(value) || isinf(value) || value == 0) return value;
    int exponent;
    frexp(value, &exponent); /* value = m * 2^exponent, 0.5 <= m < 1 */
    int ulp = (exponent < -13 ? -13 : exponent) - 11;
    double rounded = ldexp(nearbyint(ldexp(value, -ulp)), ulp);
    return fabs(rounded) > 65504.0 ? copysign(INFINITY, value) : rounded;
}

static double round_bf16(double value) {
    if (isnan(value) || isinf(value) || value == 0) return value;
    int exponent;
    frexp(value, &exponent);
    int ulp = (exponent < -125 ? -125 : exponent) - 8;
    double rounded = ldexp(nearbyint(ldexp(value, -ulp)), ulp);
    return fabs(rounded) > 3.3895313892515355e38 ? copysign(INFINITY, value) : rounded;
}

double dtype_round(DType dtype, double value) {
    switch (dtype) {
    case DTYPE_F32: return (double)(float)value;
    case DTYPE_F64: return value;
    case DTYPE_F16: return round_f16(value);
    case DTYPE_BF16: return round_bf16(value);
    default: return (double)dtype_saturate(dtype, value);
    }
}

static int64_t integer_min(DType dtype) {
    switch (dtype) {
    case DTYPE_I8: return INT8_MIN;
    case DTYPE_I16: return INT16_MIN;
    case DTYPE_I32: return INT32_MIN;
    case DTYPE_I64: return INT64_MIN;
    default: return 0;
    }
}

static int64_t integer_max(DType dtype) {
    switch (dtype) {
    case DTYPE_I8: return INT8_MAX;
    case DTYPE_I16: return INT16_MAX;
    case DTYPE_I32: return INT32_MAX;
    case DTYPE_U8: return UINT8_MAX;
    case DTYPE_BOOL: return 1;
    default: return INT64_MAX;
    }
}

int64_t dtype_saturate(DType dtype, double value) {
    if (dtype == DTYPE_BOOL) return value != 0;
    if (isnan(value)) return 0;
    double low = (double)integer_min(dtype), high = (double)integer_max(dtype);
    if (value <= low) return integer_min(dtype);
    if (value >= high) return integer_max(dtype);
    return (int64_t)value;
}

int64_t dtype_wrap(DType dtype, int64_t value) {
    switch (dtype) {
    case DTYPE_I8: return (int8_t)value;
    case DTYPE_I16: return (int16_t)value;
    case DTYPE_I32: return (int32_t)value;
    case DTYPE_U8: return (uint8_t)value;
    case DTYPE_BOOL: return value != 0;
    default: return value;
    }
}

static double f16_from_bits(uint16_t bits) {
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    double magnitude = exponent == 31  ? (fraction ? NAN : INFINITY)
                       : exponent == 0 ? ldexp(fraction, -24)
                                       : ldexp(1024 + fraction, exponent - 25);
    return bits & 0x8000 ? -magnitude : magnitude;
}

static uint16_t f16_to_bits(double value) {
    uint16_t sign = signbit(value) ? 0x8000 : 0;
    if (isnan(value)) return sign | 0x7e00;
    value = fabs(round_f16(value));
    if (isinf(value)) return sign | 0x7c00;
    if (value < 0x1p-14) return sign | (uint16_t)ldexp(value, 24);
    int exponent;
    double fraction = frexp(value, &exponent);
    return sign | (uint16_t)((exponent + 14) << 10) | (uint16_t)((int)ldexp(fraction, 11) & 1023);
}

double dtype_load_float(DType dtype, const void *bytes) {
    switch (dtype) {
    case DTYPE_F32: {
        float value;
        memcpy(&value, bytes, sizeof value);
        return value;
    }
    case DTYPE_F64: {
        double value;
        memcpy(&value, bytes, sizeof value);
        return value;
    }
    case DTYPE_F16: {
        uint16_t bits;
        memcpy(&bits, bytes, sizeof bits);
        return f16_from_bits(bits);
    }
    case DTYPE_BF16: {
        uint16_t half;
        memcpy(&half, bytes, sizeof half);
        uint32_t bits = (uint32_t)half << 16;
        float value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    default: return (double)dtype_load_integer(dtype, bytes);
    }
}

int64_t dtype_load_integer(DType dtype, const void *bytes) {
    uint64_t raw = 0;
    memcpy(&raw, bytes, dtype_bytes(dtype));
    return dtype_wrap(dtype, (int64_t)raw);
}

void dtype_store_float(DType dtype, void *bytes, double value) {
    switch (dtype) {
    case DTYPE_F32: memcpy(bytes, &(float){(float)value}, 4); break;
    case DTYPE_F64: memcpy(bytes, &value, 8); break;
    case DTYPE_F16: memcpy(bytes, &(uint16_t){f16_to_bits(value)}, 2); break;
    case DTYPE_BF16: {
        float narrow = (float)round_bf16(value);
        uint32_t bits;
        memcpy(&bits, &narrow, 4);
        memcpy(bytes, &(uint16_t){(uint16_t)(bits >> 16 | (isnan(value) ? 0x40 : 0))}, 2);
        break;
    }
    default: dtype_store_integer(dtype, bytes, dtype_saturate(dtype, value));
    }
}

void dtype_store_integer(DType dtype, void *bytes, int64_t value) {
    memcpy(bytes, &value, dtype_bytes(dtype));
}
