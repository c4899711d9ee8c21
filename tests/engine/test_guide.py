"""The example of docs/engine.md: a layer defined outside the package, checked and trained."""

import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from helpers.engine import make_trainer

from skcnn.engine.network import Network
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.testing import check_layer
from skcnn.engine.training.optimizers import Adam

GUIDE = Path(__file__).parents[2] / "docs" / "engine.md"


@pytest.fixture(scope="module")
def guide():
    """A module of the code in the guide; running the code also runs its checks."""
    module = types.ModuleType("guide")
    sys.modules["guide"] = module  # pickle looks for the layers there
    text = GUIDE.read_text(encoding="utf-8")
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(block, str(GUIDE), "exec"), vars(module))
    yield module
    del sys.modules["guide"]


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_the_layer_of_the_guide_passes_check_layer(guide, size, stride):
    layer = guide.AveragePool2D(size, stride)
    for in_shape in ((7, 9, 2), (size, 6, 1)):
        check_layer(
            layer,
            in_shape,
            naive=lambda x, parameters: guide.naive_average(x, parameters, size, stride),
        )


def test_the_network_of_the_guide_is_trained(guide):
    assert guide.accuracy > 0.9
    assert "AveragePool2D(size=3, stride=2)" in guide.network.summary()
    (scale,) = (vars(p)["scale"] for p in guide.network.layer_parameters if "scale" in vars(p))
    assert np.abs(scale - 1).max() > 0.01


def test_weights_are_the_same_for_any_number_of_threads(guide, digits):
    X, y = digits
    images = X[:500, ..., np.newaxis].astype(np.float32) / 16
    parameters = []
    for n_threads in (1, 2):
        network = Network(guide.network.layers, (8, 8, 1))
        network.initialize(np.random.default_rng(0))
        with Threads(n_threads) as threads:
            trainer = make_trainer(network, images, y[:500], threads, optimizer=Adam())
            for step in range(1, 20):
                trainer.step(np.arange(500), step=step, rate=0.01, momentum=0.0)
        parameters.append(network.parameters)
    assert np.array_equal(*parameters)
