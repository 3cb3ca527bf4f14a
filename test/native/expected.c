#include "test/native/expected.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Values ---- */

Bounded bounded_exact(Arena *arena, Tensor *value) {
    return (Bounded){value, tensor_create(arena, DTYPE_F64, value->rank, value->dims)};
}

Bounded bounded_initial(Arena *arena, const State *state) {
    EvalContext context = {.arena = arena};
    return bounded_exact(arena, eval_constant(&context, state->initial->constant));
}

static Bounded of_type(Expectation *e, const Type *type) {
    int64_t dims[RANK_MAX];
    for (int i = 0; i < type->rank; i++) dims[i] = eval_expr(&e->context, type->dims[i]);
    return bounded_exact(e->context.arena, tensor_create(e->context.arena, type->dtype, type->rank, dims));
}

static Bounded value_of(Expectation *e, const Value *value) {
    Bounded *known = &e->values[value->id];
    if (!known->value) {
        assert(value->kind == VALUE_CONSTANT);
        EvalContext context = {.arena = e->context.arena};
        *known = bounded_exact(e->context.arena, eval_constant(&context, value->constant));
    }
    return *known;
}

static void copy_elements(Tensor *out, int64_t out_at, const Tensor *in, int64_t in_at, int64_t count) {
    if (count <= 0) return;
    if (out->floats)
        memcpy(out->floats + out_at, in->floats + in_at, (size_t)count * sizeof(double));
    else
        memcpy(out->integers + out_at, in->integers + in_at, (size_t)count * sizeof(int64_t));
}

static Bounded copy_of(Expectation *e, const Bounded *from) {
    Bounded copy = bounded_exact(e->context.arena, tensor_create(e->context.arena, from->value->dtype,
                                                                 from->value->rank, from->value->dims));
    copy_elements(copy.value, 0, from->value, 0, from->value->count);
    copy_elements(copy.error, 0, from->error, 0, from->error->count);
    return copy;
}

/* ---- Scans ---- */

/* Copies the row of |whole| at |position| of |axis| from or to |row|. */
static void move_row(const Bounded *whole, int axis, int64_t position, const Bounded *row, bool store) {
    const Tensor *t = whole->value;
    int64_t outer = 1, inner = 1, length = t->dims[axis];
    for (int i = 0; i < axis; i++) outer *= t->dims[i];
    for (int i = axis + 1; i < t->rank; i++) inner *= t->dims[i];
    for (int64_t i = 0; i < outer; i++) {
        int64_t at = (i * length + position) * inner;
        if (store) {
            copy_elements(whole->value, at, row->value, i * inner, inner);
            copy_elements(whole->error, at, row->error, i * inner, inner);
        } else {
            copy_elements(row->value, i * inner, whole->value, at, inner);
            copy_elements(row->error, i * inner, whole->error, at, inner);
        }
    }
}

static void run_block(Expectation *e, const Block *block);

static void make_unknown(const Bounded *value) {
    for (int64_t i = 0; i < value->error->count; i++) value->error->floats[i] = INFINITY;
}

static void run_scan(Expectation *e, const Op *op, const Bounded *in, Bounded *out) {
    const Op *yield = block_terminator(op->body);
    int sequences = (int)op_int(op, ATTR_SEQUENCES, 0), carries = (int)op_int(op, ATTR_CARRIES, 0);
    bool until = op_int(op, ATTR_UNTIL, 0), reverse = op_int(op, ATTR_REVERSE, 0), last = false,
         doubtful = false;
    int yields = yield->operand_count - carries - until;
    int64_t trip = eval_expr(&e->context, op_expr_at(op, ATTR_TRIP, 0)), step = 0;
    for (int i = 0; i < carries; i++) out[i] = copy_of(e, &in[sequences + i]);
    for (; step < trip && !last && e->context.status == EVAL_OK; step++) {
        int64_t position = reverse ? trip - 1 - step : step;
        for (int i = 0; i < sequences; i++) {
            Bounded row = of_type(e, &op->body->arguments[i]->type);
            move_row(&in[i], (int)op_int_at(op, ATTR_AXES, i, 0), position, &row, false);
            e->values[op->body->arguments[i]->id] = row;
        }
        for (int i = 0; i < carries; i++) e->values[op->body->arguments[sequences + i]->id] = out[i];
        run_block(e, op->body);
        if (e->context.status != EVAL_OK) return;
        for (int i = 0; i < yields; i++) {
            Bounded row = value_of(e, yield->operands[carries + i]);
            move_row(&out[carries + i], (int)op_int_at(op, ATTR_AXES, sequences + i, 0), position, &row,
                     true);
        }
        if (until) {
            Bounded end = value_of(e, yield->operands[carries + yields]);
            last = end.value->integers[0];
            doubtful |= end.error->floats[0] != 0;
        }
        for (int i = 0; i < carries; i++) out[i] = value_of(e, yield->operands[i]);
    }
    out[carries + yields].value->integers[0] = step;
    for (int i = 0; doubtful && i < op->result_count; i++) {
        out[i] = copy_of(e, &out[i]);
        make_unknown(&out[i]);
    }
}

/* ---- Blocks ---- */

static void run_cluster(Expectation *e, const Op *op, Bounded *out) {
    run_block(e, op->body);
    for (int i = 0; i < op->result_count && e->context.status == EVAL_OK; i++)
        out[i] = value_of(e, op->body->last->operands[i]);
}

static void run_op(Expectation *e, const Op *op) {
    Bounded *in = NEW_ARRAY(e->context.arena, Bounded, op->operand_count + 1);
    Bounded *out = NEW_ARRAY(e->context.arena, Bounded, op->result_count + 1);
    for (int i = 0; i < op->operand_count; i++) in[i] = value_of(e, op->operands[i]);
    for (int i = 0; i < op->result_count; i++) out[i] = of_type(e, &op->results[i]->type);
    if (op->kind == OP_SCAN)
        run_scan(e, op, in, out);
    else if (op->kind == OP_CLUSTER)
        run_cluster(e, op, out);
    else
        bounds_op(e, op, in, out);
    for (int i = 0; i < op->result_count; i++) e->values[op->results[i]->id] = out[i];
}

static void run_block(Expectation *e, const Block *block) {
    for (const Op *op = block->first; op && op->kind != OP_YIELD && e->context.status == EVAL_OK;
         op = op->next)
        run_op(e, op);
}

/* ---- Entries ---- */

static bool same_values(const Tensor *a, const Tensor *b) {
    for (int64_t i = 0; i < a->count; i++) {
        if (a->integers ? a->integers[i] != b->integers[i]
                        : a->floats[i] != b->floats[i] && !(isnan(a->floats[i]) && isnan(b->floats[i])))
            return false;
    }
    return true;
}

/* The walk above must agree with the interpreter to the bit, or a bug of either would go unseen. */
static void check_interpreter(const Expectation *e, const Entry *entry, EvalStatus status, const Bounded *in,
                              const Bounded *out) {
    Arena *arena = arena_create();
    EvalContext context = {.arena = arena,
                           .wide = true,
                           .binding_count = e->context.binding_count,
                           .bindings = e->context.bindings};
    Tensor **inputs = NEW_ARRAY(arena, Tensor *, entry->input_count + 1),
           **states = NEW_ARRAY(arena, Tensor *, entry->state_count + 1);
    Tensor **outputs = NEW_ARRAY(arena, Tensor *, entry->output_count + 1);
    for (int i = 0; i < entry->input_count; i++) inputs[i] = in[i].value;
    for (int i = 0; i < entry->state_count; i++) states[i] = in[entry->input_count + i].value;
    bool good = eval_entry(&context, entry, inputs, states, outputs) == status;
    for (int i = 0; good && !status && i < entry->output_count + entry->state_count; i++)
        good =
            same_values(out[i].value, i < entry->output_count ? outputs[i] : states[i - entry->output_count]);
    if (!good) {
        fprintf(stderr, "%s.%s: the interpreter and the walk of the test differ\n", entry->model,
                entry->name);
        abort();
    }
    arena_destroy(arena);
}

static EvalStatus check_call(const Expectation *e, const Entry *entry) {
    for (int i = 0; i < entry->checks.count; i++)
        if (eval_expr(&e->context, entry->checks.items[i].left) !=
            eval_expr(&e->context, entry->checks.items[i].right))
            return EVAL_SHAPE;
    return EVAL_OK;
}

EvalStatus expect_entry(Arena *arena, const Module *module, const Entry *entry, const DimBinding *bindings,
                        bool strict, const Bounded *in, Bounded *out) {
    Expectation e = {
        .strict = strict, .module = module, .values = NEW_ARRAY(arena, Bounded, module->next_value_id)};
    e.context =
        (EvalContext){.arena = arena, .wide = true, .binding_count = entry->dim_count, .bindings = bindings};
    e.context.status = check_call(&e, entry);
    for (int i = 0; i < entry->block->argument_count; i++) e.values[entry->block->arguments[i]->id] = in[i];
    if (e.context.status == EVAL_OK) run_block(&e, entry->block);
    const Op *yield = block_terminator(entry->block);
    for (int i = 0; e.context.status == EVAL_OK && i < yield->operand_count; i++)
        out[i] = value_of(&e, yield->operands[i]);
    check_interpreter(&e, entry, e.context.status, in, out);
    return e.context.status;
}

/* ---- Comparing ---- */

static bool integer_differs(int64_t got, int64_t want) { return got != want; }

/* How far |got| is off, as a part of the bound; above 1 is wrong. */
static double float_ratio(DType dtype, double got, double want, double bound, bool signs) {
    if (isnan(want)) return isnan(got) ? 0 : INFINITY;
    if (signs && want == 0 && got == 0 && signbit(want) != signbit(got)) return INFINITY;
    double rounded = dtype_round(dtype, want);
    if (got == rounded || got == want) return 0;
    if (isnan(got)) return INFINITY;
    double off = fabs(got - want);
    return off <= bound * (1 + 1e-6) ? off / bound * 0.999999 : INFINITY;
}

Deviation expect_compare(const Bounded *expected, const void *bytes, double slack, bool signs) {
    const Tensor *want = expected->value;
    Deviation result = {0};
    const char *at = bytes;
    for (int64_t i = 0; i < want->count; i++, at += dtype_bytes(want->dtype)) {
        double bound = expected->error->floats[i] * slack, ratio;
        if (!isfinite(bound)) {
            result.unknown++;
            continue;
        }
        double got =
            want->floats ? dtype_load_float(want->dtype, at) : (double)dtype_load_integer(want->dtype, at);
        if (want->floats)
            ratio = float_ratio(want->dtype, got, want->floats[i], bound, signs);
        else
            ratio = integer_differs(dtype_load_integer(want->dtype, at), want->integers[i]) ||
                            (want->dtype == DTYPE_BOOL && (unsigned char)*at > 1)
                        ? INFINITY
                        : 0;
        if (ratio > result.worst && isfinite(ratio)) result.worst = ratio;
        if (isfinite(ratio) || result.found) continue;
        result.found = true;
        result.at = i;
        result.got = got;
        result.want = want->floats ? want->floats[i] : (double)want->integers[i];
        result.bound = bound;
    }
    return result;
}
