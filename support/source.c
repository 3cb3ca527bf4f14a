#include "support/source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

SourceFile *source_from_text(Arena *arena, const char *path, const char *text, size_t length) {
    SourceFile *file = NEW(arena, SourceFile);
    file->path = arena_strdup(arena, path);
    file->text = arena_strndup(arena, text, length);
    file->length = length;
    return file;
}

SourceFile *source_read(Arena *arena, const char *path, size_t bytes_max, const char **out_error) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        *out_error = strerror(errno);
        return NULL;
    }
    struct stat status;
    SourceFile *file = NULL;
    if (fstat(descriptor, &status) != 0) {
        *out_error = strerror(errno);
    } else if (!S_ISREG(status.st_mode)) {
        *out_error = "not a regular file";
    } else if ((uint64_t)status.st_size > bytes_max) {
        *out_error = arena_printf(arena, "the file has %lld bytes, the limit is %zu",
                                  (long long)status.st_size, bytes_max);
    } else {
        size_t capacity = (size_t)status.st_size, length = 0;
        char *text = arena_alloc(arena, capacity + 1);
        ssize_t got = 1;
        while (length < capacity && (got = read(descriptor, text + length, capacity - length)) > 0)
            length += (size_t)got;
        if (got < 0) {
            *out_error = strerror(errno);
        } else {
            file = NEW(arena, SourceFile);
            *file = (SourceFile){arena_strdup(arena, path), text, length, false};
        }
    }
    close(descriptor);
    return file;
}

SourceFile *source_placeholder(Arena *arena, const char *path) {
    SourceFile *file = source_from_text(arena, path, "", 0);
    file->placeholder = true;
    return file;
}

Span span_at_line(const SourceFile *placeholder, int line, int column) {
    uint32_t place = (uint32_t)line << 12 | ((uint32_t)column & 4095);
    return (Span){placeholder, place, place};
}

LineColumn source_locate(const SourceFile *file, uint32_t offset) {
    if (file->placeholder) return (LineColumn){(int)(offset >> 12), (int)(offset & 4095)};
    LineColumn place = {1, 1};
    for (uint32_t i = 0; i < offset && i < file->length; i++) {
        if (file->text[i] == '\n' || (file->text[i] == '\r' && file->text[i + 1] != '\n')) {
            place.line++;
            place.column = 1;
        } else {
            place.column++;
        }
    }
    return place;
}

Span span_join(Span first, Span last) {
    if (!first.file) return last;
    if (first.file != last.file || last.end < first.start) return first;
    return (Span){first.file, first.start, last.end};
}
