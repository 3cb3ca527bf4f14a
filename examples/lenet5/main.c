/* Reads handwritten digits, with LeNet-5 compiled to machine code: no framework, no files but the pictures.
 *
 *     tenon compile lenet5.tn -o lenet5.o --header=lenet5.h
 *     cc -std=c99 -O2 main.c lenet5.o -o lenet5
 *     ./lenet5 ../digits
 *
 * Shows a few pictures with the answers and prints how many of all were right; fails below 97 %. */
#define _POSIX_C_SOURCE 200809L /* isatty */

#include "lenet5.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { COUNT = 500, SIDE = 28, PIXELS = SIDE * SIDE, CLASSES = 10, BATCH = 50 };
enum { SHOWN = 3, MARGIN = 2 /* not shown, on each side */ };

static unsigned char images[COUNT][PIXELS], labels[COUNT];
static int guesses[COUNT];
static float chances[COUNT];
static unsigned char workspace[LENET5_CLASSIFY_WORKSPACE_SIZE + LENET5_CLASSIFY_WORKSPACE_ALIGN];

/* Skips the header of an idx file, then reads exactly |bytes|. */
static void idx_read(const char *folder, const char *name, long header, void *out, size_t bytes) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, header, SEEK_SET) || fread(out, 1, bytes, file) != bytes) {
        fprintf(stderr, "%s: cannot be read, or is too short\n", path);
        exit(2);
    }
    fclose(file);
}

static void *workspace_aligned(void) {
    uintptr_t align = LENET5_CLASSIFY_WORKSPACE_ALIGN;
    return workspace + (align - (uintptr_t)workspace % align) % align;
}

static void classify_batch(int first) {
    static float x[BATCH][PIXELS], y[BATCH][CLASSES];
    for (int i = 0; i < BATCH; i++)
        for (int p = 0; p < PIXELS; p++) x[i][p] = (float)images[first + i][p] / 255.0f;
    int status = lenet5_classify(BATCH, &x[0][0], &y[0][0], workspace_aligned());
    if (status != TENON_OK) {
        fprintf(stderr, "lenet5_classify: %s\n", tenon_status_text(status));
        exit(2);
    }
    for (int i = 0; i < BATCH; i++) {
        int best = 0;
        for (int k = 1; k < CLASSES; k++)
            if (y[i][k] > y[i][best]) best = k;
        guesses[first + i] = best;
        chances[first + i] = y[i][best];
    }
}

/* Pictures side by side, two rows of pixels to a line: in blocks on a terminal, else in ASCII. */
static void pictures_print(int first) {
    static const char *const blocks[] = {" ", "\u2591", "\u2592", "\u2593", "\u2588"};
    static const char *const letters[] = {" ", ".", ":", "+", "#"};
    const char *const *shades = isatty(STDOUT_FILENO) ? blocks : letters;
    for (int row = MARGIN; row < SIDE - MARGIN; row += 2) {
        for (int i = first; i < first + SHOWN; i++) {
            for (int column = MARGIN; column < SIDE - MARGIN; column++) {
                const unsigned char *pixel = &images[i][row * SIDE + column];
                fputs(shades[(pixel[0] + pixel[SIDE]) * 5 / 511], stdout);
            }
            fputs("  ", stdout);
        }
        putchar('\n');
    }
    for (int i = first; i < first + SHOWN; i++)
        printf("%4s%d, %5.1f %% sure%7s", "", guesses[i], 100.0 * chances[i], "");
    printf("\n\n");
}

int main(int argc, char **argv) {
    const char *folder = argc > 1 ? argv[1] : "../digits";
    idx_read(folder, "images.idx", 16, images, sizeof images);
    idx_read(folder, "labels.idx", 8, labels, sizeof labels);
    for (int first = 0; first < COUNT; first += BATCH) classify_batch(first);
    for (int first = 0; first < 4 * SHOWN; first += SHOWN) pictures_print(first);
    int right = 0;
    for (int i = 0; i < COUNT; i++) right += guesses[i] == labels[i];
    printf("%d of %d right\n", right, COUNT);
    return 100 * right < 97 * COUNT;
}
