"""URLs of masters."""

import pytest

import kvd
from kvd.following import split_master


@pytest.mark.parametrize(("url", "parts"), [
    ("redis://host", ("host", 6379, "", "")), ("redis://host:7/", ("host", 7, "", "")), ("redis://:pa%40ss@h/0", ("h", 6379, "", "pa@ss")), ("valkey://me:x@h:1", ("h", 1, "me", "x")),
    ("unix:///a/b.sock", ("/a/b.sock", 0, "", "")), ("kvd://h:1", ("h", 1, "", "")), ("rediss://h", ("h", 6379, "", "")), ("valkeys://h:7", ("h", 7, "", "")), ("redis://[::1]:5", ("::1", 5, "", "")),
])  # fmt: skip
def test_parts(url, parts):
    assert split_master(url) == parts


@pytest.mark.parametrize("url", ["rediss://", "http://h", "h:1", "", "redis://", "redis://h/3", "kvd:///path"])
def test_others_are_refused(url):
    with pytest.raises(ValueError, match="URL"):
        kvd.Store().replicate_from(url)


def test_tls_needs_a_ca_and_nothing_changes_without_it():
    store = kvd.Store()
    with pytest.raises(kvd.ConfigError, match="Either tls-ca-cert-file or tls-ca-cert-dir must be specified"):
        store.replicate_from("rediss://h")
    assert store.option("tls-replication") == "no" and store.info("replication")["role"] == "master"


def test_a_password_is_not_shown():
    with pytest.raises(ValueError, match="URL") as raised:
        kvd.Store().replicate_from("https://me:secret@h")
    assert "secret" not in str(raised.value)
