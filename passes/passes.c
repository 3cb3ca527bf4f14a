#include "passes/passes.h"

#include <string.h>

enum { ALWAYS = 0, OPTIMIZE = 1 };

const PassInfo pass_infos[] = {
#define PASS(name, when, needs, meaning) {#name, meaning, #needs, pass_##name, when},
#include "passes/passes.def"
#undef PASS
};

const int pass_count = sizeof pass_infos / sizeof *pass_infos;

const PassInfo *pass_find(const char *name) {
    for (int i = 0; i < pass_count; i++)
        if (strcmp(pass_infos[i].name, name) == 0) return &pass_infos[i];
    return NULL;
}
