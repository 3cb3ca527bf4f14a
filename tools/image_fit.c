/* Changes of size and form. Resizing gives the very pixels that Pillow and torchvision give, on which the
 * right answers of published networks were counted: weights in fixed point, rows before columns, and 8-bit
 * pixels in between. */
#include "tools/image.h"

#include <math.h>
#include <string.h>

enum { WEIGHT_BITS = 22 };

/* Which pixels of the old axis make one of the new, and how much each counts. */
typedef struct Taps {
    int first, count;
    const int32_t *weights; /* in 2^-22, their sum is about 1 */
} Taps;

void image_convert(Arena *arena, Image *image, int channels) {
    if (image->channels == channels) return;
    size_t count = (size_t)image->height * (size_t)image->width;
    uint8_t *out = arena_alloc(arena, count * (size_t)channels);
    const uint8_t *in = image->pixels;
    for (size_t i = 0; i < count; i++) {
        if (channels == 3)
            memset(out + 3 * i, in[i], 3);
        else
            out[i] =
                (uint8_t)((19595 * in[3 * i] + 38470 * in[3 * i + 1] + 7471 * in[3 * i + 2] + 0x8000) >> 16);
    }
    image->channels = channels;
    image->pixels = out;
}

/* A triangle over the middle of the new pixel, one new pixel wide to each side where the picture shrinks and
 * one old one where it grows. */
static double triangle(int place, double middle, double reach) {
    double distance = fabs((place - middle + 0.5) * (1 / reach));
    return distance < 1 ? 1 - distance : 0;
}

static Taps *taps_create(Arena *arena, int old_extent, int new_extent) {
    double scale = (double)old_extent / new_extent, reach = scale < 1 ? 1 : scale;
    Taps *taps = NEW_ARRAY(arena, Taps, new_extent);
    size_t count_max = 2 * (size_t)ceil(reach) + 1;
    int32_t *weights = NEW_ARRAY(arena, int32_t, count_max *(size_t)new_extent);
    for (int i = 0; i < new_extent; i++, weights += count_max) {
        double middle = (i + 0.5) * scale, sum = 0;
        int first = (int)(middle - reach + 0.5), end = (int)(middle + reach + 0.5);
        if (first < 0) first = 0;
        if (end > old_extent) end = old_extent;
        for (int place = first; place < end; place++) sum += triangle(place, middle, reach);
        for (int place = first; place < end; place++)
            weights[place - first] =
                (int32_t)(triangle(place, middle, reach) / sum * (1 << WEIGHT_BITS) + 0.5);
        taps[i] = (Taps){first, end - first, weights};
    }
    return taps;
}

/* The sum of |taps| over pixels that are |step| bytes apart. */
static uint8_t taps_apply(const Taps *taps, const uint8_t *in, size_t step) {
    int64_t sum = 1 << (WEIGHT_BITS - 1);
    for (int k = 0; k < taps->count; k++)
        sum += (int64_t)taps->weights[k] * in[(size_t)(taps->first + k) * step];
    sum >>= WEIGHT_BITS;
    return (uint8_t)(sum > 255 ? 255 : sum);
}

static void resize_rows(Arena *arena, Image *image, int width) {
    const Taps *taps = taps_create(arena, image->width, width);
    size_t channels = (size_t)image->channels, row = (size_t)image->width * channels;
    uint8_t *pixels = arena_alloc(arena, (size_t)image->height * (size_t)width * channels), *out = pixels;
    for (int y = 0; y < image->height; y++)
        for (int x = 0; x < width; x++)
            for (size_t c = 0; c < channels; c++)
                *out++ = taps_apply(&taps[x], image->pixels + (size_t)y * row + c, channels);
    image->width = width;
    image->pixels = pixels;
}

static void resize_columns(Arena *arena, Image *image, int height) {
    const Taps *taps = taps_create(arena, image->height, height);
    size_t row = (size_t)image->width * (size_t)image->channels;
    uint8_t *pixels = arena_alloc(arena, (size_t)height * row), *out = pixels;
    for (int y = 0; y < height; y++)
        for (size_t at = 0; at < row; at++) *out++ = taps_apply(&taps[y], image->pixels + at, row);
    image->height = height;
    image->pixels = pixels;
}

void image_resize(Arena *arena, Image *image, int height, int width) {
    if (width != image->width) resize_rows(arena, image, width);
    if (height != image->height) resize_columns(arena, image, height);
}

static int crop_begin(int left_over) { return left_over / 2 + (left_over % 4 == 3); }

void image_crop(Arena *arena, Image *image, int height, int width) {
    size_t channels = (size_t)image->channels, row = (size_t)width * channels;
    int top = crop_begin(image->height - height), left = crop_begin(image->width - width);
    uint8_t *pixels = arena_alloc(arena, (size_t)height * row);
    for (int y = 0; y < height; y++)
        memcpy(pixels + (size_t)y * row,
               image->pixels + ((size_t)(top + y) * (size_t)image->width + (size_t)left) * channels, row);
    *image = (Image){height, width, image->channels, pixels};
}
