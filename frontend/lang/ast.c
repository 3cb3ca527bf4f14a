/* Expressions, as the grammar's actions make them. */
#include "frontend/lang/parser_internal.h"

#include <string.h>

enum { DUPLICATES_CHECKED = 256 /* arguments of one call that are compared with each other */ };

static int depth_of(const Expression *expression) { return expression ? expression->depth : 0; }

static int deeper(int depth, const Expression *expression) {
    return depth_of(expression) > depth ? depth_of(expression) : depth;
}

static int arguments_depth(int depth, const Argument *arguments) {
    for (const Argument *argument = arguments; argument; argument = argument->next) {
        depth = deeper(depth, argument->value);
        depth = deeper(deeper(depth, argument->stop), argument->step);
    }
    return depth;
}

/* A tree that would be too deep is reported and becomes a leaf. */
static Expression *create(Parser *parser, ExpressionKind kind, Span span, int depth_below) {
    Expression *expression = NEW(parser->arena, Expression);
    if (depth_below >= NESTING_MAX) {
        nesting_report(parser, span);
        kind = EXPRESSION_INTEGER;
        depth_below = 0;
    }
    expression->kind = kind;
    expression->span = span;
    expression->depth = depth_below + 1;
    return expression;
}

Argument *argument_create(Parser *parser, Span span, Name name, Expression *value) {
    Argument *argument = NEW(parser->arena, Argument);
    argument->span = span;
    argument->name = name;
    argument->value = value;
    return argument;
}

Argument *slice_create(Parser *parser, Span span, Expression *start, Expression *stop, Expression *step) {
    Argument *argument = argument_create(parser, span, (Name){0}, start);
    argument->is_slice = true;
    argument->stop = stop;
    argument->step = step;
    return argument;
}

Expression *expression_name(Parser *parser, Name name) {
    Expression *expression = create(parser, EXPRESSION_NAME, name.span, 0);
    expression->name = name;
    return expression;
}

Expression *expression_integer(Parser *parser, ExpressionKind kind, Span span, int64_t value) {
    Expression *expression = create(parser, kind, span, 0);
    expression->integer = value;
    return expression;
}

Expression *expression_float(Parser *parser, Span span, double value) {
    Expression *expression = create(parser, EXPRESSION_FLOAT, span, 0);
    expression->real = value;
    return expression;
}

Expression *expression_string(Parser *parser, Span span, const char *value) {
    Expression *expression = create(parser, EXPRESSION_STRING, span, 0);
    expression->string = value;
    return expression;
}

/* Fills in the operands of a node that create() made of kind |kind|. */
static Expression *with_operands(Expression *expression, ExpressionKind kind, Expression *left,
                                 Expression *right) {
    if (expression->kind != kind) return expression;
    expression->left = left;
    expression->right = right;
    return expression;
}

Expression *expression_unary(Parser *parser, Span span, Operator operator, Span operator_span,
                             Expression *operand) {
    Expression *expression = create(parser, EXPRESSION_UNARY, span, depth_of(operand));
    expression->operator= operator;
    expression->operator_span = operator_span;
    return with_operands(expression, EXPRESSION_UNARY, operand, NULL);
}

Expression *expression_binary(Parser *parser, Span span, Operator operator, Span operator_span,
                              Expression *left, Expression *right) {
    Expression *expression = create(parser, EXPRESSION_BINARY, span, deeper(depth_of(left), right));
    expression->operator= operator;
    expression->operator_span = operator_span;
    return with_operands(expression, EXPRESSION_BINARY, left, right);
}

Expression *expression_conditional(Parser *parser, Span span, Expression *condition, Expression *yes,
                                   Expression *no) {
    int depth = deeper(deeper(depth_of(condition), yes), no);
    Expression *expression = create(parser, EXPRESSION_CONDITIONAL, span, depth);
    if (expression->kind == EXPRESSION_CONDITIONAL) expression->third = no;
    return with_operands(expression, EXPRESSION_CONDITIONAL, condition, yes);
}

static bool may_receive(const Expression *expression) {
    return expression->kind == EXPRESSION_NAME || expression->kind == EXPRESSION_MEMBER ||
           expression->kind == EXPRESSION_INDEX || expression->kind == EXPRESSION_CALL;
}

Expression *expression_pipe(Parser *parser, Span span, Span operator_span, Expression *left,
                            Expression *right) {
    if (!may_receive(right)) {
        Diagnostic *error =
            parser_error(parser, E0132, right->span, "'|>' needs a layer or a function on its right");
        if (error) {
            diagnostic_mark(error, operator_span);
            diagnostic_note(error, (Span){0}, "x |> f is f(x), and x |> f(a) is f(x, a)");
        }
    }
    Expression *expression = create(parser, EXPRESSION_PIPE, span, deeper(depth_of(left), right));
    expression->operator_span = operator_span;
    return with_operands(expression, EXPRESSION_PIPE, left, right);
}

Expression *expression_group(Parser *parser, ExpressionKind kind, Span span, Expression *left,
                             Argument *arguments) {
    Expression *expression = create(parser, kind, span, arguments_depth(depth_of(left), arguments));
    if (expression->kind == kind) expression->arguments = arguments;
    return with_operands(expression, kind, left, NULL);
}

static void check_duplicate(Parser *parser, const Argument *arguments, const Argument *last) {
    int count = 0;
    for (const Argument *other = arguments; other != last && count < DUPLICATES_CHECKED;
         other = other->next, count++) {
        if (!other->name.text || strcmp(other->name.text, last->name.text)) continue;
        Diagnostic *error =
            parser_error(parser, E0131, last->name.span, "argument '%s' is given twice", last->name.text);
        if (error) diagnostic_note(error, other->name.span, "first given here");
        return;
    }
}

/* Positional arguments stand before named ones, and a name is given once. */
static void check_arguments(Parser *parser, const Argument *arguments) {
    const Argument *named = NULL;
    for (const Argument *argument = arguments; argument; argument = argument->next) {
        if (argument->name.text) {
            named = argument;
            check_duplicate(parser, arguments, argument);
        } else if (named) {
            Diagnostic *error = parser_error(parser, E0130, argument->span,
                                             "an argument without a name stands behind one with a name");
            if (error) diagnostic_note(error, named->span, "the named one");
            return;
        }
    }
}

Expression *expression_call(Parser *parser, Span span, Expression *callee, Argument *arguments) {
    check_arguments(parser, arguments);
    return expression_group(parser, EXPRESSION_CALL, span, callee, arguments);
}

Expression *expression_tuple(Parser *parser, Span span, Expression *first, Argument *others) {
    Argument *arguments = argument_create(parser, first->span, (Name){0}, first);
    arguments->next = others;
    return expression_group(parser, EXPRESSION_TUPLE, span, NULL, arguments);
}

Expression *expression_member(Parser *parser, Span span, Expression *left, Name name) {
    Expression *expression = create(parser, EXPRESSION_MEMBER, span, depth_of(left));
    expression->name = name;
    return with_operands(expression, EXPRESSION_MEMBER, left, NULL);
}
