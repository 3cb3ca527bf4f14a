/* Counts which digits a multilayer perceptron takes for which.
 *
 *     tenon compile mlp.tn -o mlp.o --header=mlp.h
 *     cc -std=c99 -O2 main.c mlp.o -o mlp
 *     ./mlp ../digits
 *
 * Fails when fewer than 95 % are right. */
#include "mlp.h"

#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 500, PIXELS = 28 * 28, CLASSES = 10, BATCH = 50 };

static unsigned char images[COUNT][PIXELS], labels[COUNT];
static unsigned char workspace[MLP_CLASSIFY_WORKSPACE_SIZE + MLP_CLASSIFY_WORKSPACE_ALIGN];

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
    uintptr_t align = MLP_CLASSIFY_WORKSPACE_ALIGN;
    return workspace + (align - (uintptr_t)workspace % align) % align;
}

/* Adds the answers for images first .. first + BATCH - 1 to table[label][guess]. */
static void tally_batch(int first, int table[CLASSES][CLASSES]) {
    static float x[BATCH][PIXELS], y[BATCH][CLASSES];
    for (int i = 0; i < BATCH; i++)
        for (int p = 0; p < PIXELS; p++) x[i][p] = (float)images[first + i][p] / 255.0f;
    int status = mlp_classify(BATCH, &x[0][0], &y[0][0], workspace_aligned());
    if (status != TENON_OK) {
        fprintf(stderr, "mlp_classify: %s\n", tenon_status_text(status));
        exit(2);
    }
    for (int i = 0; i < BATCH; i++) {
        int best = 0;
        for (int k = 1; k < CLASSES; k++)
            if (y[i][k] > y[i][best]) best = k;
        table[labels[first + i] % CLASSES][best]++;
    }
}

int main(int argc, char **argv) {
    const char *folder = argc > 1 ? argv[1] : "../digits";
    int table[CLASSES][CLASSES] = {{0}}, right = 0;
    idx_read(folder, "images.idx", 16, images, sizeof images);
    idx_read(folder, "labels.idx", 8, labels, sizeof labels);
    for (int first = 0; first < COUNT; first += BATCH) tally_batch(first, table);

    printf("is \\ read as");
    for (int k = 0; k < CLASSES; k++) printf("%4d", k);
    for (int label = 0; label < CLASSES; label++) {
        printf("\n%12d", label);
        for (int k = 0; k < CLASSES; k++) {
            if (table[label][k])
                printf("%4d", table[label][k]);
            else
                printf("%4s", ".");
        }
        right += table[label][label];
    }
    printf("\n%d of %d right\n", right, COUNT);
    return 100 * right < 95 * COUNT;
}
