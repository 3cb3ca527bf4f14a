#include "ir/loops/loops.h"
__attribute__((weak)) LoopModule *loops_parse(Arena *a, Diagnostics *d, const SourceFile *s) { (void)a;(void)d;(void)s; return 0; }
__attribute__((weak)) bool loops_verify(LoopModule *m, const char *s, int r, int b, bool f) { (void)m;(void)s;(void)r;(void)b;(void)f; return true; }
#include "ir/loops/parse_internal.h"
__attribute__((weak)) void parse_body(LoopParser *p, LoopBody *b) { (void)p; (void)b; }
