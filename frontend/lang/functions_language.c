/* Functions of compile-time values, and Sequential. */
#include "frontend/lang/functions_internal.h"

#include <string.h>

static Datum rank_of(BuiltinCall *call) {
    Datum x = call->values[0];
    if (datum_is_scalar(x)) return datum_integer(0);
    Value *value = builtin_tensor(call, 0);
    return value ? datum_integer(value->type.rank) : POISON;
}

static Datum dtype_of(BuiltinCall *call) {
    Value *value = builtin_tensor(call, 0);
    return value ? (Datum){.kind = DATUM_DTYPE, .dtype = value->type.dtype} : POISON;
}

static Datum shape_of(BuiltinCall *call) {
    Value *value = builtin_tensor(call, 0);
    if (!value) return POISON;
    Datum extents[RANK_MAX];
    for (int i = 0; i < value->type.rank; i++) extents[i] = datum_extent(value->type.dims[i]);
    return datum_list(call->b->arena, DATUM_LIST, extents, value->type.rank);
}

static Datum length_of(BuiltinCall *call) {
    Datum x = call->values[0];
    if (x.kind == DATUM_LIST || x.kind == DATUM_TUPLE) return datum_integer(x.items->count);
    if (x.kind == DATUM_LAYERS) return datum_integer(x.layers->count);
    if (x.kind == DATUM_TENSOR && x.tensor->type.rank) return datum_extent(x.tensor->type.dims[0]);
    return build_fail(call->b, E0203, call->spans[0], "len takes a list or a tensor with axes, found %s",
                      datum_type_text(call->b->arena, x));
}

/* sizes(v, n): a list as it is, if it has n elements; a single value n times. */
static Datum sizes(BuiltinCall *call) {
    Datum value = call->values[0];
    int64_t count;
    if (!builtin_integer(call, 1, &count)) return POISON;
    bool is_list = value.kind == DATUM_LIST || value.kind == DATUM_TUPLE;
    if (count < 0 || count > 64 || (is_list && value.items->count != count))
        return build_fail(call->b, E0202, call->spans[0], "expected one number or a list of %lld, found %s",
                          (long long)count, datum_text(call->b->arena, value));
    if (is_list) return value;
    Datum items[64];
    for (int i = 0; i < count; i++) items[i] = value;
    return datum_list(call->b->arena, DATUM_LIST, items, (int)count);
}

static Datum is_list(BuiltinCall *call) { return datum_bool(call->values[0].kind == DATUM_LIST); }

static Datum require(BuiltinCall *call) {
    bool holds;
    const char *message;
    if (!builtin_bool(call, 0, &holds) || !builtin_string(call, 1, &message)) return POISON;
    if (holds) return NONE;
    call->b->frame->returned = true; /* with poison: the function cannot go on */
    return build_fail(call->b, E0227, call->span, "%s", message);
}

/* Sequential(a, [b, c]) has the members a, b and c. */
static Datum sequential(BuiltinCall *call) {
    int count = 0;
    for (int i = 0; i < call->rest_count; i++)
        count += call->rest[i].kind == DATUM_LIST ? call->rest[i].items->count : 1;
    CallArgument *arguments = NEW_ARRAY(call->b->arena, CallArgument, count + 1);
    int filled = 0;
    for (int i = 0; i < call->rest_count; i++) {
        bool listed = call->rest[i].kind == DATUM_LIST;
        const Datum *items = listed ? call->rest[i].items->items : &call->rest[i];
        int end = filled + (listed ? call->rest[i].items->count : 1);
        while (filled < end)
            arguments[filled++] = (CallArgument){.value = *items++, .span = call->rest_spans[i]};
    }
    Call given = {call->span, count, arguments};
    return spec_create(call->b, NULL, &given);
}

const Builtin functions_language[] = {
    {"rank", "x", rank_of, 0},
    {"dtype", "x", dtype_of, 0},
    {"shape", "x", shape_of, 0},
    {"len", "x", length_of, 0},
    {"sizes", "value, count", sizes, 0},
    {"is_list", "value", is_list, 0},
    {"require", "condition, message", require, 0},
    {"Sequential", "layers...", sequential, 0},
    {0},
};

const Builtin *const builtin_tables[] = {functions_compute, functions_move, functions_window,
                                         functions_language, NULL};
