/* matrix [--only OP] [--config TEXT] [--print SERIAL]: compiles every case of the op matrix for every
 * configuration this CPU can run and holds it against the interpreter. Exit 1: some case is wrong; its text
 * is printed. */
#include "test/matrix/matrix.h"
#include "ir/text_form.h"
#include "test/native/suite.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Totals {
    const char *only, *config_text;
    int print; /* the serial of a case to print and run alone; -1: all */
    int shown_max;
    int batches, cases, failures;
    int64_t elements, unknown;
    double worst;
    const NativeConfig *configs;
    int config_count;
} Totals;

/* ---- One batch ---- */

typedef struct Reporter {
    const Suite *suite;
    const NativeConfig *config;
    Totals *totals;
} Reporter;

static void report(void *context, const Entry *entry, const char *message) {
    const Reporter *r = context;
    char config[96];
    native_config_text(r->config, config, sizeof config);
    printf("FAILED %s.%s %s: %s\n", entry->model, entry->name, config, message);
    if (r->totals->failures++ >= r->totals->shown_max) return;
    char *text = suite_entry_text(r->suite, entry, "");
    printf("%s\n", text);
    free(text);
}

static bool config_wanted(const Totals *totals, const NativeConfig *config) {
    char text[96];
    return !totals->config_text || strstr(native_config_text(config, text, sizeof text), totals->config_text);
}

static void run_suite(Suite *suite, Totals *totals) {
    for (int i = 0; i < totals->config_count; i++) {
        const NativeConfig *config = &totals->configs[i];
        if (!config_wanted(totals, config)) continue;
        Reporter reporter = {suite, config, totals};
        SuiteResult result = suite_run(suite, config, NULL, NULL);
        if (!result.compiled && suite->module->entries.count > 1) {
            printf("a batch does not compile; its cases one by one:\n");
            for (int j = 0; j < suite->module->entries.count; j++) {
                char *text = suite_entry_text(suite, suite->module->entries.items[j], "");
                Suite *alone = suite_create(text, true, 1);
                Reporter single = {alone, config, totals};
                if (alone) suite_run(alone, config, report, &single);
                if (alone) suite_destroy(alone);
                free(text);
            }
        } else if (result.failures) {
            result = suite_run(suite, config, report, &reporter);
        }
        totals->elements += result.elements;
        totals->unknown += result.unknown;
        if (result.worst > totals->worst) totals->worst = result.worst;
    }
}

/* In a child, so that a crash of the compiler names its batch and ends no more. */
static void run_guarded(Suite *suite, Totals *totals) {
    fflush(stdout);
    int channel[2];
    if (pipe(channel)) abort();
    pid_t child = fork();
    if (!child) {
        run_suite(suite, totals);
        fflush(stdout);
        _exit(write(channel[1], totals, sizeof *totals) == sizeof *totals ? 0 : 3);
    }
    close(channel[1]);
    Totals returned;
    bool whole = read(channel[0], &returned, sizeof returned) == sizeof returned;
    close(channel[0]);
    int status;
    waitpid(child, &status, 0);
    if (whole) {
        *totals = returned;
        return;
    }
    if (suite->module->entries.count == 1) {
        printf("CRASHED (signal %d) %s.%s\n%s\n", WTERMSIG(status), suite->module->entries.items[0]->model,
               suite->module->entries.items[0]->name, suite->text);
        totals->failures++;
        return;
    }
    for (int i = 0; i < suite->module->entries.count; i++) {
        char *text = suite_entry_text(suite, suite->module->entries.items[i], "");
        Suite *alone = suite_create(text, true, 1);
        if (alone) run_guarded(alone, totals);
        if (alone) suite_destroy(alone);
        free(text);
    }
}

static void keep_printed(Matrix *m, int serial) {
    int kept = 0;
    char model[32];
    snprintf(model, sizeof model, "Matrix%d", serial);
    for (int i = 0; i < m->module->entries.count; i++)
        if (strcmp(m->module->entries.items[i]->model, model) == 0)
            m->module->entries.items[kept++] = m->module->entries.items[i];
    m->module->entries.count = kept;
}

static void run_batch(Matrix *m) {
    Totals *totals = m->context;
    Text text;
    if (totals->print >= 0) keep_printed(m, totals->print);
    if (!m->module->entries.count) return;
    text_init(&text);
    graph_print(&text, m->module);
    if (totals->print >= 0) puts(text.bytes);
    totals->cases += m->module->entries.count;
    totals->batches++;
    Suite *suite = suite_create(text.bytes, true, 1);
    if (!suite)
        totals->failures++;
    else
        run_guarded(suite, totals);
    if (suite) suite_destroy(suite);
    text_deinit(&text);
}

/* ---- All ---- */

typedef void CaseFunction(Matrix *matrix, OpKind kind);
static CaseFunction *const rows[OP_COUNT] = {
#define OP(id, text, least, most, results, shape, traits, meaning) [OP_##id] = cases_##id,
#include "ir/ops.def"
#undef OP
};

int main(int count, char **words) {
    Totals totals = {.print = -1, .shown_max = 10};
    for (int i = 1; i + 1 < count; i += 2) {
        if (strcmp(words[i], "--only") == 0) totals.only = words[i + 1];
        if (strcmp(words[i], "--config") == 0) totals.config_text = words[i + 1];
        if (strcmp(words[i], "--print") == 0) totals.print = atoi(words[i + 1]);
        if (strcmp(words[i], "--show") == 0) totals.shown_max = atoi(words[i + 1]);
    }
    totals.config_count = native_configs(&totals.configs);
    Matrix matrix = {.full = run_batch, .context = &totals};
    batch_open(&matrix);
    for (int i = 0; i < OP_COUNT; i++) {
        if (totals.only && strcmp(totals.only, op_infos[i].text) != 0) continue;
        rows[i](&matrix, (OpKind)i);
    }
    batch_close(&matrix);
    printf("%d cases in %d batches, %lld elements compared, %lld unknown, largest error %.3f of its bound, "
           "%d failures\n",
           totals.cases, totals.batches, (long long)totals.elements, (long long)totals.unknown, totals.worst,
           totals.failures);
    return totals.failures ? 1 : 0;
}
