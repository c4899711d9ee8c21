"""The results of a fixed set of fits are, bit for bit, those that were recorded."""

import json
from collections import defaultdict

import pytest
from helpers.fixed_fits import TABLE, fits, hash_all, platform

from skcnn import ConvNetClassifier
from skcnn.engine import layers
from skcnn.engine.layers.convolution.gemm import GemmConvolution
from skcnn.engine.layers.convolution.winograd import WinogradConvolution
from skcnn.engine.layers.convolution.winograd_2d import Winograd2DConvolution

RECORDED = json.loads(TABLE.read_text())

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.skipif(
    platform() != RECORDED["platform"],
    reason=f"recorded with {RECORDED['platform']}; other kernels round differently",
)
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_results_equal_the_recorded_ones(n_jobs):
    assert hash_all(n_jobs) == RECORDED["hashes"]


def test_the_fits_reach_every_layer_kernel_and_parameter():
    defaults = ConvNetClassifier().get_params()
    values, kinds, convolutions = defaultdict(list), set(), set()
    for _, model, _ in fits(n_jobs=1):
        network = model.network_
        for name, value in model.get_params().items():
            if not any(value is known or value == known for known in values[name]):
                values[name].append(value)
        kinds |= {type(layer).__name__ for layer in network.layers}
        for plan, follower in zip(network.plans[:-1], network.layers[1:], strict=True):
            if type(plan.kernel) in (GemmConvolution, WinogradConvolution, Winograd2DConvolution):
                outputs = getattr(plan.kernel, "n_outputs", None)  # at a time
                convolutions.add((type(plan.kernel), outputs, type(follower)))
    # max_time makes the results depend on the clock; verbose only prints; all fits have the same
    # seed and number of threads
    constant = {name for name in defaults if len(values[name]) < 2}
    assert constant == {"max_time", "verbose", "random_state", "n_jobs"}
    assert kinds == set(layers.__all__)
    assert convolutions == {
        (kernel, outputs, follower)
        for kernel, outputs in (
            (GemmConvolution, None),
            (WinogradConvolution, 2),
            (WinogradConvolution, 4),
            (Winograd2DConvolution, None),
        )
        for follower in (layers.MaxPool2D, layers.BiasActivation, layers.BatchNorm)
    }
