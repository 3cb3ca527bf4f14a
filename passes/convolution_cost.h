/* What a convolution costs, and how exact it is, by each algorithm that can compute it. */
#ifndef TENON_PASSES_CONVOLUTION_COST_H
#define TENON_PASSES_CONVOLUTION_COST_H

#include "ir/winograd.h"
#include "passes/passes.h"

typedef struct ConvolutionLayer {
    Op *conv;
    int64_t inputs, outputs, height, width; /* channels; extents of the result */
    int taps;
} ConvolutionLayer;

/* Whether Winograd's algorithms may compute |conv|: a static map, constant square kernels of 3 or 5 taps,
 * stride 1, one group, at least 32 channels in whole blocks of 16. */
bool convolution_describe(Op *conv, ConvolutionLayer *out);

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
