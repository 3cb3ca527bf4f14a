/* Pictures as inputs: `x=@photo.png`, `x=@a.png,@b.jpg`. They are fitted before the dims are solved, since
 * their size may tell a dim; pixels become numbers when the inputs are filled. */
#include "tools/arguments_internal.h"
#include "tools/image.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

/* Where the axes of a picture lie in an input. */
typedef struct PictureLayout {
    int batch_axis, channel_axis, height_axis; /* -1: no such axis; the width follows the height */
    int channels;
    int64_t height, width; /* -1: whatever comes */
} PictureLayout;

/* ---- Words ---- */

static bool is_called_picture(const char *path) {
    static const char *const endings[] = {".png", ".jpg", ".jpeg", ".jpe", ".gif",  ".webp",
                                          ".bmp", ".tif", ".tiff", ".ppm", ".heic", ".avif"};
    size_t length = strlen(path);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (length > strlen(endings[i]) && strcasecmp(path + length - strlen(endings[i]), endings[i]) == 0)
            return true;
    return false;
}

static bool is_picture(const char *path) { return image_kind(path) >= IMAGE_PNG || is_called_picture(path); }

bool pictures_read_word(Resolver *resolver, const char *text, InputSpec *out) {
    VECTOR(const char *) paths = {0};
    for (const char *at = text, *comma; at; at = comma ? comma + 2 : NULL) {
        comma = strstr(at, ",@");
        const char *path = comma ? arena_strndup(resolver->arena, at, (size_t)(comma - at)) : at;
        if (at == text && !is_picture(path) && !is_picture(text)) return false;
        vector_push(resolver->arena, &paths, path);
    }
    *out = (InputSpec){.kind = INPUT_PICTURES, .picture_paths = paths.items, .picture_count = paths.count};
    return true;
}

/* ---- The input ---- */

static const char *input_text(Resolver *resolver, int input) {
    Type plain = resolver->signature->input_types[input];
    plain.layout = NULL;
    return arena_printf(resolver->arena, "input '%s' of '%s' is %s", resolver->signature->input_names[input],
                        resolver->signature->name, type_text(resolver->arena, &plain));
}

static bool is_channels(int64_t extent) { return extent == 1 || extent == 3; }

/* [N, C, H, W], [N, H, W, C], [C, H, W], [H, W, C], [N, H, W] or [H, W]. */
static bool layout_find(Resolver *resolver, int input, PictureLayout *out) {
    const Type *type = &resolver->signature->input_types[input];
    bool batch = type->rank == 4, single = resolver->specs[input].picture_count == 1;
    int first = batch ? 1 : 0;
    int64_t ends[2] = {-1, -1};
    if (type->rank == 3 || batch) ends[0] = extent_known(resolver, type->dims[first]);
    if (type->rank == 3 || batch) ends[1] = extent_known(resolver, type->dims[type->rank - 1]);
    *out = (PictureLayout){-1, -1, -1, 1, -1, -1};
    if (batch && is_channels(ends[0]))
        *out = (PictureLayout){0, 1, 2, (int)ends[0], -1, -1};
    else if (batch && is_channels(ends[1]))
        *out = (PictureLayout){0, 3, 1, (int)ends[1], -1, -1};
    else if (type->rank == 3 && single && ends[0] == 3)
        *out = (PictureLayout){-1, 0, 1, 3, -1, -1};
    else if (type->rank == 3 && single && is_channels(ends[1]))
        *out = (PictureLayout){-1, 2, 0, (int)ends[1], -1, -1};
    else if (type->rank == 3)
        out->batch_axis = 0, out->height_axis = 1;
    else if (type->rank == 2)
        out->height_axis = 0;
    if (out->height_axis < 0) {
        Diagnostic *diagnostic =
            argument_error(resolver, "%s: no input for a picture", input_text(resolver, input));
        diagnostic_note(
            diagnostic, (Span){0},
            "pictures fit [N, C, H, W], [N, H, W, C], [C, H, W], [H, W, C], [N, H, W] and [H, W], "
            "where C is 3 (colour) or 1 (grey)");
        return false;
    }
    out->height = extent_known(resolver, type->dims[out->height_axis]);
    out->width = extent_known(resolver, type->dims[out->height_axis + 1]);
    return true;
}

static bool check_count(Resolver *resolver, int input, const PictureLayout *layout) {
    const Type *type = &resolver->signature->input_types[input];
    const char *name = resolver->signature->input_names[input];
    int64_t wanted = layout->batch_axis < 0 ? 1 : extent_known(resolver, type->dims[layout->batch_axis]);
    int count = resolver->specs[input].picture_count;
    if (wanted < 0 || wanted == count) return true;
    Diagnostic *diagnostic =
        argument_error(resolver, "%s: it takes %lld %s, found %d", input_text(resolver, input),
                       (long long)wanted, wanted == 1 ? "picture" : "pictures", count);
    if (wanted > 1)
        diagnostic_note(diagnostic, (Span){0}, "several are given as %s=@a.png,@b.jpg; one may be repeated",
                        name);
    return false;
}

static bool check_numbers(Resolver *resolver, int input, const PictureLayout *layout) {
    const PictureOptions *options = &resolver->words->pictures;
    DType dtype = resolver->signature->input_types[input].dtype;
    if (dtype == DTYPE_BOOL || dtype == DTYPE_I8)
        argument_error(resolver, "%s: no type for pixels, which are 0 to 255", input_text(resolver, input));
    else if (!dtype_is_float(dtype) &&
             (options->mean_count || options->deviation_count || options->scale != 1))
        argument_error(resolver, "%s, so its pixels stay 0 to 255: --mean, --std and --scale are for floats",
                       input_text(resolver, input));
    else if ((options->mean_count > 1 && options->mean_count != layout->channels) ||
             (options->deviation_count > 1 && options->deviation_count != layout->channels))
        argument_error(resolver, "%s: its pictures are grey, so --mean and --std take one number, found 3",
                       input_text(resolver, input));
    else
        return true;
    return false;
}

/* ---- One picture ---- */

static bool picture_error(Resolver *resolver, DiagnosticId id, const char *path, const char *reason) {
    diagnose_error(resolver->diagnostics, id, (Span){0}, "%s: %s", path, reason);
    resolver->failed = true;
    return false;
}

/* The new size, with the longer side rounded down, as torchvision does. */
static void resized_size(const PictureOptions *options, const Image *image, int64_t *out_height,
                         int64_t *out_width) {
    int64_t height = image->height, width = image->width, side = options->resize_short;
    *out_height = options->resize_height ? options->resize_height : height;
    *out_width = options->resize_width ? options->resize_width : width;
    if (!side) return;
    *out_height = height <= width ? side : side * height / width;
    *out_width = height <= width ? side * width / height : side;
}

static bool resize(Resolver *resolver, Arena *scratch, const char *path, Image *image) {
    const PictureOptions *options = &resolver->words->pictures;
    int64_t height, width, limit = options->pixel_limit;
    resized_size(options, image, &height, &width);
    const char *reason = image_size_fault(resolver->arena, (uint64_t)width, (uint64_t)height, limit);
    /* The picture between the two steps. */
    if (!reason) reason = image_size_fault(resolver->arena, (uint64_t)width, (uint64_t)image->height, limit);
    if (reason)
        return picture_error(resolver, E0654, path, arena_printf(resolver->arena, "resized, %s", reason));
    image_resize(scratch, image, (int)height, (int)width);
    return true;
}

static void report_size(Resolver *resolver, int input, const char *path, const Image *image, int64_t height,
                        int64_t width) {
    const PictureOptions *options = &resolver->words->pictures;
    bool resized = options->resize_short || options->resize_height;
    resolver->failed = true;
    Diagnostic *diagnostic =
        diagnose_error(resolver->diagnostics, E0655, (Span){0},
                       "%s: the picture is %d x %d pixels (height x width)%s, expected %s%lld x %lld: %s",
                       path, image->height, image->width, resized ? " when resized" : "",
                       resized || options->crop_height ? "at least " : "", (long long)height,
                       (long long)width, input_text(resolver, input));
    diagnostic_note(diagnostic, (Span){0},
                    "--resize=%lld scales its shorter side, and the middle is cut out; --resize=%lldx%lld "
                    "scales both sides",
                    (long long)(height > width ? height : width), (long long)height, (long long)width);
    if (image->height >= height && image->width >= width)
        diagnostic_note(diagnostic, (Span){0}, "--crop=%lldx%lld cuts out the middle as it is",
                        (long long)height, (long long)width);
}

/* Cuts out what the input or --crop wants. Without any option the picture must have the size already: the
 * middle of a large photograph is seldom what was meant. */
static bool crop(Resolver *resolver, Arena *scratch, int input, const PictureLayout *layout, const char *path,
                 Image *image) {
    const PictureOptions *options = &resolver->words->pictures;
    int64_t height = options->crop_height ? options->crop_height : layout->height,
            width = options->crop_width ? options->crop_width : layout->width;
    if (height < 0) height = image->height;
    if (width < 0) width = image->width;
    bool exact = height == image->height && width == image->width,
         may_cut = options->resize_short || options->resize_height || options->crop_height;
    if (height > image->height || width > image->width || (!exact && !may_cut)) {
        report_size(resolver, input, path, image, height, width);
        return false;
    }
    image_crop(scratch, image, (int)height, (int)width);
    return true;
}

static bool check_crop(Resolver *resolver, int input, const PictureLayout *layout) {
    const PictureOptions *options = &resolver->words->pictures;
    if (!options->crop_height) return true;
    if ((layout->height < 0 || layout->height == options->crop_height) &&
        (layout->width < 0 || layout->width == options->crop_width))
        return true;
    argument_error(resolver, "%s: --crop=%dx%d does not fit it", input_text(resolver, input),
                   options->crop_height, options->crop_width);
    return false;
}

/* ---- All pictures of an input ---- */

/* The strides of the input's axes, in elements. */
static void strides_of(const TensorSource *tensor, int64_t *out) {
    int64_t stride = 1;
    for (int i = tensor->rank - 1; i >= 0; stride *= tensor->dims[i--]) out[i] = stride;
}

static void put_pixels(const Resolver *resolver, const PictureLayout *layout, const Image *image, int number,
                       const TensorSource *to) {
    int64_t strides[RANK_MAX];
    strides_of(to, strides);
    uint8_t *out = (uint8_t *)to->bytes + (layout->batch_axis < 0 ? 0 : number * strides[layout->batch_axis]);
    int64_t channel_stride = layout->channel_axis < 0 ? 0 : strides[layout->channel_axis];
    const uint8_t *in = image->pixels;
    for (int64_t y = 0; y < image->height; y++)
        for (int64_t x = 0; x < image->width; x++)
            for (int c = 0; c < image->channels; c++) {
                int place = resolver->words->pictures.bgr ? image->channels - 1 - c : c;
                out[y * strides[layout->height_axis] + x * strides[layout->height_axis + 1] +
                    place * channel_stride] = *in++;
            }
}

/* Room for pictures of the first one's size. */
static bool pixels_allocate(Resolver *resolver, InputSpec *spec, const PictureLayout *layout,
                            const Image *image, int rank) {
    TensorSource *tensor = NEW(resolver->arena, TensorSource);
    *tensor =
        (TensorSource){.name = "picture", .file = spec->picture_paths[0], .dtype = DTYPE_U8, .rank = rank};
    if (layout->batch_axis >= 0) tensor->dims[layout->batch_axis] = spec->picture_count;
    if (layout->channel_axis >= 0) tensor->dims[layout->channel_axis] = layout->channels;
    tensor->dims[layout->height_axis] = image->height;
    tensor->dims[layout->height_axis + 1] = image->width;
    spec->source = tensor;
    spec->channel_axis = layout->channel_axis;
    return tensor_allocate(resolver->arena, tensor);
}

static bool read_picture(Resolver *resolver, Arena *scratch, int input, PictureLayout *layout, int number) {
    InputSpec *spec = &resolver->specs[input];
    const char *path = spec->picture_paths[number];
    Image image = {0};
    const char *reason = image_read(scratch, path, resolver->words->pictures.pixel_limit, &image);
    /* The reason may lie in the scratch arena. */
    if (reason) return picture_error(resolver, E0654, path, arena_strdup(resolver->arena, reason));
    image_convert(scratch, &image, layout->channels);
    if (!resize(resolver, scratch, path, &image) || !crop(resolver, scratch, input, layout, path, &image))
        return false;
    if (number == 0) {
        int rank = resolver->signature->input_types[input].rank;
        if (!pixels_allocate(resolver, spec, layout, &image, rank))
            return picture_error(resolver, E0655, path, "the pictures are too large together");
        layout->height = image.height;
        layout->width = image.width;
    }
    put_pixels(resolver, layout, &image, number, spec->source);
    return true;
}

static void read_pictures(Resolver *resolver, int input) {
    PictureLayout layout;
    if (!layout_find(resolver, input, &layout) || !check_count(resolver, input, &layout) ||
        !check_numbers(resolver, input, &layout) || !check_crop(resolver, input, &layout))
        return;
    for (int i = 0; i < resolver->specs[input].picture_count; i++) {
        Arena *scratch = arena_create();
        bool good = read_picture(resolver, scratch, input, &layout, i);
        arena_destroy(scratch);
        if (!good) return;
    }
}

void pictures_fit(Resolver *resolver) {
    bool found = false;
    for (int i = 0; i < resolver->signature->input_count; i++) {
        if (resolver->specs[i].kind != INPUT_PICTURES) continue;
        found = true;
        read_pictures(resolver, i);
    }
    const char *given = resolver->words->pictures.given;
    if (given && !found)
        argument_error(resolver, "--%s is for pictures, and none is an input: give NAME=@FILE.png", given);
}

static double number_for(const double *numbers, int count, int channel, double otherwise) {
    return count == 0 ? otherwise : numbers[count == 1 ? 0 : channel];
}

void pictures_fill(const Resolver *resolver, const InputSpec *spec, const TensorSource *to, int64_t count) {
    const PictureOptions *options = &resolver->words->pictures;
    const uint8_t *pixels = spec->source->bytes;
    int64_t strides[RANK_MAX], stride = 1, channels = 1;
    strides_of(to, strides);
    if (spec->channel_axis >= 0)
        stride = strides[spec->channel_axis], channels = to->dims[spec->channel_axis];
    for (int64_t i = 0; i < count; i++) {
        char *out = (char *)to->bytes + (size_t)i * dtype_bytes(to->dtype);
        int channel = (int)(i / stride % channels);
        double mean = number_for(options->mean, options->mean_count, channel, 0),
               deviation = number_for(options->deviation, options->deviation_count, channel, 1);
        if (dtype_is_float(to->dtype))
            dtype_store_float(to->dtype, out, (pixels[i] * options->scale / 255 - mean) / deviation);
        else
            dtype_store_integer(to->dtype, out, pixels[i]);
    }
}
