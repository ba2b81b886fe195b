"""Snippets of the guides and of the README run as they stand; generated pages are fresh."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parent.parent / "docs"
README = DOCS.parent / "README.md"


@pytest.mark.parametrize("page", [DOCS / "embedding.md", DOCS / "caching.md", DOCS / "migrating.md", DOCS / "scripting.md", DOCS / "testing.md", DOCS / "inprocess.md", README], ids=lambda p: p.name)
def test_python_snippets_run(page):
    code = "\n".join(re.findall(r"```python\n(.*?)```", page.read_text(), re.S))
    assert code
    exec(compile(code, str(page), "exec"), {})  # noqa: S102


@pytest.mark.parametrize("name", ["caching", "caching.memoize", "caching.recipes", "caching.metrics", "caching.snapshot"])
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
