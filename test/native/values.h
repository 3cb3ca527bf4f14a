/* The data that test networks run on, a function of names alone, so that a .tir text is a whole test case. An
 * input's name chooses its kind: x.. plain numbers; s.. with special values; j<extent>_.. indices in
 * -extent..extent-1; p.. positive; q.. integers that may divide (never 0); v.. indices that may lie outside
 * -4..3. */
#ifndef TENON_TEST_NATIVE_VALUES_H
#define TENON_TEST_NATIVE_VALUES_H

#include "ir/eval/eval.h"

typedef struct Random {
    uint64_t state;
} Random;

Random random_from_text(const char *text, uint64_t salt);
uint64_t random_next(Random *random);
/* 0..count-1. */
int random_below(Random *random, int count);
/* |percent| times of 100. */
bool random_chance(Random *random, int percent);

/* |seed| tells calls apart. The values are representable in the tensor's dtype. */
void values_fill(Tensor *tensor, const char *name, const char *entry, uint64_t seed);

/* How far apart neighbours of |dtype| are at |value|. */
double ulp_at(DType dtype, double value);

#endif
