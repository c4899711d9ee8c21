"""`DaisyTransformer` against `skimage.feature.daisy` image by image, and `make_daisy_svc`."""

import numpy as np
import pytest
from helpers.estimator_checks import parametrize_with_checks
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from skimage.color import rgb2gray
from skimage.feature import daisy
from sklearn.exceptions import NotFittedError

from skcnn import DaisyTransformer, make_daisy_svc
from skcnn._features import batches
from skcnn._features.daisy_features import resolve_settings

CHEAP = {"rings": 1, "histograms": 2, "orientations": 3}


@parametrize_with_checks(
    [DaisyTransformer(**CHEAP), DaisyTransformer(step=1, radius=1, normalization="daisy", **CHEAP)]
)
def test_estimator_checks(estimator, check):
    check(estimator)


@settings(max_examples=60)
@given(data=st.data())
def test_equals_skimage(data):
    """On an enlarged or cropped image, for any geometry, dtype and normalization.

    The points are spread evenly over the image: as many pixels are left on both sides.
    """
    sides = [data.draw(st.integers(1, 24)) for _ in range(2)]
    options = {
        "step": data.draw(st.integers(1, max(sides))),
        "radius": data.draw(st.integers(1, min(*sides, 6))),
        "rings": data.draw(st.integers(1, 2)),
        "histograms": data.draw(st.integers(1, 4)),
        "orientations": data.draw(st.integers(1, 4)),
        "normalization": data.draw(st.sampled_from(["l1", "l2", "daisy"])),
    }
    dtype = data.draw(st.sampled_from([np.uint8, np.int64, np.float32, np.float64]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    X = rng.integers(1, 256, (3, *sides)).astype(dtype)
    found = DaisyTransformer(**options).fit_transform(X)

    step, radius = options["step"], options["radius"]
    padding = resolve_settings((*sides, 1), **options).padding
    for side, (before, after) in zip(sides, padding, strict=True):
        n = -(-(side + before + after - 2 * radius) // step)
        first = radius - before
        last = first + (n - 1) * step
        assert 0 <= first <= last < side
        assert abs(first - (side - 1 - last)) <= 1
    largest = max(map(max, map(np.abs, padding)))
    for image, features in zip(X, found, strict=True):
        wide = np.pad(image.astype(float) / image.max(), largest, mode="edge")
        rows, columns = (
            slice(largest - before, largest + side + after)
            for side, (before, after) in zip(sides, padding, strict=True)
        )
        assert_array_equal(features, daisy(wide[rows, columns], **options).astype("f4").ravel())


def test_colour_is_luminance():
    X = np.random.default_rng(0).random((3, 10, 12, 3))
    model = DaisyTransformer(**CHEAP)
    assert_allclose(model.fit_transform(X), model.fit_transform(rgb2gray(X)), atol=1e-6)
    two = X[..., :2]
    assert_allclose(model.fit_transform(two), model.fit_transform(two.mean(axis=-1)), atol=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e-3, 1e25])
def test_contrast_does_not_matter(digits, scale):
    X = digits[0][:5].astype(float)
    model = DaisyTransformer(**CHEAP)
    assert_allclose(model.fit_transform(scale * X), model.fit_transform(X), atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (1, 40), (40, 1), (2, 2), (3, 50)])
def test_auto_fits_any_image(shape):
    """Down to images of a single pixel."""
    X = np.random.default_rng(0).random((3, *shape))
    features = DaisyTransformer(**CHEAP).fit_transform(X)
    assert (np.ptp(features, axis=0).max() > 0.1) == (max(shape) > 1)
    auto = min(2, *shape)  # at least two pixels, if the image has them
    given = DaisyTransformer(step=auto, radius=auto, **CHEAP).fit_transform(X)
    assert_array_equal(features, given)


def test_the_largest_step_and_radius():
    X = np.random.default_rng(0).random((3, 5, 12))
    assert DaisyTransformer(step=12, radius=5, **CHEAP).fit_transform(X).shape == (3, 9)
    assert DaisyTransformer(step=6, radius=5, **CHEAP).fit_transform(X).shape == (3, 2 * 9)


def test_names(digits):
    model = DaisyTransformer(step=4, **CHEAP)
    with pytest.raises(NotFittedError):
        model.get_feature_names_out()
    names = model.fit(digits[0]).get_feature_names_out()
    assert len(names) == model.transform(digits[0][:1]).shape[1] == 2 * 2 * 3 * 3
    assert list(names[:4]) == [
        "point0_0_centre_180deg",
        "point0_0_centre_300deg",
        "point0_0_centre_60deg",
        "point0_0_ring0_0_180deg",
    ]
    assert names[-1] == "point1_1_ring0_1_60deg"


@pytest.mark.parametrize("turns", range(4))
def test_names_give_place_and_direction(turns):
    """An edge on one side of the point: right, below, left, above."""
    X = np.zeros((1, 17, 17))
    X[0, :, 13:] = 1
    X = np.rot90(X, -turns, axes=(1, 2)).copy()  # clockwise
    settings = {"step": 17, "radius": 5, "rings": 1, "histograms": 4, "orientations": 4}
    model = DaisyTransformer(normalization="l1", **settings)
    features = model.fit_transform(X)
    names = model.get_feature_names_out()
    assert names[features.argmax()] == f"point0_0_ring0_{turns}_{90 * turns}deg"


def test_workers_give_the_same_features(digits, monkeypatch):
    monkeypatch.setattr(batches, "_PARALLEL_SECONDS", 0)
    monkeypatch.setattr(batches, "_BATCH_IMAGES", 50)
    X = digits[0][:300]
    expected = DaisyTransformer(**CHEAP).fit_transform(X)
    assert_array_equal(DaisyTransformer(n_jobs=2, **CHEAP).fit_transform(X), expected)


def test_make_daisy_svc(digits):
    pipeline = make_daisy_svc(orientations=4, C=3)
    assert list(pipeline.named_steps) == ["daisy", "svc"]
    assert pipeline["svc"].C == 3
    X, y = digits
    assert pipeline.fit(X[:400], y[:400]).score(X[400:800], y[400:800]) > 0.8
    with pytest.raises(TypeError, match="make_daisy_svc got unknown parameters: cells"):
        make_daisy_svc(cells=4)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"step": 0}, "'step' parameter"),
        ({"radius": "large"}, "'radius' parameter"),
        ({"normalization": "off"}, "'normalization' parameter"),
        ({"rings": 0}, "'rings' parameter"),
        ({"radius": 9}, "Images of 8 x 8 pixels .* smaller than the radius of 9 .* at most 8"),
        ({"radius": 7, "image_shape": (6, 10)}, "Images of 6 x 10 pixels .* radius of 7 .* most 6"),
        ({"step": 9}, "Images of 8 x 8 pixels .* smaller than the step of 9 .* at most 8"),
        ({"step": 11, "image_shape": (6, 10)}, "Images of 6 x 10 pixels .* step of 11 .* most 10"),
    ],
)
def test_bad_parameters(digits, params, message):
    X = digits[0][:5]
    if "image_shape" in params:
        X = X.reshape(5, 64)[:, :60]
    for method in ("fit", "transform"):
        with pytest.raises(ValueError, match=message):
            getattr(DaisyTransformer(**params), method)(X)
