/* transform_convolutions: convolutions of 3 to 5 taps and stride 1 become Winograd's, where that is cheaper
 * and precise enough.
 *   before   %1 = conv %x, @w, @b {padding = [1, 1, 1, 1]}
 *   after    const @w.winograd = recipe { G w Gt in f64 }
 *            %1 = winograd %x, @w.winograd, @b {tile = [6, 6], kernel = [3, 3], padding = [1, 1, 1, 1]}
 * So do those with a stride and as many times the taps, whose blocks of pixels become channels before.
 *   before   %1 = conv %x, @w {stride = [2, 2], padding = [3, 3, 3, 3]}         7 x 7 taps, 3 channels
 *   after    %2 = space_to_depth %x {stride = [2, 2], padding = [3, 3, 3, 3]}
 *            %1 = winograd %2, @w.winograd {tile = [4, 4], kernel = [4, 4]}     12 channels
 * Sound up to rounding: the two are equal in exact arithmetic; the error predicted for the layer, from its
 * weights, stays in the budget of --numerics, and the transformed weights in that of --max-weights. Cost and
 * error models, points and their sources are in ir/winograd.h and docs/performance.md. */
#include "passes/convolution_cost.h"

#include "ir/shapes/infer.h"

#include <string.h>

/* ---- Choice ---- */

typedef struct Choice {
    ConvolutionLayer layer;
    int count, chosen;
    ConvolutionCandidate candidates[CONVOLUTION_CANDIDATES_MAX];
} Choice;

typedef struct Choices {
    VECTOR(Choice) items;
} Choices;

static void explain(const PassOptions *options, const Choice *choice) {
    if (!options->explain) return;
    for (int i = 0; i < choice->count; i++) {
        const ConvolutionCandidate *c = &choice->candidates[i];
        text_printf(options->explanations, "convolution @%s: ", choice->layer.conv->path);
        if (c->m)
            text_printf(options->explanations, "%sF(%d, %d)",
                        choice->layer.stride > 1 ? "space_to_depth, " : "", c->m, choice->layer.taps);
        else
            text_puts(options->explanations, "direct");
        text_printf(options->explanations, " %.3f ms, error %.1e%s%s\n", 1e3 * c->time, c->error,
                    c->precise ? "" : ", over the budget", i == choice->chosen ? ", chosen" : "");
    }
}

/* The cheapest whose weights grow by at most |growth_max|; of those that cost little more than it, the most
 * precise, unless speed is all that counts. */
static int choose(const PassOptions *options, const Choice *choice, int64_t growth_max) {
    double least = choice->candidates[0].time, slack = options->numerics == NUMERICS_FAST ? 1 : 1.08;
    int best = -1;
    for (int i = 1; i < choice->count; i++) {
        const ConvolutionCandidate *c = &choice->candidates[i];
        if (c->precise && c->growth <= growth_max && c->time < least) least = c->time;
    }
    for (int i = 0; i < choice->count; i++) {
        const ConvolutionCandidate *c = &choice->candidates[i];
        if (!c->precise || c->growth > growth_max || c->time > slack * least) continue;
        if (best < 0 || c->error < choice->candidates[best].error) best = i;
    }
    return best;
}

/* What the file of schedules asks for; false: it asks for what cannot be. */
static bool obey(Module *module, const ScheduleEntry *entry, Choice *choice) {
    for (int i = 0; i < choice->count; i++) {
        if (choice->candidates[i].m != entry->algorithm) continue;
        choice->chosen = i;
        return true;
    }
    diagnose_error(module->diagnostics, E0610, entry->span,
                   "@%s cannot be computed by F(%d, %d): there are no points for it", entry->path,
                   entry->algorithm, choice->layer.taps);
    return false;
}

/* Weights that several layers share count once for each. */
static int64_t total_growth(const Choices *choices) {
    int64_t total = 0;
    for (int i = 0; i < choices->items.count; i++)
        total += choices->items.items[i].candidates[choices->items.items[i].chosen].growth;
    return total;
}

/* Takes back, again and again, the choice that saves a byte at the least cost of time, until all fit the
 * budget. False: nothing can be taken back. */
static bool take_back_one(const PassOptions *options, Choices *choices) {
    Choice *cheapest = NULL;
    int smaller = 0;
    double least = 0;
    for (int i = 0; i < choices->items.count; i++) {
        Choice *choice = &choices->items.items[i];
        const ConvolutionCandidate *now = &choice->candidates[choice->chosen];
        int other = now->growth ? choose(options, choice, now->growth - 1) : -1;
        if (other < 0) continue;
        const ConvolutionCandidate *then = &choice->candidates[other];
        double price = (then->time - now->time) / (double)(now->growth - then->growth);
        if (cheapest && price >= least) continue;
        cheapest = choice;
        smaller = other;
        least = price;
    }
    if (cheapest) cheapest->chosen = smaller;
    return cheapest != NULL;
}

/* What is left of the budget in the end goes to the first that can use it. */
static void fit_budget(const PassOptions *options, Choices *choices) {
    int64_t budget = options->weights_bytes_max;
    if (budget < 0 || total_growth(choices) <= budget) return;
    while (total_growth(choices) > budget && take_back_one(options, choices)) continue;
    for (int i = 0; i < choices->items.count && total_growth(choices) <= budget; i++) {
        Choice *choice = &choices->items.items[i];
        int64_t left = budget - total_growth(choices);
        choice->chosen = choose(options, choice, choice->candidates[choice->chosen].growth + left);
    }
}

/* ---- The rewrite ---- */

static Op *begin(Module *module, Op *before, OpKind kind, Value *a, Value *b) {
    Value *operands[2] = {a, b};
    Op *op = op_create(module, NULL, kind, operands, b ? 2 : 1, before->span, before->path);
    op_insert_before(before, op);
    return op;
}

static Value *end(Module *module, Op *op) { return infer_op(module, op) ? op->results[0] : NULL; }

static Value *emit(Module *module, Op *before, OpKind kind, Value *a, Value *b) {
    return end(module, begin(module, before, kind, a, b));
}

static Value *cast(Module *module, Op *before, Value *value, DType dtype) {
    Op *op = begin(module, before, OP_CAST, value, NULL);
    op_set_int(module, op, ATTR_DTYPE, dtype);
    return end(module, op);
}

static Value *reshape(Module *module, Op *before, Value *value, const int64_t *extents, int rank) {
    const Expr *dims[RANK_MAX];
    for (int i = 0; i < rank; i++) dims[i] = expr_constant(module->exprs, extents[i]);
    Op *op = begin(module, before, OP_RESHAPE, value, NULL);
    op_set_exprs(module, op, ATTR_SHAPE, dims, rank);
    return end(module, op);
}

/* ---- Strides ---- */

static Value *blocks_of_input(Module *module, const ConvolutionLayer *layer) {
    Op *conv = layer->conv, *op = begin(module, conv, OP_SPACE_TO_DEPTH, conv->operands[0], NULL);
    int64_t stride[2] = {layer->stride, layer->stride}, padding[4];
    for (int i = 0; i < 2; i++) {
        padding[2 * i] = op_int_at(conv, ATTR_PADDING, 2 * i, 0);
        padding[2 * i + 1] = convolution_blocks_after(layer, i);
    }
    op_set_ints(module, op, ATTR_STRIDE, stride, 2);
    op_set_ints(module, op, ATTR_PADDING, padding, 4);
    return end(module, op);
}

/* w[O, C, k, k], with zeros behind for whole blocks, as [O, C * stride * stride, taps, taps]. */
static Value *blocks_of_weights(Module *module, const ConvolutionLayer *layer) {
    Op *conv = layer->conv, *op = begin(module, conv, OP_PAD, conv->operands[1], NULL);
    int64_t s = layer->stride, t = layer->taps, o = layer->outputs, c = layer->inputs / (s * s),
            more = t * s - layer->kernel;
    op_set_ints(module, op, ATTR_PADDING, (int64_t[]){0, 0, 0, 0, 0, more, 0, more}, 8);
    Value *split = reshape(module, conv, end(module, op), (int64_t[]){o, c, t, s, t, s}, 6);
    op = begin(module, conv, OP_PERMUTE, split, NULL);
    op_set_ints(module, op, ATTR_PERMUTATION, (int64_t[]){0, 1, 3, 5, 2, 4}, 6);
    return reshape(module, conv, end(module, op), (int64_t[]){o, layer->inputs, t, t}, 4);
}

/* ---- Products of transforms ---- */

static Value *matrix(Module *module, const Winograd *w, bool transposed, Span span) {
    const Expr *rows = expr_constant(module->exprs, transposed ? w->r : w->n);
    const Expr *columns = expr_constant(module->exprs, transposed ? w->n : w->r);
    const Expr *dims[2] = {rows, columns};
    Constant *constant = constant_create(module, CONSTANT_INLINE, transposed ? "winograd.gt" : "winograd.g",
                                         type_make(DTYPE_F64, 2, dims), span);
    constant->floats = NEW_ARRAY(module->arena, double, w->n * w->r);
    for (int i = 0; i < w->n; i++)
        for (int k = 0; k < w->r; k++)
            constant->floats[transposed ? k * w->n + i : i * w->r + k] = w->g[i][k];
    return constant->value;
}

static void rewrite(Module *module, const ConvolutionLayer *layer, int m) {
    Op *conv = layer->conv;
    Winograd w;
    winograd_make(m, layer->taps, &w);
    bool strided = layer->stride > 1;
    Value *x = strided ? blocks_of_input(module, layer) : conv->operands[0];
    Value *u = strided ? blocks_of_weights(module, layer) : conv->operands[1];
    u = emit(module, conv, OP_MATMUL, cast(module, conv, u, DTYPE_F64), matrix(module, &w, true, conv->span));
    u = emit(module, conv, OP_MATMUL, matrix(module, &w, false, conv->span), u);
    Value *operands[3] = {x, cast(module, conv, u, DTYPE_F32),
                          conv->operand_count > 2 ? conv->operands[2] : NULL};
    Op *op = op_create(module, NULL, OP_WINOGRAD, operands, conv->operand_count, conv->span, conv->path);
    int64_t tile[2] = {m, m}, kernel[2] = {layer->taps, layer->taps}, padding[4];
    for (int i = 0; i < 4; i++) padding[i] = strided ? 0 : op_int_at(conv, ATTR_PADDING, i, 0);
    op_set_ints(module, op, ATTR_TILE, tile, 2);
    op_set_ints(module, op, ATTR_KERNEL, kernel, 2);
    op_set_ints(module, op, ATTR_PADDING, padding, 4);
    op_insert_before(conv, op);
    if (!infer_op(module, op)) return;
    block_replace_uses(conv->parent, conv->results[0], op->results[0]);
    op_remove(conv);
}

/* ---- All ---- */

static bool consider(Module *module, const PassOptions *options, Choices *choices, Op *op) {
    Choice choice = {.count = 0};
    bool possible = convolution_describe(op, &choice.layer);
    const ScheduleEntry *entry = schedule_file_find(options->schedules, module->arena, op);
    bool ordered = entry && entry->has_algorithm;
    if (ordered && entry->algorithm && !possible) {
        diagnose_error(module->diagnostics, E0610, entry->span,
                       "@%s can only be computed directly: F(m, taps) needs constant square kernels of 3 to "
                       "5 taps (times the stride), static extents, at least 12 input channels (times the "
                       "square of the stride), and at least 32 output channels in whole blocks of 16",
                       entry->path);
        return false;
    }
    if (!possible || (options->exact_conv && !ordered)) return true;
    choice.count = convolution_candidates(options, &choice.layer, choice.candidates);
    choice.chosen = choose(options, &choice, INT64_MAX);
    if (ordered && !obey(module, entry, &choice)) return false;
    if (ordered) {
        choice.candidates[0] = choice.candidates[choice.chosen];
        choice.count = 1;
        choice.chosen = 0;
    }
    vector_push(module->arena, &choices->items, choice);
    return true;
}

static bool consider_block(Module *module, const PassOptions *options, Choices *choices, Block *block) {
    bool good = true;
    for (Op *op = block->first; op; op = op->next) {
        if (op->kind == OP_CONV) good &= consider(module, options, choices, op);
        if (op->body) good &= consider_block(module, options, choices, op->body);
    }
    return good;
}

bool pass_transform_convolutions(Module *module, const PassOptions *options) {
    Choices choices = {0};
    bool good = true;
    for (int i = 0; i < module->entries.count; i++)
        good &= consider_block(module, options, &choices, module->entries.items[i]->block);
    fit_budget(options, &choices);
    for (int i = 0; i < choices.items.count; i++) {
        const Choice *choice = &choices.items.items[i];
        explain(options, choice);
        if (choice->candidates[choice->chosen].m)
            rewrite(module, &choice->layer, choice->candidates[choice->chosen].m);
    }
    return pass_fold_constants(module, options) && good;
}
