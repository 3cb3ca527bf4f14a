/* The grammar of .tn files: plain LALR(1) without conflicts and without precedence lines. It stays so: a conflict means
 * that a reader could take the text in two ways.
 *
 * Nine words are reserved; all others (`layer`, `state`, `from`...) have meaning in their places only and serve as
 * names elsewhere: that is what `name` is for. Recovery: token_stream.c sees to it that after an error the next token
 * is one of those behind `error`. */
%require "3.8"
%define api.pure full
%define api.prefix {tenon_}
%define api.token.prefix {TOKEN_}
%define api.symbol.prefix {SYMBOL_}
%define api.location.type {Span}
%define parse.error custom
%define parse.lac full
%locations
%expect 0
%param {Parser *parser}

%code requires {
#include "frontend/lang/parser_internal.h"
}

%code {
#include <string.h>

#define YYMAXDEPTH 10000
#define YYLLOC_DEFAULT(Current, Rhs, N)                                                              \
    do {                                                                                             \
        if (N) (Current) = (Span){YYRHSLOC(Rhs, 1).file, YYRHSLOC(Rhs, 1).start, YYRHSLOC(Rhs, N).end}; \
        else (Current) = (Span){YYRHSLOC(Rhs, 0).file, YYRHSLOC(Rhs, 0).end, YYRHSLOC(Rhs, 0).end};  \
    } while (0)

int tenon_lex(TENON_STYPE *value, Span *span, Parser *parser);
static void tenon_error(const Span *span, Parser *parser, const char *message);

#define NO_NAME ((Name){0})
#define RECOVERED (parser_recovered(parser), (void)yyerrok)
}

%initial-action { @$ = (Span){parser->source, 0, 0}; }

%union {
    TokenValue token;
    Name name;
    Operator operator;
    Expression *expression;
    Argument *argument;
    ArgumentList arguments;
    TypeSyntax *type;
    Formal *formal;
    FormalList formals;
    Binding *binding;
    BindingList bindings;
    IterationList iterations;
    ScanHead scan;
    TargetList targets;
    Statement *statement;
    StatementList statements;
    ResultSyntax *result;
    ResultList results;
    Function *function;
    DimSyntax *dim;
    DimList dims;
    Repetition repetition;
    Member *member;
    MemberList members;
    Item *item;
    ItemList items;
}

%token END 0 "end of file"
%token <token> NAME "a name" INTEGER "an integer" FLOAT "a float" STRING "a string"
%token IF "if" ELSE "else" FOR "for" IN "in" SCAN "scan" YIELD "yield" RETURN "return" TRUE "true" FALSE "false"
%token <token> IMPORT "import" AS "as" WEIGHTS "weights" FROM "from" DIM "dim" CONST "const" OPTION "option"
%token <token> BLOCK "block" MODEL "model" FN "fn" LAYER "layer" PARAM "param" STATE "state" ENTRY "entry"
%token <token> FORWARD "forward" PERMUTE "permute" UNTIL "until"
%token RANGE ".." ARROW "->" PIPE "|>" POWER "**" EQUAL "==" UNEQUAL "!=" AT_MOST "<=" AT_LEAST ">=" AND "&&" OR "||"

%type <name> name
%type <item> item constant
%type <items> constants
%type <member> member member_constant else_members
%type <members> members member_constants
%type <repetition> repetition
%type <dim> dim
%type <dims> dims
%type <binding> binding binding_from foreign_name
%type <bindings> foreign_names
%type <function> function
%type <formal> formal
%type <formals> formals formals_optional formal_list
%type <result> result
%type <results> results result_list
%type <type> type
%type <statement> statement if_statement else_statements
%type <statements> statements body
%type <targets> targets scan_results
%type <scan> scan_head
%type <iterations> iterations
%type <expression> expression pipe or and comparison sum product unary power postfix primary expression_optional
%type <operator> comparison_operator sum_operator product_operator unary_operator
%type <argument> argument subscript carry
%type <arguments> arguments argument_list subscripts elements element_list carries permutation permutation_optional

%%

file: items;

items: %empty | items item { item_add(parser, $2); };

item:
    "import" STRING "as" name ';'       { $$ = item_path(parser, ITEM_IMPORT, @$, $4, $2.string, @2); }
  | "weights" "from" STRING ';'         { $$ = item_path(parser, ITEM_WEIGHTS, @$, NO_NAME, $3.string, @3); }
  | "weights" name "from" STRING ';'    { $$ = item_path(parser, ITEM_WEIGHTS, @$, $2, $4.string, @4); }
  | "dim" dims ';'                      { $$ = item_dims(parser, @$, $2.first); }
  | "const" constants ';'               { $$ = items_place($2.first, @$); }
  | "option" name '=' expression ';'    { $$ = item_value(parser, ITEM_OPTION, @$, $2, $4); }
  | "block" name formals '{' members '}'          { $$ = item_template(parser, ITEM_BLOCK, @$, $2, $3.first, $5.first); }
  | "model" name formals_optional '{' members '}' { $$ = item_template(parser, ITEM_MODEL, @$, $2, $3.first, $5.first); }
  | "block" name formals '{' members error '}'    { $$ = NULL; RECOVERED; }
  | "model" name formals_optional '{' members error '}' { $$ = NULL; RECOVERED; }
  | function                            { $$ = item_function(parser, @$, $1); }
  | error ';'                           { $$ = NULL; RECOVERED; }
  | error '}'                           { $$ = NULL; RECOVERED; };

constants:
    constant                            { $$ = (ItemList){$1, $1}; }
  | constants ',' constant              { $$ = $1; list_append(&$$, $3); };
constant: name '=' expression           { $$ = item_value(parser, ITEM_CONST, @$, $1, $3); };

dims:
    dim                                 { $$ = (DimList){$1, $1}; }
  | dims ',' dim                        { $$ = $1; list_append(&$$, $3); };
dim:
    name                                { $$ = dim_create(parser, $1, NULL, NULL); }
  | name '=' expression                 { $$ = dim_create(parser, $1, $3, NULL); }
  | name '=' expression ".." expression { $$ = dim_create(parser, $1, $3, $5); };

/* Blocks and models. */

members:
    %empty                              { $$ = (MemberList){0}; }
  | members member                      { $$ = $1; list_append(&$$, $2); };

member:
    "layer" name repetition '=' expression binding ';' { $$ = member_layer(parser, @$, $2, &$3, $5, $6); }
  | "param" name ':' type binding ';'   { $$ = member_param(parser, @$, $2, $4, $5, NULL); }
  | "param" name ':' type '=' expression ';' { $$ = member_param(parser, @$, $2, $4, NULL, $6); }
  | "state" name ':' type '=' expression ';' { $$ = member_state(parser, @$, $2, $4, $6); }
  | function                            { $$ = member_function(parser, @$, $1); }
  | "const" member_constants ';'        { $$ = members_place($2.first, @$); }
  | "dim" dims ';'                      { $$ = member_dims(parser, @$, $2.first); }
  | "if" '(' expression ')' '{' members '}' else_members { $$ = member_if(parser, @$, $3, $6.first, $8); }
  | "if" '(' expression ')' '{' members error '}' { $$ = NULL; RECOVERED; }
  | error ';'                           { $$ = NULL; RECOVERED; };

else_members:
    %empty                              { $$ = NULL; }
  | "else" '{' members '}'              { $$ = $3.first; }
  | "else" '{' members error '}'        { $$ = $3.first; RECOVERED; }
  | "else" "if" '(' expression ')' '{' members '}' else_members
        { $$ = member_if(parser, @$, $4, $7.first, $9); };

repetition:
    %empty                              { $$ = (Repetition){{0}}; }
  | '[' name "in" expression ".." expression ']' { $$ = (Repetition){$2, $4, $6}; };

member_constants:
    member_constant                     { $$ = (MemberList){$1, $1}; }
  | member_constants ',' member_constant { $$ = $1; list_append(&$$, $3); };
member_constant: name '=' expression    { $$ = member_const(parser, @$, $1, $3); };

binding:
    %empty                              { $$ = NULL; }
  | permutation                         { $$ = binding_create(parser, @$, NO_NAME, NULL, $1.first); }
  | "from" binding_from permutation_optional { $$ = binding_finish($2, @$, $3.first); }
  | "from" '{' foreign_names '}'        { $$ = $3.first; }
  | "from" '{' foreign_names ',' '}'    { $$ = $3.first; };
binding_from:
    STRING                              { $$ = binding_create(parser, @$, NO_NAME, $1.string, NULL); }
  | name                                { $$ = binding_create(parser, @$, $1, NULL, NULL); }
  | name ':' STRING                     { $$ = binding_create(parser, @$, $1, $3.string, NULL); };
foreign_names:
    foreign_name                        { $$ = (BindingList){$1, $1}; }
  | foreign_names ',' foreign_name      { $$ = $1; list_append(&$$, $3); };
foreign_name:
    name '=' binding_from permutation_optional { $$ = binding_finish($3, @$, $4.first); $$->local = $1; };
permutation_optional:
    %empty                              { $$ = (ArgumentList){0}; }
  | permutation;
permutation: "permute" '(' element_list ')' { $$ = $3; };

/* Functions. */

function:
    "fn" name formals results body
        { $$ = function_create(parser, @$, FUNCTION_FN, $2, $3.first, $4.first, $5.first); }
  | "entry" name formals results body
        { $$ = function_create(parser, @$, FUNCTION_ENTRY, $2, $3.first, $4.first, $5.first); }
  | "forward" formals results body
        { $$ = function_create(parser, @$, FUNCTION_FORWARD, $1.name, $2.first, $3.first, $4.first); };

formals_optional:
    %empty                              { $$ = (FormalList){0}; }
  | formals;
formals:
    '(' ')'                             { $$ = (FormalList){0}; }
  | '(' formal_list ')'                 { $$ = formals_check(parser, $2); }
  | '(' formal_list ',' ')'             { $$ = formals_check(parser, $2); };
formal_list:
    formal                              { $$ = (FormalList){$1, $1}; }
  | formal_list ',' formal              { $$ = $1; list_append(&$$, $3); };
formal:
    name                                { $$ = formal_create(parser, $1, NULL, NULL); }
  | name ':' type                       { $$ = formal_create(parser, $1, $3, NULL); }
  | name '=' expression                 { $$ = formal_create(parser, $1, NULL, $3); }
  | name ':' type '=' expression        { $$ = formal_create(parser, $1, $3, $5); };

results:
    %empty                              { $$ = (ResultList){0}; }
  | "->" result                         { $$ = (ResultList){$2, $2}; }
  | "->" '(' result_list ')'            { $$ = $3; };
result_list:
    result                              { $$ = (ResultList){$1, $1}; }
  | result_list ',' result              { $$ = $1; list_append(&$$, $3); };
result:
    type                                { $$ = result_create(parser, NO_NAME, $1); }
  | name ':' type                       { $$ = result_create(parser, $1, $3); };

type:
    name                                { $$ = type_create(parser, @$, $1, false, NULL); }
  | name '[' elements ']'               { $$ = type_create(parser, @$, $1, true, $3.first); };

/* Statements. */

body:
    '{' statements '}'                  { $$ = $2; }
  | '{' statements error '}'            { $$ = $2; RECOVERED; };

statements:
    %empty                              { $$ = (StatementList){0}; }
  | statements statement                { $$ = $1; list_append(&$$, $2); };

statement:
    targets '=' element_list ';'        { $$ = statement_assign(parser, @$, $1.first, $3.first); }
  | name ':' type '=' expression ';'    { $$ = statement_declare(parser, @$, $1, $3, $5); }
  | "return" element_list ';'           { $$ = statement_values(parser, STATEMENT_RETURN, @$, $2.first); }
  | "yield" element_list ';'            { $$ = statement_values(parser, STATEMENT_YIELD, @$, $2.first); }
  | if_statement
  | "for" name "in" expression ".." expression body { $$ = statement_for(parser, @$, $2, $4, $6, $7.first); }
  | "scan" '(' scan_head ')' scan_results body { $$ = statement_scan(parser, @$, &$3, $5.first, $6.first); }
  | error ';'                           { $$ = NULL; RECOVERED; };

if_statement: "if" '(' expression ')' body else_statements { $$ = statement_if(parser, @$, $3, $5.first, $6); };
else_statements:
    %empty                              { $$ = NULL; }
  | "else" body                         { $$ = $2.first; }
  | "else" if_statement                 { $$ = $2; };

targets:
    name                                { $$ = (TargetList){0}; list_append(&$$, target_create(parser, $1)); }
  | targets ',' name                    { $$ = $1; list_append(&$$, target_create(parser, $3)); };

scan_head:
    iterations                          { $$ = (ScanHead){$1}; }
  | iterations ';' carries              { $$ = (ScanHead){$1, $3}; }
  | iterations ';' carries ';' "until" expression { $$ = (ScanHead){$1, $3, $6}; }
  | iterations ';' "until" expression   { $$ = (ScanHead){$1, {0}, $4}; }
  | iterations ';' ';' "until" expression { $$ = (ScanHead){$1, {0}, $5}; };
iterations:
    name "in" expression                { $$ = iterations_add(parser, (IterationList){0}, $1, $3, NULL); }
  | name "in" expression ".." expression { $$ = iterations_add(parser, (IterationList){0}, $1, $3, $5); }
  | iterations ',' name "in" expression { $$ = iterations_add(parser, $1, $3, $5, NULL); }
  | iterations ',' name "in" expression ".." expression { $$ = iterations_add(parser, $1, $3, $5, $7); }
  | iterations ',' carry                { $$ = $1; list_append(&$$.options, $3); };
carries:
    carry                               { $$ = (ArgumentList){$1, $1}; }
  | carries ',' carry                   { $$ = $1; list_append(&$$, $3); };
carry: name '=' expression              { $$ = argument_create(parser, @$, $1, $3); };
scan_results:
    %empty                              { $$ = (TargetList){0}; }
  | "->" targets                        { $$ = $2; };

/* Expressions, loosest first. */

expression:
    pipe
  | pipe '?' expression ':' expression
        { $$ = expression_conditional(parser, @$, $1, $3, $5); };
pipe:
    or
  | pipe "|>" postfix         { $$ = expression_pipe(parser, @$, @2, $1, $3); };
or:
    and
  | or "||" and               { $$ = expression_binary(parser, @$, OPERATOR_OR, @2, $1, $3); };
and:
    comparison
  | and "&&" comparison       { $$ = expression_binary(parser, @$, OPERATOR_AND, @2, $1, $3); };
comparison:
    sum
  | sum comparison_operator sum { $$ = expression_binary(parser, @$, $2, @2, $1, $3); };
sum:
    product
  | sum sum_operator product  { $$ = expression_binary(parser, @$, $2, @2, $1, $3); };
product:
    unary
  | product product_operator unary { $$ = expression_binary(parser, @$, $2, @2, $1, $3); };
unary:
    power
  | unary_operator unary      { $$ = expression_unary(parser, @$, $1, @1, $2); };
power:
    postfix
  | postfix "**" unary        { $$ = expression_binary(parser, @$, OPERATOR_POWER, @2, $1, $3); };
postfix:
    primary
  | postfix '.' name          { $$ = expression_member(parser, @$, $1, $3); }
  | postfix '(' arguments ')' { $$ = expression_call(parser, @$, $1, $3.first); }
  | postfix '[' subscripts ']' { $$ = expression_group(parser, EXPRESSION_INDEX, @$, $1, $3.first); };
primary:
    name                      { $$ = expression_name(parser, $1); }
  | INTEGER                   { $$ = expression_integer(parser, EXPRESSION_INTEGER, @$, $1.integer); }
  | FLOAT                     { $$ = expression_float(parser, @$, $1.real); }
  | STRING                    { $$ = expression_string(parser, @$, $1.string); }
  | "true"                    { $$ = expression_integer(parser, EXPRESSION_BOOL, @$, 1); }
  | "false"                   { $$ = expression_integer(parser, EXPRESSION_BOOL, @$, 0); }
  | '(' expression ')'        { $$ = $2; $$->span = @$; }
  | '(' expression ',' element_list ')' { $$ = expression_tuple(parser, @$, $2, $4.first); }
  | '[' elements ']'          { $$ = expression_group(parser, EXPRESSION_LIST, @$, NULL, $2.first); };

comparison_operator:
    "==" { $$ = OPERATOR_EQ; } | "!=" { $$ = OPERATOR_NE; } | '<' { $$ = OPERATOR_LT; } | "<=" { $$ = OPERATOR_LE; }
  | '>' { $$ = OPERATOR_GT; } | ">=" { $$ = OPERATOR_GE; };
sum_operator: '+' { $$ = OPERATOR_ADD; } | '-' { $$ = OPERATOR_SUB; };
product_operator:
    '*' { $$ = OPERATOR_MUL; } | '/' { $$ = OPERATOR_DIV; } | '%' { $$ = OPERATOR_MOD; } | '@' { $$ = OPERATOR_MATMUL; };
unary_operator: '-' { $$ = OPERATOR_NEG; } | '!' { $$ = OPERATOR_NOT; };

arguments:
    %empty                    { $$ = (ArgumentList){0}; }
  | argument_list
  | argument_list ','         { $$ = $1; };
argument_list:
    argument                  { $$ = (ArgumentList){$1, $1}; }
  | argument_list ',' argument { $$ = $1; list_append(&$$, $3); };
argument:
    expression                { $$ = argument_create(parser, @$, NO_NAME, $1); }
  | name '=' expression       { $$ = argument_create(parser, @$, $1, $3); };

elements:
    %empty                    { $$ = (ArgumentList){0}; }
  | element_list
  | element_list ','          { $$ = $1; };
element_list:
    expression                { $$ = (ArgumentList){0}; list_append(&$$, argument_create(parser, @1, NO_NAME, $1)); }
  | element_list ',' expression { $$ = $1; list_append(&$$, argument_create(parser, @3, NO_NAME, $3)); };

subscripts:
    subscript                 { $$ = (ArgumentList){$1, $1}; }
  | subscripts ',' subscript  { $$ = $1; list_append(&$$, $3); };
subscript:
    expression                { $$ = argument_create(parser, @$, NO_NAME, $1); }
  | expression_optional ':' expression_optional
        { $$ = slice_create(parser, @$, $1, $3, NULL); }
  | expression_optional ':' expression_optional ':' expression_optional
        { $$ = slice_create(parser, @$, $1, $3, $5); };
expression_optional: %empty { $$ = NULL; } | expression;

name:
    NAME { $$ = $1.name; } | "import" { $$ = $1.name; } | "as" { $$ = $1.name; } | "weights" { $$ = $1.name; }
  | "from" { $$ = $1.name; } | "dim" { $$ = $1.name; } | "const" { $$ = $1.name; } | "option" { $$ = $1.name; }
  | "block" { $$ = $1.name; } | "model" { $$ = $1.name; } | "fn" { $$ = $1.name; } | "layer" { $$ = $1.name; }
  | "param" { $$ = $1.name; } | "state" { $$ = $1.name; } | "entry" { $$ = $1.name; } | "forward" { $$ = $1.name; }
  | "permute" { $$ = $1.name; } | "until" { $$ = $1.name; };

%%

/* The stack of the parser is full only where brackets or operators nest, see NESTING_MAX. */
static void tenon_error(const Span *span, Parser *parser, const char *message) {
    (void)message;
    nesting_report(parser, *span);
}

static unsigned expects(yysymbol_kind_t symbol) {
    switch (symbol) {
    case SYMBOL_YYEOF: return EXPECTS_END;
    case SYMBOL_IMPORT: return EXPECTS_ITEM;
    case SYMBOL_LAYER: return EXPECTS_MEMBER;
    case SYMBOL_RETURN: return EXPECTS_STATEMENT;
    case SYMBOL_INTEGER: return EXPECTS_EXPRESSION;
    case SYMBOL_NAME: return EXPECTS_NAME;
    case SYMBOL_STRING: return EXPECTS_STRING;
    case SYMBOL_PIPE: return EXPECTS_OPERATOR;
    case SYMBOL_RANGE: return EXPECTS_RANGE;
    case SYMBOL_IN: return EXPECTS_IN;
    case SYMBOL_FROM: return EXPECTS_FROM;
    case SYMBOL_AS: return EXPECTS_AS;
    default: break;
    }
    /* The name of a one-character token is that character in quotes. */
    const char *name = yysymbol_name(symbol), *place = name[0] == '\'' ? strchr(EXPECTED_MARKS, name[1]) : NULL;
    return place ? 1u << (EXPECTED_MARKS_SHIFT + (place - EXPECTED_MARKS)) : 0;
}

static int yyreport_syntax_error(const yypcontext_t *context, Parser *parser) {
    yysymbol_kind_t symbols[YYNTOKENS];
    unsigned expected = 0;
    int count = yypcontext_expected_tokens(context, symbols, YYNTOKENS);
    for (int i = 0; i < count; i++) expected |= expects(symbols[i]);
    syntax_error(parser, expected);
    return 0;
}
