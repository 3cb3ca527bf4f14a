#include "tools/pipeline.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    char letter;
    Command *run;
} commands[] = {
    {'C', command_compile}, {'R', command_run},   {'O', command_opt},
    {'V', command_verify},  {'B', command_bench}, {'I', command_inspect},
    {'F', command_fmt},     {'N', command_new},   {'X', command_explain},
};

static int print_version(void) {
    printf("tenon %s (LLVM %s, default target x86-64-v2)\n", TENON_VERSION, backend_llvm_version());
    return 0;
}

static char command_letter(const char *name) {
    for (const CommandInfo *info = command_infos; info->name; info++)
        if (strcmp(info->name, name) == 0) return info->letter;
    return 0;
}

static int unknown_command(const char *name) {
    const char *names[16];
    int count = 0;
    for (const CommandInfo *info = command_infos; info->name; info++) names[count++] = info->name;
    const char *near = nearest_name(name, names, count);
    fprintf(stderr, "tenon: there is no command '%s'%s%s%s; see tenon --help\n", name,
            near ? ", did you mean '" : "", near ? near : "", near ? "'?" : "");
    return 2;
}

static int run_command(Options *options, Arena *arena) {
    Diagnostics *diagnostics = diagnostics_create();
    int status = 2;
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (commands[i].letter == options->command) status = commands[i].run(arena, diagnostics, options);
    if (status == 0 && diagnostics_error_count(diagnostics)) status = 1;
    diagnostics_print(diagnostics, stderr, options->style);
    diagnostics_destroy(diagnostics);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        perror("tenon: standard output");
        status = 1;
    }
    return status;
}

int main(int argc, char **argv) {
    setlocale(LC_NUMERIC, "C");
    if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        options_help(argc < 2 ? stderr : stdout, 'A');
        return argc < 2 ? 2 : 0;
    }
    if (strcmp(argv[1], "--version") == 0) return print_version();
    Options options = {.command = command_letter(argv[1]), .program = argv[0]};
    if (!options.command) return unknown_command(argv[1]);
    Arena *arena = arena_create();
    int status = 2;
    if (options_parse(arena, argc, argv, &options)) {
        if (options.values[OPTION_HELP]) {
            options_help(stdout, options.command);
            status = 0;
        } else if (options.values[OPTION_VERSION]) {
            status = print_version();
        } else {
            status = run_command(&options, arena);
        }
    }
    arena_destroy(arena);
    return status;
}
