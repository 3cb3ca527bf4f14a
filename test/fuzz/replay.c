/* Runs a fuzzer without its engine: on each file as it is, and on seeded changes of it.
 *
 *   fuzz_NAME [--changes=N] FILE...
 *
 * Prints nothing and ends with status 0, unless the fuzzer aborts or hangs: then it tells which file and
 * change. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SIZE_MAX_KEPT = 64 << 10, /* changes are made of the first bytes of a long file */
    SECONDS_MAX = 30
};

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

typedef struct Input {
    uint8_t *bytes;
    size_t size;
} Input;

static uint32_t next_random(uint64_t *state) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static Input file_read(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(2);
    }
    Input input = {.size = (size_t)ftell(file)};
    input.bytes = malloc(input.size + 1);
    rewind(file);
    input.size = fread(input.bytes, 1, input.size, file);
    fclose(file);
    return input;
}

/* One edit: a byte replaced, a run removed, a run of another place put here, or the rest cut off. */
static void change_once(Input *input, uint64_t *random) {
    static const uint8_t telling[] = {0,   0xff, 0x7f, 0x80, '(', ')', '{',  '}',
                                      '"', '\\', '-',  '9',  '/', '*', '\n', ';'};
    size_t at = next_random(random) % input->size, length = 1 + next_random(random) % 16;
    if (length > input->size - at) length = input->size - at;
    size_t from = next_random(random) % (input->size - length + 1);
    switch (next_random(random) % 8) {
    case 0:
        memmove(input->bytes + at, input->bytes + at + length, input->size - at - length);
        input->size -= length;
        break;
    case 1: memmove(input->bytes + at, input->bytes + from, length); break;
    case 2:
        if (next_random(random) % 8 == 0) input->size = at;
        break;
    case 3: input->bytes[at] ^= (uint8_t)(1u << next_random(random) % 8); break;
    default: input->bytes[at] = telling[next_random(random) % sizeof telling];
    }
}

/* A copy of exactly the right size, so that a sanitizer sees the first byte read past the end. */
static void run_changed(const Input *original, uint64_t seed) {
    Input input = {.size = original->size < SIZE_MAX_KEPT ? original->size : SIZE_MAX_KEPT};
    input.bytes = malloc(input.size);
    memcpy(input.bytes, original->bytes, input.size);
    uint64_t random = seed * 0x9e3779b97f4a7c15u + 1;
    for (uint32_t edits = 1 + next_random(&random) % 4; edits && input.size; edits--)
        change_once(&input, &random);
    uint8_t *exact = malloc(input.size ? input.size : 1);
    memcpy(exact, input.bytes, input.size);
    LLVMFuzzerTestOneInput(exact, input.size);
    free(exact);
    free(input.bytes);
}

static char current[512]; /* what runs, for the report */

static void tell_current(void) { (void)!write(STDERR_FILENO, current, strlen(current)); }

static void die_telling(int number) {
    tell_current();
    signal(number, SIG_DFL);
    raise(number);
}

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void watch(void) {
    static const int fatal[] = {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGALRM};
    for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++) signal(fatal[i], die_telling);
    if (__sanitizer_set_death_callback) __sanitizer_set_death_callback(tell_current);
}

static void announce(const char *path, int seed) {
    snprintf(current, sizeof current, "%s, change %d (-1: the file itself)\n", path, seed);
    alarm(SECONDS_MAX);
}

int main(int argc, char **argv) {
    int first = 1, changes = 0;
    if (argc > 1 && strncmp(argv[1], "--changes=", 10) == 0) changes = atoi(argv[first++] + 10);
    watch();
    for (int i = first; i < argc; i++) {
        Input input = file_read(argv[i]);
        announce(argv[i], -1);
        LLVMFuzzerTestOneInput(input.bytes, input.size);
        for (int seed = 0; seed < changes && input.size; seed++) {
            announce(argv[i], seed);
            run_changed(&input, (uint64_t)seed);
        }
        free(input.bytes);
    }
    return 0;
}
