/* JPEG through libjpeg-turbo, with the decoding that is usual elsewhere: exact integer transform, smooth
 * upsampling of chroma. Its errors come back by longjmp to the frame of jpeg_decode. */
#include "tools/image.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

#include <jerror.h> /* numbers its messages by what jpeglib.h says of the library */

/* A progressive file of a few kilobytes may ask for thousands of passes over a large picture. */
enum { SCANS_MAX = 500 };

typedef struct Decoder {
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    struct jpeg_progress_mgr progress;
    jmp_buf give_up;
    Arena *arena;
    int64_t pixel_limit;
    const char *reason;
    Image image;
} Decoder;

_Noreturn static void give_up(Decoder *decoder, const char *reason) {
    decoder->reason = reason;
    longjmp(decoder->give_up, 1);
}

_Noreturn static void on_error(j_common_ptr common) {
    Decoder *decoder = common->client_data;
    char message[JMSG_LENGTH_MAX];
    decoder->errors.format_message(common, message);
    give_up(decoder, arena_printf(decoder->arena, "broken JPEG: %s", message));
}

/* Where the library would go on with invented pixels, the picture is refused; its other warnings are of no
 * consequence. */
static void on_message(j_common_ptr common, int level) {
    if (level >= 0) return;
    switch (common->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_BOGUS_PROGRESSION: on_error(common);
    }
}

static void on_progress(j_common_ptr common) {
    Decoder *decoder = common->client_data;
    if (decoder->jpeg.input_scan_number > SCANS_MAX) give_up(decoder, "broken JPEG: more than 500 scans");
}

static void read_image(Decoder *decoder, const uint8_t *bytes, size_t size) {
    struct jpeg_decompress_struct *jpeg = &decoder->jpeg;
    jpeg_create_decompress(jpeg);
    decoder->progress.progress_monitor = on_progress;
    jpeg->progress = &decoder->progress;
    jpeg_mem_src(jpeg, bytes, (unsigned long)size);
    jpeg_read_header(jpeg, TRUE);
    const char *fault =
        image_size_fault(decoder->arena, jpeg->image_width, jpeg->image_height, decoder->pixel_limit);
    if (fault) give_up(decoder, fault);
    if (jpeg->jpeg_color_space == JCS_CMYK || jpeg->jpeg_color_space == JCS_YCCK)
        give_up(decoder, "its colours are CMYK, as for print; convert it to RGB");
    jpeg->out_color_space = jpeg->jpeg_color_space == JCS_GRAYSCALE ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_start_decompress(jpeg);
    Image *image = &decoder->image;
    *image = (Image){(int)jpeg->output_height, (int)jpeg->output_width, jpeg->output_components, NULL};
    if (image->channels != (jpeg->out_color_space == JCS_RGB ? 3 : 1))
        give_up(decoder, "broken JPEG: unknown form of pixels");
    size_t row_bytes = (size_t)image->width * (size_t)image->channels;
    image->pixels = arena_alloc(decoder->arena, row_bytes * (size_t)image->height);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = image->pixels + jpeg->output_scanline * row_bytes;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
}

const char *jpeg_decode(Arena *arena, const uint8_t *bytes, size_t size, int64_t pixel_limit, Image *out) {
    Decoder *decoder = NEW(arena, Decoder);
    decoder->arena = arena;
    decoder->pixel_limit = pixel_limit;
    decoder->jpeg.err = jpeg_std_error(&decoder->errors);
    decoder->jpeg.client_data = decoder;
    decoder->errors.error_exit = on_error;
    decoder->errors.emit_message = on_message;
    if (setjmp(decoder->give_up) == 0) read_image(decoder, bytes, size);
    jpeg_destroy_decompress(&decoder->jpeg);
    *out = decoder->image;
    return decoder->reason;
}
