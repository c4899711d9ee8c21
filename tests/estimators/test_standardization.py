"""`standardize`, `mean_` and `scale_` of ConvNetClassifier: channels, offsets, and streams."""

import pickle
from copy import deepcopy

import numpy as np
import pytest
from helpers.quick import fast
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.preprocessing import StandardScaler

DIGITS = np.arange(10)


def state_of(model):
    """What a failed call must not change."""
    return deepcopy((model.mean_, model.scale_, model.network_.parameters, model.t_))


@pytest.fixture
def two_channels(images):
    """300 digits (n, 8, 8, 2) in float64: the second channel is the mirrored digit."""
    X, y = images
    return np.stack([X, X[:, :, ::-1]], axis=-1).astype(float), y


def test_standardize(images):
    X, y = images
    model = fast().fit(X, y)
    assert model.mean_.shape == model.scale_.shape == (1,)
    assert model.mean_ == pytest.approx(X.mean())
    assert model.scale_ == pytest.approx(X.astype(float).std())
    raw = fast(standardize=False).fit(X, y)
    assert_array_equal((raw.mean_, raw.scale_), [[0], [1]])
    by_hand = ((X - model.mean_) / model.scale_).astype(np.float32)
    assert_allclose(
        fast(standardize=False).fit(by_hand, y).predict_proba(by_hand),
        model.predict_proba(X),
        atol=1e-3,
    )


def test_each_channel_has_a_mean_and_a_scale(two_channels):
    """The range of a channel does not matter, neither in training nor in prediction."""
    X, y = two_channels
    X_val, y_val = X[200:], y[200:]
    plain = fast().fit(X[:200], y[:200], X_val=X_val, y_val=y_val)
    assert_allclose(plain.mean_, X[:200].mean(axis=(0, 1, 2)))
    assert_allclose(plain.scale_, X[:200].std(axis=(0, 1, 2)))
    factor, offset = np.array([1 / 16, 300.0]), np.array([0.0, 2000.0])
    moved = fast().fit(
        X[:200] * factor + offset, y[:200], X_val=X_val * factor + offset, y_val=y_val
    )
    assert_allclose(moved.mean_, plain.mean_ * factor + offset)
    assert_allclose(moved.scale_, plain.scale_ * factor)
    assert_allclose(
        moved.predict_proba(X_val * factor + offset), plain.predict_proba(X_val), atol=1e-3
    )
    assert moved.validation_scores_ == pytest.approx(plain.validation_scores_, abs=0.02)
    raw = fast(standardize=False).fit(X, y)
    assert_array_equal((raw.mean_, raw.scale_), [[0, 0], [1, 1]])


@pytest.mark.parametrize("other", ["noise in 0..255", "2,000", "noise about 1e9"])
def test_channels_of_different_range(digits, other):
    """Digits in 0..1, and a second channel without information."""
    X, y = digits[0] / 16, digits[1]
    noise = np.random.default_rng(0).uniform(0, 255, X.shape)
    second = {"noise in 0..255": noise, "2,000": np.full(X.shape, 2000.0)}.get(other, noise + 1e9)
    both = np.stack([X, second], axis=-1)
    model = fast(max_iter=10, learning_rate_init=0.01).fit(both[:900], y[:900])
    assert model.score(both[900:], y[900:]) > 0.85


@pytest.mark.parametrize("settings", [{}, {"augment": "affine"}], ids=str)
@pytest.mark.parametrize(
    ("factor", "offset"),
    [
        (1.0, 1e9),
        (1.0, -1e9),
        (37.5, 1000.0),
        (1e-40, 0.0),
        (1e-200, 0.0),
        (1e-309, 0),
        (1e25, 1e29),
    ],
)
def test_offset_and_scale_of_the_pixels_do_not_matter(images, settings, factor, offset):
    X, y = images
    moved = X * factor + offset
    model, other = fast(**settings).fit(X, y), fast(**settings).fit(moved, y)
    assert_allclose(other.predict_proba(moved), model.predict_proba(X), atol=2e-3)
    difference = other.network_.parameters - model.network_.parameters
    assert np.abs(difference).max() < 2e-3


@pytest.mark.parametrize("kind", ["f2", ">f4", ">f8", "g", "i1", ">i2", "u4", "i8"])
def test_pixels_of_any_dtype(two_channels, kind):
    X, y = two_channels
    plain, other = fast().fit(X, y), fast().fit(X.astype(kind), y)
    assert_allclose(other.mean_, plain.mean_, rtol=1e-12)
    assert other.mean_.dtype == other.scale_.dtype == np.float64
    assert_allclose(other.predict_proba(X.astype(kind)), plain.predict_proba(X), atol=1e-3)


@pytest.mark.parametrize("weighted", [False, True])
def test_partial_fit_has_running_statistics(two_channels, weighted):
    """Those of StandardScaler.partial_fit on the pixels; images of weight zero do not count."""
    X, y = two_channels
    weights = np.random.default_rng(0).integers(0, 3, len(X)) / 2 if weighted else None
    model, scaler = fast(), StandardScaler()
    for start in (0, 7, 50, 180):
        part = slice(start, start + 100)
        w = None if weights is None else weights[part]
        model.partial_fit(X[part], y[part], classes=DIGITS, sample_weight=w)
        pixels = X[part].reshape(-1, 2)
        scaler.partial_fit(pixels, sample_weight=None if w is None else np.repeat(w, 64))
        assert_allclose(model.mean_, scaler.mean_, rtol=1e-12)
        assert_allclose(model.scale_, scaler.scale_, rtol=1e-12)


@pytest.mark.parametrize("unit", [1.0, 1e-3, 1e200])
def test_partial_fit_continues_with_the_statistics_of_fit(images, unit):
    """In `fit`, only the ratios of the weights matter: an image counts as one on average."""
    X, y = images
    weights = np.random.default_rng(0).uniform(0, 2, 200)
    model = fast().fit(X[:200], y[:200], sample_weight=unit * weights)
    model.partial_fit(X[200:], y[200:], sample_weight=np.full(100, 2.0))
    counts = np.r_[weights / weights.mean(), np.full(100, 2.0)]
    mean = np.average(X.mean(axis=(1, 2)), weights=counts)
    assert model.mean_ == pytest.approx(mean, rel=1e-12)
    model.fit(X[:50], y[:50])  # starts over
    assert model.mean_ == pytest.approx(X[:50].mean(), rel=1e-12)


def test_images_set_aside_do_not_count(images):
    X, y = images
    model = fast(early_stopping=True).fit(X, y)
    lowest, highest = X.mean(axis=(1, 2)).min(), X.mean(axis=(1, 2)).max()
    assert lowest < model.mean_ < highest
    assert model.mean_ != pytest.approx(X.mean(), rel=1e-9)
    model.set_params(early_stopping=False).partial_fit(X[:30], y[:30])
    total = (model.mean_ * 300 - X[:30].mean() * 30) / 270
    assert total == pytest.approx(fast(early_stopping=True).fit(X, y).mean_, rel=1e-12)


@pytest.mark.parametrize("first", [0, 16, 255])
def test_an_untypical_first_chunk(digits, first):
    """A black or a white frame at the beginning does not spoil a stream."""
    X, y = digits
    model = fast(n_filters=8, batch_size=10, learning_rate_init=0.004)
    model.partial_fit(np.full((1, 8, 8), first, X.dtype), [0], classes=DIGITS)
    for _ in range(3):
        for start in range(0, 1000, 50):
            model.partial_fit(X[start : start + 50], y[start : start + 50])
    assert model.score(X[1000:], y[1000:]) > 0.87


def test_a_stream_continues_after_pickling_exactly_as_without(two_channels):
    X, y = two_channels
    model = fast(augment="shift", dropout=0.2, hidden_layer_sizes=(16,))
    pickled = clone(model)
    for part in (slice(30), slice(30, 100), slice(100, 300)):
        model.partial_fit(X[part], y[part], classes=DIGITS)
        pickled.partial_fit(X[part], y[part], classes=DIGITS)
        pickled = deepcopy(pickle.loads(pickle.dumps(pickled)))
    assert_array_equal(pickled.network_.parameters, model.network_.parameters)
    assert_array_equal(pickled.mean_, model.mean_)
    assert_array_equal(pickled.predict_proba(X), model.predict_proba(X))


def test_a_failed_call_does_not_change_the_statistics(images):
    """Nor does it change what is learned afterwards."""
    X, y = images
    model, untouched = (
        fast(solver="sgd").partial_fit(X[:50], y[:50], classes=DIGITS) for _ in "ab"
    )
    before = state_of(model)
    with pytest.raises(ValueError, match=r"X has pixels as large as 1\.6e\+41"):
        model.partial_fit(X * 1e40, y)
    model.set_params(learning_rate=lambda step: 1 / 0)  # fails after the statistics are updated
    with pytest.raises(ZeroDivisionError):
        model.partial_fit(X * 2, y)
    for now, then in zip(state_of(model), before, strict=True):
        assert_array_equal(now, then)
    model.set_params(learning_rate=untouched.learning_rate)
    for each in (model, untouched):
        each.partial_fit(X[50:], y[50:])
    assert_array_equal(model.mean_, untouched.mean_)
    assert_array_equal(model.network_.parameters, untouched.network_.parameters)


def test_a_warm_start_keeps_mean_and_scale(images):
    """The weights have been trained with them."""
    X, y = images
    model = fast(warm_start=True).fit(X, y)
    mean, scale = model.mean_, model.scale_
    model.fit(X * 2.0 + 5, y)
    assert_array_equal((model.mean_, model.scale_), (mean, scale))


def test_standardize_can_be_changed_in_a_stream(images):
    """Without it, `mean_` and `scale_` stay as they are, but the images count later."""
    X, y = images
    model = fast(standardize=False).partial_fit(X[:100], y[:100], classes=DIGITS)
    assert (model.mean_, model.scale_) == (0, 1)
    model.set_params(standardize=True).partial_fit(X[100:200], y[100:200])
    assert model.mean_ == pytest.approx(X[:200].mean())
    mean, scale = model.mean_, model.scale_
    model.set_params(standardize=False).partial_fit(X[200:], y[200:])
    assert (model.mean_, model.scale_) == (mean, scale)
    model.set_params(standardize=True).partial_fit(X[:100], y[:100])
    assert model.mean_ == pytest.approx(np.r_[X, X[:100]].mean())
