/* matrix [--only OP] [--all] [--config TEXT] [--print SERIAL]: compiles every case of the op matrix and holds
 * it against the interpreter: without and with optimisation, for the configurations this CPU can run in turn,
 * or for all of them (--all).
 * matrix --unfused [--only OP]: holds what clusters give against the same without them, to the bit.
 * Exit 1: some case is wrong; its text is printed. */
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
    bool all; /* configurations for every case; else one plain and one other in turn */
    bool unfused;
    int turn; /* the configuration whose cases are run */
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

static bool config_wanted(const Totals *totals, int index) {
    char text[96];
    if (!totals->config_text) return totals->all || index == totals->turn;
    return strstr(native_config_text(&totals->configs[index], text, sizeof text), totals->config_text);
}

/* The strongest configuration beside the last, which is the same without clusters. */
static void run_unfused(Suite *suite, Totals *totals) {
    const NativeConfig *config = &totals->configs[totals->config_count - 1];
    Reporter reporter = {suite, config, totals};
    int failures = totals->failures;
    for (int i = 0; i < suite->cases.count; i++)
        totals->elements += suite->cases.items[i].out->value ? suite->cases.items[i].out->value->count : 0;
    int differences = suite_differences(suite, config - 1, config, report, &reporter);
    if (totals->failures == failures) totals->failures += differences;
}

static void run_suite(Suite *suite, Totals *totals) {
    if (totals->unfused) {
        run_unfused(suite, totals);
        return;
    }
    for (int i = 0; i < totals->config_count; i++) {
        const NativeConfig *config = &totals->configs[i];
        if (!config_wanted(totals, i)) continue;
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

/* ---- Batches ---- */

static int serial_of(const char *model) { return atoi(model + strlen("Matrix")); }

static void run_module(Module *module, Totals *totals) {
    Text text;
    text_init(&text);
    graph_print(&text, module);
    if (totals->print >= 0) puts(text.bytes);
    Suite *suite = suite_create(text.bytes, true, 1);
    if (suite)
        run_guarded(suite, totals);
    else
        totals->failures++;
    if (suite) suite_destroy(suite);
    text_deinit(&text);
}

/* Does case |serial| run now: its turn, or the one to print, or all (config < 0)? */
static bool case_wanted(const Totals *totals, int config, int serial) {
    if (totals->print >= 0) return serial == totals->print;
    return config < 0 || native_config_in_turn(config, serial);
}

/* Without a pointwise op there is nothing that clusters could fuse. */
static bool entry_wanted(const Totals *totals, int config, const Entry *entry) {
    bool fusible = !totals->unfused;
    for (const Op *op = entry->block->first; op; op = op->next)
        fusible |= (op_infos[op->kind].traits & OP_POINTWISE) != 0;
    return fusible && case_wanted(totals, config, serial_of(entry->model));
}

/* Of a case that does not run now; its numbers need not be printed and read again. */
static bool constant_left_out(const Totals *totals, int config, const Constant *constant) {
    int serial;
    return sscanf(constant->name, "c%d_", &serial) == 1 && !case_wanted(totals, config, serial);
}

static void run_selected(Matrix *m, int config) {
    Totals *totals = m->context;
    Module all = *m->module, *some = m->module;
    some->entries.items = NEW_ARRAY(m->arena, Entry *, all.entries.count);
    some->constants.items = NEW_ARRAY(m->arena, Constant *, all.constants.count);
    some->states.items = NEW_ARRAY(m->arena, State *, all.states.count);
    some->entries.count = some->constants.count = some->states.count = 0;
    for (int i = 0; i < all.entries.count; i++)
        if (entry_wanted(totals, config, all.entries.items[i]))
            some->entries.items[some->entries.count++] = all.entries.items[i];
    for (int i = 0; i < all.constants.count; i++)
        if (!constant_left_out(totals, config, all.constants.items[i]))
            some->constants.items[some->constants.count++] = all.constants.items[i];
    for (int i = 0; i < all.states.count; i++)
        if (case_wanted(totals, config, serial_of(all.states.items[i]->model)))
            some->states.items[some->states.count++] = all.states.items[i];
    totals->turn = config;
    if (some->entries.count) run_module(some, totals);
    some->entries = all.entries;
    some->constants = all.constants;
    some->states = all.states;
}

static void run_batch(Matrix *m) {
    Totals *totals = m->context;
    bool in_turn = !totals->all && !totals->config_text && !totals->unfused;
    totals->cases += m->module->entries.count;
    totals->batches++;
    if (!in_turn) run_selected(m, -1);
    for (int i = 0; in_turn && i < totals->config_count; i++) run_selected(m, i);
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
    for (int i = 1; i < count; i++) totals.all |= strcmp(words[i], "--all") == 0;
    for (int i = 1; i < count; i++) totals.unfused |= strcmp(words[i], "--unfused") == 0;
    for (int i = 1; i + 1 < count; i++) {
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
