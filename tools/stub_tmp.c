#include "frontend/lang/ast.h"
__attribute__((weak)) void file_format(Text *text, const File *file) { (void)text; (void)file; }
