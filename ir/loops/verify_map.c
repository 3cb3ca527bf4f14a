/* map: operands that fit the result, nodes that use earlier ones, element types as the operators take them.
 */
#include "ir/loops/verify_internal.h"

/* What an operator takes and yields. */
typedef enum MapRule {
    RULE_NUMBERS, /* two or one of a number type, the result too */
    RULE_FLOATS,
    RULE_BOOLS,
    RULE_COMPARE, /* to bool */
    RULE_CAST,
    RULE_WHERE
} MapRule;

static MapRule rule_of(OpKind op) {
    switch (op) {
    case OP_CAST: return RULE_CAST;
    case OP_WHERE: return RULE_WHERE;
    case OP_NOT:
    case OP_AND:
    case OP_OR: return RULE_BOOLS;
    case OP_EQ:
    case OP_GE:
    case OP_GT:
    case OP_LE:
    case OP_LT:
    case OP_NE: return RULE_COMPARE;
    case OP_ABS:
    case OP_NEG:
    case OP_RELU:
    case OP_SIGN:
    case OP_ADD:
    case OP_DIV:
    case OP_MAX:
    case OP_MIN:
    case OP_MOD:
    case OP_MUL:
    case OP_SUB: return RULE_NUMBERS;
    default: return RULE_FLOATS;
    }
}

static bool is_half(DType dtype) { return dtype == DTYPE_F16 || dtype == DTYPE_BF16; }

/* |types| of the operands. NULL: the node is sound. */
static const char *type_fault(OpKind op, const DType *types, int count, DType result) {
    MapRule rule = rule_of(op);
    DType first = types[0];
    if (rule == RULE_CAST) return NULL;
    if (rule == RULE_WHERE)
        return first != DTYPE_BOOL                          ? "the condition is no bool"
               : types[1] != types[2] || types[1] != result ? "both values and the result have one type"
                                                            : NULL;
    for (int i = 1; i < count; i++)
        if (types[i] != first) return "the operands have different types";
    if (is_half(first)) return "f16 and bf16 are only moved and cast; cast them to f32 first";
    if (rule == RULE_COMPARE) return result != DTYPE_BOOL ? "the result of a comparison is bool" : NULL;
    if (result != first) return "the result has the type of the operands";
    if (rule == RULE_BOOLS && first != DTYPE_BOOL) return "the operands are no bools";
    if (rule == RULE_NUMBERS && first == DTYPE_BOOL) return "bools have no arithmetic";
    return rule == RULE_FLOATS && !dtype_is_float(first) ? "the operands are no floats" : NULL;
}

static bool constant_fits(const MapNode *node) {
    return dtype_is_float(node->dtype) || dtype_wrap(node->dtype, node->integer) == node->integer;
}

static void verify_node(LoopVerifier *v, const LoopStatement *map, int index) {
    const MapNode *node = &map->nodes[index];
    DType types[3] = {DTYPE_NONE, DTYPE_NONE, DTYPE_NONE};
    if (node->kind == MAP_CONSTANT) {
        if (!constant_fits(node))
            verify_complain(v, map->span, "t%d: %lld is no %s", index, (long long)node->integer,
                            dtype_text(node->dtype));
        return;
    }
    bool fma = node->kind == MAP_FMA;
    if (!fma && !(op_infos[node->op].traits & OP_POINTWISE)) {
        verify_complain(v, map->span, "t%d: '%s' is no pointwise operator", index, op_infos[node->op].text);
        return;
    }
    int count = fma ? 3 : op_infos[node->op].operands_min;
    for (int i = 0; i < count; i++) {
        int operand = node->operands[i];
        if (operand >= index || -1 - operand >= map->operand_count) {
            verify_complain(v, map->span, "t%d uses an operand or node that is not there before it", index);
            return;
        }
        types[i] = operand >= 0 ? map->nodes[operand].dtype : map->operands[-1 - operand]->dtype;
    }
    const char *fault =
        fma ? type_fault(OP_POW, types, 3, node->dtype) : type_fault(node->op, types, count, node->dtype);
    if (fault)
        verify_complain(v, map->span, "t%d = %s: %s", index, fma ? "fma" : op_infos[node->op].text, fault);
}

static bool is_scalar(const Tile *tile) { return tile->rows == 1 && tile->vectors == 1 && tile->lanes == 1; }

void verify_map(LoopVerifier *v, const LoopStatement *map) {
    if (map->operand_count > MAP_OPERANDS_MAX)
        verify_complain(v, map->span, "map has %d operands, the limit is %d", map->operand_count,
                        MAP_OPERANDS_MAX);
    for (int i = 0; i < map->operand_count; i++) {
        const Tile *operand = map->operands[i], *result = map->tile;
        verify_use(v, operand, map->span);
        if (!operand) return;
        bool fits = operand->rows == result->rows && operand->vectors == result->vectors &&
                    operand->lanes == result->lanes;
        if (!fits && !is_scalar(operand))
            verify_complain(v, map->span, "map: operand a%d is %s; it must be 1 x 1 x 1 or as the result, %s",
                            i, tile_text(v, operand), tile_text(v, result));
    }
    if (!map->node_count) {
        verify_complain(v, map->span, "map computes nothing");
        return;
    }
    for (int i = 0; i < map->node_count; i++) verify_node(v, map, i);
    if (map->nodes[map->node_count - 1].dtype != map->tile->dtype)
        verify_complain(v, map->span, "map: the last node is %s, the result %s",
                        dtype_text(map->nodes[map->node_count - 1].dtype), tile_text(v, map->tile));
}
