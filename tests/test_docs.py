"""Snippets of the guides and of the README run as they stand; generated pages are fresh."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
README = DOCS.parent / "README.md"


@pytest.mark.parametrize("page", [DOCS / "embedding.md", DOCS / "caching.md", DOCS / "diskcache.md", DOCS / "persistence.md", DOCS / "replication.md", DOCS / "migrating.md", DOCS / "moving.md", DOCS / "scripting.md", DOCS / "testing.md", DOCS / "inprocess.md", README], ids=lambda p: p.name)
def test_python_snippets_run(page):
    code = "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(), re.S))
    assert code
    exec(compile(code, str(page), "exec"), {})  # noqa: S102


@pytest.mark.parametrize("name", ["caching", "caching.memoize", "caching.recipes", "caching.metrics", "caching.snapshot", "diskcache.cache", "diskcache.base", "diskcache.codecs", "diskcache.memoizing", "diskcache.queues"])
def test_examples_in_docstrings_run(name):
    failed, tried = doctest.testmod(importlib.import_module(f"kvd.{name}"))
    assert tried and not failed


def test_generated_pages_are_fresh(tmp_path):
    from kvd.docs import write

    for path in write(str(tmp_path)):
        kept = DOCS / Path(path).relative_to(tmp_path)
        assert kept.read_text() == Path(path).read_text(), f"run `make docs`: {kept} is stale"


def test_links_lead_somewhere():
    for page in [README, *DOCS.rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+\.md)", page.read_text()):
            assert (page.parent / target).exists(), (page, target)


ROOTS = [DOCS.parent, DOCS.parent / "ext" / "kvd", DOCS.parent / "src" / "kvd", DOCS.parent / "src"]


def exists(path):
    """Is there such a file or folder, or module of that name?"""
    return any(list(root.glob(path + ending)) for root in ROOTS for ending in ("", ".pyx", ".pxd", ".py"))


@pytest.mark.parametrize("page", [DOCS / "architecture.md", DOCS / "contributing.md", *(DOCS / "internals").glob("*.md")], ids=lambda p: p.name)
def test_paths_in_pages_on_the_code_exist(page):
    spans = re.findall(r"`([\w./*-]+)`", re.sub(r"```.*?```", "", page.read_text(), flags=re.S))
    assert not [s for s in spans if ("/" in s or re.search(r"\w\.(pyx|pxd|py|h)$", s)) and not exists(s) and not exists("*/" + s)]


def rows(page, heading):
    """Rows of the table below a line of the page, each a list of cells."""
    lines = page.read_text().split(heading)[1].split("\n|---", 1)[1].split("\n")[1:]
    return [line.strip("|").split(" | ") for line in lines[: next(i for i, line in enumerate(lines) if not line.startswith("|"))]]


def test_the_architecture_page_names_each_folder_and_module_of_the_engine():
    engine, page = DOCS.parent / "ext" / "kvd", DOCS / "architecture.md"
    layers = {re.search(r"`(\w+)`", cells[0])[1]: set(re.findall(r"`(\w+)`", cells[2])) for cells in rows(page, "| layer |")}
    assert set(layers) == {p.name for p in engine.iterdir() if p.is_dir()}
    for layer, named in layers.items():
        modules = {p.stem for p in (engine / layer).iterdir() if not p.name.startswith("_") and p.suffix in (".pyx", ".pxd", "")}
        modules |= named & {p.stem for folder in (engine / layer).iterdir() if folder.is_dir() for p in folder.iterdir()}
        assert named == modules, layer


def test_parts_of_the_python_package_on_the_architecture_page_exist():
    parts = [name for cells in rows(DOCS / "architecture.md", "| part |") for name in re.findall(r"`([\w/]+)`", " ".join(cells))]
    assert parts and not [name for name in parts if not exists(name)]
