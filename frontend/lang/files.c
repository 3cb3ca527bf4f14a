#include "frontend/lang/builder_internal.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SOURCE_BYTES_MAX = 16 << 20, IMPORT_DEPTH_MAX = 64 };

/* ---- Paths ---- */

static const char *path_beside(Builder *b, const char *file, const char *path) {
    const char *slash = strrchr(file, '/');
    if (path[0] == '/' || !slash) return path;
    return arena_printf(b->arena, "%.*s/%s", (int)(slash - file), file, path);
}

static const char *file_identity(Builder *b, const char *path) {
    struct stat status;
    if (stat(path, &status) != 0) return path;
    return arena_printf(b->arena, "%llx:%llx", (unsigned long long)status.st_dev,
                        (unsigned long long)status.st_ino);
}

/* ---- Names of a file ---- */

static bool is_new_name(Builder *b, const Unit *unit, Name name) {
    const Slot *taken = scope_find_here(unit->scope, name.text);
    if (!taken) return true;
    Diagnostic *error = build_error(b, E0205, name.span, "'%s' is declared twice", name.text);
    diagnostic_note(error, taken->span, "the first time");
    return false;
}

static void define_datum(Builder *b, Unit *unit, Name name, Datum datum) {
    if (is_new_name(b, unit, name)) scope_add_datum(b->arena, unit->scope, name.text, name.span, datum);
}

static void define_block(Builder *b, Unit *unit, const Item *item) {
    Template *template = NEW(b->arena, Template);
    *template = (Template){item, unit};
    define_datum(b, unit, item->name, (Datum){.kind = DATUM_BLOCK, .block = template});
}

static void define_function(Builder *b, Unit *unit, const Item *item) {
    Closure *closure = NEW(b->arena, Closure);
    *closure = (Closure){item->function, unit->scope, NULL, unit};
    if (item->function->kind != FUNCTION_FN) {
        build_error(b, E0222, item->function->span, "forward and entry stand inside a block or model");
        return;
    }
    define_datum(b, unit, item->function->name, (Datum){.kind = DATUM_FUNCTION, .closure = closure});
}

/* The arguments of -D replace constants of the main file. */
static const BuildSetting *setting_for(const BuildSetting *settings, int count, const char *name,
                                       int *out_index) {
    for (int i = count - 1; i >= 0; i--) {
        if (!settings[i].name || strcmp(settings[i].name, name) != 0) continue;
        *out_index = i;
        return &settings[i];
    }
    return NULL;
}

static void define_const(Builder *b, Unit *unit, const Item *item) {
    if (!is_new_name(b, unit, item->name)) return;
    Slot *slot = scope_add(b->arena, unit->scope, item->name.text, item->name.span);
    slot->kind = SLOT_CONST;
    slot->initial = item->value;
    int index;
    const BuildSetting *setting =
        unit == b->main ? setting_for(b->options->defines, b->options->define_count, item->name.text, &index)
                        : NULL;
    if (!setting) return;
    slot->kind = SLOT_DATUM;
    setting_value(setting->value, NULL, &slot->datum);
    for (int i = 0; i < b->options->define_count; i++)
        if (!strcmp(b->options->defines[i].name, item->name.text)) b->define_used[i] = true;
}

static void define_dims(Builder *b, Unit *unit, const Item *item) {
    for (const DimSyntax *syntax = item->dims; syntax; syntax = syntax->next) {
        if (!is_new_name(b, unit, syntax->name)) continue;
        Slot *slot = scope_add(b->arena, unit->scope, syntax->name.text, syntax->name.span);
        slot->kind = SLOT_DIM;
        slot->dim = dim_record_create(b, unit->scope, syntax, NULL);
        int index;
        if (unit == b->main)
            slot->dim->setting =
                setting_for(b->options->dims, b->options->dim_count, syntax->name.text, &index);
    }
}

/* ---- Weights ---- */

static const BuildSetting *weights_setting(Builder *b, const char *name) {
    for (int i = b->options->weights_count - 1; i >= 0; i--) {
        const BuildSetting *setting = &b->options->weights[i];
        if (name && setting->name ? strcmp(name, setting->name) == 0 : !name && !setting->name)
            return setting;
    }
    return NULL;
}

static WeightsRecord *weights_record(const Unit *unit, const char *name) {
    for (int i = 0; i < unit->weights.count; i++) {
        WeightsRecord *record = unit->weights.items[i];
        if (name && record->name ? strcmp(name, record->name) == 0 : !name && !record->name) return record;
    }
    return NULL;
}

static void define_weights(Builder *b, Unit *unit, const Item *item) {
    const WeightsRecord *taken = weights_record(unit, item->name.text);
    if (taken) {
        Diagnostic *error =
            build_error(b, E0205, item->span,
                        item->name.text ? "weights '%s' are declared twice"
                                        : "the file has two sources of weights without a name%s",
                        item->name.text ? item->name.text : "");
        diagnostic_note(error, taken->span, "the first one");
        diagnostic_note(error, (Span){0},
                        "name one: weights w from \"...\"; and take from it with  from w:\"...\"");
        return;
    }
    const BuildSetting *setting = unit == b->main ? weights_setting(b, item->name.text) : NULL;
    WeightsRecord *record = NEW(b->arena, WeightsRecord);
    *record = (WeightsRecord){.name = item->name.text,
                              .path = setting ? setting->value : path_beside(b, unit->path, item->path),
                              .span = item->path_span.file ? item->path_span : item->span};
    vector_push(b->arena, &unit->weights, record);
}

WeightsRecord *weights_find_source(Builder *b, Unit *unit, const char *name, Span span) {
    WeightsRecord *record = weights_record(unit, name);
    if (record) return record;
    if (!name) {
        const BuildSetting *setting = weights_setting(b, NULL);
        if (!setting || unit != b->main) return NULL;
        record = NEW(b->arena, WeightsRecord);
        *record = (WeightsRecord){.path = setting->value};
        vector_push(b->arena, &unit->weights, record);
        return record;
    }
    Diagnostic *error = build_error(b, E0221, span, "there are no weights named '%s' in this file", name);
    diagnostic_note(error, (Span){0}, "declare them: weights %s from \"file.safetensors\";", name);
    /* Remembered, so that it is told once. */
    record = NEW(b->arena, WeightsRecord);
    *record = (WeightsRecord){.name = name, .path = name, .span = span, .opened = true};
    vector_push(b->arena, &unit->weights, record);
    return record;
}

bool weights_ready(Builder *b, WeightsRecord *record) {
    if (record->opened) return record->file != NULL;
    record->opened = true;
    if (b->options->placeholder_weights && access(record->path, F_OK) != 0) return false;
    record->file = weights_open(b->arena, b->diagnostics, record->path, record->span);
    if (record->file) record->used = NEW_ARRAY(b->arena, bool, record->file->count + 1);
    return record->file != NULL;
}

/* ---- Options ---- */

static void check_option(Builder *b, Unit *unit, const Item *item) {
    Datum value = evaluate_in(b, unit->scope, item->value);
    const char *name = item->name.text;
    if (value.kind == DATUM_POISON) return;
    if (strcmp(name, "edition") == 0) {
        if (value.kind == DATUM_INTEGER && value.integer == 1) return;
        build_error(b, E0225, item->value->span, "this compiler knows edition 1 of the language, not %s",
                    datum_text(b->arena, value));
    } else if (strcmp(name, "precision") == 0) {
        bool is_f32 = (value.kind == DATUM_DTYPE && value.dtype == DTYPE_F32) ||
                      (value.kind == DATUM_STRING && strcmp(value.string, "f32") == 0);
        if (!is_f32)
            build_error(b, E0228, item->value->span, "a precision other than f32 is not available yet");
    } else {
        Diagnostic *error = build_error(b, E0225, item->name.span, "there is no option '%s'", name);
        const char *const names[] = {"edition", "precision"};
        note_nearest(b, error, item->name.span, name, names, 2);
    }
}

/* ---- Loading ---- */

static void define_import(Builder *b, Unit *unit, const Item *item) {
    if (b->import_depth >= IMPORT_DEPTH_MAX) {
        build_stop(b, E0206, item->span, "imports are more than %d deep", IMPORT_DEPTH_MAX);
        return;
    }
    const char *path = path_beside(b, unit->path, item->path);
    for (int i = 0; i < b->options->include_count && access(path, F_OK) != 0; i++) {
        const char *other = arena_printf(b->arena, "%s/%s", b->options->includes[i], item->path);
        if (access(other, F_OK) == 0) path = other;
    }
    Unit *imported = unit_load(b, path, item->path_span.file ? item->path_span : item->span);
    define_datum(b, unit, item->name, imported ? (Datum){.kind = DATUM_FILE, .unit = imported} : POISON);
}

static void define_item(Builder *b, Unit *unit, const Item *item) {
    switch (item->kind) {
    case ITEM_IMPORT: define_import(b, unit, item); break;
    case ITEM_WEIGHTS: define_weights(b, unit, item); break;
    case ITEM_DIM: define_dims(b, unit, item); break;
    case ITEM_CONST: define_const(b, unit, item); break;
    case ITEM_BLOCK:
    case ITEM_MODEL: define_block(b, unit, item); break;
    case ITEM_FUNCTION: define_function(b, unit, item); break;
    case ITEM_OPTION: break;
    }
}

Unit *unit_define(Builder *b, const File *file, const char *path, const char *identity, bool library) {
    Unit *unit = NEW(b->arena, Unit);
    *unit = (Unit){.path = path, .identity = identity, .file = file, .library = library, .loading = true};
    unit->scope = scope_create(b->arena, SCOPE_FILE, NULL);
    unit->scope->unit = unit;
    vector_push(b->arena, &b->units, unit);
    if (!b->main && !library) b->main = unit;
    b->import_depth++;
    for (const Item *item = file->items; item && !b->stopped; item = item->next) define_item(b, unit, item);
    for (const Item *item = file->items; item && !b->stopped; item = item->next)
        if (item->kind == ITEM_OPTION) check_option(b, unit, item);
    b->import_depth--;
    unit->loading = false;
    return unit;
}

Unit *unit_load(Builder *b, const char *path, Span span) {
    const char *identity = file_identity(b, path), *reason = NULL;
    for (int i = 0; i < b->units.count; i++) {
        Unit *known = b->units.items[i];
        if (known->library || strcmp(known->identity, identity) != 0) continue;
        if (!known->loading) return known;
        build_error(b, E0206, span, "'%s' imports itself, directly or through others", path);
        return NULL;
    }
    SourceFile *source = source_read(b->arena, path, SOURCE_BYTES_MAX, &reason);
    if (!source) {
        build_error(b, E0101, span, "%s: %s", path, reason);
        return NULL;
    }
    vector_push(b->arena, &b->result->files, source->path);
    int errors = diagnostics_error_count(b->diagnostics);
    const File *file = parse_file(b->arena, b->diagnostics, source);
    b->incomplete |= diagnostics_error_count(b->diagnostics) > errors;
    return unit_define(b, file, source->path, identity, false);
}
