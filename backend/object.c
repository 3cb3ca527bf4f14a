#include "backend/object.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* |count| items of |item| bytes at |offset| lie inside the file. */
static bool holds(const ElfFile *file, uint64_t offset, uint64_t count, uint64_t item) {
    return offset <= file->size && count <= (file->size - offset) / item;
}

static const char *identity_error(const unsigned char *bytes, size_t size) {
    if (size < EI_NIDENT || memcmp(bytes, ELFMAG, SELFMAG) != 0) return "not an ELF file";
    if (bytes[EI_CLASS] != ELFCLASS64) return "not a 64-bit ELF file";
    if (bytes[EI_DATA] != ELFDATA2LSB) return "not a little-endian ELF file";
    if (size < sizeof(Elf64_Ehdr)) return "the ELF header is cut off";
    return NULL;
}

bool elf_open(ElfFile *out, const void *bytes, size_t size, const char **out_error) {
    if ((*out_error = identity_error(bytes, size))) return false;
    Elf64_Ehdr header;
    memcpy(&header, bytes, sizeof header);
    ElfFile file = {.bytes = bytes,
                    .size = size,
                    .sections = header.e_shoff,
                    .section_count = header.e_shnum,
                    .name_section = header.e_shstrndx,
                    .kind = header.e_type,
                    .machine = header.e_machine};
    *out_error = "the section table lies outside the file";
    if (file.sections && header.e_shentsize != sizeof(Elf64_Shdr)) return false;
    if (file.sections) {
        /* Numbers that do not fit the header stand in the first section. */
        Elf64_Shdr first;
        if (!holds(&file, file.sections, 1, sizeof first)) return false;
        memcpy(&first, file.bytes + file.sections, sizeof first);
        if (!file.section_count) file.section_count = first.sh_size;
        if (file.name_section == SHN_XINDEX) file.name_section = first.sh_link;
    } else {
        file.section_count = 0;
    }
    if (!holds(&file, file.sections, file.section_count, sizeof(Elf64_Shdr))) return false;
    *out = file;
    *out_error = NULL;
    return true;
}

bool elf_section(const ElfFile *file, uint64_t index, Elf64_Shdr *out) {
    if (index >= file->section_count) return false;
    Elf64_Shdr section;
    memcpy(&section, file->bytes + file->sections + index * sizeof section, sizeof section);
    if (section.sh_type != SHT_NOBITS && section.sh_type != SHT_NULL &&
        !holds(file, section.sh_offset, section.sh_size, 1))
        return false;
    *out = section;
    return true;
}

/* The text at |offset| of a string table; NULL unless the table ends with a zero, as it must. */
static const char *string_at(const ElfFile *file, uint64_t table, uint64_t offset) {
    Elf64_Shdr strings;
    if (!elf_section(file, table, &strings) || strings.sh_type != SHT_STRTAB || offset >= strings.sh_size)
        return NULL;
    const char *text = (const char *)file->bytes + strings.sh_offset;
    return text[strings.sh_size - 1] == 0 ? text + offset : NULL;
}

const char *elf_section_name(const ElfFile *file, const Elf64_Shdr *section) {
    return string_at(file, file->name_section, section->sh_name);
}

bool elf_find_section(const ElfFile *file, const char *name, Elf64_Shdr *out) {
    for (uint64_t i = 1; i < file->section_count; i++) {
        Elf64_Shdr section;
        if (!elf_section(file, i, &section) || section.sh_type == SHT_NULL) continue;
        const char *found = elf_section_name(file, &section);
        if (!found || strcmp(found, name) != 0) continue;
        *out = section;
        return true;
    }
    return false;
}

static bool find_section_of_type(const ElfFile *file, uint32_t type, Elf64_Shdr *out) {
    for (uint64_t i = 1; i < file->section_count; i++)
        if (elf_section(file, i, out) && out->sh_type == type) return true;
    return false;
}

bool elf_visit_symbols(const ElfFile *file, uint32_t type, ElfVisitor visit, void *context) {
    Elf64_Shdr table;
    if (!find_section_of_type(file, type, &table)) return true;
    if (table.sh_entsize != sizeof(Elf64_Sym)) return false;
    for (uint64_t i = 1; i < table.sh_size / sizeof(Elf64_Sym); i++) {
        Elf64_Sym symbol;
        memcpy(&symbol, file->bytes + table.sh_offset + i * sizeof symbol, sizeof symbol);
        if (!symbol.st_name) continue;
        const char *name = string_at(file, table.sh_link, symbol.st_name);
        if (!name) return false;
        if (!visit(context, name, &symbol)) break;
    }
    return true;
}

bool mapped_bytes_open(int descriptor, MappedBytes *out) {
    struct stat status;
    if (fstat(descriptor, &status) != 0) return false;
    if (!S_ISREG(status.st_mode)) {
        errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
        return false;
    }
    *out = (MappedBytes){"", 0};
    if (status.st_size == 0) return true;
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (bytes == MAP_FAILED) return false;
    *out = (MappedBytes){bytes, (size_t)status.st_size};
    return true;
}

void mapped_bytes_close(MappedBytes *file) {
    if (file->size) munmap((void *)file->bytes, file->size);
    *file = (MappedBytes){0};
}

bool object_find_section(int descriptor, const char *name, uint64_t *out_offset, uint64_t *out_bytes,
                         const char **out_error) {
    MappedBytes mapped;
    if (!mapped_bytes_open(descriptor, &mapped)) {
        *out_error = strerror(errno);
        return false;
    }
    ElfFile file;
    Elf64_Shdr section;
    bool found = false;
    if (elf_open(&file, mapped.bytes, mapped.size, out_error)) {
        if (file.kind != ET_REL)
            *out_error = "not a relocatable object file";
        else if (!elf_find_section(&file, name, &section))
            *out_error = "the object has no such section";
        else if (section.sh_type == SHT_NOBITS)
            *out_error = "the section holds no bytes in the file";
        else if (section.sh_flags & SHF_COMPRESSED)
            *out_error = "the section is compressed";
        else
            found = true;
    }
    if (found) {
        *out_offset = section.sh_offset;
        *out_bytes = section.sh_size;
    }
    mapped_bytes_close(&mapped);
    return found;
}
