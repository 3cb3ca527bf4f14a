#include "frontend/lang/build.h"
#include "frontend/lang/builder_internal.h"

#include <string.h>

/* ---- Settings that name nothing ---- */

typedef struct Names {
    Arena *arena;
    VECTOR(const char *) list;
} Names;

static void add_name(Names *names, const char *name) { vector_push(names->arena, &names->list, name); }

/* |what| tells of the names that there are: "its dims". */
static void note_names(Diagnostic *error, const Names *names, const char *wanted, const char *what) {
    enum { SHOWN_MAX = 12 };
    int count = names->list.count;
    const char *near = nearest_name(wanted, names->list.items, count), *text = "";
    if (near) {
        diagnostic_note(error, (Span){0}, "did you mean '%s'?", near);
        return;
    }
    for (int i = 0; i < count && i < SHOWN_MAX; i++)
        text = arena_printf(names->arena, "%s%s%s", text, i ? ", " : "", names->list.items[i]);
    if (count)
        diagnostic_note(error, (Span){0}, "%s: %s%s", what, text, count > SHOWN_MAX ? ", ..." : "");
    else
        diagnostic_note(error, (Span){0}, "%s: none", what);
}

static Names definable_names(Builder *b) {
    Names names = {.arena = b->arena};
    for (const Item *item = b->main->file->items; item; item = item->next) {
        if (item->kind == ITEM_CONST) add_name(&names, item->name.text);
        for (const Formal *formal = item->kind == ITEM_MODEL ? item->formals : NULL; formal;
             formal = formal->next)
            add_name(&names, formal->name.text);
    }
    return names;
}

static void check_defines(Builder *b) {
    Names names = definable_names(b);
    for (int i = 0; i < b->options->define_count; i++) {
        const char *name = b->options->defines[i].name;
        if (b->define_used[i]) continue;
        Diagnostic *error =
            diagnose_error(b->diagnostics, E0225, (Span){0},
                           "-D %s: there is no constant or model argument of that name", name);
        note_names(error, &names, name, "constants and model arguments");
    }
}

static void check_dims(Builder *b) {
    Names names = {.arena = b->arena};
    for (int i = 0; i < b->main->scope->slots.count; i++)
        if (b->main->scope->slots.items[i]->kind == SLOT_DIM)
            add_name(&names, b->main->scope->slots.items[i]->name);
    for (int i = 0; i < b->options->dim_count; i++) {
        const char *name = b->options->dims[i].name;
        const Slot *slot = scope_find_here(b->main->scope, name);
        if (slot && slot->kind == SLOT_DIM) continue;
        note_names(
            diagnose_error(b->diagnostics, E0225, (Span){0}, "--dim %s: the file declares no such dim", name),
            &names, name, "its dims");
    }
}

static void check_weights(Builder *b) {
    for (int i = 0; i < b->options->weights_count; i++) {
        const char *name = b->options->weights[i].name;
        bool found = !name;
        for (int j = 0; j < b->main->weights.count && !found; j++) {
            const char *known = b->main->weights.items[j]->name;
            found = known && strcmp(known, name) == 0;
        }
        if (!found)
            diagnose_error(b->diagnostics, E0225, (Span){0},
                           "--weights %s: the file declares no such weights", name);
    }
}

/* Adds the entries it meets to |names|. */
static bool has_entry(const Item *items, const char *wanted, Names *names) {
    for (const Item *item = items; item; item = item->next)
        for (const Member *member = item->kind == ITEM_MODEL ? item->members : NULL; member;
             member = member->next) {
            if (member->kind != MEMBER_FUNCTION || member->function->kind != FUNCTION_ENTRY) continue;
            const char *name = member->function->name.text, *dot = strchr(wanted, '.');
            bool same_model = dot && strlen(item->name.text) == (size_t)(dot - wanted) &&
                              strncmp(item->name.text, wanted, (size_t)(dot - wanted)) == 0;
            if (!strcmp(name, wanted) || (same_model && !strcmp(name, dot + 1))) return true;
            add_name(names, dot ? arena_printf(names->arena, "%s.%s", item->name.text, name) : name);
        }
    return false;
}

static void check_entries(Builder *b) {
    for (int i = 0; i < b->options->entry_count; i++) {
        Names names = {.arena = b->arena};
        const char *wanted = b->options->entries[i];
        if (has_entry(b->main->file->items, wanted, &names)) continue;
        note_names(diagnose_error(b->diagnostics, E0225, (Span){0}, "--entry %s: no model has such an entry",
                                  wanted),
                   &names, wanted, "entries");
    }
}

/* ---- Models ---- */

/* Bounds are checked even of dims that nothing uses. */
static void prepare_dims(Builder *b) {
    for (int i = 0; i < b->main->scope->slots.count; i++) {
        const Slot *slot = b->main->scope->slots.items[i];
        if (slot->kind == SLOT_DIM) dim_prepare(b, slot->dim);
    }
}

static void build_models(Builder *b) {
    int count = 0;
    for (const Item *item = b->main->file->items; item && !b->stopped; item = item->next) {
        if (item->kind != ITEM_MODEL) continue;
        count++;
        Instance *model = model_create(b, b->main, item);
        if (!model) continue;
        vector_push(b->arena, &b->models, model);
        entries_build(b, model);
    }
    if (!count) {
        Span start = {b->main->file->source, 0, 0};
        build_error(b, E0222, start, "the file has no model");
    }
}

static void list_files(Builder *b) {
    for (int i = 0; i < b->units.count; i++)
        for (int j = 0; j < b->units.items[i]->weights.count; j++)
            if (b->units.items[i]->weights.items[j]->file)
                vector_push(b->arena, &b->result->files, b->units.items[i]->weights.items[j]->path);
}

static void build_file(Builder *b, const char *path) {
    int errors = diagnostics_error_count(b->diagnostics);
    if (!unit_load(b, path, (Span){0}) || b->incomplete) return;
    prepare_dims(b);
    build_models(b);
    report_missing(b);
    check_defines(b);
    check_dims(b);
    check_weights(b);
    check_entries(b);
    entries_check_names(b);
    list_files(b);
    dims_sort(b->module->dims.items, b->module->dims.count);
    if (diagnostics_error_count(b->diagnostics) > errors) return;
    report_unused(b);
    b->result->module = b->module;
}

BuildResult *build_model(Arena *arena, Diagnostics *diagnostics, const char *path,
                         const BuildOptions *options) {
    static const BuildOptions no_options;
    Builder *b = NEW(arena, Builder);
    b->arena = arena;
    b->diagnostics = diagnostics;
    b->module = module_create(arena, diagnostics);
    b->options = options ? options : &no_options;
    b->result = NEW(arena, BuildResult);
    b->library = scope_create(arena, SCOPE_FILE, NULL);
    b->path = "";
    b->define_used = NEW_ARRAY(arena, bool, b->options->define_count + 1);
    build_file(b, path);
    return b->result;
}
