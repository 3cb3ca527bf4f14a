/* The optional runtime library: a pool of threads that runs the parallel parts of compiled networks, and
 * aligned memory for their buffers. The caller owns what it creates. Nothing here is needed by a network
 * compiled without threads, and nothing is ever started in secret. Plain C, also for C++. */
#ifndef TENON_POOL_H
#define TENON_POOL_H

#include "abi.h" /* beside this file, in the source tree and where it is installed */

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tenon_pool tenon_pool;

/* |threads| counts the caller of a network too; 0 stands for one per CPU that the process may use. When the
 * system gives fewer threads, the pool works with those. NULL: out of memory. */
tenon_pool *tenon_pool_create(int32_t threads);

/* Pass it to any number of networks, from any thread: calls that come at the same time take turns. It is
 * valid as long as the pool. A call from inside an item runs on that item's thread alone. Workers compute in
 * the caller's rounding and denormal mode. They wait busily for some 50 microseconds after the last work,
 * then sleep. */
const tenon_executor *tenon_pool_executor(const tenon_pool *pool);

/* Nothing may be running in it. NULL is allowed. A child made by fork must not touch
 * the pool. */
void tenon_pool_destroy(tenon_pool *pool);

/* |align| is a power of two. NULL: out of memory. Free with tenon_aligned_free only. */
void *tenon_aligned_alloc(size_t align, size_t bytes);
void tenon_aligned_free(void *memory);

#ifdef __cplusplus
}
#endif

#endif
