"""The benchmarks' PyTorch networks and training, against skcnn's."""

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
BENCHMARKS = Path(__file__).parents[2] / "examples" / "benchmarks"


@pytest.fixture(autouse=True)
def benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(BENCHMARKS)
    yield
    for name in ("torch_muon", "torch_networks", "torch_recipe", "networks"):
        sys.modules.pop(name, None)


def test_muon_moves_weights_as_in_skcnn():
    """Three steps along given gradients."""
    from torch_muon import TorchMuon

    from skcnn.engine.training.muon import Muon

    rng = np.random.default_rng(0)
    model = torch.nn.Sequential(torch.nn.Linear(6, 9, bias=False), torch.nn.Linear(9, 2))
    weights = rng.normal(size=(6, 9))
    with torch.no_grad():
        model[0].weight.copy_(torch.from_numpy(weights.T.copy()))
    theirs = TorchMuon(model.double(), 0.0)
    moment, scratch = np.zeros_like(weights), np.zeros_like(weights)
    gradient = np.zeros_like(weights)
    scalars = [np.zeros(1) for _ in range(Muon.n_scalars)]
    scalars[0][:], scalars[1][:] = 0.1, 0.9
    calls = Muon().move(weights, gradient, [moment, moment], scratch, scalars)
    for _ in range(3):
        gradient[:] = rng.normal(size=gradient.shape)
        for parameter in model.parameters():
            parameter.grad = torch.zeros_like(parameter)
        model[0].weight.grad = torch.from_numpy(gradient.T.copy())
        for call in calls:
            call()
        theirs.step(0.1, 0.9)
    assert_allclose(model[0].weight.detach().numpy().T, weights, rtol=1e-5)


def test_the_classifier_learns(digits):
    """With labels of uint8, as MNIST has them, and one image in the last mini-batch."""
    from torch_recipe import TorchClassifier

    X, y = digits[0][:193], digits[1][:193].astype(np.uint8)
    model = TorchClassifier({"max_iter": 10, "n_filters": (8, 8), "augment": "shift"}, 0).fit(X, y)
    assert model.score(X, y) > 0.9
    assert model.seconds_ > 0


def test_parameters_that_have_no_effect_are_refused():
    from torch_recipe import TorchClassifier

    with pytest.raises(ValueError, match=r"params changes \['solver'\]"):
        TorchClassifier({"solver": "adam"}, 0)


def test_networks_have_as_many_parameters_as_those_of_skcnn():
    from networks import NETWORKS, build
    from torch_networks import build_torch

    for name in NETWORKS:
        trained = (p.numel() for p in build_torch(name).parameters() if p.requires_grad)
        assert sum(trained) == build(name).n_parameters
