/* The graph as Graphviz text: one node per op, one cluster per scan or fused cluster. */
#ifndef TENON_TOOLS_DOT_H
#define TENON_TOOLS_DOT_H

#include "ir/graph.h"

void dot_print(Text *text, const Module *module);

#endif
