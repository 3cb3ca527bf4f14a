/* The names that every file sees: functions of the compiler, element types, and the blocks and functions of
 * the library files, which are parsed when one of their names is first used. */
#include "frontend/lang/builder_internal.h"

#include <ctype.h>
#include <string.h>

/* Written by the build from frontend/library/, ended by {0, 0}. */
extern const struct {
    const char *name, *text;
} library_files[];

/* Declarations begin at the first column: "block LSTM(" or "fn gelu(". */
static const char *next_declaration(const char *text, const char **out_name, size_t *out_length) {
    for (const char *line = text; line; line = strchr(line, '\n')) {
        if (*line == '\n') line++;
        const char *name = strncmp(line, "block ", 6) == 0 ? line + 6
                           : strncmp(line, "fn ", 3) == 0  ? line + 3
                                                           : NULL;
        if (!name) continue;
        size_t length = 0;
        while (isalnum((unsigned char)name[length]) || name[length] == '_') length++;
        *out_name = name;
        *out_length = length;
        return name + length;
    }
    return NULL;
}

static int file_of(const char *wanted) {
    for (int i = 0; library_files[i].name; i++) {
        const char *at = library_files[i].text, *name;
        size_t length;
        while ((at = next_declaration(at, &name, &length)))
            if (strlen(wanted) == length && strncmp(wanted, name, length) == 0) return i;
    }
    return -1;
}

const char *library_source_of(const char *block_name, const char **out_path) {
    int file = file_of(block_name);
    if (file < 0) return NULL;
    if (out_path) *out_path = library_files[file].name;
    return library_files[file].text;
}

static Unit *library_unit(Builder *b, int file) {
    const char *path = arena_printf(b->arena, "<library>/%s", library_files[file].name);
    for (int i = 0; i < b->units.count; i++)
        if (strcmp(b->units.items[i]->path, path) == 0) return b->units.items[i];
    const char *text = library_files[file].text;
    SourceFile *source = source_from_text(b->arena, path, text, strlen(text));
    return unit_define(b, parse_file(b->arena, b->diagnostics, source), path, path, true);
}

static Datum builtin_name(const char *name, bool *found) {
    *found = true;
    if (strcmp(name, "none") == 0) return NONE;
    if (strcmp(name, "pi") == 0) return datum_float(3.14159265358979323846);
    if (strcmp(name, "inf") == 0) return datum_float(__builtin_inf());
    DType dtype = dtype_from_text(name, strlen(name));
    if (dtype != DTYPE_NONE) return (Datum){.kind = DATUM_DTYPE, .dtype = dtype};
    const Builtin *builtin = builtin_find(name);
    if (builtin) return (Datum){.kind = DATUM_BUILTIN, .builtin = builtin};
    *found = false;
    return POISON;
}

Slot *library_find(Builder *b, const char *name) {
    Slot *slot = scope_find_here(b->library, name);
    if (slot) return slot;
    bool found;
    Datum datum = builtin_name(name, &found);
    if (found) return scope_add_datum(b->arena, b->library, name, (Span){0}, datum);
    int file = file_of(name);
    if (file < 0) return NULL;
    Slot *inner = scope_find_here(library_unit(b, file)->scope, name);
    return inner ? scope_add_datum(b->arena, b->library, name, inner->span, inner->datum) : NULL;
}

int library_names(Builder *b, const char **names, int capacity) {
    int count = builtin_names(names, capacity);
    for (int i = 0; library_files[i].name; i++) {
        const char *at = library_files[i].text, *name;
        size_t length;
        while (count < capacity && (at = next_declaration(at, &name, &length)))
            names[count++] = arena_strndup(b->arena, name, length);
    }
    return count;
}
