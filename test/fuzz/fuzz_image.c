/* libFuzzer entry: any bytes as a picture. */
#include "tools/image.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
    enum { PIXEL_LIMIT = 1 << 18 };
    static volatile unsigned sink;
    Arena *arena = arena_create();
    Image image;
    if (!image_decode(arena, bytes, size, PIXEL_LIMIT, &image)) {
        int64_t pixels = (int64_t)image.height * image.width;
        if (pixels < 1 || pixels > PIXEL_LIMIT || (image.channels != 1 && image.channels != 3)) abort();
        for (int64_t i = 0; i < pixels * image.channels; i++) sink += image.pixels[i];
        image_convert(arena, &image, 4 - image.channels);
        image_resize(arena, &image, 7, 5);
        image_crop(arena, &image, 3, 2);
        sink += image.pixels[0];
    }
    arena_destroy(arena);
    return 0;
}
