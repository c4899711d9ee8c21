"""Gradients of whole training steps, compared with finite differences in float64.

A step of gradient descent with a rate of 1 subtracts the gradient from the parameters; with a rate
of 0 it only returns the loss. So the tests cover everything between the images and the optimizer:
layers, losses, tiles, sample weights, and gradients that are products over the mini-batch.
"""

import numpy as np
import pytest
from helpers import naive
from helpers.engine import make_trainer, with_method
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from skcnn._fitting.architecture import build_layers
from skcnn.engine.layers import (
    BiasActivation,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    MaxPool2D,
    MeanPool2D,
)
from skcnn.engine.network import Network
from skcnn.engine.training.losses import LOSSES

PLAIN = {"padding": "same", "pool_size": 2, "pool_regions": None, "pooling": "max", "dropout": 0.0}


class Problem:
    """A network and one mini-batch of random images with labels and sample weights."""

    def __init__(self, layers, shape, n_images, loss, seed, threads):
        rng = np.random.default_rng(seed)
        self.network = network = Network(layers, shape, np.float64)
        network.initialize(rng)
        network.parameters += rng.normal(scale=0.1, size=network.n_parameters)
        self.images = rng.standard_normal((n_images, *shape))
        n_classes = network.shapes[-1][0]
        self.labels = rng.integers(n_classes, size=n_images)
        self.weights = rng.uniform(0.5, 2, n_images)
        self.indices = rng.permutation(n_images)
        self.rng = rng
        self.trainer = make_trainer(
            network, self.images, self.labels, threads, loss=loss, weights=self.weights, seed=seed
        )

    def loss(self, parameters) -> float:
        """The mean of the images' losses, each multiplied by its sample weight."""
        self.network.parameters[:] = parameters
        return self.trainer.step(self.indices, step=1, rate=0.0, momentum=0.0)

    def gradient(self, parameters):
        self.network.parameters[:] = parameters
        self.trainer.step(self.indices, step=1, rate=1.0, momentum=0.0)
        return parameters - self.network.parameters

    def check(self):
        """Check one random direction for each parameter array."""
        at = self.network.parameters.copy()
        gradient = self.gradient(at)
        for index, names in enumerate(self.network.views(at)):
            for name in vars(names):
                direction = np.zeros_like(at)
                part = getattr(self.network.views(direction)[index], name)
                part[:] = self.rng.standard_normal(part.shape)
                size = np.linalg.norm(gradient[direction != 0]) + 1e-6
                errors = []
                # A kink of ReLU or max pooling within the step makes the slope wrong; smaller
                # steps avoid it. For gradients near zero, the rounding of the loss is smallest in
                # relation to the largest step.
                for step in (1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9):
                    ahead, behind = (
                        self.loss(at + step * direction),
                        self.loss(at - step * direction),
                    )
                    slope = (ahead - behind) / (2 * step)
                    errors.append(abs(slope - gradient @ direction) / size)
                    if errors[-1] < 1e-5:
                        break
                else:
                    pytest.fail(
                        f"{name} of layer {index}, {self.network.layers[index]}, in\n"
                        f"{self.network.summary()}\nrelative errors {errors}"
                    )


OUTPUT = [Dense(3), BiasActivation("identity")]


@pytest.mark.parametrize("loss", sorted(LOSSES))
@pytest.mark.parametrize(
    "layers",
    [
        [Conv2D(4, 3), Flatten(), *OUTPUT],
        [Conv2D(4, 4, "valid"), Flatten(), *OUTPUT],
        [Conv2D(2, 11), Flatten(), *OUTPUT],
        [
            Conv2D(2, 3),
            MaxPool2D(1),
            Conv2D(3, 4),
            MaxPool2D(1),
            Conv2D(2, 2),
            Flatten(),
            *OUTPUT,
        ],
        [Conv2D(3, 2), MaxPool2D(2), Flatten(), *OUTPUT],
        [Conv2D(3, 2), MaxPool2D(regions=4), Conv2D(2, 3), Flatten(), *OUTPUT],
        [Conv2D(3, 2), MeanPool2D(3), Flatten(), *OUTPUT],
        [Conv2D(3, 2), MeanPool2D(regions=2), Conv2D(2, 3), Flatten(), *OUTPUT],
        *(  # with and without the order of columns that max pooling requests
            [
                Conv2D(3, 3, method="winograd"),
                MaxPool2D(size),
                Conv2D(2, 4, method="winograd"),
                MaxPool2D(2),
                Flatten(),
                *OUTPUT,
            ]
            for size in (1, 2, 3)
        ),
        *(
            [Conv2D(3, 3, method=method), MaxPool2D(size), Flatten(), *OUTPUT]
            for method in ("winograd4", "winograd4x4")
            for size in (1, 2, 3, 4)
        ),
        [Flatten(), Dense(3)],
        [Flatten(), Dense(5), Dense(4), *OUTPUT],
        *(
            [Conv2D(3, 3), BiasActivation(f), Flatten(), Dense(6), BiasActivation(f), *OUTPUT]
            for f in ("identity", "relu", "tanh", "sigmoid")
        ),
        # a first layer that works in place
        [BiasActivation("tanh"), Flatten(), *OUTPUT],
        [BiasActivation("relu"), Conv2D(3, 3), Flatten(), *OUTPUT],
        [Flatten(), Dropout(0.5), Dense(9), BiasActivation("tanh"), Dropout(0.3), *OUTPUT],
        [Conv2D(3, 3), Flatten(), Dropout(0.4), *OUTPUT],
        [Conv2D(3, 3), Dropout(0.4), Flatten(), *OUTPUT],
        [Conv2D(2, 3), BiasActivation("relu"), Dropout(0.4), Conv2D(2, 3), Flatten(), *OUTPUT],
    ],
    ids=repr,
)
def test_gradients_of_every_layer(layers, loss, threads):
    """150 images: full tiles and a partial one."""
    Problem(layers, (7, 6, 2), 150, LOSSES[loss], 0, threads).check()


@st.composite
def network_settings(draw):
    """Draw an image shape and the layers for any valid parameters of the estimator."""
    shape = draw(st.integers(1, 9)), draw(st.integers(1, 9)), draw(st.integers(1, 3))
    depth = draw(st.integers(1, 3))

    def one_per_layer(numbers):
        return tuple(draw(st.lists(numbers, min_size=depth, max_size=depth)))

    arguments = {
        "n_filters": one_per_layer(st.integers(1, 5)),
        "padding": draw(st.sampled_from(["same", "valid"])),
        "filter_size": one_per_layer(st.integers(1, 10)),
        "pool_size": one_per_layer(st.integers(1, 4)),
        "pool_regions": draw(st.none() | st.integers(1, 4)),
        "pooling": draw(st.sampled_from(["max", "mean"])),
        "hidden_layer_sizes": tuple(draw(st.lists(st.integers(1, 6), max_size=2))),
        "activation": draw(st.sampled_from(["relu", "tanh", "sigmoid"])),
        "dropout": draw(st.sampled_from([0.0, 0.3])),
    }
    if arguments["padding"] == "valid":  # only filters that fit into the image
        arguments["filter_size"] = tuple(1 + size % 3 for size in arguments["filter_size"])
    try:
        layers = build_layers(shape, draw(st.integers(2, 4)), **arguments)
    except ValueError:
        assume(False)
    methods = st.sampled_from(["auto", "gemm", "winograd", "winograd4", "winograd4x4"])
    return shape, [with_method(layer, draw(methods)) for layer in layers]


@settings(max_examples=150, suppress_health_check=list(HealthCheck))
@given(
    network_settings(),
    st.integers(1, 150),
    st.sampled_from(sorted(LOSSES)),
    st.integers(0, 2**32),
)
def test_gradients_of_random_networks(threads, case, n_images, loss, seed):
    shape, layers = case
    Problem(layers, shape, n_images, LOSSES[loss], seed, threads).check()


def naive_forward(network, x):
    """The output of a network for images x, by the naive implementations of its layers."""
    for layer, p in zip(network.layers, network.layer_parameters, strict=True):
        x = naive.forward(layer, x, p)
    return x


@settings(max_examples=30, suppress_health_check=list(HealthCheck))
@given(network_settings(), st.integers(0, 2**32))
def test_outputs_of_random_networks(case, seed):
    shape, layers = case
    rng = np.random.default_rng(seed)
    images = rng.standard_normal((2, *shape))
    exact = Network(layers, shape, np.float64)
    exact.parameters[:] = rng.uniform(-1, 1, exact.n_parameters)
    expected = naive_forward(exact, images)
    assert_allclose(exact.forward(images), expected, rtol=1e-9, atol=1e-9)
    single = Network(layers, shape)
    single.parameters[:] = exact.parameters
    size = np.abs(expected).max() + 1
    assert_allclose(single.forward(images) / size, expected / size, atol=1e-4)


def test_the_loss_is_the_mean_of_the_weighted_losses(threads):
    layers = build_layers(
        (5, 5, 1), 3, n_filters=2, filter_size=3, hidden_layer_sizes=(), activation="tanh", **PLAIN
    )
    naive_losses = {"softmax": naive.softmax_cross_entropy, "sigmoid": naive.sigmoid_squared_error}
    for name, naive_loss in naive_losses.items():
        problem = Problem(layers, (5, 5, 1), 137, LOSSES[name], 0, threads)
        outputs = naive_forward(problem.network, problem.images)
        losses = naive_loss(outputs, np.eye(3)[problem.labels])
        expected = np.mean(problem.weights * losses)
        found = problem.loss(problem.network.parameters.copy())
        assert found == pytest.approx(expected, rel=1e-10)
