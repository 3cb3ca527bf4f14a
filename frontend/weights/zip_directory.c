/* What libzip does not check of an archive: that it is nothing but an archive. A zip file is read from its
 * end, so other things can lie in front, between members and in the comment, and two readers can see two
 * different archives; members can share bytes and unpack to far more than the file holds. Here every byte of
 * a local header is compared with the directory, and members may not overlap. Source: PKWARE APPNOTE 6.3.3,
 * sections 4.3 and 4.5.3; D. Fifield, A better zip bomb (2019). */
#include "frontend/weights/weights_internal.h"

#include <stdlib.h>
#include <string.h>

enum {
    END_BYTES = 22,
    END64_BYTES = 56,
    LOCATOR_BYTES = 20,
    ENTRY_BYTES = 46,
    LOCAL_BYTES = 30,
    COMMENT_BYTES_MAX = 65535,
    END_SIGNATURE = 0x06054b50,
    END64_SIGNATURE = 0x06064b50,
    LOCATOR_SIGNATURE = 0x07064b50,
    ENTRY_SIGNATURE = 0x02014b50,
    LOCAL_SIGNATURE = 0x04034b50,
    FLAG_ENCRYPTED = 1 | 1 << 6 | 1 << 13,
    FLAG_DESCRIPTOR = 1 << 3, /* sizes follow the data; those of the local header are zero */
    EXTRA_ZIP64 = 1
};

typedef struct Zip {
    WeightsReader *reader;
    uint64_t count, directory_offset, directory_bytes;
    uint64_t directory_end; /* where the end records begin */
    ZipMember *members;
} Zip;

static uint64_t load(const uint8_t *bytes, int count) {
    uint64_t value = 0;
    for (int i = 0; i < count; i++) value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

static bool refuse(const Zip *zip, const char *problem) {
    weights_error(zip->reader, E0406, "not a sound .npz archive: %s", problem);
    return false;
}

static bool refuse_member(const Zip *zip, const ZipMember *member, const char *problem) {
    weights_error(zip->reader, E0406, "member '%s': %s", member->name, problem);
    return false;
}

/* The end record whose comment reaches the last byte of the file; there may be only one such place. */
static bool find_end(const Zip *zip, size_t *out_offset) {
    const uint8_t *bytes = zip->reader->bytes;
    size_t size = zip->reader->size, found = 0;
    for (size_t comment = 0; comment <= COMMENT_BYTES_MAX && comment + END_BYTES <= size; comment++) {
        size_t offset = size - END_BYTES - comment;
        if (load(bytes + offset, 4) != END_SIGNATURE || load(bytes + offset + 20, 2) != comment) continue;
        *out_offset = offset;
        if (found++) return refuse(zip, "it has two end records");
    }
    return found || refuse(zip, "it has no end record; cut short, or not a zip file");
}

/* Archives with more than 65535 members or 4 GiB keep the true numbers in a second record before the first.
 */
static bool read_end64(Zip *zip, size_t end) {
    const uint8_t *bytes = zip->reader->bytes, *locator = bytes + end - LOCATOR_BYTES;
    uint64_t offset = load(locator + 8, 8);
    if (load(locator + 4, 4) != 0 || load(locator + 16, 4) != 1) return refuse(zip, "it has several parts");
    if (offset > end - LOCATOR_BYTES || end - LOCATOR_BYTES - offset != END64_BYTES)
        return refuse(zip, "its zip64 end record is misplaced");
    const uint8_t *record = bytes + offset;
    if (load(record, 4) != END64_SIGNATURE || load(record + 4, 8) != END64_BYTES - 12)
        return refuse(zip, "its zip64 end record is damaged");
    if (load(record + 16, 8) != 0 || load(record + 24, 8) != load(record + 32, 8))
        return refuse(zip, "it has several parts");
    uint64_t count = load(record + 32, 8), directory_bytes = load(record + 40, 8),
             offset64 = load(record + 48, 8);
    if ((zip->count != 0xffff && zip->count != count) ||
        (zip->directory_bytes != 0xffffffff && zip->directory_bytes != directory_bytes) ||
        (zip->directory_offset != 0xffffffff && zip->directory_offset != offset64))
        return refuse(zip, "its two end records differ");
    zip->count = count;
    zip->directory_bytes = directory_bytes;
    zip->directory_offset = offset64;
    zip->directory_end = offset;
    return true;
}

static bool read_end(Zip *zip) {
    const uint8_t *bytes = zip->reader->bytes;
    size_t end = 0;
    if (!find_end(zip, &end)) return false;
    const uint8_t *record = bytes + end;
    if (load(record + 4, 4) != 0 || load(record + 8, 2) != load(record + 10, 2))
        return refuse(zip, "it has several parts");
    zip->count = load(record + 10, 2);
    zip->directory_bytes = load(record + 12, 4);
    zip->directory_offset = load(record + 16, 4);
    zip->directory_end = end;
    if (end >= LOCATOR_BYTES && load(bytes + end - LOCATOR_BYTES, 4) == LOCATOR_SIGNATURE &&
        !read_end64(zip, end))
        return false;
    if (zip->count > NPZ_MEMBERS_MAX) {
        weights_error(zip->reader, E0408, "%llu members, the limit is %d", (unsigned long long)zip->count,
                      NPZ_MEMBERS_MAX);
        return false;
    }
    if (zip->directory_offset > zip->directory_end ||
        zip->directory_end - zip->directory_offset != zip->directory_bytes)
        return refuse(zip, "its directory is not where the end record says; something is in front or behind");
    return true;
}

/* The zip64 field among the extra ones: 64-bit values for those of |values| that are all ones, in order. */
static bool apply_zip64(const uint8_t *extra, size_t bytes, uint64_t *const *values, int count) {
    size_t at = 0;
    while (bytes - at >= 4) {
        size_t id = load(extra + at, 2), length = load(extra + at + 2, 2), next = at + 4;
        if (length > bytes - next) return false;
        at = next + length;
        if (id != EXTRA_ZIP64) continue;
        for (int i = 0; i < count; i++) {
            if (*values[i] != 0xffffffff) continue;
            if (at - next < 8) return false;
            *values[i] = load(extra + next, 8);
            next += 8;
        }
        count = 0;
    }
    return true;
}

static bool check_name(const Zip *zip, const ZipMember *member, const uint8_t *bytes, size_t length) {
    const char *name = member->name;
    if (length == 0) return refuse(zip, "a member has no name");
    if (length > WEIGHTS_NAME_BYTES_MAX) return refuse(zip, "a member has a name of more than 1024 bytes");
    if (memchr(bytes, 0, length)) return refuse_member(zip, member, "its name goes on after a NUL byte");
    if (name[0] == '/' || strchr(name, '\\'))
        return refuse_member(zip, member, "its name is not a plain relative path");
    for (const char *part = name; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || !part[2]))
            return refuse_member(zip, member, "its name leads out of the archive with '..'");
    }
    return true;
}

static bool read_entry(const Zip *zip, const uint8_t *entry, size_t available, ZipMember *out_member,
                       size_t *out_bytes) {
    if (available < ENTRY_BYTES || load(entry, 4) != ENTRY_SIGNATURE)
        return refuse(zip, "its directory is damaged");
    size_t name_bytes = load(entry + 28, 2), extra_bytes = load(entry + 30, 2),
           comment_bytes = load(entry + 32, 2);
    *out_bytes = ENTRY_BYTES + name_bytes + extra_bytes + comment_bytes;
    if (*out_bytes > available) return refuse(zip, "its directory is cut short");
    ZipMember *member = out_member;
    *member =
        (ZipMember){.name = arena_strndup(zip->reader->arena, (const char *)entry + ENTRY_BYTES, name_bytes),
                    .flags = (unsigned)load(entry + 8, 2),
                    .method = (unsigned)load(entry + 10, 2),
                    .crc = (uint32_t)load(entry + 16, 4),
                    .packed_bytes = load(entry + 20, 4),
                    .bytes = load(entry + 24, 4),
                    .offset = load(entry + 42, 4)};
    if (!check_name(zip, member, entry + ENTRY_BYTES, name_bytes)) return false;
    uint64_t *values[] = {&member->bytes, &member->packed_bytes, &member->offset};
    if (load(entry + 34, 2) != 0 || !apply_zip64(entry + ENTRY_BYTES + name_bytes, extra_bytes, values, 3))
        return refuse_member(zip, member, "its directory entry is damaged");
    if (member->flags & FLAG_ENCRYPTED) return refuse_member(zip, member, "it is encrypted");
    if (member->method != 0 && member->method != 8) {
        weights_error(zip->reader, E0406,
                      "member '%s': compression method %u; stored and deflated members are read",
                      member->name, member->method);
        return false;
    }
    if (member->method == 0 && member->packed_bytes != member->bytes)
        return refuse_member(zip, member, "it is stored, but its two sizes differ");
    return true;
}

/* Sizes of a local header with a descriptor are zero, or equal (some writers fill them in later). */
static bool local_size_agrees(uint64_t local, uint64_t directory, unsigned flags) {
    return local == directory || (flags & FLAG_DESCRIPTOR && local == 0);
}

static bool check_local(const Zip *zip, ZipMember *member) {
    uint64_t end = zip->directory_offset;
    if (member->offset > end || end - member->offset < LOCAL_BYTES)
        return refuse_member(zip, member, "it lies outside the archive");
    const uint8_t *local = zip->reader->bytes + member->offset;
    size_t name_bytes = load(local + 26, 2), extra_bytes = load(local + 28, 2);
    if (load(local, 4) != LOCAL_SIGNATURE) return refuse_member(zip, member, "its local header is damaged");
    uint64_t rest = end - member->offset - LOCAL_BYTES;
    if (name_bytes + extra_bytes > rest || member->packed_bytes > rest - name_bytes - extra_bytes)
        return refuse_member(zip, member, "it reaches into the directory or beyond the file");
    uint64_t packed = load(local + 18, 4), bytes = load(local + 22, 4);
    uint64_t *values[] = {&bytes, &packed};
    bool same = apply_zip64(local + LOCAL_BYTES + name_bytes, extra_bytes, values, 2) &&
                load(local + 6, 2) == member->flags && load(local + 8, 2) == member->method &&
                local_size_agrees(load(local + 14, 4), member->crc, member->flags) &&
                local_size_agrees(packed, member->packed_bytes, member->flags) &&
                local_size_agrees(bytes, member->bytes, member->flags) &&
                name_bytes == strlen(member->name) &&
                memcmp(local + LOCAL_BYTES, member->name, name_bytes) == 0;
    if (!same) return refuse_member(zip, member, "its local header differs from the directory");
    member->data_offset = member->offset + LOCAL_BYTES + name_bytes + extra_bytes;
    return true;
}

static bool read_entries(Zip *zip) {
    const uint8_t *directory = zip->reader->bytes + zip->directory_offset;
    size_t available = (size_t)zip->directory_bytes, entry_bytes;
    if (zip->count > available / ENTRY_BYTES)
        return refuse(zip, "its directory is too short for its members");
    zip->members = NEW_ARRAY(zip->reader->arena, ZipMember, zip->count);
    for (uint64_t i = 0; i < zip->count; i++) {
        if (!read_entry(zip, directory, available, &zip->members[i], &entry_bytes)) return false;
        if (!check_local(zip, &zip->members[i])) return false;
        directory += entry_bytes;
        available -= entry_bytes;
    }
    return available == 0 || refuse(zip, "its directory has more bytes than members");
}

static int compare_names(const void *a, const void *b) {
    return strcmp((*(ZipMember *const *)a)->name, (*(ZipMember *const *)b)->name);
}

static int compare_offsets(const void *a, const void *b) {
    uint64_t x = (*(ZipMember *const *)a)->offset, y = (*(ZipMember *const *)b)->offset;
    return (x > y) - (x < y);
}

/* No name twice, no byte in two members, nothing before the first. */
static bool check_together(const Zip *zip) {
    size_t count = (size_t)zip->count;
    if (count == 0) return zip->directory_offset == 0 || refuse(zip, "something stands before its directory");
    ZipMember **sorted = NEW_ARRAY(zip->reader->arena, ZipMember *, count);
    for (size_t i = 0; i < count; i++) sorted[i] = &zip->members[i];
    qsort(sorted, count, sizeof *sorted, compare_names);
    for (size_t i = 1; i < count; i++)
        if (strcmp(sorted[i - 1]->name, sorted[i]->name) == 0)
            return refuse_member(zip, sorted[i], "it occurs twice");
    qsort(sorted, count, sizeof *sorted, compare_offsets);
    if (sorted[0]->offset != 0) return refuse(zip, "something stands before its first member");
    for (size_t i = 1; i < count; i++)
        if (sorted[i - 1]->data_offset + sorted[i - 1]->packed_bytes > sorted[i]->offset)
            return refuse_member(zip, sorted[i], "it overlaps another member");
    return true;
}

bool zip_directory_read(WeightsReader *reader, ZipMember **out_members, int *out_count) {
    Zip zip = {.reader = reader};
    if (!read_end(&zip) || !read_entries(&zip) || !check_together(&zip)) return false;
    *out_members = zip.members;
    *out_count = (int)zip.count;
    return true;
}
