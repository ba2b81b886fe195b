"""Copies of exceptions: the same to whoever catches them, without traceback and locals."""

import pickle
import sys

import pytest

from kvd.caching.errors import copied


class Picky(Exception):
    """Whose __init__ takes other things than args."""

    def __init__(self, code, *, detail):
        super().__init__(f"{code}: {detail}")
        self.code = code


def raised(error):
    try:
        raise error
    except type(error) as caught:
        return caught


@pytest.mark.parametrize("error", [ValueError("x", 1), OSError(2, "no", "file"), KeyError("k"), Picky(7, detail="d"), UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), ImportError("m", name="n"), StopIteration(5), Exception()], ids=repr)
def test_copies_tell_the_same(error):
    copy = copied(raised(error))
    assert type(copy) is type(error) and copy.args == error.args and str(copy) == str(error) and copy.__traceback__ is None and copy is not error
    assert vars(copy) == vars(error) and getattr(copy, "name", None) == getattr(error, "name", None)


def test_causes_and_contexts_are_copied_without_tracebacks():
    try:
        try:
            raise KeyError("inner")
        except KeyError as inner:
            raise ValueError("outer") from inner
    except ValueError as outer:
        copy = copied(outer)
    assert isinstance(copy.__cause__, KeyError) and copy.__cause__.__traceback__ is None and copy.__suppress_context__


def test_a_circle_of_causes_ends():
    one, two = ValueError(1), ValueError(2)
    one.__cause__, two.__cause__ = two, one
    assert copied(one).__cause__.args == (2,)


def test_what_cannot_be_copied_is_given_as_it_is():
    class Odd(Exception):
        def __setattr__(self, name, value):
            raise TypeError

    error = Odd("x")
    assert copied(error) is error or copied(error).args == ("x",)
    assert pickle.loads(pickle.dumps(copied(ValueError("x")))).args == ("x",)


@pytest.mark.skipif(sys.version_info < (3, 11), reason="exception groups came with Python 3.11")
def test_members_of_groups_and_exceptions_in_attributes_are_copied_without_tracebacks():
    def failing(value):
        try:
            raise ValueError(value)
        except ValueError as error:
            return error

    group = ExceptionGroup("all", [failing(1), ExceptionGroup("inner", [failing(2)])])  # noqa: F821
    group.first = failing(3)
    copy = copied(group)
    members = [copy.exceptions[0], copy.exceptions[1].exceptions[0], copy.first]
    assert [(type(e), e.args, e.__traceback__) for e in members] == [(ValueError, (n,), None) for n in (1, 2, 3)]
    assert copy.message == "all" and str(copy) == str(group)
