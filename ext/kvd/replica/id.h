/* Replication ids: 40 hexadecimal digits that no other server has. */

#ifndef KVD_REPLICA_ID_H
#define KVD_REPLICA_ID_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stdio.h>
#include <unistd.h>
#if defined(__APPLE__)
#include <sys/random.h>
#endif

static inline void kvd_make_id(char *out) {
    unsigned char bytes[20];
    int i;
    if (getentropy(bytes, sizeof(bytes)) != 0) for (i = 0; i < 20; i++) bytes[i] = (unsigned char)(i + getpid());
    for (i = 0; i < 20; i++) snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

#endif
