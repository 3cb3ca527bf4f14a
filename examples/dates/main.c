/* Reads dates as people write them.
 *
 *     tenon compile dates.tn -o dates.o --header=dates.h
 *     cc -std=c99 -O2 main.c dates.o -o dates
 *     echo 'September 27, 1994' | ./dates
 *     ./dates test.txt
 *
 * Lines of standard input are answered by their date and the next best, with the logarithm of its
 * probability; the first by a map of where the network looked, too. Lines of a file, each a text, " = " and
 * its date, are counted; those that are not read right are shown. Fails if fewer than 98 of 100 are right, or
 * if a search by single steps takes the same date to be likelier or less likely than the network does that is
 * told the date. */
#include "dates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = DATES_S_MAX, DATE_MAX = DATES_NORMALISE_DATE_COUNT, MARKS = DATES_STEP_LOG_P_COUNT };
enum { HIDDEN = DATES_ENCODE_H_COUNT, BEAM = 3 };
enum { END, BEGIN };
static const float NEVER = -1e30f;

typedef struct Guess {
    int32_t tokens[DATE_MAX + 1]; /* the first is BEGIN */
    int count;                    /* of tokens behind it */
    float log_p, h[HIDDEN];
} Guess;

typedef struct Memory {
    int32_t count;
    float memory[DATES_ENCODE_MEMORY_COUNT(TEXT_MAX)], keys[DATES_ENCODE_KEYS_COUNT(TEXT_MAX)];
} Memory;

/* One for all entries, of the largest size. */
enum {
    WHOLE = DATES_NORMALISE_WORKSPACE_SIZE > DATES_SCORE_WORKSPACE_SIZE ? DATES_NORMALISE_WORKSPACE_SIZE
                                                                        : DATES_SCORE_WORKSPACE_SIZE,
    PARTS = DATES_ENCODE_WORKSPACE_SIZE > DATES_STEP_WORKSPACE_SIZE ? DATES_ENCODE_WORKSPACE_SIZE
                                                                    : DATES_STEP_WORKSPACE_SIZE,
    ALIGN = DATES_STEP_WORKSPACE_ALIGN
};
static unsigned char workspace_bytes[(WHOLE > PARTS ? WHOLE : PARTS) + ALIGN];
static void *workspace;

static void check(int status) {
    if (status == TENON_OK) return;
    fprintf(stderr, "%s\n", tenon_status_text(status));
    exit(2);
}

static int32_t text_encode(const char *line, size_t length, int32_t *text) {
    if (length == 0 || length > TEXT_MAX) return 0;
    for (size_t i = 0; i < length; i++) {
        if (line[i] < ' ' || line[i] > '~') return 0;
        text[i] = line[i] - 31;
    }
    return (int32_t)length;
}

/* |count| tokens as text, up to the end. */
static void date_decode(const int32_t *tokens, int count, char *date) {
    static const char marks[] = "\0^-0123456789";
    for (int i = 0; i < count; i++) date[i] = marks[tokens[i]];
    date[count] = 0;
}

static int guess_ended(const Guess *guess) {
    return guess->count == DATE_MAX || (guess->count && guess->tokens[guess->count] == END);
}

/* A copy of |guess| takes its place among the best, from which the last one falls out. NULL: it is worse than
 * all. */
static Guess *guess_insert(Guess *best, const Guess *guess, float log_p) {
    int at = BEAM;
    while (at && best[at - 1].log_p < log_p) at--;
    if (at == BEAM) return NULL;
    memmove(best + at + 1, best + at, sizeof *best * (size_t)(BEAM - 1 - at));
    best[at] = *guess;
    best[at].log_p = log_p;
    return &best[at];
}

static void guess_continue(Guess *best, const Guess *guess, const Memory *memory) {
    float log_p[MARKS], next[HIDDEN], looked[TEXT_MAX];
    check(dates_step(memory->count, &guess->tokens[guess->count], guess->h, memory->memory, memory->keys,
                     log_p, next, looked, workspace));
    for (int32_t token = 0; token < MARKS; token++) {
        Guess *longer = guess_insert(best, guess, guess->log_p + log_p[token]);
        if (!longer) continue;
        longer->tokens[++longer->count] = token;
        memcpy(longer->h, next, sizeof next);
    }
}

/* A round of beam search: what continues the guesses likeliest is put in their place. Returns whether all
 * have ended. */
static int guesses_step(const Memory *memory, Guess *guesses) {
    Guess best[BEAM];
    for (int i = 0; i < BEAM; i++) best[i].log_p = NEVER;
    int all_ended = 1;
    for (int i = 0; i < BEAM && guesses[i].log_p > NEVER; i++) {
        if (guess_ended(&guesses[i])) {
            guess_insert(best, &guesses[i], guesses[i].log_p);
        } else {
            guess_continue(best, &guesses[i], memory);
            all_ended = 0;
        }
    }
    memcpy(guesses, best, sizeof best);
    return all_ended;
}

static void guesses_search(const int32_t *text, int32_t count, Guess *guesses) {
    static Memory memory;
    memory.count = count;
    for (int i = 0; i < BEAM; i++) guesses[i] = (Guess){.tokens = {BEGIN}, .log_p = i ? NEVER : 0};
    check(dates_encode(count, text, memory.memory, memory.keys, guesses[0].h, workspace));
    while (!guesses_step(&memory, guesses)) continue;
}

/* A column for each character of the text, a row for each of the date. */
static void map_print(const char *line, int32_t text_count, const char *date, int count,
                      const float *looked) {
    printf("\n      %.*s\n", (int)text_count, line);
    for (int row = 0; row < count; row++) {
        printf("    %c ", date[row] ? date[row] : '$');
        for (int column = 0; column < text_count; column++)
            putchar(" .:+##"[(int)(looked[row * text_count + column] * 4.99f)]);
        putchar('\n');
    }
    putchar('\n');
}

/* The network alone: fills |tokens| and |looked|, and returns how many. */
static int date_normalise(const int32_t *text, int32_t text_count, int32_t *tokens, float *looked) {
    int32_t count;
    check(dates_normalise(text_count, text, tokens, &count, looked, workspace));
    return count;
}

/* Whether the network, told the likeliest guess, takes it to be as likely as it did step by step. */
static int guess_agrees(const int32_t *text, int32_t text_count, const Guess *guess) {
    float log_p;
    if (guess->count > DATES_T_MAX) return 1;
    check(dates_score(text_count, guess->count, text, guess->tokens + 1, &log_p, workspace));
    return log_p - guess->log_p < 1e-3f && guess->log_p - log_p < 1e-3f;
}

/* Writes the date of a line; returns whether searching by steps agrees. */
static int date_read(const char *line, size_t length, int show, char *date) {
    int32_t text[TEXT_MAX], tokens[DATE_MAX];
    float looked[DATE_MAX * TEXT_MAX];
    Guess guesses[BEAM];
    int32_t text_count = text_encode(line, length, text);
    if (!text_count) {
        printf("%.*s: not 1 to %d characters of ASCII\n", (int)length, line, TEXT_MAX);
        date[0] = 0;
        return 1;
    }
    int count = date_normalise(text, text_count, tokens, looked);
    date_decode(tokens, count, date);
    guesses_search(text, text_count, guesses);
    if (show) {
        char other[DATE_MAX + 1];
        date_decode(guesses[0].tokens + 1, guesses[0].count, other);
        const Guess *next = strcmp(date, other) == 0 ? &guesses[1] : &guesses[0];
        date_decode(next->tokens + 1, next->count, other);
        printf("%-29.*s %s    next %s, log p %.2f\n", (int)length, line, date, other, (double)next->log_p);
        if (show == 2) map_print(line, text_count, date, count, looked);
    }
    return guess_agrees(text, text_count, &guesses[0]);
}

/* Answers the lines of standard input. */
static int lines_answer(void) {
    char line[256], date[DATE_MAX + 1];
    int agree = 1;
    for (int first = 1; fgets(line, sizeof line, stdin); first = 0) {
        size_t length = strcspn(line, "\r\n");
        agree &= date_read(line, length, first ? 2 : 1, date);
    }
    return agree ? 0 : 1;
}

static int lines_count(FILE *file) {
    char line[256], date[DATE_MAX + 1];
    int lines = 0, right = 0, agree = 1;
    for (; fgets(line, sizeof line, file); lines++) {
        line[strcspn(line, "\r\n")] = 0;
        size_t length = strcspn(line, "=");
        const char *expected = line[length] ? line + length + 2 : "";
        if (length && line[length]) length--;
        agree &= date_read(line, length, 0, date);
        if (strcmp(date, expected) == 0)
            right++;
        else
            printf("%-28.*s %s, not %s\n", (int)length, line, date, expected);
    }
    printf("%d of %d right; steps and whole %s\n", right, lines, agree ? "agree" : "disagree");
    return !agree || right * 100 < lines * 98;
}

int main(int argc, char **argv) {
    workspace = (void *)(((uintptr_t)workspace_bytes + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
    if (argc == 1) return lines_answer();
    FILE *file = fopen(argv[1], "r");
    if (!file) {
        fprintf(stderr, "%s: cannot be read\n", argv[1]);
        return 2;
    }
    return lines_count(file);
}
