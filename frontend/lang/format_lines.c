/* Columns: neighbouring declarations and the comments at the ends of neighbouring lines stand below each
 * other. */
#include "frontend/lang/format_internal.h"

#include <string.h>

/* Of the last line of the first |length| bytes, in characters. */
static int width_of(const Text *text, size_t length) {
    int width = 0;
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)text->bytes[i];
        width = byte == '\n' ? 0 : width + ((byte & 0xc0) != 0x80);
    }
    return width;
}

/* Moves what stands from |column| on to |place|, and the lines that continue this one with it. */
static void pad_code(LineList *lines, int index, Column column, size_t place) {
    Line *line = &lines->items[index];
    size_t from = line->columns[column], blanks = place - from;
    for (size_t i = 0; i < blanks; i++) text_putc(&line->code, ' ');
    char *at = line->code.bytes + from;
    memmove(at + blanks, at, line->code.length - from - blanks);
    memset(at, ' ', blanks);
    for (int other = 0; other < COLUMN_COUNT; other++)
        if (line->columns[other] >= from && line->columns[other]) line->columns[other] += blanks;
    for (int i = index + 1; i < lines->count && lines->items[i].anchor >= 0; i++)
        if (lines->items[i].anchor == index && lines->items[i].anchor_at >= from)
            lines->items[i].anchor_at += blanks;
}

/* Runs of lines that begin with the same word at the same indentation. */
static void align_columns(LineList *lines, Column column) {
    for (int first = 0, end; first < lines->count; first = end) {
        const Line *line = &lines->items[first];
        size_t place = line->columns[column];
        end = first + 1;
        if (!place) continue;
        for (; end < lines->count; end++) {
            const Line *next = &lines->items[end];
            if (next->first_kind != line->first_kind || next->indent != line->indent ||
                next->anchor != line->anchor || next->blank_before)
                break;
            if (next->columns[column] > place) place = next->columns[column];
        }
        for (int i = first; i < end; i++)
            if (lines->items[i].columns[column]) pad_code(lines, i, column, place);
    }
}

/* Lines come after those they continue, so one pass will do. */
static void resolve_anchors(LineList *lines) {
    for (int i = 0; i < lines->count; i++) {
        Line *line = &lines->items[i];
        if (line->anchor < 0) continue;
        const Line *anchor = &lines->items[line->anchor];
        line->indent += anchor->indent + width_of(&anchor->code, line->anchor_at);
    }
}

static int code_end(const Line *line) { return line->indent + width_of(&line->code, line->code.length); }

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
    align_columns(lines, COLUMN_HEAD);
    align_columns(lines, COLUMN_BINDING);
    resolve_anchors(lines);
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
