/* The names of tensors. A parameter's local name climbs from its layer to the model's root, and each level
 * adds its own name or applies its `from`. A pattern that begins with '*' stays relative to the level around;
 * another one is tried there first, then from the model's root. */
#include "frontend/lang/builder_internal.h"

#include <ctype.h>
#include <string.h>

enum { CANDIDATES_MAX = 64 };

/* ---- Patterns ---- */

/* The value of `k`, `k + 1` or `k - 1` between braces. */
static bool brace_value(Builder *b, const char *text, size_t length, Span span, Text *out) {
    size_t end = 0;
    while (end < length && (isalnum((unsigned char)text[end]) || text[end] == '_')) end++;
    const char *name = arena_strndup(b->arena, text, end);
    int64_t offset = 0;
    size_t at = end;
    while (at < length && text[at] == ' ') at++;
    if (at < length && (text[at] == '+' || text[at] == '-')) {
        int sign = text[at] == '+' ? 1 : -1;
        for (at++; at < length && text[at] == ' '; at++) {}
        for (; at < length && isdigit((unsigned char)text[at]) && offset < 1000000000; at++)
            offset = offset * 10 + text[at] - '0';
        offset *= sign;
    }
    Scope *scope;
    Slot *slot = end && at == length ? name_find(b, name, &scope) : NULL;
    if (!slot) {
        build_error(b, E0201, span, "{%.*s} in a tensor's name must be a compile-time value known here",
                    (int)length, text);
        return false;
    }
    Datum datum = slot_value(b, slot, scope, span);
    if (datum.kind == DATUM_INTEGER)
        text_printf(out, "%lld", (long long)(datum.integer + offset));
    else if (datum.kind == DATUM_STRING && !offset)
        text_puts(out, datum.string);
    else if (datum.kind != DATUM_POISON)
        build_error(b, E0203, span, "{%s} in a tensor's name must be an int or a str, found %s", name,
                    datum_type_text(b->arena, datum));
    return datum.kind == DATUM_INTEGER || datum.kind == DATUM_STRING;
}

const char *pattern_expand(Builder *b, const char *pattern, Span span) {
    if (!pattern || !strchr(pattern, '{')) return pattern;
    Text text = {0};
    text_puts(&text, "");
    for (const char *c = pattern; *c;) {
        const char *close = *c == '{' ? strchr(c, '}') : NULL;
        if (!close) {
            text_putc(&text, *c++);
            continue;
        }
        if (!brace_value(b, c + 1, (size_t)(close - c - 1), span, &text)) break;
        c = close + 1;
    }
    const char *copy = arena_strndup(b->arena, text.bytes, text.length);
    text_deinit(&text);
    return copy;
}

static bool mentions(const char *pattern, const char *variable) {
    size_t length = variable ? strlen(variable) : 0;
    for (const char *c = pattern; length && c && (c = strchr(c, '{')); c++)
        if (strncmp(c + 1, variable, length) == 0 && !isalnum((unsigned char)c[1 + length]) &&
            c[1 + length] != '_')
            return true;
    return false;
}

/* Each '*' of |pattern| replaced by |local|; without one, |local| follows after a dot. */
static const char *pattern_apply(Builder *b, const char *pattern, const char *local) {
    if (!strchr(pattern, '*')) return local[0] ? arena_printf(b->arena, "%s.%s", pattern, local) : pattern;
    Text text = {0};
    for (const char *c = pattern; *c; c++) {
        if (*c == '*')
            text_puts(&text, local);
        else
            text_putc(&text, *c);
    }
    const char *copy = arena_strndup(b->arena, text.bytes ? text.bytes : "", text.length);
    text_deinit(&text);
    return copy;
}

/* ---- Levels ---- */

/* A lone binding without a local name is for the whole layer, others are a list by local names. */
static bool is_list(const Binding *binding) { return binding && binding->local.text; }

Naming *naming_create(Builder *b, Instance *parent, const char *level, const char *local,
                      const Binding *binding, const char *variable) {
    Naming *naming = NEW(b->arena, Naming);
    *naming = (Naming){.parent = parent->naming,
                       .level = level,
                       .local = local,
                       .scope = b->frame->scope,
                       .unit = parent->block->unit};
    if (is_list(binding)) {
        naming->list = binding;
        naming->span = binding->span;
    } else if (binding) {
        if (mentions(binding->pattern, variable)) naming->local = "";
        naming->pattern = pattern_expand(b, binding->pattern, binding->span);
        naming->source = binding->source.text;
        naming->permutation = binding->permutation;
        naming->span = binding->span;
    }
    return naming;
}

Naming *naming_child(Builder *b, Naming *parent, const char *level) {
    Naming *naming = NEW(b->arena, Naming);
    *naming =
        (Naming){.parent = parent, .level = level, .local = "", .unit = parent->unit, .scope = parent->scope};
    return naming;
}

void naming_check_lists(Builder *b, const Naming *naming) {
    for (const Binding *binding = naming->list; binding; binding = binding->next) {
        bool found = false;
        for (int i = 0; i < naming->bound.count; i++) found |= naming->bound.items[i] == binding;
        if (!found)
            build_error(b, E0224, binding->local.span, "layer '%s' has no parameter '%s'", naming->level,
                        binding->local.text);
    }
}

/* ---- Resolution ---- */

typedef struct Resolution {
    Builder *b;
    TensorPlace *place;
    int tried;
} Resolution;

static bool try_name(Resolution *r, const char *name) {
    if (!r->place->name) r->place->name = name;
    r->tried++;
    WeightsRecord *weights = r->place->weights;
    if (weights && weights->file) r->place->tensor = weights_find(weights->file, name);
    return r->place->tensor != NULL;
}

static bool resolve(Resolution *r, Naming *naming, const char *local);

/* Relative to |around| (NULL: the root itself), then, unless it began with '*', from the root. */
static bool resolve_pattern(Resolution *r, Naming *around, const char *pattern, const char *local) {
    const char *name = pattern_apply(r->b, pattern, local);
    if (resolve(r, around, name)) return true;
    bool absolute = pattern[0] != '*' && around && around->parent && r->tried < CANDIDATES_MAX;
    return absolute && try_name(r, name);
}

/* The entry of a `from { }` list for |local| or for a level it begins with; |out_rest| what follows that
 * level. */
static const Binding *list_entry(const Naming *naming, const char *local, const char **out_rest) {
    for (const Binding *binding = naming->list; binding; binding = binding->next) {
        size_t length = strlen(binding->local.text);
        if (strncmp(binding->local.text, local, length) != 0 || (local[length] && local[length] != '.'))
            continue;
        *out_rest = local[length] ? local + length + 1 : "";
        return binding;
    }
    return NULL;
}

static void take_details(TensorPlace *place, const Argument *permutation) {
    if (permutation && !place->permutation) place->permutation = permutation;
}

static const char *level_join(Builder *b, const char *level, const char *local) {
    return level[0] ? arena_printf(b->arena, "%s.%s", level, local) : local;
}

static bool resolve_list(Resolution *r, Naming *naming, const Binding *entry, const char *local,
                         const char *rest) {
    vector_push(r->b->arena, &naming->bound, entry);
    take_details(r->place, entry->permutation);
    if (!entry->pattern) return false;
    Frame frame = {0};
    frame_push(r->b, &frame, naming->scope, entry->span);
    const char *pattern = pattern_expand(r->b, entry->pattern, entry->span);
    frame_pop(r->b);
    if (pattern[0] == '*')
        return resolve(r, naming->parent,
                       level_join(r->b, naming->level, pattern_apply(r->b, pattern, local)));
    const char *name = strchr(pattern, '*') ? pattern_apply(r->b, pattern, local)
                       : rest[0]            ? arena_printf(r->b->arena, "%s.%s", pattern, rest)
                                            : pattern;
    return try_name(r, name) || resolve(r, naming->parent, level_join(r->b, naming->level, name));
}

static bool resolve(Resolution *r, Naming *naming, const char *local) {
    if (r->tried >= CANDIDATES_MAX) return false;
    if (!naming || !naming->parent) return try_name(r, local);
    take_details(r->place, naming->permutation);
    const char *rest;
    const Binding *entry = list_entry(naming, local, &rest);
    if (entry && entry->pattern) return resolve_list(r, naming, entry, local, rest);
    if (entry) resolve_list(r, naming, entry, local, rest);
    if (!naming->pattern) return resolve(r, naming->parent, level_join(r->b, naming->level, local));
    return resolve_pattern(r, naming->parent, naming->pattern, level_join(r->b, naming->local, local));
}

/* The nearest `from w2:` on the way up. */
static WeightsRecord *source_of(Builder *b, Instance *instance, const char *local, const Binding *binding) {
    const char *source = binding ? binding->source.text : NULL;
    Unit *unit = instance->block ? instance->block->unit : b->main;
    Span span = binding ? binding->span : instance->span;
    const char *name = local;
    for (Naming *naming = instance->naming; naming && !source; naming = naming->parent) {
        const char *rest;
        const Binding *entry = list_entry(naming, name, &rest);
        source = entry && entry->source.text ? entry->source.text : naming->source;
        unit = naming->unit;
        span = naming->span;
        name = level_join(b, naming->level, name);
    }
    return weights_find_source(b, source ? unit : b->main, source, span);
}

TensorPlace naming_resolve(Builder *b, Instance *instance, const char *local, const Binding *binding) {
    TensorPlace place = {.weights = source_of(b, instance, local, binding)};
    if (place.weights) weights_ready(b, place.weights);
    Resolution r = {b, &place, 0};
    if (binding) take_details(&place, binding->permutation);
    if (!binding || !binding->pattern) {
        resolve(&r, instance->naming, local);
        return place;
    }
    const char *pattern = pattern_expand(b, binding->pattern, binding->span);
    const char *name = strchr(pattern, '*') ? pattern_apply(b, pattern, local) : pattern;
    if (pattern[0] == '*')
        resolve(&r, instance->naming, name);
    else if (!try_name(&r, name))
        resolve(&r, instance->naming, name);
    return place;
}
