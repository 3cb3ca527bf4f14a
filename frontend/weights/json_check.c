#include "frontend/weights/weights_internal.h"

enum { DEPTH_MAX = 64 };

typedef struct JsonScan {
    const uint8_t *text;
    size_t size, at;
    const JsonLimits *limits;
    int depth;
    int64_t values;
    struct {
        bool array;
        int items; /* commas seen, and one */
    } open[DEPTH_MAX];
} JsonScan;

/* Stops at the closing quote, or at the end. */
static void skip_string(JsonScan *scan) {
    for (scan->at++; scan->at < scan->size && scan->text[scan->at] != '"'; scan->at++)
        if (scan->text[scan->at] == '\\') scan->at++;
}

static bool is_digit(uint8_t c) { return c >= '0' && c <= '9'; }

/* Stops at the last digit. */
static const char *check_number(JsonScan *scan) {
    enum { DIGITS_MAX = 18 };
    size_t start = scan->at;
    if (scan->text[start] == '-') return "a number is negative";
    while (scan->at + 1 < scan->size && is_digit(scan->text[scan->at + 1])) scan->at++;
    size_t digits = scan->at + 1 - start;
    if (digits > 1 && scan->text[start] == '0') return "a number has a leading zero";
    if (digits > DIGITS_MAX) return "a number is too large";
    uint8_t next = scan->at + 1 < scan->size ? scan->text[scan->at + 1] : ' ';
    return next == '.' || next == 'e' || next == 'E' ? "a number is not a plain integer" : NULL;
}

static const char *open_container(JsonScan *scan, bool array) {
    if (scan->depth >= scan->limits->depth || scan->depth >= DEPTH_MAX) return "it is nested too deeply";
    scan->open[scan->depth].array = array;
    scan->open[scan->depth].items = 1;
    scan->depth++;
    return ++scan->values > scan->limits->values ? "it has too many values" : NULL;
}

static const char *check_comma(JsonScan *scan) {
    if (scan->depth == 0) return NULL;
    bool array = scan->open[scan->depth - 1].array;
    int items = ++scan->open[scan->depth - 1].items;
    if (array && items > scan->limits->array_items) return "a list is too long";
    if (!array && items > scan->limits->object_members) return "an object has too many members";
    return ++scan->values > scan->limits->values ? "it has too many values" : NULL;
}

static const char *check_byte(JsonScan *scan) {
    uint8_t c = scan->text[scan->at];
    if (c == '"')
        skip_string(scan);
    else if (c == '[' || c == '{')
        return open_container(scan, c == '[');
    else if ((c == ']' || c == '}') && scan->depth)
        scan->depth--;
    else if (c == ',')
        return check_comma(scan);
    else if (c == '-' || is_digit(c))
        return check_number(scan);
    return NULL;
}

const char *json_check(const uint8_t *text, size_t size, const JsonLimits *limits, size_t *out_offset) {
    JsonScan scan = {.text = text, .size = size, .limits = limits};
    for (; scan.at < size; scan.at++) {
        *out_offset = scan.at;
        const char *problem = check_byte(&scan);
        if (problem) return problem;
    }
    return NULL;
}
