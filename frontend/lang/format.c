#include "frontend/lang/format_internal.h"
#include "frontend/lang/parser.h"

#include <string.h>

enum { INDENT = 4 };

/* 0, 1, or 2 for more. */
static int count_newlines(const char *text, uint32_t from, uint32_t to) {
    int count = 0;
    for (uint32_t at = from; at < to && count < 2; at++)
        count += text[at] == '\n' || (text[at] == '\r' && text[at + 1] != '\n');
    return count;
}

static bool is_line_comment(const char *text) { return text[0] == '#' || text[1] == '/'; }

static void add_piece(Arena *arena, PieceList *pieces, Token token, Role role) {
    Piece piece = {.token = token, .role = role, .column = COLUMN_NONE};
    uint32_t from = pieces->count ? pieces->items[pieces->count - 1].token.span.end : 0;
    piece.newlines = count_newlines(token.span.file->text, from, token.span.start);
    vector_push(arena, pieces, piece);
}

/* The tokens and comments of |file| in their order. The scanner runs once more, and what it may find to
 * complain of was said when the file was parsed. */
static void collect(Arena *arena, PieceList *pieces, const File *file) {
    Diagnostics *ignored = diagnostics_create();
    Parser *parser = NEW(arena, Parser);
    *parser = (Parser){.arena = arena, .scratch = arena, .diagnostics = ignored, .source = file->source};
    parser->file = NEW(arena, File);
    const Comment *comment = file->comments;
    if (file->source->length <= SOURCE_BYTES_MAX && !setjmp(parser->scanner_failure)) {
        scanner_start(parser);
        for (;;) {
            Token token = scanner_next(parser);
            for (; comment && comment->span.start < token.span.start; comment = comment->next)
                add_piece(arena, pieces, (Token){.span = comment->span}, ROLE_COMMENT);
            if (!token.kind) break;
            add_piece(arena, pieces, token, ROLE_PLAIN);
        }
        scanner_end(parser);
    }
    diagnostics_destroy(ignored);
}

/* A block comment with something behind it on its line stands between tokens. */
static void classify_comments(PieceList *pieces) {
    for (int i = 0; i + 1 < pieces->count; i++) {
        Piece *piece = &pieces->items[i];
        const char *text = piece->token.span.file->text + piece->token.span.start;
        if (piece->role == ROLE_COMMENT && !is_line_comment(text) && !pieces->items[i + 1].newlines)
            piece->role = ROLE_INLINE_COMMENT;
    }
}

/* A place in a line. */
typedef struct Place {
    int line;
    size_t at;
} Place;

/* An open bracket, or the '=' or return of a statement: where it stands, and where what it holds begins. The
 * latter is known, that is, not at 0, once something follows on the same line. */
typedef struct Opening {
    bool is_body;
    Place begin, inside;
} Opening;

typedef struct Writer {
    Arena *arena;
    LineList lines;
    VECTOR(Opening) open;
    Opening value; /* of the statement; line -1: not met yet */
    int body_depth;
    const Piece *before; /* the last piece, or NULL */
    bool ended;          /* the statement: what follows begins a line */
    bool wants_blank;    /* behind the '}' of a block or model */
} Writer;

static Line *last_line(Writer *writer) { return &writer->lines.items[writer->lines.count - 1]; }

static bool closes(const Piece *piece) {
    return piece->token.kind == ')' || piece->token.kind == ']' || piece->token.kind == '}';
}

static bool opens(const Piece *piece) {
    return piece->token.kind == '(' || piece->token.kind == '[' || piece->token.kind == '{';
}

/* Sets where |line| begins. Inside brackets: below what follows the bracket, or one step in from the
 * bracket's line if nothing does. */
static void place_line(const Writer *writer, const Piece *piece, Line *line) {
    const Opening *open = writer->open.count ? &writer->open.items[writer->open.count - 1] : NULL;
    line->anchor = -1;
    if (piece->role == ROLE_BODY_CLOSE) {
        line->indent = INDENT * (writer->body_depth > 0 ? writer->body_depth - 1 : 0);
        return;
    }
    bool in_bracket = open && !open->is_body;
    if (!in_bracket && (writer->ended || writer->value.begin.line < 0)) {
        line->indent = INDENT * (writer->body_depth + !writer->ended);
        return;
    }
    if (!in_bracket) open = &writer->value;
    bool is_below = open->inside.at > 0;
    line->anchor = open->begin.line;
    line->anchor_at = is_below ? open->inside.at : 0;
    line->indent = is_below || closes(piece) ? 0 : INDENT;
}

static void begin_line(Writer *writer, const Piece *piece) {
    bool may_be_blank = writer->ended && writer->before && writer->before->role != ROLE_BODY_OPEN &&
                        piece->role != ROLE_BODY_CLOSE;
    Line line = {.first_kind = piece->token.kind};
    place_line(writer, piece, &line);
    line.blank_before = may_be_blank && (piece->newlines > 1 || writer->wants_blank);
    writer->wants_blank = false;
    text_init(&line.code);
    text_init(&line.comment);
    vector_push(writer->arena, &writer->lines, line);
}

/* Without trailing blanks, and with '\n' for every kind of line end. */
static void append_comment(Text *text, Span span) {
    const char *source = span.file->text;
    for (uint32_t at = span.start; at < span.end; at++) {
        uint32_t next = at;
        while (next < span.end && (source[next] == ' ' || source[next] == '\t')) next++;
        if (next == span.end) break;
        bool is_return = source[next] == '\r';
        if (is_return || source[next] == '\n') at = next;
        if (is_return && at + 1 < span.end && source[at + 1] == '\n') at++;
        text_putc(text, is_return ? '\n' : source[at]);
    }
}

/* Lines may be broken behind a bracket, comma or operator, and before an operator, a bracket or from. */
static bool may_break(const Piece *before, const Piece *piece) {
    int kind = piece->token.kind;
    if (before->role == ROLE_OPERATOR || piece->role == ROLE_OPERATOR || kind == ')' || kind == ']')
        return true;
    if (piece->role == ROLE_BODY_OPEN) return false;
    int last = before->token.kind;
    if (last == '(' || last == '[' || last == '{' || last == ',' || last == ';' || kind == '}') return true;
    return before->role == ROLE_OPERAND &&
           (kind == TOKEN_FROM || kind == TOKEN_PERMUTE || kind == TOKEN_UNTIL);
}

static bool begins_line(const Writer *writer, const Piece *piece) {
    const Piece *before = writer->before;
    if (!before || before->role == ROLE_COMMENT) return true;
    if (piece_is_comment(piece))
        return piece->newlines > 0 || (writer->ended && piece->role == ROLE_INLINE_COMMENT);
    if (piece->role == ROLE_EMPTY_CLOSE) return false;
    if (piece->role == ROLE_BODY_CLOSE) return !piece->is_inline;
    if (before->role == ROLE_INLINE_COMMENT) return piece->newlines > 0;
    if (writer->ended) return piece->token.kind != TOKEN_ELSE || before->role == ROLE_END;
    return piece->newlines > 0 && may_break(before, piece);
}

static bool has_blank_before(const Piece *before, const Piece *piece) {
    int kind = piece->token.kind, last = before->token.kind;
    if (last == '(' || last == '[') return false;
    if (kind == ',' || kind == ';' || kind == ')' || kind == ']' || piece->role == ROLE_EMPTY_CLOSE)
        return false;
    if (piece_is_comment(before) || piece_is_comment(piece) || last == ',' || last == ';') return true;
    if (kind == '.' && last == TOKEN_INTEGER) return true; /* "1.T" would be read as a number */
    bool is_tight = before->role == ROLE_TIGHT || before->role == ROLE_PREFIX || piece->role == ROLE_TIGHT ||
                    piece->role == ROLE_TYPE_COLON || piece->role == ROLE_CALL;
    return !is_tight;
}

static void append_piece(Writer *writer, const Piece *piece, bool begins) {
    Line *line = last_line(writer);
    bool has_blank = !begins && has_blank_before(writer->before, piece);
    if (piece->role == ROLE_COMMENT && !begins && !piece_is_comment(writer->before)) {
        append_comment(&line->comment, piece->token.span);
        return;
    }
    if (has_blank) text_putc(&line->code, ' ');
    bool is_member =
        line->first_kind == TOKEN_LAYER || line->first_kind == TOKEN_PARAM || line->first_kind == TOKEN_STATE;
    if (piece->column < COLUMN_COUNT && is_member && !line->columns[piece->column])
        line->columns[piece->column] = line->code.length;
    Span span = piece->token.span;
    if (piece_is_comment(piece))
        append_comment(&line->code, span);
    else
        text_append(&line->code, span.file->text + span.start, span.end - span.start);
}

static Place place_before(Writer *writer, const Piece *piece) {
    const Text *code = &last_line(writer)->code;
    return (Place){writer->lines.count - 1, code->length - (piece->token.span.end - piece->token.span.start)};
}

/* The first piece behind an opening, on its line, is what later lines stand below. */
static void set_inside(Writer *writer, const Piece *piece) {
    Place place = place_before(writer, piece);
    Opening *open = writer->open.count ? &writer->open.items[writer->open.count - 1] : NULL;
    if (open && open->inside.line < 0) open->inside = open->begin.line == place.line ? place : (Place){0, 0};
    Opening *value = &writer->value;
    if (value->begin.line >= 0 && value->inside.line < 0)
        value->inside = value->begin.line == place.line ? place : (Place){0, 0};
}

static void follow_openings(Writer *writer, const Piece *piece) {
    Opening here = {piece->role == ROLE_BODY_OPEN, place_before(writer, piece), {-1, 0}};
    if (opens(piece)) {
        writer->body_depth += here.is_body;
        vector_push(writer->arena, &writer->open, here);
        return;
    }
    if (closes(piece) && writer->open.count) {
        writer->body_depth -= writer->open.items[--writer->open.count].is_body;
        return;
    }
    bool in_statement = !writer->open.count || writer->open.items[writer->open.count - 1].is_body;
    int kind = piece->token.kind;
    bool has_value =
        (kind == '=' && piece->role == ROLE_OPERATOR) || kind == TOKEN_RETURN || kind == TOKEN_YIELD;
    if (in_statement && has_value && writer->value.begin.line < 0) writer->value = here;
}

static void write_piece(Writer *writer, const Piece *piece) {
    bool begins = begins_line(writer, piece);
    if (begins) begin_line(writer, piece);
    append_piece(writer, piece, begins);
    if (!piece_is_comment(piece)) {
        if (!closes(piece)) set_inside(writer, piece);
        follow_openings(writer, piece);
        bool is_close = piece->role == ROLE_BODY_CLOSE || piece->role == ROLE_EMPTY_CLOSE;
        bool is_end = piece->role == ROLE_END || piece->role == ROLE_BODY_OPEN;
        writer->ended = is_close || (is_end && !piece->is_inline);
        writer->wants_blank = is_close && !writer->body_depth;
        if (is_close || is_end) writer->value.begin.line = writer->value.inside.line = -1;
    }
    writer->before = piece;
}

void file_format(Text *text, const File *file) {
    Arena *arena = arena_create();
    PieceList pieces = {0};
    collect(arena, &pieces, file);
    classify_comments(&pieces);
    pieces_assign_roles(arena, &pieces);
    Writer writer = {.arena = arena, .ended = true, .value = {false, {-1, 0}, {-1, 0}}};
    for (int i = 0; i < pieces.count; i++) write_piece(&writer, &pieces.items[i]);
    lines_write(text, &writer.lines);
    arena_destroy(arena);
}
