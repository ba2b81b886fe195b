"""Workers that are killed. KVDDEV_CRASHES: the number of kills at random moments (200); above 200 all injected failures are tried, too."""

import os
import sys

import pytest

from .process import Workers, build_faults

CRASHES = int(os.environ.get("KVDDEV_CRASHES", "200"))
LONG = CRASHES > 200


def pytest_collection_modifyitems(items):
    here = os.path.dirname(__file__)
    why = None if sys.platform == "linux" else "needs fork, and /proc"
    if "libasan" in os.environ.get("LD_PRELOAD", ""):
        why = "the sanitizer must be the first library that is loaded, and a kill leaves it nothing to say"
    for item in items:
        if why and str(item.path).startswith(here):
            item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(scope="session")
def workers(tmp_path_factory):
    made = Workers(tmp_path_factory.mktemp("workers"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def faulty_workers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    library = build_faults(folder)
    if library is None:
        pytest.skip("needs gcc and LD_PRELOAD")
    made = Workers(folder, library)
    yield made
    made.close()
