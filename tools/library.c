#include "tools/library.h"
#include "backend/object.h"
#include "ir/reader.h"

#include <ctype.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#if defined(__x86_64__)
enum { HOST_MACHINE = EM_X86_64 };
#elif defined(__aarch64__)
enum { HOST_MACHINE = EM_AARCH64 };
#else
#error "name the ELF machine of this host"
#endif

enum { ABI_VERSION = 1, COUNT_MAX = 100000, INFO_SUFFIX = sizeof "_info" - 1 };

/* ---- Which models does the file hold? Found without running any of it. ---- */

typedef struct Exports {
    Arena *arena;
    VECTOR(const char *) functions;
    VECTOR(const char *) prefixes; /* X of each function X_info */
} Exports;

static bool collect_export(void *context, const char *name, const Elf64_Sym *symbol) {
    Exports *exports = context;
    int type = ELF64_ST_TYPE(symbol->st_info), binding = ELF64_ST_BIND(symbol->st_info);
    if (symbol->st_shndx == SHN_UNDEF || binding == STB_LOCAL) return true;
    if (type != STT_FUNC && type != STT_GNU_IFUNC) return true;
    if (strcmp(name, "_init") == 0 || strcmp(name, "_fini") == 0) return true;
    const char *copy = arena_strdup(exports->arena, name);
    vector_push(exports->arena, &exports->functions, copy);
    size_t length = strlen(name);
    if (length <= INFO_SUFFIX || strcmp(name + length - INFO_SUFFIX, "_info") != 0) return true;
    const char *prefix = arena_strndup(exports->arena, name, length - INFO_SUFFIX);
    vector_push(exports->arena, &exports->prefixes, prefix);
    return true;
}

static Diagnostic *library_error(Arena *arena, Diagnostics *diagnostics, const char *path, const char *format,
                                 ...) __attribute__((format(printf, 4, 5)));
static Diagnostic *library_error(Arena *arena, Diagnostics *diagnostics, const char *path, const char *format,
                                 ...) {
    va_list arguments;
    va_start(arguments, format);
    const char *reason = arena_vprintf(arena, format, arguments);
    va_end(arguments);
    return diagnose_error(diagnostics, E0650, (Span){0}, "%s: %s", path, reason);
}

static bool read_exports(Arena *arena, Diagnostics *diagnostics, const char *path, Exports *out) {
    *out = (Exports){arena};
    MappedBytes mapped;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0 || !mapped_bytes_open(descriptor, &mapped)) {
        const char *reason = errno == EINVAL ? "not a regular file" : strerror(errno);
        library_error(arena, diagnostics, path, "cannot be opened: %s", reason);
        if (descriptor >= 0) close(descriptor);
        return false;
    }
    close(descriptor);
    ElfFile file;
    const char *error;
    bool good = elf_open(&file, mapped.bytes, mapped.size, &error);
    if (good && file.kind != ET_DYN)
        error = "not a shared library";
    else if (good && file.machine != HOST_MACHINE)
        error = "made for another machine";
    else if (good && !elf_visit_symbols(&file, SHT_DYNSYM, collect_export, out))
        error = "the symbol table is damaged";
    Diagnostic *told = error ? library_error(arena, diagnostics, path, "%s", error) : NULL;
    const char *suffix = strrchr(path, '.');
    if (told && suffix && (strcmp(suffix, ".tn") == 0 || strcmp(suffix, ".tir") == 0))
        diagnostic_note(told, (Span){0}, "compile it first: tenon compile %s -march=native -o %.*s.so", path,
                        (int)(suffix - path), path);
    mapped_bytes_close(&mapped);
    return !error;
}

/* Every function that a compiled network exports begins with the prefix of a model. A library of another kind
 * that happens to have some X_info is not called by mistake. */
static bool is_ours(const Exports *exports) {
    for (int i = 0; i < exports->functions.count; i++) {
        bool found = false;
        for (int k = 0; k < exports->prefixes.count && !found; k++) {
            size_t length = strlen(exports->prefixes.items[k]);
            const char *function = exports->functions.items[i];
            found = strncmp(function, exports->prefixes.items[k], length) == 0 && function[length] == '_';
        }
        if (!found) return false;
    }
    return exports->prefixes.count > 0;
}

static const char *choose_prefix(Arena *arena, Diagnostics *diagnostics, const char *path,
                                 const Exports *exports, const char *model) {
    Diagnostic *diagnostic;
    if (model) {
        char *wanted = arena_strdup(arena, model);
        for (char *c = wanted; *c; c++) *c = (char)tolower((unsigned char)*c);
        for (int i = 0; i < exports->prefixes.count; i++)
            if (strcmp(exports->prefixes.items[i], model) == 0 ||
                strcmp(exports->prefixes.items[i], wanted) == 0)
                return exports->prefixes.items[i];
        diagnostic = library_error(arena, diagnostics, path, "holds no model '%s'", model);
    } else if (!is_ours(exports)) {
        library_error(arena, diagnostics, path, "no library of compiled networks");
        return NULL;
    } else if (exports->prefixes.count == 1) {
        return exports->prefixes.items[0];
    } else {
        diagnostic = library_error(arena, diagnostics, path, "holds several models: choose one with --model");
    }
    for (int i = 0; i < exports->prefixes.count; i++)
        diagnostic_note(diagnostic, (Span){0}, "it holds '%s'", exports->prefixes.items[i]);
    return NULL;
}

/* ---- Checking the info ---- */

static const tenon_entry_info *entry_at(const tenon_model_info *info, uint32_t index) {
    return (const tenon_entry_info *)((const char *)info->entries +
                                      (size_t)index * info->entries->struct_size);
}

static bool tensors_are_sound(const tenon_tensor_info *tensors, uint32_t count) {
    if (count > COUNT_MAX || (count && !tensors)) return false;
    for (uint32_t i = 0; i < count; i++) {
        const tenon_tensor_info *tensor = &tensors[i];
        if (!tensor->name || !tensor->shape || tensor->dtype <= DTYPE_NONE || tensor->dtype >= DTYPE_COUNT)
            return false;
        if (tensor->rank < 0 || tensor->rank > RANK_MAX || (tensor->rank && !tensor->bounds)) return false;
    }
    return true;
}

static const char *entry_fault(const tenon_entry_info *entry) {
    if (!entry->name || !entry->workspace_size || !entry->shape || !entry->call)
        return "an entry lacks a field";
    if (entry->dim_count > COUNT_MAX || (entry->dim_count && !entry->dims)) return "an entry lacks its dims";
    for (uint32_t i = 0; i < entry->dim_count; i++)
        if (!entry->dims[i].name || entry->dims[i].min > entry->dims[i].max)
            return "a dim has no name or no value";
    if (!tensors_are_sound(entry->inputs, entry->input_count) ||
        !tensors_are_sound(entry->outputs, entry->output_count))
        return "a tensor has no name, type or shape";
    return entry->workspace_align & (entry->workspace_align - 1) ? "an alignment is no power of two" : NULL;
}

/* NULL: sound. */
static const char *info_fault(const tenon_model_info *info) {
    if (!info) return "its info function returns NULL";
    if (info->abi_version < ABI_VERSION || info->struct_size < sizeof *info)
        return "its ABI version is not known";
    if (!info->name || info->entry_count > COUNT_MAX || (info->entry_count && !info->entries))
        return "its info lacks fields";
    if (info->entry_count && info->entries->struct_size < sizeof *info->entries)
        return "its ABI version is not known";
    if (info->state_size && !info->reset) return "its state has no reset function";
    if (info->state_align & (info->state_align - 1)) return "an alignment is no power of two";
    for (uint32_t i = 0; i < info->entry_count; i++) {
        const char *fault = entry_fault(entry_at(info, i));
        if (fault) return fault;
        if (entry_at(info, i)->uses_state && !info->state_size)
            return "an entry uses a state that has no bytes";
    }
    return NULL;
}

Library *library_open(Arena *arena, Diagnostics *diagnostics, const char *path, const char *model) {
    Exports exports;
    if (!read_exports(arena, diagnostics, path, &exports)) return NULL;
    const char *prefix = choose_prefix(arena, diagnostics, path, &exports, model);
    if (!prefix) return NULL;
    /* Without a slash dlopen would look in the system's folders. */
    const char *file = strchr(path, '/') ? path : arena_printf(arena, "./%s", path);
    Library *library = NEW(arena, Library);
    *library = (Library){path, dlopen(file, RTLD_NOW | RTLD_LOCAL), NULL};
    if (!library->handle) {
        library_error(arena, diagnostics, path, "cannot be loaded: %s", dlerror());
        return NULL;
    }
    const tenon_model_info *(*get_info)(void);
    *(void **)&get_info = dlsym(library->handle, arena_printf(arena, "%s_info", prefix));
    library->info = get_info ? get_info() : NULL;
    const char *fault = info_fault(library->info);
    if (!fault) return library;
    library_error(arena, diagnostics, path, "model '%s' cannot be driven: %s", prefix, fault);
    library_close(library);
    return NULL;
}

void library_close(Library *library) {
    if (library && library->handle) dlclose(library->handle);
}

/* ---- Entries ---- */

static const tenon_entry_info *find_entry(Arena *arena, Diagnostics *diagnostics, const Library *library,
                                          const char *name) {
    const tenon_model_info *info = library->info;
    if (!name && info->entry_count == 1) return entry_at(info, 0);
    for (uint32_t i = 0; name && i < info->entry_count; i++)
        if (strcmp(entry_at(info, i)->name, name) == 0) return entry_at(info, i);
    Diagnostic *diagnostic;
    if (name)
        diagnostic = library_error(arena, diagnostics, library->path, "model '%s' has no entry '%s'",
                                   info->name, name);
    else
        diagnostic = library_error(arena, diagnostics, library->path,
                                   "model '%s' has %u entries: choose one with --entry", info->name,
                                   (unsigned)info->entry_count);
    for (uint32_t i = 0; i < info->entry_count; i++)
        diagnostic_note(diagnostic, (Span){0}, "it has '%s'", entry_at(info, i)->name);
    return NULL;
}

/* The type that "N, 1, 28, 28" tells. False: reported. */
static bool read_type(Arena *arena, Diagnostics *diagnostics, const tenon_tensor_info *tensor,
                      ExprTable *exprs, int dim_count, Dim *const *dims, Type *out) {
    const char *text = arena_printf(arena, "%s[%s]", dtype_text((DType)tensor->dtype), tensor->shape);
    if (!tensor->rank) text = dtype_text((DType)tensor->dtype);
    Reader reader;
    reader_init(&reader, arena, diagnostics, source_from_text(arena, "<library>", text, strlen(text)), exprs);
    for (int i = 0; i < dim_count; i++) reader_push_symbol(&reader, dims[i]->name, dims[i]->symbol);
    *out = reader_type(&reader);
    if (!reader.failed && out->rank != tensor->rank)
        reader_error(&reader, (Span){0}, "'%s' has another rank than its shape", tensor->name);
    return !reader.failed;
}

bool library_entry(Arena *arena, Diagnostics *diagnostics, const Library *library, const char *name,
                   LibraryEntry *out) {
    const tenon_entry_info *info = find_entry(arena, diagnostics, library, name);
    if (!info) return false;
    ExprTable *exprs = expr_table_create(arena);
    Dim **dims = NEW_ARRAY(arena, Dim *, info->dim_count);
    for (uint32_t i = 0; i < info->dim_count; i++) {
        const tenon_dim_info *dim = &info->dims[i];
        dims[i] = NEW(arena, Dim);
        *dims[i] = (Dim){dim->name, symbol_create(arena, dim->name, dim->min, dim->max)};
    }
    const char **names = NEW_ARRAY(arena, const char *, info->input_count);
    Type *types = NEW_ARRAY(arena, Type, info->input_count);
    for (uint32_t i = 0; i < info->input_count; i++) {
        names[i] = info->inputs[i].name;
        if (!read_type(arena, diagnostics, &info->inputs[i], exprs, (int)info->dim_count, dims, &types[i]))
            return false;
    }
    const char *shown = arena_printf(arena, "%s.%s", library->info->name, info->name);
    *out = (LibraryEntry){info, {shown, (int)info->dim_count, (int)info->input_count, dims, names, types}};
    return true;
}
