#include "ir/parse_internal.h"
#include "ir/shapes/infer.h"
#include "ir/text_form.h"

#include <string.h>

static Value *find_constant(GraphParser *parser, const char *name) {
    for (int i = 0; i < parser->module->constants.count; i++)
        if (strcmp(parser->module->constants.items[i]->name, name) == 0)
            return parser->module->constants.items[i]->value;
    return NULL;
}

static void define(GraphParser *parser, const char *name, Value *value, Span span) {
    for (int i = parser->values.count - 1; i >= 0; i--)
        if (strcmp(parser->values.items[i].name, name) == 0)
            diagnose_error(parser->module->diagnostics, E0502, span, "value %%%s is defined twice", name);
    NamedValue named = {name, value};
    vector_push(parser->module->arena, &parser->values, named);
    bool numbered = name[0] >= '0' && name[0] <= '9';
    if (value->kind != VALUE_CONSTANT) value->name = numbered ? NULL : name;
}

static Value *parse_operand(GraphParser *parser) {
    Reader *reader = &parser->reader;
    Token token = reader->token;
    reader_next(reader);
    if (token.kind == TOKEN_GLOBAL) {
        Value *constant = find_constant(parser, token.text);
        if (!constant)
            reader_error(reader, token.span, "constant @%s is not defined before its use", token.text);
        return constant;
    }
    for (int i = parser->values.count - 1; token.kind == TOKEN_VALUE && i >= 0; i--)
        if (strcmp(parser->values.items[i].name, token.text) == 0) return parser->values.items[i].value;
    reader_error(reader, token.span,
                 token.kind == TOKEN_VALUE ? "value %%%s is not defined before its use" : "expected a value",
                 token.text ? token.text : "");
    return NULL;
}

static const Layout *parse_layout(GraphParser *parser) {
    Reader *reader = &parser->reader;
    if (!reader_take_word(reader, "layout")) return NULL;
    Layout layout = {0};
    reader_expect_mark(reader, '[');
    while (!reader->failed && layout.count < LAYOUT_PIECES_MAX) {
        Span span = reader->token.span;
        const char *word = reader_word(reader, "a piece such as d1/16");
        Piece *piece = &layout.pieces[layout.count++];
        if (word[0] != 'd' || word[1] < '0' || word[1] >= '0' + RANK_MAX || word[2])
            reader_error(reader, span, "'%s' names no axis; axes are d0 to d%d", word, RANK_MAX - 1);
        else
            piece->axis = word[1] - '0';
        if (reader_take_mark(reader, '/')) {
            piece->kind = PIECE_DIV;
            piece->block = reader_integer(reader);
        } else if (reader->token.kind == TOKEN_VALUE) {
            piece->kind = PIECE_MOD;
            for (const char *c = reader->token.text; *c >= '0' && *c <= '9'; c++)
                piece->block = piece->block * 10 + (*c - '0');
            reader_next(reader);
        }
        if (piece->kind != PIECE_WHOLE && piece->block < 1)
            reader_error(reader, span, "a block has at least 1 element");
        if (reader_take_word(reader, "halo")) {
            piece->halo_before = reader_integer(reader);
            reader_expect_mark(reader, ':');
            piece->halo_after = reader_integer(reader);
        }
        if (!reader_take_mark(reader, ',')) break;
    }
    reader_expect_mark(reader, ']');
    return layout_intern(parser->module, &layout);
}

static Type parse_type(GraphParser *parser) {
    Type type = reader_type(&parser->reader);
    type.layout = parse_layout(parser);
    return type;
}

static void parse_attr_value(GraphParser *parser, Op *op, AttrId id) {
    Reader *reader = &parser->reader;
    Module *module = parser->module;
    VECTOR(int64_t) integers = {0};
    VECTOR(const Expr *) exprs = {0};
    switch (attr_infos[id].kind) {
    case ATTR_KIND_INT: op_set_int(module, op, id, reader_integer(reader)); break;
    case ATTR_KIND_BOOL:
        op_set_int(module, op, id, reader_at_word(reader, "true"));
        if (!reader_take_word(reader, "true")) reader_expect_word(reader, "false");
        break;
    case ATTR_KIND_DTYPE: op_set_int(module, op, id, reader_type(reader).dtype); break;
    case ATTR_KIND_FLOAT: op_set_float(module, op, id, reader_number(reader)); break;
    case ATTR_KIND_STRING: op_set_string(module, op, id, reader_string(reader)); break;
    case ATTR_KIND_INTS:
    case ATTR_KIND_EXPRS:
        reader_expect_mark(reader, '[');
        while (!reader->failed && !reader_at_mark(reader, ']')) {
            if (attr_infos[id].kind == ATTR_KIND_INTS)
                vector_push(module->arena, &integers, reader_integer(reader));
            else
                vector_push(module->arena, &exprs, reader_expr(reader));
            if (!reader_take_mark(reader, ',')) break;
        }
        reader_expect_mark(reader, ']');
        if (attr_infos[id].kind == ATTR_KIND_INTS)
            op_set_ints(module, op, id, integers.items, integers.count);
        else
            op_set_exprs(module, op, id, exprs.items, exprs.count);
    }
}

static void parse_attrs(GraphParser *parser, Op *op) {
    Reader *reader = &parser->reader;
    if (!reader_take_mark(reader, '{')) return;
    while (!reader->failed) {
        Span span = reader->token.span;
        const char *word = reader_word(reader, "an attribute");
        AttrId id = attr_from_text(word, strlen(word));
        reader_expect_mark(reader, '=');
        if (id == ATTR_COUNT)
            reader_error(reader, span, "there is no attribute '%s'", word);
        else
            parse_attr_value(parser, op, id);
        if (!reader_take_mark(reader, ',')) break;
    }
    reader_expect_mark(reader, '}');
}

static void parse_schedule(GraphParser *parser, Op *op) {
    if (reader_at_word(&parser->reader, "schedule")) op->schedule = reader_schedule(&parser->reader);
}

static void parse_block(GraphParser *parser, Block *block);

static void parse_region(GraphParser *parser, Op *op) {
    Reader *reader = &parser->reader;
    reader_expect_mark(reader, '{');
    if (++reader->depth > 64) reader_error(reader, reader->token.span, "regions are nested too deeply");
    if (reader_take_word(reader, "args")) {
        reader_expect_mark(reader, '(');
        while (!reader->failed) {
            Span span = reader->token.span;
            const char *name = reader_value(reader);
            reader_expect_mark(reader, ':');
            define(parser, name, block_add_argument(parser->module, op->body, parse_type(parser), name),
                   span);
            if (!reader_take_mark(reader, ',')) break;
        }
        reader_expect_mark(reader, ')');
    }
    parse_block(parser, op->body);
    reader_expect_mark(reader, '}');
    reader->depth--;
}

typedef VECTOR(Token) Tokens;
typedef VECTOR(Type) Types;

/* Results of a cluster are what its region yields; of every other op, what its shape rule says. */
static bool infer_results(GraphParser *parser, Op *op) {
    if (op->kind != OP_CLUSTER) return infer_op(parser->module, op);
    if (!op->body->last || op->body->last->kind != OP_YIELD) return false;
    const Op *yield = op->body->last;
    for (int i = 0; i < yield->operand_count; i++)
        op_add_result(parser->module, op, yield->operands[i]->type);
    return true;
}

static void finish_op(GraphParser *parser, Op *op, const Tokens *names, const Types *types, Span span) {
    Reader *reader = &parser->reader;
    int errors = diagnostics_error_count(parser->module->diagnostics);
    if (!infer_results(parser, op)) {
        if (diagnostics_error_count(parser->module->diagnostics) == errors)
            reader_error(reader, span, "'%s' is malformed", op_infos[op->kind].text);
        reader->failed = true;
        reader->token.kind = TOKEN_END;
        return;
    }
    if (names->count != op->result_count || types->count != op->result_count) {
        reader_error(reader, span, "'%s' has %d results; %d names and %d types are given",
                     op_infos[op->kind].text, op->result_count, names->count, types->count);
        return;
    }
    for (int i = 0; i < op->result_count; i++) {
        Type *type = &op->results[i]->type;
        Type plain = types->items[i];
        plain.layout = type->layout;
        if (!type_equal(&plain, type)) {
            Diagnostic *diagnostic =
                diagnose_error(parser->module->diagnostics, E0503, span, "'%s': the result is %s, not %s",
                               op_infos[op->kind].text, type_text(parser->module->arena, type),
                               type_text(parser->module->arena, &types->items[i]));
            (void)diagnostic;
        }
        type->layout = types->items[i].layout;
        define(parser, names->items[i].text, op->results[i], names->items[i].span);
    }
}

static void parse_op(GraphParser *parser, Block *block) {
    Reader *reader = &parser->reader;
    Arena *arena = parser->module->arena;
    Tokens names = {0};
    Span span = reader->token.span;
    while (reader->token.kind == TOKEN_VALUE) {
        vector_push(arena, &names, reader->token);
        reader_next(reader);
        if (!reader_take_mark(reader, ',')) break;
    }
    if (names.count) reader_expect_mark(reader, '=');
    Span kind_span = reader->token.span;
    const char *word = reader_word(reader, "an operator");
    OpKind kind = op_from_text(word, strlen(word));
    if (kind == OP_COUNT) {
        reader_error(reader, kind_span, "there is no operator '%s'", word);
        return;
    }
    VECTOR(Value *) operands = {0};
    while (!reader->failed && (reader->token.kind == TOKEN_VALUE || reader->token.kind == TOKEN_GLOBAL)) {
        vector_push(arena, &operands, parse_operand(parser));
        if (!reader_take_mark(reader, ',')) break;
    }
    if (reader->failed) return;
    Op *op = op_create(parser->module, block, kind, operands.items, operands.count, span, "");
    if (!op->body || kind != OP_CLUSTER) parse_attrs(parser, op);
    Types types = {0};
    if (reader_take_mark(reader, ':')) {
        do {
            Type type = parse_type(parser);
            vector_push(arena, &types, type);
        } while (reader_take_mark(reader, ',') && !reader->failed);
    }
    if (reader->token.kind == TOKEN_GLOBAL && names.count + (kind == OP_YIELD) > 0)
        op->path = reader_global(reader);
    Span place = reader_place(reader);
    if (place.file) op->span = place;
    int outer = parser->values.count;
    if (op->body) parse_region(parser, op);
    parser->values.count = outer;
    parse_schedule(parser, op);
    if (!reader->failed) finish_op(parser, op, &names, &types, kind_span);
}

static void parse_block(GraphParser *parser, Block *block) {
    Reader *reader = &parser->reader;
    while (!reader->failed && (reader->token.kind == TOKEN_VALUE || reader->token.kind == TOKEN_WORD)) {
        parse_op(parser, block);
        if (block->last && block->last->kind == OP_YIELD) return;
    }
    if (!reader->failed)
        reader_error(reader, reader->token.span, "expected an operator; a block ends with yield");
}

static void parse_dense(GraphParser *parser, Constant *constant) {
    Reader *reader = &parser->reader;
    VECTOR(double) floats = {0};
    VECTOR(int64_t) integers = {0};
    bool real = dtype_is_float(constant->value->type.dtype);
    Span span = reader->token.span;
    reader_expect_mark(reader, '[');
    while (!reader->failed && !reader_at_mark(reader, ']')) {
        if (real)
            vector_push(parser->module->arena, &floats, reader_number(reader));
        else
            vector_push(parser->module->arena, &integers, reader_integer(reader));
        if (!reader_take_mark(reader, ',')) break;
    }
    reader_expect_mark(reader, ']');
    int count = real ? floats.count : integers.count;
    if (!reader->failed && count != type_count_max(&constant->value->type))
        reader_error(reader, span, "%d elements for a constant of type %s", count,
                     type_text(parser->module->arena, &constant->value->type));
    constant->floats = real && !floats.items ? NEW(parser->module->arena, double) : floats.items;
    constant->integers = real ? NULL : integers.items ? integers.items : NEW(parser->module->arena, int64_t);
}

static void parse_weights(GraphParser *parser, Constant *constant) {
    Reader *reader = &parser->reader;
    TensorSource *source = NEW(parser->module->arena, TensorSource);
    source->file = reader_string(reader);
    source->name = reader_string(reader);
    constant->source = source;
    if (!reader_take_word(reader, "permute")) return;
    constant->permuted = true;
    reader_expect_mark(reader, '[');
    for (int i = 0; i < constant->value->type.rank; i++) {
        int64_t axis = reader_integer(reader);
        if (axis < 0 || axis >= constant->value->type.rank)
            reader_error(reader, reader->token.span, "axis %lld is out of range", (long long)axis);
        constant->permutation[i] = (int)axis;
        if (i + 1 < constant->value->type.rank) reader_expect_mark(reader, ',');
    }
    reader_expect_mark(reader, ']');
}

void graph_parse_constant(GraphParser *parser) {
    Reader *reader = &parser->reader;
    Span span = reader->token.span;
    const char *name = reader_global(reader);
    if (find_constant(parser, name))
        diagnose_error(parser->module->diagnostics, E0502, span, "constant @%s is defined twice", name);
    reader_expect_mark(reader, ':');
    Type type = parse_type(parser);
    reader_expect_mark(reader, '=');
    if (reader->failed) return;
    if (!type_is_static(&type)) {
        reader_error(reader, span, "constant @%s has an extent that is not a number", name);
        return;
    }
    if (reader_take_word(reader, "recipe")) {
        Block *recipe = block_create(parser->module, NULL);
        reader_expect_mark(reader, '{');
        int outer = parser->values.count;
        parse_block(parser, recipe);
        parser->values.count = outer;
        reader_expect_mark(reader, '}');
        Constant *constant = constant_create(parser->module, CONSTANT_RECIPE, name, type, span);
        constant->recipe = recipe;
        constant->span = reader_place(reader);
        return;
    }
    bool dense = reader_take_word(reader, "dense");
    if (!dense) reader_expect_word(reader, "weights");
    if (reader->failed) return;
    Constant *constant =
        constant_create(parser->module, dense ? CONSTANT_INLINE : CONSTANT_WEIGHTS, name, type, span);
    if (dense)
        parse_dense(parser, constant);
    else
        parse_weights(parser, constant);
    constant->span = reader_place(reader);
}

void graph_parse_dim(GraphParser *parser) {
    Reader *reader = &parser->reader;
    Dim *dim = NEW(parser->module->arena, Dim);
    dim->span = reader->token.span;
    dim->name = reader_word(reader, "a dim's name");
    reader_expect_mark(reader, '=');
    int64_t min = reader_integer(reader), max = min;
    if (reader->token.kind == TOKEN_RANGE) {
        reader_next(reader);
        max = reader_integer(reader);
    }
    if (min < 0 || max < min)
        reader_error(reader, dim->span, "the bounds of '%s' are not 0 <= low <= high", dim->name);
    if (reader_find_symbol(reader, dim->name))
        diagnose_error(parser->module->diagnostics, E0502, dim->span, "dim '%s' is defined twice", dim->name);
    dim->symbol = symbol_create(parser->module->arena, dim->name, min, max);
    reader_push_symbol(reader, dim->name, dim->symbol);
    vector_push(parser->module->arena, &parser->module->dims, dim);
}

/* Models may use one name for a state each. */
static State *find_state(GraphParser *parser, const char *model, const char *name) {
    for (int i = 0; i < parser->module->states.count; i++) {
        State *state = parser->module->states.items[i];
        if (strcmp(state->name, name) == 0 && strcmp(state->model, model) == 0) return state;
    }
    return NULL;
}

static void parse_state(GraphParser *parser) {
    Reader *reader = &parser->reader;
    State *state = NEW(parser->module->arena, State);
    state->span = reader->token.span;
    state->name = reader_global(reader);
    reader_expect_word(reader, "of");
    state->model = reader_word(reader, "a model's name");
    reader_expect_mark(reader, ':');
    state->type = parse_type(parser);
    reader_expect_mark(reader, '=');
    const char *initial = reader_global(reader);
    state->initial = find_constant(parser, initial);
    if (!reader->failed && !state->initial)
        reader_error(reader, state->span, "constant @%s is not defined", initial);
    vector_push(parser->module->arena, &parser->module->states, state);
}

static bool type_mentions(const Type *type, const Symbol *symbol) {
    for (int i = 0; i < type->rank; i++)
        if (expr_uses(type->dims[i], symbol)) return true;
    return false;
}

static void collect_dims(GraphParser *parser, Entry *entry) {
    Module *module = parser->module;
    entry->dims = NEW_ARRAY(module->arena, Dim *, module->dims.count + 1);
    for (int i = 0; i < module->dims.count; i++) {
        bool used = false;
        for (int j = 0; j < entry->input_count; j++)
            used |= type_mentions(&entry->block->arguments[j]->type, module->dims.items[i]->symbol);
        for (int j = 0; j < entry->output_count; j++)
            used |= type_mentions(&block_terminator(entry->block)->operands[j]->type,
                                  module->dims.items[i]->symbol);
        if (used) entry->dims[entry->dim_count++] = module->dims.items[i];
    }
}

static void parse_entry_arguments(GraphParser *parser, Entry *entry) {
    Reader *reader = &parser->reader;
    Arena *arena = parser->module->arena;
    VECTOR(const char *) names = {0};
    VECTOR(State *) states = {0};
    reader_expect_mark(reader, '(');
    while (!reader->failed && !reader_at_mark(reader, ')')) {
        Span span = reader->token.span;
        const char *name = reader_value(reader);
        reader_expect_mark(reader, ':');
        Type type;
        if (reader_take_word(reader, "state")) {
            const char *state_name = reader_global(reader);
            State *state = find_state(parser, entry->model, state_name);
            if (!state) {
                reader_error(reader, span, "state @%s is not defined", state_name);
                return;
            }
            type = state->type;
            vector_push(arena, &states, state);
        } else {
            type = parse_type(parser);
            if (states.count) reader_error(reader, span, "inputs stand before states");
            vector_push(arena, &names, name);
        }
        define(parser, name, block_add_argument(parser->module, entry->block, type, name), span);
        if (!reader_take_mark(reader, ',')) break;
    }
    reader_expect_mark(reader, ')');
    entry->input_count = names.count;
    entry->input_names = names.items;
    entry->state_count = states.count;
    entry->states = states.items;
}

static void parse_entry_results(GraphParser *parser, Entry *entry, Types *types) {
    Reader *reader = &parser->reader;
    VECTOR(const char *) names = {0};
    if (reader->token.kind != TOKEN_ARROW) reader_error(reader, reader->token.span, "expected '->'");
    reader_next(reader);
    reader_expect_mark(reader, '(');
    while (!reader->failed && !reader_at_mark(reader, ')')) {
        vector_push(parser->module->arena, &names, reader_word(reader, "a result's name"));
        reader_expect_mark(reader, ':');
        Type type = parse_type(parser);
        vector_push(parser->module->arena, types, type);
        if (!reader_take_mark(reader, ',')) break;
    }
    reader_expect_mark(reader, ')');
    entry->output_count = names.count;
    entry->output_names = names.items;
}

static void parse_entry_checks(GraphParser *parser, Entry *entry) {
    Reader *reader = &parser->reader;
    while (reader_take_word(reader, "check")) {
        EqualityCheck check = {.span = reader->token.span};
        check.left = reader_expr(reader);
        reader_expect_mark(reader, '=');
        reader_expect_mark(reader, '=');
        check.right = reader_expr(reader);
        vector_push(parser->module->arena, &entry->checks, check);
    }
}

static void parse_entry(GraphParser *parser) {
    Reader *reader = &parser->reader;
    Arena *arena = parser->module->arena;
    Entry *entry = NEW(arena, Entry);
    Span span = reader->token.span;
    char *name = arena_strdup(arena, reader_global(reader));
    char *dot = strchr(name, '.');
    if (!dot || !dot[1]) {
        reader_error(reader, span, "an entry is named @Model.entry");
        return;
    }
    *dot = 0;
    entry->model = name;
    entry->name = dot + 1;
    entry->block = block_create(parser->module, NULL);
    parser->values.count = 0;
    parser->module->current_entry = entry;
    Types types = {0};
    parse_entry_arguments(parser, entry);
    parse_entry_results(parser, entry, &types);
    entry->span = reader_place(reader);
    if (!entry->span.file) entry->span = span;
    reader_expect_mark(reader, '{');
    parse_entry_checks(parser, entry);
    parse_block(parser, entry->block);
    reader_expect_mark(reader, '}');
    if (reader->failed) return;
    Op *yield = block_terminator(entry->block);
    if (yield->operand_count != entry->output_count + entry->state_count) {
        reader_error(reader, span, "the entry yields %d values; it has %d results and %d states",
                     yield->operand_count, entry->output_count, entry->state_count);
        return;
    }
    for (int i = 0; i < entry->output_count; i++)
        if (!type_equal(&types.items[i], &yield->operands[i]->type))
            reader_error(reader, span, "result '%s' is declared %s, yielded is %s", entry->output_names[i],
                         type_text(arena, &types.items[i]), type_text(arena, &yield->operands[i]->type));
    collect_dims(parser, entry);
    vector_push(arena, &parser->module->entries, entry);
}

Module *graph_parse(Arena *arena, Diagnostics *diagnostics, const SourceFile *source) {
    GraphParser parser = {.module = module_create(arena, diagnostics)};
    Reader *reader = &parser.reader;
    int errors = diagnostics_error_count(diagnostics);
    reader_init(reader, arena, diagnostics, source, parser.module->exprs);
    reader_expect_word(reader, "tir");
    reader_expect_word(reader, "graph");
    Span version_span = reader->token.span;
    if (reader_integer(reader) != 1) reader_error(reader, version_span, "this program reads version 1");
    while (!reader->failed && reader->token.kind != TOKEN_END) {
        if (reader_take_word(reader, "dim"))
            graph_parse_dim(&parser);
        else if (reader_take_word(reader, "const"))
            graph_parse_constant(&parser);
        else if (reader_take_word(reader, "state"))
            parse_state(&parser);
        else if (reader_take_word(reader, "entry"))
            parse_entry(&parser);
        else
            reader_error(reader, reader->token.span, "expected dim, const, state or entry");
    }
    parser.module->current_entry = NULL;
    return diagnostics_error_count(diagnostics) == errors ? parser.module : NULL;
}
