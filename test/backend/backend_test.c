/* Drives the parts of the backend that know nothing of loops, one per command, for the tests in this folder.
 */
#include "backend/archive.h"
#include "backend/header.h"
#include "backend/link.h"
#include "backend/object.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct Test {
    Arena *arena;
    Diagnostics *diagnostics;
} Test;

static int print_section(int count, char **words) {
    uint64_t offset, bytes;
    const char *error;
    int descriptor = count == 2 ? open(words[0], O_RDONLY) : -1;
    if (!object_find_section(descriptor, words[1], &offset, &bytes, &error)) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    char text[64];
    ssize_t got = pread(descriptor, text, bytes < sizeof text ? bytes : sizeof text, (off_t)offset);
    printf("%llu bytes at %llu: %.*s\n", (unsigned long long)bytes, (unsigned long long)offset, (int)got,
           text);
    return 0;
}

/* archive OUT MEMBER...; an argument "NAME=FILE" gives the member another name. */
static int make_archive(Test *test, int count, char **words) {
    ArchiveMember members[8];
    Outputs *outputs = outputs_create(test->arena, test->diagnostics);
    Output *output = outputs_add(outputs, words[0], OUTPUT_PRIMARY | OUTPUT_BINARY);
    for (int i = 1; i < count && i <= 8; i++) {
        char *file = strchr(words[i], '=');
        *file++ = 0;
        MappedBytes mapped;
        if (!mapped_bytes_open(open(file, O_RDONLY), &mapped)) return 3;
        members[i - 1] = (ArchiveMember){words[i], mapped.bytes, mapped.size};
    }
    bool good = output && archive_write(test->arena, test->diagnostics, output, members, count - 1);
    if (!good)
        outputs_abort(outputs);
    else if (outputs_commit(outputs))
        return 0;
    return 1;
}

static int link_library(Test *test, int count, char **words) {
    if (count < 3) return 2;
    LinkRequest request = {.object = words[0], .library = words[1], .shown = words[1], .soname = words[2]};
    if (count > 3) request.timeout_seconds = atoi(words[3]);
    return link_shared(test->arena, test->diagnostics, &request) ? 0 : 1;
}

static Type type_of(DType dtype, int rank, const Expr *a, const Expr *b) {
    const Expr *dims[] = {a, b};
    return type_make(dtype, rank, dims);
}

/* Names and texts chosen to break a careless header. */
static int print_header(Test *test) {
    Arena *arena = test->arena;
    ExprTable *exprs = expr_table_create(arena);
    Dim n = {"N", symbol_create(arena, "N", 1, 64)},
        t = {"class", symbol_create(arena, "class", 0, 5000000000)};
    const Expr *batch = expr_symbol(exprs, n.symbol), *time = expr_symbol(exprs, t.symbol);
    const Expr *pixels = expr_constant(exprs, 784), *three = expr_constant(exprs, 3);
    const Expr *windows = expr_floordiv(exprs, expr_add_constant(exprs, time, -3), three);
    const Expr *odd =
        expr_min(exprs, expr_mod(exprs, expr_add_constant(exprs, expr_scale(exprs, time, -2), 7), three),
                 expr_max(exprs, batch, windows));
    Type image = type_of(DTYPE_F32, 2, batch, pixels), scores = type_of(DTYPE_F64, 1, batch, NULL);
    Type scalar = type_of(DTYPE_BOOL, 0, NULL, NULL), wide = type_of(DTYPE_I8, 2, windows, batch);
    Type huge = type_of(DTYPE_U8, 2, expr_constant(exprs, 6000000000), odd),
         empty = type_of(DTYPE_F16, 2, batch, expr_constant(exprs, 0));
    Dim *dims[] = {&n, &t};
    HeaderTensor simple_in[] = {{"x", &image}}, simple_out[] = {{"y", &scores}};
    HeaderTensor inputs[] = {{"x", &image}, {"X", &wide}, {"new", &scalar}, {"workspace", &huge}};
    HeaderTensor outputs[] = {{"conv1.0+tanh", &wide}, {"conv1_0_tanh", &empty}, {"1", &scores}};
    const char *notes[] = {
        "A note that would end the comment: */ and begin one: /* and is long enough to be broken "
        "into more than one line of the comment."};
    HeaderEntry entries[] = {{"classify", 1, 1, 1, dims, simple_in, simple_out, false, 401408, 64, 4096},
                             {"step", 2, 4, 3, dims, inputs, outputs, true, 5000000000, 64, 0, 1, notes},
                             {"constant", 0, 0, 1, NULL, NULL, outputs, false, 0, 1}};
    entries[2].outputs = (HeaderTensor[]){{"y", &scalar}};
    HeaderModel models[] = {{"LeNet5", "lenet5", 1, entries},
                            {"Odd", "odd", 3, entries, 512, 64, 9000000000, 64}};
    HeaderDescription description = {.compiler = "tenon 0.1.0",
                                     .source = "odd */ name\n.tn",
                                     .options = "-O2 -march=x86-64-v3",
                                     .cpu = "x86-64-v3",
                                     .has_executor = true,
                                     .model_count = 2,
                                     .models = models};
    Text text;
    text_init(&text);
    header_write(&text, &description);
    fputs(text.bytes, stdout);
    text_deinit(&text);
    return 0;
}

static int run(Test *test, int count, char **words) {
    const char *command = count > 1 ? words[1] : "";
    if (strcmp(command, "section") == 0) return print_section(count - 2, words + 2);
    if (strcmp(command, "archive") == 0) return make_archive(test, count - 2, words + 2);
    if (strcmp(command, "link") == 0) return link_library(test, count - 2, words + 2);
    if (strcmp(command, "header") == 0) return print_header(test);
    if (strcmp(command, "usable") == 0) return header_name_usable(words[2]) ? 0 : 1;
    return 2;
}

int main(int count, char **words) {
    Test test = {arena_create(), diagnostics_create()};
    int status = run(&test, count, words);
    diagnostics_print(test.diagnostics, stderr, (DiagnosticsStyle){0});
    diagnostics_destroy(test.diagnostics);
    arena_destroy(test.arena);
    return status;
}
