#include "backend/header.h"
#include "backend/header_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* runtime/abi.h as text, made by the build. */
extern const struct {
    const char *name, *text;
} abi_files[];

enum { MACRO_COLUMNS = 42, FIXED_PARAMETERS = 4 };

typedef struct Writer {
    Text *text;
    Arena *arena; /* of this header alone */
    const HeaderDescription *description;
    const HeaderModel *model;
    const HeaderEntry *entry;
    const char *function; /* the entry's C name */
    Names macros;         /* of all models */
    Names parameters;     /* of the entry: FIXED_PARAMETERS, dims, inputs, outputs */
} Writer;

const char *header_c_type(DType dtype) {
    switch (dtype) {
    case DTYPE_F32: return "float";
    case DTYPE_F64: return "double";
    case DTYPE_F16:
    case DTYPE_BF16: return "uint16_t";
    case DTYPE_I8: return "int8_t";
    case DTYPE_I16: return "int16_t";
    case DTYPE_I32: return "int32_t";
    case DTYPE_I64: return "int64_t";
    case DTYPE_U8:
    case DTYPE_BOOL: return "uint8_t";
    case DTYPE_NONE:
    case DTYPE_COUNT: break;
    }
    abort();
}

typedef struct Status {
    const char *name, *text;
} Status;

/* Numbered as in runtime/abi.h. */
static const Status statuses[] = {
    {"TENON_OK", "success"},
    {"TENON_E_DIM", "a dim is outside its bounds"},
    {"TENON_E_SHAPE", "extents that must be equal are not"},
    {"TENON_E_NULL", "a required pointer is NULL"},
    {"TENON_E_ALIGN", "a pointer is not aligned as documented"},
    {"TENON_E_WORKSPACE", "the workspace is too small"},
    {"TENON_E_INDEX", "an index is outside its tensor"},
    {"TENON_E_CPU", "this CPU lacks what the network was compiled for"},
    {"TENON_E_ABI", "caller and network do not understand each other"},
    {"TENON_E_DIVIDE", "an integer was divided by zero"},
};
enum { STATUS_COUNT = sizeof statuses / sizeof *statuses };
static const char unknown_status[] = "unknown status";

const char *header_status_name(int status) {
    return status >= 0 && status < STATUS_COUNT ? statuses[status].name : NULL;
}

const char *header_status_text(int status) {
    return status >= 0 && status < STATUS_COUNT ? statuses[status].text : unknown_status;
}

static const char *dim_c_type(const Dim *dim) {
    return dim->symbol->max <= INT32_MAX ? "int32_t" : "int64_t";
}

/* ---- Macros ---- */

/* Begins a line: #define PREFIX_NAME, or with parameters PREFIX_NAME(N, T). */
static void put_macro(Writer *writer, const char *prefix, const char *name, const char *parameters) {
    const char *macro =
        arena_printf(writer->arena, "%s_%s", identifier_in_capitals(writer->arena, prefix), name);
    macro = names_add_unique(writer->arena, &writer->macros, macro);
    macro = arena_printf(writer->arena, "%s%s", macro, parameters);
    text_printf(writer->text, "#define %-*s ", MACRO_COLUMNS, macro);
}

static void put_size_macro(Writer *writer, const char *prefix, const char *name, size_t size) {
    put_macro(writer, prefix, name, "");
    c_unsigned_print(writer->text, size);
    text_putc(writer->text, '\n');
}

static CSymbols entry_symbols(const Writer *writer) {
    return (CSymbols){writer->entry->dim_count, writer->entry->dims,
                      writer->parameters.items + FIXED_PARAMETERS};
}

static bool type_uses_dim(const Type *type, const Symbol *symbol) {
    for (int i = 0; i < type->rank; i++)
        if (expr_uses(type->dims[i], symbol)) return true;
    return false;
}

/* The dims that |type| mentions, as a list of macro parameters: "(N, T)". */
static const char *macro_parameters(Writer *writer, const Type *type) {
    CSymbols symbols = entry_symbols(writer);
    const char *list = "";
    for (int i = 0; i < symbols.count; i++)
        if (type_uses_dim(type, symbols.dims[i]->symbol))
            list = arena_printf(writer->arena, "%s%s%s", list, *list ? ", " : "(", symbols.names[i]);
    return *list ? arena_printf(writer->arena, "%s)", list) : "";
}

static void put_count_macro(Writer *writer, const HeaderTensor *tensor) {
    const char *name =
        arena_printf(writer->arena, "%s_COUNT", identifier_in_capitals(writer->arena, tensor->name));
    CSymbols symbols = entry_symbols(writer);
    put_macro(writer, writer->function, name, macro_parameters(writer, tensor->type));
    c_count_print(writer->text, tensor->type, &symbols);
    text_putc(writer->text, '\n');
}

static void put_entry_macros(Writer *writer) {
    const HeaderEntry *entry = writer->entry;
    for (int i = 0; i < entry->input_count; i++) put_count_macro(writer, &entry->inputs[i]);
    for (int i = 0; i < entry->output_count; i++) put_count_macro(writer, &entry->outputs[i]);
    put_size_macro(writer, writer->function, "WORKSPACE_SIZE", entry->workspace_size);
    put_size_macro(writer, writer->function, "WORKSPACE_ALIGN", entry->workspace_align);
}

/* Bounds of the dims of all entries, each once. */
static void put_model_macros(Writer *writer) {
    const HeaderModel *model = writer->model;
    VECTOR(const Dim *) seen = {0};
    for (int i = 0; i < model->entry_count; i++)
        for (int k = 0; k < model->entries[i].dim_count; k++) {
            const Dim *dim = model->entries[i].dims[k];
            bool known = false;
            for (int j = 0; j < seen.count; j++) known |= seen.items[j] == dim;
            if (known) continue;
            vector_push(writer->arena, &seen, dim);
            const char *name =
                arena_printf(writer->arena, "%s_MAX", identifier_in_capitals(writer->arena, dim->name));
            put_macro(writer, model->prefix, name, "");
            text_printf(writer->text, "%lld\n", (long long)dim->symbol->max);
        }
    if (model->state_size) {
        put_size_macro(writer, model->prefix, "STATE_SIZE", model->state_size);
        put_size_macro(writer, model->prefix, "STATE_ALIGN", model->state_align);
    }
    if (model->weights_size) {
        put_size_macro(writer, model->prefix, "WEIGHTS_SIZE", model->weights_size);
        put_size_macro(writer, model->prefix, "WEIGHTS_ALIGN", model->weights_align);
    }
}

/* ---- Entries ---- */

/* The fixed names come first, so that a tensor of the user's called "state" is the one that gives way. */
static void name_parameters(Writer *writer) {
    static const char *const fixed[FIXED_PARAMETERS] = {"state", "weights", "workspace", "executor"};
    const HeaderEntry *entry = writer->entry;
    writer->parameters.count = 0;
    for (int i = 0; i < FIXED_PARAMETERS; i++) vector_push(writer->arena, &writer->parameters, fixed[i]);
    int count = entry->dim_count + entry->input_count + entry->output_count;
    for (int i = 0; i < count; i++) {
        int input = i - entry->dim_count, output = input - entry->input_count;
        const char *name = input < 0    ? entry->dims[i]->name
                           : output < 0 ? entry->inputs[input].name
                                        : entry->outputs[output].name;
        names_add_unique(writer->arena, &writer->parameters, identifier_for_parameter(writer->arena, name));
    }
}

static const char *macro_of(const Writer *writer, const char *prefix, const char *name) {
    return arena_printf(writer->arena, "%s_%s", identifier_in_capitals(writer->arena, prefix), name);
}

/* ", N = 1..64, T = 0..9". */
static const char *dims_text(Writer *writer) {
    CSymbols symbols = entry_symbols(writer);
    const char *dims = "";
    for (int i = 0; i < symbols.count; i++) {
        const Symbol *symbol = symbols.dims[i]->symbol;
        dims = arena_printf(writer->arena, "%s, %s = %lld..%lld", dims, symbols.names[i],
                            (long long)symbol->min, (long long)symbol->max);
    }
    return dims;
}

static void put_memory_contract(Writer *writer, Comment *comment) {
    const HeaderModel *model = writer->model;
    const HeaderEntry *entry = writer->entry;
    if (entry->uses_state)
        comment_line(comment, "state: %s bytes, aligned to %zu, read and changed; %s_reset makes the first.",
                     macro_of(writer, model->prefix, "STATE_SIZE"), model->state_align, model->prefix);
    if (model->weights_size)
        comment_line(comment, "weights: the %s bytes of the weights file, aligned to %zu, only read.",
                     macro_of(writer, model->prefix, "WEIGHTS_SIZE"), model->weights_align);
    if (entry->workspace_size)
        comment_line(comment,
                     "workspace: %s bytes, aligned to %zu; what it holds before and after means nothing.",
                     macro_of(writer, writer->function, "WORKSPACE_SIZE"), entry->workspace_align);
    else
        comment_line(comment, "workspace: not used, may be NULL.");
    if (writer->description->has_executor)
        comment_line(comment,
                     "executor: runs the parallel parts, or NULL: the caller's thread does. The results are "
                     "the same bits.");
}

static void put_contract(Writer *writer) {
    const HeaderEntry *entry = writer->entry;
    Comment comment = {writer->text};
    comment_line(&comment, "%s.%s%s.", writer->model->name, entry->name, dims_text(writer));
    comment_line(&comment,
                 "Returns TENON_OK or a status that tenon_status_text explains. All but TENON_E_INDEX and "
                 "TENON_E_DIVIDE are found before the first write; those leave the outputs unspecified.");
    comment_line(&comment, "Tensors are row-major and aligned to their elements. No two buffers overlap.");
    put_memory_contract(writer, &comment);
    comment_line(&comment,
                 "Re-entrant: threads may call it at the same time, each with outputs%s and workspace of its "
                 "own.%s",
                 entry->uses_state ? ", state" : "",
                 entry->stack_bytes
                     ? arena_printf(writer->arena, " Needs %zu bytes of stack.", entry->stack_bytes)
                     : "");
    for (int i = 0; i < entry->note_count; i++) comment_line(&comment, "%s", entry->notes[i]);
    comment_end(&comment);
}

typedef struct Parameter {
    const char *declaration;
    const Type *type; /* shown behind it; NULL: nothing is */
} Parameter;

typedef VECTOR(Parameter) Parameters;

static void add_parameter(Writer *writer, Parameters *parameters, const Type *type, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
static void add_parameter(Writer *writer, Parameters *parameters, const Type *type, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    Parameter parameter = {arena_vprintf(writer->arena, format, arguments), type};
    va_end(arguments);
    vector_push(writer->arena, parameters, parameter);
}

static Parameters list_parameters(Writer *writer) {
    const HeaderEntry *entry = writer->entry;
    const char *const *name = writer->parameters.items + FIXED_PARAMETERS;
    Parameters list = {0};
    for (int i = 0; i < entry->dim_count; i++)
        add_parameter(writer, &list, NULL, "%s %s", dim_c_type(entry->dims[i]), *name++);
    for (int i = 0; i < entry->input_count; i++)
        add_parameter(writer, &list, entry->inputs[i].type, "const %s *TENON_RESTRICT %s",
                      header_c_type(entry->inputs[i].type->dtype), *name++);
    for (int i = 0; i < entry->output_count; i++)
        add_parameter(writer, &list, entry->outputs[i].type, "%s *TENON_RESTRICT %s",
                      header_c_type(entry->outputs[i].type->dtype), *name++);
    if (entry->uses_state) add_parameter(writer, &list, NULL, "void *TENON_RESTRICT state");
    if (writer->model->weights_size) add_parameter(writer, &list, NULL, "const void *TENON_RESTRICT weights");
    add_parameter(writer, &list, NULL, "void *TENON_RESTRICT workspace");
    if (writer->description->has_executor)
        add_parameter(writer, &list, NULL, "const tenon_executor *executor");
    return list;
}

static void put_type_comment(Writer *writer, const Type *type) {
    Type plain = *type;
    plain.layout = NULL;
    text_puts(writer->text, " /* ");
    comment_text_print(writer->text, type_text(writer->arena, &plain));
    text_puts(writer->text, " */");
}

static void put_prototype(Writer *writer) {
    Parameters list = list_parameters(writer);
    int start = (int)strlen(writer->function) + 5, width = 0;
    text_printf(writer->text, "int %s(", writer->function);
    for (int i = 0; i < list.count; i++) {
        int length = (int)strlen(list.items[i].declaration);
        if (list.items[i].type && length > width) width = length;
    }
    for (int i = 0; i < list.count; i++) {
        const Parameter *parameter = &list.items[i];
        const char *end = i + 1 < list.count ? "," : ");";
        const char *text = arena_printf(writer->arena, "%s%s", parameter->declaration, end);
        text_printf(writer->text, "%*s%-*s", i ? start : 0, "", parameter->type ? width + 1 : 0, text);
        if (parameter->type) put_type_comment(writer, parameter->type);
        text_putc(writer->text, '\n');
    }
}

static void put_entry(Writer *writer) {
    writer->function = arena_printf(writer->arena, "%s_%s", writer->model->prefix, writer->entry->name);
    assert(header_name_usable(writer->function));
    name_parameters(writer);
    text_putc(writer->text, '\n');
    put_entry_macros(writer);
    put_contract(writer);
    put_prototype(writer);
}

/* ---- Models and the file ---- */

static void put_model(Writer *writer) {
    const HeaderModel *model = writer->model;
    Comment title = {writer->text};
    text_putc(writer->text, '\n');
    comment_line(&title, "---- %s ----", model->name);
    comment_end(&title);
    put_model_macros(writer);
    for (int i = 0; i < model->entry_count; i++) {
        writer->entry = &model->entries[i];
        put_entry(writer);
    }
    if (model->state_size)
        text_printf(writer->text,
                    "\n/* Gives the state its first values; the state is not NULL. */\n"
                    "void %s_reset(void *state);\n",
                    model->prefix);
    text_printf(writer->text,
                "\n/* Describes the model to programs that were not written for it. */\n"
                "const tenon_model_info *%s_info(void);\n",
                model->prefix);
}

static void put_status_text(Text *text) {
    text_puts(text, "\n#ifndef TENON_STATUS_TEXT\n"
                    "#define TENON_STATUS_TEXT\n"
                    "/* What a status means. Never NULL. */\n"
                    "#ifdef __GNUC__\n"
                    "__attribute__((unused))\n"
                    "#endif\n"
                    "static const char *tenon_status_text(int status) {\n"
                    "    switch (status) {\n");
    for (int i = 0; i < STATUS_COUNT; i++)
        text_printf(text, "    case %s: return \"%s\";\n", statuses[i].name, statuses[i].text);
    text_printf(text, "    default: return \"%s\";\n    }\n}\n#endif\n", unknown_status);
}

static void put_title(Writer *writer) {
    const HeaderDescription *description = writer->description;
    Comment title = {writer->text};
    const char *options =
        *description->options ? arena_printf(writer->arena, " (%s)", description->options) : "";
    comment_line(&title, "Generated by %s from %s%s. Do not edit.", description->compiler,
                 description->source, options);
    if (description->cpu)
        comment_line(&title, "Needs a CPU with %s; on another one every entry returns TENON_E_CPU.",
                     description->cpu);
    comment_end(&title);
}

void header_write(Text *text, const HeaderDescription *description) {
    assert(description->model_count > 0);
    Arena *arena = arena_create();
    Writer writer = {.text = text, .arena = arena, .description = description};
    const char *guard = macro_of(&writer, description->models[0].prefix, "H");
    names_add_unique(arena, &writer.macros, guard);
    put_title(&writer);
    text_printf(text, "#ifndef %s\n#define %s\n\n%s", guard, guard, abi_files[0].text);
    put_status_text(text);
    text_puts(text, "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
    for (int i = 0; i < description->model_count; i++) {
        writer.model = &description->models[i];
        put_model(&writer);
    }
    text_puts(text, "\n#ifdef __cplusplus\n}\n#endif\n\n#endif\n");
    arena_destroy(arena);
}
