#include "test/random/reduce.h"

#include "ir/shapes/infer.h"
#include "ir/text_form.h"
#include "passes/passes.h"
#include "test/native/library.h"

#include <stdlib.h>
#include <string.h>

/* One kind of cut, tried at every place |at| until there is none: true, whether or not it changed anything.
 */
typedef bool Cut(Module *module, int at);

static Entry *only_entry(Module *module) { return module->entries.items[0]; }

/* ---- Finding ops by number ---- */

typedef struct Search {
    int left;
    Op *found;
} Search;

static void visit(Op *op, void *context) {
    Search *search = context;
    if (op->kind == OP_YIELD) return;
    if (search->left-- == 0) search->found = op;
}

static Op *op_at(Module *module, int at) {
    Search search = {at, NULL};
    block_walk(only_entry(module)->block, visit, &search);
    return search.found;
}

static void replace_all(Module *module, Value *from, Value *to) {
    block_replace_uses(only_entry(module)->block, from, to);
}

/* ---- Cuts ---- */

static bool drop_output(Module *module, int at) {
    Entry *entry = only_entry(module);
    Op *yield = block_terminator(entry->block);
    if (at >= entry->output_count) return false;
    if (entry->output_count == 1) return true;
    memmove(yield->operands + at, yield->operands + at + 1,
            (size_t)(yield->operand_count - at - 1) * sizeof *yield->operands);
    memmove(entry->output_names + at, entry->output_names + at + 1,
            (size_t)(entry->output_count - at - 1) * sizeof *entry->output_names);
    yield->operand_count--;
    entry->output_count--;
    return true;
}

/* An op gives way to an operand of its type. */
static bool bypass_op(Module *module, int at) {
    Op *op = op_at(module, at);
    if (!op) return false;
    for (int i = 0; i < op->operand_count && op->result_count; i++) {
        if (!type_equal(&op->operands[i]->type, &op->results[0]->type)) continue;
        replace_all(module, op->results[0], op->operands[i]);
        break;
    }
    return true;
}

/* An op's result becomes an input. */
static bool op_to_input(Module *module, int at) {
    Entry *entry = only_entry(module);
    Op *op = op_at(module, at);
    if (!op) return false;
    if (entry->state_count || op->result_count == 0) return true;
    const char **names = NEW_ARRAY(module->arena, const char *, entry->input_count + 1);
    memcpy(names, entry->input_names, (size_t)entry->input_count * sizeof *names);
    names[entry->input_count] = arena_printf(module->arena, "x%d", 100 + entry->input_count);
    const Type *type = &op->results[0]->type;
    Value *input = block_add_argument(module, entry->block, type_make(type->dtype, type->rank, type->dims),
                                      names[entry->input_count++]);
    entry->input_names = names;
    replace_all(module, op->results[0], input);
    return true;
}

/* An inner result becomes the only output. */
static bool show_op(Module *module, int at) {
    Entry *entry = only_entry(module);
    Op *op = op_at(module, at);
    if (!op) return false;
    if (op->parent != entry->block || entry->output_count != 1 || !op->result_count) return true;
    block_terminator(entry->block)->operands[0] = op->results[0];
    return true;
}

/* A scan gives way to one of its operands: the carried value's start. */
static bool drop_scan_yield(Module *module, int at) {
    Op *op = op_at(module, at / 8);
    int index = at % 8;
    if (!op) return false;
    if (op->kind != OP_SCAN) return true;
    Op *yield = block_terminator(op->body);
    int carries = (int)op_int(op, ATTR_CARRIES, 0), sequences = (int)op_int(op, ATTR_SEQUENCES, 0),
        until = (int)op_int(op, ATTR_UNTIL, 0);
    int yields = yield->operand_count - carries - until;
    Value *result = index < yields ? op->results[carries + index] : NULL;
    if (!result || block_count_uses(only_entry(module)->block, result)) return true;
    int64_t axes[128];
    int count = 0;
    for (int i = 0; i < sequences + yields; i++)
        if (i != sequences + index) axes[count++] = op_int_at(op, ATTR_AXES, i, 0);
    op_set_ints(module, op, ATTR_AXES, axes, count);
    memmove(yield->operands + carries + index, yield->operands + carries + index + 1,
            (size_t)(yield->operand_count - carries - index - 1) * sizeof *yield->operands);
    yield->operand_count--;
    memmove(op->results + carries + index, op->results + carries + index + 1,
            (size_t)(op->result_count - carries - index - 1) * sizeof *op->results);
    op->result_count--;
    return true;
}

/* A dim becomes a number. */
static bool drop_input(Module *module, int at) {
    Entry *entry = only_entry(module);
    Block *block = entry->block;
    if (at >= entry->input_count) return false;
    if (block_count_uses(block, block->arguments[at])) return true;
    memmove(block->arguments + at, block->arguments + at + 1,
            (size_t)(block->argument_count - at - 1) * sizeof *block->arguments);
    memmove(entry->input_names + at, entry->input_names + at + 1,
            (size_t)(entry->input_count - at - 1) * sizeof *entry->input_names);
    block->argument_count--;
    entry->input_count--;
    return true;
}

/* ---- Trying ---- */

/* NULL: the cut has no such place. Empty: it leads nowhere. */
static char *apply(const char *text, Cut *cut, int at) {
    Arena *arena = arena_create();
    Diagnostics *diagnostics = diagnostics_create();
    Module *module = native_parse(arena, diagnostics, text);
    char *result = NULL;
    if (module && cut(module, at)) {
        native_forget_places(module);
        Text printed;
        text_init(&printed);
        text_puts(&printed, "");
        if (pass_eliminate_dead(module, &(PassOptions){.plain = true}) && graph_verify(module, "cutting"))
            graph_print(&printed, module);
        result = printed.bytes;
    }
    diagnostics_destroy(diagnostics);
    arena_destroy(arena);
    return result;
}

static bool try_cut(char **text, Cut *cut, StillFails *fails, void *context) {
    bool shrunk = false;
    for (int at = 0;; at++) {
        char *smaller = apply(*text, cut, at);
        if (!smaller) return shrunk;
        if (smaller[0] && strlen(smaller) < strlen(*text) + 40 && strcmp(smaller, *text) != 0 &&
            fails(smaller, context)) {
            free(*text);
            *text = smaller;
            shrunk = true;
            at--;
        } else {
            free(smaller);
        }
        if (at > 400) return shrunk;
    }
}

char *reduce_network(const char *text, StillFails *fails, void *context) {
    Cut *const cuts[] = {drop_output, show_op, bypass_op, op_to_input, drop_scan_yield, drop_input};
    char *best = strdup(text);
    for (int round = 0; round < 4; round++) {
        bool shrunk = false;
        for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++)
            shrunk |= try_cut(&best, cuts[i], fails, context);
        if (!shrunk) break;
    }
    return best;
}
