/* PNG through libpng. Its errors come back by longjmp to the frame of png_decode, which holds nothing that
 * must be given back but libpng's own state. */
#include "tools/image.h"

#include <png.h>
#include <string.h>

/* What an ancillary chunk, such as a colour profile, may unpack to. */
enum { CHUNK_BYTES_MAX = 8 << 20, CHUNKS_MAX = 1000 };

typedef struct Decoder {
    Arena *arena;
    const uint8_t *next;
    size_t left;
    int64_t pixel_limit;
    const char *reason;
    Image image;
} Decoder;

_Noreturn static void on_error(png_structp png, png_const_charp message) {
    Decoder *decoder = png_get_error_ptr(png);
    if (!decoder->reason) decoder->reason = arena_printf(decoder->arena, "broken PNG: %s", message);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message) {
    (void)png;
    (void)message;
}

static void take_bytes(png_structp png, png_bytep out, size_t count) {
    Decoder *decoder = png_get_io_ptr(png);
    if (count > decoder->left) png_error(png, "the file ends too early");
    memcpy(out, decoder->next, count);
    decoder->next += count;
    decoder->left -= count;
}

/* Every kind of PNG as 8 bits of grey or RGB. */
static void set_transformations(png_structp png, png_infop info) {
    int colour = png_get_color_type(png, info);
    png_set_scale_16(png);
    if (colour == PNG_COLOR_TYPE_PALETTE) png_set_palette_to_rgb(png);
    if (colour == PNG_COLOR_TYPE_GRAY) png_set_expand_gray_1_2_4_to_8(png);
    png_set_strip_alpha(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
}

static void read_image(Decoder *decoder, png_structp png, png_infop info) {
    png_read_info(png, info);
    uint64_t width = png_get_image_width(png, info), height = png_get_image_height(png, info);
    decoder->reason = image_size_fault(decoder->arena, width, height, decoder->pixel_limit);
    if (decoder->reason) png_longjmp(png, 1);
    set_transformations(png, info);
    size_t row_bytes = png_get_rowbytes(png, info);
    Image *image = &decoder->image;
    *image = (Image){(int)height, (int)width, png_get_channels(png, info), NULL};
    if (png_get_bit_depth(png, info) != 8 || row_bytes != (size_t)width * (size_t)image->channels ||
        (image->channels != 1 && image->channels != 3))
        png_error(png, "unknown form of pixels");
    image->pixels = arena_alloc(decoder->arena, row_bytes * (size_t)height);
    png_bytep *rows = NEW_ARRAY(decoder->arena, png_bytep, height);
    for (size_t y = 0; y < height; y++) rows[y] = image->pixels + y * row_bytes;
    png_read_image(png, rows);
    png_read_end(png, NULL);
}

const char *png_decode(Arena *arena, const uint8_t *bytes, size_t size, int64_t pixel_limit, Image *out) {
    Decoder decoder = {.arena = arena, .next = bytes, .left = size, .pixel_limit = pixel_limit};
    png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &decoder, on_error, on_warning);
    png_infop info = png ? png_create_info_struct(png) : NULL;
    if (!info) {
        png_destroy_read_struct(&png, NULL, NULL);
        return "libpng cannot be used: another version, or no memory";
    }
    if (setjmp(png_jmpbuf(png)) == 0) {
        png_set_read_fn(png, &decoder, take_bytes);
        png_set_user_limits(png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
        png_set_chunk_malloc_max(png, CHUNK_BYTES_MAX);
        png_set_chunk_cache_max(png, CHUNKS_MAX);
        read_image(&decoder, png, info);
    }
    png_destroy_read_struct(&png, &info, NULL);
    *out = decoder.image;
    return decoder.reason;
}
