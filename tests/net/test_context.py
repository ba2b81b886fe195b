"""Certificates and the like: what is accepted, and that old ones are freed."""

import os
import subprocess
import sys

import pytest
import redis

import kvd

from ..server.certificates import certificates, needs_openssl

pytestmark = needs_openssl


@pytest.fixture
def server():
    certs = certificates()
    with kvd.Store().serve(0, tls=kvd.TLS(certs("server.crt"), certs("server.key"))) as running:
        yield running


def test_parameters_of_diffie_hellman(server, tmp_path):
    certs = certificates()
    path = tmp_path / "dh.pem"
    subprocess.run(["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048", "-out", path], check=True)
    assert redis.Redis(port=server.port).config_set("tls-dh-params-file", str(path))
    assert redis.Redis(port=server.tls_port, **certs.redis()).ping()


def test_every_option_about_tls_is_honoured_by_config_set(server):
    certs, client = certificates(), redis.Redis(port=server.port)
    values = {
        "tls-protocols": "TLSv1.2 TLSv1.3", "tls-ciphers": "HIGH", "tls-ciphersuites": "TLS_AES_128_GCM_SHA256", "tls-prefer-server-ciphers": "yes",
        "tls-session-caching": "no", "tls-session-cache-size": "5", "tls-session-cache-timeout": "60", "tls-ca-cert-file": certs("ca.crt"),
        "tls-auth-clients": "optional", "tls-replication": "yes", "tls-client-cert-file": certs("client.crt"), "tls-client-key-file": certs("client.key"),
        "tls-key-file-pass": "", "tls-client-key-file-pass": "",
    }  # fmt: skip
    for name, value in values.items():
        if name != "tls-client-cert-file":                    # not without its key
            assert client.config_set(name, value), name
    assert client.config_set("tls-client-cert-file", values["tls-client-cert-file"])
    for name, value in values.items():
        assert client.config_get(name)[name] == value
    assert redis.Redis(port=server.tls_port, **certs.redis("client")).ping()


@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
def test_what_was_replaced_is_freed(server):
    certs, client = certificates(), redis.Redis(port=server.port)

    def resident():
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * 4096

    def change(n):
        for i in range(n):
            name = ("server", "client")[i % 2]
            client.config_set("tls-cert-file", certs(f"{name}.crt"), "tls-key-file", certs(f"{name}.key"))
            with pytest.raises(redis.ResponseError):
                client.config_set("tls-ciphers", "x")

    change(100)
    before, files = resident(), len(os.listdir("/proc/self/fd"))
    change(300)
    assert resident() - before < 8_000_000 and len(os.listdir("/proc/self/fd")) == files
