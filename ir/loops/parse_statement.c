#include "ir/loops/parse_internal.h"

#include <string.h>

enum { LOOP_DEPTH_MAX = 64, TILE_SIDE_MAX = 4096 };

typedef VECTOR(Token) Tokens;

static Reader *reader_of(LoopParser *parser) { return &parser->graph.reader; }

/* ---- Pieces ---- */

static int parse_count(LoopParser *parser, int64_t least, int64_t most, const char *what) {
    Reader *reader = reader_of(parser);
    Span span = reader->token.span;
    int64_t count = reader_integer(reader);
    if (!reader->failed && (count < least || count > most)) {
        reader_error(reader, span, "%s must be from %lld to %lld", what, (long long)least, (long long)most);
        count = least;
    }
    return (int)count;
}

/* f32<R x 2 x 8> */
static Tile *parse_tile_type(LoopParser *parser) {
    Reader *reader = reader_of(parser);
    Span span = reader->token.span;
    const char *word = reader_word(reader, "a tile's type such as f32<1 x 2 x 8>");
    DType dtype = dtype_from_text(word, strlen(word));
    if (dtype == DTYPE_NONE) {
        reader_error(reader, span, "'%s' is no element type", word);
        dtype = DTYPE_F32;
    }
    reader_expect_mark(reader, '<');
    int rows = reader_take_word(reader, "R") ? ROWS_SYMBOLIC : parse_count(parser, 1, TILE_SIDE_MAX, "rows");
    reader_expect_word(reader, "x");
    int vectors = parse_count(parser, 1, TILE_SIDE_MAX, "vectors");
    reader_expect_word(reader, "x");
    int lanes = parse_count(parser, 1, TILE_SIDE_MAX, "lanes");
    reader_expect_mark(reader, '>');
    return tile_create(parser->module, dtype, rows, vectors, lanes);
}

static void parse_result(LoopParser *parser, LoopStatement *statement, Token name) {
    reader_expect_mark(reader_of(parser), ':');
    statement->tile = parse_tile_type(parser);
    parser_add_tile(parser, statement->tile, name);
}

static Access parse_access(LoopParser *parser) {
    Reader *reader = reader_of(parser);
    Span span = reader->token.span;
    Access access = {.buffer = parse_buffer(parser)};
    int count = 0;
    reader_expect_mark(reader, '[');
    while (!reader->failed && !reader_at_mark(reader, ']')) {
        const Expr *index = reader_expr(reader);
        if (count < BUFFER_RANK_MAX) access.indices[count] = index;
        count++;
        if (!reader_take_mark(reader, ',')) break;
    }
    reader_expect_mark(reader, ']');
    if (!reader->failed && count != access.buffer->rank)
        reader_error(reader, span, "%d indices for a buffer of %d axes", count, access.buffer->rank);
    return access;
}

static void add_operand(LoopParser *parser, LoopStatement *statement, Tile *tile) {
    Tile **grown = NEW_ARRAY(parser->module->arena, Tile *, statement->operand_count + 1);
    if (statement->operand_count)
        memcpy(grown, statement->operands, (size_t)statement->operand_count * sizeof *grown);
    grown[statement->operand_count++] = tile;
    statement->operands = grown;
}

static LoopStatement *append(LoopParser *parser, LoopBody *body, LoopStatementKind kind, Span span) {
    return loop_append(parser->module, body, kind, span);
}

/* ---- Values ---- */

static void parse_load(LoopParser *parser, LoopBody *body, Token name) {
    LoopStatement *load = append(parser, body, LOOP_LOAD, name.span);
    load->access = parse_access(parser);
    parse_result(parser, load, name);
}

static void parse_contract(LoopParser *parser, LoopBody *body, Token name) {
    Reader *reader = reader_of(parser);
    LoopStatement *contract = append(parser, body, LOOP_CONTRACT, name.span);
    int symbols = reader->symbols.count;
    if (reader->token.kind == TOKEN_VALUE) {
        add_operand(parser, contract, parse_tile(parser));
        reader_expect_mark(reader, ',');
    }
    while (!reader->failed && !reader_at_word(reader, "A")) {
        Span span = reader->token.span;
        if (reader_take_word(reader, "chunk")) {
            contract->chunk = reader_integer(reader);
        } else if (contract->depth == REDUCTION_DEPTH_MAX) {
            reader_error(reader, span, "a contraction has at most %d ranges", REDUCTION_DEPTH_MAX);
        } else {
            Range *range = &contract->k[contract->depth++];
            const char *symbol = reader_word(reader, "a range such as k = 0 .. 64, a chunk, or A");
            reader_expect_mark(reader, '=');
            parse_range_bounds(parser, range);
            parser_bind(parser, range, symbol, span);
        }
        reader_expect_mark(reader, ',');
    }
    reader_expect_word(reader, "A");
    reader_expect_mark(reader, '=');
    contract->a = parse_access(parser);
    reader_expect_mark(reader, ',');
    reader_expect_word(reader, "B");
    reader_expect_mark(reader, '=');
    contract->b = parse_access(parser);
    reader->symbols.count = symbols;
    if (reader_take_mark(reader, ',')) {
        reader_expect_word(reader, "prefetch");
        contract->ahead = reader_expr(reader);
        reader_expect_word(reader, "step");
        contract->ahead_step = reader_integer(reader);
    }
    parse_result(parser, contract, name);
}

static void parse_slice(LoopParser *parser, LoopBody *body, Token name) {
    LoopStatement *slice = append(parser, body, LOOP_SLICE, name.span);
    add_operand(parser, slice, parse_tile(parser));
    reader_expect_word(reader_of(parser), "from");
    slice->step = reader_integer(reader_of(parser));
    parse_result(parser, slice, name);
}

static void parse_reduce(LoopParser *parser, LoopBody *body, Token name) {
    Reader *reader = reader_of(parser);
    LoopStatement *reduce = append(parser, body, LOOP_REDUCE, name.span);
    Span span = reader->token.span;
    const char *word = reader_word(reader, "add, max or min");
    reduce->reduce = op_from_text(word, strlen(word));
    if (reduce->reduce != OP_ADD && reduce->reduce != OP_MAX && reduce->reduce != OP_MIN)
        reader_error(reader, span, "tiles are reduced by add, max or min, not '%s'", word);
    add_operand(parser, reduce, parse_tile(parser));
    parse_result(parser, reduce, name);
}

/* ---- Loops ---- */

static void parse_plan(LoopParser *parser, LoopStatement *loop) {
    Reader *reader = reader_of(parser);
    reader_expect_mark(reader, '[');
    while (!reader->failed) {
        if (loop->plan_count == ROW_PLAN_MAX) {
            reader_error(reader, reader->token.span, "a plan has at most %d heights", ROW_PLAN_MAX);
            break;
        }
        RowPlan *plan = &loop->plan[loop->plan_count++];
        plan->height = parse_count(parser, 1, TILE_SIDE_MAX, "a height");
        if (reader_take_mark(reader, '*')) plan->count = parse_count(parser, 1, INT32_MAX, "a count");
        if (!reader_take_mark(reader, ',')) break;
    }
    reader_expect_mark(reader, ']');
}

/* Behind the bounds: what makes it one loop or another. */
static void parse_kind(LoopParser *parser, LoopStatement *loop) {
    Reader *reader = reader_of(parser);
    if (loop->kind == LOOP_FOR && reader_take_word(reader, "step")) {
        loop->step = reader_integer(reader);
    } else if (loop->kind == LOOP_FOR && reader_take_word(reader, "lanes")) {
        loop->kind = LOOP_LANES;
        loop->step = reader_integer(reader);
    } else if (loop->kind == LOOP_FOR && reader_take_word(reader, "rows")) {
        loop->kind = LOOP_ROWS;
        parse_plan(parser, loop);
    }
}

/* carry (%inside = %initial, ...): the values within take effect with the body, behind all initial ones. */
static void parse_carries(LoopParser *parser, LoopStatement *loop, Tokens *names) {
    Reader *reader = reader_of(parser);
    VECTOR(Carry) carries = {0};
    if (!reader_take_word(reader, "carry")) return;
    reader_expect_mark(reader, '(');
    while (!reader->failed) {
        Carry carry = {0};
        vector_push(parser->module->arena, names, reader->token);
        reader_value(reader);
        reader_expect_mark(reader, '=');
        carry.initial = parse_tile(parser);
        if (reader->failed) return;
        const Tile *like = carry.initial;
        carry.inside = tile_create(parser->module, like->dtype, like->rows, like->vectors, like->lanes);
        carry.result = tile_create(parser->module, like->dtype, like->rows, like->vectors, like->lanes);
        vector_push(parser->module->arena, &carries, carry);
        if (!reader_take_mark(reader, ',')) break;
    }
    reader_expect_mark(reader, ')');
    loop->carries = carries.items;
    loop->carry_count = carries.count;
}

static void parse_next(LoopParser *parser, LoopStatement *loop) {
    Reader *reader = reader_of(parser);
    if (!loop->carry_count) return;
    reader_expect_word(reader, "next");
    for (int i = 0; i < loop->carry_count && !reader->failed; i++) {
        if (i) reader_expect_mark(reader, ',');
        loop->carries[i].next = parse_tile(parser);
    }
}

static void parse_loop(LoopParser *parser, LoopBody *body, LoopStatementKind kind, const Tokens *results,
                       Span span) {
    Reader *reader = reader_of(parser);
    LoopStatement *loop = append(parser, body, kind, span);
    int symbols = reader->symbols.count, tiles = parser->tiles.count, buffers = parser->buffers.count;
    Span around = parser->place, name_span = reader->token.span;
    Tokens inside = {0};
    const char *name = reader_value(reader);
    reader_expect_mark(reader, '=');
    parse_range_bounds(parser, &loop->range);
    parse_kind(parser, loop);
    parse_carries(parser, loop, &inside);
    loop->span = parser->place = parse_place(parser, around, span);
    parser_bind(parser, &loop->range, name, name_span);
    if (!reader->failed && results->count != loop->carry_count)
        reader_error(reader, span, "%d results for a loop that carries %d tiles", results->count,
                     loop->carry_count);
    for (int i = 0; i < loop->carry_count; i++)
        parser_add_tile(parser, loop->carries[i].inside, inside.items[i]);
    reader_expect_mark(reader, '{');
    if (++parser->depth > LOOP_DEPTH_MAX) reader_error(reader, span, "loops are nested too deeply");
    parse_body(parser, &loop->body);
    parse_next(parser, loop);
    parser->depth--;
    reader_expect_mark(reader, '}');
    reader->symbols.count = symbols;
    parser->tiles.count = tiles;
    parser->buffers.count = buffers;
    parser->place = around;
    for (int i = 0; i < loop->carry_count && !reader->failed; i++)
        parser_add_tile(parser, loop->carries[i].result, results->items[i]);
}

/* ---- Other statements ---- */

static void parse_store(LoopParser *parser, LoopBody *body, Span span) {
    LoopStatement *store = append(parser, body, LOOP_STORE, span);
    store->tile = parse_tile(parser);
    reader_expect_mark(reader_of(parser), ',');
    store->access = parse_access(parser);
}

static void parse_prefetch(LoopParser *parser, LoopBody *body, Span span) {
    LoopStatement *prefetch = append(parser, body, LOOP_PREFETCH, span);
    prefetch->access = parse_access(parser);
    reader_expect_mark(reader_of(parser), ':');
    prefetch->tile = parse_tile_type(parser);
}

static void parse_index(LoopParser *parser, LoopBody *body, Span span) {
    Reader *reader = reader_of(parser);
    LoopStatement *index = append(parser, body, LOOP_INDEX, span);
    Span name_span = reader->token.span;
    const char *name = reader_value(reader);
    reader_expect_mark(reader, '=');
    index->tile = parse_tile(parser);
    reader_expect_word(reader, "in");
    parse_range_bounds(parser, &index->range);
    reader_expect_word(reader, "else");
    index->code = parse_count(parser, 1, 255, "a status");
    parser_bind(parser, &index->range, name, name_span);
}

static void parse_local(LoopParser *parser, LoopBody *body, Span span) {
    Reader *reader = reader_of(parser);
    LoopStatement *local = append(parser, body, LOOP_LOCAL, span);
    Span name_span = reader->token.span;
    const char *name = reader_value(reader);
    reader_expect_mark(reader, ':');
    local->local = parse_buffer_type(parser, BUFFER_LOCAL, name);
    parser_add_buffer(parser, name, local->local, name_span);
}

static void parse_exit(LoopParser *parser, LoopBody *body, Span span) {
    LoopStatement *exit = append(parser, body, LOOP_EXIT, span);
    reader_expect_word(reader_of(parser), "if");
    exit->tile = parse_tile(parser);
}

static void parse_call(LoopParser *parser, LoopBody *body, Span span) {
    Reader *reader = reader_of(parser);
    LoopStatement *call = append(parser, body, LOOP_CALL, span);
    VECTOR(CallArgument) arguments = {0};
    Span name_span = reader->token.span;
    const char *name = reader_global(reader);
    for (int i = 0; i < parser->module->functions.count; i++) {
        LoopFunction *function = parser->module->functions.items[i];
        if (function != parser->function && strcmp(function->name, name) == 0) call->callee = function;
    }
    if (!call->callee) reader_error(reader, name_span, "function @%s is not defined before its call", name);
    reader_expect_mark(reader, '(');
    while (!reader->failed && !reader_at_mark(reader, ')')) {
        CallArgument argument = {.buffer = parse_buffer(parser)};
        bool moved = reader_take_mark(reader, '+');
        argument.offset = moved ? reader_expr(reader) : expr_constant(reader->exprs, 0);
        vector_push(parser->module->arena, &arguments, argument);
        if (!reader_take_mark(reader, ',')) break;
    }
    reader_expect_mark(reader, ')');
    call->arguments = arguments.items;
    call->argument_count = arguments.count;
}

/* ---- Dispatch ---- */

/* Behind the word that tells the kind. */
static void parse_value(LoopParser *parser, LoopBody *body, const char *word, Token name, Span word_span) {
    Reader *reader = reader_of(parser);
    if (strcmp(word, "load") == 0) {
        parse_load(parser, body, name);
    } else if (strcmp(word, "map") == 0) {
        LoopStatement *map = append(parser, body, LOOP_MAP, name.span);
        parse_map(parser, map);
        parse_result(parser, map, name);
    } else if (strcmp(word, "contract") == 0) {
        parse_contract(parser, body, name);
    } else if (strcmp(word, "slice") == 0) {
        parse_slice(parser, body, name);
    } else if (strcmp(word, "reduce") == 0) {
        parse_reduce(parser, body, name);
    } else if (strcmp(word, "position") == 0) {
        LoopStatement *position = append(parser, body, LOOP_POSITION, name.span);
        position->position = reader_expr(reader);
        parse_result(parser, position, name);
    } else {
        reader_error(reader, word_span,
                     "'%s' makes no tile; load, map, contract, slice, reduce, position and for do", word);
    }
}

static void parse_action(LoopParser *parser, LoopBody *body, const char *word, Span span) {
    if (strcmp(word, "store") == 0)
        parse_store(parser, body, span);
    else if (strcmp(word, "prefetch") == 0)
        parse_prefetch(parser, body, span);
    else if (strcmp(word, "index") == 0)
        parse_index(parser, body, span);
    else if (strcmp(word, "local") == 0)
        parse_local(parser, body, span);
    else if (strcmp(word, "exit") == 0)
        parse_exit(parser, body, span);
    else if (strcmp(word, "call") == 0)
        parse_call(parser, body, span);
    else
        reader_error(reader_of(parser), span, "there is no statement '%s'", word);
}

static void parse_statement(LoopParser *parser, LoopBody *body) {
    Reader *reader = reader_of(parser);
    Tokens results = {0};
    Span span = reader->token.span;
    while (reader->token.kind == TOKEN_VALUE) {
        vector_push(parser->module->arena, &results, reader->token);
        reader_next(reader);
        if (!reader_take_mark(reader, ',')) break;
    }
    if (results.count) reader_expect_mark(reader, '=');
    Span word_span = reader->token.span;
    const char *word = reader_word(reader, "a statement");
    if (reader->failed) return;
    bool parallel = strcmp(word, "parallel") == 0;
    if (parallel || strcmp(word, "for") == 0) {
        parse_loop(parser, body, parallel ? LOOP_PARALLEL : LOOP_FOR, &results, span);
        return;
    }
    if (results.count > 1)
        reader_error(reader, word_span, "'%s' has one result", word);
    else if (results.count)
        parse_value(parser, body, word, results.items[0], word_span);
    else
        parse_action(parser, body, word, span);
    if (reader->failed) return;
    LoopStatement *last = body->last;
    last->span = parse_place(parser, last->kind == LOOP_CALL ? last->callee->span : parser->place, span);
}

void parse_body(LoopParser *parser, LoopBody *body) {
    Reader *reader = reader_of(parser);
    while (!reader->failed && !reader_at_mark(reader, '}') && !reader_at_word(reader, "next"))
        parse_statement(parser, body);
}
