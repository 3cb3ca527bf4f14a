/* Source files and places in them. A SourceFile owns its text; a Span is a byte range that refers to it and
 * stays valid as long as the file. Lines and columns are computed only when a message needs them. */
#ifndef TENON_SUPPORT_SOURCE_H
#define TENON_SUPPORT_SOURCE_H

#include "support/arena.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct SourceFile {
    const char *path; /* as the user wrote it, or "<library>/rnn.tn" */
    const char *text; /* NUL-terminated; may hold NUL bytes inside */
    size_t length;
    bool placeholder; /* known by path only: a place is line << 12 | column (read back from IR text) */
} SourceFile;

typedef struct Span {
    const SourceFile *file; /* NULL: no place known */
    uint32_t start, end;    /* bytes, end exclusive */
} Span;

/* One-based; a column counts bytes. */
typedef struct LineColumn {
    int line, column;
} LineColumn;

/* Reads a regular file of at most |bytes_max| bytes. On failure returns NULL and a reason in |out_error|. */
SourceFile *source_read(Arena *arena, const char *path, size_t bytes_max, const char **out_error);
SourceFile *source_from_text(Arena *arena, const char *path, const char *text, size_t length);
SourceFile *source_placeholder(Arena *arena, const char *path);
Span span_at_line(const SourceFile *placeholder, int line, int column);
LineColumn source_locate(const SourceFile *file, uint32_t offset);
Span span_join(Span first, Span last);

#endif
