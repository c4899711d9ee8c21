"""A training that diverges ends after the mini-batch in which it does, and changes nothing."""

import re

import joblib
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skcnn import ConvAutoencoder, ConvNetClassifier, ConvNetRegressor

HUGE_AT = 3  # the step, from 0, that has the huge rate
SMALL = {"n_filters": 4, "batch_size": 64, "max_iter": 4, "random_state": 0, "n_jobs": 1}
DENSE = {**SMALL, "hidden_layer_sizes": (8,)}
TASKS = ("classes", "sigmoid outputs", "labels", "numbers", "images")
ADVICE = re.compile(r"Training diverged: the .* in step (\d+)\. Lower learning_rate_init ")


class Rates:
    """A schedule with one huge rate; it counts its calls."""

    def __init__(self, huge):
        self.huge, self.n_steps = huge, 0

    def __call__(self, step):
        self.n_steps += 1
        return self.huge if step == HUGE_AT else 1e-3


def estimator_for(task, **settings):
    """An estimator and its targets for the labels of digits."""
    if task == "images":
        return ConvAutoencoder(**SMALL, **settings), lambda y: None
    if task == "numbers":
        return ConvNetRegressor(**DENSE, **settings), lambda y: y.astype(float)
    if task == "labels":
        return ConvNetClassifier(**DENSE, **settings), lambda y: np.stack([y < 5, y % 2 == 0], 1)
    if task == "sigmoid outputs":
        settings["output_activation"] = "sigmoid"
    return ConvNetClassifier(**DENSE, **settings), lambda y: y


def huge_rate(step):
    return 1e30


# Rates for which the numbers overflow in the same step, or in the forward pass of the next one.
@pytest.mark.parametrize("rate", [1e25, 1e38])
@pytest.mark.parametrize("normalization", ["batch", None])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("solver", ["muon", "adam", "sgd", "gd"])
def test_the_error_comes_with_the_mini_batch(images, solver, activation, normalization, rate):
    """Also if saturated activations and outputs hide it from the loss."""
    X, y = images
    for task in TASKS:
        rates = Rates(rate)
        estimator, targets = estimator_for(
            task,
            solver=solver,
            activation=activation,
            normalization=normalization,
            learning_rate=rates,
        )
        estimator.set_params(max_iter=10 if solver == "gd" else 4)
        before = set(vars(estimator))
        with pytest.raises(ValueError, match=ADVICE) as caught:
            estimator.fit(X, targets(y))
        step = int(ADVICE.search(str(caught.value))[1])  # counted from 1
        assert step == rates.n_steps <= HUGE_AT + 2, task
        assert set(vars(estimator)) == before


@pytest.mark.parametrize("solver", ["muon", "adam", "sgd", "gd"])
def test_a_stream_goes_on_after_a_call_that_diverges(images, solver):
    X, y = images
    model, other = (ConvNetClassifier(**DENSE, solver=solver) for _ in range(2))
    for stream in (model, other):
        stream.partial_fit(X[:100], y[:100], classes=range(10))
    model.set_params(learning_rate=huge_rate)
    before = joblib.hash(vars(model))
    for _ in range(2):
        with pytest.raises(ValueError, match=ADVICE):
            model.partial_fit(X[100:164], y[100:164])
        assert joblib.hash(vars(model)) == before
    model.set_params(learning_rate="auto")
    for stream in (model, other):
        stream.partial_fit(X[100:], y[100:])
    assert_array_equal(model.network_.parameters, other.network_.parameters)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_averages_of_the_optimizer_that_overflow(images):
    """Adam would never move these weights again; the loss and the weights are still finite."""
    X, y = images
    model = ConvNetRegressor(**DENSE, solver="adam", normalization=None, learning_rate=Rates(1e3))
    model.set_params(n_filters=(4, 4))
    with pytest.raises(ValueError, match="the running averages of the optimizer overflowed in"):
        model.fit(X, y.astype(float))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["muon", "adam", "sgd"])
@pytest.mark.parametrize("rate", [10.0, 1e3])
def test_weights_that_are_large_but_finite_give_finite_predictions(images, solver, rate):
    """The fit warns, and does not fail, if the loss is no lower than that of a constant."""
    X, y = images
    model = ConvNetClassifier(**DENSE, solver=solver, learning_rate_init=rate)
    model.set_params(activation="tanh").fit(X, y)
    assert np.isfinite(model.predict_log_proba(X)).all()
    assert np.isfinite(model.network_.snapshot()).all()
