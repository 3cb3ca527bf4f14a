/* Reads 64-bit little-endian ELF files: objects the backend emitted, and libraries that `tenon run` loads.
 * The bytes stay the caller's; nothing is copied, and nothing outside them is ever read, whatever they hold.
 * Knows sections and symbols only: relocations are the linker's work. */
#ifndef TENON_BACKEND_OBJECT_H
#define TENON_BACKEND_OBJECT_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct ElfFile {
    const unsigned char *bytes;
    size_t size;
    uint64_t sections; /* offset of the section table */
    uint64_t section_count;
    uint64_t name_section; /* index of the section that holds the names; 0: none */
    uint16_t kind;         /* ET_REL, ET_DYN, ... */
    uint16_t machine;      /* EM_X86_64, ... */
} ElfFile;

/* False: |out_error| tells what is wrong, as a constant text. */
bool elf_open(ElfFile *out, const void *bytes, size_t size, const char **out_error);

/* Headers are checked one by one: a damaged section does not hide the others. */
bool elf_section(const ElfFile *file, uint64_t index, Elf64_Shdr *out);
const char *elf_section_name(const ElfFile *file, const Elf64_Shdr *section); /* NULL: damaged */
/* The first section of that name. */
bool elf_find_section(const ElfFile *file, const char *name, Elf64_Shdr *out);

/* Calls |visit| for every symbol with a name in the first table of |type|: SHT_SYMTAB or SHT_DYNSYM. Stops
 * when it returns false. False: the table is damaged; a missing one has no symbols. */
typedef bool (*ElfVisitor)(void *context, const char *name, const Elf64_Sym *symbol);
bool elf_visit_symbols(const ElfFile *file, uint32_t type, ElfVisitor visit, void *context);

/* A file in memory, read-only. */
typedef struct MappedBytes {
    const void *bytes;
    size_t size;
} MappedBytes;

/* Maps the regular file |descriptor|, which may be closed afterwards. False: errno tells why. */
bool mapped_bytes_open(int descriptor, MappedBytes *out);
void mapped_bytes_close(MappedBytes *bytes);

/* Where the bytes of section |name| lie in the relocatable file |descriptor|, so that they can be overwritten
 * in place. False: |out_error| tells why. */
bool object_find_section(int descriptor, const char *name, uint64_t *out_offset, uint64_t *out_bytes,
                         const char **out_error);

#endif
