/* Sounds in .wav files of 16-bit samples. A failure is told on stderr, and the result is 0. */
#ifndef WAV_H
#define WAV_H

#include <stddef.h>
#include <stdint.h>

typedef struct Sound {
    float *samples; /* -1 to 1; from malloc */
    size_t count;
    uint32_t rate; /* samples a second */
} Sound;

/* One channel; several are mixed. */
int wav_read(const char *path, Sound *out);

/* Cuts what is beyond -1 and 1. */
int wav_write(const char *path, const float *samples, size_t count, uint32_t rate);

#endif
