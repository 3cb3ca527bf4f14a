#define _GNU_SOURCE /* memfd_create */
#include "support/output.h"
#include "support/temporaries.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BUFFER_BYTES = 64 * 1024, COPY_BYTES = 256 * 1024, LINKS_MAX = 40 };

typedef struct FileIdentity {
    dev_t device;
    ino_t inode;
} FileIdentity;

struct Output {
    Outputs *owner;
    const char *path;   /* as the user wrote it */
    const char *target; /* links resolved; "-" for stdout */
    const char *name;   /* of the target in its directory */
    FileIdentity directory;
    unsigned flags;
    bool stream; /* stdout or a device: kept in memory, copied at commit */
    bool failed, done;
    const char *temporary_path;
    Temporary temporary;
    mode_t mode;
    int descriptor; /* -1: closed */
    char *buffer;
    size_t buffered;
};

typedef struct Input {
    const char *path;
    FileIdentity identity;
} Input;

struct Outputs {
    Arena *arena;
    Diagnostics *diagnostics; /* may be NULL */
    int first_errno;
    VECTOR(Output *) outputs;
    VECTOR(Input) inputs;
};

static bool identity_equal(FileIdentity a, FileIdentity b) {
    return a.device == b.device && a.inode == b.inode;
}

static FileIdentity identity_of(const struct stat *status) {
    return (FileIdentity){status->st_dev, status->st_ino};
}

/* Reports the first failure of an output; its later ones are consequences. Keeps |error| for callers without
 * diagnostics. Returns the diagnostic for notes, or NULL. */
static Diagnostic *fail(Output *output, DiagnosticId id, int error, const char *reason) {
    Outputs *owner = output->owner;
    bool reported = output->failed;
    output->failed = true;
    if (!owner->first_errno) owner->first_errno = error;
    if (reported || !owner->diagnostics) return NULL;
    const char *shown = strcmp(output->path, "-") == 0 ? "standard output"
                        : *output->path                ? output->path
                                                       : "''";
    return diagnose_error(owner->diagnostics, id, (Span){0}, "%s: %s", shown, reason);
}

static bool fail_errno(Output *output, int error) {
    fail(output, E0601, error, arena_printf(output->owner->arena, "cannot be written: %s", strerror(error)));
    return false;
}

/* With a closed stdin, stdout or stderr the next file opened would take its number and get what was meant for
 * it. */
static void occupy_standard_descriptors(void) {
    for (int i = 0; i <= 2; i++)
        if (fcntl(i, F_GETFD) < 0 && errno == EBADF) {
            int descriptor = open("/dev/null", O_RDONLY);
            if (descriptor > 2) close(descriptor);
        }
}

Outputs *outputs_create(Arena *arena, Diagnostics *diagnostics) {
    occupy_standard_descriptors();
    Outputs *outputs = NEW(arena, Outputs);
    outputs->arena = arena;
    outputs->diagnostics = diagnostics;
    return outputs;
}

/* Everything up to the last slash, with it; "" for the current directory. */
static const char *directory_of(Arena *arena, const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? arena_strndup(arena, path, (size_t)(slash - path) + 1) : "";
}

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Follows links by name, also one that points to nothing: the file would be made there. NULL: errno tells
 * why. */
static const char *resolve_links(Arena *arena, const char *path) {
    char link[4096];
    for (int i = 0; i < LINKS_MAX; i++) {
        ssize_t length = readlink(path, link, sizeof link);
        if (length < 0) return path;
        const char *directory = link[0] == '/' ? "" : directory_of(arena, path);
        path = arena_printf(arena, "%s%.*s", directory, (int)length, link);
    }
    errno = ELOOP;
    return NULL;
}

static bool conflicts(Output *output, const struct stat *target /* NULL: does not exist yet */) {
    Outputs *owner = output->owner;
    for (int i = 0; target && i < owner->inputs.count; i++) {
        if (!identity_equal(identity_of(target), owner->inputs.items[i].identity)) continue;
        fail(output, E0602, EEXIST,
             arena_printf(owner->arena, "is an input ('%s') and would be overwritten",
                          owner->inputs.items[i].path));
        return true;
    }
    for (int i = 0; i < owner->outputs.count; i++) {
        const Output *other = owner->outputs.items[i];
        if (other->flags & OUTPUT_SCRATCH) continue;
        bool same = output->stream || other->stream
                        ? strcmp(output->target, "-") == 0 && strcmp(other->target, "-") == 0
                        : identity_equal(output->directory, other->directory) &&
                              strcmp(output->name, other->name) == 0;
        if (!same) continue;
        fail(output, E0602, EEXIST, arena_printf(owner->arena, "is the same output as '%s'", other->path));
        return true;
    }
    return false;
}

/* A file in memory; other programs reach it through /proc. */
static bool open_stream(Output *output) {
    if (output->flags & OUTPUT_BINARY && strcmp(output->target, "-") == 0 && isatty(STDOUT_FILENO)) {
        fail(output, E0603, EINVAL, "binary output is not written to a terminal");
        return false;
    }
    output->descriptor = memfd_create("tenon-output", MFD_CLOEXEC);
    if (output->descriptor < 0) return fail_errno(output, errno);
    output->temporary_path =
        arena_printf(output->owner->arena, "/proc/%ld/fd/%d", (long)getpid(), output->descriptor);
    return true;
}

static bool open_file(Output *output) {
    Arena *arena = output->owner->arena;
    const char *directory = directory_of(arena, output->target);
    mode_t mode = output->flags & OUTPUT_EXECUTABLE ? 0777 : 0666;
    output->descriptor = temporary_create(&output->temporary, arena, directory, output->name, mode);
    struct stat status;
    if (output->descriptor < 0 || fstat(output->descriptor, &status) != 0) {
        int error = errno;
        Diagnostic *diagnostic =
            fail(output, E0601, error, arena_printf(arena, "cannot be written: %s", strerror(error)));
        if (diagnostic && error == ENOENT)
            diagnostic_note(diagnostic, (Span){0}, "there is no directory '%s'", directory);
        else if (diagnostic && (error == EACCES || error == EROFS))
            diagnostic_note(diagnostic, (Span){0}, "no file can be made in the directory '%s'",
                            *directory ? directory : ".");
        return false;
    }
    output->mode = status.st_mode & 0777;
    output->temporary_path = output->temporary.path;
    return true;
}

/* Finds out what the target is and opens where its bytes go meanwhile. */
static bool open_output(Output *output) {
    Arena *arena = output->owner->arena;
    output->stream = strcmp(output->path, "-") == 0;
    output->target = output->stream ? output->path : resolve_links(arena, output->path);
    if (!output->target) return fail_errno(output, errno);
    output->name = name_of(output->target);
    struct stat status;
    bool exists = !output->stream && stat(output->target, &status) == 0;
    if ((exists && S_ISDIR(status.st_mode)) || (*output->target && !*output->name))
        return fail_errno(output, EISDIR);
    if (!*output->name) return fail_errno(output, ENOENT);
    output->stream |= exists && !S_ISREG(status.st_mode);
    const char *directory = directory_of(arena, output->target);
    struct stat directory_status;
    if (!output->stream && stat(*directory ? directory : ".", &directory_status) == 0)
        output->directory = identity_of(&directory_status);
    bool scratch = output->flags & OUTPUT_SCRATCH;
    if (!scratch && conflicts(output, exists && !output->stream ? &status : NULL)) return false;
    return output->stream ? open_stream(output) : open_file(output);
}

static void discard(Output *output) {
    if (output->descriptor >= 0) close(output->descriptor);
    output->descriptor = -1;
    temporary_remove(&output->temporary);
}

Output *outputs_add(Outputs *outputs, const char *path, unsigned flags) {
    Output *output = NEW(outputs->arena, Output);
    *output = (Output){.owner = outputs, .path = path, .flags = flags, .descriptor = -1};
    bool opened = open_output(output);
    if (!opened) discard(output);
    vector_push(outputs->arena, &outputs->outputs, output);
    return opened ? output : NULL;
}

bool outputs_forbid(Outputs *outputs, const char *path) {
    struct stat status;
    if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) return true;
    Input input = {path, identity_of(&status)};
    vector_push(outputs->arena, &outputs->inputs, input);
    for (int i = 0; i < outputs->outputs.count; i++) {
        Output *output = outputs->outputs.items[i];
        if (output->failed || output->stream || output->flags & OUTPUT_SCRATCH ||
            stat(output->target, &status) != 0)
            continue;
        if (!identity_equal(identity_of(&status), input.identity)) continue;
        fail(output, E0602, EEXIST,
             arena_printf(outputs->arena, "is an input ('%s') and would be overwritten", path));
        return false;
    }
    return true;
}

static bool write_all(int descriptor, const char *bytes, size_t count) {
    while (count) {
        ssize_t written = write(descriptor, bytes, count);
        if (written < 0 && errno == EINTR) continue;
        if (written == 0) errno = EIO;
        if (written <= 0) return false;
        bytes += written;
        count -= (size_t)written;
    }
    return true;
}

static bool flush(Output *output) {
    if (output->failed) return false;
    bool written = write_all(output->descriptor, output->buffer, output->buffered);
    output->buffered = 0;
    return written || fail_errno(output, errno);
}

bool output_write(Output *output, const void *bytes, size_t count) {
    if (output->failed) return false;
    if (!output->buffer) output->buffer = arena_alloc(output->owner->arena, BUFFER_BYTES);
    if (count > BUFFER_BYTES - output->buffered && !flush(output)) return false;
    if (count > BUFFER_BYTES) return write_all(output->descriptor, bytes, count) || fail_errno(output, errno);
    if (count) memcpy(output->buffer + output->buffered, bytes, count);
    output->buffered += count;
    return true;
}

/* A linker unlinks the name it was given and makes a new file: then the descriptor is of a file that is gone.
 */
static bool reopen_replaced(Output *output) {
    struct stat named, opened;
    if (output->stream) return true;
    if (stat(output->temporary_path, &named) != 0 || fstat(output->descriptor, &opened) != 0)
        return fail_errno(output, errno);
    if (identity_equal(identity_of(&named), identity_of(&opened))) return true;
    int fresh = open(output->temporary_path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
    if (fresh < 0) return fail_errno(output, errno);
    close(output->descriptor);
    output->descriptor = fresh;
    return true;
}

int output_descriptor(Output *output) {
    return flush(output) && reopen_replaced(output) ? output->descriptor : -1;
}

bool output_patch(Output *output, uint64_t offset, const void *bytes, size_t count) {
    int descriptor = output_descriptor(output);
    if (descriptor < 0) return false;
    struct stat status;
    if (fstat(descriptor, &status) != 0) return fail_errno(output, errno);
    uint64_t size = (uint64_t)status.st_size;
    if (offset > size || count > size - offset) return fail_errno(output, EINVAL);
    const char *next = bytes;
    while (count) {
        ssize_t written = pwrite(descriptor, next, count, (off_t)offset);
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return fail_errno(output, written ? errno : EIO);
        next += written;
        offset += (uint64_t)written;
        count -= (size_t)written;
    }
    return true;
}

const char *output_temporary(const Output *output) { return output->temporary_path; }
const char *output_path(const Output *output) { return output->path; }
void output_fail(Output *output) { output->failed = true; }

static ssize_t read_at(int descriptor, char *bytes, size_t count, off_t offset) {
    ssize_t got;
    do got = pread(descriptor, bytes, count, offset);
    while (got < 0 && errno == EINTR);
    return got;
}

static bool copy_to_stream(Output *output) {
    bool standard = strcmp(output->target, "-") == 0;
    int to = standard ? STDOUT_FILENO : open(output->target, O_WRONLY | O_CLOEXEC);
    if (to < 0) return fail_errno(output, errno);
    char *bytes = arena_alloc(output->owner->arena, COPY_BYTES);
    off_t offset = 0;
    ssize_t got;
    bool good = true;
    while (good && (got = read_at(output->descriptor, bytes, COPY_BYTES, offset)) != 0) {
        good = got > 0 && write_all(to, bytes, (size_t)got);
        offset += got;
    }
    if (!good) fail_errno(output, errno);
    if (!standard && close(to) != 0 && good) good = fail_errno(output, errno);
    output->done = good;
    return good;
}

static bool same_bytes(Output *output) {
    int target = open(output->target, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat old, fresh;
    bool same = target >= 0 && fstat(target, &old) == 0 && fstat(output->descriptor, &fresh) == 0 &&
                S_ISREG(old.st_mode) && old.st_size == fresh.st_size;
    char *left = arena_alloc(output->owner->arena, 2 * COPY_BYTES), *right = left + COPY_BYTES;
    for (off_t offset = 0; same && offset < old.st_size;) {
        ssize_t got = read_at(target, left, COPY_BYTES, offset);
        same = got > 0 && read_at(output->descriptor, right, (size_t)got, offset) == got &&
               memcmp(left, right, (size_t)got) == 0;
        offset += got;
    }
    if (target >= 0) close(target);
    return same;
}

/* All bytes written, mode set, closed. */
static bool finish(Output *output) {
    if (output->flags & OUTPUT_SCRATCH) {
        discard(output);
        output->done = true;
        return true;
    }
    if (output_descriptor(output) < 0) return false;
    if (output->stream) return true;
    if (output->flags & OUTPUT_KEEP_UNCHANGED && same_bytes(output)) {
        discard(output);
        output->done = true;
        return true;
    }
    if (fchmod(output->descriptor, output->mode) != 0) return fail_errno(output, errno);
    int closed = close(output->descriptor);
    output->descriptor = -1;
    return closed == 0 || fail_errno(output, errno);
}

static bool put_in_place(Output *output) {
    if (output->done) return true;
    if (rename(output->temporary_path, output->target) != 0) return fail_errno(output, errno);
    temporary_release(&output->temporary);
    output->done = true;
    return true;
}

bool outputs_commit(Outputs *outputs) {
    bool good = true;
    for (int i = 0; i < outputs->outputs.count; i++) good &= !outputs->outputs.items[i]->failed;
    for (int i = 0; good && i < outputs->outputs.count; i++) good = finish(outputs->outputs.items[i]);
    for (int i = 0; good && i < outputs->outputs.count; i++)
        if (outputs->outputs.items[i]->stream && !outputs->outputs.items[i]->done)
            good = copy_to_stream(outputs->outputs.items[i]);
    for (unsigned primary = 0; primary <= OUTPUT_PRIMARY; primary += OUTPUT_PRIMARY)
        for (int i = 0; good && i < outputs->outputs.count; i++)
            if ((outputs->outputs.items[i]->flags & OUTPUT_PRIMARY) == primary)
                good = put_in_place(outputs->outputs.items[i]);
    outputs_abort(outputs);
    return good;
}

void outputs_abort(Outputs *outputs) {
    for (int i = 0; i < outputs->outputs.count; i++) discard(outputs->outputs.items[i]);
    outputs->outputs.count = 0;
    if (outputs->first_errno) errno = outputs->first_errno;
}
