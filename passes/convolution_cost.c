#include "passes/convolution_cost.h"

#include <math.h>
#include <string.h>

static int64_t extent(const Type *type, int axis) {
    int64_t value;
    return expr_is_constant(type->dims[axis], &value) ? value : 0;
}

bool convolution_describe(Op *conv, ConvolutionLayer *out) {
    const Type *x = &conv->operands[0]->type, *w = &conv->operands[1]->type, *y = &conv->results[0]->type;
    if (x->rank != 4 || w->rank != 4 || x->dtype != DTYPE_F32 || conv->operands[1]->kind != VALUE_CONSTANT)
        return false;
    *out =
        (ConvolutionLayer){conv, extent(x, 1), extent(y, 1), extent(y, 2), extent(y, 3), (int)extent(w, 2)};
    if (extent(w, 3) != out->taps || (out->taps != 3 && out->taps != 5) || op_int(conv, ATTR_GROUPS, 1) != 1)
        return false;
    for (int i = 0; i < 2; i++)
        if (op_int_at(conv, ATTR_STRIDE, i, 1) != 1 || op_int_at(conv, ATTR_DILATION, i, 1) != 1 ||
            op_int_at(conv, ATTR_INPUT_DILATION, i, 1) != 1)
            return false;
    return out->inputs >= 32 && out->outputs >= 32 && out->inputs % 16 == 0 && out->outputs % 16 == 0 &&
           out->height && out->width;
}

/* ---- Time ---- */

/* Seconds on one core of about 100 GFLOP/s and 17 GB/s: products or weights, whichever is longer, and the
 * transforms. */
static double winograd_time(const ConvolutionLayer *layer, int m) {
    double n = m + layer->taps - 1, points = n * n;
    double tiles = ceil((double)layer->height / m) * ceil((double)layer->width / m);
    double products = 2 * points * tiles * (double)layer->inputs * (double)layer->outputs / 0.91e11;
    double weights = points * (double)layer->inputs * (double)layer->outputs * 4 / 17e9;
    double transforms =
        tiles * points * (double)(layer->inputs + layer->outputs) / 16 * 4.5e-10 * (n / 6) * 6;
    return fmax(products, weights) + transforms;
}

static double direct_time(const ConvolutionLayer *layer) {
    double flops = 2.0 * layer->taps * layer->taps * (double)layer->inputs * (double)layer->outputs *
                   (double)(layer->height * layer->width);
    return flops / 0.95e11;
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

/* From the layer's actual weights, where they are at hand. */
static double growth_of(const ConvolutionLayer *layer, const Winograd *w) {
    const TensorSource *source = weights_of(layer->conv->operands[1]);
    double energies[WINOGRAD_SIZE_MAX][WINOGRAD_SIZE_MAX] = {{0}}, total = 0, filter[25];
    int64_t filters = layer->inputs * layer->outputs, taps = layer->taps * layer->taps;
    int64_t step = filters / FILTERS_MAX + 1;
    for (int64_t i = 0; source && i < filters; i += step) {
        for (int64_t j = 0; j < taps; j++)
            filter[j] =
                dtype_load_float(source->dtype, (const char *)source->bytes +
                                                    (size_t)(i * taps + j) * dtype_bytes(source->dtype));
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
    double direct = direct_error((double)layer->inputs * layer->taps * layer->taps);
    if (options->numerics == NUMERICS_FAST) return true;
    return error <= (options->numerics == NUMERICS_EXACT ? 2.0 * 1.5 * direct : 5e-6);
}

int convolution_candidates(const PassOptions *options, const ConvolutionLayer *layer,
                           ConvolutionCandidate out[CONVOLUTION_CANDIDATES_MAX]) {
    double terms = (double)layer->inputs;
    int count = 0, taps = layer->taps;
    out[count++] = (ConvolutionCandidate){0, direct_time(layer), direct_error(terms * taps * taps), 0, true};
    for (int m = 2; m + taps - 1 <= WINOGRAD_SIZE_MAX; m++) {
        Winograd w;
        if (!winograd_make(m, taps, &w)) continue;
        double chunk = options->numerics == NUMERICS_FAST ? terms : (double)chunk_for(w.n);
        ConvolutionCandidate *candidate = &out[count++];
        *candidate = (ConvolutionCandidate){m, winograd_time(layer, m), 0, 0, false};
        candidate->error = 1.5 * winograd_error(growth_of(layer, &w), terms, chunk);
        candidate->growth = (w.n * w.n - taps * taps) * layer->inputs * layer->outputs * 4;
        candidate->precise = within_budget(options, layer, candidate->error);
    }
    return count;
}
