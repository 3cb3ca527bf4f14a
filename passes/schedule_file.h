/* Schedules given in a file (--schedule=). Each line names an operator by kind, layer path and the type of
 * its result, and tells how it is computed; the rest is left to the rules of the pass `schedule`: tir
 * schedule 1 conv @features.3 f32[N, 192, 27, 27] algorithm F(4, 5) schedule {variant = winograd, tile = 14 x
 * 2 x 16, block = 25} linear @fc f32[N, 10] schedule {variant = dense, tile = 1 x 8 x 16} */
#ifndef TENON_PASSES_SCHEDULE_FILE_H
#define TENON_PASSES_SCHEDULE_FILE_H

#include "ir/graph.h"

typedef struct ScheduleEntry {
    OpKind kind; /* OP_CONV also for what a convolution has become */
    const char *path, *type;
    Span span;
    bool has_algorithm;
    int algorithm;            /* of a convolution: 0 direct, m for F(m, taps) */
    const Schedule *schedule; /* NULL: by rule */
    bool used;
    const char *other_type; /* of the same layer where no entry is used; NULL: there is none */
} ScheduleEntry;

typedef struct ScheduleFile {
    VECTOR(ScheduleEntry) entries;
} ScheduleFile;

/* NULL: errors were reported. */
ScheduleFile *schedule_file_parse(Arena *arena, Diagnostics *diagnostics, const SourceFile *source);
/* What a graph has been given by transform_convolutions and schedule. */
void schedule_file_print(Text *text, Module *module);
/* The entry for |op|, a contraction; NULL: there is none. |file| may be NULL. */
ScheduleEntry *schedule_file_find(ScheduleFile *file, Arena *arena, const Op *op);
/* False: entries that nothing used were reported. */
bool schedule_file_check_used(const ScheduleFile *file, Diagnostics *diagnostics);

#endif
