#include "ir/loops/names.h"

#include "ir/reader.h"

#include <string.h>

/* ---- Names ---- */

/* Words that stand where a range of a contraction may stand, and the two symbols of a tile. */
static const char *const reserved[] = {"r", "l", "A", "B", "chunk", "min", "max"};

static bool is_taken(const LoopNames *names, const char *name) {
    for (int i = 0; i < names->taken.count; i++)
        if (strcmp(names->taken.items[i], name) == 0) return true;
    return false;
}

/* Expressions spell some symbols without a sigil, so that no symbol may have the name of a dim. */
static bool is_reserved(const LoopNames *names, const char *name) {
    const Module *graph = names->module->graph;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (strcmp(reserved[i], name) == 0) return true;
    for (int i = 0; i < graph->dims.count; i++)
        if (strcmp(graph->dims.items[i]->name, name) == 0) return true;
    return false;
}

static bool is_letter(char c) { return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

static bool is_usable(const char *hint) {
    if (!hint || !is_letter(hint[0])) return false;
    for (const char *c = hint; *c; c++)
        if (!is_letter(*c) && !(*c >= '0' && *c <= '9') && !(*c == '.' && c[1] && c[1] != '.')) return false;
    return true;
}

static const char *take_name(LoopNames *names, const char *hint, const char *otherwise, bool symbol) {
    const char *base = is_usable(hint) ? hint : otherwise, *name = base;
    for (int suffix = 1; is_taken(names, name) || (symbol && is_reserved(names, name)); suffix++)
        name = arena_printf(names->arena, "%s.%d", base, suffix);
    vector_push(names->arena, &names->taken, name);
    return name;
}

static void push_symbol(LoopNames *names, const Symbol *symbol, const char *text) {
    SymbolName name = {symbol, text};
    vector_push(names->arena, &names->symbols, name);
}

void names_init(LoopNames *names, const LoopModule *module) {
    *names = (LoopNames){.module = module, .arena = module->arena};
    names->tiles = NEW_ARRAY(names->arena, const char *, module->next_tile_id + 1);
    names->buffers = NEW_ARRAY(names->arena, const char *, module->next_buffer_id + 1);
}

/* A dim called r or l is written @r or @l. */
void names_begin_function(LoopNames *names) {
    const Module *graph = names->module->graph;
    names->taken.count = names->symbols.count = names->next_number = 0;
    for (int i = 0; i < graph->dims.count; i++) {
        const char *name = graph->dims.items[i]->name;
        bool hidden = strcmp(name, "r") == 0 || strcmp(name, "l") == 0;
        push_symbol(names, graph->dims.items[i]->symbol,
                    hidden ? arena_printf(names->arena, "@%s", name) : name);
    }
}

NamesMark names_enter(const LoopNames *names) {
    return (NamesMark){names->taken.count, names->symbols.count};
}

void names_leave(LoopNames *names, NamesMark mark) {
    names->taken.count = mark.taken;
    names->symbols.count = mark.symbols;
}

const char *names_define_tile(LoopNames *names, const Tile *tile) {
    const char *name = is_usable(tile->name) ? take_name(names, tile->name, "", false)
                                             : arena_printf(names->arena, "%d", names->next_number++);
    return names->tiles[tile->id] = name;
}

const char *names_define_buffer(LoopNames *names, const Buffer *buffer) {
    return names->buffers[buffer->id] = take_name(names, buffer->name, "b", false);
}

const char *names_define_symbol(LoopNames *names, const Symbol *symbol, const char *sigil) {
    const char *text = arena_printf(names->arena, "%s%s", sigil, take_name(names, symbol->name, "i", true));
    push_symbol(names, symbol, text);
    return text;
}

const char *names_tile(const LoopNames *names, const Tile *tile) {
    const char *name = tile ? names->tiles[tile->id] : NULL;
    return name ? name : "?";
}

void names_print_buffer(const LoopNames *names, Text *text, const Buffer *buffer) {
    if (buffer->kind == BUFFER_CONSTANT)
        global_print(text, buffer->constant->name);
    else
        text_printf(text, "%%%s", names->buffers[buffer->id] ? names->buffers[buffer->id] : "?");
}

/* ---- The order of terms: by their symbols as these were bound ---- */

static int symbol_order(const LoopNames *names, const Symbol *symbol) {
    if (symbol == names->module->row) return 1 << 29;
    if (symbol == names->module->lane) return 1 << 30;
    for (int i = names->symbols.count - 1; i >= 0; i--)
        if (names->symbols.items[i].symbol == symbol) return i;
    return -1;
}

static int compare_exprs(LoopNames *names, const Expr *a, const Expr *b);

static int compare_terms(LoopNames *names, const Term *a, const Term *b) {
    if (!a->atom_count || !b->atom_count) return b->atom_count - a->atom_count;
    for (int i = 0; i < a->atom_count && i < b->atom_count; i++) {
        int order = compare_exprs(names, a->atoms[i], b->atoms[i]);
        if (order) return order;
    }
    if (a->atom_count != b->atom_count) return b->atom_count - a->atom_count;
    return (a->coefficient > b->coefficient) - (a->coefficient < b->coefficient);
}

static Term ordered_term(LoopNames *names, const Term *term) {
    Term ordered = {term->coefficient, term->atom_count,
                    NEW_ARRAY(names->arena, const Expr *, term->atom_count + 1)};
    for (int i = 0; i < term->atom_count; i++) {
        int at = i;
        for (; at > 0 && compare_exprs(names, term->atoms[i], ordered.atoms[at - 1]) < 0; at--)
            ordered.atoms[at] = ordered.atoms[at - 1];
        ordered.atoms[at] = term->atoms[i];
    }
    return ordered;
}

static Term *ordered_terms(LoopNames *names, const Expr *sum) {
    Term *terms = NEW_ARRAY(names->arena, Term, sum->term_count + 1);
    for (int i = 0; i < sum->term_count; i++) {
        Term term = ordered_term(names, &sum->terms[i]);
        int at = i;
        for (; at > 0 && compare_terms(names, &term, &terms[at - 1]) < 0; at--) terms[at] = terms[at - 1];
        terms[at] = term;
    }
    return terms;
}

static int compare_exprs(LoopNames *names, const Expr *a, const Expr *b) {
    if (a == b) return 0;
    if (a->kind != b->kind)
        return a->kind == EXPR_SYMBOL ? -1 : b->kind == EXPR_SYMBOL ? 1 : (int)a->kind - (int)b->kind;
    if (a->kind == EXPR_SYMBOL) return symbol_order(names, a->symbol) - symbol_order(names, b->symbol);
    if (a->kind != EXPR_SUM) {
        int order = compare_exprs(names, a->left, b->left);
        return order ? order : compare_exprs(names, a->right, b->right);
    }
    const Term *left = ordered_terms(names, a), *right = ordered_terms(names, b);
    for (int i = 0; i < a->term_count && i < b->term_count; i++) {
        int order = compare_terms(names, &left[i], &right[i]);
        if (order) return order;
    }
    return a->term_count - b->term_count;
}

/* ---- Expressions ---- */

static const char *symbol_text(const LoopNames *names, const Symbol *symbol) {
    if (symbol == names->module->row) return "r";
    if (symbol == names->module->lane) return "l";
    for (int i = names->symbols.count - 1; i >= 0; i--)
        if (names->symbols.items[i].symbol == symbol) return names->symbols.items[i].text;
    return "?";
}

static void print_extreme(LoopNames *names, Text *text, const Expr *atom) {
    const Expr *first = atom->left, *second = atom->right;
    if (compare_exprs(names, first, second) > 0) {
        first = atom->right;
        second = atom->left;
    }
    text_puts(text, atom->kind == EXPR_MIN ? "min(" : "max(");
    names_print_expr(names, text, first);
    text_puts(text, ", ");
    names_print_expr(names, text, second);
    text_putc(text, ')');
}

static void print_enclosed(LoopNames *names, Text *text, const Expr *expr, bool enclose) {
    if (enclose) text_putc(text, '(');
    names_print_expr(names, text, expr);
    if (enclose) text_putc(text, ')');
}

/* Within a product, a quotient or remainder needs parentheses of its own. */
static void print_atom(LoopNames *names, Text *text, const Expr *atom, bool inside_product) {
    if (atom->kind == EXPR_SYMBOL) {
        text_puts(text, symbol_text(names, atom->symbol));
    } else if (atom->kind == EXPR_MIN || atom->kind == EXPR_MAX) {
        print_extreme(names, text, atom);
    } else {
        if (inside_product) text_putc(text, '(');
        bool closed =
            atom->left->kind == EXPR_SYMBOL || atom->left->kind == EXPR_MIN || atom->left->kind == EXPR_MAX;
        print_enclosed(names, text, atom->left, !closed);
        text_putc(text, atom->kind == EXPR_FLOORDIV ? '/' : '%');
        print_enclosed(names, text, atom->right, !expr_is_constant(atom->right, NULL));
        if (inside_product) text_putc(text, ')');
    }
}

static void print_term(LoopNames *names, Text *text, const Term *term, bool first) {
    bool negative = term->coefficient < 0;
    uint64_t magnitude = negative ? -(uint64_t)term->coefficient : (uint64_t)term->coefficient;
    if (!first)
        text_puts(text, negative ? " - " : " + ");
    else if (negative)
        text_putc(text, '-');
    bool factor = magnitude != 1 || !term->atom_count;
    bool product = factor || term->atom_count > 1 || (first && negative);
    if (factor) text_printf(text, "%llu", (unsigned long long)magnitude);
    for (int i = 0; i < term->atom_count; i++) {
        if (factor || i) text_putc(text, '*');
        print_atom(names, text, term->atoms[i], product);
    }
}

void names_print_expr(LoopNames *names, Text *text, const Expr *expr) {
    if (expr->kind != EXPR_SUM) {
        print_atom(names, text, expr, false);
        return;
    }
    if (!expr->term_count) text_putc(text, '0');
    const Term *terms = ordered_terms(names, expr);
    for (int i = 0; i < expr->term_count; i++) print_term(names, text, &terms[i], i == 0);
}
