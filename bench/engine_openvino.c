/* OpenVINO through its C interface, declared here by hand: the names and types are those of its headers
 * openvino/c, but the program is built without them. */
#include "bench/bench.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

typedef int Status; /* 0: success */

typedef struct Shape {
    int64_t rank, *extents;
} Shape;

typedef struct OpenVino {
    Status (*ov_core_create)(void **core);
    Status (*ov_core_read_model)(const void *core, const char *path, const char *weights, void **model);
    Status (*ov_core_compile_model)(const void *core, const void *model, const char *device,
                                    size_t property_arguments, void **compiled, ...);
    Status (*ov_compiled_model_create_infer_request)(const void *compiled, void **request);
    Status (*ov_infer_request_get_tensor)(const void *request, const char *name, void **tensor);
    Status (*ov_infer_request_set_tensor)(void *request, const char *name, const void *tensor);
    Status (*ov_infer_request_infer)(void *request);
    Status (*ov_tensor_get_element_type)(const void *tensor, int *type);
    Status (*ov_tensor_get_byte_size)(const void *tensor, size_t *bytes);
    Status (*ov_tensor_create_from_host_ptr)(int type, Shape shape, void *data, void **tensor);
    const char *(*ov_get_last_err_msg)(void);
} OpenVino;

typedef struct OpenVinoEngine {
    OpenVino functions;
    void *request;
} OpenVinoEngine;

static void functions_load(const char *path, OpenVino *out) {
    const struct {
        const char *name;
        void *place;
    } wanted[] = {
#define WANTED(name) {#name, &out->name}
        WANTED(ov_core_create),
        WANTED(ov_core_read_model),
        WANTED(ov_core_compile_model),
        WANTED(ov_compiled_model_create_infer_request),
        WANTED(ov_infer_request_get_tensor),
        WANTED(ov_infer_request_set_tensor),
        WANTED(ov_infer_request_infer),
        WANTED(ov_tensor_get_element_type),
        WANTED(ov_tensor_get_byte_size),
        WANTED(ov_tensor_create_from_host_ptr),
        WANTED(ov_get_last_err_msg),
#undef WANTED
    };
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) fail("%s", dlerror());
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        void *symbol = dlsym(handle, wanted[i].name);
        if (symbol == NULL) fail("%s: no symbol %s", path, wanted[i].name);
        *(void **)wanted[i].place = symbol;
    }
}

static void status_check(const OpenVino *functions, Status status) {
    if (status != 0) fail("OpenVINO: %s", functions->ov_get_last_err_msg());
}

/* f32 throughout: where the CPU has bf16, that would be the default. */
static void *request_create(const OpenVino *functions, const char *model_path, int threads) {
    void *core, *model, *compiled, *request;
    char thread_text[16];
    snprintf(thread_text, sizeof thread_text, "%d", threads);
    const size_t argument_count = 10; /* of the properties: names and values */
    status_check(functions, functions->ov_core_create(&core));
    status_check(functions, functions->ov_core_read_model(core, model_path, NULL, &model));
    status_check(functions, functions->ov_core_compile_model(
                                core, model, "CPU", argument_count, &compiled, "PERFORMANCE_HINT", "LATENCY",
                                "NUM_STREAMS", "1", "INFERENCE_NUM_THREADS", thread_text,
                                "INFERENCE_PRECISION_HINT", "f32", "ENABLE_CPU_PINNING", "NO"));
    status_check(functions, functions->ov_compiled_model_create_infer_request(compiled, &request));
    return request;
}

/* Binds our memory to an input or output. The number of the element type is asked for: it has changed. */
static void tensor_bind(OpenVinoEngine *engine, Tensor *tensor) {
    const OpenVino *functions = &engine->functions;
    void *theirs, *ours;
    int type;
    size_t bytes;
    status_check(functions, functions->ov_infer_request_get_tensor(engine->request, tensor->name, &theirs));
    status_check(functions, functions->ov_tensor_get_element_type(theirs, &type));
    status_check(functions, functions->ov_tensor_get_byte_size(theirs, &bytes));
    if (bytes != tensor->count * sizeof(float)) fail("OpenVINO: %s has %zu bytes", tensor->name, bytes);
    Shape shape = {tensor->peer_extents.rank, tensor->peer_extents.values};
    status_check(functions, functions->ov_tensor_create_from_host_ptr(type, shape, tensor->data, &ours));
    status_check(functions, functions->ov_infer_request_set_tensor(engine->request, tensor->name, ours));
}

static void openvino_run(void *self) {
    const OpenVinoEngine *engine = self;
    status_check(&engine->functions, engine->functions.ov_infer_request_infer(engine->request));
}

Engine openvino_open(const Network *network, const char *library, int threads) {
    OpenVinoEngine *engine = calloc(1, sizeof *engine);
    if (engine == NULL) fail("out of memory");
    Engine result = {"openvino", engine, openvino_run, tensors_copy(&network->outputs)};
    functions_load(library, &engine->functions);
    engine->request = request_create(&engine->functions, network->onnx, threads);
    for (uint32_t i = 0; i < network->inputs.count; i++) {
        Tensor input = network->inputs.items[i];
        tensor_bind(engine, &input);
    }
    for (uint32_t i = 0; i < result.outputs.count; i++) tensor_bind(engine, &result.outputs.items[i]);
    openvino_run(engine); /* its threads appear with the first call */
    return result;
}
