"""The example of docs/engine.md: a layer defined outside the package, checked and trained."""

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
    """The names that the code of the guide defines; running the code also runs its checks."""
    text = GUIDE.read_text(encoding="utf-8")
    names = {"__name__": __name__}  # dataclasses and pickle look the module up
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(block, str(GUIDE), "exec"), names)
        globals()["AveragePool2D"] = names["AveragePool2D"]
    return names


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_the_layer_of_the_guide_passes_check_layer(guide, size, stride):
    layer = guide["AveragePool2D"](size, stride)
    naive = guide["naive_average"]
    for in_shape in ((7, 9, 2), (size, 6, 1)):
        check_layer(layer, in_shape, naive=lambda x, parameters: naive(x, None, size, stride))


def test_a_network_with_the_layer_learns(guide, digits):
    """The training accuracy is high, and the weights are the same for one and two threads."""
    X, y = digits
    images = np.pad(X[:500].astype(np.float32) / 16, ((0, 0), (0, 1), (0, 1)))[..., np.newaxis]
    labels, parameters = y[:500].astype(np.intp), []
    for n_threads in (1, 2):
        network = Network(guide["network"].layers, (9, 9, 1))
        network.initialize(np.random.default_rng(0))
        with Threads(n_threads) as threads:
            trainer = make_trainer(network, images, labels, threads, optimizer=Adam())
            for step in range(1, 120):
                batch = np.random.default_rng(step).permutation(500)[:100]
                trainer.step(batch, step=step, rate=0.01, momentum=0.0)
            correct = outputs(network, ImageReader(images), threads).argmax(axis=1) == labels
        parameters.append(network.parameters)
        assert correct.mean() > 0.95
    assert np.array_equal(*parameters)
    assert "AveragePool2D(size=3, stride=2)" in network.summary()
