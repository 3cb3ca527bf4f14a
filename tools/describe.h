/* What the C header says of a compilation, taken from its graph and its loops. */
#ifndef TENON_TOOLS_DESCRIBE_H
#define TENON_TOOLS_DESCRIBE_H

#include "backend/header.h"
#include "tools/pipeline.h"

HeaderDescription *describe_header(Pipeline *pipeline, const BackendOptions *backend);

#endif
