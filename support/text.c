#include "support/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void text_init(Text *text) { *text = (Text){0}; }

void text_deinit(Text *text) {
    free(text->bytes);
    *text = (Text){0};
}

static void reserve(Text *text, size_t more) {
    if (text->capacity - text->length > more) return;
    size_t capacity = text->capacity ? text->capacity : 256;
    while (capacity - text->length <= more) capacity *= 2;
    char *grown = realloc(text->bytes, capacity);
    if (!grown) {
        fputs("tenon: error: out of memory\n", stderr);
        exit(1);
    }
    text->bytes = grown;
    text->capacity = capacity;
}

void text_append(Text *text, const char *bytes, size_t length) {
    reserve(text, length);
    if (length) memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = 0;
}

void text_puts(Text *text, const char *string) { text_append(text, string, strlen(string)); }

void text_putc(Text *text, char c) { text_append(text, &c, 1); }

void text_vprintf(Text *text, const char *format, va_list arguments) {
    va_list again;
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    reserve(text, (size_t)length);
    vsnprintf(text->bytes + text->length, (size_t)length + 1, format, arguments);
    text->length += (size_t)length;
}

void text_printf(Text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(text, format, arguments);
    va_end(arguments);
}

void text_double(Text *text, double value) {
    if (isnan(value)) {
        text_puts(text, signbit(value) ? "-nan" : "nan");
        return;
    }
    if (isinf(value)) {
        text_puts(text, value < 0 ? "-inf" : "inf");
        return;
    }
    char digits[40];
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value) break;
    }
    text_puts(text, digits);
    if (!strpbrk(digits, ".e")) text_puts(text, ".0");
}

void text_quoted(Text *text, const char *string) {
    text_putc(text, '"');
    for (const unsigned char *c = (const unsigned char *)string; *c; c++) {
        if (*c == '"' || *c == '\\')
            text_printf(text, "\\%c", *c);
        else if (*c == '\n')
            text_puts(text, "\\n");
        else if (*c == '\t')
            text_puts(text, "\\t");
        else if (*c < 0x20 || *c == 0x7f)
            text_printf(text, "\\x%02x", *c);
        else
            text_putc(text, (char)*c);
    }
    text_putc(text, '"');
}
