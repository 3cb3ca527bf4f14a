/* Dims. A dim of a file has one value in a call of an entry: it is bound by the first argument that tells it,
 * or it is a symbol of the entry, whose caller passes it. A dim of a block is bound afresh by each call of
 * the block's functions. */
#include "frontend/lang/builder_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

DimRecord *dim_record_create(Builder *b, Scope *scope, const DimSyntax *syntax, Instance *instance) {
    DimRecord *dim = NEW(b->arena, DimRecord);
    *dim = (DimRecord){.name = syntax->name.text,
                       .span = syntax->name.span,
                       .scope = scope,
                       .instance = instance,
                       .low = syntax->low,
                       .high = syntax->high};
    return dim;
}

static bool setting_number(const char **text, int64_t *out) {
    char *end;
    errno = 0;
    *out = strtoll(*text, &end, 10);
    if (end == *text || errno) return false;
    *text = end;
    return true;
}

static bool setting_bounds(const BuildSetting *setting, int64_t *low, int64_t *high, bool *is_fixed) {
    const char *text = setting->value;
    if (!setting_number(&text, low)) return false;
    *is_fixed = !*text;
    *high = *low;
    if (*is_fixed) return true;
    if (strncmp(text, "..", 2) != 0) return false;
    text += 2;
    return setting_number(&text, high) && !*text;
}

static bool set_bounds(Builder *b, DimRecord *dim, int64_t low, int64_t high, Span span) {
    if (low < 0 || high < low || high > INT32_MAX) {
        build_error(b, E0209, span,
                    "the bounds of dim %s are %lld..%lld; they must ascend within 0..2^31 - 1", dim->name,
                    (long long)low, (long long)high);
        return false;
    }
    dim->symbol = symbol_create(b->arena, dim->name, low, high);
    return true;
}

static bool prepare_from_setting(Builder *b, DimRecord *dim) {
    int64_t low, high;
    bool is_fixed;
    if (!setting_bounds(dim->setting, &low, &high, &is_fixed)) {
        build_error(b, E0225, (Span){0}, "--dim %s=%s: expected a number or bounds such as 1..64", dim->name,
                    dim->setting->value);
        return false;
    }
    if (!set_bounds(b, dim, low, high, dim->span)) return false;
    if (is_fixed) {
        dim->symbol = NULL;
        dim->fixed = expr_constant(b->module->exprs, low);
    }
    return true;
}

static bool prepare_bounds(Builder *b, DimRecord *dim) {
    if (dim->setting) return prepare_from_setting(b, dim);
    if (!dim->high) return true;
    int64_t low, high;
    const char *what = arena_printf(b->arena, "a bound of dim %s", dim->name);
    if (!datum_to_integer(b, evaluate_in(b, dim->scope, dim->low), dim->low->span, what, &low) ||
        !datum_to_integer(b, evaluate_in(b, dim->scope, dim->high), dim->high->span, what, &high))
        return false;
    return set_bounds(b, dim, low, high, span_join(dim->low->span, dim->high->span));
}

bool dim_prepare(Builder *b, DimRecord *dim) {
    if (dim->prepared || dim->failed) return dim->prepared;
    if (dim->preparing) {
        build_error(b, E0209, dim->span, "dim %s is defined by itself", dim->name);
        return false;
    }
    dim->preparing = true;
    dim->prepared = prepare_bounds(b, dim);
    dim->preparing = false;
    dim->failed = !dim->prepared;
    return dim->prepared;
}

static const Expr *bound_in(const Frame *frame, const DimRecord *dim) {
    for (int i = 0; i < frame->dims.count; i++)
        if (frame->dims.items[i].dim == dim) return frame->dims.items[i].extent;
    return NULL;
}

/* dim K = expression: evaluated at each use, since it may depend on other dims. */
static const Expr *fixed_value(Builder *b, DimRecord *dim) {
    if (dim->fixed || !dim->low || dim->high || dim->setting) return dim->fixed;
    if (dim->preparing) {
        build_error(b, E0209, dim->span, "dim %s is defined by itself", dim->name);
        return NULL;
    }
    dim->preparing = true;
    Datum value = evaluate_in(b, dim->scope, dim->low);
    dim->preparing = false;
    if (datum_is_size(value) && datum_extent_of(b, value)->min >= 0) return datum_extent_of(b, value);
    if (value.kind != DATUM_POISON)
        build_error(b, E0209, dim->low->span, "dim %s must be an integer from 0 on, found %s", dim->name,
                    datum_text(b->arena, value));
    return NULL;
}

static bool is_fixed(const DimRecord *dim) { return dim->fixed || (dim->low && !dim->high && !dim->setting); }

const Expr *dim_lookup(Builder *b, const DimRecord *dim) {
    if (!dim_prepare(b, (DimRecord *)dim)) return NULL;
    if (is_fixed(dim)) return fixed_value(b, (DimRecord *)dim);
    for (const Frame *frame = b->frame; frame; frame = frame->outer) {
        const Expr *extent = bound_in(frame, dim);
        if (extent) return extent;
    }
    return NULL;
}

/* Dims of a file live as long as the entry's call, those of a block as long as the function's. */
static Frame *frame_of(Builder *b, const DimRecord *dim) {
    for (Frame *frame = b->frame; frame; frame = frame->outer)
        if (dim->instance ? frame->function && frame->instance == dim->instance : frame->is_entry)
            return frame;
    return b->frame;
}

static bool within_bounds(Builder *b, const DimRecord *dim, const Expr *extent, Span span) {
    ExprTable *table = b->module->exprs;
    if (!dim->symbol || (extent->min >= dim->symbol->min && extent->max <= dim->symbol->max)) return true;
    const Expr *clamped = expr_min(table, expr_max(table, extent, expr_constant(table, dim->symbol->min)),
                                   expr_constant(table, dim->symbol->max));
    if (infer_dims_equal(b->module, clamped, extent, user_place(b, span))) return true;
    Text text = {0};
    expr_print(&text, extent);
    Diagnostic *error =
        build_error(b, E0204, span, "dim %s is %s here, but was declared as %lld..%lld", dim->name,
                    text.bytes, (long long)dim->symbol->min, (long long)dim->symbol->max);
    text_deinit(&text);
    diagnostic_note(error, dim->span, "declared here");
    return false;
}

bool dim_bind(Builder *b, DimRecord *dim, const Expr *extent, Span span) {
    if (!dim_prepare(b, dim)) return false;
    Frame *frame = frame_of(b, dim);
    if (is_fixed(dim) || bound_in(frame, dim)) return true;
    bool fits = within_bounds(b, dim, extent, span);
    vector_push(b->arena, &frame->dims, ((BoundDim){dim, extent}));
    return fits;
}

/* Makes the dim an argument of the entry that is being built. */
static bool use_in_entry(Builder *b, DimRecord *dim, Span span) {
    Module *module = b->module;
    for (int i = 0; i < module->dims.count && !dim->dim; i++) {
        if (strcmp(module->dims.items[i]->name, dim->name) != 0) continue;
        Diagnostic *error = build_error(b, E0205, span, "two dims named %s reach the entries", dim->name);
        diagnostic_note(error, dim->span, "one of them");
        diagnostic_note(error, module->dims.items[i]->span, "the other");
        return false;
    }
    if (!dim->dim) {
        dim->dim = NEW(b->arena, Dim);
        *dim->dim = (Dim){dim->name, dim->symbol, dim->span};
        vector_push(b->arena, &module->dims, dim->dim);
    }
    Entry *entry = b->entry;
    for (int i = 0; i < entry->dim_count; i++)
        if (entry->dims[i] == dim->dim) return true;
    Dim **dims = NEW_ARRAY(b->arena, Dim *, entry->dim_count + 1);
    if (entry->dim_count) memcpy(dims, entry->dims, (size_t)entry->dim_count * sizeof *dims);
    dims[entry->dim_count++] = dim->dim;
    entry->dims = dims;
    return true;
}

static Datum complain_unbound(Builder *b, const DimRecord *dim, Span span) {
    if (dim->instance)
        return build_fail(b, E0209, span, "dim %s has no value yet: no argument of this call tells it",
                          dim->name);
    if (!b->entry)
        return build_fail(b, E0209, span, "dim %s has no value here: only a call of an entry gives it one",
                          dim->name);
    Diagnostic *error = build_error(b, E0209, span, "dim %s reaches an entry without bounds", dim->name);
    diagnostic_note(error, dim->span, "declared here; bounds are needed for the memory plan");
    diagnostic_fix(error, dim->span, "%s = 1..512", dim->name);
    return POISON;
}

Datum dim_value(Builder *b, DimRecord *dim, Span span) {
    if (!dim_prepare(b, dim)) return POISON;
    const Expr *extent = dim_lookup(b, dim);
    if (extent) return datum_extent(extent);
    if (is_fixed(dim)) return POISON;
    if (dim->instance || !b->entry || !dim->symbol) return complain_unbound(b, dim, span);
    if (!use_in_entry(b, dim, span)) return POISON;
    Frame *root = b->frame;
    for (Frame *frame = b->frame; frame; frame = frame->outer)
        if (frame->is_entry) root = frame;
    extent = expr_symbol(b->module->exprs, dim->symbol);
    vector_push(b->arena, &root->dims, ((BoundDim){dim, extent}));
    return datum_extent(extent);
}
