"""Lua scripts and functions. Scripts run atomically."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from kvd.methods.common import Key, Methods, Text, Value, ok, option


class Script:
    """A callable script, created by `Store.register_script` and run by its SHA-1.

    script: the Lua code. sha: its SHA-1. The code is loaded again if the store does not have it (SCRIPT FLUSH)."""

    def __init__(self, store: Any, script: str | bytes) -> None:
        from hashlib import sha1

        self.store = store
        self.script = script
        self.sha = sha1(script.encode() if isinstance(script, str) else script).hexdigest()

    def __call__(self, keys: Iterable[Key] = (), args: Iterable[Value] = (), client: Any = None) -> Any:
        """Run the script. keys: KEYS. args: ARGV. client: another store or session to run it in."""
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
        """Run a Lua script. numkeys: number of arguments that are KEYS; the others are ARGV. Raises kvd.ResponseError for
        errors of the script."""
        return self.execute("EVAL", script, numkeys, *keys_and_args)

    def eval_ro(self, script: str | bytes, numkeys: int, *keys_and_args: Value) -> Any:
        """The same for a read-only script."""
        return self.execute("EVAL_RO", script, numkeys, *keys_and_args)

    def evalsha(self, sha: Text, numkeys: int, *keys_and_args: Value) -> Any:
        """Run a cached script by its SHA-1. Raises kvd.NoScriptError if it is not cached."""
        return self.execute("EVALSHA", sha, numkeys, *keys_and_args)

    def evalsha_ro(self, sha: Text, numkeys: int, *keys_and_args: Value) -> Any:
        """The same for a read-only script."""
        return self.execute("EVALSHA_RO", sha, numkeys, *keys_and_args)

    def script_load(self, script: str | bytes) -> Text:
        """Cache a script without running it; returns its SHA-1."""
        return self.execute("SCRIPT", "LOAD", script)

    def script_exists(self, *args: Text) -> list[bool]:
        """Return for each SHA-1 whether its script is cached."""
        return [bool(found) for found in self.execute("SCRIPT", "EXISTS", *args)]

    def script_flush(self, sync_type: str | None = None) -> bool:
        """Remove all scripts from the cache; returns True. sync_type: SYNC or ASYNC, without difference."""
        return ok(self.execute("SCRIPT", "FLUSH", *([] if sync_type is None else [sync_type])))

    def script_kill(self) -> bool:
        """Stop a script running in another thread, if it has not written; returns True. Raises kvd.ResponseError if none runs."""
        return ok(self.execute("SCRIPT", "KILL"))

    def register_script(self, script: str | bytes) -> Script:
        """Return a callable for a script: `script(keys=[...], args=[...])`."""
        return Script(self, script)

    def fcall(self, function: Text, numkeys: int, *keys_and_args: Value) -> Any:
        """Call a function of a library. Arguments as for eval."""
        return self.execute("FCALL", function, numkeys, *keys_and_args)

    def fcall_ro(self, function: Text, numkeys: int, *keys_and_args: Value) -> Any:
        """The same for a function with the flag no-writes."""
        return self.execute("FCALL_RO", function, numkeys, *keys_and_args)

    def function_load(self, code: str | bytes, replace: bool = False) -> Text:
        """Create a library of functions from code that begins with `#!lua name=...`; returns its name. replace: overwrite an
        existing library."""
        return self.execute("FUNCTION", "LOAD", *(["REPLACE"] if replace else []), code)

    def function_delete(self, library: Text) -> bool:
        """Delete a library; returns True. Raises kvd.ResponseError if it does not exist."""
        return ok(self.execute("FUNCTION", "DELETE", library))

    def function_flush(self, mode: str = "SYNC") -> bool:
        """Delete all libraries; returns True."""
        return ok(self.execute("FUNCTION", "FLUSH", mode))

    def function_list(self, library: str | None = "*", withcode: bool | None = False) -> list[Any]:
        """Return the libraries whose names match a pattern, with their functions, as dicts. withcode: include the code."""
        return self.execute("FUNCTION", "LIST", *option("LIBRARYNAME", library), *(["WITHCODE"] if withcode else []))

    def function_dump(self) -> bytes:
        """Return all libraries as bytes for function_restore."""
        return self.execute("FUNCTION", "DUMP")

    def function_restore(self, payload: bytes, policy: str | None = "APPEND") -> bool:
        """Create the libraries of a dump; returns True. policy: APPEND (none may exist), REPLACE, or FLUSH (delete all others)."""
        return ok(self.execute("FUNCTION", "RESTORE", payload, *([] if policy is None else [policy])))

    def function_stats(self) -> dict[Any, Any]:
        """Return the running script and the numbers of libraries and functions."""
        return self.execute("FUNCTION", "STATS")

    def function_kill(self) -> bool:
        """Stop a function running in another thread, if it has not written; returns True."""
        return ok(self.execute("FUNCTION", "KILL"))
