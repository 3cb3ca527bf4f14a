/* The tables of functions, by family; builtin_tables lists them. */
#ifndef TENON_FRONTEND_LANG_FUNCTIONS_INTERNAL_H
#define TENON_FRONTEND_LANG_FUNCTIONS_INTERNAL_H

#include "frontend/lang/builder_internal.h"

extern const Builtin functions_compute[], functions_move[], functions_window[], functions_language[];

/* A reduction of argument 0 over the axes and with the keepdims of the arguments told. */
Datum reduce_along(BuiltinCall *call, OpKind kind, int axis_index, int keep_index);
/* Sizes given as one list or one by one: reshape(x, [N, -1]), zeros(N, 4). Returns how many; -1: reported. */
int builtin_sizes(BuiltinCall *call, Datum *out, int capacity);

#endif
