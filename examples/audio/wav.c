/* A .wav file is chunks: four letters, a length in bytes, as many bytes and one more if they are odd; all
 * little-endian. */
#include "wav.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHANNELS_MAX = 8, PCM = 1, EXTENSIBLE = 0xfffe, FORMAT_BYTES = 16 };
#define BYTES_MAX 100000000u

typedef struct Format {
    uint32_t kind, channels, rate, bits;
} Format;

static uint32_t number(const unsigned char *bytes, int count) {
    uint32_t value = 0;
    for (int i = count; i-- > 0;) value = value << 8 | bytes[i];
    return value;
}

/* Of the next chunk, its name and its length, which is less than BYTES_MAX. */
static int chunk_begin(FILE *file, char name[4], uint32_t *out_bytes) {
    unsigned char head[8];
    if (fread(head, 1, sizeof head, file) != sizeof head) return 0;
    memcpy(name, head, 4);
    *out_bytes = number(head + 4, 4);
    return *out_bytes < BYTES_MAX;
}

static int chunk_skip(FILE *file, uint32_t bytes) {
    return fseek(file, (long)(bytes + (bytes & 1)), SEEK_CUR) == 0;
}

static int format_read(FILE *file, uint32_t bytes, Format *out) {
    unsigned char text[FORMAT_BYTES];
    if (bytes < FORMAT_BYTES || fread(text, 1, sizeof text, file) != sizeof text) return 0;
    *out = (Format){number(text, 2), number(text + 2, 2), number(text + 4, 4), number(text + 14, 2)};
    return (out->kind == PCM || out->kind == EXTENSIBLE) && out->bits == 16 && out->rate && out->channels &&
           out->channels <= CHANNELS_MAX && chunk_skip(file, bytes - FORMAT_BYTES);
}

/* A length that promises more than the file has, as of one that is still written, ends with the file. */
static int samples_read(FILE *file, uint32_t bytes, const Format *format, Sound *out) {
    uint32_t frame = 2 * format->channels, frames = bytes / frame;
    *out = (Sound){malloc(sizeof *out->samples * ((size_t)frames + 1)), 0, format->rate};
    if (!out->samples) return 0;
    unsigned char text[2 * CHANNELS_MAX];
    while (out->count < frames && fread(text, 1, frame, file) == frame) {
        float sum = 0;
        for (uint32_t i = 0; i < format->channels; i++) sum += (float)(int16_t)number(text + 2 * i, 2);
        out->samples[out->count++] = sum / (32768.0f * (float)format->channels);
    }
    return 1;
}

static int chunks_read(FILE *file, Sound *out) {
    Format format = {0};
    char name[4];
    uint32_t bytes;
    unsigned char wave[4];
    if (!chunk_begin(file, name, &bytes) || memcmp(name, "RIFF", 4) != 0) return 0;
    if (fread(wave, 1, 4, file) != 4 || memcmp(wave, "WAVE", 4) != 0) return 0;
    while (chunk_begin(file, name, &bytes)) {
        if (memcmp(name, "data", 4) == 0) return format.rate && samples_read(file, bytes, &format, out);
        if (memcmp(name, "fmt ", 4) == 0 ? !format_read(file, bytes, &format) : !chunk_skip(file, bytes))
            return 0;
    }
    return 0;
}

int wav_read(const char *path, Sound *out) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return 0;
    }
    int done = chunks_read(file, out);
    fclose(file);
    if (!done) fprintf(stderr, "%s: not a .wav file of 16-bit samples\n", path);
    return done;
}

static void put(unsigned char *at, uint32_t value, int count) {
    for (int i = 0; i < count; i++) at[i] = (unsigned char)(value >> 8 * i & 255);
}

static void head_write(FILE *file, uint32_t bytes, uint32_t rate) {
    unsigned char head[44] = "RIFF....WAVEfmt ....................data";
    put(head + 4, bytes + 36, 4);
    put(head + 16, FORMAT_BYTES, 4);
    put(head + 20, PCM, 2);
    put(head + 22, 1, 2);
    put(head + 24, rate, 4);
    put(head + 28, 2 * rate, 4);
    put(head + 32, 2, 2);
    put(head + 34, 16, 2);
    put(head + 40, bytes, 4);
    fwrite(head, 1, sizeof head, file);
}

int wav_write(const char *path, const float *samples, size_t count, uint32_t rate) {
    FILE *file = fopen(path, "wb");
    if (file) head_write(file, (uint32_t)(2 * count), rate);
    for (size_t i = 0; file && i < count; i++) {
        float sample = samples[i] < -1 ? -1 : samples[i] > 1 ? 1 : samples[i];
        unsigned char text[2];
        put(text, (uint32_t)(int32_t)(sample * 32767.0f), 2);
        fwrite(text, 1, sizeof text, file);
    }
    int done = file && !ferror(file);
    if (file && fclose(file)) done = 0;
    if (!done) fprintf(stderr, "%s: cannot be written\n", path);
    return done;
}
