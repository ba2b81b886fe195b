"""The package as one meets it in an interpreter: public names, lazy imports, what is installed with it."""

import rlcompleter
import subprocess
import sys

import pytest

import kvd

if sys.version_info >= (3, 11):
    import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_dir_shows_the_public_names_and_nothing_else():
    names = dir(kvd)
    assert set(kvd.__all__) <= set(names) and {"Cache", "cached", "Redis", "Store", "asyncio", "testing"} <= set(names)
    assert not [n for n in names if n.startswith("_")] and not {"Any", "TYPE_CHECKING", "annotations", "doors", "embedded"} & set(names)
    assert all(hasattr(kvd, name) for name in names)


def test_tab_completes_the_public_names():
    completer, found = rlcompleter.Completer({"kvd": kvd}), []
    while (match := completer.complete("kvd.", len(found))) is not None:
        found.append(match.removeprefix("kvd.").rstrip("()"))
    assert found == dir(kvd)


def test_submodules_need_no_import_of_their_own():
    assert run("import kvd; print(kvd.asyncio.Redis.__module__, kvd.testing.patch.__name__, kvd.errors.KvdError.__name__)") == (
        "kvd.clients.aio patch KvdError\n"
    )
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        kvd.nothing  # noqa: B018


def test_the_import_loads_no_client_library_and_no_interpreter_of_scripts():
    code = "import kvd, sys; kvd.Store().set('k', 1); print([m for m in ('redis', 'lupa', 'asyncio', 'click', 'hiredis') if m in sys.modules])"
    assert run(code) == "[]\n"


def test_a_star_import_gives_what_all_names():
    assert run("from kvd import *; import kvd; print(all(n in globals() for n in kvd.__all__), 'asyncio' in globals())") == "True False\n"


def test_names_of_packages_that_are_not_there_are_missing_attributes():
    code = """
import sys
sys.modules["valkey"] = None
import kvd
try:
    kvd.Valkey
except AttributeError as error:
    print(error)
"""
    assert run(code) == "kvd.Valkey needs the package valkey\n"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="needs tomllib")
def test_the_version_is_that_of_pyproject_everywhere():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert kvd.__version__ == kvd.Store().info("server")["kvd_version"] == version
    assert (ROOT / "CHANGELOG.md").read_text().split("\n## ")[1].split()[0] == version
    literal = [p.name for p in [*ROOT.glob("src/**/*.py"), *ROOT.glob("ext/**/*.p[xy][xd]")] if f'"{version}"' in p.read_text()]
    assert not literal, f"the version is written again in {literal}"


@pytest.mark.skipif(sys.version_info < (3, 11), reason="needs tomllib")
def test_scripts_are_part_of_the_plain_installation():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert any(d.startswith("lupa") for d in project["dependencies"])
    assert not {"lua", "serve"} & set(project["optional-dependencies"])
