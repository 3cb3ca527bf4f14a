#include "passes/schedule_file.h"

#include "ir/reader.h"

#include <string.h>

/* ---- Reading ---- */

/* f32[N, 64, 56, 56], as it stands in the file. */
static const char *read_type(Reader *reader) {
    uint32_t first = reader->token.span.start, end = first;
    reader_word(reader, "the type of the result");
    if (!reader_at_mark(reader, '[')) reader_expect_mark(reader, '[');
    while (!reader->failed && reader->token.kind != TOKEN_END && !reader_at_mark(reader, ']'))
        reader_next(reader);
    end = reader->token.span.end;
    reader_expect_mark(reader, ']');
    return reader->failed ? "" : arena_strndup(reader->arena, reader->source->text + first, end - first);
}

/* direct, or F(m, taps). */
static int read_algorithm(Reader *reader) {
    if (reader_take_word(reader, "direct")) return 0;
    Span span = reader->token.span;
    reader_expect_word(reader, "F");
    reader_expect_mark(reader, '(');
    int64_t m = reader_integer(reader);
    reader_expect_mark(reader, ',');
    reader_integer(reader);
    reader_expect_mark(reader, ')');
    if (!reader->failed && (m < 2 || m > 8))
        reader_error(reader, span, "an algorithm is direct or F(m, taps) with m in 2 .. 8");
    return (int)m;
}

static void read_entry(Reader *reader, ScheduleFile *file) {
    ScheduleEntry entry = {.span = reader->token.span};
    const char *kind = reader_word(reader, "an operator");
    entry.kind = op_from_text(kind, strlen(kind));
    if (entry.kind == OP_COUNT || !(op_infos[entry.kind].traits & OP_CONTRACTION)) {
        reader_error(reader, entry.span,
                     "'%s' is no operator that has a schedule; conv, linear and matmul do", kind);
        return;
    }
    entry.path = reader_global(reader);
    entry.type = read_type(reader);
    entry.has_algorithm = reader_take_word(reader, "algorithm");
    if (entry.has_algorithm) entry.algorithm = read_algorithm(reader);
    if (reader_at_word(reader, "schedule")) entry.schedule = reader_schedule(reader);
    vector_push(reader->arena, &file->entries, entry);
}

ScheduleFile *schedule_file_parse(Arena *arena, Diagnostics *diagnostics, const SourceFile *source) {
    ScheduleFile *file = NEW(arena, ScheduleFile);
    Reader reader;
    reader_init(&reader, arena, diagnostics, source, NULL);
    if (!reader_take_word(&reader, "tir") || !reader_take_word(&reader, "schedule"))
        reader_error(&reader, reader.token.span, "this is no schedule file; --emit=schedule writes one");
    Span version_span = reader.token.span;
    if (reader_integer(&reader) != 1) reader_error(&reader, version_span, "this program reads version 1");
    while (!reader.failed && reader.token.kind != TOKEN_END) read_entry(&reader, file);
    return reader.failed ? NULL : file;
}

/* ---- Writing ---- */

static const Op *contraction_of(const Op *op) {
    if (op->kind != OP_CLUSTER) return op_infos[op->kind].traits & OP_CONTRACTION ? op : NULL;
    for (const Op *inner = op->body->first; inner; inner = inner->next)
        if (op_infos[inner->kind].traits & OP_CONTRACTION) return inner;
    return NULL;
}

static OpKind written_kind(const Op *op) { return op->kind == OP_WINOGRAD ? OP_CONV : op->kind; }

static const char *plain_type(Arena *arena, const Op *op) {
    Type type = op->results[0]->type;
    type.layout = NULL;
    return type_text(arena, &type);
}

static void print_entry(Text *text, Arena *arena, const Op *op, const Schedule *schedule) {
    text_printf(text, "%s ", op_infos[written_kind(op)].text);
    global_print(text, op->path);
    text_printf(text, " %s", plain_type(arena, op));
    if (op->kind == OP_WINOGRAD)
        text_printf(text, " algorithm F(%d, %d)", (int)op_int_at(op, ATTR_TILE, 0, 0),
                    (int)op_int_at(op, ATTR_KERNEL, 0, 0));
    if (schedule) schedule_print(text, schedule);
    text_putc(text, '\n');
}

typedef struct Lines {
    Arena *arena;
    VECTOR(const char *) lines;
} Lines;

static void collect_block(Lines *lines, const Block *block) {
    for (const Op *op = block->first; op; op = op->next) {
        const Op *anchor = contraction_of(op);
        if (op->kind == OP_SCAN) collect_block(lines, op->body);
        if (!anchor || (!op->schedule && anchor->kind != OP_WINOGRAD)) continue;
        Text text;
        text_init(&text);
        print_entry(&text, lines->arena, anchor, op->schedule);
        const char *line = arena_strdup(lines->arena, text.bytes);
        text_deinit(&text);
        bool known = false;
        for (int i = 0; i < lines->lines.count && !known; i++)
            known = strcmp(lines->lines.items[i], line) == 0;
        if (!known) vector_push(lines->arena, &lines->lines, line);
    }
}

void schedule_file_print(Text *text, Module *module) {
    Lines lines = {.arena = module->arena};
    for (int i = 0; i < module->entries.count; i++) collect_block(&lines, module->entries.items[i]->block);
    text_puts(text, "tir schedule 1\n");
    for (int i = 0; i < lines.lines.count; i++) text_puts(text, lines.lines.items[i]);
}

/* ---- Use ---- */

ScheduleEntry *schedule_file_find(ScheduleFile *file, Arena *arena, const Op *op) {
    const char *type = file ? plain_type(arena, op) : NULL;
    for (int i = 0; file && i < file->entries.count; i++) {
        ScheduleEntry *entry = &file->entries.items[i];
        if (entry->kind != written_kind(op) || strcmp(entry->path, op->path) != 0) continue;
        if (strcmp(entry->type, type) != 0) {
            entry->other_type = type;
            continue;
        }
        entry->used = true;
        return entry;
    }
    return NULL;
}

bool schedule_file_check_used(const ScheduleFile *file, Diagnostics *diagnostics) {
    bool good = true;
    for (int i = 0; file && i < file->entries.count; i++) {
        const ScheduleEntry *entry = &file->entries.items[i];
        if (entry->used) continue;
        good = false;
        Diagnostic *error =
            diagnose_error(diagnostics, E0609, entry->span, "there is no %s @%s with a result %s here",
                           op_infos[entry->kind].text, entry->path, entry->type);
        if (entry->other_type)
            diagnostic_note(error, (Span){0}, "@%s has a result %s", entry->path, entry->other_type);
        diagnostic_note(error, (Span){0}, "--emit=schedule writes the file anew, by rule");
    }
    return good;
}
