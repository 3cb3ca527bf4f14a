/* Perceptrons: logic gates, and zero or one by two numbers measured on a picture.
 *
 *     tenon compile perceptron.tn -o perceptron.o --header=perceptron.h
 *     cc -std=c99 -O2 main.c perceptron.o -o perceptron
 *     ./perceptron ../digits
 *
 * Fails when a gate is wrong or fewer than 95 % of the pictures are told apart. */
#include "perceptron.h"

#include <stdio.h>
#include <stdlib.h>

enum { COUNT = 500, SIDE = 28, FROM = 10, TO = 18 /* the middle of a picture */ };

static unsigned char images[COUNT][SIDE][SIDE], labels[COUNT];
static unsigned char logic_workspace[PERCEPTRON_LOGIC_WORKSPACE_SIZE + PERCEPTRON_LOGIC_WORKSPACE_ALIGN];
static unsigned char zero_workspace[PERCEPTRON_IS_ZERO_WORKSPACE_SIZE + PERCEPTRON_IS_ZERO_WORKSPACE_ALIGN];

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

static void *aligned(unsigned char *bytes, uintptr_t align) {
    return bytes + (align - (uintptr_t)bytes % align) % align;
}

static void check(const char *what, int status) {
    if (status == TENON_OK) return;
    fprintf(stderr, "%s: %s\n", what, tenon_status_text(status));
    exit(2);
}

/* Prints the truth tables; returns how many answers are wrong. */
static int gates_try(void) {
    static const float a[4][2] = {{0, 0}, {0, 1}, {1, 0}, {1, 1}};
    float both[4], either[4], differ[4];
    int wrong = 0;
    check("perceptron_logic", perceptron_logic(4, &a[0][0], both, either, differ,
                                               aligned(logic_workspace, PERCEPTRON_LOGIC_WORKSPACE_ALIGN)));
    printf("a b   and  or  xor\n");
    for (int i = 0; i < 4; i++) {
        int p = i >> 1, q = i & 1;
        printf("%d %d    %g    %g    %g\n", p, q, both[i], either[i], differ[i]);
        wrong += both[i] != (float)(p & q);
        wrong += either[i] != (float)(p | q);
        wrong += differ[i] != (float)(p ^ q);
    }
    return wrong;
}

/* Mean ink, 0..1, of the whole picture and of its middle. */
static void features_measure(unsigned char image[SIDE][SIDE], float out[2]) {
    int whole = 0, middle = 0;
    for (int row = 0; row < SIDE; row++)
        for (int column = 0; column < SIDE; column++) {
            whole += image[row][column];
            if (row >= FROM && row < TO && column >= FROM && column < TO) middle += image[row][column];
        }
    out[0] = (float)whole / (255.0f * SIDE * SIDE);
    out[1] = (float)middle / (255.0f * (TO - FROM) * (TO - FROM));
}

/* Judges the zeros and ones among the pictures one by one; returns how many of *out_count are right. */
static int zeros_tell(int *out_count) {
    int count = 0, right = 0;
    for (int i = 0; i < COUNT; i++) {
        if (labels[i] > 1) continue;
        float features[2], zero;
        features_measure(images[i], features);
        check("perceptron_is_zero",
              perceptron_is_zero(1, features, &zero,
                                 aligned(zero_workspace, PERCEPTRON_IS_ZERO_WORKSPACE_ALIGN)));
        right += (zero != 0) == (labels[i] == 0);
        count++;
    }
    *out_count = count;
    return right;
}

int main(int argc, char **argv) {
    const char *folder = argc > 1 ? argv[1] : "../digits";
    idx_read(folder, "images.idx", 16, images, sizeof images);
    idx_read(folder, "labels.idx", 8, labels, sizeof labels);
    int count, wrong = gates_try(), right = zeros_tell(&count);
    printf("zero or one: %d of %d right\n", right, count);
    return wrong > 0 || 100 * right < 95 * count;
}
