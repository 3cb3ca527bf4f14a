/* What is met between tokens or instead of them: comments, characters that belong to no word, and the words
 * and operators of other languages. */
#include "frontend/lang/parser.h"
#include "frontend/lang/parser_internal.h"
#include "support/utf8.h"

#include <string.h>

void encoding_check(Parser *parser, Span span) {
    const char *text = span.file->text;
    uint32_t code;
    for (uint32_t at = span.start; at < span.end && !parser->encoding_reported;) {
        if (!(text[at] & 0x80)) {
            at++;
            continue;
        }
        int count = utf8_decode(text + at, span.end - at, &code);
        if (count) {
            at += (uint32_t)count;
            continue;
        }
        parser->encoding_reported = true;
        Diagnostic *error = parser_error(parser, E0103, ((Span){span.file, at, at + 1}),
                                         "byte 0x%02x: this file is not UTF-8", (unsigned char)text[at]);
        if (error)
            diagnostic_note(error, (Span){0}, "`iconv -f latin1 -t utf-8` converts a file from Latin-1");
    }
}

static bool is_alone_on_line(Span span) {
    uint32_t at = span.start;
    while (at > 0 && (span.file->text[at - 1] == ' ' || span.file->text[at - 1] == '\t')) at--;
    return at == 0 || span.file->text[at - 1] == '\n' || span.file->text[at - 1] == '\r' ||
           (at == 3 && !memcmp(span.file->text, "\xef\xbb\xbf", 3));
}

void comment_add(Parser *parser, Span span) {
    encoding_check(parser, span);
    if (memchr(span.file->text + span.start, 0, span.end - span.start)) {
        parser_error(parser, E0102, span, "NUL byte in a comment: this is not a text file");
        parser->stopped = true;
    }
    Comment *comment = NEW(parser->arena, Comment);
    comment->span = span;
    comment->own_line = is_alone_on_line(span);
    if (parser->last_comment)
        parser->last_comment->next = comment;
    else
        parser->file->comments = comment;
    parser->last_comment = comment;
}

/* Characters that word processors and keyboards put in the place of another. */
static const struct {
    uint32_t code;
    const char *name, *meant;
} lookalikes[] = {
    {0x00a0, "a no-break space", " "},
    {0x3000, "an ideographic space", " "},
    {0x200b, "a zero-width space", ""},
    {0xfeff, "a byte order mark", ""},
    {0x00d7, "a multiplication sign", "*"},
    {0x00b7, "a middle dot", "*"},
    {0x2212, "a minus sign", "-"},
    {0x2013, "a dash", "-"},
    {0x2014, "a dash", "-"},
    {0x00f7, "a division sign", "/"},
    {0x2264, "a sign for 'at most'", "<="},
    {0x2265, "a sign for 'at least'", ">="},
    {0x2260, "a sign for 'unequal'", "!="},
    {0x2192, "an arrow", "->"},
    {0x2018, "a quotation mark", "\""},
    {0x2019, "a quotation mark", "\""},
    {0x201c, "a quotation mark", "\""},
    {0x201d, "a quotation mark", "\""},
    {0x2026, "an ellipsis", ".."},
    {0xff08, "a full-width parenthesis", "("},
    {0xff09, "a full-width parenthesis", ")"},
    {0xff0c, "a full-width comma", ","},
    {0xff1b, "a full-width semicolon", ";"},
    {0xff1a, "a full-width colon", ":"},
    {0xff1d, "a full-width equals sign", "="},
};

/* The row of |code|, or -1. */
static int lookalike_find(uint32_t code) {
    for (size_t i = 0; i < sizeof lookalikes / sizeof *lookalikes; i++)
        if (lookalikes[i].code == code) return (int)i;
    return -1;
}

int lookalike_length(Span span) {
    uint32_t code;
    int count = utf8_decode(span.file->text + span.start, span.end - span.start, &code);
    return count && lookalike_find(code) >= 0 ? count : 0;
}

bool character_report(Parser *parser, Span span) {
    const char *text = span.file->text + span.start;
    uint32_t code = 0;
    int count = utf8_decode(text, span.end - span.start, &code);
    if (!count) {
        encoding_check(parser, span);
        return true;
    }
    int row = lookalike_find(code);
    if (row >= 0) {
        Diagnostic *error = parser_error(parser, E0104, span, "unexpected character: %s (U+%04X)",
                                         lookalikes[row].name, code);
        if (error) diagnostic_fix(error, span, "%s", lookalikes[row].meant);
        return *lookalikes[row].meant && *lookalikes[row].meant != ' ';
    }
    Span place = {span.file, span.start, span.start + (uint32_t)count};
    if (code >= 0x20 && code < 0x7f) {
        parser_error(parser, E0104, place, "unexpected character '%.*s'", count, text);
        return true;
    }
    Diagnostic *error =
        parser_error(parser, E0104, place, "unexpected character '%.*s' (U+%04X)", count, text, code);
    if (error && code >= 0x80)
        diagnostic_note(error, (Span){0},
                        "names are made of ASCII letters, digits and '_'; other letters may "
                        "stand in strings and comments");
    return true;
}

static const struct {
    const char *text, *advice;
} foreign_operators[] = {
    {"++", "write x = x + 1"},
    {"===", "write =="},
    {"!==", "write !="},
    {"<>", "write !="},
    {"=>", "write ->, or >= for 'at least'"},
    {":=", "write ="},
    {"...", "a range is written low..high"},
    {"<<", "there are no bit operators; a * 2**n shifts"},
    {">>", "there are no bit operators; a / 2**n shifts"},
    {"&", "there are no bit operators; 'and' is &&"},
    {"|", "there are no bit operators; 'or' is ||, a pipe is |>"},
    {"^", "there are no bit operators; a power is written **"},
    {"~", "there are no bit operators; 'not' is !"},
};

void foreign_operator_report(Parser *parser, Span span, const char *text) {
    Diagnostic *error = parser_error(parser, E0119, span, "there is no operator '%s'", text);
    if (!error) return;
    for (size_t i = 0; i < sizeof foreign_operators / sizeof *foreign_operators; i++) {
        if (strcmp(foreign_operators[i].text, text)) continue;
        diagnostic_note(error, (Span){0}, "%s", foreign_operators[i].advice);
        return;
    }
    diagnostic_note(error, (Span){0}, "write the whole: x = x %.*s y", (int)strlen(text) - 1, text);
}

static const struct {
    const char *text;
    int kind;
} words[] = {
    {"if", TOKEN_IF},           {"else", TOKEN_ELSE},   {"for", TOKEN_FOR},
    {"in", TOKEN_IN},           {"scan", TOKEN_SCAN},   {"yield", TOKEN_YIELD},
    {"return", TOKEN_RETURN},   {"true", TOKEN_TRUE},   {"false", TOKEN_FALSE},
    {"import", TOKEN_IMPORT},   {"as", TOKEN_AS},       {"weights", TOKEN_WEIGHTS},
    {"from", TOKEN_FROM},       {"dim", TOKEN_DIM},     {"const", TOKEN_CONST},
    {"option", TOKEN_OPTION},   {"block", TOKEN_BLOCK}, {"model", TOKEN_MODEL},
    {"fn", TOKEN_FN},           {"layer", TOKEN_LAYER}, {"param", TOKEN_PARAM},
    {"state", TOKEN_STATE},     {"entry", TOKEN_ENTRY}, {"forward", TOKEN_FORWARD},
    {"permute", TOKEN_PERMUTE}, {"until", TOKEN_UNTIL},
};

int word_kind(const char *text) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (words[i].text[0] == text[0] && !strcmp(words[i].text, text)) return words[i].kind;
    return TOKEN_NAME;
}

static const struct {
    const char *text, *advice;
} foreign_words[] = {
    {"and", "write && for 'and'"},
    {"or", "write || for 'or'"},
    {"not", "write ! for 'not'"},
    {"is", "write == to compare"},
    {"elif", "write `else if (...)`"},
    {"elseif", "write `else if (...)`"},
    {"while",
     "loops run over compile-time ranges (`for i in 0..n`) or over a tensor (`scan (x in xs; ...)`)"},
    {"def", "functions begin with fn, entry or forward"},
    {"func", "functions begin with fn, entry or forward"},
    {"function", "functions begin with fn, entry or forward"},
    {"class", "layers of your own are blocks: `block Name(size: int) { ... }`"},
    {"struct", "layers of your own are blocks: `block Name(size: int) { ... }`"},
    {"module", "networks are models: `model Name { ... }`"},
    {"network", "networks are models: `model Name { ... }`"},
    {"let", "a name is made by assigning to it: `x = ...;`"},
    {"var", "a name is made by assigning to it: `x = ...;`"},
    {"auto", "a name is made by assigning to it: `x = ...;`"},
    {"lambda", "functions have names: `fn f(x) { return ...; }`"},
    {"include", "other files are imported: `import \"file.tn\" as name;`"},
};

const char *foreign_word_advice(const char *text) {
    for (size_t i = 0; text && i < sizeof foreign_words / sizeof *foreign_words; i++)
        if (!strcmp(foreign_words[i].text, text)) return foreign_words[i].advice;
    return NULL;
}
