"""Lua scripts and functions. Scripts run atomically: nobody else sees what is half done."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kvd.methods.common import Key, Methods, Text, Value, ok, option


class Script:
    """A script that `Store.register_script` has made: call it, and it runs by its SHA-1.

    script: the Lua code. sha: its SHA-1. A store that has forgotten it (SCRIPT FLUSH) is given it again."""

    def __init__(self, store: Any, script: str | bytes) -> None:
        from hashlib import sha1

        self.store = store
        self.script = script
        self.sha = sha1(script.encode() if isinstance(script, str) else script).hexdigest()

    def __call__(self, keys: Iterable[Key] = (), args: Iterable[Value] = (), client: Any = None) -> Any:
        """Run it. keys: KEYS of the script. args: ARGV. client: another store or session with `execute` to run it in."""
        from kvd.errors import NoScriptError

        target = self.store if client is None else client
        keys = list(keys)
        words = [len(keys), *keys, *args]
        try:
            return target.execute("EVALSHA", self.sha, *words)
        except NoScriptError:
            target.execute("SCRIPT", "LOAD", self.script)
            return target.execute("EVALSHA", self.sha, *words)


class ScriptMethods(Methods):
    def eval(self, script: str | bytes, numkeys: int, *keys_and_args: Value) -> Any:
        """Run a Lua script. numkeys: how many of the arguments are KEYS; the rest is ARGV. Raises kvd.ResponseError for what
        it throws."""
        return self.execute("EVAL", script, numkeys, *keys_and_args)

    def eval_ro(self, script: str | bytes, numkeys: int, *keys_and_args: Value) -> Any:
        """The same for a script that may not write."""
        return self.execute("EVAL_RO", script, numkeys, *keys_and_args)

    def evalsha(self, sha: Text, numkeys: int, *keys_and_args: Value) -> Any:
        """Run a cached script by its SHA-1. Raises kvd.NoScriptError if it is not cached."""
        return self.execute("EVALSHA", sha, numkeys, *keys_and_args)

    def evalsha_ro(self, sha: Text, numkeys: int, *keys_and_args: Value) -> Any:
        """The same for a script that may not write."""
        return self.execute("EVALSHA_RO", sha, numkeys, *keys_and_args)

    def script_load(self, script: str | bytes) -> Text:
        """Cache a script without running it; returns its SHA-1."""
        return self.execute("SCRIPT", "LOAD", script)

    def script_exists(self, *args: Text) -> list[bool]:
        """Which of these SHA-1s are cached."""
        return [bool(found) for found in self.execute("SCRIPT", "EXISTS", *args)]

    def script_flush(self, sync_type: str | None = None) -> bool:
        """Forget all scripts; True. sync_type: SYNC or ASYNC, which are the same here."""
        return ok(self.execute("SCRIPT", "FLUSH", *([] if sync_type is None else [sync_type])))

    def script_kill(self) -> bool:
        """Stop the script that another thread runs, if it has not written yet; True. Raises kvd.ResponseError if none runs."""
        return ok(self.execute("SCRIPT", "KILL"))

    def register_script(self, script: str | bytes) -> Script:
        """A callable for a script: `script(keys=[...], args=[...])`. Sends the text only when the store lacks it."""
        return Script(self, script)

    def fcall(self, function: Text, numkeys: int, *keys_and_args: Value) -> Any:
        """Call a function of a library. Arguments as for eval."""
        return self.execute("FCALL", function, numkeys, *keys_and_args)

    def fcall_ro(self, function: Text, numkeys: int, *keys_and_args: Value) -> Any:
        """The same for a function with the flag no-writes."""
        return self.execute("FCALL_RO", function, numkeys, *keys_and_args)

    def function_load(self, code: str | bytes, replace: bool = False) -> Text:
        """Create a library of functions from code that begins with `#!lua name=...`; returns its name. replace: also if
        there is one of that name."""
        return self.execute("FUNCTION", "LOAD", *(["REPLACE"] if replace else []), code)

    def function_delete(self, library: Text) -> bool:
        """Delete a library; True. Raises kvd.ResponseError without it."""
        return ok(self.execute("FUNCTION", "DELETE", library))

    def function_flush(self, mode: str = "SYNC") -> bool:
        """Delete all libraries; True."""
        return ok(self.execute("FUNCTION", "FLUSH", mode))

    def function_list(self, library: str | None = "*", withcode: bool | None = False) -> list[Any]:
        """Libraries whose names match a pattern, with their functions: a list of dicts. withcode: and their code."""
        return self.execute("FUNCTION", "LIST", *option("LIBRARYNAME", library), *(["WITHCODE"] if withcode else []))

    def function_dump(self) -> bytes:
        """All libraries as bytes, for function_restore."""
        return self.execute("FUNCTION", "DUMP")

    def function_restore(self, payload: bytes, policy: str | None = "APPEND") -> bool:
        """Create the libraries of a dump; True. policy: APPEND (none may exist), REPLACE, or FLUSH (delete all others)."""
        return ok(self.execute("FUNCTION", "RESTORE", payload, *([] if policy is None else [policy])))

    def function_stats(self) -> dict[Any, Any]:
        """What runs, and how many libraries and functions there are."""
        return self.execute("FUNCTION", "STATS")

    def function_kill(self) -> bool:
        """Stop the function that another thread runs, if it has not written yet; True."""
        return ok(self.execute("FUNCTION", "KILL"))
