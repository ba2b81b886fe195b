"""The server that `version=` and `server_type=` of the testing tools name, as a choice of the option `emulate`."""

from __future__ import annotations

from typing import Any

from kvd.config import OPTIONS


def emulated(version: Any = None, server_type: str = "redis") -> Any:
    """Return the choice for a version: `7`, `"7.2"`, `(7,)` or `(7, 2, 4)`; without a minor number the newest of that major.

    None is `no` for Redis, so everything that kvd has; for Valkey its newest. Raises ValueError for a server that kvd does not emulate.
    """
    if version is None and server_type == "redis":
        return "no"
    wanted = _numbers(version)[:2]
    known = {name: _numbers(name.partition("-")[2]) for name in OPTIONS["emulate"].values if name.startswith(f"{server_type}-")}
    found = [name for name, numbers in known.items() if numbers[: len(wanted)] == wanted]
    if not found:
        shown = ".".join(map(str, wanted))
        raise ValueError(f"kvd does not emulate {server_type} {shown}; choose one of {', '.join(OPTIONS['emulate'].values[1:])}")
    return found[-1]


def _numbers(version: Any) -> tuple[int, ...]:
    if version is None:
        return ()
    return tuple(int(part) for part in (version if isinstance(version, (tuple, list)) else str(version).split(".")))
