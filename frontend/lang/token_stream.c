/* Between scanner and grammar: keeps account of open brackets, bounds nesting, and skips to the end of a
 * statement after an error.
 *
 * The grammar recovers by `error ';'` and `error '}'` alone. Left to itself, it would take the first ';'
 * inside the braces of a broken `if (...) { a; b; }` for the statement's end and then stumble over everything
 * that follows. So while the parser recovers, this file hands it one token only: the ';' that ends the
 * statement, a ';' of its own behind the braces that end it, or the '}' around it. */
#include "frontend/lang/lexer.h"
#include "frontend/lang/parser.h"
#include "frontend/lang/parser_internal.h"

#include <assert.h>
#include <string.h>

int tenon_scan(TokenValue *value, Span *span, void *scanner);
int tenon_lex(TENON_STYPE *value, Span *span, Parser *parser);

void scanner_start(Parser *parser) {
    const SourceFile *source = parser->source;
    bool has_mark = source->length >= 3 && !memcmp(source->text, "\xef\xbb\xbf", 3);
    parser->offset = has_mark ? 3 : 0;
    tenon_scanner_lex_init_extra(parser, &parser->scanner);
    tenon_scanner__scan_bytes(source->text + parser->offset, (int)(source->length - parser->offset),
                              parser->scanner);
}

void scanner_end(Parser *parser) { tenon_scanner_lex_destroy(parser->scanner); }

Token scanner_next(Parser *parser) {
    uint32_t end = (uint32_t)parser->source->length;
    Token token = {.span = {parser->source, end, end}};
    if (parser->ended) return token;
    token.kind = tenon_scan(&token.value, &token.span, parser->scanner);
    parser->ended = !token.kind;
    if (parser->ended) token.span = (Span){parser->source, end, end};
    return token;
}

/* How many brackets are open up to the innermost '{', which counts. */
static int brace_level(const Parser *parser) {
    int level = parser->bracket_count;
    while (level > 0 && parser->brackets[level - 1].open != '{') level--;
    return level;
}

static void bracket_open(Parser *parser, const Token *token) {
    if (parser->bracket_count == NESTING_MAX) {
        nesting_report(parser, token->span);
        return;
    }
    parser->brackets[parser->bracket_count++] = (Bracket){(char)token->kind, token->span};
}

/* A '}' closes parentheses that were forgotten; others close their own kind only. */
static void bracket_close(Parser *parser, Token *token, char open) {
    int count = parser->bracket_count;
    token->unmatched = !count || parser->brackets[count - 1].open != open;
    if (!token->unmatched)
        parser->bracket_count--;
    else if (open == '{' && brace_level(parser))
        parser->bracket_count = brace_level(parser) - 1;
}

static Token token_read(Parser *parser) {
    Token token = scanner_next(parser);
    switch (token.kind) {
    case '(':
    case '[':
    case '{': bracket_open(parser, &token); break;
    case ')': bracket_close(parser, &token, '('); break;
    case ']': bracket_close(parser, &token, '['); break;
    case '}': bracket_close(parser, &token, '{'); break;
    default: break;
    }
    parser->prefix_run = token.kind == '-' || token.kind == '!' ? parser->prefix_run + 1 : 0;
    if (parser->prefix_run > NESTING_MAX) nesting_report(parser, token.span);
    if (parser->stopped) token.kind = 0;
    return token;
}

static bool is_last_on_line(const Token *token) {
    const char *rest = token->span.file->text + token->span.end;
    while (*rest == ' ' || *rest == '\t') rest++;
    return *rest == 0 || *rest == '\n' || *rest == '\r' || *rest == '#' || (*rest == '/' && rest[1] == '/');
}

static void put_back(Parser *parser, Token token) {
    assert(parser->pending_count < 2);
    parser->pending[parser->pending_count++] = token;
}

static Token semicolon_before(const Token *token) {
    return (Token){.kind = ';', .span = {token->span.file, token->span.start, token->span.start}};
}

/* Reads on to the token that ends the broken statement. */
static Token statement_end(Parser *parser) {
    int base = parser->recovery_base;
    for (;;) {
        int level_before = brace_level(parser);
        Token token = token_read(parser);
        if (!token.kind) return token;
        if (token.kind == '}' && level_before <= base) return token;
        bool ends_line = token.kind == ';' && level_before <= base &&
                         (parser->bracket_count <= base || is_last_on_line(&token));
        bool ends_group = token.kind == '}' && brace_level(parser) <= base;
        if (!ends_line && !ends_group) continue;
        if (parser->bracket_count > base) parser->bracket_count = base;
        if (ends_line) return token;
        Token next = token_read(parser);
        if (next.kind == ';' || !next.kind) return next;
        if (next.kind == TOKEN_ELSE || next.kind == '{') continue;
        put_back(parser, next);
        return semicolon_before(&next);
    }
}

void recovery_start(Parser *parser) {
    parser->recovering = true;
    parser->recovery_base = brace_level(parser);
    if (parser->last.kind == '{' && parser->recovery_base == parser->bracket_count && parser->recovery_base) {
        parser->bracket_count--;
        parser->recovery_base = brace_level(parser);
        parser->bracket_count++;
    }
}

void recovery_insert_semicolon(Parser *parser) {
    put_back(parser, semicolon_before(&parser->last));
    put_back(parser, parser->last);
    parser->recovering = false;
}

void parser_recovered(Parser *parser) {
    /* The error was found at a ';' inside parentheses, and the grammar has taken it for the end. */
    bool is_inside =
        parser->recovering && parser->last.kind == ';' && parser->bracket_count > brace_level(parser);
    if (is_inside && !is_last_on_line(&parser->last)) {
        Token end = statement_end(parser);
        if (end.kind != ';') put_back(parser, end);
    }
    if (is_inside) parser->bracket_count = brace_level(parser);
    parser->recovering = false;
}

int tenon_lex(TENON_STYPE *value, Span *span, Parser *parser) {
    Token token;
    if (parser->pending_count) {
        token = parser->pending[0];
        parser->pending[0] = parser->pending[1];
        parser->pending_count--;
    } else {
        token = parser->recovering ? statement_end(parser) : token_read(parser);
    }
    parser->before_last = parser->last;
    parser->last = token;
    if (token.kind == TOKEN_TENON_error) recovery_start(parser);
    value->token = token.value;
    *span = token.span;
    return token.kind;
}
