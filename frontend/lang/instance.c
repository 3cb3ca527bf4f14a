#include "frontend/lang/builder_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

Datum spec_create(Builder *b, const Template *block, const Call *call) {
    if (block && block->item->kind == ITEM_MODEL)
        return build_fail(b, E0226, call->span, "%s is a model; only blocks can be layers",
                          block->item->name.text);
    Spec *spec = NEW(b->arena, Spec);
    *spec = (Spec){block, *call};
    return (Datum){.kind = DATUM_SPEC, .spec = spec};
}

/* ---- Members ---- */

static bool is_new_name(Builder *b, const Scope *scope, Name name) {
    const Slot *taken = scope_find_here(scope, name.text);
    if (!taken) return true;
    Diagnostic *error = build_error(b, E0205, name.span, "'%s' is declared twice", name.text);
    diagnostic_note(error, taken->span, "the first time");
    return false;
}

static void declare_function(Builder *b, Instance *instance, const Member *member) {
    const Function *function = member->function;
    if (function->kind == FUNCTION_ENTRY && instance->block->item->kind != ITEM_MODEL) {
        build_error(b, E0222, function->name.span,
                    "an entry belongs to a model; write fn or forward in a block");
        return;
    }
    Name name = {function->kind == FUNCTION_FORWARD ? "forward" : function->name.text, function->name.span};
    if (!name.span.file) name.span = function->span;
    if (!is_new_name(b, instance->scope, name)) return;
    Closure *closure = NEW(b->arena, Closure);
    *closure = (Closure){function, instance->scope, instance, instance->block->unit};
    scope_add_datum(b->arena, instance->scope, name.text, name.span,
                    (Datum){.kind = DATUM_FUNCTION, .closure = closure});
}

/* Names that need no evaluation come first, so that their order does not matter. */
static void declare_names(Builder *b, Instance *instance, const Member *members) {
    for (const Member *member = members; member; member = member->next) {
        if (member->kind == MEMBER_FUNCTION) declare_function(b, instance, member);
        if (member->kind == MEMBER_CONST && is_new_name(b, instance->scope, member->name)) {
            Slot *slot = scope_add(b->arena, instance->scope, member->name.text, member->name.span);
            slot->kind = SLOT_CONST;
            slot->initial = member->value;
        }
        for (const DimSyntax *dim = member->kind == MEMBER_DIM ? member->dims : NULL; dim; dim = dim->next) {
            if (!is_new_name(b, instance->scope, dim->name)) continue;
            Slot *slot = scope_add(b->arena, instance->scope, dim->name.text, dim->name.span);
            slot->kind = SLOT_DIM;
            slot->dim = dim_record_create(b, instance->scope, dim, instance);
        }
    }
}

static const char *path_join(Builder *b, const char *path, const char *level) {
    return path[0] ? arena_printf(b->arena, "%s.%s", path, level) : level;
}

/* `from "*"` drops the level from the path too: layer1.b.0 is layer1.0. */
static const char *layer_path(Builder *b, const Instance *parent, const Naming *naming) {
    bool dropped = naming->pattern && strcmp(naming->pattern, "*") == 0;
    const char *level = dropped ? naming->local : naming->level;
    return level[0] ? path_join(b, parent->path, level) : parent->path;
}

static Datum declare_layer(Builder *b, Instance *instance, const Member *member, Scope *scope,
                           const char *level, const char *local, const char *variable) {
    Frame frame = {.instance = instance};
    frame_push(b, &frame, scope, member->span);
    Datum datum = evaluate(b, member->value);
    Naming *naming = naming_create(b, instance, level, local, member->binding, variable);
    frame_pop(b);
    if (datum.kind == DATUM_POISON) return POISON;
    datum = layer_place(b, datum, instance, layer_path(b, instance, naming), naming, member->name.span);
    naming_check_lists(b, naming);
    return datum;
}

static Datum declare_layers(Builder *b, Instance *instance, const Member *member) {
    Frame frame = {.instance = instance};
    frame_push(b, &frame, instance->scope, member->span);
    int64_t low, high;
    bool known = loop_bounds(b, member->low, member->high, &low, &high);
    frame_pop(b);
    if (!known) return POISON;
    Layers *layers = NEW(b->arena, Layers);
    layers->low = low;
    layers->items = NEW_ARRAY(b->arena, Datum, (high > low ? high - low : 0) + 1);
    for (int64_t i = low; i < high && build_work(b, member->span); i++) {
        Scope *scope = scope_create(b->arena, SCOPE_FUNCTION, instance->scope);
        scope_add_datum(b->arena, scope, member->variable.text, member->variable.span, datum_integer(i));
        const char *index = arena_printf(b->arena, "%lld", (long long)i);
        const char *level = arena_printf(b->arena, "%s.%s", member->name.text, index);
        layers->items[layers->count++] =
            declare_layer(b, instance, member, scope, level, index, member->variable.text);
    }
    return (Datum){.kind = DATUM_LAYERS, .layers = layers};
}

static void declare_members(Builder *b, Instance *instance, const Member *members);

static void declare_if(Builder *b, Instance *instance, const Member *member) {
    bool truth;
    Datum condition = evaluate_in(b, instance->scope, member->condition);
    if (!datum_to_bool(b, condition, member->condition->span, "the condition", &truth)) return;
    declare_members(b, instance, truth ? member->body : member->otherwise);
}

static void declare_members(Builder *b, Instance *instance, const Member *members) {
    declare_names(b, instance, members);
    for (const Member *member = members; member && !b->stopped; member = member->next) {
        if (member->kind == MEMBER_IF) {
            declare_if(b, instance, member);
            continue;
        }
        bool is_value =
            member->kind == MEMBER_LAYER || member->kind == MEMBER_PARAM || member->kind == MEMBER_STATE;
        if (!is_value || !is_new_name(b, instance->scope, member->name)) continue;
        if (member->kind == MEMBER_STATE) {
            state_declare(b, instance, member);
            continue;
        }
        Datum datum = member->kind == MEMBER_PARAM ? param_declare(b, instance, member)
                      : member->variable.text
                          ? declare_layers(b, instance, member)
                          : declare_layer(b, instance, member, instance->scope, member->name.text, "", NULL);
        if (!scope_find_here(instance->scope, member->name.text))
            scope_add_datum(b->arena, instance->scope, member->name.text, member->name.span, datum);
    }
}

/* ---- Instances ---- */

static bool within_limits(Builder *b, const Template *block, const Instance *parent, int depth, Span span) {
    int depth_max = b->options->depth_max ? b->options->depth_max : 64;
    int instance_max = b->options->instance_max ? b->options->instance_max : 100000;
    const char *name = block ? block->item->name.text : "Sequential";
    if (depth > depth_max) {
        bool recursive = false;
        for (; parent; parent = parent->parent)
            recursive |= block && parent->block && parent->block->item == block->item;
        build_stop(b, E0213, span,
                   recursive ? "block %s contains itself without end (%d layers deep)"
                             : "layer of block %s is more than %d layers deep",
                   name, depth_max);
        return false;
    }
    if (++b->instance_count <= instance_max) return !b->stopped;
    build_stop(b, E0212, span, "there are more than %d layers", instance_max);
    return false;
}

static const char *arguments_text(Builder *b, const Formal *formals, const Scope *scope) {
    Text text = {0};
    for (const Formal *formal = formals; formal; formal = formal->next) {
        const Slot *slot = scope_find_here(scope, formal->name.text);
        if (!slot || slot->datum.kind == DATUM_POISON) continue;
        text_printf(&text, "%s%s=%s", text.length ? ", " : "", formal->name.text,
                    datum_text(b->arena, slot->datum));
    }
    const char *copy = text.length ? arena_strndup(b->arena, text.bytes, text.length) : "";
    text_deinit(&text);
    return copy;
}

static Instance *instance_create(Builder *b, const Spec *spec, Instance *parent, const char *path,
                                 Naming *naming, Span span) {
    int depth = parent ? parent->depth + 1 : 0;
    if (!within_limits(b, spec->block, parent, depth, span)) return NULL;
    Instance *instance = NEW(b->arena, Instance);
    *instance = (Instance){.path = path,
                           .block = spec->block,
                           .parent = parent,
                           .model = parent ? parent->model : spec->block->item->name.text,
                           .arguments = "",
                           .naming = naming,
                           .depth = depth,
                           .span = span};
    return instance;
}

static bool fill_block(Builder *b, Instance *instance, const Spec *spec) {
    const Item *item = spec->block->item;
    Scope *formals = scope_create(b->arena, SCOPE_MEMBERS, spec->block->unit->scope);
    formals->instance = instance;
    Frame frame = {.instance = instance};
    Span user_span = b->user_span;
    if (spec->block->unit->library && !is_library_place(spec->call.span)) b->user_span = spec->call.span;
    frame_push(b, &frame, formals, spec->call.span);
    bool good = bind_formals(b, item->formals, item->name.text, &spec->call, formals);
    instance->arguments = arguments_text(b, item->formals, formals);
    instance->scope = scope_create(b->arena, SCOPE_MEMBERS, formals);
    frame.scope = instance->scope;
    if (good) declare_members(b, instance, item->members);
    frame_pop(b);
    b->user_span = user_span;
    return good && !b->stopped;
}

static Datum place_sequential(Builder *b, Instance *instance, const Spec *spec) {
    instance->children = NEW_ARRAY(b->arena, Datum, spec->call.count + 1);
    instance->child_count = spec->call.count;
    for (int i = 0; i < spec->call.count; i++) {
        Datum child = spec->call.arguments[i].value;
        Span span = spec->call.arguments[i].span;
        const char *level = arena_printf(b->arena, "%d", i);
        bool is_function = child.kind == DATUM_FUNCTION || child.kind == DATUM_BUILTIN;
        if (!is_function)
            child = layer_place(b, child, instance, path_join(b, instance->path, level),
                                naming_child(b, instance->naming, level), span);
        instance->children[i] = child;
    }
    return (Datum){.kind = DATUM_LAYER, .layer = instance};
}

Datum layer_place(Builder *b, Datum datum, Instance *parent, const char *path, Naming *naming, Span span) {
    if (datum.kind == DATUM_POISON) return POISON;
    if (datum.kind == DATUM_LAYER) return datum; /* another name of a layer: shared weights */
    if (datum.kind != DATUM_SPEC) {
        Diagnostic *error =
            build_error(b, E0226, span, "a layer is made by a block, such as Linear(4, 2); found %s",
                        datum_type_text(b->arena, datum));
        if (datum.kind == DATUM_BLOCK)
            diagnostic_note(error, (Span){0}, "call it: %s(...)", datum.block->item->name.text);
        return POISON;
    }
    Instance *instance = instance_create(b, datum.spec, parent, path, naming, span);
    if (!instance) return POISON;
    if (!datum.spec->block) return place_sequential(b, instance, datum.spec);
    return fill_block(b, instance, datum.spec) ? (Datum){.kind = DATUM_LAYER, .layer = instance} : POISON;
}

/* ---- Models ---- */

bool setting_value(const char *text, const TypeSyntax *type, Datum *out) {
    char *end;
    errno = 0;
    if (type && !strcmp(type->dtype, "str")) {
        *out = datum_string(text);
        return true;
    }
    if (!strcmp(text, "true") || !strcmp(text, "false")) {
        *out = datum_bool(text[0] == 't');
        return true;
    }
    long long integer = strtoll(text, &end, 0);
    if (*text && !*end && !errno) {
        *out = datum_integer(integer);
        return true;
    }
    errno = 0;
    double real = strtod(text, &end);
    if (*text && !*end && !errno) {
        *out = datum_float(real);
        return true;
    }
    *out = datum_string(text);
    return !type;
}

/* -D name=value for the arguments of a model. */
static Call model_arguments(Builder *b, const Item *item) {
    VECTOR(CallArgument) list = {0};
    for (int i = 0; i < b->options->define_count; i++) {
        const BuildSetting *define = &b->options->defines[i];
        for (const Formal *formal = item->formals; formal; formal = formal->next) {
            if (strcmp(formal->name.text, define->name) != 0) continue;
            b->define_used[i] = true;
            Datum value;
            if (setting_value(define->value, formal->type, &value))
                vector_push(
                    b->arena, &list,
                    ((CallArgument){{formal->name.text, formal->name.span}, value, formal->name.span}));
            else
                build_error(b, E0225, formal->name.span, "-D %s=%s is no %s", define->name, define->value,
                            formal->type->dtype);
        }
    }
    return (Call){item->name.span, list.count, list.items};
}

Instance *model_create(Builder *b, Unit *unit, const Item *item) {
    Template *template = NEW(b->arena, Template);
    *template = (Template){item, unit};
    Spec *spec = NEW(b->arena, Spec);
    *spec = (Spec){template, model_arguments(b, item)};
    Instance *model = instance_create(b, spec, NULL, "", NULL, item->name.span);
    if (!model) return NULL;
    model->naming = NEW(b->arena, Naming);
    *model->naming = (Naming){.level = "", .local = "", .unit = unit, .span = item->name.span};
    return fill_block(b, model, spec) ? model : NULL;
}
