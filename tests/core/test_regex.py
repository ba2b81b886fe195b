"""Regular expressions against Python's, and where the syntax differs against what is documented in regex.pyx."""

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvd.core import _probe as probe

ATOMS = st.sampled_from(["a", "b", "_", "1", " ", ".", "[ab]", "[^a]", "[a-b_]", "^", "$", r"\b", r"\B", r"\w", r"\W", r"\d", r"\s", r"\S", r"\.", "-", r"\x61", r"\n"])
REPEATED = ["*", "+", "?", "{2}", "{0,1}", "{1,3}", "{2,}", "{0}", "*?", "+?"]
PATTERNS = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join), st.tuples(inner, inner).map("|".join), inner.map(lambda p: f"({p})"), inner.map(lambda p: f"(?:{p})"),
        st.tuples(inner, st.sampled_from(REPEATED)).map(lambda t: f"(?:{t[0]}){t[1]}"),
    ),
    max_leaves=8,
)  # fmt: skip
TEXTS = st.text(alphabet="aAbB_1 .-\n", max_size=12)


@settings(max_examples=3000, deadline=None)
@given(PATTERNS, TEXTS, st.booleans())
def test_it_matches_where_pythons_do(pattern, text, nocase):
    for_python = pattern.replace("$", r"\Z")  # ours matches at the very end only
    expected = re.search(for_python.encode(), text.encode(), (re.I if nocase else 0) | re.S) is not None
    if r"\B" in pattern and not text:
        return  # Python before 3.14 says that an empty text has no place that is no edge
    assert probe.matches(pattern.encode(), text.encode(), nocase) == expected


@pytest.mark.parametrize(("pattern", "text", "found"), [
    ("", "", True), ("", "abc", True), ("a|", "", True), ("()", "", True), ("*a", "a", True), ("a)", "a)", True), ("(*a)", "a", True),
    ("[]a]", "]", True), ("[^]a]", "]", False), ("[a-]", "-", True), (r"[\]", "\\", True), ("[[:alpha:]]+[[:digit:]]", "ab1", True),
    ("^[[:alpha:]]+$", "ab1", False), ("[[:xdigit:]]{4}", "00fF", True), ("[[:space:]]", "\v", True), ("[[:punct:]]", "a!", True), ("[^[:lower:]]", "a", False),
    (r"\<foo\>", "a foo b", True), (r"\<foo\>", "afoo", False), (r"\yfoo", "foo", True), (r"\Qa.b*\E+", "a.b**", True), (r"\Qa.b", "axb", False),
    (r"\x{41}", "A", True), (r"\x4", "\x04", True), (r"\t\e", "\t\x1b", True), ("a{,2}$", "aaa", True), ("^a{,2}$", "aaa", False), ("^(a{2}){2}$", "aaaa", True),
    ("(?i)abc", "ABC", True), ("(?i:a)b", "AB", False), ("(?i:a)b", "Ab", True), ("a(?-i)b", "ab", True), ("foo|bar", "zedbar", True), ("^(foo|bar)$", "foobar", False),
    ("$", "a", True), ("a$b", "a", False), (".", "\n", True), ("^.*[0-9]{3}$", "zoo999", True), (r"(\ba)+$", "ab a", True),
])  # fmt: skip
def test_what_matches(pattern, text, found):
    assert probe.matches(pattern.encode(), text.encode()) is found


@pytest.mark.parametrize(("pattern", "text", "found"), [("foo|bar", "FooBAR", True), ("[a-c]+$", "xABC", True), ("[^a]", "A", False), (r"\x41", "a", True), ("É", "é", False)])
def test_case_is_of_ascii(pattern, text, found):
    assert probe.matches(pattern.encode(), text.encode(), True) is found


@pytest.mark.parametrize(("pattern", "wrong"), [
    ("(", "Missing ')'"), ("(a", "Missing ')'"), ("(?", "Missing ')'"), ("(?x)a", "Invalid regexp"), ("[a", "Missing ']'"), ("[", "Missing ']'"), ("[[:alpha:", "Missing ']'"),
    ("[[:nothing:]]", "Unknown character class name"), ("[[.a.]]", "Unknown collating element"), ("[b-a]", "Invalid character range"), ("a\\", "Trailing backslash"),
    (r"(a)\1", "backreferences are not supported"), ("a{", "Missing '}'"), ("a{1", "Missing '}'"), ("a{1,", "Missing '}'"), ("a{x}", "Invalid contents of {}"), ("a{}", "Invalid contents of {}"),
    ("a{2,1}", "Invalid contents of {}"), ("a{256}", "Invalid contents of {}"), ("a{1,999999999999}", "Invalid contents of {}"), ("a**", "Invalid use of repetition operators"),
    (r"\x{1", "Missing '}'"), (r"\x{100}", "Invalid regexp"), ("(" * 201, "Out of memory"), ("((a{255}){255}){255}", "Out of memory"),
])  # fmt: skip
def test_what_is_refused(pattern, wrong):
    assert probe.matches(pattern.encode(), b"a") == wrong


def test_the_number_of_steps_is_limited():
    assert probe.matches(b"a" * 99, b"b", False, 100) is False
    assert probe.matches(b"a" * 100, b"b", False, 100) == "Out of memory"


@given(st.binary(max_size=40), st.binary(max_size=20), st.booleans())
@settings(max_examples=3000, deadline=None)
def test_any_bytes_are_a_pattern_or_refused(pattern, text, nocase):
    assert isinstance(probe.matches(pattern, text, nocase), (bool, str))


@pytest.mark.parametrize("pattern", ["(a*)*b", "(a|a)*b", "(a?){30}a{30}b", "(.*)(.*)(.*)(.*)b"])
def test_no_pattern_takes_exponential_time(pattern):
    start = time.monotonic()
    assert probe.matches(pattern.encode(), b"a" * 2000) is False
    assert time.monotonic() - start < 2
