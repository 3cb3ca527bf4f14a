/* What the scanner, the grammar and the functions behind their actions share. A Parser lives as long as one
 * call of parse_file; the tree goes into its |arena|, the scanner's own memory into |scratch|. After an error
 * the stream of tokens itself leads the grammar to the end of the broken statement, see token_stream.c. */
#ifndef TENON_FRONTEND_LANG_PARSER_INTERNAL_H
#define TENON_FRONTEND_LANG_PARSER_INTERNAL_H

#include "frontend/lang/ast.h"

#include <setjmp.h>

enum {
    SOURCE_BYTES_MAX = 16 << 20,
    TOKEN_BYTES_MAX = 64 << 10,
    NESTING_MAX = 256, /* of brackets, and of the tree of one expression */
    SYNTAX_ERROR_MAX = 100
};

typedef struct ArgumentList {
    Argument *first, *last;
} ArgumentList;
typedef struct FormalList {
    Formal *first, *last;
} FormalList;
typedef struct BindingList {
    Binding *first, *last;
} BindingList;
typedef struct IterationList {
    Iteration *first, *last;
    ArgumentList options;
} IterationList;
typedef struct TargetList {
    Target *first, *last;
} TargetList;
typedef struct StatementList {
    Statement *first, *last;
} StatementList;
typedef struct ResultList {
    ResultSyntax *first, *last;
} ResultList;
typedef struct DimList {
    DimSyntax *first, *last;
} DimList;
typedef struct MemberList {
    Member *first, *last;
} MemberList;
typedef struct ItemList {
    Item *first, *last;
} ItemList;

/* `[i in 0..n]` of a layer; the name's text is NULL when there is none. */
typedef struct Repetition {
    Name variable;
    Expression *low, *high;
} Repetition;

/* Appends |node|, which may head a chain already; NULL adds nothing. */
#define list_append(list, node)                                                                              \
    do {                                                                                                     \
        __typeof__(node) appended = (node);                                                                  \
        if (appended && (list)->last)                                                                        \
            (list)->last->next = appended;                                                                   \
        else if (appended)                                                                                   \
            (list)->first = appended;                                                                        \
        for (; appended; appended = appended->next) (list)->last = appended;                                 \
    } while (0)

/* The clauses of a scan. */
typedef struct ScanHead {
    IterationList iterations;
    ArgumentList carries;
    Expression *until;
} ScanHead;

typedef union TokenValue {
    Name name;
    int64_t integer;
    double real;
    const char *string;
} TokenValue;

typedef struct Token {
    int kind;
    Span span;
    TokenValue value;
    bool unmatched; /* a closing bracket: not of the kind that was open */
} Token;

typedef struct Bracket {
    char open;
    Span span;
} Bracket;

typedef struct Parser {
    Arena *arena, *scratch;
    Diagnostics *diagnostics;
    const SourceFile *source;
    File *file;
    Item *last_item;
    Comment *last_comment;
    /* The scanner. */
    void *scanner;
    uint32_t offset; /* behind what was matched last */
    jmp_buf scanner_failure;
    bool ended, encoding_reported;
    /* The stream of tokens. */
    Bracket brackets[NESTING_MAX];
    int bracket_count, prefix_run;
    Token last, before_last; /* as given to the grammar */
    Token pending[2];        /* to be given next, in this order */
    int pending_count;
    bool recovering;   /* from an error: skip to the end of the statement */
    int recovery_base; /* how many brackets were open around that statement */
    bool stopped;      /* after this nothing more is read or reported */
    int error_count;
    uint32_t error_end; /* behind the last token that the grammar could not take */
} Parser;

/* What the grammar could have gone on with, as bits; those of one-character tokens follow EXPECTED_MARKS. */
enum {
    EXPECTS_END = 1 << 0,
    EXPECTS_ITEM = 1 << 1, /* or a name, like the next */
    EXPECTS_MEMBER = 1 << 2,
    EXPECTS_STATEMENT = 1 << 3,
    EXPECTS_EXPRESSION = 1 << 4,
    EXPECTS_NAME = 1 << 5,
    EXPECTS_STRING = 1 << 6,
    EXPECTS_OPERATOR = 1 << 7, /* after an expression */
    EXPECTS_RANGE = 1 << 8,
    EXPECTS_IN = 1 << 9,
    EXPECTS_FROM = 1 << 10,
    EXPECTS_AS = 1 << 11,
    EXPECTED_MARKS_SHIFT = 12,
    EXPECTS_SEMICOLON = 1 << 12,
    EXPECTS_EQUALS = 1 << 13,
    EXPECTS_OPENING_BRACE = 1 << 14,
    EXPECTS_CLOSING_BRACE = 1 << 15,
    EXPECTS_COMMA = 1 << 16,
    EXPECTS_COLON = 1 << 17,
    EXPECTS_OPENING_PARENTHESIS = 1 << 18,
    EXPECTS_CLOSING_PARENTHESIS = 1 << 19,
    EXPECTS_OPENING_BRACKET = 1 << 20,
    EXPECTS_CLOSING_BRACKET = 1 << 21
};
#define EXPECTED_MARKS ";={},:()[]"

/* literals.c: what lexer.l calls for the |length| bytes at |text| that it matched. A literal with a mistake
 * is reported and yields some value, so that parsing goes on. */
const char *literal_name(Parser *parser, Span span, const char *text, size_t length);
int64_t literal_integer(Parser *parser, Span span, const char *text, size_t length);
double literal_float(Parser *parser, Span span, const char *text, size_t length);
/* A number without a dot is a float when it has an exponent: 1e5. */
bool literal_is_float(const char *text, size_t length);
/* "1." and ".5"; negative: it was meant as a member, as in a.5. */
double literal_bare_dot(Parser *parser, Span span, const char *text, size_t length);
/* |text| with its quotes. */
const char *literal_string(Parser *parser, Span span, const char *text, size_t length);
const char *literal_single_quoted(Parser *parser, Span span, const char *text, size_t length);

/* characters.c, likewise. */
void comment_add(Parser *parser, Span span);
/* Bytes of the character that |span| begins with if it looks like one of the language, such as a typographic
 * minus; 0 otherwise. */
int lookalike_length(Span span);
/* True: something is missing in the place of the characters. False: they are like blanks. */
bool character_report(Parser *parser, Span span);
void foreign_operator_report(Parser *parser, Span span, const char *text);
/* Reports bytes that are not UTF-8, once per file. */
void encoding_check(Parser *parser, Span span);
/* The token of a word: NAME, or that of a reserved or contextual one. */
int word_kind(const char *text);
/* What to write for a word of another language ("and": "&&"); NULL: nothing known. */
const char *foreign_word_advice(const char *text);

/* syntax_errors.c. parser_error reports one error of the text; NULL when nothing more is to be reported. */
#define parser_error(parser, id, span, ...)                                                                  \
    ((parser)->stopped                                                                                       \
         ? NULL                                                                                              \
         : error_counted((parser), diagnose_error((parser)->diagnostics, (id), (span), __VA_ARGS__)))
Diagnostic *error_counted(Parser *parser, Diagnostic *diagnostic);
void nesting_report(Parser *parser, Span span);
/* Reports that parser->last is not what the grammar can go on with. */
void syntax_error(Parser *parser, unsigned expected);

/* token_stream.c. The scanner alone, for the formatter: no recovery; kind 0 at the end of the text. */
void scanner_start(Parser *parser);
void scanner_end(Parser *parser);
Token scanner_next(Parser *parser);
/* Called when an error is found at parser->last: what the grammar asks for next is the end of the statement.
 */
void recovery_start(Parser *parser);
/* Gives the grammar a ';' that is missing before parser->last. */
void recovery_insert_semicolon(Parser *parser);
/* The action of `error ';'` and `error '}'`. */
void parser_recovered(Parser *parser);

/* ast.c: expressions. */
Argument *argument_create(Parser *parser, Span span, Name name, Expression *value);
Argument *slice_create(Parser *parser, Span span, Expression *start, Expression *stop, Expression *step);
Expression *expression_name(Parser *parser, Name name);
Expression *expression_integer(Parser *parser, ExpressionKind kind, Span span, int64_t value);
Expression *expression_float(Parser *parser, Span span, double value);
Expression *expression_string(Parser *parser, Span span, const char *value);
Expression *expression_unary(Parser *parser, Span span, Operator operator, Span operator_span,
                             Expression *operand);
Expression *expression_binary(Parser *parser, Span span, Operator operator, Span operator_span,
                              Expression *left, Expression *right);
Expression *expression_conditional(Parser *parser, Span span, Expression *condition, Expression *yes,
                                   Expression *no);
Expression *expression_pipe(Parser *parser, Span span, Span operator_span, Expression *left,
                            Expression *right);
Expression *expression_call(Parser *parser, Span span, Expression *callee, Argument *arguments);
/* INDEX or LIST; |left| is NULL for the latter. */
Expression *expression_group(Parser *parser, ExpressionKind kind, Span span, Expression *left,
                             Argument *arguments);
Expression *expression_tuple(Parser *parser, Span span, Expression *first, Argument *others);
Expression *expression_member(Parser *parser, Span span, Expression *left, Name name);

/* ast_declarations.c: types, functions, statements, members, items. Those marked "check" report and return
 * all. */
TypeSyntax *type_create(Parser *parser, Span span, Name dtype, bool has_brackets, Argument *dims);
Formal *formal_create(Parser *parser, Name name, TypeSyntax *type, Expression *initial);
FormalList formals_check(Parser *parser, FormalList formals);
ResultSyntax *result_create(Parser *parser, Name name, TypeSyntax *type);
Function *function_create(Parser *parser, Span span, FunctionKind kind, Name name, Formal *formals,
                          ResultSyntax *results, Statement *body);
Binding *binding_create(Parser *parser, Span span, Name source, const char *pattern, Argument *permutation);
Binding *binding_finish(Binding *binding, Span span, Argument *permutation);
DimSyntax *dim_create(Parser *parser, Name name, Expression *low, Expression *high);
Target *target_create(Parser *parser, Name name);
IterationList iterations_add(Parser *parser, IterationList list, Name variable, Expression *sequence,
                             Expression *high);
Statement *statement_assign(Parser *parser, Span span, Target *targets, Argument *values);
Statement *statement_declare(Parser *parser, Span span, Name name, TypeSyntax *type, Expression *value);
Statement *statement_values(Parser *parser, StatementKind kind, Span span, Argument *values);
Statement *statement_if(Parser *parser, Span span, Expression *condition, Statement *body,
                        Statement *otherwise);
Statement *statement_for(Parser *parser, Span span, Name variable, Expression *low, Expression *high,
                         Statement *body);
Statement *statement_scan(Parser *parser, Span span, const ScanHead *head, Target *results, Statement *body);
Member *member_layer(Parser *parser, Span span, Name name, const Repetition *repetition, Expression *value,
                     Binding *binding);
Member *member_param(Parser *parser, Span span, Name name, TypeSyntax *type, Binding *binding,
                     Expression *value);
Member *member_state(Parser *parser, Span span, Name name, TypeSyntax *type, Expression *value);
Member *member_function(Parser *parser, Span span, Function *function);
Member *member_const(Parser *parser, Span span, Name name, Expression *value);
Member *member_dims(Parser *parser, Span span, DimSyntax *dims);
Member *member_if(Parser *parser, Span span, Expression *condition, Member *body, Member *otherwise);
Member *members_place(Member *members, Span span);
Item *item_path(Parser *parser, ItemKind kind, Span span, Name name, const char *path, Span path_span);
Item *item_dims(Parser *parser, Span span, DimSyntax *dims);
Item *item_value(Parser *parser, ItemKind kind, Span span, Name name, Expression *value);
Item *item_template(Parser *parser, ItemKind kind, Span span, Name name, Formal *formals, Member *members);
Item *item_function(Parser *parser, Span span, Function *function);
Item *items_place(Item *items, Span span);
void item_add(Parser *parser, Item *item);

#endif
