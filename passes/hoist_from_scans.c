/* hoist_from_scans: what is the same in every step is computed once, before the scan; a linear layer of what
 * the scan iterates over is computed for all steps at once.
 *   before   scan %xs, %h0 { args (%x, %h)  %z = linear %x, @w  .. }
 *   after    %zs = linear %xs, @w
 *            scan %xs, %zs, %h0 { args (%x, %z, %h)  .. }
 * Sound: both depend on nothing that a step carries and cannot fail, and the layer gives each position the
 * same sum in the same order. The layer not across an `until`, which may spare most steps, not out of the
 * chunks of chunk_scans, and only while all steps fit HOISTED_BYTES_MAX, so that the workspace stays
 * bounded. The recurrent products that remain read their weights once per step; these read theirs once per
 * tile of rows. */
#include "passes/scan_parts.h"

#include "ir/shapes/infer.h"

enum { HOISTED_BYTES_MAX = 16 << 20 };

/* The sequence that |op| reads a slice of; -1: it reads something else. */
static int sequence_of(const Op *scan, const Op *op) {
    int64_t sequences = op_int(scan, ATTR_SEQUENCES, 0);
    for (int i = 0; i < sequences; i++)
        if (op->operands[0] == scan->body->arguments[i]) return i;
    return -1;
}

/* Of a value that the body sees: the body's own, or from around it. */
static bool defined_outside(const Op *scan, const Value *value) {
    if (value->kind == VALUE_CONSTANT) return true;
    return value->kind == VALUE_ARGUMENT ? value->block != scan->body : value->op->parent != scan->body;
}

/* ---- What is the same in every step ---- */

/* It could end the call, which a scan of no steps would not. */
static bool may_fail(const Op *op) {
    bool divides = op->kind == OP_DIV || op->kind == OP_MOD;
    return op->kind == OP_GATHER || op->kind == OP_ONE_HOT ||
           (divides && !dtype_is_float(op->results[0]->type.dtype));
}

static bool is_invariant(const Op *scan, const Op *op) {
    if (op->body || op->kind == OP_YIELD || !op->operand_count || may_fail(op)) return false;
    for (int i = 0; i < op->operand_count; i++)
        if (!defined_outside(scan, op->operands[i])) return false;
    const Type *type = &op->results[0]->type;
    return type_count_max(type) <= HOISTED_BYTES_MAX / (int64_t)dtype_bytes(type->dtype);
}

static void hoist_invariants(const PassOptions *options, Op *scan) {
    for (Op *op = scan->body->first, *next; op; op = next) {
        next = op->next;
        if (!is_invariant(scan, op)) continue;
        if (options->explain && op_infos[op->kind].traits & (OP_CONTRACTION | OP_REDUCTION | OP_WINDOW))
            text_printf(options->explanations, "scan: %s @%s is the same in every step\n",
                        op_infos[op->kind].text, op->path);
        op_remove(op);
        op_insert_before(scan, op);
    }
}

/* ---- Linear layers of sequences ---- */

/* Whether a scan within reads |op|'s result step by step: then it is computed for a chunk of steps already.
 */
static bool is_of_chunk(const Op *op) {
    for (const Op *reader = op->next; reader; reader = reader->next) {
        int64_t sequences = reader->kind == OP_SCAN ? op_int(reader, ATTR_SEQUENCES, 0) : 0;
        for (int i = 0; i < sequences; i++)
            if (reader->operands[i] == op->results[0]) return true;
    }
    return false;
}

static bool may_hoist(const Op *scan, const Op *op) {
    if (op->kind != OP_LINEAR || op_int(scan, ATTR_UNTIL, 0) || is_of_chunk(op)) return false;
    int index = sequence_of(scan, op);
    if (index < 0) return false;
    for (int i = 1; i < op->operand_count; i++)
        if (!defined_outside(scan, op->operands[i])) return false;
    const Value *sequence = scan->operands[index];
    int64_t axis = op_int_at(scan, ATTR_AXES, index, 0), bytes = (int64_t)dtype_bytes(sequence->type.dtype);
    if (axis + 1 >= sequence->type.rank) return false;
    int64_t steps = op_expr_at(scan, ATTR_TRIP, 0)->max, each = type_count_max(&op->results[0]->type);
    return steps > 1 && each < HOISTED_BYTES_MAX / bytes / steps;
}

static void hoist(Module *module, Op *scan, Op *op) {
    int index = sequence_of(scan, op);
    int64_t axis = op_int_at(scan, ATTR_AXES, index, 0);
    Value *operands[3] = {scan->operands[index], op->operands[1],
                          op->operand_count > 2 ? op->operands[2] : NULL};
    Op *whole = op_create(module, NULL, OP_LINEAR, operands, op->operand_count, op->span, op->path);
    op_insert_before(scan, whole);
    if (!infer_op(module, whole)) return;
    Value *slice = scan_add_sequence(module, scan, whole->results[0], axis, op->results[0]->type);
    block_replace_uses(scan->body, op->results[0], slice);
    op_remove(op);
}

static void hoist_block(Module *module, const PassOptions *options, Block *block) {
    for (Op *scan = block->first; scan; scan = scan->next) {
        if (scan->kind != OP_SCAN) continue;
        hoist_block(module, options, scan->body);
        hoist_invariants(options, scan);
        for (Op *op = scan->body->first, *next; op; op = next) {
            next = op->next;
            if (!may_hoist(scan, op)) continue;
            if (options->explain)
                text_printf(options->explanations, "scan: linear @%s is computed for all steps at once\n",
                            op->path);
            hoist(module, scan, op);
        }
    }
}

bool pass_hoist_from_scans(Module *module, const PassOptions *options) {
    for (int i = 0; i < module->entries.count; i++) {
        module->current_entry = module->entries.items[i];
        hoist_block(module, options, module->entries.items[i]->block);
    }
    module->current_entry = NULL;
    return true;
}
