/* The text form of the graph IR. Printing what was parsed gives the same text. Files begin with `tir graph
 * 1`. */
#ifndef TENON_IR_TEXT_FORM_H
#define TENON_IR_TEXT_FORM_H

#include "ir/graph.h"

void graph_print(Text *text, const Module *module);
/* Dims and constants only, as the text form of the loop IR begins with. */
void graph_print_definitions(Text *text, const Module *module);

/* Constants that refer to weights come back with a source of file and name only (bytes NULL): the caller
 * opens the files. NULL: errors were reported. */
Module *graph_parse(Arena *arena, Diagnostics *diagnostics, const SourceFile *source);

/* Every rule of docs/ir.md; false: errors were reported. |stage| names the pass that ran last, for the
 * message. */
bool graph_verify(Module *module, const char *stage);

#endif
