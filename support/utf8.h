/* UTF-8 as it is met in source files and in messages: decoding that never reads past its end, and a form of
 * any bytes that is safe to send to a terminal. */
#ifndef TENON_SUPPORT_UTF8_H
#define TENON_SUPPORT_UTF8_H

#include "support/text.h"

#include <stdbool.h>
#include <stdint.h>

/* The length of the sequence at |bytes| (1 to 4) and its code point; 0 where it is malformed, cut off,
 * overlong, a surrogate or above U+10FFFF. |length| > 0. */
int utf8_decode(const char *bytes, size_t length, uint32_t *out_code);

/* Appends one character, or one malformed byte, of |bytes| in a form that a terminal shows and does not obey:
 * control characters and malformed bytes as \x1b, bidirectional controls as \u202e. Returns how many bytes it
 * took and in |out_cells| how many terminal cells it fills. */
int text_printable_character(Text *text, const char *bytes, size_t length, int *out_cells);

/* The same for a whole string, cut with "..." after about |bytes_max| bytes. */
void text_printable(Text *text, const char *bytes, size_t length, size_t bytes_max);

#endif
