#include "test/native/suite.h"

#include "ir/text_form.h"
#include "passes/passes.h"
#include "test/native/call.h"
#include "test/native/values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS_MAX = 4, MESSAGE_BYTES = 256 };

/* ---- What is expected ---- */

/* Round 0: least dims; 1: greatest; then mixtures. */
static int64_t dim_of_round(const Entry *entry, int dim, int round) {
    const Symbol *symbol = entry->dims[dim]->symbol;
    if (round < 2) return round ? symbol->max : symbol->min;
    Random random = random_from_text(entry->model, (uint64_t)(16 * round + dim));
    return symbol->min + random_below(&random, (int)(symbol->max - symbol->min + 1));
}

static Tensor *make_input(const Suite *suite, const Case *c, int index) {
    const Type *type = &c->entry->block->arguments[index]->type;
    DimBinding bindings[16];
    for (int i = 0; i < c->entry->dim_count; i++)
        bindings[i] = (DimBinding){c->entry->dims[i]->symbol, c->dims[i]};
    EvalContext context = {.binding_count = c->entry->dim_count, .bindings = bindings};
    int64_t dims[RANK_MAX];
    for (int i = 0; i < type->rank; i++) dims[i] = eval_expr(&context, type->dims[i]);
    Tensor *tensor = tensor_create(suite->arena, type->dtype, type->rank, dims);
    values_fill(tensor, c->entry->input_names[index], c->entry->model, (uint64_t)c->round + 1);
    return tensor;
}

static void add_case(Suite *suite, const Entry *entry, int round) {
    const Case *before = round ? &suite->cases.items[suite->cases.count - 1] : NULL;
    Case c = {.entry = entry, .round = round};
    DimBinding *bindings = NEW_ARRAY(suite->arena, DimBinding, entry->dim_count + 1);
    for (int i = 0; i < entry->dim_count; i++) {
        c.dims[i] = dim_of_round(entry, i, round);
        bindings[i] = (DimBinding){entry->dims[i]->symbol, c.dims[i]};
    }
    c.in = NEW_ARRAY(suite->arena, Bounded, entry->input_count + entry->state_count + 1);
    c.out = NEW_ARRAY(suite->arena, Bounded, entry->output_count + entry->state_count + 1);
    for (int i = 0; i < entry->input_count; i++)
        c.in[i] = bounded_exact(suite->arena, make_input(suite, &c, i));
    for (int i = 0; i < entry->state_count; i++)
        c.in[entry->input_count + i] =
            before ? before->out[entry->output_count + i] : bounded_initial(suite->arena, entry->states[i]);
    c.status = expect_entry(suite->arena, suite->module, entry, bindings, suite->strict, c.in, c.out);
    /* A failed call leaves the state open: such rounds must be the last. */
    vector_push(suite->arena, &suite->cases, c);
}

static void add_cases(Suite *suite, const Entry *entry) {
    int rounds = entry->dim_count ? ROUNDS_MAX : entry->state_count ? 2 : 1;
    if (entry->dim_count > 16 || entry->input_count > CALL_TENSORS_MAX ||
        entry->output_count > CALL_TENSORS_MAX)
        abort();
    for (int round = 0; round < rounds; round++) {
        add_case(suite, entry, round);
        if (entry->state_count && suite->cases.items[suite->cases.count - 1].status != EVAL_OK) return;
    }
}

Suite *suite_create(const char *text, bool strict, double slack) {
    Arena *arena = arena_create();
    Suite *suite = NEW(arena, Suite);
    *suite = (Suite){
        .arena = arena, .diagnostics = diagnostics_create(), .text = text, .strict = strict, .slack = slack};
    suite->module = native_parse(arena, suite->diagnostics, text);
    diagnostics_print(suite->diagnostics, stderr, (DiagnosticsStyle){.error_limit = 5});
    if (!suite->module) {
        suite_destroy(suite);
        return NULL;
    }
    for (int i = 0; i < suite->module->entries.count; i++) add_cases(suite, suite->module->entries.items[i]);
    return suite;
}

void suite_destroy(Suite *suite) {
    diagnostics_destroy(suite->diagnostics);
    arena_destroy(suite->arena);
}

/* ---- Running ---- */

typedef struct Run {
    const Suite *suite;
    const NativeLibrary *library;
    SuiteResult *result;
    Arena *arena;
    void *state; /* of the model, as the entry left it */
    char *message;
} Run;

static void *raw_bytes(Arena *arena, const Tensor *tensor, size_t *out_bytes) {
    *out_bytes = (size_t)tensor->count * dtype_bytes(tensor->dtype);
    void *bytes = arena_alloc(arena, *out_bytes + 8);
    tensor_to_bytes(tensor, bytes);
    return bytes;
}

static int64_t state_offset(const Run *run, const Entry *entry, int index) {
    const LoopModule *loops = run->library->loops;
    for (int m = 0; m < loops->states.count; m++) {
        if (strcmp(loops->states.items[m]->model, entry->model) != 0) continue;
        int at = 0;
        for (int i = 0; i < run->suite->module->states.count; i++) {
            const State *state = run->suite->module->states.items[i];
            if (state == entry->states[index]) return loops->states.items[m]->offsets.items[at];
            at += strcmp(state->model, entry->model) == 0;
        }
    }
    return -1;
}

/* Zeros carry their sign through moves and functions; of two zeros, sums and extremes may yield either. */
static bool zeros_are_signed(const Suite *suite, const Entry *entry) {
    for (const Op *op = entry->block->first; op; op = op->next) {
        bool keeps = op_infos[op->kind].traits & (OP_MOVE | OP_STRUCTURE) && !op->body;
        keeps |= op->kind == OP_NEG || op->kind == OP_ABS || op->kind == OP_SQRT || op->kind == OP_TANH ||
                 op->kind == OP_ERF || op->kind == OP_EXPM1 || op->kind == OP_LOG1P || op->kind == OP_FLOOR ||
                 op->kind == OP_CEIL || op->kind == OP_MUL;
        if (!keeps) return false;
    }
    return suite->strict;
}

static bool compare(Run *run, const Case *c, const Bounded *want, const void *got, const char *name) {
    Deviation off = expect_compare(want, got, run->suite->slack, zeros_are_signed(run->suite, c->entry));
    run->result->elements += want->value->count;
    run->result->unknown += off.unknown;
    if (off.worst > run->result->worst) run->result->worst = off.worst;
    if (!off.found) return true;
    snprintf(run->message, MESSAGE_BYTES, "round %d: %s[%lld] is %.17g, not %.17g (allowed %.3g)", c->round,
             name, (long long)off.at, off.got, off.want, off.bound);
    return false;
}

static bool fail(Run *run, const Case *c, const char *what, const char *detail) {
    snprintf(run->message, MESSAGE_BYTES, "round %d: %s%s", c->round, what, detail);
    return false;
}

static bool shapes_agree(const Case *c, const tenon_entry_info *info) {
    for (uint32_t i = 0; i < info->input_count + info->output_count; i++) {
        const Tensor *tensor = i < info->input_count ? c->in[i].value : c->out[i - info->input_count].value;
        int64_t extents[RANK_MAX + 1];
        if (info->shape(c->dims, i, extents)) return false;
        for (int j = 0; tensor && j < tensor->rank; j++)
            if (extents[j] != tensor->dims[j]) return false;
    }
    return true;
}

static NativeCall prepare(Run *run, const Case *c, const tenon_entry_info *info,
                          const tenon_model_info *model) {
    NativeCall call = {.entry = info,
                       .dims = c->dims,
                       .threads = run->library->config.threads,
                       .state = run->state,
                       .state_bytes = run->state ? model->state_size : 0};
    for (uint32_t i = 0; i < info->input_count; i++) {
        call.inputs[i] = raw_bytes(run->arena, c->in[i].value, &call.input_bytes[i]);
        call.input_align[i] = dtype_bytes(c->in[i].value->dtype);
    }
    for (uint32_t i = 0; i < info->output_count; i++) {
        const Type *type = &block_terminator(c->entry->block)->operands[i]->type;
        size_t elements = 1;
        int64_t extents[RANK_MAX + 1] = {0};
        info->shape(c->dims, info->input_count + i, extents);
        for (int j = 0; j < type->rank; j++) elements *= (size_t)extents[j];
        call.output_bytes[i] = elements * dtype_bytes(type->dtype);
        call.output_align[i] = dtype_bytes(type->dtype);
        call.outputs[i] = arena_alloc(run->arena, call.output_bytes[i] + 8);
    }
    return call;
}

/* The same call again in other surroundings must give the same bits. */
static bool repeat_agrees(Run *run, const Case *c, const NativeCall *first, const void *state_before,
                          int status) {
    NativeCall again = *first;
    again.state = first->state ? memcpy(arena_alloc(run->arena, first->state_bytes + 8), state_before,
                                        first->state_bytes)
                               : NULL;
    for (uint32_t i = 0; i < first->entry->output_count; i++)
        again.outputs[i] = arena_alloc(run->arena, first->output_bytes[i] + 8);
    int second = native_call(&again, GUARD_BEFORE, 0x7b, true);
    if (second != status) return fail(run, c, "called again: ", native_status_text(second));
    for (uint32_t i = 0; !status && i < first->entry->output_count; i++)
        if (memcmp(again.outputs[i], first->outputs[i], first->output_bytes[i]) != 0)
            return fail(run, c, "called again with other memory, other bits in ", c->entry->output_names[i]);
    if (!status && first->state && memcmp(again.state, first->state, first->state_bytes) != 0)
        return fail(run, c, "called again with other memory, other bits in the state", "");
    return true;
}

static bool run_case(Run *run, const Case *c) {
    const tenon_model_info *model = native_model(run->library, c->entry->model);
    const tenon_entry_info *info = native_entry(run->library, c->entry->model, c->entry->name);
    if (!model || !info) return fail(run, c, "the library lacks the entry", "");
    if (!shapes_agree(c, info)) return fail(run, c, "the info tells other extents", "");
    if (info->uses_state && (!run->state || c->round == 0)) {
        run->state = arena_alloc(run->arena, model->state_size + 64);
        run->state = (char *)run->state + (64 - (uintptr_t)run->state % 64) % 64;
        model->reset(run->state);
    }
    if (!info->uses_state) run->state = NULL;
    NativeCall call = prepare(run, c, info, model);
    void *state_before =
        run->state ? memcpy(arena_alloc(run->arena, call.state_bytes + 8), run->state, call.state_bytes)
                   : NULL;
    int status = native_call(&call, GUARD_AFTER, 0xff, false);
    if (status != (int)c->status) {
        snprintf(run->message, MESSAGE_BYTES, "round %d: the call gives %s", c->round,
                 native_status_text(status));
        return false;
    }
    if (!repeat_agrees(run, c, &call, state_before, status)) return false;
    for (int i = 0; !status && i < c->entry->output_count; i++)
        if (!compare(run, c, &c->out[i], call.outputs[i], c->entry->output_names[i])) return false;
    for (int i = 0; !status && i < c->entry->state_count; i++) {
        int64_t at = state_offset(run, c->entry, i);
        if (at < 0 || !compare(run, c, &c->out[c->entry->output_count + i], (char *)run->state + at,
                               c->entry->states[i]->name))
            return false;
    }
    return true;
}

SuiteResult suite_run(const Suite *suite, const NativeConfig *config, SuiteReport *report, void *context) {
    SuiteResult result = {0};
    NativeLibrary library;
    if (!native_open(&library, suite->text, config)) {
        result.failures = 1;
        result.first = suite->module->entries.count ? suite->module->entries.items[0] : NULL;
        snprintf(result.message, sizeof result.message, "it does not compile");
        if (report) report(context, result.first, result.message);
        return result;
    }
    result.compiled = true;
    Run run = {.suite = suite, .library = &library, .result = &result};
    const Entry *failed = NULL;
    run.arena = arena_create();
    for (int i = 0; i < suite->cases.count; i++) {
        const Case *c = &suite->cases.items[i];
        char message[MESSAGE_BYTES] = "";
        run.message = message;
        if (c->entry == failed || run_case(&run, c)) continue;
        failed = c->entry;
        if (!result.failures++) {
            result.first = failed;
            memcpy(result.message, message, sizeof message);
        }
        if (report) report(context, failed, message);
    }
    arena_destroy(run.arena);
    native_close(&library);
    return result;
}

/* ---- Two configurations ---- */

/* Calls the case in the library of |run|; false: it has no such results. */
static bool call_case(Run *run, const Case *c, NativeCall *out) {
    const tenon_entry_info *info = native_entry(run->library, c->entry->model, c->entry->name);
    if (!info) return false;
    *out = prepare(run, c, info, native_model(run->library, c->entry->model));
    return native_call(out, GUARD_AFTER, 0xff, false) == TENON_OK;
}

static bool same_bits(Run *first, Run *second, const Case *c, char *message) {
    NativeCall a, b;
    snprintf(message, MESSAGE_BYTES, "round %d: one of the calls fails", c->round);
    if (!call_case(first, c, &a) || !call_case(second, c, &b)) return false;
    for (uint32_t i = 0; i < a.entry->output_count; i++) {
        if (memcmp(a.outputs[i], b.outputs[i], a.output_bytes[i]) == 0) continue;
        snprintf(message, MESSAGE_BYTES, "round %d: other bits in %s", c->round, c->entry->output_names[i]);
        return false;
    }
    return true;
}

int suite_differences(const Suite *suite, const NativeConfig *first, const NativeConfig *second,
                      SuiteReport *report, void *context) {
    NativeLibrary one = {0}, other = {0};
    int differences = 0;
    if (native_open(&one, suite->text, first) && native_open(&other, suite->text, second)) {
        Arena *arena = arena_create();
        Run a = {.suite = suite, .library = &one, .arena = arena},
            b = {.suite = suite, .library = &other, .arena = arena};
        char message[MESSAGE_BYTES];
        for (int i = 0; i < suite->cases.count; i++) {
            const Case *c = &suite->cases.items[i];
            if (c->entry->state_count || c->status != EVAL_OK || same_bits(&a, &b, c, message)) continue;
            differences++;
            report(context, c->entry, message);
        }
        arena_destroy(arena);
    } else {
        differences = suite->cases.count;
    }
    native_close(&one);
    native_close(&other);
    return differences;
}

/* ---- Text ---- */

char *suite_entry_text(const Suite *suite, const Entry *entry, const char *header) {
    Arena *arena = arena_create();
    Diagnostics *diagnostics = diagnostics_create();
    Module *module = native_parse(arena, diagnostics, suite->text);
    int kept = 0;
    for (int i = 0; i < module->entries.count; i++) {
        Entry *other = module->entries.items[i];
        if (strcmp(other->model, entry->model) == 0 && strcmp(other->name, entry->name) == 0)
            module->entries.items[kept++] = other;
    }
    module->entries.count = kept;
    kept = 0;
    for (int i = 0; i < module->states.count; i++) {
        State *state = module->states.items[i];
        if (strcmp(state->model, entry->model) == 0) module->states.items[kept++] = state;
    }
    module->states.count = kept;
    pass_eliminate_dead(module, &(PassOptions){.plain = true});
    native_forget_places(module);
    Text text;
    text_init(&text);
    text_puts(&text, header);
    graph_print(&text, module);
    diagnostics_destroy(diagnostics);
    arena_destroy(arena);
    return text.bytes;
}
