"""Every form of X becomes the same images, as a view; invalid input raises an error."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.sparse import csr_array
from sklearn.base import BaseEstimator

from skcnn._input.images import resolve_image_shape, validate_images

sides = st.integers(1, 6)


def validate(X, image_shape=None):
    return validate_images(BaseEstimator(), X, image_shape=image_shape, reset=True)


@given(n_pixels=st.integers(1, 5000))
def test_2d_x_is_read_as_squares_or_single_rows(n_pixels):
    height, width, channels = resolve_image_shape((10, n_pixels))
    assert height * width == n_pixels
    assert channels == 1
    assert height == (width if math.isqrt(n_pixels) ** 2 == n_pixels else 1)


@given(height=sides, width=sides, channels=sides, n=sides)
def test_shape_of_every_form_of_x(height, width, channels, n):
    shape = (height, width, channels)
    n_pixels = math.prod(shape)
    assert resolve_image_shape((n, n_pixels), shape) == shape
    assert resolve_image_shape((n, *shape)) == shape
    assert resolve_image_shape((n, *shape), shape) == shape
    assert resolve_image_shape((n, height, width)) == (height, width, 1)
    assert resolve_image_shape((n, height, width), (height, width)) == (height, width, 1)
    assert resolve_image_shape((n, height, width), (height, width, 1)) == (height, width, 1)
    assert resolve_image_shape((n, height * width), (height, width)) == (height, width, 1)
    if n_pixels != height * width:
        with pytest.raises(ValueError, match="does not fit the images of X"):
            resolve_image_shape((n, height, width), shape)
        with pytest.raises(ValueError, match=f"means {height * width} pixels.* {n_pixels} feat"):
            resolve_image_shape((n, n_pixels), (height, width))


@pytest.mark.parametrize(
    "image_shape", [28, (28,), (7, 4, 1, 1), (28, 0), (-7, 4), (2.0, 14), (True, 28), "78", ()]
)
def test_invalid_image_shape(image_shape):
    with pytest.raises(ValueError, match=r"image_shape is .*; expected \(height, width\)"):
        resolve_image_shape((10, 28), image_shape)


@pytest.mark.parametrize("x_shape", [(10,), (), (10, 2, 2, 3, 3)])
def test_invalid_number_of_dimensions(x_shape):
    with pytest.raises(ValueError, match="expected \\(n_samples, n_pixels\\)"):
        resolve_image_shape(x_shape)


@given(
    shape=st.tuples(sides, sides, sides, sides),
    dtype=st.sampled_from(["u1", "i2", "i8", "f2", "f4", "f8", "?"]),
    order=st.sampled_from("CF"),
)
def test_every_form_of_x_is_viewed(shape, dtype, order):
    n, *image_shape = shape
    X = np.random.default_rng(0).integers(0, 2, shape).astype(dtype, order=order)
    images, resolved = validate(X)
    assert resolved == tuple(image_shape)
    assert images.dtype == X.dtype
    assert_array_equal(images, X)
    assert np.shares_memory(images, X)

    table = np.ascontiguousarray(X).reshape(n, -1)
    images, resolved = validate(table, image_shape)
    assert resolved == tuple(image_shape)
    assert images.dtype == X.dtype
    assert_array_equal(images, X)
    assert np.shares_memory(images, table)

    gray = X[..., 0]
    images, resolved = validate(gray)
    assert resolved == (*image_shape[:2], 1)
    assert_array_equal(images[..., 0], gray)
    assert np.shares_memory(images, gray)


def test_read_only_memory_map(tmp_path):
    np.save(tmp_path / "X.npy", np.arange(60, dtype=np.uint8).reshape(5, 3, 4))
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    images, _ = validate(X)
    assert np.shares_memory(images, X)
    assert not images.flags.writeable


def test_data_frames_and_lists():
    table = np.arange(48.0).reshape(3, 16)
    for X in (table.tolist(), pd.DataFrame(table), table.reshape(3, 4, 4).tolist()):
        images, shape = validate(X)
        assert shape == (4, 4, 1)
        assert_array_equal(images.reshape(3, 16), table)


def test_attributes_set_by_fit():
    estimator = BaseEstimator()
    frame = pd.DataFrame(np.zeros((3, 16)), columns=[f"pixel{i}" for i in range(16)])
    _, shape = validate_images(estimator, frame, reset=True)
    assert estimator.n_features_in_ == 16
    assert estimator.feature_names_in_.tolist() == list(frame)
    with pytest.raises(ValueError, match="feature names"):
        validate_images(estimator, frame[frame.columns[::-1]], image_shape=shape, reset=False)

    validate_images(estimator, np.zeros((3, 2, 8)), reset=True)
    assert estimator.n_features_in_ == 16
    assert not hasattr(estimator, "feature_names_in_")


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((2, 15)), "15 features, but BaseEstimator is expecting 16"),
        (np.zeros((2, 2, 8)), r"shape \(2, 8, 1\), but .* expecting .*\(4, 4, 1\)"),
        (np.zeros((2, 4, 4, 3)), r"shape \(4, 4, 3\), but .* expecting .*\(4, 4, 1\)"),
    ],
)
def test_images_that_differ_from_those_of_fit(X, message):
    estimator = BaseEstimator()
    _, shape = validate_images(estimator, np.zeros((3, 16)), reset=True)
    for valid in (np.zeros((2, 16)), np.zeros((2, 4, 4)), np.zeros((2, 4, 4, 1))):
        assert validate_images(estimator, valid, image_shape=shape, reset=False)[1] == shape
    with pytest.raises(ValueError, match=message):
        validate_images(estimator, X, image_shape=shape, reset=False)


@pytest.mark.parametrize("shape", [(2, 16), (2, 4, 4), (2, 2, 2, 4)])
@pytest.mark.parametrize(
    ("value", "message"),
    [(np.nan, "NaN"), (np.inf, "infinity"), (1j, "Complex data not supported")],
)
def test_invalid_pixels(shape, value, message):
    X = np.zeros(shape, dtype=type(value))
    X[1, ..., 1] = value
    with pytest.raises(ValueError, match=message):
        validate(X)


@pytest.mark.parametrize("shape", [(0, 16), (0, 4, 4), (2, 0)])
def test_empty(shape):
    with pytest.raises(ValueError, match=r"0 (sample|feature)\(s\)"):
        validate(np.zeros(shape))


def test_sparse():
    with pytest.raises(ValueError, match=r"dense images, but X is a sparse csr_array.*toarray"):
        validate(csr_array(np.eye(4)))
