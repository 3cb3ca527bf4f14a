#include "frontend/weights/weights_internal.h"
#include "support/checked.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *extension;
    bool (*read)(WeightsReader *reader);
} formats[] = {{".safetensors", safetensors_read}, {".npz", npz_read}, {".npy", npy_read}};

/* How to come from other formats to one that is read. */
static const struct {
    const char *extension, *advice;
} conversions[] = {
    {".pt", "from PyTorch: safetensors.torch.save_file(model.state_dict(), \"weights.safetensors\")"},
    {".pth", "from PyTorch: safetensors.torch.save_file(model.state_dict(), \"weights.safetensors\")"},
    {".bin", "from PyTorch: safetensors.torch.save_file(model.state_dict(), \"weights.safetensors\")"},
    {".ckpt", "load the checkpoint in its framework and save the tensors with safetensors or numpy.savez"},
    {".h5", "with h5py: numpy.savez(\"weights.npz\", **{name: array, ...})"},
    {".hdf5", "with h5py: numpy.savez(\"weights.npz\", **{name: array, ...})"},
    {".keras", "from Keras: numpy.savez(\"weights.npz\", **{v.path: v.numpy() for v in model.weights})"},
    {".pkl", "pickles are programs and are not read; save the arrays with numpy.savez"},
    {".mat", "with scipy.io.loadmat, then numpy.savez"},
};

Diagnostic *weights_error(WeightsReader *reader, DiagnosticId id, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *text = arena_vprintf(reader->arena, format, arguments);
    va_end(arguments);
    return diagnose_error(reader->diagnostics, id, reader->span, "%s: %s", reader->path, text);
}

bool weights_count(const int64_t *dims, int rank, int64_t *out_count) {
    int64_t count = 1, bound = 1;
    for (int i = 0; i < rank; i++) {
        if (dims[i] > WEIGHTS_EXTENT_MAX) return false;
        if (!checked_mul(bound, dims[i] ? dims[i] : 1, &bound) || bound > WEIGHTS_ELEMENTS_MAX) return false;
        count *= dims[i];
    }
    *out_count = count;
    return true;
}

static const char *extension_of(const char *path) {
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash ? slash : path, '.');
    return dot ? dot : "";
}

static bool report_unknown_format(WeightsReader *reader) {
    const char *extension = extension_of(reader->path);
    Diagnostic *diagnostic =
        weights_error(reader, E0402, "weights are read from .safetensors, .npz and .npy files, not from '%s'",
                      *extension ? extension : reader->path);
    for (size_t i = 0; i < sizeof conversions / sizeof *conversions; i++)
        if (strcmp(extension, conversions[i].extension) == 0)
            diagnostic_note(diagnostic, (Span){0}, "%s", conversions[i].advice);
    return false;
}

static bool read_tensors(WeightsReader *reader) {
    const char *extension = extension_of(reader->path);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (strcmp(extension, formats[i].extension) != 0) continue;
        const char *reason = file_map(reader);
        if (!reason) return formats[i].read(reader);
        weights_error(reader, E0401, "cannot be read: %s", reason);
        return false;
    }
    return report_unknown_format(reader);
}

static int compare_names(const void *a, const void *b) {
    return strcmp(((const TensorSource *)a)->name, ((const TensorSource *)b)->name);
}

static void warn_left_out(WeightsReader *reader) {
    enum { SHOWN_MAX = 8 };
    int count = reader->left_out.count;
    if (count == 0) return;
    Diagnostic *diagnostic =
        diagnose_warning(reader->diagnostics, W0402, reader->span, "%s: %d %s left out: '%s': %s",
                         reader->path, count, count == 1 ? "tensor is" : "tensors are",
                         reader->left_out.items[0].name, reader->left_out.items[0].reason);
    for (int i = 1; i < count && i < SHOWN_MAX; i++)
        diagnostic_note(diagnostic, (Span){0}, "'%s': %s", reader->left_out.items[i].name,
                        reader->left_out.items[i].reason);
    if (count > SHOWN_MAX) diagnostic_note(diagnostic, (Span){0}, "and %d more", count - SHOWN_MAX);
}

WeightsFile *weights_open(Arena *arena, Diagnostics *diagnostics, const char *path, Span span) {
    WeightsReader reader = {.arena = arena, .diagnostics = diagnostics, .path = path, .span = span};
    if (!read_tensors(&reader)) return NULL;
    warn_left_out(&reader);
    WeightsFile *file = NEW(arena, WeightsFile);
    *file = (WeightsFile){path, reader.tensors.count, reader.tensors.items};
    if (file->count) qsort(file->tensors, (size_t)file->count, sizeof *file->tensors, compare_names);
    return file;
}

const TensorSource *weights_find(const WeightsFile *file, const char *name) {
    TensorSource key = {.name = name};
    return file->count
               ? bsearch(&key, file->tensors, (size_t)file->count, sizeof *file->tensors, compare_names)
               : NULL;
}
