"""OpenSSL, loaded at run time. See openssl.h."""

from kvd.core.buf cimport buf

cdef extern from "kvd/net/openssl.h" nogil:
    ctypedef struct SSL:
        pass
    ctypedef struct SSL_CTX:
        pass
    ctypedef struct BIO:
        pass
    enum:
        SSL_ERROR_WANT_READ "KVD_SSL_ERROR_WANT_READ"
        SSL_ERROR_ZERO_RETURN "KVD_SSL_ERROR_ZERO_RETURN"
        SSL_FILETYPE_PEM "KVD_SSL_FILETYPE_PEM"
        SSL_VERIFY_PEER "KVD_SSL_VERIFY_PEER"
        SSL_VERIFY_FAIL_IF_NO_PEER_CERT "KVD_SSL_VERIFY_FAIL_IF_NO_PEER_CERT"
        SSL_CTRL_SET_TMP_DH "KVD_SSL_CTRL_SET_TMP_DH"
        SSL_CTRL_MODE "KVD_SSL_CTRL_MODE"
        SSL_CTRL_SET_READ_AHEAD "KVD_SSL_CTRL_SET_READ_AHEAD"
        SSL_CTRL_SET_SESS_CACHE_SIZE "KVD_SSL_CTRL_SET_SESS_CACHE_SIZE"
        SSL_CTRL_SET_SESS_CACHE_MODE "KVD_SSL_CTRL_SET_SESS_CACHE_MODE"
        SSL_CTRL_SET_TLSEXT_HOSTNAME "KVD_SSL_CTRL_SET_TLSEXT_HOSTNAME"
        SSL_MODE_RELEASE_BUFFERS "KVD_SSL_MODE_RELEASE_BUFFERS"
        SSL_SESS_CACHE_OFF "KVD_SSL_SESS_CACHE_OFF"
        SSL_SESS_CACHE_SERVER "KVD_SSL_SESS_CACHE_SERVER"
    const unsigned long SSL_OP_NO_COMPRESSION "KVD_SSL_OP_NO_COMPRESSION"
    const unsigned long SSL_OP_CIPHER_SERVER_PREFERENCE "KVD_SSL_OP_CIPHER_SERVER_PREFERENCE"
    const unsigned long SSL_OP_NO_SSLv3 "KVD_SSL_OP_NO_SSLv3"
    const unsigned long SSL_OP_NO_TLSv1 "KVD_SSL_OP_NO_TLSv1"
    const unsigned long SSL_OP_NO_TLSv1_1 "KVD_SSL_OP_NO_TLSv1_1"
    const unsigned long SSL_OP_NO_TLSv1_2 "KVD_SSL_OP_NO_TLSv1_2"
    const unsigned long SSL_OP_NO_TLSv1_3 "KVD_SSL_OP_NO_TLSv1_3"
    const unsigned long SSL_OP_NO_RENEGOTIATION "KVD_SSL_OP_NO_RENEGOTIATION"
    int openssl_password "kvd_openssl_password" (char *out, int room, int writing, void *context) noexcept

    struct openssl "kvd_openssl":                     # the functions, by their own names
        const void *(*TLS_method)() noexcept nogil
        SSL_CTX *(*SSL_CTX_new)(const void *) noexcept nogil
        void (*SSL_CTX_free)(SSL_CTX *) noexcept nogil
        int (*SSL_CTX_up_ref)(SSL_CTX *) noexcept nogil
        long (*SSL_CTX_ctrl)(SSL_CTX *, int, long, void *) noexcept nogil
        unsigned long (*SSL_CTX_set_options)(SSL_CTX *, unsigned long) noexcept nogil
        void (*SSL_CTX_set_verify)(SSL_CTX *, int, void *) noexcept nogil
        void (*SSL_CTX_set_default_passwd_cb)(SSL_CTX *, int (*)(char *, int, int, void *) noexcept nogil) noexcept nogil
        void (*SSL_CTX_set_default_passwd_cb_userdata)(SSL_CTX *, void *) noexcept nogil
        int (*SSL_CTX_use_certificate_chain_file)(SSL_CTX *, const char *) noexcept nogil
        int (*SSL_CTX_use_PrivateKey_file)(SSL_CTX *, const char *, int) noexcept nogil
        int (*SSL_CTX_check_private_key)(const SSL_CTX *) noexcept nogil
        int (*SSL_CTX_load_verify_locations)(SSL_CTX *, const char *, const char *) noexcept nogil
        int (*SSL_CTX_set_cipher_list)(SSL_CTX *, const char *) noexcept nogil
        int (*SSL_CTX_set_ciphersuites)(SSL_CTX *, const char *) noexcept nogil
        void (*SSL_CTX_set_default_read_buffer_len)(SSL_CTX *, size_t) noexcept nogil
        long (*SSL_CTX_set_timeout)(SSL_CTX *, long) noexcept nogil
        int (*SSL_CTX_set_session_id_context)(SSL_CTX *, const unsigned char *, unsigned int) noexcept nogil
        int (*SSL_CTX_set0_tmp_dh_pkey)(SSL_CTX *, void *) noexcept nogil        # NULL in OpenSSL 1.1
        SSL *(*SSL_new)(SSL_CTX *) noexcept nogil
        void (*SSL_free)(SSL *) noexcept nogil
        long (*SSL_ctrl)(SSL *, int, long, void *) noexcept nogil
        void (*SSL_set_bio)(SSL *, BIO *, BIO *) noexcept nogil
        void (*SSL_set_accept_state)(SSL *) noexcept nogil
        void (*SSL_set_connect_state)(SSL *) noexcept nogil
        int (*SSL_do_handshake)(SSL *) noexcept nogil
        int (*SSL_read)(SSL *, void *, int) noexcept nogil
        int (*SSL_write)(SSL *, const void *, int) noexcept nogil
        int (*SSL_get_error)(const SSL *, int) noexcept nogil
        int (*SSL_has_pending)(const SSL *) noexcept nogil
        int (*SSL_shutdown)(SSL *) noexcept nogil
        unsigned long (*ERR_get_error)() noexcept nogil
        void (*ERR_clear_error)() noexcept nogil
        void (*ERR_error_string_n)(unsigned long, char *, size_t) noexcept nogil
        BIO *(*BIO_new)(const void *) noexcept nogil
        BIO *(*BIO_new_file)(const char *, const char *) noexcept nogil
        int (*BIO_free)(BIO *) noexcept nogil
        void (*BIO_set_data)(BIO *, void *) noexcept nogil
        void (*BIO_set_init)(BIO *, int) noexcept nogil
        void *(*PEM_read_bio_Parameters)(BIO *, void **) noexcept nogil
        void (*EVP_PKEY_free)(void *) noexcept nogil
        void *(*EVP_PKEY_get0_DH)(void *) noexcept nogil
        const void *socket_method                     # of a BIO above a wiring

    struct wiring "kvd_wiring":                       # what a BIO has below it
        int fd
        buf out                                       # encrypted, not yet sent

cdef const openssl *openssl_load(const char **why) noexcept nogil      # once in a process; NULL: there is none, and why
cdef bint openssl_error(const openssl *o, char *out, size_t room) noexcept nogil   # the first error of this thread; False: there is none
