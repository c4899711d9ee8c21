"""`ImageReader` with images of any dtype and memory layout; their mean and scale."""

import math

import numpy as np
import pytest
from helpers.quick import peak_of
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skcnn.engine.reader import ImageReader, mean_and_scale

KINDS = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f2", "f4", "f8", "g"]


def layouts(images, path):
    """The same images in every memory layout that a user may have."""
    n, h, w, c = images.shape
    yield "plain", images
    yield "Fortran order", np.asfortranarray(images)
    yield "byte-swapped", images.astype(images.dtype.newbyteorder())
    every_other = np.zeros((2 * n, h, w, c), images.dtype)
    every_other[::2] = images
    yield "every other image", every_other[::2]
    margin = np.zeros((n, h + 2, w + 3, c), images.dtype)
    margin[:, 1:-1, 2:-1] = images
    yield "cropped", margin[:, 1:-1, 2:-1]
    yield "reversed", np.ascontiguousarray(images[::-1, ::-1])[::-1, ::-1]
    yield "channels first", np.ascontiguousarray(images.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)
    read_only = images.copy()
    read_only.flags.writeable = False
    yield "read-only", read_only
    np.save(path, images)
    yield "memory map", np.load(path, mmap_mode="r")


@pytest.mark.parametrize("kind", KINDS)
def test_images_of_any_dtype_and_layout(kind, tmp_path):
    """They are read correctly in any order, with and without standardization."""
    rng = np.random.default_rng(0)
    kind = np.dtype(kind)
    low, high = (0, 2) if kind.kind == "b" else (0, 120)
    values = rng.integers(low, high, (30, 5, 4, 2))
    if kind.kind == "f":
        values = values / 8
    images = values.astype(kind)
    assert_array_equal(images, values)
    mean, scale = values.mean(), values.std()
    for name, layout in layouts(images, tmp_path / "images.npy"):
        assert_array_equal(layout, images)
        found = mean_and_scale(layout)
        assert found == pytest.approx((mean, scale), rel=1e-12), name
        for reader, expected in (
            (ImageReader(layout), values),
            (ImageReader(layout, mean, scale), (values - mean) / scale),
        ):
            assert len(reader) == 30
            scratch = reader.scratch(8)
            for indices in ([3], [29, 0, 7, 7, 1, 12, 5, 28], [2, 1]):
                for dtype, tolerance in ((np.float32, 2e-6), (np.float64, 1e-6)):
                    out = np.full((len(indices), 5, 4, 2), np.nan, dtype)
                    reader.read(np.array(indices), out, scratch)
                    assert_allclose(
                        out, expected[indices], rtol=tolerance, atol=tolerance, err_msg=name
                    )
        assert_array_equal(layout, images)


def test_reader_writes_to_strided_memory():
    """A tile's input can be stored in another order of the axes, and with padding."""
    images = np.random.default_rng(0).integers(0, 256, (10, 4, 5, 2), dtype=np.uint8)
    reader = ImageReader(images, 3.0, 2.0)
    stored = np.zeros((6, 5, 9, 2), np.float32)
    out = stored[:, :, 2:6].transpose(0, 2, 1, 3)
    reader.read(np.arange(6), out, reader.scratch(6))
    assert_allclose(out, (images[:6] - 3.0) / 2.0, rtol=1e-6)
    assert not stored[:, :, :2].any()
    assert not stored[:, :, 6:].any()


@pytest.mark.parametrize("kind", ["u2", "i4", "i8", "f8"])
def test_standardization_is_precise_far_from_zero(kind):
    """The pixels differ by a thousandth of their values."""
    images = (60_000 + np.random.default_rng(0).integers(0, 60, (20, 4, 4, 1))).astype(kind)
    mean, scale = mean_and_scale(images)
    reader = ImageReader(images, mean, scale)
    out = np.zeros(images.shape, np.float32)
    reader.read(np.arange(20), out, reader.scratch(20))
    exact = (images.astype(np.float64) - images.mean()) / images.astype(np.float64).std()
    assert_allclose(out, exact, atol=1e-3)


@settings(max_examples=30, deadline=None)
@given(
    st.integers(1, 40),
    st.sampled_from(["u1", "f4", "f8"]),
    st.sampled_from([0.0, 1e3, -1e6]),
    st.booleans(),
    st.integers(0, 2**32),
)
def test_mean_and_scale_agree_with_numpy(n, kind, offset, weighted, seed):
    rng = np.random.default_rng(seed)
    if kind == "u1":
        images = rng.integers(0, 256, (n, 5, 3, 2), dtype=np.uint8)
    else:
        images = (offset + rng.standard_normal((n, 5, 3, 2))).astype(kind)
    values = images.astype(np.float64)
    if weighted:
        weights = rng.integers(0, 4, n)
        weights[rng.integers(n)] = 1
        repeated = np.repeat(values, weights, axis=0)
        expected = repeated.mean(), repeated.std()
    else:
        weights, expected = None, (values.mean(), values.std())
    assert mean_and_scale(images, weights) == pytest.approx(expected, rel=1e-9)


def test_mean_and_scale_of_many_images():
    """Several chunks with a drifting mean; small weights, half of them zero."""
    rng = np.random.default_rng(0)
    images = rng.standard_normal((3000, 28, 28, 1)).astype(np.float32)
    images += np.linspace(-5, 20, 3000, dtype=np.float32)[:, None, None, None]
    values = images.astype(np.float64)
    assert mean_and_scale(images) == pytest.approx((values.mean(), values.std()), rel=1e-12)
    weights = rng.uniform(0, 1e-3, 3000)
    weights[:1500] = 0
    mean = np.average(values.mean(axis=(1, 2, 3)), weights=weights)
    variance = np.average(((values - mean) ** 2).mean(axis=(1, 2, 3)), weights=weights)
    assert mean_and_scale(images, weights) == pytest.approx((mean, math.sqrt(variance)), rel=1e-12)
    assert peak_of(lambda: mean_and_scale(images)) < 2 * values.nbytes


@pytest.mark.parametrize("n_images", [50, 1501])
@pytest.mark.parametrize("value", [0, 7, 255, 0.3, -0.3, 1e-20, 1e20])
def test_constant_images_have_a_scale_of_one(value, n_images):
    """The small variance that rounding leaves is ignored."""
    mean, scale = mean_and_scale(np.full((n_images, 28, 28, 1), value))
    assert mean == pytest.approx(value, rel=1e-12)
    assert scale == 1
