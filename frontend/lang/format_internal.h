/* The formatter works on tokens: it writes each one as it stands in the source, and decides what goes between
 * them. So what it writes reads back to the same tree. Steps: pieces (format.c), what each is for
 * (format_roles.c), lines (format.c), columns (format_lines.c). */
#ifndef TENON_FRONTEND_LANG_FORMAT_INTERNAL_H
#define TENON_FRONTEND_LANG_FORMAT_INTERNAL_H

#include "frontend/lang/parser_internal.h"
#include "support/text.h"

typedef enum Role {
    ROLE_PLAIN,
    ROLE_OPERAND,    /* a name, literal or closing bracket: an operator may follow */
    ROLE_OPERATOR,   /* blanks on both sides */
    ROLE_TIGHT,      /* an operator or colon without blanks */
    ROLE_PREFIX,     /* a sign or '!' that sticks to its operand */
    ROLE_TYPE_COLON, /* a blank behind it only */
    ROLE_CALL,       /* an opening bracket that sticks to what stands before */
    ROLE_BODY_OPEN,  /* '{' and '}' of declarations and statements */
    ROLE_BODY_CLOSE,
    ROLE_EMPTY_CLOSE, /* the '}' of "{}" */
    ROLE_END,         /* the ';' that ends a statement */
    ROLE_COMMENT,     /* goes on to the end of its line */
    ROLE_INLINE_COMMENT
} Role;

/* What stands in one column in neighbouring declarations: the '=' of a layer or the type of a param or state,
 * and their `from`. */
typedef enum Column { COLUMN_HEAD, COLUMN_BINDING, COLUMN_COUNT, COLUMN_NONE } Column;

typedef struct Piece {
    Token token; /* kind 0: a comment */
    Role role;
    int newlines;   /* in the source, before it; 2 stands for more */
    Column column;  /* that begins with this piece */
    bool is_inline; /* part of a body that stands on one line, as in `if (a) { x = y; }` */
} Piece;

typedef VECTOR(Piece) PieceList;

/* Sets role, column and is_inline of all but the comments. */
void pieces_assign_roles(Arena *arena, PieceList *pieces);
bool piece_is_comment(const Piece *piece);

typedef struct Line {
    int indent;
    int anchor; /* the line this one continues, or -1; then |indent| is added to the column of |anchor_at|
                   there */
    size_t anchor_at;
    bool blank_before;
    Text code, comment;           /* a comment that stands alone is code */
    int first_kind;               /* of its tokens */
    size_t columns[COLUMN_COUNT]; /* where they begin in |code|; 0: not on this line */
} Line;

typedef VECTOR(Line) LineList;

/* Pads what is aligned, appends all to |text|, and frees the lines' texts. */
void lines_write(Text *text, LineList *lines);

#endif
