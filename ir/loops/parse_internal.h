/* Private to ir/loops/parse*.c: one file being read. Tiles, buffers and symbols are found by name, innermost
 * first. */
#ifndef TENON_IR_LOOPS_PARSE_INTERNAL_H
#define TENON_IR_LOOPS_PARSE_INTERNAL_H

#include "ir/loops/loops.h"
#include "ir/parse_internal.h"

typedef struct NamedTile {
    const char *name;
    Tile *tile;
} NamedTile;

typedef struct NamedBuffer {
    const char *name;
    Buffer *buffer;
} NamedBuffer;

typedef struct LoopParser {
    GraphParser graph; /* its reader is the one */
    LoopModule *module;
    VECTOR(NamedTile) tiles;
    VECTOR(NamedBuffer) buffers; /* of the function being read */
    LoopFunction *function;
    Span place; /* of the loop or function around, if it is in another file; else none */
    int depth;  /* of loops */
} LoopParser;

/* parse.c */
Buffer *parse_buffer_type(LoopParser *parser, BufferKind kind, const char *name);
/* Makes the buffer known by |name|, which may differ from the name it keeps. */
void parser_add_buffer(LoopParser *parser, const char *name, Buffer *buffer, Span span);
Buffer *parse_buffer(LoopParser *parser); /* %name or @constant; NULL: reported */
/* A place in another file at the end of a statement; otherwise |around| if that is one, otherwise |here|. */
Span parse_place(LoopParser *parser, Span around, Span here);
void parse_range_bounds(LoopParser *parser, Range *range);
/* A symbol that takes the values of |range|, known from here on. */
void parser_bind(LoopParser *parser, Range *range, const char *name, Span span);
void parser_add_tile(LoopParser *parser, Tile *tile, Token name);
Tile *parse_tile(LoopParser *parser); /* NULL: reported */

/* parse_statement.c */
void parse_body(LoopParser *parser, LoopBody *body); /* up to `next` or the closing brace */

/* parse_map.c */
void parse_map(LoopParser *parser,
               LoopStatement *statement); /* behind the word map, up to the closing brace */

#endif
