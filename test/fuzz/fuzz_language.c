/* Feeds any bytes to the language's front end. What parses without an error must keep its tree through the
 * formatter, and formatting twice must change nothing.
 *
 *   clang -fsanitize=fuzzer,address,undefined ... fuzz_language.c && ./a.out examples/ */
#include "frontend/lang/ast.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count);

/* Parses |text| and appends its tree to |dump| and its formatted form to |formatted|; returns the number of
 * errors. */
static int pass(const char *text, size_t length, Text *dump, Text *formatted) {
    Arena *arena = arena_create();
    Diagnostics *diagnostics = diagnostics_create();
    FILE *nowhere = fopen("/dev/null", "w");
    const File *file = parse_file(arena, diagnostics, source_from_text(arena, "fuzz.tn", text, length));
    int errors = diagnostics_error_count(diagnostics);
    file_dump(dump, file);
    file_format(formatted, file);
    diagnostics_print(diagnostics, nowhere, (DiagnosticsStyle){.json = length % 2});
    fclose(nowhere);
    diagnostics_destroy(diagnostics);
    arena_destroy(arena);
    return errors;
}

static void check_equal(const Text *a, const Text *b) {
    if (a->length != b->length || (a->length && memcmp(a->bytes, b->bytes, a->length))) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count) {
    enum { FIRST, SECOND, TIMES };
    Text dumps[TIMES], formatted[TIMES];
    for (int i = 0; i < TIMES; i++) {
        text_init(&dumps[i]);
        text_init(&formatted[i]);
    }
    int errors = pass((const char *)bytes, count, &dumps[FIRST], &formatted[FIRST]);
    if (!errors) {
        if (pass(formatted[FIRST].bytes ? formatted[FIRST].bytes : "", formatted[FIRST].length,
                 &dumps[SECOND], &formatted[SECOND]))
            abort();
        check_equal(&dumps[FIRST], &dumps[SECOND]);
        check_equal(&formatted[FIRST], &formatted[SECOND]);
    }
    for (int i = 0; i < TIMES; i++) {
        text_deinit(&dumps[i]);
        text_deinit(&formatted[i]);
    }
    return 0;
}
