/* Further parts of a scan that is there already. */
#ifndef TENON_PASSES_SCAN_PARTS_H
#define TENON_PASSES_SCAN_PARTS_H

#include "passes/passes.h"

/* A further sequence, behind those there are, iterated along |axis|; returns its slice, an argument of the
 * body. */
Value *scan_add_sequence(Module *module, Op *scan, Value *sequence, int64_t axis, Type slice);

/* A further value that is carried, behind those there are; returns the argument of the body. What the next
 * step gets must be made an operand of the body's yield by scan_set_next. */
Value *scan_add_carry(Module *module, Op *scan, Value *initial);
void scan_set_next(Module *module, Op *scan, Value *next); /* of the last carried value, once */

#endif
