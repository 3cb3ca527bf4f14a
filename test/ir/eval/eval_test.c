/* eval_test FILE.tir: runs every entry, which takes no inputs and yields pairs of what was computed and what
 * was recorded, and tells which differ. The model's name says how: Wide and Declared are the modes (wide
 * allows a relative error of 1e-12, declared none); Index and Divide are entries that must fail with that
 * status. */
#include "ir/eval/eval.h"
#include "ir/text_form.h"

#include <math.h>
#include <string.h>

enum { OUTPUTS_MAX = 64 };

static bool element_agrees(const Tensor *got, const Tensor *want, int64_t at, double tolerance) {
    if (got->integers) return got->integers[at] == want->integers[at];
    double a = got->floats[at], b = want->floats[at];
    if (isnan(b) || isinf(b)) return isnan(b) ? isnan(a) : a == b;
    return fabs(a - b) <= tolerance * fmax(1, fabs(b));
}

static bool tensors_agree(const Entry *entry, const Tensor *got, const Tensor *want, double tolerance) {
    for (int64_t i = 0; i < want->count; i++) {
        if (got->count == want->count && element_agrees(got, want, i, tolerance)) continue;
        if (got->floats)
            printf("%s: element %lld is %.17g, not %.17g\n", entry->name, (long long)i, got->floats[i],
                   want->floats[i]);
        else
            printf("%s: element %lld is %lld, not %lld\n", entry->name, (long long)i,
                   (long long)got->integers[i], (long long)want->integers[i]);
        return false;
    }
    return true;
}

static bool entry_passes(const Entry *entry) {
    bool wide = strcmp(entry->model, "Declared") != 0;
    EvalStatus expected = strcmp(entry->model, "Index") == 0    ? EVAL_INDEX
                          : strcmp(entry->model, "Divide") == 0 ? EVAL_DIVIDE
                                                                : EVAL_OK;
    Tensor *out[OUTPUTS_MAX];
    EvalContext context = {.arena = arena_create(), .wide = wide};
    EvalStatus status = eval_entry(&context, entry, NULL, NULL, out);
    bool good = status == expected;
    if (!good) printf("%s: status %d, not %d\n", entry->name, status, expected);
    for (int i = 0; good && !status && i + 1 < entry->output_count; i += 2)
        good = tensors_agree(entry, out[i], out[i + 1], wide ? 1e-12 : 0);
    arena_destroy(context.arena);
    return good;
}

int main(int count, char **words) {
    Arena *arena = arena_create();
    Diagnostics *diagnostics = diagnostics_create();
    const char *error = "usage: eval_test FILE.tir";
    SourceFile *source = count == 2 ? source_read(arena, words[1], 1 << 24, &error) : NULL;
    if (!source) fprintf(stderr, "%s\n", error);
    Module *module = source ? graph_parse(arena, diagnostics, source) : NULL;
    if (module && !graph_verify(module, "parsing")) module = NULL;
    diagnostics_print(diagnostics, stderr, (DiagnosticsStyle){0});
    int passed = 0;
    for (int i = 0; module && i < module->entries.count; i++)
        passed += entry_passes(module->entries.items[i]);
    bool good = module && passed == module->entries.count;
    if (good) printf("%d entries agree\n", passed);
    diagnostics_destroy(diagnostics);
    arena_destroy(arena);
    return good ? 0 : 1;
}
