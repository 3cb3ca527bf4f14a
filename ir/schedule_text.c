/* The text of a schedule: schedule {variant = direct, tile = 6 x 2 x 8, items = 2}. */
#include "ir/reader.h"

#include <string.h>

void schedule_print(Text *text, const Schedule *schedule) {
    const char *separator = " schedule {";
    if (schedule->variant) {
        text_printf(text, "%svariant = %s", separator, schedule->variant);
        separator = ", ";
    }
    if (schedule->rows) {
        text_printf(text, "%stile = %d x %d x %d", separator, schedule->rows, schedule->vectors,
                    schedule->lanes);
        separator = ", ";
    }
    const struct {
        const char *name;
        int64_t value;
    } numbers[] = {{"items", schedule->items},
                   {"chunk", schedule->chunk},
                   {"block", schedule->block},
                   {"zigzag", schedule->zigzag},
                   {"prefetch", schedule->prefetch}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (!numbers[i].value) continue;
        text_printf(text, "%s%s = %lld", separator, numbers[i].name, (long long)numbers[i].value);
        separator = ", ";
    }
    if (separator[0] == ' ') text_puts(text, " schedule {");
    text_puts(text, "}");
}

Schedule *reader_schedule(Reader *reader) {
    reader_expect_word(reader, "schedule");
    Schedule *schedule = NEW(reader->arena, Schedule);
    reader_expect_mark(reader, '{');
    while (!reader->failed && !reader_at_mark(reader, '}')) {
        Span span = reader->token.span;
        const char *key = reader_word(reader, "a key of a schedule");
        reader_expect_mark(reader, '=');
        if (strcmp(key, "variant") == 0) {
            schedule->variant = reader_word(reader, "a variant");
        } else if (strcmp(key, "tile") == 0) {
            schedule->rows = (int)reader_integer(reader);
            reader_expect_word(reader, "x");
            schedule->vectors = (int)reader_integer(reader);
            reader_expect_word(reader, "x");
            schedule->lanes = (int)reader_integer(reader);
        } else if (strcmp(key, "items") == 0) {
            schedule->items = (int)reader_integer(reader);
        } else if (strcmp(key, "chunk") == 0) {
            schedule->chunk = reader_integer(reader);
        } else if (strcmp(key, "block") == 0) {
            schedule->block = reader_integer(reader);
        } else if (strcmp(key, "zigzag") == 0) {
            schedule->zigzag = reader_integer(reader) != 0;
        } else if (strcmp(key, "prefetch") == 0) {
            schedule->prefetch = (int)reader_integer(reader);
        } else {
            reader_error(
                reader, span,
                "a schedule has no '%s'; keys are variant, tile, items, chunk, block, zigzag, prefetch", key);
        }
        if (!reader_take_mark(reader, ',')) break;
    }
    reader_expect_mark(reader, '}');
    return schedule;
}
