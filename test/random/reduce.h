/* Makes a failing network small: keeps one output, cuts ops out, for as long as it still fails. */
#ifndef TENON_TEST_RANDOM_REDUCE_H
#define TENON_TEST_RANDOM_REDUCE_H

#include <stdbool.h>

/* Does the text still fail in the same way? */
typedef bool StillFails(const char *text, void *context);

/* The smallest text found, from malloc. */
char *reduce_network(const char *text, StillFails *fails, void *context);

#endif
