/* Makes a shared library from one object by running a linker as a child process: $TENON_LD, `ld` or `ld.lld`,
 * without a C compiler or a shell. Never waits longer than asked, and never prints: what the linker says ends
 * in a diagnostic. */
#ifndef TENON_BACKEND_LINK_H
#define TENON_BACKEND_LINK_H

#include "support/diagnostics.h"

typedef struct LinkRequest {
    const char *object;  /* files by name */
    const char *library; /* written or replaced, half-written when linking fails: give a temporary */
    const char *shown;   /* how messages name the library */
    const char *soname;
    int timeout_seconds; /* 0: LINK_TIMEOUT_SECONDS */
} LinkRequest;

enum { LINK_TIMEOUT_SECONDS = 600 };

/* False: reported. */
bool link_shared(Arena *arena, Diagnostics *diagnostics, const LinkRequest *request);

#endif
