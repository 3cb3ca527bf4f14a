/* What the files of the graph builder share. One Builder per compilation owns everything through its arena.
 * Every function that can fail has reported its error when it returns poison, NULL or false. */
#ifndef TENON_FRONTEND_LANG_BUILDER_INTERNAL_H
#define TENON_FRONTEND_LANG_BUILDER_INTERNAL_H

#include "frontend/lang/build.h"
#include "frontend/lang/datum_internal.h"
#include "frontend/weights/weights.h"
#include "ir/shapes/infer.h"

typedef struct Builder Builder;
typedef struct Frame Frame;
typedef struct Region Region;
typedef struct Naming Naming;

/* ---- Files ---- */

typedef struct WeightsRecord {
    const char *name; /* NULL: the default source */
    const char *path;
    Span span;
    WeightsFile *file;
    bool opened;
    bool *used; /* one per tensor */
} WeightsRecord;

/* A parsed file and its names. */
struct Unit {
    const char *path, *identity; /* identity: device and inode, or the library file's name */
    const File *file;
    Scope *scope;
    bool library, loading;
    VECTOR(WeightsRecord *) weights;
};

struct DimRecord {
    const char *name;
    Span span;
    Scope *scope;
    Instance *instance; /* NULL: of a file */
    const Expression *low, *high;
    const BuildSetting *setting;      /* --dim */
    bool prepared, preparing, failed; /* failed: it was reported */
    const Expr *fixed;                /* dim K = 4 */
    Symbol *symbol;                   /* dim N = 1..64; NULL: no bounds */
    Dim *dim;                         /* in the module, once an entry uses it */
};

/* ---- Layers ---- */

typedef struct CallArgument {
    Name name; /* text NULL: positional */
    Datum value;
    Span span;
} CallArgument;

typedef struct Call {
    Span span;
    int count;
    CallArgument *arguments;
} Call;

/* A layer constructor with its arguments; |block| NULL: Sequential of |call|'s values. */
struct Spec {
    const Template *block;
    Call call;
};

struct Instance {
    const char *path; /* "layer1.0.conv1"; "" for a model */
    const Template *block;
    Instance *parent;
    const char *model, *arguments; /* "E=128, H=256" */
    Naming *naming;
    Scope *scope; /* members; NULL for Sequential */
    Datum *children;
    int child_count;
    int depth;
    bool gates_told; /* weights of another kind of recurrent layer were reported */
    Span span;
};

/* How the tensors of one level are called in the weights file. */
struct Naming {
    Naming *parent;      /* NULL: the model's root */
    const char *level;   /* "conv1", "b.0" */
    const char *local;   /* what of the level belongs to the local name: "0" of "b.0"; may be "" */
    const char *pattern; /* expanded; NULL: the level's name */
    const char *source;  /* NULL: the parent's */
    const Argument *permutation;
    const Binding *list;           /* from { ... } */
    VECTOR(const Binding *) bound; /* those of |list| that found their parameter */
    Scope *scope;                  /* for {k} in |list| */
    Unit *unit;                    /* where sources are declared */
    Span span;
};

/* ---- Evaluation ---- */

typedef struct BoundDim {
    const DimRecord *dim;
    const Expr *extent;
} BoundDim;

/* One running function, or an expression evaluated apart (|function| NULL). */
struct Frame {
    Frame *outer;
    const Function *function;
    Instance *instance;
    Scope *scope;
    Span call_span;
    bool is_entry, returned;
    Datum result;
    Span result_span; /* of the return */
    Region *region;   /* where the function was called: a return inside a deeper one is an error */
    VECTOR(BoundDim) dims;
    int depth;
};

/* The value of a state now, within one region. */
typedef struct StateUse {
    State *state;
    Value *argument, *current;
    bool written;
} StateUse;

/* An entry's block or the body of a scan. */
struct Region {
    Region *outer;
    Block *block;
    VECTOR(StateUse) states;
    bool is_scan;
    int yield_count; /* values yielded so far */
    VECTOR(Value *) yields;
    bool yield_failed;
    Span yield_span;
};

typedef struct MissingTensor {
    const char *name;
    Type type;
    WeightsRecord *weights; /* NULL: no source at all */
    Span span;
} MissingTensor;

struct Builder {
    Arena *arena;
    Diagnostics *diagnostics;
    Module *module;
    const BuildOptions *options;
    BuildResult *result;
    VECTOR(Unit *) units;
    Unit *main;
    Scope *library; /* builtins, and what was found in library files */
    Frame *frame;
    Region *region;
    Block *block;     /* where ops go; NULL: no op can be made here */
    const char *path; /* of the running layer */
    Span user_span;   /* while library code runs: the place in the user's file that called it */
    Entry *entry;
    Instance *model;
    int import_depth, instance_count, work_count, op_count;
    int nesting;     /* of evaluations and statements that are under way: bounds the stack */
    bool stopped;    /* a limit was hit: everything from here on is poison */
    bool incomplete; /* a file has syntax errors: what is missing from its tree would only give errors that
                        mislead */
    VECTOR(MissingTensor) missing;
    VECTOR(const TensorSource *) stand_ins; /* for weights that are not there (placeholder_weights) */
    VECTOR(Instance *) models;
    bool *define_used;
};

/* build_errors.c: errors at |span|, followed by the layers and functions that led there. */
Diagnostic *build_error(Builder *b, DiagnosticId id, Span span, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same, for `return build_fail(...)`. */
Datum build_fail(Builder *b, DiagnosticId id, Span span, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Notes that tell how the running code was reached. */
void build_context(Builder *b, Diagnostic *diagnostic);
bool is_library_place(Span span);
/* Where the user declared the layer that holds |instance|. */
Span layer_place_in_user_file(const Instance *instance);
/* Inside library code: the user's place that called it. */
Span user_place(const Builder *b, Span span);
/* Counts one unit of compile-time work (a call, a trip of a loop); false: the limit is reached, b->stopped is
 * set. */
bool build_work(Builder *b, Span span);
/* One level deeper; false: too deep, b->stopped is set. Leave by b->nesting--. */
bool nesting_enter(Builder *b, Span span);
Datum build_stop(Builder *b, DiagnosticId id, Span span, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void note_nearest(Builder *b, Diagnostic *diagnostic, Span span, const char *wanted, const char *const *names,
                  int count);

/* emit.c: ops at the place b->block. NULL: reported, or nothing can be made here. */
Op *emit_begin(Builder *b, OpKind kind, Value *const *operands, int count, Span span);
Value *emit_end(Builder *b, Op *op);
bool emit_finish(Builder *b, Op *op); /* for ops of several results */
Value *emit(Builder *b, OpKind kind, Value *const *operands, int count, Span span);
Value *emit_full(Builder *b, const Type *type, double value, Span span);
Value *emit_cast(Builder *b, Value *value, DType dtype, Span span);
Value *emit_reshape(Builder *b, Value *value, const Expr *const *dims, int rank, Span span);
Value *emit_permute(Builder *b, Value *value, const int64_t *permutation, Span span);
/* False, reported: the expression has grown beyond all sense. */
bool extent_is_simple(Builder *b, const Expr *extent, Span span);
/* A tensor of rank 0 that holds the extent. */
Value *emit_extent(Builder *b, const Expr *extent, DType dtype, Span span);
/* A recipe: ops between begin and end become the derivation of one constant. */
typedef struct RecipeMark {
    Block *block;
    Region *region;
    Entry *entry;
} RecipeMark;
RecipeMark recipe_begin(Builder *b);
/* |value| as a constant called |name|; a value that is one already is returned as it is. */
Value *recipe_end(Builder *b, RecipeMark mark, Value *value, const char *name, Span span);

/* convert.c */
const Expr *datum_extent_of(Builder *b, Datum datum); /* of a size */
/* Numbers become constants of |dtype| (DTYPE_NONE: i32, f32 or bool by what they are), lists become tensors.
 * |what| names it in errors. NULL: reported or poison. */
Value *datum_to_tensor(Builder *b, Datum datum, DType dtype, Span span, const char *what);
bool datum_to_integer(Builder *b, Datum datum, Span span, const char *what, int64_t *out);
bool datum_to_bool(Builder *b, Datum datum, Span span, const char *what, bool *out);
bool datum_to_float(Builder *b, Datum datum, Span span, const char *what, double *out);
/* One number, or a list of |count| numbers; a number stands for all (count -1: any list). Returns how many;
 * -1: reported. */
int datum_to_integers(Builder *b, Datum datum, int count, Span span, const char *what, int64_t *out);
int datum_to_extents(Builder *b, Datum datum, Span span, const char *what, const Expr **out);
/* A tensor of exactly |type|, for a value written for it: literals take its dtype, a number fills it when
 * |fill|. */
Value *datum_to_type(Builder *b, Datum datum, const Type *type, bool fill, Span span, const char *what);

/* dims.c and types.c */
DimRecord *dim_record_create(Builder *b, Scope *scope, const DimSyntax *syntax, Instance *instance);
bool dim_prepare(Builder *b, DimRecord *dim);
Datum dim_value(Builder *b, DimRecord *dim, Span span);
const Expr *dim_lookup(Builder *b, const DimRecord *dim);
/* What the formals of one call bind belongs to b->frame, or to the entry around it for dims of a file. */
bool dim_bind(Builder *b, DimRecord *dim, const Expr *extent, Span span);
bool type_is_tensor(const TypeSyntax *syntax);
bool type_evaluate(Builder *b, const TypeSyntax *syntax, Type *out);
/* Binds the yet unbound dims that |syntax| names alone to the extents of |datum|. */
void type_bind_dims(Builder *b, const TypeSyntax *syntax, Datum datum);
/* |datum| as a value of the written type; poison: reported. |fill|: a number may fill a tensor. */
Datum type_match(Builder *b, const TypeSyntax *syntax, Datum datum, bool fill, Span span, const char *what);
const char *type_syntax_text(Builder *b, const TypeSyntax *syntax);

/* expression.c, operators.c, subscripts.c */
Datum evaluate(Builder *b, const Expression *expression);
/* In the names of |scope|, apart from the running function. */
Datum evaluate_in(Builder *b, Scope *scope, const Expression *expression);
/* A list or tuple; poison: it is nested too deep. */
Datum list_create(Builder *b, DatumKind kind, const Datum *items, int count, Span span);
Datum slot_value(Builder *b, Slot *slot, Scope *scope, Span span);
Slot *name_find(Builder *b, const char *name, Scope **out_scope);
Datum apply_unary(Builder *b, Operator sign, Datum operand, Span span);
Datum apply_binary(Builder *b, const Expression *expression, Datum left, Datum right);
Datum binary_op(Builder *b, OpKind kind, Datum left, Datum right, Span span);
const char *operator_text(Operator sign);
Datum apply_subscripts(Builder *b, const Expression *expression, Datum left);
/* Equality of compile-time values; -1: not decided before run time or not comparable. */
int datum_equal(Builder *b, Datum left, Datum right);

/* call.c */
Datum call_datum(Builder *b, Datum callee, const Call *call, Span callee_span);
Datum call_closure(Builder *b, const Closure *closure, const Call *call);
Datum call_instance(Builder *b, Instance *instance, const Call *call);
/* Formals of a block or function into |scope|; false: reported. */
bool bind_formals(Builder *b, const Formal *formals, const char *callee, const Call *call, Scope *scope);
/* Which argument goes to which formal; |out| has |count| places, NULL at first. False: reported. */
bool arguments_assign(Builder *b, const Call *call, const char *callee, const char *const *formals, int count,
                      const CallArgument **out);
void frame_push(Builder *b, Frame *frame, Scope *scope, Span call_span);
void frame_pop(Builder *b);

/* builtin.c: functions of the compiler, by table. */
typedef struct BuiltinCall {
    Builder *b;
    const Builtin *builtin;
    Datum *values; /* by formal */
    Span *spans;
    int rest_count; /* values of the formal that takes all the rest */
    Datum *rest;
    Span *rest_spans;
    Span span;
} BuiltinCall;

struct Builtin {
    const char *name, *formals; /* "x, axis=-1": a default, or required; "xs..." takes all positional ones */
    Datum (*call)(BuiltinCall *call);
    int detail; /* an OpKind, mostly */
};

extern const Builtin *const builtin_tables[];
const Builtin *builtin_find(const char *name);
int builtin_names(const char **names, int capacity);
Datum call_builtin(Builder *b, const Builtin *builtin, const Call *call);
/* The name of formal |index|. */
const char *builtin_formal(BuiltinCall *call, int index);
Value *builtin_tensor(BuiltinCall *call, int index);
/* NULL without an error when the argument is none or false. */
bool builtin_optional_tensor(BuiltinCall *call, int index, DType dtype, Value **out);
bool builtin_integer(BuiltinCall *call, int index, int64_t *out);
bool builtin_bool(BuiltinCall *call, int index, bool *out);
bool builtin_float(BuiltinCall *call, int index, double *out);
bool builtin_string(BuiltinCall *call, int index, const char **out);
bool builtin_dtype(BuiltinCall *call, int index, DType *out);
/* An axis of |rank|, counted from the end when negative. */
bool builtin_axis(BuiltinCall *call, int index, int rank, int *out);
/* None: all axes. Ascending. Returns how many; -1: reported. */
int builtin_axes(BuiltinCall *call, int index, int rank, int64_t *out);

/* statement.c, scan.c */
void run_statements(Builder *b, const Statement *statements);
void run_scan(Builder *b, const Statement *statement);
void assign_name(Builder *b, Name name, Datum value);
Datum evaluate_values(Builder *b, const Argument *values);
/* Bounds of an unrolled loop; false: reported. */
bool loop_bounds(Builder *b, const Expression *low, const Expression *high, int64_t *out_low,
                 int64_t *out_high);
/* Names that |statements| would assign become poison: a condition could not be decided. */
void poison_targets(Builder *b, const Statement *statements);

/* state.c */
StateUse *region_state(Builder *b, Region *region, State *state);
Datum state_read(Builder *b, State *state, Span span);
void state_write(Builder *b, State *state, Datum value, Span span);
void state_declare(Builder *b, Instance *instance, const Member *member);

/* instance.c */
Datum spec_create(Builder *b, const Template *block, const Call *call);
/* Makes the layers of |datum| (a spec) at the path; functions are left as they are, for Sequential. */
Datum layer_place(Builder *b, Datum datum, Instance *parent, const char *path, Naming *naming, Span span);
/* The value of a -D setting, by |type| if there is one; false: it does not fit. */
bool setting_value(const char *text, const TypeSyntax *type, Datum *out);
Instance *model_create(Builder *b, Unit *unit, const Item *item);

/* naming.c, param.c */
Naming *naming_create(Builder *b, Instance *parent, const char *level, const char *local,
                      const Binding *binding, const char *variable);
Naming *naming_child(Builder *b, Naming *parent, const char *level);
const char *pattern_expand(Builder *b, const char *pattern, Span span);
void naming_check_lists(Builder *b, const Naming *naming);
Datum param_declare(Builder *b, Instance *instance, const Member *member);
void report_missing(Builder *b);
void report_unused(Builder *b);

/* Where a tensor is: candidates are tried in order. */
typedef struct TensorPlace {
    WeightsRecord *weights;
    const TensorSource *tensor; /* NULL: not there */
    const char *name;           /* the first candidate when not there */
    const Argument *permutation;
} TensorPlace;
TensorPlace naming_resolve(Builder *b, Instance *instance, const char *local, const Binding *binding);

/* files.c, library.c, entry.c */
Unit *unit_load(Builder *b, const char *path, Span span);
Unit *unit_define(Builder *b, const File *file, const char *path, const char *identity, bool library);
WeightsRecord *weights_find_source(Builder *b, Unit *unit, const char *name, Span span);
/* False: it could not be opened (reported once). */
bool weights_ready(Builder *b, WeightsRecord *record);
Slot *library_find(Builder *b, const char *name);
int library_names(Builder *b, const char **names, int capacity);
void entries_build(Builder *b, Instance *model);
void entries_check_names(Builder *b);
/* By place of declaration. */
void dims_sort(Dim **dims, int count);

#endif
