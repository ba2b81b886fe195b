/* A growing byte buffer, and printf into it. */

#ifndef KVD_CORE_BUF_H
#define KVD_CORE_BUF_H

#include <stdio.h>
#include <stdlib.h>
#include "kvd/core/pages.h"

struct kvd_buf { char *ptr; size_t len; size_t cap; size_t limit; int failed; };

static inline int kvd_buf_room(struct kvd_buf *b, size_t more) {
    size_t need = b->len + more, cap = b->cap < 256 ? 256 : b->cap;
    char *p;
    if (need < more) { b->failed = 1; return 0; }
    if (need <= b->cap) return 1;
    if (b->limit && need > b->limit) { b->failed = 1; return 0; }
    while (cap < need) cap += cap < 1048576 ? cap : cap / 4;
    p = (char *)realloc(b->ptr, cap);
    if (!p) { b->failed = 1; return 0; }
    b->ptr = p; b->cap = cap;
    kvd_use_huge_pages(p, cap);
    return 1;
}

/* the same, but allocates exactly that much: the size is known */
static inline int kvd_buf_exactly(struct kvd_buf *b, size_t more) {
    size_t need = b->len + more;
    char *p;
    if (need < more) { b->failed = 1; return 0; }
    if (need <= b->cap) return 1;
    p = (char *)realloc(b->ptr, need);
    if (!p) { b->failed = 1; return 0; }
    b->ptr = p; b->cap = need;
    kvd_use_huge_pages(p, need);
    return 1;
}

/* the arguments are evaluated once or twice: pass values, not calls */
#define kvd_printf(b, ...) do { \
    int kvd_n = snprintf((b)->ptr + (b)->len, (b)->cap - (b)->len, __VA_ARGS__); \
    if (kvd_n > 0 && (size_t)kvd_n >= (b)->cap - (b)->len && kvd_buf_room((b), (size_t)kvd_n + 1)) \
        snprintf((b)->ptr + (b)->len, (b)->cap - (b)->len, __VA_ARGS__); \
    if (kvd_n > 0 && (size_t)kvd_n < (b)->cap - (b)->len) (b)->len += (size_t)kvd_n; } while (0)

#endif
