/* Writes the typed C header of one compilation: for each model its entries' prototypes with their contract,
 * size macros and the info function, and before them the ABI text. The description is the caller's; texts in
 * it may hold anything, they are made safe for a comment. The text compiles without warnings as C99 and C++98
 * and later. */
#ifndef TENON_BACKEND_HEADER_H
#define TENON_BACKEND_HEADER_H

#include "ir/graph.h"
#include "support/text.h"

typedef struct HeaderTensor {
    const char *name; /* any text: the parameter's name is made from it */
    const Type *type; /* expressions over the entry's dims; its layout is not looked at */
} HeaderTensor;

typedef struct HeaderEntry {
    const char *name; /* header_name_usable(prefix_name) holds */
    int dim_count, input_count, output_count;
    Dim *const
        *dims; /* as in the graph's Entry; passed as int32_t if the bound fits one, otherwise as int64_t */
    const HeaderTensor *inputs, *outputs;
    bool uses_state;
    size_t workspace_size, workspace_align; /* the bound over the dims; align >= 1 */
    size_t stack_bytes;                     /* 0: not known */
    int note_count;
    const char *const *notes; /* further sentences of the contract */
} HeaderEntry;

typedef struct HeaderModel {
    const char *name;   /* as the user wrote it: "LeNet5" */
    const char *prefix; /* "lenet5": the name in lower case, or what --prefix gives */
    int entry_count;
    const HeaderEntry *entries;
    size_t state_size, state_align;     /* size 0: no state */
    size_t weights_size, weights_align; /* of external weights; size 0: they are embedded */
} HeaderModel;

typedef struct HeaderDescription {
    const char *compiler; /* "tenon 0.1.0" */
    const char *source;   /* "lenet.tn" */
    const char *options;  /* "-O2 -march=x86-64-v3", may be empty */
    const char *cpu;      /* what the CPU must have, "x86-64-v3"; NULL: nothing is checked at load */
    bool has_executor;    /* the last parameter is an executor */
    int model_count;
    const HeaderModel *models;
} HeaderDescription;

void header_write(Text *text, const HeaderDescription *description);

/* Can be a function of the header: a C identifier, no word of C or C++, no name that the header itself needs.
 */
bool header_name_usable(const char *name);
/* "TENON_E_DIM" and what tenon_status_text says of it; NULL and "unknown status" for other numbers. */
const char *header_status_name(int status);
const char *header_status_text(int status);
/* The C type of an element: "float", "uint8_t". */
const char *header_c_type(DType dtype);

#endif
