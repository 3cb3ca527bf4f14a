/* Messages as JSON, one object a line, with the fields rustc has made known:
 *   {"severity", "id", "message",
 *    "spans": [{"file", "byte_start", "byte_end", "line_start", "column_start", "line_end", "column_end",
 *               "is_primary", "label"}],
 *    "children": [{"severity", "message", "spans"}],
 *    "fix": [{"span", "replacement", "applicability"}],
 *    "rendered"} */
#include "support/diagnostics_internal.h"
#include "support/utf8.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* JSON holds valid UTF-8 only, so text from files goes through the printable form. */
static json_t *json_printable(const char *string) {
    Text text;
    text_init(&text);
    text_printable(&text, string, strlen(string), MESSAGE_BYTES);
    json_t *value = json_stringn(text.length ? text.bytes : "", text.length);
    text_deinit(&text);
    return value;
}

static json_t *json_span(Span span, const char *label, bool is_primary) {
    LineColumn start = source_locate(span.file, span.start), end = source_locate(span.file, span.end);
    json_t *object = json_object();
    json_object_set_new(object, "file", json_printable(span.file->path));
    if (!span.file->placeholder) {
        json_object_set_new(object, "byte_start", json_integer(span.start));
        json_object_set_new(object, "byte_end", json_integer(span.end));
    }
    json_object_set_new(object, "line_start", json_integer(start.line));
    json_object_set_new(object, "column_start", json_integer(start.column));
    json_object_set_new(object, "line_end", json_integer(end.line));
    json_object_set_new(object, "column_end", json_integer(end.column));
    json_object_set_new(object, "is_primary", json_boolean(is_primary));
    json_object_set_new(object, "label", label ? json_printable(label) : json_null());
    return object;
}

static json_t *json_spans(const Diagnostic *diagnostic) {
    json_t *spans = json_array();
    if (diagnostic->span.file)
        json_array_append_new(spans, json_span(diagnostic->span, diagnostic->label, true));
    for (int i = 0; i < diagnostic->marks.count; i++)
        if (diagnostic->marks.items[i].file)
            json_array_append_new(spans, json_span(diagnostic->marks.items[i], NULL, false));
    return spans;
}

static json_t *json_note(const Remark *note) {
    json_t *object = json_object(), *spans = json_array();
    if (note->span.file) json_array_append_new(spans, json_span(note->span, NULL, true));
    json_object_set_new(object, "severity", json_string("note"));
    json_object_set_new(object, "message", json_printable(note->text));
    json_object_set_new(object, "spans", spans);
    return object;
}

static json_t *json_fix(const Remark *fix) {
    json_t *object = json_object();
    json_object_set_new(object, "span", fix->span.file ? json_span(fix->span, NULL, true) : json_null());
    json_object_set_new(object, "replacement", json_printable(fix->text));
    json_object_set_new(object, "applicability", json_string("maybe-incorrect"));
    return object;
}

static json_t *json_message(Severity severity, const char *message) {
    json_t *object = json_object();
    json_object_set_new(object, "severity", json_string(severity_name(severity)));
    json_object_set_new(object, "message", json_printable(message));
    return object;
}

/* Takes |object|. */
static void append_line(Text *text, json_t *object) {
    char *line = json_dumps(object, JSON_COMPACT);
    if (line) text_puts(text, line);
    text_putc(text, '\n');
    free(line);
    json_decref(object);
}

void diagnostic_render_json(Text *text, const Diagnostic *diagnostic) {
    json_t *object = json_message(diagnostic->severity, diagnostic->message);
    json_object_set_new(object, "id", json_string(diagnostic_id_name(diagnostic->id)));
    json_object_set_new(object, "spans", json_spans(diagnostic));
    json_t *children = json_array(), *fixes = json_array();
    for (const Remark *remark = diagnostic->remarks; remark; remark = remark->next) {
        if (remark->is_fix)
            json_array_append_new(fixes, json_fix(remark));
        else
            json_array_append_new(children, json_note(remark));
    }
    json_object_set_new(object, "children", children);
    json_object_set_new(object, "fix", fixes);
    Text rendered;
    text_init(&rendered);
    diagnostic_render(&rendered, diagnostic, false);
    json_object_set_new(object, "rendered", json_stringn(rendered.bytes, rendered.length));
    text_deinit(&rendered);
    append_line(text, object);
}

void diagnostics_render_rest(Text *text, int count, bool json) {
    char message[100];
    snprintf(message, sizeof message, "%d more error%s not shown; --error-limit=0 shows all", count,
             count == 1 ? "" : "s");
    if (json)
        append_line(text, json_message(SEVERITY_NOTE, message));
    else
        text_printf(text, "tenon: %s\n", message);
}
