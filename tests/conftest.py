"""Settings of Hypothesis, and data that several test files share.

Heavy imports stay inside the fixtures.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

# A run passes or fails because of the code alone: its examples are always the same, and a slow
# machine makes no test fail. `--hypothesis-profile=new`, which CI uses once a week, draws others.
settings.register_profile(
    "same",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.register_profile("new", settings.get_profile("same"), derandomize=False)
settings.load_profile("same")


@pytest.fixture(scope="session")
def digits():
    """scikit-learn's digits: X uint8 (1797, 8, 8), y."""
    from skcnn.datasets import load_digits_images

    return load_digits_images()


@pytest.fixture(scope="session")
def images(digits):
    """300 digits, uint8 (300, 8, 8), and their labels."""
    return digits[0][:300], digits[1][:300]


@pytest.fixture(scope="module")
def threads():
    """Two threads of the engine."""
    from skcnn.engine.runtime.threads import Threads

    with Threads(2) as pool:
        yield pool


@pytest.fixture(scope="session")
def mnist():
    """X_train, y_train, X_test, y_test of MNIST in the directory that SKCNN_DATA names."""
    if not os.environ.get("SKCNN_DATA"):
        pytest.skip("needs MNIST: set SKCNN_DATA to the directory of its four IDX files")
    from skcnn.datasets import load_mnist

    data = load_mnist()
    for array in data:
        array.flags.writeable = False  # shared by all tests of the session
    return data


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A finished comparison on few digits: its folder, and what `run` returned."""
    from helpers.comparisons import SMALL, without_figures

    from skcnn.study.comparison import run

    out = tmp_path_factory.mktemp("compare")
    with without_figures(tmp_path_factory.mktemp("picture")):
        return out, run("digits", out=out, verbose=False, **SMALL)
