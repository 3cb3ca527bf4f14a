#include "test/native/library.h"

#include "backend/backend.h"
#include "backend/link.h"
#include "backend/object.h"
#include "ir/text_form.h"
#include "passes/passes.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- Configurations ---- */

const char *native_config_text(const NativeConfig *config, char *out, size_t size) {
    snprintf(out, size, "-march=%s%s%s%s%s%s", config->march, config->schedule ? " --schedule-target=" : "",
             config->schedule ? config->schedule : "", config->plain ? " -O0" : "",
             config->threads ? " --threads=pool" : "", config->unfused ? " --skip=cluster" : "");
    return out;
}

int native_configs(const NativeConfig **out) {
    static NativeConfig configs[8];
    int count = 0;
    __builtin_cpu_init();
    bool v3 = __builtin_cpu_supports("x86-64-v3"), v4 = __builtin_cpu_supports("x86-64-v4");
    configs[count++] = (NativeConfig){"x86-64-v2", NULL, true, false};
    configs[count++] = (NativeConfig){"x86-64-v2", NULL, false, true};
    if (v3) configs[count++] = (NativeConfig){"x86-64-v3", NULL, true, false};
    if (v3) configs[count++] = (NativeConfig){"x86-64-v3", NULL, false, true};
    if (v3) configs[count++] = (NativeConfig){"x86-64-v3", "x86-64-v4", false, false};
    if (v4) configs[count++] = (NativeConfig){"x86-64-v4", NULL, true, true};
    if (v4) configs[count++] = (NativeConfig){"x86-64-v4", NULL, false, true};
    configs[count] = configs[count - 1];
    configs[count++].unfused = true;
    *out = configs;
    return count;
}

bool native_config_in_turn(int index, int turn) {
    const NativeConfig *configs;
    int count = native_configs(&configs), alike = 0, before = 0;
    for (int i = 0; i < count; i++) {
        if (configs[i].plain != configs[index].plain) continue;
        before += i < index;
        alike++;
    }
    return turn % alike == before;
}

/* ---- Compiling ---- */

Module *native_parse(Arena *arena, Diagnostics *diagnostics, const char *text) {
    SourceFile *source = source_from_text(arena, "case.tir", text, strlen(text));
    Module *module = graph_parse(arena, diagnostics, source);
    return module && graph_verify(module, "parsing") ? module : NULL;
}

static void forget_place(Op *op, void *context) {
    (void)context;
    op->span = (Span){0};
}

void native_forget_places(Module *module) {
    for (int i = 0; i < module->entries.count; i++) {
        block_walk(module->entries.items[i]->block, forget_place, NULL);
        module->entries.items[i]->span = (Span){0};
    }
}

static const char *skipped_pass;

void native_skip_pass(const char *name) { skipped_pass = name; }

/* Because it is to be skipped, or one that it needs, or one that that one needs. */
static bool is_left_out(const PassInfo *pass) {
    for (int depth = 0; skipped_pass && pass && depth < pass_count; depth++) {
        if (strcmp(pass->name, skipped_pass) == 0) return true;
        pass = pass_find(pass->needs);
    }
    return false;
}

static LoopModule *run_passes(Module *graph, const PassOptions *options, bool unfused) {
    for (int i = 0; i < pass_count; i++) {
        const PassInfo *pass = &pass_infos[i];
        if (pass->optional && (options->plain || is_left_out(pass))) continue;
        if (unfused && pass->run == pass_cluster) continue;
        if (!pass->run(graph, options) || !graph_verify(graph, pass->name)) return NULL;
    }
    LoopModule *loops = lower_module(graph, options);
    const TargetInfo *target = &options->target;
    bool good = loops && loops_verify(loops, "lowering", target->register_count, target->register_bytes,
                                      target->has_fma);
    return good ? loops : NULL;
}

static bool write_blob(NativeLibrary *library, const char *object) {
    BlobPlan *plan = blob_plan(library->loops);
    if (!plan->bytes) return true;
    FILE *file = fopen(object, "r+b");
    uint64_t offset = 0, bytes = 0;
    const char *error;
    bool good = file && object_find_section(fileno(file), weights_section, &offset, &bytes, &error) &&
                bytes >= (uint64_t)plan->bytes &&
                blob_write(library->loops, plan, fileno(file), (int64_t)offset, library->diagnostics);
    if (file) fclose(file);
    return good;
}

static const char *temporary_folder(void) {
    const char *folder = getenv("TMPDIR");
    return folder && *folder ? folder : "/tmp";
}

static bool make_library(NativeLibrary *library, const BackendOptions *backend) {
    static int serial;
    const char *object =
        arena_printf(library->arena, "%s/tenon-native-%d-%d.o", temporary_folder(), getpid(), serial);
    const char *shared =
        arena_printf(library->arena, "%s/tenon-native-%d-%d.so", temporary_folder(), getpid(), serial++);
    LinkRequest link = {.object = object, .library = shared, .shown = shared, .soname = "case.so"};
    bool good = backend_emit(library->loops, backend, BACKEND_OBJECT, NULL, object, library->diagnostics) &&
                write_blob(library, object) && link_shared(library->arena, library->diagnostics, &link);
    if (good) {
        library->handle = dlopen(shared, RTLD_NOW | RTLD_LOCAL);
        if (!library->handle) fprintf(stderr, "dlopen: %s\n", dlerror());
        good = library->handle != NULL;
    }
    unlink(object);
    unlink(shared);
    return good;
}

static bool compile(NativeLibrary *library, const char *text) {
    const NativeConfig *config = &library->config;
    PassOptions passes = {.plain = config->plain, .threads = config->threads, .weights_bytes_max = -1};
    BackendOptions backend = {.source_name = "case.tir",
                              .options_text = "",
                              .version = "test",
                              .source_sha256 = "",
                              .weights_sha256 = "",
                              .threads = config->threads,
                              .cpu_check = config->threads};
    const char *schedule = config->schedule ? config->schedule : config->march;
    if (!target_from_name(library->arena, config->march, NULL, &backend.target)) return false;
    if (!target_from_name(library->arena, schedule, NULL, &passes.target)) return false;
    Module *graph = native_parse(library->arena, library->diagnostics, text);
    if (!graph) return false;
    library->loops = run_passes(graph, &passes, config->unfused);
    return library->loops && make_library(library, &backend);
}

bool native_open(NativeLibrary *out, const char *text, const NativeConfig *config) {
    *out = (NativeLibrary){.config = *config, .arena = arena_create(), .diagnostics = diagnostics_create()};
    bool good = compile(out, text) && diagnostics_error_count(out->diagnostics) == 0;
    diagnostics_print(out->diagnostics, stderr, (DiagnosticsStyle){.error_limit = 5});
    if (!good) native_close(out);
    return good;
}

void native_close(NativeLibrary *library) {
    if (library->handle) dlclose(library->handle);
    if (library->diagnostics) diagnostics_destroy(library->diagnostics);
    if (library->arena) arena_destroy(library->arena);
    *library = (NativeLibrary){0};
}

const tenon_model_info *native_model(const NativeLibrary *library, const char *model) {
    char symbol[256];
    size_t length = 0;
    for (; model[length] && length < sizeof symbol - 8; length++)
        symbol[length] =
            model[length] >= 'A' && model[length] <= 'Z' ? (char)(model[length] - 'A' + 'a') : model[length];
    strcpy(symbol + length, "_info");
    const tenon_model_info *(*info)(void) = (const tenon_model_info *(*)(void))dlsym(library->handle, symbol);
    return info ? info() : NULL;
}

const tenon_entry_info *native_entry(const NativeLibrary *library, const char *model, const char *entry) {
    const tenon_model_info *info = native_model(library, model);
    for (uint32_t i = 0; info && i < info->entry_count; i++) {
        const tenon_entry_info *found =
            (const void *)((const char *)info->entries + i * info->entries->struct_size);
        if (strcmp(found->name, entry) == 0) return found;
    }
    return NULL;
}
