/* Writes sentences, character by character.
 *
 *     tenon compile char_lm.tn -o char_lm.o --header=char_lm.h
 *     cc -std=c99 -O2 main.c char_lm.o -o char_lm
 *     ./char_lm 'The ' 0.5 7
 *
 * First the likeliest continuation of the first argument, which the network finds by itself, and how well it
 * foretells that; then some drawn here, at the temperature and from the seed that follow. Fails if the
 * network, asked for one character after the other, finds another likeliest continuation. */
#include "char_lm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { END = 0, CHARACTERS = CHARLM_STEP_LIKELY_COUNT, PROMPT_MAX = CHARLM_T_MAX - 1, DRAWN = 5 };
enum { WRITTEN_MAX = CHARLM_GENERATE_TEXT_COUNT, ALIGN = CHARLM_STATE_ALIGN };
enum {
    WORKSPACE_SIZE = CHARLM_GENERATE_WORKSPACE_SIZE > CHARLM_SCORE_WORKSPACE_SIZE
                         ? CHARLM_GENERATE_WORKSPACE_SIZE
                         : CHARLM_SCORE_WORKSPACE_SIZE
};
static unsigned char workspace_bytes[WORKSPACE_SIZE + ALIGN], state_bytes[CHARLM_STATE_SIZE + ALIGN];
static void *workspace, *state;

/* END, then what a sentence has so far. */
typedef struct Sentence {
    int32_t tokens[1 + PROMPT_MAX + WRITTEN_MAX];
    int32_t count;
} Sentence;

static void *aligned(unsigned char *bytes) {
    return (void *)(((uintptr_t)bytes + ALIGN - 1) & ~(uintptr_t)(ALIGN - 1));
}

static void check(int status) {
    if (status == TENON_OK) return;
    fprintf(stderr, "%s\n", tenon_status_text(status));
    exit(2);
}

static void sentence_begin(Sentence *sentence, const char *prompt) {
    sentence->count = 0;
    sentence->tokens[sentence->count++] = END;
    for (; *prompt && sentence->count < PROMPT_MAX; prompt++)
        if (*prompt >= ' ' && *prompt <= '~') sentence->tokens[sentence->count++] = *prompt - 31;
}

static void sentence_print(const Sentence *sentence) {
    for (int32_t i = 1; i < sentence->count && sentence->tokens[i] != END; i++)
        putchar(sentence->tokens[i] + 31);
}

/* The whole continuation by one call. */
static void sentence_generate(Sentence *sentence) {
    int32_t count;
    int32_t text[WRITTEN_MAX];
    check(charlm_generate(sentence->count, sentence->tokens, text, &count, workspace));
    memcpy(sentence->tokens + sentence->count, text, sizeof *text * (size_t)count);
    sentence->count += count;
}

/* 0 to 1, by a generator of our own, so that a seed gives the same everywhere. */
static float random_next(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return (float)(*seed >> 8) / 16777216.0f;
}

static int32_t likeliest(const float *likely) {
    int32_t best = 0;
    for (int32_t i = 1; i < CHARACTERS; i++)
        if (likely[i] > likely[best]) best = i;
    return best;
}

static int32_t drawn(const float *likely, uint32_t *seed) {
    float left = random_next(seed);
    for (int32_t i = 0; i < CHARACTERS; i++)
        if ((left -= likely[i]) < 0) return i;
    return likeliest(likely);
}

/* The same character by character; the state remembers what was before. NULL for |seed|: the likeliest. */
static void sentence_step(Sentence *sentence, float temperature, uint32_t *seed) {
    float likely[CHARACTERS];
    charlm_reset(state);
    for (int32_t i = 0; i < sentence->count; i++)
        check(charlm_step(&sentence->tokens[i], &temperature, likely, state, workspace));
    for (int written = 0; written < WRITTEN_MAX; written++) {
        int32_t token = seed ? drawn(likely, seed) : likeliest(likely);
        sentence->tokens[sentence->count++] = token;
        if (token == END) break;
        check(charlm_step(&token, &temperature, likely, state, workspace));
    }
}

/* The mean of -log p, of what stands behind the first END. */
static float sentence_score(const Sentence *sentence) {
    float nats;
    int32_t count = sentence->count - 1 < CHARLM_T_MAX ? sentence->count - 1 : CHARLM_T_MAX;
    check(charlm_score(count, sentence->tokens + 1, &nats, workspace));
    return nats;
}

int main(int argc, char **argv) {
    const char *prompt = argc > 1 ? argv[1] : "The ";
    float temperature = argc > 2 ? strtof(argv[2], NULL) : 0.5f;
    uint32_t seed = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 1;
    Sentence sentence, stepped;
    workspace = aligned(workspace_bytes);
    state = aligned(state_bytes);
    if (!(temperature > 0)) {
        fputs("the temperature must be above 0\n", stderr);
        return 2;
    }
    sentence_begin(&sentence, prompt);
    sentence_generate(&sentence);
    sentence_print(&sentence);
    printf("\n  %.2f nats for a character\n", (double)sentence_score(&sentence));
    for (int i = 0; i < DRAWN; i++) {
        sentence_begin(&stepped, prompt);
        sentence_step(&stepped, temperature, &seed);
        sentence_print(&stepped);
        putchar('\n');
    }
    sentence_begin(&stepped, prompt);
    sentence_step(&stepped, 1.0f, NULL);
    return stepped.count != sentence.count ||
           memcmp(stepped.tokens, sentence.tokens, sizeof *sentence.tokens * (size_t)sentence.count) != 0;
}
