/* map %a, %b { t0 = mul a0, a1 : f32; t1 = relu t0 : f32 }. Nodes may have any names, and %a stands for an
 * operand. */
#include "ir/loops/parse_internal.h"

#include <string.h>

typedef struct MapParser {
    LoopParser *parser;
    Reader *reader;
    VECTOR(Tile *) operands;
    VECTOR(const char *) names; /* of the nodes so far */
    VECTOR(MapNode) nodes;
} MapParser;

static int operand_of_tile(MapParser *map, Tile *tile) {
    for (int i = 0; i < map->operands.count; i++)
        if (map->operands.items[i] == tile) return -1 - i;
    vector_push(map->parser->module->arena, &map->operands, tile);
    return -map->operands.count;
}

/* a0, a1, ...: an operand by its place. */
static bool operand_by_place(const MapParser *map, const char *word, int *out) {
    int place = 0;
    if (word[0] != 'a' || !word[1]) return false;
    for (const char *c = word + 1; *c; c++) {
        if (*c < '0' || *c > '9' || place > map->operands.count) return false;
        place = 10 * place + (*c - '0');
    }
    *out = -1 - place;
    return place < map->operands.count;
}

static int parse_operand(MapParser *map) {
    if (map->reader->token.kind == TOKEN_VALUE) {
        Tile *tile = parse_tile(map->parser);
        return tile ? operand_of_tile(map, tile) : 0;
    }
    Span span = map->reader->token.span;
    const char *word = reader_word(map->reader, "an operand");
    int operand = 0;
    for (int i = map->names.count - 1; i >= 0; i--)
        if (strcmp(map->names.items[i], word) == 0) return i;
    if (!operand_by_place(map, word, &operand))
        reader_error(map->reader, span, "'%s' is no operand or earlier node of this map", word);
    return operand;
}

static DType parse_dtype(MapParser *map) {
    Span span = map->reader->token.span;
    const char *word = reader_word(map->reader, "an element type");
    DType dtype = dtype_from_text(word, strlen(word));
    if (dtype == DTYPE_NONE) reader_error(map->reader, span, "'%s' is no element type", word);
    return dtype == DTYPE_NONE ? DTYPE_F32 : dtype;
}

static void parse_operation(MapParser *map, MapNode *node, const char *word, Span span) {
    bool fma = strcmp(word, "fma") == 0;
    node->kind = fma ? MAP_FMA : MAP_OP;
    node->op = fma ? OP_ADD : op_from_text(word, strlen(word));
    if (node->op == OP_COUNT || !(op_infos[node->op].traits & OP_POINTWISE)) {
        reader_error(map->reader, span, "'%s' is no pointwise operator", word);
        return;
    }
    int count = fma ? 3 : op_infos[node->op].operands_min;
    for (int i = 0; i < count && !map->reader->failed; i++) {
        if (i) reader_expect_mark(map->reader, ',');
        node->operands[i] = parse_operand(map);
    }
}

/* Both forms are kept until the dtype tells which counts. True: the text is an integer. */
static bool parse_number(MapParser *map, MapNode *node) {
    bool negative = reader_take_mark(map->reader, '-');
    Token number = map->reader->token;
    double magnitude = reader_number(map->reader);
    node->kind = MAP_CONSTANT;
    node->real = negative ? -magnitude : magnitude;
    node->integer = negative ? (int64_t)-(uint64_t)number.integer : number.integer;
    return number.kind == TOKEN_INTEGER && (negative || number.integer >= 0);
}

static void parse_node(MapParser *map) {
    Reader *reader = map->reader;
    MapNode node = {0};
    bool integer = true;
    const char *name = reader_word(reader, "a node such as t0 = add a0, a1 : f32");
    reader_expect_mark(reader, '=');
    Span span = reader->token.span;
    const char *word = reader_word(reader, "an operator");
    if (strcmp(word, "const") == 0)
        integer = parse_number(map, &node);
    else if (!reader->failed)
        parse_operation(map, &node, word, span);
    reader_expect_mark(reader, ':');
    node.dtype = parse_dtype(map);
    if (!integer && !dtype_is_float(node.dtype))
        reader_error(reader, span, "a constant of %s is an integer", dtype_text(node.dtype));
    vector_push(map->parser->module->arena, &map->names, name);
    vector_push(map->parser->module->arena, &map->nodes, node);
}

void parse_map(LoopParser *parser, LoopStatement *statement) {
    MapParser map = {.parser = parser, .reader = &parser->graph.reader};
    Reader *reader = map.reader;
    while (!reader->failed && reader->token.kind == TOKEN_VALUE) {
        vector_push(parser->module->arena, &map.operands, parse_tile(parser));
        if (!reader_take_mark(reader, ',')) break;
    }
    reader_expect_mark(reader, '{');
    while (!reader->failed && !reader_at_mark(reader, '}')) {
        parse_node(&map);
        if (!reader_take_mark(reader, ';')) break;
    }
    reader_expect_mark(reader, '}');
    statement->operand_count = map.operands.count;
    statement->operands = map.operands.items;
    statement->node_count = map.nodes.count;
    statement->nodes = map.nodes.items;
}
