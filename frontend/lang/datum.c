#include "frontend/lang/builder_internal.h"
#include "frontend/lang/datum_internal.h"

#include <string.h>

Datum datum_integer(int64_t value) { return (Datum){.kind = DATUM_INTEGER, .integer = value}; }
Datum datum_float(double value) { return (Datum){.kind = DATUM_FLOAT, .real = value}; }
Datum datum_bool(bool value) { return (Datum){.kind = DATUM_BOOL, .truth = value}; }
Datum datum_string(const char *value) { return (Datum){.kind = DATUM_STRING, .string = value}; }

Datum datum_tensor(Value *value) { return value ? (Datum){.kind = DATUM_TENSOR, .tensor = value} : POISON; }

Datum datum_extent(const Expr *extent) {
    int64_t value;
    if (expr_is_constant(extent, &value)) return datum_integer(value);
    return (Datum){.kind = DATUM_EXTENT, .extent = extent};
}

Datum datum_list(Arena *arena, DatumKind kind, const Datum *items, int count) {
    Sequence *sequence = NEW(arena, Sequence);
    sequence->count = count;
    sequence->items = NEW_ARRAY(arena, Datum, count + 1);
    if (count) memcpy(sequence->items, items, (size_t)count * sizeof *items);
    sequence->depth = 1;
    for (int i = 0; i < count; i++) {
        bool is_list = items[i].kind == DATUM_LIST || items[i].kind == DATUM_TUPLE;
        if (is_list && items[i].items->depth >= sequence->depth) sequence->depth = items[i].items->depth + 1;
    }
    return (Datum){.kind = kind, .items = sequence};
}

bool datum_is(Datum datum, DatumKind kind) { return datum.kind == kind; }

bool datum_is_size(Datum datum) { return datum.kind == DATUM_INTEGER || datum.kind == DATUM_EXTENT; }

bool datum_is_scalar(Datum datum) {
    return datum_is_size(datum) || datum.kind == DATUM_FLOAT || datum.kind == DATUM_BOOL;
}

const char *datum_type_text(Arena *arena, Datum datum) {
    switch (datum.kind) {
    case DATUM_POISON: return "an unknown value";
    case DATUM_NONE: return "none";
    case DATUM_INTEGER: return "int";
    case DATUM_FLOAT: return "float";
    case DATUM_BOOL: return "bool";
    case DATUM_STRING: return "str";
    case DATUM_DTYPE: return "an element type";
    case DATUM_EXTENT: return "int";
    case DATUM_LIST: return "a list";
    case DATUM_TUPLE: return arena_printf(arena, "%d values", datum.items->count);
    case DATUM_TENSOR: return type_text(arena, &datum.tensor->type);
    case DATUM_LAYER: return "a layer";
    case DATUM_LAYERS: return "a list of layers";
    case DATUM_SPEC: return "a layer constructor's result";
    case DATUM_FUNCTION:
    case DATUM_BUILTIN: return "a function";
    case DATUM_BLOCK: return "a block";
    case DATUM_FILE: return "an imported file";
    }
    return "?";
}

static void datum_print(Text *text, Datum datum) {
    switch (datum.kind) {
    case DATUM_NONE: text_puts(text, "none"); break;
    case DATUM_INTEGER: text_printf(text, "%lld", (long long)datum.integer); break;
    case DATUM_FLOAT: text_double(text, datum.real); break;
    case DATUM_BOOL: text_puts(text, datum.truth ? "true" : "false"); break;
    case DATUM_STRING: text_quoted(text, datum.string); break;
    case DATUM_DTYPE: text_puts(text, dtype_text(datum.dtype)); break;
    case DATUM_EXTENT: expr_print(text, datum.extent); break;
    case DATUM_TENSOR: type_print(text, &datum.tensor->type); break;
    case DATUM_FUNCTION: text_puts(text, datum.closure->function->name.text); break;
    case DATUM_BUILTIN: text_puts(text, datum.builtin->name); break;
    case DATUM_BLOCK: text_puts(text, datum.block->item->name.text); break;
    case DATUM_LIST:
    case DATUM_TUPLE:
        text_putc(text, datum.kind == DATUM_LIST ? '[' : '(');
        for (int i = 0; i < datum.items->count; i++) {
            if (i) text_puts(text, ", ");
            datum_print(text, datum.items->items[i]);
        }
        text_putc(text, datum.kind == DATUM_LIST ? ']' : ')');
        break;
    default: text_puts(text, "...");
    }
}

const char *datum_text(Arena *arena, Datum datum) {
    Text text;
    text_init(&text);
    datum_print(&text, datum);
    char *copy = arena_strndup(arena, text.bytes, text.length);
    text_deinit(&text);
    return copy;
}
