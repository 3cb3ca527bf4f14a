#include "ir/shapes/infer.h"
#include "ir/text_form.h"

#include <stdlib.h>
#include <string.h>

typedef struct Verifier {
    Module *module;
    const char *stage;
    unsigned char *visible; /* by value id: defined and in scope */
    bool good;
} Verifier;

static void complain(Verifier *verifier, Span span, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void complain(Verifier *verifier, Span span, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    diagnose_error(verifier->module->diagnostics, E0503, span, "after %s: %s", verifier->stage,
                   arena_vprintf(verifier->module->arena, format, arguments));
    va_end(arguments);
    verifier->good = false;
}

/* Every whole axis once, or its division followed by remainders, outermost first. */
static bool layout_fits(const Type *type) {
    int64_t open[RANK_MAX];
    bool seen[RANK_MAX] = {false};
    for (int i = 0; i < type->layout->count; i++) {
        const Piece *piece = &type->layout->pieces[i];
        if (piece->axis >= type->rank || piece->halo_before < 0 || piece->halo_after < 0) return false;
        if (piece->kind != PIECE_WHOLE && (piece->halo_before || piece->halo_after)) return false;
        if (piece->kind == PIECE_MOD ? !seen[piece->axis] || open[piece->axis] != piece->block
                                     : seen[piece->axis])
            return false;
        seen[piece->axis] = true;
        open[piece->axis] = piece->kind == PIECE_DIV ? piece->block : 0;
    }
    for (int i = 0; i < type->rank; i++)
        if (!seen[i]) return false;
    return true;
}

static void verify_type(Verifier *verifier, const Value *value, Span span) {
    const Type *type = &value->type;
    if (type->layout && !layout_fits(type))
        complain(verifier, span, "the layout does not fit: %s", type_text(verifier->module->arena, type));
    for (int i = 0; i < type->rank; i++)
        if (type->dims[i]->max < 0)
            complain(verifier, span, "a negative extent: %s", type_text(verifier->module->arena, type));
}

/* Whether a cluster may yield |value| beside its map: the map's sum or mean, where its schedule can make
 * it. */
static bool sums_map(const Op *cluster, const Value *value) {
    const char *variant = cluster->schedule ? cluster->schedule->variant : NULL;
    if (!op_sums_map(value->op) || value->op->operands[0] != cluster->body->last->operands[0]) return false;
    return variant && (strcmp(variant, "direct") == 0 || strcmp(variant, "pointwise") == 0 ||
                       strcmp(variant, "depthwise") == 0);
}

static void verify_cluster(Verifier *verifier, const Op *op) {
    const Op *yield = op->body->last;
    for (int i = 0; yield && i < op->result_count; i++) {
        if (i >= yield->operand_count || !type_equal(&op->results[i]->type, &yield->operands[i]->type)) {
            complain(verifier, op->span, "cluster result %d differs from what it yields", i);
            continue;
        }
        const Value *value = yield->operands[i];
        if (i > 0 && value->kind == VALUE_RESULT && op_infos[value->op->kind].traits & OP_REDUCTION &&
            !sums_map(op, value))
            complain(
                verifier, op->span,
                "cluster result %d is no sum or mean over axes 2 and 3 of result 0 that a direct, pointwise "
                "or depthwise schedule makes",
                i);
    }
}

/* The stored result types must be what the shape rule says today; layouts are free. */
static void verify_results(Verifier *verifier, Op *op) {
    Module *module = verifier->module;
    if (op->kind == OP_YIELD) return;
    if (op->kind == OP_CLUSTER) {
        verify_cluster(verifier, op);
        return;
    }
    Op *fresh = NEW(module->arena, Op);
    *fresh = *op;
    fresh->results = NULL;
    fresh->result_count = 0;
    if (!infer_op(module, fresh)) {
        complain(verifier, op->span, "'%s' breaks its shape rule", op_infos[op->kind].text);
        return;
    }
    for (int i = 0; i < op->result_count || i < fresh->result_count; i++) {
        if (i >= op->result_count || i >= fresh->result_count) {
            complain(verifier, op->span, "'%s' has %d results, not %d", op_infos[op->kind].text,
                     op->result_count, fresh->result_count);
            return;
        }
        Type expected = fresh->results[i]->type;
        expected.layout = op->results[i]->type.layout;
        if (!type_equal(&expected, &op->results[i]->type))
            complain(verifier, op->span, "'%s' yields %s, stored is %s", op_infos[op->kind].text,
                     type_text(module->arena, &expected), type_text(module->arena, &op->results[i]->type));
    }
}

static void verify_block(Verifier *verifier, Block *block, bool constants_only);

static void verify_op(Verifier *verifier, Op *op, bool constants_only) {
    const OpInfo *info = &op_infos[op->kind];
    if (op->operand_count < info->operands_min || op->operand_count > info->operands_max)
        complain(verifier, op->span, "'%s' has %d operands", info->text, op->operand_count);
    for (int i = 0; i < op->operand_count; i++) {
        const Value *operand = op->operands[i];
        if (!operand)
            complain(verifier, op->span, "'%s' lacks operand %d", info->text, i);
        else if (operand->kind != VALUE_CONSTANT && !verifier->visible[operand->id])
            complain(verifier, op->span, "'%s' uses value %d, which is not defined before it", info->text, i);
        else if (constants_only && operand->kind == VALUE_ARGUMENT)
            complain(verifier, op->span, "a recipe uses a value that is no constant");
    }
    if (op->body) verify_block(verifier, op->body, constants_only);
    if (verifier->good) verify_results(verifier, op);
    for (int i = 0; i < op->result_count; i++) {
        if (verifier->visible[op->results[i]->id]) complain(verifier, op->span, "a value is defined twice");
        verifier->visible[op->results[i]->id] = 1;
        verify_type(verifier, op->results[i], op->span);
    }
}

static void set_visible(Verifier *verifier, const Block *block, unsigned char visible) {
    for (int i = 0; i < block->argument_count; i++) verifier->visible[block->arguments[i]->id] = visible;
    for (const Op *op = block->first; op && !visible; op = op->next)
        for (int i = 0; i < op->result_count; i++) verifier->visible[op->results[i]->id] = 0;
}

static void verify_block(Verifier *verifier, Block *block, bool constants_only) {
    set_visible(verifier, block, 1);
    for (Op *op = block->first; op; op = op->next) {
        if (op->parent != block || (op->next && op->next->previous != op))
            complain(verifier, op->span, "the list of ops is broken");
        if ((op->kind == OP_YIELD) != (op->next == NULL))
            complain(verifier, op->span, "a block must end with its only yield");
        verify_op(verifier, op, constants_only);
    }
    if (!block->last) complain(verifier, (Span){0}, "an empty block");
    set_visible(verifier, block, 0);
}

static void verify_entry(Verifier *verifier, Entry *entry) {
    verifier->module->current_entry = entry;
    int checks = entry->checks.count;
    verify_block(verifier, entry->block, false);
    entry->checks.count = checks; /* re-inference proves nothing new */
    const Op *yield = entry->block->last;
    if (yield && yield->operand_count != entry->output_count + entry->state_count)
        complain(verifier, entry->span, "entry %s yields %d values, not %d", entry->name,
                 yield->operand_count, entry->output_count + entry->state_count);
    for (int i = 0; verifier->good && i < entry->state_count; i++)
        if (!type_equal(&yield->operands[entry->output_count + i]->type, &entry->states[i]->type))
            complain(verifier, entry->span, "state '%s' changes its type", entry->states[i]->name);
    verifier->module->current_entry = NULL;
}

bool graph_verify(Module *module, const char *stage) {
    Verifier verifier = {.module = module, .stage = stage, .good = true};
    /* Re-inference creates values; ids of the graph itself are below the count at the start. */
    verifier.visible = calloc((size_t)module->next_value_id + 1, 1);
    for (int i = 0; i < module->constants.count; i++) {
        Constant *constant = module->constants.items[i];
        verify_type(&verifier, constant->value, constant->span);
        if (constant->kind == CONSTANT_RECIPE) verify_block(&verifier, constant->recipe, true);
    }
    for (int i = 0; i < module->entries.count; i++) verify_entry(&verifier, module->entries.items[i]);
    free(verifier.visible);
    return verifier.good;
}
