"""`ImageReader` with images of any dtype and memory layout."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skcnn.engine.reader import ImageReader
from skcnn.engine.standardization import ChannelStatistics

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
    means, scales = values.mean(axis=(0, 1, 2)), values.std(axis=(0, 1, 2))
    for name, layout in layouts(images, tmp_path / "images.npy"):
        assert_array_equal(layout, images)
        found = ChannelStatistics.of(layout)
        assert_allclose(found.mean, means, rtol=1e-12, err_msg=name)
        assert_allclose(found.scale, scales, rtol=1e-12, err_msg=name)
        for reader, expected in (
            (ImageReader(layout), values),
            (ImageReader(layout, mean, scale), (values - mean) / scale),
            (ImageReader(layout, means, scales), (values - means) / scales),
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
    reader = ImageReader(images, [3.0, 5.0], [2.0, 4.0])
    stored = np.zeros((6, 5, 9, 2), np.float32)
    out = stored[:, :, 2:6].transpose(0, 2, 1, 3)
    reader.read(np.arange(6), out, reader.scratch(6))
    assert_allclose(out, (images[:6] - [3.0, 5.0]) / [2.0, 4.0], rtol=1e-6)
    assert not stored[:, :, :2].any()
    assert not stored[:, :, 6:].any()


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize(
    ("kind", "offset"), [("u2", 60_000), ("i4", 1e9), ("i8", 1e12), ("f8", 1e9), ("f8", -1e12)]
)
@pytest.mark.parametrize("augmented", [False, True])
def test_standardization_is_precise_far_from_zero(kind, offset, n_channels, augmented):
    """Also with an `augment` function, which receives the pixels before their mean is removed."""
    differences = np.random.default_rng(0).integers(0, 60, (20, 4, 4, n_channels))
    images = (differences + np.array([offset, 0, 1000])[:n_channels]).astype(kind)
    statistics = ChannelStatistics.of(images)
    reader = ImageReader(images, statistics.mean, statistics.scale)
    out = np.zeros(images.shape, np.float32)

    def mirrored(given):
        assert_array_equal(given, images)
        return given[:, :, ::-1]

    reader.read(np.arange(20), out, reader.scratch(20), mirrored if augmented else None)
    exact = (differences - differences.mean(axis=(0, 1, 2))) / differences.std(axis=(0, 1, 2))
    assert_allclose(out, exact[:, :, ::-1] if augmented else exact, atol=1e-3)


@pytest.mark.parametrize("augmented", [False, True])
@pytest.mark.parametrize("factor", [1e-100, 1e-37, 1e-28, 1e28])
def test_tiny_and_large_pixels(factor, augmented):
    """Their differences may be smaller than any number in float32."""
    images = factor * np.random.default_rng(0).standard_normal((20, 4, 4, 1))
    statistics = ChannelStatistics.of(images)
    reader = ImageReader(images, statistics.mean, statistics.scale)
    out = np.zeros(images.shape, np.float32)
    reader.read(np.arange(20), out, reader.scratch(20), np.copy if augmented else None)
    assert_allclose(out, (images - images.mean()) / images.std(), atol=1e-5)


def test_augmented_images_have_the_dtype_of_the_network():
    """float64 only where float32 would round them too much."""
    seen = []

    def augment(images):
        seen.append(images.dtype)
        return images

    for kind, mean in (("u1", 100), ("f4", 100), ("f8", 100), ("u2", 60_000), ("i8", 1e9)):
        reader = ImageReader(np.full((2, 3, 3, 1), mean, kind), mean, 1.0)
        reader.read(np.arange(2), np.zeros((2, 3, 3, 1), np.float32), reader.scratch(2), augment)
    assert seen == [np.float32] * 4 + [np.float64]


def test_equal_channels_are_standardized_like_one():
    """Bit for bit."""
    images = np.random.default_rng(0).normal(2, 3, (9, 5, 4, 3)).astype(np.float32)
    out, expected = np.zeros((2, *images.shape), np.float32)
    indices = np.arange(9)
    ImageReader(images, 2.1, 3.3).read(indices, expected, None)
    ImageReader(images, [2.1] * 3, [3.3] * 3).read(indices, out, None)
    assert_array_equal(out, expected)
    ImageReader(images, [2.1, 2.1, 0.0], [3.3, 3.3, 1.0]).read(indices, out, None)
    assert_array_equal(out[..., :2], expected[..., :2])
    assert_array_equal(out[..., 2], images[..., 2])
