/* transform_convolutions: 3x3 and 5x5 convolutions of stride 1 become Winograd's, where that is cheaper and
 * precise enough. before   %1 = conv %x, @w, @b {padding = [1, 1, 1, 1]} after    const @w.winograd = recipe
 * { G w Gt in f64 } %1 = winograd %x, @w.winograd, @b {tile = [6, 6], kernel = [3, 3], padding = [1, 1, 1,
 * 1]} Sound up to rounding: the two are equal in exact arithmetic; the error predicted for the layer stays in
 * the budget of
 * --numerics. Cost and error models, points and their sources are in ir/winograd.h and docs/performance.md.
 */
#include "passes/passes.h"

#include "ir/shapes/infer.h"
#include "ir/winograd.h"

#include <math.h>
#include <string.h>

typedef struct Layer {
    Op *conv;
    int64_t inputs, outputs, height, width; /* channels; extents of the result */
    int taps;
} Layer;

static int64_t extent(const Type *type, int axis) {
    int64_t value;
    return expr_is_constant(type->dims[axis], &value) ? value : 0;
}

/* Static maps of whole channel blocks, square odd kernels, one group. */
static bool describe(Op *conv, Layer *out) {
    const Type *x = &conv->operands[0]->type, *w = &conv->operands[1]->type, *y = &conv->results[0]->type;
    if (x->rank != 4 || w->rank != 4 || x->dtype != DTYPE_F32 || conv->operands[1]->kind != VALUE_CONSTANT)
        return false;
    *out = (Layer){conv, extent(x, 1), extent(y, 1), extent(y, 2), extent(y, 3), (int)extent(w, 2)};
    if (extent(w, 3) != out->taps || (out->taps != 3 && out->taps != 5) || op_int(conv, ATTR_GROUPS, 1) != 1)
        return false;
    for (int i = 0; i < 2; i++)
        if (op_int_at(conv, ATTR_STRIDE, i, 1) != 1 || op_int_at(conv, ATTR_DILATION, i, 1) != 1 ||
            op_int_at(conv, ATTR_INPUT_DILATION, i, 1) != 1)
            return false;
    return out->inputs >= 32 && out->outputs >= 32 && out->inputs % 16 == 0 && out->outputs % 16 == 0 &&
           out->height && out->width;
}

/* Seconds on one core of about 100 GFLOP/s and 17 GB/s: products or weights, whichever is longer, and the
 * transforms. */
static double cost(const Layer *layer, int m) {
    double n = m + layer->taps - 1, points = n * n;
    double tiles = ceil((double)layer->height / m) * ceil((double)layer->width / m);
    double products = 2 * points * tiles * (double)layer->inputs * (double)layer->outputs / 0.91e11;
    double weights = points * (double)layer->inputs * (double)layer->outputs * 4 / 17e9;
    double transforms =
        tiles * points * (double)(layer->inputs + layer->outputs) / 16 * 4.5e-10 * (n / 6) * 6;
    return fmax(products, weights) + transforms;
}

static double direct_cost(const Layer *layer) {
    double flops = 2.0 * layer->taps * layer->taps * (double)layer->inputs * (double)layer->outputs *
                   (double)(layer->height * layer->width);
    return flops / 0.95e11;
}

static int64_t chunk_for(int n) { return n >= 7 ? 64 : 128; }

/* The error budgets of --numerics, relative to the output's root mean square. */
static bool within_budget(const PassOptions *options, const Layer *layer, const Winograd *w,
                          double *out_error) {
    double terms = (double)layer->inputs,
           chunk = options->numerics == NUMERICS_FAST ? terms : (double)chunk_for(w->n);
    *out_error = 1.5 * winograd_error(w, terms, chunk);
    if (options->numerics == NUMERICS_FAST) return true;
    double direct = direct_error(terms * layer->taps * layer->taps);
    return *out_error <= (options->numerics == NUMERICS_EXACT ? 2.2 * 1.5 * direct : 5e-6);
}

typedef struct Candidate {
    int m; /* 0: direct */
    double time, error;
} Candidate;

static int candidates(const PassOptions *options, const Layer *layer, Candidate *out) {
    double terms = (double)layer->inputs * layer->taps * layer->taps;
    int count = 0;
    out[count++] = (Candidate){0, direct_cost(layer), direct_error(terms)};
    if (options->explain)
        text_printf(options->explanations, "convolution @%s: direct %.3f ms, error %.1e\n", layer->conv->path,
                    1e3 * out[0].time, out[0].error);
    for (int m = 2; m + layer->taps - 1 <= WINOGRAD_SIZE_MAX; m++) {
        Winograd w;
        Candidate candidate = {m, cost(layer, m), 0};
        if (!winograd_make(m, layer->taps, &w)) continue;
        bool precise = within_budget(options, layer, &w, &candidate.error);
        if (options->explain)
            text_printf(options->explanations, "convolution @%s: F(%d, %d) %.3f ms, error %.1e%s\n",
                        layer->conv->path, m, layer->taps, 1e3 * candidate.time, candidate.error,
                        precise ? "" : ", over the budget");
        if (precise) out[count++] = candidate;
    }
    return count;
}

/* The cheapest; of those that cost little more than it, the most precise, unless speed is all that counts. */
static int choose(const PassOptions *options, const Layer *layer) {
    Candidate all[WINOGRAD_SIZE_MAX];
    int count = candidates(options, layer, all);
    double least = all[0].time, slack = options->numerics == NUMERICS_FAST ? 1 : 1.08;
    for (int i = 1; i < count; i++)
        if (all[i].time < least) least = all[i].time;
    const Candidate *best = NULL;
    for (int i = 0; i < count; i++)
        if (all[i].time <= slack * least && (!best || all[i].error < best->error)) best = &all[i];
    return best->m;
}

/* ---- The rewrite ---- */

static Value *emit(Module *module, Op *before, OpKind kind, Value *a, Value *b, DType dtype) {
    Value *operands[2] = {a, b};
    Op *op = op_create(module, NULL, kind, operands, b ? 2 : 1, before->span, before->path);
    if (kind == OP_CAST) op_set_int(module, op, ATTR_DTYPE, dtype);
    op_insert_before(before, op);
    return infer_op(module, op) ? op->results[0] : NULL;
}

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

static void rewrite(Module *module, const Layer *layer, int m) {
    Op *conv = layer->conv;
    Winograd w;
    winograd_make(m, layer->taps, &w);
    Value *u = emit(module, conv, OP_CAST, conv->operands[1], NULL, DTYPE_F64);
    u = emit(module, conv, OP_MATMUL, u, matrix(module, &w, true, conv->span), DTYPE_NONE);
    u = emit(module, conv, OP_MATMUL, matrix(module, &w, false, conv->span), u, DTYPE_NONE);
    u = emit(module, conv, OP_CAST, u, NULL, DTYPE_F32);
    Value *operands[3] = {conv->operands[0], u, conv->operand_count > 2 ? conv->operands[2] : NULL};
    Op *op = op_create(module, NULL, OP_WINOGRAD, operands, conv->operand_count, conv->span, conv->path);
    int64_t tile[2] = {m, m}, kernel[2] = {layer->taps, layer->taps}, padding[4];
    for (int i = 0; i < 4; i++) padding[i] = op_int_at(conv, ATTR_PADDING, i, 0);
    op_set_ints(module, op, ATTR_TILE, tile, 2);
    op_set_ints(module, op, ATTR_KERNEL, kernel, 2);
    op_set_ints(module, op, ATTR_PADDING, padding, 4);
    op_insert_before(conv, op);
    if (!infer_op(module, op)) return;
    block_replace_uses(conv->parent, conv->results[0], op->results[0]);
    op_remove(conv);
}

bool pass_transform_convolutions(Module *module, const PassOptions *options) {
    if (options->exact_conv) return true;
    for (int i = 0; i < module->entries.count; i++) {
        module->current_entry = module->entries.items[i];
        for (Op *op = module->entries.items[i]->block->first, *next; op; op = next) {
            next = op->next;
            Layer layer;
            if (op->kind != OP_CONV || !describe(op, &layer)) continue;
            int m = choose(options, &layer);
            if (m) rewrite(module, &layer, m);
        }
    }
    module->current_entry = NULL;
    return pass_fold_constants(module, options);
}
