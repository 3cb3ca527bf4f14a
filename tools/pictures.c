#include "tools/pictures.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE_MAX = 1 << 20, PIXEL_LIMIT = 100000000 };

static bool parse_side(const char *text, char **out_end, int *out) {
    if (!isdigit((unsigned char)*text)) return false;
    long long side = strtoll(text, out_end, 10);
    *out = (int)side;
    return side >= 1 && side <= SIDE_MAX;
}

bool picture_size_parse(const char *text, int *out_height, int *out_width) {
    char *end;
    *out_width = 0;
    if (!parse_side(text, &end, out_height)) return false;
    if (*end == 'x' && !parse_side(end + 1, &end, out_width)) return false;
    return !*end;
}

int picture_numbers_parse(const char *text, double *out_numbers) {
    for (int count = 1; count <= 3; count++) {
        char *end;
        out_numbers[count - 1] = strtod(text, &end);
        if (end == text || !isfinite(out_numbers[count - 1])) return 0;
        if (!*end) return count == 2 ? 0 : count;
        if (*end != ',') return 0;
        text = end + 1;
    }
    return 0;
}

static const char *first_given(const Options *options) {
    static const struct {
        OptionId id;
        const char *name;
    } names[] = {{OPTION_RESIZE, "resize"}, {OPTION_CROP, "crop"},   {OPTION_MEAN, "mean"},
                 {OPTION_STD, "std"},       {OPTION_SCALE, "scale"}, {OPTION_CHANNELS, "channels"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (options->values[names[i].id]) return names[i].name;
    return NULL;
}

PictureOptions picture_options(const Options *options) {
    const char *resize = options->values[OPTION_RESIZE], *crop = options->values[OPTION_CROP],
               *mean = options->values[OPTION_MEAN], *deviation = options->values[OPTION_STD],
               *scale = options->values[OPTION_SCALE], *channels = options->values[OPTION_CHANNELS],
               *limit = options->values[OPTION_PIXEL_LIMIT];
    PictureOptions pictures = {.given = first_given(options),
                               .scale = scale ? strtod(scale, NULL) : 1,
                               .bgr = channels && strcmp(channels, "bgr") == 0,
                               .pixel_limit = limit ? strtoll(limit, NULL, 10) : PIXEL_LIMIT};
    if (resize) picture_size_parse(resize, &pictures.resize_height, &pictures.resize_width);
    if (resize && !pictures.resize_width) {
        pictures.resize_short = pictures.resize_height;
        pictures.resize_height = 0;
    }
    if (crop) picture_size_parse(crop, &pictures.crop_height, &pictures.crop_width);
    if (crop && !pictures.crop_width) pictures.crop_width = pictures.crop_height;
    if (mean) pictures.mean_count = picture_numbers_parse(mean, pictures.mean);
    if (deviation) pictures.deviation_count = picture_numbers_parse(deviation, pictures.deviation);
    return pictures;
}
