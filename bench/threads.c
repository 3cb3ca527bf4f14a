/* Where threads run: the caller on the first CPU the process may use, each engine's workers on the next ones.
 */
#define _GNU_SOURCE
#include "bench/bench.h"

#include <dirent.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { WAITS_MAX = 500 };

static cpu_set_t allowed;

/* The index-th allowed CPU alone. */
static cpu_set_t cpu_only(int index) {
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &allowed) && index-- == 0) CPU_SET(cpu, &one);
    }
    return one;
}

void threads_init(int count) {
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) fail("cannot ask for the CPUs of this process");
    if (count < 1 || count > CPU_COUNT(&allowed)) fail("%d threads on %d CPUs", count, CPU_COUNT(&allowed));
}

void workers_pin(void) {
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL) fail("cannot list the threads of this process");
    int workers = 0, others = CPU_COUNT(&allowed) - 1;
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        pid_t thread = atoi(entry->d_name);
        cpu_set_t current;
        if (thread <= 0 || thread == getpid()) continue;
        if (sched_getaffinity(thread, sizeof current, &current) != 0 || CPU_COUNT(&current) == 1) continue;
        cpu_set_t one = cpu_only(others > 0 ? 1 + workers++ % others : 0);
        sched_setaffinity(thread, sizeof one, &one);
    }
    closedir(tasks);
}

void caller_pin(void) {
    cpu_set_t one = cpu_only(0);
    sched_setaffinity(0, sizeof one, &one);
}

static double clock_process_seconds(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

void workers_quiet_wait(void) {
    for (int i = 0; i < WAITS_MAX; i++) {
        struct timespec pause = {.tv_nsec = 500000};
        double start = clock_seconds(), used = clock_process_seconds();
        nanosleep(&pause, NULL);
        if (clock_process_seconds() - used < 0.2 * (clock_seconds() - start)) return;
    }
}
