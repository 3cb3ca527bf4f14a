/* What each token is for: the same '=' is spaced in a statement and tight in a call, a '-' is a sign or an
 * operator. */
#include "frontend/lang/format_internal.h"
#include "frontend/lang/parser.h"

typedef enum Context {
    CONTEXT_BODY,
    CONTEXT_BINDING,
    CONTEXT_CALL,
    CONTEXT_FORMALS,
    CONTEXT_SCAN,
    CONTEXT_INDEX,
    CONTEXT_GROUP
} Context;

typedef struct Level {
    Context context;
    int questions;       /* '?' that wait for their ':' */
    bool past_semicolon; /* of a scan: behind its first clause */
} Level;

typedef struct Walk {
    PieceList *pieces;
    Arena *arena;
    VECTOR(Level) levels;              /* the file is the first */
    const Piece *before, *before_that; /* the last two tokens */
    int place;                         /* of the token in its statement */
    int first_kind;                    /* of the statement */
} Walk;

bool piece_is_comment(const Piece *piece) {
    return piece->role == ROLE_COMMENT || piece->role == ROLE_INLINE_COMMENT;
}

static bool is_word(int kind) { return kind == TOKEN_NAME || (kind >= TOKEN_IMPORT && kind <= TOKEN_UNTIL); }

static bool is_atom(int kind) { return is_word(kind) || kind == TOKEN_INTEGER || kind == TOKEN_FLOAT; }

static Level *top(Walk *walk) { return &walk->levels.items[walk->levels.count - 1]; }

static bool in_statement(Walk *walk) { return top(walk)->context == CONTEXT_BODY; }

/* The next token behind |piece|, |skip| more passed over; NULL at the end. */
static const Piece *following(const Walk *walk, const Piece *piece, int skip) {
    const Piece *end = walk->pieces->items + walk->pieces->count;
    while (++piece < end)
        if (!piece_is_comment(piece) && skip-- == 0) return piece;
    return NULL;
}

static int kind_of(const Piece *piece) { return piece ? piece->token.kind : 0; }

/* Between plain names or numbers the author has the choice: 2*H or 2 * H. */
static bool is_kept_tight(const Walk *walk, const Piece *piece) {
    const Piece *next = following(walk, piece, 0);
    int after = kind_of(following(walk, piece, 1));
    return walk->before && next && is_atom(walk->before->token.kind) && is_atom(next->token.kind) &&
           kind_of(walk->before_that) != '.' && after != '(' && after != '[' && after != '.' &&
           walk->before->token.span.end == piece->token.span.start &&
           piece->token.span.end == next->token.span.start;
}

static bool follows_operand(const Walk *walk) { return walk->before && walk->before->role == ROLE_OPERAND; }

static Role role_of_equals(Walk *walk) {
    const Level *level = top(walk);
    bool is_named =
        level->context == CONTEXT_CALL || (level->context == CONTEXT_SCAN && !level->past_semicolon);
    return is_named ? ROLE_TIGHT : ROLE_OPERATOR;
}

static Role role_of_colon(Walk *walk, const Piece *piece) {
    Level *level = top(walk);
    if (level->questions) {
        level->questions--;
        return ROLE_OPERATOR;
    }
    if (level->context == CONTEXT_INDEX || kind_of(following(walk, piece, 0)) == TOKEN_STRING)
        return ROLE_TIGHT;
    return ROLE_TYPE_COLON;
}

/* The bracket opens a level; false: it stands apart from what is before it. */
static bool opens_call(Walk *walk, int kind, Context *out_context) {
    bool sticks = follows_operand(walk);
    int first = walk->first_kind;
    bool has_name = first == TOKEN_FN || first == TOKEN_ENTRY || first == TOKEN_BLOCK || first == TOKEN_MODEL;
    *out_context = kind == '[' ? (sticks ? CONTEXT_INDEX : CONTEXT_GROUP)
                   : sticks    ? CONTEXT_CALL
                               : CONTEXT_GROUP;
    if (kind == '(' && in_statement(walk)) {
        if (kind_of(walk->before) == TOKEN_SCAN) *out_context = CONTEXT_SCAN;
        if ((has_name && walk->place == 2) || (first == TOKEN_FORWARD && walk->place == 1))
            *out_context = CONTEXT_FORMALS;
    }
    return sticks;
}

static void push(Walk *walk, Context context) {
    Level level = {.context = context};
    vector_push(walk->arena, &walk->levels, level);
}

static void pop(Walk *walk) {
    if (walk->levels.count > 1) walk->levels.count--;
}

static void begin_statement(Walk *walk) {
    walk->place = 0;
    walk->first_kind = 0;
    top(walk)->questions = 0;
}

static Role role_of_brace(Walk *walk, Piece *piece) {
    if (piece->token.kind == '{') {
        bool is_binding = kind_of(walk->before) == TOKEN_FROM && in_statement(walk) &&
                          (walk->first_kind == TOKEN_LAYER || walk->first_kind == TOKEN_PARAM);
        push(walk, is_binding ? CONTEXT_BINDING : CONTEXT_BODY);
        return is_binding ? ROLE_PLAIN : ROLE_BODY_OPEN;
    }
    bool is_body = in_statement(walk);
    pop(walk);
    if (!is_body) return ROLE_PLAIN;
    bool is_empty = piece > walk->pieces->items && piece[-1].role == ROLE_BODY_OPEN;
    return is_empty ? ROLE_EMPTY_CLOSE : ROLE_BODY_CLOSE;
}

static Role role_of_mark(Walk *walk, Piece *piece) {
    Context context;
    switch (piece->token.kind) {
    case '(':
    case '[': {
        bool sticks = opens_call(walk, piece->token.kind, &context);
        push(walk, context);
        return sticks ? ROLE_CALL : ROLE_PLAIN;
    }
    case ')':
    case ']': pop(walk); return ROLE_OPERAND;
    case '{':
    case '}': return role_of_brace(walk, piece);
    case ';':
        if (in_statement(walk)) return ROLE_END;
        top(walk)->past_semicolon = true;
        return ROLE_PLAIN;
    case '=': return role_of_equals(walk);
    case ':': return role_of_colon(walk, piece);
    case '?': top(walk)->questions++; return ROLE_OPERATOR;
    case '!': return ROLE_PREFIX;
    case '-': return follows_operand(walk) ? ROLE_OPERATOR : ROLE_PREFIX;
    case '*':
    case '/':
    case '%':
    case TOKEN_POWER: return is_kept_tight(walk, piece) ? ROLE_TIGHT : ROLE_OPERATOR;
    case '.':
    case TOKEN_RANGE: return ROLE_TIGHT;
    case ',': return ROLE_PLAIN;
    default: return ROLE_OPERATOR;
    }
}

static Role role_of(Walk *walk, Piece *piece) {
    int kind = piece->token.kind;
    bool is_until = kind == TOKEN_UNTIL && top(walk)->context == CONTEXT_SCAN &&
                    kind_of(walk->before) == ';' && kind_of(following(walk, piece, 0)) != '=';
    if (is_until || (kind >= TOKEN_IF && kind <= TOKEN_RETURN)) return ROLE_PLAIN;
    if (kind >= TOKEN_NAME && kind <= TOKEN_UNTIL) return ROLE_OPERAND;
    return kind == TOKEN_TENON_error ? ROLE_PLAIN : role_of_mark(walk, piece);
}

static Column column_of(Walk *walk, const Piece *piece) {
    bool is_layer = walk->first_kind == TOKEN_LAYER;
    bool has_type = walk->first_kind == TOKEN_PARAM || walk->first_kind == TOKEN_STATE;
    if (walk->place < 2 || !(is_layer || has_type) || !in_statement(walk)) return COLUMN_NONE;
    if (piece->token.kind == TOKEN_FROM && follows_operand(walk)) return COLUMN_BINDING;
    bool is_head = is_layer ? piece->token.kind == '=' : walk->place == 3 && kind_of(walk->before) == ':';
    return is_head ? COLUMN_HEAD : COLUMN_NONE;
}

/* A body of one statement that the author wrote on one line stays there. */
static void mark_inline_body(PieceList *pieces, int open) {
    int end = -1;
    for (int i = open + 1; i < pieces->count; i++) {
        const Piece *piece = &pieces->items[i];
        if (piece->newlines || piece->role == ROLE_COMMENT || piece->role == ROLE_BODY_OPEN) return;
        if (piece->role == ROLE_END && end >= 0) return;
        if (piece->role == ROLE_END) end = i;
        if (piece->role != ROLE_BODY_CLOSE) continue;
        if (end < 0) return;
        pieces->items[open].is_inline = pieces->items[end].is_inline = pieces->items[i].is_inline = true;
        return;
    }
}

void pieces_assign_roles(Arena *arena, PieceList *pieces) {
    Walk walk = {.pieces = pieces, .arena = arena};
    push(&walk, CONTEXT_BODY);
    for (int i = 0; i < pieces->count; i++) {
        Piece *piece = &pieces->items[i];
        if (piece_is_comment(piece)) continue;
        if (walk.place == 0) walk.first_kind = piece->token.kind;
        piece->role = role_of(&walk, piece);
        piece->column = column_of(&walk, piece);
        walk.place++;
        walk.before_that = walk.before;
        walk.before = piece;
        bool ends = piece->role == ROLE_END || piece->role == ROLE_BODY_OPEN ||
                    piece->role == ROLE_BODY_CLOSE || piece->role == ROLE_EMPTY_CLOSE;
        if (ends) begin_statement(&walk);
    }
    for (int i = 0; i < pieces->count; i++)
        if (pieces->items[i].role == ROLE_BODY_OPEN) mark_inline_body(pieces, i);
}
