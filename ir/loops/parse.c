/* The text of a loop program, as ir/loops/print.c writes it and people may. */
#include "ir/loops/parse_internal.h"

#include "support/checked.h"

#include <string.h>

static Reader *reader_of(LoopParser *parser) { return &parser->graph.reader; }

/* ---- Names ---- */

static void complain_twice(LoopParser *parser, char sigil, const char *name, Span span) {
    diagnose_error(parser->module->graph->diagnostics, E0502, span, "%c%s is defined twice", sigil, name);
}

void parser_add_tile(LoopParser *parser, Tile *tile, Token name) {
    for (int i = 0; i < parser->tiles.count; i++)
        if (strcmp(parser->tiles.items[i].name, name.text) == 0)
            complain_twice(parser, '%', name.text, name.span);
    NamedTile named = {name.text, tile};
    vector_push(parser->module->arena, &parser->tiles, named);
    bool numbered = name.text[0] >= '0' && name.text[0] <= '9';
    tile->name = numbered ? NULL : name.text;
}

Tile *parse_tile(LoopParser *parser) {
    Reader *reader = reader_of(parser);
    Span span = reader->token.span;
    const char *name = reader_value(reader);
    for (int i = parser->tiles.count - 1; i >= 0; i--)
        if (strcmp(parser->tiles.items[i].name, name) == 0) return parser->tiles.items[i].tile;
    reader_error(reader, span, "tile %%%s is not defined before its use", name);
    return NULL;
}

void parser_bind(LoopParser *parser, Range *range, const char *name, Span span) {
    Reader *reader = reader_of(parser);
    if (reader_find_symbol(reader, name)) complain_twice(parser, '%', name, span);
    int64_t max = range->high->max - 1 < range->low->min ? range->low->min : range->high->max - 1;
    range->symbol = symbol_create(parser->module->arena, name, range->low->min, max);
    reader_push_symbol(reader, range->symbol->name, range->symbol);
}

void parse_range_bounds(LoopParser *parser, Range *range) {
    Reader *reader = reader_of(parser);
    range->low = reader_expr(reader);
    if (reader->token.kind != TOKEN_RANGE) reader_error(reader, reader->token.span, "expected '..'");
    reader_next(reader);
    range->high = reader_expr(reader);
}

Span parse_place(LoopParser *parser, Span around, Span here) {
    Span place = reader_place(reader_of(parser));
    if (place.file) return place;
    return around.file && around.file != parser->module->text ? around : here;
}

/* ---- Buffers ---- */

static int parse_exprs(LoopParser *parser, const Expr **out) {
    Reader *reader = reader_of(parser);
    int count = 0;
    reader_expect_mark(reader, '[');
    while (!reader->failed && !reader_at_mark(reader, ']')) {
        if (count == BUFFER_RANK_MAX) {
            reader_error(reader, reader->token.span, "a buffer has at most %d axes", BUFFER_RANK_MAX);
            break;
        }
        out[count++] = reader_expr(reader);
        if (!reader_take_mark(reader, ',')) break;
    }
    reader_expect_mark(reader, ']');
    return count;
}

Buffer *parse_buffer_type(LoopParser *parser, BufferKind kind, const char *name) {
    Reader *reader = reader_of(parser);
    const Expr *extents[BUFFER_RANK_MAX], *strides[BUFFER_RANK_MAX];
    Span span = reader->token.span;
    const char *word = reader_word(reader, "a type such as f32[64]");
    DType dtype = dtype_from_text(word, strlen(word));
    if (dtype == DTYPE_NONE) {
        reader_error(reader, span, "'%s' is no element type", word);
        dtype = DTYPE_F32;
    }
    int rank = reader_at_mark(reader, '[') ? parse_exprs(parser, extents) : 0;
    bool strided = reader_take_word(reader, "strides");
    span = reader->token.span;
    if (strided && parse_exprs(parser, strides) != rank) {
        reader_error(reader, span, "there must be as many strides as axes: %d", rank);
        strided = false;
    }
    if (reader->failed) rank = 0;
    return buffer_create(parser->module, kind, name, dtype, rank, extents, strided ? strides : NULL);
}

void parser_add_buffer(LoopParser *parser, const char *name, Buffer *buffer, Span span) {
    for (int i = 0; i < parser->buffers.count; i++)
        if (strcmp(parser->buffers.items[i].name, name) == 0) complain_twice(parser, '%', name, span);
    NamedBuffer named = {name, buffer};
    vector_push(parser->module->arena, &parser->buffers, named);
}

Buffer *parse_buffer(LoopParser *parser) {
    Reader *reader = reader_of(parser);
    Token token = reader->token;
    reader_next(reader);
    const Module *graph = parser->module->graph;
    for (int i = 0; token.kind == TOKEN_GLOBAL && i < graph->constants.count; i++)
        if (strcmp(graph->constants.items[i]->name, token.text) == 0)
            return buffer_of_constant(parser->module, graph->constants.items[i]);
    for (int i = parser->buffers.count - 1; token.kind == TOKEN_VALUE && i >= 0; i--)
        if (strcmp(parser->buffers.items[i].name, token.text) == 0) return parser->buffers.items[i].buffer;
    if (token.kind == TOKEN_GLOBAL)
        reader_error(reader, token.span, "constant @%s is not defined", token.text);
    else if (token.kind == TOKEN_VALUE)
        reader_error(reader, token.span, "buffer %%%s is not defined", token.text);
    else
        reader_error(reader, token.span, "expected a buffer: %%name or @constant");
    return NULL;
}

/* ---- Functions ---- */

static void parse_parameters(LoopParser *parser) {
    Reader *reader = reader_of(parser);
    reader_expect_mark(reader, '(');
    while (!reader->failed && !reader_at_mark(reader, ')')) {
        bool written = reader_take_word(reader, "out");
        Span span = reader->token.span;
        const char *name = reader_value(reader);
        const char *kept = reader_take_word(reader, "as") ? reader_string(reader) : name;
        reader_expect_mark(reader, ':');
        Buffer *buffer = parse_buffer_type(parser, BUFFER_PARAMETER, kept);
        buffer->written = written;
        parser_add_buffer(parser, name, buffer, span);
        loop_function_add_parameter(parser->module, parser->function, buffer);
        if (!reader_take_mark(reader, ',')) break;
    }
    reader_expect_mark(reader, ')');
}

static bool mentions(const LoopFunction *entry, const Symbol *symbol) {
    for (int i = 0; i < entry->parameter_count; i++)
        for (int axis = 0; axis < entry->parameters[i]->rank; axis++)
            if (expr_uses(entry->parameters[i]->extents[axis], symbol)) return true;
    return false;
}

/* Those of `dims N, T`; without it, those that the parameters mention. */
static void parse_dims(LoopParser *parser) {
    Reader *reader = reader_of(parser);
    const Module *graph = parser->module->graph;
    LoopFunction *entry = parser->function;
    VECTOR(Dim *) dims = {0};
    bool listed = reader_take_word(reader, "dims");
    for (int i = 0; !listed && i < graph->dims.count; i++)
        if (mentions(entry, graph->dims.items[i]->symbol))
            vector_push(graph->arena, &dims, graph->dims.items[i]);
    while (listed && !reader->failed) {
        Span span = reader->token.span;
        const char *name = reader_word(reader, "a dim's name");
        Dim *found = NULL;
        for (int i = 0; i < graph->dims.count; i++)
            if (strcmp(graph->dims.items[i]->name, name) == 0) found = graph->dims.items[i];
        if (found)
            vector_push(graph->arena, &dims, found);
        else
            reader_error(reader, span, "dim %s is not defined", name);
        if (!reader_take_mark(reader, ',')) break;
    }
    entry->dims = dims.items;
    entry->dim_count = dims.count;
}

static void parse_checks(LoopParser *parser) {
    Reader *reader = reader_of(parser);
    while (reader_at_word(reader, "check")) {
        EqualityCheck check = {.span = reader->token.span};
        reader_next(reader);
        check.left = reader_expr(reader);
        reader_expect_mark(reader, '=');
        reader_expect_mark(reader, '=');
        check.right = reader_expr(reader);
        vector_push(parser->module->arena, &parser->function->checks, check);
    }
}

static void parse_memory(LoopParser *parser) {
    Reader *reader = reader_of(parser);
    while (reader_at_word(reader, "workspace") || reader_at_word(reader, "state")) {
        bool state = reader_at_word(reader, "state");
        reader_next(reader);
        Span span = reader->token.span;
        const char *name = reader_value(reader);
        reader_expect_mark(reader, ':');
        Buffer *buffer = parse_buffer_type(parser, state ? BUFFER_STATE : BUFFER_WORKSPACE, name);
        reader_expect_word(reader, "at");
        buffer->offset = reader_integer(reader);
        parser_add_buffer(parser, name, buffer, span);
        vector_push(parser->module->arena, &parser->function->buffers, buffer);
        parser->function->uses_state |= state;
    }
}

static void name_entry(LoopParser *parser, const char *name, Span span) {
    LoopFunction *entry = parser->function;
    char *model = arena_strdup(parser->module->arena, name), *dot = strchr(model, '.');
    if (!dot || dot == model || !dot[1])
        reader_error(reader_of(parser), span, "an entry is named @Model.entry");
    else
        *dot++ = 0;
    entry->is_entry = true;
    entry->model = model;
    entry->entry_name = dot ? dot : "";
}

static void parse_function(LoopParser *parser, bool is_entry) {
    Reader *reader = reader_of(parser);
    LoopModule *module = parser->module;
    Span span = reader->token.span;
    const char *name = reader_global(reader);
    for (int i = 0; i < module->functions.count; i++)
        if (strcmp(module->functions.items[i]->name, name) == 0) complain_twice(parser, '@', name, span);
    LoopFunction *function = loop_function_create(module, name, span);
    int symbols = reader->symbols.count;
    parser->function = function;
    parser->tiles.count = parser->buffers.count = 0;
    if (is_entry) name_entry(parser, name, span);
    parse_parameters(parser);
    if (is_entry) parse_dims(parser);
    if (is_entry && reader_take_word(reader, "workspace")) function->workspace_bytes = reader_integer(reader);
    for (int i = 0; is_entry && i < function->parameter_count; i++) {
        if (function->parameters[i]->written)
            function->output_count++;
        else
            function->input_count++;
    }
    function->span = parse_place(parser, (Span){0}, span);
    parser->place = function->span;
    reader_push_symbol(reader, "r", module->row);
    reader_push_symbol(reader, "l", module->lane);
    reader_expect_mark(reader, '{');
    if (is_entry) {
        parse_checks(parser);
        parse_memory(parser);
    }
    parse_body(parser, &function->body);
    reader_expect_mark(reader, '}');
    reader->symbols.count = symbols;
}

/* ---- Modules ---- */

static void parse_state(LoopParser *parser) {
    Reader *reader = reader_of(parser);
    Arena *arena = parser->module->arena;
    ModelState *state = NEW(arena, ModelState);
    reader_expect_word(reader, "of");
    state->model = reader_word(reader, "a model's name");
    state->bytes = reader_integer(reader);
    reader_expect_word(reader, "bytes");
    reader_expect_mark(reader, '{');
    while (!reader->failed && !reader_at_mark(reader, '}')) {
        Span span = reader->token.span;
        Buffer *initial = parse_buffer(parser);
        if (initial && initial->kind != BUFFER_CONSTANT)
            reader_error(reader, span, "a state starts as a constant");
        reader_expect_word(reader, "at");
        vector_push(arena, &state->buffers, initial);
        vector_push(arena, &state->offsets, reader_integer(reader));
        if (!reader_take_mark(reader, ',')) break;
    }
    reader_expect_mark(reader, '}');
    vector_push(arena, &parser->module->states, state);
}

LoopModule *loops_parse(Arena *arena, Diagnostics *diagnostics, const SourceFile *source) {
    Module *graph = module_create(arena, diagnostics);
    LoopParser parser = {.graph = {.module = graph}, .module = loop_module_create(graph)};
    Reader *reader = reader_of(&parser);
    int errors = diagnostics_error_count(diagnostics);
    parser.module->text = source;
    reader_init(reader, arena, diagnostics, source, graph->exprs);
    reader_expect_word(reader, "tir");
    reader_expect_word(reader, "loops");
    Span version_span = reader->token.span;
    if (reader_integer(reader) != 1) reader_error(reader, version_span, "this program reads version 1");
    while (!reader->failed && reader->token.kind != TOKEN_END) {
        if (reader_take_word(reader, "dim"))
            graph_parse_dim(&parser.graph);
        else if (reader_take_word(reader, "const"))
            graph_parse_constant(&parser.graph);
        else if (reader_take_word(reader, "state"))
            parse_state(&parser);
        else if (reader_take_word(reader, "func"))
            parse_function(&parser, false);
        else if (reader_take_word(reader, "entry"))
            parse_function(&parser, true);
        else
            reader_error(reader, reader->token.span, "expected dim, const, state, func or entry");
    }
    return diagnostics_error_count(diagnostics) == errors ? parser.module : NULL;
}
