/* The syntax tree of a .tn file: what was written, with a span on every node and nothing resolved. Nodes live
 * in the arena given to parse_file. Lists are linked through `next`. */
#ifndef TENON_FRONTEND_LANG_AST_H
#define TENON_FRONTEND_LANG_AST_H

#include "support/diagnostics.h"
#include "support/source.h"
#include "support/text.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct Expression Expression;
typedef struct Statement Statement;
typedef struct Member Member;
typedef struct Item Item;

typedef struct Name {
    const char *text;
    Span span;
} Name;

typedef enum ExpressionKind {
    EXPRESSION_INTEGER,
    EXPRESSION_FLOAT,
    EXPRESSION_BOOL,
    EXPRESSION_STRING,
    EXPRESSION_NAME,
    EXPRESSION_UNARY,       /* operator, left */
    EXPRESSION_BINARY,      /* operator, left, right */
    EXPRESSION_CONDITIONAL, /* left ? right : third */
    EXPRESSION_PIPE,        /* left |> right; right is a callee or a call that receives left first */
    EXPRESSION_CALL,        /* left(arguments) */
    EXPRESSION_INDEX,       /* left[subscripts] */
    EXPRESSION_MEMBER,      /* left.name */
    EXPRESSION_LIST,        /* [arguments] */
    EXPRESSION_TUPLE,       /* (arguments), two or more */
    EXPRESSION_TYPE /* f32[N, 4] standing where a dtype may: cast(x, f16) parses as NAME, this is for types */
} ExpressionKind;

typedef enum Operator {
    OPERATOR_ADD,
    OPERATOR_SUB,
    OPERATOR_MUL,
    OPERATOR_DIV,
    OPERATOR_MOD,
    OPERATOR_MATMUL,
    OPERATOR_POWER,
    OPERATOR_EQ,
    OPERATOR_NE,
    OPERATOR_LT,
    OPERATOR_LE,
    OPERATOR_GT,
    OPERATOR_GE,
    OPERATOR_AND,
    OPERATOR_OR,
    OPERATOR_NEG,
    OPERATOR_NOT
} Operator;

/* An argument of a call, an element of a list, or a subscript; name is empty unless written `name=value`. */
typedef struct Argument Argument;
struct Argument {
    Argument *next;
    Name name;               /* text NULL: positional */
    Expression *value;       /* subscript: the index, or the slice's first bound (may be NULL) */
    bool is_slice;           /* subscript with ':' */
    Expression *stop, *step; /* may be NULL */
    Span span;
};

typedef struct TypeSyntax {
    const char *dtype; /* "f32", "i32", ... or int, float, bool, str */
    int rank;          /* -1: no brackets */
    Expression **dims;
    Span span;
} TypeSyntax;

struct Expression {
    ExpressionKind kind;
    int depth; /* levels of the tree below and this one; bounded, so that walks may recurse */
    Span span;
    Span operator_span;
    Operator operator;
    int64_t integer; /* INTEGER; BOOL 0 or 1 */
    double real;
    Name name; /* NAME, MEMBER */
    const char *string;
    Expression *left, *right, *third;
    Argument *arguments;
};

/* A formal parameter: `name: type = default`; type and default optional. */
typedef struct Formal Formal;
struct Formal {
    Formal *next;
    Name name;
    TypeSyntax *type;
    Expression *initial;
};

/* `from [source:]"pattern" permute(..)`, or `from { local = "pattern" permute(..), ... }` */
typedef struct Binding Binding;
struct Binding {
    Binding *next;         /* the entries of a { } list */
    Name local;            /* text NULL: the whole layer or parameter */
    Name source;           /* text NULL: the default weights */
    const char *pattern;   /* NULL: only a source or a permute was given */
    Argument *permutation; /* NULL: none */
    Span span;
};

typedef enum StatementKind {
    STATEMENT_ASSIGN,  /* targets = values */
    STATEMENT_DECLARE, /* targets[0]: type = values */
    STATEMENT_RETURN,  /* values */
    STATEMENT_YIELD,   /* values */
    STATEMENT_IF,      /* condition, body, otherwise */
    STATEMENT_FOR,     /* for variable in low..high body */
    STATEMENT_SCAN
} StatementKind;

/* `x in xs` of a scan: a sequence, or a range when high is set (`_ in 0..MAX`). */
typedef struct Iteration Iteration;
struct Iteration {
    Iteration *next;
    Name variable;
    Expression *sequence, *high;
};

typedef struct Target Target;
struct Target {
    Target *next;
    Name name; /* "_" discards */
};

struct Statement {
    Statement *next;
    StatementKind kind;
    Span span;
    Target *targets;
    Argument *values;
    TypeSyntax *type;
    Expression *condition;
    Statement *body, *otherwise;
    Name variable;
    Expression *low, *high;
    /* scan */
    Iteration *iterations;
    Argument *options; /* axis=1, reverse=true */
    Argument *carries; /* h = h0 (name, value) */
    Expression *until;
    Target *results; /* -> ys, n */
};

typedef enum FunctionKind { FUNCTION_FN, FUNCTION_ENTRY, FUNCTION_FORWARD } FunctionKind;

/* A result type, with a name when written `-> (mem: f32[S, H], h: f32[1, H])`. */
typedef struct ResultSyntax ResultSyntax;
struct ResultSyntax {
    ResultSyntax *next;
    Name name; /* text NULL: unnamed */
    TypeSyntax *type;
};

typedef struct Function {
    FunctionKind kind;
    Name name; /* forward: "forward" */
    Formal *formals;
    ResultSyntax *results; /* NULL: not stated */
    Statement *body;
    Span span;
} Function;

typedef struct DimSyntax DimSyntax;
struct DimSyntax {
    DimSyntax *next;
    Name name;
    Expression *low, *high; /* N = 1..64: both; K = 4: low only; T: neither */
};

typedef enum MemberKind {
    MEMBER_LAYER, /* layer name[variable in low..high] = value binding; */
    MEMBER_PARAM, /* param name: type binding | = value */
    MEMBER_STATE, /* state name: type = value */
    MEMBER_FUNCTION,
    MEMBER_CONST, /* const name = value (one node per name) */
    MEMBER_DIM,
    MEMBER_IF /* if (condition) { body } else { otherwise } */
} MemberKind;

struct Member {
    Member *next;
    MemberKind kind;
    Span span;
    Name name;
    Name variable;
    Expression *low, *high;
    Expression *value;
    TypeSyntax *type;
    Binding *binding;
    Function *function;
    DimSyntax *dims;
    Expression *condition;
    Member *body, *otherwise;
};

typedef enum ItemKind {
    ITEM_IMPORT,  /* import "path" as name; */
    ITEM_WEIGHTS, /* weights name from "path"; name may be NULL */
    ITEM_DIM,
    ITEM_CONST,  /* one node per name */
    ITEM_OPTION, /* option name = value; */
    ITEM_BLOCK,
    ITEM_MODEL,
    ITEM_FUNCTION
} ItemKind;

struct Item {
    Item *next;
    ItemKind kind;
    Span span;
    Name name;
    const char *path;
    Span path_span;
    Expression *value;
    DimSyntax *dims;
    Formal *formals;
    Member *members;
    Function *function;
};

/* A comment, kept aside so that `tenon fmt` can put it back. */
typedef struct Comment Comment;
struct Comment {
    Comment *next; /* in order of place */
    Span span;     /* with its marks */
    bool own_line; /* nothing but blanks before it on its line */
};

typedef struct File {
    const SourceFile *source;
    Item *items;
    Comment *comments;
} File;

/* Always returns a tree, of what could be understood; errors are in |diagnostics|. */
File *parse_file(Arena *arena, Diagnostics *diagnostics, const SourceFile *source);

/* Formats by tokens and tree: the text `tenon fmt` writes, comments kept; parsing it gives the same tree. */
void file_format(Text *text, const File *file);
/* `--emit=ast`: the tree as indented text, one node per line, without places. */
void file_dump(Text *text, const File *file);

#endif
