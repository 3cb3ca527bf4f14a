/* Writes static archives in the GNU form of `ar`: a symbol index, long names, and members with no time, no
 * owner and mode 0644, so that equal members give equal archives. The members' bytes are the caller's and
 * only read. */
#ifndef TENON_BACKEND_ARCHIVE_H
#define TENON_BACKEND_ARCHIVE_H

#include "support/output.h"

#include <stddef.h>

typedef struct ArchiveMember {
    const char *name;  /* "lenet.o": no slash, no newline */
    const void *bytes; /* an ELF object */
    size_t size;
    uint64_t offset; /* set by archive_write: where the bytes begin in the archive */
} ArchiveMember;

/* Appends the archive to |output|. False: an error was reported, here or by the output. */
bool archive_write(Arena *arena, Diagnostics *diagnostics, Output *output, ArchiveMember *members, int count);

#endif
