#include "ir/eval/eval_internal.h"

#include "ir/winograd.h"

#include <string.h>

typedef double Square[WINOGRAD_SIZE_MAX][WINOGRAD_SIZE_MAX];

/* out = matrix in matrix^T, |rows| x |rows| from |size| x |size|. */
static void both_sides(const double (*matrix)[WINOGRAD_SIZE_MAX], int rows, int size, Square in, Square out) {
    Square half;
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < size; j++) {
            half[i][j] = 0;
            for (int k = 0; k < size; k++) half[i][j] += matrix[i][k] * in[k][j];
        }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < rows; j++) {
            out[i][j] = 0;
            for (int k = 0; k < size; k++) out[i][j] += half[i][k] * matrix[j][k];
        }
}

typedef struct Tiling {
    const Winograd *w;
    const Tensor *x, *u, *bias;
    Tensor *y;
    int64_t before[2];
} Tiling;

/* The input patch of tile (ty, tx), zeros outside the map. */
static void read_patch(const Tiling *t, int64_t batch, int64_t channel, int64_t ty, int64_t tx, Square out) {
    int64_t height = t->x->dims[2], width = t->x->dims[3];
    const double *map = t->x->floats + (batch * t->x->dims[1] + channel) * height * width;
    for (int i = 0; i < t->w->n; i++)
        for (int j = 0; j < t->w->n; j++) {
            int64_t h = ty * t->w->m + i - t->before[0], v = tx * t->w->m + j - t->before[1];
            out[i][j] = h >= 0 && h < height && v >= 0 && v < width ? map[h * width + v] : 0;
        }
}

static void eval_tile(const Tiling *t, Square *transformed, int64_t batch, int64_t output, int64_t ty,
                      int64_t tx) {
    int n = t->w->n, m = t->w->m;
    int64_t channels = t->x->dims[1], height = t->y->dims[2], width = t->y->dims[3];
    Square sum, result;
    memset(sum, 0, sizeof sum);
    for (int64_t c = 0; c < channels; c++) {
        const double *u = t->u->floats + (output * channels + c) * n * n;
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) sum[i][j] += u[i * n + j] * transformed[c][i][j];
    }
    both_sides(t->w->at, m, n, sum, result);
    double *map = t->y->floats + (batch * t->y->dims[1] + output) * height * width;
    for (int i = 0; i < m && ty * m + i < height; i++)
        for (int j = 0; j < m && tx * m + j < width; j++)
            map[(ty * m + i) * width + tx * m + j] = result[i][j] + (t->bias ? t->bias->floats[output] : 0);
}

void eval_WINOGRAD(EvalContext *context, const Op *op, Tensor *const *in, Tensor *const *out) {
    Winograd w;
    winograd_make((int)op_int_at(op, ATTR_TILE, 0, 1), (int)op_int_at(op, ATTR_KERNEL, 0, 1), &w);
    Tiling t = {&w,     in[0],
                in[1],  op->operand_count > 2 ? in[2] : NULL,
                out[0], {op_int_at(op, ATTR_PADDING, 0, 0), op_int_at(op, ATTR_PADDING, 2, 0)}};
    Square *transformed = NEW_ARRAY(context->arena, Square, t.x->dims[1] + 1);
    for (int64_t batch = 0; batch < t.x->dims[0]; batch++)
        for (int64_t ty = 0; ty * w.m < t.y->dims[2]; ty++)
            for (int64_t tx = 0; tx * w.m < t.y->dims[3]; tx++) {
                for (int64_t c = 0; c < t.x->dims[1]; c++) {
                    Square patch;
                    read_patch(&t, batch, c, ty, tx, patch);
                    both_sides(w.bt, w.n, w.n, patch, transformed[c]);
                }
                for (int64_t o = 0; o < t.y->dims[1]; o++) eval_tile(&t, transformed, batch, o, ty, tx);
            }
}
