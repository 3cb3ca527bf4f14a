/* Takes noise out of handwritten digits, with two autoencoders in one program.
 *
 *     tenon compile dense.tn -o dense.o --header=dense.h
 *     tenon compile conv.tn -o conv.o --header=conv.h
 *     cc -std=c99 -O2 main.c dense.o conv.o -o autoencoder
 *     ./autoencoder ../digits
 *
 * Shows a few digits: as they are, with noise, and as each network restores them; then how far the pixels are
 * from the true ones, as mean squares. Fails if the networks take out less than they should. */
#define _POSIX_C_SOURCE 200809L /* isatty */

#include "conv.h"
#include "dense.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { COUNT = 500, SIDE = 28, PIXELS = SIDE * SIDE, BATCH = 50 };
enum { SHOWN = 2, MARGIN = 3 /* not shown, on each side */ };

typedef float Picture[PIXELS];
typedef int Denoise(int32_t N, const float *x, float *y, void *workspace);

static Picture clean[COUNT], noisy[COUNT], dense[COUNT], conv[COUNT];

static void images_read(const char *folder) {
    static unsigned char bytes[COUNT][PIXELS];
    char path[4096];
    snprintf(path, sizeof path, "%s/images.idx", folder);
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 16, SEEK_SET) || fread(bytes, 1, sizeof bytes, file) != sizeof bytes) {
        fprintf(stderr, "%s: cannot be read, or is too short\n", path);
        exit(2);
    }
    fclose(file);
    for (int i = 0; i < COUNT; i++)
        for (int p = 0; p < PIXELS; p++) clean[i][p] = (float)bytes[i][p] / 255.0f;
}

/* Nearly normal, deviation 1, the same on every run: the sum of twelve numbers of 0 to 1, less its mean. */
static float noise_next(void) {
    static uint32_t state = 1986;
    float sum = -6.0f;
    for (int i = 0; i < 12; i++) {
        state = state * 1664525u + 1013904223u;
        sum += (float)(state >> 8) / 16777216.0f;
    }
    return sum;
}

static void noise_add(void) {
    for (int i = 0; i < COUNT; i++) {
        for (int p = 0; p < PIXELS; p++) {
            float value = clean[i][p] + 0.4f * noise_next();
            noisy[i][p] = value < 0 ? 0 : value > 1 ? 1 : value;
        }
    }
}

static void pictures_restore(Denoise *denoise, size_t workspace_bytes, Picture *out) {
    void *workspace;
    if (posix_memalign(&workspace, 64, workspace_bytes)) exit(2);
    for (int first = 0; first < COUNT; first += BATCH) {
        int status = denoise(BATCH, noisy[first], out[first], workspace);
        if (status != TENON_OK) {
            fprintf(stderr, "%s\n", tenon_status_text(status));
            exit(2);
        }
    }
    free(workspace);
}

/* One line for each digit, two rows of pixels to a line of text: in blocks on a terminal, else in ASCII. */
static void pictures_print(int i) {
    static const char *const blocks[] = {" ", "\u2591", "\u2592", "\u2593", "\u2588"};
    static const char *const letters[] = {" ", ".", ":", "+", "#"};
    const char *const *shades = isatty(STDOUT_FILENO) ? blocks : letters;
    const float *pictures[] = {clean[i], noisy[i], dense[i], conv[i]};
    for (int row = MARGIN; row < SIDE - MARGIN; row += 2) {
        for (int k = 0; k < 4; k++) {
            for (int column = MARGIN; column < SIDE - MARGIN; column++) {
                const float *pixel = &pictures[k][row * SIDE + column];
                fputs(shades[(int)((pixel[0] + pixel[SIDE]) * 0.5f * 4.99f)], stdout);
            }
            fputs("  ", stdout);
        }
        putchar('\n');
    }
}

static double mean_square(Picture *pictures) {
    double sum = 0;
    for (int i = 0; i < COUNT; i++) {
        for (int p = 0; p < PIXELS; p++) {
            double off = (double)pictures[i][p] - (double)clean[i][p];
            sum += off * off;
        }
    }
    return sum / (COUNT * PIXELS);
}

int main(int argc, char **argv) {
    images_read(argc > 1 ? argv[1] : "../digits");
    noise_add();
    pictures_restore(dense_denoise, DENSE_DENOISE_WORKSPACE_SIZE, dense);
    pictures_restore(conv_denoise, CONV_DENOISE_WORKSPACE_SIZE, conv);
    printf("%-24s%-24s%-24s%s\n", "digit", "with noise", "dense", "convolutional");
    for (int i = 0; i < SHOWN; i++) pictures_print(i);
    double before = mean_square(noisy), by_dense = mean_square(dense), by_conv = mean_square(conv);
    printf("\nmean square: with noise %.4f, dense %.4f, convolutional %.4f\n", before, by_dense, by_conv);
    return by_dense > before / 3 || by_conv > before / 8;
}
