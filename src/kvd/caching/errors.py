"""Copies of exceptions: to be raised again, by another thread or later, without the frames of whoever met them first.

An exception that is raised twice grows its traceback, and a traceback keeps the local variables of every frame in it
alive. So what a cache keeps or hands to waiting threads is a copy without traceback, and each of them raises a copy
of that.
"""

from __future__ import annotations

from typing import Any

DEEPEST = 10  # causes and contexts that a copy keeps


def copied(error: BaseException, depth: int = 0) -> BaseException:
    """A copy without traceback of an exception, its causes and contexts; the exception itself if it cannot be copied.

    The class's own __init__ does not run: it may take other arguments than `args` and may have effects.
    """
    kind = type(error)
    builtin: Any = next(c for c in kind.__mro__ if c.__module__ == "builtins")
    try:
        args = builtin.__reduce__(error)[1]  # OSError keeps its file name out of error.args
        other: BaseException = builtin.__new__(kind, *args)
        builtin.__init__(other, *args)
        other.args = error.args
        other.__dict__.update(error.__dict__)
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
