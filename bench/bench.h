/* What the parts of the measuring program share: buffers, engines, loops to compare with. Everything lives
 * until the program ends; every failure ends it through fail(), which leaves one JSON object with an "error"
 * on stdout. */
#ifndef TENON_BENCH_H
#define TENON_BENCH_H

#include "runtime/abi.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TENSORS_MAX = 8, RANK_MAX = 8, DIMS_MAX = 8, ENGINES_MAX = 4, READS_MAX = 4, ROUNDS_MAX = 201 };

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
    const char *onnx;                /* what the peers read */
    TensorList inputs, outputs;
    uint32_t dim_count;
    int64_t dims[DIMS_MAX]; /* of the Tenon entry, in its order */
} Network;

typedef struct Peer {
    const char *name, *library; /* "onnxruntime" and its libonnxruntime.so */
} Peer;

/* Memory that a call must read |times| times from end to end, divided among the threads. */
typedef struct Read {
    size_t bytes;
    double times;
    char *data; /* of the same size, for the reading loop */
} Read;

typedef struct Options {
    Network network;
    Peer peers[ENGINES_MAX - 1];
    Read reads[READS_MAX];
    int peer_count, read_count, threads, width;
    double flops, product_flops; /* all; what must be multiplied beside the reads */
    double seconds;
    bool busy; /* the machine: count the thread's own time, not the wall's */
} Options;

/* Something that computes the outputs from the inputs, once per run(). */
typedef struct Engine {
    const char *name;
    void *self;
    void (*run)(void *self);
    TensorList outputs; /* its own copies */
} Engine;

/* What one engine yielded, a value per round: seconds per call, its part of the peak around it, and seconds
 * by those of the first engine. */
typedef struct Series {
    double seconds[ROUNDS_MAX], share[ROUNDS_MAX], ratio[ROUNDS_MAX];
    int64_t calls;     /* per burst */
    double difference; /* of its first outputs from those of the first engine */
} Series;

/* The first engine is Tenon, unless there is no library. */
typedef struct Measurement {
    Engine engines[ENGINES_MAX];
    Series series[ENGINES_MAX];
    int engine_count;
    int rounds, clean;          /* clean: undisturbed; if these are enough, the others are dropped */
    bool disturbed[ROUNDS_MAX]; /* another process came between */
    double peak[ROUNDS_MAX], peak_best;
    double bound[ROUNDS_MAX]; /* seconds that the reads and the products beside them take at least */
    bool repeatable;          /* Tenon's last outputs are bit for bit its first */
} Measurement;

Options options_parse(int argc, char **argv);

_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Zeroed memory, 64-byte aligned, in huge pages where the system has them. Starts are staggered, so that no
 * two buffers fall on the same cache sets. */
void *buffer_create(size_t bytes);

/* A second list of the same tensors with data of its own. */
TensorList tensors_copy(const TensorList *tensors);

/* executor: NULL for one thread. The entry is the library's first. */
Engine tenon_open(const Network *network, const tenon_executor *executor);
Engine onnxruntime_open(const Network *network, const char *library, int threads);
Engine openvino_open(const Network *network, const char *library, int threads);

void outputs_poison(const TensorList *outputs);
/* The largest difference over all outputs, relative to the range of the same output of |b|; INFINITY if
 * anything is not finite. An output whose elements are all equal has its magnitude for a range. */
double outputs_difference(const TensorList *a, const TensorList *b);
bool outputs_equal(const TensorList *a, const TensorList *b);

/* Runs every engine once and compares what they yield, then times them by turns. */
void engines_compare(Measurement *measured);
void engines_measure(const Options *options, const tenon_executor *executor, Measurement *measured);
/* |width|: of the peak loop, in bits. */
void report_print(const Options *options, const Measurement *measured, int width);

/* Chooses the fastest FMA loop of at most |width| bits (512, 256) that this CPU has. Returns its width, 0 for
 * none, and one thread's FLOP/s. */
int peak_choose(int width, double *out_flops);
/* FLOP/s of the chosen loop over about 0.2 ms, on every thread of the executor (NULL: on the caller's). */
double peak_measure(const tenon_executor *executor);
/* Gives the read its memory. */
void read_prepare(Read *read);
/* Seconds to load it once, again and again from where it stays, by vectors as wide as the peak loop's. */
double read_measure(const Read *read, const tenon_executor *executor);

/* Fails if there are fewer CPUs than threads; to be called first, before any thread is made. */
void threads_init(int count);
/* Spreads the threads made since the last call over all CPUs but the first. */
void workers_pin(void);
/* After all threads are made, since they inherit the CPUs of their maker. */
void caller_pin(void);
/* Waits until no worker of either engine spins any more, so that it does not disturb what is measured next.
 * ONNX Runtime's spin for some 30 ms. */
void workers_quiet_wait(void);
/* For how long, since they were made, threads that could have run had no CPU; summed over them. */
double threads_waited_seconds(void);

double clock_seconds(void);

#endif
