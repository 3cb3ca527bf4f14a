/* Drives support/output.h and support/sha256.h, for the tests in this folder:
 *   output_test [MODE...] FILE...   the first file is primary, the others keep their time when unchanged
 *   output_test sha256 BYTES        of standard input, read by so many bytes
 * Modes: size=N bytes each; patch; patch-behind; run=COMMAND (gets the first temporary's name); input=FILE;
 * and how it ends instead of a commit: pause, abort, fault, exit, exhaust. */
#include "support/output.h"
#include "support/sha256.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Test {
    Arena *arena;
    Diagnostics *diagnostics;
    Outputs *outputs;
    Output *first;
    size_t size;
    const char *ending;
} Test;

static int print_sha256(size_t step) {
    char *bytes = malloc(step), text[SHA256_HEX_BYTES];
    Sha256 hash;
    sha256_init(&hash);
    for (size_t got; (got = fread(bytes, 1, step, stdin));) sha256_update(&hash, bytes, got);
    sha256_finish_hex(&hash, text);
    free(bytes);
    puts(text);
    return 0;
}

static const char *value_of(const char *word, const char *key) {
    size_t length = strlen(key);
    return strncmp(word, key, length) == 0 ? word + length : NULL;
}

static void write_letters(Output *output, size_t size) {
    char line[1000];
    for (size_t done = 0; done < size; done += sizeof line) {
        memset(line, 'a' + (char)(done / sizeof line % 26), sizeof line);
        size_t left = size - done;
        output_write(output, line, left < sizeof line ? left : sizeof line);
    }
}

static void add(Test *test, const char *path) {
    unsigned flags = test->first ? OUTPUT_KEEP_UNCHANGED : OUTPUT_PRIMARY | OUTPUT_BINARY;
    Output *output = outputs_add(test->outputs, path, flags);
    if (output) write_letters(output, test->size);
    if (!test->first) test->first = output;
}

static void run(Test *test, const char *word) {
    static const char *const endings[] = {"pause", "abort", "fault", "exit", "exhaust"};
    const char *value;
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (strcmp(word, endings[i]) == 0) test->ending = word;
    if (test->ending == word) return;
    if ((value = value_of(word, "size=")))
        test->size = (size_t)atol(value);
    else if ((value = value_of(word, "input=")))
        outputs_forbid(test->outputs, value);
    else if ((value = value_of(word, "run="))) {
        if (system(arena_printf(test->arena, "%s %s", value, output_temporary(test->first)))) exit(9);
    } else if (strcmp(word, "patch") == 0)
        output_patch(test->first, 3, "PATCH", 5);
    else if (strcmp(word, "patch-behind") == 0)
        output_patch(test->first, 1u << 30, "PATCH", 5);
    else
        add(test, word);
}

static void end(const Test *test) {
    switch (test->ending[0] * 256 + test->ending[1]) {
    case 'p' * 256 + 'a':
        puts("waiting");
        fflush(stdout);
        pause();
        break;
    case 'a' * 256 + 'b': abort();
    case 'f' * 256 + 'a': raise(SIGSEGV); break;
    case 'e' * 256 + 'x':
        if (strcmp(test->ending, "exit") == 0) exit(3);
        arena_alloc(test->arena, (size_t)-1);
    }
}

int main(int count, char **words) {
    if (count == 3 && strcmp(words[1], "sha256") == 0) return print_sha256((size_t)atol(words[2]));
    Test test = {.arena = arena_create(), .diagnostics = diagnostics_create(), .size = 100000};
    test.outputs = outputs_create(test.arena, test.diagnostics);
    for (int i = 1; i < count; i++) run(&test, words[i]);
    if (test.ending) end(&test);
    bool good = outputs_commit(test.outputs);
    diagnostics_print(test.diagnostics, stderr, (DiagnosticsStyle){0});
    if (good != (diagnostics_error_count(test.diagnostics) == 0))
        fputs("commit and messages disagree\n", stderr);
    diagnostics_destroy(test.diagnostics);
    arena_destroy(test.arena);
    return good ? 0 : 1;
}
