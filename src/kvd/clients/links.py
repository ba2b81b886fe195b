"""What the connections of both kinds of clients, sync and asyncio, have in common: words in, values out."""

from __future__ import annotations

from functools import cache
from typing import Any

Words = tuple[Any, ...]
PLAIN = (bytes, str, int, float)


def words_of(encoder: Any, args: Words) -> Words:
    """The arguments of a command as the engine takes them: a name of several words is split, as redis-py does.

    Raises redis.DataError for what cannot be stored."""
    name = args[0]
    if isinstance(name, str):
        if " " in name:
            args = (*name.split(), *args[1:])
    elif b" " in name:
        args = (*name.split(), *args[1:])
    for one in args:
        if type(one) not in PLAIN:
            return tuple(encoder.encode(a) if type(a) not in PLAIN else a for a in args)
    if encoder.encoding not in ("utf-8", "utf8") or encoder.encoding_errors != "strict":
        return tuple(encoder.encode(a) if isinstance(a, str) else a for a in args)
    return args


def decodes_itself(encoder: Any) -> bool:
    """Whether the engine may decode: utf-8, strict."""
    return bool(encoder.decode_responses) and encoder.encoding in ("utf-8", "utf8") and encoder.encoding_errors == "strict"


def decoded(encoder: Any, value: Any) -> Any:
    """A reply of bytes in another encoding."""
    if isinstance(value, bytes):
        return value.decode(encoder.encoding, encoder.encoding_errors)
    if isinstance(value, list):
        return [decoded(encoder, one) for one in value]
    if isinstance(value, tuple):
        return tuple(decoded(encoder, one) for one in value)
    if isinstance(value, dict):
        return {decoded(encoder, k): decoded(encoder, v) for k, v in value.items()}
    return value


def error_of(parser: Any) -> Any:
    """Makes redis-py's exception of an error reply's text."""

    def make(text: str) -> Exception:
        error: Exception = parser.parse_error(text)
        return error

    return make


@cache
def _driver_info() -> Any:
    """What CLIENT SETINFO tells of this library; redis-py reads the version from disk for each connection."""
    from redis.driver_info import DriverInfo

    return DriverInfo()


def share_driver_info(options: dict[str, Any]) -> None:
    """Let connections without wishes of their own have one DriverInfo, where redis-py has such."""
    if not {"driver_info", "lib_name", "lib_version"} & options.keys():
        try:
            options["driver_info"] = _driver_info()
        except ImportError:  # redis-py 5 and 6
            pass


def put_back(link: Any, args: Words, reply: Any) -> None:
    """Undo the pop of a blocking command whose reply nobody will see. reply: not decoded."""
    name = args[0].upper() if isinstance(args[0], str) else args[0].decode().upper()
    if not isinstance(reply, list):
        return
    if name in ("BLPOP", "BRPOP"):
        link.call((name[1] + "PUSH", *reply), False)
    elif name == "BLMPOP":
        side = "L" if any(isinstance(a, (str, bytes)) and a.upper() in ("LEFT", b"LEFT") for a in args[3:]) else "R"
        link.call((side + "PUSH", reply[0], *reversed(reply[1])), False)
    elif name in ("BZPOPMIN", "BZPOPMAX"):
        link.call(("ZADD", reply[0], reply[2], reply[1]), False)
    elif name == "BZMPOP":
        link.call(("ZADD", reply[0], *(word for member, score in reply[1] for word in (score, member))), False)
