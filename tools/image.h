/* Pictures from files, as 8-bit pixels, and what is done to them before a network sees them. Files are never
 * trusted: width and height are held against the limit before memory is taken, and what libpng and libjpeg
 * report ends the decoding. Everything lives in the arena that is passed. Functions that return text return
 * NULL when all went well, otherwise the reason for a message. */
#ifndef TENON_TOOLS_IMAGE_H
#define TENON_TOOLS_IMAGE_H

#include "support/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IMAGE_EXTENT_MAX = 1 << 30 };

typedef struct Image {
    int height, width, channels; /* channels: 1, grey, or 3, RGB */
    uint8_t *pixels;             /* [height, width, channels] */
} Image;

typedef enum ImageKind { IMAGE_UNREADABLE, IMAGE_OTHER, IMAGE_PNG, IMAGE_JPEG } ImageKind;

/* By the first bytes. */
ImageKind image_kind(const char *path);

/* PNG or JPEG. At most |pixel_limit| pixels, which is at most IMAGE_EXTENT_MAX. */
const char *image_read(Arena *arena, const char *path, int64_t pixel_limit, Image *out);
const char *image_decode(Arena *arena, const uint8_t *bytes, size_t size, int64_t pixel_limit, Image *out);

/* The decoders behind image_decode. Palettes and fewer bits are widened to 8, 16 bits are rounded to 8, alpha
 * is left out: the colour that stands in the file counts, also where it would be transparent. */
const char *png_decode(Arena *arena, const uint8_t *bytes, size_t size, int64_t pixel_limit, Image *out);
const char *jpeg_decode(Arena *arena, const uint8_t *bytes, size_t size, int64_t pixel_limit, Image *out);
/* NULL: so many pixels are allowed. */
const char *image_size_fault(Arena *arena, uint64_t width, uint64_t height, int64_t pixel_limit);

/* To 1 channel by ITU-R BT.601 luma, to 3 by repeating the grey. */
void image_convert(Arena *arena, Image *image, int channels);
/* Bilinear; where it shrinks, each pixel is the mean, weighted by a triangle, of all that it covers. */
void image_resize(Arena *arena, Image *image, int height, int width);
/* The middle; where it is half a pixel off, toward the even one. No larger than the image. */
void image_crop(Arena *arena, Image *image, int height, int width);

#endif
