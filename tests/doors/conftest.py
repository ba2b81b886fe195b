"""The clock of the tests of caches."""

from ..caching.conftest import clock as clock
