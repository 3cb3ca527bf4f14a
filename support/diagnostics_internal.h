/* What collecting and printing share. */
#ifndef TENON_SUPPORT_DIAGNOSTICS_INTERNAL_H
#define TENON_SUPPORT_DIAGNOSTICS_INTERNAL_H

#include "support/diagnostics.h"
#include "support/text.h"

enum {
    STORED_MAX = 10000,  /* further messages are counted, not kept */
    MESSAGE_BYTES = 4000 /* of one message; more is cut */
};

/* A note, or a fix whose text is the replacement. */
typedef struct Remark Remark;
struct Remark {
    Remark *next;
    bool is_fix;
    Span span;
    const char *text;
};

struct Diagnostic {
    Arena *arena;
    Severity severity;
    DiagnosticId id;
    Span span;
    const char *message, *label; /* label may be NULL */
    VECTOR(Span) marks;
    Remark *remarks, **remarks_end;
    int file_order, order; /* what it is sorted by: its file's first message, then place, then age */
};

struct Diagnostics {
    Arena *arena;
    VECTOR(Diagnostic *) list;
    VECTOR(const SourceFile *) files;
    int error_count, dropped_errors; /* dropped: not kept and not yet told */
    int printed_count, printed_errors;
    Diagnostic overflow; /* takes what is not kept */
};

const char *severity_name(Severity severity);
/* Appends the message with its source line, notes and fixes, as a terminal shows it. */
void diagnostic_render(Text *text, const Diagnostic *diagnostic, bool color);
/* Appends one line of JSON. */
void diagnostic_render_json(Text *text, const Diagnostic *diagnostic);
/* Appends the note that |count| errors were held back. */
void diagnostics_render_rest(Text *text, int count, bool json);

#endif
