/* The thread pool: every item runs once, whatever the number of threads, items and callers.
 *
 * RUN: pool_test
 * RUN: pool_test_tsan */
#include "runtime/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                  \
            exit(1);                                                                                         \
        }                                                                                                    \
    } while (0)

enum { ITEMS_MAX = 1000, CALLERS = 3 };

typedef struct Job {
    const tenon_executor *executor;
    int counts[ITEMS_MAX]; /* written without atomics: the pool orders them before its return */
    int work;              /* additions per item */
    _Atomic int total;
} Job;

static void add_one(void *argument, int32_t index) {
    Job *job = argument;
    volatile int burn = 0;
    for (int i = 0; i < job->work; i++) burn = burn + 1;
    job->counts[index]++;
    atomic_fetch_add(&job->total, 1);
}

static void run_items(const tenon_executor *executor, int32_t count, int work) {
    Job *job = calloc(1, sizeof *job);
    job->work = work;
    executor->parallel_for(executor->context, add_one, job, count);
    for (int i = 0; i < ITEMS_MAX; i++) CHECK(job->counts[i] == (i < count));
    free(job);
}

static void sleep_microseconds(long microseconds) {
    nanosleep(&(struct timespec){0, microseconds * 1000}, NULL);
}

static void test_counts(void) {
    static const int32_t counts[] = {-1, 0, 1, 2, 3, 7, 16, ITEMS_MAX};
    for (int32_t threads = 0; threads <= 5; threads++) {
        tenon_pool *pool = tenon_pool_create(threads);
        const tenon_executor *executor = tenon_pool_executor(pool);
        CHECK(executor->threads >= 1 && (!threads || executor->threads <= threads));
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) run_items(executor, counts[i], 100);
        tenon_pool_destroy(pool);
    }
    tenon_pool_destroy(NULL);
}

/* Work in bursts: workers are hot, about to sleep, and asleep. */
static void test_sleep_and_wake(void) {
    tenon_pool *pool = tenon_pool_create(3);
    for (int i = 0; i < 60; i++) {
        run_items(tenon_pool_executor(pool), 1 + i % 9, i % 4 ? 10 : 30000);
        if (i % 3 == 0) sleep_microseconds(20 + i * 3);
    }
    tenon_pool_destroy(pool);
}

static void test_create_destroy(void) {
    for (int i = 0; i < 30; i++) {
        tenon_pool *pool = tenon_pool_create(4);
        if (i % 2) run_items(tenon_pool_executor(pool), 3, 10);
        if (i % 5 == 0) sleep_microseconds(200);
        tenon_pool_destroy(pool);
    }
}

static void *call_often(void *context) {
    for (int i = 0; i < 200; i++) run_items(context, 1 + i % 13, i % 7 ? 10 : 2000);
    return NULL;
}

static void test_several_callers(void) {
    tenon_pool *pool = tenon_pool_create(3);
    pthread_t callers[CALLERS];
    for (int i = 0; i < CALLERS; i++)
        CHECK(pthread_create(&callers[i], NULL, call_often, (void *)tenon_pool_executor(pool)) == 0);
    for (int i = 0; i < CALLERS; i++) pthread_join(callers[i], NULL);
    tenon_pool_destroy(pool);
}

static void call_inside(void *argument, int32_t index) {
    Job *outer = argument;
    (void)index;
    run_items(outer->executor, 5, 10);
    atomic_fetch_add(&outer->total, 1);
}

static void test_nested(void) {
    tenon_pool *pool = tenon_pool_create(3);
    Job *job = calloc(1, sizeof *job);
    job->executor = tenon_pool_executor(pool);
    for (int i = 0; i < 50; i++) job->executor->parallel_for(job->executor->context, call_inside, job, 6);
    CHECK(atomic_load(&job->total) == 300);
    free(job);
    tenon_pool_destroy(pool);
}

#ifdef __SSE__
static void check_float_mode(void *argument, int32_t index) {
    Job *job = argument;
    volatile float tiny = 1e-38f, half = 0.25f;
    job->counts[index] = tiny * half != 0;
}

/* Workers flush denormals exactly when the caller does. */
static void test_float_mode(void) {
    tenon_pool *pool = tenon_pool_create(3);
    const tenon_executor *executor = tenon_pool_executor(pool);
    Job *job = calloc(1, sizeof *job);
    unsigned before = __builtin_ia32_stmxcsr();
    for (int i = 0; i < 20; i++) {
        bool flush = i % 2;
        __builtin_ia32_ldmxcsr(flush ? before | 0x8040 : before);
        executor->parallel_for(executor->context, check_float_mode, job, 50);
        for (int k = 0; k < 50; k++) CHECK(job->counts[k] == !flush);
    }
    __builtin_ia32_ldmxcsr(before);
    free(job);
    tenon_pool_destroy(pool);
}
#else
static void test_float_mode(void) {}
#endif

static void test_aligned_memory(void) {
    for (size_t align = 1; align <= 4096; align *= 2) {
        char *memory = tenon_aligned_alloc(align, align == 4 ? 0 : 100);
        CHECK(memory && (uintptr_t)memory % align == 0);
        if (align != 4) memset(memory, 1, 100);
        tenon_aligned_free(memory);
    }
    tenon_aligned_free(NULL);
}

int main(void) {
    test_counts();
    test_sleep_and_wake();
    test_create_destroy();
    test_several_callers();
    test_nested();
    test_float_mode();
    test_aligned_memory();
    return 0;
}
