"""The worked example of docs/engine.md: a layer from outside the package, tested and trained."""

import re
from pathlib import Path

import numpy as np
import pytest
from helpers.engine import make_trainer

from skcnn.engine.inference import outputs
from skcnn.engine.layers.checks import check_layer
from skcnn.engine.network import Network
from skcnn.engine.reader import ImageReader
from skcnn.engine.runtime.threads import Threads
from skcnn.engine.training.optimizers import Adam

GUIDE = Path(__file__).parents[2] / "docs" / "engine.md"


@pytest.fixture(scope="module")
def guide():
    """What the code of the guide defines; its own checks have passed."""
    text = GUIDE.read_text(encoding="utf-8")
    names = {"__name__": __name__}  # dataclasses and pickle look the module up
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(block, str(GUIDE), "exec"), names)
        globals()["AveragePool2D"] = names["AveragePool2D"]
    return names


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_the_layer_of_the_guide(guide, size, stride):
    layer = guide["AveragePool2D"](size, stride)
    naive = guide["naive_average"]
    for in_shape in ((7, 9, 2), (size, 6, 1)):
        check_layer(layer, in_shape, naive=lambda x, parameters: naive(x, None, size, stride))


def test_the_layer_in_a_network_learns(guide, digits):
    """The images' classes, from a network around it, the same for one thread and for two."""
    X, y = digits
    images = np.pad(X[:500].astype(np.float32) / 16, ((0, 0), (0, 1), (0, 1)))[..., np.newaxis]
    labels, found = y[:500].astype(np.intp), []
    for n_threads in (1, 2):
        network = Network(guide["network"].layers, (9, 9, 1))
        network.initialize(np.random.default_rng(0))
        with Threads(n_threads) as threads:
            trainer = make_trainer(network, images, labels, threads, optimizer=Adam())
            for step in range(1, 120):
                batch = np.random.default_rng(step).permutation(500)[:100]
                trainer.step(batch, step=step, rate=0.01, momentum=0.0)
            right = outputs(network, ImageReader(images), threads).argmax(axis=1) == labels
        found.append(network.parameters)
        assert right.mean() > 0.95
    assert np.array_equal(*found)
    assert "AveragePool2D(size=3, stride=2)" in network.summary()
