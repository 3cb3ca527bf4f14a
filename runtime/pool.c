#define _GNU_SOURCE /* sched_getaffinity */
#include "runtime/pool.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

enum { LINE_BYTES = 64, THREADS_MAX = 256, SPIN_NANOSECONDS = 50000, PAUSES_PER_LOOK = 32 };

/* Items are claimed one by one by lowering |remaining| from a value above zero. Only who has claimed an item
 * reads the job, and the job changes only when |done| has counted every item; so a worker that comes late
 * finds either nothing to claim or an item of the job that is there now. No worker is waited for that has not
 * claimed an item. */
struct tenon_pool {
    /* One cache line carries a job to a worker. */
    _Alignas(LINE_BYTES) _Atomic int32_t remaining;
    int32_t count;
    void (*item)(void *argument, int32_t index); /* NULL: the worker ends */
    void *argument;
    unsigned float_mode;

    _Alignas(LINE_BYTES) _Atomic int32_t done;

    _Alignas(LINE_BYTES) _Atomic int32_t sleepers; /* workers that need to be woken */
    _Atomic bool caller_sleeps;
    pthread_mutex_t sleep;
    pthread_cond_t work, finished;

    _Alignas(LINE_BYTES) pthread_mutex_t turn; /* one parallel_for at a time */
    int64_t spin_nanoseconds;
    tenon_executor executor;
    int32_t worker_count;
    pthread_t workers[];
};

/* The pool whose item this thread runs: a nested call must not wait for its own end. */
static _Thread_local const tenon_pool *running_pool;

/* The bits that decide rounding and denormals. */
static unsigned float_mode_get(void) {
#ifdef __SSE__
    return __builtin_ia32_stmxcsr() & ~0x3fu; /* without the sticky exception flags */
#else
    return 0;
#endif
}

static void float_mode_set(unsigned mode) {
#ifdef __SSE__
    if (float_mode_get() != mode) __builtin_ia32_ldmxcsr(mode);
#else
    (void)mode;
#endif
}

static void spin_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int64_t nanoseconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static bool has_work(tenon_pool *pool) {
    return atomic_load_explicit(&pool->remaining, memory_order_acquire) > 0;
}

static bool is_done(tenon_pool *pool) {
    return atomic_load_explicit(&pool->done, memory_order_acquire) == pool->count;
}

/* Watches |happened| for the pool's spinning time; true as soon as it is. */
static bool spin_until(tenon_pool *pool, bool (*happened)(tenon_pool *)) {
    if (happened(pool)) return true;
    if (!pool->spin_nanoseconds) return false;
    int64_t end = nanoseconds_now() + pool->spin_nanoseconds;
    do {
        for (int i = 0; i < PAUSES_PER_LOOK; i++) {
            if (happened(pool)) return true;
            spin_pause();
        }
    } while (nanoseconds_now() < end);
    return false;
}

/* The number of items that were left, this one included; 0: there is none. */
static int32_t claim(tenon_pool *pool) {
    int32_t left = atomic_load_explicit(&pool->remaining, memory_order_relaxed);
    while (left > 0)
        if (atomic_compare_exchange_weak_explicit(&pool->remaining, &left, left - 1, memory_order_acquire,
                                                  memory_order_relaxed))
            return left;
    return 0;
}

/* The order of the two sides' reads and writes is total (sequentially consistent), so at least one of them
 * sees the other's: the last worker sees that the caller sleeps, or the caller that all is done. */
static void count_done(tenon_pool *pool, int32_t items, int32_t count) {
    if (atomic_fetch_add(&pool->done, items) + items != count || !atomic_load(&pool->caller_sleeps)) return;
    pthread_mutex_lock(&pool->sleep);
    pthread_cond_signal(&pool->finished);
    pthread_mutex_unlock(&pool->sleep);
}

static void sleep_until_work(tenon_pool *pool) {
    pthread_mutex_lock(&pool->sleep);
    atomic_fetch_add(&pool->sleepers, 1);
    while (atomic_load(&pool->remaining) <= 0) pthread_cond_wait(&pool->work, &pool->sleep);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->sleep);
}

static void *work(void *context) {
    tenon_pool *pool = context;
    running_pool = pool;
    for (;;) {
        int32_t left = claim(pool);
        if (!left) {
            if (!spin_until(pool, has_work)) sleep_until_work(pool);
            continue;
        }
        if (!pool->item) return NULL;
        int32_t count = pool->count;
        float_mode_set(pool->float_mode);
        pool->item(pool->argument, count - left);
        count_done(pool, 1, count);
    }
}

/* |claimable| items, the last ones of |count|, are there to be claimed. */
static void publish(tenon_pool *pool, void (*item)(void *, int32_t), void *argument, int32_t count,
                    int32_t claimable) {
    pool->item = item;
    pool->argument = argument;
    pool->count = count;
    pool->float_mode = float_mode_get();
    atomic_store_explicit(&pool->done, 0, memory_order_relaxed);
    atomic_store(&pool->remaining, claimable);
    if (!atomic_load(&pool->sleepers)) return;
    pthread_mutex_lock(&pool->sleep);
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->sleep);
}

static void wait_until_done(tenon_pool *pool) {
    if (spin_until(pool, is_done)) return;
    pthread_mutex_lock(&pool->sleep);
    atomic_store(&pool->caller_sleeps, true);
    while (atomic_load(&pool->done) != pool->count) pthread_cond_wait(&pool->finished, &pool->sleep);
    atomic_store(&pool->caller_sleeps, false);
    pthread_mutex_unlock(&pool->sleep);
}

static void parallel_for(void *context, void (*item)(void *argument, int32_t index), void *argument,
                         int32_t count) {
    tenon_pool *pool = context;
    if (count <= 1 || !pool->worker_count || running_pool == pool) {
        for (int32_t i = 0; i < count; i++) item(argument, i);
        return;
    }
    pthread_mutex_lock(&pool->turn);
    const tenon_pool *outer = running_pool;
    running_pool = pool;
    /* The first item is the caller's: it begins while the others find theirs. */
    publish(pool, item, argument, count, count - 1);
    int32_t own = 1;
    item(argument, 0);
    for (int32_t left; (left = claim(pool)); own++) item(argument, count - left);
    count_done(pool, own, count);
    wait_until_done(pool);
    running_pool = outer;
    pthread_mutex_unlock(&pool->turn);
}

static int32_t usable_cpus(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    int count = CPU_COUNT(&set);
    return count < THREADS_MAX ? count : THREADS_MAX;
}

/* Workers take no signals of the host program. */
static void start_workers(tenon_pool *pool, int32_t wanted) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->worker_count < wanted &&
           pthread_create(&pool->workers[pool->worker_count], NULL, work, pool) == 0)
        pool->worker_count++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

tenon_pool *tenon_pool_create(int32_t threads) {
    int32_t cpus = usable_cpus();
    if (threads <= 0) threads = cpus;
    if (threads > THREADS_MAX) threads = THREADS_MAX;
    size_t bytes = sizeof(tenon_pool) + (size_t)threads * sizeof(pthread_t);
    tenon_pool *pool = tenon_aligned_alloc(LINE_BYTES, bytes);
    if (!pool) return NULL;
    *pool = (tenon_pool){.spin_nanoseconds = threads <= cpus ? SPIN_NANOSECONDS : 0};
    pthread_mutex_init(&pool->sleep, NULL);
    pthread_mutex_init(&pool->turn, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->finished, NULL);
    start_workers(pool, threads - 1);
    pool->executor = (tenon_executor){pool, pool->worker_count + 1, parallel_for};
    return pool;
}

const tenon_executor *tenon_pool_executor(const tenon_pool *pool) { return &pool->executor; }

void tenon_pool_destroy(tenon_pool *pool) {
    if (!pool) return;
    pthread_mutex_lock(&pool->turn);
    publish(pool, NULL, NULL, pool->worker_count, pool->worker_count);
    pthread_mutex_unlock(&pool->turn);
    for (int32_t i = 0; i < pool->worker_count; i++) pthread_join(pool->workers[i], NULL);
    pthread_mutex_destroy(&pool->sleep);
    pthread_mutex_destroy(&pool->turn);
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->finished);
    tenon_aligned_free(pool);
}

void *tenon_aligned_alloc(size_t align, size_t bytes) {
    void *memory;
    if (align < sizeof(void *)) align = sizeof(void *);
    return posix_memalign(&memory, align, bytes ? bytes : 1) == 0 ? memory : NULL;
}

void tenon_aligned_free(void *memory) { free(memory); }
