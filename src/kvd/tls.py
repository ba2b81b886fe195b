"""`TLS`: the certificates of a server in this process, for `Store.serve`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from kvd.doors.store import Store

CLIENTS = {"required": "yes", "optional": "optional", "no": "no"}  # words of tls-auth-clients


@dataclass(frozen=True)
class TLS:
    """What a server needs for encrypted connections: `store.serve(tls=kvd.TLS("server.crt", "server.key"))`.

    cert, key: files of the certificate (PEM; those between it and the CA may follow in it) and of its private key; password: of the key.
    ca: file or directory of the CA certificates that certificates of clients are verified with. clients: whether these must present
    one: "required" (the default if there is a ca), "optional", or "no" (else). protocols: such as "TLSv1.3" (default: 1.2 and 1.3).
    ciphers, ciphersuites: up to TLS 1.2, and of TLS 1.3, as OpenSSL names them (default: OpenSSL's).

    Each is an option of the store (tls_cert_file, ...), which CONFIG SET can change while the server runs: connections that are open then
    stay. Raises ValueError if certificates of clients are asked for, but there is no ca."""

    cert: str | PathLike[str]
    key: str | PathLike[str]
    ca: str | PathLike[str] | None = None
    clients: Literal["required", "optional", "no"] | None = None
    password: str = field(default="", repr=False)
    protocols: str = ""
    ciphers: str = ""
    ciphersuites: str = ""

    def __post_init__(self) -> None:
        if self.clients not in (None, *CLIENTS):
            raise ValueError(f"clients must be required, optional or no, not {self.clients!r}")
        if self.clients in ("required", "optional") and self.ca is None:
            raise ValueError(f"clients={self.clients!r} needs a ca")

    def options(self) -> dict[str, str]:
        """Return the options of a store that say the same."""
        ca = os.fspath(self.ca) if self.ca is not None else ""
        is_folder = os.path.isdir(ca)
        return {
            "tls-cert-file": os.fspath(self.cert),
            "tls-key-file": os.fspath(self.key),
            "tls-key-file-pass": self.password,
            "tls-ca-cert-file": "" if is_folder else ca,
            "tls-ca-cert-dir": ca if is_folder else "",
            "tls-auth-clients": CLIENTS[self.clients or ("required" if ca else "no")],
            "tls-protocols": self.protocols,
            "tls-ciphers": self.ciphers,
            "tls-ciphersuites": self.ciphersuites,
        }

    def configure(self, store: Store[Any]) -> None:
        """Set these options of a store."""
        for name, value in self.options().items():
            store.configure(name, value)
