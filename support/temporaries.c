#include "support/temporaries.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ATTEMPTS_MAX = 100, NAME_BYTES_MAX = 200 };

/* Changed only while all signals are blocked, so that a handler sees a whole list. */
static Temporary *volatile registered;
static pid_t owner;

/* Signals that ask the process to end, and those by which it crashes. */
static const int signals[] = {SIGHUP,  SIGINT,  SIGQUIT, SIGTERM, SIGPIPE, SIGXCPU,
                              SIGABRT, SIGSEGV, SIGBUS,  SIGFPE,  SIGILL};
enum { SIGNAL_COUNT = sizeof signals / sizeof *signals };
static struct sigaction previous_actions[SIGNAL_COUNT];

void temporaries_remove(void) {
    if (getpid() != owner) return;
    for (const Temporary *t = registered; t; t = t->next)
        if (t->path) unlink(t->path);
}

/* Gives way to what was there before: a fault happens again on return, a signal that was sent is raised
 * again. */
static void on_signal(int signal, siginfo_t *info, void *context) {
    (void)context;
    int kept_errno = errno;
    temporaries_remove();
    for (int i = 0; i < SIGNAL_COUNT; i++)
        if (signals[i] == signal) sigaction(signal, &previous_actions[i], NULL);
    bool fault = signal == SIGSEGV || signal == SIGBUS || signal == SIGFPE || signal == SIGILL;
    if (!fault || info->si_code <= 0) raise(signal);
    errno = kept_errno;
}

static void block_signals(sigset_t *out_previous) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, out_previous);
}

/* A signal that the parent told us to ignore (nohup) stays ignored. A file-size limit becomes a failing
 * write. */
static void install_once(void) {
    static bool installed;
    owner = getpid();
    if (installed) return;
    installed = true;
    atexit(temporaries_remove);
    arena_on_exhaustion(temporaries_remove);
    signal(SIGXFSZ, SIG_IGN);
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    sigfillset(&action.sa_mask);
    for (int i = 0; i < SIGNAL_COUNT; i++) {
        sigaction(signals[i], NULL, &previous_actions[i]);
        if (previous_actions[i].sa_handler != SIG_IGN) sigaction(signals[i], &action, NULL);
    }
}

int temporary_create(Temporary *temporary, Arena *arena, const char *directory, const char *name,
                     mode_t mode) {
    install_once();
    int descriptor = -1;
    for (int attempt = 0; attempt < ATTEMPTS_MAX && descriptor < 0; attempt++) {
        const char *suffix = attempt ? arena_printf(arena, ".%d", attempt) : "";
        const char *path =
            arena_printf(arena, "%s.%.*s.tmp.%ld%s", directory, NAME_BYTES_MAX, name, (long)getpid(), suffix);
        sigset_t before;
        block_signals(&before);
        descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        int error = errno;
        if (descriptor >= 0) {
            *temporary = (Temporary){registered, path};
            registered = temporary;
        }
        sigprocmask(SIG_SETMASK, &before, NULL);
        errno = error;
        if (descriptor < 0 && error != EEXIST) return -1;
    }
    return descriptor;
}

void temporary_release(Temporary *temporary) {
    if (!temporary->path) return;
    sigset_t before;
    block_signals(&before);
    Temporary *volatile *link = &registered;
    while (*link != temporary) link = (Temporary *volatile *)&(*link)->next;
    *link = temporary->next;
    temporary->path = NULL;
    sigprocmask(SIG_SETMASK, &before, NULL);
}

void temporary_remove(Temporary *temporary) {
    if (!temporary->path) return;
    unlink(temporary->path);
    temporary_release(temporary);
}
