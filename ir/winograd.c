#include "ir/winograd.h"

#include <math.h>
#include <string.h>

/* The finite points of n - 1; the last point is infinity. */
static const struct {
    int n;
    double points[WINOGRAD_SIZE_MAX - 1];
} tables[] = {
    {3, {0, 1}},
    {4, {0, 1, -1}},
    {5, {0, -1, 0.5, 2}},
    {6, {0, 0.625, -0.625, 1.5, -1.5}},
    {7, {0, 0.5, 1, -0.75, -1.5, 2}},
    {8, {0, 0.5, -0.5, 1, -1, 2, -2}},
};

/* Coefficients of the product of (x - p) over all points but |skipped| (-1: none), lowest first. */
static void polynomial(const double *points, int count, int skipped, double *out) {
    memset(out, 0, WINOGRAD_SIZE_MAX * sizeof *out);
    out[0] = 1;
    int degree = 0;
    for (int i = 0; i < count; i++) {
        if (i == skipped) continue;
        degree++;
        for (int k = degree; k >= 0; k--)
            out[k] = (k ? out[k - 1] : 0) - points[i] * (k < degree ? out[k] : 0);
    }
}

bool winograd_make(int m, int r, Winograd *out) {
    int n = m + r - 1;
    const double *points = NULL;
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        if (tables[i].n == n) points = tables[i].points;
    if (!points || m < 1 || r < 2) return false;
    *out = (Winograd){.m = m, .r = r, .n = n};
    for (int j = 0; j < n - 1; j++) {
        double scale = 1;
        for (int l = 0; l < n - 1; l++)
            if (l != j) scale *= points[j] - points[l];
        for (int i = 0; i < m; i++) out->at[i][j] = pow(points[j], i);
        for (int k = 0; k < r; k++) out->g[j][k] = pow(points[j], k) / scale;
        polynomial(points, n - 1, j, out->bt[j]);
    }
    out->at[m - 1][n - 1] = 1;
    out->g[n - 1][r - 1] = 1;
    polynomial(points, n - 1, -1, out->bt[n - 1]);
    return true;
}

static double square_sum(const double *values, int count) {
    double sum = 0;
    for (int i = 0; i < count; i++) sum += values[i] * values[i];
    return sum;
}

/* Through one axis: mean over outputs of sum A^2 |G|^2 |B|^2 / r; the root of its square, for two. */
double winograd_growth(const Winograd *w) {
    double total = 0;
    for (int k = 0; k < w->m; k++)
        for (int i = 0; i < w->n; i++)
            total += w->at[k][i] * w->at[k][i] * square_sum(w->g[i], w->r) * square_sum(w->bt[i], w->n);
    return total / (w->m * w->r);
}

double winograd_growth_of(const Winograd *w, double energies[WINOGRAD_SIZE_MAX][WINOGRAD_SIZE_MAX]) {
    double spread[WINOGRAD_SIZE_MAX] = {0}, total = 0;
    for (int i = 0; i < w->n; i++) {
        for (int k = 0; k < w->m; k++) spread[i] += w->at[k][i] * w->at[k][i] / w->m;
        spread[i] *= square_sum(w->bt[i], w->n);
    }
    for (int i = 0; i < w->n; i++)
        for (int j = 0; j < w->n; j++) total += spread[i] * spread[j] * energies[i][j];
    return sqrt(total);
}

double winograd_error(double growth, double terms, double chunk) {
    double length = terms < chunk ? terms : chunk;
    return 1.85e-8 * growth * sqrt(0.70 * length + 2 * terms / length);
}

/* Chunks of 256, as in lower/convolution.c. */
double direct_error(double terms) {
    double length = terms < 256 ? terms : 256;
    return 1.85e-8 * sqrt(0.46 * length + 0.60 * terms / length);
}
