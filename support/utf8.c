#include "support/utf8.h"

int utf8_decode(const char *bytes, size_t length, uint32_t *out_code) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *in = (const unsigned char *)bytes;
    int count = in[0] < 0x80   ? 1
                : in[0] < 0xc2 ? 0
                : in[0] < 0xe0 ? 2
                : in[0] < 0xf0 ? 3
                : in[0] < 0xf5 ? 4
                               : 0;
    if (!count || (size_t)count > length) return 0;
    uint32_t code = count == 1 ? in[0] : in[0] & (0x7fu >> count);
    for (int i = 1; i < count; i++) {
        if ((in[i] & 0xc0) != 0x80) return 0;
        code = code << 6 | (in[i] & 0x3fu);
    }
    if (code < least[count] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) return 0;
    *out_code = code;
    return count;
}

/* Directional overrides and isolates could make a message show other text than it holds. */
static bool is_invisible(uint32_t code) {
    return (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2060 && code <= 0x206f) || code == 0xfeff || (code >= 0xe0000 && code <= 0xe0fff);
}

static int cells_of(uint32_t code) {
    bool combining = (code >= 0x300 && code <= 0x36f) || (code >= 0xfe00 && code <= 0xfe0f);
    bool wide = (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
                (code >= 0xac00 && code <= 0xd7a3) || (code >= 0xf900 && code <= 0xfaff) ||
                (code >= 0xfe30 && code <= 0xfe6f) || (code >= 0xff00 && code <= 0xff60) ||
                (code >= 0xffe0 && code <= 0xffe6) || (code >= 0x1f300 && code <= 0x1faff) ||
                (code >= 0x20000 && code <= 0x3fffd);
    return combining ? 0 : wide ? 2 : 1;
}

int text_printable_character(Text *text, const char *bytes, size_t length, int *out_cells) {
    uint32_t code = 0;
    size_t before = text->length;
    int count = utf8_decode(bytes, length, &code);
    if (!count || code < 0x20 || (code >= 0x7f && code < 0xa0)) {
        text_printf(text, "\\x%02x", count == 2 ? code : (unsigned char)*bytes);
        *out_cells = 4;
        return count ? count : 1;
    }
    if (is_invisible(code)) {
        text_printf(text, "\\u%04x", code);
        *out_cells = (int)(text->length - before);
    } else {
        text_append(text, bytes, (size_t)count);
        *out_cells = cells_of(code);
    }
    return count;
}

void text_printable(Text *text, const char *bytes, size_t length, size_t bytes_max) {
    int cells;
    for (size_t i = 0; i < length;) {
        if (i >= bytes_max) {
            text_puts(text, "...");
            return;
        }
        i += (size_t)text_printable_character(text, bytes + i, length - i, &cells);
    }
}
