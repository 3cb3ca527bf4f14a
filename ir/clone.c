#include "ir/graph.h"

#include <string.h>

typedef struct Pair {
    const Value *from;
    Value *to;
} Pair;

typedef struct Cloning {
    Module *module;
    VECTOR(Pair) pairs;
} Cloning;

static Value *counterpart(const Cloning *cloning, Value *value) {
    for (int i = cloning->pairs.count - 1; i >= 0; i--)
        if (cloning->pairs.items[i].from == value) return cloning->pairs.items[i].to;
    return value;
}

static void pair(Cloning *cloning, const Value *from, Value *to) {
    Pair pair = {from, to};
    to->name = from->name;
    vector_push(cloning->module->arena, &cloning->pairs, pair);
}

static void clone_attrs(Module *module, const Op *from, Op *to) {
    to->attr_count = from->attr_count;
    to->attrs = NEW_ARRAY(module->arena, Attr, from->attr_count + 1);
    if (from->attr_count) memcpy(to->attrs, from->attrs, (size_t)from->attr_count * sizeof *to->attrs);
}

static void clone_body(Cloning *cloning, const Block *from, Block *to) {
    Module *module = cloning->module;
    for (int i = 0; i < from->argument_count; i++) {
        const Value *argument = from->arguments[i];
        pair(cloning, argument, block_add_argument(module, to, argument->type, argument->name));
    }
    for (const Op *op = from->first; op; op = op->next) {
        Value **operands = NEW_ARRAY(module->arena, Value *, op->operand_count + 1);
        for (int i = 0; i < op->operand_count; i++) operands[i] = counterpart(cloning, op->operands[i]);
        Op *copy = op_create(module, to, op->kind, operands, op->operand_count, op->span, op->path);
        clone_attrs(module, op, copy);
        copy->schedule = op->schedule;
        if (op->body) clone_body(cloning, op->body, copy->body);
        for (int i = 0; i < op->result_count; i++)
            pair(cloning, op->results[i], op_add_result(module, copy, op->results[i]->type));
    }
}

Op *op_clone(Module *module, const Op *op, Value *const *operands) {
    Cloning cloning = {.module = module};
    Op *copy = op_create(module, NULL, op->kind, operands, op->operand_count, op->span, op->path);
    clone_attrs(module, op, copy);
    if (op->body) clone_body(&cloning, op->body, copy->body);
    return copy;
}
