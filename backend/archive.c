#include "backend/archive.h"
#include "backend/object.h"
#include "support/text.h"

#include <ar.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

/* A member's name field holds the name and a slash. */
enum { SHORT_NAME_MAX = sizeof((struct ar_hdr *)0)->ar_name - 1 };

typedef struct IndexEntry {
    const char *name;
    int member;
} IndexEntry;

typedef struct Archive {
    Arena *arena;
    ArchiveMember *members;
    int count;
    VECTOR(IndexEntry) symbols;
    int current; /* the member whose symbols are read */
    Text long_names;
    Output *output;
} Archive;

/* What another object may be linked against. */
static bool collect_symbol(void *context, const char *name, const Elf64_Sym *symbol) {
    Archive *archive = context;
    int binding = ELF64_ST_BIND(symbol->st_info);
    if (symbol->st_shndx == SHN_UNDEF || binding == STB_LOCAL) return true;
    IndexEntry entry = {name, archive->current};
    vector_push(archive->arena, &archive->symbols, entry);
    return true;
}

static bool read_members(Archive *archive, Diagnostics *diagnostics) {
    for (int i = 0; i < archive->count; i++) {
        const ArchiveMember *member = &archive->members[i];
        assert(*member->name && !strpbrk(member->name, "/\n"));
        ElfFile file;
        const char *error;
        archive->current = i;
        bool good = elf_open(&file, member->bytes, member->size, &error);
        if (good && !elf_visit_symbols(&file, SHT_SYMTAB, collect_symbol, archive)) {
            error = "the symbol table is damaged";
            good = false;
        }
        if (good) continue;
        diagnose_error(diagnostics, E0642, (Span){0}, "%s: cannot go into an archive: %s", member->name,
                       error);
        return false;
    }
    return true;
}

static uint64_t even(uint64_t bytes) { return bytes + (bytes & 1); }

static uint64_t index_bytes(const Archive *archive) {
    uint64_t bytes = 4;
    for (int i = 0; i < archive->symbols.count; i++) bytes += 4 + strlen(archive->symbols.items[i].name) + 1;
    return even(bytes);
}

static void collect_long_names(Archive *archive) {
    text_init(&archive->long_names);
    for (int i = 0; i < archive->count; i++)
        if (strlen(archive->members[i].name) > SHORT_NAME_MAX)
            text_printf(&archive->long_names, "%s/\n", archive->members[i].name);
}

/* Gives every member its place. False: a size does not fit the format. */
static bool place_members(Archive *archive) {
    uint64_t offset = SARMAG + sizeof(struct ar_hdr) + index_bytes(archive);
    if (archive->long_names.length) offset += sizeof(struct ar_hdr) + even(archive->long_names.length);
    for (int i = 0; i < archive->count; i++) {
        ArchiveMember *member = &archive->members[i];
        if (offset > UINT32_MAX || member->size > 9999999999) return false;
        member->offset = offset + sizeof(struct ar_hdr);
        offset = even(member->offset + member->size);
    }
    return true;
}

/* Fields end with spaces, not with a zero. */
static bool write_header(Archive *archive, const char *name, const char *mode, uint64_t size) {
    struct ar_hdr header;
    char text[sizeof header + 12]; /* room for any size, though place_members admits ten digits only */
    snprintf(text, sizeof text, "%-16s%-12s%-6s%-6s%-8s%-10llu%s", name, "0", "0", "0", mode,
             (unsigned long long)size, ARFMAG);
    return output_write(archive->output, text, sizeof header);
}

static bool write_padding(Archive *archive, uint64_t size, char padding) {
    return !(size & 1) || output_write(archive->output, &padding, 1);
}

static bool write_big_endian(Archive *archive, uint64_t value) {
    unsigned char bytes[4];
    for (int i = 0; i < 4; i++) bytes[i] = (unsigned char)(value >> (24 - 8 * i));
    return output_write(archive->output, bytes, sizeof bytes);
}

/* Offsets of the members that define each symbol, then the names in the same order. */
static bool write_index(Archive *archive) {
    uint64_t bytes = 4, padded = index_bytes(archive);
    if (!write_header(archive, "/", "0", padded)) return false;
    write_big_endian(archive, (uint64_t)archive->symbols.count);
    for (int i = 0; i < archive->symbols.count; i++) {
        const ArchiveMember *member = &archive->members[archive->symbols.items[i].member];
        write_big_endian(archive, member->offset - sizeof(struct ar_hdr));
    }
    for (int i = 0; i < archive->symbols.count; i++) {
        const char *name = archive->symbols.items[i].name;
        output_write(archive->output, name, strlen(name) + 1);
        bytes += 4 + strlen(name) + 1;
    }
    return write_padding(archive, padded - bytes, 0);
}

static bool write_long_names(Archive *archive) {
    const Text *names = &archive->long_names;
    if (!names->length) return true;
    struct ar_hdr header;
    char text[sizeof header + 12];
    snprintf(text, sizeof text, "%-48s%-10zu%s", "//", names->length, ARFMAG);
    return output_write(archive->output, text, sizeof header) &&
           output_write(archive->output, names->bytes, names->length) &&
           write_padding(archive, names->length, '\n');
}

static bool write_members(Archive *archive) {
    size_t long_offset = 0;
    for (int i = 0; i < archive->count; i++) {
        const ArchiveMember *member = &archive->members[i];
        size_t length = strlen(member->name);
        const char *name = arena_printf(archive->arena, "%s/", member->name);
        if (length > SHORT_NAME_MAX) {
            name = arena_printf(archive->arena, "/%zu", long_offset);
            long_offset += length + 2;
        }
        if (!write_header(archive, name, "644", member->size) ||
            !output_write(archive->output, member->bytes, member->size) ||
            !write_padding(archive, member->size, '\n'))
            return false;
    }
    return true;
}

bool archive_write(Arena *arena, Diagnostics *diagnostics, Output *output, ArchiveMember *members,
                   int count) {
    Archive archive = {.arena = arena, .members = members, .count = count, .output = output};
    if (!read_members(&archive, diagnostics)) return false;
    collect_long_names(&archive);
    bool good = place_members(&archive);
    if (!good)
        diagnose_error(diagnostics, E0642, (Span){0}, "%s: an archive cannot be larger than 4 GiB",
                       output_path(output));
    good = good && output_write(output, ARMAG, SARMAG) && write_index(&archive) &&
           write_long_names(&archive) && write_members(&archive);
    text_deinit(&archive.long_names);
    return good;
}
