"""A store whose errors are returned."""

import pytest

from .payloads import Ours


@pytest.fixture
def ours():
    return Ours()
