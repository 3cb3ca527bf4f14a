/* Winograd's minimal filtering algorithms F(m, r): m outputs of a filter of r taps from m + r - 1 products,
 * generated from a table of points. Source: A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural
 * Networks" (2016); the construction is Toom and Cook's. Points are chosen for small errors at equal cost. */
#ifndef TENON_IR_WINOGRAD_H
#define TENON_IR_WINOGRAD_H

#include <stdbool.h>

enum { WINOGRAD_SIZE_MAX = 8 };

/* y = At [(G g) * (Bt d)], elementwise product of n values; At is [m][n], G [n][r], Bt [n][n]. Entries of Bt
 * and At are exact in f32. */
typedef struct Winograd {
    int m, r, n;
    double at[WINOGRAD_SIZE_MAX][WINOGRAD_SIZE_MAX];
    double g[WINOGRAD_SIZE_MAX][WINOGRAD_SIZE_MAX];
    double bt[WINOGRAD_SIZE_MAX][WINOGRAD_SIZE_MAX];
} Winograd;

/* False: there are no points for m + r - 1. */
bool winograd_make(int m, int r, Winograd *out);

/* How much rounding errors grow through the transforms, for weights without structure. */
double winograd_growth(const Winograd *w);
/* The same for filters whose transforms have the mean squares |energies|, relative to the mean of a filter's
 * sum of squares. */
double winograd_growth_of(const Winograd *w, double energies[WINOGRAD_SIZE_MAX][WINOGRAD_SIZE_MAX]);
/* The root mean square error of a layer relative to its output, for |terms| products per output summed in
 * chunks of |chunk|; and of a direct sum. A model fitted to measurements (docs/performance.md). */
double winograd_error(double growth, double terms, double chunk);
double direct_error(double terms);

#endif
