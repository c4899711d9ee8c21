"""The ConvergenceWarning of a training whose loss is no better than predicting frequencies."""

import warnings

import numpy as np
import pytest
from helpers.quick import fast
from sklearn.exceptions import ConvergenceWarning

MESSAGE = "the loss of predicting the frequencies of the classes"


def expected_loss(shares, smoothing):
    """Entropy of the smoothed class frequencies."""
    shares = np.asarray(shares) / np.sum(shares)
    mean = (1 - smoothing) * shares + smoothing / len(shares)
    return -(mean * np.log(mean)).sum()


@pytest.mark.parametrize("max_iter", [2, 25])
@pytest.mark.parametrize(
    "settings",
    [
        {"learning_rate_init": 10},
        {"learning_rate_init": 10, "hidden_layer_sizes": (16,), "dropout": 0.3},
        {"learning_rate_init": 10, "early_stopping": True},
        {"learning_rate_init": 1, "solver": "sgd", "momentum": 0.95},
        {"learning_rate": lambda step: 10.0, "augment": "shift"},
    ],
)
def test_too_high_learning_rate(images, settings, max_iter):
    with pytest.warns(ConvergenceWarning, match=MESSAGE) as caught:
        model = fast(max_iter=max_iter, **settings).fit(*images)
    assert caught[0].filename == __file__
    assert "Lower learning_rate_init" in str(caught[0].message)
    assert model.score(*images) < 0.5


def test_too_low_learning_rate(images):
    with pytest.warns(ConvergenceWarning, match=f"{MESSAGE}.* Change learning_rate_init"):
        fast(max_iter=25, learning_rate_init=1e-9).fit(*images)


@pytest.mark.parametrize(
    "settings",
    [
        {"learning_rate_init": 10, "output_activation": "sigmoid"},
        {"learning_rate_init": 10, "max_time": 1000},
    ],
)
def test_other_trainings_that_fail(images, settings):
    with pytest.warns(ConvergenceWarning, match=MESSAGE):
        fast(max_iter=25, **settings).fit(*images)


def test_the_frequencies_are_weighted_and_smoothed(images):
    """In a constant image there is nothing to learn but the frequencies."""
    X, y = np.zeros((300, 4, 4)), images[1] % 3
    sample_weight = np.random.default_rng(0).uniform(0, 3, 300)
    weights = sample_weight * np.where(y == 1, 4.0, 1.0)
    expected = expected_loss(np.bincount(y, weights), smoothing=0.2)
    model = fast(label_smoothing=0.2, class_weight={1: 4.0}, max_iter=40, learning_rate_init=0.01)
    with pytest.warns(ConvergenceWarning, match=f"expected less than {expected:.4g}, {MESSAGE}"):
        model.fit(X, y, sample_weight=sample_weight)
    assert model.loss_ == pytest.approx(expected, rel=0.01)


def test_no_warning_where_none_is_due(digits):
    """Warnings are errors here."""
    X, y = digits[0][:300], digits[1][:300]
    fast(learning_rate_init=10, max_iter=1).fit(X, y)  # the loss of one epoch tells little
    fast(learning_rate_init=1e-9).fit(X, y)  # as does that of 15 steps
    fast(label_smoothing=0.999, max_iter=40, learning_rate_init=0.01).fit(X, y)
    fast(output_activation="sigmoid", max_iter=40, learning_rate_init=0.01).fit(X, y)
    model = fast(learning_rate_init=10)
    for _ in range(30):
        model.partial_fit(X, y, classes=range(10))
    # a class with nearly all the weight, or with all of it
    two = np.minimum(y, 1)
    fast(max_iter=30, class_weight={0: 1e7, 1: 1.0}).fit(X, two)
    fast(max_iter=30, label_smoothing=0.0).fit(X, two, sample_weight=two)
    # what went wrong at the end is undone
    model = fast(
        max_iter=40,
        learning_rate=lambda step: 0.02 if step < 100 else 10.0,
        early_stopping=True,
        n_iter_no_change=5,
    ).fit(X, y, X_val=digits[0][300:500], y_val=digits[1][300:500])
    assert model.loss_ > 3
    assert model.best_validation_score_ > 0.6


def test_an_interrupted_training_is_not_judged(images):
    def rate(step):
        if step == 120:
            raise KeyboardInterrupt
        return 10.0

    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        with pytest.warns(UserWarning, match="interrupted in epoch 25"):
            fast(max_iter=40, learning_rate=rate).fit(*images)
