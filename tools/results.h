/* Shows tensors to the user, and writes them to files; used for results of the interpreter and of compiled
 * networks. */
#ifndef TENON_TOOLS_RESULTS_H
#define TENON_TOOLS_RESULTS_H

#include "ir/graph.h"

/* Small tensors in full, one row of the last axis a line; of large ones the range, the mean and the first
 * elements. */
void tensor_show(Text *text, const TensorSource *tensor);

/* To |path|: .npz with the tensors' names, or .npy for a single one. False: reported, nothing was written. */
bool tensors_write(Diagnostics *diagnostics, const char *path, const TensorSource *tensors, int count);

#endif
