"""SHA-256, as seen in passwords."""

import hashlib

import kvd


def test_it_equals_hashlibs():
    store = kvd.Store()
    for n in [*range(130), 1000, 4096, 100_000]:
        data = bytes(i * 7 % 251 for i in range(n))
        store.execute("ACL", "SETUSER", "u", "resetpass", b">" + data)
        assert store.execute("ACL", "LIST")[1].split(b" ")[4] == b"#" + hashlib.sha256(data).hexdigest().encode()
