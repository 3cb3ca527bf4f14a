/* Files that vanish with the process unless they are released: on exit, on SIGINT and its like, on a crash of
 * ours, and when memory runs out. A Temporary is the caller's memory and must stay in place while its file is
 * registered. */
#ifndef TENON_SUPPORT_TEMPORARIES_H
#define TENON_SUPPORT_TEMPORARIES_H

#include "support/arena.h"

#include <sys/types.h>

typedef struct Temporary Temporary;
struct Temporary {
    Temporary *next;
    const char *path; /* NULL: not registered */
};

/* Creates `.<name>.tmp.<pid>` in |directory| ("" is the current one) and registers it. Returns a descriptor
 * open for reading and writing, or -1 with errno set. */
int temporary_create(Temporary *temporary, Arena *arena, const char *directory, const char *name,
                     mode_t mode);

/* The file stays; call it after the file got its final name. */
void temporary_release(Temporary *temporary);
void temporary_remove(Temporary *temporary);

/* Removes all; safe in a signal handler. */
void temporaries_remove(void);

#endif
