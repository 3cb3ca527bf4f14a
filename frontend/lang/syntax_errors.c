/* What is said about text that the grammar cannot read: the mistakes that people make get words of their own,
 * the rest is "expected this before that". */
#include "frontend/lang/parser.h"
#include "frontend/lang/parser_internal.h"
#include "support/text.h"

#include <string.h>

enum { SHOWN_MAX = 40 /* bytes of a token in a message */ };

Diagnostic *error_counted(Parser *parser, Diagnostic *diagnostic) {
    if (++parser->error_count < SYNTAX_ERROR_MAX) return diagnostic;
    diagnostic_note(diagnostic, (Span){0}, "after %d mistakes, the rest of this file is not read",
                    SYNTAX_ERROR_MAX);
    parser->stopped = true;
    return diagnostic;
}

void nesting_report(Parser *parser, Span span) {
    Diagnostic *error = parser_error(parser, E0118, span, "nested more than %d levels deep", NESTING_MAX);
    if (error) diagnostic_note(error, (Span){0}, "give a name to a part of it");
    parser->stopped = true;
}

/* One unexpected token and what surrounds it. */
typedef struct Mistake {
    Parser *parser;
    unsigned expected;
    Token token, before;
    const char *shown;   /* the token, in quotes */
    const Bracket *open; /* the innermost open bracket around the token, or NULL */
} Mistake;

static bool expects(const Mistake *mistake, unsigned what) { return (mistake->expected & what) != 0; }

static const char *show_token(Parser *parser, const Token *token) {
    const char *text = token->span.file->text + token->span.start;
    uint32_t length = token->span.end - token->span.start;
    if (!token->kind) return "the end of the file";
    if (!length) return "';'";
    bool is_long = length > SHOWN_MAX;
    return arena_printf(parser->scratch, "'%.*s%s'", is_long ? SHOWN_MAX : (int)length, text,
                        is_long ? "..." : "");
}

static bool is_reserved(const Token *token) { return token->kind >= TOKEN_IF && token->kind <= TOKEN_FALSE; }
static bool is_contextual(const Token *token) {
    return token->kind >= TOKEN_IMPORT && token->kind <= TOKEN_UNTIL;
}
static bool is_name(const Token *token) { return token->kind == TOKEN_NAME || is_contextual(token); }

static bool is_comparison(const Token *token) {
    return token->kind == '<' || token->kind == '>' ||
           (token->kind >= TOKEN_EQUAL && token->kind <= TOKEN_AT_LEAST);
}

static bool begins_member(const Token *token) {
    return token->kind >= TOKEN_DIM && token->kind <= TOKEN_FORWARD && token->kind != TOKEN_OPTION;
}

/* Between the tokens a line ends. */
static bool is_on_later_line(const Mistake *mistake) {
    const SourceFile *file = mistake->token.span.file;
    for (uint32_t at = mistake->before.span.end; at < mistake->token.span.start; at++)
        if (file->text[at] == '\n' || file->text[at] == '\r') return true;
    return false;
}

static Span behind(Span span) { return (Span){span.file, span.end, span.end}; }

static const char *closing_of(const Bracket *bracket) {
    return bracket->open == '(' ? ")" : bracket->open == '[' ? "]" : "}";
}

#define report(mistake, id, ...) parser_error((mistake)->parser, id, (mistake)->token.span, __VA_ARGS__)
#define note(error, ...)                                                                                     \
    do {                                                                                                     \
        if (error) diagnostic_note((error), (Span){0}, __VA_ARGS__);                                         \
    } while (0)

/* Each of the following reports and returns true where it knows the mistake. */

static bool at_foreign_word(const Mistake *mistake) {
    const Token *word = is_name(&mistake->token) ? &mistake->token : &mistake->before;
    const char *advice = word->kind == TOKEN_NAME ? foreign_word_advice(word->value.name.text) : NULL;
    if (!advice && mistake->before.kind == TOKEN_NAME) {
        word = &mistake->before;
        advice = foreign_word_advice(word->value.name.text);
    }
    if (!advice) return false;
    Diagnostic *error =
        parser_error(mistake->parser, E0120, word->span, "'%s' means nothing here", word->value.name.text);
    note(error, "%s", advice);
    return true;
}

/* "foo(a;", "[1, 2)", a stray "}", and a file that ends too early. */
static bool at_bracket(const Mistake *mistake) {
    int kind = mistake->token.kind;
    const Bracket *open = mistake->open;
    if (!kind && open) {
        Diagnostic *error =
            parser_error(mistake->parser, E0123, open->span, "this '%c' is never closed", open->open);
        note(error, "the file ends before its '%s'", closing_of(open));
        return true;
    }
    bool is_closing = kind == ')' || kind == ']' || kind == '}';
    if (is_closing && mistake->token.unmatched && (!open || (open->open == '{' && kind != '}'))) {
        report(mistake, E0140, "there is no bracket that this '%c' would close", kind);
        return true;
    }
    bool wants_closing = expects(mistake, EXPECTS_CLOSING_PARENTHESIS | EXPECTS_CLOSING_BRACKET);
    bool is_end = kind == ';' || kind == '{' || (is_closing && mistake->token.unmatched);
    if (!is_end || !open || open->open == '{' || !wants_closing) return false;
    Diagnostic *error = report(mistake, E0123, "expected '%s' before %s", closing_of(open), mistake->shown);
    if (!error) return true;
    diagnostic_note(error, open->span, "to close this '%c'", open->open);
    diagnostic_fix(error, behind(mistake->before.span), "%s", closing_of(open));
    return true;
}

static bool at_reserved_word(const Mistake *mistake) {
    bool is_stray_else = mistake->token.kind == TOKEN_ELSE && expects(mistake, EXPECTS_STATEMENT);
    if (!is_reserved(&mistake->token) || is_stray_else || !expects(mistake, EXPECTS_NAME) ||
        expects(mistake, EXPECTS_EXPRESSION))
        return false;
    Diagnostic *error = report(mistake, E0139, "%s is a reserved word, it cannot be a name", mistake->shown);
    note(error, "reserved are: if else for in scan yield return true false");
    return true;
}

/* a < b < c, and "x" "y". */
static bool at_operand(const Mistake *mistake) {
    if (is_comparison(&mistake->token) && expects(mistake, EXPECTS_OPERATOR | EXPECTS_EQUALS) &&
        !expects(mistake, EXPECTS_EXPRESSION)) {
        Diagnostic *error = report(mistake, E0128, "comparisons do not chain");
        note(error, "write both of them: a < b && b < c");
        return true;
    }
    if (mistake->token.kind == TOKEN_STRING && mistake->before.kind == TOKEN_STRING) {
        report(mistake, E0129, "strings that follow each other are not joined");
        return true;
    }
    return false;
}

/* The heads of if, for and scan. */
static bool at_head(const Mistake *mistake) {
    int before = mistake->before.kind;
    if ((before == TOKEN_IF || before == TOKEN_SCAN) && expects(mistake, EXPECTS_OPENING_PARENTHESIS)) {
        bool is_if = before == TOKEN_IF;
        Diagnostic *error = report(mistake, E0137, "expected '(' behind %s", is_if ? "if" : "scan");
        note(error, is_if ? "write `if (condition) { ... }`" : "write `scan (x in xs; h = h0) { ... }`");
        return true;
    }
    if (before == TOKEN_FOR && mistake->token.kind == '(') {
        Diagnostic *error = report(mistake, E0137, "for takes no parentheses");
        note(error, "write `for i in 0..n { ... }`");
        return true;
    }
    bool ends_head = mistake->token.kind == '{' || mistake->token.kind == ']' || mistake->token.kind == ',';
    if (!ends_head || !expects(mistake, EXPECTS_RANGE) || expects(mistake, EXPECTS_SEMICOLON)) return false;
    Diagnostic *error = report(mistake, E0138, "expected a range such as 0..n before %s", mistake->shown);
    if (mistake->token.kind == '{')
        note(error, "to run over the elements of a tensor, write `scan (x in xs) { ... }`");
    return true;
}

/* Behind the names that begin a statement. */
static bool at_target(const Mistake *mistake) {
    if (!expects(mistake, EXPECTS_EQUALS) || !expects(mistake, EXPECTS_COMMA) ||
        !expects(mistake, EXPECTS_COLON))
        return false;
    if (expects(mistake, EXPECTS_EXPRESSION | EXPECTS_OPERATOR | EXPECTS_CLOSING_PARENTHESIS)) return false;
    int kind = mistake->token.kind;
    if ((begins_member(&mistake->before) || mistake->before.kind == TOKEN_IMPORT) &&
        (is_name(&mistake->token) || kind == '(' || kind == TOKEN_STRING)) {
        Diagnostic *error =
            parser_error(mistake->parser, E0142, mistake->before.span,
                         "'%s' does not belong into the body of a function", mistake->before.value.name.text);
        note(error, "is a '}' missing above?");
        return true;
    }
    if (kind == '(' || kind == TOKEN_PIPE || kind == ';') {
        Diagnostic *error =
            parser_error(mistake->parser, E0126, mistake->before.span, "the result is not used");
        note(error,
             "functions have no effect but their results: write `x = f(x);`, or `_ = f(x);` to discard it");
        return true;
    }
    if (kind == '[' || kind == '.') {
        Diagnostic *error = report(mistake, E0127, "only a name can be assigned to");
        note(error, "tensors do not change; make a new one, with concat, where or scan");
        return true;
    }
    return false;
}

/* A ';' is missing at the end of the line before, or before a '}'. */
static bool at_semicolon(const Mistake *mistake) {
    bool is_end = !mistake->token.kind || mistake->token.kind == '}';
    if (!expects(mistake, EXPECTS_SEMICOLON) || !(is_end || is_on_later_line(mistake))) return false;
    if (expects(mistake, EXPECTS_EXPRESSION)) return false;
    Span place = behind(mistake->before.span);
    Diagnostic *error = parser_error(mistake->parser, E0122, place, "expected ';'");
    if (error) diagnostic_fix(error, place, ";");
    if (!is_end && mistake->token.kind != ';') recovery_insert_semicolon(mistake->parser);
    return true;
}

/* Where an item, a member or a statement should begin. */
static bool at_beginning(const Mistake *mistake) {
    if (expects(mistake, EXPECTS_STATEMENT)) {
        Diagnostic *error = report(mistake, E0142, "expected a statement before %s", mistake->shown);
        note(error, "a statement is `name = ...;`, return, yield, if, for or scan");
    } else if (expects(mistake, EXPECTS_MEMBER) && !expects(mistake, EXPECTS_NAME)) {
        Diagnostic *error =
            report(mistake, E0125, "expected a member of the block or model before %s", mistake->shown);
        note(error, "members are layer, param, state, const, dim, fn, entry, forward and if");
        if (is_name(&mistake->token) || is_reserved(&mistake->token))
            note(error, "statements stand in the body of a function");
    } else if (expects(mistake, EXPECTS_ITEM) && !expects(mistake, EXPECTS_NAME)) {
        Diagnostic *error = report(mistake, E0124, "expected a declaration before %s", mistake->shown);
        note(error, "a file holds import, weights, dim, const, option, block, model and fn");
        if (mistake->token.kind == ';' && mistake->before.kind == '}')
            note(error, "no ';' stands behind a '}'");
    } else {
        return false;
    }
    return true;
}

static bool at_expression(const Mistake *mistake) {
    if (!expects(mistake, EXPECTS_EXPRESSION)) return false;
    report(mistake, E0141, "expected an expression before %s", mistake->shown);
    return true;
}

/* "unexpected X; expected ',', ')' or an operator". */
static void report_expected(const Mistake *mistake) {
    static const struct {
        unsigned bit;
        const char *words;
    } categories[] = {
        {EXPECTS_NAME, "a name"},
        {EXPECTS_STRING, "a string"},
        {EXPECTS_IN, "'in'"},
        {EXPECTS_FROM, "'from'"},
        {EXPECTS_AS, "'as'"},
        {EXPECTS_RANGE, "'..'"},
        {EXPECTS_EQUALS, "'='"},
        {EXPECTS_COLON, "':'"},
        {EXPECTS_COMMA, "','"},
        {EXPECTS_OPENING_PARENTHESIS, "'('"},
        {EXPECTS_OPENING_BRACE, "'{'"},
        {EXPECTS_CLOSING_PARENTHESIS, "')'"},
        {EXPECTS_CLOSING_BRACKET, "']'"},
        {EXPECTS_CLOSING_BRACE, "'}'"},
        {EXPECTS_SEMICOLON, "';'"},
        {EXPECTS_OPERATOR, "an operator"},
    };
    unsigned expected = mistake->expected;
    if (expected & EXPECTS_OPERATOR) expected &= ~(unsigned)EXPECTS_OPENING_PARENTHESIS;
    if (expected & EXPECTS_NAME) expected &= ~(unsigned)(EXPECTS_FROM | EXPECTS_AS);
    Text text;
    text_init(&text);
    int left = 0;
    for (size_t i = 0; i < sizeof categories / sizeof *categories; i++)
        left += (expected & categories[i].bit) != 0;
    for (size_t i = 0; i < sizeof categories / sizeof *categories; i++) {
        if (!(expected & categories[i].bit)) continue;
        text_puts(&text, !text.length ? "" : left == 1 ? " or " : ", ");
        bool is_type = categories[i].bit == EXPECTS_NAME &&
                       (mistake->before.kind == ':' || mistake->before.kind == TOKEN_ARROW);
        text_puts(&text, is_type ? "a type" : categories[i].words);
        left--;
    }
    if (text.length)
        report(mistake, E0121, "expected %s before %s", text.bytes, mistake->shown);
    else
        report(mistake, E0121, "unexpected %s", mistake->shown);
    text_deinit(&text);
}

void syntax_error(Parser *parser, unsigned expected) {
    if (parser->stopped) return;
    Mistake mistake = {.parser = parser,
                       .expected = expected,
                       .token = parser->last,
                       .before = parser->before_last,
                       .shown = show_token(parser, &parser->last)};
    int open = parser->bracket_count;
    if (open && parser->brackets[open - 1].span.start == parser->last.span.start) open--;
    if (open) mistake.open = &parser->brackets[open - 1];
    bool is_repeated =
        mistake.before.kind == mistake.token.kind && mistake.before.span.end == parser->error_end;
    recovery_start(parser);
    parser->error_end = mistake.token.span.end;
    if (is_repeated) { /* the second of ";;;" or "}}}" */
        parser->stopped = ++parser->error_count >= SYNTAX_ERROR_MAX;
        return;
    }
    if (at_foreign_word(&mistake) || at_bracket(&mistake) || at_operand(&mistake) || at_head(&mistake) ||
        at_target(&mistake) || at_semicolon(&mistake) || at_reserved_word(&mistake) ||
        at_beginning(&mistake) || at_expression(&mistake))
        return;
    report_expected(&mistake);
}
