/* The command line: a table (options.def), parsed by getopt_long into plain fields. */
#ifndef TENON_TOOLS_OPTIONS_H
#define TENON_TOOLS_OPTIONS_H

#include "frontend/lang/build.h"
#include "support/diagnostics.h"

typedef enum OptionId {
#define OPTION(id, name, argument, commands, meaning) OPTION_##id,
#include "tools/options.def"
#undef OPTION
    OPTION_COUNT
} OptionId;

typedef struct Options {
    char command;                     /* its letter in options.def */
    const char *program;              /* argv[0] */
    const char *values[OPTION_COUNT]; /* the last given; "" for options without argument; NULL: absent */
    VECTOR(BuildSetting) defines, dims, weights;
    VECTOR(const char *) includes, prints_before, prints_after, words; /* words: what is no option */
    DiagnosticsStyle style;
    const char *text; /* the whole line, as recorded in outputs */
} Options;

/* False: a wrong use was told on stderr (exit 2). */
bool options_parse(Arena *arena, int argc, char **argv, Options *out);
/* Help of one command, or of all ('A'). */
void options_help(FILE *stream, char command);
/* What |value| should have been, for a message; NULL: it is good. */
const char *option_value_expected(Arena *arena, int id, const char *value, char command);
/* 100, 100K, 100M or 100G in bytes; -1: it is none of these. */
int64_t option_bytes(const char *value);
/* A comma-separated list. */
const char **options_list(Arena *arena, const char *text, int *out_count);
/* Whether the list |text|, which may be NULL, has |item|. */
bool options_name(const char *text, const char *item);

typedef struct CommandInfo {
    const char *name;
    char letter;
    const char *usage, *meaning;
} CommandInfo;
extern const CommandInfo command_infos[];

#endif
