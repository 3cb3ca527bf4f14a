/* Relations between calls that hold to the bit. */
#ifndef TENON_TEST_RANDOM_METAMORPHIC_H
#define TENON_TEST_RANDOM_METAMORPHIC_H

#include "test/native/suite.h"

/* Models Batch..: N rows in one call and in N calls. Models Steps..: entry `sequence` and T calls of `step`.
 */
void metamorphic_check(const Suite *suite, const NativeConfig *config, SuiteReport *report, void *context);

#endif
