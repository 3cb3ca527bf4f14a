/* One call of a compiled entry in hostile surroundings: guarded buffers, dirty workspace, items in reverse
 * order. */
#ifndef TENON_TEST_NATIVE_CALL_H
#define TENON_TEST_NATIVE_CALL_H

#include "test/native/guarded.h"
#include "test/native/library.h"

enum { CALL_TENSORS_MAX = 64 };

typedef struct NativeCall {
    const tenon_entry_info *entry;
    const int64_t *dims;
    const void *inputs[CALL_TENSORS_MAX]; /* raw elements */
    size_t input_bytes[CALL_TENSORS_MAX], output_bytes[CALL_TENSORS_MAX];
    size_t input_align[CALL_TENSORS_MAX], output_align[CALL_TENSORS_MAX];
    void *outputs[CALL_TENSORS_MAX]; /* receive the results */
    void *state;                     /* read and written; NULL: none */
    size_t state_bytes;
    bool threads;
} NativeCall;

/* Statuses of its own: */
enum { CALL_TRAPPED = 100, CALL_OVERRAN = 101, CALL_CHANGED_INPUT = 102 };

/* Returns the entry's status or one of those above; |side| and |fill| choose the surroundings, |reversed| the
 * order of parallel items. */
int native_call(NativeCall *call, GuardSide side, unsigned char fill, bool reversed);
const char *native_status_text(int status);

#endif
