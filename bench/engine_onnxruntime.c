/* ONNX Runtime through its C function table. The Python wheel brings the library but no
 * header; the table only ever grows, so the places of its older functions are fixed. */
#include "bench/bench.h"

#include <dlfcn.h>
#include <stdlib.h>

/* Places in OrtApi, the table that OrtApiBase.GetApi(version) returns. */
enum {
    GET_ERROR_MESSAGE = 2,
    CREATE_ENVIRONMENT = 3,
    CREATE_SESSION = 7,
    RUN = 9,
    CREATE_SESSION_OPTIONS = 10,
    SET_OPTIMIZATION_LEVEL = 23,
    SET_INTRA_THREADS = 24,
    SET_INTER_THREADS = 25,
    CREATE_TENSOR_WITH_DATA = 49,
    CREATE_CPU_MEMORY_INFO = 69,
};
enum {
    API_VERSION = 16,
    LOG_ERRORS = 3,
    OPTIMIZE_ALL = 99,
    ELEMENT_F32 = 1,
    DEVICE_ALLOCATOR = 0,
    MEMORY_DEFAULT = 0
};

typedef void *Status; /* NULL: success */
typedef Status (*RunFunction)(void *session, void *run_options, const char *const *input_names,
                              const void *const *inputs, size_t input_count, const char *const *output_names,
                              size_t output_count, void **outputs);

typedef struct OnnxRuntimeEngine {
    void **table;
    RunFunction run;
    void *session;
    size_t input_count, output_count;
    const char *input_names[TENSORS_MAX], *output_names[TENSORS_MAX];
    const void *inputs[TENSORS_MAX];
    void *outputs[TENSORS_MAX];
} OnnxRuntimeEngine;

static void **table_load(const char *path) {
    struct ApiBase {
        void **(*table)(uint32_t version);
        const char *(*version)(void);
    };
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) fail("%s", dlerror());
    const struct ApiBase *(*base)(void) = (const struct ApiBase *(*)(void))dlsym(handle, "OrtGetApiBase");
    if (base == NULL) fail("%s: no symbol OrtGetApiBase", path);
    void **table = base()->table(API_VERSION);
    if (table == NULL) fail("%s: no API version %d", path, API_VERSION);
    return table;
}

static void status_check(void **table, Status status) {
    if (status == NULL) return;
    const char *(*message)(Status) = (const char *(*)(Status))table[GET_ERROR_MESSAGE];
    fail("ONNX Runtime: %s", message(status));
}

/* Creates the session; its worker threads inherit the caller's CPU mask. */
static void *session_create(void **table, const char *model, int threads) {
    void *environment, *options, *session;
    status_check(table, ((Status(*)(int, const char *, void **))table[CREATE_ENVIRONMENT])(
                            LOG_ERRORS, "bench", &environment));
    status_check(table, ((Status(*)(void **))table[CREATE_SESSION_OPTIONS])(&options));
    status_check(table, ((Status(*)(void *, int))table[SET_OPTIMIZATION_LEVEL])(options, OPTIMIZE_ALL));
    status_check(table, ((Status(*)(void *, int))table[SET_INTRA_THREADS])(options, threads));
    status_check(table, ((Status(*)(void *, int))table[SET_INTER_THREADS])(options, 1));
    status_check(table, ((Status(*)(void *, const char *, void *, void **))table[CREATE_SESSION])(
                            environment, model, options, &session));
    return session;
}

static void *value_create(void **table, const Tensor *tensor) {
    void *memory, *value;
    status_check(table, ((Status(*)(int, int, void **))table[CREATE_CPU_MEMORY_INFO])(
                            DEVICE_ALLOCATOR, MEMORY_DEFAULT, &memory));
    status_check(table, ((Status(*)(void *, void *, size_t, const int64_t *, size_t, int,
                                    void **))table[CREATE_TENSOR_WITH_DATA])(
                            memory, tensor->data, tensor->count * sizeof(float), tensor->peer_extents.values,
                            (size_t)tensor->peer_extents.rank, ELEMENT_F32, &value));
    return value;
}

static void onnxruntime_run(void *self) {
    OnnxRuntimeEngine *engine = self;
    Status status =
        engine->run(engine->session, NULL, engine->input_names, engine->inputs, engine->input_count,
                    engine->output_names, engine->output_count, engine->outputs);
    status_check(engine->table, status);
}

Engine onnxruntime_open(const Network *network, const char *library, int threads) {
    OnnxRuntimeEngine *engine = calloc(1, sizeof *engine);
    if (engine == NULL) fail("out of memory");
    Engine result = {"onnxruntime", engine, onnxruntime_run, tensors_copy(&network->outputs)};
    engine->table = table_load(library);
    engine->run = (RunFunction)engine->table[RUN];
    engine->session = session_create(engine->table, network->onnx, threads);
    engine->input_count = network->inputs.count;
    engine->output_count = network->outputs.count;
    for (uint32_t i = 0; i < network->inputs.count; i++) {
        engine->input_names[i] = network->inputs.items[i].name;
        engine->inputs[i] = value_create(engine->table, &network->inputs.items[i]);
    }
    for (uint32_t i = 0; i < network->outputs.count; i++) {
        engine->output_names[i] = network->outputs.items[i].name;
        engine->outputs[i] = value_create(engine->table, &result.outputs.items[i]);
    }
    return result;
}
