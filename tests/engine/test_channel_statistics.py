"""`ChannelStatistics`: the mean and the scale of each channel."""

import dataclasses
import itertools

import numpy as np
import pytest
from helpers.quick import peak_of
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from skcnn.engine.standardization import ChannelStatistics


def assert_same(found, expected, rtol=1e-9):
    for field in dataclasses.fields(ChannelStatistics):
        assert_allclose(getattr(found, field.name), getattr(expected, field.name), rtol, 1e-300)


def drawn(kind, n_channels, offset, n, seed):
    """Random images (n, 5, 3, channels) with another offset and scale in each channel."""
    rng = np.random.default_rng(seed)
    if kind == "u1":
        return rng.integers(0, 256 // np.arange(1, n_channels + 1), (n, 5, 3, n_channels), kind)
    images = rng.standard_normal((n, 5, 3, n_channels))
    return (images * np.logspace(0, 3, n_channels) + offset * np.arange(n_channels)).astype(kind)


@settings(max_examples=30)
@given(
    st.integers(1, 40),
    st.integers(1, 4),
    st.sampled_from(["u1", "f4", "f8"]),
    st.sampled_from([0.0, 1e3, -1e6]),
    st.booleans(),
    st.integers(0, 2**32),
)
def test_statistics_agree_with_numpy(n, n_channels, kind, offset, weighted, seed):
    images = drawn(kind, n_channels, offset, n, seed)
    values, weights = images.astype(np.float64), None
    if weighted:
        rng = np.random.default_rng(seed)
        weights = rng.integers(0, 4, n)
        weights[rng.integers(n)] = 1
        values = np.repeat(values, weights, axis=0)
    axes = (0, 1, 2)
    expected = ChannelStatistics(len(values), values.mean(axes), values.var(axes))
    assert_same(ChannelStatistics.of(images, weights), expected)


@settings(max_examples=30)
@given(
    st.lists(st.integers(1, 20), min_size=2, max_size=5),
    st.sampled_from(["u1", "f8"]),
    st.sampled_from([0.0, 1e6]),
    st.sampled_from([1e-200, 1.0, 1e200]),
    st.integers(0, 2**32),
)
def test_merged_statistics_are_those_of_all_images(sizes, kind, offset, unit, seed):
    """In any order; weights count by their size, not by the call."""
    images = drawn(kind, 2, offset, sum(sizes), seed)
    weights = unit * np.random.default_rng(seed).uniform(0.1, 2, len(images))
    bounds = np.cumsum([0, *sizes])
    parts = [slice(*pair) for pair in itertools.pairwise(bounds)]
    for order in (parts, parts[::-1]):
        merged, *others = (ChannelStatistics.of(images[part], weights[part]) for part in order)
        for other in others:
            merged = merged.merged(other)
        assert_same(merged, ChannelStatistics.of(images, weights))


def test_statistics_of_many_images():
    """Several chunks with a drifting mean; small weights, half of them zero."""
    rng = np.random.default_rng(0)
    images = rng.standard_normal((3000, 28, 14, 2)).astype(np.float32)
    images += np.linspace(-5, 20, 3000, dtype=np.float32)[:, None, None, None]
    images[..., 1] *= 100
    values = images.astype(np.float64)
    found = ChannelStatistics.of(images)
    assert_allclose(found.mean, values.mean(axis=(0, 1, 2)), rtol=1e-12)
    assert_allclose(found.scale, values.std(axis=(0, 1, 2)), rtol=1e-12)
    weights = rng.uniform(0, 1e-3, 3000)
    weights[:1500] = 0
    mean = np.average(values.mean(axis=(1, 2)), axis=0, weights=weights)
    variance = np.average(((values - mean) ** 2).mean(axis=(1, 2)), axis=0, weights=weights)
    found = ChannelStatistics.of(images, weights)
    assert_allclose(found.mean, mean, rtol=1e-12)
    assert_allclose(found.scale, np.sqrt(variance), rtol=1e-12)
    assert peak_of(lambda: ChannelStatistics.of(images)) < 2 * values.nbytes


def test_images_of_weight_zero_do_not_matter():
    """The others are constant, up to rounding in the sums, and have a scale of one."""
    images = np.full((1501, 28, 14, 1), 0.3)
    images[::2] = np.random.default_rng(0).standard_normal((751, 28, 14, 1))
    found = ChannelStatistics.of(images, np.arange(1501) % 2 / 3)
    assert (found.mean, found.scale) == (0.3, 1)


@pytest.mark.parametrize("n_images", [50, 1501])
@pytest.mark.parametrize("value", [0, 7, 255, 0.3, -0.3, 1e-20, 1e20])
def test_constant_channels_have_a_scale_of_one(value, n_images):
    """Their mean is exact, and the small variance that rounding leaves is ignored."""
    images = np.full((n_images, 28, 14, 2), value, np.float64)
    images[..., 1] = np.random.default_rng(0).standard_normal(images.shape[:3])
    found = ChannelStatistics.of(images)
    merged = found.merged(ChannelStatistics.of(images[:7]))
    for statistics in (found, merged):
        assert statistics.mean[0] == value
        assert statistics.scale[0] == 1
        assert statistics.scale[1] == pytest.approx(1, abs=0.02)


def test_channels_that_are_constant_up_to_rounding_have_a_scale_of_one():
    images = np.full((50, 8, 8, 1), 0.3)
    images[::2] = 0.1 + 0.2
    assert images.min() < images.max()
    assert ChannelStatistics.of(images).scale == 1


@pytest.mark.parametrize("factor", [1e-300, 1e-200, 1e-155, 1e-100, 1e-30, 1.0, 1e20])
@pytest.mark.parametrize("offset", [0.0, 1e9])
def test_scale_and_offset_of_the_pixels_do_not_matter(factor, offset):
    """The deviations from the mean are as precise as the pixels."""
    images = np.random.default_rng(0).integers(0, 17, (200, 8, 8, 1))
    plain = ChannelStatistics.of(images)
    moved = ChannelStatistics.of((images + offset) * factor)
    assert_allclose(moved.scale, plain.scale * factor, rtol=1e-6)
    assert_allclose(moved.mean, (plain.mean + offset) * factor, rtol=1e-14)


@pytest.mark.parametrize("exponent", [-950, -600, -400, -330, -50, 80])
def test_a_power_of_two_changes_no_bit(exponent):
    """Also in merged statistics, and whatever the images of weight zero and other channels are."""
    images = drawn("f8", 2, 100.0, 300, 0)
    scaled = images.copy()
    scaled[..., 0] = np.ldexp(scaled[..., 0], exponent)
    scaled[7] = 1e30
    weights = np.where(np.arange(300) == 7, 0, 1 + np.arange(300) % 3)
    unit = np.array([np.ldexp(1.0, exponent), 1])
    with np.errstate(over="raise", invalid="raise"):
        parts = [slice(*bounds) for bounds in itertools.pairwise([0, 1, 100, 101, 300])]
        one, other = (
            [ChannelStatistics.of(x[part], weights[part]) for part in parts]
            for x in (images, scaled)
        )
        one, other = (itertools.accumulate(s, ChannelStatistics.merged) for s in (one, other))
        for plain, moved in zip(one, other, strict=True):
            assert_array_equal(moved.mean, plain.mean * unit)
            assert_array_equal(moved.deviation, plain.deviation * unit)


def test_a_constant_channel_that_is_continued_by_tiny_pixels():
    zeros, tiny = np.zeros((5, 2, 2, 1)), np.full((5, 2, 2, 1), 1e-200)
    merged = ChannelStatistics.of(zeros).merged(ChannelStatistics.of(tiny))
    for statistics in (merged, ChannelStatistics.of(np.concatenate([zeros, tiny]))):
        assert_allclose([statistics.mean, statistics.scale], 0.5e-200, rtol=1e-12)
    large = merged.merged(ChannelStatistics.of(np.full((10, 2, 2, 1), 4.0)))
    assert_allclose([large.mean, large.scale], 2, rtol=1e-12)


def test_results_do_not_depend_on_the_other_channels():
    """Bit for bit: one channel has the same statistics alone."""
    images = drawn("f8", 4, 100.0, 900, 0)
    together = ChannelStatistics.of(images, np.linspace(0, 1, 900))
    for channel in range(4):
        alone = ChannelStatistics.of(images[..., channel : channel + 1], np.linspace(0, 1, 900))
        assert (alone.mean, alone.scale) == (together.mean[channel], together.scale[channel])


def test_weights_near_the_largest_float():
    """Their sum overflows."""
    images = drawn("f8", 1, 0.0, 50, 0)
    large, ones = (ChannelStatistics.of(images, np.full(50, weight)) for weight in (1e308, 1.0))
    assert (large.mean, large.scale) == (ones.mean, ones.scale)


def test_pixels_that_are_too_large():
    images = np.zeros((50, 8, 8, 2))
    images[7, 1, 2, 1] = -2e30
    with pytest.raises(
        ValueError, match=r"X has pixels as large as 2e\+30; expected at most 1e\+30"
    ):
        ChannelStatistics.of(images)
