"""Copies of exceptions, to be raised later or by other threads.

Raising an exception object again extends its traceback, and a traceback keeps the local variables of all its frames alive.
Therefore caches store a copy without traceback, and each caller raises a copy of that.
"""

from __future__ import annotations

from typing import Any

DEEPEST = 10  # causes and contexts that a copy keeps


def copied(error: BaseException, depth: int = 0) -> BaseException:
    """Return a copy without traceback of an exception, or the exception itself if it cannot be copied.

    Its cause and context, the members of an exception group, and exceptions in its attributes are copied too.

    The __init__ of the class is not called: its parameters may differ from `args`, and it may have side effects.
    """
    kind = type(error)
    builtin: Any = next(c for c in kind.__mro__ if c.__module__ == "builtins")
    try:
        args = builtin.__reduce__(error)[1]  # OSError keeps its file name out of error.args
        shown = error.args
        if builtin.__name__.endswith("ExceptionGroup") and depth < DEEPEST:
            args = shown = (args[0], [copied(member, depth + 1) for member in args[1]])
        other: BaseException = builtin.__new__(kind, *args)
        builtin.__init__(other, *args)
        other.args = shown
        for name, value in error.__dict__.items():
            other.__dict__[name] = copied(value, depth + 1) if isinstance(value, BaseException) and depth < DEEPEST else value
        for name in ("name", "path"):  # keyword arguments of ImportError and its like, which are not in args
            if hasattr(builtin, name):
                setattr(other, name, getattr(error, name))
    except Exception:
        return error
    if depth < DEEPEST:
        if error.__cause__ is not None:
            other.__cause__ = copied(error.__cause__, depth + 1)
        if error.__context__ is not None and error.__context__ is not error.__cause__:
            other.__context__ = copied(error.__context__, depth + 1)
    other.__suppress_context__ = error.__suppress_context__
    return other
