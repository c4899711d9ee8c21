"""Data that several tests of the studies share."""

import pytest


@pytest.fixture(scope="session")
def few(digits):
    """200 training and 100 test digits."""
    from skcnn.study.data import Images

    X, y = digits
    return Images("few", "A few digits.", X[:200], y[:200], X[200:300], y[200:300])
