/* What an expression of the language evaluates to while the graph is built: compile-time values, tensors of
 * the graph, layers, functions. A Datum is small and passed by value; what it points to lives in the
 * builder's arena. Nothing here reports errors: that is the builder's. */
#ifndef TENON_FRONTEND_LANG_DATUM_INTERNAL_H
#define TENON_FRONTEND_LANG_DATUM_INTERNAL_H

#include "frontend/lang/ast.h"
#include "ir/graph.h"

typedef struct Datum Datum;
typedef struct Sequence Sequence;
typedef struct Instance Instance;
typedef struct Layers Layers;
typedef struct Spec Spec;
typedef struct Closure Closure;
typedef struct Builtin Builtin;
typedef struct Template Template;
typedef struct Unit Unit;
typedef struct Scope Scope;
typedef struct DimRecord DimRecord;

typedef enum DatumKind {
    DATUM_POISON, /* what an error leaves behind; whatever is made of it is poison too, in silence */
    DATUM_NONE,
    DATUM_INTEGER,
    DATUM_FLOAT,
    DATUM_BOOL,
    DATUM_STRING,
    DATUM_DTYPE,
    DATUM_EXTENT, /* an integer that depends on the entry's dims */
    DATUM_LIST,
    DATUM_TUPLE,
    DATUM_TENSOR,
    DATUM_LAYER,
    DATUM_LAYERS, /* layer b[i in 0..n] */
    DATUM_SPEC,   /* a layer described by a constructor, not yet placed at a path */
    DATUM_FUNCTION,
    DATUM_BUILTIN,
    DATUM_BLOCK,
    DATUM_FILE /* import ... as lib */
} DatumKind;

struct Datum {
    DatumKind kind;
    union {
        int64_t integer;
        double real;
        bool truth;
        const char *string;
        DType dtype;
        const Expr *extent; /* never a constant */
        const Sequence *items;
        Value *tensor;
        Instance *layer;
        const Layers *layers;
        const Spec *spec;
        const Closure *closure;
        const Builtin *builtin;
        const Template *block;
        Unit *unit;
    };
};

struct Sequence {
    int count;
    int depth; /* of lists within: 1 when there are none */
    Datum *items;
};

struct Layers {
    int64_t low;
    int count;
    Datum *items;
};

/* A block or model, and the file whose names it sees. */
struct Template {
    const Item *item;
    Unit *unit;
};

/* A function with the names around it; |instance| NULL: of a file. */
struct Closure {
    const Function *function;
    Scope *scope;
    Instance *instance;
    Unit *unit;
};

#define POISON ((Datum){.kind = DATUM_POISON})
#define NONE ((Datum){.kind = DATUM_NONE})

Datum datum_integer(int64_t value);
Datum datum_float(double value);
Datum datum_bool(bool value);
Datum datum_string(const char *value);
Datum datum_tensor(Value *value);       /* NULL gives poison */
Datum datum_extent(const Expr *extent); /* an integer when it is constant */
Datum datum_list(Arena *arena, DatumKind kind, const Datum *items, int count);

bool datum_is(Datum datum, DatumKind kind);
/* An integer or an extent. */
bool datum_is_size(Datum datum);
/* An integer, extent, float or bool: what mixes with tensors. */
bool datum_is_scalar(Datum datum);
/* "int", "f32[N, 4]", "a layer": for messages. */
const char *datum_type_text(Arena *arena, Datum datum);
/* "3", "\"same\"", "[1, 2]": the value as it would be written. */
const char *datum_text(Arena *arena, Datum datum);

/* ---- Names ---- */

typedef enum SlotKind {
    SLOT_DATUM,
    SLOT_CONST, /* |initial| is evaluated at the first use */
    SLOT_DIM,
    SLOT_STATE
} SlotKind;

/* What a name stands for. */
typedef struct Slot {
    const char *name;
    Span span;
    SlotKind kind;
    Datum datum;
    const Expression *initial;
    bool evaluating;
    bool hidden_by_scan; /* a scan body assigned a name of its own like this one */
    DimRecord *dim;
    State *state;
} Slot;

typedef enum ScopeKind { SCOPE_FILE, SCOPE_MEMBERS, SCOPE_FUNCTION, SCOPE_SCAN } ScopeKind;

struct Scope {
    Scope *outer;
    ScopeKind kind;
    Instance *instance; /* of SCOPE_MEMBERS and scopes below it */
    Unit *unit;
    VECTOR(Slot *) slots; /* in order of definition */
    Slot **table;         /* open addressing by hash of the name */
    int table_size;
};

Scope *scope_create(Arena *arena, ScopeKind kind, Scope *outer);
/* A slot for |name|, which is not in this very scope yet. */
Slot *scope_add(Arena *arena, Scope *scope, const char *name, Span span);
Slot *scope_add_datum(Arena *arena, Scope *scope, const char *name, Span span, Datum datum);
Slot *scope_find_here(const Scope *scope, const char *name);
/* Outwards; |out_scope| (may be NULL) receives where. */
Slot *scope_find(Scope *scope, const char *name, Scope **out_scope);

#endif
