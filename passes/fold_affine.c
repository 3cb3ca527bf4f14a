#include "passes/passes.h"
bool pass_fold_affine(Module *module, const PassOptions *options) { (void)module; (void)options; return true; }
