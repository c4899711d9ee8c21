"""`KeepLargest`: what it keeps in training, and that it does nothing in prediction."""

import numpy as np
import pytest

from skcnn.engine.layers import KeepLargest
from skcnn.engine.network import Network
from skcnn.engine.testing import check_layer, run_layer


def keep_largest(x, share):
    """Naive implementation: one channel of one image at a time."""
    y = np.zeros(x.shape)
    groups = [()] if x.ndim == 2 else list(np.ndindex(x.shape[-1]))
    for image in range(len(x)):
        for group in groups:
            values = x[(image, ..., *group)]
            kept = max(1, round(share * values.size))
            least = sorted(values.ravel(), reverse=True)[kept - 1]
            y[(image, ..., *group)] = np.where(values >= least, values, 0)
    return y


@pytest.mark.parametrize("share", [0.01, 0.3, 1.0])
@pytest.mark.parametrize("in_shape", [(4, 5, 3), (9,)])
def test_it_passes_the_checks(share, in_shape):
    check_layer(
        KeepLargest(share),
        in_shape,
        naive=lambda x, parameters: keep_largest(x, share),
        naive_prediction=lambda x, parameters, state: x,
    )


def test_one_value_of_each_channel_is_kept():
    x = np.random.default_rng(0).standard_normal((5, 4, 6, 3))
    run = run_layer(KeepLargest(0.0), x, np.ones(x.shape))
    assert np.array_equal((run.y != 0).sum(axis=(1, 2)), np.ones((5, 3)))
    assert np.array_equal(run.y.max(axis=(1, 2), initial=-np.inf, where=run.y != 0), x.max((1, 2)))
    assert np.array_equal(run.dx != 0, run.y != 0)  # only these receive the gradient


def test_prediction_keeps_everything():
    x = np.random.default_rng(0).standard_normal((2, 4, 6, 3))
    assert np.array_equal(Network([KeepLargest(0.1)], (4, 6, 3), np.float64).forward(x), x)
