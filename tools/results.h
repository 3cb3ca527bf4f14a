/* Shows tensors to the user, and writes them to files; used for results of the interpreter and of compiled
 * networks. */
#ifndef TENON_TOOLS_RESULTS_H
#define TENON_TOOLS_RESULTS_H

#include "tools/top.h"

/* Small tensors in full, one row of the last axis a line; of large ones the range, the mean and the first
 * elements. */
void tensor_show(Text *text, const TensorSource *tensor);

/* To |path|: .npz with the tensors' names, or .npy for a single one. False: reported, nothing was written. */
bool tensors_write(Diagnostics *diagnostics, const char *path, const TensorSource *tensors, int count);

/* What a run ends with: the results to |path|, if there is one, and the largest entries to standard output,
 * if they are asked for; without either all results are shown there. False: reported. */
bool results_show(Diagnostics *diagnostics, const TensorSource *tensors, int count, const char *path,
                  const Top *top);

#endif
