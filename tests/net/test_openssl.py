"""OpenSSL is loaded when TLS is asked for; a machine without it has everything else."""

import os
import shutil
import subprocess
import sys

import pytest

from ..compat.wire import free_port
from ..server.certificates import certificates, needs_openssl

USE = """
import kvd, sys
store = kvd.Store()
with store.serve(0) as server:
    try:
        store.execute("CONFIG", "SET", "tls-cert-file", sys.argv[1], "tls-key-file", sys.argv[2], "tls-auth-clients", "no", "tls-port", sys.argv[3])
        print("served")
    except kvd.ResponseError as error:
        print(error)
    print(store.set("k", "v"))
try:
    kvd.Store().serve(tls=kvd.TLS(sys.argv[1], sys.argv[2]))
except kvd.ConfigError as error:
    print(error)
"""

WITHOUT = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <string.h>
void *dlopen(const char *name, int flags) {
    static void *(*next)(const char *, int);
    if (!next) next = (void *(*)(const char *, int))dlsym(RTLD_NEXT, "dlopen");
    return next(name && strstr(name, "libssl") ? "/no/such/library" : name, flags);
}
"""

pytestmark = needs_openssl


def use(port, **environment):
    certs = certificates()
    words = [sys.executable, "-c", USE, certs("server.crt"), certs("server.key"), str(port)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_it_is_loaded_while_the_server_runs():
    assert use(free_port()) == ["served", "True"]


@pytest.mark.skipif(shutil.which("gcc") is None or sys.platform != "linux", reason="there is no gcc, or no LD_PRELOAD")
def test_without_it_only_tls_is_missing(tmp_path):
    (tmp_path / "without.c").write_text(WITHOUT)
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", tmp_path / "without.so", tmp_path / "without.c", "-ldl"], check=True)
    refused, stored, error = use(free_port(), LD_PRELOAD=str(tmp_path / "without.so"))
    assert "Unable to update TLS configuration. Check server logs." in refused and stored == "True"
    assert error.startswith("tls: TLS needs OpenSSL 1.1.1 or 3, and libssl cannot be loaded: /no/such/library: cannot open")
