"""A minimal `dataclass` for the reader of declarations, which only adds __init__. The real one imports inspect, ast, dis and
tokenize, which would take 5 % of the time of `import kvd`. Type checkers see the real one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class field:
    """A default that is created for each object."""

    def __init__(self, *, default_factory: Callable[[], Any]) -> None:
        self.make = default_factory


def dataclass(cls: Any) -> Any:
    names = list(cls.__annotations__)
    factories = [(name, cls.__dict__[name].make) for name in names if isinstance(cls.__dict__.get(name), field)]

    def __init__(self: Any, *values: Any, **named: Any) -> None:  # other defaults are class attributes
        fields = self.__dict__
        for name, make in factories:
            fields[name] = make()
        fields.update(zip(names, values))  # noqa: B905  (fewer values than names)
        fields.update(named)

    cls.__init__ = __init__
    return cls
