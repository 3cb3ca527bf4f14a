/* Private to the parsers of both IRs: what the text of the loop IR has in common with that of the graph IR.
 */
#ifndef TENON_IR_PARSE_INTERNAL_H
#define TENON_IR_PARSE_INTERNAL_H

#include "ir/reader.h"

typedef struct NamedValue {
    const char *name;
    Value *value;
} NamedValue;

typedef struct GraphParser {
    Reader reader;
    Module *module;
    VECTOR(NamedValue) values; /* innermost last */
} GraphParser;

/* Behind the words `dim` and `const`: each adds to the module. */
void graph_parse_dim(GraphParser *parser);
void graph_parse_constant(GraphParser *parser);

#endif
