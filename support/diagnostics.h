/* Messages to the user: collected, sorted by place, printed in GNU form with the source line and a caret, or
 * as JSON. A Diagnostics object owns its messages (they live in its arena) and never prints by itself.
 * Formats are ours; text that comes from a file is always an argument, and control bytes in it are escaped
 * when printed. */
#ifndef TENON_SUPPORT_DIAGNOSTICS_H
#define TENON_SUPPORT_DIAGNOSTICS_H

#include "support/source.h"

#include <stdbool.h>
#include <stdio.h>

/* Every message has a row in diagnostics.def: a stable id, a title and the page that `tenon explain` shows.
 */
typedef enum DiagnosticId {
#define DIAGNOSTIC(id, title, explanation) id,
#include "support/diagnostics.def"
#undef DIAGNOSTIC
    DIAGNOSTIC_ID_COUNT
} DiagnosticId;

typedef enum Severity { SEVERITY_NOTE, SEVERITY_WARNING, SEVERITY_ERROR } Severity;

typedef struct Diagnostic Diagnostic;

typedef struct Diagnostics Diagnostics;

Diagnostics *diagnostics_create(void);
void diagnostics_destroy(Diagnostics *diagnostics);

/* Adds an error or warning; the result takes notes, marks and a fix until the next one is added. */
Diagnostic *diagnose_error(Diagnostics *diagnostics, DiagnosticId id, Span span, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
Diagnostic *diagnose_warning(Diagnostics *diagnostics, DiagnosticId id, Span span, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* A second place or a remark below the message; |span| may be empty (no place). */
void diagnostic_note(Diagnostic *diagnostic, Span span, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Text that stands right of the caret line, such as both shapes: "f32[N, E] @ f32[H, 4*H]". */
void diagnostic_label(Diagnostic *diagnostic, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* A second range underlined with '~' on the same line. */
void diagnostic_mark(Diagnostic *diagnostic, Span span);
/* What to write instead: |replacement| for |span|; shown as "fix:" and in JSON. */
void diagnostic_fix(Diagnostic *diagnostic, Span span, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

int diagnostics_error_count(const Diagnostics *diagnostics);
/* The message added last, which may still take notes and marks; NULL: there is none. */
Diagnostic *diagnostics_last(Diagnostics *diagnostics);

typedef struct DiagnosticsStyle {
    bool json, color;
    int error_limit; /* 0: no limit */
    bool quiet;      /* no warnings */
} DiagnosticsStyle;

/* Prints what was collected since the last call, sorted by file and place. */
void diagnostics_print(Diagnostics *diagnostics, FILE *stream, DiagnosticsStyle style);
/* What was collected since the last print is not printed: it was told already. */
void diagnostics_skip(Diagnostics *diagnostics);

const char *diagnostic_id_name(DiagnosticId id);
const char *diagnostic_title(DiagnosticId id);
const char *diagnostic_explanation(DiagnosticId id);
/* DIAGNOSTIC_ID_COUNT when there is none of that name. */
DiagnosticId diagnostic_id_from_name(const char *name);

/* The edit distance of two words, and the best of |names| for a suggestion (NULL when none is near enough).
 */
int edit_distance(const char *a, const char *b);
const char *nearest_name(const char *wanted, const char *const *names, int count);

#endif
