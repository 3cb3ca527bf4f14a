#include "ir/expr.h"

#include "support/checked.h"

#include <assert.h>
#include <string.h>

enum { BUCKET_COUNT = 4096 };

typedef struct Bucket Bucket;
struct Bucket {
    Bucket *next;
    uint64_t hash;
    Expr *expr;
};

struct ExprTable {
    Arena *arena;
    uint32_t next_id;
    Bucket *buckets[BUCKET_COUNT];
};

/* Bounds saturate here, far from the ends of int64_t, so that sums of a few never wrap. */
static const int64_t BOUND = INT64_C(1) << 62;

typedef struct Interval {
    int64_t min, max;
} Interval;

static int64_t saturate(__int128 value) {
    return value > BOUND ? BOUND : value < -BOUND ? -BOUND : (int64_t)value;
}

static Interval interval_mul(Interval a, Interval b) {
    __int128 products[4] = {(__int128)a.min * b.min, (__int128)a.min * b.max, (__int128)a.max * b.min,
                            (__int128)a.max * b.max};
    __int128 low = products[0], high = products[0];
    for (int i = 1; i < 4; i++) {
        if (products[i] < low) low = products[i];
        if (products[i] > high) high = products[i];
    }
    return (Interval){saturate(low), saturate(high)};
}

ExprTable *expr_table_create(Arena *arena) {
    ExprTable *table = NEW(arena, ExprTable);
    table->arena = arena;
    return table;
}

Symbol *symbol_create(Arena *arena, const char *name, int64_t min, int64_t max) {
    Symbol *symbol = NEW(arena, Symbol);
    symbol->name = arena_strdup(arena, name);
    symbol->min = min;
    symbol->max = max;
    return symbol;
}

/* ---- Interning ---- */

static uint64_t mix(uint64_t hash, uint64_t value) {
    hash ^= value + 0x9e3779b97f4a7c15u + (hash << 6) + (hash >> 2);
    return hash * 0xff51afd7ed558ccdu;
}

static uint64_t expr_hash(const Expr *expr) {
    uint64_t hash = mix(17, (uint64_t)expr->kind);
    if (expr->kind == EXPR_SYMBOL) return mix(hash, (uint64_t)(uintptr_t)expr->symbol);
    if (expr->kind != EXPR_SUM) return mix(mix(hash, expr->left->id), expr->right->id);
    for (int i = 0; i < expr->term_count; i++) {
        hash = mix(hash, (uint64_t)expr->terms[i].coefficient);
        for (int j = 0; j < expr->terms[i].atom_count; j++) hash = mix(hash, expr->terms[i].atoms[j]->id);
    }
    return hash;
}

static bool term_same_atoms(const Term *a, const Term *b) {
    return a->atom_count == b->atom_count &&
           (a->atom_count == 0 || memcmp(a->atoms, b->atoms, (size_t)a->atom_count * sizeof *a->atoms) == 0);
}

static bool expr_same(const Expr *a, const Expr *b) {
    if (a->kind != b->kind) return false;
    if (a->kind == EXPR_SYMBOL) return a->symbol == b->symbol;
    if (a->kind != EXPR_SUM) return a->left == b->left && a->right == b->right;
    if (a->term_count != b->term_count) return false;
    for (int i = 0; i < a->term_count; i++)
        if (a->terms[i].coefficient != b->terms[i].coefficient ||
            !term_same_atoms(&a->terms[i], &b->terms[i]))
            return false;
    return true;
}

static const Expr *intern(ExprTable *table, const Expr *candidate) {
    uint64_t hash = expr_hash(candidate);
    Bucket **bucket = &table->buckets[hash % BUCKET_COUNT];
    for (Bucket *entry = *bucket; entry; entry = entry->next)
        if (entry->hash == hash && expr_same(entry->expr, candidate)) return entry->expr;
    Bucket *entry = NEW(table->arena, Bucket);
    entry->expr = NEW(table->arena, Expr);
    *entry->expr = *candidate;
    entry->expr->id = table->next_id++;
    if (candidate->term_count) {
        entry->expr->terms = NEW_ARRAY(table->arena, Term, candidate->term_count);
        memcpy(entry->expr->terms, candidate->terms, (size_t)candidate->term_count * sizeof(Term));
    }
    entry->hash = hash;
    entry->next = *bucket;
    *bucket = entry;
    return entry->expr;
}

/* ---- Sums ---- */

typedef struct Sum {
    ExprTable *table;
    VECTOR(Term) terms;
} Sum;

static int term_order(const Term *a, const Term *b) {
    if (a->atom_count != b->atom_count) return b->atom_count - a->atom_count;
    for (int i = 0; i < a->atom_count; i++)
        if (a->atoms[i] != b->atoms[i]) return a->atoms[i]->id < b->atoms[i]->id ? -1 : 1;
    return 0;
}

static void sum_add_term(Sum *sum, Term term) {
    if (term.coefficient == 0) return;
    int at = 0;
    while (at < sum->terms.count && term_order(&sum->terms.items[at], &term) < 0) at++;
    if (at < sum->terms.count && term_same_atoms(&sum->terms.items[at], &term)) {
        int64_t total;
        if (!checked_add(sum->terms.items[at].coefficient, term.coefficient, &total)) total = BOUND;
        sum->terms.items[at].coefficient = total;
        if (total == 0) {
            memmove(&sum->terms.items[at], &sum->terms.items[at + 1],
                    (size_t)(sum->terms.count - at - 1) * sizeof(Term));
            sum->terms.count--;
        }
        return;
    }
    vector_push(sum->table->arena, &sum->terms, term);
    memmove(&sum->terms.items[at + 1], &sum->terms.items[at],
            (size_t)(sum->terms.count - 1 - at) * sizeof(Term));
    sum->terms.items[at] = term;
}

/* The terms of any expression; |storage| holds the one of an atom. */
static const Term *expr_terms(const Expr *const *expr, Term *storage, int *out_count) {
    if ((*expr)->kind == EXPR_SUM) {
        *out_count = (*expr)->term_count;
        return (*expr)->terms;
    }
    *storage = (Term){1, 1, (const Expr **)expr};
    *out_count = 1;
    return storage;
}

static void sum_add_scaled(Sum *sum, const Expr *expr, int64_t factor) {
    const Expr **kept = NULL;
    if (expr->kind != EXPR_SUM) {
        kept = NEW_ARRAY(sum->table->arena, const Expr *, 1);
        kept[0] = expr;
        sum_add_term(sum, (Term){factor, 1, kept});
        return;
    }
    for (int i = 0; i < expr->term_count; i++) {
        Term term = expr->terms[i];
        if (!checked_mul(term.coefficient, factor, &term.coefficient)) term.coefficient = BOUND;
        sum_add_term(sum, term);
    }
}

static Interval term_bounds(const Term *term) {
    Interval bounds = {term->coefficient, term->coefficient};
    for (int i = 0; i < term->atom_count; i++)
        bounds = interval_mul(bounds, (Interval){term->atoms[i]->min, term->atoms[i]->max});
    return bounds;
}

static bool is_atom_term(const Term *term, ExprKind kind) {
    return term->atom_count == 1 && term->atoms[0]->kind == kind;
}

/* b * (a / b) + a % b = a: joins the two halves of an index that was taken apart. True when something
 * changed. */
static bool join_halves(Sum *sum) {
    for (int i = 0; i < sum->terms.count; i++) {
        Term rest = sum->terms.items[i];
        int64_t divisor, scaled;
        if (!is_atom_term(&rest, EXPR_MOD) || !expr_is_constant(rest.atoms[0]->right, &divisor)) continue;
        if (!checked_mul(rest.coefficient, divisor, &scaled)) continue;
        for (int j = 0; j < sum->terms.count; j++) {
            Term quotient = sum->terms.items[j];
            if (!is_atom_term(&quotient, EXPR_FLOORDIV) || quotient.coefficient != scaled ||
                quotient.atoms[0]->left != rest.atoms[0]->left ||
                quotient.atoms[0]->right != rest.atoms[0]->right)
                continue;
            sum_add_scaled(sum, rest.atoms[0]->left, rest.coefficient);
            rest.coefficient = -rest.coefficient;
            quotient.coefficient = -quotient.coefficient;
            sum_add_term(sum, rest);
            sum_add_term(sum, quotient);
            return true;
        }
    }
    return false;
}

static const Expr *sum_finish(Sum *sum) {
    while (join_halves(sum)) continue;
    if (sum->terms.count == 1 && sum->terms.items[0].coefficient == 1 && sum->terms.items[0].atom_count == 1)
        return sum->terms.items[0].atoms[0];
    Expr candidate = {.kind = EXPR_SUM, .term_count = sum->terms.count, .terms = sum->terms.items};
    __int128 min = 0, max = 0;
    for (int i = 0; i < candidate.term_count; i++) {
        Interval bounds = term_bounds(&candidate.terms[i]);
        min += bounds.min;
        max += bounds.max;
    }
    candidate.min = saturate(min);
    candidate.max = saturate(max);
    return intern(sum->table, &candidate);
}

const Expr *expr_constant(ExprTable *table, int64_t value) {
    Sum sum = {table};
    sum_add_term(&sum, (Term){value, 0, NULL});
    return sum_finish(&sum);
}

const Expr *expr_symbol(ExprTable *table, const Symbol *symbol) {
    return intern(table,
                  &(Expr){.kind = EXPR_SYMBOL, .symbol = symbol, .min = symbol->min, .max = symbol->max});
}

const Expr *expr_add(ExprTable *table, const Expr *a, const Expr *b) {
    Sum sum = {table};
    sum_add_scaled(&sum, a, 1);
    sum_add_scaled(&sum, b, 1);
    return sum_finish(&sum);
}

const Expr *expr_sub(ExprTable *table, const Expr *a, const Expr *b) {
    Sum sum = {table};
    sum_add_scaled(&sum, a, 1);
    sum_add_scaled(&sum, b, -1);
    return sum_finish(&sum);
}

const Expr *expr_scale(ExprTable *table, const Expr *a, int64_t factor) {
    Sum sum = {table};
    sum_add_scaled(&sum, a, factor);
    return sum_finish(&sum);
}

const Expr *expr_add_constant(ExprTable *table, const Expr *a, int64_t value) {
    return expr_add(table, a, expr_constant(table, value));
}

static Term term_product(Arena *arena, const Term *a, const Term *b) {
    Term product = {0, a->atom_count + b->atom_count, NULL};
    if (!checked_mul(a->coefficient, b->coefficient, &product.coefficient)) product.coefficient = BOUND;
    if (!product.atom_count) return product;
    product.atoms = NEW_ARRAY(arena, const Expr *, product.atom_count);
    int i = 0, j = 0, n = 0;
    while (i < a->atom_count || j < b->atom_count) {
        bool left = j == b->atom_count || (i < a->atom_count && a->atoms[i]->id <= b->atoms[j]->id);
        product.atoms[n++] = left ? a->atoms[i++] : b->atoms[j++];
    }
    return product;
}

const Expr *expr_mul(ExprTable *table, const Expr *a, const Expr *b) {
    Sum sum = {table};
    Term left_storage, right_storage;
    int left_count, right_count;
    const Term *left = expr_terms(&a, &left_storage, &left_count);
    const Term *right = expr_terms(&b, &right_storage, &right_count);
    for (int i = 0; i < left_count; i++)
        for (int j = 0; j < right_count; j++)
            sum_add_term(&sum, term_product(table->arena, &left[i], &right[j]));
    /* A lone atom's term points at a local; the merged terms must not. */
    for (int i = 0; i < sum.terms.count; i++) {
        Term *term = &sum.terms.items[i];
        if (!term->atom_count) continue;
        const Expr **atoms = NEW_ARRAY(table->arena, const Expr *, term->atom_count);
        memcpy(atoms, term->atoms, (size_t)term->atom_count * sizeof *atoms);
        term->atoms = atoms;
    }
    return sum_finish(&sum);
}

bool expr_is_constant(const Expr *expr, int64_t *out_value) {
    if (expr->kind != EXPR_SUM || expr->term_count > 1) return false;
    if (expr->term_count == 1 && expr->terms[0].atom_count) return false;
    if (out_value) *out_value = expr->term_count ? expr->terms[0].coefficient : 0;
    return true;
}

int64_t expr_value(const Expr *expr) {
    int64_t value = 0;
    bool constant = expr_is_constant(expr, &value);
    assert(constant);
    (void)constant;
    return value;
}

bool expr_equals(const Expr *expr, int64_t value) {
    int64_t found;
    return expr_is_constant(expr, &found) && found == value;
}

/* ---- Division ---- */

static const Expr *binary_atom(ExprTable *table, ExprKind kind, const Expr *a, const Expr *b,
                               Interval bounds) {
    if (bounds.min == bounds.max) return expr_constant(table, bounds.min);
    return intern(table, &(Expr){.kind = kind, .left = a, .right = b, .min = bounds.min, .max = bounds.max});
}

static Interval floordiv_bounds(const Expr *a, const Expr *b) {
    if (b->min < 1) return (Interval){-BOUND, BOUND};
    int64_t corners[4] = {floor_div(a->min, b->min), floor_div(a->min, b->max), floor_div(a->max, b->min),
                          floor_div(a->max, b->max)};
    Interval bounds = {corners[0], corners[0]};
    for (int i = 1; i < 4; i++) {
        if (corners[i] < bounds.min) bounds.min = corners[i];
        if (corners[i] > bounds.max) bounds.max = corners[i];
    }
    return bounds;
}

/* Splits a = divisor * quotient + rest, taking whole terms out; the constant's remainder is in [0, divisor).
 */
static void split_by_constant(ExprTable *table, const Expr *a, int64_t divisor, const Expr **out_quotient,
                              const Expr **out_rest) {
    Sum quotient = {table}, rest = {table};
    const Expr **one = NEW_ARRAY(table->arena, const Expr *, 1);
    *one = a;
    Term storage;
    int count;
    const Term *terms = expr_terms((const Expr *const *)one, &storage, &count);
    for (int i = 0; i < count; i++) {
        Term whole = terms[i], left = terms[i];
        if (terms[i].atom_count && terms[i].coefficient % divisor) {
            sum_add_term(&rest, left);
            continue;
        }
        whole.coefficient = floor_div(terms[i].coefficient, divisor);
        left.coefficient = floor_mod(terms[i].coefficient, divisor);
        sum_add_term(&quotient, whole);
        sum_add_term(&rest, left);
    }
    *out_quotient = sum_finish(&quotient);
    *out_rest = sum_finish(&rest);
}

static int64_t gcd(int64_t a, int64_t b) {
    while (b) {
        int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a < 0 ? -a : a;
}

/* The greatest common divisor of all coefficients with the start value; the constant counts too. */
static int64_t coefficient_gcd(const Expr *expr, int64_t start) {
    if (expr->kind != EXPR_SUM) return 1;
    for (int i = 0; i < expr->term_count; i++) start = gcd(start, expr->terms[i].coefficient);
    return start;
}

static const Expr *divide_coefficients(ExprTable *table, const Expr *expr, int64_t divisor) {
    Sum sum = {table};
    for (int i = 0; i < expr->term_count; i++) {
        Term term = expr->terms[i];
        term.coefficient /= divisor;
        sum_add_term(&sum, term);
    }
    return sum_finish(&sum);
}

static const Expr *floordiv_constant(ExprTable *table, const Expr *a, int64_t divisor) {
    const Expr *quotient, *rest;
    split_by_constant(table, a, divisor, &quotient, &rest);
    if (rest->min >= 0 && rest->max < divisor) return quotient;
    int64_t common = coefficient_gcd(rest, divisor);
    if (common > 1) {
        rest = divide_coefficients(table, rest, common);
        divisor /= common;
    }
    const Expr *below = expr_constant(table, divisor);
    return expr_add(table, quotient,
                    binary_atom(table, EXPR_FLOORDIV, rest, below, floordiv_bounds(rest, below)));
}

/* a / b where b is one term and divides every term of a; NULL otherwise. */
static const Expr *divide_exactly(ExprTable *table, const Expr *a, const Expr *b) {
    Term a_storage, b_storage;
    int a_count, b_count;
    const Term *divisors = expr_terms(&b, &b_storage, &b_count);
    const Term *terms = expr_terms(&a, &a_storage, &a_count);
    if (b_count != 1) return NULL;
    Sum sum = {table};
    for (int i = 0; i < a_count; i++) {
        if (terms[i].coefficient % divisors[0].coefficient) return NULL;
        Term quotient = {terms[i].coefficient / divisors[0].coefficient, 0,
                         NEW_ARRAY(table->arena, const Expr *, terms[i].atom_count + 1)};
        int taken = 0;
        for (int j = 0; j < terms[i].atom_count; j++) {
            if (taken < divisors[0].atom_count && terms[i].atoms[j] == divisors[0].atoms[taken])
                taken++;
            else
                quotient.atoms[quotient.atom_count++] = terms[i].atoms[j];
        }
        if (taken != divisors[0].atom_count) return NULL;
        sum_add_term(&sum, quotient);
    }
    return sum_finish(&sum);
}

const Expr *expr_floordiv(ExprTable *table, const Expr *a, const Expr *b) {
    int64_t divisor, dividend;
    if (expr_is_constant(b, &divisor) && divisor > 0) {
        if (expr_is_constant(a, &dividend)) return expr_constant(table, floor_div(dividend, divisor));
        return floordiv_constant(table, a, divisor);
    }
    const Expr *exact = b->min >= 1 ? divide_exactly(table, a, b) : NULL;
    return exact ? exact : binary_atom(table, EXPR_FLOORDIV, a, b, floordiv_bounds(a, b));
}

const Expr *expr_ceildiv(ExprTable *table, const Expr *a, const Expr *b) {
    return expr_floordiv(table, expr_add(table, a, expr_add_constant(table, b, -1)), b);
}

const Expr *expr_mod(ExprTable *table, const Expr *a, const Expr *b) {
    int64_t divisor;
    if (!expr_is_constant(b, &divisor) || divisor <= 0) {
        if (b->min >= 1 && divide_exactly(table, a, b)) return expr_constant(table, 0);
        return binary_atom(table, EXPR_MOD, a, b, (Interval){0, b->max > 0 ? b->max - 1 : BOUND});
    }
    const Expr *quotient, *rest;
    split_by_constant(table, a, divisor, &quotient, &rest);
    if (rest->min >= 0 && rest->max < divisor) return rest;
    if (floor_div(rest->min, divisor) == floor_div(rest->max, divisor))
        return expr_add_constant(table, rest, -floor_div(rest->min, divisor) * divisor);
    int64_t common = coefficient_gcd(rest, divisor);
    if (common > 1) { /* as in floordiv_constant, so that the halves can be joined */
        rest = divide_coefficients(table, rest, common);
        return expr_scale(table, expr_mod(table, rest, expr_constant(table, divisor / common)), common);
    }
    return binary_atom(table, EXPR_MOD, rest, b, (Interval){0, divisor - 1});
}

const Expr *expr_min(ExprTable *table, const Expr *a, const Expr *b) {
    const Expr *difference = expr_sub(table, a, b);
    if (difference->max <= 0) return a;
    if (difference->min >= 0) return b;
    Interval bounds = {a->min < b->min ? a->min : b->min, a->max < b->max ? a->max : b->max};
    return a->id < b->id ? binary_atom(table, EXPR_MIN, a, b, bounds)
                         : binary_atom(table, EXPR_MIN, b, a, bounds);
}

const Expr *expr_max(ExprTable *table, const Expr *a, const Expr *b) {
    const Expr *difference = expr_sub(table, a, b);
    if (difference->min >= 0) return a;
    if (difference->max <= 0) return b;
    Interval bounds = {a->min > b->min ? a->min : b->min, a->max > b->max ? a->max : b->max};
    return a->id < b->id ? binary_atom(table, EXPR_MAX, a, b, bounds)
                         : binary_atom(table, EXPR_MAX, b, a, bounds);
}

/* ---- Looking inside ---- */

bool expr_uses(const Expr *expr, const Symbol *symbol) {
    if (expr->kind == EXPR_SYMBOL) return expr->symbol == symbol;
    if (expr->kind != EXPR_SUM) return expr_uses(expr->left, symbol) || expr_uses(expr->right, symbol);
    for (int i = 0; i < expr->term_count; i++)
        for (int j = 0; j < expr->terms[i].atom_count; j++)
            if (expr_uses(expr->terms[i].atoms[j], symbol)) return true;
    return false;
}

static const Expr *binary_build(ExprTable *table, ExprKind kind, const Expr *a, const Expr *b) {
    switch (kind) {
    case EXPR_FLOORDIV: return expr_floordiv(table, a, b);
    case EXPR_MOD: return expr_mod(table, a, b);
    case EXPR_MIN: return expr_min(table, a, b);
    default: return expr_max(table, a, b);
    }
}

const Expr *expr_substitute(ExprTable *table, const Expr *expr, const Symbol *symbol,
                            const Expr *replacement) {
    if (!expr_uses(expr, symbol)) return expr;
    if (expr->kind == EXPR_SYMBOL) return replacement;
    if (expr->kind != EXPR_SUM)
        return binary_build(table, expr->kind, expr_substitute(table, expr->left, symbol, replacement),
                            expr_substitute(table, expr->right, symbol, replacement));
    const Expr *total = expr_constant(table, 0);
    for (int i = 0; i < expr->term_count; i++) {
        const Expr *product = expr_constant(table, expr->terms[i].coefficient);
        for (int j = 0; j < expr->terms[i].atom_count; j++)
            product = expr_mul(table, product,
                               expr_substitute(table, expr->terms[i].atoms[j], symbol, replacement));
        total = expr_add(table, total, product);
    }
    return total;
}

const Expr *expr_coefficient(ExprTable *table, const Expr *expr, const Symbol *symbol) {
    if (!expr_uses(expr, symbol)) return expr_constant(table, 0);
    if (expr->kind == EXPR_SYMBOL) return expr_constant(table, 1);
    if (expr->kind != EXPR_SUM) return NULL;
    Sum sum = {table};
    for (int i = 0; i < expr->term_count; i++) {
        const Term *term = &expr->terms[i];
        Term rest = {term->coefficient, 0, NEW_ARRAY(table->arena, const Expr *, term->atom_count + 1)};
        int found = 0;
        for (int j = 0; j < term->atom_count; j++) {
            const Expr *atom = term->atoms[j];
            if (atom->kind == EXPR_SYMBOL && atom->symbol == symbol)
                found++;
            else if (expr_uses(atom, symbol))
                return NULL;
            else
                rest.atoms[rest.atom_count++] = atom;
        }
        if (found > 1) return NULL;
        if (found) sum_add_term(&sum, rest);
    }
    return sum_finish(&sum);
}

int64_t expr_evaluate(const Expr *expr, SymbolLookup lookup, void *context) {
    if (expr->kind == EXPR_SYMBOL) return lookup(expr->symbol, context);
    if (expr->kind != EXPR_SUM) {
        int64_t a = expr_evaluate(expr->left, lookup, context),
                b = expr_evaluate(expr->right, lookup, context);
        switch (expr->kind) {
        case EXPR_FLOORDIV: return b ? floor_div(a, b) : 0;
        case EXPR_MOD: return b ? floor_mod(a, b) : 0;
        case EXPR_MIN: return a < b ? a : b;
        default: return a > b ? a : b;
        }
    }
    uint64_t total = 0;
    for (int i = 0; i < expr->term_count; i++) {
        uint64_t product = (uint64_t)expr->terms[i].coefficient;
        for (int j = 0; j < expr->terms[i].atom_count; j++)
            product *= (uint64_t)expr_evaluate(expr->terms[i].atoms[j], lookup, context);
        total += product;
    }
    return (int64_t)total;
}

/* ---- Text ---- */

static void print_atom(Text *text, const Expr *atom, bool inside_product) {
    if (atom->kind == EXPR_SYMBOL) {
        text_puts(text, atom->symbol->name);
    } else if (atom->kind == EXPR_MIN || atom->kind == EXPR_MAX) {
        text_puts(text, atom->kind == EXPR_MIN ? "min(" : "max(");
        expr_print(text, atom->left);
        text_puts(text, ", ");
        expr_print(text, atom->right);
        text_putc(text, ')');
    } else {
        bool left_sum = atom->left->kind != EXPR_SYMBOL, right_sum = !expr_is_constant(atom->right, NULL);
        if (inside_product) text_putc(text, '(');
        if (left_sum) text_putc(text, '(');
        expr_print(text, atom->left);
        if (left_sum) text_putc(text, ')');
        text_putc(text, atom->kind == EXPR_FLOORDIV ? '/' : '%');
        if (right_sum) text_putc(text, '(');
        expr_print(text, atom->right);
        if (right_sum) text_putc(text, ')');
        if (inside_product) text_putc(text, ')');
    }
}

static void print_term(Text *text, const Term *term, bool first) {
    int64_t coefficient = term->coefficient;
    if (!first) {
        text_puts(text, coefficient < 0 ? " - " : " + ");
        if (coefficient < 0) coefficient = -coefficient;
    }
    if (!term->atom_count) {
        text_printf(text, "%lld", (long long)coefficient);
        return;
    }
    bool product = term->atom_count > 1 || coefficient != 1;
    if (coefficient == -1 && first)
        text_puts(text, "-1*");
    else if (coefficient != 1)
        text_printf(text, "%lld*", (long long)coefficient);
    for (int i = 0; i < term->atom_count; i++) {
        if (i) text_putc(text, '*');
        print_atom(text, term->atoms[i], product);
    }
}

void expr_print(Text *text, const Expr *expr) {
    if (expr->kind != EXPR_SUM) {
        print_atom(text, expr, false);
        return;
    }
    if (!expr->term_count) text_putc(text, '0');
    for (int i = 0; i < expr->term_count; i++) print_term(text, &expr->terms[i], i == 0);
}
