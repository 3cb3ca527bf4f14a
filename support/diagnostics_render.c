#include "support/diagnostics_internal.h"
#include "support/utf8.h"

#include <string.h>

enum {
    LINE_CELLS = 120,  /* a source line is cut to this */
    LEFT_CELLS = 72,   /* of them at most before the caret */
    CHARACTER_MAX = 8, /* cells of one character: a tab */
    LABEL_BYTES = 400,
    FIX_BYTES = 60
};

static const char *color_of(Severity severity) {
    return severity == SEVERITY_ERROR     ? "\033[1;31m"
           : severity == SEVERITY_WARNING ? "\033[1;35m"
                                          : "\033[1;36m";
}

static void append_message(Text *text, const char *message, size_t bytes_max) {
    text_printable(text, message, strlen(message), bytes_max);
}

/* "file:line:col: ", or the program's name where there is no place. */
static void append_place(Text *text, Span span, bool color) {
    if (color) text_puts(text, "\033[1m");
    if (span.file) {
        LineColumn place = source_locate(span.file, span.start);
        append_message(text, span.file->path, MESSAGE_BYTES);
        text_printf(text, ":%d:%d: ", place.line, place.column);
    } else {
        text_puts(text, "tenon: ");
    }
    if (color) text_puts(text, "\033[0m");
}

static void append_kind(Text *text, const char *kind, Severity severity, bool color) {
    if (color) text_puts(text, color_of(severity));
    text_printf(text, "%s: ", kind);
    if (color) text_puts(text, "\033[0m");
}

/* One line of the source, as it is shown. */
typedef struct Line {
    const char *bytes; /* of the whole file */
    uint32_t start, end;
} Line;

static bool ends_line(char c) { return c == '\n' || c == '\r'; }

static Line line_at(const SourceFile *file, uint32_t offset) {
    uint32_t length = (uint32_t)file->length, start = offset < length ? offset : length;
    if (start > 0 && file->text[start] == '\n' && file->text[start - 1] == '\r') start--;
    while (start > 0 && !ends_line(file->text[start - 1])) start--;
    uint32_t end = start;
    while (end < length && !ends_line(file->text[end])) end++;
    return (Line){file->text, start, end};
}

/* Appends the character at |offset|, and returns the offset behind it. Tabs go to the next multiple of 8. */
static uint32_t append_character(Text *text, const Line *line, uint32_t offset, int cell, int *out_cells) {
    if (line->bytes[offset] == '\t') {
        *out_cells = CHARACTER_MAX - cell % CHARACTER_MAX;
        text_printf(text, "%*s", *out_cells, "");
        return offset + 1;
    }
    return offset +
           (uint32_t)text_printable_character(text, line->bytes + offset, line->end - offset, out_cells);
}

/* The cells that [from, to) fills, no more than |cells_max| and one character. */
static int count_cells(const Line *line, uint32_t from, uint32_t to, int cells_max) {
    Text ignored;
    text_init(&ignored);
    int total = 0, cells;
    while (from < to && total <= cells_max) {
        from = append_character(&ignored, line, from, total, &cells);
        total += cells;
    }
    text_deinit(&ignored);
    return total;
}

/* Where the shown part begins: at the line's start if the caret is then in sight, else some way before the
 * caret. */
static uint32_t first_shown(const Line *line, uint32_t caret) {
    if (count_cells(line, line->start, line->end, LINE_CELLS) <= LINE_CELLS) return line->start;
    if (count_cells(line, line->start, caret, LEFT_CELLS) <= LEFT_CELLS) return line->start;
    uint32_t from = caret - line->start > LEFT_CELLS ? caret - LEFT_CELLS : line->start;
    while (from < caret && ((unsigned char)line->bytes[from] & 0xc0) == 0x80) from++;
    uint32_t code;
    while (from < caret && count_cells(line, from, caret, LEFT_CELLS) > LEFT_CELLS) {
        int count = utf8_decode(line->bytes + from, caret - from, &code);
        from += count ? (uint32_t)count : 1;
    }
    return from;
}

static bool is_marked(const Diagnostic *diagnostic, uint32_t offset) {
    if (offset >= diagnostic->span.start && offset < diagnostic->span.end) return true;
    for (int i = 0; i < diagnostic->marks.count; i++) {
        const Span *mark = &diagnostic->marks.items[i];
        if (mark->file == diagnostic->span.file && offset >= mark->start && offset < mark->end) return true;
    }
    return false;
}

/* Fills |shown| with the source and |below| with carets and marks under it, cell by cell. */
static void render_line(Text *shown, Text *below, const Diagnostic *diagnostic, const Line *line) {
    uint32_t caret = diagnostic->span.start < line->end ? diagnostic->span.start : line->end;
    uint32_t offset = first_shown(line, caret);
    int cell = 0, cells;
    bool caret_done = false;
    if (offset > line->start) {
        text_puts(shown, "...");
        text_puts(below, "   ");
    }
    while (offset < line->end) {
        if (cell > LINE_CELLS && caret_done) {
            text_puts(shown, "...");
            break;
        }
        uint32_t next = append_character(shown, line, offset, cell, &cells);
        bool is_caret = !caret_done && next > caret;
        for (int i = 0; i < cells; i++)
            text_putc(below, is_caret && i == 0 ? '^' : is_marked(diagnostic, offset) ? '~' : ' ');
        caret_done |= is_caret;
        cell += cells;
        offset = next;
    }
    if (!caret_done) text_putc(below, '^');
    while (below->length && below->bytes[below->length - 1] == ' ') below->length--;
}

static void append_source(Text *text, const Diagnostic *diagnostic, bool color) {
    const SourceFile *file = diagnostic->span.file;
    if (!file || file->placeholder || !file->length) return;
    Line line = line_at(file, diagnostic->span.start);
    Text shown, below;
    text_init(&shown);
    text_init(&below);
    render_line(&shown, &below, diagnostic, &line);
    text_printf(text, "%5d | ", source_locate(file, diagnostic->span.start).line);
    text_append(text, shown.bytes, shown.length);
    text_puts(text, color ? "\n      | \033[1;32m" : "\n      | ");
    text_append(text, below.bytes, below.length);
    if (color) text_puts(text, "\033[0m");
    if (diagnostic->label) {
        text_puts(text, "  ");
        append_message(text, diagnostic->label, LABEL_BYTES);
    }
    text_putc(text, '\n');
    text_deinit(&shown);
    text_deinit(&below);
}

/* "fix: write 'axis' instead of 'dim'", "fix: insert ';'" or "fix: remove ','". */
static void append_fix(Text *text, const Remark *fix) {
    const SourceFile *file = fix->span.file;
    uint32_t end = file && !file->placeholder && fix->span.end <= file->length ? fix->span.end : 0;
    bool replaces = fix->span.start < end;
    if (*fix->text) {
        text_puts(text, replaces || !end ? "write '" : "insert '");
        append_message(text, fix->text, MESSAGE_BYTES);
        text_putc(text, '\'');
    }
    if (replaces) {
        text_puts(text, *fix->text ? " instead of '" : "remove '");
        text_printable(text, file->text + fix->span.start, end - fix->span.start, FIX_BYTES);
        text_putc(text, '\'');
    }
    text_putc(text, '\n');
}

/* A remark without a place of its own belongs to the message above. */
static void append_remark_head(Text *text, const Diagnostic *diagnostic, const Remark *remark, bool color) {
    if (!remark->span.file && diagnostic->span.file)
        text_puts(text, "      = ");
    else
        append_place(text, remark->span, color);
    append_kind(text, remark->is_fix ? "fix" : "note", SEVERITY_NOTE, color);
}

void diagnostic_render(Text *text, const Diagnostic *diagnostic, bool color) {
    append_place(text, diagnostic->span, color);
    append_kind(text, severity_name(diagnostic->severity), diagnostic->severity, color);
    append_message(text, diagnostic->message, MESSAGE_BYTES);
    text_printf(text, " [%s]\n", diagnostic_id_name(diagnostic->id));
    append_source(text, diagnostic, color);
    for (const Remark *remark = diagnostic->remarks; remark; remark = remark->next) {
        append_remark_head(text, diagnostic, remark, color);
        if (remark->is_fix) {
            append_fix(text, remark);
        } else {
            append_message(text, remark->text, MESSAGE_BYTES);
            text_putc(text, '\n');
        }
    }
}
