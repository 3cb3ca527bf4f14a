/* Private to backend/llvm: the state of turning one loop module into one LLVM module. Layers of it, bottom
 * up: scopes and addresses (address.c), tiles (tile.c, map.c, contract.c), loops and functions (control.c),
 * entries and the info structure (entry.c, info.c). No graph header is needed beyond what ir/loops shows. */
#ifndef TENON_BACKEND_LLVM_EMITTER_H
#define TENON_BACKEND_LLVM_EMITTER_H

#include "backend/backend.h"
#include "backend/llvm/math.h"
#include "ir/loops/loops.h"
#include "ir/target.h"

#include <llvm-c/Core.h>
#include <llvm-c/DebugInfo.h>

/* A place whose code dominates everything emitted until it is left: the function's entry or a loop's body.
 * Invariant code goes to the end of |head|, before its branch. */
typedef struct Scope {
    LLVMBasicBlockRef head;
    int symbol_count, value_count, pointer_count; /* lengths of the stacks below when the scope was entered */
} Scope;

typedef struct SymbolValue {
    const Symbol *symbol;
    LLVMValueRef value; /* i64 */
    int depth;          /* of the scope that defines it */
} SymbolValue;

typedef struct ExprValue {
    const Expr *expr;
    LLVMValueRef value;
} ExprValue;

typedef struct PointerValue {
    const Buffer *buffer;
    const Expr *offset;
    LLVMValueRef value;
} PointerValue;

typedef struct BufferValue {
    const Buffer *buffer;
    LLVMValueRef pointer;
} BufferValue;

typedef struct Emitter {
    Arena *arena;
    LoopModule *loops;
    const BackendOptions *options;
    const TargetInfo *target;
    LLVMContextRef context;
    LLVMModuleRef module;
    LLVMBuilderRef builder;
    LLVMTypeRef i1, i8, i16, i32, i64, f32, f64, pointer, nothing;
    LLVMValueRef blob; /* the weights' global; NULL: none */
    const BlobPlan *blob_plan;
    LLVMDIBuilderRef debug; /* NULL: no line tables */
    VECTOR(struct DebugFile) debug_files;
    LLVMMetadataRef debug_scope;
    LLVMValueRef *functions; /* by position in loops->functions */

    /* the function being emitted */
    LLVMValueRef function;
    LLVMBasicBlockRef failed; /* stores nothing: a block per code is made on demand */
    LLVMValueRef status_slot; /* in an item function: where a failure is recorded; else NULL */
    LLVMValueRef executor;
    VECTOR(Scope) scopes;
    VECTOR(SymbolValue) symbols;
    VECTOR(ExprValue) values;
    VECTOR(PointerValue) pointers;
    VECTOR(BufferValue) buffers;
    LLVMValueRef **tiles;         /* by tile id: rows * vectors values of the instance */
    int rows;                     /* what ROWS_SYMBOLIC stands for here */
    const Symbol *masked;         /* the variable of the lanes loop whose tail is being emitted; else NULL */
    LLVMValueRef remaining;       /* i64: elements left in that tail */
    int vector;                   /* which of the vectors of a row a map is computing */
    LLVMBasicBlockRef exit_block; /* of the innermost for loop */
} Emitter;

typedef struct DebugFile {
    const char *path;
    LLVMMetadataRef file;
} DebugFile;

/* address.c */
void scope_enter(Emitter *emitter, LLVMBasicBlockRef head);
void scope_leave(Emitter *emitter);
/* Ends the current block with a branch to a new one and makes it the head of a new scope. */
void scope_enter_here(Emitter *emitter);
void bind_symbol(Emitter *emitter, const Symbol *symbol, LLVMValueRef value);
void bind_buffer(Emitter *emitter, const Buffer *buffer, LLVMValueRef pointer);
LLVMValueRef emit_expr(Emitter *emitter, const Expr *expr);
/* The address of element |offset| of |buffer|. */
LLVMValueRef emit_address(Emitter *emitter, const Buffer *buffer, const Expr *offset);
LLVMValueRef constant_i64(Emitter *emitter, int64_t value);
LLVMValueRef constant_i32(Emitter *emitter, int64_t value);
LLVMBasicBlockRef new_block(Emitter *emitter, const char *name);

enum { LINE_BYTES = 64 };

/* tile.c */
int tile_rows(const Emitter *emitter, const Tile *tile);
LLVMTypeRef element_type(Emitter *emitter, DType dtype); /* in registers: bool i1, f16 and bf16 i16 */
LLVMTypeRef vector_type(Emitter *emitter, DType dtype, int lanes);
LLVMValueRef splat(Emitter *emitter, LLVMValueRef scalar, int lanes);
LLVMValueRef lane_mask(Emitter *emitter, int vector, int lanes); /* of the tail; NULL outside one */
/* One vector of an access. |masked_ok|: lanes outside a tail read as 0. */
LLVMValueRef emit_load_vector(Emitter *emitter, const Access *access, int row, int vector, int lanes);
LLVMValueRef *tile_values(Emitter *emitter, const Tile *tile); /* of a tile defined before */
LLVMValueRef *tile_define(Emitter *emitter, const Tile *tile); /* room for its values */
void emit_load(Emitter *emitter, const LoopStatement *statement);
void emit_store(Emitter *emitter, const LoopStatement *statement);
void emit_slice(Emitter *emitter, const LoopStatement *statement);
void emit_reduce(Emitter *emitter, const LoopStatement *statement);
void emit_prefetch(Emitter *emitter, const LoopStatement *statement);
/* Asks for the line at an address. */
void emit_line_prefetch(Emitter *emitter, LLVMValueRef address, bool write);
void emit_position(Emitter *emitter, const LoopStatement *statement);
LLVMValueRef call_intrinsic(Emitter *emitter, const char *name, LLVMTypeRef *overloads, int overload_count,
                            LLVMValueRef *arguments, int argument_count);
LLVMValueRef emit_fma(Emitter *emitter, LLVMValueRef a, LLVMValueRef b, LLVMValueRef c);

/* map.c, contract.c */
void emit_map(Emitter *emitter, const LoopStatement *statement);
LLVMValueRef emit_binary(Emitter *emitter, OpKind op, DType dtype, LLVMValueRef a, LLVMValueRef b);
void emit_contract(Emitter *emitter, const LoopStatement *statement);

/* control.c */
typedef struct CountedLoop {
    LLVMBasicBlockRef before, body, done;
    LLVMValueRef index, start, stop, step; /* i64 */
    LLVMValueRef *carried;                 /* phis in the body */
    int carried_count;
    bool straight; /* runs exactly once: no branches */
    bool guarded;  /* may run not at all */
} CountedLoop;
/* for (index = start; index < stop; index += step); |trip_min|, |trip_max| bound the number of steps. */
CountedLoop loop_begin(Emitter *emitter, LLVMValueRef start, LLVMValueRef stop, int64_t step,
                       int64_t trip_min, int64_t trip_max, LLVMValueRef *initial, int count);
/* |next| are the carried values at the end of the body; on return they are those after the loop. */
void loop_end(Emitter *emitter, CountedLoop *loop, LLVMValueRef *next);
void emit_body(Emitter *emitter, const LoopBody *body);
void emit_failure_unless(Emitter *emitter, LLVMValueRef good, int code);
void emit_function(Emitter *emitter, int index);
LLVMTypeRef function_type(Emitter *emitter, const LoopFunction *function);

/* entry.c, info.c, debug.c */
void emit_entry(Emitter *emitter, int index);
void emit_infos(Emitter *emitter);
void debug_begin(Emitter *emitter);
void debug_function(Emitter *emitter, LLVMValueRef function, const char *name, Span span);
void debug_place(Emitter *emitter, Span span);
void debug_finish(Emitter *emitter);

#endif
