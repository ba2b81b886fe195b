/* Figures of the operating system for INFO. */

#ifndef KVD_COMMANDS_INFO_H
#define KVD_COMMANDS_INFO_H

#include <stdio.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#if defined(__GLIBC__)
#include <malloc.h>
static void kvd_trim(void) { malloc_trim(0); }
#else
static void kvd_trim(void) {}
#endif
#define KVD_ALLOCATOR "kvd-slab+libc"
#if defined(__GNUC__)
#define KVD_GCC_MAJOR __GNUC__
#define KVD_GCC_MINOR __GNUC_MINOR__
#define KVD_GCC_PATCH __GNUC_PATCHLEVEL__
#else
#define KVD_GCC_MAJOR 0
#define KVD_GCC_MINOR 0
#define KVD_GCC_PATCH 0
#endif

#ifdef RUSAGE_THREAD
#define KVD_RUSAGE_THREAD RUSAGE_THREAD
#else
#define KVD_RUSAGE_THREAD RUSAGE_SELF
#endif

static double kvd_cpu(int who, int system) {
    struct rusage u;
    getrusage(who, &u);
    return system ? u.ru_stime.tv_sec + u.ru_stime.tv_usec / 1e6 : u.ru_utime.tv_sec + u.ru_utime.tv_usec / 1e6;
}

static void kvd_os(char *out, size_t n) {
    struct utsname u;
    if (uname(&u) == 0) snprintf(out, n, "%s %s %s", u.sysname, u.release, u.machine);
    else snprintf(out, n, "unknown");
}

static size_t kvd_resident(void) {
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long size = 0, resident = 0;
    if (f) {
        if (fscanf(f, "%lu %lu", &size, &resident) != 2) resident = 0;
        fclose(f);
    }
    if (!resident) {
        struct rusage u;
        getrusage(RUSAGE_SELF, &u);
        return (size_t)u.ru_maxrss * 1024;
    }
    return (size_t)resident * sysconf(_SC_PAGESIZE);
}

static size_t kvd_physical(void) {
#ifdef _SC_PHYS_PAGES
    return (size_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
#else
    return 0;
#endif
}
#if defined(__linux__)
#define KVD_POLLER "epoll"
#else
#define KVD_POLLER "kqueue"
#endif

#endif
