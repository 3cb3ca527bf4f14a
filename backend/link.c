#define _GNU_SOURCE /* pipe2, environ */
#include "backend/link.h"
#include "support/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_BYTES_MAX = 8 * 1024, MESSAGE_LINES_MAX = 20, EXIT_POLL_MS = 50 };

static const char *const programs[] = {"ld", "ld.lld", "ld.lld-19"};
enum { PROGRAM_COUNT = sizeof programs / sizeof *programs };

typedef struct Child {
    pid_t process;
    int messages; /* read end of its stdout and stderr */
    int status;   /* of waitpid, once it has ended */
    bool timed_out;
    Text text; /* the first MESSAGE_BYTES_MAX of what it wrote */
    bool cut;
} Child;

/* Variables by which a linker would make another library from the same command line. */
static bool is_linker_variable(const char *setting) {
    static const char *const names[] = {"LD_RUN_PATH=", "LDEMULATION=", "GNUTARGET="};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(setting, names[i], strlen(names[i])) == 0) return true;
    return false;
}

static char **environment_without_linker_variables(Arena *arena) {
    int count = 0, kept = 0;
    while (environ && environ[count]) count++;
    char **settings = NEW_ARRAY(arena, char *, count + 1);
    for (int i = 0; i < count; i++)
        if (!is_linker_variable(environ[i])) settings[kept++] = environ[i];
    return settings;
}

/* Linkers take '-' for an option and '@' for a file of options. */
static const char *plain_path(Arena *arena, const char *path) {
    return *path == '-' || *path == '@' ? arena_printf(arena, "./%s", path) : path;
}

/* Returns 0 or the error number: ENOENT when there is no such program. */
static int spawn(Arena *arena, const char *program, const LinkRequest *request, Child *child) {
    const char *object = plain_path(arena, request->object), *library = plain_path(arena, request->library);
    const char *arguments[] = {
        program,   "-shared",       "-z", "relro", "-z",   "now", "-z", "noexecstack", "--build-id=none",
        "-soname", request->soname, "-o", library, object, NULL};
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return errno;
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t defaults;
    sigemptyset(&defaults);
    sigaddset(&defaults, SIGPIPE);
    sigaddset(&defaults, SIGXFSZ);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigdefault(&attributes, &defaults);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    int error = posix_spawnp(&child->process, program, &actions, &attributes, (char **)arguments,
                             environment_without_linker_variables(arena));
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    close(ends[1]);
    child->messages = ends[0];
    if (error) close(ends[0]);
    return error;
}

static int64_t milliseconds_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* False at the end of the messages. */
static bool read_messages(Child *child) {
    char bytes[4096];
    ssize_t got = read(child->messages, bytes, sizeof bytes);
    if (got < 0 && errno == EINTR) return true;
    if (got <= 0) return false;
    size_t room = MESSAGE_BYTES_MAX - child->text.length;
    child->cut |= (size_t)got > room;
    text_append(&child->text, bytes, (size_t)got < room ? (size_t)got : room);
    return true;
}

static bool has_ended(Child *child, int flags) {
    pid_t ended;
    do ended = waitpid(child->process, &child->status, flags);
    while (ended < 0 && errno == EINTR);
    return ended != 0;
}

/* Reads until the child ends. A grandchild may hold the pipe open for longer, so its end alone is no sign; a
 * child may close it early, so the time is watched in both waits. */
static void attend(Child *child, int timeout_seconds) {
    int64_t deadline = milliseconds_now() + (int64_t)timeout_seconds * 1000;
    bool open = true, ended = false;
    while (!ended) {
        if (milliseconds_now() >= deadline) {
            child->timed_out = true;
            kill(child->process, SIGKILL);
            has_ended(child, 0);
            break;
        }
        struct pollfd end = {.fd = open ? child->messages : -1, .events = POLLIN};
        if (poll(&end, 1, open ? EXIT_POLL_MS : 1) > 0)
            open = read_messages(child);
        else
            ended = has_ended(child, WNOHANG);
        if (!open && !ended) ended = has_ended(child, WNOHANG);
    }
    /* What it wrote last may still be in the pipe. */
    struct pollfd end = {.fd = child->messages, .events = POLLIN};
    while (open && !child->cut && poll(&end, 1, 0) > 0) open = read_messages(child);
    close(child->messages);
}

static void note_messages(Diagnostic *diagnostic, const char *program, Child *child) {
    int lines = 0;
    char *rest = child->text.bytes, *line;
    while (rest && (line = strsep(&rest, "\n")))
        if (*line && lines++ < MESSAGE_LINES_MAX) diagnostic_note(diagnostic, (Span){0}, "%s", line);
    if (child->cut || lines > MESSAGE_LINES_MAX)
        diagnostic_note(diagnostic, (Span){0}, "%s wrote more than this", program);
}

static bool report(Diagnostics *diagnostics, const LinkRequest *request, const char *program, Child *child) {
    if (!child->timed_out && WIFEXITED(child->status) && WEXITSTATUS(child->status) == 0) return true;
    Diagnostic *diagnostic;
    if (child->timed_out)
        diagnostic = diagnose_error(diagnostics, E0641, (Span){0},
                                    "%s: the linker '%s' did not finish in time and was stopped",
                                    request->shown, program);
    else if (WIFSIGNALED(child->status))
        diagnostic = diagnose_error(diagnostics, E0641, (Span){0},
                                    "%s: the linker '%s' was ended by signal %d (%s)", request->shown,
                                    program, WTERMSIG(child->status), strsignal(WTERMSIG(child->status)));
    else
        diagnostic =
            diagnose_error(diagnostics, E0641, (Span){0}, "%s: the linker '%s' failed with status %d",
                           request->shown, program, WEXITSTATUS(child->status));
    note_messages(diagnostic, program, child);
    return false;
}

static bool report_no_linker(Diagnostics *diagnostics, const LinkRequest *request, const char *chosen,
                             int error) {
    Diagnostic *diagnostic;
    if (chosen)
        diagnostic = diagnose_error(diagnostics, E0640, (Span){0},
                                    "%s: the linker '%s' named by TENON_LD cannot run: %s", request->shown,
                                    chosen, strerror(error));
    else
        diagnostic = diagnose_error(diagnostics, E0640, (Span){0},
                                    "%s: no linker can run: neither 'ld' nor 'ld.lld' (%s)", request->shown,
                                    strerror(error));
    diagnostic_note(diagnostic, (Span){0},
                    "install the package 'binutils' or 'lld', or set TENON_LD to the path of a linker");
    diagnostic_note(diagnostic, (Span){0},
                    "a static archive needs no linker: give an output that ends in .a");
    return false;
}

bool link_shared(Arena *arena, Diagnostics *diagnostics, const LinkRequest *request) {
    const char *chosen = getenv("TENON_LD");
    if (chosen && !*chosen) chosen = NULL;
    Child child = {0};
    const char *program = chosen;
    int error = ENOENT;
    if (chosen) error = spawn(arena, chosen, request, &child);
    for (int i = 0; !chosen && error && i < PROGRAM_COUNT; i++) {
        program = programs[i];
        error = spawn(arena, program, request, &child);
    }
    if (error) return report_no_linker(diagnostics, request, chosen, error);
    attend(&child, request->timeout_seconds ? request->timeout_seconds : LINK_TIMEOUT_SECONDS);
    bool linked = report(diagnostics, request, program, &child);
    text_deinit(&child.text);
    return linked;
}
