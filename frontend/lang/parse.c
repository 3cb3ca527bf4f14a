#include "frontend/lang/parser.h"
#include "frontend/lang/parser_internal.h"

#include <setjmp.h>

/* False: reported. */
static bool check_source(Parser *parser) {
    const SourceFile *source = parser->source;
    if (source->length > SOURCE_BYTES_MAX) {
        parser_error(parser, E0101, ((Span){source, 0, 0}), "the file has %zu bytes, the limit is %d",
                     source->length, SOURCE_BYTES_MAX);
        return false;
    }
    const unsigned char *mark = (const unsigned char *)source->text;
    if (source->length >= 2 &&
        ((mark[0] == 0xff && mark[1] == 0xfe) || (mark[0] == 0xfe && mark[1] == 0xff))) {
        Diagnostic *error =
            parser_error(parser, E0102, ((Span){source, 0, 2}), "the file is UTF-16, not UTF-8");
        diagnostic_note(error, (Span){0}, "`iconv -f utf-16 -t utf-8` converts it");
        return false;
    }
    return true;
}

/* flex has no way to fail but the one it is given here. */
static void run(Parser *parser) {
    if (setjmp(parser->scanner_failure)) {
        Span start = {parser->source, 0, 0};
        parser_error(parser, E0101, start, "the scanner cannot read this file");
        return;
    }
    scanner_start(parser);
    tenon_parse(parser);
    scanner_end(parser);
}

File *parse_file(Arena *arena, Diagnostics *diagnostics, const SourceFile *source) {
    Arena *scratch = arena_create();
    Parser *parser = NEW(scratch, Parser);
    parser->arena = arena;
    parser->scratch = scratch;
    parser->diagnostics = diagnostics;
    parser->source = source;
    parser->last.span = (Span){source, 0, 0};
    File *file = parser->file = NEW(arena, File);
    file->source = source;
    if (check_source(parser)) run(parser);
    arena_destroy(scratch);
    return file;
}
