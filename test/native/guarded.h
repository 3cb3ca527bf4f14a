/* Memory that tells when generated code goes beyond it: a page without access on one side, known bytes all
 * around. */
#ifndef TENON_TEST_NATIVE_GUARDED_H
#define TENON_TEST_NATIVE_GUARDED_H

#include <stdbool.h>
#include <stddef.h>

typedef enum GuardSide { GUARD_BEFORE, GUARD_AFTER } GuardSide;

typedef struct Guarded {
    unsigned char *base; /* everything mapped */
    size_t mapped;
    unsigned char *room; /* the accessible pages */
    size_t room_bytes;
    unsigned char *data; /* what the code under test may touch */
    size_t bytes;
} Guarded;

enum { CANARY = 0xC5 };

/* |bytes| of |fill|, aligned to |align| and to no more where that can be had. GUARD_AFTER: they end at the
 * forbidden page (up to |align|); GUARD_BEFORE: they begin at it. */
Guarded guarded_create(size_t bytes, size_t align, GuardSide side, unsigned char fill);
/* The bytes around the data are as they were. */
bool guarded_intact(const Guarded *guarded);
void guarded_destroy(Guarded *guarded);

#endif
