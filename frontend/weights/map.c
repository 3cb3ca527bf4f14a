/* Mapping of weight files. The kernel answers a touch of pages that no longer exist in the file with SIGBUS;
 * a handler tells that apart from errors of our own by the address. */
#include "frontend/weights/weights_internal.h"
#include "support/temporaries.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct Mapping Mapping;
struct Mapping {
    Mapping *next;
    const char *path;
    uintptr_t start, end;
};

/* Only grows, and only by whole nodes, so that the handler may walk it. */
static Mapping *volatile mappings;
static struct sigaction previous_action;

static void put(const char *text) {
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

static void on_bus_error(int signal, siginfo_t *info, void *context) {
    (void)context;
    uintptr_t address = (uintptr_t)info->si_addr;
    for (const Mapping *m = mappings; m; m = m->next) {
        if (info->si_code <= 0 || address < m->start || address >= m->end) continue;
        put("tenon: error: ");
        put(m->path);
        put(": the file became shorter while it was read\n");
        temporaries_remove();
        _exit(1);
    }
    sigaction(signal, &previous_action, NULL);
    if (info->si_code <= 0) raise(signal);
}

/* The nodes outlive every arena, as do the mappings. */
static const char *remember(const char *path, const uint8_t *bytes, size_t size) {
    static bool installed;
    size_t path_bytes = strlen(path) + 1;
    Mapping *mapping = malloc(sizeof *mapping + path_bytes);
    if (!mapping) return strerror(ENOMEM);
    char *path_copy = memcpy(mapping + 1, path, path_bytes);
    *mapping = (Mapping){mappings, path_copy, (uintptr_t)bytes, (uintptr_t)bytes + size};
    mappings = mapping;
    if (!installed) {
        struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};
        sigaction(SIGBUS, &action, &previous_action);
        installed = true;
    }
    return NULL;
}

static const char *map_descriptor(WeightsReader *reader, int descriptor) {
    struct stat status, again;
    if (fstat(descriptor, &status) != 0) return strerror(errno);
    if (S_ISDIR(status.st_mode)) return strerror(EISDIR);
    if (!S_ISREG(status.st_mode)) return "not a regular file";
    if (status.st_size == 0) return "the file is empty";
    if ((uint64_t)status.st_size > SIZE_MAX) return strerror(EFBIG);
    reader->size = (size_t)status.st_size;
    void *bytes = mmap(NULL, reader->size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (bytes == MAP_FAILED) return strerror(errno);
    reader->bytes = bytes;
    if (fstat(descriptor, &again) != 0) return strerror(errno);
    if (again.st_size != status.st_size) return "the file changed while it was read";
    return remember(reader->path, reader->bytes, reader->size);
}

const char *file_map(WeightsReader *reader) {
    int descriptor = open(reader->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0) return strerror(errno);
    const char *reason = map_descriptor(reader, descriptor);
    close(descriptor);
    return reason;
}
