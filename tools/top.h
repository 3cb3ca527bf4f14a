/* The largest entries of each row of a result, by index or by label: what a network that classifies has to
 * say. */
#ifndef TENON_TOOLS_TOP_H
#define TENON_TOOLS_TOP_H

#include "ir/graph.h"
#include "support/text.h"
#include "tools/options.h"

typedef struct Top {
    int count;          /* 0: not asked for */
    const char *output; /* NULL: the first */
    bool softmax;
    const char *labels_path; /* NULL: no labels */
    VECTOR(const char *) labels;
} Top;

/* Reads the labels. False: reported. */
bool top_read(Arena *arena, Diagnostics *diagnostics, const Options *options, Top *out);
/* The value of --top. False: it is neither COUNT nor NAME=COUNT. */
bool top_parse(Arena *arena, const char *text, Top *out);

/* Rows are axis 0 of [N, K]; [K] is one row. False: reported. */
bool top_show(Text *text, Diagnostics *diagnostics, const Top *top, const TensorSource *outputs, int count);

#endif
