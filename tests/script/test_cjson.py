"""cjson: what goes in and out, its limits and switches."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kvd

STORE = kvd.Store()
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.one_of(st.booleans(), st.integers(-(2**53), 2**53), TEXTS, st.floats(allow_nan=False, allow_infinity=False, width=32)),
    lambda inner: st.lists(inner, min_size=1, max_size=5) | st.dictionaries(TEXTS.filter(lambda k: not k.lstrip("-").isdigit()), inner, min_size=1, max_size=5), max_leaves=12,
)  # fmt: skip


@settings(max_examples=200, deadline=None, derandomize=True)
@given(VALUES)
def test_values_go_there_and_back(value):
    """14 significant digits, as lua-cjson prints."""
    text = STORE.eval("return cjson.encode(cjson.decode(ARGV[1]))", 0, json.dumps(value))
    assert close(json.loads(text), value)


def close(a, b):
    if isinstance(b, list):
        return isinstance(a, list) and len(a) == len(b) and all(map(close, a, b))
    if isinstance(b, dict):
        return isinstance(a, dict) and a.keys() == b.keys() and all(close(a[k], b[k]) for k in b)
    if isinstance(b, (int, float)) and not isinstance(b, bool):
        return a == pytest.approx(b, rel=1e-13, abs=1e-300)
    return a == b


CASES = {
    "cjson.encode({})": b"{}", "cjson.encode({1, 2, nil, 4})": b"[1,2,null,4]", "cjson.encode({a = cjson.null})": b'{"a":null}', "cjson.encode('\\0\\31\"\\\\/')": b'"\\u0000\\u001f\\"\\\\\\/"',
    "cjson.encode(1/3)": b"0.33333333333333", "cjson.encode(100000000000000)": b"1e+14", "cjson.encode(2^53)": b"9.007199254741e+15", "cjson.encode(true)": b"true", "cjson.encode({[1] = 1, [3] = 3})": b"[1,null,3]",
    "cjson.encode(cjson.decode('[]'))": b"{}", "tostring(cjson.decode('null') == cjson.null)": b"true", "cjson.decode('\"\\\\u00e4\\\\ud83d\\\\ude00\"')": "ä😀".encode(), "#cjson.decode('[1,[2,[3]]]')": 2,
    "cjson.decode(' { \"a\" : [ 1 , 2 ] } ').a[2]": 2, "tostring(cjson.decode('1e400'))": b"inf", "cjson.decode('0x10')": 16, "tostring(cjson.decode('nan') ~= cjson.decode('nan'))": b"true",
}  # fmt: skip
ERRORS = ["cjson.decode('')", "cjson.decode('[1,]')", "cjson.decode('{1:2}')", "cjson.decode('[1] x')", "cjson.decode('\"\\\\x\"')", "cjson.decode('[')", "cjson.decode('\"a')", "cjson.decode('tru')", "cjson.decode('\"\\\\ud800\"')", "cjson.decode()", "cjson.decode({})",
          "cjson.encode(0/0)", "cjson.encode(1/0)", "cjson.encode(print)", "cjson.encode({[{}] = 1})", "cjson.encode({[1000000] = 1})", "cjson.encode()", "cjson.encode(1, 2)"]  # fmt: skip


@pytest.mark.parametrize("expression", CASES)
def test_values(peer, expression):
    assert peer("EVAL", f"return {expression}", 0) == CASES[expression]


@pytest.mark.parametrize("expression", ERRORS)
def test_errors(peer, expression):
    reply = peer("EVAL", f"return {expression}", 0)
    assert isinstance(reply, Exception) and peer("PING") == b"PONG"


def test_depth_is_limited(peer):
    assert "nested" in str(peer("EVAL", "return cjson.decode(string.rep('[', 2000) .. string.rep(']', 2000))", 0))
    assert "nesting" in str(peer("EVAL", "local t = {} for i = 1, 2000 do t = {t} end return cjson.encode(t)", 0))
    assert "excessive" in str(peer("EVAL", "local t = {} t[1] = t return cjson.encode(t)", 0)).lower()


def test_switches_do_not_outlive_a_script_of_another_store():
    one, other = kvd.Store(), kvd.Store()
    one.eval("cjson.encode_number_precision(3)", 0)
    assert one.eval("return cjson.encode(1/3)", 0) == b"0.333" and other.eval("return cjson.encode(1/3)", 0) == b"0.33333333333333"


def test_sparse_arrays(peer):
    assert peer("EVAL", "return cjson.encode({[1] = 1, [10] = 2})", 0) == b"[1,null,null,null,null,null,null,null,null,2]"
    assert "excessively sparse array" in str(peer("EVAL", "return cjson.encode({[1] = 1, [120] = 2})", 0))
