#include "test/random/metamorphic.h"

#include "test/native/call.h"
#include "test/native/values.h"

#include <stdlib.h>
#include <string.h>

typedef struct Relation {
    const NativeLibrary *library;
    Arena *arena;
    char message[256];
} Relation;

static NativeCall begin_call(const Relation *r, const tenon_entry_info *info, const int64_t *dims) {
    NativeCall call = {.entry = info, .dims = dims, .threads = r->library->config.threads};
    for (uint32_t i = 0; i < info->input_count + info->output_count; i++) {
        bool output = i >= info->input_count;
        const tenon_tensor_info *tensor = output ? &info->outputs[i - info->input_count] : &info->inputs[i];
        int64_t extents[RANK_MAX + 1] = {0};
        size_t bytes = dtype_bytes((DType)tensor->dtype), align = bytes;
        info->shape(dims, i, extents);
        for (int j = 0; j < tensor->rank; j++) bytes *= (size_t)extents[j];
        if (output) {
            call.output_bytes[i - info->input_count] = bytes;
            call.output_align[i - info->input_count] = align;
            call.outputs[i - info->input_count] = arena_alloc(r->arena, bytes + 8);
        } else {
            call.input_bytes[i] = bytes;
            call.input_align[i] = align;
        }
    }
    return call;
}

/* Raw elements of an input for the given extents. */
static void *input_bytes(const Relation *r, const Entry *entry, const tenon_entry_info *info, int index,
                         const int64_t *dims) {
    int64_t extents[RANK_MAX + 1];
    const Type *type = &entry->block->arguments[index]->type;
    info->shape(dims, (uint32_t)index, extents);
    Tensor *tensor = tensor_create(r->arena, type->dtype, type->rank, extents);
    values_fill(tensor, entry->input_names[index], entry->model, 99);
    void *bytes = arena_alloc(r->arena, (size_t)tensor->count * dtype_bytes(type->dtype) + 8);
    tensor_to_bytes(tensor, bytes);
    return bytes;
}

static bool leads_with(const Type *type, const char *dim) {
    return type->rank && type->dims[0]->kind == EXPR_SYMBOL && strcmp(type->dims[0]->symbol->name, dim) == 0;
}

/* ---- A batch of N is N batches of 1 ---- */

static bool check_batch(Relation *r, const Entry *entry) {
    const tenon_entry_info *info = native_entry(r->library, entry->model, entry->name);
    int64_t dims[16], single[16], rows = 5;
    for (int i = 0; i < entry->dim_count; i++) {
        bool batch = strcmp(entry->dims[i]->name, "N") == 0;
        single[i] = batch ? 1 : entry->dims[i]->symbol->max;
        dims[i] = batch ? rows : single[i];
    }
    NativeCall whole = begin_call(r, info, dims), one = begin_call(r, info, single);
    for (uint32_t i = 0; i < info->input_count; i++)
        whole.inputs[i] = input_bytes(r, entry, info, (int)i, dims);
    int status = native_call(&whole, GUARD_AFTER, 0xff, false);
    if (status) return true; /* told by the suite */
    const Op *yield = block_terminator(entry->block);
    for (int64_t row = 0; row < rows; row++) {
        for (uint32_t i = 0; i < info->input_count; i++) {
            bool split = leads_with(&entry->block->arguments[i]->type, "N");
            one.inputs[i] = (const char *)whole.inputs[i] + (split ? (size_t)row * one.input_bytes[i] : 0);
        }
        status = native_call(&one, GUARD_AFTER, 0xff, false);
        for (uint32_t i = 0; !status && i < info->output_count; i++) {
            if (!leads_with(&yield->operands[i]->type, "N")) continue;
            if (memcmp(one.outputs[i], (char *)whole.outputs[i] + (size_t)row * one.output_bytes[i],
                       one.output_bytes[i]) == 0)
                continue;
            snprintf(r->message, sizeof r->message,
                     "row %lld of %s differs between a batch of %lld and a batch of 1", (long long)row,
                     info->outputs[i].name, (long long)rows);
            return false;
        }
        if (!status) continue;
        snprintf(r->message, sizeof r->message, "a batch of 1: %s", native_status_text(status));
        return false;
    }
    return true;
}

/* ---- A scan of T is T steps ---- */

/* Position |t| of axis |axis| of raw |bytes|. */
static void *take_position(const Relation *r, const void *bytes, const Type *type, const int64_t *extents,
                           int axis, int64_t t) {
    size_t inner = dtype_bytes(type->dtype), outer = 1;
    for (int i = 0; i < axis; i++) outer *= (size_t)extents[i];
    for (int i = axis + 1; i < type->rank; i++) inner *= (size_t)extents[i];
    char *row = arena_alloc(r->arena, outer * inner + 8);
    for (size_t i = 0; i < outer; i++)
        memcpy(row + i * inner, (const char *)bytes + (i * (size_t)extents[axis] + (size_t)t) * inner, inner);
    return row;
}

static bool check_steps(Relation *r, const Entry *sequence, const Entry *step) {
    const tenon_model_info *model = native_model(r->library, sequence->model);
    const tenon_entry_info *whole_info = native_entry(r->library, sequence->model, "sequence"),
                           *step_info = native_entry(r->library, sequence->model, "step");
    int64_t steps = 7, extents[RANK_MAX + 1], none[1] = {0};
    const Type *type = &sequence->block->arguments[0]->type;
    int axis = (int)op_int_at(sequence->block->first, ATTR_AXES, 0, 0);
    NativeCall whole = begin_call(r, whole_info, &steps), one = begin_call(r, step_info, none);
    whole.inputs[0] = input_bytes(r, sequence, whole_info, 0, &steps);
    whole_info->shape(&steps, 0, extents);
    int status = native_call(&whole, GUARD_AFTER, 0xff, true);
    if (status) return true;
    char *state = arena_alloc(r->arena, model->state_size + 128);
    state += (64 - (uintptr_t)state % 64) % 64;
    one.state_bytes = model->state_size;
    one.state = state;
    model->reset(state);
    for (int64_t t = 0; t < steps; t++) {
        one.inputs[0] = take_position(r, whole.inputs[0], type, extents, axis, t);
        status = native_call(&one, GUARD_AFTER, 0x7b, false);
        bool same =
            !status && memcmp(one.outputs[0], (char *)whole.outputs[0] + (size_t)t * one.output_bytes[0],
                              one.output_bytes[0]) == 0;
        if (same) continue;
        snprintf(r->message, sizeof r->message, "step %lld differs from the scan%s%s", (long long)t,
                 status ? ": " : "", status ? native_status_text(status) : "");
        (void)step;
        return false;
    }
    return true;
}

/* ---- Calls for parts are one call for all ---- */

/* The axis of |type| whose extent is |dim|; -1: none. */
static int axis_of_dim(const Type *type, const Dim *dim) {
    for (int i = 0; i < type->rank; i++)
        if (type->dims[i]->kind == EXPR_SYMBOL && type->dims[i]->symbol == dim->symbol) return i;
    return -1;
}

/* |part| positions of an axis, from |at| of |whole|. */
typedef struct Positions {
    const Type *type;
    int axis;
    int64_t whole, part, at;
} Positions;

static void copy_positions(const Positions *p, char *whole, char *part, const int64_t *extents, bool gather) {
    size_t inner = dtype_bytes(p->type->dtype), outer = 1;
    for (int i = 0; i < p->axis; i++) outer *= (size_t)extents[i];
    for (int i = p->axis + 1; i < p->type->rank; i++) inner *= (size_t)extents[i];
    for (size_t i = 0; i < outer; i++) {
        char *in_whole = whole + (i * (size_t)p->whole + (size_t)p->at) * inner,
             *in_part = part + i * (size_t)p->part * inner;
        memcpy(gather ? in_whole : in_part, gather ? in_part : in_whole, (size_t)p->part * inner);
    }
}

static void *fresh_state(const Relation *r, const tenon_model_info *model) {
    char *state = arena_alloc(r->arena, model->state_size + 128);
    state += (64 - (uintptr_t)state % 64) % 64;
    model->reset(state);
    return state;
}

static bool check_calls(Relation *r, const Entry *entry) {
    const tenon_model_info *model = native_model(r->library, entry->model);
    const tenon_entry_info *info = native_entry(r->library, entry->model, entry->name);
    if (entry->dim_count != 1 || !entry->state_count) return true;
    const Dim *dim = entry->dims[0];
    const Op *yield = block_terminator(entry->block);
    Random random = random_from_text(entry->model, 7);
    int64_t most = dim->symbol->max, steps = most < 10 ? most : most - random_below(&random, 120);
    NativeCall whole = begin_call(r, info, &steps);
    for (uint32_t i = 0; i < info->input_count; i++)
        whole.inputs[i] = input_bytes(r, entry, info, (int)i, &steps);
    whole.state_bytes = model->state_size;
    whole.state = fresh_state(r, model);
    if (native_call(&whole, GUARD_AFTER, 0xff, true)) return true; /* told by the suite */
    void *state = fresh_state(r, model), *joined[CALL_TENSORS_MAX];
    for (uint32_t i = 0; i < info->output_count; i++)
        joined[i] = arena_alloc(r->arena, whole.output_bytes[i] + 8);
    for (int64_t done = 0, part; done < steps; done += part) {
        part = 1 + random_below(&random, (int)(steps - done < 70 ? steps - done : 70));
        NativeCall call = begin_call(r, info, &part);
        int64_t extents[RANK_MAX + 1];
        for (uint32_t i = 0; i < info->input_count; i++) {
            const Type *type = &entry->block->arguments[i]->type;
            Positions p = {type, axis_of_dim(type, dim), steps, part, done};
            void *bytes = arena_alloc(r->arena, call.input_bytes[i] + 8);
            info->shape(&steps, i, extents);
            if (p.axis >= 0) copy_positions(&p, (char *)(uintptr_t)whole.inputs[i], bytes, extents, false);
            call.inputs[i] = p.axis >= 0 ? bytes : whole.inputs[i];
        }
        call.state_bytes = model->state_size;
        call.state = state;
        int status = native_call(&call, GUARD_AFTER, 0x7b, false);
        if (status) {
            snprintf(r->message, sizeof r->message, "calls for parts: %s", native_status_text(status));
            return false;
        }
        for (uint32_t i = 0; i < info->output_count; i++) {
            const Type *type = &yield->operands[i]->type;
            Positions p = {type, axis_of_dim(type, dim), steps, part, done};
            info->shape(&steps, info->input_count + i, extents);
            if (p.axis >= 0)
                copy_positions(&p, joined[i], call.outputs[i], extents, true);
            else
                memcpy(joined[i], call.outputs[i], whole.output_bytes[i]);
        }
    }
    const char *off = memcmp(state, whole.state, model->state_size) == 0 ? NULL : "the state";
    for (uint32_t i = 0; i < info->output_count; i++)
        if (memcmp(joined[i], whole.outputs[i], whole.output_bytes[i]) != 0) off = info->outputs[i].name;
    if (!off) return true;
    snprintf(r->message, sizeof r->message, "calls for parts of %lld steps and one for all differ in %s",
             (long long)steps, off);
    return false;
}

static const Entry *entry_named(const Suite *suite, const char *model, const char *name) {
    for (int i = 0; i < suite->module->entries.count; i++) {
        const Entry *entry = suite->module->entries.items[i];
        if (strcmp(entry->model, model) == 0 && strcmp(entry->name, name) == 0) return entry;
    }
    return NULL;
}

void metamorphic_check(const Suite *suite, const NativeConfig *config, SuiteReport *report, void *context) {
    NativeLibrary library;
    bool wanted = false;
    for (int i = 0; i < suite->module->entries.count; i++)
        wanted |= strchr("BSC", suite->module->entries.items[i]->model[0]) != NULL;
    if (!wanted || !native_open(&library, suite->text, config)) return;
    for (int i = 0; i < suite->module->entries.count; i++) {
        const Entry *entry = suite->module->entries.items[i],
                    *step = entry_named(suite, entry->model, "step");
        Relation relation = {&library, arena_create(), ""};
        bool good = true;
        if (strncmp(entry->model, "Batch", 5) == 0) good = check_batch(&relation, entry);
        if (strncmp(entry->model, "Calls", 5) == 0) good = check_calls(&relation, entry);
        if (strncmp(entry->model, "Steps", 5) == 0 && strcmp(entry->name, "sequence") == 0 && step)
            good = check_steps(&relation, entry, step);
        if (!good) report(context, entry, relation.message);
        arena_destroy(relation.arena);
    }
    native_close(&library);
}
