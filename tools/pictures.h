/* What the command line says about pictures that are inputs: how they are fitted to a network's input and
 * which numbers their pixels become. */
#ifndef TENON_TOOLS_PICTURES_H
#define TENON_TOOLS_PICTURES_H

#include "tools/options.h"

typedef struct PictureOptions {
    const char *given;            /* name of an option that was given; NULL: none was */
    int resize_short;             /* 0: not by the shorter side */
    int resize_height;            /* 0: not to a height and a width */
    int resize_width, crop_width; /* beside the heights */
    int crop_height;              /* 0: to the input's own extents */
    int mean_count, deviation_count;
    double mean[3], deviation[3]; /* one for all channels, or one for each */
    double scale;                 /* of a full pixel */
    bool bgr;
    int64_t pixel_limit;
} PictureOptions;

PictureOptions picture_options(const Options *options);

/* Values of options. "224": out_width is 0. */
bool picture_size_parse(const char *text, int *out_height, int *out_width);
/* One or three numbers. The count; 0: something else. */
int picture_numbers_parse(const char *text, double *out_numbers);

#endif
