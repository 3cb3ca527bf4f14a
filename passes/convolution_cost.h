/* What a convolution costs, and how exact it is, by each algorithm that can compute it. */
#ifndef TENON_PASSES_CONVOLUTION_COST_H
#define TENON_PASSES_CONVOLUTION_COST_H

#include "ir/winograd.h"
#include "passes/passes.h"

/* A layer as Winograd's algorithms see it. With |stride| above 1 they see what space_to_depth makes of it:
 * stride x stride pixels as channels, and as many fewer taps. */
typedef struct ConvolutionLayer {
    Op *conv;
    int64_t inputs, outputs, height, width; /* channels; extents of the result */
    int taps, stride, kernel;               /* kernel: the taps of |conv| itself */
    bool pooled;                            /* pools_pairs follows */
} ConvolutionLayer;

/* Windows of 2 x 2, one beside the other, all inside the map. */
bool pools_pairs(const Op *op);

/* Whether Winograd's algorithms may compute |conv|: a static map, constant square kernels of 3 to 5 taps (with
 * a stride, of as many times the stride), one group, at least 12 input and 32 output channels, these in whole
 * blocks of 16. */
bool convolution_describe(Op *conv, ConvolutionLayer *out);

/* The padding behind the map that completes the last block along spatial axis |axis|; negative: the layer
 * leaves so many of its elements unused. */
int64_t convolution_blocks_after(const ConvolutionLayer *layer, int axis);

typedef struct ConvolutionCandidate {
    int m;              /* F(m, taps); 0: direct */
    double time, error; /* predicted: seconds on one core; relative to the root mean square of the output */
    int64_t growth;     /* bytes by which the weights are larger */
    bool precise;       /* the error stays in the budget of --numerics */
} ConvolutionCandidate;

enum { CONVOLUTION_CANDIDATES_MAX = WINOGRAD_SIZE_MAX };

/* Returns how many; the direct one first. */
int convolution_candidates(const PassOptions *options, const ConvolutionLayer *layer,
                           ConvolutionCandidate out[CONVOLUTION_CANDIDATES_MAX]);

#endif
