"""docs/caching-reference.md: what `kvd.Cache` and its relatives offer, from their docstrings.

The signatures of compiled methods are in doors/cache.pyi, which ships with the package.
"""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import Any

import kvd
import kvd.doors.cache
from kvd.caching import memoize, metrics, recipes, snapshot

NOTE = "<!-- made by `kvd docs` from docstrings -->\n"


def stub_signatures() -> dict[str, str]:
    """Method name -> its arguments, of the compiled Cache; of overloads the one that says most."""
    tree = ast.parse((Path(kvd.__file__).parent / "doors" / "cache.pyi").read_text())
    found: dict[str, str] = {}
    for part in ast.walk(tree):
        if isinstance(part, ast.ClassDef) and part.name == "Cache":
            for f in part.body:
                if isinstance(f, ast.FunctionDef):
                    text = ast.unparse(f.args).removeprefix("self, ").removeprefix("self")
                    found[f.name] = max(found.get(f.name, ""), text, key=len)
    return found


def arguments(name: str, member: Any, stubs: dict[str, str]) -> str:
    if name in stubs:
        return stubs[name]
    text = str(inspect.signature(member)).rpartition(" -> ")[0] or str(inspect.signature(member))
    text = re.sub(r": '([^']*)'", r": \1", text).replace("<not given>", "...")  # annotations are strings
    return text[1:-1].removeprefix("self, ").removeprefix("self").removeprefix("cls, ")


def entry(title: str, member: Any, text: str) -> list[str]:
    return [f"### {title}", "", f"`{text}`", "", *said(member), ""]


def said(member: Any) -> list[str]:
    """The docstring as it is laid out."""
    return ["```text", inspect.cleandoc(member.__doc__ or ""), "```"]


def members(cls: type) -> list[tuple[str, Any]]:
    """Public methods and properties, of the class and of what it inherits, by name."""
    names = {name for c in cls.__mro__ if c.__module__.startswith("kvd") for name in vars(c) if not name.startswith("_")}
    return [(name, inspect.getattr_static(cls, name)) for name in sorted(names)]


def class_part(cls: type, title: str, stubs: dict[str, str]) -> list[str]:
    lines = [f"## {title}", "", f"`{title}({arguments('__init__', cls.__init__, {})})`", "", *said(cls), ""]  # type: ignore[misc]
    for name, member in members(cls):
        if isinstance(member, property) or inspect.isgetsetdescriptor(member):
            if member.__doc__:
                lines += entry(name, member, f"{name}")
        elif callable(getattr(cls, name)) and getattr(cls, name).__doc__:
            lines += entry(name, getattr(cls, name), f"{name}({arguments(name, getattr(cls, name), stubs)})")
    return lines


def page() -> str:
    lines = [NOTE, "# Caching: reference", "", "A guide is in [Caching](caching.md). Times are seconds, as float.", ""]
    lines += class_part(kvd.Cache, "kvd.Cache", stub_signatures())
    lines += [f"### {metrics.CacheStats.__name__}", *said(metrics.CacheStats), "",
              "Fields: " + ", ".join(metrics.CacheStats.__dataclass_fields__) + "; properties requests, hit_rate, mean_load_seconds.", ""]  # fmt: skip
    functions: list[tuple[str, Any]] = [
        ("kvd.cached", memoize.cached), ("kvd.lru_cache", memoize.lru_cache), ("kvd.caches", kvd.caches), ("kvd.prometheus", metrics.prometheus),
        ("kvd.throttle", recipes.throttle),
    ]  # fmt: skip
    lines += ["## Functions", ""]
    for title, function in functions:
        lines += entry(title, function, f"{title}({arguments('', function, {})})")
    lines += class_part(recipes.RateLimiter, "kvd.RateLimiter", {})
    lines += [*class_part(recipes.barrier, "kvd.barrier", {}), f"### kvd.SnapshotError\n\n{snapshot.SnapshotError.__doc__}\n"]
    return "\n".join(lines)
