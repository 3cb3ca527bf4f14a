/* Which layer takes what another one gives? Widths tell most of it. Layers are tried in their likely order;
 * the next call is the first layer not called yet that fits, perhaps after a change of form such as pooling
 * before a Linear. */
#include "tools/starter_internal.h"

#include <string.h>

enum { SCAN_MAX = 2000 };

/* Pooling to bins x bins and flattening makes |width| from |channels|; 0: no square does. */
static int bins_for(int64_t channels, int64_t width) {
    for (int bins = 1; bins <= 64 && channels * bins * bins <= width; bins++)
        if (channels * bins * bins == width) return bins;
    return 0;
}

/* Images and signals before layers that want features, and the reverse. NULL: they do not go together. */
static const char *adapt(Arena *arena, Flow from, const Node *to) {
    if (from.kind == FLOW_IMAGE && to->in.kind == FLOW_FEATURES && !to->in.sequence) {
        int bins = bins_for(from.width, to->in.width);
        if (bins == 1) return "flatten(global_avg_pool2d(x))";
        return bins ? arena_printf(arena, "flatten(adaptive_avg_pool2d(x, [%d, %d]))", bins, bins) : NULL;
    }
    if (from.width != to->in.width) return NULL;
    if (from.kind == FLOW_SIGNAL && to->in.kind == FLOW_FEATURES)
        return to->in.sequence ? "transpose(x, 1, 2)" : "mean(x, axis=-1)";
    if (from.kind == FLOW_FEATURES && from.sequence && to->in.kind == FLOW_SIGNAL)
        return "transpose(x, 1, 2)";
    return NULL;
}

static bool is_depthwise(const Node *node, Flow flow) {
    bool conv = node->kind == NODE_CONV1D || node->kind == NODE_CONV2D;
    return conv && flow.kind == node->in.kind && node->inputs == 1 && flow.width > 1 &&
           node->outputs == flow.width;
}

/* Batch normalization has no form of its own. */
static Flow wanted_by(const Node *node, Flow flow) {
    bool formless =
        node->kind == NODE_BATCH_NORM && flow.kind != FLOW_NONE && flow.kind != FLOW_TOKENS && !flow.sequence;
    return formless ? (Flow){flow.kind, node->in.width, false} : node->in;
}

/* Can |node| be called on |flow|? Notes what that needs, and moves |flow| on. */
static bool call(Arena *arena, Node *node, Flow *flow) {
    if (node->in.kind == FLOW_NONE) return false;
    Flow wanted = flow->kind == FLOW_NONE ? node->in : wanted_by(node, *flow);
    bool depthwise = is_depthwise(node, *flow);
    bool fits =
        flow->kind == FLOW_NONE || depthwise ||
        (flow->kind == wanted.kind && flow->width == wanted.width && flow->sequence >= wanted.sequence);
    node->adapted = fits ? NULL : adapt(arena, *flow, node);
    if (!fits && !node->adapted) return false;
    if (depthwise) {
        node->groups = flow->width;
        node->in.width = flow->width;
    }
    bool sequence = flow->kind == FLOW_FEATURES && flow->sequence && !node->adapted;
    if (node->kind == NODE_BATCH_NORM) {
        node->image = wanted.kind == FLOW_IMAGE;
        node->in = node->out = wanted;
    }
    *flow = node->out;
    if (flow->kind == FLOW_FEATURES && node->kind != NODE_EMBEDDING) flow->sequence |= sequence;
    return true;
}

static bool is_norm(const Node *node) {
    return node->kind == NODE_BATCH_NORM || node->kind == NODE_LAYER_NORM;
}

static bool is_linear(const Node *node) {
    return node->kind == NODE_LINEAR || node->kind == NODE_CONV1D || node->kind == NODE_CONV2D;
}

/* An activation between two layers: after a norm, or after a layer that no norm follows; never after the
 * last. */
static void set_activation(Node *before, const Node *next) {
    if (!before || is_norm(next)) return;
    before->relu = is_linear(before) || before->kind == NODE_BATCH_NORM;
}

/* The first layer that fits, of those that are batch normalizations, of those that are not, or of all. */
typedef enum Choice { CHOOSE_NORM, CHOOSE_OTHER, CHOOSE_ANY } Choice;

static Node *choose(Starter *starter, Node *block, Flow *flow, Choice choice, const Node *before) {
    for (int i = 0; i < block->children.count && i < SCAN_MAX; i++) {
        Node *node = block->children.items[i];
        bool norm = node->kind == NODE_BATCH_NORM;
        if (node->kind == NODE_PARAM || node->call) continue;
        if (choice == CHOOSE_NORM && (!norm || node->number != before->number)) continue;
        if (choice == CHOOSE_OTHER && norm) continue;
        if (call(starter->arena, node, flow)) return node;
    }
    return NULL;
}

/* conv1 is followed by bn1; otherwise a batch normalization is the last choice. */
static Node *next_call(Starter *starter, Node *block, Flow *flow, const Node *before) {
    Node *node = before && is_linear(before) ? choose(starter, block, flow, CHOOSE_NORM, before) : NULL;
    if (!node) node = choose(starter, block, flow, CHOOSE_OTHER, before);
    return node ? node : choose(starter, block, flow, CHOOSE_ANY, before);
}

void starter_plan_calls(Starter *starter, Node *block) {
    Flow flow = {0};
    Node *before = NULL, *node;
    for (int count = 1; (node = next_call(starter, block, &flow, before)); count++) {
        node->call = count;
        set_activation(before, node);
        if (count == 1) block->in = node->in;
        before = node;
    }
    block->out = flow;
}

void starter_plan_sequence(Starter *starter, Node *sequence) {
    Flow flow = {0};
    for (int i = 0; i < sequence->children.count; i++) {
        Node *child = sequence->children.items[i];
        bool tuple = child->kind == NODE_LSTM || child->kind == NODE_GRU || child->kind == NODE_RNN;
        if (tuple || !call(starter->arena, child, &flow) || child->adapted) {
            sequence->in = sequence->out = (Flow){0};
            return;
        }
        if (i == 0) sequence->in = child->in;
    }
    sequence->out = flow;
}

static void write_call(const Node *node, const char *indent, Text *text) {
    const char *argument = node->adapted ? node->adapted : "x", *name = node->identifier;
    text_puts(text, indent);
    if (node->repeated) {
        if (node->adapted) text_printf(text, "x = %s;\n%s", node->adapted, indent);
        text_printf(text, "for i in 0..%d { x = %s[i](x); }\n", node->children.count, name);
    } else if (node->kind == NODE_LSTM) {
        text_printf(text, "x, _, _ = %s(%s);\n", name, argument);
    } else if (node->kind == NODE_GRU || node->kind == NODE_RNN) {
        text_printf(text, "x, _ = %s(%s);\n", name, argument);
    } else {
        text_printf(text, node->relu ? "x = relu(%s(%s));\n" : "x = %s(%s);\n", name, argument);
    }
}

static const char *reason_of(const Node *node) {
    if (node->kind == NODE_LSTM_CELL || node->kind == NODE_GRU_CELL || node->kind == NODE_RNN_CELL)
        return "a cell: call it in a scan";
    return node->in.kind == FLOW_NONE ? "its calls are for you to write" : "takes another width or form";
}

void starter_write_calls(const Node *block, const char *indent, Text *text) {
    const Node **order = NULL;
    int called = 0;
    for (int i = 0; i < block->children.count; i++) called += block->children.items[i]->call > 0;
    Arena *arena = arena_create();
    order = NEW_ARRAY(arena, const Node *, called);
    for (int i = 0; i < block->children.count; i++) {
        const Node *node = block->children.items[i];
        if (node->call) order[node->call - 1] = node;
    }
    for (int i = 0; i < called; i++) write_call(order[i], indent, text);
    for (int i = 0; i < block->children.count; i++) {
        const Node *node = block->children.items[i];
        if (!node->call && node->kind != NODE_PARAM)
            text_printf(text, "%s// not called: %s, %s\n", indent, node->identifier, reason_of(node));
    }
    arena_destroy(arena);
}
