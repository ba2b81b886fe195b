"""Exceptions: chosen by the first word of an error reply, and caught as redis-py's."""

import pytest
import redis

import kvd
from kvd import errors


@pytest.mark.parametrize(
    ("reply", "kind", "text"),
    [
        ("ERR no such key", errors.ResponseError, "no such key"), ("WRONGTYPE Operation", errors.WrongTypeError, "WRONGTYPE Operation"), ("OOM command not allowed", errors.OutOfMemoryError, "OOM command not allowed"),
        ("NOAUTH x", errors.NoAuthError, "NOAUTH x"), ("EXECABORT x", errors.ExecAbortError, "EXECABORT x"), ("NOSCRIPT x", errors.NoScriptError, "NOSCRIPT x"), ("MY own", errors.ResponseError, "MY own"), ("", errors.ResponseError, ""), ("ERR", errors.ResponseError, ""),
    ],
)  # fmt: skip
def test_the_first_word_chooses(reply, kind, text):
    error = errors.from_reply(reply)
    assert type(error) is kind and str(error) == text and isinstance(error, redis.RedisError) and isinstance(error, kvd.KvdError)


def test_they_are_caught_as_redis_pys(store):
    store.set("k", "v")
    for words, kind in ((("LPUSH", "k", "x"), redis.ResponseError), (("EVALSHA", "x", 0), redis.exceptions.NoScriptError)):
        with pytest.raises(kind):
            store.execute(*words)
    store.close()
    with pytest.raises((redis.ConnectionError, ConnectionError)):
        store.get("k")
