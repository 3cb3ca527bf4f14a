/* The weights section: constants one after the other, each evaluated when its turn comes, so that memory
 * holds one at a time. Padding lanes and halos are +0. */
#include "backend/backend.h"

#include "ir/eval/eval.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOB_ALIGN = 64, PIECE_BYTES = 1 << 20 };

BlobPlan *blob_plan(const LoopModule *module) {
    BlobPlan *plan = NEW(module->arena, BlobPlan);
    plan->count = module->constants.count;
    plan->buffers = module->constants.items;
    plan->offsets = NEW_ARRAY(module->arena, int64_t, plan->count + 1);
    for (int i = 0; i < plan->count; i++) {
        plan->offsets[i] = plan->bytes;
        /* One vector beyond the end may be read, never used. */
        plan->bytes += (buffer_bytes_max(plan->buffers[i]) + 2 * BLOB_ALIGN - 1) / BLOB_ALIGN * BLOB_ALIGN;
    }
    return plan;
}

int64_t blob_offset(const BlobPlan *plan, const Buffer *buffer) {
    for (int i = 0; i < plan->count; i++)
        if (plan->buffers[i] == buffer) return plan->offsets[i];
    return -1;
}

/* Where the elements of a constant come from: raw bytes in some order, or an evaluated tensor. */
typedef struct ElementSource {
    const TensorSource *raw; /* NULL: |tensor| */
    const Tensor *tensor;
    int64_t strides[RANK_MAX]; /* of each axis of the constant, in elements of the source */
} ElementSource;

static void row_major_strides(int rank, const int64_t *dims, int64_t *out_strides) {
    int64_t stride = 1;
    for (int i = rank - 1; i >= 0; i--) {
        out_strides[i] = stride;
        stride *= dims[i];
    }
}

/* Weights, possibly relaid, are copied straight from the mapped file; everything else is evaluated. */
static ElementSource element_source(Arena *arena, const Constant *constant, Span *out_bad) {
    const Constant *origin = constant;
    ElementSource source = {0};
    (void)out_bad;
    if (constant->kind == CONSTANT_RECIPE) {
        const Op *only = constant->recipe->first;
        if (only && only->kind == OP_RELAYOUT && only->next == constant->recipe->last &&
            only->operands[0]->kind == VALUE_CONSTANT)
            origin = only->operands[0]->constant;
    }
    if (origin->kind == CONSTANT_WEIGHTS && origin->source->bytes) {
        int64_t strides[RANK_MAX];
        source.raw = origin->source;
        row_major_strides(origin->source->rank, origin->source->dims, strides);
        for (int i = 0; i < origin->value->type.rank; i++)
            source.strides[i] = strides[origin->permuted ? origin->permutation[i] : i];
        return source;
    }
    EvalContext context = {.arena = arena};
    Tensor *tensor = eval_constant(&context, constant);
    source.tensor = tensor;
    row_major_strides(tensor->rank, tensor->dims, source.strides);
    return source;
}

static void store_element(const ElementSource *source, int64_t at, DType dtype, unsigned char *out) {
    if (source->raw && source->raw->dtype == dtype) {
        memcpy(out, (const unsigned char *)source->raw->bytes + (size_t)at * dtype_bytes(dtype),
               dtype_bytes(dtype));
    } else if (source->raw) {
        const unsigned char *bytes =
            (const unsigned char *)source->raw->bytes + (size_t)at * dtype_bytes(source->raw->dtype);
        if (dtype_is_float(dtype))
            dtype_store_float(dtype, out, dtype_load_float(source->raw->dtype, bytes));
        else
            dtype_store_integer(dtype, out, dtype_load_integer(source->raw->dtype, bytes));
    } else if (source->tensor->floats) {
        dtype_store_float(dtype, out, source->tensor->floats[at]);
    } else {
        dtype_store_integer(dtype, out, source->tensor->integers[at]);
    }
}

typedef struct Sink {
    int descriptor;
    int64_t offset;
    size_t used;
    unsigned char *bytes;
} Sink;

static bool sink_flush(Sink *sink) {
    size_t done = 0;
    while (done < sink->used) {
        ssize_t wrote =
            pwrite(sink->descriptor, sink->bytes + done, sink->used - done, sink->offset + (off_t)done);
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return false;
        done += (size_t)wrote;
    }
    sink->offset += (int64_t)sink->used;
    sink->used = 0;
    return true;
}

/* The logical index that a place of the memory holds, by axis; false: padding or halo. */
static bool logical_index(const Type *type, const int64_t *place, int64_t *out_index) {
    for (int i = 0; i < type->rank; i++) out_index[i] = 0;
    if (!type->layout) {
        memcpy(out_index, place, (size_t)type->rank * sizeof *place);
        return true;
    }
    for (int i = 0; i < type->layout->count; i++) {
        const Piece *piece = &type->layout->pieces[i];
        if (piece->kind == PIECE_DIV)
            out_index[piece->axis] += place[i] * piece->block;
        else if (piece->kind == PIECE_MOD)
            out_index[piece->axis] += place[i];
        else
            out_index[piece->axis] = place[i] - piece->halo_before;
    }
    for (int i = 0; i < type->rank; i++)
        if (out_index[i] < 0 || out_index[i] >= expr_value(type->dims[i])) return false;
    return true;
}

/* One stretch along the innermost physical axis: its first |count| places hold elements |stride| apart in the
 * source. */
static void store_run(const ElementSource *source, int64_t at, int64_t stride, int64_t count, DType dtype,
                      unsigned char *out) {
    size_t bytes = dtype_bytes(dtype);
    if (source->raw && source->raw->dtype == dtype && bytes == 4) {
        const unsigned char *from = (const unsigned char *)source->raw->bytes + (size_t)at * 4;
        for (int64_t i = 0; i < count; i++) memcpy(out + 4 * i, from + 4 * i * stride, 4);
        return;
    }
    for (int64_t i = 0; i < count; i++)
        store_element(source, at + i * stride, dtype, out + (size_t)i * bytes);
}

static bool write_constant(const Buffer *buffer, const ElementSource *source, Sink *sink) {
    const Type *type = &buffer->constant->value->type;
    size_t bytes = dtype_bytes(buffer->dtype);
    int last = buffer->rank - 1, axis = last < 0 ? 0 : type->layout ? type->layout->pieces[last].axis : last;
    int64_t place[BUFFER_RANK_MAX + 1] = {0}, index[RANK_MAX + 1], extents[BUFFER_RANK_MAX + 1] = {0};
    for (int i = 0; i <= last; i++) extents[i] = expr_value(buffer->extents[i]);
    int64_t run_max = PIECE_BYTES / 16, total = buffer_bytes_max(buffer) / (int64_t)bytes;
    int64_t stride = last < 0 ? 0 : source->strides[axis],
            limit = last < 0 ? 1 : expr_value(type->dims[axis]);
    for (int64_t done = 0; done < total;) {
        int64_t run = last < 0 ? 1 : extents[last] - place[last], held = 0, at = 0;
        if (run > run_max) run = run_max;
        if (logical_index(type, place, index)) {
            held = last < 0 || limit - index[axis] > run ? run : limit - index[axis];
            for (int i = 0; i < type->rank; i++) at += index[i] * source->strides[i];
        } else if (last >= 0 && index[axis] < 0) {
            run = 1; /* a halo before the elements */
        }
        if (sink->used + (size_t)run * bytes > PIECE_BYTES && !sink_flush(sink)) return false;
        unsigned char *out = sink->bytes + sink->used;
        store_run(source, at, stride, held, buffer->dtype, out);
        memset(out + (size_t)held * bytes, 0, (size_t)(run - held) * bytes);
        sink->used += (size_t)run * bytes;
        done += run;
        if (last < 0) continue;
        place[last] += run;
        for (int i = last; i > 0 && place[i] == extents[i]; i--) {
            place[i] = 0;
            place[i - 1]++;
        }
    }
    return sink_flush(sink);
}

bool blob_write(const LoopModule *module, const BlobPlan *plan, int descriptor, int64_t base,
                Diagnostics *diagnostics) {
    Sink sink = {.descriptor = descriptor, .bytes = malloc(PIECE_BYTES)};
    bool good = sink.bytes != NULL;
    (void)module;
    for (int i = 0; good && i < plan->count; i++) {
        Arena *arena = arena_create();
        Span bad = {0};
        ElementSource source = element_source(arena, plan->buffers[i]->constant, &bad);
        sink.offset = base + plan->offsets[i];
        good = write_constant(plan->buffers[i], &source, &sink);
        arena_destroy(arena);
    }
    free(sink.bytes);
    if (!good) diagnose_error(diagnostics, E0601, (Span){0}, "writing the weights: %s", strerror(errno));
    return good;
}
