/* Plays a sound through an amplifier that an LSTM has learnt, block by block as an audio device would ask for
 * it.
 *
 *     tenon compile amp.tn -march=native -o amp.o --header=amp.h
 *     cc -std=c99 -O2 main.c wav.c amp.o -lm -o amp
 *     ./amp 100000 out.wav in.wav
 *
 * in.wav holds 16-bit samples; without it strings are plucked here. Says how long so many calls for a block
 * took, and how far the network is from the formula that it learnt. Fails if the blocks differ by a bit from
 * the sound as a whole. */
#define _POSIX_C_SOURCE 200809L /* clock_gettime, posix_memalign */

#include "amp.h"
#include "wav.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RATE = 48000, BLOCK = AMP_BLOCK_X_COUNT };

static void *memory(size_t bytes) {
    void *result;
    if (posix_memalign(&result, AMP_STATE_ALIGN, bytes ? bytes : 1)) {
        fputs("out of memory\n", stderr);
        exit(2);
    }
    return memset(result, 0, bytes);
}

static void check(int status) {
    if (status == TENON_OK) return;
    fprintf(stderr, "%s\n", tenon_status_text(status));
    exit(2);
}

/* Five seconds of a chord: a string is a ring of noise that is smoothed wherever it is read (Karplus and
 * Strong, 1983). */
static Sound strings_pluck(void) {
    static const int lengths[] = {436, 291, 218, 173, 145}, apart = RATE / 8, fades = 5 * RATE;
    Sound sound = {memory(sizeof *sound.samples * (size_t)fades), (size_t)fades, RATE};
    uint32_t noise = 1983;
    for (int string = 0; string < 5; string++) {
        float ring[512];
        int length = lengths[string];
        for (int i = 0; i < length; i++) {
            noise = noise * 1664525u + 1013904223u;
            ring[i] = (float)(noise >> 8) / 83886080.0f - 0.1f;
        }
        for (int t = string * apart, i = 0; t < fades; t++, i = (i + 1) % length) {
            sound.samples[t] += ring[i];
            ring[i] = 0.4985f * (ring[i] + ring[(i + 1) % length]);
        }
    }
    return sound;
}

/* The amplifier that train.py taught the network. */
static void formula_play(const Sound *sound, float *out) {
    const double pole = exp(-2 * 3.14159265358979 * 3000 / RATE);
    double last = 0;
    for (size_t i = 0; i < sound->count; i++) {
        double bent = tanh(8 * (double)sound->samples[i] + 0.3) - tanh(0.3);
        last = bent + pole * (last - bent);
        out[i] = (float)(0.8 * last);
    }
}

/* The energy of the difference by that of |wanted|. */
static double error_of(const float *out, const float *wanted, size_t count) {
    double off = 0, all = 1e-9;
    for (size_t i = 0; i < count; i++) {
        off += ((double)out[i] - (double)wanted[i]) * ((double)out[i] - (double)wanted[i]);
        all += (double)wanted[i] * (double)wanted[i];
    }
    return off / all;
}

static void blocks_play(const Sound *sound, float *out, void *state, void *workspace) {
    amp_reset(state);
    for (size_t at = 0; at < sound->count; at += BLOCK) {
        float x[BLOCK] = {0}, y[BLOCK];
        size_t count = sound->count - at < BLOCK ? sound->count - at : BLOCK;
        memcpy(x, sound->samples + at, sizeof *x * count);
        check(amp_block(x, y, state, workspace));
        memcpy(out + at, y, sizeof *y * count);
    }
}

static void whole_play(const Sound *sound, float *out, void *state, void *workspace) {
    amp_reset(state);
    for (size_t at = 0; at < sound->count; at += AMP_T_MAX) {
        size_t count = sound->count - at < AMP_T_MAX ? sound->count - at : AMP_T_MAX;
        check(amp_whole((int32_t)count, sound->samples + at, out + at, state, workspace));
    }
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return 1e6 * (double)time.tv_sec + 1e-3 * (double)time.tv_nsec;
}

/* The blocks of |sound| again and again, |calls| in all. */
static void calls_measure(const Sound *sound, long calls, void *state, void *workspace) {
    const double budget = 1e6 * BLOCK / RATE;
    size_t blocks = sound->count / BLOCK;
    float x[BLOCK] = {0}, y[BLOCK];
    double sum = 0, worst = 0;
    for (long i = 0; i < calls; i++) {
        if (blocks) memcpy(x, sound->samples + (size_t)i % blocks * BLOCK, sizeof x);
        double begin = now();
        check(amp_block(x, y, state, workspace));
        double took = now() - begin;
        sum += took;
        worst = took > worst ? took : worst;
    }
    printf("%ld calls: mean %.2f, worst %.2f microseconds of the %.0f that a block lasts\n", calls,
           sum / (double)calls, worst, budget);
}

int main(int argc, char **argv) {
    long calls = argc > 1 ? strtol(argv[1], NULL, 10) : 100000;
    Sound sound;
    if (argc <= 3)
        sound = strings_pluck();
    else if (!wav_read(argv[3], &sound))
        return 2;
    if (sound.rate != RATE)
        fprintf(stderr, "note: %lu samples a second sound different\n", (unsigned long)sound.rate);
    size_t bytes = sizeof *sound.samples * sound.count;
    float *streamed = memory(bytes), *whole = memory(bytes), *wanted = memory(bytes);
    void *state = memory(AMP_STATE_SIZE), *workspace = memory(AMP_WHOLE_WORKSPACE_SIZE);
    blocks_play(&sound, streamed, state, workspace);
    whole_play(&sound, whole, state, workspace);
    formula_play(&sound, wanted);
    int same = memcmp(streamed, whole, bytes) == 0;
    double error = error_of(streamed, wanted, sound.count);
    printf("%lu samples: blocks and whole %s, error %.2f %%\n", (unsigned long)sound.count,
           same ? "are the same" : "differ", 100 * error);
    if (calls > 0) calls_measure(&sound, calls, state, workspace);
    if (argc > 2 && !wav_write(argv[2], streamed, sound.count, sound.rate)) return 2;
    void *owned[] = {sound.samples, streamed, whole, wanted, state, workspace};
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
    return !same || (argc <= 3 && error > 0.02);
}
