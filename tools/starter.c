#include "tools/starter_internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKET_COUNT = 4096, LISTED_MAX = 20 };

/* ---- Blocks ---- */

static uint32_t hash_text(const char *text) {
    uint32_t hash = 2166136261u;
    for (; *text; text++) hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash;
}

static bool block_name_is_free(const Starter *starter, const char *name) {
    for (int i = 0; i < starter->block_names.count; i++)
        if (strcmp(starter->block_names.items[i], name) == 0) return false;
    return true;
}

/* "layer1.0" gives Layer1Block, a second one Layer1Block2. */
static const char *make_block_name(Starter *starter, const Node *node) {
    Arena *arena = starter->arena;
    const char *path = arena_strdup(arena, node->path);
    for (char *dot; (dot = strrchr(path, '.')) && strspn(dot + 1, "0123456789") == strlen(dot + 1);) *dot = 0;
    const char *dot = strrchr(path, '.'), *base = starter_type_name(arena, dot ? dot + 1 : path);
    const char *name = arena_printf(arena, "%sBlock", base);
    int same = 0;
    for (int i = 0; i < starter->block_names.count; i++)
        same += strncmp(starter->block_names.items[i], name, strlen(name)) == 0;
    for (int i = same + 1; !block_name_is_free(starter, name); i++)
        name = arena_printf(arena, "%sBlock%d", base, i);
    vector_push(arena, &starter->block_names, name);
    return name;
}

static void write_type(Text *text, const TensorSource *tensor) {
    text_puts(text, dtype_text(tensor->dtype));
    for (int i = 0; i < tensor->rank; i++)
        text_printf(text, "%s%lld", i ? ", " : "[", (long long)tensor->dims[i]);
    if (tensor->rank) text_putc(text, ']');
}

static void write_from(Text *text, const Node *node) {
    if (node->foreign) {
        text_printf(text, " from %s", node->foreign);
    } else if (node->from) {
        text_puts(text, " from ");
        starter_write_string(text, node->from);
    }
}

static void write_member(Text *text, const Node *node) {
    if (node->kind == NODE_PARAM) {
        text_printf(text, "    param %s: ", node->identifier);
        write_type(text, node->tensor);
    } else if (node->repeated) {
        text_printf(text, "    layer %s[i in 0..%d] = %s", node->identifier, node->children.count,
                    node->constructor);
    } else {
        text_printf(text, "    layer %s = %s", node->identifier, node->constructor);
    }
    write_from(text, node);
    text_puts(text, ";\n");
}

static void write_members(Text *text, const Node *node) {
    for (int i = 0; i < node->children.count; i++) write_member(text, node->children.items[i]);
}

/* The name of a block with this body; a body that was there before is shared. */
static const char *block_for(Starter *starter, const Node *node, const char *body) {
    BlockText **bucket = &starter->known[hash_text(body) % BUCKET_COUNT];
    for (const BlockText *block = *bucket; block; block = block->next)
        if (strcmp(block->body, body) == 0) return block->name;
    BlockText *block = NEW(starter->arena, BlockText);
    *block = (BlockText){*bucket, arena_strdup(starter->arena, body), make_block_name(starter, node)};
    *bucket = block;
    text_printf(&starter->blocks, "block %s() {\n%s}\n\n", block->name, body);
    return block->name;
}

static void make_block(Starter *starter, Node *node) {
    Text body = {0};
    starter_order(node);
    starter_plan_calls(starter, node);
    for (int i = 0; i < node->children.count; i++) {
        Node *child = node->children.items[i];
        if (!child->constructor) child->constructor = starter_constructor(starter, child);
    }
    write_members(&body, node);
    text_puts(&body, "\n    forward(x) {\n");
    starter_write_calls(node, "        ", &body);
    text_puts(&body, "        return x;\n    }\n");
    node->constructor = arena_printf(starter->arena, "%s()", block_for(starter, node, body.bytes));
    text_deinit(&body);
}

/* ---- From the leaves up ---- */

static bool is_repeated(const Node *sequence) {
    int count = sequence->children.count, index;
    if (count < 2) return false;
    for (int i = 0; i < count; i++) {
        const Node *child = sequence->children.items[i];
        if (!starter_is_index(child->name, &index) || index != i) return false;
        if (strcmp(child->constructor, sequence->children.items[0]->constructor) != 0) return false;
    }
    return true;
}

static void finish_sequence(Starter *starter, Node *sequence, bool in_sequence) {
    starter_order(sequence);
    starter_plan_sequence(starter, sequence);
    for (int i = 0; i < sequence->children.count; i++) {
        Node *child = sequence->children.items[i];
        if (!child->constructor) child->constructor = starter_constructor(starter, child);
    }
    sequence->repeated = !in_sequence && is_repeated(sequence);
    sequence->constructor = starter_constructor(starter, sequence);
}

/* Constructors of leaves wait until their block knows how they are called: groups and dimensions follow from
 * it. */
static void finish_node(Starter *starter, Node *node, bool in_sequence) {
    if (node->kind != NODE_BLOCK && node->kind != NODE_SEQUENCE) return;
    for (int i = 0; i < node->children.count; i++)
        if (!node->children.items[i]->tensor)
            finish_node(starter, node->children.items[i], node->kind == NODE_SEQUENCE);
    if (node->kind == NODE_SEQUENCE) {
        finish_sequence(starter, node, in_sequence);
        return;
    }
    make_block(starter, node);
}

static void finish_root(Starter *starter) {
    Node *root = starter->root;
    for (int i = 0; i < root->children.count; i++)
        if (!root->children.items[i]->tensor) finish_node(starter, root->children.items[i], false);
    starter_order(root);
    starter_plan_calls(starter, root);
    for (int i = 0; i < root->children.count; i++) {
        Node *child = root->children.items[i];
        if (!child->constructor) child->constructor = starter_constructor(starter, child);
    }
}

/* ---- The file ---- */

static void write_head(Starter *starter, Text *out, const WeightsFile *file, const char *shown_path) {
    int64_t elements = 0;
    for (int i = 0; i < file->count; i++) {
        int64_t count = 1;
        for (int j = 0; j < file->tensors[i].rank; j++) count *= file->tensors[i].dims[j];
        elements += count;
    }
    text_printf(
        out,
        "// A start for a checkpoint of %d tensors, %lld numbers. Layers, sizes and names follow from it. "
        "Strides,\n"
        "// paddings, groups, activations and the order of calls do not: they are guesses to be corrected.\n",
        file->count, (long long)elements);
    for (int i = 0; i < starter->left_out.count && i < LISTED_MAX; i++) {
        text_puts(out, "// left out: ");
        starter_write_string(out, starter->left_out.items[i]->name);
        text_putc(out, ' ');
        write_type(out, starter->left_out.items[i]);
        text_putc(out, '\n');
    }
    if (starter->left_out.count > LISTED_MAX)
        text_printf(out, "// and %d more\n", starter->left_out.count - LISTED_MAX);
    text_puts(out, "weights from ");
    starter_write_string(out, shown_path);
    text_puts(out, ";\n");
}

/* The type of the entry's input, and the dims that it needs. */
static const char *input_text(Starter *starter, Flow in, const char **out_dims) {
    *out_dims = "dim N = 1..64;";
    if (in.kind == FLOW_IMAGE) {
        *out_dims = "dim N = 1..64, H = 32..512, W = 32..512;";
        return arena_printf(starter->arena, "x: f32[N, %lld, H, W]", (long long)in.width);
    }
    if (in.kind != FLOW_NONE && (in.kind != FLOW_FEATURES || in.sequence))
        *out_dims = "dim N = 1..64, T = 1..512;";
    if (in.kind == FLOW_TOKENS) return "x: i32[N, T]";
    if (in.kind == FLOW_SIGNAL)
        return arena_printf(starter->arena, "x: f32[N, %lld, T]", (long long)in.width);
    const char *middle = in.sequence ? "T, " : "";
    return arena_printf(starter->arena, "x: f32[N, %s%lld]", middle, (long long)(in.width ? in.width : 1));
}

static const char *stem_of(Arena *arena, const char *path) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    return arena_strndup(arena, name, dot ? (size_t)(dot - name) : strlen(name));
}

static void write_model(Starter *starter, Text *out, const char *weights_path) {
    const char *dims, *name = starter_type_name(starter->arena, stem_of(starter->arena, weights_path));
    const char *input = input_text(starter, starter->root->in, &dims);
    if (!*name || !starter_is_member_name(name)) name = "Model";
    text_printf(out, "%s\n\n", dims);
    if (starter->blocks.length) text_append(out, starter->blocks.bytes, starter->blocks.length);
    text_printf(out, "model %s {\n", name);
    write_members(out, starter->root);
    text_printf(out, "%s    entry run(%s) {\n", starter->root->children.count ? "\n" : "", input);
    starter_write_calls(starter->root, "        ", out);
    text_puts(out, "        return x;\n    }\n}\n");
}

static bool has_images(const WeightsFile *file) {
    for (int i = 0; i < file->count; i++)
        if (file->tensors[i].rank == 4) return true;
    return false;
}

/* ---- Paths ---- */

/* |path| as seen from the folder of |output_path|; the same path when that cannot be told. */
static const char *path_from(Arena *arena, const char *path, const char *output_path) {
    const char *slash = output_path ? strrchr(output_path, '/') : NULL;
    if (!slash || path[0] == '/') return path;
    const char *folder = arena_strndup(arena, output_path, (size_t)(slash - output_path) + 1);
    char here[PATH_MAX], there[PATH_MAX];
    if (!realpath(path, here) || !realpath(folder, there)) return path;
    size_t common = 0;
    for (size_t i = 0; here[i] && (here[i] == there[i] || (here[i] == '/' && !there[i])); i++)
        if (here[i] == '/') common = i + 1;
    const char *result = here + common;
    bool below = strlen(there) + 1 == common || strlen(there) + 1 < common;
    for (const char *c = below ? "" : there + common; *c; c = strchr(c, '/') ? strchr(c, '/') + 1 : "")
        result = arena_printf(arena, "../%s", result);
    return arena_strdup(arena, result);
}

int starter_write_to(Arena *arena, Diagnostics *diagnostics, const char *weights_path,
                     const char *output_path, Text *out) {
    WeightsFile *file = weights_open(arena, diagnostics, weights_path, (Span){0});
    if (!file) return 1;
    Starter starter = {.arena = arena, .has_images = has_images(file)};
    starter.known = NEW_ARRAY(arena, BlockText *, BUCKET_COUNT);
    starter_build_tree(&starter, file);
    finish_root(&starter);
    write_head(&starter, out, file, path_from(arena, weights_path, output_path));
    write_model(&starter, out, weights_path);
    text_deinit(&starter.blocks);
    return 0;
}

int starter_write(Arena *arena, Diagnostics *diagnostics, const char *weights_path, Text *out) {
    return starter_write_to(arena, diagnostics, weights_path, NULL, out);
}
