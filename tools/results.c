#include "tools/results.h"
#include "frontend/weights/weights.h"

#include <errno.h>
#include <math.h>
#include <string.h>

enum { SHOWN_MAX = 200, FIRST_SHOWN = 6 };

static const void *element(const TensorSource *tensor, int64_t index) {
    return (const char *)tensor->bytes + index * (int64_t)dtype_bytes(tensor->dtype);
}

static void put_element(Text *text, const TensorSource *tensor, int64_t index) {
    if (dtype_is_float(tensor->dtype))
        text_printf(text, "%g", dtype_load_float(tensor->dtype, element(tensor, index)));
    else if (tensor->dtype == DTYPE_BOOL)
        text_puts(text, dtype_load_integer(tensor->dtype, element(tensor, index)) ? "true" : "false");
    else
        text_printf(text, "%lld", (long long)dtype_load_integer(tensor->dtype, element(tensor, index)));
}

static void put_spaces(Text *text, int count) {
    for (int i = 0; i < count; i++) text_putc(text, ' ');
}

/* Brackets as NumPy writes them. A row begins with a bracket for every axis that begins there, and ends
 * likewise. */
static void put_all(Text *text, const TensorSource *tensor, int64_t count, int indent) {
    int64_t row = tensor->rank ? tensor->dims[tensor->rank - 1] : 1;
    for (int64_t start = 0; start < count; start += row) {
        int opened = 0, closed = 0;
        int64_t block = 1;
        for (int i = tensor->rank - 1; i >= 0; i--) {
            block *= tensor->dims[i];
            opened += start % block == 0;
            closed += (start + row) % block == 0;
        }
        if (start) put_spaces(text, indent + tensor->rank - opened);
        for (int i = 0; i < opened; i++) text_putc(text, '[');
        for (int64_t k = 0; k < row; k++) {
            if (k) text_puts(text, ", ");
            put_element(text, tensor, start + k);
        }
        for (int i = 0; i < closed; i++) text_putc(text, ']');
        text_puts(text, start + row < count ? ",\n" : "\n");
    }
}

/* NaNs are counted and left out of the rest. */
static void put_summary(Text *text, const TensorSource *tensor, int64_t count) {
    double low = INFINITY, high = -INFINITY, sum = 0;
    int64_t nans = 0, highest = 0;
    for (int64_t i = 0; i < count; i++) {
        double value = dtype_load_float(tensor->dtype, element(tensor, i));
        if (isnan(value)) {
            nans++;
            continue;
        }
        sum += value;
        if (value < low) low = value;
        if (value > high) {
            high = value;
            highest = i;
        }
    }
    text_printf(text, "min %g, max %g at element %lld, mean %g", low, high, (long long)highest,
                sum / (double)(count - nans));
    if (nans) text_printf(text, ", %lld NaN", (long long)nans);
    text_puts(text, "\n    ");
    for (int64_t i = 0; i < FIRST_SHOWN; i++) {
        put_element(text, tensor, i);
        text_puts(text, ", ");
    }
    text_puts(text, "...\n");
}

void tensor_show(Text *text, const TensorSource *tensor) {
    int64_t count = 1;
    size_t start = text->length;
    text_printf(text, "%s: %s", tensor->name, dtype_text(tensor->dtype));
    for (int i = 0; i < tensor->rank; i++) {
        text_printf(text, "%s%lld", i ? ", " : "[", (long long)tensor->dims[i]);
        count *= tensor->dims[i];
    }
    text_puts(text, tensor->rank ? "] = " : " = ");
    if (!count)
        text_puts(text, "[]\n");
    else if (count > SHOWN_MAX)
        put_summary(text, tensor, count);
    else
        put_all(text, tensor, count, (int)(text->length - start));
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

bool tensors_write(Diagnostics *diagnostics, const char *path, const TensorSource *tensors, int count) {
    bool single = ends_with(path, ".npy");
    if (!single && !ends_with(path, ".npz")) {
        diagnose_error(diagnostics, E0651, (Span){0}, "%s: results are written to a .npz or .npy file", path);
        return false;
    }
    if (single && count != 1) {
        diagnose_error(diagnostics, E0651, (Span){0},
                       "%s: a .npy file holds one tensor, the results are %d: use .npz", path, count);
        return false;
    }
    if (single ? npy_write(path, tensors) : npz_write(path, tensors, count)) return true;
    int error = errno;
    Diagnostic *diagnostic =
        diagnose_error(diagnostics, E0601, (Span){0}, "%s: cannot be written: %s", path, strerror(error));
    const char *slash = strrchr(path, '/');
    if (error == ENOENT && slash)
        diagnostic_note(diagnostic, (Span){0}, "there is no directory '%.*s'", (int)(slash - path) + 1, path);
    return false;
}

static bool print_text(Diagnostics *diagnostics, const Text *text) {
    bool written = !text->length || fwrite(text->bytes, 1, text->length, stdout) == text->length;
    written = fflush(stdout) == 0 && written;
    if (!written)
        diagnose_error(diagnostics, E0601, (Span){0}, "standard output: cannot be written: %s",
                       strerror(errno));
    return written;
}

bool results_show(Diagnostics *diagnostics, const TensorSource *tensors, int count, const char *path,
                  const Top *top) {
    Text text;
    text_init(&text);
    bool good = true;
    if (top->count)
        good = top_show(&text, diagnostics, top, tensors, count);
    else
        for (int i = 0; i < count && !path; i++) tensor_show(&text, &tensors[i]);
    if (good && path) good = tensors_write(diagnostics, path, tensors, count);
    good = good && print_text(diagnostics, &text);
    text_deinit(&text);
    return good;
}
