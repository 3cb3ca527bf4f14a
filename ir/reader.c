#include "ir/reader.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 200 };

void reader_init(Reader *reader, Arena *arena, Diagnostics *diagnostics, const SourceFile *source,
                 ExprTable *exprs) {
    *reader = (Reader){.arena = arena, .diagnostics = diagnostics, .source = source, .exprs = exprs};
    reader_next(reader);
}

void reader_error(Reader *reader, Span span, const char *format, ...) {
    if (!reader->failed) {
        va_list arguments;
        va_start(arguments, format);
        diagnose_error(reader->diagnostics, E0501, span, "%s",
                       arena_vprintf(reader->arena, format, arguments));
        va_end(arguments);
    }
    reader->failed = true;
    reader->token.kind = TOKEN_END;
}

static bool is_word_start(char c) { return isalpha((unsigned char)c) || c == '_'; }
static bool is_word(char c) { return isalnum((unsigned char)c) || c == '_' || c == '.'; }

static int peek(const Reader *reader, uint32_t ahead) {
    uint32_t at = reader->offset + ahead;
    return at < reader->source->length ? (unsigned char)reader->source->text[at] : -1;
}

static void skip_blanks(Reader *reader) {
    for (;;) {
        int c = peek(reader, 0);
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            reader->offset++;
        } else if (c == '/' && peek(reader, 1) == '/') {
            while (peek(reader, 0) >= 0 && peek(reader, 0) != '\n') reader->offset++;
        } else {
            return;
        }
    }
}

/* A name that may end in '.' before a range ("0..8" never starts with a letter, but "N..8" must not eat the
 * dots). */
static const char *take_name(Reader *reader) {
    uint32_t start = reader->offset;
    while (peek(reader, 0) >= 0 && is_word((char)peek(reader, 0)) &&
           !(peek(reader, 0) == '.' && peek(reader, 1) == '.'))
        reader->offset++;
    return arena_strndup(reader->arena, reader->source->text + start, reader->offset - start);
}

static const char *take_quoted(Reader *reader) {
    uint32_t start = reader->offset++;
    VECTOR(char) bytes = {0};
    for (;;) {
        int c = peek(reader, 0);
        if (c < 0 || c == '\n') {
            reader_error(reader, (Span){reader->source, start, reader->offset},
                         "the string does not end on its line");
            return "";
        }
        reader->offset++;
        if (c == '"') break;
        if (c == '\\') {
            c = peek(reader, 0);
            reader->offset++;
            if (c == 'n')
                c = '\n';
            else if (c == 't')
                c = '\t';
            else if (c == 'x') {
                char digits[3] = {(char)peek(reader, 0), (char)peek(reader, 1), 0};
                c = (int)strtol(digits, NULL, 16);
                reader->offset += 2;
            }
        }
        vector_push(reader->arena, &bytes, (char)c);
    }
    vector_push(reader->arena, &bytes, 0);
    return bytes.items;
}

static void take_number(Reader *reader, Token *token) {
    uint32_t start = reader->offset;
    bool real = false;
    while (isdigit(peek(reader, 0))) reader->offset++;
    if (peek(reader, 0) == '.' && isdigit(peek(reader, 1))) {
        real = true;
        reader->offset++;
        while (isdigit(peek(reader, 0))) reader->offset++;
    }
    if ((peek(reader, 0) == 'e' || peek(reader, 0) == 'E') &&
        (isdigit(peek(reader, 1)) ||
         ((peek(reader, 1) == '-' || peek(reader, 1) == '+') && isdigit(peek(reader, 2))))) {
        real = true;
        reader->offset += 2;
        while (isdigit(peek(reader, 0))) reader->offset++;
    }
    char *digits = arena_strndup(reader->arena, reader->source->text + start, reader->offset - start);
    token->kind = real ? TOKEN_FLOAT : TOKEN_INTEGER;
    token->real = strtod(digits, NULL);
    errno = 0;
    unsigned long long magnitude = strtoull(digits, NULL, 10);
    token->integer = (int64_t)magnitude; /* 2^63 becomes INT64_MIN, right only behind a sign */
    if (!real && (errno == ERANGE || magnitude > (uint64_t)INT64_MAX + 1))
        reader_error(reader, (Span){reader->source, start, reader->offset}, "the number exceeds 64 bits");
}

void reader_next(Reader *reader) {
    if (reader->failed) return;
    skip_blanks(reader);
    Token token = {.kind = TOKEN_END, .span = {reader->source, reader->offset, reader->offset}};
    int c = peek(reader, 0);
    if (c < 0) {
        /* TOKEN_END */
    } else if (is_word_start((char)c)) {
        token.kind = TOKEN_WORD;
        token.text = take_name(reader);
    } else if (c == '%' && peek(reader, 1) >= 0 && is_word((char)peek(reader, 1)) && peek(reader, 1) != '.') {
        reader->offset++;
        token.kind = TOKEN_VALUE;
        token.text = take_name(reader);
    } else if (c == '@') {
        reader->offset++;
        token.kind = TOKEN_GLOBAL;
        token.text = peek(reader, 0) == '"' ? take_quoted(reader) : take_name(reader);
    } else if (isdigit(c)) {
        take_number(reader, &token);
    } else if (c == '"') {
        token.kind = TOKEN_STRING;
        token.text = take_quoted(reader);
    } else if ((c == '-' && peek(reader, 1) == '>') || (c == '.' && peek(reader, 1) == '.')) {
        token.kind = c == '-' ? TOKEN_ARROW : TOKEN_RANGE;
        reader->offset += 2;
    } else {
        token.kind = TOKEN_MARK;
        token.mark = (char)c;
        reader->offset++;
    }
    if (reader->failed) return;
    token.span.end = reader->offset;
    reader->token = token;
}

bool reader_at_mark(const Reader *reader, char mark) {
    return reader->token.kind == TOKEN_MARK && reader->token.mark == mark;
}

bool reader_at_word(const Reader *reader, const char *word) {
    return reader->token.kind == TOKEN_WORD && strcmp(reader->token.text, word) == 0;
}

bool reader_take_mark(Reader *reader, char mark) {
    if (!reader_at_mark(reader, mark)) return false;
    reader_next(reader);
    return true;
}

bool reader_take_word(Reader *reader, const char *word) {
    if (!reader_at_word(reader, word)) return false;
    reader_next(reader);
    return true;
}

void reader_expect_mark(Reader *reader, char mark) {
    if (!reader_take_mark(reader, mark)) reader_error(reader, reader->token.span, "expected '%c'", mark);
}

void reader_expect_word(Reader *reader, const char *word) {
    if (!reader_take_word(reader, word)) reader_error(reader, reader->token.span, "expected '%s'", word);
}

static const char *take_text(Reader *reader, TokenKind kind, const char *what) {
    const char *text = reader->token.text;
    if (reader->token.kind != kind) {
        reader_error(reader, reader->token.span, "expected %s", what);
        return "";
    }
    reader_next(reader);
    return text;
}

const char *reader_word(Reader *reader, const char *what) { return take_text(reader, TOKEN_WORD, what); }
const char *reader_value(Reader *reader) { return take_text(reader, TOKEN_VALUE, "a value (%name)"); }
const char *reader_global(Reader *reader) { return take_text(reader, TOKEN_GLOBAL, "a global name (@name)"); }
const char *reader_string(Reader *reader) { return take_text(reader, TOKEN_STRING, "a string"); }

int64_t reader_integer(Reader *reader) {
    bool negative = reader_take_mark(reader, '-');
    int64_t value = reader->token.integer;
    if (reader->token.kind != TOKEN_INTEGER) {
        reader_error(reader, reader->token.span, "expected an integer");
        return 0;
    }
    if (!negative && value < 0) reader_error(reader, reader->token.span, "the number exceeds 64 bits");
    reader_next(reader);
    return negative && value > 0 ? -value : value;
}

double reader_number(Reader *reader) {
    bool negative = reader_take_mark(reader, '-');
    double value = reader->token.real;
    if (reader_at_word(reader, "inf"))
        value = INFINITY;
    else if (reader_at_word(reader, "nan"))
        value = NAN;
    else if (reader->token.kind != TOKEN_INTEGER && reader->token.kind != TOKEN_FLOAT) {
        reader_error(reader, reader->token.span, "expected a number");
        return 0;
    }
    reader_next(reader);
    return negative ? -value : value;
}

/* ---- Expressions: sums of products; '/' rounds down, '%' is its remainder ---- */

void reader_push_symbol(Reader *reader, const char *name, const Symbol *symbol) {
    NamedSymbol named = {name, symbol};
    vector_push(reader->arena, &reader->symbols, named);
}

const Symbol *reader_find_symbol(const Reader *reader, const char *name) {
    for (int i = reader->symbols.count - 1; i >= 0; i--)
        if (strcmp(reader->symbols.items[i].name, name) == 0) return reader->symbols.items[i].symbol;
    return NULL;
}

/* @N is the dim N where an inner symbol has its name. */
static const Symbol *find_outermost(const Reader *reader, const char *name) {
    for (int i = 0; i < reader->symbols.count; i++)
        if (strcmp(reader->symbols.items[i].name, name) == 0) return reader->symbols.items[i].symbol;
    return NULL;
}

static const Expr *read_atom(Reader *reader) {
    Token token = reader->token;
    if (token.kind == TOKEN_INTEGER) {
        if (token.integer < 0) reader_error(reader, token.span, "the number exceeds 64 bits");
        reader_next(reader);
        return expr_constant(reader->exprs, token.integer);
    }
    if (reader_at_word(reader, "min") || reader_at_word(reader, "max")) {
        reader_next(reader);
        if (reader_at_mark(reader, '(')) {
            reader_next(reader);
            const Expr *a = reader_expr(reader);
            reader_expect_mark(reader, ',');
            const Expr *b = reader_expr(reader);
            reader_expect_mark(reader, ')');
            return token.text[1] == 'i' ? expr_min(reader->exprs, a, b) : expr_max(reader->exprs, a, b);
        }
    } else if (token.kind == TOKEN_WORD || token.kind == TOKEN_VALUE || token.kind == TOKEN_GLOBAL) {
        reader_next(reader);
    } else if (reader_take_mark(reader, '(')) {
        const Expr *inner = reader_expr(reader);
        reader_expect_mark(reader, ')');
        return inner;
    } else {
        reader_error(reader, token.span, "expected an index expression");
        return expr_constant(reader->exprs, 0);
    }
    const Symbol *symbol = token.kind == TOKEN_GLOBAL ? find_outermost(reader, token.text)
                                                      : reader_find_symbol(reader, token.text);
    if (!symbol) {
        reader_error(reader, token.span, "'%s' is no dim or index here", token.text);
        return expr_constant(reader->exprs, 0);
    }
    return expr_symbol(reader->exprs, symbol);
}

/* "N%16" reads as a word and the value %16; a value on the next line is no part of the expression. */
static bool at_constant_remainder(const Reader *reader) {
    const Token *token = &reader->token;
    return token->kind == TOKEN_VALUE && isdigit((unsigned char)token->text[0]) && token->span.start > 0 &&
           !isspace((unsigned char)reader->source->text[token->span.start - 1]);
}

static const Expr *read_product(Reader *reader) {
    bool negative = reader_take_mark(reader, '-');
    const Expr *product = read_atom(reader);
    if (negative) product = expr_scale(reader->exprs, product, -1);
    while (reader_at_mark(reader, '*') || reader_at_mark(reader, '/') || reader_at_mark(reader, '%') ||
           at_constant_remainder(reader)) {
        Token mark = reader->token;
        reader_next(reader);
        const Expr *right =
            mark.kind == TOKEN_MARK ? read_atom(reader) : expr_constant(reader->exprs, atoll(mark.text));
        if (mark.mark == '*')
            product = expr_mul(reader->exprs, product, right);
        else if (right->min < 1)
            reader_error(reader, mark.span, "the divisor may be less than 1");
        else if (mark.mark == '/')
            product = expr_floordiv(reader->exprs, product, right);
        else
            product = expr_mod(reader->exprs, product, right);
    }
    return product;
}

const Expr *reader_expr(Reader *reader) {
    if (++reader->depth > DEPTH_MAX) reader_error(reader, reader->token.span, "nested too deeply");
    const Expr *sum = read_product(reader);
    while (reader_at_mark(reader, '+') || reader_at_mark(reader, '-')) {
        bool add = reader->token.mark == '+';
        reader_next(reader);
        const Expr *right = read_product(reader);
        sum = add ? expr_add(reader->exprs, sum, right) : expr_sub(reader->exprs, sum, right);
    }
    reader->depth--;
    return sum;
}

Type reader_type(Reader *reader) {
    Span span = reader->token.span;
    const char *word = reader_word(reader, "a type");
    Type type = {.dtype = dtype_from_text(word, strlen(word))};
    if (type.dtype == DTYPE_NONE) {
        reader_error(reader, span, "'%s' is no element type", word);
        type.dtype = DTYPE_F32;
    }
    if (!reader_take_mark(reader, '[')) return type;
    while (!reader->failed) {
        if (type.rank == RANK_MAX) {
            reader_error(reader, reader->token.span, "a tensor has at most %d axes", RANK_MAX);
            break;
        }
        const Expr *extent = reader_expr(reader);
        if (extent->max < 0) reader_error(reader, span, "a negative extent");
        type.dims[type.rank++] = extent;
        if (!reader_take_mark(reader, ',')) break;
    }
    reader_expect_mark(reader, ']');
    return type;
}

/* ---- Places ---- */

static const SourceFile *place_file(Reader *reader, const char *path) {
    for (int i = 0; i < reader->places.count; i++)
        if (strcmp(reader->places.items[i]->path, path) == 0) return reader->places.items[i];
    SourceFile *file = source_placeholder(reader->arena, path);
    vector_push(reader->arena, &reader->places, file);
    return file;
}

Span reader_place(Reader *reader) {
    if (!reader_take_word(reader, "loc")) return (Span){0};
    reader_expect_mark(reader, '(');
    const char *path = reader_string(reader);
    reader_expect_mark(reader, ':');
    int64_t line = reader_integer(reader);
    reader_expect_mark(reader, ':');
    int64_t column = reader_integer(reader);
    reader_expect_mark(reader, ')');
    return span_at_line(place_file(reader, path), (int)line, (int)column);
}

void place_print(Text *text, Span span) {
    if (!span.file) return;
    LineColumn place = source_locate(span.file, span.start);
    text_puts(text, " loc(");
    text_quoted(text, span.file->path);
    text_printf(text, ":%d:%d)", place.line, place.column);
}

void global_print(Text *text, const char *name) {
    bool plain = is_word_start(name[0]) || isdigit((unsigned char)name[0]);
    for (const char *c = name; *c; c++)
        plain = plain && is_word(*c) && !(c[0] == '.' && (c[1] == '.' || !c[1]));
    text_putc(text, '@');
    if (plain)
        text_puts(text, name);
    else
        text_quoted(text, name);
}
