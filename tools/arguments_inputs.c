#include "frontend/weights/weights.h"
#include "tools/arguments_internal.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int find_input(const Resolver *resolver, const char *name) {
    for (int i = 0; i < resolver->signature->input_count; i++)
        if (strcmp(resolver->signature->input_names[i], name) == 0) return i;
    return -1;
}

static bool ends_with(const char *text, const char *end) {
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && strcmp(text + length - tail, end) == 0;
}

/* "random:SEED[:LIMIT]". */
static bool parse_random(const char *text, InputSpec *out) {
    static const char word[] = "random";
    if (strncmp(text, word, strlen(word)) != 0) return false;
    *out = (InputSpec){.kind = INPUT_RANDOM, .seed = 1};
    const char *rest = text + strlen(word);
    char *end = (char *)rest;
    if (*rest == ':') out->seed = strtoull(rest + 1, &end, 10);
    if (*rest == ':' && end == rest + 1) return false;
    if (*end == ':') {
        const char *limit = end + 1;
        out->limit = strtod(limit, &end);
        if (end == limit || !(out->limit > 0) || !isfinite(out->limit)) return false;
    }
    return !*end;
}

/* NULL: reported. What is no picture by now must be tensors. */
static const WeightsFile *open_file(Resolver *resolver, const char *path) {
    const WeightsFile *file = NULL;
    if (ends_with(path, ".npy") || ends_with(path, ".npz") || ends_with(path, ".safetensors"))
        file = weights_open(resolver->arena, resolver->diagnostics, path, (Span){0});
    else if (access(path, R_OK) != 0)
        argument_error(resolver, "%s: cannot be read: %s", path, strerror(errno));
    else
        argument_error(resolver, "%s: inputs are read from .npy, .npz, .safetensors, .png and .jpg files",
                       path);
    resolver->failed |= !file;
    return file;
}

/* The tensor that "FILE[:MEMBER]" names for |input|. */
static const TensorSource *open_tensor(Resolver *resolver, const char *text, const char *input) {
    const char *colon = strrchr(text, ':'), *member = NULL, *path = text;
    if (colon && !ends_with(text, ".npz") && !ends_with(text, ".npy") && !ends_with(text, ".safetensors")) {
        path = arena_strndup(resolver->arena, text, (size_t)(colon - text));
        member = colon + 1;
    }
    const WeightsFile *file = open_file(resolver, path);
    if (!file) return NULL;
    if (!member && file->count == 1) return &file->tensors[0];
    const TensorSource *found = weights_find(file, member ? member : input);
    if (found) return found;
    Diagnostic *diagnostic =
        argument_error(resolver, "%s holds no tensor '%s'", path, member ? member : input);
    for (int i = 0; i < file->count && i < 8; i++)
        diagnostic_note(diagnostic, (Span){0}, "it holds '%s': %s=@%s:%s", file->tensors[i].name, input, path,
                        file->tensors[i].name);
    return NULL;
}

static bool is_taken(Resolver *resolver, int index) {
    if (resolver->specs[index].kind == INPUT_ABSENT) return false;
    argument_error(resolver, "input '%s' is given twice", resolver->signature->input_names[index]);
    return true;
}

/* "@FILE": every input that the file has a tensor for. */
static void read_whole_file(Resolver *resolver, const char *path) {
    const WeightsFile *file = open_file(resolver, path);
    int used = 0;
    for (int i = 0; file && i < resolver->signature->input_count; i++) {
        const TensorSource *source = weights_find(file, resolver->signature->input_names[i]);
        if (!source && file->count == 1 && resolver->signature->input_count == 1) source = &file->tensors[0];
        if (!source) continue;
        used++;
        if (!is_taken(resolver, i)) resolver->specs[i] = (InputSpec){.kind = INPUT_FILE, .source = source};
    }
    if (file && !used)
        argument_error(resolver, "%s holds no tensor with the name of an input of '%s'", path,
                       resolver->signature->name);
}

/* "@photo.png", where there is but one input. */
static bool read_lone_picture(Resolver *resolver, const char *text) {
    InputSpec spec;
    if (!resolver->signature->input_count || !pictures_read_word(resolver, text, &spec)) return false;
    if (resolver->signature->input_count > 1)
        argument_error(resolver, "%s: a picture is given to one input, by its name: %s=@%s", text,
                       resolver->signature->input_names[0], text);
    else if (!is_taken(resolver, 0))
        resolver->specs[0] = spec;
    return true;
}

static const char *input_list(const Resolver *resolver) {
    const char *list = "";
    for (int i = 0; i < resolver->signature->input_count; i++)
        list =
            arena_printf(resolver->arena, "%s%s%s", list, i ? ", " : "", resolver->signature->input_names[i]);
    return *list ? list : "none";
}

static void read_input_word(Resolver *resolver, const char *word) {
    if (*word == '@') {
        if (!read_lone_picture(resolver, word + 1)) read_whole_file(resolver, word + 1);
        return;
    }
    const char *equals = strchr(word, '=');
    if (!equals || equals == word) {
        argument_error(resolver,
                       "'%s' is no input: expected NAME=@FILE, NAME=NUMBER, NAME=random:SEED or @FILE", word);
        return;
    }
    const char *name = arena_strndup(resolver->arena, word, (size_t)(equals - word)), *value = equals + 1;
    int index = find_input(resolver, name);
    if (index < 0) {
        const EntrySignature *signature = resolver->signature;
        const char *near = nearest_name(name, signature->input_names, signature->input_count);
        Diagnostic *diagnostic = argument_error(resolver, "entry '%s' has no input '%s'; its inputs: %s",
                                                signature->name, name, input_list(resolver));
        if (near) diagnostic_note(diagnostic, (Span){0}, "did you mean '%s'?", near);
        return;
    }
    if (is_taken(resolver, index)) return;
    InputSpec *spec = &resolver->specs[index];
    char *end;
    double number = strtod(value, &end);
    if (*value == '@' && pictures_read_word(resolver, value + 1, spec)) return;
    if (*value == '@')
        *spec = (InputSpec){.kind = INPUT_FILE, .source = open_tensor(resolver, value + 1, name)};
    else if (end != value && !*end)
        *spec = (InputSpec){.kind = INPUT_NUMBER, .number = number};
    else if (strcmp(value, "true") == 0 || strcmp(value, "false") == 0)
        *spec = (InputSpec){.kind = INPUT_NUMBER, .number = *value == 't'};
    else if (!parse_random(value, spec))
        argument_error(resolver,
                       "'%s' is no value for an input: expected @FILE, a number or random:SEED[:LIMIT]",
                       value);
}

void inputs_read(Resolver *resolver) {
    const EntrySignature *signature = resolver->signature;
    for (int i = 0; i < resolver->words->input_count; i++)
        read_input_word(resolver, resolver->words->inputs[i]);
    bool sound = !resolver->failed;
    for (int i = 0; i < signature->input_count && sound; i++) {
        if (resolver->specs[i].kind != INPUT_ABSENT) continue;
        if (resolver->words->fill)
            resolver->specs[i] =
                (InputSpec){.kind = INPUT_RANDOM, .seed = resolver->words->seed + (uint64_t)i};
        else {
            Type plain = signature->input_types[i];
            plain.layout = NULL;
            argument_error(resolver,
                           "input '%s' (%s) of '%s' is missing: give %s=@FILE.npy, %s=NUMBER or %s=random:1",
                           signature->input_names[i], type_text(resolver->arena, &plain), signature->name,
                           signature->input_names[i], signature->input_names[i], signature->input_names[i]);
        }
    }
}

/* The element at |index| as its dtype: false when it has no such value. Floats may be rounded, integers not.
 */
static bool convert_element(const TensorSource *from, const TensorSource *to, int64_t index) {
    const char *in = (const char *)from->bytes + index * (int64_t)dtype_bytes(from->dtype);
    char *out = (char *)to->bytes + index * (int64_t)dtype_bytes(to->dtype);
    if (dtype_is_float(to->dtype)) {
        dtype_store_float(to->dtype, out, dtype_load_float(from->dtype, in));
        return true;
    }
    int64_t value = dtype_load_integer(from->dtype, in);
    dtype_store_integer(to->dtype, out, value);
    return dtype_load_integer(to->dtype, out) == value && (to->dtype != DTYPE_BOOL || (value | 1) == 1);
}

static void copy_elements(Resolver *resolver, const TensorSource *from, const TensorSource *to,
                          int64_t count) {
    if (from->dtype == to->dtype) {
        memcpy((void *)to->bytes, from->bytes, (size_t)count * dtype_bytes(to->dtype));
        return;
    }
    if (dtype_is_float(from->dtype) != dtype_is_float(to->dtype)) {
        argument_error(resolver, "input '%s' is %s, but '%s' in %s is %s", to->name, dtype_text(to->dtype),
                       from->name, from->file, dtype_text(from->dtype));
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        if (convert_element(from, to, i)) continue;
        const char *element = (const char *)from->bytes + i * (int64_t)dtype_bytes(from->dtype);
        argument_error(resolver, "input '%s' is %s, and '%s' in %s holds %lld", to->name,
                       dtype_text(to->dtype), from->name, from->file,
                       (long long)dtype_load_integer(from->dtype, element));
        return;
    }
}

static void fill_number(Resolver *resolver, double number, const TensorSource *to, int64_t count) {
    size_t bytes = dtype_bytes(to->dtype);
    bool is_float = dtype_is_float(to->dtype);
    int64_t integer = is_float ? 0 : dtype_saturate(to->dtype, number);
    if (!is_float && (double)integer != number) {
        argument_error(resolver, "input '%s' is %s and cannot be %g", to->name, dtype_text(to->dtype),
                       number);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        char *out = (char *)to->bytes + (size_t)i * bytes;
        if (is_float)
            dtype_store_float(to->dtype, out, number);
        else
            dtype_store_integer(to->dtype, out, integer);
    }
}

/* SplitMix64, Steele, Lea and Flood 2014. */
static uint64_t random_next(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

/* Floats are uniform in [-1, 1) times the limit, integers in [0, limit): 0 or 1 unless told. */
static void fill_random(const InputSpec *spec, const TensorSource *to, int64_t count) {
    uint64_t state = spec->seed;
    double limit = spec->limit > 0 ? spec->limit : dtype_is_float(to->dtype) ? 1 : 2;
    for (int64_t i = 0; i < count; i++) {
        double unit = (double)(random_next(&state) >> 11) * 0x1p-53;
        char *out = (char *)to->bytes + (size_t)i * dtype_bytes(to->dtype);
        if (dtype_is_float(to->dtype))
            dtype_store_float(to->dtype, out, (2 * unit - 1) * limit);
        else
            dtype_store_integer(to->dtype, out, dtype_saturate(to->dtype, floor(unit * limit)));
    }
}

void inputs_fill(Resolver *resolver, TensorSource *out_inputs) {
    const EntrySignature *signature = resolver->signature;
    for (int i = 0; i < signature->input_count; i++) {
        const InputSpec *spec = &resolver->specs[i];
        const Type *type = &signature->input_types[i];
        TensorSource *input = &out_inputs[i];
        *input = (TensorSource){.name = signature->input_names[i], .dtype = type->dtype, .rank = type->rank};
        if (!extents_evaluate(resolver, type, input->dims) || !tensor_allocate(resolver->arena, input)) {
            argument_error(resolver, "input '%s' of '%s' has no possible shape with these dims",
                           signature->input_names[i], signature->name);
            continue;
        }
        int64_t count = 1;
        for (int k = 0; k < input->rank; k++) count *= input->dims[k];
        if (spec->kind == INPUT_PICTURES)
            pictures_fill(resolver, spec, input, count);
        else if (spec->kind == INPUT_FILE)
            copy_elements(resolver, spec->source, input, count);
        else if (spec->kind == INPUT_NUMBER)
            fill_number(resolver, spec->number, input, count);
        else
            fill_random(spec, input, count);
    }
}
