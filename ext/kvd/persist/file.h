/* The calls of the operating system that files of a store need, retried when a signal interrupts them. */

#ifndef KVD_PERSIST_FILE_H
#define KVD_PERSIST_FILE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static inline int kvd_file_create(const char *path) { return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644); }
/* empty, and what is written goes to its end, also after it was cut: not for kvd_file_write_at */
static inline int kvd_file_begin(const char *path) { return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0644); }
static inline int kvd_file_append(const char *path) { return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644); }

/* a file without a name, to be written and read: it is gone when it is closed. -1: errno */
static inline int kvd_file_nameless(const char *folder) {
    char path[4096 + 32];
    int fd = -1;
#ifdef O_TMPFILE
    fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd >= 0) return fd;
#endif
    snprintf(path, sizeof(path), "%s/temp-sync-XXXXXX", folder);
    fd = mkstemp(path);
    if (fd >= 0) {
        fcntl(fd, F_SETFD, FD_CLOEXEC);
        unlink(path);
    }
    return fd;
}

/* n bytes at the end of the file; 0, or errno. done: how many were written */
static inline int kvd_file_write_some(int fd, const char *p, size_t n, size_t *done) {
    *done = 0;
    while (*done < n) {
        ssize_t k = write(fd, p + *done, n - *done);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return errno;
        if (k == 0) return ENOSPC;
        *done += (size_t)k;
    }
    return 0;
}

static inline int kvd_file_write(int fd, const char *p, size_t n) {
    size_t done;
    return kvd_file_write_some(fd, p, n, &done);
}

static inline int kvd_file_write_at(int fd, const char *p, size_t n, off_t at) {
    while (n) {
        ssize_t k = pwrite(fd, p, n, at);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return errno;
        p += k;
        n -= (size_t)k;
        at += k;
    }
    return 0;
}

static inline int kvd_file_sync(int fd) {
    int r;
    do {
#ifdef __linux__
        r = fdatasync(fd);
#else
        r = fsync(fd);
#endif
    } while (r < 0 && errno == EINTR);
    return r < 0 ? errno : 0;
}

/* makes a rename or a new file in this directory durable */
static inline int kvd_folder_sync(const char *path) {
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = fd < 0 ? errno : 0;
    if (fd >= 0) {
        if (fsync(fd) < 0 && errno != EINVAL) r = errno;
        close(fd);
    }
    return r;
}

/* against other processes and other stores of this one; released with the last descriptor */
static inline int kvd_file_lock(int fd) { return flock(fd, LOCK_EX | LOCK_NB) == 0; }
static inline int kvd_file_is(int fd, const char *path) {
    struct stat a, b;
    return fstat(fd, &a) == 0 && stat(path, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev;
}

static inline long kvd_file_size(const char *path) {
    struct stat a;
    return stat(path, &a) == 0 ? (long)a.st_size : -1;
}

/* errors other than its absence say nothing about whether there is one */
static inline int kvd_file_is_missing(const char *path) {
    struct stat a;
    return stat(path, &a) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

static inline int kvd_file_truncate(int fd, unsigned long size) { return ftruncate(fd, (off_t)size) < 0 ? errno : 0; }
static inline int kvd_file_make_folder(const char *path) { return mkdir(path, 0755) < 0 ? errno : 0; }
static inline int kvd_file_rename(const char *from, const char *to) { return rename(from, to) < 0 ? errno : 0; }
static inline int kvd_last_error(void) { return errno; }

#endif
