/* The header of a .npy file: "\x93NUMPY", two bytes of version, a length (16 bits in 1.0, 32 in 2.0 and 3.0),
 * and the literal of a Python dict, {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }. Only that
 * much Python is read: strings without escapes, True, False, and tuples of decimal integers. Source:
 * numpy.lib.format. */
#include "frontend/weights/weights_internal.h"
#include "support/checked.h"

#include <string.h>

enum { MAGIC_BYTES = 6, VERSION_BYTES = 2, SHAPE_ITEMS_MAX = 64 };

/* What numpy calls the types. Sizes are in bytes; types of ours come first. */
static const struct {
    const char *kind; /* letter and size */
    DType dtype;
    const char *advice;
} types[] = {
    {"f2", DTYPE_F16, NULL},
    {"f4", DTYPE_F32, NULL},
    {"f8", DTYPE_F64, NULL},
    {"i1", DTYPE_I8, NULL},
    {"i2", DTYPE_I16, NULL},
    {"i4", DTYPE_I32, NULL},
    {"i8", DTYPE_I64, NULL},
    {"u1", DTYPE_U8, NULL},
    {"b1", DTYPE_BOOL, NULL},
    {"u2", DTYPE_NONE, "save array.astype(numpy.int32) instead"},
    {"u4", DTYPE_NONE, "save array.astype(numpy.int64) instead"},
    {"u8", DTYPE_NONE, "save array.astype(numpy.int64) instead"},
    {"f12", DTYPE_NONE, "save array.astype(numpy.float64) instead"},
    {"f16", DTYPE_NONE, "save array.astype(numpy.float64) instead"},
    {"V2", DTYPE_NONE, "if these are bfloat16, save array.astype(numpy.float32) instead"},
    {"c", DTYPE_NONE, "complex; save array.real and array.imag apart"},
    {"O", DTYPE_NONE, "Python objects, which are never unpickled; save numeric arrays instead"},
    {"V", DTYPE_NONE, "raw or structured records; save each field as an array of its own"},
    {"S", DTYPE_NONE, "strings are no numbers"},
    {"a", DTYPE_NONE, "strings are no numbers"},
    {"U", DTYPE_NONE, "strings are no numbers"},
    {"M", DTYPE_NONE, "dates; save array.astype(numpy.int64) instead"},
    {"m", DTYPE_NONE, "durations; save array.astype(numpy.int64) instead"},
};

typedef struct Dict {
    WeightsReader *reader;
    const char *label;
    const char *text;
    size_t length, at;
    NpyHeader *header;
} Dict;

static bool refuse(const Dict *dict, const char *problem) {
    weights_error(dict->reader, E0405, "%snot a .npy header: %s (byte %zu of the dict)", dict->label, problem,
                  dict->at);
    return false;
}

static void skip_blanks(Dict *dict) {
    while (dict->at < dict->length && memchr(" \t\r\n", dict->text[dict->at], 4)) dict->at++;
}

/* Takes |token| if it comes next, after blanks. */
static bool accept(Dict *dict, const char *token) {
    skip_blanks(dict);
    size_t length = strlen(token);
    if (dict->length - dict->at < length || memcmp(dict->text + dict->at, token, length) != 0) return false;
    dict->at += length;
    return true;
}

/* NULL: not a string, or one with an escape or a line break. */
static const char *read_string(Dict *dict) {
    char quote = accept(dict, "'") ? '\'' : accept(dict, "\"") ? '"' : 0;
    size_t start = dict->at;
    if (!quote) return NULL;
    for (; dict->at < dict->length && dict->text[dict->at] != quote; dict->at++)
        if (dict->text[dict->at] == '\\' || (unsigned char)dict->text[dict->at] < ' ') return NULL;
    if (dict->at == dict->length) return NULL;
    return arena_strndup(dict->reader->arena, dict->text + start, dict->at++ - start);
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Python 2 wrote long integers as 3L. */
static bool read_extent(Dict *dict, int64_t *out_extent) {
    enum { DIGITS_MAX = 18 };
    skip_blanks(dict);
    size_t start = dict->at;
    int64_t extent = 0;
    while (dict->at < dict->length && is_digit(dict->text[dict->at]) && dict->at - start < DIGITS_MAX)
        extent = extent * 10 + (dict->text[dict->at++] - '0');
    size_t digits = dict->at - start;
    if (digits == 0) return refuse(dict, "an extent of the shape is not a plain number");
    if (digits > 1 && dict->text[start] == '0')
        return refuse(dict, "an extent of the shape has a leading zero");
    if (digits == DIGITS_MAX) return refuse(dict, "an extent of the shape is too large");
    if (dict->at < dict->length && dict->text[dict->at] == 'L') dict->at++;
    *out_extent = extent;
    return true;
}

static bool read_shape(Dict *dict) {
    NpyHeader *header = dict->header;
    int64_t extent;
    int rank = 0;
    if (!accept(dict, "(")) return refuse(dict, "'shape' is not a tuple");
    bool comma = true;
    while (!accept(dict, ")")) {
        if (!comma) return refuse(dict, "the shape lacks a ',' or a ')'");
        if (!read_extent(dict, &extent)) return false;
        if (rank == SHAPE_ITEMS_MAX) return refuse(dict, "the shape has too many axes");
        if (rank < RANK_MAX) header->dims[rank] = extent;
        rank++;
        comma = accept(dict, ",");
    }
    if (rank == 1 && !comma) return refuse(dict, "'shape' is a number, not a tuple: (n,)");
    header->rank = rank;
    return true;
}

/* "<f4": order of bytes, kind, size. Sizes in |types| are matched whole, kinds without a size match any. */
static void read_type(Dict *dict, const char *descr) {
    NpyHeader *header = dict->header;
    header->big_endian = *descr == '>';
    const char *kind = strchr("<>|=", *descr) && *descr ? descr + 1 : descr;
    const char *advice = "not a type that is known";
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t length = strlen(types[i].kind);
        if (length == 1 ? kind[0] != types[i].kind[0] : strcmp(kind, types[i].kind) != 0) continue;
        header->dtype = types[i].dtype;
        advice = types[i].advice;
        break;
    }
    if (header->dtype == DTYPE_NONE)
        header->unsupported =
            arena_printf(dict->reader->arena, "elements of type '%.40s': %s", descr, advice);
}

/* A list is a structured type, ('name', '<f4') pairs; its end is where the brackets balance. */
static bool skip_structured_type(Dict *dict) {
    int depth = 0;
    do {
        if (dict->at == dict->length) return refuse(dict, "'descr' has no end");
        char c = dict->text[dict->at];
        if (c == '\'' || c == '"') {
            if (!read_string(dict)) return refuse(dict, "a string in 'descr' has no end or an escape");
            continue;
        }
        depth += (c == '[' || c == '(') - (c == ']' || c == ')');
        dict->at++;
    } while (depth > 0);
    dict->header->unsupported = "a structured type; save each field as an array of its own";
    return true;
}

static bool read_descr(Dict *dict) {
    skip_blanks(dict);
    if (dict->at < dict->length && (dict->text[dict->at] == '[' || dict->text[dict->at] == '('))
        return skip_structured_type(dict);
    const char *descr = read_string(dict);
    if (!descr) return refuse(dict, "'descr' is not a string");
    read_type(dict, descr);
    return true;
}

static bool read_order(Dict *dict) {
    dict->header->fortran_order = accept(dict, "True");
    return dict->header->fortran_order || accept(dict, "False") ||
           refuse(dict, "'fortran_order' is neither True nor False");
}

static bool read_value(Dict *dict, const char *key, unsigned *seen) {
    static const struct {
        const char *key;
        bool (*read)(Dict *dict);
    } keys[] = {{"descr", read_descr}, {"fortran_order", read_order}, {"shape", read_shape}};
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(key, keys[i].key) != 0) continue;
        if (*seen & 1u << i) return refuse(dict, "a key occurs twice");
        *seen |= 1u << i;
        return keys[i].read(dict);
    }
    return refuse(dict, "a key is none of 'descr', 'fortran_order', 'shape'");
}

static bool read_dict(Dict *dict) {
    unsigned seen = 0;
    bool comma = true;
    if (!accept(dict, "{")) return refuse(dict, "it is not a dict");
    while (!accept(dict, "}")) {
        if (!comma) return refuse(dict, "the dict lacks a ',' or a '}'");
        const char *key = read_string(dict);
        if (!key) return refuse(dict, "a key is not a string");
        if (!accept(dict, ":")) return refuse(dict, "a key lacks its ':'");
        if (!read_value(dict, key, &seen)) return false;
        comma = accept(dict, ",");
    }
    skip_blanks(dict);
    if (dict->at != dict->length) return refuse(dict, "something follows the dict");
    return seen == 7 || refuse(dict, "'descr', 'fortran_order' or 'shape' is missing");
}

/* Version and length; on success |header_bytes| is the end of the dict and |out_start| its begin. */
static bool read_start(WeightsReader *reader, const char *label, const uint8_t *bytes, size_t available,
                       NpyHeader *header, size_t *out_start) {
    if (available < MAGIC_BYTES + VERSION_BYTES || memcmp(bytes, "\x93NUMPY", MAGIC_BYTES) != 0) {
        weights_error(reader, E0405, "%snot a .npy file: it does not begin with \\x93NUMPY and a version",
                      label);
        return false;
    }
    unsigned major = bytes[6], minor = bytes[7];
    if (major < 1 || major > 3 || minor != 0) {
        weights_error(reader, E0405, "%sversion %u.%u of .npy is not known; 1.0, 2.0 and 3.0 are", label,
                      major, minor);
        return false;
    }
    size_t length_bytes = major == 1 ? 2 : 4, start = MAGIC_BYTES + VERSION_BYTES + length_bytes;
    uint64_t length = 0;
    for (size_t i = 0; start <= available && i < length_bytes; i++)
        length |= (uint64_t)bytes[8 + i] << (8 * i);
    if (start <= available && length > NPY_HEADER_BYTES_MAX) {
        weights_error(reader, E0408, "%sa header of %llu bytes, the limit is %d", label,
                      (unsigned long long)length, NPY_HEADER_BYTES_MAX);
        return false;
    }
    if (start > available || length > available - start) {
        weights_error(reader, E0405, "%sthe file is cut short inside its header", label);
        return false;
    }
    *out_start = start;
    header->header_bytes = start + (size_t)length;
    return true;
}

static bool check_extent(WeightsReader *reader, const char *label, NpyHeader *header) {
    if (header->rank > RANK_MAX && !header->unsupported)
        header->unsupported =
            arena_printf(reader->arena, "%d axes, at most %d can be used", header->rank, RANK_MAX);
    if (header->unsupported) {
        header->dtype = DTYPE_NONE;
        return true;
    }
    if (!weights_count(header->dims, header->rank, &header->count)) {
        weights_error(reader, E0408,
                      "%sthe shape is too large: more than 2^31 - 1 along an axis or 2^40 in all", label);
        return false;
    }
    header->data_bytes = header->count * (int64_t)dtype_bytes(header->dtype); /* at most 2^43 */
    return true;
}

bool npy_header_read(WeightsReader *reader, const char *label, const uint8_t *bytes, size_t available,
                     NpyHeader *out_header) {
    size_t start;
    *out_header = (NpyHeader){0};
    if (!read_start(reader, label, bytes, available, out_header, &start)) return false;
    Dict dict = {.reader = reader,
                 .label = label,
                 .text = (const char *)bytes + start,
                 .length = out_header->header_bytes - start,
                 .header = out_header};
    return read_dict(&dict) && check_extent(reader, label, out_header);
}
