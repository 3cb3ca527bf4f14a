/* Names, numbers and strings as they are written. */
#include "frontend/lang/parser_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SHOWN_MAX = 40 /* bytes of a literal in a message */ };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

static int hex_digit(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int shown(size_t length) { return length > SHOWN_MAX ? SHOWN_MAX : (int)length; }

/* False: reported. */
static bool check_length(Parser *parser, Span span, const char *what, size_t length) {
    if (length <= TOKEN_BYTES_MAX) return true;
    parser_error(parser, E0116, span, "this %s has %zu bytes, the limit is %d", what, length,
                 TOKEN_BYTES_MAX);
    return false;
}

const char *literal_name(Parser *parser, Span span, const char *text, size_t length) {
    if (!check_length(parser, span, "name", length)) length = SHOWN_MAX;
    return arena_strndup(parser->arena, text, length);
}

/* Copies the digits that stand in |text| from |at| on without their separators, and returns where they end.
 * |*ok| becomes false, with a report, where a '_' has no digit on both sides. */
static size_t copy_digits(Parser *parser, Span span, const char *text, size_t length, size_t at, bool hex,
                          char *out, size_t *out_length, bool *ok) {
    for (size_t start = at;
         at < length && (text[at] == '_' || is_digit(text[at]) || (hex && hex_digit(text[at]) >= 0)); at++) {
        if (text[at] != '_') {
            out[(*out_length)++] = text[at];
            continue;
        }
        bool after = at + 1 < length && (hex ? hex_digit(text[at + 1]) >= 0 : is_digit(text[at + 1]));
        if ((at > start && text[at - 1] != '_' && after) || !*ok) continue;
        parser_error(parser, E0109, span, "in '%.*s', a '_' must stand between two digits", shown(length),
                     text);
        *ok = false;
    }
    return at;
}

static void report_suffix(Parser *parser, Span span, const char *text, size_t length, size_t at) {
    bool is_unit = length - at == 1 && strchr("fFlLuUhH", text[at]);
    Diagnostic *error =
        parser_error(parser, E0111, span, "'%.*s' is not a number: '%.*s' does not belong to it",
                     shown(length), text, shown(length - at), text + at);
    if (!error) return;
    if (is_unit) {
        diagnostic_note(error, (Span){0}, "numbers have no suffix; they take the type that is needed");
        diagnostic_fix(error, (Span){span.file, span.start + (uint32_t)at, span.end}, "%s", "");
    } else if (text[0] == '0' && at == 1 && strchr("bBoO", text[at])) {
        diagnostic_note(error, (Span){0}, "numbers are decimal, or hexadecimal: 0xff");
    }
}

static bool is_hexadecimal(const char *text, size_t length) {
    return length > 1 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
}

/* The |whole| digits before a dot or exponent begin with no zero: C would read octal. */
static bool check_leading_zero(Parser *parser, Span span, const char *text, size_t length, size_t whole) {
    if (whole < 2 || text[0] != '0' || !(is_digit(text[1]) || text[1] == '_')) return true;
    Diagnostic *error = parser_error(parser, E0112, span, "'%.*s' begins with a zero", shown(length), text);
    if (error)
        diagnostic_note(error, (Span){0},
                        "there are no octal numbers; write it without the zero, or as 0x...");
    return false;
}

int64_t literal_integer(Parser *parser, Span span, const char *text, size_t length) {
    if (!check_length(parser, span, "number", length)) return 1;
    bool hex = is_hexadecimal(text, length), ok = true;
    char *digits = arena_alloc(parser->scratch, length + 1);
    size_t count = 0, end = copy_digits(parser, span, text, length, hex ? 2 : 0, hex, digits, &count, &ok);
    if (!ok) return 1;
    if (end < length && count) {
        report_suffix(parser, span, text, length, end);
    } else if (!count) {
        parser_error(parser, E0110, span, "'%.*s' has no hexadecimal digits after 0x", shown(length), text);
    } else if (hex || check_leading_zero(parser, span, text, length, length)) {
        errno = 0;
        long long value = strtoll(digits, NULL, hex ? 16 : 10);
        if (!errno) return value;
        parser_error(parser, E0114, span, "'%.*s' is too large: integers go up to 9223372036854775807",
                     shown(length), text);
    }
    return 1;
}

bool literal_is_float(const char *text, size_t length) {
    if (is_hexadecimal(text, length)) return false;
    size_t at = 0;
    while (at < length && (is_digit(text[at]) || text[at] == '_')) at++;
    return at < length && (text[at] == 'e' || text[at] == 'E');
}

double literal_float(Parser *parser, Span span, const char *text, size_t length) {
    if (!check_length(parser, span, "number", length)) return 1;
    char *digits = arena_alloc(parser->scratch, length + 1);
    bool ok = true;
    size_t count = 0, at = copy_digits(parser, span, text, length, 0, false, digits, &count, &ok);
    size_t whole = at;
    if (at < length && text[at] == '.') {
        digits[count++] = '.';
        at = copy_digits(parser, span, text, length, at + 1, false, digits, &count, &ok);
    }
    if (at < length && (text[at] == 'e' || text[at] == 'E')) {
        digits[count++] = 'e';
        at++;
        if (at < length && (text[at] == '+' || text[at] == '-')) digits[count++] = text[at++];
        size_t before = count;
        at = copy_digits(parser, span, text, length, at, false, digits, &count, &ok);
        if (ok && count == before) {
            parser_error(parser, E0110, span, "'%.*s' has no digits in its exponent", shown(length), text);
            ok = false;
        }
    }
    if (!ok) return 1;
    if (at < length) {
        report_suffix(parser, span, text, length, at);
        return 1;
    }
    if (!check_leading_zero(parser, span, text, length, whole)) return 1;
    double value = strtod(digits, NULL);
    bool vanishes = value == 0 && strcspn(digits, "123456789") < strcspn(digits, "e");
    if (isfinite(value) && !vanishes) return value;
    parser_error(parser, E0115, span, "'%.*s' is too %s: floats go from 4.9e-324 to 1.8e308", shown(length),
                 text, vanishes ? "small" : "large");
    return 1;
}

double literal_bare_dot(Parser *parser, Span span, const char *text, size_t length) {
    char before = span.start > 0 ? span.file->text[span.start - 1] : ' ';
    if (text[0] != '.') {
        Diagnostic *error = parser_error(parser, E0113, span, "a float needs a digit after its dot");
        if (error) diagnostic_fix(error, (Span){span.file, span.end, span.end}, "0");
    } else if (is_letter(before) || is_digit(before) || before == ')' || before == ']') {
        Diagnostic *error =
            parser_error(parser, E0134, span, "a member is called by its name, not by a number");
        if (error)
            diagnostic_note(error, (Span){0}, "one of the repeated layers `layer c[i in 0..n]` is c[%.*s]",
                            shown(length - 1), text + 1);
        return -1;
    } else {
        Diagnostic *error = parser_error(parser, E0113, span, "a float needs a digit before its dot");
        if (error) diagnostic_fix(error, (Span){span.file, span.start, span.start}, "0");
    }
    return 1;
}

/* Appends |code| as UTF-8. */
static size_t put_code(char *out, uint32_t code) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        out[0] = (char)(0xc0 | code >> 6);
        out[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    out[0] = (char)(0xe0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 0x3f));
    out[2] = (char)(0x80 | (code & 0x3f));
    return 3;
}

/* Reads up to |most| digits of |base| at |text|; -1 when there is none, or fewer than |least|. */
static long read_digits(const char *text, size_t length, int least, int most, int base, size_t *used) {
    long value = 0;
    int count = 0;
    while (count < most && (size_t)count < length && hex_digit(text[count]) >= 0 &&
           hex_digit(text[count]) < base)
        value = value * base + hex_digit(text[count++]);
    *used += (size_t)count;
    return count >= least ? value : -1;
}

/* One escape, |text| stands behind the backslash and holds at least a character. Writes to |out|, and tells
 * how much it read in |used| and how much it wrote. Zero: it is none. */
static size_t read_escape(const char *text, size_t length, char *out, size_t *used) {
    static const char letters[] = "abfnrtv\\'\"?", codes[] = "\a\b\f\n\r\t\v\\'\"?";
    const char *letter = strchr(letters, text[0]);
    *used = 1;
    if (text[0] && letter) {
        out[0] = codes[letter - letters];
        return 1;
    }
    long value = -1;
    bool is_code = text[0] == 'u';
    if (text[0] == 'x') {
        value = read_digits(text + 1, length - 1, 2, 2, 16, used);
    } else if (is_code) {
        value = read_digits(text + 1, length - 1, 4, 4, 16, used);
    } else if (text[0] >= '0' && text[0] <= '7') {
        *used = 0;
        value = read_digits(text, length, 1, 3, 8, used);
    }
    if (value <= 0 || (value > 255 && !is_code) || (value >= 0xd800 && value < 0xe000)) return 0;
    if (is_code) return put_code(out, (uint32_t)value);
    out[0] = (char)value;
    return 1;
}

static const char *unescape(Parser *parser, Span span, const char *text, size_t length) {
    char *out = arena_alloc(parser->arena, length + 1);
    size_t count = 0;
    for (size_t i = 0, used; i < length; i += used) {
        if (text[i] == 0) {
            parser_error(parser, E0102, span, "NUL byte in a string");
            break;
        }
        used = 1;
        if (text[i] != '\\' || i + 1 >= length) {
            out[count++] = text[i];
            continue;
        }
        size_t written = read_escape(text + i + 1, length - i - 1, out + count, &used);
        used++;
        count += written;
        if (written) continue;
        Span place = {span.file, span.start + (uint32_t)i + 1, span.start + (uint32_t)(i + 1 + used)};
        Diagnostic *error = parser_error(parser, E0107, place, "'%.*s' is no escape", (int)used, text + i);
        if (error)
            diagnostic_note(error, (Span){0},
                            "a backslash itself is written \\\\; codes go from \\x01 to \\xff");
    }
    return out;
}

const char *literal_string(Parser *parser, Span span, const char *text, size_t length) {
    encoding_check(parser, span);
    if (!check_length(parser, span, "string", length)) return "";
    return unescape(parser, span, text + 1, length - 2);
}

const char *literal_single_quoted(Parser *parser, Span span, const char *text, size_t length) {
    encoding_check(parser, span);
    if (!check_length(parser, span, "string", length)) return "";
    Diagnostic *error = parser_error(parser, E0108, span, "strings stand between double quotes");
    if (error && length < 100 && !memchr(text, '"', length))
        diagnostic_fix(error, span, "\"%.*s\"", (int)length - 2, text + 1);
    return unescape(parser, span, text + 1, length - 2);
}
