/* Preloaded: the N-th call that changes a file below a folder kills the process, or fails.

   Settings are read from the environment at the first such call, so that a process can fork workers that differ:
     KVDDEV_FAULT_FOLDER  files below it count
     KVDDEV_FAULT_AT      number of the call, from 1
     KVDDEV_FAULT_KIND    before, after, half: die before or after the call, or with half of its bytes written;
                          step: outside of the main thread, wait; else the error number
     KVDDEV_FAULT_WHILE   a path: the call and those that follow fail as long as this file exists; not set: one fails.
                          step: each of them makes a file of this name and .held, and waits until that is removed
     KVDDEV_FAULT_CALLS   names of the calls that count, each followed by a comma; not set: all */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum kind { NONE, BEFORE, AFTER, HALF, STEP, FAIL };

static char folder[4096], lasts[4096], names[256];
static enum kind kind;
static int error;
static long at, seen;
static int ready, full;

static void settle(void) {
    const char *f = getenv("KVDDEV_FAULT_FOLDER"), *k = getenv("KVDDEV_FAULT_KIND"), *n = getenv("KVDDEV_FAULT_AT");
    const char *w = getenv("KVDDEV_FAULT_WHILE"), *c = getenv("KVDDEV_FAULT_CALLS");
    if (ready || !f || !k || !n) return;
    snprintf(folder, sizeof folder, "%s/", f);
    snprintf(lasts, sizeof lasts, "%s", w ? w : "");
    snprintf(names, sizeof names, "%s", c ? c : "");
    at = atol(n);
    kind = !strcmp(k, "before") ? BEFORE : !strcmp(k, "after") ? AFTER : !strcmp(k, "half") ? HALF : !strcmp(k, "step") ? STEP : FAIL;
    error = atoi(k);
    ready = 1;
}

static void die(void) {
    syscall(SYS_kill, getpid(), SIGKILL);
    for (;;) pause();
}

static void wait_for_step(void) {
    char held[4200];
    struct timespec nap = {0, 200000};
    snprintf(held, sizeof held, "%s.held", lasts);
    close(syscall(SYS_openat, AT_FDCWD, held, O_CREAT | O_WRONLY, 0644));
    while (!syscall(SYS_faccessat, AT_FDCWD, held, F_OK)) nanosleep(&nap, NULL);
}

static enum kind meet(const char *name, const char *path) {
    char word[32];
    long n;
    if (!ready) settle();
    if (!ready || strncmp(path, folder, strlen(folder))) return NONE;
    snprintf(word, sizeof word, "%s,", name);
    if (names[0] && !strstr(names, word)) return NONE;
    n = __atomic_add_fetch(&seen, 1, __ATOMIC_SEQ_CST);
    if (n < at || (n > at && !lasts[0])) return NONE;
    if (lasts[0] && syscall(SYS_faccessat, AT_FDCWD, lasts, F_OK) < 0) return NONE;
    if (kind == BEFORE) die();
    if (kind != STEP) return kind;
    if (syscall(SYS_gettid) != getpid()) wait_for_step();
    return NONE;
}

static enum kind meet_fd(const char *name, int fd) {
    char link[64], path[4096];
    ssize_t n;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    n = readlink(link, path, sizeof path - 2);
    if (n <= 0) return NONE;
    path[n] = 0;
    strcat(path, "/");               /* the folder itself counts, too */
    return meet(name, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define PASS(what, call)                                         \
    do {                                                         \
        enum kind k = what;                                      \
        __typeof__(call) r;                                      \
        if (k == FAIL) { errno = error; return -1; }             \
        r = call;                                                \
        if (k == AFTER || k == HALF) die();                      \
        return r;                                                \
    } while (0)

long kvddev_fault_seen(void) { return seen; }

ssize_t write(int fd, const void *p, size_t n) {
    enum kind k = meet_fd("write", fd);
    ssize_t r;
    if (k == FAIL && error == ENOSPC && n > 1 && !full) {        /* a full disk takes what fits; the next write fails */
        full = 1;
        at = lasts[0] ? at : seen + 1;
        return REAL(write)(fd, p, n / 2);
    }
    if (k == FAIL) { errno = error; return -1; }
    r = REAL(write)(fd, p, k == HALF ? n / 2 : n);
    if (k != NONE) die();
    return r;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t o) { PASS(meet_fd("write", fd), REAL(pwrite)(fd, p, n, o)); }
ssize_t pwrite64(int fd, const void *p, size_t n, off64_t o) { PASS(meet_fd("write", fd), REAL(pwrite64)(fd, p, n, o)); }
int fsync(int fd) { PASS(meet_fd("fsync", fd), REAL(fsync)(fd)); }
int fdatasync(int fd) { PASS(meet_fd("fsync", fd), REAL(fdatasync)(fd)); }
int ftruncate(int fd, off_t n) { PASS(meet_fd("ftruncate", fd), REAL(ftruncate)(fd, n)); }
int ftruncate64(int fd, off64_t n) { PASS(meet_fd("ftruncate", fd), REAL(ftruncate64)(fd, n)); }
int rename(const char *from, const char *to) { PASS(meet("rename", from), REAL(rename)(from, to)); }
int remove(const char *path) { PASS(meet("remove", path), REAL(remove)(path)); }

static enum kind meet_open(const char *path, int flags) {
    return flags & (O_CREAT | O_WRONLY | O_RDWR | O_TRUNC) ? meet("open", path) : NONE;
}

int open(const char *path, int flags, ...) {
    va_list rest;
    mode_t mode;
    va_start(rest, flags);
    mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    PASS(meet_open(path, flags), REAL(open)(path, flags, mode));
}

int open64(const char *path, int flags, ...) {
    va_list rest;
    mode_t mode;
    va_start(rest, flags);
    mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    PASS(meet_open(path, flags), REAL(open64)(path, flags, mode));
}
