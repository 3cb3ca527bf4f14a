#include "frontend/lang/builder_internal.h"

#include <string.h>

enum { LISTED_MAX = 100, NAMED_MAX = 8 };

static const int straight[RANK_MAX] = {0, 1, 2, 3, 4, 5, 6, 7};

static Value *zeros_constant(Builder *b, const Type *type, const char *name, Span span) {
    RecipeMark mark = recipe_begin(b);
    Value *value = emit_full(b, type, 0, span);
    return recipe_end(b, mark, value, name, user_place(b, span));
}

/* ---- Shapes ---- */

static bool dtype_fits(DType declared, DType found) {
    if (declared == found) return true;
    if (dtype_is_float(declared)) return dtype_is_float(found);
    return dtype_is_integer(declared) && dtype_is_integer(found) &&
           dtype_bytes(found) <= dtype_bytes(declared);
}

static bool extents_fit(const Type *type, const TensorSource *tensor, const int *permutation) {
    if (type->rank != tensor->rank) return false;
    for (int i = 0; i < type->rank; i++)
        if (!expr_equals(type->dims[i], tensor->dims[permutation[i]])) return false;
    return true;
}

/* The next permutation in lexicographic order; false after the last. */
static bool next_permutation(int *items, int count) {
    int i = count - 2;
    while (i >= 0 && items[i] > items[i + 1]) i--;
    if (i < 0) return false;
    int j = count - 1;
    while (items[j] < items[i]) j--;
    int kept = items[i];
    items[i] = items[j];
    items[j] = kept;
    for (int low = i + 1, high = count - 1; low < high; low++, high--) {
        kept = items[low];
        items[low] = items[high];
        items[high] = kept;
    }
    return true;
}

static const char *fitting_permutation(Builder *b, const Type *type, const TensorSource *tensor) {
    int items[RANK_MAX];
    for (int i = 0; i < tensor->rank; i++) items[i] = i;
    if (type->rank != tensor->rank || tensor->rank > 6 || extents_fit(type, tensor, items)) return NULL;
    while (!extents_fit(type, tensor, items))
        if (!next_permutation(items, tensor->rank)) return NULL;
    Text text = {0};
    for (int i = 0; i < tensor->rank; i++) text_printf(&text, "%s%d", i ? ", " : "permute(", items[i]);
    text_putc(&text, ')');
    const char *copy = arena_strndup(b->arena, text.bytes, text.length);
    text_deinit(&text);
    return copy;
}

static const char *source_text(Builder *b, const TensorSource *tensor) {
    const Expr *dims[RANK_MAX];
    for (int i = 0; i < tensor->rank; i++) dims[i] = expr_constant(b->module->exprs, tensor->dims[i]);
    Type type = type_make(tensor->dtype, tensor->rank, dims);
    return type_text(b->arena, &type);
}

/* ---- Gates ---- */

typedef struct GatedLayer {
    const char *prefix, *text; /* of the block's name; in a message */
    int gates;
} GatedLayer;

static const GatedLayer gated_layers[] = {{"LSTM", "an LSTM", 4}, {"GRU", "a GRU", 3}, {"RNN", "an RNN", 1}};
enum { GATED_LAYERS = sizeof gated_layers / sizeof *gated_layers };

/* NULL: not a recurrent layer of the library. */
static const GatedLayer *gated_layer(const Instance *instance) {
    if (!instance->block || !is_library_place(instance->block->item->name.span)) return NULL;
    for (int i = 0; i < GATED_LAYERS; i++)
        if (strncmp(instance->block->item->name.text, gated_layers[i].prefix,
                    strlen(gated_layers[i].prefix)) == 0)
            return &gated_layers[i];
    return NULL;
}

/* The other kind of layer whose gates a recurrent layer's tensor holds; NULL: there is none. */
static const GatedLayer *gates_held(const Instance *instance, const Type *type, const TensorSource *tensor) {
    const GatedLayer *layer = gated_layer(instance);
    if (!layer || !type->rank || type->rank != tensor->rank) return NULL;
    int64_t units = expr_value(type->dims[0]) / layer->gates;
    for (int i = 0; i < GATED_LAYERS && units; i++)
        for (int axis = 0; axis < type->rank; axis++)
            if (&gated_layers[i] != layer && tensor->dims[axis] == gated_layers[i].gates * units &&
                (type->rank == 1 || expr_equals(type->dims[1], tensor->dims[!axis])))
                return &gated_layers[i];
    return NULL;
}

/* Where a recurrent layer's tensor may come from when it does not fit. */
static void note_gates(Diagnostic *error, const Instance *instance, const Type *type, const GatedLayer *held,
                       bool transposed) {
    const GatedLayer *layer = gated_layer(instance);
    if (!layer) return;
    if (transposed)
        diagnostic_note(error, (Span){0}, "kernels that lie as [inputs, units] are those of Keras; its %s",
                        layer->gates == 3   ? "GRU has its gates in the order z, r, h, this one r, z, n"
                        : layer->gates == 4 ? "LSTM has its gates in the same order"
                                            : "cells have one bias");
    if (!held) return;
    long long units = expr_value(type->dims[0]) / layer->gates;
    diagnostic_note(error, (Span){0}, "%d x %lld are the gates of %s; this is %s, with %d x %lld",
                    held->gates, units, held->text, layer->text, layer->gates, units);
    diagnostic_note(error, (Span){0}, "this is told once for the layer");
}

/* Weights of another kind of layer fail for each tensor of each direction: one message is enough. */
static bool is_told(Instance *instance) {
    while (is_library_place(instance->span) && instance->parent) instance = instance->parent;
    bool told = instance->gates_told;
    instance->gates_told = true;
    return told;
}

static void complain_shape(Builder *b, Instance *instance, const char *local, const Type *type,
                           const TensorPlace *place, Span span) {
    const TensorSource *tensor = place->tensor;
    const GatedLayer *held = gates_held(instance, type, tensor);
    if (held && is_told(instance)) return;
    const char *name = instance->path[0] ? arena_printf(b->arena, "%s.%s", instance->path, local) : local;
    Diagnostic *error = build_error(b, E0220, span, "parameter '%s' is %s, but tensor '%s' is %s", name,
                                    type_text(b->arena, type), tensor->name, source_text(b, tensor));
    diagnostic_note(error, place->weights->span, "in '%s'", place->weights->path);
    const char *permutation = place->permutation ? NULL : fitting_permutation(b, type, tensor);
    if (permutation && span.start == instance->span.start)
        diagnostic_note(error, (Span){0}, "it would fit with  from { %s = \"%s\" %s }", local, tensor->name,
                        permutation);
    else if (permutation)
        diagnostic_note(error, (Span){0}, "it would fit with  from \"%s\" %s", tensor->name, permutation);
    note_gates(error, instance, type, held, permutation != NULL);
    if (!dtype_fits(type->dtype, tensor->dtype))
        diagnostic_note(error, (Span){0}, "only floats become floats, and integers wider integers");
}

/* ---- Binding ---- */

/* A permute of a whole layer is for its tensors of that rank; others stay as they are. */
static bool read_permutation(Builder *b, const TensorPlace *place, const Binding *own, int rank, int *out,
                             bool *permuted) {
    for (int i = 0; i < rank; i++) out[i] = i;
    *permuted = false;
    int count = 0;
    for (const Argument *axis = place->permutation; axis; axis = axis->next) count++;
    bool is_own = own && own->permutation == place->permutation;
    if (!count || (count != rank && !is_own)) return true;
    bool seen[RANK_MAX] = {false};
    int i = 0;
    for (const Argument *axis = place->permutation; axis; axis = axis->next, i++) {
        Datum datum = axis->value ? evaluate(b, axis->value) : POISON;
        int64_t index = -1;
        if (!datum_to_integer(b, datum, axis->span, "an axis of permute", &index)) return false;
        if (count != rank || index < 0 || index >= rank || seen[index]) {
            build_error(b, E0224, axis->span, "permute must name each of the tensor's %d axes once, from 0",
                        rank);
            return false;
        }
        seen[index] = true;
        out[i] = (int)index;
        *permuted |= index != i;
    }
    return true;
}

static Value *weights_constant(Builder *b, const TensorSource *tensor, const Type *type,
                               const int *permutation, bool permuted, const char *name, Span span) {
    Module *module = b->module;
    for (int i = 0; i < module->constants.count; i++) {
        Constant *constant = module->constants.items[i];
        if (constant->kind == CONSTANT_WEIGHTS && constant->source == tensor &&
            type_equal(&constant->value->type, type) && constant->permuted == permuted &&
            (!permuted ||
             memcmp(constant->permutation, permutation, (size_t)type->rank * sizeof *permutation) == 0))
            return constant->value;
    }
    Constant *constant = constant_create(module, CONSTANT_WEIGHTS, name, *type, user_place(b, span));
    constant->source = tensor;
    constant->permuted = permuted;
    memcpy(constant->permutation, permutation, (size_t)type->rank * sizeof *permutation);
    return constant->value;
}

/* What a tensor that is not there would be, full of zeros; the same one for all that share it. */
static const TensorSource *stand_in(Builder *b, const TensorPlace *place, const Type *type,
                                    const char *name) {
    const char *file = place->weights ? place->weights->path : "no file";
    for (int i = 0; i < b->stand_ins.count; i++) {
        const TensorSource *known = b->stand_ins.items[i];
        if (strcmp(known->name, name) == 0 && strcmp(known->file, file) == 0 &&
            extents_fit(type, known, straight))
            return known;
    }
    TensorSource *source = NEW(b->arena, TensorSource);
    *source = (TensorSource){.file = file, .name = name, .dtype = type->dtype, .rank = type->rank};
    for (int i = 0; i < type->rank; i++) source->dims[i] = type->dims[i]->max;
    source->bytes = arena_alloc(b->arena, (size_t)type_count_max(type) * dtype_bytes(type->dtype));
    vector_push(b->arena, &b->stand_ins, source);
    return source;
}

static Value *bind_tensor(Builder *b, Instance *instance, const Member *member, const Type *type,
                          const char *name) {
    Naming *naming = instance->naming;
    TensorPlace place = naming_resolve(b, instance, member->name.text, member->binding);
    Span span = is_library_place(member->span) ? layer_place_in_user_file(instance) : member->span;
    if (!place.tensor) {
        const char *wanted = place.name ? place.name : name;
        if (b->options->placeholder_weights)
            place.tensor = stand_in(b, &place, type, wanted);
        else if (!place.weights || place.weights->file)
            vector_push(b->arena, &b->missing, ((MissingTensor){wanted, *type, place.weights, span}));
        return place.tensor ? weights_constant(b, place.tensor, type, straight, false, wanted, span)
                            : zeros_constant(b, type, wanted, span);
    }
    place.weights->used[place.tensor - place.weights->file->tensors] = true;
    int permutation[RANK_MAX] = {0};
    bool permuted, matching = type->rank == place.tensor->rank;
    Frame frame = {.instance = instance};
    frame_push(b, &frame, naming->scope ? naming->scope : instance->scope, span);
    bool read = read_permutation(b, &place, member->binding, place.tensor->rank, permutation, &permuted);
    frame_pop(b);
    if (!read) return NULL;
    if (!matching || !extents_fit(type, place.tensor, permutation) ||
        !dtype_fits(type->dtype, place.tensor->dtype)) {
        complain_shape(b, instance, member->name.text, type, &place, span);
        return zeros_constant(b, type, name, span);
    }
    return weights_constant(b, place.tensor, type, permutation, permuted, place.tensor->name, span);
}

static Value *initial_constant(Builder *b, Instance *instance, const Member *member, const char *name) {
    RecipeMark mark = recipe_begin(b);
    Frame frame = {.instance = instance};
    frame_push(b, &frame, instance->scope, member->span);
    Datum datum = evaluate(b, member->value);
    datum = type_match(b, member->type, datum, true, member->value->span,
                       arena_printf(b->arena, "'%s'", member->name.text));
    frame_pop(b);
    return recipe_end(b, mark, datum.kind == DATUM_TENSOR ? datum.tensor : NULL, name,
                      user_place(b, member->span));
}

Datum param_declare(Builder *b, Instance *instance, const Member *member) {
    const char *name = instance->path[0] ? arena_printf(b->arena, "%s.%s", instance->path, member->name.text)
                                         : member->name.text;
    Frame frame = {.instance = instance};
    frame_push(b, &frame, instance->scope, member->span);
    Type type;
    bool good = type_evaluate(b, member->type, &type);
    if (good && !type_is_static(&type)) {
        build_error(b, E0203, member->type->span, "the shape of a parameter must be constant, found %s",
                    type_text(b->arena, &type));
        good = false;
    }
    frame_pop(b);
    if (!good) return POISON;
    if (member->value) return datum_tensor(initial_constant(b, instance, member, name));
    return datum_tensor(bind_tensor(b, instance, member, &type, name));
}

/* ---- Summaries ---- */

static bool has_extents(const MissingTensor *missing, const TensorSource *tensor) {
    return extents_fit(&missing->type, tensor, straight);
}

/* Names of the file that no parameter uses come first: those of the same shape, then any. */
static const char *nearest_tensor(Builder *b, const MissingTensor *missing) {
    const WeightsRecord *weights = missing->weights;
    if (!weights || !weights->file) return NULL;
    const char **names = NEW_ARRAY(b->arena, const char *, weights->file->count + 1);
    const char *near = NULL;
    for (int pass = 0; pass < 3 && !near; pass++) {
        int count = 0;
        for (int i = 0; i < weights->file->count; i++)
            if ((pass == 2 || !weights->used[i]) &&
                (pass || has_extents(missing, &weights->file->tensors[i])))
                names[count++] = weights->file->tensors[i].name;
        near = nearest_name(missing->name, names, count);
    }
    return near;
}

void report_missing(Builder *b) {
    int count = b->missing.count;
    if (!count) return;
    const MissingTensor *first = &b->missing.items[0];
    const char *where = first->weights ? arena_printf(b->arena, "in '%s'", first->weights->path)
                                       : "because the file names no weights: weights from \"...\";";
    Diagnostic *error =
        count == 1
            ? diagnose_error(b->diagnostics, E0219, first->span, "1 tensor is missing %s", where)
            : diagnose_error(b->diagnostics, E0219, first->span, "%d tensors are missing %s", count, where);
    for (int i = 0; i < count && i < LISTED_MAX; i++) {
        const MissingTensor *missing = &b->missing.items[i];
        const char *near = nearest_tensor(b, missing);
        diagnostic_note(error, i ? missing->span : (Span){0}, "'%s': %s%s", missing->name,
                        type_text(b->arena, &missing->type),
                        near ? arena_printf(b->arena, "; did you mean '%s'?", near) : "");
    }
    if (count > LISTED_MAX) diagnostic_note(error, (Span){0}, "and %d more", count - LISTED_MAX);
}

/* Counters that PyTorch stores beside batch normalisation mean nothing at inference. */
static bool is_bookkeeping(const char *name) {
    static const char suffix[] = "num_batches_tracked";
    size_t length = strlen(name), suffix_length = sizeof suffix - 1;
    return length >= suffix_length && strcmp(name + length - suffix_length, suffix) == 0;
}

static void report_unused_of(Builder *b, const WeightsRecord *weights) {
    Text names = {0};
    int count = 0;
    for (int i = 0; weights->file && i < weights->file->count; i++) {
        if (weights->used[i] || is_bookkeeping(weights->file->tensors[i].name)) continue;
        if (count < NAMED_MAX) text_printf(&names, "%s%s", count ? ", " : "", weights->file->tensors[i].name);
        count++;
    }
    if (count)
        diagnose_warning(b->diagnostics, W0201, weights->span, "%d tensor%s of '%s' %s not used: %s%s", count,
                         count == 1 ? "" : "s", weights->path, count == 1 ? "is" : "are", names.bytes,
                         count > NAMED_MAX ? ", ..." : "");
    text_deinit(&names);
}

void report_unused(Builder *b) {
    for (int i = 0; i < b->units.count; i++)
        for (int j = 0; j < b->units.items[i]->weights.count; j++)
            report_unused_of(b, b->units.items[i]->weights.items[j]);
}
