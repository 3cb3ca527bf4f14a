/* The targets of -march. The levels are those of the x86-64 psABI. */
#include "backend/backend.h"

#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include <llvm-c/Core.h>
#include <llvm-c/TargetMachine.h>

static const TargetInfo levels[] = {
    {"x86-64", "x86-64", "", NULL, 1, 16, 16, false, 32 << 10, 512 << 10},
    {"x86-64-v2", "x86-64-v2", "", NULL, 2, 16, 16, false, 32 << 10, 512 << 10},
    {"x86-64-v3", "x86-64-v3", "", NULL, 3, 16, 32, true, 32 << 10, 512 << 10},
    {"x86-64-v4", "x86-64-v4", "-prefer-256-bit", NULL, 4, 32, 64, true, 32 << 10, 1 << 20},
};

static bool host_has_level(int level) {
    __builtin_cpu_init();
    switch (level) {
    case 2: return __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt");
    case 3:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
               __builtin_cpu_supports("bmi2");
    case 4:
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vl");
    default: return true;
    }
}

/* The highest level the host has and nothing beyond it, which the CPU check could not see, with its caches.
 */
static TargetInfo host_target(void) {
    int level = 4;
    while (level > 1 && !host_has_level(level)) level--;
    TargetInfo target = levels[level - 1];
    long l2 = sysconf(_SC_LEVEL2_CACHE_SIZE), l1 = sysconf(_SC_LEVEL1_DCACHE_SIZE);
    if (l2 > 0) target.l2_bytes = l2;
    if (l1 > 0) target.l1_bytes = l1;
    return target;
}

/* What -mtune may name: the levels, native, and LLVM's models of the common families. */
static const char *tune_name(Arena *arena, const char *mtune) {
    static const char *const names[] = {
        "x86-64",         "x86-64-v2",      "x86-64-v3",      "x86-64-v4", "haswell", "broadwell", "skylake",
        "skylake-avx512", "icelake-server", "sapphirerapids", "znver1",    "znver2",  "znver3",    "znver4"};
    if (strcmp(mtune, "native") == 0) {
        char *cpu = LLVMGetHostCPUName();
        const char *copy = arena_strdup(arena, cpu);
        LLVMDisposeMessage(cpu);
        return copy;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], mtune) == 0) return names[i];
    return NULL;
}

bool target_from_name(Arena *arena, const char *march, const char *mtune, TargetInfo *out_target) {
    bool known = strcmp(march, "native") == 0;
    if (known) *out_target = host_target();
    for (size_t i = 0; i < sizeof levels / sizeof *levels && !known; i++) {
        known = strcmp(levels[i].name, march) == 0;
        if (known) *out_target = levels[i];
    }
    if (!known) return false;
    if (mtune) out_target->tune = tune_name(arena, mtune);
    return !mtune || out_target->tune;
}

const char *backend_llvm_version(void) {
    unsigned major, minor, patch;
    LLVMGetVersion(&major, &minor, &patch);
    static char text[32];
    snprintf(text, sizeof text, "%u.%u.%u", major, minor, patch);
    return text;
}

const char *model_prefix(Arena *arena, const BackendOptions *options, const char *model) {
    if (options->prefix) return options->prefix;
    char *lower = arena_strdup(arena, model);
    for (char *c = lower; *c; c++) *c = (char)tolower((unsigned char)*c);
    return lower;
}

const char *entry_symbol(Arena *arena, const BackendOptions *options, const char *model, const char *entry) {
    return arena_printf(arena, "%s_%s", model_prefix(arena, options, model), entry);
}
