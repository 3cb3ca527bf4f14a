/* The graph IR: SSA over tensors, with regions for scan and cluster. A Module owns everything through its
 * arena; nothing is freed singly. It holds the dims, constants, states and entries of all models of one
 * compilation. This header never speaks of how a value is computed on a machine. */
#ifndef TENON_IR_GRAPH_H
#define TENON_IR_GRAPH_H

#include "ir/dtype.h"
#include "ir/expr.h"
#include "support/arena.h"
#include "support/diagnostics.h"

enum { RANK_MAX = 8, LAYOUT_PIECES_MAX = 12 };

typedef enum OpKind {
#define OP(id, text, least, most, results, shape, traits, meaning) OP_##id,
#include "ir/ops.def"
#undef OP
    OP_COUNT
} OpKind;

enum {
    OP_POINTWISE = 1,
    OP_COMMUTES = 2,
    OP_CONTRACTION = 4,
    OP_REDUCTION = 8,
    OP_WINDOW = 16,
    OP_MOVE = 32,
    OP_REGION = 64,
    OP_STRUCTURE = 128
};

typedef struct OpInfo {
    const char *text, *meaning;
    int operands_min, operands_max, results_max;
    unsigned traits;
} OpInfo;

extern const OpInfo op_infos[OP_COUNT];
OpKind op_from_text(const char *text, size_t length); /* OP_COUNT: none */

typedef enum AttrId {
#define ATTR(id, text, kind, meaning) ATTR_##id,
#include "ir/attrs.def"
#undef ATTR
    ATTR_COUNT
} AttrId;

typedef enum AttrKind {
    ATTR_KIND_INT,
    ATTR_KIND_FLOAT,
    ATTR_KIND_BOOL,
    ATTR_KIND_STRING,
    ATTR_KIND_INTS,
    ATTR_KIND_EXPRS,
    ATTR_KIND_DTYPE
} AttrKind;

typedef struct AttrInfo {
    const char *text, *meaning;
    AttrKind kind;
} AttrInfo;

extern const AttrInfo attr_infos[ATTR_COUNT];
AttrId attr_from_text(const char *text, size_t length);

typedef struct Attr {
    AttrId id;
    int64_t integer; /* INT, BOOL, DTYPE */
    double real;
    const char *string;
    int count; /* INTS, EXPRS */
    int64_t *integers;
    const Expr **exprs;
} Attr;

/* How a tensor lies in memory: physical axes from outermost to innermost, each a piece of a logical axis.
 * NULL stands for row major. Only the last pieces of an axis may be a remainder. A halo is stored zeros
 * around. */
typedef enum PieceKind { PIECE_WHOLE, PIECE_DIV, PIECE_MOD } PieceKind;

typedef struct Piece {
    PieceKind kind;
    int axis;
    int64_t block;                   /* DIV, MOD */
    int64_t halo_before, halo_after; /* WHOLE, in elements of the axis */
} Piece;

typedef struct Layout {
    int count;
    Piece pieces[LAYOUT_PIECES_MAX];
} Layout;

typedef struct Type {
    DType dtype;
    int rank;
    const Expr *dims[RANK_MAX];
    const Layout *layout; /* interned in the module; NULL: row major */
} Type;

typedef struct Op Op;
typedef struct Block Block;
typedef struct Module Module;
typedef struct Constant Constant;
typedef struct ConstantTable ConstantTable;

typedef enum ValueKind { VALUE_RESULT, VALUE_ARGUMENT, VALUE_CONSTANT } ValueKind;

typedef struct Value {
    ValueKind kind;
    int id;           /* unique in the module; print order is independent of it */
    int index;        /* of the result or argument */
    const char *name; /* a hint for printing; may be NULL */
    Type type;
    Op *op;       /* VALUE_RESULT */
    Block *block; /* VALUE_ARGUMENT */
    Constant *constant;
    void *note; /* scratch of one pass */
} Value;

/* A share of the next panel of weights; the places the tile will store to, and add from. */
enum { PREFETCH_WEIGHTS = 1, PREFETCH_RESULTS = 2 };

/* How a cluster is computed; empty fields are zero or NULL. Its text: schedule {variant = direct, tile = 6 x
 * 2, ...}. */
typedef struct Schedule {
    const char *variant;
    int rows, vectors, lanes; /* tile = rows x vectors x lanes */
    int items;                /* of a parallel loop */
    int64_t chunk;            /* terms of a sum added up before they join the total */
    int64_t block;            /* rows of a super-tile, 0: no such loop */
    bool zigzag;              /* in a scan: every other step walks the panels backwards */
    int prefetch;             /* what tiles ask for ahead of time: PREFETCH_.. */
} Schedule;

struct Op {
    OpKind kind;
    int operand_count, result_count, attr_count;
    Value **operands;
    Value **results;
    Attr *attrs;
    Block *body; /* REGION ops */
    const Schedule *schedule;
    const char *path; /* layer path, "layer1.0.conv1"; "" outside layers */
    Span span;
    Op *previous, *next;
    Block *parent;
};

/* A straight list of ops. A region's block may use values of the blocks around it. Ends with OP_YIELD, also
 * an entry's: its operands are the outputs, then the new values of the entry's states. */
struct Block {
    int argument_count;
    Value **arguments;
    Op *first, *last;
    Op *parent; /* NULL: an entry or a recipe */
};

typedef struct Dim {
    const char *name;
    const Symbol *symbol; /* bounds inclusive */
    Span span;
} Dim;

/* A tensor's bytes as some reader found them; |bytes| stays mapped as long as the compilation. */
typedef struct TensorSource {
    const char *file, *name; /* file as the user wrote it */
    DType dtype;
    int rank;
    int64_t dims[RANK_MAX];
    const void *bytes;
} TensorSource;

typedef enum ConstantKind { CONSTANT_WEIGHTS, CONSTANT_INLINE, CONSTANT_RECIPE } ConstantKind;

struct Constant {
    ConstantKind kind;
    const char *name; /* unique: "conv1.weight" */
    Value *value;
    const TensorSource *source; /* WEIGHTS; the value's type may differ by dtype (widened) and permutation */
    int permutation[RANK_MAX];  /* WEIGHTS: value axis i is source axis permutation[i] */
    bool permuted;
    double *floats; /* INLINE, by dtype class */
    int64_t *integers;
    Block *recipe; /* RECIPE: ops on constants only, ends with OP_YIELD of one value */
    Span span;
};

/* What a model keeps between calls. */
typedef struct State {
    const char *model, *name;
    Type type;
    Value *initial; /* a constant's value */
    Span span;
} State;

typedef struct EqualityCheck {
    const Expr *left, *right;
    Span span;
} EqualityCheck;

/* Arguments of the block: inputs, then the values of |states|. Operands of its yield: outputs, then new
 * states. */
typedef struct Entry {
    const char *model, *name; /* "LeNet5", "classify" */
    Block *block;
    int dim_count;
    Dim **dims; /* those that the entry's types mention, in order of declaration */
    int input_count, output_count, state_count;
    const char **input_names, **output_names;
    State **states;
    VECTOR(EqualityCheck) checks; /* extents that could not be proven equal; tested by the prologue */
    Span span;
} Entry;

struct Module {
    Arena *arena;
    ExprTable *exprs;
    Diagnostics *diagnostics;
    VECTOR(Dim *) dims;
    VECTOR(Constant *) constants;
    ConstantTable *constant_table; /* finds them by name and value; kept by constant_create */
    VECTOR(State *) states;
    VECTOR(Entry *) entries;
    VECTOR(const Layout *) layouts;
    Entry *current_entry; /* where unproven equalities go; NULL: they are errors */
    int next_value_id;
};

Module *module_create(Arena *arena, Diagnostics *diagnostics);

/* Types. */
Type type_make(DType dtype, int rank, const Expr *const *dims);
bool type_equal(const Type *a, const Type *b); /* with layouts */
bool type_is_static(const Type *type);
/* Elements; saturates at INT64_MAX. |type_count_max|: at the upper bounds of the dims. */
const Expr *type_count(Module *module, const Type *type);
int64_t type_count_max(const Type *type);
void type_print(Text *text, const Type *type);
const char *type_text(Arena *arena, const Type *type); /* "f32[N, 6, 28, 28]" */
const Layout *layout_intern(Module *module, const Layout *layout);
void layout_print(Text *text, const Layout *layout);

/* Building. */
Block *block_create(Module *module, Op *parent);
Value *block_add_argument(Module *module, Block *block, Type type, const char *name);
/* An op without results yet, at the end of |block| (NULL: nowhere). */
Op *op_create(Module *module, Block *block, OpKind kind, Value *const *operands, int operand_count, Span span,
              const char *path);
/* Gives |op| a further result. */
Value *op_add_result(Module *module, Op *op, Type type);
void op_append(Block *block, Op *op);
void op_insert_before(Op *position, Op *op);
void op_remove(Op *op); /* from its block */

/* The same op on other operands, with a copy of its body; without results and outside any block. */
Op *op_clone(Module *module, const Op *op, Value *const *operands);

/* Attributes. Setting replaces. Getting gives the default when it is absent. */
const Attr *op_attr(const Op *op, AttrId id);
void op_set_int(Module *module, Op *op, AttrId id, int64_t value); /* INT, BOOL, DTYPE */
void op_set_float(Module *module, Op *op, AttrId id, double value);
void op_set_string(Module *module, Op *op, AttrId id, const char *value);
void op_set_ints(Module *module, Op *op, AttrId id, const int64_t *values, int count);
void op_set_exprs(Module *module, Op *op, AttrId id, const Expr *const *values, int count);
int64_t op_int(const Op *op, AttrId id, int64_t absent);
double op_float(const Op *op, AttrId id, double absent);
const char *op_string(const Op *op, AttrId id, const char *absent);
int64_t op_int_at(const Op *op, AttrId id, int index, int64_t absent); /* element of INTS */
const Expr *op_expr_at(const Op *op, AttrId id, int index);            /* element of EXPRS; NULL: absent */
bool attrs_equal(const Op *a, const Op *b);
bool op_axes_contain(const Op *op, int axis); /* ATTR_AXES */
/* Whether |op| is the sum or mean over both sides of its operand, [N, C, H, W]. */
bool op_sums_map(const Op *op);

/* Constants. Names are made unique by a suffix. */
Constant *constant_create(Module *module, ConstantKind kind, const char *name, Type type, Span span);
Value *constant_scalar(Module *module, DType dtype, double value, Span span);
bool value_is_constant_scalar(const Value *value, double *out_value); /* inline, one element */

/* Walking. */
typedef void (*OpVisitor)(Op *op, void *context);
void block_walk(Block *block, OpVisitor visit, void *context); /* ops in order, regions after their op */
void block_replace_uses(Block *block, Value *from, Value *to); /* regions too */
int block_count_uses(const Block *block, const Value *value);
Op *block_terminator(const Block *block); /* the OP_YIELD at its end */

#endif
