/* The files a command makes: all of them appear, or none. Each output is written to `.<name>.tmp.<pid>`
 * beside its target; outputs_commit renames them when every one is complete. Temporaries are removed by
 * outputs_abort, and also when the process is interrupted, exits, or runs out of memory. Nothing is synced to
 * disk.
 *
 *     Outputs *outputs = outputs_create(arena, diagnostics);
 *     Output *object = outputs_add(outputs, "lenet.o", OUTPUT_PRIMARY | OUTPUT_BINARY);
 *     Output *header = outputs_add(outputs, "lenet.h", OUTPUT_KEEP_UNCHANGED);
 *     if (!object || !header) ...               (reported; outputs_abort)
 *     output_write(header, text.bytes, text.length);
 *     emit_to_file(output_temporary(object));   (LLVM or a linker writes by name)
 *     output_patch(object, offset, panel, bytes);
 *     bool complete = outputs_commit(outputs);
 */
#ifndef TENON_SUPPORT_OUTPUT_H
#define TENON_SUPPORT_OUTPUT_H

#include "support/arena.h"
#include "support/diagnostics.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Outputs Outputs;
typedef struct Output Output;

enum {
    OUTPUT_PRIMARY = 1,        /* renamed after all others */
    OUTPUT_KEEP_UNCHANGED = 2, /* a target that already has these bytes keeps its time */
    OUTPUT_EXECUTABLE = 4,     /* mode 0777 instead of 0666, both cut by the umask */
    OUTPUT_BINARY = 8,         /* not for terminals */
    OUTPUT_SCRATCH = 16 /* only the temporary is wanted, as a linker's input; it never appears as |path| */
};

/* Errors go to |diagnostics|, one for each output that fails; NULL: errno tells the first one. The arena must
 * live until outputs_commit or outputs_abort. */
Outputs *outputs_create(Arena *arena, Diagnostics *diagnostics);

/* |path| is as the user wrote it, "-" is stdout. Symbolic links are followed. What is neither stdout nor a
 * regular file (a device, a FIFO) is written to at commit, never replaced. NULL: reported. */
Output *outputs_add(Outputs *outputs, const char *path, unsigned flags);

/* No output may be the file |path|, whether added before or after. False: one is; reported. */
bool outputs_forbid(Outputs *outputs, const char *path);

/* Appends. After a failure, which is reported, all further writes return false at once, and so does
 * outputs_commit. */
bool output_write(Output *output, const void *bytes, size_t count);

/* Overwrites bytes that are there already, also after another program wrote the file by name. */
bool output_patch(Output *output, uint64_t offset, const void *bytes, size_t count);

/* The name under which another program may write or replace the whole file; do not mix with output_write. */
const char *output_temporary(const Output *output);

/* Open for reading and writing, with all that was written so far, at no particular offset; -1: reported. Not
 * to be closed; valid until another program replaces the file. */
int output_descriptor(Output *output);

/* As the user wrote it. */
const char *output_path(const Output *output);

/* Marks the output as failed, with a message that the caller has reported. */
void output_fail(Output *output);

/* True: every output is in place. False: an error was reported, by this call or an earlier one; then no
 * temporary is left, and no target was touched unless the renaming itself failed half-way. */
bool outputs_commit(Outputs *outputs);
void outputs_abort(Outputs *outputs);

#endif
