/* The command line of the measuring program. */
#include "bench/bench.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static Extents extents_parse(const char *text) {
    Extents extents = {0};
    while (extents.rank < RANK_MAX) {
        char *end;
        extents.values[extents.rank++] = strtoll(text, &end, 10);
        if (end == text || extents.values[extents.rank - 1] <= 0) break;
        if (*end == '\0') return extents;
        text = end + 1;
    }
    fail("bad extents: %s", text);
}

/* NAME:2x3x4, or NAME:2x3x4:2x12 where the peer's extents differ. */
static void tensor_add(TensorList *list, char *text) {
    if (list->count == TENSORS_MAX) fail("more than %d tensors", TENSORS_MAX);
    Tensor *tensor = &list->items[list->count++];
    tensor->name = strtok(text, ":");
    const char *extents = strtok(NULL, ":"), *peer_extents = strtok(NULL, ":");
    if (extents == NULL) fail("a tensor is NAME:EXTENTS, not %s", text);
    tensor->extents = extents_parse(extents);
    tensor->peer_extents = extents_parse(peer_extents != NULL ? peer_extents : extents);
    tensor->count = 1;
    for (int32_t i = 0; i < tensor->extents.rank; i++) tensor->count *= (size_t)tensor->extents.values[i];
}

/* NAME:LIBRARY */
static void peer_add(Options *options, char *text) {
    if (options->peer_count == ENGINES_MAX - 1) fail("more than %d peers", ENGINES_MAX - 1);
    char *colon = strchr(text, ':');
    if (colon == NULL) fail("a peer is NAME:LIBRARY, not %s", text);
    *colon = '\0';
    options->peers[options->peer_count++] = (Peer){.name = text, .library = colon + 1};
}

/* BYTES:TIMES */
static void read_add(Options *options, const char *text) {
    if (options->read_count == READS_MAX) fail("more than %d reads", READS_MAX);
    char *end;
    Read read = {.bytes = strtoull(text, &end, 10)};
    read.times = *end == ':' ? atof(end + 1) : 0;
    if (read.bytes == 0 || !(read.times > 0)) fail("a read is BYTES:TIMES, not %s", text);
    options->reads[options->read_count++] = read;
}

Options options_parse(int argc, char **argv) {
    static const struct option table[] = {
        {"library", required_argument, NULL, 'l'},
        {"info", required_argument, NULL, 'n'},
        {"onnx", required_argument, NULL, 'm'},
        {"peer", required_argument, NULL, 'p'},
        {"read", required_argument, NULL, 'r'},
        {"product-flops", required_argument, NULL, 'q'},
        {"input", required_argument, NULL, 'i'},
        {"output", required_argument, NULL, 'o'},
        {"dim", required_argument, NULL, 'd'},
        {"threads", required_argument, NULL, 't'},
        {"peak-width", required_argument, NULL, 'w'},
        {"flops", required_argument, NULL, 'f'},
        {"seconds", required_argument, NULL, 's'},
        {"busy", no_argument, NULL, 'b'},
        {NULL, 0, NULL, 0},
    };
    Options options = {.threads = 1, .width = 512, .seconds = 1};
    Network *network = &options.network;
    for (int key; (key = getopt_long(argc, argv, "", table, NULL)) != -1;) {
        switch (key) {
        case 'l': network->library = optarg; break;
        case 'n': network->info_name = optarg; break;
        case 'm': network->onnx = optarg; break;
        case 'p': peer_add(&options, optarg); break;
        case 'r': read_add(&options, optarg); break;
        case 'q': options.product_flops = atof(optarg); break;
        case 'i': tensor_add(&network->inputs, optarg); break;
        case 'o': tensor_add(&network->outputs, optarg); break;
        case 'd':
            if (network->dim_count == DIMS_MAX) fail("more than %d dims", DIMS_MAX);
            network->dims[network->dim_count++] = atoll(optarg);
            break;
        case 't': options.threads = atoi(optarg); break;
        case 'w': options.width = atoi(optarg); break;
        case 'f': options.flops = atof(optarg); break;
        case 's': options.seconds = atof(optarg); break;
        case 'b': options.busy = true; break;
        default: fail("wrong usage");
        }
    }
    if ((network->library == NULL) != (network->info_name == NULL)) fail("--library and --info go together");
    if (options.peer_count > 0 && network->onnx == NULL) fail("peers need --onnx");
    if (network->library == NULL && options.peer_count == 0) fail("nothing to measure");
    if (options.busy && options.threads != 1) fail("--busy is for one thread");
    return options;
}
