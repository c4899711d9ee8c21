"""Sample weights, class weights and label smoothing."""

from copy import deepcopy

import numpy as np
import pytest
from helpers.quick import fast
from numpy.testing import assert_allclose, assert_array_equal

from skcnn import ConvAutoencoder, ConvNetClassifier, ConvNetRegressor


def test_sample_weight_of_zero_removes_an_image(images):
    X, y = images
    weights = np.random.default_rng(0).integers(0, 2, 300)
    weighted = fast().fit(X, y, sample_weight=weights)
    absent = fast().fit(X[weights == 1], y[weights == 1])
    assert_allclose(weighted.predict_proba(X), absent.predict_proba(X), atol=1e-4)
    assert weighted.t_ == absent.t_ == 3 * weights.sum()


def test_integer_sample_weights_repeat_images(images):
    """In a single mini-batch, up to the penalty, which is divided by the number of images."""
    X, y = images
    weights = np.random.default_rng(0).integers(0, 4, 300)
    settings = {"solver": "gd", "learning_rate_init": 0.05, "max_iter": 10, "alpha": 1.0}
    weighted = fast(**settings).fit(X, y, sample_weight=weights)
    settings["alpha"] *= weights.sum() / np.count_nonzero(weights)
    repeated = fast(**settings).fit(np.repeat(X, weights, axis=0), np.repeat(y, weights))
    assert weighted.mean_ == pytest.approx(repeated.mean_)
    assert weighted.scale_ == pytest.approx(repeated.scale_)
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-4)
    assert weighted.loss_ == pytest.approx(repeated.loss_, rel=1e-4)
    unweighted = fast(**settings).fit(X, y)
    assert np.abs(weighted.predict_proba(X) - unweighted.predict_proba(X)).max() > 0.01


def test_partial_fit_does_not_rescale_weights(images):
    """A call may contain a single class; if rescaled, its weights would have no effect."""
    X, y = images
    settings = {"solver": "sgd", "learning_rate": lambda step: 0.01, "alpha": 0.0, "momentum": 0.0}
    settings["standardize"] = False  # heavier images change the running mean more
    start = fast(**settings, max_iter=1).fit(X, y)
    zeros = X[y == 0][:20]

    def moved(weight=1.0, **changes):
        model = deepcopy(start).set_params(**changes)
        weights = np.full(20, weight)
        after = model.partial_fit(zeros, np.zeros(20, int), sample_weight=weights)
        return after.network_.parameters - start.network_.parameters

    once = moved()
    assert_allclose(moved(weight=3.0), 3 * once, rtol=2e-3, atol=1e-6)
    assert_array_equal(moved(class_weight={0: 3.0}), moved(weight=3.0))
    with pytest.raises(ValueError, match=r"up to 1e\+40; partial_fit uses the weights"):
        moved(weight=1e40)


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e30, 1e300])
def test_fit_uses_only_the_ratios_of_sample_weights(images, scale):
    """Weights on any scale give the same fit, also in relation to the penalty."""
    X, y = images
    weights = np.random.default_rng(0).uniform(0, 2, 300)
    plain = fast(alpha=1.0).fit(X, y, sample_weight=weights)
    scaled = fast(alpha=1.0).fit(X, y, sample_weight=weights * scale)
    assert_allclose(scaled.predict_proba(X), plain.predict_proba(X), atol=1e-3)


def test_sample_weights_near_the_largest_float(images):
    """Their sum overflows; equal weights still give what weights of one give, bit for bit."""
    X, y = images
    ones, large = (
        fast(alpha=1.0).fit(X, y, sample_weight=np.full(300, weight)) for weight in (1.0, 1e308)
    )
    assert_array_equal(large.network_.parameters, ones.network_.parameters)
    assert large.loss_curve_ == ones.loss_curve_
    assert (large.mean_, large.scale_) == (ones.mean_, ones.scale_)


def test_class_weight(images):
    X, y = images
    by_class = fast(class_weight={0: 3.0, 4: 0.5}).fit(X, y)
    weights = np.where(y == 0, 3.0, np.where(y == 4, 0.5, 1.0))
    by_image = fast().fit(X, y, sample_weight=weights)
    assert_array_equal(by_class.network_.parameters, by_image.network_.parameters)
    both = fast(class_weight={0: 3.0, 4: 0.5}).fit(X, y, sample_weight=weights)
    squared = fast().fit(X, y, sample_weight=weights**2)
    assert_array_equal(both.network_.parameters, squared.network_.parameters)

    rare = (y != 0) | (np.arange(300) % 5 == 0)
    balanced = fast(class_weight="balanced").fit(X[rare], y[rare])
    counts = np.bincount(y[rare])
    by_hand = fast().fit(X[rare], y[rare], sample_weight=(rare.sum() / (10 * counts))[y[rare]])
    assert_allclose(balanced.predict_proba(X), by_hand.predict_proba(X), atol=1e-5)
    # with sample weights, "balanced" gives equal sums to all classes with positive weights
    image_weights = np.random.default_rng(0).uniform(0, 2, 300) * (y != 7)
    sums = np.bincount(y, image_weights)
    balancing = dict(enumerate(np.divide(sums.sum() / 10, sums, where=sums > 0, out=np.zeros(10))))
    assert_allclose(
        fast(class_weight="balanced").fit(X, y, image_weights).predict_proba(X),
        fast(class_weight=balancing).fit(X, y, image_weights).predict_proba(X),
        atol=1e-5,
    )
    plain = fast().fit(X[rare], y[rare])
    assert balanced.predict_proba(X)[y == 0, 0].mean() > plain.predict_proba(X)[y == 0, 0].mean()


def test_label_smoothing_spreads_the_targets(digits):
    """The loss stays above the entropy of the targets, and probabilities stay near the targets."""
    X, y = digits
    sharp, smooth = (
        fast(label_smoothing=share, learning_rate_init=0.01, max_iter=40).fit(X[:500], y[:500])
        for share in (0.0, 0.3)
    )
    target = np.full(10, 0.03)
    target[0] += 0.7
    entropy = -(target * np.log(target)).sum()
    assert sharp.loss_ < 0.3 * entropy
    assert entropy < smooth.loss_ < 1.3 * entropy
    largest = smooth.predict_proba(X[:500]).max(axis=1)
    assert np.median(largest) == pytest.approx(0.73, abs=0.05)


@pytest.mark.parametrize("task", ["classifier", "multilabel", "regressor", "autoencoder"])
def test_the_loss_of_partial_fit_is_a_mean_whatever_the_unit_of_the_weights(task, images):
    """With a learning rate of 0, that of the first weights."""
    X, y = images
    weights = np.random.default_rng(0).integers(0, 3, len(X))
    settings = {"n_filters": 4, "learning_rate": lambda step: 0.0, "random_state": 0}
    kind, y, arguments = {
        "classifier": (ConvNetClassifier, y, {"classes": range(10)}),
        "multilabel": (ConvNetClassifier, np.stack([y < 5, y > 2], axis=1), {}),
        "regressor": (ConvNetRegressor, y.astype(float), {}),
        "autoencoder": (ConvAutoencoder, None, {}),
    }[task]

    def loss(weights, rows=slice(None)):
        model, targets = kind(**settings, standardize=False), None if y is None else y[rows]
        model.partial_fit(X[rows], targets, **arguments, sample_weight=weights)
        assert model.loss_curve_ == [model.loss_]
        return model.loss_

    assert loss(weights * 10.0) == pytest.approx(loss(weights), rel=1e-5)
    assert loss(weights * 0.1) == pytest.approx(loss(weights), rel=1e-5)
    assert loss(np.full(300, 7.0)) == pytest.approx(loss(None), rel=1e-5)
    if task == "classifier":
        by_class = kind(**settings, standardize=False, class_weight={3: 20.0})
        by_class.partial_fit(X, y, **arguments)
        assert by_class.loss_ == pytest.approx(loss(np.where(y == 3, 20.0, 1.0)), rel=1e-5)
