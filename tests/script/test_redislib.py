"""The table `redis` of scripts, where arguments are of another type than they should be, and limits of Lua that scripts meet."""

import pytest

LOG = "return redis.log(redis.LOG_DEBUG, 'x')"


@pytest.mark.parametrize(
    "body",
    [
        "redis.log('0', 'x')", "redis.log(0, 5)", "redis.setresp('3')", "redis.set_repl('3')", "redis.call('set', 'k', 5)", "redis.call('set', 5, 'v')",
        "redis.sha1hex(5)", "redis.error_reply('x')", "redis.status_reply('x')", "bit.band('7', '3')", "string.rep('x', '3')", "cjson.encode_max_depth('100')",
    ],
)  # fmt: skip
def test_numbers_and_strings_stand_for_each_other(peer, body):
    assert peer("EVAL", f"{body} return 1", 0) == 1


@pytest.mark.parametrize("body", ["redis.log()", "redis.log(0)", "redis.log('x', 'y')", "redis.log(99, 'x')", "redis.setresp(4)", "redis.setresp()", "redis.set_repl(99)", "redis.call()", "redis.call({})", "redis.call('set', 'k', {})", "redis.sha1hex()", "redis.call(nil)"])
def test_what_does_not_fit_is_an_error(peer, body):
    assert isinstance(peer("EVAL", f"{body} return 1", 0), Exception) and peer("EXISTS", "k") == 0


def test_unpack_of_many(peer):
    """As many as C Lua's stack has room for: 7999 elements of a table, and no more than 8000."""
    for n, ok in ((7990, True), (100_000, False)):
        reply = peer("EVAL", f"local t = {{}} for i = 1, {n} do t[i] = i end return select('#', unpack(t))", 0)
        assert reply == n if ok else isinstance(reply, Exception)
    assert peer("EVAL", "local t = {} for i = 1, 7000 do t[i] = i end return redis.call('rpush', 'l', unpack(t))", 0) == 7000


def test_setresp_chooses_the_shape_of_replies(peer):
    peer("HSET", "h", "f", "v")
    assert peer("EVAL", "local r = redis.call('hgetall', 'h') return {#r, type(r.map)}", 0) == [2, b"nil"]
    assert peer("EVAL", "redis.setresp(3) local r = redis.call('hgetall', 'h') return {#r, type(r.map), r.map.f}", 0) == [0, b"table", b"v"]


def test_sha1hex(peer):
    assert peer("EVAL", "return redis.sha1hex('')", 0) == b"da39a3ee5e6b4b0d3255bfef95601890afd80709"


def test_replies_that_are_not_errors_of_ours(peer):
    assert str(peer("EVAL", "return redis.error_reply('-MY own')", 0)) == "MY own" and str(peer("EVAL", "return {err='plain'}", 0)).startswith("plain")
    assert peer("EVAL", "return {ok='fine'}", 0) == b"fine" and peer("EVAL", "return {1, 2, nil, 4}", 0) == [1, 2] and peer("EVAL", "return 3.99", 0) == 3
