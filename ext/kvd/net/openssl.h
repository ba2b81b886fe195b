/* OpenSSL 1.1.1 or 3, loaded at run time: the functions that kvd calls, in one table of a process, and the socket below an SSL.

   The declarations are OpenSSL's public ABI, which is the same in both. So a build needs no headers, and a machine without OpenSSL
   runs everything but TLS.

   What an SSL writes is gathered in memory and sent by the owner of the socket: SSL_write takes all that it is given, never waits, and
   needs not be called again with the same bytes. What it reads comes from the socket at once. No call can raise SIGPIPE. */

#ifndef KVD_NET_OPENSSL_H
#define KVD_NET_OPENSSL_H

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "kvd/core/buf.h"

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;
typedef struct bio_st BIO;

enum {
    KVD_SSL_ERROR_WANT_READ = 2, KVD_SSL_ERROR_ZERO_RETURN = 6,
    KVD_SSL_FILETYPE_PEM = 1,
    KVD_SSL_VERIFY_PEER = 1, KVD_SSL_VERIFY_FAIL_IF_NO_PEER_CERT = 2,
    KVD_SSL_CTRL_SET_TMP_DH = 3, KVD_SSL_CTRL_MODE = 33, KVD_SSL_CTRL_SET_READ_AHEAD = 41, KVD_SSL_CTRL_SET_SESS_CACHE_SIZE = 42,
    KVD_SSL_CTRL_SET_SESS_CACHE_MODE = 44, KVD_SSL_CTRL_SET_TLSEXT_HOSTNAME = 55,
    KVD_SSL_MODE_RELEASE_BUFFERS = 16, KVD_SSL_SESS_CACHE_OFF = 0, KVD_SSL_SESS_CACHE_SERVER = 2
};

#define KVD_SSL_OP_NO_COMPRESSION 0x00020000UL
#define KVD_SSL_OP_CIPHER_SERVER_PREFERENCE 0x00400000UL
#define KVD_SSL_OP_NO_SSLv3 0x02000000UL
#define KVD_SSL_OP_NO_TLSv1 0x04000000UL
#define KVD_SSL_OP_NO_TLSv1_2 0x08000000UL
#define KVD_SSL_OP_NO_TLSv1_1 0x10000000UL
#define KVD_SSL_OP_NO_TLSv1_3 0x20000000UL
#define KVD_SSL_OP_NO_RENEGOTIATION 0x40000000UL

typedef int (*kvd_password_callback)(char *out, int room, int writing, void *context);

/* result, name, arguments */
#define KVD_OPENSSL(F) \
    F(const void *, TLS_method, (void)) \
    F(SSL_CTX *, SSL_CTX_new, (const void *)) \
    F(void, SSL_CTX_free, (SSL_CTX *)) \
    F(int, SSL_CTX_up_ref, (SSL_CTX *)) \
    F(long, SSL_CTX_ctrl, (SSL_CTX *, int, long, void *)) \
    F(unsigned long, SSL_CTX_set_options, (SSL_CTX *, unsigned long)) \
    F(void, SSL_CTX_set_verify, (SSL_CTX *, int, void *)) \
    F(void, SSL_CTX_set_default_passwd_cb, (SSL_CTX *, kvd_password_callback)) \
    F(void, SSL_CTX_set_default_passwd_cb_userdata, (SSL_CTX *, void *)) \
    F(int, SSL_CTX_use_certificate_chain_file, (SSL_CTX *, const char *)) \
    F(int, SSL_CTX_use_PrivateKey_file, (SSL_CTX *, const char *, int)) \
    F(int, SSL_CTX_check_private_key, (const SSL_CTX *)) \
    F(int, SSL_CTX_load_verify_locations, (SSL_CTX *, const char *, const char *)) \
    F(int, SSL_CTX_set_cipher_list, (SSL_CTX *, const char *)) \
    F(int, SSL_CTX_set_ciphersuites, (SSL_CTX *, const char *)) \
    F(void, SSL_CTX_set_default_read_buffer_len, (SSL_CTX *, size_t)) \
    F(long, SSL_CTX_set_timeout, (SSL_CTX *, long)) \
    F(int, SSL_CTX_set_session_id_context, (SSL_CTX *, const unsigned char *, unsigned int)) \
    F(SSL *, SSL_new, (SSL_CTX *)) \
    F(void, SSL_free, (SSL *)) \
    F(long, SSL_ctrl, (SSL *, int, long, void *)) \
    F(void, SSL_set_bio, (SSL *, BIO *, BIO *)) \
    F(void, SSL_set_accept_state, (SSL *)) \
    F(void, SSL_set_connect_state, (SSL *)) \
    F(int, SSL_do_handshake, (SSL *)) \
    F(int, SSL_read, (SSL *, void *, int)) \
    F(int, SSL_write, (SSL *, const void *, int)) \
    F(int, SSL_get_error, (const SSL *, int)) \
    F(int, SSL_has_pending, (const SSL *)) \
    F(int, SSL_shutdown, (SSL *)) \
    F(unsigned long, ERR_get_error, (void)) \
    F(void, ERR_clear_error, (void)) \
    F(void, ERR_error_string_n, (unsigned long, char *, size_t)) \
    F(int, BIO_get_new_index, (void)) \
    F(void *, BIO_meth_new, (int, const char *)) \
    F(int, BIO_meth_set_read, (void *, int (*)(BIO *, char *, int))) \
    F(int, BIO_meth_set_write, (void *, int (*)(BIO *, const char *, int))) \
    F(int, BIO_meth_set_ctrl, (void *, long (*)(BIO *, int, long, void *))) \
    F(BIO *, BIO_new, (const void *)) \
    F(int, BIO_free, (BIO *)) \
    F(void, BIO_set_data, (BIO *, void *)) \
    F(void *, BIO_get_data, (BIO *)) \
    F(void, BIO_set_init, (BIO *, int)) \
    F(void, BIO_set_flags, (BIO *, int)) \
    F(void, BIO_clear_flags, (BIO *, int)) \
    F(BIO *, BIO_new_file, (const char *, const char *)) \
    F(void *, PEM_read_bio_Parameters, (BIO *, void **)) \
    F(void, EVP_PKEY_free, (void *))

/* those that one of the two versions does not have */
#define KVD_OPENSSL_SOME(F) \
    F(int, SSL_CTX_set0_tmp_dh_pkey, (SSL_CTX *, void *)) \
    F(void *, EVP_PKEY_get0_DH, (void *))

struct kvd_openssl {
#define KVD_FIELD(result, name, args) result (*name) args;
    KVD_OPENSSL(KVD_FIELD)
    KVD_OPENSSL_SOME(KVD_FIELD)
#undef KVD_FIELD
    void *socket_method;       /* of a BIO */
};

/* what a BIO has below it */
struct kvd_wiring {
    int fd;
    struct kvd_buf out;        /* encrypted, not yet sent */
};

static struct kvd_openssl kvd_openssl_table;
static const char *kvd_openssl_failure;
static char kvd_openssl_text[400];

enum { KVD_BIO_RETRY_READ = 9, KVD_BIO_RETRIES = 15, KVD_BIO_CTRL_FLUSH = 11, KVD_BIO_TYPE_SOURCE_SINK = 0x400 };

static int kvd_bio_read(BIO *b, char *p, int n) {
    struct kvd_wiring *w = (struct kvd_wiring *)kvd_openssl_table.BIO_get_data(b);
    ssize_t r;
    kvd_openssl_table.BIO_clear_flags(b, KVD_BIO_RETRIES);
    do { r = recv(w->fd, p, (size_t)n, 0); } while (r < 0 && errno == EINTR);
    if (r < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) kvd_openssl_table.BIO_set_flags(b, KVD_BIO_RETRY_READ);
    return (int)r;
}

static int kvd_bio_write(BIO *b, const char *p, int n) {
    struct kvd_wiring *w = (struct kvd_wiring *)kvd_openssl_table.BIO_get_data(b);
    kvd_openssl_table.BIO_clear_flags(b, KVD_BIO_RETRIES);
    if (n <= 0) return 0;
    if (!kvd_buf_room(&w->out, (size_t)n)) { errno = ENOMEM; return -1; }
    memcpy(w->out.ptr + w->out.len, p, (size_t)n);
    w->out.len += (size_t)n;
    return n;
}

static long kvd_bio_ctrl(BIO *b, int what, long n, void *p) {
    (void)b; (void)n; (void)p;
    return what == KVD_BIO_CTRL_FLUSH;
}

static void kvd_openssl_missing(const char *what, const char *why) {
    snprintf(kvd_openssl_text, sizeof(kvd_openssl_text), "TLS needs OpenSSL 1.1.1 or 3, and %s: %s", what, why ? why : "unknown error");
    kvd_openssl_failure = kvd_openssl_text;
}

static int kvd_openssl_find(void *library) {
    struct kvd_openssl *t = &kvd_openssl_table;
#define KVD_FIND(result, name, args) \
    if (!(t->name = (result (*) args)dlsym(library, #name))) { kvd_openssl_missing("this library has no " #name, dlerror()); return 0; }
#define KVD_TRY(result, name, args) t->name = (result (*) args)dlsym(library, #name);
    KVD_OPENSSL(KVD_FIND)
    KVD_OPENSSL_SOME(KVD_TRY)
#undef KVD_FIND
#undef KVD_TRY
    return 1;
}

static void kvd_openssl_open(void) {
#if defined(__APPLE__)
    static const char *names[] = {"libssl.3.dylib", "/opt/homebrew/opt/openssl@3/lib/libssl.3.dylib",
                                  "/usr/local/opt/openssl@3/lib/libssl.3.dylib", "libssl.1.1.dylib", NULL};
#else
    static const char *names[] = {"libssl.so.3", "libssl.so.1.1", "libssl.so", NULL};
#endif
    struct kvd_openssl *t = &kvd_openssl_table;
    void *library = NULL;
    int i;
    for (i = 0; names[i] && !library; i++) library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
    if (!library) { kvd_openssl_missing("libssl cannot be loaded", dlerror()); return; }
    if (!kvd_openssl_find(library)) return;
    t->socket_method = t->BIO_meth_new(t->BIO_get_new_index() | KVD_BIO_TYPE_SOURCE_SINK, "kvd socket");
    if (!t->socket_method) { kvd_openssl_missing("it could not be set up", "no memory"); return; }
    t->BIO_meth_set_read(t->socket_method, kvd_bio_read);
    t->BIO_meth_set_write(t->socket_method, kvd_bio_write);
    t->BIO_meth_set_ctrl(t->socket_method, kvd_bio_ctrl);
}

static const struct kvd_openssl *kvd_openssl_get(const char **why) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, kvd_openssl_open);
    *why = kvd_openssl_failure;
    return kvd_openssl_failure ? NULL : &kvd_openssl_table;
}

/* the password of a key; none: it fails, and does not ask at the terminal */
static int kvd_openssl_password(char *out, int room, int writing, void *context) {
    size_t n = context ? strlen((const char *)context) : 0;
    (void)writing;
    if (!context || n > (size_t)room) return -1;
    memcpy(out, context, n);
    return (int)n;
}

#endif
