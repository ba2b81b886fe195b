"""kvd.TLS: options of a store, in other words."""

import pytest

import kvd


def test_the_options_that_it_means(tmp_path):
    plain = kvd.TLS("a.crt", "a.key").options()
    assert plain["tls-cert-file"] == "a.crt" and plain["tls-key-file"] == "a.key" and plain["tls-auth-clients"] == "no"
    assert kvd.TLS("a", "b", ca="ca.crt").options()["tls-auth-clients"] == "yes"
    assert kvd.TLS("a", "b", ca="ca.crt", clients="optional").options()["tls-ca-cert-file"] == "ca.crt"
    folder = kvd.TLS("a", "b", ca=tmp_path, clients="no").options()
    assert folder["tls-ca-cert-dir"] == str(tmp_path) and not folder["tls-ca-cert-file"] and folder["tls-auth-clients"] == "no"


def test_all_of_them_are_options_of_a_store():
    store = kvd.Store()
    tls = kvd.TLS("a", "b", ca="c", password="p", protocols="TLSv1.3", ciphers="x", ciphersuites="y")
    tls.configure(store)
    assert {name: store.option(name) for name in tls.options()} == tls.options()


@pytest.mark.parametrize("clients", ["required", "optional"])
def test_certificates_of_clients_need_a_ca(clients):
    with pytest.raises(ValueError, match="needs a ca"):
        kvd.TLS("a", "b", clients=clients)


def test_another_word_for_clients():
    with pytest.raises(ValueError, match="clients must be required, optional or no, not 'yes'"):
        kvd.TLS("a", "b", ca="c", clients="yes")


def test_the_password_is_not_shown():
    assert "secret" not in repr(kvd.TLS("a", "b", password="secret"))
