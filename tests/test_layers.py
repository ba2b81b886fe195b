"""Dependencies point downwards only, and in no circle: every cimport in ext/ is read and checked."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*(ROOT / "ext" / "kvd").rglob("*.pyx"), *(ROOT / "ext" / "kvd").rglob("*.pxd")])
LAYERS = ["core", "types", "store", "resp", "net", "session", "run", "commands", "persist", "replica", "script", "server", "doors"]
SIDES = {("resp", "types"), ("resp", "store"), ("net", "resp"), ("server", "script")}  # that know nothing of each other
CIMPORT = re.compile(r"^\s*from (kvd(?:\.\w+)+) cimport", re.M)
IMPORT = re.compile(r"^\s*(?:from|import) (kvd[\w.]*) import", re.M)
PYTHON = {"kvd", "kvd.clock", "kvd.commands", "kvd.config", "kvd.debugging", "kvd.errors", "kvd.janitor", "kvd.run"}


def module_of(path):
    return ".".join(path.relative_to(ROOT / "ext").with_suffix("").parts)


def layer_of(module):
    return module.split(".")[1]


def graph():
    """Module -> modules that its .pyx and .pxd cimport from."""
    edges = {}
    for path in SOURCES:
        edges.setdefault(module_of(path), set()).update(m for m in CIMPORT.findall(path.read_text()) if m != module_of(path))
    return edges


def test_each_layer_imports_only_what_is_below_it():
    wrong = []
    for module, targets in graph().items():
        for target in targets:
            here, there = layer_of(module), layer_of(target)
            if LAYERS.index(there) > LAYERS.index(here) or (here, there) in SIDES:
                wrong.append(f"{module} cimports {target}")
    assert not wrong


def circles(edges):
    """Strongly connected components of more than one module (Tarjan)."""
    index, low, stack, found = {}, {}, [], []

    def visit(node):
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in edges.get(node, ()):
            if target not in index:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            members = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(members) > 1:
                found.append(sorted(members))

    for node in edges:
        if node not in index:
            visit(node)
    return found


def test_there_is_no_circle():
    assert circles(graph()) == []


def test_circles_are_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [["a", "b", "c"]]


def test_python_is_imported_only_where_agreed():
    for path in SOURCES:
        for module in IMPORT.findall(path.read_text()):
            assert module in PYTHON or (path.parent.name == "doors" and module.startswith("kvd.doors.")), (path.name, module)
