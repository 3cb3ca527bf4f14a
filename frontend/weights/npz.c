/* A .npz file is a zip archive whose members "<name>.npy" are arrays. libzip unpacks and checks sums, in
 * memory; nothing is ever written to disk. Stored arrays stay where they are mapped. Memory is taken only
 * after the header of the array, the directory and the highest ratio of deflate agree that so many bytes can
 * come. */
#include "frontend/weights/weights_internal.h"

#include <string.h>
#include <zip.h>

/* A deflate stream of n bytes unpacks to less than 1032 n. */
enum { DEFLATE_RATIO_MAX = 1032, CHUNK_BYTES = 64 * 1024 };

typedef struct Npz {
    WeightsReader *reader;
    zip_t *archive;
    uint8_t *start; /* NPY_START_BYTES_MAX */
    uint8_t *chunk; /* CHUNK_BYTES */
} Npz;

typedef struct Unpacking {
    Npz *npz;
    const ZipMember *member;
    zip_file_t *file;
} Unpacking;

static bool refuse(const Unpacking *unpacking, const char *problem) {
    weights_error(unpacking->npz->reader, E0406, "member '%s': %s", unpacking->member->name, problem);
    return false;
}

/* Exactly |count| bytes. */
static bool unpack(Unpacking *unpacking, uint8_t *bytes, uint64_t count) {
    while (count) {
        uint64_t wanted = count < (1u << 30) ? count : 1u << 30;
        zip_int64_t got = zip_fread(unpacking->file, bytes, wanted);
        if (got < 0) return refuse(unpacking, zip_file_strerror(unpacking->file));
        if (got == 0) return refuse(unpacking, "it is shorter than its directory entry says");
        bytes += got;
        count -= (uint64_t)got;
    }
    return true;
}

/* At the end libzip compares the sum. */
static bool unpack_end(Unpacking *unpacking) {
    uint8_t byte;
    zip_int64_t got = zip_fread(unpacking->file, &byte, 1);
    if (got < 0) return refuse(unpacking, zip_file_strerror(unpacking->file));
    return got == 0 || refuse(unpacking, "it is longer than its directory entry says");
}

/* A stored member is checked, and used where it is mapped. */
static bool check_stored(Unpacking *unpacking, uint64_t offset, uint64_t count) {
    Npz *npz = unpacking->npz;
    for (uint64_t step; count; offset += step, count -= step) {
        step = count < CHUNK_BYTES ? count : CHUNK_BYTES;
        if (!unpack(unpacking, npz->chunk, step)) return false;
        if (memcmp(npz->chunk, npz->reader->bytes + offset, step) != 0)
            return refuse(unpacking, "its place in the archive is ambiguous");
    }
    return true;
}

static const char *tensor_name(Arena *arena, const ZipMember *member) {
    return arena_strndup(arena, member->name, strlen(member->name) - strlen(".npy"));
}

static bool read_array(Unpacking *unpacking) {
    Npz *npz = unpacking->npz;
    WeightsReader *reader = npz->reader;
    const ZipMember *member = unpacking->member;
    const char *label = arena_printf(reader->arena, "member '%s': ", member->name);
    const char *name = tensor_name(reader->arena, member);
    uint64_t start = member->bytes < NPY_START_BYTES_MAX ? member->bytes : NPY_START_BYTES_MAX;
    NpyHeader header;
    if (member->bytes / DEFLATE_RATIO_MAX > member->packed_bytes)
        return refuse(unpacking, "so few bytes cannot unpack to its size");
    if (!unpack(unpacking, npz->start, start)) return false;
    if (!npy_header_read(reader, label, npz->start, (size_t)start, &header)) return false;
    if (header.unsupported) {
        vector_push(reader->arena, &reader->left_out, ((LeftOut){name, header.unsupported}));
        return true;
    }
    if (member->bytes - header.header_bytes != (uint64_t)header.data_bytes) {
        weights_error(reader, E0405, "%sthe shape takes %lld bytes, but %llu follow the header", label,
                      (long long)header.data_bytes,
                      (unsigned long long)(member->bytes - header.header_bytes));
        return false;
    }
    const uint8_t *data = reader->bytes + member->data_offset + header.header_bytes;
    if (member->method == 0) {
        if (!check_stored(unpacking, member->data_offset + start, member->bytes - start)) return false;
    } else {
        uint64_t have = start - header.header_bytes;
        uint8_t *copy = arena_alloc(reader->arena, (size_t)header.data_bytes);
        if (have) memcpy(copy, npz->start + header.header_bytes, have);
        if (!unpack(unpacking, copy + have, (uint64_t)header.data_bytes - have)) return false;
        data = copy;
    }
    if (!unpack_end(unpacking)) return false;
    vector_push(reader->arena, &reader->tensors, npy_tensor(reader, &header, name, data));
    return true;
}

/* libzip must see the same member as our own reading of the directory. */
static bool same_member(zip_t *archive, int index, const ZipMember *member) {
    zip_stat_t status;
    const zip_uint64_t wanted = ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_CRC | ZIP_STAT_COMP_METHOD;
    return zip_stat_index(archive, (zip_uint64_t)index, ZIP_FL_UNCHANGED, &status) == 0 &&
           (status.valid & wanted) == wanted && status.size == member->bytes &&
           status.comp_size == member->packed_bytes && status.crc == member->crc &&
           status.comp_method == member->method;
}

static bool read_member(Npz *npz, int index, const ZipMember *member) {
    size_t length = strlen(member->name);
    Unpacking unpacking = {npz, member, NULL};
    if (member->name[length - 1] == '/' && member->bytes == 0) return true;
    if (length < 4 || strcmp(member->name + length - 4, ".npy") != 0) {
        vector_push(npz->reader->arena, &npz->reader->left_out,
                    ((LeftOut){member->name, "not a .npy member"}));
        return true;
    }
    if (!same_member(npz->archive, index, member)) return refuse(&unpacking, "the archive is ambiguous");
    unpacking.file = zip_fopen_index(npz->archive, (zip_uint64_t)index, ZIP_FL_UNCHANGED);
    if (!unpacking.file) return refuse(&unpacking, zip_strerror(npz->archive));
    bool good = read_array(&unpacking);
    zip_fclose(unpacking.file);
    return good;
}

/* NULL: reported. */
static zip_t *open_archive(WeightsReader *reader, int count) {
    zip_error_t error;
    zip_error_init(&error);
    zip_source_t *source = zip_source_buffer_create(reader->bytes, reader->size, 0, &error);
    zip_t *archive = source ? zip_open_from_source(source, ZIP_RDONLY | ZIP_CHECKCONS, &error) : NULL;
    if (!archive) {
        weights_error(reader, E0406, "not a sound .npz archive: %s", zip_error_strerror(&error));
        if (source) zip_source_free(source);
    } else if (zip_get_num_entries(archive, ZIP_FL_UNCHANGED) != count) {
        weights_error(reader, E0406, "not a sound .npz archive: the number of its members is ambiguous");
        zip_discard(archive);
        archive = NULL;
    }
    zip_error_fini(&error);
    return archive;
}

static void note_pytorch(Diagnostic *diagnostic, const ZipMember *members, int count) {
    for (int i = 0; i < count; i++)
        if (strstr(members[i].name, "data.pkl"))
            diagnostic_note(diagnostic, (Span){0},
                            "this is a PyTorch checkpoint; save with safetensors.torch.save_file instead");
}

bool npz_read(WeightsReader *reader) {
    ZipMember *members;
    int count;
    if (!zip_directory_read(reader, &members, &count)) return false;
    Npz npz = {reader, open_archive(reader, count), arena_alloc(reader->arena, NPY_START_BYTES_MAX),
               arena_alloc(reader->arena, CHUNK_BYTES)};
    if (!npz.archive) return false;
    bool good = true;
    for (int i = 0; good && i < count; i++) good = read_member(&npz, i, &members[i]);
    zip_discard(npz.archive);
    if (good && count && reader->tensors.count == 0 && reader->left_out.count) {
        Diagnostic *diagnostic =
            weights_error(reader, E0406, "no member can be used: '%s': %s", reader->left_out.items[0].name,
                          reader->left_out.items[0].reason);
        note_pytorch(diagnostic, members, count);
        good = false;
    }
    return good;
}
