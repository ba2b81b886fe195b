"""Simulated failures of networks and servers, for clients of a store in this process."""

from __future__ import annotations

from typing import Any

REFUSED = "Connection refused."
ANSWERS = {
    "LOADING": "LOADING Redis is loading the dataset in memory",
    "READONLY": "READONLY You can't write against a read only replica.",
    "OOM": "OOM command not allowed when used memory > 'maxmemory'.",
    "BUSY": "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    "MASTERDOWN": "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
}
HANDSHAKE = {"HELLO", "AUTH", "CLIENT", "SELECT", "READONLY"}


class Faults:
    """The failures that in-process clients of a store see; every attribute can be changed at any time.

        with Faults(store) as faults:
            faults.answer("LOADING", times=2)
            client.get("k")                    # tests how the client retries

    refuse: True, or the text of the error: new connections are refused and existing ones are cut. delay: seconds to wait before
    each command. drop_after: number of bytes of commands after which the connection is cut, once; None: never.
    """

    def __init__(self, store: Any, refuse: bool | str = False, delay: float = 0.0, drop_after: int | None = None) -> None:
        self.store = store
        self._refuse: bool | str = False
        self.delay = delay
        self.drop_after = drop_after
        self.commands = 0  # number of commands sent, including those that failed
        self._answer = ""
        self._times = 0
        store.faults = self
        self.refuse = refuse

    @property
    def refuse(self) -> bool | str:
        """Whether connections are refused, or the text of the error.

        Setting it cuts existing connections; commands that wait on them raise ConnectionError.
        """
        return self._refuse

    @refuse.setter
    def refuse(self, value: bool | str) -> None:
        self._refuse = value
        if value:
            self.store._cut_links()

    def answer(self, error: str, times: int = 1) -> None:
        """Answer the next `times` commands with an error.

        error: LOADING, READONLY, OOM, BUSY, MASTERDOWN, or a complete error text. times: -1 for all commands.
        """
        self._answer = ANSWERS.get(error, error)
        self._times = times

    def connecting(self) -> None:
        """Called for each new connection; raises ConnectionError if it is to be refused."""
        if self.refuse:
            raise ConnectionError(self.refuse if isinstance(self.refuse, str) else REFUSED)

    def sending(self, link: Any, words: tuple[Any, ...]) -> None:
        """Called for each command; sends it, answers the error that is set, or raises ConnectionError."""
        self.commands += 1
        self.connecting()
        name = words[0].decode() if isinstance(words[0], bytes) else str(words[0])
        if self.drop_after is not None:
            self.drop_after -= sum(len(w) if isinstance(w, (bytes, str)) else len(str(w)) for w in words)
            if self.drop_after < 0:
                self.drop_after = None
                raise ConnectionError("Connection reset by peer")
        if self._times and name.upper() not in HANDSHAKE:
            self._times -= 1
            link.put(link.make_error(self._answer))
            return
        link.send(words)

    def stop(self) -> None:
        """End all failures."""
        if self.store.faults is self:
            self.store.faults = None

    def __enter__(self) -> Faults:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()
