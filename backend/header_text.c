#include "backend/header_internal.h"

#include "support/checked.h"

#include <assert.h>
#include <string.h>

enum { COMMENT_COLUMNS = 100, EXPR_ATOMS_MAX = 200 };

void c_unsigned_print(Text *text, uint64_t value) {
    text_printf(text, "%llu%s", (unsigned long long)value, value > UINT32_MAX ? "ul" : "u");
}

static const char *name_in_c(const CSymbols *symbols, const Symbol *symbol) {
    for (int i = 0; i < symbols->count; i++)
        if (symbols->dims[i]->symbol == symbol) return symbols->names[i];
    assert(!"an entry's types mention its dims only");
    return "";
}

static void print_expr(Text *text, const Expr *expr, const CSymbols *symbols);

static void print_operands(Text *text, const Expr *atom, const char *sign, const CSymbols *symbols) {
    text_putc(text, '(');
    print_expr(text, atom->left, symbols);
    text_puts(text, sign);
    print_expr(text, atom->right, symbols);
    text_putc(text, ')');
}

/* condition(a, b) ? first : second, where the operands of all three are |atom|'s. */
static void print_choice(Text *text, const Expr *atom, const char *compare, const CSymbols *symbols) {
    text_putc(text, '(');
    print_operands(text, atom, compare, symbols);
    text_puts(text, " ? ");
    print_expr(text, atom->left, symbols);
    text_puts(text, " : ");
    print_expr(text, atom->right, symbols);
    text_putc(text, ')');
}

/* C rounds quotients towards zero, expressions towards minus infinity; b > 0 throughout.
 * a / b = (a - mod(a, b)) / b,   mod(a, b) = (a % b + b) % b. */
static void print_quotient(Text *text, const Expr *atom, const CSymbols *symbols) {
    bool division = atom->kind == EXPR_FLOORDIV;
    if (atom->left->min >= 0) {
        print_operands(text, atom, division ? " / " : " % ", symbols);
        return;
    }
    if (division) {
        text_puts(text, "((");
        print_expr(text, atom->left, symbols);
        text_puts(text, " - ");
    }
    text_puts(text, "((");
    print_operands(text, atom, " % ", symbols);
    text_puts(text, " + ");
    print_expr(text, atom->right, symbols);
    text_puts(text, ") % ");
    print_expr(text, atom->right, symbols);
    text_putc(text, ')');
    if (division) {
        text_puts(text, ") / ");
        print_expr(text, atom->right, symbols);
        text_putc(text, ')');
    }
}

static void print_atom(Text *text, const Expr *atom, const CSymbols *symbols) {
    switch (atom->kind) {
    case EXPR_SYMBOL: text_printf(text, "(int64_t)(%s)", name_in_c(symbols, atom->symbol)); break;
    case EXPR_MIN: print_choice(text, atom, " < ", symbols); break;
    case EXPR_MAX: print_choice(text, atom, " > ", symbols); break;
    case EXPR_FLOORDIV:
    case EXPR_MOD: print_quotient(text, atom, symbols); break;
    case EXPR_SUM: print_expr(text, atom, symbols); break;
    }
}

/* A signed expression in parentheses. */
static void print_expr(Text *text, const Expr *expr, const CSymbols *symbols) {
    int64_t value;
    if (expr->kind != EXPR_SUM) {
        print_atom(text, expr, symbols);
        return;
    }
    if (expr_is_constant(expr, &value)) {
        text_printf(text, value < 0 ? "(%lld)" : "%lld", (long long)value);
        return;
    }
    text_putc(text, '(');
    for (int i = 0; i < expr->term_count; i++) {
        const Term *term = &expr->terms[i];
        bool minus = i && term->coefficient < 0 && term->coefficient > INT64_MIN;
        int64_t coefficient = minus ? -term->coefficient : term->coefficient;
        if (i) text_puts(text, minus ? " - " : " + ");
        if (coefficient != 1 || !term->atom_count) text_printf(text, "%lld", (long long)coefficient);
        for (int k = 0; k < term->atom_count; k++) {
            if (k || coefficient != 1) text_puts(text, " * ");
            print_atom(text, term->atoms[k], symbols);
        }
    }
    text_putc(text, ')');
}

/* The symbol that |expr| is, or NULL. */
static const Symbol *bare_symbol(const Expr *expr) {
    if (expr->kind == EXPR_SYMBOL) return expr->symbol;
    bool one = expr->kind == EXPR_SUM && expr->term_count == 1 && expr->terms[0].coefficient == 1 &&
               expr->terms[0].atom_count == 1;
    return one ? bare_symbol(expr->terms[0].atoms[0]) : NULL;
}

/* Takes from |budget| what |expr| will write: operands of a choice or a remainder stand twice in it. */
static bool spend(const Expr *expr, int *budget) {
    if ((*budget)-- <= 0) return false;
    if (expr->kind == EXPR_SYMBOL) return true;
    if (expr->kind != EXPR_SUM)
        return spend(expr->left, budget) && spend(expr->right, budget) && spend(expr->left, budget) &&
               spend(expr->right, budget);
    for (int i = 0; i < expr->term_count; i++)
        for (int k = 0; k < expr->terms[i].atom_count; k++)
            if (!spend(expr->terms[i].atoms[k], budget)) return false;
    return true;
}

static bool is_writable(const Type *type) {
    int budget = EXPR_ATOMS_MAX;
    for (int i = 0; i < type->rank; i++)
        if (!spend(type->dims[i], &budget)) return false;
    return true;
}

void c_count_print(Text *text, const Type *type, const CSymbols *symbols) {
    int64_t constant = 1;
    int factors = 0;
    size_t start = text->length;
    if (!is_writable(type)) {
        c_unsigned_print(text, (uint64_t)type_count_max(type));
        return;
    }
    for (int i = 0; i < type->rank; i++) {
        int64_t extent;
        if (expr_is_constant(type->dims[i], &extent)) {
            bool fits = checked_mul(constant, extent, &constant);
            assert(fits && "the builder limits the elements of a tensor");
            (void)fits;
            continue;
        }
        const Symbol *symbol = bare_symbol(type->dims[i]);
        text_puts(text, factors++ ? " * (size_t)(" : "((size_t)(");
        if (symbol)
            text_puts(text, name_in_c(symbols, symbol));
        else
            print_expr(text, type->dims[i], symbols);
        text_putc(text, ')');
    }
    if (!constant) {
        text->length = start;
        factors = 0;
    }
    if (factors && constant > 1) text_puts(text, " * ");
    if (!factors || constant > 1) c_unsigned_print(text, (uint64_t)constant);
    if (factors) text_putc(text, ')');
}

/* What could end the comment, or is warned of inside one, becomes harmless. */
static void put_comment_text(Text *text, const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        char before = text->length ? text->bytes[text->length - 1] : 0;
        if ((c == '/' && before == '*') || (c == '*' && before == '/')) text_putc(text, ' ');
        text_putc(text, c < 0x20 || c == 0x7f ? '?' : (char)c);
    }
}

void comment_text_print(Text *text, const char *words) { put_comment_text(text, words, strlen(words)); }

static void put_words(Text *text, const char *words) {
    size_t column = 0;
    while (*(words += strspn(words, " "))) {
        size_t length = strcspn(words, " ");
        if (column && column + length > COMMENT_COLUMNS) {
            text_puts(text, "\n * ");
            column = 0;
        } else if (column) {
            text_putc(text, ' ');
        }
        put_comment_text(text, words, length);
        column += length + 1;
        words += length;
    }
}

void comment_line(Comment *comment, const char *format, ...) {
    Text words;
    va_list arguments;
    text_init(&words);
    va_start(arguments, format);
    text_vprintf(&words, format, arguments);
    va_end(arguments);
    text_puts(comment->text, comment->begun ? "\n * " : "/* ");
    put_words(comment->text, words.bytes);
    comment->begun = true;
    text_deinit(&words);
}

void comment_end(Comment *comment) { text_puts(comment->text, " */\n"); }
