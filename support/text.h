/* A growing text. The caller owns it: text_init, append, then text_deinit or hand `bytes` on to free(). */
#ifndef TENON_SUPPORT_TEXT_H
#define TENON_SUPPORT_TEXT_H

#include <stdarg.h>
#include <stddef.h>

typedef struct Text {
    char *bytes; /* always NUL-terminated once something was appended */
    size_t length, capacity;
} Text;

void text_init(Text *text);
void text_deinit(Text *text);
void text_append(Text *text, const char *bytes, size_t length);
void text_puts(Text *text, const char *string);
void text_putc(Text *text, char c);
void text_printf(Text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void text_vprintf(Text *text, const char *format, va_list arguments);
/* Writes |value| so that reading it back gives the same double, with a dot or exponent: 1.0, 1e-05, inf, nan.
 */
void text_double(Text *text, double value);
/* Writes |string| in double quotes, control bytes and quotes escaped as in C. */
void text_quoted(Text *text, const char *string);

#endif
