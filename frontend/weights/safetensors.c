/* Source: https://github.com/huggingface/safetensors, Format; the checks are those of its reference reader
 * and of the README, where the two differ the stricter, but blanks before the '{' are only warned of. */
#include "frontend/weights/weights_internal.h"
#include "support/checked.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH_BYTES = 8, SHAPE_ITEMS_MAX = 32 };

/* Known types; those without a DType of ours are checked like the others and then left out. */
static const struct {
    const char *text;
    DType dtype;
    int bits;
} types[] = {
    {"F32", DTYPE_F32, 32},         {"F16", DTYPE_F16, 16},     {"BF16", DTYPE_BF16, 16},
    {"F64", DTYPE_F64, 64},         {"I8", DTYPE_I8, 8},        {"I16", DTYPE_I16, 16},
    {"I32", DTYPE_I32, 32},         {"I64", DTYPE_I64, 64},     {"U8", DTYPE_U8, 8},
    {"BOOL", DTYPE_BOOL, 8},        {"U16", DTYPE_NONE, 16},    {"U32", DTYPE_NONE, 32},
    {"U64", DTYPE_NONE, 64},        {"C64", DTYPE_NONE, 64},    {"F8_E4M3", DTYPE_NONE, 8},
    {"F8_E5M2", DTYPE_NONE, 8},     {"F8_E8M0", DTYPE_NONE, 8}, {"F8_E4M3FNUZ", DTYPE_NONE, 8},
    {"F8_E5M2FNUZ", DTYPE_NONE, 8}, {"F6_E2M3", DTYPE_NONE, 6}, {"F6_E3M2", DTYPE_NONE, 6},
    {"F4", DTYPE_NONE, 4},
};
enum { TYPE_COUNT = sizeof types / sizeof *types };

typedef struct Record {
    TensorSource tensor; /* bytes not set yet */
    int64_t begin, end;
    const char *left_out; /* NULL: usable */
} Record;

typedef struct Header {
    WeightsReader *reader;
    int64_t data_start, data_bytes;
    Record *records;
    int count;
} Header;

static uint64_t load_length(const uint8_t *bytes) {
    uint64_t length = 0;
    for (int i = 0; i < LENGTH_BYTES; i++) length |= (uint64_t)bytes[i] << (8 * i);
    return length;
}

/* Files that often bear the wrong extension. */
static void note_true_format(Diagnostic *diagnostic, const WeightsReader *reader) {
    static const struct {
        const char *start, *meaning;
    } starts[] = {
        {"version https://git-lfs", "this is a Git LFS pointer, not the file itself: run 'git lfs pull'"},
        {"PK\003\004", "this is a zip archive, as torch.save or numpy.savez write them"},
        {"\x93NUMPY", "this is a .npy file"},
        {"\x80\002", "this is a pickle; save with safetensors.torch.save_file instead"},
        {"\x89HDF", "this is an HDF5 file"},
        {"<", "this looks like a web page: was the download complete?"},
    };
    for (size_t i = 0; i < sizeof starts / sizeof *starts; i++) {
        size_t length = strlen(starts[i].start);
        if (reader->size >= length && memcmp(reader->bytes, starts[i].start, length) == 0)
            diagnostic_note(diagnostic, (Span){0}, "%s", starts[i].meaning);
    }
}

static bool locate_header(Header *header) {
    WeightsReader *reader = header->reader;
    if (reader->size < LENGTH_BYTES) {
        note_true_format(
            weights_error(reader, E0403, "not a safetensors file: it has only %zu bytes", reader->size),
            reader);
        return false;
    }
    uint64_t length = load_length(reader->bytes), rest = reader->size - LENGTH_BYTES;
    if (length > rest) {
        Diagnostic *diagnostic = weights_error(
            reader, E0403,
            "not a safetensors file, or cut short: a header of %llu bytes, but %llu bytes follow",
            (unsigned long long)length, (unsigned long long)rest);
        note_true_format(diagnostic, reader);
        return false;
    }
    if (length > SAFETENSORS_HEADER_BYTES_MAX) {
        weights_error(reader, E0408, "a header of %llu bytes, the limit is %d", (unsigned long long)length,
                      SAFETENSORS_HEADER_BYTES_MAX);
        return false;
    }
    header->data_start = LENGTH_BYTES + (int64_t)length;
    header->data_bytes = (int64_t)(rest - length);
    return true;
}

static bool check_first_byte(WeightsReader *reader, const uint8_t *text, size_t length) {
    size_t blanks = 0;
    while (blanks < length && memchr(" \t\r\n", text[blanks], 4)) blanks++;
    if (blanks == length || text[blanks] != '{') {
        weights_error(reader, E0403, "not a safetensors file: the header is not a JSON object");
        return false;
    }
    if (blanks)
        diagnose_warning(reader->diagnostics, W0401, reader->span,
                         "%s: the header begins with %zu blank bytes; the format wants '{' first",
                         reader->path, blanks);
    return true;
}

/* NULL: reported. */
static json_t *parse_header(const Header *header) {
    static const JsonLimits limits = {.depth = SAFETENSORS_DEPTH_MAX,
                                      .array_items = SHAPE_ITEMS_MAX,
                                      .object_members = WEIGHTS_TENSORS_MAX + 1,
                                      .values = 16 * (int64_t)WEIGHTS_TENSORS_MAX};
    WeightsReader *reader = header->reader;
    const uint8_t *text = reader->bytes + LENGTH_BYTES;
    size_t length = (size_t)header->data_start - LENGTH_BYTES, offset = 0;
    if (!check_first_byte(reader, text, length)) return NULL;
    const char *problem = json_check(text, length, &limits, &offset);
    if (problem) {
        weights_error(reader, E0403, "the header is refused: %s (byte %zu)", problem, offset + LENGTH_BYTES);
        return NULL;
    }
    json_error_t error;
    json_t *root = json_loadb((const char *)text, length, JSON_REJECT_DUPLICATES, &error);
    if (!root) weights_error(reader, E0403, "the header is not valid JSON: %s", error.text);
    return root;
}

static bool check_metadata(WeightsReader *reader, json_t *metadata) {
    const char *key;
    json_t *value;
    if (!json_is_object(metadata)) {
        weights_error(reader, E0403, "'__metadata__' is not an object of strings");
        return false;
    }
    json_object_foreach(metadata, key, value) {
        if (json_is_string(value)) continue;
        weights_error(reader, E0403, "in '__metadata__' the value of '%.*s' is not a string",
                      WEIGHTS_NAME_BYTES_MAX, key);
        return false;
    }
    return true;
}

static bool check_name(WeightsReader *reader, const char *name) {
    size_t length = strlen(name);
    if (length > WEIGHTS_NAME_BYTES_MAX) {
        weights_error(reader, E0408, "the name '%.40s...' has %zu bytes, the limit is %d", name, length,
                      WEIGHTS_NAME_BYTES_MAX);
        return false;
    }
    if (length == 0) weights_error(reader, E0403, "a tensor has an empty name");
    return length > 0;
}

/* All numbers are whole and not negative: json_check saw to it. */
static bool read_numbers(json_t *list, int64_t *out_numbers, int *out_count) {
    if (!json_is_array(list)) return false;
    *out_count = (int)json_array_size(list);
    for (int i = 0; i < *out_count; i++) {
        json_t *item = json_array_get(list, (size_t)i);
        if (!json_is_integer(item)) return false;
        out_numbers[i] = json_integer_value(item);
    }
    return true;
}

static const char *shape_text(Arena *arena, const char *type, const int64_t *dims, int rank) {
    char *text = arena_printf(arena, "%s[", type);
    for (int i = 0; i < rank; i++)
        text = arena_printf(arena, "%s%s%lld", text, i ? ", " : "", (long long)dims[i]);
    return arena_printf(arena, "%s]", text);
}

static bool check_extent(const Header *header, const Record *record, int type, const int64_t *dims,
                         int rank) {
    WeightsReader *reader = header->reader;
    const char *name = record->tensor.name;
    int64_t count;
    if (!weights_count(dims, rank, &count)) {
        weights_error(reader, E0408, "tensor '%s': %s is too large", name,
                      shape_text(reader->arena, types[type].text, dims, rank));
        return false;
    }
    int64_t bits = count * types[type].bits; /* at most 2^46 */
    if (bits % 8 != 0) {
        weights_error(reader, E0404, "tensor '%s': %s does not fill whole bytes", name,
                      shape_text(reader->arena, types[type].text, dims, rank));
        return false;
    }
    if (record->begin > record->end) {
        weights_error(reader, E0404, "tensor '%s': data_offsets [%lld, %lld] end before they begin", name,
                      (long long)record->begin, (long long)record->end);
        return false;
    }
    if (record->end - record->begin != bits / 8) {
        weights_error(
            reader, E0404, "tensor '%s': %s takes %lld bytes, but data_offsets [%lld, %lld] hold %lld", name,
            shape_text(reader->arena, types[type].text, dims, rank), (long long)(bits / 8),
            (long long)record->begin, (long long)record->end, (long long)(record->end - record->begin));
        return false;
    }
    if (record->end > header->data_bytes) {
        weights_error(reader, E0404,
                      "tensor '%s' ends at byte %lld of the data, but there are only %lld: cut short?", name,
                      (long long)record->end, (long long)header->data_bytes);
        return false;
    }
    return true;
}

static int find_type(const char *text) {
    int type = 0;
    while (type < TYPE_COUNT && strcmp(types[type].text, text) != 0) type++;
    return type;
}

static bool refuse_record(WeightsReader *reader, const char *name, const char *reason) {
    weights_error(reader, E0403, "tensor '%s': %s", name, reason);
    return false;
}

static bool read_record(const Header *header, const char *name, json_t *value, Record *out_record) {
    WeightsReader *reader = header->reader;
    if (!check_name(reader, name)) return false;
    if (!json_is_object(value)) return refuse_record(reader, name, "its entry is not an object");
    const char *type_text = json_string_value(json_object_get(value, "dtype"));
    int64_t dims[SHAPE_ITEMS_MAX], offsets[SHAPE_ITEMS_MAX];
    int rank, offset_count;
    if (!type_text) return refuse_record(reader, name, "its 'dtype' is missing or not a string");
    if (!read_numbers(json_object_get(value, "shape"), dims, &rank))
        return refuse_record(reader, name, "its 'shape' is missing or not a list of numbers");
    if (!read_numbers(json_object_get(value, "data_offsets"), offsets, &offset_count) || offset_count != 2)
        return refuse_record(reader, name, "its 'data_offsets' are missing or not two numbers");
    int type = find_type(type_text);
    if (type == TYPE_COUNT)
        return refuse_record(reader, name,
                             arena_printf(reader->arena, "'%.40s' is no dtype of the format", type_text));
    *out_record = (Record){.begin = offsets[0], .end = offsets[1]};
    TensorSource *tensor = &out_record->tensor;
    *tensor = (TensorSource){
        .file = reader->path, .name = arena_strdup(reader->arena, name), .dtype = types[type].dtype};
    if (!check_extent(header, out_record, type, dims, rank)) return false;
    if (tensor->dtype == DTYPE_NONE)
        out_record->left_out =
            arena_printf(reader->arena, "elements of type %s; convert them before saving", type_text);
    else if (rank > RANK_MAX)
        out_record->left_out = arena_printf(reader->arena, "%d axes, at most %d can be used", rank, RANK_MAX);
    else
        memcpy(tensor->dims, dims, (size_t)(tensor->rank = rank) * sizeof *dims);
    return true;
}

static bool read_records(Header *header, json_t *root) {
    const char *name;
    json_t *value;
    size_t members = json_object_size(root);
    header->records = NEW_ARRAY(header->reader->arena, Record, members);
    json_object_foreach(root, name, value) {
        if (strcmp(name, "__metadata__") == 0) {
            if (!check_metadata(header->reader, value)) return false;
            continue;
        }
        if (header->count == WEIGHTS_TENSORS_MAX) {
            weights_error(header->reader, E0408, "more than %d tensors", WEIGHTS_TENSORS_MAX);
            return false;
        }
        if (!read_record(header, name, value, &header->records[header->count])) return false;
        header->count++;
    }
    return true;
}

static int compare_ranges(const void *a, const void *b) {
    const Record *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return strcmp(x->tensor.name, y->tensor.name);
}

/* In order of place the ranges touch, from the first byte of the data to the last. */
static bool check_ranges(Header *header) {
    WeightsReader *reader = header->reader;
    int64_t expected = 0;
    if (header->count) qsort(header->records, (size_t)header->count, sizeof *header->records, compare_ranges);
    for (int i = 0; i < header->count; i++) {
        const Record *record = &header->records[i];
        if (record->begin < expected) {
            weights_error(reader, E0404, "tensors '%s' and '%s' overlap", record[-1].tensor.name,
                          record->tensor.name);
            return false;
        }
        if (record->begin > expected) {
            weights_error(reader, E0404, "%lld bytes before tensor '%s' belong to no tensor",
                          (long long)(record->begin - expected), record->tensor.name);
            return false;
        }
        expected = record->end;
    }
    if (expected == header->data_bytes) return true;
    weights_error(reader, E0404, "%lld bytes at the end belong to no tensor",
                  (long long)(header->data_bytes - expected));
    return false;
}

static void append_tensors(Header *header) {
    WeightsReader *reader = header->reader;
    for (int i = 0; i < header->count; i++) {
        Record *record = &header->records[i];
        record->tensor.bytes = reader->bytes + header->data_start + record->begin;
        if (record->left_out) {
            vector_push(reader->arena, &reader->left_out, ((LeftOut){record->tensor.name, record->left_out}));
        } else {
            vector_push(reader->arena, &reader->tensors, record->tensor);
        }
    }
}

bool safetensors_read(WeightsReader *reader) {
    Header header = {.reader = reader};
    if (!locate_header(&header)) return false;
    json_t *root = parse_header(&header);
    bool good = root && read_records(&header, root) && check_ranges(&header);
    json_decref(root);
    if (good) append_tensors(&header);
    return good;
}
