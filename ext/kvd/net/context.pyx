"""What TLS connections have in common: certificates, CAs, protocols.

Made from the options of a configuration: one for the connections that a server accepts, one for each that is made. It is never
changed: a new configuration gets a new one, and what has begun with the old one goes on with it. Counted by OpenSSL.

Requirements are Redis's: a server has a certificate and its key; those who are to prove who they are need a CA.
"""

from libc.stdint cimport int64_t
from libc.stdio cimport snprintf
from libc.string cimport memset

from kvd.core.view cimport view, view_is, view_str
from kvd.net.openssl cimport (
    BIO, SSL_CTRL_MODE, SSL_CTRL_SET_READ_AHEAD, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_CTRL_SET_SESS_CACHE_SIZE,
    SSL_CTRL_SET_TMP_DH, SSL_FILETYPE_PEM, SSL_MODE_RELEASE_BUFFERS, SSL_OP_CIPHER_SERVER_PREFERENCE,
    SSL_OP_NO_COMPRESSION, SSL_OP_NO_RENEGOTIATION, SSL_OP_NO_SSLv3, SSL_OP_NO_TLSv1, SSL_OP_NO_TLSv1_1,
    SSL_OP_NO_TLSv1_2, SSL_OP_NO_TLSv1_3, SSL_SESS_CACHE_OFF, SSL_SESS_CACHE_SERVER, SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
    SSL_VERIFY_PEER, openssl_error, openssl_load, openssl_password,
)
from kvd.store.config cimport (
    OPT_TLS_AUTH_CLIENTS, OPT_TLS_CA_CERT_DIR, OPT_TLS_CA_CERT_FILE, OPT_TLS_CERT_FILE, OPT_TLS_CIPHERS,
    OPT_TLS_CIPHERSUITES, OPT_TLS_CLIENT_CERT_FILE, OPT_TLS_CLIENT_KEY_FILE, OPT_TLS_CLIENT_KEY_FILE_PASS,
    OPT_TLS_DH_PARAMS_FILE, OPT_TLS_KEY_FILE, OPT_TLS_KEY_FILE_PASS, OPT_TLS_PORT, OPT_TLS_PREFER_SERVER_CIPHERS,
    OPT_TLS_PROTOCOLS, OPT_TLS_REPLICATION, OPT_TLS_SESSION_CACHE_SIZE, OPT_TLS_SESSION_CACHE_TIMEOUT,
    OPT_TLS_SESSION_CACHING, cfg, config_text, next_word,
)

cdef enum:
    READ_ROOM = 65536          # bytes received at once, by an SSL that has bytes to receive
    ERROR_ROOM = 256

cdef enum auth_clients:        # tls-auth-clients, in the order of its words
    AUTH_NO
    AUTH_YES
    AUTH_OPTIONAL

cdef struct attempt:           # at making one
    context *x
    config *c
    char *why
    size_t room


cdef const char *text_of(attempt *a, int id) noexcept nogil:
    """NULL: it is empty."""
    cdef const char *text = config_text(a.c, id)
    return text if text[0] else NULL


cdef bint refuse(attempt *a, const char *what, const char *name) noexcept nogil:
    """False. name: what it is about, or NULL."""
    cdef char error[ERROR_ROOM]
    if not openssl_error(a.x.o, error, sizeof(error)):
        snprintf(error, sizeof(error), b"unknown error")
    if name == NULL:
        snprintf(a.why, a.room, b"%s: %s", what, error)
    else:
        snprintf(a.why, a.room, b"%s: %s: %s", what, name, error)
    return False


cdef bint refuse_plainly(attempt *a, const char *why) noexcept nogil:
    snprintf(a.why, a.room, b"%s", why)
    return False


# ---- the options, one after the other ------------------------------------------------------------------

cdef bint take_protocols(attempt *a) noexcept nogil:
    cdef unsigned long off = SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1 | SSL_OP_NO_TLSv1_2 | SSL_OP_NO_TLSv1_3
    cdef view word, rest = view_str(config_text(a.c, OPT_TLS_PROTOCOLS))
    cdef bint named = False
    while next_word(&rest, &word):
        named = True
        if view_is(word, b"tlsv1"):
            off &= ~SSL_OP_NO_TLSv1
        elif view_is(word, b"tlsv1.1"):
            off &= ~SSL_OP_NO_TLSv1_1
        elif view_is(word, b"tlsv1.2"):
            off &= ~SSL_OP_NO_TLSv1_2
        elif view_is(word, b"tlsv1.3"):
            off &= ~SSL_OP_NO_TLSv1_3
        else:
            return refuse_plainly(a, b"Invalid tls-protocols specified. Use a combination of 'TLSv1', 'TLSv1.1', 'TLSv1.2' and 'TLSv1.3'.")
    if not named:
        off = SSL_OP_NO_TLSv1 | SSL_OP_NO_TLSv1_1
    a.x.o.SSL_CTX_set_options(a.x.ssl, off | SSL_OP_NO_SSLv3 | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION)
    return True


cdef bint take_certificate(attempt *a, const char *path, const char *key, const char *password) noexcept nogil:
    cdef bint ok
    if not a.x.o.SSL_CTX_use_certificate_chain_file(a.x.ssl, path):
        return refuse(a, b"Failed to load certificate", path)
    a.x.o.SSL_CTX_set_default_passwd_cb(a.x.ssl, openssl_password)
    a.x.o.SSL_CTX_set_default_passwd_cb_userdata(a.x.ssl, <void *>password)
    ok = a.x.o.SSL_CTX_use_PrivateKey_file(a.x.ssl, key, SSL_FILETYPE_PEM) == 1
    a.x.o.SSL_CTX_set_default_passwd_cb_userdata(a.x.ssl, NULL)
    if not ok or not a.x.o.SSL_CTX_check_private_key(a.x.ssl):
        return refuse(a, b"Failed to load private key", key)
    return True


cdef bint take_ca(attempt *a) noexcept nogil:
    cdef const char *path = text_of(a, OPT_TLS_CA_CERT_FILE)
    cdef const char *folder = text_of(a, OPT_TLS_CA_CERT_DIR)
    if path == NULL and folder == NULL:
        return refuse_plainly(a, b"Either tls-ca-cert-file or tls-ca-cert-dir must be specified when tls-replication or tls-auth-clients are enabled!")
    if not a.x.o.SSL_CTX_load_verify_locations(a.x.ssl, path, folder):
        return refuse(a, b"Failed to configure CA certificate(s) file/directory", path if path != NULL else folder)
    return True


cdef bint take_ciphers(attempt *a) noexcept nogil:
    cdef const char *ciphers = text_of(a, OPT_TLS_CIPHERS)
    cdef const char *suites = text_of(a, OPT_TLS_CIPHERSUITES)
    if ciphers != NULL and not a.x.o.SSL_CTX_set_cipher_list(a.x.ssl, ciphers):
        return refuse(a, b"Failed to configure ciphers", ciphers)
    if suites != NULL and not a.x.o.SSL_CTX_set_ciphersuites(a.x.ssl, suites):
        return refuse(a, b"Failed to configure ciphersuites", suites)
    if cfg(a.c, OPT_TLS_PREFER_SERVER_CIPHERS):
        a.x.o.SSL_CTX_set_options(a.x.ssl, SSL_OP_CIPHER_SERVER_PREFERENCE)
    return True


cdef bint use_parameters(attempt *a, void *parameters) noexcept nogil:
    """They belong to the context if this succeeds with OpenSSL 3, and are copied by 1.1."""
    cdef void *old
    if a.x.o.SSL_CTX_set0_tmp_dh_pkey != NULL:
        if a.x.o.SSL_CTX_set0_tmp_dh_pkey(a.x.ssl, parameters):
            return True
        a.x.o.EVP_PKEY_free(parameters)
        return False
    old = a.x.o.EVP_PKEY_get0_DH(parameters) if a.x.o.EVP_PKEY_get0_DH != NULL else NULL
    old = <void *>a.x.o.SSL_CTX_ctrl(a.x.ssl, SSL_CTRL_SET_TMP_DH, 0, old) if old != NULL else NULL
    a.x.o.EVP_PKEY_free(parameters)
    return old != NULL


cdef bint take_parameters(attempt *a) noexcept nogil:
    cdef const char *path = text_of(a, OPT_TLS_DH_PARAMS_FILE)
    cdef BIO *file
    cdef void *parameters
    if path == NULL:
        return True
    file = a.x.o.BIO_new_file(path, b"r")
    parameters = a.x.o.PEM_read_bio_Parameters(file, NULL) if file != NULL else NULL
    a.x.o.BIO_free(file)
    if parameters == NULL or not use_parameters(a, parameters):
        return refuse(a, b"Failed to load DH params file", path)
    return True


cdef void take_sessions(attempt *a) noexcept nogil:
    cdef bint on = cfg(a.c, OPT_TLS_SESSION_CACHING) != 0
    a.x.o.SSL_CTX_ctrl(a.x.ssl, SSL_CTRL_SET_SESS_CACHE_MODE, SSL_SESS_CACHE_SERVER if on else SSL_SESS_CACHE_OFF, NULL)
    a.x.o.SSL_CTX_set_session_id_context(a.x.ssl, b"kvd", 3)
    if on:
        a.x.o.SSL_CTX_ctrl(a.x.ssl, SSL_CTRL_SET_SESS_CACHE_SIZE, <long>cfg(a.c, OPT_TLS_SESSION_CACHE_SIZE), NULL)
        a.x.o.SSL_CTX_set_timeout(a.x.ssl, <long>cfg(a.c, OPT_TLS_SESSION_CACHE_TIMEOUT))


# ---- all of it -------------------------------------------------------------------------------------------

cdef bint begin(attempt *a) noexcept nogil:
    cdef const char *missing = NULL
    a.x.ssl = NULL
    a.x.o = openssl_load(&missing)
    if a.x.o == NULL:
        return refuse_plainly(a, missing)
    a.x.o.ERR_clear_error()
    a.x.ssl = a.x.o.SSL_CTX_new(a.x.o.TLS_method())
    if a.x.ssl == NULL:
        return refuse(a, b"Failed to initialize TLS", NULL)
    a.x.o.SSL_CTX_ctrl(a.x.ssl, SSL_CTRL_MODE, SSL_MODE_RELEASE_BUFFERS, NULL)
    a.x.o.SSL_CTX_ctrl(a.x.ssl, SSL_CTRL_SET_READ_AHEAD, 1, NULL)
    a.x.o.SSL_CTX_set_default_read_buffer_len(a.x.ssl, READ_ROOM)
    return True


cdef bint finish(attempt *a, bint ok) noexcept nogil:
    if not ok:
        context_release(a.x)
    if a.x.o != NULL:
        a.x.o.ERR_clear_error()
    return ok


cdef bint fit_for_clients(attempt *a) noexcept nogil:
    cdef int64_t auth = cfg(a.c, OPT_TLS_AUTH_CLIENTS)
    cdef const char *certificate = text_of(a, OPT_TLS_CERT_FILE)
    cdef const char *key = text_of(a, OPT_TLS_KEY_FILE)
    if certificate == NULL:
        return refuse_plainly(a, b"No tls-cert-file configured!")
    if key == NULL:
        return refuse_plainly(a, b"No tls-key-file configured!")
    if not (begin(a) and take_protocols(a) and take_certificate(a, certificate, key, text_of(a, OPT_TLS_KEY_FILE_PASS))):
        return False
    if auth != AUTH_NO:
        if not take_ca(a):
            return False
        a.x.o.SSL_CTX_set_verify(a.x.ssl, SSL_VERIFY_PEER | (SSL_VERIFY_FAIL_IF_NO_PEER_CERT if auth == AUTH_YES else 0), NULL)
    take_sessions(a)
    return take_ciphers(a) and take_parameters(a)


cdef bint fit_for_masters(attempt *a) noexcept nogil:
    """The certificate for outgoing connections is the server's if there is no other; a master may be content with none."""
    cdef bint own = text_of(a, OPT_TLS_CLIENT_CERT_FILE) != NULL
    cdef const char *certificate = text_of(a, OPT_TLS_CLIENT_CERT_FILE if own else OPT_TLS_CERT_FILE)
    cdef const char *key = text_of(a, OPT_TLS_CLIENT_KEY_FILE if own else OPT_TLS_KEY_FILE)
    if not (begin(a) and take_protocols(a) and take_ca(a) and take_ciphers(a)):
        return False
    if certificate != NULL and key == NULL:
        return refuse_plainly(a, b"No tls-client-key-file configured!" if own else b"No tls-key-file configured!")
    a.x.o.SSL_CTX_set_verify(a.x.ssl, SSL_VERIFY_PEER, NULL)
    return certificate == NULL or take_certificate(
        a, certificate, key, text_of(a, OPT_TLS_CLIENT_KEY_FILE_PASS if own else OPT_TLS_KEY_FILE_PASS))


cdef bint context_for_clients(context *x, config *c, char *why, size_t room) noexcept nogil:
    cdef attempt a
    memset(x, 0, sizeof(context))
    a.x, a.c, a.why, a.room = x, c, why, room
    return finish(&a, fit_for_clients(&a))


cdef bint context_for_masters(context *x, config *c, char *why, size_t room) noexcept nogil:
    cdef attempt a
    memset(x, 0, sizeof(context))
    a.x, a.c, a.why, a.room = x, c, why, room
    return finish(&a, fit_for_masters(&a))


cdef bint can_reach_masters(config *c, char *why, size_t room) noexcept nogil:
    cdef context trial
    if not cfg(c, OPT_TLS_REPLICATION):
        return True
    if not context_for_masters(&trial, c, why, room):
        return False
    context_release(&trial)
    return True


cdef context context_retain(const context *x) noexcept nogil:
    cdef context same
    same.o = x.o
    same.ssl = x.ssl
    if x.ssl != NULL:
        x.o.SSL_CTX_up_ref(x.ssl)
    return same


cdef void context_release(context *x) noexcept nogil:
    if x.ssl != NULL:
        x.o.SSL_CTX_free(x.ssl)
    x.ssl = NULL


cdef bint is_about_tls(int id) noexcept nogil:
    return OPT_TLS_PORT <= id <= OPT_TLS_SESSION_CACHE_TIMEOUT
