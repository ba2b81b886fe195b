"""Pages that are made: docs/commands/*.md from the declarations, docs/config.md from the options, docs/caching-reference.md
from docstrings (reference.py)."""

from __future__ import annotations

import re
from pathlib import Path

import kvd.doors.store  # noqa: F401  (its import completes the command table)
from kvd.config import OPTIONS, Option
from kvd.embedded import PROCESS, SERVED
from kvd.reference import page as reference_page
from kvd.run import registry
from kvd.run.spec import Spec

TITLES = {"generic": "Keys", "string": "Strings", "transactions": "Transactions", "connection": "Connection", "server": "Server"}
SECTIONS: tuple[tuple[str, list[str], str], ...] = (  # of docs/config.md: heading, text, mark
    ("In effect", [], ""),
    (
        "Not implemented",
        ["These would protect data or access. Any value but the default stops the start, and CONFIG SET refuses it.", ""],
        "unmade",
    ),
    ("Accepted without effect", ["`kvd serve` logs which of them are set to another value than their default.", ""], "inert"),
)
NOTE = "<!-- made by `kvd docs`; edit the declaration above the handler instead -->\n"


def specs() -> list[Spec]:
    """All declarations, by name."""
    return [spec for _, spec in sorted(registry.specs().items())]


def command_text(name: str) -> str:
    """One command explained. Raises KeyError if there is none of that name."""
    spec: Spec = registry.specs()[name.lower()]
    lines = [_syntax(spec), "", f"  {spec.summary}", "", f"  since {spec.since}   {spec.complexity}"]
    members = [s for s in specs() if s.container == spec.name]
    lines += [f"  {_syntax(m)}" for m in members]
    return "\n".join(lines)


def _syntax(spec: Spec) -> str:
    return spec.syntax.replace("|", " ", 1) if spec.container else spec.syntax


def _wrap_code(text: str) -> str:
    return "`" + re.sub(r"\s+", " ", text) + "`"


def _group_page(group: str, members: list[Spec]) -> str:
    lines = [NOTE, f"# {TITLES.get(group, group.title())}", ""]
    for spec in members:
        facts = [f"since {spec.since}", spec.complexity]
        if spec.flags:
            facts.append(" ".join(spec.flags))
        lines += [f"## {spec.name.upper().replace('|', ' ')}", "", _wrap_code(_syntax(spec)), "", spec.summary, "",
                  " · ".join(facts), ""]  # fmt: skip
    return "\n".join(lines)


def _index_page(groups: dict[str, list[Spec]]) -> str:
    lines = [NOTE, "# Commands", ""]
    for group, members in groups.items():
        lines += [f"## [{TITLES.get(group, group.title())}]({group}.md)", "", "| command | what it does |", "|---|---|"]
        for spec in members:
            anchor = spec.name.replace("|", "-")
            lines.append(f"| [{spec.name.upper().replace('|', ' ')}]({group}.md#{anchor}) | {spec.summary} |")
        lines.append("")
    return "\n".join(lines)


def _config_page() -> str:
    lines = [NOTE, "# Options", "", "For redis.conf files, `kvd serve --name value`, `KVD_NAME` in the environment, "
             "`kvd.Store(name=value)` and CONFIG SET (those marked *run time*).", ""]  # fmt: skip
    for heading, text, mark in SECTIONS:
        lines += [f"## {heading}", "", *text, "| option | default | kind | | what it does |", "|---|---|---|---|---|"]
        for o in OPTIONS.values():
            if next((m for m in ("inert", "unmade") if m in o.marks), "") != mark:
                continue
            name = f"`{o.name}`" + (f" (`{o.alias}`)" if o.alias else "")
            kind = f"{o.kind} {' '.join(o.values)}".strip().replace("|", "\\|")
            when = "run time" if "rw" in o.marks else "start"
            lines.append(f"| {name} | {f'`{o.default}`' if o.default else ''} | {kind} | {when} | {o.sentence} |")
        lines.append("")
    return "\n".join(lines)


def options_stub() -> str:
    """src/kvd/options.pyi: the options that have an effect in kvd.Store, for type checkers."""
    lines = [
        '"""Options that have an effect in kvd.Store, made from the option table: `make docs` writes it anew."""',
        "",
        "from typing import Literal, TypedDict",
        "",
    ]
    lines += ["class StoreOptions(TypedDict, total=False):"]
    for o in OPTIONS.values():
        name = o.name.replace("-", "_")
        if name not in (*SERVED, *PROCESS) and not {"inert", "unmade"} & set(o.marks):
            lines.append(f"    {name}: {_type_of(o)}")
    return "\n".join(lines) + "\n"


def _type_of(o: Option) -> str:
    if o.kind == "enum":
        words = ", ".join(f'"{word}"' for word in o.values)
        return f"Literal[{words}]" + (" | bool" if "yes" in o.values else "")
    return {
        "bool": 'bool | Literal["yes", "no"]',
        "int": "int",
        "memory": "int | str",
        "percent": "int | str",
        "octal": "int | str",
    }.get(o.kind, "str")


def write(folder: str) -> list[str]:
    """Write all pages below `folder`; returns their paths."""
    root = Path(folder)
    (root / "commands").mkdir(parents=True, exist_ok=True)
    groups: dict[str, list[Spec]] = {}
    for spec in specs():
        groups.setdefault(spec.group, []).append(spec)
    pages = {root / "config.md": _config_page(), root / "commands" / "index.md": _index_page(groups),
             root / "caching-reference.md": reference_page()}  # fmt: skip
    for group, members in groups.items():
        pages[root / "commands" / f"{group}.md"] = _group_page(group, members)
    for path, text in pages.items():
        path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
    return [str(path) for path in pages]
