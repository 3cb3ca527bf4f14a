/* random_networks [--seed N] [--count N] [--batch N] [--config TEXT] [--all] [--no-reduce] [--print]
 *                 [--recurrent] [--skip PASS]
 * Without --config each batch runs one plain and one optimised configuration, in turn; --all runs every one.
 * random_networks --check FILE.tir [--config TEXT] [--skip PASS]
 * Grows networks from seeds N, N + 1, .., compiles them for every configuration this CPU can run, and holds
 * them against the interpreter; also rows of a batch against calls of one row, a scan against its steps, and
 * calls that go on from state against one call, to the bit. --recurrent: layers are scans. A failing network
 * is made small and printed. Exit 1: some network is wrong. */
#include "ir/text_form.h"
#include "test/native/call.h"
#include "test/native/suite.h"
#include "test/random/metamorphic.h"
#include "test/random/net.h"
#include "test/random/reduce.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FAILURES_MAX = 64, SECONDS_MAX = 120 };

typedef enum Verdict { VERDICT_GOOD, VERDICT_WRONG, VERDICT_UNCOMPILED, VERDICT_CRASH, VERDICT_HANG } Verdict;

static const char *const verdict_texts[] = {"good", "wrong", "does not compile", "crash", "hang"};

typedef struct Failure {
    char model[32], message[256];
    int config;
} Failure;

/* What a child tells its parent. */
typedef struct Report {
    int failure_count;
    Failure failures[FAILURES_MAX];
    int64_t elements, unknown;
    double worst;
    bool uncompiled;
} Report;

typedef struct Options {
    uint64_t seed;
    int count, batch;
    const char *config_text, *check;
    bool reduce, print, verbose, all, recurrent;
    int turn; /* of the batch */
    const NativeConfig *configs;
    int config_count;
} Options;

/* ---- In a child ---- */

typedef struct Collector {
    Report *report;
    int config;
} Collector;

static void collect(void *context, const Entry *entry, const char *message) {
    const Collector *c = context;
    Report *report = c->report;
    for (int i = 0; i < report->failure_count; i++)
        if (strcmp(report->failures[i].model, entry->model) == 0) return;
    if (report->failure_count == FAILURES_MAX) return;
    Failure *failure = &report->failures[report->failure_count++];
    snprintf(failure->model, sizeof failure->model, "%s", entry->model);
    snprintf(failure->message, sizeof failure->message, "%s", message);
    failure->config = c->config;
}

static bool config_wanted(const Options *options, int config) {
    char text[96];
    if (!options->config_text)
        return options->all || options->check || native_config_in_turn(config, options->turn);
    return strstr(native_config_text(&options->configs[config], text, sizeof text), options->config_text);
}

static void check_text(const Options *options, const char *text, int only_config, Report *report) {
    Suite *suite = suite_create(text, false, 2);
    if (!suite) abort();
    for (int i = 0; i < options->config_count; i++) {
        if (only_config >= 0 ? i != only_config : !config_wanted(options, i)) continue;
        Collector collector = {report, i};
        SuiteResult result = suite_run(suite, &options->configs[i], collect, &collector);
        report->elements += result.elements;
        report->unknown += result.unknown;
        if (result.worst > report->worst) report->worst = result.worst;
        report->uncompiled |= !result.compiled;
        if (result.compiled) metamorphic_check(suite, &options->configs[i], collect, &collector);
    }
    suite_destroy(suite);
}

/* ---- Children ---- */

static bool read_whole(int descriptor, void *bytes, size_t count) {
    char *at = bytes;
    while (count) {
        ssize_t got = read(descriptor, at, count);
        if (got <= 0 && errno == EINTR) continue;
        if (got <= 0) return false;
        at += got;
        count -= (size_t)got;
    }
    return true;
}

/* Checks the text in a child; |quiet|: without its stderr. */
static Verdict check_in_child(const Options *options, const char *text, int only_config, bool quiet,
                              Report *report) {
    int channel[2];
    fflush(stdout);
    fflush(stderr);
    if (pipe(channel)) abort();
    pid_t child = fork();
    if (!child) {
        close(channel[0]);
        alarm(SECONDS_MAX);
        if (quiet && !freopen("/dev/null", "w", stderr)) _exit(4);
        memset(report, 0, sizeof *report);
        check_text(options, text, only_config, report);
        size_t done = 0;
        while (done < sizeof *report) {
            ssize_t put = write(channel[1], (char *)report + done, sizeof *report - done);
            if (put <= 0) _exit(3);
            done += (size_t)put;
        }
        _exit(0);
    }
    close(channel[1]);
    bool whole = read_whole(channel[0], report, sizeof *report);
    close(channel[0]);
    int status = 0;
    waitpid(child, &status, 0);
    if (!whole) return WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM ? VERDICT_HANG : VERDICT_CRASH;
    return !report->failure_count ? VERDICT_GOOD : report->uncompiled ? VERDICT_UNCOMPILED : VERDICT_WRONG;
}

/* ---- Reducing ---- */

typedef struct Target {
    const Options *options;
    int config;
    Verdict verdict;
    char start; /* of the message */
} Target;

static bool still_fails(const char *text, void *context) {
    const Target *target = context;
    static Report report;
    if (check_in_child(target->options, text, target->config, true, &report) != target->verdict) return false;
    return target->verdict >= VERDICT_CRASH || report.failures[0].message[0] == target->start;
}

static void show(const Options *options, const char *text, int config, Verdict verdict, const char *model,
                 const char *message) {
    char config_text[96];
    printf("FAILED %s %s: %s %s\n", model,
           native_config_text(&options->configs[config], config_text, sizeof config_text),
           verdict_texts[verdict], message);
    /* Cuts would part a scan from its steps, or states from it. */
    if (!options->reduce || strncmp(message, "step", 4) == 0 || strncmp(message, "calls", 5) == 0) {
        puts(text);
        return;
    }
    Target target = {options, config, verdict, message[0]};
    char *small = reduce_network(text, still_fails, &target);
    static Report report;
    check_in_child(options, small, config, true, &report);
    printf("made small: %s\n%s\n", report.failure_count ? report.failures[0].message : "", small);
    fflush(stdout);
    free(small);
}

/* The first configuration under which a net fails alone, made small. Returns whether there was one. */
static bool examine(const Options *options, const char *text, const char *model) {
    static Report report;
    for (int i = 0; i < options->config_count; i++) {
        if (!config_wanted(options, i)) continue;
        Verdict verdict = check_in_child(options, text, i, false, &report);
        if (verdict == VERDICT_GOOD) continue;
        bool told = verdict == VERDICT_WRONG || verdict == VERDICT_UNCOMPILED;
        show(options, text, i, verdict, model, told ? report.failures[0].message : "");
        return true;
    }
    return false;
}

/* ---- Batches ---- */

static char *grow_text(const Options *options, uint64_t seed, int count) {
    Arena *arena = arena_create();
    Diagnostics *diagnostics = diagnostics_create();
    Module *module = nets_module(arena, diagnostics);
    for (int i = 0; i < count; i++) net_grow(module, seed + (uint64_t)i, options->recurrent);
    Text text;
    text_init(&text);
    graph_print(&text, module);
    diagnostics_destroy(diagnostics);
    arena_destroy(arena);
    return text.bytes;
}

typedef struct Totals {
    int nets, failures;
    int64_t elements, unknown;
    double worst;
} Totals;

static void run_batch(const Options *options, uint64_t seed, int count, Totals *totals) {
    static Report report;
    char *text = grow_text(options, seed, count);
    if (options->print) puts(text);
    Verdict verdict = check_in_child(options, text, -1, count > 1, &report);
    totals->nets += count;
    if (verdict == VERDICT_GOOD || verdict == VERDICT_WRONG) {
        totals->elements += report.elements;
        totals->unknown += report.unknown;
        if (report.worst > totals->worst) totals->worst = report.worst;
    }
    free(text);
    if (verdict == VERDICT_GOOD) return;
    int found = 0;
    for (int i = 0; i < count; i++) {
        char *alone = grow_text(options, seed + (uint64_t)i, 1), model[40];
        snprintf(model, sizeof model, "seed %llu", (unsigned long long)seed + (unsigned)i);
        found += examine(options, alone, model);
        free(alone);
    }
    totals->failures += found ? found : 1;
    if (!found)
        printf("FAILED seeds %llu to %llu together, but not alone\n", (unsigned long long)seed,
               (unsigned long long)seed + (unsigned)count - 1);
}

static char *read_file(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) return NULL;
    Text text;
    text_init(&text);
    char block[4096];
    for (size_t got; (got = fread(block, 1, sizeof block, file)) > 0;) text_append(&text, block, got);
    fclose(file);
    return text.bytes;
}

static int check_file(const Options *options) {
    static Report report;
    char *text = read_file(options->check);
    if (!text) {
        fprintf(stderr, "cannot read %s\n", options->check);
        return 2;
    }
    int wrong = 0;
    for (int i = 0; i < options->config_count; i++) {
        if (!config_wanted(options, i)) continue;
        char config[96];
        Verdict verdict = check_in_child(options, text, i, false, &report);
        printf("%s: %s\n", native_config_text(&options->configs[i], config, sizeof config),
               verdict_texts[verdict]);
        for (int j = 0; verdict < VERDICT_CRASH && j < report.failure_count; j++)
            printf("    %s %s\n", report.failures[j].model, report.failures[j].message);
        wrong |= verdict != VERDICT_GOOD;
    }
    free(text);
    return wrong;
}

int main(int count, char **words) {
    Options options = {.seed = 1, .count = 500, .batch = 20, .reduce = true};
    for (int i = 1; i < count; i++) {
        const char *next = i + 1 < count ? words[i + 1] : "";
        if (strcmp(words[i], "--seed") == 0) options.seed = strtoull(next, NULL, 10);
        if (strcmp(words[i], "--count") == 0) options.count = atoi(next);
        if (strcmp(words[i], "--batch") == 0) options.batch = atoi(next);
        if (strcmp(words[i], "--config") == 0) options.config_text = next;
        if (strcmp(words[i], "--check") == 0) options.check = next;
        if (strcmp(words[i], "--no-reduce") == 0) options.reduce = false;
        if (strcmp(words[i], "--print") == 0) options.print = true;
        if (strcmp(words[i], "--all") == 0) options.all = true;
        if (strcmp(words[i], "--recurrent") == 0) options.recurrent = true;
        if (strcmp(words[i], "--skip") == 0) native_skip_pass(next);
        if (strcmp(words[i], "--verbose") == 0) options.verbose = true;
    }
    options.config_count = native_configs(&options.configs);
    if (options.check) return check_file(&options);
    Totals totals = {0};
    for (int done = 0; done < options.count; done += options.batch) {
        int size = options.count - done < options.batch ? options.count - done : options.batch;
        options.turn = (int)((options.seed + (uint64_t)done) / (uint64_t)options.batch);
        run_batch(&options, options.seed + (uint64_t)done, size, &totals);
        if (options.verbose) fprintf(stderr, "%d nets, %d failures\n", totals.nets, totals.failures);
    }
    printf(
        "%d networks, %lld elements compared, %lld unknown, largest error %.3f of its bound, %d failures\n",
        totals.nets, (long long)totals.elements, (long long)totals.unknown, totals.worst, totals.failures);
    return totals.failures ? 1 : 0;
}
