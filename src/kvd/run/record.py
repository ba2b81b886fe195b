"""`dataclass` for the reader of declarations, without what dataclasses imports: inspect and with it ast, dis and tokenize, a
tenth of the time that `import kvd` takes. Type checkers see the real one. It makes __init__ and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class field:
    """A default that is made anew for each object."""

    def __init__(self, *, default_factory: Callable[[], Any]) -> None:
        self.make = default_factory


def dataclass(cls: Any) -> Any:
    names = list(cls.__annotations__)
    factories = [(name, cls.__dict__[name].make) for name in names if isinstance(cls.__dict__.get(name), field)]

    def __init__(self: Any, *values: Any, **named: Any) -> None:  # other defaults are found in the class
        fields = self.__dict__
        for name, make in factories:
            fields[name] = make()
        fields.update(zip(names, values))  # noqa: B905  (fewer values than names)
        fields.update(named)

    cls.__init__ = __init__
    return cls
