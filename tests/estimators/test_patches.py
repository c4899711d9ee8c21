"""PatchFeatures: scikit-learn's checks, a naive implementation, threads, bad input."""

import pickle

import numpy as np
import pytest
from helpers.estimator_checks import parametrize_with_checks
from helpers.quick import peak_of
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import RidgeClassifier
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_info, threadpool_limits

from skcnn import PatchFeatures
from skcnn._features import patch_features

SMALL = {"n_filters": 12, "n_patches": 500, "random_state": 0}


@parametrize_with_checks(
    [PatchFeatures(n_filters=8, n_patches=200), PatchFeatures(method="random", **SMALL)]
)
def test_estimator_checks(estimator, check):
    check(estimator)


def naive_features(model, X):
    """Plain loops over images, positions and regions, in float64."""
    filters = model._filters
    weights, bias = filters.weights.astype(float), filters.bias.astype(float)
    size = model.filters_.shape[1:3]
    images = (X.reshape(len(X), *model.image_shape_) - model.mean_) / model.scale_
    rows, columns = (
        np.array_split(np.arange(side - length + 1), min(model.pool_regions, side - length + 1))
        for side, length in zip(images.shape[1:3], size, strict=True)
    )
    features = []
    for image in images:
        pooled = []
        for i in rows:
            for j in columns:
                responses = []
                for top in i:
                    for left in j:
                        patch = image[top : top + size[0], left : left + size[1]].ravel()
                        patch = patch - patch.mean()
                        patch /= np.sqrt(np.mean(patch**2) + model.contrast)
                        responses.append(patch @ weights + bias)
                z = np.array(responses)
                for signed in (z, -z):
                    pooled.append(np.maximum(signed - model.threshold, 0).mean(axis=0))
        features.append(np.concatenate(pooled))
    return np.array(features)


@settings(max_examples=25)
@given(data=st.data())
def test_equals_the_naive_implementation(data):
    height, width = data.draw(st.integers(2, 9)), data.draw(st.integers(2, 9))
    channels = data.draw(st.sampled_from([1, 2, 3]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    X = rng.integers(0, 256, (5, height, width, channels)).astype(
        data.draw(st.sampled_from([np.uint8, np.float32, np.float64]))
    )
    model = PatchFeatures(
        n_filters=data.draw(st.integers(1, 6)),
        filter_size=data.draw(st.integers(1 + (channels == 1), min(height, width))),
        method="random",
        n_patches=50,
        pool_regions=data.draw(st.integers(1, 4)),
        threshold=data.draw(st.sampled_from([0.0, 0.25])),
        random_state=0,
    ).fit(X)
    before = patch_features.TILE_NUMBERS
    patch_features.TILE_NUMBERS = data.draw(st.sampled_from([1, 50, before]))  # bands, small tiles
    try:
        found = model.transform(X)
    finally:
        patch_features.TILE_NUMBERS = before
    assert_allclose(found, naive_features(model, X), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("method", ["kmeans", "random"])
@pytest.mark.parametrize(
    ("dtype", "factors"),
    [("f4", [1e-40, 1e-30, 1e28]), ("f8", [1e-308, 1e-200, 1e-155, 1e-30, 1e28])],
)
def test_the_magnitude_of_the_pixels_does_not_matter(digits, dtype, factors, method):
    X = digits[0][:100] + 1.0
    expected = PatchFeatures(method=method, **SMALL).fit_transform(X)
    for factor in factors:
        scaled = (X * factor).astype(dtype)
        with np.errstate(all="raise"):
            features = PatchFeatures(method=method, n_jobs=2, **SMALL).fit_transform(scaled)
        assert_allclose(features, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("factor", [1e5, 1e15, 1e18, 1e20, 1e28])
def test_pixels_far_larger_than_those_of_fit(digits, factor):
    """The contrast of a patch does not matter if it is large."""
    X = digits[0][:50]
    model = PatchFeatures(**SMALL).fit(X)
    with np.errstate(all="raise"):
        features = model.transform(np.where(np.arange(50)[:, None, None] % 2, factor, 1.0) * X)
    assert_allclose(features[::2], model.transform(X)[::2], rtol=1e-5, atol=1e-6)
    large = naive_features(model, X[1::2] * factor)
    assert_allclose(features[1::2], large, rtol=1e-3, atol=1e-4)


def test_results_do_not_depend_on_the_number_of_threads_or_on_other_images(digits):
    X = digits[0][:200]
    one, two = (PatchFeatures(n_jobs=n, **SMALL).fit(X) for n in (1, 2))
    assert_array_equal(one.filters_, two.filters_)
    features = one.transform(X)
    assert_array_equal(features, two.transform(X))
    assert_allclose(one.transform(X[3:4]), features[3:4], rtol=1e-5, atol=1e-6)


def test_filters_have_unit_length_before_the_whitening(digits):
    """Whitened patches have about unit variance in every direction that occurs."""
    X = digits[0]
    model = PatchFeatures(n_filters=20, n_patches=5000, whitening=1e-3, random_state=0).fit(X)
    assert model.filters_.shape == (20, *model.filters_.shape[1:3], 1)
    patches = patch_features.draw_patches(
        patch_features.ImageReader(X[..., None], model.mean_, model.scale_),
        model.filters_.shape[1:3],
        5000,
        np.random.default_rng(1),
    )
    scratch = np.empty(5000, np.float32)
    patch_features._normalize(patches, model.contrast, scratch, scratch.copy())
    responses = patches @ model._filters.weights + model._filters.bias
    assert_allclose(responses.mean(axis=0), 0, atol=0.1)
    assert_allclose(responses.std(axis=0), 1, atol=0.25)


@pytest.mark.parametrize("method", ["kmeans", "random"])
def test_features_serve_a_linear_classifier(digits, method):
    X, y = digits
    model = make_pipeline(
        PatchFeatures(n_filters=64, method=method, random_state=0), RidgeClassifier()
    )
    assert model.fit(X[:1000], y[:1000]).score(X[1000:], y[1000:]) > 0.95


def test_patches_come_from_everywhere():
    """Each position and each image, with the images' own pixels."""
    images = np.arange(3 * 4 * 5.0).reshape(3, 4, 5, 1)
    reader = patch_features.ImageReader(images)
    patches = patch_features.draw_patches(reader, (2, 3), 4000, np.random.default_rng(0))
    corners, counts = np.unique(patches[:, 0], return_counts=True)
    possible = [images[n, i, j, 0] for n in range(3) for i in range(3) for j in range(3)]
    assert_array_equal(corners, possible)
    assert counts.min() > 4000 / 27 / 2
    assert_array_equal(patches - patches[:, :1], [[0, 1, 2, 5, 6, 7]] * 4000)


def test_memory_is_bounded(digits):
    """Beside the features themselves."""
    X = np.random.default_rng(0).integers(0, 255, (3000, 16, 16), dtype=np.uint8)
    model = PatchFeatures(n_jobs=1, **SMALL).fit(X[:100])
    size = 4 * 3000 * 2 * 12 * 4
    assert peak_of(lambda: model.transform(X)) < size + 8 * 2**20


def test_names_pickles_and_feature_order(digits):
    X = digits[0][:100]
    model = PatchFeatures(pool_regions=2, **SMALL).fit(X)
    features = model.transform(X)
    assert features.shape == (100, 2 * 2 * 2 * 12)
    assert list(model.get_feature_names_out()[:2]) == ["patchfeatures0", "patchfeatures1"]
    assert_array_equal(pickle.loads(pickle.dumps(model)).transform(X), features)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_filters": 0}, "'n_filters' parameter"),
        ({"method": "pca"}, "'method' parameter"),
        ({"filter_size": 9}, "filter_size is 9, but the images have 8 x 8 pixels"),
        ({"filter_size": 1}, "filter_size is 1, but the images have a single channel"),
        ({"n_patches": 5, "n_filters": 6}, "n_patches is 5, but n_filters is 6"),
        ({"contrast": 0}, "'contrast' parameter"),
        ({"threshold": -1}, "'threshold' parameter"),
    ],
)
def test_bad_parameters(digits, params, message):
    model = PatchFeatures(**params)
    with pytest.raises(ValueError, match=message):
        model.fit(digits[0][:50])
    assert not hasattr(model, "filters_")


@pytest.mark.parametrize("dtype", [float, np.uint8])
def test_pixels_that_float32_cannot_represent_in_units_of_the_scale(digits, dtype):
    X = digits[0][:50].astype(dtype)
    model = PatchFeatures(**SMALL).fit(X * 1e-40)
    with pytest.raises(
        ValueError, match=r"X has pixels as large as 16; expected at most 5.99\S+e-10"
    ):
        model.transform(X)


def test_tiny_contrast(digits):
    """Of a patch without contrast, nothing is divided by zero."""
    X = digits[0][:50].copy()
    X[:, :4] = 0
    assert np.isfinite(PatchFeatures(contrast=1e-60, **SMALL).fit_transform(X)).all()


def test_blank_images():
    """A patch without contrast has no response of any filter beyond its bias."""
    X = np.zeros((20, 8, 8))
    features = PatchFeatures(**SMALL).fit_transform(X)
    assert np.isfinite(features).all()


def test_k_means_uses_one_thread(digits, monkeypatch):
    """Also while another fit in this process is at it; afterwards, the limit is what it was."""

    def limits():
        return {lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "openmp"}

    used = []
    fit = patch_features.MiniBatchKMeans.fit

    def recorded(self, X):
        used.append(limits())
        return fit(self, X)

    monkeypatch.setattr(patch_features.MiniBatchKMeans, "fit", recorded)
    with threadpool_limits(2, user_api="openmp"):
        PatchFeatures(n_filters=4, n_patches=500).fit(digits[0][:100])
        assert limits() <= {2}
    assert used == [{1}] or used == [set()]  # without OpenMP
