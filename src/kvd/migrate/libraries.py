"""Function libraries: FUNCTION DUMP and RESTORE, or their code loaded again where the payload does not fit."""

from __future__ import annotations

from redis import ResponseError

from kvd.migrate.ends import End


class Libraries:
    """The libraries of a source, to copy to a target. replace: the target keeps no other. problem: why they were not copied, or ""."""

    def __init__(self, source: End, target: End, replace: bool) -> None:
        self.source, self.target, self.replace = source, target, replace
        self.problem = ""
        self._copied: bytes | None = None

    def copy(self) -> int:
        """Copy them if they have changed since the last call. Returns how many were copied."""
        if not self.source.knows("FUNCTION"):
            return 0
        dump, listed = self.source.ask([("FUNCTION", "DUMP"), ("FUNCTION", "LIST", "WITHCODE")])
        if isinstance(dump, ResponseError) or isinstance(listed, ResponseError):
            self.problem = f"the source does not show its functions: {dump if isinstance(dump, ResponseError) else listed}"
            return 0
        if dump == self._copied or (not listed and self._copied is None and not self.replace):
            return 0
        self.problem = self._place(dump, [library[library.index(b"library_code") + 1] for library in listed])
        self._copied = dump
        return 0 if self.problem else len(listed)

    def _place(self, dump: bytes, codes: list[bytes]) -> str:
        if not self.target.knows("FUNCTION"):
            return "the target has no functions" if codes else ""
        first = self._copied is None and not self.replace
        (reply,) = self.target.ask([("FUNCTION", "RESTORE", dump, "REPLACE" if first else "FLUSH")])
        if not isinstance(reply, ResponseError):
            return ""
        lines = [] if first else [("FUNCTION", "FLUSH")]
        replies = self.target.ask([*lines, *(("FUNCTION", "LOAD", "REPLACE", code) for code in codes)])
        return next((f"the target refuses them: {one}" for one in replies if isinstance(one, ResponseError)), "")
