/* What a command line says about one call of an entry, whoever runs it: `x=@x.npy`, `x=1.5`, `x=random:7`,
 * `N=8`. Gives dims and input tensors that fit the entry's types, found by matching the shapes that are
 * known, or diagnostics. Everything lives in the arena; files stay mapped as long as it. */
#ifndef TENON_TOOLS_ARGUMENTS_H
#define TENON_TOOLS_ARGUMENTS_H

#include "ir/graph.h"
#include "tools/pictures.h"

/* Of a graph's entry or of a compiled one. */
typedef struct EntrySignature {
    const char *name; /* for messages: "lenet5.classify" */
    int dim_count, input_count;
    Dim *const *dims;
    const char *const *input_names;
    const Type *input_types; /* expressions over the dims */
} EntrySignature;

typedef struct ArgumentWords {
    int input_count, dim_count;
    const char *const *inputs; /* NAME=@FILE.npy, NAME=@FILE.npz[:MEMBER], @FILE.npz, NAME=NUMBER,
                                  NAME=random:SEED[:LIMIT], NAME=@PICTURE[,@PICTURE..] */
    const char *const *dims;   /* NAME=NUMBER */
    bool fill; /* inputs that are not named are random; dims that nothing tells are the smallest, but 1 rather
                  than 0 */
    uint64_t seed;           /* of the first such input; each has its own */
    PictureOptions pictures; /* looked at only where an input is one */
} ArgumentWords;

typedef struct EntryArguments {
    int64_t *dims;        /* beside the signature's */
    TensorSource *inputs; /* likewise; elements of the input's dtype, row-major, aligned to 64 */
} EntryArguments;

/* False: reported. */
bool arguments_resolve(Arena *arena, Diagnostics *diagnostics, const EntrySignature *signature,
                       const ArgumentWords *words, EntryArguments *out);

/* Zeroed memory aligned to 64. False: the extents need more than 2^40 bytes. */
bool tensor_allocate(Arena *arena, TensorSource *tensor);

#endif
