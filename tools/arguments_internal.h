/* Shared by the files that resolve arguments. */
#ifndef TENON_TOOLS_ARGUMENTS_INTERNAL_H
#define TENON_TOOLS_ARGUMENTS_INTERNAL_H

#include "tools/arguments.h"

typedef enum InputKind { INPUT_ABSENT, INPUT_FILE, INPUT_PICTURES, INPUT_NUMBER, INPUT_RANDOM } InputKind;

typedef struct InputSpec {
    InputKind kind;
    const TensorSource *source; /* FILE; PICTURES: pixels, once pictures_fit has run */
    const char *const *picture_paths;
    int picture_count, channel_axis; /* channel_axis: of the input; -1: it has none */
    double number;                   /* NUMBER */
    uint64_t seed;                   /* RANDOM */
    double limit;                    /* floats in [-limit, limit), integers in [0, limit) */
} InputSpec;

typedef struct Resolver {
    Arena *arena;
    Diagnostics *diagnostics;
    const EntrySignature *signature;
    const ArgumentWords *words;
    InputSpec *specs; /* beside the signature's inputs */
    int64_t *dims;    /* beside its dims */
    bool *known;
    bool failed;
} Resolver;

Diagnostic *argument_error(Resolver *resolver, const char *format, ...) __attribute__((format(printf, 2, 3)));

void inputs_read(Resolver *resolver);  /* words to specs */
void dims_resolve(Resolver *resolver); /* words and specs to dims */
void inputs_fill(Resolver *resolver, TensorSource *out_inputs);
/* -1: it uses a dim that is not known yet. */
int64_t extent_known(const Resolver *resolver, const Expr *expr);

/* False: |text|, what stands behind `NAME=@`, names no picture. Opens nothing but to see what it is. */
bool pictures_read_word(Resolver *resolver, const char *text, InputSpec *out);
void pictures_fit(Resolver *resolver); /* decodes them; extents that are known tell the size */
void pictures_fill(const Resolver *resolver, const InputSpec *spec, const TensorSource *to, int64_t count);

bool extents_evaluate(const Resolver *resolver, const Type *type, int64_t *out_extents); /* all dims known */

#endif
