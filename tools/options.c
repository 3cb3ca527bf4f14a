#include "tools/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const CommandInfo command_infos[] = {
    {"compile", 'C', "compile MODEL.tn -o LIB.so",
     "compile a network, or IR text, to an object, archive, library or text"},
    {"run", 'R', "run MODEL.tn|LIB.so x=@x.npy -o y.npz", "interpret a network, or call a compiled one"},
    {"verify", 'V', "verify MODEL.tn [x=@x.npy]",
     "compile, run beside the interpreter, and compare layer by layer"},
    {"bench", 'B', "bench LIB.so", "measure a compiled network beside the machine's peak"},
    {"inspect", 'I', "inspect MODEL.tn", "list layers, shapes, parameters, operations and memory"},
    {"opt", 'O', "opt --passes=NAMES FILE.tir", "run passes on IR text, verify and print it"},
    {"fmt", 'F', "fmt FILE.tn...", "format sources in place; -o - prints"},
    {"new", 'N', "new WEIGHTS.safetensors -o MODEL.tn",
     "write a starter from a checkpoint's names and shapes"},
    {"explain", 'X', "explain E0305|LSTM|PASS", "show the page of a message, a library block or a pass"},
    {NULL, 0, NULL, NULL},
};

static const struct {
    const char *name, *argument, *commands, *meaning;
} rows[OPTION_COUNT] = {
#define OPTION(id, name, argument, commands, meaning) {name, argument, commands, meaning},
#include "tools/options.def"
#undef OPTION
};

void options_help(FILE *stream, char command) {
    if (command == 'A') {
        fputs("tenon: compiles neural networks to native code\n\n", stream);
        for (const CommandInfo *info = command_infos; info->name; info++)
            fprintf(stream, "  tenon %-44s %s\n", info->usage, info->meaning);
        fputs("\nOptions of a command: tenon COMMAND --help. Exit status: 0 done, 1 errors, 2 wrong use; "
              "a fault of\nTenon itself ends it by a signal, one of LLVM with 70.\n",
              stream);
        return;
    }
    for (const CommandInfo *info = command_infos; info->name; info++)
        if (info->letter == command) fprintf(stream, "usage: tenon %s\n%s\n\n", info->usage, info->meaning);
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (!strchr(rows[i].commands, command) && rows[i].commands[0] != 'A') continue;
        char left[80];
        snprintf(left, sizeof left, "--%s%s%s", rows[i].name, rows[i].argument ? "=" : "",
                 rows[i].argument ? rows[i].argument : "");
        fprintf(stream, "  %-28s %s\n", left, rows[i].meaning);
    }
}

const char **options_list(Arena *arena, const char *text, int *out_count) {
    VECTOR(const char *) items = {0};
    while (text && *text) {
        size_t length = strcspn(text, ",");
        if (length) vector_push(arena, &items, (const char *)arena_strndup(arena, text, length));
        text += length + (text[length] == ',');
    }
    *out_count = items.count;
    return items.items;
}

bool options_name(const char *text, const char *item) {
    size_t length = strlen(item);
    for (const char *at = text; at && *at; at += strcspn(at, ",") + (at[strcspn(at, ",")] == ','))
        if (strcspn(at, ",") == length && strncmp(at, item, length) == 0) return true;
    return false;
}

/* Compiler habits that getopt does not know: -march=x, -mtune=x, -MD, -MF f, -O2, -g0, -Dname=value, -Idir.
 */
static char *long_form(Arena *arena, const char *word) {
    static const char *const single[] = {"-march=", "-mtune=", "-MF"};
    for (size_t i = 0; i < sizeof single / sizeof *single; i++)
        if (strncmp(word, single[i], strlen(single[i])) == 0) return arena_printf(arena, "-%s", word);
    if (strcmp(word, "-MD") == 0) return "--MD";
    if (strncmp(word, "-O", 2) == 0 && word[2]) return arena_printf(arena, "--optimize=%s", word + 2);
    if (strncmp(word, "-g", 2) == 0) return arena_printf(arena, "--g=%s", word[2] ? word + 2 : "1");
    return (char *)word;
}

static BuildSetting setting(Arena *arena, const char *text) {
    const char *equals = strchr(text, '=');
    if (!equals) return (BuildSetting){NULL, text};
    return (BuildSetting){arena_strndup(arena, text, (size_t)(equals - text)), equals + 1};
}

static bool needs_equals(int id, const char *value) {
    return (id == OPTION_DEFINE || id == OPTION_DIM) && !strchr(value, '=');
}

static void take(Arena *arena, Options *options, int id, const char *value) {
    options->values[id] = value ? value : "";
    if (id == OPTION_DEFINE) vector_push(arena, &options->defines, setting(arena, value));
    if (id == OPTION_DIM) vector_push(arena, &options->dims, setting(arena, value));
    if (id == OPTION_WEIGHTS) vector_push(arena, &options->weights, setting(arena, value));
    if (id == OPTION_INCLUDE) vector_push(arena, &options->includes, value);
    if (id == OPTION_PRINT_BEFORE) vector_push(arena, &options->prints_before, value);
    if (id == OPTION_PRINT_AFTER) vector_push(arena, &options->prints_after, value);
}

static bool applies(int id, char command) {
    return rows[id].commands[0] == 'A' || strchr(rows[id].commands, command);
}

static void set_style(Options *options) {
    const char *form = options->values[OPTION_DIAGNOSTICS], *when = options->values[OPTION_COLOR];
    const char *limit = options->values[OPTION_ERROR_LIMIT];
    options->style.json = form && strcmp(form, "json") == 0;
    options->style.error_limit = limit ? atoi(limit) : 20;
    options->style.quiet = options->values[OPTION_QUIET] != NULL;
    options->style.color =
        when && strcmp(when, "auto") != 0 ? strcmp(when, "always") == 0 : isatty(2) && !getenv("NO_COLOR");
}

bool options_parse(Arena *arena, int argc, char **argv, Options *out) {
    static const struct {
        char letter;
        OptionId id;
    } shorts[] = {{'o', OPTION_OUTPUT},
                  {'D', OPTION_DEFINE},
                  {'I', OPTION_INCLUDE},
                  {'q', OPTION_QUIET},
                  {'h', OPTION_HELP}};
    struct option longs[OPTION_COUNT + 1] = {{0}};
    for (int i = 0; i < OPTION_COUNT; i++)
        longs[i] =
            (struct option){rows[i].name, rows[i].argument ? required_argument : no_argument, NULL, 1000 + i};
    Text line;
    text_init(&line);
    text_puts(&line, "");
    for (int i = 2; i < argc; i++) {
        text_printf(&line, "%s%s", i > 2 ? " " : "", argv[i]);
        argv[i] = long_form(arena, argv[i]);
    }
    out->text = arena_strdup(arena, line.bytes);
    text_deinit(&line);
    optind = 2;
    for (int got; (got = getopt_long(argc, argv, "o:D:I:qh", longs, NULL)) != -1;) {
        if (got == '?') return false;
        int id = got - 1000;
        for (size_t i = 0; got < 1000 && i < sizeof shorts / sizeof *shorts; i++)
            if (shorts[i].letter == got) id = shorts[i].id;
        if (!applies(id, out->command)) {
            fprintf(stderr, "tenon: --%s has no meaning for this command; see tenon COMMAND --help\n",
                    rows[id].name);
            return false;
        }
        if (needs_equals(id, optarg)) {
            fprintf(stderr, "tenon: --%s needs NAME=VALUE, found '%s'\n", rows[id].name, optarg);
            return false;
        }
        const char *expected = optarg ? option_value_expected(arena, id, optarg, out->command) : NULL;
        if (expected) {
            fprintf(stderr, "tenon: --%s=%s: expected %s\n", rows[id].name, optarg, expected);
            return false;
        }
        take(arena, out, id, optarg);
    }
    for (int i = optind; i < argc; i++) vector_push(arena, &out->words, (const char *)argv[i]);
    set_style(out);
    return true;
}
