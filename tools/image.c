#include "tools/image.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SNIFFED_BYTES = 16 };
static const int64_t FILE_BYTES_MAX = INT64_C(1) << 30;

static bool begins_with(const uint8_t *bytes, size_t size, const char *mark, size_t length) {
    return size >= length && memcmp(bytes, mark, length) == 0;
}

static ImageKind kind_of(const uint8_t *bytes, size_t size) {
    if (begins_with(bytes, size, "\x89PNG\r\n\x1a\n", 8)) return IMAGE_PNG;
    return begins_with(bytes, size, "\xff\xd8\xff", 3) ? IMAGE_JPEG : IMAGE_OTHER;
}

/* Formats that are not read, by name, so that the message can say more than "unknown". */
static const char *other_format(const uint8_t *bytes, size_t size) {
    if (begins_with(bytes, size, "GIF8", 4)) return "a GIF file";
    if (begins_with(bytes, size, "RIFF", 4) && size >= 12 && memcmp(bytes + 8, "WEBP", 4) == 0)
        return "a WebP file";
    if (begins_with(bytes, size, "BM", 2)) return "a BMP file";
    if (begins_with(bytes, size, "II*\0", 4) || begins_with(bytes, size, "MM\0*", 4)) return "a TIFF file";
    if (size >= 12 && memcmp(bytes + 4, "ftyp", 4) == 0) return "a HEIC or AVIF file";
    return size ? "of another kind" : "empty";
}

static size_t read_all(int descriptor, uint8_t *bytes, size_t size) {
    size_t have = 0;
    for (ssize_t got; have < size && (got = read(descriptor, bytes + have, size - have)) != 0;) {
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) break;
        have += (size_t)got;
    }
    return have;
}

static int open_to_read(const char *path) { return open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); }

ImageKind image_kind(const char *path) {
    struct stat status;
    uint8_t bytes[SNIFFED_BYTES];
    int descriptor = open_to_read(path);
    if (descriptor < 0) return IMAGE_UNREADABLE;
    size_t size = 0;
    bool regular = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
    if (regular) size = read_all(descriptor, bytes, sizeof bytes);
    close(descriptor);
    return regular ? kind_of(bytes, size) : IMAGE_UNREADABLE;
}

/* The file may shrink or grow meanwhile: what was there at first and is still there counts. */
static const char *file_bytes(Arena *arena, int descriptor, uint8_t **out_bytes, size_t *out_size) {
    struct stat status;
    if (fstat(descriptor, &status) != 0) return strerror(errno);
    if (S_ISDIR(status.st_mode)) return strerror(EISDIR);
    if (!S_ISREG(status.st_mode)) return "not a regular file";
    if (status.st_size > FILE_BYTES_MAX) return "the file has more than 2^30 bytes";
    *out_bytes = arena_alloc(arena, (size_t)status.st_size + 1);
    *out_size = read_all(descriptor, *out_bytes, (size_t)status.st_size);
    return NULL;
}

const char *image_read(Arena *arena, const char *path, int64_t pixel_limit, Image *out) {
    int descriptor = open_to_read(path);
    if (descriptor < 0) return strerror(errno);
    uint8_t *bytes = NULL;
    size_t size = 0;
    const char *reason = file_bytes(arena, descriptor, &bytes, &size);
    close(descriptor);
    return reason ? reason : image_decode(arena, bytes, size, pixel_limit, out);
}

const char *image_decode(Arena *arena, const uint8_t *bytes, size_t size, int64_t pixel_limit, Image *out) {
    switch (kind_of(bytes, size)) {
    case IMAGE_PNG: return png_decode(arena, bytes, size, pixel_limit, out);
    case IMAGE_JPEG: return jpeg_decode(arena, bytes, size, pixel_limit, out);
    default: return arena_printf(arena, "it is %s, neither PNG nor JPEG", other_format(bytes, size));
    }
}

const char *image_size_fault(Arena *arena, uint64_t width, uint64_t height, int64_t pixel_limit) {
    if (width && height && width <= (uint64_t)pixel_limit / height) return NULL;
    return arena_printf(arena, "%llu x %llu pixels are more than the limit of %lld (--pixel-limit)",
                        (unsigned long long)height, (unsigned long long)width, (long long)pixel_limit);
}
