/* Compiled by ftz.test: a decaying state becomes denormal, or zero, and the caller's mode is as before. */
#include "decay.h"

#include <stdio.h>
#include <xmmintrin.h>

int main(void) {
    static float x[4], y[4];
    static _Alignas(64) char state[DECAY_STATE_SIZE], workspace[DECAY_STEP_WORKSPACE_SIZE + 64];
    unsigned before = _mm_getcsr() & ~0x3fu, after;
    decay_reset(state);
    for (int i = 0; i < 130; i++)
        if (decay_step(x, y, state, workspace) != TENON_OK) return 1;
    after = _mm_getcsr() & ~0x3fu;
    printf("%s, mode %s\n", y[0] == 0 ? "zero" : "denormal", before == after ? "as before" : "changed");
    return 0;
}
