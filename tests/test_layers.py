"""Dependencies point downwards only: every cimport is read and checked."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "core": set(),
    "types": {"core"},
    "store": {"types", "core"},
    "resp": {"core"},
    "session": {"resp", "store", "types", "core"},
    "commands": {"session", "resp", "store", "types", "core"},
    "persist": {"commands", "session", "resp", "store", "types", "core"},
    "script": {"persist", "commands", "session", "resp", "store", "types", "core"},
    "server": {"persist", "commands", "session", "resp", "store", "types", "core"},
    "doors": {"server", "script", "persist", "commands", "session", "resp", "store", "types", "core"},
}
CIMPORT = re.compile(r"^\s*from kvd\.(\w+)\.[\w.]+ cimport", re.M)


def test_each_layer_imports_only_what_stands_below_it():
    wrong = []
    for path in sorted((ROOT / "ext" / "kvd").rglob("*.p[yx][xd]")):
        layer = path.relative_to(ROOT / "ext" / "kvd").parts[0]
        if layer not in MAY_IMPORT:
            continue
        for target in CIMPORT.findall(path.read_text()):
            if target != layer and target not in MAY_IMPORT[layer]:
                wrong.append(f"{path.name} ({layer}) cimports from {target}")
    assert not wrong


def test_python_is_imported_upwards_only_where_agreed():
    allowed = {"kvd.commands", "kvd.errors", "kvd.config", "kvd.janitor", "kvd.clock", "kvd", "kvd.doors.store"}
    for path in (ROOT / "ext" / "kvd").rglob("*.pyx"):
        for module in re.findall(r"^\s*(?:from|import) (kvd[\w.]*) import", path.read_text(), re.M):
            assert module in allowed, (path.name, module)
