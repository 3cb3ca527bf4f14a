/* Peak memory, as one JSON object. `memory run LIBRARY INFO [DIM..]` calls the library's first entry twice
 * and does nothing else: weights, workspace, inputs and outputs, and the largest resident set, in bytes.
 * `memory compile COMMAND..` runs a command and tells its seconds and the largest resident set; a small
 * parent, since a process inherits the mark of the one it was forked from. */
#define _GNU_SOURCE /* wait4 */
#include "runtime/abi.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TENSORS_MAX = 16, RANK_MAX = 8, DIMS_MAX = 8, ALIGN = 64 };

static _Noreturn __attribute__((format(printf, 1, 2))) void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static double clock_seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* Of this program since it began; ru_maxrss would count the parent's. */
static long long peak_bytes(void) {
    FILE *file = fopen("/proc/self/status", "r");
    char line[256];
    long long kib = -1;
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "VmHWM: %lld kB", &kib) == 1) break;
    }
    if (kib < 0) fail("no VmHWM in /proc/self/status");
    fclose(file);
    return kib * 1024;
}

static void *memory_create(size_t bytes) {
    void *memory = aligned_alloc(ALIGN, (bytes + ALIGN - 1) / ALIGN * ALIGN);
    if (memory == NULL) fail("out of memory: %zu bytes", bytes);
    return memory;
}

/* Memory for the tensor that is the |index|th of inputs and outputs together, all zero. */
static void *tensor_create(const tenon_entry_info *entry, const tenon_tensor_info *info, uint32_t index,
                           const int64_t *dims, size_t *out_total) {
    int64_t extents[RANK_MAX];
    if (info->dtype != TENON_F32) fail("%s is not f32", info->name);
    if (entry->shape(dims, index, extents) != TENON_OK) fail("%s has no shape", info->name);
    size_t bytes = sizeof(float);
    for (int32_t axis = 0; axis < info->rank; axis++) bytes *= (size_t)extents[axis];
    *out_total += bytes;
    return memset(memory_create(bytes), 0, bytes);
}

static const tenon_model_info *model_load(const char *library, const char *info_name) {
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) fail("%s", dlerror());
    const tenon_model_info *(*info)(void) = (const tenon_model_info *(*)(void))dlsym(handle, info_name);
    if (info == NULL) fail("%s: no symbol %s", library, info_name);
    return info();
}

static int network_run(const char *library, const char *info_name, int dim_count, char **dim_texts) {
    const tenon_model_info *model = model_load(library, info_name);
    const tenon_entry_info *entry = model->entries;
    int64_t dims[DIMS_MAX] = {0};
    if ((uint32_t)dim_count != entry->dim_count || dim_count > DIMS_MAX)
        fail("%s takes %u dims", entry->name, entry->dim_count);
    if (entry->input_count + entry->output_count > TENSORS_MAX) fail("more than %d tensors", TENSORS_MAX);
    for (int i = 0; i < dim_count; i++) dims[i] = atoll(dim_texts[i]);
    void *inputs[TENSORS_MAX], *outputs[TENSORS_MAX];
    size_t tensors = 0, workspace = entry->workspace_size(dims);
    for (uint32_t i = 0; i < entry->input_count; i++) {
        inputs[i] = tensor_create(entry, &entry->inputs[i], i, dims, &tensors);
    }
    for (uint32_t i = 0; i < entry->output_count; i++) {
        outputs[i] = tensor_create(entry, &entry->outputs[i], entry->input_count + i, dims, &tensors);
    }
    tenon_call call = {
        .struct_size = sizeof call,
        .dims = dims,
        .inputs = (const void *const *)inputs,
        .outputs = outputs,
        .workspace = memory_create(workspace),
        .workspace_bytes = workspace,
    };
    for (int i = 0; i < 2; i++) {
        int status = entry->call(&call);
        if (status != TENON_OK) fail("%s returned status %d", entry->name, status);
    }
    printf("{\"weights\": %zu, \"workspace\": %zu, \"tensors\": %zu, \"peak\": %lld}\n", model->weights_size,
           workspace, tensors, peak_bytes());
    return 0;
}

static int command_run(char **command) {
    double start = clock_seconds();
    pid_t child = fork();
    if (child < 0) fail("cannot fork");
    if (child == 0) {
        dup2(STDERR_FILENO, STDOUT_FILENO);
        execv(command[0], command);
        fail("cannot run %s", command[0]);
    }
    int status;
    struct rusage usage;
    if (wait4(child, &status, 0, &usage) != child) fail("cannot wait for %s", command[0]);
    double seconds = clock_seconds() - start;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) fail("%s failed", command[0]);
    printf("{\"seconds\": %.6g, \"peak\": %lld}\n", seconds, (long long)usage.ru_maxrss * 1024);
    return 0;
}

int main(int argc, char **argv) {
    if (argc >= 4 && strcmp(argv[1], "run") == 0) return network_run(argv[2], argv[3], argc - 4, argv + 4);
    if (argc >= 3 && strcmp(argv[1], "compile") == 0) return command_run(argv + 2);
    fail("usage: memory run LIBRARY INFO [DIM..] | memory compile COMMAND..");
}
