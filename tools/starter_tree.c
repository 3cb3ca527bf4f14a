#define _GNU_SOURCE /* strcasestr */
#include "support/utf8.h"
#include "tools/starter_internal.h"

#include <ctype.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { DEPTH_MAX = 16, GAP_MAX = 16, HOISTED_MAX = 2000, IDENTIFIER_BYTES_MAX = 60 };

/* Words of the language, and names that the generated text uses itself. */
static const char *const taken_names[] = {
    "if",
    "else",
    "for",
    "in",
    "scan",
    "yield",
    "return",
    "true",
    "false",
    "none",
    "x",
    "i",
    "y",
    "_",
    "N",
    "T",
    "H",
    "W",
    "relu",
    "flatten",
    "transpose",
    "mean",
    "global_avg_pool2d",
    "adaptive_avg_pool2d",
    "forward",
    "run",
    "int",
    "float",
    "str",
    "and",
    "or",
    "not",
    "while",
    "class",
    "Linear",
    "Conv1d",
    "Conv2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "LayerNorm",
    "Embedding",
    "LSTM",
    "GRU",
    "RNN",
    "LSTMCell",
    "GRUCell",
    "RNNCell",
    "Sequential",
};

bool name_contains(const char *name, const char *part) { return strcasestr(name, part) != NULL; }

static bool is_identifier(const char *name) {
    if (!isalpha((unsigned char)name[0]) && name[0] != '_') return false;
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c >= 0x80 || (!isalnum((unsigned char)*c) && *c != '_')) return false;
    return true;
}

bool starter_is_member_name(const char *name) {
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof taken_names / sizeof *taken_names; i++)
        if (strcmp(name, taken_names[i]) == 0) return false;
    if (isupper((unsigned char)name[0]) && strstr(name, "Block")) return false; /* how blocks are called */
    return length <= IDENTIFIER_BYTES_MAX && is_identifier(name) &&
           dtype_from_text(name, length) == DTYPE_NONE;
}

/* A decimal number without leading zeros, as in a ModuleList. */
bool starter_is_index(const char *name, int *out_index) {
    size_t length = strspn(name, "0123456789");
    if (length == 0 || length > 6 || name[length] || (length > 1 && name[0] == '0')) return false;
    *out_index = atoi(name);
    return true;
}

const char *starter_type_name(Arena *arena, const char *name) {
    Text text = {0};
    bool start = true;
    for (const char *c = name; *c && text.length < 60; c++) {
        unsigned char byte = (unsigned char)*c;
        if (byte < 0x80 && isalnum(byte) && (text.length || isalpha(byte))) {
            text_putc(&text, (char)(start ? toupper(byte) : byte));
            start = false;
        } else {
            start = true;
        }
    }
    const char *copy = arena_strndup(arena, text.bytes ? text.bytes : "", text.length);
    text_deinit(&text);
    return copy;
}

void starter_write_string(Text *text, const char *string) {
    size_t length = strlen(string);
    int cells, used;
    text_putc(text, '"');
    for (size_t i = 0; i < length; i += (size_t)used) {
        if (string[i] == '"' || string[i] == '\\') text_putc(text, '\\');
        used = text_printable_character(text, string + i, length - i, &cells);
    }
    text_putc(text, '"');
}

Node *node_child(const Node *node, const char *name) {
    for (int i = 0; i < node->children.count; i++)
        if (strcmp(node->children.items[i]->name, name) == 0) return node->children.items[i];
    return NULL;
}

static Node *node_create(Starter *starter, const char *name, const char *path, const TensorSource *tensor) {
    Node *node = NEW(starter->arena, Node);
    *node = (Node){.kind = tensor ? NODE_PARAM : NODE_BLOCK,
                   .name = name,
                   .path = path,
                   .identifier = name,
                   .tensor = tensor};
    return node;
}

/* Names that are sorted and share |prefix_bytes| bytes stand together, so one pass builds the tree. */
static void add_range(Starter *starter, Node *parent, const TensorSource *tensors, int count,
                      size_t prefix_bytes, int depth) {
    for (int i = 0; i < count;) {
        const char *rest = tensors[i].name + prefix_bytes,
                   *dot = depth < DEPTH_MAX ? strchr(rest, '.') : NULL;
        const char *path = tensors[i].name;
        size_t length = dot ? (size_t)(dot - rest) + 1 : 0;
        int end = i + 1;
        while (dot && end < count && strncmp(tensors[end].name + prefix_bytes, rest, length) == 0) end++;
        Node *node = dot ? node_create(starter, arena_strndup(starter->arena, rest, length - 1),
                                       arena_strndup(starter->arena, path, prefix_bytes + length - 1), NULL)
                         : node_create(starter, rest, path, &tensors[i]);
        vector_push(starter->arena, &parent->children, node);
        if (dot) add_range(starter, node, tensors + i, end - i, prefix_bytes + length, depth + 1);
        i = end;
    }
}

/* ---- What does not fit the language ---- */

/* Numbered children, and nothing else, with small gaps: the layers without parameters of a Sequential. */
static bool is_sequence(const Node *node) {
    int highest = -1, index;
    for (int i = 0; i < node->children.count; i++) {
        const Node *child = node->children.items[i];
        if (child->tensor || !starter_is_index(child->name, &index)) return false;
        if (index > highest) highest = index;
    }
    return highest >= 0 && highest - node->children.count < GAP_MAX + node->children.count;
}

static bool identifier_is_free(const Node *parent, const char *identifier) {
    for (int i = 0; i < parent->children.count; i++)
        if (strcmp(parent->children.items[i]->identifier, identifier) == 0) return false;
    return true;
}

/* A name for |node| in |parent|, made of its path. */
static const char *make_identifier(Starter *starter, const Node *parent, const Node *node) {
    Text text = {0};
    for (const char *c = node->path; *c && text.length < 40; c++) {
        unsigned char byte = (unsigned char)*c;
        bool plain = byte < 0x80 && isalnum(byte);
        if (text.length == 0 && !(plain && isalpha(byte)))
            text_puts(&text, node->tensor ? "param_" : "layer_");
        if (plain)
            text_putc(&text, (char)(text.length ? byte : tolower(byte)));
        else if (text.bytes[text.length - 1] != '_')
            text_putc(&text, '_');
    }
    const char *base =
        arena_strndup(starter->arena, text.bytes ? text.bytes : "p", text.bytes ? text.length : 1);
    text_deinit(&text);
    const char *identifier = base;
    for (int i = parent->children.count;
         !starter_is_member_name(identifier) || !identifier_is_free(parent, identifier); i++)
        identifier = arena_printf(starter->arena, "%s_%d", base, i);
    return identifier;
}

/* Patterns give '*' and '{' a meaning of their own. */
static bool fits_a_pattern(const char *path) { return !strpbrk(path, "*{}") && path[0]; }

static void leave_out(Starter *starter, const Node *node) {
    if (node->tensor) vector_push(starter->arena, &starter->left_out, node->tensor);
    for (int i = 0; i < node->children.count; i++) leave_out(starter, node->children.items[i]);
}

static bool is_left_out(const Node *node) {
    if (!node->tensor) return false;
    for (int i = 0; i < node->tensor->rank; i++)
        if (node->tensor->dims[i] == 0) return true;
    return false;
}

/* |child| will be a member of the root, bound by its whole path. */
static void hoist(Starter *starter, Node *child) {
    if (fits_a_pattern(child->path) && starter->hoisted.count < HOISTED_MAX) {
        child->from = child->path;
        vector_push(starter->arena, &starter->hoisted, child);
    } else {
        leave_out(starter, child);
        child->children.count = 0;
    }
}

static void place_hoisted(Starter *starter) {
    for (int i = 0; i < starter->hoisted.count; i++) {
        Node *node = starter->hoisted.items[i];
        node->identifier = make_identifier(starter, starter->root, node);
        vector_push(starter->arena, &starter->root->children, node);
    }
}

/* Of equal names, a tensor comes before the node that it is also the prefix of. */
static int compare_names(const void *a, const void *b) {
    const Node *x = *(Node *const *)a, *y = *(Node *const *)b;
    int order = strcmp(x->name, y->name);
    return order ? order : (x->tensor == NULL) - (y->tensor == NULL);
}

/* Counters of training steps are of no use here. */
static bool is_ignored(const Node *node) {
    return node->tensor && strcmp(node->name, "num_batches_tracked") == 0;
}

static void drop_useless(Starter *starter, Node *node) {
    int kept = 0;
    for (int i = 0; i < node->children.count; i++) {
        Node *child = node->children.items[i];
        if (is_left_out(child))
            leave_out(starter, child);
        else if (!is_ignored(child))
            node->children.items[kept++] = child;
    }
    node->children.count = kept;
}

/* Recognizes layers; in other nodes keeps the children whose names can be members' and do not occur twice. */
static void sift(Starter *starter, Node *node, bool in_sequence) {
    drop_useless(starter, node);
    starter_recognize(starter, node, in_sequence);
    if (node->kind != NODE_BLOCK || node->children.count == 0) return;
    bool sequence = is_sequence(node);
    int count = node->children.count;
    Node **children = node->children.items;
    qsort(children, (size_t)count, sizeof *children, compare_names);
    node->children.items = NULL;
    node->children.count = node->children.capacity = 0;
    for (int i = 0; i < count; i++) {
        Node *child = children[i];
        bool twice = i + 1 < count && strcmp(child->name, children[i + 1]->name) == 0;
        bool member = !twice && (sequence || starter_is_member_name(child->name));
        if (member)
            vector_push(starter->arena, &node->children, child);
        else
            hoist(starter, child);
        if (!child->tensor) sift(starter, child, member && sequence);
    }
    if (sequence && node->children.count) node->kind = NODE_SEQUENCE;
}

/* Drops nodes that lost all their children. */
static void prune(Node *node) {
    int kept = 0;
    for (int i = 0; i < node->children.count; i++) {
        Node *child = node->children.items[i];
        if (child->kind == NODE_BLOCK || child->kind == NODE_SEQUENCE) prune(child);
        if (child->tensor || child->children.count) node->children.items[kept++] = child;
    }
    node->children.count = kept;
}

/* "module.conv1.weight", "c1.c1.c1.weight": a chain of only children becomes one layer of the root. */
static void shorten_chains(Starter *starter) {
    Node *root = starter->root;
    for (int i = 0; i < root->children.count; i++) {
        Node *node = root->children.items[i];
        while (node->kind == NODE_BLOCK && node->children.count == 1 && !node->children.items[0]->tensor &&
               fits_a_pattern(node->children.items[0]->path))
            node = node->children.items[0];
        if (node == root->children.items[i]) continue;
        const char *name = root->children.items[i]->identifier;
        node->identifier = name;
        node->from = node->path;
        root->children.items[i] = node;
    }
}

/* A single block at the root is only a prefix of all names: its members become the root's. */
static void open_single_block(Starter *starter) {
    Node *root = starter->root;
    while (root->children.count == 1 && root->children.items[0]->kind == NODE_BLOCK &&
           !root->children.items[0]->tensor) {
        Node *only = root->children.items[0];
        bool layers = false;
        for (int i = 0; i < only->children.count; i++) layers |= only->children.items[i]->tensor == NULL;
        if (!layers || !fits_a_pattern(only->path)) return;
        root->children.items = only->children.items;
        root->children.count = root->children.capacity = only->children.count;
        for (int i = 0; i < root->children.count; i++)
            root->children.items[i]->from = root->children.items[i]->path;
    }
}

void starter_build_tree(Starter *starter, const WeightsFile *file) {
    Node *root = starter->root = node_create(starter, "", "", NULL);
    add_range(starter, root, file->tensors, file->count, 0, 0);
    Node *wrapped = is_sequence(root) ? node_create(starter, "layers", "", NULL) : NULL;
    if (wrapped) {
        wrapped->children.items = root->children.items;
        wrapped->children.count = wrapped->children.capacity = root->children.count;
        wrapped->from = "*";
        root->children.items = NULL;
        root->children.count = root->children.capacity = 0;
        vector_push(starter->arena, &root->children, wrapped);
    }
    sift(starter, root, false);
    place_hoisted(starter);
    prune(root);
    if (wrapped) return;
    open_single_block(starter);
    shorten_chains(starter);
}

/* ---- Order ---- */

/* The last number in a name; INT_MAX without one. */
static int number_in(const char *name) {
    size_t end = strlen(name);
    while (end && !isdigit((unsigned char)name[end - 1])) end--;
    size_t start = end;
    while (start && end - start < 8 && isdigit((unsigned char)name[start - 1])) start--;
    return end ? atoi(name + start) : INT_MAX;
}

static bool begins_with_any(const char *name, const char *const *starts, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strncasecmp(name, starts[i], strlen(starts[i])) == 0) return true;
    return false;
}

static bool contains_any(const char *name, const char *const *parts, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (name_contains(name, parts[i])) return true;
    return false;
}

static int stage_of(const Node *node) {
    static const char *const first[] = {"emb", "stem", "patch", "tok", "wte", "input", "proj_in", "enc"};
    static const char *const last[] = {"fc", "out", "linear", "dense", "final", "pred"};
    static const char *const last_inside[] = {"head", "classifier", "logits", "_out", "out_proj"};
    if (node->kind == NODE_PARAM) return 0;
    if (node->kind == NODE_EMBEDDING) return 1;
    if (contains_any(node->name, last_inside, sizeof last_inside / sizeof *last_inside)) return 4;
    if (begins_with_any(node->name, last, sizeof last / sizeof *last)) return 4;
    return begins_with_any(node->name, first, sizeof first / sizeof *first) ||
                   name_contains(node->name, "emb")
               ? 2
               : 3;
}

/* Within a number: conv1, bn1, layer1. */
static int role_of(const Node *node) {
    if (node->kind == NODE_BLOCK || node->kind == NODE_SEQUENCE) return 2;
    return node->kind == NODE_BATCH_NORM || node->kind == NODE_LAYER_NORM;
}

static int compare_calls(const void *a, const void *b) {
    const Node *x = *(Node *const *)a, *y = *(Node *const *)b;
    int index_x, index_y;
    if (starter_is_index(x->name, &index_x) && starter_is_index(y->name, &index_y)) return index_x - index_y;
    if (stage_of(x) != stage_of(y)) return stage_of(x) - stage_of(y);
    if (x->number != y->number) return x->number < y->number ? -1 : 1;
    if (role_of(x) != role_of(y)) return role_of(x) - role_of(y);
    return strcmp(x->identifier, y->identifier);
}

/* "dense" is the first of "dense", "dense_1"; "linear" alone has no number. */
static void set_numbers(Node *node) {
    for (int i = 0; i < node->children.count; i++) {
        Node *child = node->children.items[i];
        child->number = number_in(child->name);
        size_t length = strlen(child->name);
        const char *next = i + 1 < node->children.count ? node->children.items[i + 1]->name : "";
        if (child->number < INT_MAX || strncmp(next, child->name, length) != 0) continue;
        next += length + (next[length] == '_');
        if (isdigit((unsigned char)*next)) child->number = 0;
    }
}

void starter_order(Node *node) {
    if (node->children.count == 0) return;
    set_numbers(node);
    qsort(node->children.items, (size_t)node->children.count, sizeof *node->children.items, compare_calls);
}
