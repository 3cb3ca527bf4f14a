/* Writes JPEG files for tests: write_jpeg FILE HEIGHT WIDTH FORM <PIXELS, with FORM one of rgb, progressive,
 * grey, cmyk. Pixels are bytes [HEIGHT, WIDTH, 3], 1 or 4 of them; quality 100, chroma not subsampled. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

int main(int argc, char **argv) {
    if (argc != 5) return 2;
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    FILE *file = fopen(argv[1], "wb");
    if (!file) return 2;
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    jpeg_stdio_dest(&jpeg, file);
    jpeg.image_height = (JDIMENSION)atoi(argv[2]);
    jpeg.image_width = (JDIMENSION)atoi(argv[3]);
    jpeg.input_components = strcmp(argv[4], "grey") == 0 ? 1 : strcmp(argv[4], "cmyk") == 0 ? 4 : 3;
    jpeg.in_color_space = jpeg.input_components == 1   ? JCS_GRAYSCALE
                          : jpeg.input_components == 4 ? JCS_CMYK
                                                       : JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 100, TRUE);
    jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = 1;
    if (strcmp(argv[4], "progressive") == 0) jpeg_simple_progression(&jpeg);
    jpeg_start_compress(&jpeg, TRUE);
    size_t bytes = (size_t)jpeg.image_width * (size_t)jpeg.input_components;
    JSAMPLE *row = malloc(bytes);
    while (row && jpeg.next_scanline < jpeg.image_height) {
        if (fread(row, 1, bytes, stdin) != bytes) return 2;
        jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    free(row);
    return fclose(file) == 0 ? 0 : 2;
}
