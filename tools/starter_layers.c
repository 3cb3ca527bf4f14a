#include "tools/starter_internal.h"

#include <string.h>

/* ---- Shapes ---- */

static const TensorSource *tensor_of(const Node *node, const char *name) {
    const Node *child = node_child(node, name);
    return child ? child->tensor : NULL;
}

static bool has_shape(const TensorSource *tensor, int rank, const int64_t *dims) {
    return tensor && tensor->rank == rank && memcmp(tensor->dims, dims, (size_t)rank * sizeof *dims) == 0;
}

static bool is_vector(const TensorSource *tensor, int64_t extent) { return has_shape(tensor, 1, &extent); }

static bool is_matrix(const TensorSource *tensor, int64_t rows, int64_t columns) {
    return has_shape(tensor, 2, (int64_t[]){rows, columns});
}

/* ---- Weight and bias ---- */

/* Foreign names of a layer's tensors; |permutations| bring them to PyTorch's order of axes. */
static void set_foreign(Starter *starter, Node *node, const char *const (*names)[2], int count,
                        const char *weight_permutation) {
    Text text = {0};
    for (int i = 0; i < count; i++) {
        const Node *child = node_child(node, names[i][1]);
        if (!child) continue;
        text_printf(&text, "%s%s = ", text.length ? ", " : "{ ", names[i][0]);
        starter_write_string(&text, child->path);
        if (i == 0) text_puts(&text, weight_permutation);
    }
    text_puts(&text, " }");
    node->foreign = arena_strndup(starter->arena, text.bytes, text.length);
    text_deinit(&text);
}

static void set_linear(Node *node, int64_t inputs, int64_t outputs) {
    bool embedding = !node->bias && (name_contains(node->name, "emb") || name_contains(node->name, "wte") ||
                                     name_contains(node->name, "wpe") || name_contains(node->name, "lookup"));
    node->kind = embedding ? NODE_EMBEDDING : NODE_LINEAR;
    node->inputs = embedding ? outputs : inputs;
    node->outputs = embedding ? inputs : outputs;
    node->in = (Flow){embedding ? FLOW_TOKENS : FLOW_FEATURES, embedding ? 0 : inputs, false};
    node->out = (Flow){FLOW_FEATURES, node->outputs, embedding};
}

static void set_conv(Node *node, int64_t inputs, int64_t outputs, const int64_t *kernel, int axes) {
    node->kind = axes == 1 ? NODE_CONV1D : NODE_CONV2D;
    node->inputs = inputs;
    node->outputs = outputs;
    node->groups = 1;
    for (int i = 0; i < axes; i++) node->kernel[i] = kernel[i];
    FlowKind kind = axes == 1 ? FLOW_SIGNAL : FLOW_IMAGE;
    node->in = (Flow){kind, inputs, false};
    node->out = (Flow){kind, outputs, false};
}

/* A matrix kept as [inputs, outputs]: the bias tells. */
static bool recognize_transposed(Starter *starter, Node *node) {
    static const char *const names[][2] = {{"weight", "weight"}, {"bias", "bias"}};
    const TensorSource *weight = tensor_of(node, "weight"), *bias = tensor_of(node, "bias");
    if (!weight || !bias || node->children.count != 2 || weight->rank != 2 ||
        !is_vector(bias, weight->dims[1]))
        return false;
    node->bias = true;
    set_linear(node, weight->dims[0], weight->dims[1]);
    set_foreign(starter, node, names, 2, " permute(1, 0)");
    return true;
}

/* {weight, bias} and {weight}: what it is follows from the rank. */
static bool recognize_weight(Node *node) {
    const TensorSource *weight = tensor_of(node, "weight"), *bias = tensor_of(node, "bias");
    int count = node->children.count;
    if (!weight || count != 1 + (bias != NULL)) return false;
    node->bias = bias != NULL;
    if (bias && has_shape(bias, weight->rank, weight->dims) && weight->rank >= 1) {
        node->kind = NODE_LAYER_NORM;
        node->dims = weight->dims;
        node->rank = weight->rank;
        node->in = node->out = (Flow){FLOW_FEATURES, weight->dims[weight->rank - 1], false};
        return true;
    }
    if (weight->rank < 2 || weight->rank > 4 || (bias && !is_vector(bias, weight->dims[0]))) return false;
    if (weight->rank == 2)
        set_linear(node, weight->dims[1], weight->dims[0]);
    else
        set_conv(node, weight->dims[1], weight->dims[0], weight->dims + 2, weight->rank - 2);
    return true;
}

/* {kernel, bias} as Keras has them: inputs before outputs, channels last. */
static bool recognize_kernel(Starter *starter, Node *node) {
    static const char *const names[][2] = {{"weight", "kernel"}, {"bias", "bias"}};
    const TensorSource *kernel = tensor_of(node, "kernel"), *bias = tensor_of(node, "bias");
    int rank = kernel ? kernel->rank : 0;
    if (rank < 2 || rank > 4 || node->children.count != 1 + (bias != NULL)) return false;
    int64_t inputs = kernel->dims[rank - 2], outputs = kernel->dims[rank - 1];
    if (bias && !is_vector(bias, outputs)) return false;
    node->bias = bias != NULL;
    if (rank == 2) {
        set_linear(node, inputs, outputs);
        node->kind = NODE_LINEAR;
        node->inputs = inputs;
        node->outputs = outputs;
        node->in = (Flow){FLOW_FEATURES, inputs, false};
        node->out = (Flow){FLOW_FEATURES, outputs, false};
    } else {
        set_conv(node, inputs, outputs, kernel->dims, rank - 2);
    }
    set_foreign(starter, node, names, 2,
                rank == 2   ? " permute(1, 0)"
                : rank == 3 ? " permute(2, 1, 0)"
                            : " permute(3, 2, 0, 1)");
    return true;
}

/* ---- Normalization ---- */

/* Foreign names need a `from { }`, for which a place inside Sequential has no room. */
static bool recognize_batch_norm(Starter *starter, Node *node, bool in_sequence) {
    static const char *const names[][4][2] = {
        {{"weight", "weight"},
         {"bias", "bias"},
         {"running_mean", "running_mean"},
         {"running_var", "running_var"}},
        {{"weight", "gamma"}, {"bias", "beta"}, {"running_mean", "mean"}, {"running_var", "var"}},
        {{"weight", "gamma"},
         {"bias", "beta"},
         {"running_mean", "moving_mean"},
         {"running_var", "moving_variance"}},
    };
    for (int i = 0; i < (in_sequence ? 1 : 3); i++) {
        const TensorSource *mean = tensor_of(node, names[i][2][1]);
        bool all = node->children.count == 4 && mean && mean->rank == 1;
        for (int j = 0; all && j < 4; j++) all = is_vector(tensor_of(node, names[i][j][1]), mean->dims[0]);
        if (!all) continue;
        node->kind = NODE_BATCH_NORM;
        node->outputs = mean->dims[0];
        node->image = starter->has_images;
        node->in = node->out = (Flow){node->image ? FLOW_IMAGE : FLOW_FEATURES, mean->dims[0], false};
        if (i > 0) set_foreign(starter, node, names[i], 4, "");
        return true;
    }
    return false;
}

/* ---- Recurrent layers ---- */

static const TensorSource *level_tensor(Starter *starter, const Node *node, const char *stem, int level,
                                        bool reverse) {
    return tensor_of(node, arena_printf(starter->arena, "%s_l%d%s", stem, level, reverse ? "_reverse" : ""));
}

/* The tensors of one level and direction have the shapes that follow from those of level 0. */
static bool level_fits(Starter *starter, const Node *node, int level, bool reverse, int gates,
                       int64_t hidden) {
    int64_t width = node->projection ? node->projection : hidden;
    int64_t inputs = level == 0 ? node->inputs : width * (node->bidirectional ? 2 : 1);
    bool fits = is_matrix(level_tensor(starter, node, "weight_ih", level, reverse), gates * hidden, inputs) &&
                is_matrix(level_tensor(starter, node, "weight_hh", level, reverse), gates * hidden, width);
    if (node->bias)
        fits = fits && is_vector(level_tensor(starter, node, "bias_ih", level, reverse), gates * hidden) &&
               is_vector(level_tensor(starter, node, "bias_hh", level, reverse), gates * hidden);
    if (node->projection)
        fits = fits && is_matrix(level_tensor(starter, node, "weight_hr", level, reverse), width, hidden);
    return fits;
}

static NodeKind kind_of_gates(int64_t gates, bool cell) {
    if (gates == 4) return cell ? NODE_LSTM_CELL : NODE_LSTM;
    if (gates == 3) return cell ? NODE_GRU_CELL : NODE_GRU;
    return cell ? NODE_RNN_CELL : NODE_RNN;
}

static bool recognize_recurrent(Starter *starter, Node *node) {
    const TensorSource *input = tensor_of(node, "weight_ih_l0"), *state = tensor_of(node, "weight_hh_l0");
    const TensorSource *projection = tensor_of(node, "weight_hr_l0");
    if (!input || !state || input->rank != 2 || state->rank != 2) return false;
    int64_t hidden = projection && projection->rank == 2 ? projection->dims[1] : state->dims[1];
    int64_t gates = input->dims[0] / hidden;
    if (gates * hidden != input->dims[0] || (gates != 1 && gates != 3 && gates != 4)) return false;
    if (projection && gates != 4) return false;
    node->inputs = input->dims[1];
    node->outputs = hidden;
    node->projection = projection ? projection->dims[0] : 0;
    node->bias = tensor_of(node, "bias_ih_l0") != NULL;
    node->bidirectional = tensor_of(node, "weight_ih_l0_reverse") != NULL;
    while (level_tensor(starter, node, "weight_ih", node->layers, false)) node->layers++;
    int directions = node->bidirectional ? 2 : 1;
    int tensors = node->layers * directions * (2 + 2 * node->bias + (node->projection != 0));
    bool fits = tensors == node->children.count;
    for (int i = 0; fits && i < node->layers * directions; i++)
        fits = level_fits(starter, node, i / directions, i % directions, (int)gates, hidden);
    if (!fits) return false;
    node->kind = kind_of_gates(gates, false);
    node->in = (Flow){FLOW_FEATURES, node->inputs, true};
    node->out = (Flow){FLOW_FEATURES, (node->projection ? node->projection : hidden) * directions, true};
    return true;
}

static bool recognize_cell(Node *node) {
    const TensorSource *input = tensor_of(node, "weight_ih"), *state = tensor_of(node, "weight_hh");
    if (!input || !state || input->rank != 2 || state->rank != 2) return false;
    int64_t hidden = state->dims[1], gates = input->dims[0] / hidden;
    if (gates * hidden != input->dims[0] || (gates != 1 && gates != 3 && gates != 4)) return false;
    node->bias = tensor_of(node, "bias_ih") != NULL;
    if (node->children.count != (node->bias ? 4 : 2) || state->dims[0] != input->dims[0]) return false;
    if (node->bias && (!is_vector(tensor_of(node, "bias_ih"), gates * hidden) ||
                       !is_vector(tensor_of(node, "bias_hh"), gates * hidden)))
        return false;
    node->kind = kind_of_gates(gates, true);
    node->inputs = input->dims[1];
    node->outputs = hidden;
    return true;
}

void starter_recognize(Starter *starter, Node *node, bool in_sequence) {
    if (node->kind != NODE_BLOCK) return;
    if (node->path[0] == 0) return; /* the root: its tensors are params of the model */
    for (int i = 0; i < node->children.count; i++) {
        const TensorSource *tensor = node->children.items[i]->tensor;
        if (!tensor || !dtype_is_float(tensor->dtype)) return;
    }
    bool known = recognize_weight(node) ||
                 (!in_sequence && (recognize_transposed(starter, node) || recognize_kernel(starter, node))) ||
                 recognize_batch_norm(starter, node, in_sequence) || recognize_recurrent(starter, node) ||
                 recognize_cell(node);
    if (!known) node->bias = node->bidirectional = false;
}

/* ---- Constructors ---- */

static void append_conv(Text *text, const Node *node) {
    bool flat = node->kind == NODE_CONV1D, square = flat || node->kernel[0] == node->kernel[1];
    text_printf(text, "%s(%lld, %lld, kernel_size=", flat ? "Conv1d" : "Conv2d",
                (long long)(node->inputs * node->groups), (long long)node->outputs);
    if (square)
        text_printf(text, "%lld", (long long)node->kernel[0]);
    else
        text_printf(text, "[%lld, %lld]", (long long)node->kernel[0], (long long)node->kernel[1]);
    bool odd = node->kernel[0] % 2 == 1 && (flat || node->kernel[1] % 2 == 1);
    bool wide = node->kernel[0] > 1 || (!flat && node->kernel[1] > 1);
    if (odd && wide && square)
        text_printf(text, ", padding=%lld", (long long)(node->kernel[0] / 2));
    else if (odd && wide)
        text_printf(text, ", padding=[%lld, %lld]", (long long)(node->kernel[0] / 2),
                    (long long)(node->kernel[1] / 2));
    if (node->groups > 1) text_printf(text, ", groups=%lld", (long long)node->groups);
    text_puts(text, node->bias ? ")" : ", bias=false)");
}

static void append_recurrent(Text *text, const Node *node, const char *name) {
    text_printf(text, "%s(%lld, %lld", name, (long long)node->inputs, (long long)node->outputs);
    if (node->layers > 1) text_printf(text, ", num_layers=%d", node->layers);
    if (!node->bias) text_puts(text, ", bias=false");
    text_puts(text, ", batch_first=true");
    if (node->bidirectional) text_puts(text, ", bidirectional=true");
    if (node->projection) text_printf(text, ", proj_size=%lld", (long long)node->projection);
    text_putc(text, ')');
}

static void append_sizes(Text *text, const Node *node, const char *name) {
    text_printf(text, "%s(%lld, %lld%s)", name, (long long)node->inputs, (long long)node->outputs,
                node->bias || node->kind == NODE_EMBEDDING ? "" : ", bias=false");
}

static void append_layer_norm(Text *text, const Node *node) {
    text_puts(text, node->rank == 1 ? "LayerNorm(" : "LayerNorm([");
    for (int i = 0; i < node->rank; i++) text_printf(text, "%s%lld", i ? ", " : "", (long long)node->dims[i]);
    text_puts(text, node->rank == 1 ? ")" : "])");
}

/* Children of a Sequential by index; an index that no tensor mentions is an activation or a pooling. */
static void append_sequential(Text *text, const Node *node) {
    int place = 0, index;
    text_puts(text, "Sequential(");
    for (int i = 0; i < node->children.count; i++) {
        const Node *child = node->children.items[i];
        for (starter_is_index(child->name, &index); place < index; place++)
            text_puts(text, place ? ", relu" : "relu");
        text_printf(text, "%s%s", place ? ", " : "", child->constructor);
        place++;
    }
    text_putc(text, ')');
}

static void append_constructor(Text *text, const Node *node) {
    switch (node->kind) {
    case NODE_PARAM:
    case NODE_BLOCK: break;
    case NODE_SEQUENCE:
        if (node->repeated)
            text_puts(text, node->children.items[0]->constructor);
        else
            append_sequential(text, node);
        break;
    case NODE_LINEAR: append_sizes(text, node, "Linear"); break;
    case NODE_CONV1D:
    case NODE_CONV2D: append_conv(text, node); break;
    case NODE_BATCH_NORM:
        text_printf(text, "BatchNorm%dd(%lld)", node->image ? 2 : 1, (long long)node->outputs);
        break;
    case NODE_LAYER_NORM: append_layer_norm(text, node); break;
    case NODE_EMBEDDING: append_sizes(text, node, "Embedding"); break;
    case NODE_LSTM: append_recurrent(text, node, "LSTM"); break;
    case NODE_GRU: append_recurrent(text, node, "GRU"); break;
    case NODE_RNN: append_recurrent(text, node, "RNN"); break;
    case NODE_LSTM_CELL: append_sizes(text, node, "LSTMCell"); break;
    case NODE_GRU_CELL: append_sizes(text, node, "GRUCell"); break;
    case NODE_RNN_CELL: append_sizes(text, node, "RNNCell"); break;
    }
}

const char *starter_constructor(Starter *starter, const Node *node) {
    Text text = {0};
    append_constructor(&text, node);
    const char *copy = arena_strndup(starter->arena, text.bytes ? text.bytes : "", text.length);
    text_deinit(&text);
    return copy;
}
