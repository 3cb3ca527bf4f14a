/* Values of symbols, and index expressions turned into sums over places where symbols keep their values: an
 * interpreter does little else than compute indices. */
#include "ir/loops/eval_internal.h"

#include "support/checked.h"

#include <string.h>

/* coefficient * the value of a symbol, or of a product of other atoms. */
typedef struct IndexTerm {
    int64_t coefficient;
    const int64_t *value; /* NULL: |product| */
    const Term *product;
} IndexTerm;

struct IndexForm {
    int64_t constant;
    int count;
    IndexTerm terms[];
};

int64_t *eval_symbol(LoopEval *e, const Symbol *symbol) {
    size_t at = ((uintptr_t)symbol >> 4) * 0x9e3779b9u & e->slot_mask;
    while (e->slots[at].symbol && e->slots[at].symbol != symbol) at = (at + 1) & e->slot_mask;
    e->slots[at].symbol = symbol;
    return &e->slots[at].value;
}

static int count_symbols(const LoopBody *body) {
    int count = 0;
    for (const LoopStatement *s = body->first; s; s = s->next)
        count += 1 + s->depth + count_symbols(&s->body);
    return count;
}

void eval_create_symbols(LoopEval *e) {
    size_t count = 16 + (size_t)e->module->graph->dims.count, size = 64;
    for (int i = 0; i < e->module->functions.count; i++)
        count += (size_t)count_symbols(&e->module->functions.items[i]->body);
    while (size < 2 * count) size *= 2;
    e->slots = NEW_ARRAY(e->arena, SymbolSlot, size);
    e->slot_mask = size - 1;
    e->row = eval_symbol(e, e->module->row);
    e->lane = eval_symbol(e, e->module->lane);
}

static IndexTerm term_form(LoopEval *e, const Term *term) {
    bool single = term->atom_count == 1 && term->atoms[0]->kind == EXPR_SYMBOL;
    return (IndexTerm){term->coefficient, single ? eval_symbol(e, term->atoms[0]->symbol) : NULL, term};
}

static IndexForm *create_form(LoopEval *e, const Expr *expr) {
    IndexForm *form =
        arena_alloc(e->arena, sizeof *form + sizeof(IndexTerm) * ((size_t)expr->term_count + 1));
    if (expr->kind != EXPR_SUM) {
        Term *term = NEW(e->arena, Term);
        *term = (Term){1, 1, NEW(e->arena, const Expr *)};
        term->atoms[0] = expr;
        form->terms[form->count++] = term_form(e, term);
    }
    for (int i = 0; i < expr->term_count; i++) {
        if (expr->terms[i].atom_count)
            form->terms[form->count++] = term_form(e, &expr->terms[i]);
        else
            form->constant += expr->terms[i].coefficient;
    }
    return form;
}

static const IndexForm *find_form(LoopEval *e, const Expr *expr) {
    if (expr->id >= e->form_count) {
        uint32_t count = expr->id + expr->id / 2 + 256;
        IndexForm **grown = NEW_ARRAY(e->arena, IndexForm *, count);
        if (e->form_count) memcpy(grown, e->forms, e->form_count * sizeof(IndexForm *));
        e->forms = grown;
        e->form_count = count;
    }
    IndexForm **form = &e->forms[expr->id];
    if (!*form) *form = create_form(e, expr);
    return *form;
}

static int64_t atom_value(LoopEval *e, const Expr *atom) {
    if (atom->kind == EXPR_SYMBOL) return *eval_symbol(e, atom->symbol);
    if (atom->kind == EXPR_SUM) return eval_index(e, atom);
    int64_t a = eval_index(e, atom->left), b = eval_index(e, atom->right);
    switch (atom->kind) {
    case EXPR_FLOORDIV: return b ? floor_div(a, b) : 0;
    case EXPR_MOD: return b ? floor_mod(a, b) : 0;
    case EXPR_MIN: return a < b ? a : b;
    default: return a > b ? a : b;
    }
}

static uint64_t product_value(LoopEval *e, const Term *term) {
    uint64_t product = 1;
    for (int i = 0; i < term->atom_count; i++) product *= (uint64_t)atom_value(e, term->atoms[i]);
    return product;
}

int64_t eval_index(LoopEval *e, const Expr *expr) {
    const IndexForm *form = find_form(e, expr);
    uint64_t sum = (uint64_t)form->constant;
    for (int i = 0; i < form->count; i++) {
        const IndexTerm *term = &form->terms[i];
        uint64_t value = term->value ? (uint64_t)*term->value : product_value(e, term->product);
        sum += (uint64_t)term->coefficient * value;
    }
    return (int64_t)sum;
}
