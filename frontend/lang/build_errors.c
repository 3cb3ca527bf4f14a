#include "frontend/lang/builder_internal.h"

#include <string.h>

enum { CONTEXT_MAX = 4, PATH_MAX_SHOWN = 80, WORK_MAX = 1000000, NESTING_MAX = 2000, ERRORS_MAX = 500 };

bool is_library_place(Span span) { return span.file && strncmp(span.file->path, "<library>", 9) == 0; }

Span layer_place_in_user_file(const Instance *instance) {
    while (is_library_place(instance->span) && instance->parent) instance = instance->parent;
    return instance->span;
}

Span user_place(const Builder *b, Span span) {
    return is_library_place(span) && b->user_span.file ? b->user_span : span;
}

static const char *layer_text(Builder *b, const Instance *instance) {
    const char *arguments =
        instance->arguments[0] ? arena_printf(b->arena, " (%s)", instance->arguments) : "";
    if (!instance->path[0]) return arena_printf(b->arena, "in model %s%s", instance->model, arguments);
    const char *block = instance->block ? instance->block->item->name.text : "Sequential";
    size_t length = strlen(instance->path);
    bool cut = length > PATH_MAX_SHOWN;
    return arena_printf(b->arena, "in layer '%s%s' of model %s: %s%s", cut ? "..." : "",
                        instance->path + (cut ? length - PATH_MAX_SHOWN : 0), instance->model, block,
                        arguments);
}

void build_context(Builder *b, Diagnostic *diagnostic) {
    bool told_layer = false;
    int notes = 0;
    for (const Frame *frame = b->frame; frame && notes < CONTEXT_MAX; frame = frame->outer) {
        const Function *function = frame->function;
        if (frame->instance && !told_layer && (frame->instance->path[0] || frame->instance->arguments[0])) {
            diagnostic_note(diagnostic, layer_place_in_user_file(frame->instance), "%s",
                            layer_text(b, frame->instance));
            told_layer = true;
            notes++;
        } else if (function && function->kind != FUNCTION_FORWARD && frame->outer && frame->outer->function &&
                   !is_library_place(frame->call_span)) {
            diagnostic_note(diagnostic, frame->call_span, "in %s '%s', called here",
                            function->kind == FUNCTION_ENTRY ? "entry" : "function", function->name.text);
            notes++;
        }
    }
}

Diagnostic *build_error(Builder *b, DiagnosticId id, Span span, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *message = arena_vprintf(b->arena, format, arguments);
    va_end(arguments);
    Diagnostic *diagnostic = diagnose_error(b->diagnostics, id, user_place(b, span), "%s", message);
    build_context(b, diagnostic);
    if (diagnostics_error_count(b->diagnostics) > ERRORS_MAX) b->stopped = true;
    return diagnostic;
}

Datum build_fail(Builder *b, DiagnosticId id, Span span, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    build_error(b, id, span, "%s", arena_vprintf(b->arena, format, arguments));
    va_end(arguments);
    return POISON;
}

Datum build_stop(Builder *b, DiagnosticId id, Span span, const char *format, ...) {
    if (b->stopped) return POISON;
    b->stopped = true;
    va_list arguments;
    va_start(arguments, format);
    build_error(b, id, span, "%s", arena_vprintf(b->arena, format, arguments));
    va_end(arguments);
    return POISON;
}

bool build_work(Builder *b, Span span) {
    if (!b->stopped && ++b->work_count > WORK_MAX)
        build_stop(b, E0212, span, "the program takes more than %d calls and loop trips to build", WORK_MAX);
    return !b->stopped;
}

bool nesting_enter(Builder *b, Span span) {
    if (b->nesting >= NESTING_MAX) {
        build_stop(b, E0213, span, "calls and expressions are nested more than %d deep", NESTING_MAX);
        return false;
    }
    b->nesting++;
    return true;
}

void note_nearest(Builder *b, Diagnostic *diagnostic, Span span, const char *wanted, const char *const *names,
                  int count) {
    (void)b;
    const char *near = nearest_name(wanted, names, count);
    if (near) diagnostic_fix(diagnostic, span, "%s", near);
}
