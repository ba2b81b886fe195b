"""Function libraries."""

import pytest

from kvd.migrate.libraries import Libraries

from ..persist.served import LIBRARY
from .conftest import KINDS

OTHER = "#!lua name=other\nredis.register_function('eight', function() return 8 end)"


@pytest.fixture(params=KINDS)
def pair(request, start, ends):
    source, target = start(), start(request.param)
    return source, target, ends(source), ends(target, "target")


def names(server):
    return sorted(row[1] for row in server("FUNCTION", "LIST"))


def test_they_are_copied_when_they_have_changed(pair):
    source, target, here, there = pair
    source("FUNCTION", "LOAD", LIBRARY)
    target("FUNCTION", "LOAD", OTHER)
    libraries = Libraries(here, there, False)
    assert libraries.copy() == 1 and libraries.copy() == 0 and names(target) == [b"lib", b"other"] and not libraries.problem


def test_the_target_keeps_none_if_it_is_replaced(pair):
    source, target, here, there = pair
    target("FUNCTION", "LOAD", OTHER)
    assert Libraries(here, there, False).copy() == 0 and names(target) == [b"other"]
    assert Libraries(here, there, True).copy() == 0 and names(target) == []


def test_code_is_loaded_where_payloads_do_not_fit(pair, monkeypatch):
    source, target, here, there = pair
    source("FUNCTION", "LOAD", LIBRARY)
    ask = here.ask
    monkeypatch.setattr(here, "ask", lambda lines, db=0: [b"damaged" if line[:2] == ("FUNCTION", "DUMP") else reply for line, reply in zip(lines, ask(lines, db), strict=True)])
    assert Libraries(here, there, False).copy() == 1 and names(target) == [b"lib"]


def test_a_target_without_functions_is_a_problem(pair, monkeypatch):
    source, target, here, there = pair
    monkeypatch.setattr(there, "knows", lambda name: False)
    libraries = Libraries(here, there, False)
    libraries.copy()
    assert not libraries.problem
    source("FUNCTION", "LOAD", LIBRARY)
    assert libraries.copy() == 0 and libraries.problem == "the target has no functions"
