#include "passes/convolution_cost.h"

#include <math.h>
#include <string.h>

enum { INPUTS_MIN = 12 };

static int64_t extent(const Type *type, int axis) {
    int64_t value;
    return expr_is_constant(type->dims[axis], &value) ? value : 0;
}

bool pools_pairs(const Op *op) {
    if ((op->kind != OP_MAX_POOL && op->kind != OP_AVG_POOL) || op->operands[0]->type.rank != 4) return false;
    for (int i = 0; i < 2; i++)
        if (op_int_at(op, ATTR_KERNEL, i, 1) != 2 || op_int_at(op, ATTR_STRIDE, i, 2) != 2 ||
            op_int_at(op, ATTR_DILATION, i, 1) != 1 || op_int_at(op, ATTR_PADDING, 2 * i, 0) ||
            op_int_at(op, ATTR_PADDING, 2 * i + 1, 0))
            return false;
    return op_attr(op, ATTR_KERNEL)->count == 2 && !op_int(op, ATTR_CEIL_MODE, 0);
}

/* The only op that reads |value|; NULL: there are several, or none of its block. */
static const Op *only_reader(const Value *value) {
    const Block *block = value->op->parent;
    const Op *found = NULL;
    if (block_count_uses(block, value) != 1) return NULL;
    for (const Op *op = value->op->next; op && !found; op = op->next)
        for (int i = 0; i < op->operand_count; i++)
            if (op->operands[i] == value) found = op;
    return found;
}

/* Whether pointwise work on the result of |conv| ends in a pooling that its tiles may hold. */
static bool is_pooled(const Op *conv) {
    const Op *op = only_reader(conv->results[0]);
    while (op && op_infos[op->kind].traits & OP_POINTWISE &&
           type_equal(&op->results[0]->type, &conv->results[0]->type))
        op = only_reader(op->results[0]);
    return op && pools_pairs(op);
}

int64_t convolution_blocks_after(const ConvolutionLayer *layer, int axis) {
    const Op *conv = layer->conv;
    int64_t blocks = extent(&conv->results[0]->type, 2 + axis) + layer->taps - 1;
    return blocks * layer->stride - extent(&conv->operands[0]->type, 2 + axis) -
           op_int_at(conv, ATTR_PADDING, 2 * axis, 0);
}

bool convolution_describe(Op *conv, ConvolutionLayer *out) {
    const Type *x = &conv->operands[0]->type, *w = &conv->operands[1]->type, *y = &conv->results[0]->type;
    if (x->rank != 4 || w->rank != 4 || x->dtype != DTYPE_F32 || conv->operands[1]->kind != VALUE_CONSTANT)
        return false;
    int stride = (int)op_int_at(conv, ATTR_STRIDE, 0, 1), kernel = (int)extent(w, 2);
    *out = (ConvolutionLayer){.conv = conv,
                              .inputs = extent(x, 1) * stride * stride,
                              .outputs = extent(y, 1),
                              .height = extent(y, 2),
                              .width = extent(y, 3),
                              .taps = (kernel + stride - 1) / stride,
                              .stride = stride,
                              .kernel = kernel,
                              .pooled = is_pooled(conv)};
    if (extent(w, 3) != kernel || out->taps < 3 || out->taps > 5 || op_int(conv, ATTR_GROUPS, 1) != 1)
        return false;
    for (int i = 0; i < 2; i++)
        if (op_int_at(conv, ATTR_STRIDE, i, 1) != stride || op_int_at(conv, ATTR_DILATION, i, 1) != 1 ||
            op_int_at(conv, ATTR_INPUT_DILATION, i, 1) != 1 ||
            (stride > 1 && convolution_blocks_after(out, i) < 0))
            return false;
    return out->inputs >= INPUTS_MIN && out->outputs >= 32 && out->outputs % 16 == 0 && out->height &&
           out->width;
}

/* ---- Time ---- */

/* Seconds on one core of about 100 GFLOP/s and 17 GB/s: products or weights, whichever is longer, the
 * transforms, and what brings the input into whole blocks of channels. */
static double winograd_time(const ConvolutionLayer *layer, int m) {
    double n = m + layer->taps - 1, points = n * n;
    double tiles = ceil((double)layer->height / m) * ceil((double)layer->width / m);
    double products = 2 * points * tiles * (double)layer->inputs * (double)layer->outputs / 0.91e11;
    double weights = points * (double)layer->inputs * (double)layer->outputs * 4 / 17e9;
    double lanes = ceil((double)layer->inputs / 16) * 16;
    double transforms = tiles * points * (lanes + (double)layer->outputs) / 16 * 4.5e-10 * (n / 6) * 6;
    bool copied = layer->stride > 1 || layer->inputs % 8 != 0;
    double copy = copied ? (double)(layer->height * layer->width) * lanes * 0.6e-9 : 0;
    /* A pooling stays outside of tiles of odd size: the map is stored and read. */
    double map = (double)(layer->outputs * layer->height * layer->width) * 4;
    double pool = layer->pooled && m % 2 ? 2 * map / 17e9 : 0;
    return fmax(products, weights) + transforms + copy + pool;
}

static double direct_terms(const ConvolutionLayer *layer) {
    double channels = (double)(layer->inputs / (layer->stride * layer->stride));
    return channels * layer->kernel * layer->kernel;
}

static double direct_time(const ConvolutionLayer *layer) {
    double sums = (double)layer->outputs * (double)(layer->height * layer->width);
    return 2.0 * direct_terms(layer) * sums / 0.95e11;
}

/* ---- Error ---- */

enum { FILTERS_MAX = 4096 }; /* looked at */

/* The weights as the user gave them, perhaps inside a recipe that scales each filter: the growth of errors
 * does not depend on a filter's scale. NULL: there are none to look at. */
static const TensorSource *weights_of(const Value *value) {
    const Constant *constant = value->constant;
    if (constant->kind == CONSTANT_WEIGHTS)
        return constant->source->bytes && !constant->permuted ? constant->source : NULL;
    for (const Op *op = constant->kind == CONSTANT_RECIPE ? constant->recipe->first : NULL; op;
         op = op->next) {
        for (int i = 0; i < op->operand_count; i++) {
            const Value *operand = op->operands[i];
            bool alike = operand->kind == VALUE_CONSTANT && operand->type.rank == value->type.rank;
            for (int j = 0; alike && j < value->type.rank; j++)
                alike = operand->type.dims[j] == value->type.dims[j];
            if (alike) return weights_of(operand);
        }
    }
    return NULL;
}

/* Adds the squares of G w Gt to |energies|; returns the sum of the squares of w. */
static double add_energies(const Winograd *w, const double *filter, double energies[][WINOGRAD_SIZE_MAX]) {
    double half[WINOGRAD_SIZE_MAX][WINOGRAD_SIZE_MAX], sum = 0;
    for (int i = 0; i < w->n; i++)
        for (int k = 0; k < w->r; k++) {
            half[i][k] = 0;
            for (int j = 0; j < w->r; j++) half[i][k] += w->g[i][j] * filter[j * w->r + k];
        }
    for (int i = 0; i < w->n; i++)
        for (int l = 0; l < w->n; l++) {
            double u = 0;
            for (int k = 0; k < w->r; k++) u += half[i][k] * w->g[l][k];
            energies[i][l] += u * u;
        }
    for (int i = 0; i < w->r * w->r; i++) sum += filter[i] * filter[i];
    return sum;
}

/* Filter |index|, counted over outputs, then the layer's inputs. */
static void read_filter(const ConvolutionLayer *layer, const TensorSource *source, int64_t index,
                        double *out) {
    int64_t stride = layer->stride, kernel = layer->kernel, map = index / (stride * stride),
            row = index / stride % stride, column = index % stride;
    for (int i = 0; i < layer->taps; i++)
        for (int j = 0; j < layer->taps; j++) {
            int64_t y = i * stride + row, x = j * stride + column, at = (map * kernel + y) * kernel + x;
            const char *bytes = (const char *)source->bytes + (size_t)at * dtype_bytes(source->dtype);
            *out++ = y < kernel && x < kernel ? dtype_load_float(source->dtype, bytes) : 0;
        }
}

/* From the layer's actual weights, where they are at hand. */
static double growth_of(const ConvolutionLayer *layer, const Winograd *w) {
    const TensorSource *source = weights_of(layer->conv->operands[1]);
    double energies[WINOGRAD_SIZE_MAX][WINOGRAD_SIZE_MAX] = {{0}}, total = 0, filter[25];
    int64_t filters = layer->inputs * layer->outputs, step = filters / FILTERS_MAX + 1;
    for (int64_t i = 0; source && i < filters; i += step) {
        read_filter(layer, source, i, filter);
        total += add_energies(w, filter, energies);
    }
    if (!(total > 0) || !isfinite(total)) return winograd_growth(w);
    for (int i = 0; i < w->n; i++)
        for (int j = 0; j < w->n; j++) energies[i][j] /= total;
    return winograd_growth_of(w, energies);
}

static int64_t chunk_for(int n) { return n >= 7 ? 64 : 128; }

/* The error budgets of --numerics, relative to the output's root mean square; 1.5 covers structured data. The
 * bound of exact is 2.2, of which the model's own inaccuracy takes a tenth. */
static bool within_budget(const PassOptions *options, const ConvolutionLayer *layer, double error) {
    double direct = direct_error(direct_terms(layer));
    if (options->numerics == NUMERICS_FAST) return true;
    return error <= (options->numerics == NUMERICS_EXACT ? 2.0 * 1.5 * direct : 5e-6);
}

int convolution_candidates(const PassOptions *options, const ConvolutionLayer *layer,
                           ConvolutionCandidate out[CONVOLUTION_CANDIDATES_MAX]) {
    double terms = (double)layer->inputs;
    int count = 0, taps = layer->taps;
    out[count++] = (ConvolutionCandidate){0, direct_time(layer), direct_error(direct_terms(layer)), 0, true};
    for (int m = 2; m + taps - 1 <= WINOGRAD_SIZE_MAX; m++) {
        Winograd w;
        if (!winograd_make(m, taps, &w)) continue;
        double chunk = options->numerics == NUMERICS_FAST ? terms : (double)chunk_for(w.n);
        ConvolutionCandidate *candidate = &out[count++];
        *candidate = (ConvolutionCandidate){m, winograd_time(layer, m), 0, 0, false};
        candidate->error = 1.5 * winograd_error(growth_of(layer, &w), terms, chunk);
        candidate->growth = (w.n * w.n * layer->inputs - (int64_t)direct_terms(layer)) * layer->outputs * 4;
        candidate->precise = within_budget(options, layer, candidate->error);
    }
    return count;
}
