/* loops_test FILE.tir [--no-fma] [--reversed]: interprets every entry of a loops file with the largest dims,
 * on inputs that count 1, 2, 3, ..., and prints the outputs. loops_test FILE.tir LIBRARY.so NAME_info [ULPS]:
 * interprets every entry beside the same entry of the library that was compiled from the file, on random
 * inputs, at the least, a middle and the largest dims, items of parallel loops in reverse, and tells where
 * bits differ (by more than ULPS for floats, NaNs apart). */
#include "frontend/weights/weights.h"
#include "ir/loops/eval.h"
#include "runtime/abi.h"

#include <dlfcn.h>
#include <libgen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { DIMS_MAX = 16, STATE_ALIGN = 64, POISON = 0x7e };

typedef struct Call {
    const LoopFunction *entry;
    int64_t dims[DIMS_MAX];
    void **inputs, **outputs;
    int64_t *counts; /* elements of each parameter */
} Call;

/* ---- Memory ---- */

static int64_t lookup(const Symbol *symbol, void *context) {
    const Call *call = context;
    for (int i = 0; i < call->entry->dim_count; i++)
        if (call->entry->dims[i]->symbol == symbol) return call->dims[i];
    return symbol->min;
}

static uint64_t next_random(uint64_t *seed) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* Small integers make sensible indices; floats lie in -2..2. */
static void fill(DType dtype, unsigned char *bytes, int64_t count, uint64_t *seed) {
    for (int64_t i = 0; i < count; i++) {
        unsigned char *at = bytes + i * (int64_t)dtype_bytes(dtype);
        double number = seed ? (double)next_random(seed) / 0x1p29 - 2 : (double)(i + 1);
        int64_t integer = seed ? (int64_t)(next_random(seed) % 4) : i + 1;
        if (dtype_is_float(dtype))
            dtype_store_float(dtype, at, number);
        else
            dtype_store_integer(dtype, at, dtype == DTYPE_BOOL ? integer & 1 : integer);
    }
}

static unsigned char *aligned(Arena *arena, int64_t bytes) {
    uintptr_t at = (uintptr_t)arena_alloc(arena, (size_t)bytes + STATE_ALIGN);
    return (unsigned char *)((at + STATE_ALIGN - 1) / STATE_ALIGN * STATE_ALIGN);
}

static Call prepare(Arena *arena, const LoopFunction *entry, int size, uint64_t *seed) {
    Call call = {.entry = entry};
    for (int i = 0; i < entry->dim_count && i < DIMS_MAX; i++) {
        const Symbol *symbol = entry->dims[i]->symbol;
        call.dims[i] = symbol->min + (symbol->max - symbol->min) * size / 2;
    }
    void **pointers = NEW_ARRAY(arena, void *, entry->parameter_count + 1);
    call.counts = NEW_ARRAY(arena, int64_t, entry->parameter_count + 1);
    call.inputs = pointers;
    call.outputs = pointers + entry->input_count;
    for (int i = 0; i < entry->parameter_count; i++) {
        const Buffer *buffer = entry->parameters[i];
        call.counts[i] = 1;
        for (int axis = 0; axis < buffer->rank; axis++)
            call.counts[i] *= expr_evaluate(buffer->extents[axis], lookup, &call);
        int64_t bytes = call.counts[i] * (int64_t)dtype_bytes(buffer->dtype);
        pointers[i] = aligned(arena, bytes);
        memset(pointers[i], POISON, (size_t)bytes);
        if (i < entry->input_count) fill(buffer->dtype, pointers[i], call.counts[i], seed);
    }
    return call;
}

/* ---- Printing ---- */

static void print_output(const Buffer *buffer, const unsigned char *bytes, int64_t count) {
    Text text;
    text_init(&text);
    text_printf(&text, "  %s =", buffer->name);
    for (int64_t i = 0; i < count; i++) {
        const unsigned char *at = bytes + i * (int64_t)dtype_bytes(buffer->dtype);
        text_putc(&text, ' ');
        double number = dtype_load_float(buffer->dtype, at);
        if (isnan(number))
            text_puts(&text, "nan");
        else if (dtype_is_float(buffer->dtype))
            text_double(&text, number);
        else
            text_printf(&text, "%lld", (long long)dtype_load_integer(buffer->dtype, at));
    }
    puts(text.bytes);
    text_deinit(&text);
}

static int64_t state_bytes(const LoopModule *module, const char *model) {
    for (int i = 0; i < module->states.count; i++)
        if (strcmp(module->states.items[i]->model, model) == 0) return module->states.items[i]->bytes;
    return 0;
}

static void print_entry(LoopModule *module, const LoopFunction *entry, LoopEvalOptions options) {
    Arena *arena = arena_create();
    Call call = prepare(arena, entry, 2, NULL);
    unsigned char *state = aligned(arena, state_bytes(module, entry->model) + 1);
    int status = loops_eval(arena, module, entry, call.dims, call.inputs, call.outputs, state, options);
    printf("%s.%s: %d\n", entry->model, entry->entry_name, status);
    for (int i = 0; i < entry->output_count && !status; i++)
        print_output(entry->parameters[entry->input_count + i], call.outputs[i],
                     call.counts[entry->input_count + i]);
    arena_destroy(arena);
}

/* ---- Comparing ---- */

static int64_t ordered_bits(DType dtype, const unsigned char *at) {
    int64_t bits = 0;
    size_t bytes = dtype_bytes(dtype);
    memcpy(&bits, at, bytes);
    int64_t sign = (int64_t)(UINT64_C(1) << (8 * bytes - 1));
    return bits & sign ? (bytes == 8 ? INT64_MIN - bits : sign - bits) : bits;
}

static bool elements_agree(DType dtype, const unsigned char *a, const unsigned char *b, int64_t ulps) {
    if (memcmp(a, b, dtype_bytes(dtype)) == 0) return true;
    if (!dtype_is_float(dtype)) return false;
    double x = dtype_load_float(dtype, a), y = dtype_load_float(dtype, b);
    if (isnan(x) || isnan(y)) return isnan(x) && isnan(y);
    int64_t distance = ordered_bits(dtype, a) - ordered_bits(dtype, b);
    return (signbit(x) == signbit(y) || ulps) && (distance < 0 ? -distance : distance) <= ulps;
}

static bool outputs_agree(const Call *interpreted, const Call *compiled, int64_t ulps) {
    const LoopFunction *entry = interpreted->entry;
    for (int i = 0; i < entry->output_count; i++) {
        const Buffer *buffer = entry->parameters[entry->input_count + i];
        int64_t bytes = (int64_t)dtype_bytes(buffer->dtype);
        for (int64_t j = 0; j < interpreted->counts[entry->input_count + i]; j++) {
            const unsigned char *a = interpreted->outputs[i], *b = compiled->outputs[i];
            if (elements_agree(buffer->dtype, a + j * bytes, b + j * bytes, ulps)) continue;
            printf("%s.%s: element %lld of %s is %.17g interpreted, %.17g compiled\n", entry->model,
                   entry->entry_name, (long long)j, buffer->name,
                   dtype_load_float(buffer->dtype, a + j * bytes),
                   dtype_load_float(buffer->dtype, b + j * bytes));
            return false;
        }
    }
    return true;
}

static const tenon_entry_info *find_entry(const tenon_model_info *info, const char *name) {
    for (uint32_t i = 0; i < info->entry_count; i++) {
        const char *at = (const char *)info->entries + i * info->entries->struct_size;
        const tenon_entry_info *entry = (const tenon_entry_info *)at;
        if (strcmp(entry->name, name) == 0) return entry;
    }
    return NULL;
}

/* Two calls one after the other, so that what a state keeps is seen. */
static bool compare_entry(LoopModule *module, const LoopFunction *entry, const tenon_model_info *info,
                          int size, LoopEvalOptions options, int64_t ulps) {
    const tenon_entry_info *compiled_entry = find_entry(info, entry->entry_name);
    if (!compiled_entry) return true;
    Arena *arena = arena_create();
    uint64_t seeds[2] = {17, 17};
    unsigned char *states[2];
    for (int i = 0; i < 2; i++) {
        states[i] = aligned(arena, (int64_t)info->state_size + 1);
        if (info->reset) info->reset(states[i]);
    }
    unsigned char *workspace = aligned(arena, (int64_t)compiled_entry->workspace_size_max + 1);
    memset(workspace, 0xff, compiled_entry->workspace_size_max);
    bool good = true;
    for (int round = 0; round < 2 && good; round++) {
        Call a = prepare(arena, entry, size, &seeds[0]), b = prepare(arena, entry, size, &seeds[1]);
        tenon_call call = {.struct_size = sizeof call,
                           .dims = b.dims,
                           .inputs = (const void *const *)b.inputs,
                           .outputs = b.outputs,
                           .state = states[1],
                           .workspace = workspace,
                           .workspace_bytes = compiled_entry->workspace_size_max};
        int status = loops_eval(arena, module, entry, a.dims, a.inputs, a.outputs, states[0], options);
        int other = compiled_entry->call(&call);
        if (status != other)
            printf("%s.%s: status %d interpreted, %d compiled\n", entry->model, entry->entry_name, status,
                   other);
        good = status == other && (status || outputs_agree(&a, &b, ulps));
    }
    arena_destroy(arena);
    return good;
}

static int compare(LoopModule *module, const char *path, const char *symbol, LoopEvalOptions options,
                   int64_t ulps) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const tenon_model_info *(*info)(void) = NULL;
    void *found = library ? dlsym(library, symbol) : NULL;
    memcpy(&info, &found, sizeof found);
    if (!info) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    int agreeing = 0, count = 0;
    for (int i = 0; i < module->functions.count; i++) {
        if (!module->functions.items[i]->is_entry) continue;
        for (int size = 0; size <= 2; size++, count++)
            agreeing += compare_entry(module, module->functions.items[i], info(), size, options, ulps);
    }
    if (agreeing == count) printf("%d calls agree\n", count);
    return agreeing == count ? 0 : 1;
}

/* Weights lie beside the loops file, unless they have an absolute path. */
static bool load_weights(Arena *arena, Diagnostics *diagnostics, const Module *graph, const char *path) {
    const char *folder = dirname(arena_strdup(arena, path));
    for (int i = 0; i < graph->constants.count; i++) {
        Constant *constant = graph->constants.items[i];
        if (constant->kind != CONSTANT_WEIGHTS) continue;
        const char *name = constant->source->file;
        if (name[0] != '/') name = arena_printf(arena, "%s/%s", folder, name);
        const WeightsFile *file = weights_open(arena, diagnostics, name, constant->span);
        constant->source = file ? weights_find(file, constant->source->name) : NULL;
        if (!constant->source) return false;
    }
    return true;
}

int main(int count, char **words) {
    Arena *arena = arena_create();
    Diagnostics *diagnostics = diagnostics_create();
    LoopEvalOptions options = {.has_fma = true};
    const char *error = "usage: loops_test FILE.tir [--no-fma] [--reversed] [LIBRARY.so NAME_info [ULPS]]";
    const char *rest[4] = {0};
    int given = 0;
    for (int i = 1; i < count; i++) {
        if (strcmp(words[i], "--no-fma") == 0)
            options.has_fma = false;
        else if (strcmp(words[i], "--reversed") == 0)
            options.reversed = true;
        else if (given < 4)
            rest[given++] = words[i];
    }
    SourceFile *source = given ? source_read(arena, rest[0], 1 << 26, &error) : NULL;
    if (!source) fprintf(stderr, "%s\n", error);
    LoopModule *module = source ? loops_parse(arena, diagnostics, source) : NULL;
    bool good = module && loops_verify(module, "parsing", 0, 0, true);
    good = good && load_weights(arena, diagnostics, module->graph, rest[0]);
    int status = good ? 0 : 1;
    if (good && given >= 3) status = compare(module, rest[1], rest[2], options, rest[3] ? atoll(rest[3]) : 0);
    for (int i = 0; good && given == 1 && i < module->functions.count; i++)
        if (module->functions.items[i]->is_entry) print_entry(module, module->functions.items[i], options);
    diagnostics_print(diagnostics, stderr, (DiagnosticsStyle){0});
    diagnostics_destroy(diagnostics);
    arena_destroy(arena);
    return status;
}
