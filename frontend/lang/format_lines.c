/* Columns: neighbouring declarations and the comments at the ends of neighbouring lines stand below each
 * other. */
#include "frontend/lang/format_internal.h"

#include <string.h>

/* Of the last line of |text|, in characters. */
static int width_of(const Text *text) {
    int width = 0;
    for (size_t i = 0; i < text->length; i++) {
        unsigned char byte = (unsigned char)text->bytes[i];
        width = byte == '\n' ? 0 : width + ((byte & 0xc0) != 0x80);
    }
    return width;
}

static void pad_code(Line *line, size_t column) {
    size_t blanks = column - line->aligned_at;
    for (size_t i = 0; i < blanks; i++) text_putc(&line->code, ' ');
    char *at = line->code.bytes + line->aligned_at;
    memmove(at + blanks, at, line->code.length - line->aligned_at - blanks);
    memset(at, ' ', blanks);
}

static bool continues_alignment(const Line *line, const Line *next) {
    return next->alignment == line->alignment && next->indent == line->indent && !next->blank_before;
}

static void align_code(LineList *lines) {
    for (int first = 0, end; first < lines->count; first = end) {
        Line *line = &lines->items[first];
        size_t column = line->aligned_at;
        for (end = first + 1; end < lines->count && continues_alignment(line, &lines->items[end]); end++)
            if (lines->items[end].aligned_at > column) column = lines->items[end].aligned_at;
        for (int i = first; i < end && line->alignment != ALIGN_NONE; i++) pad_code(&lines->items[i], column);
    }
}

static int code_end(const Line *line) { return line->indent + width_of(&line->code); }

/* Writes the comments of a run of lines that all have one into their code, two blanks behind the longest. */
static void align_comments(LineList *lines) {
    for (int first = 0, end; first < lines->count; first = end) {
        int column = 0;
        for (end = first; end < lines->count && lines->items[end].comment.length; end++) {
            if (end > first && lines->items[end].blank_before) break;
            if (code_end(&lines->items[end]) > column) column = code_end(&lines->items[end]);
        }
        for (int i = first; i < end; i++) {
            Line *line = &lines->items[i];
            for (int blanks = column + 2 - code_end(line); blanks > 0; blanks--) text_putc(&line->code, ' ');
            text_append(&line->code, line->comment.bytes, line->comment.length);
        }
        if (end == first) end++;
    }
}

void lines_write(Text *text, LineList *lines) {
    align_code(lines);
    align_comments(lines);
    for (int i = 0; i < lines->count; i++) {
        Line *line = &lines->items[i];
        if (line->blank_before) text_putc(text, '\n');
        for (int blanks = 0; blanks < line->indent; blanks++) text_putc(text, ' ');
        text_append(text, line->code.bytes, line->code.length);
        text_putc(text, '\n');
        text_deinit(&line->code);
        text_deinit(&line->comment);
    }
}
