/* contract: one element of the tile after the other, each over the whole nest. Which terms form a partial sum
 * is decided from the bounds of the ranges, as the generated code does. */
#include "ir/loops/eval_internal.h"

#include <math.h>

typedef struct Contraction {
    LoopEval *e;
    const LoopStatement *statement;
    DType dtype;
    bool straight;       /* both accesses move by constant strides along the innermost range */
    bool zero_a, zero_b; /* operands that read as 0: beyond the end of a tail */
} Contraction;

/* Elements of one operand along the innermost range. */
typedef struct Stream {
    const unsigned char *bytes;
    int64_t stride; /* bytes */
} Stream;

static const unsigned char zeros[8];

static bool is_straight(const Expr *expr, const Symbol *symbol) {
    if (expr->kind == EXPR_SYMBOL) return true;
    if (expr->kind != EXPR_SUM) return !expr_uses(expr, symbol);
    for (int i = 0; i < expr->term_count; i++) {
        int uses = 0;
        for (int j = 0; j < expr->terms[i].atom_count; j++) {
            const Expr *atom = expr->terms[i].atoms[j];
            if (atom->kind != EXPR_SYMBOL && expr_uses(atom, symbol)) return false;
            uses += atom->kind == EXPR_SYMBOL && atom->symbol == symbol;
        }
        if (uses > 1) return false;
    }
    return true;
}

static bool access_is_straight(const Access *access, const Symbol *symbol) {
    for (int i = 0; i < access->buffer->rank; i++)
        if (!is_straight(access->indices[i], symbol)) return false;
    return true;
}

/* Both ends are checked; what lies between them is inside, too. */
static Stream open_stream(const Contraction *c, const Access *access, bool zero, int64_t *k, int64_t low,
                          int64_t high) {
    if (zero) return (Stream){zeros, 0};
    *k = low;
    Stream stream = {eval_address(c->e, access), 0};
    if (high - low < 2 || !stream.bytes) return stream;
    *k = high - 1;
    const unsigned char *last = eval_address(c->e, access);
    if (last) stream.stride = (last - stream.bytes) / (high - 1 - low);
    return stream;
}

static float sum_f32(const Contraction *c, Stream a, Stream b, int64_t count, float sum) {
    bool fused = c->e->options.has_fma;
    for (int64_t i = 0; i < count; i++, a.bytes += a.stride, b.bytes += b.stride) {
        float x = (float)dtype_load_float(DTYPE_F32, a.bytes),
              y = (float)dtype_load_float(DTYPE_F32, b.bytes);
        if (fused) {
            sum = fmaf(x, y, sum);
        } else {
            float product = x * y;
            sum = product + sum;
        }
    }
    return sum;
}

static void add_terms(const Contraction *c, int64_t low, int64_t high, Scalar *sum) {
    const LoopStatement *s = c->statement;
    int64_t *k = eval_symbol(c->e, s->k[s->depth - 1].symbol);
    Stream a = open_stream(c, &s->a, c->zero_a, k, low, high),
           b = open_stream(c, &s->b, c->zero_b, k, low, high);
    if (c->e->status) return;
    if (c->dtype == DTYPE_F32) {
        sum->f = (double)sum_f32(c, a, b, high - low, (float)sum->f);
        return;
    }
    for (int64_t i = low; i < high; i++, a.bytes += a.stride, b.bytes += b.stride)
        *sum = eval_multiply_add(c->e, c->dtype, scalar_load(c->dtype, a.bytes),
                                 scalar_load(c->dtype, b.bytes), *sum);
}

/* The nest from |level| inward, that level from |low| to |high|. */
static void sum_nest(const Contraction *c, int level, int64_t low, int64_t high, Scalar *sum) {
    const LoopStatement *s = c->statement;
    bool innermost = level + 1 == s->depth || level + 1 == REDUCTION_DEPTH_MAX;
    if (innermost && c->straight) {
        if (low < high) add_terms(c, low, high, sum);
        return;
    }
    for (int64_t i = low; i < high && !c->e->status; i++) {
        *eval_symbol(c->e, s->k[level].symbol) = i;
        if (innermost) {
            add_terms(c, i, i + 1, sum);
            continue;
        }
        const Range *next = &s->k[level + 1];
        sum_nest(c, level + 1, eval_index(c->e, next->low), eval_index(c->e, next->high), sum);
    }
}

/* Steps of the outermost range that form one partial sum; 0: all of them. */
static int64_t steps_of_chunk(const LoopStatement *s) {
    int64_t inner = 1;
    for (int i = 1; i < s->depth; i++) {
        int64_t least = s->k[i].high->min - s->k[i].low->max, most = s->k[i].high->max - s->k[i].low->min;
        if (least != most || most < 1) return 0;
        inner *= most;
    }
    int64_t steps = s->chunk / inner;
    return s->k[0].high->max - s->k[0].low->min > steps ? steps : 0;
}

static Scalar sum_element(const Contraction *c, int64_t steps, const Scalar *initial) {
    const Range *outer = &c->statement->k[0];
    int64_t low = eval_index(c->e, outer->low), high = eval_index(c->e, outer->high);
    Scalar total = {0};
    if (!steps) {
        sum_nest(c, 0, low, high, &total);
        return initial ? eval_add(c->dtype, *initial, total) : total;
    }
    if (initial) total = *initial;
    for (int64_t at = low; at < high && !c->e->status; at += steps) {
        Scalar partial = {0};
        sum_nest(c, 0, at, at + steps < high ? at + steps : high, &partial);
        total = eval_add(c->dtype, total, partial);
    }
    return total;
}

void eval_contract(LoopEval *e, const LoopStatement *s) {
    const Tile *tile = s->tile;
    const Symbol *inner = s->k[s->depth - 1].symbol, *lane = e->module->lane;
    Contraction c = {.e = e, .statement = s, .dtype = tile->dtype};
    c.straight = access_is_straight(&s->a, inner) && access_is_straight(&s->b, inner);
    const Scalar *initial = s->operand_count && s->operands[0] ? eval_tile(e, s->operands[0]) : NULL;
    Scalar *results = eval_define(e, tile);
    int64_t steps = steps_of_chunk(s);
    int width = tile->vectors * tile->lanes;
    bool a_varies = access_varies(&s->a, lane), b_varies = access_varies(&s->b, lane);
    for (int r = 0; r < eval_rows(e, tile); r++)
        for (int l = 0; l < width && !e->status; l++) {
            bool exists = !e->masked || l < e->remaining;
            *e->row = r;
            *e->lane = l;
            c.zero_a = a_varies && !exists;
            c.zero_b = b_varies && !exists;
            results[r * width + l] = sum_element(&c, steps, initial ? &initial[r * width + l] : NULL);
        }
}
