#include "tools/arguments_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int find_dim(const Resolver *resolver, const char *name, size_t length) {
    const EntrySignature *signature = resolver->signature;
    for (int i = 0; i < signature->dim_count; i++)
        if (strncmp(signature->dims[i]->name, name, length) == 0 && !signature->dims[i]->name[length])
            return i;
    return -1;
}

static const char *dim_list(const Resolver *resolver) {
    const char *list = "";
    for (int i = 0; i < resolver->signature->dim_count; i++)
        list = arena_printf(resolver->arena, "%s%s%s", list, *list ? ", " : "",
                            resolver->signature->dims[i]->name);
    return *list ? list : "none";
}

/* Gives dim |index| a value. |source| is where it comes from, for messages. */
static void set_dim(Resolver *resolver, int index, int64_t value, const char *source) {
    const Dim *dim = resolver->signature->dims[index];
    if (value < dim->symbol->min || value > dim->symbol->max) {
        argument_error(resolver, "dim %s is %lld (%s), outside its bounds %lld..%lld", dim->name,
                       (long long)value, source, (long long)dim->symbol->min, (long long)dim->symbol->max);
        return;
    }
    resolver->dims[index] = value;
    resolver->known[index] = true;
}

static void read_dim_word(Resolver *resolver, const char *word) {
    const char *equals = strchr(word, '=');
    if (!equals || equals == word) {
        argument_error(resolver, "'%s' is no dim: expected NAME=NUMBER", word);
        return;
    }
    int index = find_dim(resolver, word, (size_t)(equals - word));
    char *end;
    errno = 0;
    long long value = strtoll(equals + 1, &end, 10);
    if (end == equals + 1 || *end || errno)
        argument_error(resolver, "'%s' is no dim: '%s' is no whole number", word, equals + 1);
    else if (index < 0)
        argument_error(resolver, "entry '%s' has no dim '%.*s'; its dims: %s", resolver->signature->name,
                       (int)(equals - word), word, dim_list(resolver));
    else if (resolver->known[index] && resolver->dims[index] != value)
        argument_error(resolver, "dim %.*s is given twice", (int)(equals - word), word);
    else
        set_dim(resolver, index, value, "given");
}

static int64_t look_up(const Symbol *symbol, void *context) {
    const Resolver *resolver = context;
    for (int i = 0; i < resolver->signature->dim_count; i++)
        if (resolver->signature->dims[i]->symbol == symbol) return resolver->dims[i];
    return 0;
}

static int64_t evaluate(const Resolver *resolver, const Expr *expr) {
    return expr_evaluate(expr, look_up, (void *)resolver);
}

/* The one dim of |expr| that is not known; -1: all are, -2: several are not. */
static int only_unknown(const Resolver *resolver, const Expr *expr) {
    int found = -1;
    for (int i = 0; i < resolver->signature->dim_count; i++)
        if (!resolver->known[i] && expr_uses(expr, resolver->signature->dims[i]->symbol))
            found = found == -1 ? i : -2;
    return found;
}

int64_t extent_known(const Resolver *resolver, const Expr *expr) {
    return only_unknown(resolver, expr) == -1 ? evaluate(resolver, expr) : -1;
}

/* Solves expr = extent for its one unknown dim; true when that became known. The value need not solve it
 * exactly: what does not fit is found when all shapes are compared. */
static bool solve(Resolver *resolver, ExprTable *table, const Expr *expr, int64_t extent, const char *input) {
    int unknown = only_unknown(resolver, expr);
    if (unknown < 0) return false;
    const Expr *factor = expr_coefficient(table, expr, resolver->signature->dims[unknown]->symbol);
    if (!factor) return false;
    int64_t slope = evaluate(resolver, factor);
    resolver->dims[unknown] = 0;
    if (slope == 0) return false;
    __int128 value = ((__int128)extent - evaluate(resolver, expr)) / slope;
    if (value != (int64_t)value) return false;
    set_dim(resolver, unknown, (int64_t)value,
            arena_printf(resolver->arena, "from the shape of '%s'", input));
    return resolver->known[unknown];
}

static void match_shapes(Resolver *resolver) {
    const EntrySignature *signature = resolver->signature;
    ExprTable *table = expr_table_create(resolver->arena);
    for (bool progress = true; progress && !resolver->failed;) {
        progress = false;
        for (int i = 0; i < signature->input_count; i++) {
            const TensorSource *source = resolver->specs[i].source;
            for (int k = 0; source && k < source->rank && !resolver->failed; k++)
                progress |= solve(resolver, table, signature->input_types[i].dims[k], source->dims[k],
                                  signature->input_names[i]);
        }
    }
}

static const char *extents_text(Resolver *resolver, const int64_t *extents, int rank) {
    const char *text = "";
    for (int i = 0; i < rank; i++)
        text = arena_printf(resolver->arena, "%s%s%lld", text, i ? ", " : "", (long long)extents[i]);
    return text;
}

static const char *known_dims_text(Resolver *resolver) {
    const char *text = "";
    for (int i = 0; i < resolver->signature->dim_count; i++)
        if (resolver->known[i])
            text = arena_printf(resolver->arena, "%s%s%s = %lld", text, *text ? ", " : "",
                                resolver->signature->dims[i]->name, (long long)resolver->dims[i]);
    return text;
}

static void report_shape(Resolver *resolver, int input) {
    const EntrySignature *signature = resolver->signature;
    const TensorSource *source = resolver->specs[input].source;
    Type plain = signature->input_types[input];
    plain.layout = NULL;
    Diagnostic *diagnostic =
        argument_error(resolver, "input '%s' of '%s' is %s, but '%s' in %s has the shape [%s]",
                       signature->input_names[input], signature->name, type_text(resolver->arena, &plain),
                       source->name, source->file, extents_text(resolver, source->dims, source->rank));
    const char *dims = known_dims_text(resolver);
    if (*dims) diagnostic_note(diagnostic, (Span){0}, "with %s", dims);
}

bool extents_evaluate(const Resolver *resolver, const Type *type, int64_t *out_extents) {
    for (int i = 0; i < type->rank; i++)
        if ((out_extents[i] = evaluate(resolver, type->dims[i])) < 0) return false;
    return true;
}

static bool check_ranks(Resolver *resolver) {
    for (int i = 0; i < resolver->signature->input_count; i++) {
        const TensorSource *source = resolver->specs[i].source;
        if (source && source->rank != resolver->signature->input_types[i].rank) report_shape(resolver, i);
    }
    return !resolver->failed;
}

static void check_extents(Resolver *resolver) {
    for (int i = 0; i < resolver->signature->input_count; i++) {
        const TensorSource *source = resolver->specs[i].source;
        int64_t extents[RANK_MAX];
        const Type *type = &resolver->signature->input_types[i];
        if (!source) continue;
        if (!extents_evaluate(resolver, type, extents) ||
            memcmp(extents, source->dims, (size_t)type->rank * sizeof *extents) != 0)
            report_shape(resolver, i);
    }
}

void dims_resolve(Resolver *resolver) {
    const EntrySignature *signature = resolver->signature;
    for (int i = 0; i < resolver->words->dim_count; i++) read_dim_word(resolver, resolver->words->dims[i]);
    if (!resolver->failed) pictures_fit(resolver);
    if (resolver->failed || !check_ranks(resolver)) return;
    match_shapes(resolver);
    for (int i = 0; i < signature->dim_count && !resolver->failed; i++) {
        const Symbol *symbol = signature->dims[i]->symbol;
        if (resolver->known[i]) continue;
        if (resolver->words->fill)
            set_dim(resolver, i, symbol->min == 0 && symbol->max > 0 ? 1 : symbol->min, "smallest");
        else
            argument_error(resolver,
                           "dim %s of '%s' follows from no input: give --dim %s=NUMBER (%lld..%lld)",
                           signature->dims[i]->name, signature->name, signature->dims[i]->name,
                           (long long)symbol->min, (long long)symbol->max);
    }
    if (!resolver->failed) check_extents(resolver);
}
