/* Types, functions, statements, members and items, as the grammar's actions make them. */
#include "frontend/lang/parser_internal.h"

#include <string.h>

enum { DUPLICATES_CHECKED = 256 /* formals of one list that are compared with each other */ };

TypeSyntax *type_create(Parser *parser, Span span, Name dtype, bool has_brackets, Argument *dims) {
    TypeSyntax *type = NEW(parser->arena, TypeSyntax);
    type->dtype = dtype.text;
    type->span = span;
    type->rank = has_brackets ? 0 : -1;
    for (const Argument *dim = dims; dim; dim = dim->next) type->rank++;
    if (type->rank > 0) type->dims = NEW_ARRAY(parser->arena, Expression *, type->rank);
    int count = 0;
    for (const Argument *dim = dims; dim; dim = dim->next) type->dims[count++] = dim->value;
    return type;
}

Formal *formal_create(Parser *parser, Name name, TypeSyntax *type, Expression *initial) {
    Formal *formal = NEW(parser->arena, Formal);
    formal->name = name;
    formal->type = type;
    formal->initial = initial;
    return formal;
}

static void check_duplicate_formal(Parser *parser, const Formal *formals, const Formal *last) {
    int count = 0;
    for (const Formal *other = formals; other != last && count < DUPLICATES_CHECKED;
         other = other->next, count++) {
        if (strcmp(other->name.text, last->name.text)) continue;
        Diagnostic *error =
            parser_error(parser, E0131, last->name.span, "parameter '%s' is declared twice", last->name.text);
        if (error) diagnostic_note(error, other->name.span, "first declared here");
        return;
    }
}

FormalList formals_check(Parser *parser, FormalList formals) {
    const Formal *with_default = NULL;
    for (const Formal *formal = formals.first; formal; formal = formal->next) {
        check_duplicate_formal(parser, formals.first, formal);
        if (formal->initial) {
            with_default = formal;
        } else if (with_default) {
            Diagnostic *error = parser_error(
                parser, E0130, formal->name.span,
                "parameter '%s' without a default stands behind one with a default", formal->name.text);
            if (error)
                diagnostic_note(error, with_default->name.span, "'%s' has one", with_default->name.text);
            break;
        }
    }
    return formals;
}

static void check_formals_typed(Parser *parser, const Formal *formals, const char *owner) {
    for (const Formal *formal = formals; formal; formal = formal->next) {
        if (formal->type) continue;
        Diagnostic *error = parser_error(parser, E0136, formal->name.span,
                                         "parameter '%s' of %s needs a type", formal->name.text, owner);
        if (error) diagnostic_note(error, (Span){0}, "only those of blocks, fn and forward may go without");
    }
}

ResultSyntax *result_create(Parser *parser, Name name, TypeSyntax *type) {
    ResultSyntax *result = NEW(parser->arena, ResultSyntax);
    result->name = name;
    result->type = type;
    return result;
}

Function *function_create(Parser *parser, Span span, FunctionKind kind, Name name, Formal *formals,
                          ResultSyntax *results, Statement *body) {
    Function *function = NEW(parser->arena, Function);
    *function = (Function){kind, name, formals, results, body, span};
    if (kind == FUNCTION_ENTRY) check_formals_typed(parser, formals, "an entry");
    return function;
}

Binding *binding_create(Parser *parser, Span span, Name source, const char *pattern, Argument *permutation) {
    Binding *binding = NEW(parser->arena, Binding);
    binding->span = span;
    binding->source = source;
    binding->pattern = pattern;
    binding->permutation = permutation;
    return binding;
}

Binding *binding_finish(Binding *binding, Span span, Argument *permutation) {
    binding->span = span;
    binding->permutation = permutation;
    return binding;
}

DimSyntax *dim_create(Parser *parser, Name name, Expression *low, Expression *high) {
    DimSyntax *dim = NEW(parser->arena, DimSyntax);
    dim->name = name;
    dim->low = low;
    dim->high = high;
    return dim;
}

Target *target_create(Parser *parser, Name name) {
    Target *target = NEW(parser->arena, Target);
    target->name = name;
    return target;
}

IterationList iterations_add(Parser *parser, IterationList list, Name variable, Expression *sequence,
                             Expression *high) {
    Iteration *iteration = NEW(parser->arena, Iteration);
    iteration->variable = variable;
    iteration->sequence = sequence;
    iteration->high = high;
    list_append(&list, iteration);
    return list;
}

static Statement *create_statement(Parser *parser, StatementKind kind, Span span) {
    Statement *statement = NEW(parser->arena, Statement);
    statement->kind = kind;
    statement->span = span;
    return statement;
}

Statement *statement_assign(Parser *parser, Span span, Target *targets, Argument *values) {
    Statement *statement = create_statement(parser, STATEMENT_ASSIGN, span);
    statement->targets = targets;
    statement->values = values;
    return statement;
}

Statement *statement_declare(Parser *parser, Span span, Name name, TypeSyntax *type, Expression *value) {
    Statement *statement = create_statement(parser, STATEMENT_DECLARE, span);
    statement->targets = target_create(parser, name);
    statement->type = type;
    statement->values = argument_create(parser, value->span, (Name){0}, value);
    return statement;
}

Statement *statement_values(Parser *parser, StatementKind kind, Span span, Argument *values) {
    Statement *statement = create_statement(parser, kind, span);
    statement->values = values;
    return statement;
}

Statement *statement_if(Parser *parser, Span span, Expression *condition, Statement *body,
                        Statement *otherwise) {
    Statement *statement = create_statement(parser, STATEMENT_IF, span);
    statement->condition = condition;
    statement->body = body;
    statement->otherwise = otherwise;
    int chain = 0;
    for (const Statement *next = otherwise; next && next->kind == STATEMENT_IF; next = next->otherwise)
        chain++;
    if (chain >= NESTING_MAX) {
        nesting_report(parser, span);
        statement->otherwise = NULL;
    }
    return statement;
}

Statement *statement_for(Parser *parser, Span span, Name variable, Expression *low, Expression *high,
                         Statement *body) {
    Statement *statement = create_statement(parser, STATEMENT_FOR, span);
    statement->variable = variable;
    statement->low = low;
    statement->high = high;
    statement->body = body;
    return statement;
}

Statement *statement_scan(Parser *parser, Span span, const ScanHead *head, Target *results, Statement *body) {
    Statement *statement = create_statement(parser, STATEMENT_SCAN, span);
    statement->iterations = head->iterations.first;
    statement->options = head->iterations.options.first;
    statement->carries = head->carries.first;
    statement->until = head->until;
    statement->results = results;
    statement->body = body;
    return statement;
}

static Member *create_member(Parser *parser, MemberKind kind, Span span, Name name) {
    Member *member = NEW(parser->arena, Member);
    member->kind = kind;
    member->span = span;
    member->name = name;
    return member;
}

Member *member_layer(Parser *parser, Span span, Name name, const Repetition *repetition, Expression *value,
                     Binding *binding) {
    if (value->kind != EXPRESSION_CALL) {
        Diagnostic *error = parser_error(parser, E0133, value->span, "expected a layer constructor");
        if (error) {
            diagnostic_note(error, (Span){0}, "such as `layer %s = Linear(64, 10);`", name.text);
            if (value->kind == EXPRESSION_NAME)
                diagnostic_note(error, (Span){0},
                                "a function such as relu needs no layer: call it where it is used");
        }
    }
    Member *member = create_member(parser, MEMBER_LAYER, span, name);
    member->variable = repetition->variable;
    member->low = repetition->low;
    member->high = repetition->high;
    member->value = value;
    member->binding = binding;
    return member;
}

Member *member_param(Parser *parser, Span span, Name name, TypeSyntax *type, Binding *binding,
                     Expression *value) {
    Member *member = create_member(parser, MEMBER_PARAM, span, name);
    member->type = type;
    member->binding = binding;
    member->value = value;
    return member;
}

Member *member_state(Parser *parser, Span span, Name name, TypeSyntax *type, Expression *value) {
    Member *member = create_member(parser, MEMBER_STATE, span, name);
    member->type = type;
    member->value = value;
    return member;
}

Member *member_function(Parser *parser, Span span, Function *function) {
    Member *member = create_member(parser, MEMBER_FUNCTION, span, function->name);
    member->function = function;
    return member;
}

Member *member_const(Parser *parser, Span span, Name name, Expression *value) {
    Member *member = create_member(parser, MEMBER_CONST, span, name);
    member->value = value;
    return member;
}

Member *member_dims(Parser *parser, Span span, DimSyntax *dims) {
    Member *member = create_member(parser, MEMBER_DIM, span, (Name){0});
    member->dims = dims;
    return member;
}

Member *member_if(Parser *parser, Span span, Expression *condition, Member *body, Member *otherwise) {
    Member *member = create_member(parser, MEMBER_IF, span, (Name){0});
    member->condition = condition;
    member->body = body;
    member->otherwise = otherwise;
    int chain = 0;
    for (const Member *next = otherwise; next && next->kind == MEMBER_IF; next = next->otherwise) chain++;
    if (chain >= NESTING_MAX) {
        nesting_report(parser, span);
        member->otherwise = NULL;
    }
    return member;
}

Member *members_place(Member *members, Span span) {
    for (Member *member = members; member; member = member->next) member->span = span;
    return members;
}

static Item *create_item(Parser *parser, ItemKind kind, Span span, Name name) {
    Item *item = NEW(parser->arena, Item);
    item->kind = kind;
    item->span = span;
    item->name = name;
    return item;
}

Item *item_path(Parser *parser, ItemKind kind, Span span, Name name, const char *path, Span path_span) {
    Item *item = create_item(parser, kind, span, name);
    item->path = path;
    item->path_span = path_span;
    return item;
}

Item *item_dims(Parser *parser, Span span, DimSyntax *dims) {
    Item *item = create_item(parser, ITEM_DIM, span, (Name){0});
    item->dims = dims;
    return item;
}

Item *item_value(Parser *parser, ItemKind kind, Span span, Name name, Expression *value) {
    Item *item = create_item(parser, kind, span, name);
    item->value = value;
    return item;
}

/* Entries are what a model is called by, so a block has none, nor has any of its branches. */
static void check_no_entry(Parser *parser, const Member *members) {
    for (const Member *member = members; member; member = member->next) {
        check_no_entry(parser, member->body);
        check_no_entry(parser, member->otherwise);
        if (member->kind != MEMBER_FUNCTION || member->function->kind != FUNCTION_ENTRY) continue;
        Diagnostic *error = parser_error(parser, E0135, member->name.span, "a block has no entries");
        if (error)
            diagnostic_note(error, (Span){0},
                            "write `forward(...)` here, and an entry in the model that uses it");
    }
}

Item *item_template(Parser *parser, ItemKind kind, Span span, Name name, Formal *formals, Member *members) {
    Item *item = create_item(parser, kind, span, name);
    item->formals = formals;
    item->members = members;
    if (kind == ITEM_MODEL) check_formals_typed(parser, formals, "a model");
    if (kind == ITEM_BLOCK) check_no_entry(parser, members);
    return item;
}

Item *item_function(Parser *parser, Span span, Function *function) {
    if (function->kind != FUNCTION_FN) {
        bool is_entry = function->kind == FUNCTION_ENTRY;
        parser_error(parser, E0135, function->name.span, "%s stands outside a %s",
                     is_entry ? "an entry" : "forward", is_entry ? "model" : "block");
    }
    Item *item = create_item(parser, ITEM_FUNCTION, span, function->name);
    item->function = function;
    return item;
}

Item *items_place(Item *items, Span span) {
    for (Item *item = items; item; item = item->next) item->span = span;
    return items;
}

void item_add(Parser *parser, Item *item) {
    if (!item) return;
    if (parser->last_item)
        parser->last_item->next = item;
    else
        parser->file->items = item;
    while (item->next) item = item->next;
    parser->last_item = item;
}
