/* What the files of `tenon new` share: the tree that dotted tensor names form, and what each of its nodes
 * became. */
#ifndef TENON_TOOLS_STARTER_INTERNAL_H
#define TENON_TOOLS_STARTER_INTERNAL_H

#include "frontend/weights/weights.h"
#include "tools/starter.h"

typedef enum NodeKind {
    NODE_PARAM,    /* one tensor */
    NODE_BLOCK,    /* layers and params by name */
    NODE_SEQUENCE, /* children are numbered: repeated layers, or Sequential */
    NODE_LINEAR,
    NODE_CONV1D,
    NODE_CONV2D,
    NODE_BATCH_NORM,
    NODE_LAYER_NORM,
    NODE_EMBEDDING,
    NODE_LSTM,
    NODE_GRU,
    NODE_RNN,
    NODE_LSTM_CELL,
    NODE_GRU_CELL,
    NODE_RNN_CELL
} NodeKind;

/* What flows between layers, as far as it matters for calling the next one. */
typedef enum FlowKind {
    FLOW_NONE,     /* unknown */
    FLOW_TOKENS,   /* i32[N, T] */
    FLOW_FEATURES, /* f32[.., width] */
    FLOW_SIGNAL,   /* f32[N, width, T] */
    FLOW_IMAGE     /* f32[N, width, H, W] */
} FlowKind;

typedef struct Flow {
    FlowKind kind;
    int64_t width;
    bool sequence; /* FEATURES: f32[N, T, width] */
} Flow;

typedef struct Node Node;
struct Node {
    NodeKind kind;
    const char *name; /* one part of the path; "" for the root */
    const char *path; /* from the root, with dots */
    const TensorSource *tensor;
    VECTOR(Node *) children;
    const char *identifier; /* how the .tn file calls it */
    const char *from;       /* where its tensors are when not at its path; NULL: there */
    const char *foreign;    /* the text of a `from { }` list; NULL: names are PyTorch's */
    Flow in, out;           /* NONE: cannot be called with one tensor */
    const char *adapted;    /* x made to fit this layer: "flatten(x)"; NULL: x itself */
    int call;               /* its place in the order of calls, from 1; 0: not called */
    bool relu;              /* what it returns goes through an activation */
    /* sizes, by kind */
    int64_t inputs, outputs, kernel[2], groups;
    int layers;
    bool bias, bidirectional;
    int64_t projection;
    bool image;          /* BATCH_NORM: of images */
    const int64_t *dims; /* LAYER_NORM */
    int rank;
    int number;              /* in its name; INT_MAX: none */
    const char *constructor; /* "Conv2d(1, 6, kernel_size=5)" */
    bool repeated;           /* SEQUENCE of equal children, from 0 on */
};

typedef struct BlockText BlockText;
struct BlockText {
    BlockText *next;
    const char *body, *name;
};

typedef struct Starter {
    Arena *arena;
    Node *root;
    bool has_images;
    Text blocks; /* finished blocks, in the order of their use */
    VECTOR(const char *) block_names;
    BlockText **known;      /* hash table of bodies */
    VECTOR(Node *) hoisted; /* on their way to the root */
    VECTOR(const TensorSource *) left_out;
} Starter;

/* starter_tree.c: from names to nodes, and which of them are layers; what does not fit the language's names
 * moves to the root. */
void starter_build_tree(Starter *starter, const WeightsFile *file);
/* Orders the children, which are sorted by name, as they are likely called: embeddings, numbered layers by
 * number, heads. Params come first. */
void starter_order(Node *node);
bool starter_is_index(const char *name, int *out_index);
/* A name of members that means nothing else inside a block. */
bool starter_is_member_name(const char *name);
/* |name| in capitals: "layer_1" gives "Layer1"; "" when nothing is left. */
const char *starter_type_name(Arena *arena, const char *name);
Node *node_child(const Node *node, const char *name);
/* |name| contains |part|, whatever the case of letters. */
bool name_contains(const char *name, const char *part);

/* A string of the language with the bytes of |string|, also those that are no text. */
void starter_write_string(Text *text, const char *string);

/* starter_layers.c: kind and sizes of a node whose children are tensors, and how it is constructed. */
void starter_recognize(Starter *starter, Node *node, bool in_sequence);
const char *starter_constructor(Starter *starter, const Node *node);

/* starter_calls.c: a guess of how layers are called. */
/* Finds an order in which the layers of |block| fit one after the other; sets the flow of the block and
 * details of its layers that follow from it. Constructors are made after this. */
void starter_plan_calls(Starter *starter, Node *block);
void starter_plan_sequence(Starter *starter, Node *sequence);
/* Statements on x in that order, and comments on layers that are left. */
void starter_write_calls(const Node *block, const char *indent, Text *text);

#endif
