/* The entries of one IR text as test cases: what each must give is computed once, then held against the code
 * of any number of configurations. */
#ifndef TENON_TEST_NATIVE_SUITE_H
#define TENON_TEST_NATIVE_SUITE_H

#include "test/native/expected.h"
#include "test/native/library.h"

typedef struct Case {
    const Entry *entry;
    int64_t dims[16];
    int round;    /* of the entry: those with states go on from the round before */
    Bounded *in;  /* inputs, then states */
    Bounded *out; /* outputs, then states */
    EvalStatus status;
} Case;

typedef struct Suite {
    Arena *arena;
    Diagnostics *diagnostics;
    Module *module;
    const char *text;
    bool strict;
    double slack;
    VECTOR(Case) cases;
} Suite;

typedef struct SuiteResult {
    int failures;       /* entries that are wrong */
    const Entry *first; /* the first of them */
    char message[256];  /* about it */
    int64_t elements, unknown;
    double worst; /* the largest error as a part of its bound */
    bool compiled;
} SuiteResult;

typedef void SuiteReport(void *context, const Entry *entry, const char *message);

/* NULL: the text is not valid; reported to stderr. */
Suite *suite_create(const char *text, bool strict, double slack);
void suite_destroy(Suite *suite);
/* |report| may be NULL; it hears of every failing entry once. */
SuiteResult suite_run(const Suite *suite, const NativeConfig *config, SuiteReport *report, void *context);
/* Reports the entries that give other bits under |second| than under |first|; returns how many. Those with
 * states are left out. */
int suite_differences(const Suite *suite, const NativeConfig *first, const NativeConfig *second,
                      SuiteReport *report, void *context);
/* The text of one entry of the suite alone. */
char *suite_entry_text(const Suite *suite, const Entry *entry, const char *header);

#endif
