#include "tools/top.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COUNT_DEFAULT = 5, COUNT_MAX = 1000000, LABELS_BYTES_MAX = 16 << 20 };

/* ---- Options ---- */

bool top_parse(Arena *arena, const char *text, Top *out) {
    const char *equals = strchr(text, '='), *number = equals ? equals + 1 : text;
    char *end;
    if (equals == text || !isdigit((unsigned char)*number)) return false;
    long long count = strtoll(number, &end, 10);
    if (*end || count < 1 || count > COUNT_MAX) return false;
    out->count = (int)count;
    out->output = equals ? arena_strndup(arena, text, (size_t)(equals - text)) : NULL;
    return true;
}

static const char *read_text(Arena *arena, const char *path, char **out) {
    FILE *file = fopen(path, "rb");
    if (!file) return strerror(errno);
    Text text;
    text_init(&text);
    text_puts(&text, "");
    char block[4096];
    for (size_t got; text.length <= LABELS_BYTES_MAX && (got = fread(block, 1, sizeof block, file)) > 0;)
        text_append(&text, block, got);
    const char *reason = ferror(file) ? strerror(errno) : NULL;
    fclose(file);
    if (!reason && text.length > LABELS_BYTES_MAX) reason = "more than 16 MiB";
    if (!reason && memchr(text.bytes, 0, text.length)) reason = "not a text file";
    *out = arena_strndup(arena, text.bytes, text.length);
    text_deinit(&text);
    return reason;
}

/* Lines end with LF or CRLF; the last one may lack it. Control bytes must not reach a terminal. */
static void split_labels(Arena *arena, char *text, Top *out) {
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0) text += 3;
    for (char *at = text, *end; *at; at = end) {
        size_t length = strcspn(at, "\n");
        end = at + length + (at[length] == '\n');
        if (length && at[length - 1] == '\r') length--;
        for (size_t i = 0; i < length; i++)
            if (iscntrl((unsigned char)at[i])) at[i] = ' ';
        vector_push(arena, &out->labels, (const char *)arena_strndup(arena, at, length));
    }
}

bool top_read(Arena *arena, Diagnostics *diagnostics, const Options *options, Top *out) {
    const char *count = options->values[OPTION_TOP], *path = options->values[OPTION_LABELS];
    *out = (Top){.softmax = options->values[OPTION_SOFTMAX] != NULL, .labels_path = path};
    if (count) top_parse(arena, count, out);
    if (path && !count) out->count = COUNT_DEFAULT;
    if (out->softmax && !out->count) {
        diagnose_error(diagnostics, E0656, (Span){0}, "--softmax has no meaning without --top or --labels");
        return false;
    }
    if (!path) return true;
    char *text;
    const char *reason = read_text(arena, path, &text);
    if (reason) {
        diagnose_error(diagnostics, E0656, (Span){0}, "%s: the labels cannot be read: %s", path, reason);
        return false;
    }
    split_labels(arena, text, out);
    return true;
}

/* ---- One row ---- */

static double element(const TensorSource *tensor, int64_t index) {
    const char *bytes = (const char *)tensor->bytes + index * (int64_t)dtype_bytes(tensor->dtype);
    return dtype_is_float(tensor->dtype) ? dtype_load_float(tensor->dtype, bytes)
                                         : (double)dtype_load_integer(tensor->dtype, bytes);
}

/* Larger first, equals by index, NaN last. */
static bool comes_before(const double *values, int64_t a, int64_t b) {
    if (isnan(values[a]) || isnan(values[b])) return isnan(values[b]) && (!isnan(values[a]) || a < b);
    return values[a] > values[b] || (values[a] == values[b] && a < b);
}

/* Puts the first |count| places in order by insertion; |count| is small. */
static void choose(const double *values, int64_t length, int64_t *places, int count) {
    int have = 0;
    for (int64_t i = 0; i < length; i++) {
        int at = have;
        if (have == count && !comes_before(values, i, places[have - 1])) continue;
        if (have == count) at--;
        for (; at > 0 && comes_before(values, i, places[at - 1]); at--) places[at] = places[at - 1];
        places[at] = i;
        if (have < count) have++;
    }
}

static void make_softmax(double *values, int64_t length) {
    double largest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < length; i++) largest = values[i] > largest ? values[i] : largest;
    for (int64_t i = 0; i < length; i++) sum += values[i] = exp(values[i] - largest);
    for (int64_t i = 0; i < length; i++) values[i] /= sum;
}

static int digits_of(int64_t number) { return snprintf(NULL, 0, "%lld", (long long)number); }

static void show_row(Text *text, const Top *top, const TensorSource *tensor, int64_t row, int64_t length) {
    int count = length < top->count ? (int)length : top->count;
    double *values = malloc(sizeof *values * (size_t)length + 1);
    int64_t *places = malloc(sizeof *places * (size_t)count + 1);
    if (!values || !places) abort();
    for (int64_t i = 0; i < length; i++) values[i] = element(tensor, row * length + i);
    if (top->softmax) make_softmax(values, length);
    choose(values, length, places, count);
    for (int k = 0; k < count; k++) {
        int64_t place = places[k];
        text_printf(text, "  %*lld  %-12.6g", digits_of(length - 1), (long long)place, values[place]);
        if (top->labels_path) text_printf(text, "  %s", top->labels.items[place]);
        while (text->length && text->bytes[text->length - 1] == ' ') text->bytes[--text->length] = 0;
        text_putc(text, '\n');
    }
    free(values);
    free(places);
}

/* ---- The result ---- */

static const TensorSource *find_output(Diagnostics *diagnostics, const Top *top, const TensorSource *outputs,
                                       int count) {
    if (!top->output && count) return &outputs[0];
    for (int i = 0; i < count; i++)
        if (strcmp(outputs[i].name, top->output) == 0) return &outputs[i];
    Diagnostic *diagnostic = diagnose_error(diagnostics, E0656, (Span){0}, "--top: there is no result '%s'",
                                            top->output ? top->output : "");
    for (int i = 0; i < count; i++) diagnostic_note(diagnostic, (Span){0}, "there is '%s'", outputs[i].name);
    return NULL;
}

static bool rows_of(Diagnostics *diagnostics, const TensorSource *tensor, int64_t *out_rows,
                    int64_t *out_length) {
    int rank = tensor->rank;
    while (rank > 2 && tensor->dims[rank - 1] == 1) rank--;
    *out_rows = rank == 2 ? tensor->dims[0] : 1;
    *out_length = rank ? tensor->dims[rank - 1] : 1;
    if (rank == 1 || rank == 2) return true;
    diagnose_error(
        diagnostics, E0656, (Span){0},
        "--top: result '%s' has %d axes; the largest entries are those of the rows of [N, K], or of [K]",
        tensor->name, tensor->rank);
    return false;
}

static bool check_labels(Diagnostics *diagnostics, const Top *top, const TensorSource *tensor,
                         int64_t length) {
    if (!top->labels_path || top->labels.count == length) return true;
    if (top->labels.count > length) {
        diagnose_warning(diagnostics, W0651, (Span){0}, "%s has %d labels, a row of '%s' has %lld entries",
                         top->labels_path, top->labels.count, tensor->name, (long long)length);
        return true;
    }
    diagnose_error(diagnostics, E0656, (Span){0}, "%s has %d labels, but a row of '%s' has %lld entries",
                   top->labels_path, top->labels.count, tensor->name, (long long)length);
    return false;
}

bool top_show(Text *text, Diagnostics *diagnostics, const Top *top, const TensorSource *outputs, int count) {
    const TensorSource *tensor = find_output(diagnostics, top, outputs, count);
    int64_t rows, length;
    if (!tensor || !rows_of(diagnostics, tensor, &rows, &length) ||
        !check_labels(diagnostics, top, tensor, length))
        return false;
    for (int64_t row = 0; row < rows; row++) {
        text_printf(text, "%s", tensor->name);
        if (tensor->rank > 1) text_printf(text, "[%lld]", (long long)row);
        text_printf(text, ": %lld largest of %lld\n", (long long)(length < top->count ? length : top->count),
                    (long long)length);
        show_row(text, top, tensor, row, length);
    }
    return true;
}
