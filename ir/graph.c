#include "ir/graph.h"

#include "support/checked.h"
#include "support/names.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const OpInfo op_infos[OP_COUNT] = {
#define POINTWISE OP_POINTWISE
#define COMMUTES OP_COMMUTES
#define CONTRACTION OP_CONTRACTION
#define REDUCTION OP_REDUCTION
#define WINDOW OP_WINDOW
#define MOVE OP_MOVE
#define REGION OP_REGION
#define STRUCTURE OP_STRUCTURE
#define OP(id, text, least, most, results, shape, traits, meaning)                                           \
    [OP_##id] = {text, meaning, least, most, results, traits},
#include "ir/ops.def"
#undef OP
};

const AttrInfo attr_infos[ATTR_COUNT] = {
#define ATTR(id, text, kind, meaning) [ATTR_##id] = {text, meaning, ATTR_KIND_##kind},
#include "ir/attrs.def"
#undef ATTR
};

OpKind op_from_text(const char *text, size_t length) {
    for (int i = 0; i < OP_COUNT; i++)
        if (strlen(op_infos[i].text) == length && memcmp(op_infos[i].text, text, length) == 0)
            return (OpKind)i;
    return OP_COUNT;
}

AttrId attr_from_text(const char *text, size_t length) {
    for (int i = 0; i < ATTR_COUNT; i++)
        if (strlen(attr_infos[i].text) == length && memcmp(attr_infos[i].text, text, length) == 0)
            return (AttrId)i;
    return ATTR_COUNT;
}

Module *module_create(Arena *arena, Diagnostics *diagnostics) {
    Module *module = NEW(arena, Module);
    module->arena = arena;
    module->exprs = expr_table_create(arena);
    module->diagnostics = diagnostics;
    return module;
}

/* ---- Types ---- */

Type type_make(DType dtype, int rank, const Expr *const *dims) {
    Type type = {.dtype = dtype, .rank = rank};
    for (int i = 0; i < rank; i++) type.dims[i] = dims[i];
    return type;
}

bool type_equal(const Type *a, const Type *b) {
    if (a->dtype != b->dtype || a->rank != b->rank || a->layout != b->layout) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i]) return false;
    return true;
}

bool type_is_static(const Type *type) {
    for (int i = 0; i < type->rank; i++)
        if (!expr_is_constant(type->dims[i], NULL)) return false;
    return true;
}

const Expr *type_count(Module *module, const Type *type) {
    const Expr *count = expr_constant(module->exprs, 1);
    for (int i = 0; i < type->rank; i++) count = expr_mul(module->exprs, count, type->dims[i]);
    return count;
}

int64_t type_count_max(const Type *type) {
    int64_t count = 1;
    for (int i = 0; i < type->rank; i++)
        if (!checked_mul(count, type->dims[i]->max, &count)) return INT64_MAX;
    return count;
}

void layout_print(Text *text, const Layout *layout) {
    text_putc(text, '[');
    for (int i = 0; i < layout->count; i++) {
        const Piece *piece = &layout->pieces[i];
        text_printf(text, "%sd%d", i ? ", " : "", piece->axis);
        if (piece->kind == PIECE_DIV) text_printf(text, "/%lld", (long long)piece->block);
        if (piece->kind == PIECE_MOD) text_printf(text, "%%%lld", (long long)piece->block);
        if (piece->halo_before || piece->halo_after)
            text_printf(text, " halo %lld:%lld", (long long)piece->halo_before, (long long)piece->halo_after);
    }
    text_putc(text, ']');
}

void type_print(Text *text, const Type *type) {
    text_puts(text, dtype_text(type->dtype));
    if (type->rank) {
        text_putc(text, '[');
        for (int i = 0; i < type->rank; i++) {
            if (i) text_puts(text, ", ");
            expr_print(text, type->dims[i]);
        }
        text_putc(text, ']');
    }
    if (type->layout) {
        text_puts(text, " layout ");
        layout_print(text, type->layout);
    }
}

const char *type_text(Arena *arena, const Type *type) {
    Text text;
    text_init(&text);
    type_print(&text, type);
    char *copy = arena_strndup(arena, text.bytes, text.length);
    text_deinit(&text);
    return copy;
}

const Layout *layout_intern(Module *module, const Layout *layout) {
    bool plain = true;
    for (int i = 0; i < layout->count; i++) {
        const Piece *piece = &layout->pieces[i];
        plain &= piece->kind == PIECE_WHOLE && piece->axis == i && !piece->halo_before && !piece->halo_after;
    }
    if (plain) return NULL;
    for (int i = 0; i < module->layouts.count; i++)
        if (memcmp(module->layouts.items[i], layout, sizeof *layout) == 0) return module->layouts.items[i];
    Layout *kept = NEW(module->arena, Layout);
    *kept = *layout;
    vector_push(module->arena, &module->layouts, kept);
    return kept;
}

/* ---- Building ---- */

Block *block_create(Module *module, Op *parent) {
    Block *block = NEW(module->arena, Block);
    block->parent = parent;
    return block;
}

static Value *value_create(Module *module, ValueKind kind, Type type) {
    Value *value = NEW(module->arena, Value);
    value->kind = kind;
    value->id = module->next_value_id++;
    value->type = type;
    return value;
}

/* Appends to an array grown by one; lists of operands and results are short. */
static void *grow(Module *module, void *items, int count, size_t item_bytes) {
    char *grown = arena_alloc(module->arena, (size_t)(count + 1) * item_bytes);
    if (count) memcpy(grown, items, (size_t)count * item_bytes);
    return grown;
}

Value *block_add_argument(Module *module, Block *block, Type type, const char *name) {
    Value *value = value_create(module, VALUE_ARGUMENT, type);
    value->block = block;
    value->index = block->argument_count;
    value->name = name;
    block->arguments = grow(module, block->arguments, block->argument_count, sizeof(Value *));
    block->arguments[block->argument_count++] = value;
    return value;
}

Op *op_create(Module *module, Block *block, OpKind kind, Value *const *operands, int operand_count, Span span,
              const char *path) {
    Op *op = NEW(module->arena, Op);
    op->kind = kind;
    op->operand_count = operand_count;
    op->operands = NEW_ARRAY(module->arena, Value *, operand_count + 1);
    if (operand_count) memcpy(op->operands, operands, (size_t)operand_count * sizeof *operands);
    op->span = span;
    op->path = path ? path : "";
    if (op_infos[kind].traits & OP_REGION) op->body = block_create(module, op);
    if (block) op_append(block, op);
    return op;
}

Value *op_add_result(Module *module, Op *op, Type type) {
    Value *value = value_create(module, VALUE_RESULT, type);
    value->op = op;
    value->index = op->result_count;
    op->results = grow(module, op->results, op->result_count, sizeof(Value *));
    op->results[op->result_count++] = value;
    return value;
}

void op_append(Block *block, Op *op) {
    op->parent = block;
    op->previous = block->last;
    op->next = NULL;
    if (block->last)
        block->last->next = op;
    else
        block->first = op;
    block->last = op;
}

void op_insert_before(Op *position, Op *op) {
    op->parent = position->parent;
    op->previous = position->previous;
    op->next = position;
    if (position->previous)
        position->previous->next = op;
    else
        position->parent->first = op;
    position->previous = op;
}

void op_remove(Op *op) {
    if (op->previous)
        op->previous->next = op->next;
    else
        op->parent->first = op->next;
    if (op->next)
        op->next->previous = op->previous;
    else
        op->parent->last = op->previous;
    op->previous = op->next = NULL;
    op->parent = NULL;
}

/* ---- Attributes ---- */

const Attr *op_attr(const Op *op, AttrId id) {
    for (int i = 0; i < op->attr_count; i++)
        if (op->attrs[i].id == id) return &op->attrs[i];
    return NULL;
}

/* Kept sorted by id, so that the text does not depend on the order of setting. */
static Attr *attr_for(Module *module, Op *op, AttrId id) {
    int at = 0;
    while (at < op->attr_count && op->attrs[at].id < id) at++;
    if (at == op->attr_count || op->attrs[at].id != id) {
        Attr *grown = NEW_ARRAY(module->arena, Attr, op->attr_count + 1);
        if (at) memcpy(grown, op->attrs, (size_t)at * sizeof(Attr));
        if (at < op->attr_count)
            memcpy(grown + at + 1, op->attrs + at, (size_t)(op->attr_count - at) * sizeof(Attr));
        op->attrs = grown;
        op->attr_count++;
    }
    op->attrs[at] = (Attr){.id = id};
    return &op->attrs[at];
}

void op_set_int(Module *module, Op *op, AttrId id, int64_t value) {
    attr_for(module, op, id)->integer = value;
}
void op_set_float(Module *module, Op *op, AttrId id, double value) { attr_for(module, op, id)->real = value; }

void op_set_string(Module *module, Op *op, AttrId id, const char *value) {
    attr_for(module, op, id)->string = arena_strdup(module->arena, value);
}

void op_set_ints(Module *module, Op *op, AttrId id, const int64_t *values, int count) {
    Attr *attr = attr_for(module, op, id);
    attr->count = count;
    attr->integers = NEW_ARRAY(module->arena, int64_t, count + 1);
    if (count) memcpy(attr->integers, values, (size_t)count * sizeof *values);
}

void op_set_exprs(Module *module, Op *op, AttrId id, const Expr *const *values, int count) {
    Attr *attr = attr_for(module, op, id);
    attr->count = count;
    attr->exprs = NEW_ARRAY(module->arena, const Expr *, count + 1);
    if (count) memcpy(attr->exprs, values, (size_t)count * sizeof *values);
}

bool attrs_equal(const Op *a, const Op *b) {
    if (a->attr_count != b->attr_count) return false;
    for (int i = 0; i < a->attr_count; i++) {
        const Attr *x = &a->attrs[i], *y = &b->attrs[i];
        if (x->id != y->id || x->integer != y->integer || x->count != y->count) return false;
        if (memcmp(&x->real, &y->real, sizeof x->real) != 0) return false;
        if ((x->string || y->string) && strcmp(x->string ? x->string : "", y->string ? y->string : "") != 0)
            return false;
        for (int j = 0; j < x->count; j++)
            if (x->integers ? x->integers[j] != y->integers[j] : x->exprs[j] != y->exprs[j]) return false;
    }
    return true;
}

int64_t op_int(const Op *op, AttrId id, int64_t absent) {
    const Attr *attr = op_attr(op, id);
    return attr ? attr->integer : absent;
}

double op_float(const Op *op, AttrId id, double absent) {
    const Attr *attr = op_attr(op, id);
    return attr ? attr->real : absent;
}

const char *op_string(const Op *op, AttrId id, const char *absent) {
    const Attr *attr = op_attr(op, id);
    return attr ? attr->string : absent;
}

int64_t op_int_at(const Op *op, AttrId id, int index, int64_t absent) {
    const Attr *attr = op_attr(op, id);
    return attr && index < attr->count ? attr->integers[index] : absent;
}

const Expr *op_expr_at(const Op *op, AttrId id, int index) {
    const Attr *attr = op_attr(op, id);
    return attr && index < attr->count ? attr->exprs[index] : NULL;
}

bool op_axes_contain(const Op *op, int axis) {
    const Attr *attr = op_attr(op, ATTR_AXES);
    for (int i = 0; attr && i < attr->count; i++)
        if (attr->integers[i] == axis) return true;
    return false;
}

bool op_sums_map(const Op *op) {
    if (op->kind != OP_REDUCE_SUM && op->kind != OP_REDUCE_MEAN) return false;
    if (op->operands[0]->type.rank != 4) return false;
    for (int i = 0; i < 4; i++)
        if (op_axes_contain(op, i) != (i >= 2)) return false;
    return true;
}

/* ---- Constants ---- */

/* Constants by name and scalars by value, so that a module may have very many. Passes drop constants from the
 * module's list; the tables are rebuilt when its length is not what they know. */
struct ConstantTable {
    int count;
    NameTable names;
    int scanned; /* constants looked at for scalars: values are filled in after a constant is made */
    int size;    /* of |scalars|, open addressing by type and value */
    Constant **scalars;
};

static bool scalar_has_value(const Constant *constant, DType dtype, double value) {
    double found;
    return constant->value->type.dtype == dtype && value_is_constant_scalar(constant->value, &found) &&
           memcmp(&found, &value, sizeof value) == 0;
}

static Constant **scalar_slot(const ConstantTable *table, DType dtype, double value) {
    uint64_t at;
    memcpy(&at, &value, sizeof at);
    at = (at ^ (uint64_t)dtype) * 0x9e3779b97f4a7c15u;
    for (at ^= at >> 32;; at++) {
        Constant **slot = &table->scalars[at & (uint64_t)(table->size - 1)];
        if (!*slot || scalar_has_value(*slot, dtype, value)) return slot;
    }
}

static void table_scan(ConstantTable *table, const Module *module) {
    for (; table->scanned < module->constants.count; table->scanned++) {
        Constant *constant = module->constants.items[table->scanned];
        double value;
        if (constant->value->type.rank || !value_is_constant_scalar(constant->value, &value)) continue;
        Constant **slot = scalar_slot(table, constant->value->type.dtype, value);
        if (!*slot) *slot = constant;
    }
}

static ConstantTable *table_current(Module *module) {
    ConstantTable *table = module->constant_table;
    int count = module->constants.count;
    if (table && table->count == count && 2 * (count + 1) <= table->size) return table;
    table = module->constant_table = NEW(module->arena, ConstantTable);
    table->count = count;
    table->names.arena = module->arena;
    for (int i = 0; i < count; i++) name_take(&table->names, module->constants.items[i]->name);
    for (table->size = 64; table->size < 4 * (count + 1);) table->size *= 2;
    table->scalars = NEW_ARRAY(module->arena, Constant *, table->size);
    return table;
}

Constant *constant_create(Module *module, ConstantKind kind, const char *name, Type type, Span span) {
    Constant *constant = NEW(module->arena, Constant);
    constant->kind = kind;
    ConstantTable *table = table_current(module);
    constant->name = name_make_unique(&table->names, arena_strdup(module->arena, name));
    constant->span = span;
    constant->value = value_create(module, VALUE_CONSTANT, type);
    constant->value->constant = constant;
    constant->value->name = constant->name;
    table->count++;
    vector_push(module->arena, &module->constants, constant);
    return constant;
}

Value *constant_scalar(Module *module, DType dtype, double value, Span span) {
    double rounded = dtype_is_float(dtype) ? dtype_round(dtype, value) : (double)dtype_saturate(dtype, value);
    ConstantTable *table = table_current(module);
    table_scan(table, module);
    Constant *known = *scalar_slot(table, dtype, rounded);
    if (known) return known->value;
    Constant *constant = constant_create(module, CONSTANT_INLINE, "c", type_make(dtype, 0, NULL), span);
    if (dtype_is_float(dtype)) {
        constant->floats = NEW(module->arena, double);
        constant->floats[0] = rounded;
    } else {
        constant->integers = NEW(module->arena, int64_t);
        constant->integers[0] = dtype_saturate(dtype, value);
    }
    return constant->value;
}

bool value_is_constant_scalar(const Value *value, double *out_value) {
    if (value->kind != VALUE_CONSTANT || value->constant->kind != CONSTANT_INLINE) return false;
    for (int i = 0; i < value->type.rank; i++)
        if (!expr_equals(value->type.dims[i], 1)) return false;
    *out_value = value->constant->floats ? value->constant->floats[0] : (double)value->constant->integers[0];
    return true;
}

/* ---- Walking ---- */

void block_walk(Block *block, OpVisitor visit, void *context) {
    for (Op *op = block->first, *next; op; op = next) {
        next = op->next;
        visit(op, context);
        if (op->body) block_walk(op->body, visit, context);
    }
}

void block_replace_uses(Block *block, Value *from, Value *to) {
    for (Op *op = block->first; op; op = op->next) {
        for (int i = 0; i < op->operand_count; i++)
            if (op->operands[i] == from) op->operands[i] = to;
        if (op->body) block_replace_uses(op->body, from, to);
    }
}

int block_count_uses(const Block *block, const Value *value) {
    int uses = 0;
    for (const Op *op = block->first; op; op = op->next) {
        for (int i = 0; i < op->operand_count; i++) uses += op->operands[i] == value;
        if (op->body) uses += block_count_uses(op->body, value);
    }
    return uses;
}

Op *block_terminator(const Block *block) {
    assert(block->last && block->last->kind == OP_YIELD);
    return block->last;
}
