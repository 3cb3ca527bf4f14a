/* Where threads run: the caller on the first CPU the process may use, each engine's workers on the next ones.
 */
#define _GNU_SOURCE
#include "bench/bench.h"

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

enum { WAITS_MAX = 500, THREADS_MAX = 64 };

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

/* The threads of this process; the caller, the first of them, is the process itself. */
static int threads_list(pid_t *out) {
    DIR *tasks = opendir("/proc/self/task");
    if (tasks == NULL) fail("cannot list the threads of this process");
    int count = 0;
    for (struct dirent *entry; (entry = readdir(tasks)) != NULL;) {
        pid_t thread = atoi(entry->d_name);
        if (thread > 0 && count < THREADS_MAX) out[count++] = thread;
    }
    closedir(tasks);
    return count;
}

/* What the system tells of a thread; empty if it has ended. */
static void thread_file_read(pid_t thread, const char *name, char *out, size_t bytes) {
    snprintf(out, bytes, "/proc/self/task/%d/%s", (int)thread, name);
    FILE *file = fopen(out, "r");
    size_t length = file != NULL ? fread(out, 1, bytes - 1, file) : 0;
    if (file != NULL) fclose(file);
    out[length] = '\0';
}

void workers_pin(void) {
    pid_t threads[THREADS_MAX];
    int count = threads_list(threads), workers = 0, others = CPU_COUNT(&allowed) - 1;
    for (int i = 0; i < count; i++) {
        cpu_set_t current;
        if (threads[i] == getpid()) continue;
        if (sched_getaffinity(threads[i], sizeof current, &current) != 0 || CPU_COUNT(&current) == 1)
            continue;
        cpu_set_t one = cpu_only(others > 0 ? 1 + workers++ % others : 0);
        sched_setaffinity(threads[i], sizeof one, &one);
    }
}

void caller_pin(void) {
    cpu_set_t one = cpu_only(0);
    sched_setaffinity(0, sizeof one, &one);
}

/* Asked of the system thread by thread: the clock of a process counts the time of threads that run on other
 * CPUs only at ticks, so over half a millisecond it does not tell whether one spins. */
static bool workers_run(void) {
    pid_t threads[THREADS_MAX];
    int count = threads_list(threads);
    for (int i = 0; i < count; i++) {
        char text[512];
        thread_file_read(threads[i], "stat", text, sizeof text);
        const char *name_end = strrchr(text, ')'); /* "ID (NAME) STATE ..." */
        if (threads[i] != getpid() && name_end != NULL && strncmp(name_end, ") R", 3) == 0) return true;
    }
    return false;
}

void workers_quiet_wait(void) {
    for (int i = 0; i < WAITS_MAX && workers_run(); i++) {
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    }
}

double threads_waited_seconds(void) {
    pid_t threads[THREADS_MAX];
    int count = threads_list(threads);
    double waited = 0;
    for (int i = 0; i < count; i++) {
        char text[512];
        thread_file_read(threads[i], "schedstat", text, sizeof text); /* nanoseconds: ran, waited */
        const char *space = strchr(text, ' ');
        if (space != NULL) waited += 1e-9 * atof(space);
    }
    return waited;
}
