#include "ir/text_form.h"

#include "ir/reader.h"
#include "support/names.h"

#include <stdlib.h>
#include <string.h>

/* Names of values within one entry or recipe: hints made unique, the nameless numbered in order of printing.
 */
typedef struct Names {
    int id_count;
    const char **by_id; /* indexed by value id */
    Arena *arena;
    int next_number;
    NameTable taken;
} Names;

static bool hint_is_usable(const char *hint) {
    if (!hint || !hint[0] || (hint[0] >= '0' && hint[0] <= '9')) return false;
    for (const char *c = hint; *c; c++)
        if (!(*c == '_' || (*c == '.' && c[1] && c[1] != '.') || (*c >= '0' && *c <= '9') ||
              (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z')))
            return false;
    return true;
}

static void name_value(Names *names, const Value *value) {
    const char *name;
    if (hint_is_usable(value->name)) {
        name = name_make_unique(&names->taken, value->name);
    } else {
        name = arena_printf(names->arena, "%d", names->next_number++);
    }
    names->by_id[value->id] = name;
}

static void print_value(Text *text, const Names *names, const Value *value) {
    if (value->kind == VALUE_CONSTANT) {
        global_print(text, value->constant->name);
        return;
    }
    const char *name = names->by_id[value->id];
    text_printf(text, "%%%s", name ? name : "?");
}

static void print_attr(Text *text, const Attr *attr) {
    text_printf(text, "%s = ", attr_infos[attr->id].text);
    switch (attr_infos[attr->id].kind) {
    case ATTR_KIND_INT: text_printf(text, "%lld", (long long)attr->integer); break;
    case ATTR_KIND_BOOL: text_puts(text, attr->integer ? "true" : "false"); break;
    case ATTR_KIND_DTYPE: text_puts(text, dtype_text((DType)attr->integer)); break;
    case ATTR_KIND_FLOAT: text_double(text, attr->real); break;
    case ATTR_KIND_STRING: text_quoted(text, attr->string); break;
    case ATTR_KIND_INTS:
    case ATTR_KIND_EXPRS:
        text_putc(text, '[');
        for (int i = 0; i < attr->count; i++) {
            if (i) text_puts(text, ", ");
            if (attr->integers)
                text_printf(text, "%lld", (long long)attr->integers[i]);
            else
                expr_print(text, attr->exprs[i]);
        }
        text_putc(text, ']');
        break;
    }
}

static void print_block(Text *text, Names *names, const Block *block, int indent);

static void print_region(Text *text, Names *names, const Op *op, int indent) {
    text_puts(text, " {\n");
    if (op->body->argument_count) {
        text_printf(text, "%*sargs (", indent + 2, "");
        for (int i = 0; i < op->body->argument_count; i++) {
            const Value *argument = op->body->arguments[i];
            name_value(names, argument);
            if (i) text_puts(text, ", ");
            print_value(text, names, argument);
            text_puts(text, " : ");
            type_print(text, &argument->type);
        }
        text_puts(text, ")\n");
    }
    print_block(text, names, op->body, indent + 2);
    text_printf(text, "%*s}", indent, "");
}

static void print_op(Text *text, Names *names, const Op *op, int indent) {
    text_printf(text, "%*s", indent, "");
    /* Inner values get their names first, as they are read first. */
    Text inner;
    text_init(&inner);
    if (op->body) print_region(&inner, names, op, indent);
    for (int i = 0; i < op->result_count; i++) {
        name_value(names, op->results[i]);
        if (i) text_puts(text, ", ");
        print_value(text, names, op->results[i]);
    }
    text_printf(text, "%s%s", op->result_count ? " = " : "", op_infos[op->kind].text);
    for (int i = 0; i < op->operand_count; i++) {
        text_puts(text, i ? ", " : " ");
        print_value(text, names, op->operands[i]);
    }
    for (int i = 0; i < op->attr_count; i++) {
        text_puts(text, i ? ", " : " {");
        print_attr(text, &op->attrs[i]);
    }
    if (op->attr_count) text_putc(text, '}');
    for (int i = 0; i < op->result_count; i++) {
        text_puts(text, i ? ", " : " : ");
        type_print(text, &op->results[i]->type);
    }
    if (op->path[0]) {
        text_putc(text, ' ');
        global_print(text, op->path);
    }
    place_print(text, op->span);
    if (op->body) text_append(text, inner.bytes, inner.length);
    text_deinit(&inner);
    if (op->schedule) schedule_print(text, op->schedule);
    text_putc(text, '\n');
}

static void print_block(Text *text, Names *names, const Block *block, int indent) {
    for (const Op *op = block->first; op; op = op->next) print_op(text, names, op, indent);
}

static void print_constant(Text *text, const Module *module, const Constant *constant) {
    text_puts(text, "const ");
    global_print(text, constant->name);
    text_puts(text, " : ");
    type_print(text, &constant->value->type);
    text_puts(text, " = ");
    if (constant->kind == CONSTANT_WEIGHTS) {
        text_puts(text, "weights ");
        text_quoted(text, constant->source->file);
        text_putc(text, ' ');
        text_quoted(text, constant->source->name);
        if (constant->permuted) {
            text_puts(text, " permute [");
            for (int i = 0; i < constant->value->type.rank; i++)
                text_printf(text, "%s%d", i ? ", " : "", constant->permutation[i]);
            text_putc(text, ']');
        }
    } else if (constant->kind == CONSTANT_INLINE) {
        text_puts(text, "dense [");
        int64_t count = type_count_max(&constant->value->type);
        for (int64_t i = 0; i < count; i++) {
            if (i) text_puts(text, ", ");
            if (constant->floats)
                text_double(text, constant->floats[i]);
            else
                text_printf(text, "%lld", (long long)constant->integers[i]);
        }
        text_putc(text, ']');
    } else {
        text_puts(text, "recipe {\n");
        Names names = {.id_count = module->next_value_id, .arena = module->arena, .taken = {module->arena}};
        names.by_id = calloc((size_t)module->next_value_id + 1, sizeof *names.by_id);
        print_block(text, &names, constant->recipe, 2);
        free(names.by_id);
        text_putc(text, '}');
    }
    place_print(text, constant->span);
    text_putc(text, '\n');
}

static void print_entry(Text *text, const Module *module, const Entry *entry) {
    Names names = {.id_count = module->next_value_id, .arena = module->arena, .taken = {module->arena}};
    names.by_id = calloc((size_t)module->next_value_id + 1, sizeof *names.by_id);
    text_puts(text, "\nentry ");
    global_print(text, arena_printf(module->arena, "%s.%s", entry->model, entry->name));
    text_putc(text, '(');
    for (int i = 0; i < entry->block->argument_count; i++) {
        const Value *argument = entry->block->arguments[i];
        if (i) text_puts(text, ", ");
        name_value(&names, argument);
        print_value(text, &names, argument);
        text_puts(text, " : ");
        if (i >= entry->input_count) {
            text_puts(text, "state ");
            global_print(text, entry->states[i - entry->input_count]->name);
        } else {
            type_print(text, &argument->type);
        }
    }
    text_puts(text, ") -> (");
    const Op *yield = block_terminator(entry->block);
    for (int i = 0; i < entry->output_count; i++) {
        text_printf(text, "%s%s : ", i ? ", " : "", entry->output_names[i]);
        type_print(text, &yield->operands[i]->type);
    }
    text_putc(text, ')');
    place_print(text, entry->span);
    text_puts(text, " {\n");
    for (int i = 0; i < entry->checks.count; i++) {
        text_puts(text, "  check ");
        expr_print(text, entry->checks.items[i].left);
        text_puts(text, " == ");
        expr_print(text, entry->checks.items[i].right);
        text_putc(text, '\n');
    }
    print_block(text, &names, entry->block, 2);
    text_puts(text, "}\n");
    free(names.by_id);
}

void graph_print_definitions(Text *text, const Module *module) {
    for (int i = 0; i < module->dims.count; i++) {
        const Dim *dim = module->dims.items[i];
        text_printf(text, "dim %s = %lld..%lld\n", dim->name, (long long)dim->symbol->min,
                    (long long)dim->symbol->max);
    }
    for (int i = 0; i < module->constants.count; i++)
        print_constant(text, module, module->constants.items[i]);
}

void graph_print(Text *text, const Module *module) {
    text_puts(text, "tir graph 1\n");
    graph_print_definitions(text, module);
    for (int i = 0; i < module->states.count; i++) {
        const State *state = module->states.items[i];
        text_puts(text, "state ");
        global_print(text, state->name);
        text_printf(text, " of %s : ", state->model);
        type_print(text, &state->type);
        text_puts(text, " = ");
        global_print(text, state->initial->constant->name);
        text_putc(text, '\n');
    }
    for (int i = 0; i < module->entries.count; i++) print_entry(text, module, module->entries.items[i]);
}
