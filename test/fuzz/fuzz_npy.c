/* libFuzzer entry: any bytes as a .npy file. */
#include "test/fuzz/fuzz_weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) { return fuzz_reader(npy_read, bytes, size); }
