#include "support/diagnostics_internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *name, *title, *explanation;
} rows[] = {
#define DIAGNOSTIC(id, title, explanation) {#id, title, explanation},
#include "support/diagnostics.def"
#undef DIAGNOSTIC
};

const char *diagnostic_id_name(DiagnosticId id) { return rows[id].name; }
const char *diagnostic_title(DiagnosticId id) { return rows[id].title; }
const char *diagnostic_explanation(DiagnosticId id) { return rows[id].explanation; }

DiagnosticId diagnostic_id_from_name(const char *name) {
    int id = 0;
    while (id < DIAGNOSTIC_ID_COUNT && strcasecmp(rows[id].name, name)) id++;
    return (DiagnosticId)id;
}

const char *severity_name(Severity severity) {
    return severity == SEVERITY_ERROR ? "error" : severity == SEVERITY_WARNING ? "warning" : "note";
}

Diagnostics *diagnostics_create(void) {
    Arena *arena = arena_create();
    Diagnostics *diagnostics = NEW(arena, Diagnostics);
    diagnostics->arena = arena;
    return diagnostics;
}

void diagnostics_destroy(Diagnostics *diagnostics) {
    if (diagnostics) arena_destroy(diagnostics->arena);
}

/* Files in the order of their first message; messages without a place come last. */
static int file_order(Diagnostics *diagnostics, const SourceFile *file) {
    if (!file) return INT_MAX;
    for (int i = 0; i < diagnostics->files.count; i++)
        if (diagnostics->files.items[i] == file) return i;
    vector_push(diagnostics->arena, &diagnostics->files, file);
    return diagnostics->files.count - 1;
}

static Diagnostic *diagnose(Diagnostics *diagnostics, Severity severity, DiagnosticId id, Span span,
                            const char *format, va_list arguments) {
    if (severity == SEVERITY_ERROR) diagnostics->error_count++;
    if (diagnostics->list.count >= STORED_MAX) {
        diagnostics->dropped_errors += severity == SEVERITY_ERROR;
        return &diagnostics->overflow;
    }
    Diagnostic *diagnostic = NEW(diagnostics->arena, Diagnostic);
    diagnostic->arena = diagnostics->arena;
    diagnostic->severity = severity;
    diagnostic->id = id;
    diagnostic->span = span;
    diagnostic->message = arena_vprintf(diagnostics->arena, format, arguments);
    diagnostic->remarks_end = &diagnostic->remarks;
    diagnostic->file_order = file_order(diagnostics, span.file);
    diagnostic->order = diagnostics->list.count;
    vector_push(diagnostics->arena, &diagnostics->list, diagnostic);
    return diagnostic;
}

Diagnostic *diagnose_error(Diagnostics *diagnostics, DiagnosticId id, Span span, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    Diagnostic *diagnostic = diagnose(diagnostics, SEVERITY_ERROR, id, span, format, arguments);
    va_end(arguments);
    return diagnostic;
}

Diagnostic *diagnose_warning(Diagnostics *diagnostics, DiagnosticId id, Span span, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    Diagnostic *diagnostic = diagnose(diagnostics, SEVERITY_WARNING, id, span, format, arguments);
    va_end(arguments);
    return diagnostic;
}

static void add_remark(Diagnostic *diagnostic, bool is_fix, Span span, const char *format,
                       va_list arguments) {
    if (!diagnostic->arena) return;
    Remark *remark = NEW(diagnostic->arena, Remark);
    remark->is_fix = is_fix;
    remark->span = span;
    remark->text = arena_vprintf(diagnostic->arena, format, arguments);
    *diagnostic->remarks_end = remark;
    diagnostic->remarks_end = &remark->next;
}

void diagnostic_note(Diagnostic *diagnostic, Span span, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    add_remark(diagnostic, false, span, format, arguments);
    va_end(arguments);
}

void diagnostic_fix(Diagnostic *diagnostic, Span span, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    add_remark(diagnostic, true, span, format, arguments);
    va_end(arguments);
}

void diagnostic_label(Diagnostic *diagnostic, const char *format, ...) {
    if (!diagnostic->arena) return;
    va_list arguments;
    va_start(arguments, format);
    diagnostic->label = arena_vprintf(diagnostic->arena, format, arguments);
    va_end(arguments);
}

void diagnostic_mark(Diagnostic *diagnostic, Span span) {
    if (diagnostic->arena) vector_push(diagnostic->arena, &diagnostic->marks, span);
}

int diagnostics_error_count(const Diagnostics *diagnostics) { return diagnostics->error_count; }

Diagnostic *diagnostics_last(Diagnostics *diagnostics) {
    if (diagnostics->list.count >= STORED_MAX) return &diagnostics->overflow;
    return diagnostics->list.count ? diagnostics->list.items[diagnostics->list.count - 1] : NULL;
}

static int compare_places(const void *left, const void *right) {
    const Diagnostic *a = *(Diagnostic *const *)left, *b = *(Diagnostic *const *)right;
    if (a->file_order != b->file_order) return a->file_order < b->file_order ? -1 : 1;
    if (a->span.start != b->span.start) return a->span.start < b->span.start ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

/* A block instantiated many times repeats its messages; the first one speaks for all. */
static bool is_repeated(Diagnostic *const *list, int index) {
    const Diagnostic *now = list[index];
    for (int i = index - 1; i >= 0 && now->span.file; i--) {
        if (list[i]->span.file != now->span.file || list[i]->span.start != now->span.start) break;
        if (list[i]->id == now->id && list[i]->span.end == now->span.end &&
            !strcmp(list[i]->message, now->message))
            return true;
    }
    return false;
}

void diagnostics_skip(Diagnostics *diagnostics) { diagnostics->printed_count = diagnostics->list.count; }

void diagnostics_print(Diagnostics *diagnostics, FILE *stream, DiagnosticsStyle style) {
    Diagnostic **list = diagnostics->list.items + diagnostics->printed_count;
    int count = diagnostics->list.count - diagnostics->printed_count;
    int held_back = diagnostics->dropped_errors;
    if (count) qsort(list, (size_t)count, sizeof *list, compare_places);
    Text text;
    text_init(&text);
    for (int i = 0; i < count; i++) {
        bool is_error = list[i]->severity == SEVERITY_ERROR;
        if ((style.quiet && !is_error) || is_repeated(list, i)) continue;
        if (style.error_limit && diagnostics->printed_errors >= style.error_limit) {
            held_back += is_error;
            continue;
        }
        diagnostics->printed_errors += is_error;
        if (style.json)
            diagnostic_render_json(&text, list[i]);
        else
            diagnostic_render(&text, list[i], style.color);
    }
    if (held_back) diagnostics_render_rest(&text, held_back, style.json);
    diagnostics->printed_count = diagnostics->list.count;
    diagnostics->dropped_errors = 0;
    if (text.length) fwrite(text.bytes, 1, text.length, stream);
    fflush(stream);
    text_deinit(&text);
}

enum { WORD_MAX = 256 };

static int min_of(int a, int b) { return a < b ? a : b; }

/* Insertions, deletions, replacements and swaps of neighbours, over three rows of the table. Words longer
 * than WORD_MAX count as wholly different, which bounds the work. */
int edit_distance(const char *a, const char *b) {
    size_t a_length = strlen(a), b_length = strlen(b);
    if (a_length > WORD_MAX || b_length > WORD_MAX) {
        size_t longer = a_length > b_length ? a_length : b_length;
        return longer > INT_MAX ? INT_MAX : (int)longer;
    }
    int rows_of_three[3][WORD_MAX + 1];
    int *before = rows_of_three[0], *last = rows_of_three[1], *row = rows_of_three[2];
    for (size_t j = 0; j <= b_length; j++) last[j] = (int)j;
    for (size_t i = 1; i <= a_length; i++) {
        row[0] = (int)i;
        for (size_t j = 1; j <= b_length; j++) {
            row[j] = min_of(min_of(last[j], row[j - 1]) + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = min_of(row[j], before[j - 2] + 1);
        }
        int *free_row = before;
        before = last;
        last = row;
        row = free_row;
    }
    return last[b_length];
}

/* Near enough is a third of the word, at least one edit, and less than all of it; a word that differs in case
 * only is always near. */
const char *nearest_name(const char *wanted, const char *const *names, int count) {
    int length = (int)(strlen(wanted) > WORD_MAX ? WORD_MAX : strlen(wanted));
    int best_distance = length / 3 > 1 ? length / 3 : 1;
    if (best_distance >= length) best_distance = length - 1;
    const char *best = NULL;
    for (int i = 0; i < count; i++) {
        if (!names[i]) continue;
        int distance = strcasecmp(wanted, names[i]) ? edit_distance(wanted, names[i]) : 0;
        if (distance > best_distance || (best && distance == best_distance)) continue;
        best = names[i];
        best_distance = distance;
    }
    return best;
}
