"""Rules of the house that a reader of the sources relies on."""

import fnmatch
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LARGEST = 1_000_000               # bytes of a file
NO_TEXT: set[str] = set()        # files that may be something else
SOURCES = sorted([*(ROOT / "ext").rglob("*.pyx"), *(ROOT / "ext").rglob("*.pxd")])


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_begin_with_what_they_are(path):
    assert path.read_text().startswith('"""')


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nogil_functions_do_not_raise(path):
    """`nogil` without `noexcept` or an error value takes the GIL after every call."""
    for line in path.read_text().splitlines():
        if re.match(r"\s*cdef [^=]*\) nogil", line):
            raise AssertionError(line)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_deprecated_or_hidden_names(path):
    text = path.read_text()
    assert not re.search(r"^\s*(DEF |IF |include )|cimport \*|from \.", text, re.M)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_c_code_is_in_headers(path):
    """A few lines of C may stand in a cimport's docstring, more belong in a header that editors and compilers know."""
    for block in re.findall(r'cdef extern from \*[^\n]*:\n    """(.*?)"""', path.read_text(), re.S):
        assert block.count("\n") <= 4 or re.fullmatch(r'(\s*#define \w+ ".*"\n)+\s*', block)


def test_option_ids_are_in_the_order_of_the_table():
    from kvd.store import config

    header = (ROOT / "ext/kvd/store/config.pxd").read_text()
    ids = re.findall(r"^    OPT_(\w+)$", header, re.M)
    names = [row[0].upper().replace("-", "_") for row in config.rows()]
    assert names[: len(ids)] == ids


def tracked():
    """The files that git tracks; skips where this is no checkout."""
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no git")
    if done.returncode:
        pytest.skip("this is no checkout")
    return [name for name in done.stdout.split("\0") if name and (ROOT / name).exists()]


def test_tracked_files_are_small_texts():
    """Dumps, builds and data do not belong into the repository."""
    for name in tracked():
        data = (ROOT / name).read_bytes()
        assert len(data) <= LARGEST, f"{name} has {len(data)} bytes"
        assert name in NO_TEXT or b"\0" not in data, f"{name} is not a text"
        if name not in NO_TEXT:
            data.decode()


def test_dumps_of_processes_are_ignored():
    done = subprocess.run(["git", "check-ignore", "core", "core.123"], cwd=ROOT, capture_output=True, text=True)
    if tracked():
        assert done.stdout.split() == ["core", "core.123"]


TESTED_ELSEWHERE = {
    "core/_probe*": "the door of tests to core",
    "doors/_probe*": "the door of tests to changes and effects",
    "core/pointers": "a few lines on core/table; tests/script/test_cache.py, tests/run/test_renames.py",
    "core/tagged": "a few lines; tests/session/test_watches.py, test_channels.py, test_waiters.py",
    "methods/*": "tests/methods/test_methods.py compares every method with redis-py's",
    "asyncio": "names alone; tests/clients/test_aio.py",
    "__main__": "names alone; tests/test_cli.py",
    "reference": "writes the documentation; tests/test_docs.py",
    "commands/acl": "tests/run/acl/test_commands.py, beside the other tests of users",
    "run/record": "a dataclass without its imports, tested with every declaration; tests/run/test_spec.py",
}


def modules():
    """Names of all modules, as paths without their endings."""
    for folder, ending in (("ext/kvd", "pyx"), ("src/kvd", "py")):
        for path in (ROOT / folder).rglob(f"*.{ending}"):
            if path.name != "__init__.py":
                yield str(path.relative_to(ROOT / folder).with_suffix(""))


def test_every_module_has_its_test_file():
    """tests/x/test_y.py for x/y."""
    missing = [name for name in modules() if not (ROOT / "tests" / name).with_name(f"test_{Path(name).name}.py").exists()]
    assert [name for name in missing if not any(fnmatch.fnmatch(name, pattern) for pattern in TESTED_ELSEWHERE)] == []
    assert [pattern for pattern in TESTED_ELSEWHERE if not any(fnmatch.fnmatch(name, pattern) for name in missing)] == []
