"""Certificates for tests, made with the `openssl` command: a CA, a server, clients, one of another CA, an expired one, an encrypted key."""

import shutil
import ssl
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

PASSWORD = "open sesame"
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="the openssl command is not installed")


def _openssl(folder, *words):
    done = subprocess.run(["openssl", *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def _sign(folder, name, ca, *words):
    """A certificate of a CA for the key NAME.key."""
    _openssl(folder, "req", "-new", "-key", f"{name}.key", "-subj", f"/CN={name}", "-out", f"{name}.csr")
    _openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-CAcreateserial", "-out", f"{name}.crt", "-extfile", "san", *words)


def _key(folder, name):
    _openssl(folder, "ecparam", "-genkey", "-name", "prime256v1", "-noout", "-out", f"{name}.key")


class Certificates:
    """Paths in a folder: ca.crt; server, client, expired and stranger (of another CA), each .crt and .key; locked.key is server.key, encrypted."""

    def __init__(self, folder):
        self.folder = Path(folder)
        (self.folder / "san").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        for name in ("ca", "other"):
            _key(folder, name)
            _openssl(folder, "req", "-x509", "-new", "-key", f"{name}.key", "-subj", f"/CN=kvd test {name}", "-days", "36500", "-out", f"{name}.crt")
        for name in ("server", "client", "stranger", "expired"):
            _key(folder, name)
        for name in ("server", "client"):
            _sign(folder, name, "ca", "-days", "36500")
        _sign(folder, "stranger", "other", "-days", "36500")
        _sign(folder, "expired", "ca", "-days", "-1")
        _openssl(folder, "ec", "-in", "server.key", "-aes256", "-passout", f"pass:{PASSWORD}", "-out", "locked.key")

    def __call__(self, name):
        return str(self.folder / name)

    def options(self, **others):
        """Options of `kvd serve` or redis-server, as a list of flags."""
        chosen = {"tls_cert_file": self("server.crt"), "tls_key_file": self("server.key"), "tls_ca_cert_file": self("ca.crt"), **others}
        return [word for name, value in chosen.items() for word in (f"--{name.replace('_', '-')}", str(value))]

    def context(self, name=None, ca="ca"):
        """For Python's sockets; name: of the client's certificate."""
        context = ssl.create_default_context(cafile=self(f"{ca}.crt"))
        if name:
            context.load_cert_chain(self(f"{name}.crt"), self(f"{name}.key"))
        return context

    def redis(self, name=None, ca="ca"):
        """Keyword arguments for redis.Redis."""
        own = {"ssl_certfile": self(f"{name}.crt"), "ssl_keyfile": self(f"{name}.key")} if name else {}
        return {"host": "localhost", "ssl": True, "ssl_ca_certs": self(f"{ca}.crt"), **own}


@cache
def certificates():
    """One set for the whole run."""
    return Certificates(tempfile.mkdtemp(prefix="kvd-certificates-"))
