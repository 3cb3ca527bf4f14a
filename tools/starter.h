/* `tenon new`: a first .tn file for a checkpoint. Names and shapes of its tensors tell the layers, their
 * sizes and their nesting; what they do not tell (strides, activations, the order of calls) is guessed and
 * marked as such. The file parses, and every tensor binds without renaming. */
#ifndef TENON_TOOLS_STARTER_H
#define TENON_TOOLS_STARTER_H

#include "support/arena.h"
#include "support/diagnostics.h"
#include "support/text.h"

/* Appends the text to |out|. Returns 0, or 1 after errors were reported. The file names its weights by
 * |weights_path|, so it belongs into the current directory; starter_write_to makes that path relative to the
 * place of |output_path|
 * ("-" or NULL: the current directory). */
int starter_write(Arena *arena, Diagnostics *diagnostics, const char *weights_path, Text *out);
int starter_write_to(Arena *arena, Diagnostics *diagnostics, const char *weights_path,
                     const char *output_path, Text *out);

#endif
