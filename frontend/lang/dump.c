/* The tree as text, for `--emit=ast` and for tests: a node per line, two blanks per level. */
#include "frontend/lang/ast.h"

#include <inttypes.h>

typedef struct Dump {
    Text *text;
    int level;
} Dump;

static void indent(Dump *dump) {
    for (int i = 0; i < dump->level; i++) text_puts(dump->text, "  ");
}

/* One line; |name| and |quoted| may be NULL. */
static void line(Dump *dump, const char *kind, const char *name, const char *quoted) {
    indent(dump);
    text_puts(dump->text, kind);
    if (name) text_printf(dump->text, " %s", name);
    if (quoted) {
        text_putc(dump->text, ' ');
        text_quoted(dump->text, quoted);
    }
    text_putc(dump->text, '\n');
}

static const char *operator_name(Operator operator) {
    static const char *const names[] = {
        "+", "-", "*", "/", "%", "@", "**", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "-", "!"};
    return names[operator];
}

static void dump_expression(Dump *dump, const Expression *expression);

/* A line with an expression, if any, below it. */
static void dump_part(Dump *dump, const char *kind, const char *name, const Expression *expression) {
    line(dump, kind, name, NULL);
    dump->level++;
    if (expression) dump_expression(dump, expression);
    dump->level--;
}

static void dump_arguments(Dump *dump, const Argument *arguments) {
    for (const Argument *argument = arguments; argument; argument = argument->next) {
        if (argument->is_slice) {
            line(dump, "slice", NULL, NULL);
            dump->level++;
            if (argument->value) dump_part(dump, "start", NULL, argument->value);
            if (argument->stop) dump_part(dump, "stop", NULL, argument->stop);
            if (argument->step) dump_part(dump, "step", NULL, argument->step);
            dump->level--;
        } else if (argument->name.text) {
            dump_part(dump, "argument", argument->name.text, argument->value);
        } else {
            dump_expression(dump, argument->value);
        }
    }
}

static void dump_leaf(Dump *dump, const Expression *expression) {
    indent(dump);
    switch (expression->kind) {
    case EXPRESSION_INTEGER: text_printf(dump->text, "integer %" PRId64, expression->integer); break;
    case EXPRESSION_BOOL: text_puts(dump->text, expression->integer ? "true" : "false"); break;
    case EXPRESSION_FLOAT:
        text_puts(dump->text, "float ");
        text_double(dump->text, expression->real);
        break;
    case EXPRESSION_STRING:
        text_puts(dump->text, "string ");
        text_quoted(dump->text, expression->string);
        break;
    default: text_printf(dump->text, "name %s", expression->name.text); break;
    }
    text_putc(dump->text, '\n');
}

static void dump_expression(Dump *dump, const Expression *expression) {
    switch (expression->kind) {
    case EXPRESSION_INTEGER:
    case EXPRESSION_FLOAT:
    case EXPRESSION_BOOL:
    case EXPRESSION_STRING:
    case EXPRESSION_NAME: dump_leaf(dump, expression); return;
    case EXPRESSION_UNARY: line(dump, "unary", operator_name(expression->operator), NULL); break;
    case EXPRESSION_BINARY: line(dump, "binary", operator_name(expression->operator), NULL); break;
    case EXPRESSION_CONDITIONAL: line(dump, "conditional", NULL, NULL); break;
    case EXPRESSION_PIPE: line(dump, "pipe", NULL, NULL); break;
    case EXPRESSION_CALL: line(dump, "call", NULL, NULL); break;
    case EXPRESSION_INDEX: line(dump, "index", NULL, NULL); break;
    case EXPRESSION_MEMBER: line(dump, "member", expression->name.text, NULL); break;
    case EXPRESSION_LIST: line(dump, "list", NULL, NULL); break;
    case EXPRESSION_TUPLE: line(dump, "tuple", NULL, NULL); break;
    case EXPRESSION_TYPE: line(dump, "type", NULL, NULL); break;
    }
    dump->level++;
    if (expression->left) dump_expression(dump, expression->left);
    if (expression->right) dump_expression(dump, expression->right);
    if (expression->third) dump_expression(dump, expression->third);
    dump_arguments(dump, expression->arguments);
    dump->level--;
}

static void dump_type(Dump *dump, const TypeSyntax *type) {
    if (!type) return;
    line(dump, type->rank < 0 ? "scalar" : "tensor", type->dtype, NULL);
    dump->level++;
    for (int i = 0; i < type->rank; i++) dump_expression(dump, type->dims[i]);
    dump->level--;
}

static void dump_formals(Dump *dump, const Formal *formals) {
    for (const Formal *formal = formals; formal; formal = formal->next) {
        line(dump, "formal", formal->name.text, NULL);
        dump->level++;
        dump_type(dump, formal->type);
        if (formal->initial) dump_part(dump, "default", NULL, formal->initial);
        dump->level--;
    }
}

static void dump_targets(Dump *dump, const char *kind, const Target *targets) {
    for (const Target *target = targets; target; target = target->next)
        line(dump, kind, target->name.text, NULL);
}

static void dump_statements(Dump *dump, const Statement *statements);

/* A line and the statements below it. */
static void dump_body(Dump *dump, const char *kind, const Statement *body) {
    line(dump, kind, NULL, NULL);
    dump->level++;
    dump_statements(dump, body);
    dump->level--;
}

static void dump_scan(Dump *dump, const Statement *scan) {
    for (const Iteration *iteration = scan->iterations; iteration; iteration = iteration->next) {
        line(dump, "in", iteration->variable.text, NULL);
        dump->level++;
        dump_expression(dump, iteration->sequence);
        if (iteration->high) dump_part(dump, "to", NULL, iteration->high);
        dump->level--;
    }
    dump_arguments(dump, scan->options);
    for (const Argument *carry = scan->carries; carry; carry = carry->next)
        dump_part(dump, "carry", carry->name.text, carry->value);
    if (scan->until) dump_part(dump, "until", NULL, scan->until);
    dump_targets(dump, "result", scan->results);
    dump_body(dump, "body", scan->body);
}

static void dump_statement(Dump *dump, const Statement *statement) {
    static const char *const kinds[] = {"assign", "declare", "return", "yield", "if", "for", "scan"};
    line(dump, kinds[statement->kind], statement->variable.text, NULL);
    dump->level++;
    dump_targets(dump, "target", statement->targets);
    dump_type(dump, statement->type);
    dump_arguments(dump, statement->values);
    if (statement->condition) dump_expression(dump, statement->condition);
    if (statement->low) dump_part(dump, "from", NULL, statement->low);
    if (statement->high) dump_part(dump, "to", NULL, statement->high);
    if (statement->kind == STATEMENT_SCAN) dump_scan(dump, statement);
    if (statement->kind == STATEMENT_IF || statement->kind == STATEMENT_FOR)
        dump_body(dump, "body", statement->body);
    if (statement->otherwise) dump_body(dump, "else", statement->otherwise);
    dump->level--;
}

static void dump_statements(Dump *dump, const Statement *statements) {
    for (const Statement *statement = statements; statement; statement = statement->next)
        dump_statement(dump, statement);
}

static void dump_function(Dump *dump, const Function *function) {
    static const char *const kinds[] = {"fn", "entry", "forward"};
    line(dump, kinds[function->kind], function->kind == FUNCTION_FORWARD ? NULL : function->name.text, NULL);
    dump->level++;
    dump_formals(dump, function->formals);
    for (const ResultSyntax *result = function->results; result; result = result->next) {
        line(dump, "result", result->name.text, NULL);
        dump->level++;
        dump_type(dump, result->type);
        dump->level--;
    }
    dump_body(dump, "body", function->body);
    dump->level--;
}

static void dump_dims(Dump *dump, const DimSyntax *dims) {
    for (const DimSyntax *dim = dims; dim; dim = dim->next) {
        line(dump, "dim", dim->name.text, NULL);
        dump->level++;
        if (dim->low) dump_expression(dump, dim->low);
        if (dim->high) dump_part(dump, "to", NULL, dim->high);
        dump->level--;
    }
}

static void dump_binding(Dump *dump, const Binding *binding) {
    for (; binding; binding = binding->next) {
        line(dump, "from", binding->source.text, binding->pattern);
        dump->level++;
        if (binding->local.text) line(dump, "local", binding->local.text, NULL);
        if (binding->permutation) {
            line(dump, "permute", NULL, NULL);
            dump->level++;
            dump_arguments(dump, binding->permutation);
            dump->level--;
        }
        dump->level--;
    }
}

static void dump_members(Dump *dump, const Member *members);

static void dump_member(Dump *dump, const Member *member) {
    static const char *const kinds[] = {"layer", "param", "state", "fn", "const", "dim", "if"};
    if (member->kind == MEMBER_FUNCTION) {
        dump_function(dump, member->function);
        return;
    }
    if (member->kind == MEMBER_DIM) {
        dump_dims(dump, member->dims);
        return;
    }
    line(dump, kinds[member->kind], member->name.text, NULL);
    dump->level++;
    if (member->variable.text) {
        line(dump, "each", member->variable.text, NULL);
        dump_part(dump, "from", NULL, member->low);
        dump_part(dump, "to", NULL, member->high);
    }
    dump_type(dump, member->type);
    if (member->condition) dump_expression(dump, member->condition);
    if (member->value) dump_expression(dump, member->value);
    dump_binding(dump, member->binding);
    if (member->kind == MEMBER_IF) {
        line(dump, "body", NULL, NULL);
        dump->level++;
        dump_members(dump, member->body);
        dump->level--;
    }
    if (member->otherwise) {
        line(dump, "else", NULL, NULL);
        dump->level++;
        dump_members(dump, member->otherwise);
        dump->level--;
    }
    dump->level--;
}

static void dump_members(Dump *dump, const Member *members) {
    for (const Member *member = members; member; member = member->next) dump_member(dump, member);
}

void file_dump(Text *text, const File *file) {
    static const char *const kinds[] = {"import", "weights", "dim",   "const",
                                        "option", "block",   "model", "fn"};
    Dump dump = {text, 0};
    for (const Item *item = file->items; item; item = item->next) {
        if (item->kind == ITEM_FUNCTION) {
            dump_function(&dump, item->function);
            continue;
        }
        if (item->kind == ITEM_DIM) {
            dump_dims(&dump, item->dims);
            continue;
        }
        line(&dump, kinds[item->kind], item->name.text, item->path);
        dump.level++;
        if (item->value) dump_expression(&dump, item->value);
        dump_formals(&dump, item->formals);
        dump_members(&dump, item->members);
        dump.level--;
    }
}
