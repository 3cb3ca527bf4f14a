/* Shared by the files that resolve arguments. */
#ifndef TENON_TOOLS_ARGUMENTS_INTERNAL_H
#define TENON_TOOLS_ARGUMENTS_INTERNAL_H

#include "tools/arguments.h"

typedef enum InputKind { INPUT_ABSENT, INPUT_FILE, INPUT_NUMBER, INPUT_RANDOM } InputKind;

typedef struct InputSpec {
    InputKind kind;
    const TensorSource *source; /* FILE */
    double number;              /* NUMBER */
    uint64_t seed;              /* RANDOM */
    double limit;               /* floats in [-limit, limit), integers in [0, limit) */
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
bool extents_evaluate(const Resolver *resolver, const Type *type, int64_t *out_extents); /* all dims known */

#endif
