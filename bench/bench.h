/* What the parts of the measuring program share: buffers, the two engines, the peak loop. Everything lives
 * until the program ends; every failure ends it through fail(), which leaves one JSON object with an "error"
 * on stdout. */
#ifndef TENON_BENCH_H
#define TENON_BENCH_H

#include "runtime/abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TENSORS_MAX = 8, RANK_MAX = 8, DIMS_MAX = 8 };

typedef struct Extents {
    int32_t rank;
    int64_t values[RANK_MAX];
} Extents;

/* One f32 input or output of the network. The peer may see the same elements under other extents. */
typedef struct Tensor {
    const char *name;
    Extents extents, peer_extents;
    size_t count;
    float *data;
} Tensor;

typedef struct TensorList {
    uint32_t count;
    Tensor items[TENSORS_MAX];
} TensorList;

/* The network as its caller sees it, and which files implement it. */
typedef struct Network {
    const char *library, *info_name; /* a Tenon library and its *_info; NULL: no Tenon side */
    const char *onnx, *onnxruntime;  /* the model and libonnxruntime.so; NULL: no peer side */
    TensorList inputs, outputs;
    uint32_t dim_count;
    int64_t dims[DIMS_MAX]; /* of the Tenon entry, in its order */
} Network;

typedef struct Options {
    Network network;
    int threads, width;
    double flops, seconds;
    bool busy; /* the machine: count the thread's own time, not the wall's */
} Options;

/* Something that computes the outputs from the inputs, once per run(). */
typedef struct Engine {
    void *self;
    void (*run)(void *self);
    TensorList outputs; /* its own copies */
} Engine;

Options options_parse(int argc, char **argv);

_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Zeroed memory, 64-byte aligned, in huge pages where the system has them. Starts are staggered, so that no
 * two buffers fall on the same cache sets. */
void *buffer_create(size_t bytes);

/* A second list of the same tensors with data of its own. */
TensorList tensors_copy(const TensorList *tensors);

/* executor: NULL for one thread. The entry is the library's first. */
Engine tenon_open(const Network *network, const tenon_executor *executor);
Engine onnxruntime_open(const Network *network, int threads);

/* Chooses the fastest FMA loop of at most |width| bits (512, 256) that this CPU has. Returns its width, 0 for
 * none, and one thread's FLOP/s. */
int peak_choose(int width, double *out_flops);
/* FLOP/s of the chosen loop over about 0.2 ms, on every thread of the executor (NULL: on the caller's). */
double peak_measure(const tenon_executor *executor);

/* Fails if there are fewer CPUs than threads; to be called first, before any thread is made. */
void threads_init(int count);
/* Spreads the threads made since the last call over all CPUs but the first. */
void workers_pin(void);
/* Last, since threads inherit the CPUs of their maker. */
void caller_pin(void);
/* Waits until no worker of either engine spins any more, so that it does not disturb what is measured next.
 */
void workers_quiet_wait(void);

double clock_seconds(void);

#endif
