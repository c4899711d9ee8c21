"""Fixtures of the engine's tests."""

import pytest

from skcnn.engine.runtime.threads import Threads


@pytest.fixture(scope="module")
def threads():
    """Two threads, shared by the tests of a module."""
    with Threads(2) as threads:
        yield threads
